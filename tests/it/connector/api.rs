//! Connectors, datasources and documents by hand: the contract's paths, statuses and bodies, and its own samples.

use super::*;

/// The body of the contract's first sample, byte for byte.
const REGISTER: &str = r#"{
  "name" : "S3 对象存储连接器",
  "description" : "提取 S3 云端文件元数据信息。",
  "category" : "cloud_storage",
  "icon" : "/assets/icons/connector/s3/icon.png",
  "tags" : [
    "s3",
    "storage"
  ],
  "url" : "http://coco.rs/connectors/s3",
  "assets" : {
  "icons" : {
    "default" : "/assets/icons/connector/s3/icon.png"
    }
  }
}"#;

/// The body of its second one, with what has to be filled in, and with the quotes that its shell leaves over.
fn sample(endpoint: &str) -> String {
    let text = r#"
{
    "name":"My S3 Documents",
    "type":"connector",
    "connector":{
        "id":"s3",
         "config":{
            "access_key_id": "your-access_key_id",
            "secret_access_key":"your-secret_access_key",
            "bucket":"your-bucket",
            "endpoint":"your-s3-service-endpoint",
            "use_ssl":true,
            "prefix":"",
            "extensions": [ "pdf", "docx", "txt" ]
        }
    }
}''"#;
    text.replace("your-access_key_id", s3_server::ACCESS_KEY)
        .replace("your-secret_access_key", s3_server::SECRET_KEY)
        .replace("your-bucket", "docs")
        .replace("your-s3-service-endpoint", endpoint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_of_the_contract_work_as_printed() {
    let storage = bucket_of(&["a.pdf", "b.TXT", "c.png"]);
    let server = Server::with().set("connector.s3.interval", "1s").start();
    let coco = Coco::of(&server);
    let said = coco.send(Method::PUT, "/connector/s3?replace=true", REGISTER).await;
    assert_eq!((said.status, &said.body), (200, &json!({"_id": "s3", "result": "updated"})));
    let connector = coco.source("/connector/s3").await;
    assert_eq!((&connector["name"], &connector["builtin"]), (&json!("S3 对象存储连接器"), &json!(true)));
    assert_eq!((&connector["category"], &connector["tags"]), (&json!("cloud_storage"), &json!(["s3", "storage"])));
    // It stays built in, and works on.
    assert!(coco.delete("/connector/s3").await.refused(403).contains("s3"));

    let request = coco.client.request(Method::POST, "/datasource/").header("content-type", "application/json");
    let answer = Answer::of("the sample", request.body(sample(&storage.endpoint()))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let made: Value = serde_json::from_slice(&answer.body).unwrap();
    let id = made["_id"].as_str().unwrap();
    assert_eq!((id.len(), &made["result"]), (20, &json!("created")));
    let run = coco.scanned(id).await;
    assert_eq!((&run["listed"], &run["indexed"], &run["error"]), (&json!(3), &json!(2), &Value::Null));
    assert_eq!(coco.keys(id).await, ["a.pdf", "b.TXT"]);
    // The interval of the configuration goes on.
    storage.put_file("docs", "d.docx", "new");
    eventually("the new object is found", || async { (coco.keys(id).await.len() == 3).then_some(()) }).await;
}

#[tokio::test]
async fn connectors_are_made_changed_and_deleted() {
    let server = rare().start();
    let coco = Coco::of(&server);
    for (path, id) in [("/connector/", "one"), ("/connector", "two")] {
        let said = coco.post(path, json!({"id": id, "name": "N", "unknown": 1, "config": {"a": 1}})).await;
        assert_eq!((said.status, &said.body), (200, &json!({"_id": id, "result": "created"})));
    }
    assert!(coco.post("/connector/", json!({"id": "one", "name": "N"})).await.refused(409).contains("one"));
    let made = coco.post("/connector/", json!({"name": "N"})).await;
    assert_eq!(made.body["_id"].as_str().unwrap().len(), 20);
    let said = coco.get("/connector/one/").await;
    assert_eq!((said.status, &said.body["found"], &said.body["_id"]), (200, &json!(true), &json!("one")));
    let source = said.body["_source"].clone();
    assert_eq!((&source["id"], &source["name"], source.get("unknown")), (&json!("one"), &json!("N"), None));
    let created: jiff::Timestamp = source["created"].as_str().unwrap().parse().unwrap();

    // Without `replace` what is absent stays; with it, it does not.
    let put = |path: &'static str, body: Value| coco.put(path, body);
    assert_eq!(
        put("/connector/one", json!({"description": "D"})).await.body,
        json!({"_id": "one", "result": "updated"})
    );
    let source = coco.source("/connector/one").await;
    assert_eq!(
        (&source["name"], &source["description"], &source["config"]["a"]),
        (&json!("N"), &json!("D"), &json!(1))
    );
    assert_eq!(created, source["created"].as_str().unwrap().parse().unwrap());
    put("/connector/one?replace=TRUE", json!({"name": "M"})).await.is(200);
    let source = coco.source("/connector/one").await;
    assert_eq!((&source["name"], source.get("description"), source.get("config")), (&json!("M"), None, None));
    let said = put("/connector/three?replace=true", json!({"name": "T"})).await;
    assert_eq!((said.status, &said.body["result"]), (200, &json!("updated")));

    assert_eq!(coco.get("/connector/none").await.body, json!({"_id": "none", "found": false}));
    for replace in ["", "?replace=false", "?replace=1"] {
        let said = coco.put(&format!("/connector/none{replace}"), json!({"name": "x"})).await;
        assert_eq!((said.status, said.body), (404, json!({"_id": "none", "result": "not_found"})), "{replace}");
    }
    let said = coco.delete("/connector/one").await;
    assert_eq!((said.status, said.body), (200, json!({"_id": "one", "result": "deleted"})));
    let said = coco.delete("/connector/one").await;
    assert_eq!((said.status, said.body), (404, json!({"_id": "one", "result": "not_found"})));
    for id in ["s3", "holdall"] {
        coco.delete(&format!("/connector/{id}")).await.refused(403);
        assert_eq!(coco.source(&format!("/connector/{id}")).await["builtin"], true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datasources_keep_what_is_not_said() {
    let storage = bucket_of(&["a.txt", "b.txt"]);
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await;
    let path = format!("/datasource/{id}");
    let source = coco.source(&path).await;
    assert_eq!((&source["enabled"], &source["sync"]["enabled"]), (&json!(true), &json!(true)));
    coco.scanned(&id).await;

    // Off by each of its switches, and on again; nothing else changes.
    for off in [json!({"enabled": false}), json!({"sync": {"enabled": false}}), json!({"sync_enabled": false})] {
        let said = coco.put(&path, off.clone()).await;
        assert_eq!((said.status, &said.body), (200, &json!({"_id": id, "result": "updated"})));
        let source = coco.source(&path).await;
        assert_eq!(
            (&source["name"], &source["connector"]["config"]["bucket"]),
            (&json!("My S3 Documents"), &json!("docs"))
        );
        assert_eq!(source["last_run"]["next"], Value::Null, "{off}");
        let found = coco.get("/query/_search?query=txt").await.body["hits"]["total"]["value"].clone();
        let expected = if off.get("enabled").is_some() { 0 } else { 2 };
        assert_eq!(found, expected, "documents of a datasource that is off are not found: {off}");
        coco.put(&path, json!({"enabled": true, "sync": {"enabled": true}})).await.is(200);
    }
    coco.put(&path, json!({"name": "renamed", "sync": {"interval": "90s"}})).await.is(200);
    let source = coco.source(&path).await;
    assert_eq!((&source["name"], &source["sync"]), (&json!("renamed"), &json!({"enabled": true, "interval": "90s"})));
    let documents = coco.documents(&id).await;
    assert_eq!(documents["a.txt"]["source"]["name"], "renamed");
    let next: jiff::Timestamp = eventually("it is scanned every 90 s", || async {
        coco.last_run(&id).await["next"].as_str().and_then(|next| next.parse().ok())
    })
    .await;
    assert!(next.as_second() - jiff::Timestamp::now().as_second() <= 91);

    let said = coco.put("/datasource/none", json!({"name": "x"})).await;
    assert_eq!((said.status, said.body), (404, json!({"_id": "none", "result": "not_found"})));
    let said = coco.put("/datasource/mine?replace=true", over(&storage.endpoint(), "docs", json!({}))).await;
    assert_eq!((said.status, said.body), (200, json!({"_id": "mine", "result": "updated"})));
    assert_eq!(coco.get("/datasource/none").await.body, json!({"_id": "none", "found": false}));

    // Lists show neither settings nor secrets.
    let said = coco.get("/datasource/_search?size=10").await;
    let hits = said.body["hits"]["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{said:?}");
    assert!(hits.iter().all(|hit| hit["_source"]["connector"] == json!({"id": "s3"})), "{said:?}");

    let said = coco.delete(&path).await;
    assert_eq!((said.status, said.body), (200, json!({"_id": id, "result": "deleted"})));
    let said = coco.delete(&path).await;
    assert_eq!((said.status, said.body), (404, json!({"_id": id, "result": "not_found"})));
    assert!(coco.keys(&id).await.is_empty(), "its documents went with it");
    coco.post(&format!("/datasource/{id}/_reset_sync"), json!({})).await.is(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_made_changed_and_deleted() {
    let server = rare().start();
    let coco = Coco::of(&server);
    let notion = json!({"name": "n", "type": "connector", "connector": {"id": "notes", "config": {}}});
    assert!(coco.post("/datasource/", notion.clone()).await.refused(400).contains("connector.id"));
    coco.post("/connector/", json!({"id": "notes", "name": "Notes"})).await.is(200);
    let id = coco.datasource(notion).await;
    assert_eq!(coco.last_run(&id).await["next"], Value::Null, "nobody lists it");

    let body = json!({"title": "First", "content": "words", "source": {"id": "forged"}, "size": 7, "created": "2020-01-02T03:04:05Z"});
    let made = coco.post(&format!("/datasource/{id}/_doc"), body.clone()).await;
    assert_eq!((made.status, &made.body["result"]), (200, &json!("created")));
    let first = made.body["_id"].as_str().unwrap().to_owned();
    let source = coco.source(&format!("/document/{first}")).await;
    assert_eq!(source["source"], json!({"id": id, "type": "connector", "name": "n"}), "its datasource is what it is");
    assert_eq!((&source["title"], &source["created"]), (&json!("First"), &json!("2020-01-02T03:04:05+00:00")));
    let said = coco.post(&format!("/datasource/{id}/_doc/second/"), body.clone()).await;
    assert_eq!((said.status, &said.body["_id"]), (200, &json!("second")));
    coco.post(&format!("/datasource/{id}/_doc/second"), body.clone()).await.refused(409);
    coco.post("/datasource/none/_doc", body.clone()).await.is(404);
    let said = coco.post("/document", json!({"id": "third", "title": "Third", "source": {"id": id}})).await;
    assert_eq!((said.status, said.body), (200, json!({"_id": "third", "result": "created"})));

    let said = coco.put("/document/second", json!({"summary": "short", "metadata": {"a": 1}})).await;
    assert_eq!((said.status, said.body), (200, json!({"_id": "second", "result": "updated"})));
    let source = coco.source("/document/second").await;
    assert_eq!(
        (&source["title"], &source["summary"], &source["metadata"]["a"]),
        (&json!("First"), &json!("short"), &json!(1))
    );
    coco.put("/document/fourth", json!({"title": "Fourth", "source": {"id": id}})).await.is(200);
    let found = coco.get("/query/_search?query=fourth").await;
    assert_eq!(found.body["hits"]["total"]["value"], 1, "{found:?}");
    coco.put("/document/fourth", json!({"disabled": true})).await.is(200);
    let found = coco.get("/query/_search?query=fourth").await;
    assert_eq!(found.body["hits"]["total"]["value"], 0, "{found:?}");

    let said = coco.delete("/document/second").await;
    assert_eq!((said.status, said.body), (200, json!({"_id": "second", "result": "deleted"})));
    let said = coco.delete("/document/second").await;
    assert_eq!((said.status, said.body), (404, json!({"_id": "second", "result": "not_found"})));
    assert_eq!(coco.get("/document/second").await.body, json!({"_id": "second", "found": false}));
    let said = coco.send(Method::DELETE, "/document/", json!(["third", "none", "fourth"]).to_string()).await;
    assert_eq!((said.status, said.body), (200, json!({"acknowledged": true})));
    coco.get("/document/third").await.is(404);
    coco.delete(&format!("/datasource/{id}")).await.is(200);
    coco.get(&format!("/document/{first}")).await.is(404);
}

#[tokio::test]
async fn who_may_enter_and_what_for() {
    let server = rare().set("auth.loopback", "closed").start();
    let nobody = Coco::of(&server);
    for path in ["/connector/s3", "/datasource/x/", "/document/_search", "/query/_search"] {
        nobody.get(path).await.refused(401);
    }
    Coco::with_token(&server, "wrong").get("/connector/s3").await.refused(401);
    let admin = Coco::with_token(&server, &server.admin_token());
    admin.get("/connector/s3").await.is(200);
    let request = server.client().request(Method::GET, "/connector/s3").bearer_auth(server.admin_token());
    assert_eq!(Answer::of("with a bearer token", request).await.status, 200);

    let request = server.client().request(Method::POST, "/api/v1/tokens").bearer_auth(server.admin_token());
    let made = Answer::of("a token", request.json(&json!({"name": "r", "role": "read_only"}))).await;
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let reader = Coco::with_token(&server, made["token"].as_str().unwrap_or_else(|| panic!("{made}")));
    reader.get("/connector/s3").await.is(200);
    reader.get("/query/_search?query=x").await.is(200);
    reader.post("/datasource/_search", json!({"size": 0})).await.is(200);
    for (method, path) in [
        (Method::POST, "/connector/"),
        (Method::PUT, "/connector/s3?replace=true"),
        (Method::DELETE, "/connector/x"),
        (Method::POST, "/datasource/"),
        (Method::PUT, "/datasource/x"),
        (Method::DELETE, "/datasource/x"),
        (Method::POST, "/datasource/x/_reset_sync"),
        (Method::POST, "/datasource/x/_doc"),
        (Method::POST, "/document/"),
        (Method::PUT, "/document/x"),
        (Method::DELETE, "/document/x"),
    ] {
        reader.send(method, path, json!({"name": "n", "type": "connector"}).to_string()).await.refused(403);
    }
    nobody.send(Method::PATCH, "/connector/s3", "").await.refused(405);
    admin.get("/connector/a/b/c").await.refused(404);
}
