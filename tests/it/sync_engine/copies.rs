//! Copying: everything arrives, once, as it was; and what has not changed costs nothing but a listing.

use super::*;
use std::time::{Duration, SystemTime};

/// Files whose order tells whether a listing is sorted by the bytes of the keys.
fn some_files() -> Vec<(String, Vec<u8>)> {
    let mut files = fixture::tree(3, 60, 5_000);
    for key in ["a/b", "a-b", "a.txt", "a0", "größe/文件 (1).bin", ".hidden/.file", "z/y/x/w/v"] {
        files.push((key.to_owned(), key.as_bytes().to_vec()));
    }
    files.push(("empty".to_owned(), Vec::new()));
    files.push(("medium".to_owned(), fixture::content(4, 4 << 20)));
    files.push(("large".to_owned(), fixture::content(5, 14 << 20)));
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_copied_to_three_storages_and_read_once() {
    let bench = Bench::new().await;
    let files = some_files();
    bench.write_all(&files);
    let stamp = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
    fs::File::open(bench.files().join("a/b")).unwrap().set_modified(stamp).unwrap();
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let dav = WebDav::start();
    let proxy = Proxy::to(s3.address());
    let to_s3 =
        bench.client.create_space(spaces::without_shards(s3.space_at(&proxy.endpoint(), "s3", "dest"))).await.id;
    let to_dav = bench.client.create_space(spaces::without_shards(dav.space("dav"))).await.id;
    let (to_local, folder) = bench.local("directory").await;
    proxy.forget();

    let task = bench.task(&[to_s3, to_dav, to_local], json!({})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(number(&run, "copied"), 3 * files.len() as u64);
    for copied in [s3.bucket("dest").join("out"), dav.root().join("out"), folder.join("out")] {
        assert!(read_all(&copied) == as_map(&files), "{}", copied.display());
    }
    // The time is kept, by rclone's name in a cloud.
    let kept = fs::metadata(folder.join("out/a/b")).unwrap().modified().unwrap();
    assert_eq!(kept, stamp);
    // One request for a small file, and nothing asked before or after.
    assert_eq!(proxy.count("HEAD", "/dest/out"), 0, "{:?}", proxy.requests());
    assert_eq!(proxy.count("", "/dest/out/a-b"), 1, "{:?}", proxy.requests());

    // Nothing changed: listings, and nothing else.
    proxy.forget();
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "copied"), number(&run, "skipped")), (0, 3 * files.len() as u64), "{run}");
    let other: Vec<_> = proxy
        .requests()
        .into_iter()
        .filter(|(_, target)| !target.contains("list-type=2") && !target.contains(".holdall-space"))
        .collect();
    assert!(other.is_empty(), "{other:?}");

    // One file changed at the source, another was changed at a destination: both are copied.
    bench.write("a-b", "changed");
    write(&folder.join("out"), "a0", "spoilt");
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!(number(&run, "copied"), 4, "{run}");
    assert_eq!(s3.read_file("dest", "out/a-b"), b"changed");
    assert_eq!(fs::read(folder.join("out/a0")).unwrap(), b"a0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_copied_to_others_and_each_object_read_once() {
    let bench = Bench::new().await;
    let (from, to) = (S3Server::start(), S3Server::start());
    from.make_bucket("source");
    to.make_bucket("one");
    to.make_bucket("two");
    let mut files = some_files();
    // As the test's own server keeps objects: as files and folders.
    files.retain(|(key, _)| !key.starts_with('.'));
    for (key, content) in &files {
        from.put_file("source", &format!("in/{key}"), content);
    }
    let proxy = Proxy::to(from.address());
    let source =
        bench.client.create_space(spaces::without_shards(from.space_at(&proxy.endpoint(), "f", "source"))).await;
    let one = bench.client.create_space(spaces::without_shards(to.space("one", "one"))).await.id;
    let two = bench.client.create_space(spaces::without_shards(to.space("two", "two"))).await.id;
    proxy.forget();
    let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
    let task = bench.task_from(source.id, &[one, two], json!({}), mode, json!([])).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    for bucket in ["one", "two"] {
        assert!(read_all(&to.bucket(bucket).join("out")) == as_map(&files), "{bucket}");
    }
    assert_eq!(proxy.count("GET", "/source/in/a-b"), 1, "{:?}", proxy.requests());
    assert_eq!(proxy.count("GET", "/source/in/medium"), 1);
    let run = bench.again(task).await;
    assert_eq!(number(&run, "copied"), 0, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn garage_is_a_destination_and_a_source() {
    let bench = Bench::new().await;
    let files = some_files();
    bench.write_all(&files);
    let garage = Garage::start();
    let space = bench.client.create_space(spaces::without_shards(garage.space("garage"))).await.id;
    let task = bench.task(&[space], json!({"verify": true})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "copied"), number(&run, "skipped")), (0, files.len() as u64), "{run}");

    // And back, into a directory.
    let (back, folder) = bench.local("back").await;
    let body = json!({
        "trigger": {"type": "Interval", "interval": 86400}, "mode": {"type": "Diff", "includeSize": true,
        "includeModTime": true}, "filters": [], "srcUserSpaceID": space, "srcPath": "out",
        "destUserSpaceIDs": [back], "destPathes": ["back"],
    });
    let task = bench.client.post("/v1/spaceSyncer/createTask", body).await.ok()["task"]["taskID"].as_i64().unwrap();
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&folder.join("back")) == as_map(&files));
    let time = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let micros = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    assert_eq!(micros(time(bench.files().join("a-b"))), micros(time(folder.join("back/a-b"))), "the time came along");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_copies_everything_and_existence_only_what_is_missing() {
    let bench = Bench::new().await;
    bench.write("a", "new");
    bench.write("b", "new");
    let (space, folder) = bench.local("d").await;
    write(&folder.join("out"), "a", "an older one");
    let existence = json!({"type": "Diff", "includeSize": false, "includeModTime": false});
    let task = bench.task_in(&[space], json!({}), existence).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "copied"), number(&run, "skipped")), (1, 1), "{run}");
    assert_eq!(fs::read(folder.join("out/a")).unwrap(), b"an older one");

    let (space, folder) = bench.local("e").await;
    let task = bench.task_in(&[space], json!({}), json!({"type": "Full"})).await;
    bench.ended(task).await;
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!(number(&run, "copied"), 2, "{run}");
    assert_eq!(read_all(&folder.join("out")).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_leave_out_and_empty_folders_are_made_where_there_are_folders() {
    let bench = Bench::new().await;
    for key in ["keep/a.jpg", "keep/b.tmp", "other/c.jpg"] {
        bench.write(key, key);
    }
    fs::create_dir_all(bench.files().join("empty/inner")).unwrap();
    let (space, folder) = bench.local("d").await;
    let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
    let filters = json!([{"type": "Path", "include": ["keep/**"], "exclude": []},
                         {"type": "Extension", "include": ["jpg"], "exclude": []}]);
    let task = bench.task_from(bench.source, &[space], json!({}), mode.clone(), filters).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(read_all(&folder.join("out")).into_keys().collect::<Vec<_>>(), ["keep/a.jpg"]);
    assert!(folder.join("out/empty/inner").is_dir());

    let (space, folder) = bench.local("e").await;
    bench.ended(bench.task(&[space], json!({"noEmptyDirectories": true})).await).await;
    assert!(folder.join("out/keep/b.tmp").is_file() && !folder.join("out/empty").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_within_one_bucket_is_made_by_the_storage() {
    let bench = Bench::new().await;
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let proxy = Proxy::to(s3.address());
    let space = bench.client.create_space(spaces::without_shards(s3.space_at(&proxy.endpoint(), "s", "bin"))).await.id;
    s3.put_file("bin", "in/x", "content");
    proxy.forget();
    let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
    let task = bench.task_from(space, &[space], json!({}), mode, json!([])).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(s3.read_file("bin", "out/x"), b"content");
    assert_eq!(proxy.count("GET", "/bin/in/x"), 0, "{:?}", proxy.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing() {
    let bench = Bench::new().await;
    bench.write("a", "new");
    let (space, folder) = bench.local("d").await;
    write(&folder.join("out"), "old", "x");
    let task = bench.task(&[space], json!({"dryRun": true, "deleteExtraneous": true, "maxDeletePercent": 100})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(read_all(&folder.join("out")).into_keys().collect::<Vec<_>>(), ["old"]);
    let steps = inspect::query(&bench.server.database_url(), |_| {
        "SELECT kind || ' ' || key AS line FROM sync_plan ORDER BY id".to_owned()
    });
    assert_eq!(steps, ["copy a", "delete old"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_and_can_be_lifted_while_the_run_goes_on() {
    let bench = Bench::new().await;
    for at in 0..20 {
        bench.write(&format!("f{at:02}"), fixture::content(at, 50_000));
    }
    let (space, folder) = bench.local("d").await;
    // An hour and more, if it stayed so.
    let task = bench.task(&[space], json!({"bandwidthLimit": 100})).await;
    eventually("the run works", || async { bench.latest(task).await.filter(|run| run["state"] == "Running") }).await;
    eventually("something was copied", || async { folder.join("out").is_dir().then_some(()) }).await;
    assert!(read_all(&folder.join("out")).len() < 20);
    let body = json!({"taskID": task, "bandwidthLimit": 0});
    bench.client.post("/v1/spaceSyncer/updateTask", body).await.ok();
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert_eq!(read_all(&folder.join("out")).len(), 20);
}
