//! `/v1/userSpace/downloadPackage`: the objects of a package become files.

use super::*;
use holdall_tests::{Deed, Rule};
use std::{fs, os::unix::fs::symlink, time::SystemTime};

crate::on_both! {
    a_package_becomes_a_directory,
}

fn files_of_a_package() -> Vec<(String, Vec<u8>)> {
    let mut files = fixture::tree(1, 40, 5_000);
    files.push(("empty".into(), Vec::new()));
    files.push(("größe/文件 (1).bin".into(), fixture::content(5, 700_000)));
    files.push(("large".into(), fixture::content(6, 3 << 20)));
    files
}

async fn exported_package(client: &Client) -> (i64, Vec<(String, Vec<u8>)>) {
    let package = client.new_package("exported").await;
    let files = files_of_a_package();
    client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    (package, files)
}

/// A server with a Local space for files at a folder.
async fn with_folder(root: &LocalRoot, setup: Setup) -> (Server, Client, UserSpace, PathBuf) {
    let folder = root.folder("files");
    let server = root.allow(setup).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(spaces::local("files", &folder))).await;
    (server, client, space, folder)
}

/// Fails unless exactly these files lie in the folder.
fn lie_in(folder: &Path, files: &[(String, Vec<u8>)]) {
    assert_eq!(inspect::files(folder).len(), files.len(), "{:?}", inspect::files(folder).keys());
    for (path, content) in files {
        assert!(fs::read(folder.join(path)).unwrap() == *content, "{path}");
    }
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

async fn a_package_becomes_a_directory(setup: Setup) {
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, many_chunks(setup)).await;
    let (package, files) = exported_package(&client).await;
    client.export(space.id, package, "out").await;
    lie_in(&folder.join("out"), &files);

    // Again: what is the same is left as it is, what differs is written, what is not ours stays.
    let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let touch = |name: &str| {
        let file = fs::File::options().write(true).open(folder.join("out").join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    };
    let (same, other) = (&files[0].0, &files[1].0);
    let length = files[1].1.len();
    fs::write(folder.join("out").join(other), vec![b'x'; length]).unwrap();
    touch(same);
    touch(other);
    fs::write(folder.join("out/stranger"), "not ours").unwrap();
    fs::remove_file(folder.join("out/large")).unwrap();
    client.export(space.id, package, "out").await;
    assert_eq!(modified(&folder.join("out").join(same)), long_ago, "the same file is not written again");
    assert_ne!(modified(&folder.join("out").join(other)), long_ago);
    assert_eq!(fs::read(folder.join("out/stranger")).unwrap(), b"not ours");
    fs::remove_file(folder.join("out/stranger")).unwrap();
    lie_in(&folder.join("out"), &files);

    // By the absolute path of the place.
    client.export(space.id, package, folder.join("absolute").to_str().unwrap()).await;
    lie_in(&folder.join("absolute"), &files);
}

#[tokio::test]
async fn a_package_becomes_objects_of_a_bucket() {
    let broken = Broken::new();
    let server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(broken.space("s"))).await;
    let (package, files) = exported_package(&client).await;
    client.export(space.id, package, "out").await;
    lie_in(&broken.server.bucket("bin").join("out"), &files);

    broken.proxy.forget();
    // By its door: what the server notes about an object is not in the file.
    broken.server.client("bin").put(&format!("out/{}", files[0].0), vec![b'x'; files[0].1.len()]).await;
    fs::remove_file(broken.server.bucket("bin").join("out").join(&files[1].0)).unwrap();
    client.export(space.id, package, "out").await;
    lie_in(&broken.server.bucket("bin").join("out"), &files);
    assert!(broken.proxy.count("PUT", "/out/") <= 6, "{} were written again", broken.proxy.count("PUT", "/out/"));
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn a_package_becomes_objects_of_a_garage_bucket() {
    let garage = Garage::start();
    garage.ready().await;
    let server = Server::start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(garage.space("s"))).await;
    let (package, files) = exported_package(&client).await;
    for _ in 0..2 {
        client.export(space.id, package, "out").await;
        for (path, content) in &files {
            assert!(garage.client().get(&format!("out/{path}")).await.unwrap() == content, "{path}");
        }
    }
}

#[tokio::test]
#[ignore = "needs rclone; tests/run provides it"]
async fn a_package_becomes_files_of_a_webdav_share() {
    let share = WebDav::start();
    let server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(share.space("s"))).await;
    let (package, files) = exported_package(&client).await;
    for _ in 0..2 {
        client.export(space.id, package, "deep/out").await;
        lie_in(&share.root().join("deep/out"), &files);
    }
}

