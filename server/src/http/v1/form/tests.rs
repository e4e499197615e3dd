//! Forms as clients write them, as they break, and at random.

use super::*;
use axum::http::HeaderValue;
use futures::stream;
use proptest::prelude::*;
use std::time::Duration;

/// Keeps what it is given.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    infos: Vec<Vec<u8>>,
    files: Vec<(String, Vec<u8>)>,
    /// Reads only this much of each file.
    appetite: Option<usize>,
}

impl Sink for Kept {
    const FILE: &'static str = "files";

    async fn info(&mut self, info: &[u8]) -> Result<()> {
        self.infos.push(info.to_vec());
        Ok(())
    }

    async fn file(&mut self, field: &str, head: &PartHead, mut body: service::Body<'_>) -> Result<()> {
        let path = head.path(field)?;
        let mut content = Vec::new();
        while self.appetite.is_none_or(|most| content.len() < most)
            && let Some(piece) = body.next().await
        {
            content.extend_from_slice(&piece?);
        }
        self.files.push((path, content));
        Ok(())
    }
}

fn headers(content_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    headers
}

/// The bytes as frames of `size`, with a pause before each when `slow`.
fn frames(bytes: &[u8], size: usize, slow: bool) -> Body {
    let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        if slow {
            tokio::task::yield_now().await;
        }
        Ok::<_, std::io::Error>(piece)
    }))
}

async fn read_as(content_type: &str, body: Body, max_files: usize, kept: &mut Kept) -> Result<(), String> {
    read(&headers(content_type), body, max_files, kept).await.map_err(|error| error.to_string())
}

async fn parse(text: &[u8]) -> Result<Kept, String> {
    let mut kept = Kept::default();
    read_as("multipart/form-data; boundary=B", frames(text, 7, true), 3, &mut kept).await?;
    Ok(kept)
}

fn info(json: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n{json}\r\n")
}

fn file(name: &str, content: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
}

const END: &str = "--B--\r\n";

#[tokio::test]
async fn info_may_come_first_last_or_in_between() {
    let parts = [info("{}"), file("a%2Fb", "one"), file("c", "")];
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0]] {
        let form: String = order.iter().map(|place| parts[*place].as_str()).collect();
        let kept = parse(format!("{form}{END}").as_bytes()).await.unwrap();
        assert_eq!(kept.infos, [b"{}"]);
        assert_eq!(kept.files, [("a/b".to_owned(), b"one".to_vec()), ("c".to_owned(), Vec::new())]);
    }
}

