//! Faults: storages that fail, a source that goes, a server that is killed. What can arrive arrives, what cannot is
//! told, and nothing is lost.

use super::*;
use std::time::Duration;

fn hundred() -> Vec<(String, Vec<u8>)> {
    (0..100).map(|at| (format!("d{}/f{at:03}", at % 7), fixture::content(at, 3_000))).collect()
}

/// A bench with files, a bucket behind a proxy as its first destination, and a directory as its second.
struct Two {
    bench: Bench,
    s3: S3Server,
    proxy: Proxy,
    spaces: [i64; 2],
    folder: PathBuf,
    files: Vec<(String, Vec<u8>)>,
}

impl Two {
    async fn new() -> Self {
        // A destination that is put aside is tried three times more: soon.
        let bench = Bench::with(Server::with().set("sync.again", "100ms")).await;
        let files = hundred();
        bench.write_all(&files);
        let s3 = S3Server::start();
        s3.make_bucket("dest");
        let proxy = Proxy::to(s3.address());
        let space = spaces::without_shards(s3.space_at(&proxy.endpoint(), "s3", "dest"));
        let first = bench.client.create_space(space).await.id;
        let (second, folder) = bench.local("directory").await;
        Self { bench, s3, proxy, spaces: [first, second], folder, files }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_destination_does_not_keep_the_other_from_its_files() {
    let two = Two::new().await;
    two.proxy.add(Rule::new(Deed::Drop).method("PUT").path("/dest/out").after(10));
    let task = two.bench.task(&two.spaces, json!({})).await;
    eventually("the other has all", || async {
        let out = two.folder.join("out");
        (out.is_dir() && read_all(&out).len() == 100).then_some(())
    })
    .await;
    let run = two.bench.ended(task).await;
    assert_eq!(run["state"], "Partial", "{run}");
    let failures = two.bench.failures(&run).await;
    assert!(failures.len() >= 90, "each file that did not arrive is told: {}", failures.len());
    assert!(failures.iter().all(|failure| failure["destUserSpaceID"] == two.spaces[0]), "{failures:?}");

    // It comes back, and the next run brings what is missing.
    two.proxy.clear();
    let run = two.bench.again(task).await;
    two.bench.succeeded(&run).await;
    assert!(read_all(&two.s3.bucket("dest").join("out")) == as_map(&two.files));
    assert!(number(&run, "copied") <= 90, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_busy_for_a_while_gets_everything() {
    let two = Two::new().await;
    two.proxy.add(Rule::new(Deed::Answer(503)).method("PUT").path("/dest/out").after(20).times(150));
    let task = two.bench.task(&two.spaces, json!({})).await;
    let run = two.bench.ended(task).await;
    two.bench.succeeded(&run).await;
    assert!(read_all(&two.s3.bucket("dest").join("out")) == as_map(&two.files));
    assert!(read_all(&two.folder.join("out")) == as_map(&two.files));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_destination_is_told_and_the_other_complete() {
    let bench = Bench::new().await;
    let files = hundred();
    bench.write_all(&files);
    let dav = WebDav::start();
    let proxy = Proxy::to(dav.address());
    let full = bench.client.create_space(spaces::without_shards(dav.space_at(&proxy.endpoint(), "dav"))).await.id;
    let (local, folder) = bench.local("directory").await;
    proxy.add(Rule::new(Deed::Answer(507)).method("PUT").path("/out/").after(30));
    let task = bench.task(&[full, local], json!({"deleteSource": true, "maxDeletePercent": 100})).await;
    let run = bench.ended(task).await;
    assert_eq!(run["state"], "Partial", "{run}");
    let failures = bench.failures(&run).await;
    let told = failures.iter().filter(|failure| failure["message"].as_str().unwrap().contains("no room is left"));
    assert!(told.count() >= 70, "{failures:#?}");
    assert!(read_all(&folder.join("out")) == as_map(&files));
    assert_eq!(read_all(&bench.files()).len(), 100, "the source keeps what one destination does not have");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_goes_in_the_middle_fails_the_run_and_deletes_nothing() {
    let bench = Bench::new().await;
    bench.write_all(&hundred());
    let (space, folder) = bench.local("d").await;
    write(&folder.join("out"), "older", "kept");
    let options = json!({"deleteExtraneous": true, "maxDeletePercent": 100, "bandwidthLimit": 30_000});
    let task = bench.task(&[space], options).await;
    eventually("something was copied", || async { (read_all(&folder).len() > 10).then_some(()) }).await;
    let (source, away) = (bench.root.path().join("source"), bench.root.path().join("away"));
    fs::rename(&source, &away).unwrap();
    // An empty directory in its place, as an unmounted disk leaves one behind.
    fs::create_dir(&source).unwrap();
    let run = bench.ended(task).await;
    assert_eq!((run["state"].as_str(), number(&run, "deleted")), (Some("Failed"), 0), "{run}");
    assert!(run["message"].as_str().unwrap().contains("marker"), "{run}");
    assert!(folder.join("out/older").is_file());
    fs::remove_dir(&source).unwrap();
    fs::rename(&away, &source).unwrap();
    let lifted = json!({"taskID": task, "bandwidthLimit": 0});
    bench.client.post("/v1/spaceSyncer/updateTask", lifted).await.ok();
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&folder.join("out")) == as_map(&hundred()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_while_it_is_copied_arrives_as_it_is_in_the_end() {
    let bench = Bench::new().await;
    bench.write("large", fixture::content(1, 8 << 20));
    let (space, folder) = bench.local("d").await;
    let task = bench.task(&[space], json!({"bandwidthLimit": 4 << 20})).await;
    eventually("it is being copied", || async {
        bench.latest(task).await.filter(|run| run["currentKeys"] == json!(["large"]))
    })
    .await;
    let last = fixture::content(2, 7 << 20);
    bench.write("large", &last);
    let body = json!({"taskID": task, "bandwidthLimit": 0});
    bench.client.post("/v1/spaceSyncer/updateTask", body).await.ok();
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(fs::read(folder.join("out/large")).unwrap() == last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_comes_back_changed_is_noticed() {
    let two = Two::new().await;
    two.proxy.add(Rule::new(Deed::CorruptResponse).method("GET").path("/dest/out/d0/f000"));
    let task = two.bench.task(&two.spaces[..1], json!({"verify": true})).await;
    let run = two.bench.ended(task).await;
    assert_eq!(run["state"], "Partial", "{run}");
    let failures = two.bench.failures(&run).await;
    assert_eq!((failures.len(), &failures[0]["key"]), (1, &json!("d0/f000")), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_ten_times_copies_everything_and_little_twice() {
    const FILES: usize = 5_000;
    let mut bench = Bench::new().await;
    bench.server.set("sync.lease", "1s");
    bench.server.restart();
    bench.client = bench.server.client();
    let files: Vec<(String, Vec<u8>)> =
        (0..FILES).map(|at| (format!("{:02}/{at:05}", at % 50), fixture::content(at as u64, 100))).collect();
    bench.write_all(&files);
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let proxy = Proxy::to(s3.address());
    let space = spaces::without_shards(s3.space_at(&proxy.endpoint(), "s3", "dest"));
    let space = bench.client.create_space(space).await.id;
    // A run of several seconds, whatever the machine.
    proxy.delay(Duration::from_millis(8));
    let task = bench.task(&[space], json!({})).await;
    let mut kills = 0;
    while kills < 10 {
        let before = proxy.count("PUT", "/dest/out");
        eventually("it goes on", || async {
            let over = bench.latest(task).await.is_some_and(|run| !run["endTime"].is_null());
            (over || proxy.count("PUT", "/dest/out") > before + 100).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(37 * kills % 200)).await;
        bench.server.kill();
        bench.server.start_again();
        bench.client = bench.server.client();
        kills += 1;
    }
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&s3.bucket("dest").join("out")) == as_map(&files));
    // Each time what was not noted yet: two batches, and what was in flight.
    let most = FILES + 10 * (2 * 1000 + 32);
    let puts = proxy.count("PUT", "/dest/out");
    assert!((FILES..=most).contains(&puts), "{puts}");
}
