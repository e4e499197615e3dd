//! Whether a file has to be copied: what listings show now, against what was noted when it was copied last.
//!
//! Versions of two storages have nothing in common. So each side is compared with its own past only, and the two sides
//! with each other by size and time, where nothing was noted yet.

use super::Mode;
use crate::domain::{id::SyncRunId, time::Timestamp};

/// What a storage tells of one version of a file. Empty: it tells nothing. A tag stands in quotes; anything else is a
/// time, or what a file system knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) String);

impl Version {
    /// The tag of a storage, however it quotes it: the same one is told differently by answers and by listings.
    pub(crate) fn tag(tag: &str) -> Self {
        match tag.strip_prefix("W/") {
            Some(weak) => Self(format!("W/\"{}\"", weak.trim_matches('"'))),
            None => Self(format!("\"{}\"", tag.trim_matches('"'))),
        }
    }

    /// Whether both are of one kind, and differ. A tag says nothing about a time.
    fn differs(&self, other: &Self) -> bool {
        self.is_like(other) && self.strong() != other.strong()
    }

    /// Some servers call a tag weak for the first second of a file, and strong from then on.
    fn strong(&self) -> &str {
        self.0.strip_prefix("W/").unwrap_or(&self.0)
    }

    fn is_like(&self, other: &Self) -> bool {
        !self.0.is_empty() && !other.0.is_empty() && self.0.contains('"') == other.0.contains('"')
    }
}

/// A file as a listing shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) size: u64,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) version: Version,
}

impl Seen {
    /// Whether `now` is the same version, as far as both tell: some answers tell whole seconds only.
    pub(crate) fn is_still(&self, now: &Self) -> bool {
        let seconds = |time: Option<Timestamp>| time.map(|time| time.0.div_euclid(1_000_000));
        let moved = now.modified.is_some() && seconds(now.modified) != seconds(self.modified);
        self.size == now.size && !moved && !self.version.differs(&now.version)
    }
}

/// What was noted when a file was as it should be at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) key: String,
    pub(crate) source: Seen,
    pub(crate) copy: Seen,
    /// BLAKE3 of the content that passed; `None`: the copy was found, not made.
    pub(crate) hash: Option<String>,
    pub(crate) run: SyncRunId,
}

impl Baseline {
    /// Whether the copy was made by us, and both sides are as they were then.
    pub(crate) fn proves(&self, source: &Seen, copy: &Seen) -> bool {
        self.hash.is_some() && !self.source_changed(source) && !self.copy_changed(copy)
    }

    fn source_changed(&self, now: &Seen) -> bool {
        self.source.size != now.size
            || self.source.modified != now.modified
            || self.source.version.differs(&now.version)
    }

    fn copy_changed(&self, now: &Seen) -> bool {
        self.copy.size != now.size || self.copy.version.differs(&now.version)
    }
}

/// What comparing two files says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// The same, and that is to be noted.
    Found,
    /// To be copied; why, for people.
    Differs(&'static str),
}

/// How files are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparing {
    pub(crate) mode: Mode,
    pub(crate) run: SyncRunId,
    /// Whether the destination keeps the time of a file, so that a copy has the time of its source.
    pub(crate) keeps_time: bool,
    /// Whether a copy counts only when it was made by us.
    pub(crate) proof: bool,
}

impl Comparing {
    /// Compares a file with the one of the same name at the destination.
    pub(crate) fn verdict(&self, source: &Seen, copy: &Seen, base: Option<&Baseline>) -> Verdict {
        let (size, time) = match self.mode {
            Mode::Full => return self.in_this_run(source, copy, base),
            Mode::Diff { include_size, include_mod_time } => (include_size, include_mod_time),
        };
        if size && source.size != copy.size {
            return Verdict::Differs("its size differs");
        }
        match base {
            _ if !time => Verdict::Same,
            Some(base) if base.source_changed(source) => Verdict::Differs("it has changed since it was copied"),
            Some(base) if base.copy_changed(copy) => Verdict::Differs("its copy has changed since it was made"),
            Some(base) if self.proof && base.hash.is_none() => {
                Verdict::Differs("its copy was found there, and never compared")
            }
            Some(base) if base.copy.version.is_like(&copy.version) || copy.version.0.is_empty() => Verdict::Same,
            Some(_) => Verdict::Found,
            None if self.proof => Verdict::Differs("its copy was found there, and never compared"),
            None => self.by_time(source, copy),
        }
    }

    /// A run that goes on does not copy again what it has copied.
    fn in_this_run(&self, source: &Seen, copy: &Seen, base: Option<&Baseline>) -> Verdict {
        match base {
            Some(base) if base.run == self.run && base.proves(source, copy) => Verdict::Same,
            _ => Verdict::Differs("this task copies every file in every run"),
        }
    }

