//! Following a task by server-sent events.

use super::*;
use reqwest::Method;

on_both![a_task_is_followed_from_its_beginning_to_its_end];

/// The events of a task, as they come.
pub(super) struct Events {
    response: reqwest::Response,
    unread: String,
}

impl Events {
    pub(super) async fn of(client: &Client, task: i64) -> Self {
        let request = client.request(Method::GET, &format!("/v1/spaceSyncer/events?taskID={task}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new() }
    }

    /// The name and the data of the next event; `None`: the stream has ended.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
                };
                let (name, data) = (field("event:"), field("data:"));
                self.unread = rest.to_owned();
                // What only keeps the connection has no name.
                if let (Some(name), Some(data)) = (name, data) {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let piece = self.response.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Reads on until a run stands so.
    pub(super) async fn until(&mut self, state: &str) -> Value {
        while let Some((name, data)) = self.next().await {
            if name == "run" && data["state"] == state {
                return data;
            }
        }
        panic!("the stream ended before a run was {state}");
    }
}

async fn a_task_is_followed_from_its_beginning_to_its_end(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 60).await;
    let id = create(&client, slow_task(from, to, 16_384)).await;
    let mut events = Events::of(&client, id).await;
    let first = events.until("Running").await;
    let mut copied = 0;
    while copied < 3 {
        let (name, run) = events.next().await.unwrap();
        assert_eq!((name.as_str(), &run["runID"]), ("run", &first["runID"]));
        let now = run["stats"]["copied"].as_u64().unwrap();
        assert!(now >= copied, "progress goes forward");
        copied = now;
    }
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = events.until("Succeeded").await;
    assert_eq!(run(&client, done["runID"].as_i64().unwrap()).await, done, "what was told is what is there");
    cancel(&client, id).await;
    assert_eq!(events.next().await, Some(("end".to_owned(), json!({"state": "Cancelled"}))));
    assert_eq!(events.next().await, None);
    // The end of the server ends what is followed, and waits for nobody.
    let id = create(&client, changed(task(from, to), json!({"destPathes": ["more"]}))).await;
    let mut events = Events::of(&client, id).await;
    events.until("Succeeded").await;
    server.stop();
    assert_eq!(events.next().await, None);
    server.start_again();
}
