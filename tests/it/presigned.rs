//! Presigned links: made by clients themselves as the contract's clients do, and made by the server.

use holdall_tests::{
    Answer, Client, Server, Setup, eventually,
    fixture::content,
    sign::{Signer, credential},
};
use reqwest::Method;
use serde_json::{Value, json};

/// Asks a link by hand.
struct Links<'a> {
    client: Client,
    host: String,
    signer: &'a Signer,
}

impl<'a> Links<'a> {
    fn of(server: &Server, signer: &'a Signer) -> Self {
        Self { client: server.client(), host: server.address().to_string(), signer }
    }

    fn make(&self, method: &str, call: &str, parameters: &[(&str, &str)]) -> String {
        self.signer.link(method, &self.host, &format!("/v1/presigned/object/{call}"), parameters, 3600)
    }

    async fn get(&self, call: &str, parameters: &[(&str, &str)]) -> Answer {
        ask(&self.client, Method::GET, &self.make("GET", call, parameters), Vec::new()).await
    }

    async fn post(&self, call: &str, parameters: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        ask(&self.client, Method::POST, &self.make("POST", call, parameters), body.into()).await
    }
}

async fn ask(client: &Client, method: Method, link: &str, body: Vec<u8>) -> Answer {
    let mut request = client.request(method, link);
    if !body.is_empty() {
        request = request.header("content-type", "application/octet-stream").body(body);
    }
    Answer::of("a link", request).await
}

async fn links_that_clients_sign_do_everything(setup: Setup) {
    let server = setup.set("auth.loopback", "closed").start();
    let signer = Signer::first(&server);
    let links = Links::of(&server, &signer);
    let token = server.admin_token();
    let post = async |path: &str, body: Value| {
        Answer::of(path, links.client.request(Method::POST, path).bearer_auth(&token).json(&body)).await.ok()
    };
    let bucket = post("/v1/bucket/create", json!({"name": "b"})).await["bucket"]["bucketID"].clone();
    let package = post("/v1/package/create", json!({"bucketID": bucket, "name": "p"})).await;
    let package = package["package"]["packageID"].to_string();

    // userID is still sent by clients, and signed.
    let base = [("userID", "1"), ("packageID", package.as_str())];
    let path = "a b/ü+&=%.bin";
    let bytes = content(7, 3_000_000);
    let target = [&base[..], &[("path", path)]].concat();
    let object = links.post("upload", &target, bytes.clone()).await.object();
    assert_eq!((object.path.as_str(), object.size), (path, 3_000_000));
    assert_eq!(links.post("upload", &[&base[..], &[("path", "dir/")]].concat(), "").await.object().size, 0);

    let listing = [&base[..], &[("path", ""), ("isPrefix", "true"), ("maxKeys", "1000")]].concat();
    assert_eq!(links.get("listByPath", &listing).await.page().paths(), [path, "dir/"]);
    let id = object.id.to_string();
    assert_eq!(links.get("download", &[("objectID", &id)]).await.content(), bytes);
    let part = links.get("download", &[("objectID", &id), ("offset", "1000"), ("length", "5000")]).await.content();
    assert_eq!(part, bytes[1000..6000]);
    assert_eq!(links.get("downloadByPath", &target).await.content(), bytes);

    let upload = links.post("newMultipartUpload", &[&base[..], &[("path", "m")]].concat(), "").await.object();
    let id = upload.id.to_string();
    for (index, piece) in [("10", "ten"), ("9", "nine"), ("2", "two")] {
        links.post("uploadPart", &[("objectID", &id), ("index", index)], piece).await.ok();
    }
    // Repeated values are a set in ascending order, because signers sort them ("10" before "9").
    let repeated = [("objectID", id.as_str()), ("indexes", "10"), ("indexes", "9"), ("indexes", "2")];
    assert_eq!(links.post("completeMultipartUpload", &repeated, "").await.object().size, 10);
    assert_eq!(links.get("download", &[("objectID", &id)]).await.content(), "twonineten");

    let upload = links.post("newMultipartUpload", &[&base[..], &[("path", "n")]].concat(), "").await.object();
    let id = upload.id.to_string();
    for (index, piece) in [("1", "a"), ("2", "b")] {
        links.post("uploadPart", &[("objectID", &id), ("index", index)], piece).await.ok();
    }
    links.post("completeMultipartUpload", &[("objectID", &id), ("indexes", "2,1,2")], "").await.ok();
    assert_eq!(links.get("download", &[("objectID", &id)]).await.content(), "bab");
}

