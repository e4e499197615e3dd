//! Destinations of different pace: each gets everything, none sets the pace of another.

use super::*;
use std::time::Duration;

/// So many files of so many bytes are more than may wait in memory for one of two destinations.
const FILES: u64 = 300;
const SIZE: usize = 64 << 10;

fn many() -> Vec<(String, Vec<u8>)> {
    (0..FILES).map(|at| (format!("d{}/f{at:03}", at % 9), fixture::content(at, SIZE))).collect()
}

async fn with_little_memory() -> Bench {
    Bench::with(Server::with().set("sync.memory", "32MiB")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_destination_does_not_set_the_pace_of_the_others() {
    let bench = with_little_memory().await;
    let files = many();
    bench.write_all(&files);
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let proxy = Proxy::to(s3.address());
    let slow =
        bench.client.create_space(spaces::without_shards(s3.space_at(&proxy.endpoint(), "slow", "dest"))).await.id;
    let (fast, folder) = bench.local("fast").await;
    // Eight at once: some ten seconds for all.
    proxy.add(Rule::new(Deed::Delay(Duration::from_millis(300))).method("PUT").path("/dest/out"));
    let task = bench.task(&[slow, fast], json!({})).await;
    eventually("the fast one has everything", || async {
        let out = folder.join("out");
        (out.is_dir() && inspect::files(&out).len() == files.len()).then_some(())
    })
    .await;
    let behind = s3.files("dest").len();
    assert!(behind < files.len() * 3 / 4, "the fast one waited for the slow one, which has {behind} already");
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&s3.bucket("dest").join("out")) == as_map(&files));
    assert!(read_all(&folder.join("out")) == as_map(&files));
    // Each copied once, though some were read twice; and what was compared once is counted once.
    assert_eq!(proxy.count("PUT", "/dest/out"), files.len());
    let counts = ["copied", "compared", "skipped", "failed"].map(|name| number(&run, name));
    assert_eq!(counts, [2 * FILES, 2 * FILES, 0, 0], "{run}");
    assert!((1..FILES).contains(&number(&run, "readAgain")), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_for_a_slow_destination_does_not_keep_the_others_waiting() {
    let bench = Bench::new().await;
    let files: Vec<_> = (0..3).map(|at| (format!("large{at}"), fixture::content(at, 24 << 20))).collect();
    bench.write_all(&files);
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let proxy = Proxy::to(s3.address());
    let slow =
        bench.client.create_space(spaces::without_shards(s3.space_at(&proxy.endpoint(), "slow", "dest"))).await.id;
    let (fast, folder) = bench.local("fast").await;
    // Each of some five parts, two of them at once.
    proxy.add(Rule::new(Deed::Delay(Duration::from_secs(3))).path("partNumber=").method("PUT"));
    let task = bench.task(&[slow, fast], json!({})).await;
    eventually("the fast one has everything", || async {
        let out = folder.join("out");
        (out.is_dir() && inspect::files(&out).len() == files.len()).then_some(())
    })
    .await;
    assert!(s3.files("dest").keys().filter(|key| key.starts_with("out/large")).count() < files.len());
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&s3.bucket("dest").join("out")) == as_map(&files));
    assert!(number(&run, "readAgain") >= 1, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destinations_that_keep_up_share_one_reading() {
    let bench = with_little_memory().await;
    let source = S3Server::start();
    source.make_bucket("source");
    for (key, content) in many() {
        source.put_file("source", &format!("in/{key}"), content);
    }
    let proxy = Proxy::to(source.address());
    let from =
        bench.client.create_space(spaces::without_shards(source.space_at(&proxy.endpoint(), "f", "source"))).await;
    let (one, first) = bench.local("one").await;
    let (two, second) = bench.local("two").await;
    let (three, third) = bench.local("three").await;
    proxy.forget();
    let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
    let task = bench.task_from(from.id, &[one, two, three], json!({}), mode, json!([])).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    for folder in [first, second, third] {
        assert!(read_all(&folder.join("out")) == as_map(&many()));
    }
    assert_eq!((proxy.count("GET", "/source/in/"), number(&run, "readAgain")), (FILES as usize, 0), "{run}");
}
