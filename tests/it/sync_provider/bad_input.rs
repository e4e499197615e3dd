//! Bodies and fields that cannot be meant, names that lead elsewhere: each is told, nothing changes.

use super::*;

#[tokio::test]
async fn a_body_is_an_object_whatever_it_is_called() {
    let server = Server::start();
    let client = server.client();
    for (body, word) in [
        ("", "missing"),
        ("   ", "missing"),
        ("{", "cut short"),
        ("{\"enabled\":", "cut short"),
        ("[]", "Object"),
        ("\"x\"", "Object"),
        ("1", "Object"),
        ("true", "Object"),
        ("nonsense", "no JSON"),
        ("{'a':1}", "no JSON"),
    ] {
        let msg = say_raw(&client, "setSyncEnable", body).await.unreadable();
        assert!(msg.contains("/api/sync/setSyncEnable") && msg.contains(word), "{body:?}: {msg}");
    }
    // Nothing is the empty object, and only the first value counts.
    let msg = say_raw(&client, "setSyncEnable", "null").await.unreadable();
    assert!(msg.contains("[enabled]") && msg.contains("required"), "{msg}");
    say_raw(&client, "setSyncEnable", "{\"enabled\": true} and more").await.ok();
    let large = format!("{{\"enabled\": true, \"x\": \"{}\"}}", "x".repeat(2 << 20));
    let msg = say_raw(&client, "setSyncEnable", &large).await.unreadable();
    assert!(msg.contains("at most"), "{msg}");
    // Calls without fields take any body, or none.
    for body in ["", "nonsense", "[]"] {
        say_raw(&client, "getSyncInfo", body).await.ok();
    }
}

#[tokio::test]
async fn fields_are_of_their_types_and_nothing_is_turned_into_them() {
    let server = Server::start();
    let client = server.client();
    let before = server.snapshot();
    for (call, field, wanted, values) in [
        ("setSyncEnable", "enabled", "Boolean", [json!("true"), json!(1), json!([])]),
        ("setSyncPerception", "enabled", "Boolean", [json!("true"), json!(1), json!([])]),
        ("setSyncGenerateConflictDoc", "enabled", "Boolean", [json!("true"), json!(1), json!([])]),
        ("setSyncProvider", "provider", "Number", [json!("2"), json!(true), json!({})]),
        ("setSyncMode", "mode", "Number", [json!("1"), json!(true), json!({})]),
        ("setSyncInterval", "interval", "Number", [json!("30"), json!(true), json!([1])]),
        ("setSyncProviderS3", "s3", "Object", [json!("x"), json!(1), json!([])]),
        ("setSyncProviderWebDAV", "webdav", "Object", [json!("x"), json!(1), json!([])]),
        ("setSyncProviderLocal", "local", "Object", [json!("x"), json!(1), json!([])]),
        ("createCloudSyncDir", "name", "String", [json!(1), json!(true), json!(["a"])]),
        ("removeCloudSyncDir", "name", "String", [json!(1), json!(true), json!(["a"])]),
        ("setCloudSyncDir", "name", "String", [json!(1), json!(true), json!(["a"])]),
    ] {
        for body in [json!({}), json!({field: null}), json!({"x": 1})] {
            let msg = say(&client, call, body.clone()).await.unreadable();
            assert!(msg.contains(&format!("[{field}]")) && msg.contains("required"), "{call} {body}: {msg}");
        }
        for value in values {
            let msg = say(&client, call, json!({field: value})).await.unreadable();
            assert!(msg.contains(&format!("[{field}]")) && msg.contains(wanted), "{call} {value}: {msg}");
        }
    }
    let difference = before.difference(&server.snapshot());
    assert_eq!(difference, "", "something changed");
}

#[tokio::test]
async fn numbers_that_mean_nothing_are_refused_and_others_bounded() {
    let server = Server::start();
    let client = server.client();
    for number in [json!(1), json!(-1), json!(5), json!(1e300)] {
        let msg = say(&client, "setSyncProvider", json!({"provider": number})).await.failed();
        assert!(msg.contains("provider") && msg.contains("2 (S3)"), "{number}: {msg}");
    }
    for number in [0, 4, -1] {
        let msg = say(&client, "setSyncMode", json!({"mode": number})).await.failed();
        assert!(msg.contains("mode"), "{msg}");
    }
    for (call, body) in [
        ("setSyncProvider", json!({"provider": 2.9})),
        ("setSyncMode", json!({"mode": 3})),
        ("setSyncInterval", json!({"interval": 1})),
        ("setSyncInterval", json!({"interval": 1e300})),
    ] {
        assert_eq!(say(&client, call, body).await.ok(), Value::Null);
    }
    let rows = server.snapshot().rows["sync_provider_state"].clone();
    assert!(rows.iter().any(|row| row.contains("43200")), "{rows:?}");
}

