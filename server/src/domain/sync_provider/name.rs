//! The names of cloud directories: SiYuan's rule (`IsValidCloudDirName` of its package dejavu), for every step of a path.

use crate::domain::{Error, Result};
use std::fmt;

/// The directory that a client syncs with until it chooses another.
pub(crate) const MAIN: &str = "main";

/// The longest name, in bytes.
const LONGEST: usize = 63;
/// The longest path of nested directories, in bytes, so that the keys below it still fit into S3's 1024.
const LONGEST_PATH: usize = 512;

/// What a name must not hold, besides control characters.
const FORBIDDEN: &str = "~`!@#$%^&*()+=[]{}\\|;:'\"<,>.?/ ";

/// A cloud directory: one name, or several with `/` between them.
///
/// Invariant: every step is 1 to 63 bytes without any of the characters that the rule forbids, `.` and `/` among them, so
/// that no directory can be named that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DirName(String);

impl DirName {
    /// A single name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `field`.
    pub(crate) fn new(field: &'static str, name: &str) -> Result<Self> {
        check(name).map_err(|reason| Error::invalid(field, reason))?;
        Ok(Self(name.to_owned()))
    }

    /// A path of directories, with `/` between them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `field`.
    pub(crate) fn nested(field: &'static str, path: &str) -> Result<Self> {
        if path.len() > LONGEST_PATH {
            return Err(Error::invalid(field, format!("must be at most {LONGEST_PATH} bytes long")));
        }
        for step in path.split('/') {
            check(step).map_err(|reason| Error::invalid(field, format!("every step between `/` {reason}")))?;
        }
        Ok(Self(path.to_owned()))
    }

    /// The directory of a client that has chosen none.
    pub(crate) fn main() -> Self {
        Self(MAIN.to_owned())
    }

    /// A name from a row, which was checked when it was written.
    ///
    /// # Errors
    /// [`Error::Internal`] when somebody else has written it.
    pub(crate) fn from_row(text: &str) -> Result<Self> {
        Self::nested("cloudName", text)
            .map_err(|error| Error::internal(format!("the name of a cloud directory in the database: {error}")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies in another one.
    pub(crate) fn is_nested(&self) -> bool {
        self.0.contains('/')
    }

    /// Whether it is `other`, or lies below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self == other || self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The directories that it lies in, outermost first, and itself.
    pub(crate) fn line(&self) -> impl Iterator<Item = &str> {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain([self.0.len()]);
        ends.map(|end| &self.0[..end])
    }
}

impl fmt::Display for DirName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule for buckets is that for directories: so the contract's first server has it.
///
/// # Errors
/// [`Error::Invalid`] for `s3.bucket`.
pub(crate) fn check_bucket(name: &str) -> Result<()> {
    check(name).map_err(|reason| Error::invalid("s3.bucket", reason))
}

/// The text without characters that nobody sees, and without private ones: so names are read when a directory is made.
pub(crate) fn without_invisible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// What is wrong with a name; goes on from the name of the field.
fn check(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST {
        return Err(format!("must be 1 to {LONGEST} bytes long, not {}", name.len()));
    }
    if let Some(bad) = name.chars().find(|c| FORBIDDEN.contains(*c)) {
        return Err(format!("must not hold `{bad}`: letters, digits, `-` and `_` are fine"));
    }
    if name.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    if name.chars().any(is_invisible) {
        return Err("must not hold invisible or private characters".to_owned());
    }
    if name.trim() != name {
        return Err("must not begin or end with white space".to_owned());
    }
    Ok(())
}

/// Characters of Unicode that show nothing (format characters, fillers, variation selectors), and private ones.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_client_may_give() {
        let longest = "x".repeat(63);
        let chinese = "笔".repeat(21);
        for good in ["main", "A-b_9", "笔记", "ünï", "backup", "-", &longest, &chinese] {
            assert_eq!(DirName::new("name", good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_or_be_read_wrongly_are_refused() {
        let (long, chinese) = ("x".repeat(64), "笔".repeat(22));
        for bad in FORBIDDEN.chars().map(String::from).chain(["".to_owned(), long, chinese]) {
            assert!(DirName::new("name", &bad).is_err(), "{bad:?}");
        }
        for bad in [
            "..",
            ".",
            "a/b",
            "a\\b",
            "a b",
            "a\0",
            "a\n",
            "a\x1f",
            "a\x7f",
            "a\u{85}",
            "a\u{200b}b",
            "\u{feff}a",
            "\u{e000}",
            "a\u{202e}b",
            "a\u{3000}",
        ] {
            assert!(DirName::new("name", bad).is_err(), "{bad:?}");
            let nested = format!("fine/{bad}");
            assert!(bad == "a/b" || DirName::nested("path", &nested).is_err(), "{nested:?}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", "a/../b", "../a", "a/./b", &"x/".repeat(300)] {
            assert!(DirName::nested("path", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_checked_step_by_step_and_known_by_its_line() {
        let deep = DirName::nested("path", "archive/2024/笔").unwrap();
        assert_eq!(deep.line().collect::<Vec<_>>(), ["archive", "archive/2024", "archive/2024/笔"]);
        let within = |a: &str, b: &str| DirName::nested("p", a).unwrap().is_within(&DirName::nested("p", b).unwrap());
        assert!(within("a", "a") && within("a/b", "a"));
        assert!(!within("ab", "a") && !within("a", "a/b") && !within("a-b/c", "a"));
    }

    #[test]
    fn what_nobody_sees_is_left_out_of_a_new_name() {
        assert_eq!(without_invisible("\u{feff}no\u{200b}tes\u{e000}\u{10ffff}"), "notes");
        assert_eq!(without_invisible("笔记-é"), "笔记-é");
    }
}
