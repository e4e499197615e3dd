//! Directories are real: on S3, on WebDAV, and on this machine.

use super::*;
use holdall_tests::Deed;

/// Everything a client does with directories, on one storage.
async fn directories_live_and_die(cloud: Cloud) {
    let server = cloud.allow(Server::with()).start();
    let client = server.client();
    cloud.choose(&client).await;
    assert_eq!(names(&client).await, Vec::<String>::new(), "nothing is invented");

    for name in ["a", "ab", "笔记", "A-b_9"] {
        assert_eq!(create(&client, name).await.ok(), Value::Null);
        assert!(cloud.base().join(name).is_dir(), "{name}");
    }
    let msg = create(&client, "a").await.failed();
    assert!(msg.contains("`a` exists already"), "{msg}");
    let mut all = names(&client).await;
    all.sort_unstable();
    assert_eq!(all, ["A-b_9", "a", "ab", "笔记"]);

    cloud.put("a/one", &[1; 1000]);
    cloud.put("a/deep/er/two", &[2; 536]);
    cloud.put("ab/three", b"three");
    let (dirs, whole) = list(&client).await;
    assert_eq!((&dirs["a"]["size"], &dirs["a"]["hSize"]), (&json!(1536), &json!("1.5 KB")));
    assert_eq!((&dirs["ab"]["size"], &dirs["笔记"]["size"]), (&json!(5), &json!(0)));
    assert_eq!((&whole["hSize"], &whole["checkedSyncDir"]), (&json!("1.5 KB"), &json!("main")));
    for (name, dir) in &dirs {
        let updated = dir["updated"].as_str().unwrap();
        assert!(
            updated.len() == 19 && updated.starts_with("20") && updated.as_bytes()[10] == b' ',
            "{name}: {updated}"
        );
    }

    say(&client, "setCloudSyncDir", json!({"name": "a"})).await.ok();
    assert_eq!(list(&client).await.1["checkedSyncDir"], "a");
    // Another one goes: the choice stays. The chosen one goes: it is `main` again.
    assert_eq!(remove(&client, "笔记").await.ok(), "a");
    assert_eq!(remove(&client, "a").await.ok(), "main");
    assert_eq!(list(&client).await.1["checkedSyncDir"], "main");
    assert_eq!(names(&client).await, ["A-b_9", "ab"]);
    assert_eq!(cloud.files(), BTreeMap::from([("ab/three".to_owned(), b"three".to_vec())]), "siblings are untouched");
    let msg = remove(&client, "a").await.failed();
    assert!(msg.contains("`a` does not exist"), "{msg}");
    create(&client, "a").await.ok();
    assert_eq!(list(&client).await.0["a"]["size"], 0, "what was removed does not come back");
}

#[tokio::test]
async fn directories_of_s3_live_and_die() {
    directories_live_and_die(Cloud::s3()).await;
}

#[tokio::test]
async fn directories_of_webdav_live_and_die() {
    directories_live_and_die(Cloud::webdav()).await;
}

#[tokio::test]
async fn directories_of_this_machine_live_and_die() {
    directories_live_and_die(Cloud::local()).await;
}

