//! What stops a run, and how it goes on.

use super::*;

on_both![
    a_run_is_paused_and_goes_on,
    a_run_is_cancelled,
    a_run_survives_the_orderly_end_of_its_server,
    a_run_survives_the_death_of_its_server,
    a_run_waits_for_the_hours_of_its_task,
    a_run_whose_hours_end_stops_and_goes_on_when_they_come_again,
];

/// So many files at so many bytes a second take half a minute: nobody waits for their end.
const FILES: usize = 60;
const SLOW: u64 = 8192;

fn copied(run: &Value) -> u64 {
    run["stats"]["copied"].as_u64().unwrap()
}

async fn a_run_is_paused_and_goes_on(setup: Setup) {
    let stage = Stage::new();
    let server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, FILES).await;
    let id = create(&client, slow_task(from, to, SLOW)).await;
    let begun = wait_for_progress(&client, id).await;
    client.post("/v1/spaceSyncer/runNow", json!({"taskID": id})).await.refused(409, "OperationFailed");
    assert_eq!(update(&client, id, json!({"paused": true})).await.ok()["task"]["state"], "Paused");
    let paused = wait_for(&client, id, "Paused").await;
    assert_eq!(
        (&paused["runID"], &paused["endTime"], &paused["currentKeys"]),
        (&begun["runID"], &Value::Null, &json!([]))
    );
    let there = contents(&stage.folder("to/out")).len();
    assert!(there < FILES, "it stopped in the middle");
    client.post("/v1/spaceSyncer/runNow", json!({"taskID": id})).await.refused(409, "OperationFailed");
    // A task of another place runs to its end meanwhile: the paused one had its chance to go on by mistake.
    let other = create(&client, changed(task(from, to), json!({"destPathes": ["other"]}))).await;
    wait_for(&client, other, "Succeeded").await;
    assert_eq!(contents(&stage.folder("to/out")).len(), there);

    update(&client, id, json!({"paused": false})).await.ok();
    wait_for(&client, id, "Running").await;
    // The limit is lifted while the run goes on.
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = wait_for(&client, id, "Succeeded").await;
    assert_eq!(done["runID"], begun["runID"]);
    assert!(copied(&done) >= FILES as u64, "{done}");
    stage.assert_copied();
    assert_eq!(runs(&client, id).await.len(), 1);
    assert_eq!(find(&client, id).await["options"].get("bandwidthLimit"), None);
}

async fn a_run_is_cancelled(setup: Setup) {
    let stage = Stage::new();
    let server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, FILES).await;
    let id = create(&client, slow_task(from, to, SLOW)).await;
    wait_for_progress(&client, id).await;
    cancel(&client, id).await;
    let run = wait_for(&client, id, "Cancelled").await;
    assert!(run["endTime"].is_string() && copied(&run) < FILES as u64, "{run}");
    assert_eq!(find(&client, id).await["nextRunTime"], Value::Null);
    // One that waits in a pause is over at once.
    let id = create(&client, slow_task(from, to, SLOW)).await;
    wait_for_progress(&client, id).await;
    update(&client, id, json!({"paused": true})).await.ok();
    wait_for(&client, id, "Paused").await;
    cancel(&client, id).await;
    assert_eq!(runs(&client, id).await[0]["state"], "Cancelled");
    update(&client, id, json!({"paused": false})).await.refused(409, "OperationFailed");
}

async fn a_run_survives_the_orderly_end_of_its_server(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, FILES).await;
    let id = create(&client, slow_task(from, to, SLOW)).await;
    let begun = wait_for_progress(&client, id).await;
    server.stop();
    let held = "SELECT CAST(COUNT(*) AS TEXT) FROM sync_run WHERE lease_until > 0";
    assert_eq!(inspect::query(&server.database_url(), |_| held.to_owned()), ["0"], "the lease was given back");
    server.start_again();
    let client = server.client();
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = wait_for(&client, id, "Succeeded").await;
    assert_eq!((&done["runID"], &done["startTime"]), (&begun["runID"], &begun["startTime"]));
    assert!(copied(&done) >= FILES as u64, "what was copied before is counted: {done}");
    stage.assert_copied();
}

