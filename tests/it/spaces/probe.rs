//! What Holdall finds out about a storage, and how it says what is wrong with it.

use super::*;
use holdall_tests::{Answer, Deed, Rule, s3_server, spaces::SpaceState};
use serde_json::Value;

async fn refused_at_test_and_create(server: &Server, space: &Value, words: &[&str]) {
    let client = server.client();
    for answer in [client.test_space(space).await, client.try_create_space(space.clone()).await] {
        let message = failed(&answer);
        says(&message, words);
        assert!(!message.contains(s3_server::SECRET_KEY), "promise 8: {message}");
    }
    assert_eq!(client.spaces().await.len(), 1, "nothing is stored");
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_said() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = Server::start();
    refused_at_test_and_create(&server, &s3.space("s", "missing"), &["bucket"]).await;
    let wrong_key = spaces::s3("s", &s3.endpoint(), "bin", s3_server::ACCESS_KEY, "wrong");
    refused_at_test_and_create(&server, &wrong_key, &["key", "signature", "denied", "credential"]).await;
    let unknown = spaces::s3("s", &s3.endpoint(), "bin", "nobody", s3_server::SECRET_KEY);
    refused_at_test_and_create(&server, &unknown, &["key", "signature", "denied", "credential"]).await;
    // Nobody listens there.
    let nowhere = s3.space_at("http://127.0.0.1:1", "s", "bin");
    refused_at_test_and_create(&server, &nowhere, &["connect", "reach", "refused"]).await;
    let no_name = s3.space_at("http://no-such-host.invalid", "s", "bin");
    refused_at_test_and_create(&server, &no_name, &["connect", "reach", "resolve", "dns", "no-such-host"]).await;
    assert!(s3.files("bin").is_empty(), "{:?}", s3.files("bin"));
}

#[tokio::test]
async fn a_storage_that_only_reads_is_told_by_its_step() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    s3.set_read_only(true);
    let server = Server::start();
    refused_at_test_and_create(&server, &s3.space("s", "bin"), &["write"]).await;
}

#[tokio::test]
async fn a_storage_that_lies_is_found_out() {
    let broken = Broken::new();
    broken.proxy.add(Rule::new(Deed::CorruptResponse).method("GET").path("/bin/"));
    let server = Server::start();
    refused_at_test_and_create(&server, &broken.space("s"), &["read", "list", "answer", "different", "xml", "parse"])
        .await;
}

#[tokio::test]
async fn a_storage_that_does_not_delete_is_told_by_its_step() {
    let broken = Broken::new();
    broken.proxy.add(Rule::new(Deed::Answer(403)).method("DELETE"));
    broken.proxy.add(Rule::new(Deed::Answer(403)).method("POST").path("delete"));
    let server = Server::start();
    refused_at_test_and_create(&server, &broken.space("s"), &["delete"]).await;
}

/// A storage that does not answer is given up within the time that was asked for.
#[tokio::test]
async fn a_storage_that_stalls_is_given_up() {
    let broken = Broken::new();
    broken.proxy.add(Rule::new(Deed::Stall));
    let server = Server::start();
    let start = std::time::Instant::now();
    says(&failed(&server.client().test_space(&broken.space("s")).await), &["time", "timed", "answer"]);
    // Seven seconds for a request, and a few tries.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_unless_told() {
    let s3 = S3Server::start_tls();
    s3.make_bucket("bin");
    let mut server = Server::start();
    let client = server.client();
    let mut space = s3.space("s", "bin");
    for answer in [client.test_space(&space).await, client.try_create_space(space.clone()).await] {
        says(&failed(&answer), &["certificate", "tls"]);
    }
    space["storage"]["skipTlsVerify"] = true.into();
    let data = client.test_space(&space).await.ok();
    let warnings = data["warnings"].as_array().unwrap_or_else(|| panic!("no warnings: {data}"));
    assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains("skipTlsVerify")), "{data}");
    let made = client.create_space(space).await;
    server.lies_in(made.id, &s3.bucket("bin"));
    assert_eq!(made.storage["skipTlsVerify"], true);
    let log = server.log();
    let warned = log.lines().any(|line| line.contains("WARN") && line.to_lowercase().contains("tls"));
    assert!(warned, "the log warns:\n{log}");
    let package = client.new_package("b").await;
    let content = fixture::content(1, 300_000);
    let object = put_near(&client, package, made.id, "a", &content).await;
    assert!(client.read(object.id).await == content);

    // Taken back, it is refused again, and nothing is changed.
    failed(&client.try_update_space(made.id, json!({"storage": s3.space("s", "bin")["storage"]})).await);
    assert!(client.read(object.id).await == content);
}

