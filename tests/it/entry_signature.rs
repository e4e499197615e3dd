//! Requests signed by a credential, in the header `Authorization`.

use holdall_tests::{
    Answer, Form, Server, Setup,
    sign::{Signer, credential, hash},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A request in the making: what is signed, and what is sent.
struct Signed<'a> {
    server: &'a Server,
    signer: &'a Signer,
}

impl Signed<'_> {
    fn host(&self) -> String {
        self.server.address().to_string()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &hash(""), None, &[]).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let body = body.to_string().into_bytes();
        self.send("POST", path, &hash(&body), Some(body), &[]).await
    }

    async fn form(&self, path: &str, form: Form, payload: &str, declared: &[(&str, &str)]) -> Answer {
        let mut headers = vec![("content-type", Form::content_type())];
        headers.extend(declared.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send("POST", path, payload, Some(form.finish()), &headers).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        payload: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let host = self.host();
        let mut signed = vec![("host", host.as_str())];
        signed.extend(headers);
        let proof = self.signer.headers(method, path, &signed, payload);
        let client = self.server.client();
        let mut request = client.request(method.parse().unwrap(), path);
        for (name, value) in
            headers.iter().map(|(n, v)| (*n, *v)).chain(proof.iter().map(|(n, v)| (n.as_str(), v.as_str())))
        {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Answer::of(path, request).await
    }
}

async fn a_credential_does_everything_by_signature(setup: Setup) {
    let server = setup.set("auth.loopback", "closed").start();
    let signer = Signer::first(&server);
    let signed = Signed { server: &server, signer: &signer };

    let bucket = signed.post("/v1/bucket/create", json!({"name": "b"})).await.ok()["bucket"]["bucketID"].clone();
    let package = signed.post("/v1/package/create", json!({"bucketID": bucket, "name": "p"})).await.ok();
    let package = package["package"]["packageID"].as_i64().unwrap();
    let form = || Form::new().file("a/ü b.txt", "content").info(json!({"packageID": package}));
    // What clients of the contract sign of an upload, and what others do.
    let object = signed.form("/v1/object/upload", form(), "", &[]).await.uploaded().remove(0);
    signed.form("/v1/object/upload", form(), "UNSIGNED-PAYLOAD", &[]).await.ok();
    let whole = hash(form().finish());
    signed.form("/v1/object/upload", form(), &whole, &[("x-amz-content-sha256", &whole)]).await.ok();

    let download = format!("/v1/object/download?objectID={}&offset=3&length=2", object.id);
    assert_eq!(signed.get(&download).await.content(), "te");
    // `/` in a query is signed encoded.
    let by_path = format!("/v1/object/downloadByPath?packageID={package}&path=a%2F%C3%BC%20b.txt");
    assert_eq!(signed.get(&by_path).await.content(), "content");
    signed.get("/v1/bucket/listAll").await.ok();

    let upload =
        signed.post("/v1/object/newMultipartUpload", json!({"packageID": package, "path": "m"})).await.object();
    let part = Form::new().info(json!({"objectID": upload.id, "index": 1})).piece("part");
    signed.form("/v1/object/uploadPart", part, "", &[]).await.ok();
    let complete = json!({"objectID": upload.id, "indexes": [1]});
    assert_eq!(signed.post("/v1/object/completeMultipartUpload", complete).await.object().size, 4);
}

async fn a_credential_sees_only_what_it_owns(setup: Setup) {
    let server = setup.start();
    let (first, other) = (Signer::first(&server), Signer::create(&server, "other"));
    let mine = Signed { server: &server, signer: &first };
    let theirs = Signed { server: &server, signer: &other };
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "content").await;

    mine.get(&format!("/v1/object/download?objectID={}", object.id)).await.content();
    for path in [
        format!("/v1/object/download?objectID={}", object.id),
        format!("/v1/object/listByPath?packageID={package}"),
        "/v1/bucket/getByName?name=b".to_owned(),
    ] {
        theirs.get(&path).await.refused(404, "DataNotFound");
    }
    assert_eq!(theirs.get("/v1/bucket/listAll").await.ok(), json!({"buckets": []}));
    theirs.post("/v1/package/delete", json!({"packageID": package})).await.refused(404, "DataNotFound");
    let form = Form::new().info(json!({"packageID": package})).file("x", "1");
    theirs.form("/v1/object/upload", form, "", &[]).await.refused(404, "DataNotFound");
    theirs.get("/v1/audit/list").await.refused(403, "Forbidden");
    assert_eq!(client.read(object.id).await, "content");
}

