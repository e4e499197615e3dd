//! The connector as its clients see it: connectors, datasources, documents, and what a scan makes of a bucket.

mod api;
mod bad_input;
mod faults;
mod index;
mod own;
mod secrets;
mod servers;

use holdall_tests::{Answer, Client, S3Server, Server, Setup, eventually, s3_server};
use reqwest::Method;
use serde_json::{Value, json};

/// A client of the contract: every answer is JSON of its type, and nothing is 500.
struct Coco {
    client: Client,
    token: Option<String>,
}

/// A status and a body.
#[derive(Debug)]
struct Said {
    status: u16,
    body: Value,
}

impl Coco {
    fn of(server: &Server) -> Self {
        Self { client: server.client(), token: None }
    }

    fn with_token(server: &Server, token: &str) -> Self {
        Self { client: server.client(), token: Some(token.to_owned()) }
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<String>) -> Said {
        let body = body.into();
        let mut request = self.client.request(method.clone(), path).body(body.clone());
        if let Some(token) = &self.token {
            request = request.header("X-API-TOKEN", token);
        }
        let answer = Answer::of(&format!("{method} {path} {body}"), request).await;
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{answer:?}");
        assert!(answer.status < 500, "{answer:?}");
        let body = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        Said { status: answer.status, body }
    }

    async fn get(&self, path: &str) -> Said {
        self.send(Method::GET, path, "").await
    }

    async fn post(&self, path: &str, body: Value) -> Said {
        self.send(Method::POST, path, body.to_string()).await
    }

    async fn put(&self, path: &str, body: Value) -> Said {
        self.send(Method::PUT, path, body.to_string()).await
    }

    async fn delete(&self, path: &str) -> Said {
        self.send(Method::DELETE, path, "").await
    }

    /// Makes a datasource, and returns its id.
    async fn datasource(&self, body: Value) -> String {
        let said = self.post("/datasource/", body).await;
        said.is(200);
        said.body["_id"].as_str().unwrap().to_owned()
    }

    async fn source(&self, path: &str) -> Value {
        let said = self.get(path).await;
        said.is(200);
        said.body["_source"].clone()
    }

    async fn last_run(&self, datasource: &str) -> Value {
        self.source(&format!("/datasource/{datasource}")).await["last_run"].clone()
    }

    /// Waits until a scan that began behind `after` stands so, and returns it.
    async fn run_after(&self, datasource: &str, after: &Value, state: &str) -> Value {
        eventually(&format!("a scan of {datasource} has {state}"), || async {
            let run = self.last_run(datasource).await;
            (run["state"] == state && run["started"] != *after).then_some(run)
        })
        .await
    }

    /// Waits until the first scan is over and went well.
    async fn scanned(&self, datasource: &str) -> Value {
        self.run_after(datasource, &Value::Null, "succeeded").await
    }

    /// Scans again, and waits until that is over and went well.
    async fn scan_again(&self, datasource: &str) -> Value {
        let before = self.last_run(datasource).await["started"].clone();
        let said = self.post(&format!("/datasource/{datasource}/_reset_sync"), json!({})).await;
        said.is(200);
        assert_eq!(said.body, json!({"acknowledged": true}));
        self.run_after(datasource, &before, "succeeded").await
    }

    /// All documents of a datasource by their keys; some thousand at most.
    async fn documents(&self, datasource: &str) -> std::collections::BTreeMap<String, Value> {
        let path = format!("/document/_search?size=5000&filter=source.id:any({datasource})&view=list");
        let said = self.get(&path).await;
        said.is(200);
        let hits = said.body["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{said:?}")).clone();
        assert!(hits.len() < 5000, "all on one page");
        let source = |hit: Value| {
            (hit["_source"]["metadata"]["key"].as_str().unwrap_or_default().to_owned(), hit["_source"].clone())
        };
        hits.into_iter().map(source).collect()
    }

    async fn keys(&self, datasource: &str) -> Vec<String> {
        self.documents(datasource).await.into_keys().collect()
    }
}

impl Said {
    #[track_caller]
    fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }

    /// The reason of a refusal, which has both shapes.
    #[track_caller]
    fn refused(&self, status: u16) -> String {
        self.is(status);
        assert_eq!((&self.body["status"], &self.body["error"]["status"]), (&json!(status), &json!(status)), "{self:?}");
        let reason = self.body["error"]["reason"].as_str().unwrap_or_default().to_owned();
        assert!(!reason.is_empty(), "{self:?}");
        reason
    }
}

/// A server whose scans are far apart unless a test asks for one.
fn rare() -> Setup {
    Server::with().set("connector.s3.interval", "1h").set("connector.holdall.interval", "1h").set("sync.lease", "2s")
}

/// A datasource over a bucket of an S3 server of the test.
fn over(endpoint: &str, bucket: &str, more: Value) -> Value {
    let mut config = json!({
        "access_key_id": s3_server::ACCESS_KEY, "secret_access_key": s3_server::SECRET_KEY, "bucket": bucket,
        "endpoint": endpoint.trim_start_matches("http://"), "use_ssl": false,
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    json!({"name": "My S3 Documents", "type": "connector", "connector": {"id": "s3", "config": config}})
}

/// An S3 server with a bucket `docs` of these objects.
fn bucket_of(keys: &[&str]) -> S3Server {
    let server = S3Server::start();
    server.make_bucket("docs");
    for key in keys {
        server.put_file("docs", key, format!("content of {key}"));
    }
    server
}
