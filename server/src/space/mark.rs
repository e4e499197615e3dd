//! How a file in a directory of this machine is named while it is being written.
//!
//! A process that dies leaves such a file behind. A sync writes the number of its task and of its lease into the name: a
//! later run of the task, which runs nowhere twice at a time, knows what an earlier one has left, and removes it.

/// What such a name begins with, and what it ends with.
const PREFIX: &str = ".holdall-";
const SUFFIX: &str = ".part";

/// A run of a sync task, under one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) task: i64,
    pub(crate) run: i64,
    pub(crate) epoch: i64,
}

impl Mark {
    fn read(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split('-').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let mark = Self { task: next()?, run: next()?, epoch: next()? };
        Some(mark)
    }
}

/// A name that nobody else has.
pub(super) fn fresh(mark: Option<Mark>) -> String {
    let own = rand::random::<u64>();
    match mark {
        Some(Mark { task, run, epoch }) => format!("{PREFIX}{task}-{run}-{epoch}-{own:016x}{SUFFIX}"),
        None => format!("{PREFIX}{own:016x}{SUFFIX}"),
    }
}

/// Whether a name is that of a file on its way to its own name.
pub(super) fn is_part(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether it is one that an earlier run of the same task has left behind.
pub(super) fn is_left_behind(name: &str, present: Mark) -> bool {
    Mark::read(name).is_some_and(|mark| mark.task == present.task && mark != present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_earlier_run_of_the_task_has_left_is_known_as_that() {
        let present = Mark { task: 7, run: 20, epoch: 2 };
        let left = |mark| is_left_behind(&fresh(Some(mark)), present);
        assert!(left(Mark { task: 7, run: 19, epoch: 1 }) && left(Mark { task: 7, run: 20, epoch: 1 }));
        assert!(!left(present) && !left(Mark { task: 8, run: 19, epoch: 1 }));
        for other in [fresh(None), ".holdall-7-1-1.part.txt".to_owned(), "holdall-7-1-1-0.part".to_owned()] {
            assert!(!is_left_behind(&other, present), "{other}");
        }
        assert!(is_part(&fresh(None)) && is_part(&fresh(Some(present))) && !is_part("a.part"));
    }
}
