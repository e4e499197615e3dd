//! One corridor: what is written by one door is the same thing at the others.

use holdall_tests::{Ask, Client, Door, Server, Setup, fixture};
use reqwest::Method;
use serde_json::json;

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
    a_key_makes_its_package,
    what_one_door_removes_is_gone_at_the_other,
);