/// As the document of the contract has it.
async fn a_path_names_nested_directories(cloud: Cloud, provider: &str) {
    let server = cloud.allow(Server::with()).start();
    let client = server.client();
    cloud.choose(&client).await;
    let wanted = json!({"provider": provider, "path": "archive/2024"});
    say(&client, "createCloudSyncDir", wanted.clone()).await.ok();
    assert!(cloud.base().join("archive/2024").is_dir());
    say(&client, "createCloudSyncDir", wanted).await.failed();
    say(&client, "createCloudSyncDir", json!({"path": "archive/2025", "provider": provider.to_lowercase()})).await.ok();
    say(&client, "createCloudSyncDir", json!({"path": "archive"})).await.failed();
    assert_eq!(names(&client).await, ["archive"]);
    say(&client, "setCloudSyncDir", json!({"path": "archive/2024"})).await.ok();
    let (dirs, whole) = list(&client).await;
    assert_eq!(whole["checkedSyncDir"], "archive/2024");
    assert_eq!(whole["hSize"], "0 B");
    assert_eq!(dirs.into_keys().collect::<Vec<_>>(), ["archive", "archive/2024"], "the one that is chosen is shown");

    for other in ["S3", "WebDAV", "Local File System", "siyuan", "nonsense"] {
        if other != provider {
            let msg = say(&client, "createCloudSyncDir", json!({"name": "x", "provider": other})).await.failed();
            assert!(msg.starts_with("provider: "), "{msg}");
        }
    }
    // A name counts before a path.
    say(&client, "createCloudSyncDir", json!({"name": "named", "path": "pathed"})).await.ok();
    assert_eq!(say(&client, "removeCloudSyncDir", json!({"path": "archive/2025"})).await.ok(), "archive/2024");
    assert!(cloud.base().join("archive/2024").is_dir());
    assert_eq!(remove(&client, "archive").await.ok(), "main", "the chosen one lay in it");
    assert_eq!(names(&client).await, ["named"]);
}

#[tokio::test]
async fn a_path_names_nested_directories_of_s3() {
    a_path_names_nested_directories(Cloud::s3(), "S3").await;
}

#[tokio::test]
async fn a_path_names_nested_directories_of_webdav() {
    a_path_names_nested_directories(Cloud::webdav(), "WebDAV").await;
}

#[tokio::test]
async fn a_path_names_nested_directories_of_this_machine() {
    a_path_names_nested_directories(Cloud::local(), "Local File System").await;
}

