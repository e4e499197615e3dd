//! Registering, changing and removing user spaces.

use super::*;
use holdall_tests::spaces::{ShardStore, SpaceState};

crate::on_both! {
    an_s3_bucket_is_registered_changed_and_removed,
    a_name_is_free_or_refused,
    an_update_changes_what_it_names,
    a_space_with_data_is_not_deleted,
}

/// The whole life of a space that holds nothing.
async fn lives(client: &Client, space: &Value) -> UserSpace {
    assert_eq!(client.test_space(space).await.ok(), Value::Null);
    assert_eq!(client.spaces().await.len(), 1, "`test` stores nothing");
    let made = client.create_space(space.clone()).await;
    assert_eq!((made.name.as_str(), made.revision, made.state), ("s", 1, SpaceState::Healthy), "{made:?}");
    assert_eq!(made.storage["type"], space["storage"]["type"]);
    assert_eq!(made.shard_store, Some(ShardStore { max_size: 0 }));
    assert_eq!(made.used, Some(0));
    let probe = made.probe.as_ref().expect("a new space was probed");
    assert!(!probe.steps.is_empty() && probe.steps.iter().all(|step| !step.step.is_empty()), "{probe:?}");
    // How much is free on a disk that others write to differs from one look to the next.
    let settled = |space: UserSpace| UserSpace { free: made.free, ..space };
    assert_eq!(settled(client.space(made.id).await), made);
    assert_eq!(client.spaces().await.len(), 2);
    assert_eq!(settled(client.space_named("s").await), made);

    let changed = client.update_space(made.id, json!({"name": "renamed"})).await;
    assert_eq!((changed.id, changed.name.as_str(), changed.revision), (made.id, "renamed", 2));
    assert_eq!(client.probe_space(made.id).await.state, SpaceState::Healthy);
    made
}

async fn dies(client: &Client, space: &UserSpace) {
    assert_eq!(client.delete_space(space.id).await.ok(), Value::Null);
    client.try_space(space.id).await.refused(404, "DataNotFound");
    assert_eq!(client.delete_space(space.id).await.ok(), Value::Null, "what is not there is deleted");
    assert_eq!(client.spaces().await.len(), 1);
}

async fn an_s3_bucket_is_registered_changed_and_removed(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = setup.start();
    let client = server.client();
    let made = lives(&client, &s3.space("s", "bin")).await;
    let files = s3.files("bin");
    assert!(files.contains_key(".holdall-space"), "{files:?}");
    assert!(files.keys().all(|file| file.starts_with(".holdall-")), "the probe cleans up after itself: {files:?}");
    let marker = String::from_utf8(s3.read_file("bin", ".holdall-space")).unwrap();
    let is_uuid = |text: &str| text.replace('-', "").len() == 32;
    assert!(marker.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).any(is_uuid), "{marker}");
    dies(&client, &made).await;
}

/// OBS speaks S3; a server that is named by its address is asked path style without being told.
#[tokio::test]
async fn an_obs_bucket_is_registered_filled_and_read() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = Server::start();
    let client = server.client();
    let mut space = s3.space("s", "bin");
    space["storage"] = json!({
        "type": "OBS", "region": "cn-north-4", "endpoint": s3.endpoint(), "bucket": "bin", "projectID": ""
    });
    space["credential"]["type"] = "OBS".into();
    let made = lives(&client, &space).await;
    assert_eq!(made.storage, space["storage"], "it is shown as it was sent");
    server.lies_in(made.id, &s3.bucket("bin"));
    let package = client.new_package("b").await;
    let form = Form::new().info(json!({"packageID": package, "affinity": made.id})).file("a", b"over there");
    let object = client.post_form("/v1/object/upload", form).await.uploaded().remove(0);
    assert_eq!(client.read(object.id).await, "over there");
    assert!(s3.files("bin").keys().any(|file| file.starts_with("shards/")));
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn a_garage_bucket_is_registered_changed_and_removed() {
    let garage = Garage::start();
    garage.ready().await;
    let server = Server::start();
    let client = server.client();
    let made = lives(&client, &garage.space("s")).await;
    assert!(garage.client().get(".holdall-space").await.is_some());
    dies(&client, &made).await;
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn a_garage_bucket_may_be_named_by_its_host() {
    let garage = Garage::start();
    garage.ready().await;
    let Some(endpoint) = garage.host_style_endpoint() else {
        eprintln!("NOT TESTED: buckets as hosts: names below localhost do not resolve here");
        return;
    };
    let server = Server::start();
    let client = server.client();
    let mut space = garage.space("s");
    space["storage"]["pathStyle"] = false.into();
    space["storage"]["endpoint"] = endpoint.into();
    let made = lives(&client, &space).await;
    assert!(garage.client().get(".holdall-space").await.is_some());
    dies(&client, &made).await;
}

#[tokio::test]
#[ignore = "needs rclone; tests/run provides it"]
async fn a_webdav_share_is_registered_changed_and_removed() {
    let share = WebDav::start();
    let server = Server::start();
    let client = server.client();
    let made = lives(&client, &share.space("s")).await;
    assert!(share.files().contains_key(".holdall-space"), "{:?}", share.files());
    dies(&client, &made).await;
}

#[tokio::test]
async fn a_directory_is_registered_changed_and_removed() {
    let root = LocalRoot::new();
    let folder = root.folder("disk");
    let server = root.allow(Server::with()).start();
    let client = server.client();
    let made = lives(&client, &spaces::local("s", &folder)).await;
    assert!(folder.join(".holdall-space").exists());
    dies(&client, &made).await;

    // Without a credential, and by its working directory alone.
    let body = json!({"name": "t", "storage": {"type": "Local"}, "shardStore": null, "features": [],
        "workingDir": root.folder("other"), "credential": null});
    let made = client.create_space(body).await;
    assert_eq!((made.shard_store, made.used), (None, None));
    assert!(root.path().join("other/.holdall-space").exists(), "a space without shards has a marker too");
}

#[tokio::test]
async fn memory_is_a_space_where_the_configuration_says_so() {
    let server = Server::with().set("spaces.memory", true).start();
    let client = server.client();
    let made = lives(&client, &spaces::memory("s")).await;
    dies(&client, &made).await;

    let server = Server::start();
    let message = server.client().try_create_space(spaces::memory("s")).await.refused(400, "BadArgument");
    assert!(message.contains("spaces.memory"), "names the cure: {message}");
}

#[tokio::test]
async fn shards_lie_below_the_working_directory() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = Server::start();
    let client = server.client();
    let mut space = s3.space("s", "bin");
    space["workingDir"] = "deep/inside".into();
    let space = client.create_space(space).await;
    server.lies_in(space.id, &s3.bucket("bin").join("deep/inside"));
    let package = client.new_package("b").await;
    put_near(&client, package, space.id, "a", &fixture::content(1, 1 << 20)).await;
    let files = s3.files("bin");
    assert!(files.contains_key("deep/inside/.holdall-space"), "{files:?}");
    let shards: Vec<_> = files.keys().filter(|file| file.contains("shards")).collect();
    assert!(!shards.is_empty());
    for shard in shards {
        let parts: Vec<&str> = shard.strip_prefix("deep/inside/shards/").unwrap().split('/').collect();
        assert_eq!((parts.len(), parts[0].len(), parts[1].len()), (2, 2, 32), "{shard}");
    }
}

