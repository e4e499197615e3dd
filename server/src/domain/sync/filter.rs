//! Filters: which files a task is about. Pure, over the key, the size and the time of a file.

use crate::domain::{Error, Result, time::Timestamp};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// What a file must be for a task to be about it. An empty list of what is included includes everything; what is
/// excluded is excluded even when it is included too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Filter {
    /// Bytes; both ends belong to it.
    Size { min: Option<u64>, max: Option<u64> },
    /// `jpg`, `.JPG` and `tar.gz`: what the name ends with, behind a dot, in any case.
    Extension { include: Vec<String>, exclude: Vec<String> },
    /// Globs over the path from the place on. One without `/` is about the last name, in any folder.
    Path { include: Vec<String>, exclude: Vec<String> },
    /// From `after` on, and earlier than `before`.
    ModTime { after: Option<Timestamp>, before: Option<Timestamp> },
}

/// Filters made ready; all must pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(Vec<Ready>);

#[derive(Debug, Clone)]
enum Ready {
    Size { min: u64, max: u64 },
    Extension { include: Vec<String>, exclude: Vec<String> },
    Path { include: Option<Globs>, exclude: Globs },
    ModTime { after: Timestamp, before: Timestamp },
}

/// Globs about the whole path, and about the last name.
#[derive(Debug, Clone)]
struct Globs {
    whole: GlobSet,
    name: GlobSet,
}

impl Filters {
    /// Makes filters ready.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `filters[3].include[0]` and the like: what can never pass, or is no glob.
    pub(crate) fn compile(filters: &[Filter]) -> Result<Self> {
        let ready = filters.iter().enumerate().map(|(place, filter)| ready(&format!("filters[{place}]"), filter));
        ready.collect::<Result<_>>().map(Self)
    }

    /// Whether a task is about this file. `key` is its path from the place of the task on. A file whose time is not
    /// known passes no filter about times.
    pub(crate) fn pass(&self, key: &str, size: u64, modified: Option<Timestamp>) -> bool {
        self.0.iter().all(|filter| filter.passes(key, size, modified))
    }
}

impl Ready {
    fn passes(&self, key: &str, size: u64, modified: Option<Timestamp>) -> bool {
        match self {
            Self::Size { min, max } => (min..=max).contains(&&size),
            Self::Extension { include, exclude } => {
                let name = last_name(key).to_lowercase();
                let any = |extensions: &[String]| extensions.iter().any(|extension| ends_with(&name, extension));
                (include.is_empty() || any(include)) && !any(exclude)
            }
            Self::Path { include, exclude } => {
                include.as_ref().is_none_or(|globs| globs.hold(key)) && !exclude.hold(key)
            }
            Self::ModTime { after, before } => modified.is_some_and(|time| time >= *after && time < *before),
        }
    }
}

impl Globs {
    fn hold(&self, key: &str) -> bool {
        self.whole.is_match(key) || self.name.is_match(last_name(key))
    }

    fn new(field: &str, patterns: &[String]) -> Result<Self> {
        let (mut whole, mut name) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for (place, pattern) in patterns.iter().enumerate() {
            let refuse = |reason: String| Error::invalid(format!("{field}[{place}]"), reason);
            if pattern.is_empty() {
                return Err(refuse("must not be empty; `**` stands for every file".to_owned()));
            }
            let is_name = !pattern.contains('/');
            // A folder stands for what lies in it.
            let text = match pattern.trim_start_matches('/') {
                folder if folder.ends_with('/') => format!("{folder}**"),
                other => other.to_owned(),
            };
            let glob = GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build();
            let glob = glob.map_err(|error| refuse(format!("is no glob: {}", error.kind())))?;
            if is_name {
                name.add(glob)
            } else {
                whole.add(glob)
            };
        }
        let build = |builder: GlobSetBuilder| {
            builder.build().map_err(|error| Error::invalid(field.to_owned(), format!("are no globs: {}", error.kind())))
        };
        Ok(Self { whole: build(whole)?, name: build(name)? })
    }
}

fn ready(field: &str, filter: &Filter) -> Result<Ready> {
    Ok(match filter {
        Filter::Size { min, max } => {
            let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
            if min > max {
                return Err(Error::invalid(
                    format!("{field}.maxSize"),
                    format!("must not be less than minSize, {min}"),
                ));
            }
            Ready::Size { min, max }
        }
        Filter::Extension { include, exclude } => Ready::Extension {
            include: extensions(&format!("{field}.include"), include)?,
            exclude: extensions(&format!("{field}.exclude"), exclude)?,
        },
        Filter::Path { include, exclude } => Ready::Path {
            include: if include.is_empty() { None } else { Some(Globs::new(&format!("{field}.include"), include)?) },
            exclude: Globs::new(&format!("{field}.exclude"), exclude)?,
        },
        Filter::ModTime { after, before } => {
            let (after, before) = (after.unwrap_or(Timestamp(i64::MIN)), before.unwrap_or(Timestamp(i64::MAX)));
            if after >= before {
                return Err(Error::invalid(format!("{field}.before"), "must be later than `after`"));
            }
            Ready::ModTime { after, before }
        }
    })
}

