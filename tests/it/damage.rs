//! Stored bytes are bent, cut or lost: promise 4.

use holdall_tests::{Client, Server, eventually, fixture, inspect};
use reqwest::Method;
use serde_json::json;
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The largest file that holds content.
fn largest_shard(server: &Server) -> PathBuf {
    let files = inspect::shard_files(&server.space());
    let (file, _) = files.iter().max_by_key(|(_, size)| **size).unwrap();
    server.space().join(file)
}

fn flip_one_bit(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0b0001_0000], at).unwrap();
}

/// Promise 4: reads an object whose bytes may be damaged. True when it came whole; then it is right. Otherwise
/// the server said so before the first byte, or cut the connection behind bytes that are right.
async fn reads_whole_or_fails_cleanly(client: &Client, query: &str, expected: &[u8]) -> bool {
    let mut response = client.request(Method::GET, &format!("/v1/object/download?{query}")).send().await.unwrap();
    if response.status() != 200 {
        let status = response.status().as_u16();
        assert!((500..600).contains(&status), "{query}: {status}");
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["code"], "OperationFailed", "{body}");
        return false;
    }
    let promised: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(promised, expected.len());
    let mut read = Vec::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(more)) => read.extend_from_slice(&more),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(expected.starts_with(&read), "{query}: wrong bytes within the {} that came", read.len());
    assert!(!whole || read.len() == expected.len(), "{query}: a short body that looks whole");
    whole
}

#[tokio::test]
async fn a_flipped_bit_is_never_handed_out() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, (4 << 20) + 1000);
    let object = client.put(package, "a", &content).await;
    let file = largest_shard(&server);
    let size = fs::metadata(&file).unwrap().len();
    let whole = format!("objectID={}", object.id);

    for at in [0, 1, 4095, 1 << 20, (1 << 20) + 1, (2 << 20) + 12_345, size - 1] {
        flip_one_bit(&file, at);
        assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "bit {at}");
        // A range far from the damage is served, one over it is not.
        let block = (at >> 20) as usize;
        let other = if block == 0 { 3 } else { 0 };
        let range = |block: usize| ((block << 20) + 100)..((block << 20) + 600);
        let query = |block: usize| format!("{whole}&offset={}&length=500", range(block).start);
        assert!(reads_whole_or_fails_cleanly(&client, &query(other), &content[range(other)]).await, "bit {at}");
        assert!(!reads_whole_or_fails_cleanly(&client, &query(block), &content[range(block)]).await, "bit {at}");
        flip_one_bit(&file, at);
    }
    assert!(reads_whole_or_fails_cleanly(&client, &whole, &content).await, "repaired by hand");

    // The cause is in the log under the request's id, and nowhere in the answer.
    flip_one_bit(&file, 0);
    let answer = client.get("/v1/object/download", json!({"objectID": object.id})).await;
    let (_, message, _) = answer.envelope();
    assert!(message.contains(&object.id.to_string()), "names the object: {message}");
    assert!(!message.contains("shards/"), "{message}");
    let id = answer.header("x-request-id").to_owned();
    eventually("the log tells the cause", || async { server.log().contains(&id).then_some(()) }).await;
}

#[tokio::test]
async fn a_shard_that_is_cut_emptied_or_gone_is_never_taken_for_whole() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 3 << 20);
    let object = client.put(package, "a", &content).await;
    let file = largest_shard(&server);
    let whole = format!("objectID={}", object.id);
    let good = fs::read(&file).unwrap();
    for length in [good.len() - 1, 2 << 20, (1 << 20) + 7, 1 << 20, 100, 0] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "{length} bytes left");
    }
    fs::remove_file(&file).unwrap();
    assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "the file is gone");
    // Longer is not right either, but what is read of it is.
    fs::write(&file, [good.as_slice(), b"tail"].concat()).unwrap();
    reads_whole_or_fails_cleanly(&client, &whole, &content).await;
    fs::write(&file, &good).unwrap();
    assert!(reads_whole_or_fails_cleanly(&client, &whole, &content).await);
}

#[tokio::test]
async fn damage_in_a_pack_is_found_and_spares_the_others() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let files: Vec<_> = (0..50).map(|i| (format!("{i:02}"), fixture::content(i, 40_000 + i as usize))).collect();
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    let file = largest_shard(&server);
    let good = fs::read(&file).unwrap();

    flip_one_bit(&file, good.len() as u64 / 2);
    let mut broken = 0;
    for (object, (_, content)) in objects.iter().zip(&files) {
        if !reads_whole_or_fails_cleanly(&client, &format!("objectID={}", object.id), content).await {
            broken += 1;
        }
    }
    assert!((1..50).contains(&broken), "{broken} of 50 are refused");

    for left in [good.len() / 2, 0] {
        fs::write(&file, &good[..left]).unwrap();
        let mut broken = 0;
        for (object, (_, content)) in objects.iter().zip(&files) {
            if !reads_whole_or_fails_cleanly(&client, &format!("objectID={}", object.id), content).await {
                broken += 1;
            }
        }
        // The request may have filled more than one pack.
        assert!(broken > 0, "{left} of {} bytes are left, and nothing is missed", good.len());
    }
    fs::write(&file, &good).unwrap();
}

/// Damage must not be copied into the hash of a new object either.
#[tokio::test]
async fn a_completion_over_damaged_parts_fails_and_changes_nothing() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, fixture::content(1, 600_000)).await;
    client.part(upload.id, 2, "tail").await;
    let file = largest_shard(&server);
    flip_one_bit(&file, 300_000);
    let answer = client.try_complete(upload.id, &[1, 2]).await;
    assert!((500..600).contains(&answer.status) && answer.envelope().0 == "OperationFailed", "{answer:?}");
    assert_eq!(client.find(package, "m").await.unwrap().hash, fixture::unfinished_hash());
    flip_one_bit(&file, 300_000);
    assert_eq!(client.complete(upload.id, &[1, 2]).await.size, 600_004);
}