async fn links_that_the_server_makes_can_be_seen_used_and_taken_back(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a ü.txt", "content").await;
    let wanted =
        json!({"operation": "downloadByPath", "packageID": package, "path": "a ü.txt", "length": 4, "expires": 60});
    let made = client.post("/v1/presigned/create", wanted).await.ok();
    assert_eq!(made["method"], "GET");
    let url = made["url"].as_str().unwrap();
    let link = url.strip_prefix(&server.url()).unwrap_or_else(|| panic!("{url} is not of this server"));
    for _ in 0..3 {
        assert_eq!(ask(&client, Method::GET, link, Vec::new()).await.content(), "cont");
    }
    let wanted = json!({"operation": "upload", "packageID": package, "path": "new"});
    let upload = client.post("/v1/presigned/create", wanted).await.ok();
    let upload_link = upload["url"].as_str().unwrap().strip_prefix(&server.url()).unwrap().to_owned();
    let put = ask(&client, Method::POST, &upload_link, b"by link".to_vec()).await.object();
    assert_eq!(client.read(put.id).await, "by link");
    ask(&client, Method::GET, &upload_link, Vec::new()).await;

    let listed = eventually("uses are counted", || async {
        let listed = client.get("/v1/presigned/list", json!({})).await.ok();
        let links = listed["presigneds"].as_array().unwrap().clone();
        (links[1]["uses"] == 3).then_some(links)
    })
    .await;
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[1]["operation"], &listed[1]["revoked"]), (&json!("downloadByPath"), &json!(false)));
    assert!(listed[1]["lastUsedTime"].is_string());
    let signature = link.rsplit('=').next().unwrap();
    assert!(!json!(listed).to_string().contains(signature));
    let page = client.get("/v1/presigned/list", json!({"maxKeys": 1})).await.ok();
    assert_eq!((&page["presigneds"][0], &page["isTruncated"]), (&listed[0], &json!(true)));
    let token = &page["nextContinuationToken"];
    let page = client.get("/v1/presigned/list", json!({"maxKeys": 1, "continuationToken": token})).await.ok();
    assert_eq!((&page["presigneds"][0], &page["isTruncated"]), (&listed[1], &json!(false)));

    client.post("/v1/presigned/revoke", json!({"presignedID": made["presignedID"]})).await.ok();
    let reason = ask(&client, Method::GET, link, Vec::new()).await.refused(401, "Unauthorized");
    assert!(reason.contains("revoked"), "{reason}");
    let upper = link.replace(signature, &signature.to_uppercase());
    ask(&client, Method::GET, &upper, Vec::new()).await.refused(401, "Unauthorized");
    client.post("/v1/presigned/revoke", json!({"presignedID": 99})).await.refused(404, "DataNotFound");

    // Neither the log nor a row holds what would let anybody in.
    let rows = server.snapshot().rows["presigned_url"].clone();
    assert!(!rows.iter().any(|row| row.to_lowercase().contains(signature)) && !server.log().contains(signature));
    assert!(!server.log().contains(&Signer::first(&server).secret));
    assert_eq!(object.id, client.find(package, "a ü.txt").await.unwrap().id);
}

crate::on_both!(links_that_clients_sign_do_everything, links_that_the_server_makes_can_be_seen_used_and_taken_back);

/// What a query says to its reader: a change that says the same is none.
fn meaning(link: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                other => other,
            });
        }
        Some(bytes)
    };
    let (_, query) = link.split_once('?')?;
    let mut pairs = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Some(pairs)
}

#[tokio::test]
async fn one_changed_character_anywhere_is_refused() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await.to_string();
    client.put(package.parse().unwrap(), "a/b c", "content").await;
    client.put(package.parse().unwrap(), "a/b d", "another").await;
    let signer = Signer::first(&server);
    let links = Links::of(&server, &signer);
    let link = links.make("GET", "downloadByPath", &[("packageID", &package), ("path", "a/b c"), ("length", "5")]);
    assert_eq!(ask(&client, Method::GET, &link, Vec::new()).await.content(), "conte");

    let start = link.find('?').unwrap() + 1;
    let mut tried = 0;
    for at in start..link.len() {
        for new in ['0', '1', 'a', 'Z', '%', '&', '=', '+', ';'] {
            let changed = format!("{}{new}{}", &link[..at], &link[at + 1..]);
            // The signature may be written in either case.
            let same = changed.eq_ignore_ascii_case(&link) && at > link.rfind('=').unwrap();
            if changed == link || same || meaning(&changed) == meaning(&link) {
                continue;
            }
            let answer = ask(&client, Method::GET, &changed, Vec::new()).await;
            assert!(answer.status == 401 || answer.status == 429, "byte {at} as `{new}`: {answer:?}");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried}");
    for changed in [
        format!("{link}&offset=1"),
        link.replace("length=5&", ""),
        link.replace("length=5", "LENGTH=5"),
        link.replace("&packageID", "&length=7&packageID"),
        link.replace("downloadByPath", "listByPath"),
        format!("{link}&X-Amz-Signature=00"),
    ] {
        let answer = ask(&client, Method::GET, &changed, Vec::new()).await;
        assert!(answer.status == 401 || answer.status == 429, "{changed}: {answer:?}");
    }
    // Another order of the same is the same, and a right link enters whatever came before.
    let (path, query) = link.split_once('?').unwrap();
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.reverse();
    assert_eq!(ask(&client, Method::GET, &format!("{path}?{}", pairs.join("&")), Vec::new()).await.content(), "conte");
    // It counts for the host it was signed for, and with its method.
    let moved = client.request(Method::GET, &link).header("host", "localhost");
    assert_eq!(Answer::of("another host", moved).await.status, 429);
}

