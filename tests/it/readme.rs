//! The README's tour does what it says: its commands run as printed, only the port is another.

use holdall_tests::{Server, fixture, server::workspace};
use std::{fs, path::Path, process::Command};

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

/// A directory with the kinds of files that a user has.
fn real_files(folder: &Path) {
    for (path, content) in fixture::tree(1, 30, 20_000) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    fs::create_dir_all(folder.join("A folder")).unwrap();
    for name in ["A folder/with space & ünïcode 日本.txt", "100%.txt", "a+b=c?.txt", "it's; here, [1].txt"] {
        fs::write(folder.join(name), name).unwrap();
    }
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
    let script = text.replace("127.0.0.1:7890", &server.address().to_string());
    assert_ne!(script, text, "the tour speaks to the default port");

    let home = tempfile::tempdir().unwrap();
    real_files(home.path());
    // As a reader pastes it, in the root of the clone; and, as the text offers, with a directory of the reader's own.
    for directory in [None, Some(home.path())] {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script]).current_dir(workspace());
        bash.env_remove("HOLDALL").env_remove("DIRECTORY");
        if let Some(directory) = directory {
            bash.env("DIRECTORY", directory);
        }
        let output = bash.output().unwrap();
        assert!(
            output.status.success(),
            "with DIRECTORY={directory:?}: {}\n--- stdout\n{}\n--- stderr\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