/// Many pages of keys, all of them, and nobody else's.
#[tokio::test]
async fn a_large_directory_goes_as_a_whole() {
    let cloud = Cloud::s3();
    let server = Server::start();
    let client = server.client();
    cloud.choose(&client).await;
    create(&client, "many").await.ok();
    create(&client, "many2").await.ok();
    for at in 0..2500 {
        cloud.put(&format!("many/{at:05}"), b"x");
    }
    cloud.put("many2/mine", b"x");
    assert_eq!(list(&client).await.0["many"]["size"], 2500);
    remove(&client, "many").await.ok();
    assert_eq!(cloud.files(), BTreeMap::from([("many2/mine".to_owned(), b"x".to_vec())]));
    assert_eq!(names(&client).await, ["many2"]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_and_never_empty() {
    let cloud = S3Server::start();
    let server = Server::start();
    let client = server.client();
    say(&client, "setSyncProviderS3", s3_at(&cloud.endpoint(), "gone")).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    for _ in 0..2 {
        let said = say(&client, "listCloudSyncDir", json!({})).await;
        assert_eq!((said.code, said.data.clone()), (1, json!({"closeTimeout": 5000})), "{said:?}");
        assert!(said.msg.contains("does not exist"), "{said:?}");
        let msg = create(&client, "notes").await.failed();
        assert!(msg.contains("does not exist"), "{msg}");
    }
    assert!(!cloud.bucket("gone").exists(), "it was not made either");
    // And one that goes later is none that is empty.
    cloud.make_bucket("gone");
    create(&client, "notes").await.ok();
    fs::remove_dir_all(cloud.bucket("gone")).unwrap();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!(said.code, 1, "{said:?}");
    fs::create_dir(cloud.bucket("gone")).unwrap();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert!(said.code == 1 && said.msg.contains("marker"), "an empty one in its place is another one: {said:?}");
}

#[tokio::test]
async fn wrong_keys_and_a_broken_listing_are_told() {
    let cloud = S3Server::start();
    cloud.make_bucket(BUCKET);
    let proxy = Proxy::to(cloud.address());
    let server = Server::start();
    let client = server.client();
    let mut wrong = s3_at(&proxy.endpoint(), BUCKET);
    wrong["s3"]["secretKey"] = "wrong".into();
    say(&client, "setSyncProviderS3", wrong).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert!(said.code == 1 && said.msg.contains("denied"), "{said:?}");
    say(&client, "setSyncProviderS3", s3_at(&proxy.endpoint(), BUCKET)).await.ok();
    create(&client, "a").await.ok();
    for at in 0..3 {
        cloud.put_file(BUCKET, &format!("siyuan-sync/a/{at}"), "x");
    }
    // The listing works, the removal of a key does not: nothing is said to be gone that is there.
    proxy.add(Rule::new(Deed::Answer(403)).method("DELETE"));
    proxy.add(Rule::new(Deed::Answer(403)).method("POST"));
    remove(&client, "a").await.failed();
    proxy.clear();
    assert_eq!(names(&client).await, ["a"]);
    remove(&client, "a").await.ok();
    proxy.add(Rule::new(Deed::Answer(403)).method("GET").path("list-type"));
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!(said.code, 1, "{said:?}");
}

#[tokio::test]
async fn names_that_are_made_at_once_are_made_once() {
    let cloud = Cloud::s3();
    let server = Server::start();
    let client = server.client();
    cloud.choose(&client).await;
    let said = futures::future::join_all((0..6).map(|_| create(&client, "same"))).await;
    assert_eq!(said.iter().filter(|said| said.code == 0).count(), 1, "{said:?}");
    assert_eq!(names(&client).await, ["same"]);
}

#[tokio::test]
async fn a_link_is_no_directory_and_what_it_leads_to_stays() {
    let cloud = Cloud::local();
    let server = cloud.allow(Server::with()).start();
    let client = server.client();
    cloud.choose(&client).await;
    let outside = TempDir::with_prefix("holdall-outside-").unwrap();
    fs::write(outside.path().join("mine"), "x").unwrap();
    std::os::unix::fs::symlink(outside.path(), cloud.base().join("link")).unwrap();
    create(&client, "a").await.ok();
    std::os::unix::fs::symlink(outside.path(), cloud.base().join("a/link")).unwrap();
    assert_eq!(names(&client).await, ["a"]);
    for call in ["createCloudSyncDir", "removeCloudSyncDir"] {
        say(&client, call, json!({"name": "link"})).await.failed();
        say(&client, call, json!({"path": "link/x"})).await.failed();
    }
    remove(&client, "a").await.ok();
    assert_eq!(fs::read(outside.path().join("mine")).unwrap(), b"x");
}

#[tokio::test]
async fn what_siyuan_itself_would_say() {
    let exact = |setup: Setup| setup.set("sync_provider.siyuan_exact", true);
    for cloud in [Cloud::s3(), Cloud::webdav()] {
        let server = exact(Server::with()).start();
        let client = server.client();
        cloud.choose(&client).await;
        for call in ["createCloudSyncDir", "removeCloudSyncDir"] {
            let msg = say(&client, call, json!({"name": "a"})).await.failed();
            assert!(msg.contains("console"), "{msg}");
        }
        let (dirs, whole) = list(&client).await;
        let shown = if matches!(cloud, Cloud::S3(_)) { BUCKET } else { "main" };
        assert_eq!(dirs.keys().collect::<Vec<_>>(), [shown]);
        assert_eq!(
            (&dirs[shown]["size"], &dirs[shown]["hSize"], &whole["hSize"]),
            (&json!(0), &json!("-"), &json!("-"))
        );
        assert_eq!(whole["checkedSyncDir"], "main", "and yet it changes nothing");
        assert_eq!(say(&client, "setCloudSyncDir", json!({"name": "a/b"})).await.ok(), Value::Null);
        assert_eq!(list(&client).await.1["checkedSyncDir"], "main");
    }
    // Even a bucket that is not there.
    let cloud = S3Server::start();
    let server = exact(Server::with()).start();
    let client = server.client();
    say(&client, "setSyncProviderS3", s3_at(&cloud.endpoint(), "gone")).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    assert_eq!(names(&client).await, ["main"]);
    let cloud = Cloud::local();
    let server = exact(cloud.allow(Server::with())).start();
    let client = server.client();
    cloud.choose(&client).await;
    create(&client, "a").await.ok();
    create(&client, "a").await.ok();
    assert_eq!(list(&client).await.0["a"]["hSize"], "-");
    assert_eq!(remove(&client, "a").await.ok(), "main");
    assert_eq!(names(&client).await, ["main"], "never nothing");
}
