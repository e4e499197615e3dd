//! What can be said to the syncer, what it answers, and what it refuses.

use super::*;
use crate::v1::bad_input::assert_nothing_changed;
use holdall_tests::sign::credential;
use reqwest::Method;

#[tokio::test]
async fn a_task_is_answered_as_the_contract_says() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 1).await;
    let wanted = json!({
        "trigger": {"type": "Interval", "interval": 30},
        "mode": {"type": "Diff", "includeSize": false, "includeModTime": true},
        "filters": [
            {"type": "Size", "minSize": 10, "maxSize": 20000},
            {"type": "Extension", "include": ["jpg", ".TAR.gz"]},
            {"type": "Path", "include": ["a/**"], "exclude": ["*.tmp"]},
            {"type": "ModTime", "after": "2020-01-01T00:00:00+00:00"},
        ],
        "options": {"noEmptyDirectories": true, "timeWindow": {"from": "22:00", "to": "06:00", "offset": "+08:00"}},
        "srcUserSpaceID": from, "srcPath": "in", "destUserSpaceIDs": [to, to], "destPathes": ["x", "y/z"],
    });
    let made = try_create(&client, wanted.clone()).await.ok()["task"].clone();
    for (field, value) in wanted.as_object().unwrap() {
        if field == "options" {
            continue;
        }
        assert_eq!(&made[field], value, "{field}");
    }
    assert_eq!(
        made["options"],
        json!({
            "noEmptyDirectories": true, "deleteExtraneous": false, "maxDeletePercent": 50, "allowEmptySource": false,
            "deleteSource": false, "concurrency": 32, "dryRun": false, "verify": false,
            "timeWindow": {"from": "22:00", "to": "06:00", "offset": "+08:00"},
        })
    );
    assert_eq!(made["state"], "Active");
    let id = made["taskID"].as_i64().unwrap();
    let found = find(&client, id).await;
    for field in ["trigger", "mode", "filters", "options", "destPathes", "createTime"] {
        assert_eq!(found[field], made[field], "{field}");
    }
    cancel(&client, id).await;
    cancel(&client, id).await;
    assert_eq!(find(&client, id).await["state"], "Cancelled");
    // What Go writes for nothing, keys in another case, and a path with slashes at its ends.
    let loose = json!({
        "TRIGGER": {"Type": "At", "Time": "2999-01-01T08:00:00+08:00"}, "mode": {"type": "Full"}, "filters": null,
        "options": null, "SrcUserSpaceID": from, "srcPath": "in/", "destUserSpaceIDs": [to], "destPathes": ["out/"],
        "userID": 1,
    });
    let made = try_create(&client, loose).await.ok()["task"].clone();
    assert_eq!(made["trigger"], json!({"type": "At", "time": "2999-01-01T00:00:00+00:00"}));
    assert_eq!(made["nextRunTime"], "2999-01-01T00:00:00+00:00");
    assert_eq!((&made["srcPath"], &made["destPathes"]), (&json!("in"), &json!(["out"])));
    assert_eq!((&made["mode"], &made["filters"]), (&json!({"type": "Full"}), &json!([])));
}

