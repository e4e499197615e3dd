//! The ground gives way: the disk is full, the database is locked or gone.

use holdall_tests::{Answer, Form, Server, eventually, fixture, inspect, missing};
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::{
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A small file system that goes with the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: usize) -> Option<Self> {
        let folder = TempDir::with_prefix("holdall-small-disk-").unwrap();
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Promise 3 on a full disk: the write is refused and says why, the old object stays, the server goes on, and
/// room that is made is used again.
#[tokio::test]
async fn a_full_disk_refuses_writes_and_keeps_what_is_there() {
    let Some(disk) = SmallDisk::mount(40) else {
        return missing("a full disk", "a small tmpfs cannot be mounted here");
    };
    let server = Server::with().data(&disk.path().join("data")).eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = fixture::content(1, 2 << 20);
    let object = client.put(package, "kept", &old).await;
    let small = client.put(package, "small", "small").await;

    let form = |path: &str, content: &[u8]| Form::new().info(json!({"packageID": package})).file(path, content);
    let mut stored = Vec::new();
    let message = loop {
        let path = format!("fill/{}", stored.len());
        let content = fixture::content(100 + stored.len() as u64, 3 << 20);
        let answer = client.post_form("/v1/object/upload", form(&path, &content)).await;
        if answer.status != 200 {
            break answer.refused(507, "OperationFailed");
        }
        stored.push(answer.uploaded().remove(0));
        assert!(stored.len() < 20, "60 MiB fit on a disk of 40");
    };
    assert!(message.contains("room") || message.contains("space") || message.contains("full"), "{message}");

    // An overwrite that does not fit leaves the old object.
    let answer = client.post_form("/v1/object/upload", form("kept", &fixture::content(2, 30 << 20))).await;
    answer.refused(507, "OperationFailed");
    assert!(client.read(object.id).await == old);
    assert_eq!(client.read(small.id).await, "small");
    for object in &stored {
        assert_eq!(fixture::full_hash(&client.read(object.id).await), object.hash);
    }
    assert_eq!(client.package_objects(package).await.len(), stored.len() + 2, "nothing half is visible");

    // Small files are refused or stored, until nothing goes in any more; never half.
    for i in 0..400 {
        let path = format!("crumb/{i}");
        let content = fixture::content(1000 + i, 200_000);
        let answer = client.post_form("/v1/object/upload", form(&path, &content)).await;
        match answer.status {
            200 => assert_eq!(
                fixture::full_hash(&client.read(answer.uploaded()[0].id).await),
                fixture::full_hash(&content)
            ),
            _ => {
                answer.refused(507, "OperationFailed");
                assert_eq!(client.find(package, &path).await, None);
                break;
            }
        }
    }

    // Deleting needs little room, and makes some.
    let everything: Vec<i64> = client
        .package_objects(package)
        .await
        .iter()
        .map(|object| object.id)
        .filter(|id| *id != object.id && *id != small.id)
        .collect();
    eventually("deleting works on a full disk", || async {
        let answer = client.post("/v1/object/delete", json!({"objectIDs": everything})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let again = fixture::content(7, 8 << 20);
    let object_again = eventually("there is room again", || async {
        let answer = client.post_form("/v1/object/upload", form("again", &again)).await;
        (answer.status == 200).then(|| answer.uploaded().remove(0))
    })
    .await;
    assert!(client.read(object_again.id).await == again);
    assert!(client.read(object.id).await == old);
}

/// Another process holds SQLite's write lock for longer than the server is willing to wait.
#[tokio::test]
async fn a_locked_database_refuses_writes_and_recovers() {
    let server = Server::with().set("database.busy_timeout", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "before").await;

    let intruder = inspect::connect(&server.database_url()).await;
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    for _ in 0..3 {
        let form = Form::new().info(json!({"packageID": package})).file("a", "during");
        let message = client.post_form("/v1/object/upload", form).await.refused(503, "OperationFailed");
        assert!(message.contains("database"), "{message}");
        client.post("/v1/bucket/create", json!({"name": "during"})).await.refused(503, "OperationFailed");
        assert_eq!(client.read(object.id).await, "before", "reading goes on");
    }
    intruder.execute_unprepared("ROLLBACK").await.unwrap();
    intruder.close().await.unwrap();

    let after = eventually("writing goes on", || async {
        let form = Form::new().info(json!({"packageID": package})).file("a", "after");
        let answer = client.post_form("/v1/object/upload", form).await;
        (answer.status == 200).then(|| answer.uploaded().remove(0))
    })
    .await;
    assert_eq!(after.id, object.id);
    assert_eq!(client.read(object.id).await, "after");
    client.get("/v1/bucket/getByName", json!({"name": "during"})).await.refused(404, "DataNotFound");
    client.bucket("during").await;
}

/// Waits are shorter than the patience of the server: nobody is refused.
#[tokio::test]
async fn a_short_lock_is_waited_out() {
    let server = Server::with().set("database.busy_timeout", "30s").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let intruder = inspect::connect(&server.database_url()).await;
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let puts = futures::future::join_all((0..20).map(|i| {
        let client = client.clone();
        async move { client.put(package, &format!("{i}"), "x").await }
    }));
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        intruder.execute_unprepared("ROLLBACK").await.unwrap();
    };
    let (objects, ()) = futures::join!(puts, release);
    assert_eq!(objects.len(), 20);
    assert_eq!(client.package_objects(package).await.len(), 20);
}

/// PostgreSQL goes away for a while: the connection to it leads through a door that the test can close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn a_postgres_that_goes_away_comes_back() {
    let url = std::env::var("HOLDALL_TEST_POSTGRES").expect("HOLDALL_TEST_POSTGRES names a PostgreSQL server");
    let database = format!("holdall_test_gone_{}", std::process::id());
    inspect::execute(&url, &format!("CREATE DATABASE {database}"));
    {
        let door = Door::open(&url).await;
        let server = Server::with().database_url(&door.url(&url, &database)).start();
        let client = server.client();
        let package = client.new_package("b").await;
        let object = client.put(package, "a", "before").await;

        door.close();
        eventually("writes are refused", || async {
            let form = Form::new().info(json!({"packageID": package})).file("a", "during");
            let answer = client.post_form("/v1/object/upload", form).await;
            (answer.status == 503 && answer.envelope().0 == "OperationFailed").then_some(())
        })
        .await;
        eventually("/readyz says so", || async {
            let answer = Answer::of("/readyz", client.request(Method::GET, "/readyz")).await;
            (answer.status == 503).then_some(())
        })
        .await;
        assert_eq!(client.get("/healthz", json!({})).await.status, 200, "the process is well");
        door.reopen();
        let after = eventually("writing goes on", || async {
            let form = Form::new().info(json!({"packageID": package})).file("a", "after");
            let answer = client.post_form("/v1/object/upload", form).await;
            (answer.status == 200).then(|| answer.uploaded().remove(0))
        })
        .await;
        assert_eq!(after.id, object.id);
        assert_eq!(client.read(object.id).await, "after");
        let mut server = server;
        server.expect_damage(); // its rows are not in the database that the harness would ask
    }
    inspect::execute(&url, &format!("DROP DATABASE {database} WITH (FORCE)"));
}

/// A port that leads to PostgreSQL while it is open, and cuts every connection when it closes.
struct Door {
    port: u16,
    open: tokio::sync::watch::Sender<bool>,
}

impl Door {
    async fn open(url: &str) -> Self {
        let target = host_and_port(url);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, state) = tokio::sync::watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let Ok(mut outside) = tokio::net::TcpStream::connect(&target).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => (),
                        _ = state.wait_for(|open| !open) => (),
                    }
                });
            }
        });
        Self { port, open }
    }

    fn url(&self, url: &str, database: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap();
        let user = rest.split_once('@').map_or("", |(user, _)| user);
        format!("{scheme}://{user}@127.0.0.1:{}/{database}", self.port)
    }

    fn close(&self) {
        self.open.send(false).unwrap();
    }

    fn reopen(&self) {
        self.open.send(true).unwrap();
    }
}

fn host_and_port(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap();
    if host.contains(':') { host.to_owned() } else { format!("{host}:5432") }
}
