//! What is set: how it is kept and shown, which user space it makes, and that nothing is asked of the storage for it.

use super::*;
use holdall_tests::{Deed, server::holdall, sign::credential};
use std::time::{Duration, Instant};

#[tokio::test]
async fn settings_are_shown_as_they_are_kept() {
    let server = Server::start();
    let client = server.client();
    for (endpoint, kept) in [
        ("s3.amazonaws.com", "http://s3.amazonaws.com/"),
        ("minio.example.com:9000", "http://minio.example.com:9000/"),
        (" https://a.b//c ", "https://a.b/c/"),
        ("", ""),
        ("https://x?y=1", "https://x?y=1/"),
    ] {
        let sent = json!({"s3": {"endpoint": endpoint, "accessKey": " k ", "bucket": " my-bucket ", "timeout": 3,
            "concurrentReqs": 99, "unknown": {}}});
        let data = say(&client, "setSyncProviderS3", sent).await.ok();
        let whole = json!({"s3": {"endpoint": kept, "accessKey": "k", "secretKey": "", "bucket": "my-bucket", "region": "",
            "pathStyle": false, "skipTlsVerify": false, "timeout": 7, "concurrentReqs": 16}});
        assert_eq!(data, whole);
    }
    let data =
        say(&client, "setSyncProviderWebDAV", json!({"webdav": {"ENDPOINT": "dav.example.com", "Password": "x"}}))
            .await;
    let whole = json!({"webdav": {"endpoint": "http://dav.example.com/", "username": "", "password": "********",
        "skipTlsVerify": false, "timeout": 60, "concurrentReqs": 1}});
    assert_eq!(data.ok(), whole);
    // As the document of the contract prints it.
    let seed = json!({"s3": {"endpoint": "s3.us-west-2.amazonaws.com", "accessKey": "YOUR_ACCESS_KEY_ID",
        "secretKey": "YOUR_SECRET_ACCESS_KEY", "bucket": "my-siyuan-notebooks", "region": "us-west-2", "pathStyle": false,
        "skipTlsVerify": false, "timeout": 60, "concurrentReqs": 10}});
    let data = say(&client, "setSyncProviderS3", seed.clone()).await.ok();
    let mut whole = seed;
    whole["s3"]["endpoint"] = "http://s3.us-west-2.amazonaws.com/".into();
    whole["s3"]["secretKey"] = "********".into();
    assert_eq!(data, whole);
}

#[tokio::test]
async fn settings_that_suffice_are_a_space_and_nobody_is_asked() {
    let cloud = S3Server::start();
    cloud.make_bucket(BUCKET);
    let proxy = Proxy::to(cloud.address());
    let server = Server::start();
    let client = server.client();
    say(&client, "setSyncProviderS3", json!({"s3": {}})).await.ok();
    assert_eq!(space(&client, "sync-provider-s3").await, None);
    let mut partial = s3_at(&proxy.endpoint(), BUCKET);
    partial["s3"]["secretKey"] = "".into();
    say(&client, "setSyncProviderS3", partial).await.ok();
    assert_eq!(space(&client, "sync-provider-s3").await, None, "without a secret it is none");
    say(&client, "setSyncProviderS3", s3_at(&proxy.endpoint(), BUCKET)).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    assert_eq!(proxy.requests(), [], "the storage was asked");
    let made = space(&client, "sync-provider-s3").await.unwrap();
    assert_eq!(made.working_dir, "siyuan-sync");
    assert_eq!((made.storage["bucket"].as_str(), made.storage["timeout"].as_i64()), (Some(BUCKET), Some(7)));
    assert_eq!((made.credential["secretAccessKey"].as_str(), made.shard_store), (Some(""), None));

    // The same place: the same space, with other settings.
    create(&client, "notes").await.ok();
    let mut slower = s3_at(&proxy.endpoint(), BUCKET);
    (slower["s3"]["timeout"], slower["s3"]["secretKey"]) = (30.into(), "********".into());
    let asked = proxy.requests().len();
    say(&client, "setSyncProviderS3", slower).await.ok();
    assert_eq!(proxy.requests().len(), asked, "the storage was asked");
    let kept = space(&client, "sync-provider-s3").await.unwrap();
    assert_eq!((kept.id, kept.storage["timeout"].as_i64()), (made.id, Some(30)));
    assert_eq!(names(&client).await, ["notes"], "the mask left the secret as it was");

    // Another place is another space, and the marker of the one before is taken away.
    cloud.make_bucket("others");
    assert!(cloud.files(BUCKET).contains_key("siyuan-sync/.holdall-space"));
    say(&client, "setSyncProviderS3", s3_at(&proxy.endpoint(), "others")).await.ok();
    let moved = space(&client, "sync-provider-s3").await.unwrap();
    assert_ne!(moved.id, made.id);
    assert!(!cloud.files(BUCKET).contains_key("siyuan-sync/.holdall-space"));
    assert_eq!(names(&client).await, Vec::<String>::new());
    assert!(!cloud.files("others").contains_key("siyuan-sync/.holdall-space"), "a listing writes nothing");

    // Nothing is left of what was blanked.
    say(&client, "setSyncProviderS3", json!({"s3": {}})).await.ok();
    assert_eq!(space(&client, "sync-provider-s3").await, None);
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!(said.code, 1);
}

