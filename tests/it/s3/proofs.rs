//! Who may come in by the S3 door: signatures in headers and in links, of others, of other times, and of two kinds.

use holdall_tests::{Ask, Door, Server, Setup, door::Said, raw::exchange, sign::Signer};

async fn prepared(setup: Setup) -> (Server, Door) {
    let server = setup.start();
    let door = server.s3();
    door.create_bucket("proofs").await;
    door.put("proofs", "kept", "content").await;
    (server, door)
}

/// Sends a link without any header that proves something.
async fn follow(door: &Door, method: &str, target: &str) -> Said {
    let host = door.address.to_string();
    let head = holdall_tests::raw::head(method, target, &[("host", &host), ("content-length", "0")]);
    Said::of(exchange(door.address, &head).await.unwrap())
}

fn link(door: &Door, signer: &Signer, expires: i64) -> String {
    signer.link("GET", &door.address.to_string(), "/proofs/kept", &[], expires)
}

#[tokio::test]
async fn a_signature_must_be_right_in_every_part() {
    let (_server, door) = prepared(Server::with()).await;
    let right = &door.signer;
    let wrong = |change: fn(&mut Signer)| {
        let mut signer = right.clone();
        change(&mut signer);
        Door { signer, ..door.clone() }
    };
    let cases = [
        ("secret", wrong(|signer| signer.secret.push('x')), 403, "SignatureDoesNotMatch"),
        ("unknown key", wrong(|signer| signer.access_key = "AKIDNOBODY".to_owned()), 403, "InvalidAccessKeyId"),
        ("region", wrong(|signer| signer.region = "mars-1".to_owned()), 400, "AuthorizationHeaderMalformed"),
        ("service", wrong(|signer| signer.service = "jcs".to_owned()), 400, "AuthorizationHeaderMalformed"),
        ("past", Door { signer: right.clone().off_by(-16 * 60), ..door.clone() }, 403, "RequestTimeTooSkewed"),
        ("future", Door { signer: right.clone().off_by(16 * 60), ..door.clone() }, 403, "RequestTimeTooSkewed"),
    ];
    for (name, stranger, status, code) in cases {
        for ask in
            [Ask::get("proofs", "kept"), Ask::put("proofs", "new").body("x"), Ask::new("DELETE", "proofs", "kept")]
        {
            let said = stranger.ask(&ask).await;
            assert_eq!((said.status, said.code().as_str()), (status, code), "{name}: {}", said.text());
            assert!(!said.text().contains(&right.secret), "{name}: the secret is told");
        }
    }
    for seconds in [-14 * 60, 14 * 60] {
        let off = Door { signer: right.clone().off_by(seconds), ..door.clone() };
        off.ask(&Ask::get("proofs", "kept")).await.expect(200);
    }
    assert_eq!(door.list("proofs").await, ["kept"]);
}

#[tokio::test]
async fn what_was_signed_must_be_what_came() {
    let (_server, door) = prepared(Server::with()).await;
    let put = || Ask::put("proofs", "kept").body("other");
    let cases = [
        ("a header changed", put().header("x-amz-meta-a", "1").added("x-amz-meta-a", "2"), "SignatureDoesNotMatch"),
        ("a signed header missing", put().header("x-amz-meta-a", "1").added("x-amz-meta-a", ""), "AccessDenied"),
        ("an amz header not signed", put().added("x-amz-meta-a", "1"), "AccessDenied"),
        ("another host", put().added("host", "elsewhere.example.org"), "SignatureDoesNotMatch"),
        ("no signature", put().added("authorization", ""), "AccessDenied"),
    ];
    for (name, ask, code) in cases {
        let said = door.ask(&ask).await;
        assert_eq!((said.status, said.code().as_str()), (403, code), "{name}: {}", said.text());
    }
    for nonsense in ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a", "Basic YTpi", "AWS key:c2lnbmF0dXJl", "x"] {
        let said = door.ask(&put().added("authorization", nonsense)).await;
        assert!([400, 403].contains(&said.status) && !said.code().is_empty(), "{nonsense}: {said:?}");
    }
    assert_eq!(door.get("proofs", "kept").await.unwrap(), b"content");
}