async fn a_name_is_free_or_refused(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("one");
    s3.make_bucket("two");
    let server = setup.start();
    let client = server.client();
    client.create_space(s3.space("s", "one")).await;
    let other = client.create_space(s3.space("t", "two")).await;
    s3.make_bucket("three");
    for name in ["s", "local"] {
        client.try_create_space(s3.space(name, "three")).await.refused(409, "DataExists");
        client.try_update_space(other.id, json!({"name": name})).await.refused(409, "DataExists");
    }
    assert!(s3.files("three").is_empty(), "a name that is taken is refused before anything is written");
    // Two spaces in one place would sweep each other's shards away.
    let message = failed_or_exists(&client.try_create_space(s3.space("u", "one")).await);
    assert!(message.contains('s'), "{message}");
}

#[track_caller]
fn failed_or_exists(answer: &Answer) -> String {
    let (code, message, _) = answer.envelope();
    assert!(["DataExists", "OperationFailed", "BadArgument"].contains(&code.as_str()), "{answer:?}");
    message
}

async fn an_update_changes_what_it_names(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = setup.start();
    let client = server.client();
    let made = client.create_space(s3.space("s", "bin")).await;
    server.lies_in(made.id, &s3.bucket("bin"));

    let changed = client.update_space(made.id, json!({"shardStore": {"maxSize": 7}})).await;
    assert_eq!((changed.name.as_str(), changed.shard_store), ("s", Some(ShardStore { max_size: 7 })));
    assert_eq!(changed.free, Some(7 << 20));
    assert_eq!((&changed.storage, &changed.credential), (&made.storage, &made.credential));

    // A secret that is sent empty, as answers show it, or left out, is the one that is stored.
    for credential in [
        json!({"type": "S3", "accessKeyId": holdall_tests::s3_server::ACCESS_KEY, "secretAccessKey": ""}),
        json!({"type": "S3", "accessKeyId": holdall_tests::s3_server::ACCESS_KEY}),
    ] {
        client.update_space(made.id, json!({"credential": credential})).await;
        assert_eq!(client.probe_space(made.id).await.state, SpaceState::Healthy);
    }
    // One that does not open the storage is refused, and the old one stays.
    let wrong = json!({"type": "S3", "accessKeyId": "x", "secretAccessKey": "not-the-key"});
    let message = failed(&client.try_update_space(made.id, json!({"credential": wrong})).await);
    assert!(!message.contains("not-the-key"), "promise 8: {message}");
    let package = client.new_package("b").await;
    let content = fixture::content(1, 1 << 20);
    let object = put_near(&client, package, made.id, "a", &content).await;

    // Another storage must be the same place: the marker tells.
    s3.make_bucket("other");
    failed(&client.try_update_space(made.id, json!({"storage": s3.space("s", "other")["storage"]})).await);
    server.restart();
    let client = server.client();
    assert!(client.read(object.id).await == content);
    client.try_update_space(4711, json!({"name": "x"})).await.refused(404, "DataNotFound");
}

async fn a_space_with_data_is_not_deleted(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = setup.eager_sweep().start();
    let client = server.client();
    let space = client.create_space(s3.space("s", "bin")).await;
    server.lies_in(space.id, &s3.bucket("bin"));
    let package = client.new_package("b").await;
    let mut objects = Vec::new();
    for i in 0..3 {
        objects.push(put_near(&client, package, space.id, &format!("{i}"), &fixture::content(i, 600_000)).await.id);
    }
    let message = client.delete_space(space.id).await.refused(409, "OperationFailed");
    assert!(message.contains('3'), "says how much lies there: {message}");
    client.delete(&objects[..2]).await;
    let message = client.delete_space(space.id).await.refused(409, "OperationFailed");
    assert!(message.contains('1'), "{message}");
    assert_eq!(client.read(objects[2]).await.len(), 600_000);

    // Dead shards do not keep it: they go at once.
    client.delete(&objects[2..]).await;
    assert_eq!(client.delete_space(space.id).await.ok(), Value::Null);
    eventually("what was dead goes", || async { inspect::shard_files(&s3.bucket("bin")).is_empty().then_some(()) })
        .await;
}