#[tokio::test]
async fn a_space_that_its_owner_deleted_is_made_again_and_one_in_use_stays() {
    let cloud = Cloud::local();
    let server = cloud.allow(Server::with()).start();
    let client = server.client();
    cloud.choose(&client).await;
    create(&client, "a").await.ok();
    let made = space(&client, "sync-provider-local").await.unwrap();
    client.delete_space(made.id).await.ok();
    create(&client, "b").await.ok();
    assert_eq!(names(&client).await, ["a", "b"]);

    let (Cloud::Local(folder), now) = (&cloud, space(&client, "sync-provider-local").await.unwrap()) else {
        unreachable!()
    };
    assert_ne!(now.id, made.id);
    let task = json!({"trigger": {"type": "Interval", "interval": 86400}, "mode": {"type": "Full"}, "filters": [],
        "options": {}, "srcUserSpaceID": now.id, "srcPath": "a", "destUserSpaceIDs": [now.id], "destPathes": ["c"]});
    client.post("/v1/spaceSyncer/createTask", task).await.ok();
    let elsewhere = folder.path().join("b");
    let msg = say(&client, "setSyncProviderLocal", json!({"local": {"endpoint": elsewhere}})).await.failed();
    assert!(msg.contains("in use"), "{msg}");
    assert_eq!(space(&client, "sync-provider-local").await.unwrap().id, now.id);
    assert_eq!(names(&client).await, ["a", "b"], "nothing changed");
}

#[tokio::test]
async fn a_secret_of_a_provider_is_nowhere_to_be_seen() {
    const WRONG: &str = "a-wrong-secret-with-its-own-words";
    let secrets = [s3_server::SECRET_KEY, webdav::PASSWORD, WRONG];
    let cloud = S3Server::start();
    cloud.make_bucket(BUCKET);
    let proxy = Proxy::to(cloud.address());
    let mut server = Server::with().set("log.filter", "trace").start();
    let client = server.client();
    let mut said = Vec::new();
    let call = |call: &str| format!("/api/sync/{call}");
    said.push(client.post(&call("setSyncProviderS3"), s3_at(&proxy.endpoint(), BUCKET)).await);
    said.push(client.post(&call("setSyncProvider"), json!({"provider": 2})).await);
    said.push(client.post(&call("createCloudSyncDir"), json!({"name": "a"})).await);
    proxy.add(Rule::new(Deed::Answer(403)));
    said.push(client.post(&call("createCloudSyncDir"), json!({"name": "b"})).await);
    said.push(client.post(&call("listCloudSyncDir"), json!({})).await);
    proxy.clear();
    let mut wrong = s3_at(&proxy.endpoint(), BUCKET);
    wrong["s3"]["secretKey"] = WRONG.into();
    said.push(client.post(&call("setSyncProviderS3"), wrong.clone()).await);
    said.push(client.post(&call("listCloudSyncDir"), json!({})).await);
    wrong["s3"]["secretKey"] = json!([WRONG]);
    said.push(client.post(&call("setSyncProviderS3"), wrong.clone()).await);
    wrong["s3"]["secretKey"] = "".into();
    wrong["s3"]["endpoint"] = format!("http://user:{WRONG}@127.0.0.1:1").into();
    said.push(client.post(&call("setSyncProviderS3"), wrong).await);
    said.push(client.post_raw(&call("setSyncProviderS3"), "", format!("{{\"s3\":{{\"secretKey\":\"{WRONG}\"")).await);
    let share = json!({"webdav": {"endpoint": "http://127.0.0.1:1", "username": "u", "password": webdav::PASSWORD}});
    said.push(client.post(&call("setSyncProviderWebDAV"), share).await);
    for path in ["/v1/userSpace/listAll", "/readyz", "/metrics", "/v1/audit/list"] {
        said.push(client.get(path, json!({})).await);
    }
    for answer in &said {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{answer:?}");
    }
    let rows = server.snapshot().rows;
    server.stop();
    for secret in secrets {
        assert!(!server.log().contains(secret), "the log tells {secret}");
        assert!(rows.values().flatten().all(|row| !row.contains(secret)), "a row holds {secret}");
        for (file, _) in inspect::files(server.data()) {
            let bytes = fs::read(server.data().join(&file)).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{file} holds {secret}");
        }
    }
}

