//! The load generator's HTTP/1.1 connection.
//!
//! It shares its two or more cores with the server it measures, so it does as little as it can: a request is one
//! buffer and one write, an answer is read into one buffer that lives as long as the connection, and bodies are handed
//! on as slices. It is the same for every server.
//!
//! A client that delays its acknowledgements makes a server without `TCP_NODELAY` look 40 ms slow per answer. That is
//! the client's doing, so this one acknowledges at once whenever it waits for the rest of an answer.

use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Outcome, fail};

const BUFFER: usize = 256 * 1024;

/// With less than this outstanding, the sender may be holding its last segment back until it sees our acknowledgement.
const ACKNOWLEDGE_BELOW: u64 = 128 * 1024;

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    head: Vec<u8>,
}

/// What came back, once the body has been read to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) length: u64,
}

enum Framing {
    Length(u64),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0, head: Vec::new() })
    }

    /// Sends bytes of a request. A server that refuses midway is quoted.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let Err(error) = self.stream.write_all(bytes).await else { return Ok(()) };
        let mut said = Vec::new();
        match self.receive(|bytes| said.extend_from_slice(bytes)).await {
            Ok(Answer { status, .. }) => fail(format!("refused with {status}: {}", String::from_utf8_lossy(&said))),
            Err(_) => Err(error.into()),
        }
    }

    /// Reads one answer to its end, giving the body to `sink` piece by piece.
    pub(crate) async fn receive(&mut self, mut sink: impl FnMut(&[u8])) -> Outcome<Answer> {
        let (status, framing) = loop {
            let (status, framing) = self.read_head().await?;
            if status >= 200 {
                break (status, framing);
            }
        };
        let length = match framing {
            Framing::Length(length) => {
                self.read_body(length, &mut sink).await?;
                length
            }
            Framing::Chunked => self.read_chunks(&mut sink).await?,
        };
        Ok(Answer { status, length })
    }

    /// Sends a request and demands success; the body goes to `sink`. The error quotes what the server said.
    pub(crate) async fn call(&mut self, request: &[u8], sink: impl FnMut(&[u8])) -> Outcome<Answer> {
        self.send(request).await?;
        self.demand(sink).await
    }

    /// Reads the answer to what was sent and demands success.
    pub(crate) async fn demand(&mut self, mut sink: impl FnMut(&[u8])) -> Outcome<Answer> {
        let mut said = Vec::new();
        let answer = self
            .receive(|bytes| {
                let room = 400_usize.saturating_sub(said.len()).min(bytes.len());
                said.extend_from_slice(&bytes[..room]);
                sink(bytes);
            })
            .await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        fail(format!("the server answered {}: {}", answer.status, String::from_utf8_lossy(&said)))
    }

    /// As [`call`](Self::call), with the whole body in memory.
    pub(crate) async fn fetch(&mut self, request: &[u8]) -> Outcome<Vec<u8>> {
        let mut body = Vec::new();
        self.call(request, |bytes| body.extend_from_slice(bytes)).await?;
        Ok(body)
    }

    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    async fn read_head(&mut self) -> Outcome<(u16, Framing)> {
        let mut searched = 0;
        loop {
            let ready = &self.buffer[self.start..self.end];
            if let Some(at) = memmem::find(&ready[searched..], b"\r\n\r\n") {
                let length = searched + at + 4;
                self.head.clear();
                self.head.extend_from_slice(&ready[..length]);
                self.start += length;
                return parse_head(&self.head);
            }
            searched = ready.len().saturating_sub(3);
            if !ready.is_empty() {
                self.acknowledge()?;
            }
            self.fill().await?;
        }
    }

    async fn read_body(&mut self, length: u64, sink: &mut impl FnMut(&[u8])) -> Outcome<()> {
        let mut left = length;
        loop {
            let here = left.min((self.end - self.start) as u64) as usize;
            if here > 0 {
                sink(&self.buffer[self.start..self.start + here]);
                self.start += here;
                left -= here as u64;
            }
            if left == 0 {
                return Ok(());
            }
            if left < ACKNOWLEDGE_BELOW {
                self.acknowledge()?;
            }
            self.fill().await?;
        }
    }

    async fn read_chunks(&mut self, sink: &mut impl FnMut(&[u8])) -> Outcome<u64> {
        let mut total = 0;
        loop {
            let line = self.read_line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = u64::from_str_radix(digits, 16) else {
                return fail(format!("bad chunk size {digits:?}"));
            };
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(total);
            }
            self.read_body(size, sink).await?;
            self.read_line().await?;
            total += size;
        }
    }

    async fn read_line(&mut self) -> Outcome<String> {
        loop {
            let ready = &self.buffer[self.start..self.end];
            if let Some(at) = memmem::find(ready, b"\r\n") {
                let line = String::from_utf8_lossy(&ready[..at]).into_owned();
                self.start += at + 2;
                return Ok(line);
            }
            self.acknowledge()?;
            self.fill().await?;
        }
    }

    /// Waits for more of an answer. What is unread moves to the front when the buffer has no room behind it.
    async fn fill(&mut self) -> Outcome<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            return fail("a head or a line of the answer is longer than the buffer");
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).await?;
        if read == 0 {
            return fail("the server closed the connection");
        }
        self.end += read;
        Ok(())
    }

    fn acknowledge(&self) -> Outcome<()> {
        self.stream.set_quickack(true)?;
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> Outcome<(u16, Framing)> {
    let status =
        head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    let Some(status) = status else {
        return fail(format!("not an HTTP answer: {:?}", String::from_utf8_lossy(&head[..head.len().min(80)])));
    };
    if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Ok((status, Framing::Chunked));
    }
    match header(head, "content-length").map(str::parse) {
        Some(Ok(length)) => Ok((status, Framing::Length(length))),
        Some(Err(_)) => fail("bad Content-Length"),
        None if status < 200 || status == 204 || status == 304 => Ok((status, Framing::Length(0))),
        None => fail("an answer without a length"),
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    head.split("\r\n").skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Counts how often a short text occurs in a body that arrives in pieces.
pub(crate) struct Occurrences {
    needle: &'static [u8],
    carried: Vec<u8>,
    pub(crate) count: u64,
}

impl Occurrences {
    pub(crate) fn of(needle: &'static str) -> Self {
        Self { needle: needle.as_bytes(), carried: Vec::new(), count: 0 }
    }

    pub(crate) fn scan(&mut self, bytes: &[u8]) {
        let overlap = self.needle.len() - 1;
        self.carried.extend_from_slice(&bytes[..bytes.len().min(overlap)]);
        self.count += memmem::find_iter(&self.carried, self.needle).count() as u64;
        self.count += memmem::find_iter(bytes, self.needle).count() as u64;
        if bytes.len() >= overlap {
            self.carried.clear();
            self.carried.extend_from_slice(&bytes[bytes.len() - overlap..]);
        } else {
            let surplus = self.carried.len().saturating_sub(overlap);
            self.carried.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_are_found_across_every_cut() {
        let text = b"xx\"objectID\":1,\"objectID\":2}{\"objectID\":3 \"objectI";
        for size in 1..=text.len() {
            let mut occurrences = Occurrences::of("\"objectID\"");
            for piece in text.chunks(size) {
                occurrences.scan(piece);
            }
            assert_eq!(occurrences.count, 3, "in pieces of {size}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let head = b"HTTP/1.1 206 Partial Content\r\nETag: \"a:b\"\r\ncontent-LENGTH:  12 \r\n\r\n";
        assert_eq!(header(head, "etag"), Some("\"a:b\""));
        assert!(matches!(parse_head(head), Ok((206, Framing::Length(12)))));
    }
}
