//! Time and memory have bounds: clients that stall, and bodies larger than what may lie in memory.

use holdall_tests::{Form, Server, fixture, raw, raw::Connection};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_client_that_stalls_is_given_up_and_leaves_nothing() {
    let server =
        Server::with().eager_sweep().set("limits.header_timeout", "500ms").set("limits.body_timeout", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "old").await;
    let before = server.snapshot();

    // Half a head, and then silence.
    let mut half_head = Connection::open(server.address()).await;
    half_head.send(b"POST /v1/object/upload HTTP/1.1\r\nHost: loc").await;
    // Half a body, and then silence.
    let body = Form::new().info(json!({"packageID": package})).file("a", vec![1; 500_000]).finish();
    let (kind, length) = (Form::content_type(), body.len().to_string());
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);
    let mut half_body = Connection::open(server.address()).await;
    half_body.send(&head).await;
    half_body.send(&body[..400_000]).await;
    // Half a JSON body.
    let mut half_json = Connection::open(server.address()).await;
    half_json
        .send(&raw::head(
            "POST",
            "/v1/bucket/create",
            &[("Content-Type", "application/json"), ("Content-Length", "1000")],
        ))
        .await;
    half_json.send(b"{\"name\":").await;

    assert_eq!(client.read(object.id).await, "old", "others are served meanwhile");
    for (what, connection) in [("head", &mut half_head), ("body", &mut half_body), ("JSON", &mut half_json)] {
        let ended = tokio::time::timeout(holdall_tests::wait::PATIENCE, connection.answer()).await;
        let answer = ended.unwrap_or_else(|_| panic!("half a {what} is waited for without end"));
        if let Some(answer) = answer {
            assert!(matches!(answer.status, 400 | 408), "half a {what}: {answer:?}");
        }
    }
    super::v1::bad_input::assert_nothing_changed(&server, &before).await;

    // Slow, but moving: that is not a stall.
    let mut slow = Connection::open(server.address()).await;
    slow.send(&head).await;
    for piece in body.chunks(body.len() / 10 + 1) {
        slow.send(piece).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let answer = slow.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(client.find(package, "a").await.unwrap().size, 500_000);
}

/// A client that asks for much and then stops reading.
#[tokio::test]
async fn a_reader_that_stalls_keeps_nobody_and_not_the_end() {
    let mut server = Server::with().set("shutdown.grace", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "large", fixture::content(1, 32 << 20)).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(server.address()).await;
        connection.send(&raw::head("GET", &format!("/v1/object/download?objectID={}", object.id), &[])).await;
        assert!(connection.read_some(1000).await.starts_with(b"HTTP/1.1 200"));
        stalled.push(connection);
    }
    assert_eq!(fixture::full_hash(&client.read(object.id).await), object.hash, "others are served meanwhile");
    client.put(package, "small", "x").await;
    server.stop();
    for mut connection in stalled {
        let rest = connection.read_some(usize::MAX).await;
        assert!(rest.len() < 32 << 20, "a body that was cut does not look whole");
    }
}

/// Promise 6: many large bodies at once, in and out, by clients that do not hurry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_whatever_the_size_of_the_objects() {
    const CLIENTS: u64 = 16;
    const MEGABYTES: u64 = 40;
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let uploads = (0..CLIENTS).map(|uploader| {
        let client = client.clone();
        tokio::spawn(async move {
            let start = Form::new().info(json!({"packageID": package})).raw(
                format!(
                    "--{}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{uploader}\"\r\n\r\n",
                    holdall_tests::form::BOUNDARY
                )
                .as_bytes(),
            );
            let blocks = (0..MEGABYTES).map(move |block| fixture::content(uploader * 1000 + block, 1 << 20));
            let end = Form::new().raw(b"\r\n").finish();
            let pieces = [start.unfinished()].into_iter().chain(blocks).chain([end]).map(Ok::<_, std::io::Error>);
            let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
            client.post_raw("/v1/object/upload", &Form::content_type(), body).await.uploaded().remove(0)
        })
    });
    let objects: Vec<_> = futures::future::try_join_all(uploads).await.unwrap();
    assert!(objects.iter().all(|object| object.size == MEGABYTES << 20));

    let downloads = objects.into_iter().map(|object| {
        let client = client.clone();
        tokio::spawn(async move {
            let target = format!("/v1/object/download?objectID={}", object.id);
            let mut response = client.request(Method::GET, &target).send().await.unwrap();
            let mut read = 0;
            while let Some(more) = response.chunk().await.unwrap() {
                read += more.len() as u64;
                tokio::task::yield_now().await;
            }
            assert_eq!(read, MEGABYTES << 20);
        })
    });
    futures::future::try_join_all(downloads).await.unwrap();
    let peak = server.peak_memory() >> 20;
    eprintln!("peak resident memory: {peak} MiB for {} MiB in and out by {CLIENTS} clients", CLIENTS * MEGABYTES);
    assert!(peak <= 250, "{peak} MiB");
}