#[tokio::test]
async fn the_probe_says_what_a_storage_can_do() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = Server::with().set("spaces.memory", true).start();
    let client = server.client();
    let made = client.create_space(s3.space("s", "bin")).await;
    let probe = made.probe.unwrap();
    for ability in ["conditionalWrite", "copy", "batchDelete", "orderedListing", "presign"] {
        assert!(probe.abilities.contains_key(ability), "{probe:?}");
    }
    assert!(
        probe.abilities["conditionalWrite"] && probe.abilities["copy"] && probe.abilities["batchDelete"],
        "{probe:?}"
    );
    assert!(probe.steps.iter().all(|step| step.ok == step.error.is_none()), "{probe:?}");
    let again = client.probe_space(made.id).await.probe.unwrap();
    assert!(again.at > probe.at, "a fresh one");
    client.post("/v1/userSpace/probe", json!({"userSpaceID": 4711})).await.refused(404, "DataNotFound");
}

/// Some servers ignore `If-None-Match`, or do not know batch deletion: that is found out and lived with.
#[tokio::test]
async fn what_a_storage_cannot_do_is_lived_with() {
    let broken = Broken::new();
    broken.proxy.add(Rule::new(Deed::Answer(501)).method("POST").path("delete"));
    let mut server = Server::with().eager_sweep().start();
    let client = server.client();
    let made = client.create_space(broken.space("s")).await;
    server.lies_in(made.id, &broken.server.bucket("bin"));
    let probe = made.probe.unwrap();
    assert!(!probe.abilities["batchDelete"], "{probe:?}");
    let package = client.new_package("b").await;
    let object = put_near(&client, package, made.id, "a", &fixture::content(1, 600_000)).await;
    assert_eq!(broken.shards().len(), 1);
    client.delete(&[object.id]).await;
    eventually("the sweep deletes one by one", || async { broken.shards().is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn a_space_that_dies_is_offline_and_comes_back() {
    let broken = Broken::new();
    let mut server = Server::start();
    let client = server.client();
    let made = client.create_space(broken.space("s")).await;
    server.lies_in(made.id, &broken.server.bucket("bin"));
    broken.proxy.die();
    let probed = client.look_at_space(made.id).await;
    assert_eq!(probed.state, SpaceState::Offline, "{probed:?}");
    assert!(probed.since >= made.since && probed.last_error.is_some_and(|error| !error.is_empty()));
    let ready = client.get("/readyz", json!({})).await;
    assert_eq!(standing(&ready), (200, "degraded".to_owned()), "the embedded space still serves");
    broken.proxy.revive();
    assert_eq!(client.probe_space(made.id).await.state, SpaceState::Healthy);
    eventually("/readyz says so", || async {
        (standing(&client.get("/readyz", json!({})).await) == (200, "ok".to_owned())).then_some(())
    })
    .await;
}

fn standing(ready: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_slice(&ready.body).unwrap();
    (ready.status, body["status"].as_str().unwrap().to_owned())
}

/// A server that starts while a space is away starts, and finds the space when it is there.
#[tokio::test]
async fn a_server_starts_without_its_spaces() {
    let broken = Broken::new();
    let mut server = Server::start();
    let client = server.client();
    let made = client.create_space(broken.space("s")).await;
    server.lies_in(made.id, &broken.server.bucket("bin"));
    let package = client.new_package("b").await;
    let content = fixture::content(1, 600_000);
    let object = put_near(&client, package, made.id, "a", &content).await;
    broken.proxy.die();
    server.restart();
    let client = server.client();
    client.get("/v1/object/download", json!({"objectID": object.id})).await.refused(503, "OperationFailed");
    client.put(package, "elsewhere", "goes on").await;
    broken.proxy.revive();
    eventually("the space is found", || async {
        let answer = client.get("/v1/object/download", json!({"objectID": object.id})).await;
        (answer.status == 200).then(|| assert!(answer.content() == content))
    })
    .await;
}