/// Changes of a good request, and words of the message.
fn bad_tasks(to: i64) -> Vec<(Value, &'static str)> {
    let filter = |filter: Value| json!({"filters": [{"type": "Size"}, filter]});
    let option = |name: &str, value: Value| json!({"options": {name: value}});
    let window =
        |from: &str, to: &str, offset: &str| option("timeWindow", json!({"from": from, "to": to, "offset": offset}));
    vec![
        (json!({"trigger": null}), "trigger"),
        (json!({"trigger": "Interval"}), "trigger"),
        (json!({"trigger": {}}), "trigger.type"),
        (json!({"trigger": {"type": "Cron", "interval": 3}}), "trigger.type: must be `Interval` or `At`"),
        (json!({"trigger": {"type": "Interval"}}), "trigger.interval"),
        (json!({"trigger": {"type": "Interval", "interval": 0}}), "trigger.interval"),
        (json!({"trigger": {"type": "Interval", "interval": -1}}), "trigger.interval"),
        (json!({"trigger": {"type": "Interval", "interval": 0.5}}), "trigger.interval"),
        (json!({"trigger": {"type": "Interval", "interval": "30"}}), "trigger.interval"),
        (json!({"trigger": {"type": "Interval", "interval": i64::MAX}}), "trigger.interval"),
        (json!({"trigger": {"type": "At"}}), "trigger.time"),
        (json!({"trigger": {"type": "At", "time": "tomorrow"}}), "trigger.time"),
        (json!({"trigger": {"type": "At", "time": "2026-11-25T20:00:00"}}), "trigger.time"),
        (json!({"mode": null}), "mode"),
        (json!({"mode": {"type": "Fast"}}), "mode.type: must be `Diff` or `Full`"),
        (json!({"mode": {"type": "Diff", "includeSize": "yes"}}), "mode.includeSize"),
        (json!({"filters": {}}), "filters"),
        (json!({"filters": ["Size"]}), "filters[0]"),
        (filter(json!({"type": "Regex"})), "filters[1].type: must be `Size`, `Extension`, `Path` or `ModTime`"),
        (filter(json!({"type": "Size", "minSize": -1})), "filters[1].minSize"),
        (filter(json!({"type": "Size", "minSize": "1"})), "filters[1].minSize"),
        (filter(json!({"type": "Size", "minSize": 2, "maxSize": 1})), "filters[1].maxSize"),
        (filter(json!({"type": "Extension", "include": "jpg"})), "include"),
        (filter(json!({"type": "Extension", "include": ["."]})), "filters[1].include[0]"),
        (filter(json!({"type": "Path", "exclude": ["a", "["]})), "filters[1].exclude[1]"),
        (filter(json!({"type": "Path", "include": [5]})), "filters[1].include[0]"),
        (filter(json!({"type": "ModTime", "after": "x"})), "filters[1].after"),
        (
            filter(json!({"type": "ModTime", "after": "2026-01-01T00:00:00Z", "before": "2025-01-01T00:00:00Z"})),
            "filters[1].before",
        ),
        (json!({"options": []}), "options"),
        (option("noEmptyDirectories", json!(1)), "options.noEmptyDirectories"),
        (option("maxDelete", json!(-1)), "options.maxDelete"),
        (option("maxDeletePercent", json!(101)), "options.maxDeletePercent"),
        (option("maxDeletePercent", json!(300)), "options.maxDeletePercent"),
        (option("bandwidthLimit", json!(-1)), "options.bandwidthLimit"),
        (option("concurrency", json!(257)), "options.concurrency"),
        (json!({"options": {"deleteSource": true, "deleteExtraneous": true}}), "options.deleteSource"),
        (window("25:00", "06:00", "Z"), "options.timeWindow.from"),
        (window("22:00", "22:00", "Z"), "options.timeWindow.to"),
        (window("22:00", "06:00", "8"), "options.timeWindow.offset"),
        (json!({"srcUserSpaceID": null}), "srcUserSpaceID"),
        (json!({"srcPath": null}), "srcPath"),
        (json!({"srcPath": "../in"}), "srcPath"),
        (json!({"srcPath": "/etc"}), "srcPath"),
        (json!({"destUserSpaceIDs": []}), "destUserSpaceIDs"),
        (json!({"destUserSpaceIDs": [to, to]}), "destPathes"),
        (json!({"destPathes": []}), "destPathes"),
        (json!({"destPathes": ["a/../../b"]}), "destPathes[0]"),
        (json!({"destPathes": [5]}), "destPathes[0]"),
        (json!({"destUserSpaceIDs": vec![to; 33], "destPathes": vec!["x"; 33]}), "destUserSpaceIDs"),
        (json!({"destUserSpaceIDs": [to, to], "destPathes": ["x/y", "x"]}), "destPathes[1]"),
        (json!({"destUserSpaceIDs": [to, to], "destPathes": ["x", "x"]}), "destPathes[1]"),
    ]
}