async fn what_is_set_survives_a_restart_and_a_change_of_the_key(setup: Setup) {
    let cloud = Cloud::s3();
    let mut server = setup.start();
    let client = server.client();
    cloud.choose(&client).await;
    create(&client, "kept").await.ok();
    say(&client, "setCloudSyncDir", json!({"name": "kept"})).await.ok();
    let before = info(&client).await["kernel"].clone();
    server.stop();
    let done = credential(&server, &["rotate-key"]);
    assert!(done.status.success(), "{done:?}");
    server.start_again();
    let client = server.client();
    assert_eq!(names(&client).await, ["kept"]);
    assert_eq!(list(&client).await.1["checkedSyncDir"], "kept");
    let after = info(&client).await["kernel"].clone();
    assert_ne!(before, after, "each life of a server has a name of its own");
    assert_eq!(after.as_str().unwrap().len(), 7);
    // The secret of the settings opens too: registered anew, the space is made from it.
    let made = space(&client, cloud.space_name()).await.unwrap();
    client.delete_space(made.id).await.ok();
    create(&client, "anew").await.ok();
}

on_both! { what_is_set_survives_a_restart_and_a_change_of_the_key }

#[tokio::test]
async fn each_provider_has_a_choice_of_its_own() {
    let server = Server::start();
    let client = server.client();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    say(&client, "setCloudSyncDir", json!({"name": " for-s3 "})).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 3})).await.ok();
    say(&client, "setCloudSyncDir", json!({"path": "for/webdav"})).await.ok();
    let rows = server.snapshot().rows["sync_provider"].clone();
    let holds = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!((holds("for-s3"), holds("for/webdav"), holds("main")), (1, 1, 2), "{rows:?}");
}

#[tokio::test]
async fn a_dead_storage_is_told_of_in_the_time_that_is_set() {
    let cloud = S3Server::start();
    cloud.make_bucket(BUCKET);
    let proxy = Proxy::to(cloud.address());
    let server = Server::start();
    let client = server.client();
    say(&client, "setSyncProviderS3", s3_at(&proxy.endpoint(), BUCKET)).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    proxy.add(Rule::new(Deed::Stall));
    let started = Instant::now();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!((said.code, said.data.clone()), (1, json!({"closeTimeout": 5000})), "{said:?}");
    create(&client, "a").await.failed();
    assert!(started.elapsed() < Duration::from_secs(20), "twice the 7 s that are set, and some");
    proxy.clear();
    proxy.die();
    let msg = create(&client, "a").await.failed();
    assert!(!msg.contains("panicked"), "{msg}");
    proxy.revive();
    create(&client, "a").await.ok();
    assert_eq!(names(&client).await, ["a"]);
}

#[test]
fn settings_of_the_configuration_are_checked() {
    for (key, value, word) in [
        ("sync_provider.working_dir", "a//b", "working_dir"),
        ("sync_provider.working_dir", "../x", "working_dir"),
        ("sync_provider.local_path", "relative", "absolute"),
        ("sync_provider.perform_timeout", "0s", "perform_timeout"),
    ] {
        let said = Server::with().set(key, value).refuse();
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && text.contains(word), "{key} {value}: {text}");
    }
    let document = holdall(&["openapi", "--api", "sync-provider"]).output().unwrap();
    assert!(document.status.success() && !document.stdout.is_empty());
}
