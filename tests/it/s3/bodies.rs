//! Bodies that are not what was said of them: hashes, check sums in headers and behind the body, lengths, chunks. What is
//! refused changes nothing.

use holdall_tests::{
    Ask, Door, Server,
    door::{Said, UNSIGNED},
    raw::{Connection, exchange},
};

/// A text with sums that are printed in every description of their algorithms.
const DIGITS: &[u8] = b"123456789";

/// Each kind of check sum with that of [`DIGITS`], in hex.
const SUMS: [(&str, &str); 5] = [
    ("crc32", "cbf43926"),
    ("crc32c", "e3069283"),
    ("crc64nvme", "ae8b14860a799888"),
    ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ("sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
];
const MD5: &str = "25f9e794323b453885f5181f1b624d0b";

fn base64(hex: &str) -> String {
    data_encoding::BASE64.encode(&data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap())
}

/// The same sum with its first bit turned over.
fn spoiled(hex: &str) -> String {
    let mut bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    bytes[0] ^= 0x80;
    data_encoding::BASE64.encode(&bytes)
}

async fn prepared() -> (Server, Door) {
    let server = Server::start();
    let door = server.s3();
    door.create_bucket("bodies").await;
    door.put("bodies", "a", "before").await;
    (server, door)
}

#[track_caller]
fn refused(said: &Said, status: u16, codes: &[&str], what: &str) {
    let code = said.code();
    assert!(said.status == status && codes.contains(&code.as_str()), "{what}: {} {}", said.status, said.text());
}

async fn unchanged(door: &Door, what: &str) {
    assert_eq!(door.get("bodies", "a").await.unwrap(), b"before", "{what}");
    assert_eq!(door.list("bodies").await, ["a"], "{what}");
}

/// Changes a body on its way.
type Spoil = Box<dyn Fn(&mut Vec<u8>)>;

#[tokio::test]
async fn a_body_must_have_the_hash_that_was_signed() {
    let (_server, door) = prepared().await;
    for key in ["a", "new"] {
        let ask = Ask::put("bodies", key).body("one thing").payload(&holdall_tests::sign::hash("another"));
        refused(&door.ask(&ask).await, 400, &["XAmzContentSHA256Mismatch"], key);
        let ask = Ask::put("bodies", key).body("x").payload("no hash at all");
        refused(&door.ask(&ask).await, 400, &["InvalidArgument", "InvalidRequest"], key);
    }
    unchanged(&door, "after bodies with other hashes").await;
    door.ask(&Ask::put("bodies", "a").body("other").payload(UNSIGNED)).await.expect(200);
    assert_eq!(door.get("bodies", "a").await.unwrap(), b"other");
}

#[tokio::test]
async fn check_sums_in_headers_are_compared() {
    let (_server, door) = prepared().await;
    let put = || Ask::put("bodies", "a").body(DIGITS);
    for (kind, sum) in SUMS {
        let name = format!("x-amz-checksum-{kind}");
        let said = door.ask(&put().header(&name, &spoiled(sum))).await;
        refused(&said, 400, &["BadDigest", "XAmzContentChecksumMismatch"], kind);
        let said = door.ask(&put().header(&name, "AAAA")).await;
        refused(&said, 400, &["InvalidRequest"], kind);
        let said = door.ask(&put().header(&name, "no base64 !")).await;
        refused(&said, 400, &["InvalidRequest"], kind);
    }
    let two =
        put().header("x-amz-checksum-crc32", &base64(SUMS[0].1)).header("x-amz-checksum-sha1", &base64(SUMS[3].1));
    refused(&door.ask(&two).await, 400, &["InvalidRequest"], "two sums");
    refused(&door.ask(&put().header("content-md5", &spoiled(MD5))).await, 400, &["BadDigest"], "MD5");
    refused(&door.ask(&put().header("content-md5", "AAAA")).await, 400, &["InvalidDigest"], "a short MD5");
    unchanged(&door, "after wrong sums").await;
    for (kind, sum) in SUMS {
        let name = format!("x-amz-checksum-{kind}");
        let said = door.ask(&put().header(&name, &base64(sum)).header("content-md5", &base64(MD5))).await;
        assert_eq!(said.expect(200).header(&name), base64(sum), "{kind}");
        assert_eq!(said.header("etag"), format!("\"{MD5}\""));
        let said = door.ask(&Ask::get("bodies", "a").header("x-amz-checksum-mode", "ENABLED")).await;
        assert_eq!((said.header(&name), said.raw.body.as_slice()), (base64(sum).as_str(), DIGITS));
    }
}

#[tokio::test]
async fn check_sums_behind_the_body_are_compared() {
    let (_server, door) = prepared().await;
    for (kind, sum) in SUMS {
        let name = format!("x-amz-checksum-{kind}");
        let ask = Ask::put("bodies", "a").unsigned_chunks(&[DIGITS], &[(&name, &spoiled(sum))]);
        refused(&door.ask(&ask).await, 400, &["BadDigest", "XAmzContentChecksumMismatch"], kind);
        let bytes = Ask::put("bodies", "a").signed_chunks(&door, &[DIGITS], &[(&name, &spoiled(sum))], |_| ());
        let said = Said::of(exchange(door.address, &bytes).await.unwrap());
        refused(&said, 400, &["BadDigest", "XAmzContentChecksumMismatch"], kind);
    }
    // A trailer that was promised and did not come.
    let mut ask = Ask::put("bodies", "a").unsigned_chunks(&[DIGITS], &[("x-amz-checksum-crc32", &base64(SUMS[0].1))]);
    ask = ask.body("9\r\n123456789\r\n0\r\n\r\n");
    refused(&door.ask(&ask).await, 400, &["MalformedTrailerError", "InvalidRequest", "IncompleteBody"], "no trailer");
    unchanged(&door, "after wrong trailers").await;
    for (kind, sum) in SUMS {
        let (name, sum) = (format!("x-amz-checksum-{kind}"), base64(sum));
        let ask = Ask::put("bodies", "a").unsigned_chunks(&[&DIGITS[..4], &DIGITS[4..]], &[(&name, &sum)]);
        assert_eq!(door.ask(&ask).await.expect(200).header(&name), sum, "{kind}");
        assert_eq!(door.get("bodies", "a").await.unwrap(), DIGITS);
        let bytes = Ask::put("bodies", "b").signed_chunks(&door, &[DIGITS], &[(&name, &sum)], |_| ());
        let said = Said::of(exchange(door.address, &bytes).await.unwrap());
        assert_eq!(said.expect(200).header(&name), sum, "{kind}");
        assert_eq!(door.get("bodies", "b").await.unwrap(), DIGITS);
    }
}

#[tokio::test]
async fn signed_chunks_are_verified_one_by_one() {
    let (_server, door) = prepared().await;
    let first = vec![b'a'; 65_536];
    let chunks: [&[u8]; 2] = [&first, b"the rest"];
    let bytes = Ask::put("bodies", "chunks").signed_chunks(&door, &chunks, &[], |_| ());
    Said::of(exchange(door.address, &bytes).await.unwrap()).expect(200);
    assert_eq!(door.get("bodies", "chunks").await.unwrap(), [&first[..], b"the rest"].concat());
    door.ask(&Ask::new("DELETE", "bodies", "chunks")).await.expect(204);

    let replaced = |from: &'static [u8], to: &'static [u8]| {
        move |body: &mut Vec<u8>| {
            let at = body.windows(from.len()).rposition(|window| window == from).unwrap();
            body[at..at + from.len()].copy_from_slice(to);
        }
    };
    let tampered: [(&str, Spoil); 3] = [
        ("a byte of a chunk", Box::new(replaced(b"the rest", b"The rest"))),
        ("a byte of the first chunk", Box::new(|body| body[100] ^= 1)),
        (
            "the signature of the end",
            Box::new(|body| {
                let at = body.len() - 10;
                body[at] = if body[at] == b'0' { b'1' } else { b'0' };
            }),
        ),
    ];
    for (name, spoil) in tampered {
        for key in ["a", "new"] {
            let bytes = Ask::put("bodies", key).signed_chunks(&door, &chunks, &[], &spoil);
            let said = Said::of(exchange(door.address, &bytes).await.unwrap());
            refused(&said, 403, &["SignatureDoesNotMatch"], name);
        }
    }
    unchanged(&door, "after tampered chunks").await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_object() {
    let (server, door) = prepared().await;
    let whole = vec![b'x'; 300_000];
    let plain = Ask::put("bodies", "a").body(whole.clone()).bytes(&door);
    let chunked =
        Ask::put("bodies", "a").unsigned_chunks(&[&whole], &[("x-amz-checksum-crc32", "AAAAAA==")]).bytes(&door);
    let signed = Ask::put("bodies", "a").signed_chunks(&door, &[&whole], &[], |_| ());
    for (name, bytes) in [("plain", plain), ("chunks", chunked), ("signed chunks", signed)] {
        let mut connection = Connection::open(door.address).await;
        connection.send(&bytes[..bytes.len() - 1000]).await;
        drop(connection);
        unchanged(&door, name).await;
    }
    // Fewer and more bytes than were announced inside of the chunks.
    for announced in ["8", "10"] {
        let ask = Ask::put("bodies", "a")
            .unsigned_chunks(&[DIGITS], &[("x-amz-checksum-crc32", &base64(SUMS[0].1))])
            .header("x-amz-decoded-content-length", announced);
        let said = door.ask(&ask).await;
        refused(&said, 400, &["IncompleteBody", "InvalidRequest", "BadDigest"], announced);
    }
    for broken in
        ["zz\r\n123456789\r\n0\r\n\r\n", "9\r\n12345", "9\r\n123456789XX0\r\n\r\n", "ffffffffffffffff\r\nx", ""]
    {
        let ask = Ask::put("bodies", "a")
            .unsigned_chunks(&[DIGITS], &[("x-amz-checksum-crc32", &base64(SUMS[0].1))])
            .body(broken);
        let said = door.ask(&ask).await;
        assert!(said.status == 400 && !said.code().is_empty(), "{broken:?}: {} {}", said.status, said.text());
    }
    unchanged(&door, "after broken chunks").await;
    drop(server);
}

#[tokio::test]
async fn a_client_that_asks_first_is_answered_before_its_body() {
    let (_server, door) = prepared().await;
    let ask = |key: &str| Ask::put("bodies", key).body("body").added("expect", "100-continue");
    let bytes = ask("new").bytes(&door);
    let (head, body) = bytes.split_at(bytes.len() - 4);
    let mut connection = Connection::open(door.address).await;
    connection.send(head).await;
    let first = connection.read_some(25).await;
    assert!(first.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&first));
    connection.send(body).await;
    Said::of(connection.answer().await.unwrap()).expect(200);

    // Who is refused need not send its body.
    let refusal = ask("new").header("if-none-match", "*").bytes(&door);
    let mut connection = Connection::open(door.address).await;
    connection.send(&refusal[..refusal.len() - 4]).await;
    let first = connection.read_some(12).await;
    assert!(first.starts_with(b"HTTP/1.1 412"), "{}", String::from_utf8_lossy(&first));
}

/// A client that asked for leave to send its body and is answered without must not go on with that connection: some
/// clients (botocore) confuse the next answer on it with this one. An empty body needs no leave.
#[tokio::test]
async fn a_connection_ends_with_an_answer_without_leave() {
    let (_server, door) = prepared().await;
    let bytes = Ask::put("bodies", "empty").added("expect", "100-continue").bytes(&door);
    let bytes = String::from_utf8(bytes).unwrap().replace("Connection: close\r\n", "");
    let mut connection = Connection::open(door.address).await;
    connection.send(bytes.as_bytes()).await;
    let answer = connection.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, "close"), "{answer:?}");
    assert_eq!(door.get("bodies", "empty").await.unwrap(), b"");
}