#[tokio::test]
async fn a_bad_task_is_refused_by_its_field() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 1).await;
    let before = server.snapshot();
    for (changes, word) in bad_tasks(to) {
        let answer = try_create(&client, changed(task(from, to), changes.clone())).await;
        assert_eq!(answer.status, 400, "{changes}: {answer:?}");
        let message = answer.refused(400, "BadArgument");
        assert!(message.contains(word), "{changes}: {message}");
    }
    for (changes, word) in [
        (json!({"srcUserSpaceID": 4711}), "4711 (srcUserSpaceID)"),
        (json!({"destUserSpaceIDs": [4711]}), "4711 (destUserSpaceIDs[0])"),
    ] {
        let message = try_create(&client, changed(task(from, to), changes)).await.refused(404, "DataNotFound");
        assert!(message.contains(word), "{message}");
    }
    for call in ["getTask", "listRuns", "events"] {
        let path = format!("/v1/spaceSyncer/{call}");
        client.get(&path, json!({})).await.refused(400, "BadArgument");
        client.get(&path, json!({"taskID": "x"})).await.refused(400, "BadArgument");
        client.get(&path, json!({"taskID": 4711})).await.refused(404, "TaskNotFound");
    }
    for call in ["getRun", "listFailures", "listPlan"] {
        let path = format!("/v1/spaceSyncer/{call}");
        client.get(&path, json!({})).await.refused(400, "BadArgument");
        client.get(&path, json!({"runID": 4711})).await.refused(404, "DataNotFound");
    }
    for call in ["cancelTask", "updateTask", "runNow"] {
        let path = format!("/v1/spaceSyncer/{call}");
        client.post(&path, json!({})).await.refused(400, "BadArgument");
        client.post(&path, json!({"taskID": 4711})).await.refused(404, "TaskNotFound");
    }
    client.get("/v1/spaceSyncer/listTasks", json!({"continuationToken": "x"})).await.refused(400, "BadArgument");
    assert_nothing_changed(&server, &before).await;
}

#[tokio::test]
async fn what_overlaps_and_what_would_feed_itself_is_refused() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 1).await;
    let third = stage.space(&client, "third").await;
    // The same directory by another space, whose root lies deeper.
    let inner = stage.space_at(&client, "inner", "from/in/deep").await;
    let of = |from: i64, source: &str, to: i64, destination: &str| {
        let idle = json!({"type": "At", "time": "2999-01-01T00:00:00Z"});
        let places = json!({"srcPath": source, "destPathes": [destination], "trigger": idle});
        changed(task(from, to), places)
    };
    for bad in
        [of(from, "in", from, "in"), of(from, "", from, "x"), of(from, "a/b", from, "a"), of(from, "in", inner, "x")]
    {
        let message = try_create(&client, bad.clone()).await.refused(400, "BadArgument");
        assert!(message.starts_with("destPathes[0]: "), "{bad}: {message}");
    }
    let first = create(&client, of(from, "in", to, "a")).await;
    create(&client, of(from, "in2", from, "other")).await;
    let second = create(&client, of(to, "a/b", third, "x")).await;
    let message = try_create(&client, of(third, "", from, "")).await.refused(409, "OperationFailed");
    assert!(message.contains(&format!("{first}, {second}")), "{message}");
    try_create(&client, of(to, "", inner, "x")).await.refused(409, "OperationFailed");
    // Beside, and not below.
    create(&client, of(third, "y", from, "in")).await;
    client.post("/v1/userSpace/delete", json!({"userSpaceID": third})).await.refused(409, "OperationFailed");
    // A task that was cancelled carries nothing any more.
    cancel(&client, second).await;
    create(&client, of(third, "x", from, "in3")).await;
}

#[tokio::test]
async fn a_space_is_kept_while_a_task_uses_it() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 1).await;
    let id = create(&client, task(from, to)).await;
    wait_for(&client, id, "Succeeded").await;
    for space in [from, to] {
        let message = client.delete_space(space).await.refused(409, "OperationFailed");
        assert!(message.contains(&format!("tasks {id} use")), "{message}");
    }
    cancel(&client, id).await;
    for space in [from, to] {
        client.delete_space(space).await.ok();
    }
    assert_eq!(find(&client, id).await["state"], "Cancelled", "its history stays");
}

