//! The sync itself: bytes arrive, in the direction that was asked for, and what failed is said to have failed.

use super::*;
use holdall_tests::{fixture, server::workspace};
use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// Some files in a directory.
fn fill(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    for (path, content) in fixture::tree(7, 12, 40_000) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::write(folder.join("empty"), "").unwrap();
    contents(folder)
}

async fn enable(client: &Client, mode: i64) {
    say(client, "setSyncEnable", json!({"enabled": true})).await.ok();
    say(client, "setSyncMode", json!({"mode": mode})).await.ok();
}

async fn perform(client: &Client, upload: bool) -> Said {
    say(client, "performSync", json!({"upload": upload})).await
}

/// Milliseconds since 1970.
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

async fn a_sync_goes_both_ways(cloud: Cloud, setup: Setup) {
    let (server, notes) = syncing(&cloud, setup);
    let client = server.client();
    cloud.choose(&client).await;
    let mine = fill(notes.path());

    // Not before it is enabled.
    let msg = perform(&client, true).await.failed();
    assert!(msg.contains("setSyncEnable"), "{msg}");
    assert!(info(&client).await["stat"].as_str().unwrap().contains("not enabled"));
    enable(&client, 3).await;
    say(&client, "setCloudSyncDir", json!({"name": "laptop"})).await.ok();
    // In the fully manual mode a client must say where to.
    let msg = say(&client, "performSync", json!({})).await.unreadable();
    assert!(msg.contains("[upload]") && msg.contains("required"), "{msg}");
    let msg = say(&client, "performSync", json!({"upload": "true"})).await.unreadable();
    assert!(msg.contains("Boolean"), "{msg}");
    say(&client, "performSync", json!({"upload": true, "mobileSwitch": 1})).await.unreadable();
    // What is not there cannot be brought from there.
    let msg = perform(&client, false).await.failed();
    assert!(msg.contains("`laptop` does not exist"), "{msg}");
    assert_eq!(info(&client).await["synced"], 0);

    let before = now();
    assert_eq!(perform(&client, true).await.ok(), Value::Null);
    let there: BTreeMap<_, _> = mine.iter().map(|(key, content)| (format!("laptop/{key}"), content.clone())).collect();
    assert_eq!(cloud.files(), there);
    let told = info(&client).await;
    let synced = told["synced"].as_i64().unwrap();
    assert!((before - 1000..=now() + 1000).contains(&synced), "{told}");
    assert!(told["stat"].as_str().unwrap().contains("13 files copied"), "{told}");
    assert_eq!(names(&client).await, ["laptop"]);

    // Again: nothing to do, and only what is new is brought.
    perform(&client, true).await.ok();
    assert!(info(&client).await["stat"].as_str().unwrap().contains(": 0 files copied"));
    fs::write(notes.path().join("new"), "new").unwrap();
    perform(&client, true).await.ok();
    assert!(info(&client).await["stat"].as_str().unwrap().contains(": 1 files copied"));

    // Back, into an empty directory.
    cloud.put("laptop/from elsewhere", b"another client wrote this");
    let everything = contents(&cloud.base().join("laptop"));
    for entry in fs::read_dir(notes.path()).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => fs::remove_dir_all(entry).unwrap(),
            false if entry.ends_with(".holdall-space") => {}
            false => fs::remove_file(entry).unwrap(),
        }
    }
    perform(&client, false).await.ok();
    assert_eq!(contents(notes.path()), everything);
    assert!(info(&client).await["synced"].as_i64().unwrap() >= synced);
}

#[tokio::test]
async fn a_sync_with_s3_goes_both_ways() {
    a_sync_goes_both_ways(Cloud::s3(), Setup::default()).await;
}

#[tokio::test]
async fn a_sync_with_webdav_goes_both_ways() {
    a_sync_goes_both_ways(Cloud::webdav(), Setup::default()).await;
}

