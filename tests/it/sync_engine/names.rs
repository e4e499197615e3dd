//! Names that a side cannot hold: told by key, and the rest arrives.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn what_a_directory_cannot_hold_is_told_by_key() {
    let bench = Bench::new().await;
    let garage = Garage::start();
    let store = garage.client();
    let long = format!("in/{}", "x".repeat(300));
    for key in ["in/a", "in/a/b", "in/a/c/d", "in/double//slash", "in/ok", "in/space ", &long] {
        store.put(key, "content").await;
    }
    let source = bench.client.create_space(spaces::without_shards(garage.space("garage"))).await.id;
    let (space, folder) = bench.local("d").await;
    let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
    let task = bench.task_from(source, &[space], json!({}), mode, json!([])).await;
    let run = bench.ended(task).await;
    assert_eq!(run["state"], "Partial", "{run}");
    assert_eq!(read_all(&folder.join("out")).into_keys().collect::<Vec<_>>(), ["a", "ok"]);
    let failures = bench.failures(&run).await;
    assert!(failures.iter().all(|failure| failure["code"] == "Name"), "{failures:#?}");
    let mut keys: Vec<&str> = failures.iter().map(|failure| failure["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a/b", "a/c/d", "double//slash", "space ", &long[3..]]);
}
