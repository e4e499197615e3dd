//! `/v1/userSpace/createPackage`: files at a place become a package, all of them or none.

use super::*;
use holdall_tests::{Deed, Rule};
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::symlink};

crate::on_both! {
    a_bucket_becomes_a_package,
    an_import_that_is_cut_shows_nothing_and_goes_on,
}

fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Fails unless the package holds exactly these files.
async fn holds(client: &Client, package: i64, files: &[(String, Vec<u8>)]) {
    let mut found: BTreeMap<String, Object> =
        client.package_objects(package).await.into_iter().map(|object| (object.path.clone(), object)).collect();
    for (path, content) in files {
        let object = found.remove(path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!((object.size, &object.hash), (content.len() as u64, &fixture::full_hash(content)), "{path}");
        assert!(client.read(object.id).await == content.as_slice(), "{path}");
    }
    assert!(found.is_empty(), "{:?}", found.keys());
}

/// A server with a Local space for files at a folder.
async fn with_folder(root: &LocalRoot, setup: Setup) -> (Server, Client, UserSpace, PathBuf) {
    let folder = root.folder("files");
    let server = root.allow(setup).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(spaces::local("files", &folder))).await;
    (server, client, space, folder)
}

fn some_files() -> Vec<(String, Vec<u8>)> {
    let mut files = fixture::tree(1, 60, 5_000);
    files.push(("empty".into(), Vec::new()));
    files.push(("größe/文件 (1).bin".into(), fixture::content(5, 700_000)));
    files.push(("large".into(), fixture::content(6, 3 << 20)));
    files.push((".hidden/.file".into(), b"x".to_vec()));
    files
}

#[tokio::test]
async fn a_directory_becomes_a_package() {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, many_chunks(Server::with())).await;
    let files = some_files();
    write_all(&folder.join("in/side"), &files);
    fs::create_dir_all(folder.join("in/side/an/empty/folder")).unwrap();
    fs::write(folder.join("outside"), "not this").unwrap();
    let bucket = client.bucket("b").await;

    let data = client.try_import(space.id, "in/side", bucket, "p", 0).await.ok();
    let package = &data["package"];
    assert_eq!((&package["name"], &package["bucketID"]), (&json!("p"), &json!(bucket)));
    assert!(package["createTime"].is_string(), "{package}");
    holds(&client, package["packageID"].as_i64().unwrap(), &files).await;

    // The same place by its absolute path, and with a slash at its end.
    let absolute = folder.join("in/side");
    for (name, path) in [("q", absolute.to_str().unwrap()), ("r", "in/side/")] {
        let package = client.import(space.id, path, bucket, name).await;
        assert_eq!(client.package_objects(package).await.len(), files.len(), "{path}");
    }
    // All of the space; what Holdall keeps there is no file of the user's.
    let package = client.import(space.id, "", bucket, "all").await;
    let paths: Vec<String> = client.package_objects(package).await.into_iter().map(|object| object.path).collect();
    assert_eq!(paths.len(), files.len() + 1);
    assert!(!paths.iter().any(|path| path.contains("holdall-space")), "{paths:?}");
}

#[tokio::test]
async fn one_file_becomes_a_package() {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, Server::with()).await;
    write_all(&folder, &[("dir/file.bin".into(), b"content".to_vec()), ("dir/file.bin2".into(), b"other".to_vec())]);
    let bucket = client.bucket("b").await;
    let package = client.import(space.id, "dir/file.bin", bucket, "p").await;
    holds(&client, package, &[("file.bin".into(), b"content".to_vec())]).await;
}

async fn a_bucket_becomes_a_package(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = many_chunks(setup).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(s3.space("s", "bin"))).await;
    let files = some_files();
    for (path, content) in &files {
        s3.put_file("bin", &format!("pre/fix/{path}"), content);
    }
    s3.put_file("bin", "pre/fix-not", "a neighbour whose name begins alike");
    // Consoles make such markers where a user makes a folder: they are no files.
    s3.client("bin").put("pre/fix/marker/", "").await;
    let bucket = client.bucket("b").await;
    let package = client.import(space.id, "pre/fix", bucket, "p").await;
    holds(&client, package, &files).await;
    let package = client.import(space.id, "pre/fix/large", bucket, "q").await;
    holds(&client, package, &[("large".into(), fixture::content(6, 3 << 20))]).await;
}

#[tokio::test]
#[ignore = "needs rclone; tests/run provides it"]
async fn a_webdav_share_becomes_a_package() {
    let share = WebDav::start();
    let server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(share.space("s"))).await;
    let files = some_files();
    write_all(&share.root().join("in"), &files);
    let bucket = client.bucket("b").await;
    let package = client.import(space.id, "in", bucket, "p").await;
    holds(&client, package, &files).await;
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn a_garage_bucket_becomes_a_package() {
    let garage = Garage::start();
    garage.ready().await;
    let server = Server::start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(garage.space("s"))).await;
    let files = some_files();
    for (path, content) in &files {
        garage.client().put(&format!("in/{path}"), content.clone()).await;
    }
    garage.client().put("in/marker/", "").await;
    let bucket = client.bucket("b").await;
    let package = client.import(space.id, "in", bucket, "p").await;
    holds(&client, package, &files).await;
}

