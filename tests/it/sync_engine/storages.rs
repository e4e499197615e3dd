//! What storages do by themselves: copies between buckets, and checks of what they were sent.

use super::*;

/// Two buckets of one account, the second behind a proxy that all its requests pass.
struct Buckets {
    bench: Bench,
    s3: S3Server,
    proxy: Proxy,
    spaces: [i64; 2],
    files: Vec<(String, Vec<u8>)>,
}

impl Buckets {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let s3 = S3Server::start();
        s3.make_bucket("one");
        s3.make_bucket("two");
        let mut files = fixture::tree(3, 20, 5_000);
        files.push(("größe/文件 (1)+a=b.bin".to_owned(), b"odd".to_vec()));
        files.push(("large".to_owned(), fixture::content(5, 9 << 20)));
        for (key, content) in &files {
            s3.put_file("one", &format!("in/{key}"), content);
        }
        let proxy = Proxy::to(s3.address());
        let mut spaces = [0; 2];
        for (space, bucket) in spaces.iter_mut().zip(["one", "two"]) {
            let request = spaces::without_shards(s3.space_at(&proxy.endpoint(), bucket, bucket));
            *space = bench.client.create_space(request).await.id;
        }
        proxy.forget();
        Self { bench, s3, proxy, spaces, files }
    }

    async fn synced(&self, options: Value) -> Value {
        let mode = json!({"type": "Diff", "includeSize": true, "includeModTime": true});
        let [from, to] = self.spaces;
        let task = self.bench.task_from(from, &[to], options, mode, json!([])).await;
        let run = self.bench.ended(task).await;
        self.bench.succeeded(&run).await;
        assert!(read_all(&self.s3.bucket("two").join("out")) == as_map(&self.files));
        assert_eq!(number(&run, "copied"), self.files.len() as u64, "{run}");
        let again = self.bench.again(task).await;
        assert_eq!((number(&again, "copied"), number(&again, "failed")), (0, 0), "{again}");
        run
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_between_buckets_of_one_account_is_made_by_the_storage() {
    let buckets = Buckets::new().await;
    buckets.synced(json!({})).await;
    assert_eq!(buckets.proxy.count("GET", "/one/in/"), 0, "{:?}", buckets.proxy.requests());
    assert_eq!(buckets.proxy.count("PUT", "/two/out/"), buckets.files.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_refuses_to_copy_is_sent_the_bytes() {
    let buckets = Buckets::new().await;
    // Whoever was on the way already is refused, too.
    buckets.proxy.add(Rule::new(Deed::Answer(403)).method("PUT").path("/two/out/dir-0").times(1));
    buckets.synced(json!({})).await;
    assert!(buckets.proxy.count("GET", "/one/in/") > 0, "{:?}", buckets.proxy.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_verified_passes_through_this_server() {
    let buckets = Buckets::new().await;
    buckets.synced(json!({"verify": true})).await;
    assert!(buckets.proxy.count("GET", "/one/in/") >= buckets.files.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_change_on_the_way_to_a_bucket_are_refused_by_it_and_sent_again() {
    let bench = Bench::new().await;
    let files = fixture::tree(7, 10, 5_000);
    bench.write_all(&files);
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let proxy = Proxy::to(s3.address());
    let space = spaces::without_shards(s3.space_at(&proxy.endpoint(), "s3", "dest"));
    let space = bench.client.create_space(space).await.id;
    proxy.forget();
    proxy.add(Rule::new(Deed::CorruptRequest).method("PUT").path("/dest/out").times(3));
    let task = bench.task(&[space], json!({})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&s3.bucket("dest").join("out")) == as_map(&files));
    assert_eq!(proxy.count("PUT", "/dest/out"), files.len() + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn a_directory_is_kept_in_a_bucket_with_its_notes_in_postgresql() {
    let bench = Bench::with(Server::with().postgres()).await;
    let mut files = fixture::tree(3, 1_500, 500);
    files.push(("large".to_owned(), fixture::content(5, 9 << 20)));
    bench.write_all(&files);
    let s3 = S3Server::start();
    s3.make_bucket("dest");
    let proxy = Proxy::to(s3.address());
    let space = spaces::without_shards(s3.space_at(&proxy.endpoint(), "s3", "dest"));
    let space = bench.client.create_space(space).await.id;
    let task = bench.task(&[space], json!({"deleteExtraneous": true})).await;
    let run = bench.ended(task).await;
    bench.succeeded(&run).await;
    assert!(read_all(&s3.bucket("dest").join("out")) == as_map(&files));
    proxy.forget();
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "copied"), number(&run, "skipped")), (0, files.len() as u64), "{run}");
    assert_eq!(proxy.count("PUT", "") + proxy.count("HEAD", ""), 0, "{:?}", proxy.requests());
    // One changed, one gone.
    bench.write("large", "small");
    let (gone, _) = files.swap_remove(0);
    fs::remove_file(bench.files().join(&gone)).unwrap();
    let run = bench.again(task).await;
    bench.succeeded(&run).await;
    assert_eq!((number(&run, "copied"), number(&run, "deleted")), (1, 1), "{run}");
    assert!(!s3.bucket("dest").join("out").join(gone).exists());
    assert_eq!(s3.read_file("dest", "out/large"), b"small");
}