#[tokio::test]
async fn a_link_lives_as_long_as_it_says() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let id = client.put(package, "a", "content").await.id.to_string();
    let host = server.address().to_string();
    let path = "/v1/presigned/object/download";
    let link = |seconds: i64, expires: i64| {
        Signer::first(&server).off_by(seconds).link("GET", &host, path, &[("objectID", &id)], expires)
    };
    let refused = async |link: String, says: &str| {
        let reason = ask(&client, Method::GET, &link, Vec::new()).await.refused(401, "Unauthorized");
        assert!(reason.contains(says), "{says}: {reason}");
    };
    refused(link(-100, 60), "expired at").await;
    refused(link(1000, 60), "not valid before").await;
    refused(link(0, 604_801), "7 days").await;
    refused(link(0, 0), "X-Expires").await;
    refused(link(0, 60).replace("X-Expires", "X-Amz-Expires"), "X-Expires is missing").await;
    for good in [link(-100, 200), link(800, 60), link(-604_700, 604_800)] {
        assert_eq!(ask(&client, Method::GET, &good, Vec::new()).await.content(), "content");
    }
    // These calls take a link and nothing else, and a link is no proof for other calls.
    let plain = client.request(Method::GET, &format!("{path}?objectID={id}"));
    Answer::of("without a signature", plain).await.refused(401, "Unauthorized");
    let both = client.request(Method::GET, &link(0, 60)).bearer_auth(server.admin_token());
    Answer::of("a link and a token", both).await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn a_link_acts_as_who_signed_it() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "content").await;
    let id = object.id.to_string();
    let other = Signer::create(&server, "other");
    let links = Links::of(&server, &other);
    links.get("download", &[("objectID", &id)]).await.refused(404, "DataNotFound");
    let package_id = package.to_string();
    let target = [("packageID", package_id.as_str()), ("path", "x")];
    links.post("upload", &target, "1").await.refused(404, "DataNotFound");
    links.post("newMultipartUpload", &target, "").await.refused(404, "DataNotFound");

    // The operator signs for whom it likes; a switched off credential signs nothing, and its links end.
    let wanted = json!({"operation": "download", "objectID": object.id, "credentialID": 2});
    let made = client.post("/v1/presigned/create", wanted.clone()).await.ok();
    let link = made["url"].as_str().unwrap().strip_prefix(&server.url()).unwrap().to_owned();
    ask(&client, Method::GET, &link, Vec::new()).await.refused(404, "DataNotFound");
    assert!(credential(&server, &["deactivate", "--access-key", &other.access_key]).status.success());
    ask(&client, Method::GET, &link, Vec::new()).await.refused(401, "Unauthorized");
    client.post("/v1/presigned/create", wanted).await.refused(409, "OperationFailed");
    let unknown = json!({"operation": "download", "objectID": 1, "credentialID": 77});
    client.post("/v1/presigned/create", unknown).await.refused(404, "DataNotFound");

    // A link acts as its signer, so who may only read may not make one.
    let made = credential(&server, &["create-token", "--name", "r", "--role", "read_only"]);
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let body = json!({"operation": "download", "objectID": object.id});
    let request = client.request(Method::POST, "/v1/presigned/create").bearer_auth(token).json(&body);
    Answer::of("create by a reader", request).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn what_a_link_cannot_be_made_of_is_named() {
    let server = Server::start();
    let client = server.client();
    for (body, says) in [
        (json!({}), "operation"),
        (json!({"operation": "delete"}), "must be one of listByPath, download"),
        (json!({"operation": "download"}), "objectID"),
        (json!({"operation": "download", "objectID": 1, "offset": -1}), "offset"),
        (json!({"operation": "download", "objectID": 1, "method": "POST"}), "method"),
        (json!({"operation": "download", "objectID": 1, "expires": 604_801}), "expires"),
        (json!({"operation": "download", "objectID": 1, "expires": 0}), "expires"),
        (json!({"operation": "completeMultipartUpload", "objectID": 1, "indexes": []}), "indexes"),
    ] {
        let reason = client.post("/v1/presigned/create", body).await.refused(400, "BadArgument");
        assert!(reason.contains(says), "{says}: {reason}");
    }
}