crate::on_both!(a_credential_does_everything_by_signature, a_credential_sees_only_what_it_owns);

/// Also where no proof is needed: whoever signs wants to know that it is wrong.
#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let server = Server::start();
    let signer = Signer::first(&server);
    let host = server.address().to_string();
    let body = r#"{"name":"b"}"#;
    let path = "/v1/bucket/create";
    let proof = signer.headers("POST", path, &[("host", &host)], &hash(body));
    let send = async |method: Method, path: &str, body: &str, change: &dyn Fn(&str, &str) -> String| {
        let request = server.client();
        let request = proof
            .iter()
            .fold(request.request(method, path), |request, (name, value)| request.header(name, change(name, value)));
        Answer::of(path, request.body(body.to_owned())).await
    };
    let same = |_: &str, value: &str| value.to_owned();
    let tampered = [
        send(Method::POST, path, r#"{"name":"c"}"#, &same).await,
        send(Method::POST, path, "", &same).await,
        send(Method::POST, "/v1/bucket/create?x=1", body, &same).await,
        send(Method::POST, "/v1/bucket/delete", body, &same).await,
        send(Method::GET, "/v1/bucket/listAll", body, &same).await,
        send(Method::POST, path, body, &|name, value| {
            if name == "x-amz-date" { value.replace('Z', "") } else { value.into() }
        })
        .await,
        send(Method::POST, path, body, &|_, value| value.replace("/any/", "/other/")).await,
        send(Method::POST, path, body, &|_, value| value.replace("host;", "")).await,
        send(Method::POST, path, body, &|_, value| value.replace("/jcs/", "/s3/")).await,
        send(Method::POST, path, body, &|_, value| value.replace(&signer.access_key, "HAUNKNOWN")).await,
    ];
    for answer in tampered {
        let reason = answer.refused(401, "Unauthorized");
        assert!(!reason.is_empty() && !reason.contains(&signer.secret), "{reason}");
    }
    // A signature that does not name the host would count for every server.
    let anywhere = signer.headers("GET", "/v1/bucket/listAll", &[], &hash(""));
    let request = server.client().request(Method::GET, "/v1/bucket/listAll");
    let request = anywhere.iter().fold(request, |request, (name, value)| request.header(name, value));
    let reason = Answer::of("without host", request).await.refused(401, "Unauthorized");
    assert!(reason.contains("host"), "{reason}");
    // Every digit of the signature counts, its case does not.
    let signature = proof[1].1.rsplit('=').next().unwrap().to_owned();
    for at in [0, 31, 63] {
        let digit = if &signature[at..=at] == "0" { "1" } else { "0" };
        let wrong = format!("{}{digit}{}", &signature[..at], &signature[at + 1..]);
        let answer = send(Method::POST, path, body, &|_, value| value.replace(&signature, &wrong)).await;
        answer.refused(401, "Unauthorized");
    }
    assert_eq!(server.snapshot().count("bucket"), 0);
    send(Method::POST, path, body, &|_, value| value.replace(&signature, &signature.to_uppercase())).await.ok();

    let log = server.log();
    assert!(log.contains("refused entry") && !log.contains(&signature) && !log.contains(&signer.secret), "promise 8");
}

