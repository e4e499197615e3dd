//! A client that may misbehave: bytes as they are, slow, cut, or never finished.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection on which a test decides about every byte.
#[derive(Debug)]
pub struct Connection(TcpStream);

/// An answer as far as it came.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body is as long as its head said (or its chunks ended as they must).
    pub complete: bool,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends bytes; false when the server has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Reads until the server closes the connection; `None` when it did so without an answer.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        // A reset after the answer is an end like any other.
        while let Ok(read @ 1..) = self.0.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..read]);
        }
        RawAnswer::parse(&bytes)
    }

    /// Reads until `enough` bytes have come or the server closes the connection.
    pub async fn read_some(&mut self, enough: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 8 << 10];
        while bytes.len() < enough {
            match self.0.read(&mut buffer).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => break,
            }
        }
        bytes
    }
}

/// Sends these bytes on a connection of their own and reads what comes until it is closed.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<RawAnswer> {
    let mut connection = Connection::open(address).await;
    connection.send(bytes).await;
    connection.answer().await
}

/// The head of a request that asks for the connection to be closed after the answer.
pub fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

impl RawAnswer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let rest = &bytes[end + 4..];
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            return Self::parse(rest);
        }
        let (body, complete) = if header_of(&head, "transfer-encoding") == "chunked" {
            unchunk(rest)
        } else {
            let expected = header_of(&head, "content-length").parse().unwrap_or(0);
            (rest.to_vec(), rest.len() == expected)
        };
        Some(Self { status, head, body, complete })
    }

    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        header_of(&self.head, name)
    }

    /// The code of an envelope.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn header_of<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value.trim())
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let Ok(size) = usize::from_str_radix(String::from_utf8_lossy(&rest[..line]).trim(), 16) else {
            return (body, false);
        };
        rest = &rest[line + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
