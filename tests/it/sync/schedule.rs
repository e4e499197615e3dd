//! When tasks run: by their beat, once, and after times in which nobody was there or a clock was wrong.

use super::*;

on_both![
    an_interval_runs_again_and_again,
    a_task_of_one_time_runs_once,
    what_was_missed_while_nobody_was_there_is_made_up_for_once,
    a_clock_that_went_wrong_stops_no_task,
];

async fn an_interval_runs_again_and_again(setup: Setup) {
    let stage = Stage::new();
    let server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 3).await;
    let id = create(&client, changed(task(from, to), json!({"trigger": {"type": "Interval", "interval": 1}}))).await;
    wait_for(&client, id, "Succeeded").await;
    stage.assert_copied();
    fs::write(stage.folder("from/in/late"), "late").unwrap();
    eventually("a later run copies what came later", || async { stage.folder("to/out/late").exists().then_some(()) })
        .await;
    let runs = wait_for_runs(&client, id, 3).await;
    // Never two at a time: each begins after the one before has ended.
    for pair in runs.windows(2) {
        assert!(pair[0]["startTime"].as_str() >= pair[1]["endTime"].as_str(), "{pair:?}");
    }
    update(&client, id, json!({"trigger": {"type": "Interval", "interval": 3600}})).await.ok();
    assert_eq!(find(&client, id).await["trigger"], json!({"type": "Interval", "interval": 3600}));
}

async fn a_task_of_one_time_runs_once(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 3).await;
    let at = |time: &str, path: &str| {
        changed(task(from, to), json!({"trigger": {"type": "At", "time": time}, "destPathes": [path]}))
    };
    let past = create(&client, at("2001-01-01T00:00:00Z", "out")).await;
    let future = create(&client, at("2999-01-01T00:00:00Z", "later")).await;
    wait_for(&client, past, "Succeeded").await;
    let task = find(&client, past).await;
    assert_eq!((&task["state"], &task["nextRunTime"]), (&json!("Finished"), &Value::Null));
    update(&client, past, json!({"paused": true})).await.refused(409, "OperationFailed");
    client.post("/v1/spaceSyncer/runNow", json!({"taskID": past})).await.refused(409, "OperationFailed");
    // By hand before its time: it stays there.
    client.post("/v1/spaceSyncer/runNow", json!({"taskID": future})).await.ok();
    wait_for(&client, future, "Succeeded").await;
    let task = find(&client, future).await;
    assert_eq!((&task["state"], &task["nextRunTime"]), (&json!("Active"), &json!("2999-01-01T00:00:00+00:00")));
    server.restart();
    let client = server.client();
    update(&client, future, json!({"trigger": {"type": "At", "time": "2001-01-01T00:00:00Z"}})).await.ok();
    wait_for_runs(&client, future, 2).await;
    assert_eq!((runs(&client, past).await.len(), runs(&client, future).await.len()), (1, 2));
}

/// Moves every task's next run by so many seconds.
fn shift(server: &Server, seconds: i64) {
    inspect::execute(
        &server.database_url(),
        &format!("UPDATE sync_task SET next_run_at = next_run_at + {seconds}000000"),
    );
}

async fn what_was_missed_while_nobody_was_there_is_made_up_for_once(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 3).await;
    let id = create(&client, changed(task(from, to), json!({"trigger": {"type": "Interval", "interval": 600}}))).await;
    wait_for(&client, id, "Succeeded").await;
    server.stop();
    // Ten beats and a half go by.
    shift(&server, -6300);
    server.start_again();
    let client = server.client();
    wait_for_runs(&client, id, 2).await;
    let task = find(&client, id).await;
    assert!(task["nextRunTime"].as_str() > runs(&client, id).await[0]["startTime"].as_str(), "{task}");
    // A run of another task from its beginning to its end: this one had its chance to be run again.
    let other = create(&client, changed(super::task(from, to), json!({"destPathes": ["other"]}))).await;
    wait_for(&client, other, "Succeeded").await;
    assert_eq!(runs(&client, id).await.len(), 2, "one run makes up for all");
}

async fn a_clock_that_went_wrong_stops_no_task(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 3).await;
    let id = create(&client, changed(task(from, to), json!({"trigger": {"type": "Interval", "interval": 600}}))).await;
    wait_for(&client, id, "Succeeded").await;
    // Written while the clock was ten years ahead.
    shift(&server, 315_360_000);
    wait_for_runs(&client, id, 2).await;
    shift(&server, 0);
    let slow = create(&client, changed(slow_task(from, to, 1000), json!({"destPathes": ["slow"]}))).await;
    wait_for(&client, slow, "Running").await;
    server.kill();
    // A lease of a server whose clock was ahead; it has died since.
    let sql = "UPDATE sync_run SET lease_until = lease_until + 315360000000000 WHERE ended_at IS NULL";
    inspect::execute(&server.database_url(), sql);
    server.start_again();
    let client = server.client();
    update(&client, slow, json!({"bandwidthLimit": 0})).await.ok();
    wait_for(&client, slow, "Succeeded").await;
}