/// An object whose path would lie outside is refused by name, before anything is written.
#[tokio::test]
async fn a_path_that_leads_out_is_refused_before_anything_is_written() {
    let root = LocalRoot::new();
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let (_server, client, local, folder) = with_folder(&root, Server::with()).await;
    let cloud = client.create_space(spaces::without_shards(s3.space("s", "bin"))).await;
    let bucket = client.bucket("b").await;
    let paths = ["../x", "/abs", "a/../../x", "..", "a/..", "a//b", "./x", "a/./b", "back\\..\\slash/../x"];
    for (i, path) in paths.into_iter().enumerate() {
        let package = client.package(bucket, &format!("{i}")).await;
        client.put_all(package, [("a-good-one", "x"), (path, "y"), ("zz", "z")]).await;
        for space in [&local, &cloud] {
            let answer = client.try_export(space.id, package, "out").await;
            if answer.status == 200 && ["a//b", "./x", "a/./b"].contains(&path) {
                // A cloud may keep such names as they are.
                assert_eq!(space.id, cloud.id, "{path}");
                continue;
            }
            let message = answer.refused(400, "BadArgument");
            assert!(message.contains(path), "{path}: {message}");
        }
        assert_eq!(inspect::files(&folder).keys().collect::<Vec<_>>(), [".holdall-space"], "{path}");
        assert_eq!(inspect::files(root.path()).len(), 1, "{path}");
    }
}

/// A link inside of the target that leads out is not followed.
#[tokio::test]
async fn a_link_in_the_target_does_not_lead_out() {
    let elsewhere = TempDir::with_prefix("holdall-elsewhere-").unwrap();
    fs::write(elsewhere.path().join("victim"), "untouched").unwrap();
    let root = LocalRoot::new();
    let (_server, client, space, folder) = with_folder(&root, Server::with()).await;
    fs::create_dir(folder.join("out")).unwrap();
    symlink(elsewhere.path(), folder.join("out/door")).unwrap();
    symlink(elsewhere.path().join("victim"), folder.join("out/file")).unwrap();
    let package = client.new_package("p").await;
    client.put(package, "door/new", "x").await;
    let message = failed(&client.try_export(space.id, package, "out").await);
    assert!(message.contains("door"), "{message}");
    assert_eq!(inspect::files(elsewhere.path()).len(), 1);

    let bucket = client.bucket("second").await;
    let package = client.package(bucket, "p").await;
    client.put(package, "file", "x").await;
    // Replacing the link itself is fine; writing through it is not.
    client.try_export(space.id, package, "out").await.envelope();
    assert_eq!(fs::read(elsewhere.path().join("victim")).unwrap(), b"untouched");
}

#[tokio::test]
async fn an_export_that_is_cut_says_so_and_goes_on() {
    let broken = Broken::new();
    let server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(broken.space("s"))).await;
    let (package, files) = exported_package(&client).await;
    broken.proxy.add(Rule::new(Deed::Answer(403)).method("PUT").path("/out/").after(20));
    let message = failed(&client.try_export(space.id, package, "out").await);
    says(&message, &["out/", "space"]);
    broken.proxy.clear();
    broken.proxy.forget();
    client.export(space.id, package, "out").await;
    lie_in(&broken.server.bucket("bin").join("out"), &files);
    let written = broken.proxy.count("PUT", "/out/");
    assert!(written < files.len(), "{written}: what was there was not written again");
}

/// What a space keeps for itself is neither imported nor overwritten, wherever its working directory is.
#[tokio::test]
async fn a_space_keeps_its_own_things() {
    let root = LocalRoot::new();
    let (near, far) = (root.folder("near"), root.folder("far"));
    let server = root.allow(Server::with()).start();
    let client = server.client();
    let mut space = spaces::local("s", &near);
    space["workingDir"] = "hold/all".into();
    let space = client.create_space(space).await;
    let package = client.new_package("b").await;
    put_near(&client, package, space.id, "a", b"kept over there").await;
    assert_eq!(inspect::shard_files(&near.join("hold/all")).len(), 1);
    std::fs::write(near.join("mine"), "mine").unwrap();
    let bucket = client.bucket("imported").await;
    let imported = client.import(space.id, "", bucket, "p").await;
    let paths: Vec<_> = client.package_objects(imported).await.into_iter().map(|object| object.path).collect();
    assert_eq!(paths, ["mine"], "neither the marker nor a shard");

    let marker = near.join("hold/all/.holdall-space");
    let before = std::fs::read(&marker).unwrap();
    for (name, root_path) in [("own/.holdall-space", "hold/all"), ("own/hold/all/.holdall-space", "")] {
        let path = name.strip_prefix("own/").unwrap();
        let own = client.new_package(&format!("of {}", path.len())).await;
        client.put(own, path, "not a marker").await;
        let message = failed(&client.try_export(space.id, own, root_path).await);
        says(&message, &["own things"]);
    }
    assert_eq!(std::fs::read(&marker).unwrap(), before);

    std::os::unix::fs::symlink(&far, near.join("out")).unwrap();
    let mut outside = spaces::local("outside", &near);
    outside["workingDir"] = "out/x".into();
    std::fs::remove_dir_all(&far).unwrap();
    std::os::unix::fs::symlink("/", &far).unwrap();
    client.try_create_space(outside).await.refused(400, "BadArgument");
}
