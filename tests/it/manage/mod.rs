//! The management API, through its door.

mod access;
mod bad_input;
mod buckets;
mod links;
mod objects;

use holdall_tests::{Answer, S3Client, Server};
use reqwest::Method;
use serde_json::Value;

/// Speaks to the management API, and takes it at its word: every answer is checked for its form.
struct Manager {
    client: holdall_tests::Client,
    token: Option<String>,
}

impl Manager {
    /// Without a token: the loopback is open.
    fn of(server: &Server) -> Self {
        Self { client: server.client(), token: None }
    }

    fn with_token(server: &Server, token: &str) -> Self {
        Self { client: server.client(), token: Some(token.to_owned()) }
    }

    /// Asks for `path` below `/api/v1`.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let asked = format!("{method} {path} {body:?}");
        let mut request = self.client.request(method, &format!("/api/v1{path}"));
        if let Some(token) = &self.token {
            request = request.header("X-API-Key", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(&asked, request).await
    }

    async fn get(&self, path: &str) -> Value {
        answered(&self.send(Method::GET, path, None).await, 200)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        answered(&self.send(Method::POST, path, Some(body)).await, 201)
    }

    async fn delete(&self, path: &str) -> Value {
        answered(&self.send(Method::DELETE, path, None).await, 200)
    }

    /// A new credential: its id, and a client of a bucket of its own.
    async fn owner(&self, server: &Server, name: &str, bucket: &str) -> (i64, S3Client) {
        let made = self.post("/credentials", serde_json::json!({ "user_name": name })).await;
        let (id, access_key, secret) =
            (made["id"].as_i64().unwrap(), text(&made, "access_key"), text(&made, "secret_key"));
        self.post("/buckets", serde_json::json!({ "name": bucket, "owner_id": id })).await;
        (id, S3Client::new(&s3_url(server), bucket, &access_key, &secret))
    }
}

/// Where the S3 door says that it listens.
fn s3_url(server: &Server) -> String {
    let output = server.output();
    output.lines().find_map(|line| line.strip_prefix("S3 on ")).unwrap().trim().to_owned()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {value}")).to_owned()
}

/// The JSON of a success.
#[track_caller]
fn answered(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(value.get("error").is_none(), "{answer:?}");
    value
}

/// The message of a refusal with this status and code.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!((answer.status, value["error"]["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(value["request_id"].as_str(), Some(answer.header("x-request-id")), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    let message = text(&value["error"], "message");
    assert!(!message.is_empty(), "a refusal must say why: {answer:?}");
    message
}

/// Follows a list to its end; what it asks for must take a cursor.
async fn all_pages(manager: &Manager, path: &str, field: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut entries = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = manager.get(&format!("{path}{separator}limit={limit}&cursor={cursor}")).await;
        let found = page[field].as_array().unwrap();
        assert!(found.len() <= limit, "{page}");
        entries.extend(found.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return entries,
        }
    }
}