async fn a_run_survives_the_death_of_its_server(setup: Setup) {
    let stage = Stage::new();
    let mut server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, FILES).await;
    let id = create(&client, slow_task(from, to, SLOW)).await;
    let begun = wait_for_progress(&client, id).await;
    server.kill();
    server.start_again();
    let client = server.client();
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = wait_for(&client, id, "Succeeded").await;
    assert_eq!(done["runID"], begun["runID"]);
    stage.assert_copied();
    assert_eq!(runs(&client, id).await.len(), 1);
}

/// A window of one hour that is not now, and one that is.
fn windows() -> (Value, Value) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 3600 % 24;
    let hour = |ahead: u64| format!("{:02}:00", (now + ahead) % 24);
    (json!({"from": hour(10), "to": hour(11)}), json!({"from": hour(22), "to": hour(2)}))
}

async fn a_run_waits_for_the_hours_of_its_task(setup: Setup) {
    let stage = Stage::new();
    let server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 3).await;
    let (closed, open) = windows();
    let with = |window: Value, path: &str| {
        changed(task(from, to), json!({"options": {"timeWindow": window}, "destPathes": [path]}))
    };
    let waits = create(&client, with(closed, "waits")).await;
    let runs_now = create(&client, with(open, "out")).await;
    wait_for(&client, runs_now, "Succeeded").await;
    stage.assert_copied();
    let run = eventually("somebody has looked at its hours", || async {
        runs(&client, waits).await.first().filter(|run| run["startTime"].is_string()).cloned()
    })
    .await;
    assert_ne!(run["state"], "Succeeded");
    wait_for(&client, waits, "Queued").await;
    assert!(!stage.folder("to/waits").exists());
}

/// Sets the hours of a task as if the clock had been moved: they are minutes of the day, UTC.
fn set_hours(server: &Server, task: i64, window: [u64; 2]) {
    let url = server.database_url();
    let line = inspect::query(&url, |_| format!("SELECT options AS line FROM sync_task WHERE id = {task}"));
    let mut options: Value = serde_json::from_str(&line[0]).unwrap();
    assert!(options["time_window"].is_object(), "{options}");
    options["time_window"] = json!({"from": window[0], "to": window[1], "offset": 0});
    inspect::execute(&url, &format!("UPDATE sync_task SET options = '{options}' WHERE id = {task}"));
}

async fn a_run_whose_hours_end_stops_and_goes_on_when_they_come_again(setup: Setup) {
    let stage = Stage::new();
    let server = stage.allow(setup).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, FILES).await;
    let (_, open) = windows();
    let options = json!({"bandwidthLimit": SLOW, "concurrency": 1, "timeWindow": open});
    let id = create(&client, changed(task(from, to), json!({"options": options}))).await;
    let begun = wait_for_progress(&client, id).await;
    let minute = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 60 % 1440;
    // They ended a minute ago, and come again in ten hours.
    set_hours(&server, id, [(minute + 600) % 1440, (minute + 1439) % 1440]);
    let waiting = wait_for(&client, id, "Queued").await;
    assert_eq!((&waiting["runID"], &waiting["endTime"]), (&begun["runID"], &Value::Null), "{waiting}");
    let there = contents(&stage.folder("to/out")).len();
    assert!((1..FILES).contains(&there), "{there} files");
    // Another task has its turn, this one not.
    let other = create(&client, changed(task(from, to), json!({"destPathes": ["other"]}))).await;
    wait_for(&client, other, "Succeeded").await;
    assert_eq!(contents(&stage.folder("to/out")).len(), there);
    // Ten hours later.
    set_hours(&server, id, [(minute + 1380) % 1440, (minute + 120) % 1440]);
    inspect::execute(&server.database_url(), "UPDATE sync_run SET not_before = 0 WHERE ended_at IS NULL");
    update(&client, id, json!({"bandwidthLimit": 0})).await.ok();
    let done = wait_for(&client, id, "Succeeded").await;
    assert_eq!(done["runID"], begun["runID"]);
    stage.assert_copied();
}
