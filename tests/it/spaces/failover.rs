//! Spaces that die, lie, stumble or are not themselves any more.

use super::*;
use holdall_tests::{Deed, Rule, spaces::SpaceState};
use std::fs;

/// A server with a broken space beside the embedded one, both known to the harness.
async fn beside(broken: &Broken, setup: Setup) -> (Server, Client, UserSpace) {
    let mut server = setup.start();
    let client = server.client();
    let space = client.create_space(broken.space("s")).await;
    server.lies_in(space.id, &broken.server.bucket("bin"));
    (server, client, space)
}

/// Objects of several sizes, each in two spaces.
async fn replicated(client: &Client) -> (i64, Vec<(Object, Vec<u8>)>) {
    let package = replicated_package(client, "twice").await;
    let mut objects = Vec::new();
    for (i, length) in [1, 5_000, 300_000, 3 << 20].into_iter().enumerate() {
        let content = fixture::content(i as u64, length);
        objects.push((client.put(package, &format!("{i}"), &content).await, content));
    }
    (package, objects)
}

async fn all_are_read(client: &Client, objects: &[(Object, Vec<u8>)]) {
    for (object, content) in objects {
        assert!(client.read(object.id).await == content, "{}", object.path);
        let length = content.len() / 2;
        let query = json!({"objectID": object.id, "offset": length, "length": length});
        assert!(client.get("/v1/object/download", query).await.content() == content[length..length * 2]);
    }
}

/// Promise 5: copies lie in different spaces. With one of two dead, reading goes on, and writing is refused and why.
#[tokio::test]
async fn two_copies_survive_the_death_of_a_space() {
    let broken = Broken::new();
    let (server, client, space) = beside(&broken, many_chunks(Server::with())).await;
    let (package, objects) = replicated(&client).await;
    let mut inside = inspect::shard_files(&server.space()).into_values().collect::<Vec<_>>();
    let mut outside = broken.shards().into_values().collect::<Vec<_>>();
    inside.sort_unstable();
    outside.sort_unstable();
    assert!(inside.len() >= 5);
    assert_eq!(inside, outside, "each has one of everything");

    broken.proxy.die();
    all_are_read(&client, &objects).await;
    let form = Form::new().info(json!({"packageID": package})).file("new", fixture::content(9, 100_000));
    let message = failed(&client.post_form("/v1/object/upload", form).await);
    says(&message, &["space"]);
    assert_eq!(client.find(package, "new").await, None);
    client.wait_for_state(space.id, SpaceState::Offline).await;
    // One that needs no copies is not refused.
    let single = client.new_package("once").await;
    let object = client.put(single, "a", "content").await;
    assert_eq!(client.read(object.id).await, "content");

    broken.proxy.revive();
    client.probe_space(space.id).await;
    let object = client.put(package, "new", fixture::content(9, 100_000)).await;
    assert_eq!(client.read(object.id).await.len(), 100_000);
    all_are_read(&client, &objects).await;
}

/// Promise 4: what is read was checked. A space that returns other bytes of the same length is not believed.
#[tokio::test]
async fn a_lying_space_is_not_believed() {
    let broken = Broken::new();
    let (mut server, client, _) = beside(&broken, many_chunks(Server::with())).await;
    let (_, objects) = replicated(&client).await;
    broken.proxy.add(Rule::new(Deed::CorruptResponse).method("GET").path("shards/"));
    all_are_read(&client, &objects).await;

    // With the good copies gone, there is no answer rather than a wrong one.
    for shard in inspect::shard_files(&server.space()).keys() {
        fs::remove_file(server.space().join(shard)).unwrap();
    }
    server.expect_damage();
    server.restart();
    let client = server.client();
    for (object, _) in &objects {
        let request = client.request(reqwest::Method::GET, &format!("/v1/object/download?objectID={}", object.id));
        match Answer::try_of("a lie", request).await {
            Ok(answer) => assert_eq!(answer.envelope().0, "OperationFailed", "{}", object.path),
            Err(error) => assert!(error.is_body() || error.is_decode(), "the connection is cut: {error:?}"),
        }
    }
    broken.proxy.clear();
    all_are_read(&client, &objects).await;
}