#[tokio::test]
async fn a_link_opens_one_thing_for_its_time() {
    let (_server, door) = prepared(Server::with()).await;
    let signer = &door.signer;
    assert_eq!(follow(&door, "GET", &link(&door, signer, 60)).await.expect(200).raw.body, b"content");
    let week = 7 * 24 * 60 * 60;
    follow(&door, "GET", &link(&door, signer, week)).await.expect(200);
    let cases = [
        ("longer than a week", link(&door, signer, week + 1), 400, "AuthorizationQueryParametersError"),
        ("a negative life", link(&door, signer, -1), 400, "AuthorizationQueryParametersError"),
        ("expired", link(&door, &signer.clone().off_by(-120), 60), 403, "AccessDenied"),
        ("of the future", link(&door, &signer.clone().off_by(1200), 60), 403, "AccessDenied"),
        ("another key", link(&door, signer, 60).replace("/kept", "/other"), 403, "SignatureDoesNotMatch"),
        (
            "a longer life than signed",
            link(&door, signer, 60).replace("Expires=60", "Expires=61"),
            403,
            "SignatureDoesNotMatch",
        ),
        ("more than was signed", format!("{}&versionId=null", link(&door, signer, 60)), 403, "SignatureDoesNotMatch"),
    ];
    for (name, target, status, code) in cases {
        let said = follow(&door, "GET", &target).await;
        assert_eq!((said.status, said.code().as_str()), (status, code), "{name}: {}", said.text());
    }
    let said = follow(&door, "PUT", &link(&door, signer, 60)).await;
    assert_eq!((said.status, said.code().as_str()), (403, "SignatureDoesNotMatch"), "another method");
    assert_eq!(door.get("proofs", "kept").await.unwrap(), b"content");
}

#[tokio::test]
async fn two_proofs_at_once_are_none() {
    let (_server, door) = prepared(Server::with()).await;
    let target = link(&door, &door.signer, 60);
    let (path, query) = target.split_once('?').unwrap();
    let mut ask = Ask::raw("GET", path);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        let plain = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        ask = ask.query(name, &plain);
    }
    let said = door.ask(&ask).await;
    assert_eq!((said.status, said.code().as_str()), (400, "InvalidArgument"), "{}", said.text());
}

#[tokio::test]
async fn the_things_of_others_stay_theirs() {
    let (server, door) = prepared(Server::with()).await;
    let other = door.as_seen_by(Signer::create(&server, "other"));
    other.create_bucket("theirs").await;
    let begun = door.ask(&Ask::post("proofs", "parts").query("uploads", "")).await;
    let upload = begun.expect(200).all("UploadId").remove(0);
    let asks = [
        Ask::get("proofs", "kept"),
        Ask::get("proofs", "missing"),
        Ask::new("HEAD", "proofs", "kept"),
        Ask::get("proofs", "").query("list-type", "2"),
        Ask::get("proofs", "").query("versions", ""),
        Ask::get("proofs", "").query("uploads", ""),
        Ask::get("proofs", "").query("tagging", ""),
        Ask::get("proofs", "parts").query("uploadId", &upload),
        Ask::put("proofs", "new").body("x"),
        Ask::put("proofs", "kept").body("x"),
        Ask::put("proofs", "parts").query("uploadId", &upload).query("partNumber", "1").body("x"),
        Ask::new("DELETE", "proofs", "kept"),
        Ask::new("DELETE", "proofs", "parts").query("uploadId", &upload),
        Ask::new("DELETE", "proofs", ""),
        Ask::put("proofs", "").query("versioning", "").body(
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>",
        ),
        Ask::post("proofs", "").query("delete", "").body("<Delete><Object><Key>kept</Key></Object></Delete>"),
        Ask::put("theirs", "stolen").header("x-amz-copy-source", "/proofs/kept"),
    ];
    for ask in asks {
        let said = other.ask(&ask).await;
        let is_head = said.raw.body.is_empty() && said.status == 403;
        assert!(
            said.status == 403 && (is_head || said.code() == "AccessDenied"),
            "{ask:?}: {} {}",
            said.status,
            said.text()
        );
    }
    let said = other.ask(&Ask::put("proofs", "")).await;
    assert_eq!((said.status, said.code().as_str()), (409, "BucketAlreadyExists"), "{}", said.text());
    let buckets = other.ask(&Ask::raw("GET", "/")).await;
    assert_eq!(buckets.expect(200).all("Name"), ["theirs"], "a list shows what is one's own");
    assert_eq!(door.list("proofs").await, ["kept"]);
    assert_eq!(other.list("theirs").await, [""; 0]);
    door.ask(&Ask::get("proofs", "parts").query("uploadId", &upload)).await.expect(200);
}

#[tokio::test]
async fn every_answer_has_its_ids_and_errors_say_what_they_are_about() {
    let (_server, door) = prepared(Server::with()).await;
    let fine = door.ask(&Ask::get("proofs", "kept")).await;
    let failed = door.ask(&Ask::get("proofs", "missing/one")).await;
    for said in [&fine, &failed] {
        assert!(!said.header("x-amz-request-id").is_empty() && !said.header("x-amz-id-2").is_empty(), "{said:?}");
        assert!(!said.header("date").is_empty() && !said.header("server").is_empty(), "{said:?}");
    }
    assert_ne!(fine.header("x-amz-request-id"), failed.header("x-amz-request-id"));
    failed.expect(404);
    assert_eq!(failed.header("content-type"), "application/xml");
    assert_eq!(failed.code(), "NoSuchKey");
    assert_eq!(failed.all("Resource"), ["/proofs/missing/one"]);
    assert_eq!(failed.all("Key"), ["missing/one"]);
    assert_eq!(failed.all("RequestId"), [failed.header("x-amz-request-id")]);
    assert!(failed.all("HostId").len() == 1 && failed.all("Message").len() == 1, "{}", failed.text());
}
