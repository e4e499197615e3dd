//! One corridor: what is written by one door is the same thing at the others.

use holdall_tests::{
    Ask, Client, Door, Server, Setup, fixture,
    raw::{exchange, head},
};
use reqwest::Method;
use serde_json::{Value, json};

struct Corridor {
    _server: Server,
    client: Client,
    door: Door,
    bucket: i64,
    package: i64,
}

async fn corridor(setup: Setup) -> Corridor {
    let server = setup.start();
    let (client, door) = (server.client(), server.s3());
    let bucket = client.bucket("corridor").await;
    let package = client.package(bucket, "pack").await;
    Corridor { _server: server, client, door, bucket, package }
}

impl Corridor {
    async fn upload(&self, path: &str, content: &[u8]) {
        self.client.put(self.package, path, content).await;
    }

    /// What `/v1` gives for a path of a package, or its status.
    async fn download(&self, package: i64, path: &str) -> Result<Vec<u8>, u16> {
        let target =
            format!("/v1/object/downloadByPath?packageID={package}&path={}", holdall_tests::form::percent_encode(path));
        let answer = self.client.request(Method::GET, &target).send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 200 { Ok(answer.bytes().await.unwrap().to_vec()) } else { Err(status) }
    }

    /// What the management answers, on the open loopback.
    async fn manage(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, &format!("/api/v1/{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn paths(&self) -> Vec<String> {
        let page = self.client.list(self.package, json!({"path": "", "isPrefix": true})).await;
        page.objects.into_iter().map(|object| object.path).collect()
    }
}

async fn each_door_reads_what_the_other_wrote(setup: Setup) {
    let corridor = corridor(setup).await;
    let (one, two, three) = (fixture::content(1, 1000), fixture::content(2, 3_000_000), fixture::content(3, 5 << 20));
    corridor.upload("by/v1 ü+%", &one).await;
    corridor.door.put("corridor", "pack/by/s3 ü+%", two.clone()).await;
    assert_eq!(corridor.door.get("corridor", "pack/by/v1 ü+%").await.unwrap(), one);
    assert!(corridor.download(corridor.package, "by/s3 ü+%").await.unwrap() == two);

    let begun = corridor.door.ask(&Ask::post("corridor", "pack/by/parts").query("uploads", "")).await;
    let upload = begun.expect(200).all("UploadId").remove(0);
    assert_eq!(
        corridor.download(corridor.package, "by/parts").await,
        Err(404),
        "an upload by S3 is not seen before its end"
    );
    let mut parts = String::new();
    for (number, content) in [(1, &three), (2, &one)] {
        let ask =
            Ask::put("corridor", "pack/by/parts").query("uploadId", &upload).query("partNumber", &number.to_string());
        let said = corridor.door.ask(&ask.body(content.clone())).await;
        let tag = said.expect(200).header("etag");
        parts.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"));
    }
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let ask = Ask::post("corridor", "pack/by/parts").query("uploadId", &upload).body(body);
    corridor.door.ask(&ask).await.expect(200);
    assert!(corridor.download(corridor.package, "by/parts").await.unwrap() == [&three[..], &one].concat());

    let listed = ["by/parts", "by/s3 ü+%", "by/v1 ü+%"];
    assert_eq!(corridor.paths().await, listed);
    assert_eq!(corridor.door.list("corridor").await, listed.map(|path| format!("pack/{path}")));
}

async fn the_management_shows_and_removes_the_same_things(setup: Setup) {
    let corridor = corridor(setup).await;
    corridor.upload("by/v1", b"one").await;
    corridor.door.put("corridor", "pack/by/s3 ü", "three").await;
    let tag = corridor.door.ask(&Ask::new("HEAD", "corridor", "pack/by/s3 ü")).await.header("etag").to_owned();

    let link = json!({
        "bucket_name": "corridor",
        "object_key": "pack/by/management",
        "method": "PUT",
        "access_key": corridor.door.signer.access_key,
    });
    let (status, made) = corridor.manage(Method::POST, "presigned-urls", Some(link)).await;
    assert_eq!(status, 201, "{made}");
    let target =
        made["url"].as_str().unwrap().split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let host = corridor.door.address.to_string();
    let mut put = head("PUT", target.unwrap(), &[("host", &host), ("content-length", "5")]);
    put.extend_from_slice(b"by it");
    assert_eq!(exchange(corridor.door.address, &put).await.unwrap().status, 200, "{made}");

    let (status, page) = corridor.manage(Method::GET, "buckets/corridor/objects?prefix=pack/", None).await;
    assert_eq!(status, 200, "{page}");
    let found = page["objects"].as_array().unwrap();
    let seen: Vec<(&str, i64)> =
        found.iter().map(|object| (object["key"].as_str().unwrap(), object["size"].as_i64().unwrap())).collect();
    assert_eq!(seen, [("pack/by/management", 5), ("pack/by/s3 ü", 5), ("pack/by/v1", 3)]);
    let (status, detail) = corridor.manage(Method::GET, "buckets/corridor/objects/pack%2Fby%2Fs3%20%C3%BC", None).await;
    assert_eq!((status, detail["size"].as_i64()), (200, Some(5)), "{detail}");
    assert_eq!(detail["etag"].as_str().unwrap().trim_matches('"'), tag.trim_matches('"'));
    assert_eq!(corridor.download(corridor.package, "by/management").await.unwrap(), b"by it");
    assert_eq!(corridor.door.get("corridor", "pack/by/management").await.unwrap(), b"by it");

    let (status, gone) = corridor.manage(Method::DELETE, "buckets/corridor/objects/pack/by/v1", None).await;
    assert_eq!(status, 200, "{gone}");
    assert_eq!(corridor.download(corridor.package, "by/v1").await, Err(404));
    assert_eq!(corridor.door.list("corridor").await, ["pack/by/management", "pack/by/s3 ü"]);
}

async fn a_key_makes_its_package(setup: Setup) {
    let corridor = corridor(setup).await;
    corridor.door.put("corridor", "fresh/a/b", "content").await;
    corridor.door.put("corridor", "alone", "in the root").await;
    let query = json!({"bucketID": corridor.bucket});
    let found = corridor.client.get("/v1/package/listBucketPackages", query).await.ok();
    let packages: Vec<(String, i64)> = found["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["name"].as_str().unwrap().to_owned(), package["packageID"].as_i64().unwrap()))
        .collect();
    let id = |name: &str| packages.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{packages:?}")).1;
    assert_eq!(corridor.download(id("fresh"), "a/b").await.unwrap(), b"content");
    assert_eq!(corridor.download(id(""), "alone").await.unwrap(), b"in the root");
}

async fn what_one_door_removes_is_gone_at_the_other(setup: Setup) {
    let corridor = corridor(setup).await;
    corridor.upload("a", b"one").await;
    corridor.door.put("corridor", "pack/b", "two").await;
    corridor.door.ask(&Ask::new("DELETE", "corridor", "pack/a")).await.expect(204);
    assert_eq!(corridor.download(corridor.package, "a").await, Err(404));
    corridor.upload("b", b"three").await;
    assert_eq!(corridor.door.get("corridor", "pack/b").await.unwrap(), b"three");
    let copy = Ask::put("corridor", "pack/copy").header("x-amz-copy-source", "/corridor/pack/b");
    corridor.door.ask(&copy).await.expect(200);
    corridor.client.post("/v1/package/delete", json!({"packageID": corridor.package})).await.ok();
    assert_eq!(corridor.door.list("corridor").await, [""; 0]);
    assert_eq!(corridor.door.get("corridor", "pack/copy").await, None);
    corridor.door.ask(&Ask::new("DELETE", "corridor", "")).await.expect(204);
    let all = corridor.client.get("/v1/bucket/listAll", json!({})).await.ok();
    assert_eq!(all["buckets"], json!([]));
}

super::super::on_both!(
    each_door_reads_what_the_other_wrote,
    the_management_shows_and_removes_the_same_things,
    a_key_makes_its_package,
    what_one_door_removes_is_gone_at_the_other,
);
