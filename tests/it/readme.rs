//! The README's tour does what it says: its commands run as printed, only the port is another.

use holdall_tests::{
    Server, fixture,
    server::{binary, workspace},
};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

/// The shell blocks below the heading that speaks of a tour.
fn tour(readme: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    let mut inside = false;
    for line in readme.lines() {
        match &mut block {
            Some(_) if line.trim_end() == "```" => blocks.extend(block.take()),
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line.starts_with("## ") => inside = line.to_lowercase().contains("tour"),
            None if inside && ["```sh", "```bash", "```shell"].contains(&line.trim_end()) => {
                block = Some(String::new())
            }
            None => (),
        }
    }
    blocks
}

/// A directory of real files, of the kinds a user has.
fn real_files(folder: &Path) {
    for (path, content) in fixture::tree(1, 30, 20_000) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    fs::write(folder.join("with space & ünïcode.txt"), "text\n").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
}

#[test]
fn the_tour_runs_as_printed() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("there is a README.md");
    let blocks = tour(&readme);
    assert!(!blocks.is_empty(), "README.md has a section with a tour, with blocks of shell");
    let text = blocks.concat();
    assert!(text.contains("curl"), "the tour uses curl");

    let server = Server::start();
    let address = server.address().to_string();
    let script = text.replace("127.0.0.1:7890", &address).replace("localhost:7890", &address);
    assert!(script.contains(&address), "the tour speaks to the default port");

    // In a copy of the clone's root as far as the tour may use it.
    let home = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(workspace()).unwrap().flatten() {
        let name = entry.file_name();
        if name != "target" && name != "data" {
            symlink(entry.path(), home.path().join(name)).unwrap();
        }
    }
    fs::create_dir_all(home.path().join("photos")).unwrap();
    real_files(&home.path().join("photos"));
    symlink(server.data(), home.path().join("data")).unwrap();
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(home.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n--- script\n{script}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