#[tokio::test]
async fn only_the_operator_makes_tasks_and_readers_look() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).set("auth.loopback", "closed").start();
    let client = server.client();
    let token = server.admin_token();
    let as_admin = |method: Method, path: &str| client.request(method, path).bearer_auth(&token);
    let mut spaces = Vec::new();
    for name in ["from", "to"] {
        let folder = stage.folder(name);
        fs::create_dir_all(&folder).unwrap();
        let body = spaces::without_shards(spaces::local(name, &folder));
        let request = as_admin(Method::POST, "/v1/userSpace/create").json(&body);
        spaces.push(Answer::of("create", request).await.ok()["userSpace"]["userSpaceID"].as_i64().unwrap());
    }
    let made = as_admin(Method::POST, "/v1/spaceSyncer/createTask").json(&task(spaces[0], spaces[1]));
    let id = Answer::of("createTask", made).await.ok()["task"]["taskID"].as_i64().unwrap();

    let made = credential(&server, &["create-token", "--name", "r", "--role", "read_only"]);
    let reader = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let named = format!("taskID={id}");
    for (method, call) in [("GET", "listTasks"), ("GET", "getTask"), ("GET", "listRuns")] {
        let path = format!("/v1/spaceSyncer/{call}?{named}");
        let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        Answer::of(call, request.bearer_auth(&reader)).await.ok();
    }
    for call in ["createTask", "updateTask", "cancelTask", "runNow"] {
        let body = changed(task(spaces[0], spaces[1]), json!({"taskID": id}));
        let request = client.request(Method::POST, &format!("/v1/spaceSyncer/{call}")).json(&body);
        Answer::of(call, request.bearer_auth(&reader)).await.refused(403, "Forbidden");
    }
    Answer::of("no proof", client.request(Method::GET, &format!("/v1/spaceSyncer/getTask?{named}")))
        .await
        .refused(401, "Unauthorized");
}

#[tokio::test]
async fn tasks_runs_and_plans_come_in_pages() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 5).await;
    let mut ids = Vec::new();
    for at in 0..3 {
        ids.push(create(&client, changed(task(from, to), json!({"destPathes": [format!("out{at}")]}))).await);
    }
    let page = client.get("/v1/spaceSyncer/listTasks", json!({"maxKeys": 2})).await.ok();
    assert_eq!((&page["tasks"][0]["taskID"], &page["isTruncated"]), (&json!(ids[2]), &json!(true)));
    let query = json!({"maxKeys": 2, "continuationToken": page["nextContinuationToken"]});
    let rest = client.get("/v1/spaceSyncer/listTasks", query).await.ok();
    assert_eq!(rest["tasks"].as_array().unwrap().len(), 1);
    assert_eq!((&rest["tasks"][0]["taskID"], &rest["isTruncated"]), (&json!(ids[0]), &json!(false)));

    let id = ids[0];
    wait_for(&client, id, "Succeeded").await;
    fs::write(stage.folder("from/in/new"), "new").unwrap();
    let queued = client.post("/v1/spaceSyncer/runNow", json!({"taskID": id, "dryRun": true})).await.ok()["run"].clone();
    assert_eq!(queued["dryRun"], true);
    let dry = wait_for_runs(&client, id, 2).await.remove(0);
    assert_eq!((&dry["state"], &dry["runID"]), (&json!("Succeeded"), &queued["runID"]));
    assert!(!stage.folder("to/out0/new").exists(), "a dry run changes nothing");
    let plan = client.get("/v1/spaceSyncer/listPlan", json!({"runID": dry["runID"]})).await.ok();
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{plan}");
    assert_eq!(
        (&steps[0]["key"], &steps[0]["action"], &steps[0]["size"], &steps[0]["destUserSpaceID"], &steps[0]["destPath"]),
        (&json!("new"), &json!("Copy"), &json!("3"), &json!(to), &json!("out0"))
    );
    let page = client.get("/v1/spaceSyncer/listRuns", json!({"taskID": id, "maxKeys": 1})).await.ok();
    assert_eq!((&page["runs"][0]["runID"], &page["isTruncated"]), (&dry["runID"], &json!(true)));
    let query = json!({"taskID": id, "maxKeys": 1, "continuationToken": page["nextContinuationToken"]});
    let rest = client.get("/v1/spaceSyncer/listRuns", query).await.ok();
    assert_eq!((&rest["runs"][0]["dryRun"], &rest["isTruncated"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn the_audit_log_tells_of_tasks() {
    let stage = Stage::new();
    let server = stage.allow(Server::with()).start();
    let client = server.client();
    let (from, to) = stage.pair(&client, 1).await;
    let id = create(&client, task(from, to)).await;
    cancel(&client, id).await;
    let event = |operation: &'static str| {
        let client = &client;
        eventually(operation, move || async move {
            let listed = client.get("/v1/audit/list", json!({})).await.ok();
            listed["events"].as_array().unwrap().iter().find(|event| event["operation"] == operation).cloned()
        })
    };
    let target = event("/v1/spaceSyncer/createTask").await["target"].clone();
    let expected = json!({"srcUserSpaceID": from, "srcPath": "in", "destUserSpaceIDs": [to], "destPathes": ["out"]});
    assert_eq!(target, expected);
    assert_eq!(event("/v1/spaceSyncer/cancelTask").await["target"], json!({"taskID": id}));
}
