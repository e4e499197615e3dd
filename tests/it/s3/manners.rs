//! What S3 answers where a client would hardly guess: to requests that are almost another operation, to words that name
//! nothing, and to what is there already.

use holdall_tests::{Ask, Door, Server};

const BUCKET: &str = "manners";

async fn prepared() -> (Server, Door) {
    let server = Server::start();
    let door = server.s3();
    door.create_bucket(BUCKET).await;
    door.put(BUCKET, "kept", "content").await;
    (server, door)
}

async fn answered(door: &Door, cases: Vec<(&str, Ask, u16, &str)>) {
    let mut wrong = Vec::new();
    for (name, ask, status, code) in cases {
        let said = door.ask(&ask).await;
        if said.status != status || (status >= 400 && said.code() != code) {
            wrong.push(format!("{name}: {} {} instead of {status} {code}", said.status, said.text()));
        }
        assert_eq!(door.list(BUCKET).await, ["kept"], "{name}");
        assert_eq!(door.get(BUCKET, "kept").await.unwrap(), b"content", "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is asked for in the query is not passed over: a put, a deletion or a new bucket would be something else.
#[tokio::test]
async fn a_question_that_is_not_known_is_no_other_operation() {
    let (_server, door) = prepared().await;
    let with = |method: &str, key: &str, name: &str| Ask::new(method, BUCKET, key).query(name, "");
    let rename = with("PUT", "new", "renameObject").header("x-amz-rename-source", "/manners/kept");
    let cases = vec![
        ("renaming", rename, 501, "NotImplemented"),
        ("a bucket's attributes", with("PUT", "", "abac"), 501, "NotImplemented"),
        ("a table of metadata", with("DELETE", "", "metadataConfiguration"), 501, "NotImplemented"),
        ("a policy of an object", with("PUT", "kept", "policy"), 405, "MethodNotAllowed"),
        ("encryption of an object", with("PUT", "kept", "encryption"), 405, "MethodNotAllowed"),
        ("rules of an object", with("DELETE", "kept", "cors"), 405, "MethodNotAllowed"),
        ("the list of an object", with("DELETE", "kept", "acl"), 405, "MethodNotAllowed"),
        ("a hold", with("DELETE", "kept", "legal-hold"), 405, "MethodNotAllowed"),
        ("posting about nothing", with("POST", "kept", "nothing"), 405, "MethodNotAllowed"),
        ("posting no form", Ask::post(BUCKET, "").body("x"), 412, "PreconditionFailed"),
        ("posting a form to a key", form("kept"), 405, "MethodNotAllowed"),
    ];
    answered(&door, cases).await;
}

fn form(key: &str) -> Ask {
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n";
    Ask::post(BUCKET, key).header("content-type", "multipart/form-data; boundary=b").body(body)
}

#[tokio::test]
async fn words_that_name_nothing_are_refused_and_what_is_not_built_says_so() {
    let (_server, door) = prepared().await;
    let put = |name: &str, value: &str| Ask::put(BUCKET, "new").header(name, value).body("x");
    let make = |value: &str| Ask::put("another", "").header("x-amz-object-ownership", value);
    let owner = |text: &str| Ask::get(BUCKET, "").header("x-amz-expected-bucket-owner", text);
    let list = |owner: &str, grants: &str| {
        let text = format!(
            "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{grants}</AccessControlList>\
             </AccessControlPolicy>"
        );
        Ask::put(BUCKET, "").query("acl", "").body(text)
    };
    let me = format!("{:064x}", 1);
    let endless = Ask::put(BUCKET, "new").added("content-length", "");
    let part = Ask::get(BUCKET, "kept").query("uploadId", "u").query("part-number-marker", "-1");
    let cases = vec![
        ("a canned list", put("x-amz-acl", "public-ready"), 400, "InvalidArgument"),
        ("a list that lets others in", put("x-amz-acl", "public-read"), 501, "NotImplemented"),
        ("ownership", make("Nobody"), 400, "InvalidArgument"),
        ("objects of their writers", make("ObjectWriter"), 501, "NotImplemented"),
        ("a class of S3", put("x-amz-storage-class", "GLACIER"), 501, "NotImplemented"),
        ("a class of nobody", put("x-amz-storage-class", "NONSENSE"), 400, "InvalidStorageClass"),
        ("an empty MD5", put("content-md5", ""), 400, "InvalidDigest"),
        ("no length", endless, 411, "MissingContentLength"),
        ("a tag", put("x-amz-tagging", "a%3Fb=1"), 400, "InvalidTag"),
        ("a tag of S3's own", put("x-amz-tagging", "aws%3Ax=1"), 400, "InvalidTag"),
        ("a name", Ask::put("foo.-bar", ""), 400, "InvalidBucketName"),
        ("a name", Ask::put("foo-.bar", ""), 400, "InvalidBucketName"),
        ("a marker", part, 400, "InvalidArgument"),
        ("another owner", owner("123456789012"), 403, "AccessDenied"),
        ("this owner", owner("000000000001"), 200, ""),
        ("this owner", owner(&me), 200, ""),
        ("a list for another owner", list(&"f".repeat(64), ""), 403, "AccessDenied"),
        ("a list for nobody", list(&me, ""), 501, "NotImplemented"),
        ("no list", Ask::put(BUCKET, "kept").query("acl", ""), 400, "MissingSecurityHeader"),
        ("an empty token", Ask::get(BUCKET, "").query("list-type", "2").query("continuation-token", ""), 200, ""),
    ];
    answered(&door, cases).await;
}

#[tokio::test]
async fn a_bucket_of_ones_own_may_be_made_again_in_the_oldest_region_only() {
    let (_server, door) = prepared().await;
    door.ask(&Ask::put(BUCKET, "")).await.expect(200);
    assert_eq!(door.list(BUCKET).await, ["kept"], "it is the same bucket");
    let there =
        "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    let said = door.ask(&Ask::put(BUCKET, "").body(there)).await;
    assert_eq!((said.status, said.code().as_str()), (409, "BucketAlreadyOwnedByYou"));
    door.ask(&Ask::put("elsewhere", "").body(there)).await.expect(200);
    let said = door.ask(&Ask::put("elsewhere", "").body(there)).await;
    assert_eq!((said.status, said.code().as_str()), (409, "BucketAlreadyOwnedByYou"));
}

/// What is deleted, and is not the object that was meant, stays.
#[tokio::test]
async fn deletions_ask_for_tag_size_and_time() {
    let (_server, door) = prepared().await;
    let head = door.ask(&Ask::new("HEAD", BUCKET, "kept")).await;
    let (tag, time) = (head.header("etag").to_owned(), head.header("last-modified").to_owned());
    let delete = |name: &str, value: &str| Ask::new("DELETE", BUCKET, "kept").header(name, value);
    let bulk = |condition: &str| {
        let body = format!("<Delete><Object><Key>kept</Key>{condition}</Object></Delete>");
        Ask::post(BUCKET, "").query("delete", "").body(body)
    };
    let early = "Tue, 01 Jan 2019 00:00:00 GMT";
    answered(
        &door,
        vec![
            ("a tag", delete("if-match", "\"x\""), 412, "PreconditionFailed"),
            ("a size", delete("x-amz-if-match-size", "6"), 412, "PreconditionFailed"),
            ("a time", delete("x-amz-if-match-last-modified-time", early), 412, "PreconditionFailed"),
            (
                "right but for the size",
                delete("if-match", &tag).header("x-amz-if-match-size", "6"),
                412,
                "PreconditionFailed",
            ),
        ],
    )
    .await;
    for condition in
        ["<ETag>\"x\"</ETag>", "<Size>6</Size>", "<LastModifiedTime>Tue, 01 Jan 2019 00:00:00 GMT</LastModifiedTime>"]
    {
        let said = door.ask(&bulk(condition)).await;
        assert_eq!(said.expect(200).all("Code"), ["PreconditionFailed"], "{condition}");
    }
    assert_eq!(door.get(BUCKET, "kept").await.unwrap(), b"content");
    let all = delete("if-match", &tag).header("x-amz-if-match-size", "7");
    door.ask(&all.header("x-amz-if-match-last-modified-time", &time)).await.expect(204);
    assert_eq!(door.get(BUCKET, "kept").await, None);
    let said = door.ask(&delete("if-match", &tag)).await;
    assert_eq!((said.status, said.code().as_str()), (404, "NoSuchKey"), "a tag of nothing");
    door.ask(&delete("x-amz-if-match-size", "7")).await.expect(204);
}

/// A condition on the target of a copy, which the input of the operation does not have.
#[tokio::test]
async fn a_copy_keeps_what_it_must_not_replace() {
    let (_server, door) = prepared().await;
    door.put(BUCKET, "source", "other").await;
    let copy = |key: &str| Ask::put(BUCKET, key).header("x-amz-copy-source", "/manners/source");
    for (name, value) in [("if-none-match", "*"), ("if-match", "\"x\"")] {
        let said = door.ask(&copy("kept").header(name, value)).await;
        assert_eq!((said.status, said.code().as_str()), (412, "PreconditionFailed"), "{name}");
    }
    assert_eq!(door.get(BUCKET, "kept").await.unwrap(), b"content");
    door.ask(&copy("new").header("if-none-match", "*")).await.expect(200);
    assert_eq!(door.get(BUCKET, "new").await.unwrap(), b"other");
}

#[tokio::test]
async fn answers_without_a_body_say_what_there_is() {
    let (_server, door) = prepared().await;
    let head = door.ask(&Ask::new("HEAD", BUCKET, "kept").header("range", "bytes=1-3")).await;
    assert_eq!((head.status, head.header("content-range")), (206, "bytes 1-3/7"));
    let beyond = door.ask(&Ask::new("HEAD", BUCKET, "kept").header("range", "bytes=7-")).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */7"));
    let whole = door.ask(&Ask::new("HEAD", BUCKET, "kept")).await;
    let same = door.ask(&Ask::get(BUCKET, "kept").header("if-none-match", whole.header("etag"))).await;
    assert_eq!(same.status, 304);
    for name in ["etag", "last-modified"] {
        assert_eq!(same.header(name), whole.header(name), "{name}");
    }
    let coded = Ask::put(BUCKET, "coded").header("content-encoding", "deflate, gzip").body("x");
    door.ask(&coded).await.expect(200);
    let head = door.ask(&Ask::new("HEAD", BUCKET, "coded")).await;
    assert_eq!(head.header("content-encoding"), "deflate, gzip", "as it was sent");
}

/// A condition that cannot be read is none.
#[tokio::test]
async fn dates_that_make_no_sense_are_passed_over() {
    let (_server, door) = prepared().await;
    for name in ["if-modified-since", "if-unmodified-since"] {
        let said = door.ask(&Ask::get(BUCKET, "kept").header(name, "nonsense")).await;
        assert_eq!(said.expect(200).raw.body, b"content", "{name}");
    }
    let said = door.ask(&Ask::get(BUCKET, "kept").header("if-unmodified-since", "Tue, 01 Jan 2019 00:00:00 GMT")).await;
    assert_eq!(said.status, 412);
}
