//! Empty folders that the source does not have, what a killed run leaves behind, and failures by the thousand.

use super::*;

/// Makes `f` in each of some folders at the destination, and empty folders besides.
fn clutter(out: &Path) {
    for key in ["gone/deep/f", "shared/f", "kept/f"] {
        write(out, key, "x");
    }
    for folder in ["empty/inner", "kept/empty", "mirrored"] {
        fs::create_dir_all(out.join(folder)).unwrap();
    }
}

/// A source with as many files as keep half of a destination from being deleted.
async fn cluttered() -> Bench {
    let bench = Bench::new().await;
    for at in 0..10 {
        bench.write(&format!("kept/{at}"), "k");
    }
    bench.write("shared/other", "o");
    fs::create_dir_all(bench.files().join("mirrored")).unwrap();
    bench
}

fn assert_tidy(out: &Path) {
    let files = read_all(out);
    assert!(files.len() == 11 && files.contains_key("shared/other"), "{:?}", files.keys());
    for folder in ["gone", "empty", "kept/empty"] {
        assert!(!out.join(folder).exists(), "{folder} is left");
    }
    assert!(out.join("mirrored").is_dir(), "the source has it, empty as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_the_source_lacks_go_with_what_was_in_them() {
    let bench = cluttered().await;
    let (space, folder) = bench.local("d").await;
    clutter(&folder.join("out"));
    let kept = bench.task(&[space], json!({})).await;
    bench.succeeded(&bench.ended(kept).await).await;
    assert!(folder.join("out/empty/inner").is_dir(), "nothing is deleted unless it is asked for");
    bench.client.post("/v1/spaceSyncer/cancelTask", json!({"taskID": kept})).await.ok();

    let task = bench.task(&[space], json!({"deleteExtraneous": true, "dryRun": true})).await;
    bench.succeeded(&bench.ended(task).await).await;
    let steps =
        inspect::query(&bench.server.database_url(), |_| "SELECT key AS line FROM sync_plan ORDER BY id".to_owned());
    assert_eq!(steps, ["empty/inner/", "gone/deep/f", "kept/empty/", "kept/f", "shared/f"]);
    bench.client.post("/v1/spaceSyncer/cancelTask", json!({"taskID": task})).await.ok();

    let task = bench.task(&[space], json!({"deleteExtraneous": true})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(number(&run, "deleted"), 5, "{run}");
    assert_tidy(&folder.join("out"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_of_a_share_go_only_when_they_are_empty() {
    let bench = cluttered().await;
    let dav = WebDav::start();
    clutter(&dav.root().join("out"));
    let space = bench.client.create_space(spaces::without_shards(dav.space("dav"))).await.id;
    let task = bench.task(&[space], json!({"deleteExtraneous": true})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_tidy(&dav.root().join("out"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_folders_are_bound_like_files() {
    let bench = Bench::new().await;
    bench.write("a", "1");
    let (space, folder) = bench.local("d").await;
    for at in 0..5 {
        fs::create_dir_all(folder.join(format!("out/empty{at}"))).unwrap();
    }
    let task = bench.task(&[space], json!({"deleteExtraneous": true})).await;
    let run = bench.ended(task).await;
    assert_eq!((run["state"].as_str(), number(&run, "deleted")), (Some("Partial"), 0), "{run}");
    assert_eq!(bench.failures(&run).await[0]["code"], "DeleteRefused");
    assert!(folder.join("out/empty4").is_dir());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_left_is_swept_by_the_next_one() {
    let mut bench = Bench::with(Server::with().set("sync.lease", "1s")).await;
    bench.write("sub/large", fixture::content(1, 12 << 20));
    let (space, folder) = bench.local("d").await;
    let out = folder.join("out/sub");
    let parts = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".part")).collect()
    };
    let task = bench.task(&[space], json!({"bandwidthLimit": 3 << 20})).await;
    eventually("it is being written", || async { (!parts(&out).is_empty()).then_some(()) }).await;
    bench.server.kill();
    assert_eq!(parts(&out).len(), 1, "a dead process removes nothing");
    // Of another task, of an export, and of somebody who only names it alike: these stay.
    let others = [".holdall-4711-1-1-00.part", ".holdall-0123456789abcdef.part", ".holdall-1.part.txt"];
    others.iter().for_each(|name| write(&out, name, "x"));
    bench.server.start_again();
    bench.client = bench.server.client();
    let lifted = json!({"taskID": task, "bandwidthLimit": 0});
    bench.client.post("/v1/spaceSyncer/updateTask", lifted).await.ok();
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    let mut left = parts(&out);
    left.sort();
    assert_eq!(left, [others[1], others[0]]);
    assert!(out.join(others[2]).is_file() && out.join("large").is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_beyond_ten_thousand_are_told_as_a_number() {
    const FILES: u64 = 10_050;
    let bench = Bench::new().await;
    fs::create_dir_all(bench.files()).unwrap();
    for at in 0..FILES {
        // A name that no cloud is asked to keep.
        fs::write(bench.files().join(format!("{at:05} ")), "").unwrap();
    }
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let space = bench.client.create_space(spaces::without_shards(s3.space("s", "dest"))).await.id;
    let task = bench.task(&[space], json!({})).await;
    let run = bench.ended(task).await;
    assert_eq!((run["state"].as_str(), number(&run, "failed")), (Some("Partial"), FILES), "{run}");
    let mut failures = Vec::new();
    let mut token = json!("");
    loop {
        let query = json!({"runID": run["runID"], "maxKeys": 1000, "continuationToken": token});
        let page = bench.client.get("/v1/spaceSyncer/listFailures", query).await.ok();
        failures.extend(page["failures"].as_array().unwrap().clone());
        token = page["nextContinuationToken"].clone();
        if page["isTruncated"] == false {
            break;
        }
    }
    assert_eq!(failures.len(), 10_001);
    let last = failures.iter().find(|failure| failure["code"] == "More").unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("50 more"), "{last}");
}