#[tokio::test]
async fn an_import_goes_where_it_is_asked_to() {
    let root = LocalRoot::new();
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let (mut server, client, space, folder) = with_folder(&root, Server::with()).await;
    let target = client.create_space(s3.space("s", "bin")).await;
    server.lies_in(target.id, &s3.bucket("bin"));
    write_all(&folder, &some_files());
    let bucket = client.bucket("b").await;
    client.try_import(space.id, "", bucket, "p", target.id).await.ok();
    assert!(inspect::shard_files(&server.space()).is_empty());
    assert!(!inspect::shard_files(&s3.bucket("bin")).is_empty());
}

async fn absent(client: &Client, bucket: i64, name: &str) {
    let query = json!({"bucketID": bucket, "name": name});
    let data = client.get("/v1/package/listBucketPackages", json!({"bucketID": bucket})).await;
    if data.status == 200 {
        let text = String::from_utf8_lossy(&data.body).into_owned();
        assert!(!text.contains(&format!("\"{name}\"")), "{text}");
    }
    client.get("/v1/package/getByName", query).await.envelope();
}

async fn an_import_that_is_cut_shows_nothing_and_goes_on(setup: Setup) {
    let broken = Broken::new();
    let server = setup.start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(broken.space("s"))).await;
    let files: Vec<_> = (0..2200_u64).map(|i| (format!("{i:04}"), fixture::content(i, 500))).collect();
    for (path, content) in &files {
        broken.server.put_file("bin", &format!("in/{path}"), content);
    }
    let bucket = client.bucket("b").await;
    broken.proxy.add(Rule::new(Deed::Answer(403)).method("GET").path("/bin/in/").after(1500));
    let message = failed(&client.try_import(space.id, "in", bucket, "p", 0).await);
    says(&message, &["in/", "file", "space", "`"]);
    absent(&client, bucket, "p").await;

    broken.proxy.clear();
    broken.proxy.forget();
    let package = client.import(space.id, "in", bucket, "p").await;
    let read_again = broken.proxy.count("GET", "/bin/in/");
    assert!(read_again < 2000, "{read_again} of 2 200 files were read: what was there was read again");
    assert_eq!(client.package_objects(package).await.len(), files.len());
    for (path, content) in files.iter().step_by(97) {
        let object = client.find(package, path).await.unwrap();
        assert!(client.read(object.id).await == content.as_slice());
    }
}

#[tokio::test]
async fn an_import_whose_source_dies_is_an_error_and_not_a_small_package() {
    let broken = Broken::new();
    let server = Server::start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(broken.space("s"))).await;
    for i in 0..300_u64 {
        broken.server.put_file("bin", &format!("in/{i:04}"), fixture::content(i, 500));
    }
    let bucket = client.bucket("b").await;
    broken.proxy.add(Rule::new(Deed::Drop).after(100));
    failed(&client.try_import(space.id, "in", bucket, "p", 0).await);
    absent(&client, bucket, "p").await;
    broken.proxy.clear();
    let package = client.import(space.id, "in", bucket, "p").await;
    assert_eq!(client.package_objects(package).await.len(), 300);
}

/// Killed in the middle, it goes on; what is gone from the source meanwhile is not in the package.
#[tokio::test]
async fn an_import_goes_on_after_a_crash() {
    let broken = Broken::new();
    let mut server = Server::start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(broken.space("s"))).await;
    for i in 0..1500_u64 {
        broken.server.put_file("bin", &format!("in/{i:04}"), fixture::content(i, 500));
    }
    let bucket = client.bucket("b").await;
    broken.proxy.add(Rule::new(Deed::Stall).method("GET").path("/bin/in/").after(1200));
    let running = {
        let client = client.clone();
        tokio::spawn(async move {
            let body =
                json!({"userSpaceID": space.id, "path": "in", "bucketID": bucket, "name": "p", "spaceAffinity": 0});
            client.request(reqwest::Method::POST, "/v1/userSpace/createPackage").json(&body).send().await
        })
    };
    eventually("it is in the middle", || async { (broken.proxy.count("GET", "/bin/in/") >= 1200).then_some(()) }).await;
    server.kill();
    assert!(running.await.unwrap().is_err());
    broken.proxy.clear();
    fs::remove_file(broken.server.bucket("bin").join("in/0007")).unwrap();
    broken.server.put_file("bin", "in/0008", "changed");
    server.start_again();
    let client = server.client();
    absent(&client, bucket, "p").await;
    let package = client.import(space.id, "in", bucket, "p").await;
    let objects = client.package_objects(package).await;
    assert_eq!(objects.len(), 1499);
    assert!(!objects.iter().any(|object| object.path == "0007"));
    let changed = objects.iter().find(|object| object.path == "0008").unwrap();
    assert_eq!(client.read(changed.id).await, "changed");
}