/// A body that breaks off in the middle is fetched again, from there or from elsewhere.
#[tokio::test]
async fn a_read_that_breaks_off_goes_on() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, many_chunks(Server::with())).await;
    let package = client.new_package("b").await;
    let content = fixture::content(1, 4 << 20);
    let object = put_near(&client, package, space.id, "a", &content).await;
    broken.proxy.add(Rule::new(Deed::CutResponse(300_000)).method("GET").path("shards/").times(2));
    broken.proxy.add(Rule::new(Deed::Answer(503)).method("GET").path("shards/").after(2).times(2));
    assert!(client.read(object.id).await == content);
}

#[tokio::test]
async fn a_stumbling_space_is_tried_again() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, many_chunks(Server::with())).await;
    let package = client.new_package("b").await;
    broken.proxy.add(Rule::new(Deed::Answer(503)).method("PUT").path("shards/").times(2));
    let content = fixture::content(1, 900_000);
    let object = put_near(&client, package, space.id, "a", &content).await;
    assert_eq!(broken.shards().len(), 1, "it lies where it was asked for");
    broken.proxy.add(Rule::new(Deed::Drop).method("PUT").path("shards/").times(1));
    broken.proxy.add(Rule::new(Deed::CutRequest(100_000)).method("PUT").path("shards/").times(1));
    put_near(&client, package, space.id, "b", &fixture::content(2, 900_000)).await;
    broken.proxy.add(Rule::new(Deed::Answer(503)).method("GET").path("shards/").times(2));
    assert!(client.read(object.id).await == content);
}

/// A space dies in the middle of an upload: another one takes over.
#[tokio::test]
async fn an_upload_moves_on_when_its_space_dies() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, many_chunks(Server::with())).await;
    let package = client.new_package("b").await;
    broken.proxy.add(Rule::new(Deed::Drop).after(3));
    let content = fixture::content(1, 8 << 20);
    let object = put_near(&client, package, space.id, "a", &content).await;
    // The first chunks lie there, and must not be lost for that.
    broken.proxy.clear();
    client.probe_space(space.id).await;
    assert!(client.read(object.id).await == content);
}

/// There is no other one: the upload fails, says why, and the old object stays.
#[tokio::test]
async fn an_upload_that_has_nowhere_to_go_leaves_the_old_object() {
    let broken = Broken::new();
    let (server, client, space) = beside(&broken, many_chunks(Server::with()).eager_sweep()).await;
    let package = client.new_package("b").await;
    fill_embedded(&client, package).await;
    let old = fixture::content(1, 3 << 20);
    let object = put_near(&client, package, space.id, "a", &old).await;
    let before = broken.shards();
    broken.proxy.add(Rule::new(Deed::Drop).after(3));
    let answer = try_put_near(&client, package, space.id, "a", &fixture::content(2, 8 << 20)).await;
    let (code, message, _) = answer.envelope();
    assert_eq!(code, "OperationFailed", "{answer:?}");
    assert!([503, 507, 502].contains(&answer.status), "{answer:?}");
    says(&message, &["space"]);
    broken.proxy.clear();
    client.probe_space(space.id).await;
    assert_eq!(client.find(package, "a").await, Some(object.clone()));
    assert!(client.read(object.id).await == old);
    eventually("what was written of the new one goes", || async { (broken.shards() == before).then_some(()) }).await;
    drop(server);
}