fn extensions(field: &str, sent: &[String]) -> Result<Vec<String>> {
    let one = |(place, extension): (usize, &String)| {
        let bare = extension.strip_prefix('.').unwrap_or(extension);
        if bare.is_empty() || bare.contains('/') {
            let reason = format!("must be an extension such as `jpg` or `tar.gz`, not `{extension}`");
            return Err(Error::invalid(format!("{field}[{place}]"), reason));
        }
        Ok(format!(".{}", bare.to_lowercase()))
    };
    sent.iter().enumerate().map(one).collect()
}

/// Whether a name has an extension; `.gz` alone is a name without one.
fn ends_with(name: &str, extension: &str) -> bool {
    name.strip_suffix(extension).is_some_and(|stem| !stem.is_empty())
}

fn last_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: Filter, key: &str) -> bool {
        Filters::compile(&[filter]).unwrap().pass(key, 100, Some(Timestamp(50)))
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn sizes_include_their_ends() {
        let filters = Filters::compile(&[Filter::Size { min: Some(10), max: Some(20) }]).unwrap();
        let pass: Vec<u64> = [9, 10, 20, 21].into_iter().filter(|size| filters.pass("k", *size, None)).collect();
        assert_eq!(pass, [10, 20]);
        assert!(passes(Filter::Size { min: None, max: None }, "k"));
    }

    #[test]
    fn extensions_match_with_and_without_dot_in_any_case() {
        for (extension, key, expected) in [
            ("jpg", "a/b.JPG", true),
            (".jpg", "b.jpg", true),
            ("Tar.GZ", "x.tar.gz", true),
            ("gz", "x.tar.gz", true),
            ("tar", "x.tar.gz", false),
            ("jpg", "jpg", false),
            ("jpg", "a.jpg/b", false),
            ("gz", "a/.gz", false),
            ("JPÉG", "b.jpég", true),
        ] {
            let include = Filter::Extension { include: texts(&[extension]), exclude: Vec::new() };
            assert_eq!(passes(include, key), expected, "{extension} {key}");
            let exclude = Filter::Extension { include: Vec::new(), exclude: texts(&[extension]) };
            assert_eq!(passes(exclude, key), !expected, "{extension} {key}");
        }
    }

    #[test]
    fn globs_without_a_slash_are_about_the_last_name() {
        for (glob, key, expected) in [
            ("*.tmp", "a/b/c.tmp", true),
            ("*.tmp", "a.tmp/c", false),
            ("a/*.txt", "a/b.txt", true),
            ("a/*.txt", "a/b/c.txt", false),
            ("a/*.txt", "x/a/b.txt", false),
            ("a/**", "a/b/c.txt", true),
            ("a/", "a/b/c.txt", true),
            ("/a.txt", "a.txt", true),
            ("/a.txt", "b/a.txt", false),
            ("**/cache/**", "x/cache/y", true),
            ("**/cache/**", "cache/y", true),
            ("{a,b}/?", "b/c", true),
            ("[!a]*", "xyz", true),
            ("**", "a/b", true),
            ("北*", "x/北京", true),
        ] {
            let include = Filter::Path { include: texts(&[glob]), exclude: Vec::new() };
            assert_eq!(passes(include, key), expected, "{glob} {key}");
        }
    }

    #[test]
    fn what_is_excluded_stays_out_and_every_filter_must_pass() {
        let both = Filter::Path { include: texts(&["a/**"]), exclude: texts(&["*.tmp"]) };
        assert!(passes(both.clone(), "a/x") && !passes(both.clone(), "a/x.tmp") && !passes(both.clone(), "b/x"));
        let filters = Filters::compile(&[both, Filter::Size { min: Some(1), max: None }]).unwrap();
        assert!(filters.pass("a/x", 1, None) && !filters.pass("a/x", 0, None));
        assert!(Filters::default().pass("anything", 0, None));
    }

    #[test]
    fn a_file_of_unknown_time_passes_no_filter_about_times() {
        let filters =
            Filters::compile(&[Filter::ModTime { after: Some(Timestamp(10)), before: Some(Timestamp(20)) }]).unwrap();
        let pass = |time| filters.pass("k", 0, time);
        assert!(pass(Some(Timestamp(10))) && !pass(Some(Timestamp(20))) && !pass(Some(Timestamp(9))) && !pass(None));
    }

    #[test]
    fn what_can_never_pass_is_refused_by_its_field() {
        for (filter, field) in [
            (Filter::Size { min: Some(2), max: Some(1) }, "filters[0].maxSize"),
            (Filter::Extension { include: texts(&["a", "."]), exclude: vec![] }, "filters[0].include[1]"),
            (Filter::Extension { include: vec![], exclude: texts(&["a/b"]) }, "filters[0].exclude[0]"),
            (Filter::Path { include: texts(&["a["]), exclude: vec![] }, "filters[0].include[0]"),
            (Filter::Path { include: vec![], exclude: texts(&["x", ""]) }, "filters[0].exclude[1]"),
            (Filter::ModTime { after: Some(Timestamp(5)), before: Some(Timestamp(5)) }, "filters[0].before"),
        ] {
            let error = Filters::compile(&[filter]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{error}");
        }
    }
}