#[tokio::test]
async fn a_body_that_differs_from_its_declared_hash_leaves_nothing() {
    let server = Server::start();
    let signer = Signer::first(&server);
    let signed = Signed { server: &server, signer: &signer };
    let package = server.client().new_package("b").await;
    let before = server.snapshot();
    let wrong = hash("something else");
    let form = Form::new().info(json!({"packageID": package})).file("x", "1");
    let answer = signed.form("/v1/object/upload", form, &wrong, &[("x-amz-content-sha256", &wrong)]).await;
    let reason = answer.refused(401, "Unauthorized");
    assert!(reason.contains("SHA-256"), "{reason}");
    let body = br#"{"name":"c"}"#.to_vec();
    let declared = [("x-amz-content-sha256", wrong.as_str())];
    signed.send("POST", "/v1/bucket/create", &wrong, Some(body.clone()), &declared).await.refused(401, "Unauthorized");
    // A call whose body says what to do cannot leave it unsigned.
    let unsigned = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    let answer = signed.send("POST", "/v1/bucket/create", "UNSIGNED-PAYLOAD", Some(body.clone()), &unsigned).await;
    answer.refused(401, "Unauthorized");
    signed.send("POST", "/v1/bucket/create", "", Some(body), &[]).await.refused(401, "Unauthorized");
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let server = Server::start();
    for (seconds, word) in [(-1000, "ago"), (1000, "in the future")] {
        let signer = Signer::first(&server).off_by(seconds);
        let reason = Signed { server: &server, signer: &signer }.get("/v1/bucket/listAll").await;
        let reason = reason.refused(401, "Unauthorized");
        assert!(reason.contains("16 min") && reason.contains(word), "{reason}");
    }
    for seconds in [-800, 800] {
        let signer = Signer::first(&server).off_by(seconds);
        Signed { server: &server, signer: &signer }.get("/v1/bucket/listAll").await.ok();
    }
}

#[tokio::test]
async fn a_credential_that_is_switched_off_is_refused_at_once() {
    let server = Server::start();
    let signer = Signer::create(&server, "ann");
    let signed = Signed { server: &server, signer: &signer };
    signed.get("/v1/bucket/listAll").await.ok();
    assert!(credential(&server, &["deactivate", "--access-key", &signer.access_key]).status.success());
    let reason = signed.get("/v1/bucket/listAll").await.refused(401, "Unauthorized");
    assert!(reason.contains("switched off"), "{reason}");
    assert!(credential(&server, &["activate", "--access-key", &signer.access_key]).status.success());
    signed.get("/v1/bucket/listAll").await.ok();
    let unknown = credential(&server, &["deactivate", "--access-key", "HAUNKNOWN"]);
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("HAUNKNOWN"));
}

#[tokio::test]
async fn guessing_signatures_is_slowed_down_and_a_right_one_enters() {
    let server = Server::start();
    let right = Signer::first(&server);
    let wrong = Signer { secret: "guess".to_owned(), ..right.clone() };
    let mut last = 0;
    for _ in 0..25 {
        last = Signed { server: &server, signer: &wrong }.get("/v1/bucket/listAll").await.status;
    }
    assert_eq!(last, 429);
    Signed { server: &server, signer: &right }.get("/v1/bucket/listAll").await.ok();
}

/// A token that is taken back is refused at once, and its last use is known.
#[tokio::test]
async fn a_token_shows_its_last_use_and_can_be_revoked() {
    let server = Server::start();
    let made = credential(&server, &["create-token", "--name", "backup", "--role", "read_only"]);
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let listed = || String::from_utf8(credential(&server, &["list"]).stdout).unwrap();
    assert!(listed().contains("never used") && !listed().contains(&token), "{}", listed());
    let client = server.client();
    let ask =
        async || Answer::of("listAll", client.request(Method::GET, "/v1/bucket/listAll").bearer_auth(&token)).await;
    ask().await.ok();
    holdall_tests::eventually("the last use is written", || async { (!listed().contains("never used")).then_some(()) })
        .await;
    let line = listed().lines().find(|line| line.ends_with("backup")).unwrap().to_owned();
    let id = line.strip_prefix("token ").unwrap().split('\t').next().unwrap().to_owned();
    assert!(credential(&server, &["revoke-token", "--id", &id]).status.success());
    ask().await.refused(401, "Unauthorized");
}
