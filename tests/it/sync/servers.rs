//! Several servers on one database: each run belongs to one of them, and moves on when that one dies.

use super::{events::Events, *};

/// A second server beside the first: the same database, and the keys to the same secrets.
fn beside(stage: &Stage, first: &Server) -> Server {
    let data = stage.folder("second");
    fs::create_dir_all(&data).unwrap();
    for file in ["master.key", "credentials.toml"] {
        fs::copy(first.data().join(file), data.join(file)).unwrap();
    }
    let mut second = stage.allow(Server::with()).data(&data).database_url(&first.database_url()).start();
    // What both left is looked at when the first one ends: this one has no database of its own.
    second.expect_damage();
    second
}

/// Which servers have worked on runs, by their logs.
fn begun(server: &Server) -> usize {
    server.log().lines().filter(|line| line.contains("begins") && line.contains("of sync task")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn postgres_a_run_goes_on_elsewhere_when_its_server_is_killed() {
    let stage = Stage::new();
    let mut first = stage.allow(Server::with().postgres()).start();
    let (from, to) = stage.pair(&first.client(), 60).await;
    let id = create(&first.client(), slow_task(from, to, 8192)).await;
    let before = wait_for_progress(&first.client(), id).await;
    let second = beside(&stage, &first);
    let client = second.client();
    // Both tell of it, and only one works on it.
    let seen = run(&client, before["runID"].as_i64().unwrap()).await;
    assert_eq!((&seen["state"], begun(&second)), (&json!("Running"), 0));
    let mut events = Events::of(&client, id).await;
    events.until("Running").await;
    first.kill();
    eventually("the other server goes on with the run", || async { (begun(&second) > 0).then_some(()) }).await;
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = events.until("Succeeded").await;
    assert_eq!((&done["runID"], &done["startTime"]), (&before["runID"], &before["startTime"]));
    stage.assert_copied();
    assert_eq!(runs(&client, id).await.len(), 1);
    cancel(&client, id).await;
    drop(second);
    first.start_again();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn postgres_what_one_server_is_told_the_other_heeds() {
    let stage = Stage::new();
    let first = stage.allow(Server::with().postgres()).start();
    let (from, to) = stage.pair(&first.client(), 60).await;
    let id = create(&first.client(), slow_task(from, to, 8192)).await;
    wait_for_progress(&first.client(), id).await;
    let second = beside(&stage, &first);
    let client = second.client();
    assert_eq!(begun(&second), 0);
    update(&client, id, json!({"paused": true})).await.ok();
    wait_for(&client, id, "Paused").await;
    update(&client, id, json!({"paused": false, "bandwidthLimit": 4096})).await.ok();
    wait_for(&client, id, "Running").await;
    cancel(&client, id).await;
    wait_for(&first.client(), id, "Cancelled").await;
    drop(second);
}

/// Many short tasks and two servers: every beat is kept by one of them, never by both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn postgres_two_servers_share_the_runs() {
    let stage = Stage::new();
    let first = stage.allow(Server::with().postgres()).start();
    let (from, to) = stage.pair(&first.client(), 3).await;
    let second = beside(&stage, &first);
    let client = second.client();
    let mut ids = Vec::new();
    for at in 0..6 {
        let beat = json!({"trigger": {"type": "Interval", "interval": 1}, "destPathes": [format!("out{at}")]});
        ids.push(create(&first.client(), changed(task(from, to), beat)).await);
    }
    for id in &ids {
        for pair in wait_for_runs(&client, *id, 4).await.windows(2) {
            assert!(pair[0]["startTime"].as_str() >= pair[1]["endTime"].as_str(), "two at a time: {pair:?}");
        }
    }
    for id in &ids {
        cancel(&client, *id).await;
    }
    drop(second);
}
