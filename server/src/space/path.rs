//! The only file that forms a path inside a space.

use crate::domain::{Error, Result, shard::ShardKey};

/// The object that proves that a space is the one it was.
pub(super) const MARKER: &str = ".holdall-space";

/// An empty file that keeps a folder in sight, in a store that lists files only.
pub(super) const FOLDER_MARKER: &str = ".holdall-directory";

/// How many folders the shards of a space are spread over.
pub(super) const FOLDERS: u16 = 256;

/// The longest path below a space that is asked for, in bytes: S3's longest key.
pub(super) const LONGEST: usize = 1024;

/// The longest name in a directory, in bytes: that of nearly every file system.
pub(super) const LONGEST_STEP: usize = 255;

/// `shards/ab/`: 256 folders keep directories and listings short.
pub(super) fn shard_folder(folder: u8) -> String {
    format!("shards/{folder:02x}/")
}

/// `shards/ab/…`: the place of a shard.
pub(super) fn shard(key: ShardKey) -> String {
    format!("{}{key}", shard_folder(key.folder()))
}

/// A directory as the beginning of what lies in it: with a slash behind it, or nothing.
pub(super) fn folder(directory: &str) -> String {
    match directory.trim_matches('/') {
        "" => String::new(),
        directory => format!("{directory}/"),
    }
}

/// A folder of its own for what a probe writes.
pub(super) fn probe(ticket: u64) -> String {
    format!(".holdall-probe-{ticket:016x}/")
}

/// Whether a path from a space's working directory on is one that only the space itself writes.
pub(super) fn is_own(path: &str) -> bool {
    let shard = path.strip_prefix("shards/").and_then(|rest| rest.split_once('/'));
    path == MARKER
        || path.starts_with(".holdall-probe-")
        || path.rsplit('/').next() == Some(FOLDER_MARKER)
        || shard.is_some_and(|(folder, name)| folder.len() == 2 && ShardKey::parse(name).is_some())
}

/// A place below the root of a space, as a caller names it: without slashes at its ends.
///
/// # Errors
/// [`Error::Invalid`] for `field`: `..`, an empty step, what no storage keeps.
pub(crate) fn place_in(field: &'static str, path: &str) -> Result<String> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    if trimmed.len() > LONGEST {
        return Err(Error::invalid(field, format!("must be at most {LONGEST} bytes long")));
    }
    match unsuitable(trimmed) {
        None => Ok(trimmed.to_owned()),
        Some(reason) => Err(Error::invalid(field, format!("`{trimmed}` {reason}"))),
    }
}

/// Why a path cannot be kept below a root, if it cannot: it would lie elsewhere, or come back under another name.
pub(super) fn unsuitable(path: &str) -> Option<String> {
    if path.chars().any(char::is_control) {
        return Some("holds a control character".to_owned());
    }
    if path.starts_with('/') {
        return Some("begins with a slash, and would lie outside".to_owned());
    }
    let mut steps = path.split('/');
    if steps.clone().any(|step| step == "..") {
        return Some("holds a step `..`, and would lie outside".to_owned());
    }
    if steps.clone().any(|step| step == ".") {
        return Some("holds a step `.`, and would come back under another name".to_owned());
    }
    if steps.any(str::is_empty) {
        return Some(
            "holds an empty step (`//`, or a slash at its end), and would come back under another name".to_owned(),
        );
    }
    None
}

/// Why a storage behind opendal cannot keep a path, if it cannot: what opendal trims would come back under another name.
pub(super) fn unsuitable_for_clouds(path: &str) -> Option<String> {
    if path.trim() != path {
        return Some("begins or ends with white space, which this kind of space does not keep".to_owned());
    }
    unsuitable(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_leave_its_root_is_refused() {
        for bad in ["/abs", "../x", "a/../../x", "a/..", "..", "a/./b", "a//b", "a/", "a\0b", "a\nb"] {
            assert!(unsuitable(bad).is_some(), "{bad:?}");
        }
        for good in ["a", "a/b", "..a", "a..", "a/...", " a", "北京/x"] {
            assert!(unsuitable(good).is_none(), "{good:?}");
        }
        assert!(unsuitable_for_clouds("a ").is_some());
    }

    #[test]
    fn a_place_is_named_with_and_without_slashes_at_its_ends() {
        assert_eq!(place_in("path", "/a/b/").unwrap(), "a/b");
        assert_eq!(place_in("path", "").unwrap(), "");
        assert!(place_in("path", "a/../b").unwrap_err().to_string().starts_with("path: "));
    }
}
