//! `/v1/object/move`, `clone` and `delete`.

use holdall_tests::{Client, Object, Setup, eventually, inspect};
use serde_json::{Value, json};

crate::on_both! {
    a_move_changes_the_place_and_nothing_else,
    swaps_chains_and_rings_work_in_one_request,
    what_cannot_be_moved_is_told_and_stays,
    a_clone_is_an_object_of_its_own_on_the_same_bytes,
    what_cannot_be_cloned_is_null_in_its_place,
    deleting_is_ok_even_when_there_is_nothing,
    nothing_to_do_is_ok,
    thousands_of_items_fit_one_request,
}

fn moving(object: &Object, package: i64, path: &str) -> Value {
    json!({"objectID": object.id, "packageID": package, "path": path})
}

fn cloning(object: &Object, package: i64, path: &str) -> Value {
    json!({"objectID": object.id, "newPackageID": package, "newPath": path})
}

/// Moves, and returns what succeeded and the codes of what did not, by object.
async fn move_all(client: &Client, movings: Vec<Value>) -> (Vec<i64>, Vec<(i64, String)>) {
    let data = client.post("/v1/object/move", json!({"movings": movings})).await.ok();
    let successes = data["successes"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
    (successes, failures(&data))
}

/// Clones, and returns what is there in the order of the request and the codes of what is not.
async fn clone_all(client: &Client, clonings: Vec<Value>) -> (Vec<Option<Object>>, Vec<(i64, String)>) {
    let data = client.post("/v1/object/clone", json!({"clonings": clonings})).await.ok();
    (serde_json::from_value(data["objects"].clone()).unwrap(), failures(&data))
}

fn failures(data: &Value) -> Vec<(i64, String)> {
    let none = Vec::new();
    let failures = data.get("failures").and_then(Value::as_array).unwrap_or(&none);
    failures
        .iter()
        .map(|failure| {
            let fields: Vec<_> = failure.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["code", "message", "objectID"]);
            assert_ne!(failure["message"], "");
            (failure["objectID"].as_i64().unwrap(), failure["code"].as_str().unwrap().to_owned())
        })
        .collect()
}

async fn content_at(client: &Client, package: i64, path: &str) -> Option<String> {
    let object = client.find(package, path).await?;
    Some(String::from_utf8(client.read(object.id).await.to_vec()).unwrap())
}

async fn a_move_changes_the_place_and_nothing_else(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let (here, there) = (client.package(bucket, "here").await, client.package(bucket, "there").await);
    let elsewhere = client.new_package("other-bucket").await;
    let object = client.put(here, "a", "content").await;
    let files = inspect::shard_files(&server.space());

    for (package, path) in [(here, "renamed"), (there, "renamed"), (elsewhere, "x/y"), (here, "back")] {
        let (moved, failed) = move_all(&client, vec![moving(&object, package, path)]).await;
        assert_eq!((moved, failed), (vec![object.id], vec![]));
        let found = client.find(package, path).await.unwrap();
        assert_eq!((found.id, &found.hash, found.created), (object.id, &object.hash, object.created));
        assert!(found.updated >= object.updated, "updateTime changes with the path");
        assert_eq!(client.read(object.id).await, "content");
    }
    assert_eq!(client.find(here, "a").await, None);
    assert!(client.package_objects(there).await.is_empty());
    assert_eq!(inspect::shard_files(&server.space()), files, "no byte is written");
}