#[tokio::test]
async fn ten_thousand_small_files_need_little_memory() {
    let root = LocalRoot::new();
    let (server, client, space, folder) = with_folder(&root, Server::with()).await;
    for i in 0..10_000_u64 {
        if i % 100 == 0 {
            fs::create_dir_all(folder.join(format!("in/{:03}", i / 100))).unwrap();
        }
        fs::write(folder.join(format!("in/{:03}/{i:05}", i / 100)), fixture::content(i, 4096)).unwrap();
    }
    // A client of its own: meanwhile the server may have closed the connections of the first.
    drop(client);
    let client = server.client();
    let bucket = client.bucket("b").await;
    let idle = server.peak_memory();
    let package = client.import(space.id, "in", bucket, "p").await;
    let more = (server.peak_memory() - idle) >> 20;
    assert!(more <= 100, "{more} MiB for 40 of content");
    assert_eq!(client.package_objects(package).await.len(), 10_000);
    let object = client.find(package, "042/04242").await.unwrap();
    assert!(client.read(object.id).await == fixture::content(4242, 4096));
}

/// A name that cannot be told truthfully ends the import with that name, and nothing is there.
async fn refused_by_name(prepare: impl FnOnce(&Path), words: &[&str]) {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, Server::with()).await;
    write_all(&folder.join("in"), &[("a".into(), b"a".to_vec()), ("z".into(), b"z".to_vec())]);
    prepare(&folder.join("in"));
    let bucket = client.bucket("b").await;
    let message = failed(&client.try_import(space.id, "in", bucket, "p", 0).await);
    for word in words {
        assert!(message.contains(word), "{message}");
    }
    absent(&client, bucket, "p").await;
}

#[tokio::test]
async fn a_link_that_leads_out_is_refused_by_name() {
    let elsewhere = TempDir::with_prefix("holdall-elsewhere-").unwrap();
    fs::write(elsewhere.path().join("secret"), "not yours").unwrap();
    refused_by_name(|folder| symlink(elsewhere.path().join("secret"), folder.join("way-out")).unwrap(), &["way-out"])
        .await;
    refused_by_name(|folder| symlink(elsewhere.path(), folder.join("door")).unwrap(), &["door"]).await;
    refused_by_name(|folder| symlink("../../../..", folder.join("up")).unwrap(), &["up"]).await;
    refused_by_name(|folder| symlink("nowhere", folder.join("dangling")).unwrap(), &["dangling"]).await;
    refused_by_name(|folder| symlink(".", folder.join("round")).unwrap(), &["round"]).await;
}

#[tokio::test]
async fn a_name_that_is_no_text_is_refused_by_name() {
    refused_by_name(|folder| fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.txt")), "x").unwrap(), &["caf"]).await;
}

#[tokio::test]
async fn what_is_no_file_is_refused_by_name() {
    let pipe = |folder: &Path| {
        let status = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
        assert!(status.success());
    };
    refused_by_name(pipe, &["pipe"]).await;
}

/// Names with white space at their ends are names like others, where the storage keeps them apart; else they are refused.
#[tokio::test]
async fn white_space_at_the_end_of_a_name_is_not_lost() {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, Server::with()).await;
    let files: Vec<(String, Vec<u8>)> = ["trail", "trail ", " lead", "dir /x", "tab\t"]
        .into_iter()
        .map(|name| (name.to_owned(), format!("content of `{name}`").into_bytes()))
        .collect();
    write_all(&folder.join("in"), &files);
    let bucket = client.bucket("b").await;
    let package = client.import(space.id, "in", bucket, "p").await;
    holds(&client, package, &files).await;

    let s3 = S3Server::start();
    s3.make_bucket("bin");
    for (path, content) in &files {
        s3.put_file("bin", &format!("in/{path}"), content);
    }
    let space = client.create_space(spaces::without_shards(s3.space("s", "bin"))).await;
    let answer = client.try_import(space.id, "in", bucket, "q", 0).await;
    if answer.status == 200 {
        holds(&client, answer.ok()["package"]["packageID"].as_i64().unwrap(), &files).await;
    } else {
        says(&failed(&answer), &["trail", "lead", "dir", "tab", "white space"]);
        absent(&client, bucket, "q").await;
    }
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed() {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, Server::with()).await;
    write_all(&folder.join("in"), &[("a".into(), b"content".to_vec())]);
    symlink("a", folder.join("in/b")).unwrap();
    let bucket = client.bucket("b").await;
    let answer = client.try_import(space.id, "in", bucket, "p", 0).await;
    let package = answer.ok()["package"]["packageID"].as_i64().unwrap();
    holds(&client, package, &[("a".into(), b"content".to_vec()), ("b".into(), b"content".to_vec())]).await;
}
