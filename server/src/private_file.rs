//! Files that only their owner may read: the master key and the first credentials.
//!
//! Both ways of writing leave either the old state or the whole new file, on stable storage, whatever happens in
//! between: the text goes to a neighbouring file, which is synced before it gets its name.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The text of the file; `None` when there is none. Refused when anybody but the owner may read it.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if mode & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("its mode is {:o}, so that others may read it; run: chmod 600 {}", mode & 0o777, path.display()),
        ));
    }
    fs::read_to_string(path).map(Some)
}

/// Makes the file; `false`, and nothing changed, when there is one already.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<bool> {
    let written = write_neighbour(path, text)?;
    // A hard link, unlike a rename, never replaces what another process made in the meantime.
    let linked = fs::hard_link(&written, path);
    fs::remove_file(&written)?;
    match linked {
        Ok(()) => sync_directory(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the file, or puts a new one in its place.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let written = write_neighbour(path, text)?;
    fs::rename(&written, path)?;
    sync_directory(path)
}

/// Gives the file the name of another one, which it replaces.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(to)
}

/// Removes the file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_directory(path)
}

fn write_neighbour(path: &Path, text: &str) -> io::Result<PathBuf> {
    // The process id keeps two commands apart that run at once; a file left by a crash is in nobody's way but ours.
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let neighbour = PathBuf::from(name);
    if let Err(error) = fs::remove_file(&neighbour)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&neighbour)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(neighbour)
}

fn sync_directory(of: &Path) -> io::Result<()> {
    let parent = match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn what_is_written_is_private_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert_eq!(read(&path).unwrap(), None);

        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(entries(directory.path()), 1, "no neighbour is left behind");
    }

    #[test]
    fn create_keeps_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(create(&path, "first").unwrap());
        assert!(!create(&path, "second").unwrap());
        assert_eq!(read(&path).unwrap().as_deref(), Some("first"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(entries(directory.path()), 1, "no neighbour is left behind");
    }

    #[test]
    fn a_neighbour_left_by_a_crash_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let left = directory.path().join(format!("secret.{}.new", std::process::id()));
        fs::write(left, "half").unwrap();
        replace(&path, "whole").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("whole"));
        assert_eq!(entries(directory.path()), 1);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        for mode in [0o640, 0o604, 0o660] {
            fs::write(&path, "secret").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }
}
