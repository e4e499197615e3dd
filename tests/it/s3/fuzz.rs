//! Requests made by chance, most of them signed, some of them bytes that are no request at all. Whatever comes, nothing
//! panics, no answer is of 5xx but "not implemented" and "not now", and the server serves the next.

use holdall_tests::{
    Ask, Door, Server,
    raw::{exchange, head},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"];
const QUESTIONS: [&str; 40] = [
    "acl",
    "accelerate",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "max-keys",
    "prefix",
    "delimiter",
    "marker",
    "response-content-type",
];
const HEADERS: [&str; 30] = [
    "content-md5",
    "content-type",
    "content-encoding",
    "expect",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "origin",
    "range",
    "x-amz-acl",
    "x-amz-bypass-governance-retention",
    "x-amz-checksum-crc32",
    "x-amz-checksum-sha256",
    "x-amz-checksum-mode",
    "x-amz-checksum-type",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-decoded-content-length",
    "x-amz-meta-a",
    "x-amz-metadata-directive",
    "x-amz-mfa",
    "x-amz-object-attributes",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-trailer",
    "x-amz-website-redirect-location",
    "x-amz-max-parts",
    "access-control-request-method",
];
const VALUES: [&str; 36] = [
    "",
    "0",
    "1",
    "2",
    "-1",
    "1000",
    "10001",
    "99999999999999999999",
    "x",
    "null",
    "*",
    "\"x\"",
    "bytes=0-1",
    "bytes=5-2",
    "bytes=-1",
    "a=b&c=d",
    "/fuzz/kept",
    "fuzz/kept?versionId=null",
    "kept",
    "%",
    "%00",
    "\u{fc}",
    "AAAAAA==",
    "ENABLED",
    "SHA256",
    "COMPOSITE",
    "REPLACE",
    "private",
    "public-read",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "100-continue",
    "https://example.org",
    "ETag,ObjectParts,Checksum",
    "aws-chunked",
    "STANDARD",
    "x-amz-checksum-crc32",
];
const KEYS: [&str; 9] = ["", "kept", "new", "a/b", "..", "/", "pack/deep/er", "\u{1F600}", "missing"];
const PAYLOADS: [&str; 8] = [
    "",
    "UNSIGNED-PAYLOAD",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "0",
    "x",
];
const BODIES: [&str; 16] = [
    "",
    "x",
    "9\r\n123456789\r\n0\r\n\r\n",
    "1;chunk-signature=0\r\nx\r\n0;chunk-signature=0\r\n\r\n",
    "<Delete><Object><Key>gone</Key></Object></Delete>",
    "<Delete><Object><Key>gone</Key><VersionId>null</VersionId></Object></Delete>",
    "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
    "<Tagging><TagSet></TagSet></Tagging>",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>",
    "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    "<CreateBucketConfiguration><LocationConstraint>mars</LocationConstraint></CreateBucketConfiguration>",
    "<a",
    "{}",
    "\u{0}",
];

/// A request that looks like one of S3, put together from words that mean something to it.
fn requests() -> impl Strategy<Value = Ask> {
    let value = || prop_oneof![4 => select(&VALUES[..]).prop_map(str::to_owned), 1 => "\\PC{0,40}"];
    let queries = vec((select(&QUESTIONS[..]), value()), 0..3);
    // What no header may hold would end the request early: such bytes are for the test of raw ones.
    let headers = vec((select(&HEADERS[..]), value().prop_map(|value| value.trim().replace(['\r', '\n'], ""))), 0..4);
    let target =
        (select(&METHODS[..]), select(&["fuzz", "fuzz", "fuzz", "missing-bucket", "X", ""][..]), select(&KEYS[..]));
    let body =
        prop_oneof![3 => select(&BODIES[..]).prop_map(|body| body.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..200)];
    (target, queries, headers, body, select(&PAYLOADS[..]), 0..8_u8).prop_map(
        |((method, bucket, key), queries, headers, body, payload, unsigned)| {
            let mut ask = if bucket.is_empty() { Ask::raw(method, "/") } else { Ask::new(method, bucket, key) };
            for (name, value) in queries {
                ask = ask.query(name, &value);
            }
            for (name, value) in headers {
                ask = ask.header(name, &value);
            }
            ask = ask.body(body);
            if !payload.is_empty() {
                ask = ask.payload(payload);
            }
            if unsigned == 0 { ask.added("authorization", "") } else { ask }
        },
    )
}

/// The same requests on every run; `HOLDALL_TEST_SEED` and `HOLDALL_TEST_EXAMPLES` ask for others, and for more.
fn runner() -> (TestRunner, u32) {
    let number =
        |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(usual);
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number("HOLDALL_TEST_SEED", 1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    (TestRunner::new_with_rng(Config::default(), rng), number("HOLDALL_TEST_EXAMPLES", 1500))
}

async fn prepared() -> (Server, Door) {
    let server = Server::start();
    let door = server.s3();
    door.create_bucket("fuzz").await;
    door.put("fuzz", "kept", "content").await;
    (server, door)
}

fn is_fair(status: u16) -> bool {
    status < 500 || [501, 503].contains(&status)
}

#[tokio::test]
async fn requests_made_of_words_of_s3() {
    let (server, door) = prepared().await;
    let (mut runner, examples) = runner();
    let mut wrong = Vec::new();
    for n in 0..examples {
        let ask = requests().new_tree(&mut runner).unwrap().current();
        let bytes = ask.bytes(&door);
        match exchange(door.address, &bytes).await {
            Some(answer) if is_fair(answer.status) => {}
            answer => wrong.push(format!("{n}: {} {answer:?}", String::from_utf8_lossy(&bytes))),
        }
    }
    assert!(wrong.is_empty(), "{} of {examples}:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
    // It serves, and does not limit the rate of those who prove who they are.
    door.ask(&Ask::get("fuzz", "").query("list-type", "2")).await.expect(200);
    assert!(!server.log().contains("panicked"));
}

#[tokio::test]
async fn bytes_that_are_no_request() {
    let (server, door) = prepared().await;
    let (mut runner, examples) = runner();
    let good = Ask::put("fuzz", "new").body("body").header("x-amz-meta-a", "1").bytes(&door);
    let spots = vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let mut wrong = Vec::new();
    for n in 0..examples {
        let changes = spots.new_tree(&mut runner).unwrap().current();
        let mut bytes = good.clone();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        // A request that now waits for more than comes is ended by closing.
        let answer = tokio::time::timeout(std::time::Duration::from_millis(300), exchange(door.address, &bytes)).await;
        if let Ok(Some(answer)) = answer
            && !is_fair(answer.status)
        {
            wrong.push(format!("{n}: {} {answer:?}", String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(wrong.is_empty(), "{} of {examples}:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
    assert_eq!(door.get("fuzz", "kept").await.unwrap(), b"content");
    let plain = exchange(door.address, &head("GET", "/", &[])).await.unwrap();
    assert_eq!(plain.status, 403);
    assert!(!server.log().contains("panicked"));
}
