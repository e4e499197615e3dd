//! The house rules that no compiler knows: who may import whom, how long a file may be, and that it says
//! what it is for.

use holdall_tests::server::workspace;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder or file of the server, and the words it must not contain.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "src/domain",
        &[
            "sea_orm",
            "opendal",
            "axum",
            "s3s",
            "tokio::",
            "crate::metadata",
            "crate::space",
            "crate::service",
            "crate::http",
            "crate::task",
            "crate::config",
        ],
    ),
    (
        "src/space",
        &[
            "sea_orm",
            "axum",
            "s3s",
            "multer",
            "coordinator_types",
            "crate::metadata",
            "crate::http",
            "crate::service",
            "crate::task",
        ],
    ),
    (
        "src/metadata",
        &[
            "opendal",
            "axum",
            "s3s",
            "multer",
            "coordinator_types",
            "crate::space",
            "crate::http",
            "crate::service",
            "crate::task",
        ],
    ),
    (
        "src/service",
        &["sea_orm", "opendal", "axum", "s3s", "multer", "coordinator_types", "crate::http", "crate::task"],
    ),
    ("src/http", &["sea_orm", "opendal", "crate::metadata", "crate::space", "crate::task"]),
    ("search/src", &["sea_orm", "opendal", "axum", "s3s", "tokio", "coordinator_types", "holdall::"]),
    ("src/task", &["sea_orm", "opendal", "axum", "s3s", "multer", "crate::http"]),
];

/// Folders whose files the rules below are about.
const SOURCES: [&str; 6] =
    ["server/src", "server/search/src", "coordinator-types/src", "migrations/src", "tests/src", "tests/it"];

/// A file longer than this, tests aside, holds more than one idea.
const MOST_LINES: usize = 500;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let paths = SOURCES.iter().flat_map(|folder| files(&workspace().join(folder)));
    paths.map(|path| (path.strip_prefix(workspace()).unwrap().to_owned(), fs::read_to_string(&path).unwrap())).collect()
}

/// The text without comments: words about another layer are allowed.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The text before the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap()
}

/// Whether a whole file is tests, compiled for them only.
fn is_tests(path: &Path) -> bool {
    path.with_extension("").iter().any(|part| part == "suite") || path.file_stem().is_some_and(|name| name == "tests")
}

#[test]
fn the_layers_keep_to_their_arrows() {
    let mut wrong = Vec::new();
    for (folder, words) in LAYERS {
        for path in files(&workspace().join("server").join(folder)) {
            let text = code(&fs::read_to_string(&path).unwrap());
            for word in words.iter().filter(|word| names(&text, word)) {
                wrong.push(format!("{} names `{word}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `word` stands in the text as a word: `crate::space` is not `crate::spaces`.
fn names(text: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(part_of_a_word);
        let after = text[at + word.len()..].chars().next().is_some_and(part_of_a_word);
        !before && (word.ends_with(':') || !after)
    })
}

#[test]
fn a_planted_import_would_be_found() {
    assert!(names("use sea_orm::Set;", "sea_orm") && names("crate::space::Space", "crate::space"));
    assert!(!names("use sea_orm_migration::x;", "sea_orm") && !names("crate::spaces", "crate::space"));
    assert!(!code("// sea_orm is not used here\n    /// nor axum").contains("sea_orm"));
}

#[test]
fn the_domain_and_the_wire_know_nobody() {
    for (path, text) in sources() {
        let place = path.to_string_lossy().into_owned();
        let text = code(&text);
        if place.starts_with("coordinator-types") {
            for word in ["sea_orm", "axum", "opendal", "tokio", "holdall"] {
                assert!(!names(&text, word), "{place} names `{word}`");
            }
        }
        if place.starts_with("migrations") {
            assert!(
                !names(&text, "coordinator_types") && !names(&text, "holdall"),
                "{place} knows another crate of ours"
            );
        }
        if place.starts_with("server/src") && !place.starts_with("server/src/space") {
            assert!(!names(without_tests(&text), "opendal"), "{place}: only `space` speaks to clouds");
        }
        if place.starts_with("server/src") {
            assert!(!names(&text, "tantivy"), "{place}: only the crate `search` knows how it searches");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files without a `//!` at their head:\n{}", silent.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, without_tests(&text).lines().count()))
        .filter(|(path, lines)| *lines > MOST_LINES && !is_tests(path))
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines before the tests:\n{}", long.join("\n"));
}

#[test]
fn an_exception_from_a_lint_has_a_reason() {
    let mut bare = Vec::new();
    for (path, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let exception = ["#[allow(", "#![allow("].iter().any(|start| line.starts_with(start));
            if exception && !line.contains("reason") {
                bare.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    assert!(bare.is_empty(), "use #[expect(lint, reason = \"…\")]:\n{}", bare.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("TO", "DO"), concat!("FIX", "ME")];
    for (path, text) in sources() {
        for word in words {
            assert!(!text.contains(word), "{} holds `{word}`", path.display());
        }
    }
}