    fn by_time(&self, source: &Seen, copy: &Seen) -> Verdict {
        let (Some(source), Some(copy)) = (source.modified, copy.modified) else {
            return Verdict::Differs("no time is known by which it could be compared");
        };
        match self.keeps_time {
            // Some file systems keep whole seconds only.
            true if source == copy
                || (copy.0 % 1_000_000 == 0 && source.0.div_euclid(1_000_000) == copy.0 / 1_000_000) =>
            {
                Verdict::Found
            }
            true => Verdict::Differs("its time differs"),
            false if copy >= source => Verdict::Found,
            false => Verdict::Differs("it is newer than its copy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Mode = Mode::Diff { include_size: true, include_mod_time: true };

    fn seen(size: u64, time: i64, version: &str) -> Seen {
        Seen { size, modified: Some(Timestamp(time)), version: Version(version.to_owned()) }
    }

    fn base(source: Seen, copy: Seen) -> Baseline {
        Baseline { key: "k".to_owned(), source, copy, hash: Some("h".to_owned()), run: SyncRunId(1) }
    }

    fn verdict(mode: Mode, source: &Seen, copy: &Seen, base: Option<&Baseline>) -> Verdict {
        Comparing { mode, run: SyncRunId(2), keeps_time: false, proof: false }.verdict(source, copy, base)
    }

    #[test]
    fn each_side_is_compared_with_its_own_past() {
        let (source, copy) = (seen(5, 10, "\"a\""), seen(5, 20, "\"b\""));
        let known = base(source.clone(), seen(5, 0, "\"b\""));
        assert_eq!(verdict(BOTH, &source, &copy, Some(&known)), Verdict::Same);
        for changed in [seen(5, 11, "\"a\""), seen(5, 10, "\"x\"")] {
            assert!(matches!(verdict(BOTH, &changed, &copy, Some(&known)), Verdict::Differs(_)), "{changed:?}");
        }
        assert!(matches!(verdict(BOTH, &source, &seen(5, 20, "\"c\""), Some(&known)), Verdict::Differs(_)));
        assert!(matches!(verdict(BOTH, &source, &seen(6, 20, "\"b\""), Some(&known)), Verdict::Differs(_)));
    }

    #[test]
    fn a_tag_is_not_compared_with_a_time() {
        let (source, copy) = (seen(5, 10, "\"a\""), seen(5, 20, "2026"));
        let known = base(source.clone(), seen(5, 0, "\"b\""));
        assert_eq!(verdict(BOTH, &source, &copy, Some(&known)), Verdict::Found);
        assert_eq!(Version::tag("abc"), Version::tag("\"abc\""));
        assert!(!Version::tag("W/\"abc\"").differs(&Version::tag("abc")));
        assert!(Version::tag("abc").differs(&Version::tag("abd")));
    }

    #[test]
    fn without_a_past_size_and_time_tell() {
        let source = seen(5, 10, "");
        assert_eq!(verdict(BOTH, &source, &seen(5, 10, ""), None), Verdict::Found);
        assert!(matches!(verdict(BOTH, &source, &seen(5, 9, ""), None), Verdict::Differs(_)));
        assert!(matches!(verdict(BOTH, &source, &seen(4, 11, ""), None), Verdict::Differs(_)));
        let keeps = Comparing { mode: BOTH, run: SyncRunId(1), keeps_time: true, proof: false };
        assert!(matches!(keeps.verdict(&source, &seen(5, 11, ""), None), Verdict::Differs(_)));
        let existence = Mode::Diff { include_size: false, include_mod_time: false };
        assert_eq!(verdict(existence, &source, &seen(4, 0, ""), None), Verdict::Same);
        let size = Mode::Diff { include_size: true, include_mod_time: false };
        assert_eq!(verdict(size, &source, &seen(5, 0, ""), None), Verdict::Same);
    }

    #[test]
    fn a_full_run_that_goes_on_does_not_copy_twice() {
        let (source, copy) = (seen(5, 10, ""), seen(5, 20, "\"b\""));
        let known = base(source.clone(), copy.clone());
        assert!(matches!(verdict(Mode::Full, &source, &copy, Some(&known)), Verdict::Differs(_)));
        let same_run = Baseline { run: SyncRunId(2), ..known };
        assert_eq!(verdict(Mode::Full, &source, &copy, Some(&same_run)), Verdict::Same);
    }

    #[test]
    fn what_was_only_found_proves_nothing() {
        let (source, copy) = (seen(5, 10, ""), seen(5, 20, ""));
        let proof = Comparing { mode: BOTH, run: SyncRunId(1), keeps_time: false, proof: true };
        assert!(matches!(proof.verdict(&source, &copy, None), Verdict::Differs(_)));
        let found = Baseline { hash: None, ..base(source.clone(), copy.clone()) };
        assert!(matches!(proof.verdict(&source, &copy, Some(&found)), Verdict::Differs(_)));
        assert!(!found.proves(&source, &copy));
        assert!(base(source.clone(), copy.clone()).proves(&source, &copy));
    }
}