async fn swaps_chains_and_rings_work_in_one_request(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let objects = client.put_all(package, [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")]).await;
    let [a, b, c, d] = objects.as_slice() else { unreachable!() };

    let (moved, failed) = move_all(&client, vec![moving(a, package, "b"), moving(b, package, "a")]).await;
    assert_eq!((moved.len(), failed), (2, vec![]), "a swap");
    assert_eq!(content_at(&client, package, "a").await.as_deref(), Some("b"));
    assert_eq!(content_at(&client, package, "b").await.as_deref(), Some("a"));

    // b holds a; a holds b. A chain whose last place is free, named from its wrong end.
    let chain = vec![moving(b, package, "b"), moving(a, package, "e")];
    let (moved, failed) = move_all(&client, chain).await;
    assert_eq!((moved.len(), failed), (2, vec![]), "a chain");
    assert_eq!(content_at(&client, package, "b").await.as_deref(), Some("b"));
    assert_eq!(content_at(&client, package, "e").await.as_deref(), Some("a"));

    let ring = vec![moving(c, package, "d"), moving(d, package, "e"), moving(a, package, "c")];
    let (moved, failed) = move_all(&client, ring).await;
    assert_eq!((moved.len(), failed), (3, vec![]), "a ring");
    for (path, content) in [("c", "a"), ("d", "c"), ("e", "d")] {
        assert_eq!(content_at(&client, package, path).await.as_deref(), Some(content));
    }
}

async fn what_cannot_be_moved_is_told_and_stays(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let objects = client.put_all(package, [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("e", "e")]).await;
    let [a, b, c, d, e] = objects.as_slice() else { unreachable!() };
    let ghost = Object { id: 999, ..a.clone() };

    let (moved, failed) = move_all(
        &client,
        vec![
            moving(a, package, "e"),    // taken by one that stays
            moving(b, package, "same"), // the first of two gets it
            moving(c, package, "same"),
            moving(d, 777, "x"), // no such package
            moving(&ghost, package, "y"),
            moving(e, package, ""), // no such path can be
        ],
    )
    .await;
    assert_eq!(moved, [b.id]);
    let mut failed = failed;
    failed.sort();
    let mut expected = vec![
        (a.id, "DataExists".to_owned()),
        (c.id, "DataExists".to_owned()),
        (d.id, "DataNotFound".to_owned()),
        (ghost.id, "DataNotFound".to_owned()),
        (e.id, "BadArgument".to_owned()),
    ];
    expected.sort();
    assert_eq!(failed, expected);
    for (path, content) in [("a", "a"), ("same", "b"), ("c", "c"), ("d", "d"), ("e", "e")] {
        assert_eq!(content_at(&client, package, path).await.as_deref(), Some(content), "{path}");
    }
    // One that waits for a place that does not become free stays too.
    let (moved, failed) = move_all(&client, vec![moving(a, package, "d"), moving(d, 777, "x")]).await;
    assert_eq!((moved, failed.len()), (vec![], 2));
    assert_eq!(content_at(&client, package, "a").await.as_deref(), Some("a"));
}

async fn a_clone_is_an_object_of_its_own_on_the_same_bytes(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let other = client.new_package("other").await;
    let source = client.put(package, "a", "content").await;
    let files = inspect::shard_files(&server.space());

    let (cloned, failed) =
        clone_all(&client, vec![cloning(&source, other, "copy"), cloning(&source, package, "b")]).await;
    assert_eq!(failed, []);
    assert_eq!(inspect::shard_files(&server.space()), files, "no byte is written");
    let cloned: Vec<_> = cloned.into_iter().flatten().collect();
    assert_eq!(cloned.len(), 2);
    assert!(cloned[0].id != source.id && cloned[0].id != cloned[1].id);
    assert_eq!((cloned[0].package, cloned[0].path.as_str()), (other, "copy"));
    assert_eq!((cloned[0].size, &cloned[0].hash), (source.size, &source.hash));
    assert_eq!(client.find(other, "copy").await.as_ref(), Some(&cloned[0]));

    // Neither an overwrite of one nor the removal of another touches the third.
    client.put(package, "a", "changed").await;
    client.delete(&[cloned[1].id]).await;
    eventually("the overwrite is swept, the shared bytes are not", || async {
        (inspect::shard_files(&server.space()).len() <= 2).then_some(())
    })
    .await;
    assert_eq!(client.read(cloned[0].id).await, "content");
    assert_eq!(client.read(source.id).await, "changed");
}

async fn what_cannot_be_cloned_is_null_in_its_place(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let objects = client.put_all(package, [("a", "a"), ("b", "b")]).await;
    let [a, b] = objects.as_slice() else { unreachable!() };
    let unfinished = client.new_upload(package, "unfinished").await;
    let ghost = Object { id: 999, ..a.clone() };

    let (cloned, mut failed) = clone_all(
        &client,
        vec![
            cloning(a, package, "b"),     // taken
            cloning(a, package, "twice"), // the first of two gets it
            cloning(&ghost, package, "g"),
            cloning(b, 777, "x"),
            cloning(a, package, "good"),
            cloning(b, package, "twice"),
            cloning(b, package, &"x".repeat(1025)),
        ],
    )
    .await;
    let places: Vec<_> = cloned.iter().map(|object| object.as_ref().map(|object| object.path.as_str())).collect();
    assert_eq!(places, [None, Some("twice"), None, None, Some("good"), None, None]);
    failed.sort();
    let mut expected: Vec<_> = [
        (a.id, "DataExists"),
        (999, "DataNotFound"),
        (b.id, "DataNotFound"),
        (b.id, "DataExists"),
        (b.id, "BadArgument"),
    ]
    .map(|(id, code)| (id, code.to_owned()))
    .into();
    expected.sort();
    assert_eq!(failed, expected);
    assert_eq!(content_at(&client, package, "b").await.as_deref(), Some("b"));
    assert_eq!(content_at(&client, package, "twice").await.as_deref(), Some("a"));

    let (cloned, failed) = clone_all(&client, vec![cloning(&unfinished, package, "early")]).await;
    assert_eq!((cloned, failed.len()), (vec![None], 1), "there is nothing yet to clone");
}

async fn deleting_is_ok_even_when_there_is_nothing(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let objects = client.put_all(package, [("a", "a"), ("b", "b"), ("c", "c")]).await;
    client.delete(&[objects[0].id, 999, objects[2].id, objects[0].id]).await;
    client.delete(&[objects[0].id]).await;
    client.get("/v1/object/download", json!({"objectID": objects[0].id})).await.refused(404, "DataNotFound");
    assert_eq!(client.package_objects(package).await, [objects[1].clone()]);

    let many: Vec<i64> = (1000..6000).chain([objects[1].id]).collect();
    client.delete(&many).await;
    assert!(client.package_objects(package).await.is_empty());
}

async fn nothing_to_do_is_ok(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    client.new_package("b").await;
    let before = server.snapshot();
    client.delete(&[]).await;
    assert_eq!(move_all(&client, vec![]).await, (vec![], vec![]));
    assert_eq!(clone_all(&client, vec![]).await, (vec![], vec![]));
    assert_eq!(before.difference(&server.snapshot()), "");
}

async fn thousands_of_items_fit_one_request(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let (from, to) = (client.package(bucket, "from").await, client.package(bucket, "to").await);
    let objects = client.put_all(from, (0..1500).map(|i| (format!("{i:04}"), format!("{i}")))).await;
    let clonings = objects.iter().map(|object| cloning(object, to, &format!("clone-{}", object.path))).collect();
    let (cloned, failed) = clone_all(&client, clonings).await;
    assert_eq!((cloned.iter().flatten().count(), failed.len()), (1500, 0));
    let movings = objects.iter().map(|object| moving(object, to, &format!("moved-{}", object.path))).collect();
    let (moved, failed) = move_all(&client, movings).await;
    assert_eq!((moved.len(), failed.len()), (1500, 0));
    assert!(client.package_objects(from).await.is_empty());
    assert_eq!(client.package_objects(to).await.len(), 3000);
    assert_eq!(content_at(&client, to, "moved-1234").await.as_deref(), Some("1234"));
}
