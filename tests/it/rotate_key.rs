//! Changing the master key, and crashes in the middle of it.

use holdall_tests::{
    Answer, Server, Setup,
    server::holdall,
    sign::{Signer, credential, hash},
};
use reqwest::Method;
use std::{fs, path::Path};

const NEW: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Whether the secrets of the database open: a signature can be checked only then.
async fn assert_opens(server: &Server) {
    let host = server.address().to_string();
    let path = "/v1/bucket/listAll";
    let request = server.client().request(Method::GET, path);
    let proof = Signer::first(server).headers("GET", path, &[("host", &host)], &hash(""));
    Answer::of(path, proof.iter().fold(request, |request, (name, value)| request.header(name, value))).await.ok();
}

fn key(data: &Path) -> String {
    fs::read_to_string(data.join("master.key")).unwrap()
}

async fn all_secrets_open_with_the_new_key_only(setup: Setup) {
    let mut server = setup.start();
    let other = Signer::create(&server, "other");
    let refused = credential(&server, &["rotate-key"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("another holdall serves"), "{said}");

    server.stop();
    let old = key(server.data());
    let done = credential(&server, &["rotate-key"]);
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("2 secrets"), "{done:?}");
    let new = key(server.data());
    assert_ne!(old, new);
    assert!(!server.data().join("master.key.new").exists());
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(!text.contains(new.trim()) && !text.contains(old.trim()), "promise 8");

    server.start_again();
    assert_opens(&server).await;
    let host = server.address().to_string();
    let proof = other.headers("GET", "/v1/bucket/listAll", &[("host", &host)], &hash(""));
    let request = server.client().request(Method::GET, "/v1/bucket/listAll");
    Answer::of("other", proof.iter().fold(request, |request, (name, value)| request.header(name, value))).await.ok();
}

/// A crash before the commit leaves both keys and the old secrets; one after it, both keys and the new secrets.
async fn a_crash_in_the_middle_is_made_good_by_the_next_start(setup: Setup) {
    let mut server = setup.start();
    let (path, new_path) = (server.data().join("master.key"), server.data().join("master.key.new"));
    server.stop();
    let old = key(server.data());

    // Before the commit.
    fs::copy(&path, &new_path).unwrap();
    fs::write(&new_path, format!("{NEW}\n")).unwrap();
    server.start_again();
    assert_opens(&server).await;
    assert_eq!(key(server.data()), old);
    assert!(!new_path.exists());

    // After the commit, before the rename: as it would be if the new key had not taken the old one's name.
    server.stop();
    assert!(credential(&server, &["rotate-key"]).status.success());
    let new = key(server.data());
    fs::rename(&path, &new_path).unwrap();
    fs::copy(&new_path, &path).unwrap();
    fs::write(&path, &old).unwrap();
    server.start_again();
    assert_opens(&server).await;
    assert_eq!(key(server.data()), new);
    assert!(!new_path.exists());
    assert!(server.log().contains("interrupted"), "{}", server.log());

    // A change begun anew finishes the old one first.
    server.stop();
    fs::copy(&path, &new_path).unwrap();
    fs::write(&new_path, format!("{NEW}\n")).unwrap();
    assert!(credential(&server, &["rotate-key"]).status.success());
    assert!(key(server.data()) != new && key(server.data()).trim() != NEW);
    server.start_again();
    assert_opens(&server).await;
}

crate::on_both!(all_secrets_open_with_the_new_key_only, a_crash_in_the_middle_is_made_good_by_the_next_start);

/// With neither key fitting, nothing is thrown away.
#[tokio::test]
async fn two_wrong_keys_are_both_kept() {
    let mut server = Server::start();
    let (path, new_path) = (server.data().join("master.key"), server.data().join("master.key.new"));
    server.stop();
    let right = key(server.data());
    fs::copy(&path, &new_path).unwrap();
    fs::write(&new_path, format!("{NEW}\n")).unwrap();
    fs::write(&path, format!("{}\n", "ab".repeat(32))).unwrap();
    let output = Server::with().data(server.data()).refuse();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("another master key"), "{said}");
    assert!(path.exists() && new_path.exists());
    fs::write(&path, right).unwrap();
    server.start_again();
    assert_opens(&server).await;
}

#[tokio::test]
async fn a_key_of_the_environment_is_changed_by_the_environment() {
    let mut server = Server::start();
    server.stop();
    let old = key(server.data());
    fs::remove_file(server.data().join("master.key")).unwrap();
    let rotate = |new: Option<&str>| {
        let mut command = holdall(&["credential", "rotate-key", "--data"]);
        command.arg(server.data()).env("HOLDALL_MASTER_KEY", old.trim());
        if let Some(new) = new {
            command.env("HOLDALL_MASTER_KEY_NEW", new);
        }
        command.output().unwrap()
    };
    let refused = rotate(None);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("HOLDALL_MASTER_KEY_NEW"), "{said}");
    let done = rotate(Some(NEW));
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("HOLDALL_MASTER_KEY"), "{done:?}");
    // The old one opens nothing now.
    assert!(!rotate(Some(NEW)).status.success());
    fs::write(server.data().join("master.key"), format!("{NEW}\n")).unwrap();
    let chmod = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(server.data().join("master.key"), chmod).unwrap();
    server.start_again();
    assert_opens(&server).await;
}