#[tokio::test]
async fn settings_of_the_wrong_type_name_themselves_and_change_nothing() {
    let server = Server::start();
    let client = server.client();
    say(&client, "setSyncProviderS3", s3_at("http://127.0.0.1:9", "fine")).await.ok();
    let before = server.snapshot();
    for (field, value) in [
        ("timeout", json!("60")),
        ("timeout", json!(1.5)),
        ("concurrentReqs", json!("8")),
        ("endpoint", json!(1)),
        ("secretKey", json!(["x"])),
        ("pathStyle", json!("true")),
        ("skipTlsVerify", json!(0)),
        ("region", json!({})),
        ("bucket", json!("no.dots")),
        ("bucket", json!("a/b")),
        ("bucket", json!("x".repeat(64))),
    ] {
        let mut settings = s3_at("http://127.0.0.1:9", "fine");
        settings["s3"][field] = value.clone();
        let msg = say(&client, "setSyncProviderS3", settings).await.failed();
        assert!(msg.contains(&format!("s3.{field}")), "{value}: {msg}");
    }
    let share = json!({"webdav": {"endpoint": "https://dav.jianguoyun.com/dav/"}});
    say(&client, "setSyncProviderWebDAV", share).await.failed();
    for endpoint in ["", "relative", "/no/such/directory", "/"] {
        let msg = say(&client, "setSyncProviderLocal", json!({"local": {"endpoint": endpoint}})).await.failed();
        assert!(msg.contains("local.endpoint"), "{endpoint}: {msg}");
    }
    assert_eq!(before.difference(&server.snapshot()), "", "something changed");
}

/// Names that the rule refuses. Each is sent to every call that takes a name.
fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = "~`!@#$%^&*()+=[]{}\\|;:'\"<,>.?/".chars().map(|c| format!("a{c}b")).collect();
    names.extend(
        [
            "..",
            ".",
            "../x",
            "/etc",
            "a/b",
            "a\\..\\b",
            "a b",
            "a\u{0}b",
            "a\nb",
            "a\u{1b}b",
            "a\u{7f}b",
            "a\u{85}b",
            "%2e%2e",
            "..%2fx",
            "shards/..",
        ]
        .map(str::to_owned),
    );
    names.extend(["x".repeat(64), "笔".repeat(22), "x".repeat(100_000)]);
    names
}

#[tokio::test]
async fn a_name_that_could_lead_elsewhere_touches_nothing() {
    let cloud = Cloud::local();
    let server = cloud.allow(Server::with()).start();
    let client = server.client();
    cloud.choose(&client).await;
    create(&client, "fine").await.ok();
    cloud.put("fine/note", b"mine");
    let before = server.snapshot();
    for name in hostile_names() {
        for call in ["createCloudSyncDir", "removeCloudSyncDir", "setCloudSyncDir"] {
            let msg = say(&client, call, json!({"name": name})).await.failed();
            assert!(msg.starts_with("name: ") && msg.len() < 300, "{call} {name:?}: {msg}");
            assert!(!msg.contains('<'), "{msg}");
        }
    }
    for path in ["..", "fine/..", "fine/../fine", "/fine", "fine/", "fine//x", "./fine", &"x/".repeat(300), "fine/a b"]
    {
        for call in ["createCloudSyncDir", "removeCloudSyncDir", "setCloudSyncDir"] {
            let msg = say(&client, call, json!({"path": path})).await.failed();
            assert!(msg.starts_with("path: "), "{call} {path:?}: {msg}");
        }
    }
    for invisible in ["fi\u{200b}ne", "\u{feff}fine", "fine\u{e000}"] {
        for call in ["removeCloudSyncDir", "setCloudSyncDir"] {
            say(&client, call, json!({"name": invisible})).await.failed();
        }
        // Where one is made they are left out, and then it is there already.
        let msg = create(&client, invisible).await.failed();
        assert!(msg.contains("exists already"), "{msg}");
    }
    for empty in ["", "  ", "\t"] {
        let msg = create(&client, empty).await.unreadable();
        assert!(msg.contains("[name]"), "{msg}");
    }
    assert_eq!(before.difference(&server.snapshot()), "", "something changed");
    assert_eq!(cloud.files(), BTreeMap::from([("fine/note".to_owned(), b"mine".to_vec())]));
    assert_eq!(names(&client).await, ["fine"]);
}

#[tokio::test]
async fn without_a_provider_nothing_is_invented() {
    let server = Server::start();
    let client = server.client();
    let msg = create(&client, "notes").await.failed();
    assert!(msg.contains("setSyncProvider"), "{msg}");
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!((said.code, said.data), (1, json!({"closeTimeout": 5000})));
    say(&client, "setSyncProvider", json!({"provider": 2})).await.ok();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert_eq!(said.code, 1);
    assert!(said.msg.contains("s3.endpoint"), "{said:?}");
    let msg = create(&client, "notes").await.failed();
    assert!(msg.contains("s3.endpoint"), "{msg}");
    say(
        &client,
        "setSyncProviderS3",
        json!({"s3": {"endpoint": "https://s3.example.com/bucket", "accessKey": "k",
        "secretKey": "s", "bucket": "b"}}),
    )
    .await
    .ok();
    let said = say(&client, "listCloudSyncDir", json!({})).await;
    assert!(said.code == 1 && said.msg.contains("s3.endpoint") && said.msg.contains("without a path"), "{said:?}");
}
