//! A plain read is carried out on a shorter way than others. Nobody must notice.

use holdall_tests::{Ask, Said, Server};

const BUCKET: &str = "reads";
const VERSIONED: &str = "versions";

/// What an answer says, but for what differs from request to request.
fn said(answer: &Said) -> (u16, String, Vec<String>, Vec<u8>) {
    const DIFFERING: [&str; 4] = ["x-amz-request-id", "x-amz-id-2", "x-request-id", "date"];
    let mut lines: Vec<String> = answer
        .raw
        .head
        .lines()
        .skip(1)
        .filter(|line| !DIFFERING.iter().any(|name| line.to_ascii_lowercase().starts_with(&format!("{name}:"))))
        .map(str::to_owned)
        .collect();
    lines.sort();
    let body = if answer.status < 400 { answer.raw.body.clone() } else { Vec::new() };
    // The length of an error depends on its ids.
    lines.retain(|line| answer.status < 400 || !line.to_ascii_lowercase().starts_with("content-length"));
    (answer.status, if answer.status < 400 { String::new() } else { answer.code() }, lines, body)
}

#[tokio::test]
async fn a_plain_read_is_answered_like_any_other() {
    let server = Server::start();
    let door = server.s3();
    door.create_bucket(BUCKET).await;
    door.create_bucket(VERSIONED).await;
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    door.ask(&Ask::put(VERSIONED, "").query("versioning", "").body(enabled)).await.expect(200);
    let described = |key: &str| {
        Ask::put(BUCKET, key)
            .header("content-type", "text/plain; charset=utf-8")
            .header("cache-control", "max-age=60")
            .header("content-disposition", "attachment; filename=\"a\"")
            .header("content-encoding", "identity")
            .header("content-language", "de")
            .header("expires", "Wed, 01 Jan 2031 00:00:00 GMT")
            .header("x-amz-website-redirect-location", "/elsewhere")
            .header("x-amz-meta-plain", "a value; with = signs")
            .header("x-amz-tagging", "one=1&two=2")
            .header("x-amz-checksum-crc32", "kC/QBA==")
            .body("testcontent")
    };
    let puts = vec![
        Ask::put(BUCKET, "bare").body("content"),
        Ask::put(BUCKET, "empty"),
        Ask::put(BUCKET, "large").body(vec![7; 3 << 20]),
        Ask::put(BUCKET, "a folder/ü 你%+&").body("named"),
        described("described"),
        described("encoded").header("x-amz-meta-encoded", "=?UTF-8?B?R3LDvMOfZQ==?="),
        Ask::put(VERSIONED, "kept").body("one"),
        Ask::put(VERSIONED, "kept").body("two"),
    ];
    for put in &puts {
        door.ask(put).await.expect(200);
    }
    door.ask(&Ask::new("DELETE", VERSIONED, "gone")).await.expect(204);
    let gets = [
        (BUCKET, "bare"),
        (BUCKET, "empty"),
        (BUCKET, "large"),
        (BUCKET, "a folder/ü 你%+&"),
        (BUCKET, "described"),
        (BUCKET, "encoded"),
        (BUCKET, "missing"),
        (VERSIONED, "kept"),
        (VERSIONED, "gone"),
        ("no-such-bucket", "bare"),
    ];
    let headers: [&[(&str, &str)]; 8] = [
        &[],
        &[("x-amz-checksum-mode", "ENABLED")],
        &[("range", "bytes=2-4")],
        &[("range", "bytes=-3"), ("x-amz-checksum-mode", "ENABLED")],
        &[("range", "bytes=9999999-")],
        &[("range", "bytes=nonsense")],
        &[("if-none-match", "*")],
        &[("x-amz-expected-bucket-owner", "123456789012")],
    ];
    for (bucket, key) in gets {
        for headers in headers {
            let with = |ask: Ask| headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
            let plain = door.ask(&with(Ask::get(bucket, key))).await;
            // A word of the query that nobody knows makes a read one like any other.
            let other = door.ask(&with(Ask::get(bucket, key).query("unknown", "1"))).await;
            assert_eq!(said(&plain), said(&other), "{bucket}/{key} with {headers:?}");
        }
    }
    let described = door.ask(&Ask::get(BUCKET, "described")).await;
    for (name, value) in
        [("x-amz-meta-plain", "a value; with = signs"), ("x-amz-tagging-count", "2"), ("content-language", "de")]
    {
        assert_eq!(described.expect(200).header(name), value);
    }
}