/// Promise 7: without its marker, or with another one, a space may be another place: nothing is deleted there.
#[tokio::test]
async fn a_space_without_its_marker_is_left_alone() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, many_chunks(Server::with()).eager_sweep()).await;
    let package = client.new_package("b").await;
    let gone = put_near(&client, package, space.id, "gone", &fixture::content(1, 2 << 20)).await;
    let kept = put_near(&client, package, space.id, "kept", &fixture::content(2, 2 << 20)).await;
    let bucket = broken.server.bucket("bin");
    let marker = bucket.join(".holdall-space");
    let original = fs::read(&marker).unwrap();
    let orphan = bucket.join("shards/ab/000000000000000000000000000000ab");

    fs::remove_file(&marker).unwrap();
    // A look of the server's own that began a moment before may still end with what it saw.
    eventually("the space is seen to be offline", || async {
        (client.look_at_space(space.id).await.state == SpaceState::Offline).then_some(())
    })
    .await;
    assert!(!marker.exists(), "looking does not make it the same place again");
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "nobody's").unwrap();
    let files = broken.shards();
    broken.proxy.forget();
    client.delete(&[gone.id]).await;
    two_more_sweeps(&client).await;
    assert_eq!(broken.shards(), files);

    // Somebody else's marker is no better.
    let text = String::from_utf8(original.clone()).unwrap();
    let another: String = text.chars().map(|c| if c.is_ascii_digit() { '7' } else { c }).collect();
    fs::write(&marker, another).unwrap();
    assert_eq!(client.look_at_space(space.id).await.state, SpaceState::Offline);
    two_more_sweeps(&client).await;
    assert_eq!(broken.shards(), files, "nothing is deleted");
    assert_eq!(broken.proxy.count("DELETE", "shards/") + broken.proxy.count("POST", "delete"), 0);
    let answer = try_put_near(&client, package, space.id, "new", &fixture::content(3, 2 << 20)).await;
    if answer.status == 200 {
        assert_eq!(broken.shards(), files, "what is written goes elsewhere");
    }

    fs::write(&marker, &original).unwrap();
    assert_eq!(client.probe_space(space.id).await.state, SpaceState::Healthy);
    eventually("what was deleted goes, and the orphan", || async { (broken.shards().len() == 2).then_some(()) }).await;
    assert!(client.read(kept.id).await == fixture::content(2, 2 << 20));
}

/// A dead space is only the matter of those who need it.
#[tokio::test]
async fn a_dead_space_does_not_slow_the_others() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, Server::with()).await;
    broken.proxy.add(Rule::new(Deed::Stall));
    client.post("/v1/userSpace/probe", json!({"userSpaceID": space.id})).await;
    let package = client.new_package("b").await;
    let start = std::time::Instant::now();
    for i in 0..20 {
        let object = client.put(package, &format!("{i}"), "content").await;
        assert_eq!(client.read(object.id).await, "content");
    }
    assert!(start.elapsed().as_secs() < 7, "{:?}", start.elapsed());
    // One of the requests that stall must not keep the server from ending in order.
    broken.proxy.clear();
}

/// A server that has lost a cloud still serves: a balancer must not take it out.
#[tokio::test]
async fn a_server_that_lost_one_space_is_degraded_and_not_gone() {
    let broken = Broken::new();
    let (server, client, _) = beside(&broken, Server::with()).await;
    let status = async || {
        let answer = client.get("/readyz", json!({})).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status, body["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(status().await, (200, "ok".to_owned()));
    broken.proxy.die();
    assert_eq!(status().await, (200, "degraded".to_owned()));
    fs::rename(server.space(), server.data().join("away")).unwrap();
    assert_eq!(status().await, (503, "unavailable".to_owned()));
    fs::rename(server.data().join("away"), server.space()).unwrap();
    broken.proxy.revive();
    assert_eq!(status().await, (200, "ok".to_owned()));
}

/// Promise 1: an upload whose bytes are on their way to a space is not acknowledged into one that was given up.
#[tokio::test]
async fn a_space_is_not_given_up_below_an_upload() {
    let broken = Broken::new();
    let (_server, client, space) = beside(&broken, many_chunks(Server::with())).await;
    let package = client.new_package("b").await;
    // Long enough for the whole removal to come while the first chunk is on its way.
    let slow = Deed::Delay(std::time::Duration::from_secs(2));
    broken.proxy.add(Rule::new(slow).method("PUT").path("/bin/shards/"));
    broken.proxy.forget();
    let uploading = {
        let client = client.clone();
        let content = fixture::content(1, 3 << 20);
        tokio::spawn(async move { try_put_near(&client, package, space.id, "a", &content).await })
    };
    eventually("bytes are on their way", || async { (broken.proxy.count("PUT", "/bin/shards/") > 0).then_some(()) })
        .await;
    let deleted = client.delete_space(space.id).await;
    let uploaded = uploading.await.unwrap();
    assert!([uploaded.status, deleted.status].contains(&200), "one of the two goes on: {uploaded:?} {deleted:?}");
    if uploaded.status == 200 {
        let object = uploaded.uploaded().remove(0);
        assert!(client.read(object.id).await == fixture::content(1, 3 << 20), "what was acknowledged is there");
    }
    if deleted.status == 200 {
        assert!(client.spaces().await.iter().all(|left| left.id != space.id));
    } else {
        failed(&deleted);
        assert_eq!(client.space(space.id).await.id, space.id);
    }
}