#[tokio::test]
async fn a_sync_with_a_directory_goes_both_ways() {
    a_sync_goes_both_ways(Cloud::local(), Setup::default()).await;
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn a_sync_goes_both_ways_on_postgres() {
    a_sync_goes_both_ways(Cloud::s3(), Setup::default().postgres()).await;
}

#[tokio::test]
async fn without_a_directory_a_sync_says_so() {
    let cloud = Cloud::s3();
    let server = Server::start();
    let client = server.client();
    cloud.choose(&client).await;
    enable(&client, 2).await;
    let msg = say(&client, "performSync", json!({})).await.failed();
    assert!(msg.contains("sync_provider.local_path"), "{msg}");
    assert_eq!(info(&client).await["synced"], 0);
}

#[tokio::test]
async fn a_sync_that_fails_is_said_to_have_failed() {
    let cloud = S3Server::start();
    cloud.make_bucket(BUCKET);
    let (server, notes) = syncing(&Cloud::local(), Server::with());
    let client = server.client();
    say(&client, "setSyncProviderS3", s3_at(&cloud.endpoint(), BUCKET)).await.ok();
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    enable(&client, 2).await;
    fill(notes.path());
    say(&client, "performSync", json!({})).await.ok();
    let good = info(&client).await["synced"].as_i64().unwrap();

    // One file cannot be read: the rest arrives, and the sync has failed in part.
    std::os::unix::fs::symlink("/etc/hostname", notes.path().join("out")).unwrap();
    fs::write(notes.path().join("beside"), "x").unwrap();
    let msg = say(&client, "performSync", json!({})).await.failed();
    assert!(msg.contains("failed in part") && msg.contains("`out`"), "{msg}");
    assert_eq!(cloud.read_file(BUCKET, "siyuan-sync/main/beside"), b"x");
    let told = info(&client).await;
    assert_eq!(told["synced"], good, "that was no sync");
    assert!(told["stat"].as_str().unwrap().contains("`out`"), "{told}");
    fs::remove_file(notes.path().join("out")).unwrap();

    // The storage refuses.
    fs::write(notes.path().join("more"), "y").unwrap();
    cloud.set_read_only(true);
    let msg = say(&client, "performSync", json!({})).await.failed();
    assert!(msg.contains("failed"), "{msg}");
    let said = say(&client, "performBootSync", json!({})).await;
    assert!(said.code == 1 && said.msg.contains("failed"), "{said:?}");
    assert_eq!(say(&client, "getBootSync", json!({})).await.code, 1);
    assert_eq!(info(&client).await["synced"], good);
    cloud.set_read_only(false);
    assert_eq!(say(&client, "performBootSync", json!({})).await.code, 0);
    assert_eq!(say(&client, "getBootSync", json!({})).await.code, 0);
    assert_eq!(cloud.read_file(BUCKET, "siyuan-sync/main/more"), b"y");

    // The directory is another one now: nothing is concluded from what it does not hold.
    fs::remove_file(notes.path().join(".holdall-space")).unwrap();
    let msg = say(&client, "performSync", json!({"upload": false})).await.failed();
    assert!(msg.contains("marker"), "{msg}");
}

#[tokio::test]
async fn before_a_client_asks_there_was_no_sync_at_its_start() {
    let server = Server::start();
    let client = server.client();
    assert_eq!(say(&client, "getBootSync", json!({})).await.ok(), Value::Null);
    let said = say(&client, "performBootSync", json!({})).await;
    assert_eq!((said.code, said.data.clone()), (-1, Value::Null), "{said:?}");
}

#[tokio::test]
async fn the_automatic_mode_syncs_by_itself() {
    let cloud = Cloud::local();
    let (server, notes) = syncing(&cloud, Server::with());
    let client = server.client();
    cloud.choose(&client).await;
    let mine = fill(notes.path());
    say(&client, "setSyncInterval", json!({"interval": 60})).await.ok();
    enable(&client, 1).await;
    eventually("the notes arrive by themselves", || async {
        (contents(&cloud.base().join("main")) == mine).then_some(())
    })
    .await;
    let tasks = || async {
        let data = client.get("/v1/spaceSyncer/listTasks", json!({})).await.ok();
        let active = |task: &&Value| task["state"] == "Active";
        data["tasks"].as_array().unwrap().iter().filter(active).cloned().collect::<Vec<_>>()
    };
    let running = tasks().await;
    assert_eq!(running.len(), 1, "{running:?}");
    assert_eq!(running[0]["trigger"], json!({"type": "Interval", "interval": 60}));
    // In another mode it is only asked for.
    say(&client, "setSyncMode", json!({"mode": 2})).await.ok();
    eventually("the task no longer runs by itself", || async {
        tasks().await.iter().all(|task| task["trigger"]["type"] == "At").then_some(())
    })
    .await;
    say(&client, "performSync", json!({})).await.ok();
    // A directory that goes takes the task along.
    assert_eq!(remove(&client, "main").await.ok(), "main");
    assert_eq!(tasks().await, Vec::<Value>::new());
    assert!(info(&client).await["stat"].as_str().unwrap().contains("synced"));
}

/// The commands that the README prints for these calls, in the root of the repository, on other ports.
#[tokio::test]
async fn the_commands_of_the_readme_work_as_printed() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("SiYuan's sync calls")).unwrap();
    let (_, behind) = section.split_once("```sh\n").unwrap();
    let (script, _) = behind.split_once("```").unwrap();
    let (server, notes) = syncing(&Cloud::local(), Server::with());
    let mine = fill(notes.path());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", script]).current_dir(workspace());
    bash.env("HOLDALL", server.url()).env("S3", format!("http://{}", server.s3_address()));
    let output = bash.env("CREDENTIALS", server.data().join("credentials.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> =
        said.lines().filter(|line| line.contains("\"msg\"")).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(answers.len() == 9 && answers.iter().all(|answer| answer["code"] == 0), "{said}");
    assert_eq!(answers[4]["data"]["syncDirs"][0]["cloudName"], "laptop", "{said}");
    let client = server.client();
    let bucket = client.get("/v1/bucket/getByName", json!({"userID": 1, "name": "my-notes"})).await.ok();
    assert!(bucket["bucket"]["bucketID"].is_i64());
    assert!(said.contains(&format!("{} files copied", mine.len())), "{said}");
}