#[tokio::test]
async fn what_nobody_asked_for_is_passed_over() {
    let other = "--B\r\nContent-Disposition: form-data; name=\"userID\"\r\n\r\n1\r\n--B\r\nX: y\r\n\r\nnameless\r\n";
    let form = format!("preamble\r\n{}{other}{}{END}epilogue", info("{}"), file("f", "x"));
    assert_eq!(parse(form.as_bytes()).await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn what_the_sink_leaves_unread_does_not_disturb_the_next_part() {
    let mut kept = Kept { appetite: Some(1), ..Kept::default() };
    let form = format!("{}{}{}{END}", file("a", &"x".repeat(5000)), file("b", "y"), info("{}"));
    read_as("multipart/form-data; boundary=B", frames(form.as_bytes(), 100, true), 9, &mut kept).await.unwrap();
    assert_eq!(kept.files.len(), 2);
    assert_eq!(kept.infos.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_named() {
    let nameless = "--B\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\nx\r\n";
    for (form, says) in [
        (format!("{}{END}", file("a", "x")), "info: is missing"),
        (format!("{}{END}", info("{}")), "files: is missing"),
        (END.to_owned(), "info: is missing"),
        (format!("{}{}{}{END}", info("{}"), info("{}"), file("a", "x")), "info: was sent twice"),
        (format!("{}{nameless}{END}", info("{}")), "files[0].filename: is missing"),
        (format!("{}{}{END}", info("{}"), file("100%", "x")), "files[0].filename: is not valid URL encoding"),
        (format!("{}{}", info("{}"), file("a", "x")), "request body: the form ends before its closing boundary"),
        (String::new(), "request body: the form ends before its closing boundary"),
        ("no form at all".to_owned(), "request body: the form ends before its closing boundary"),
        (format!("--B\r\nbro ken\u{1}\r\n\r\n{END}"), "request body: the head of a part of the form is not valid"),
        (format!("{}{}{END}", info("{}"), file("a", "").repeat(4)), "files: must be at most 3 in one request"),
        (format!("{}{END}", info(&"x".repeat(INFO + 1))), "info: must be at most 65536 bytes long"),
        (format!("--B\r\nX: {}", "x".repeat(1 << 17)), "the head of a part: must be at most 16384 bytes long"),
        ("x".repeat(1 << 17), "the head of a part: must be at most 16384 bytes long"),
    ] {
        let refused = parse(form.as_bytes()).await.unwrap_err();
        assert!(refused.starts_with(says), "{refused}");
    }
}

#[tokio::test]
async fn a_form_needs_its_content_type() {
    for (content_type, says) in [
        ("application/json", "Content-Type: must be multipart/form-data"),
        ("multipart/mixed; boundary=B", "Content-Type: must be multipart/form-data"),
        ("multipart/form-data", "Content-Type: must have a boundary"),
        ("multipart/form-data; boundary=", "Content-Type: must have a boundary"),
        ("multipart/form-data; boundary=\"\"", "Content-Type: must have a boundary"),
    ] {
        let refused = read_as(content_type, Body::empty(), 1, &mut Kept::default()).await.unwrap_err();
        assert!(refused.starts_with(says), "{refused}");
    }
    let missing = read(&HeaderMap::new(), Body::empty(), 1, &mut Kept::default()).await.unwrap_err();
    assert!(missing.to_string().starts_with("Content-Type: must be multipart/form-data"));
    for good in ["Multipart/Form-Data;boundary=B", "multipart/form-data; charset=utf-8; Boundary=\"B\""] {
        let form = format!("{}{}{END}", info("{}"), file("a", "x"));
        read_as(good, Body::from(form), 1, &mut Kept::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_broken_body() {
    let start = Bytes::from(format!("{}{}", info("{}"), &file("a", "xyz")[..60]));
    let broken = stream::iter([Ok(start), Err(std::io::Error::other("reset"))]);
    let refused = read_as("multipart/form-data; boundary=B", Body::from_stream(broken), 1, &mut Kept::default()).await;
    assert!(refused.unwrap_err().starts_with("request body: "));
}

#[tokio::test]
async fn a_form_of_one_file_takes_no_second() {
    let form = format!("{}{}{}{END}", file("a", "x"), file("b", "y"), info("{}"));
    let refused = read_as("multipart/form-data; boundary=B", Body::from(form), 1, &mut Kept::default()).await;
    assert_eq!(refused.unwrap_err(), "files: was sent twice; a request has one");
}

#[tokio::test]
async fn a_message_that_breaks_off_after_its_form_was_cut_all_the_same() {
    let form = Bytes::from(format!("{}{}{END}", info("{}"), file("a", "x")));
    let broken = stream::iter([Ok(form), Err(std::io::Error::other("reset"))]);
    let refused = read_as("multipart/form-data; boundary=B", Body::from_stream(broken), 1, &mut Kept::default()).await;
    assert!(refused.unwrap_err().starts_with("request body: "));
}

/// The parser takes a piece of the body only when it needs one, however many are there.
#[tokio::test]
async fn a_fast_client_does_not_fill_the_memory() {
    struct Slow<'a> {
        taken: &'a AtomicU64,
        given: u64,
        most_ahead: u64,
    }
    impl Sink for Slow<'_> {
        const FILE: &'static str = "files";
        async fn info(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
        async fn file(&mut self, _: &str, _: &PartHead, mut body: service::Body<'_>) -> Result<()> {
            while let Some(piece) = body.next().await {
                self.given += piece?.len() as u64;
                self.most_ahead = self.most_ahead.max(self.taken.load(Ordering::Relaxed).saturating_sub(self.given));
            }
            Ok(())
        }
    }

    let form = format!("{}{}{END}", info("{}"), file("a", &"x".repeat(4000)).repeat(1000));
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let pieces: Vec<Bytes> = form.as_bytes().chunks(8192).map(Bytes::copy_from_slice).collect();
    let body = Body::from_stream(stream::iter(pieces).map(move |piece| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece)
    }));
    let mut slow = Slow { taken: &taken, given: 0, most_ahead: 0 };
    read(&headers("multipart/form-data; boundary=B"), body, 1000, &mut slow).await.unwrap();
    assert_eq!(slow.given, 4_000_000);
    // The heads of the parts are the only bytes that are taken and never given.
    let heads = form.len() as u64 - slow.given;
    assert!(slow.most_ahead <= heads + 3 * 8192, "{} bytes piled up", slow.most_ahead);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A form that is whole is read as it was written, however it is cut into frames.
    #[test]
    fn a_whole_form_is_read_as_it_was_written(
        files in proptest::collection::vec(("[a-z/你%\"\\\\ ]{1,12}", "(\r|\n|-|B|x|--B|\r\n--){0,12}"), 1..5),
        info_at in 0usize..5,
        size in 1usize..40,
        slow: bool,
    ) {
        let encode = |name: &str| percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string();
        // The one text that a content cannot hold is the boundary at the beginning of a line.
        let files: Vec<_> = files.into_iter().map(|(name, text)| (name, text.replace("\r\n--B", "\r\n--C"))).collect();
        let mut parts: Vec<String> = files.iter().map(|(name, text)| file(&encode(name), text)).collect();
        parts.insert(info_at.min(parts.len()), info("{\"x\":1}"));
        let form = format!("{}{END}", parts.concat());
        let mut kept = Kept::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = read_as("multipart/form-data; boundary=B", frames(form.as_bytes(), size, slow), 9, &mut kept);
        runtime.block_on(read).unwrap();
        prop_assert_eq!(kept.infos, vec![b"{\"x\":1}".to_vec()]);
        let wanted: Vec<_> = files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
        prop_assert_eq!(kept.files, wanted);
    }

    /// A form that is cut anywhere is refused, never taken for a shorter one, and never waited for without end.
    #[test]
    fn a_form_that_is_cut_is_refused(cut in 0usize..1000, size in 1usize..60, slow: bool) {
        let form = format!("{}{}{}{END}", file("a", "some content"), info("{}"), file("b", "\r\n--"));
        let whole = form.len() - "\r\n".len();
        let cut = cut % whole;
        let result = run(&form.as_bytes()[..cut], size, slow);
        prop_assert!(matches!(result, Err(Error::BrokenBody(_))), "{:?} at {}", result, cut);
    }

    /// Random bytes around the words of a form end in an answer or in a refusal that the client can read.
    #[test]
    fn no_form_makes_the_reader_panic_or_hang(
        pieces in proptest::collection::vec(prop_oneof![
            Just(b"--B".to_vec()),
            Just(b"--B\r\n".to_vec()),
            Just(b"--B--\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"Content-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n".to_vec()),
            Just(b"Content-Disposition: form-data; name=info\r\n\r\n{}".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..30),
        ], 0..14),
        size in 1usize..50,
        slow: bool,
    ) {
        match run(&pieces.concat(), size, slow) {
            Ok(()) | Err(Error::Invalid { .. } | Error::BrokenBody(_) | Error::TooLarge { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

fn run(form: &[u8], size: usize, slow: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut kept = Kept::default();
    runtime.block_on(async {
        let headers = headers("multipart/form-data; boundary=B");
        let reading = read(&headers, frames(form, size, slow), 9, &mut kept);
        tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the reader hangs")
    })
}
