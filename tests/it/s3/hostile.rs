//! Requests that are signed well and ask for what cannot be: keys, XML, parts, numbers, names. Each is answered with the
//! code and status of S3, changes nothing, and leaves the server as it was.

use holdall_tests::{Ask, Door, Server, form::percent_encode};

const BUCKET: &str = "hostile";

struct Case {
    name: String,
    ask: Ask,
    status: u16,
    codes: &'static [&'static str],
}

fn case(name: &str, ask: Ask, status: u16, codes: &'static [&'static str]) -> Case {
    Case { name: name.to_owned(), ask, status, codes }
}

async fn prepared() -> (Server, Door) {
    let server = Server::start();
    let door = server.s3();
    door.create_bucket(BUCKET).await;
    door.put(BUCKET, "kept", "content").await;
    (server, door)
}

/// Tries all, and looks after each whether everything is as before.
async fn all_refused(door: &Door, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for Case { name, ask, status, codes } in cases {
        let said = door.ask(&ask).await;
        let code = said.code();
        if said.status != status || !codes.contains(&code.as_str()) {
            wrong.push(format!("{name}: {} {} instead of {status} {codes:?}", said.status, said.text()));
        }
        assert_eq!(door.list(BUCKET).await, ["kept"], "{name}");
        assert_eq!(door.get(BUCKET, "kept").await.unwrap(), b"content", "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn keys_as_long_and_as_strange_as_may_be() {
    let (_server, door) = prepared().await;
    let long = "k".repeat(1024);
    let deep = format!("{}x", "/".repeat(1023));
    let wide = "\u{1F600}".repeat(256);
    let strange =
        ["a", "a/b", "a/", "a//b", "//", "/", "..", "../..", "a/../b", ".", "a/./b", "\u{7f}\u{1}\u{1f}", "\t\n\r"];
    let names: Vec<&str> = strange.into_iter().chain([&*long, &*deep, &*wide]).collect();
    for name in &names {
        door.put(BUCKET, name, name.as_bytes()).await;
    }
    for name in &names {
        assert_eq!(door.get(BUCKET, name).await.unwrap(), name.as_bytes(), "{name:?}");
    }
    let mut expected: Vec<String> = names.iter().map(|name| (*name).to_owned()).chain(["kept".to_owned()]).collect();
    expected.sort();
    assert_eq!(door.list(BUCKET).await, expected);
    for name in &names {
        door.ask(&Ask::new("DELETE", BUCKET, name)).await.expect(204);
        assert_eq!(door.get(BUCKET, name).await, None, "{name:?}");
    }
    let mut cases = Vec::new();
    for method in ["PUT", "GET", "DELETE"] {
        let longer = "k".repeat(1025);
        cases.push(case("1025 bytes", Ask::new(method, BUCKET, &longer), 400, &["KeyTooLongError"]));
        let wider = "\u{1F600}".repeat(257);
        cases.push(case(
            "1028 bytes of 4-byte characters",
            Ask::new(method, BUCKET, &wider),
            400,
            &["KeyTooLongError"],
        ));
    }
    cases.push(case(
        "a key that is no UTF-8",
        Ask::raw("PUT", "/hostile/%ff%fe"),
        400,
        &["InvalidURI", "InvalidArgument"],
    ));
    cases.push(case("half an escape", Ask::raw("PUT", "/hostile/a%4"), 400, &["InvalidURI", "SignatureDoesNotMatch"]));
    cases.push(case("a NUL", Ask::raw("PUT", "/hostile/a%00b"), 400, &["InvalidArgument", "InvalidURI"]));
    all_refused(&door, cases).await;
}

#[tokio::test]
async fn buckets_that_are_not_there_or_cannot_be() {
    let (_server, door) = prepared().await;
    let mut cases = Vec::new();
    for (method, key) in [("GET", ""), ("GET", "a"), ("PUT", "a"), ("DELETE", "a"), ("DELETE", "")] {
        cases.push(case(method, Ask::new(method, "no-such-bucket", key), 404, &["NoSuchBucket"]));
    }
    for question in ["versioning", "location", "tagging", "cors", "versions", "uploads", "acl"] {
        cases.push(case(question, Ask::get("no-such-bucket", "").query(question, ""), 404, &["NoSuchBucket"]));
    }
    for name in ["ab", "Upper", "a_b", "a..b", "-a-b", "a-b-", ".abc", "192.168.0.1", "xn--abc", "abc-s3alias"] {
        cases.push(case(name, Ask::put(name, ""), 400, &["InvalidBucketName"]));
    }
    cases.push(case("64 characters", Ask::put(&"a".repeat(64), ""), 400, &["InvalidBucketName"]));
    cases.push(case("a bucket that holds something", Ask::new("DELETE", BUCKET, ""), 409, &["BucketNotEmpty"]));
    all_refused(&door, cases).await;
}

#[tokio::test]
async fn xml_that_explodes_or_is_none() {
    let (_server, door) = prepared().await;
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"aaaaaaaaaa\">\
        <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>\
        <Delete><Object><Key>&c;</Key></Object></Delete>";
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
        <Delete><Object><Key>&x;</Key></Object></Delete>";
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let many: String = (0..1001).map(|n| format!("<Object><Key>{n}</Key></Object>")).collect();
    let texts = [
        ("entities within entities", bomb.to_owned()),
        ("an entity from outside", outside.to_owned()),
        ("deep nesting", deep),
        ("1 001 keys", format!("<Delete>{many}</Delete>")),
        ("no keys", "<Delete></Delete>".to_owned()),
        ("another document", "<Tagging><TagSet/></Tagging>".to_owned()),
        ("not closed", "<Delete><Object><Key>kept</Key>".to_owned()),
        ("no XML", "{\"keys\": [\"kept\"]}".to_owned()),
        ("nothing", String::new()),
        ("not UTF-16", "\u{feff}\u{0}\u{1}".to_owned()),
    ];
    let questions = [
        ("POST", "", "delete"),
        ("PUT", "", "tagging"),
        ("PUT", "kept", "tagging"),
        ("PUT", "", "versioning"),
        ("PUT", "", "cors"),
    ];
    let mut cases = Vec::new();
    for (method, key, question) in questions {
        for (name, text) in &texts {
            if (question, *name) == ("tagging", "another document") {
                continue;
            }
            let ask = Ask::new(method, BUCKET, key).query(question, "").body(text.as_bytes());
            let codes: &[&str] = &[
                "MalformedXML",
                "MissingRequestBodyError",
                "InvalidRequest",
                "IllegalVersioningConfigurationException",
            ];
            cases.push(case(&format!("{question}: {name}"), ask, 400, codes));
        }
    }
    let large = format!("<Delete><Object><Key>{}</Key></Object></Delete>", "k".repeat(8 << 20));
    let ask = Ask::post(BUCKET, "").query("delete", "").body(large);
    cases.push(case("8 MiB of XML", ask, 400, &["MalformedXML", "MaxMessageLengthExceeded", "EntityTooLarge"]));
    let ask = Ask::post(BUCKET, "").query("delete", "").body("<Delete><Object><Key>kept</Key></Object></Delete>");
    let wrong = ask.header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    cases.push(case("another MD5", wrong, 400, &["BadDigest"]));
    all_refused(&door, cases).await;
}

#[tokio::test]
async fn parts_that_do_not_fit() {
    let (_server, door) = prepared().await;
    let begun = door.ask(&Ask::post(BUCKET, "parts").query("uploads", "")).await;
    let upload = begun.expect(200).all("UploadId").remove(0);
    let part = |number: &str| Ask::put(BUCKET, "parts").query("uploadId", &upload).query("partNumber", number);
    let large = vec![b'x'; 5 << 20];
    let mut tags = vec![String::new()];
    for content in [large.clone(), b"small".to_vec(), b"last".to_vec()] {
        let said = door.ask(&part(&tags.len().to_string()).body(content)).await;
        tags.push(said.expect(200).header("etag").to_owned());
    }
    let finish = |parts: &[(u32, &str)]| {
        let parts: String = parts
            .iter()
            .map(|(number, tag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"))
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        Ask::post(BUCKET, "parts").query("uploadId", &upload).body(body)
    };
    let (one, two, three) = (tags[1].as_str(), tags[2].as_str(), tags[3].as_str());
    let many: Vec<(u32, &str)> = (1..=10_001).map(|number| (number, one)).collect();
    let none = Ask::put(BUCKET, "parts").query("uploadId", "none").query("partNumber", "1").body("x");
    let too_long = Ask::get(BUCKET, "parts").query("uploadId", &"u".repeat(5000));
    let cases = vec![
        case("part 0", part("0").body("x"), 400, &["InvalidArgument"]),
        case("part -1", part("-1").body("x"), 400, &["InvalidArgument"]),
        case("part 10 001", part("10001").body("x"), 400, &["InvalidArgument"]),
        case("part 99999999999", part("99999999999").body("x"), 400, &["InvalidArgument"]),
        case("part x", part("x").body("x"), 400, &["InvalidArgument"]),
        case("no such upload", none, 404, &["NoSuchUpload"]),
        case("an upload id of 5 000 bytes", too_long, 404, &["NoSuchUpload"]),
        case("out of order", finish(&[(3, three), (1, one)]), 400, &["InvalidPartOrder"]),
        case("twice the same", finish(&[(1, one), (1, one)]), 400, &["InvalidPartOrder"]),
        case("a missing part", finish(&[(1, one), (7, three)]), 400, &["InvalidPart"]),
        case("another tag", finish(&[(1, two), (3, three)]), 400, &["InvalidPart"]),
        case("a small part within", finish(&[(1, one), (2, two), (3, three)]), 400, &["EntityTooSmall"]),
        case("no parts", finish(&[]), 400, &["MalformedXML", "InvalidRequest"]),
        case("10 001 parts", finish(&many), 400, &["MalformedXML", "InvalidPart"]),
        case("negative numbers", finish(&[(u32::MAX, one)]), 400, &["InvalidArgument", "InvalidPart", "MalformedXML"]),
    ];
    all_refused(&door, cases).await;
    door.ask(&finish(&[(1, one), (3, three)])).await.expect(200);
    assert_eq!(door.get(BUCKET, "parts").await.unwrap(), [&large[..], b"last"].concat());
}

#[tokio::test]
async fn numbers_names_and_words_that_make_no_sense() {
    let (_server, door) = prepared().await;
    let list = |name: &str, value: &str| Ask::get(BUCKET, "").query("list-type", "2").query(name, value);
    let copy = |source: &str| Ask::put(BUCKET, "new").header("x-amz-copy-source", source);
    let put = |name: &str, value: &str| Ask::put(BUCKET, "new").header(name, value).body("x");
    let large = "v".repeat(3000);
    let cases = vec![
        case("max-keys", list("max-keys", "-1"), 400, &["InvalidArgument"]),
        case("max-keys", list("max-keys", "x"), 400, &["InvalidArgument"]),
        case("max-keys", list("max-keys", "99999999999999"), 400, &["InvalidArgument"]),
        case("token", list("continuation-token", "x"), 400, &["InvalidArgument"]),
        case("encoding", list("encoding-type", "x"), 400, &["InvalidArgument"]),
        case("version", Ask::get(BUCKET, "kept").query("versionId", "x"), 400, &["InvalidArgument"]),
        case("range", Ask::get(BUCKET, "kept").header("range", "bytes=100-"), 416, &["InvalidRange"]),
        case("part", Ask::get(BUCKET, "kept").query("partNumber", "0"), 400, &["InvalidArgument"]),
        case("source", copy("kept"), 400, &["InvalidArgument", "InvalidRequest"]),
        case("source", copy("/hostile/%zz"), 400, &["InvalidArgument", "NoSuchKey"]),
        case("source", copy("/hostile/missing"), 404, &["NoSuchKey"]),
        case("source", copy("/no-such-bucket/kept"), 404, &["NoSuchBucket"]),
        case("directive", copy("/hostile/kept").header("x-amz-metadata-directive", "STEAL"), 400, &["InvalidArgument"]),
        case("metadata", put("x-amz-meta-large", &large), 400, &["MetadataTooLarge"]),
        case("tags", put("x-amz-tagging", "a=1&a=2"), 400, &["InvalidTag", "InvalidArgument"]),
        case("class", put("x-amz-storage-class", "NONSENSE"), 400, &["InvalidStorageClass"]),
        case("a condition on what is not there", put("if-match", "\"x\""), 404, &["NoSuchKey"]),
        case("method", Ask::raw("PATCH", "/hostile/kept"), 405, &["MethodNotAllowed"]),
        case("post on a key", Ask::post(BUCKET, "kept"), 405, &["MethodNotAllowed"]),
        case("a question on a service", Ask::raw("PUT", "/"), 405, &["MethodNotAllowed"]),
    ];
    all_refused(&door, cases).await;
    let long = percent_encode(&"p".repeat(60_000));
    let said = door.ask(&list("prefix", &long)).await;
    assert!(said.status < 500, "{} {}", said.status, said.text());
}
