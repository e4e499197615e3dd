//! Deleting: only what a complete listing says, within bounds, and never because something is away.

use super::*;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

async fn mirrored(options: Value) -> (Bench, i64, PathBuf) {
    let bench = Bench::new().await;
    for at in 0..10 {
        bench.write(&format!("f{at}"), format!("{at}"));
    }
    let (space, folder) = bench.local("d").await;
    let task = bench.task(&[space], options).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    (bench, task, folder.join("out"))
}

fn remove(bench: &Bench, files: std::ops::Range<u32>) {
    files.for_each(|at| fs::remove_file(bench.files().join(format!("f{at}"))).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_source_lacks_is_deleted_within_bounds() {
    let (bench, task, out) = mirrored(json!({"deleteExtraneous": true})).await;
    remove(&bench, 0..5);
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "deleted"), read_all(&out).len()), (5, 5), "{run}");

    // Four of six are more than half.
    remove(&bench, 5..9);
    bench.write("new", "n");
    let run = bench.again(task).await;
    assert_eq!((run["state"].as_str(), number(&run, "deleted")), (Some("Partial"), 0), "{run}");
    let failures = bench.failures(&run).await;
    assert!(failures.len() == 1 && failures[0]["code"] == "DeleteRefused", "{failures:?}");
    assert!(failures[0]["message"].as_str().unwrap().contains("maxDeletePercent"), "{failures:?}");
    assert!(out.join("new").is_file() && read_all(&out).len() == 6, "what is new was copied nevertheless");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_bounds_deletion_and_what_is_not_to_be_deleted_stays() {
    let (bench, task, out) = mirrored(json!({"deleteExtraneous": true, "maxDelete": 2})).await;
    remove(&bench, 0..3);
    let run = bench.again(task).await;
    assert_eq!((number(&run, "deleted"), read_all(&out).len()), (0, 10), "{run}");
    assert!(bench.failures(&run).await[0]["message"].as_str().unwrap().contains("maxDelete"));

    let (bench, task, out) = mirrored(json!({})).await;
    remove(&bench, 0..1);
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!(read_all(&out).len(), 10, "nothing is deleted unless it is asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_source_empties_nothing() {
    let (bench, task, out) = mirrored(json!({"deleteExtraneous": true, "maxDeletePercent": 100})).await;
    remove(&bench, 0..10);
    let run = bench.again(task).await;
    assert_eq!(run["state"], "Failed", "{run}");
    assert!(run["message"].as_str().unwrap().contains("allowEmptySource"), "{run}");
    assert_eq!(read_all(&out).len(), 10);

    // Where it is meant, it happens.
    let (bench, task, out) =
        mirrored(json!({"deleteExtraneous": true, "maxDeletePercent": 100, "allowEmptySource": true})).await;
    remove(&bench, 0..10);
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&out).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_without_its_folder_or_marker_fails_the_run() {
    for missing in ["source/in", "source/.holdall-space"] {
        let (bench, task, out) =
            mirrored(json!({"deleteExtraneous": true, "maxDeletePercent": 100, "allowEmptySource": true})).await;
        fs::rename(bench.root.path().join(missing), bench.root.path().join("away")).unwrap();
        let run = bench.again(task).await;
        assert_eq!((run["state"].as_str(), number(&run, "deleted")), (Some("Failed"), 0), "{missing}: {run}");
        assert_eq!(read_all(&out).len(), 10, "{missing}");
        fs::rename(bench.root.path().join("away"), bench.root.path().join(missing)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_listed_is_told_and_keeps_everything() {
    let (bench, task, out) = mirrored(json!({"deleteExtraneous": true})).await;
    remove(&bench, 0..1);
    fs::write(bench.files().join(OsStr::from_bytes(b"n\xffo")), "x").unwrap();
    std::os::unix::fs::symlink("/etc", bench.files().join("leads-out")).unwrap();
    let run = bench.again(task).await;
    assert_eq!((run["state"].as_str(), number(&run, "deleted")), (Some("Partial"), 0), "{run}");
    assert_eq!(read_all(&out).len(), 10);
    let failures = bench.failures(&run).await;
    let of =
        |key: &str| failures.iter().find(|failure| failure["key"] == key).unwrap_or_else(|| panic!("{failures:?}"));
    assert!(of("leads-out")["message"].as_str().unwrap().contains("leads out of the space"));
    assert_eq!((&of("n\u{fffd}o")["code"], &of("")["code"]), (&json!("Name"), &json!("DeleteRefused")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_filters_leave_out_and_what_the_space_keeps_is_never_deleted() {
    let bench = Bench::new().await;
    bench.write("a.jpg", "1");
    bench.write("large.jpg", "123456789");
    let (space, folder) = bench.local("d").await;
    for key in ["b.jpg", "c.txt", "large.jpg"] {
        write(&folder, key, "x");
    }
    let body = json!({
        "trigger": {"type": "Interval", "interval": 86400}, "mode": {"type": "Diff", "includeSize": true,
        "includeModTime": true}, "options": {"deleteExtraneous": true}, "srcUserSpaceID": bench.source,
        "srcPath": "in", "destUserSpaceIDs": [space], "destPathes": [""],
        "filters": [{"type": "Extension", "include": ["jpg"], "exclude": []}, {"type": "Size", "maxSize": 5}],
    });
    let task = bench.client.post("/v1/spaceSyncer/createTask", body).await.ok()["task"]["taskID"].as_i64().unwrap();
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    let left: Vec<String> = read_all(&folder).into_keys().collect();
    assert_eq!(left, [".holdall-space", "a.jpg", "c.txt", "large.jpg"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_deletes_what_every_destination_has() {
    let bench = Bench::new().await;
    bench.write("a", "1");
    bench.write("b", "22");
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let to_s3 = bench.client.create_space(spaces::without_shards(s3.space("s", "dest"))).await.id;
    let (to_local, folder) = bench.local("d").await;
    let options = json!({"deleteSource": true, "maxDeletePercent": 100});
    let task = bench.task(&[to_s3, to_local], options.clone()).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&bench.files()).is_empty() && number(&run, "deleted") == 2, "{run}");
    assert_eq!((read_all(&folder.join("out")).len(), s3.files("dest").len()), (2, 3), "two files, and a marker");
    // Nothing is left to be moved, and what was moved stays.
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!(read_all(&folder.join("out")).len(), 2);

    // With one destination away, the source keeps everything.
    bench.write("c", "333");
    s3.set_read_only(true);
    let run = bench.again(task).await;
    assert_eq!((run["state"].as_str(), read_all(&bench.files()).len()), (Some("Partial"), 1), "{run}");
}
