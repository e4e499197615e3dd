//! The plan: listings of the source and of each destination, and what is remembered of each, are read side by side in
//! the order of their keys; for every key it is decided what to do at each destination. Nothing is asked of a space but
//! its listing, and memory does not grow with the number of keys.

use crate::{
    domain::{
        Error,
        sync::{Baseline, Comparing, FailureCode, Filters, Seen, Verdict},
    },
    space::{Fault, Found, Item},
};
use futures::{StreamExt, stream::BoxStream};

pub(super) type Listed = BoxStream<'static, Result<Found, Fault>>;
pub(super) type Remembered = BoxStream<'static, Result<Baseline, Error>>;

/// A stream and what it will tell next.
struct Peeked<T, E> {
    stream: BoxStream<'static, Result<T, E>>,
    head: Option<T>,
    over: bool,
}

impl<T, E> Peeked<T, E> {
    fn new(stream: BoxStream<'static, Result<T, E>>) -> Self {
        Self { stream, head: None, over: false }
    }

    async fn fill(&mut self) -> Result<(), E> {
        if self.head.is_none() && !self.over {
            match self.stream.next().await.transpose()? {
                Some(head) => self.head = Some(head),
                None => self.over = true,
            }
        }
        Ok(())
    }

    fn take_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.head.as_ref().is_some_and(is_wanted) { self.head.take() } else { None }
    }
}

/// One destination, as the merge reads it.
struct Side {
    listing: Peeked<Found, Fault>,
    remembered: Peeked<Baseline, Error>,
    /// Why its listing ended early.
    broken: Option<Fault>,
}

/// What is known of one key.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) source: Option<Found>,
    /// Whether the key is a folder in which the source has something.
    pub(super) inhabited: bool,
    /// One for each destination.
    pub(super) lanes: Vec<LaneRow>,
}

#[derive(Debug, Default)]
pub(super) struct LaneRow {
    pub(super) copy: Option<Found>,
    pub(super) base: Option<Baseline>,
}

/// Why a plan cannot go on.
#[derive(Debug)]
pub(super) enum PlanFault {
    Source(Fault),
    Database(Error),
}

/// Reads all streams side by side.
pub(super) struct Merge {
    source: Peeked<Found, Fault>,
    sides: Vec<Side>,
}

impl Merge {
    pub(super) fn new(source: Listed, sides: Vec<(Listed, Remembered)>) -> Self {
        let side = |(listing, remembered)| Side {
            listing: Peeked::new(listing),
            remembered: Peeked::new(remembered),
            broken: None,
        };
        Self { source: Peeked::new(source), sides: sides.into_iter().map(side).collect() }
    }

    /// The next key; `None`: all were told.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, PlanFault> {
        self.source.fill().await.map_err(PlanFault::Source)?;
        for side in &mut self.sides {
            if let Err(fault) = side.listing.fill().await {
                (side.broken, side.listing.over) = (Some(fault), true);
            }
            side.remembered.fill().await.map_err(PlanFault::Database)?;
        }
        let heads = self.sides.iter().flat_map(|side| {
            let listed = side.listing.head.as_ref().map(Found::key);
            [listed, side.remembered.head.as_ref().map(|base| &*base.key)]
        });
        let least = heads.chain([self.source.head.as_ref().map(Found::key)]).flatten().min();
        let Some(key) = least.map(str::to_owned) else { return Ok(None) };
        let lanes = self.sides.iter_mut().map(|side| LaneRow {
            copy: side.listing.take_if(|found| found.key() == key),
            base: side.remembered.take_if(|base| base.key == key),
        });
        let lanes = lanes.collect();
        let source = self.source.take_if(|found| found.key() == key);
        // What lies in a folder comes right behind it.
        let below = self.source.head.as_ref().is_some_and(|next| next.key().starts_with(&key));
        Ok(Some(Row { source, inhabited: key.ends_with('/') && below, key, lanes }))
    }

    /// Why the listing of a destination ended early, if it did. What it shows from then on is nothing, which means
    /// nothing.
    pub(super) fn broken(&self, lane: usize) -> Option<&Fault> {
        self.sides.get(lane)?.broken.as_ref()
    }
}

/// What is to be done about a key at one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// It is no business of this task.
    Nothing,
    /// It is as it should be.
    Skip,
    /// As it should be, and to be remembered so.
    Note(Baseline),
    /// On neither side: not to be remembered any more.
    Forget,
    Copy(&'static str),
    MakeFolder,
    /// The source does not have it.
    Delete,
    Fail(FailureCode, String),
}

/// How it is decided.
pub(super) struct Rules<'r> {
    pub(super) comparing: Comparing,
    pub(super) filters: &'r Filters,
    /// Whether empty folders are made.
    pub(super) folders: bool,
    /// Whether the destination has folders of its own, which may be extraneous like files.
    pub(super) has_folders: bool,
    pub(super) delete_extraneous: bool,
}

impl Rules<'_> {
    /// Decides what is to be done about the key of `row`. `refused`: why the destination cannot have a file of this name.
    pub(super) fn step(&self, row: &Row, lane: &LaneRow, refused: impl FnOnce() -> Option<String>) -> Step {
        let key = &*row.key;
        match (row.source.as_ref(), &lane.copy) {
            (None, None) if lane.base.is_some() => Step::Forget,
            (None, None) => Step::Nothing,
            (None, Some(Found::Odd(_))) => Step::Nothing,
            (None, Some(Found::Item(copy))) if copy.is_folder() && (row.inhabited || !self.has_folders) => {
                Step::Nothing
            }
            (None, Some(Found::Item(copy))) => self.extraneous(copy),
            (Some(Found::Odd(odd)), _) => Step::Fail(FailureCode::Name, format!("`{key}` {}", odd.reason)),
            (Some(Found::Item(item)), copy) if item.is_folder() => match copy {
                None if self.folders => refused().map_or(Step::MakeFolder, |reason| named(key, &reason)),
                None | Some(_) => Step::Nothing,
            },
            (Some(Found::Item(item)), _) if !self.passes(key, &item.seen) => Step::Nothing,
            (Some(Found::Item(_)), Some(Found::Odd(odd))) => named(key, &format!("{} at the destination", odd.reason)),
            (Some(Found::Item(_)), None) => {
                refused().map_or(Step::Copy("it is not there"), |reason| named(key, &reason))
            }
            (Some(Found::Item(item)), Some(Found::Item(copy))) => self.compare(item, copy, lane.base.as_ref()),
        }
    }

    fn extraneous(&self, copy: &Item) -> Step {
        if self.delete_extraneous && self.passes(&copy.key, &copy.seen) { Step::Delete } else { Step::Nothing }
    }

    fn compare(&self, item: &Item, copy: &Item, base: Option<&Baseline>) -> Step {
        match self.comparing.verdict(&item.seen, &copy.seen, base) {
            Verdict::Same => Step::Skip,
            Verdict::Differs(why) => Step::Copy(why),
            Verdict::Found => Step::Note(Baseline {
                key: item.key.clone(),
                source: item.seen.clone(),
                copy: copy.seen.clone(),
                // What was copied by us stays so when its version is told for the first time.
                hash: base.and_then(|base| base.hash.clone()),
                run: self.comparing.run,
            }),
        }
    }

    fn passes(&self, key: &str, seen: &Seen) -> bool {
        self.filters.pass(key, seen.size, seen.modified)
    }
}

fn named(key: &str, reason: &str) -> Step {
    Step::Fail(FailureCode::Name, format!("`{key}` {reason}"))
}

/// Names that exclude each other at a destination with folders: a file and a folder of one name, and, where case does
/// not count, names that differ in it. It remembers the names of the folders that lead to the present key.
#[derive(Debug, Default)]
pub(super) struct NameGuard {
    /// Files that the present key begins with, and their lengths say where a slash would make them folders.
    files: Vec<String>,
    /// For each folder on the way, its prefix and the names in it as they look without case.
    levels: Vec<(String, std::collections::HashMap<String, String>)>,
    ignores_case: bool,
}

impl NameGuard {
    pub(super) fn new(ignores_case: bool) -> Self {
        Self { ignores_case, ..Self::default() }
    }

    /// Why a file cannot be beside those before it. Keys come in the order of their bytes.
    pub(super) fn refuse(&mut self, key: &str) -> Option<String> {
        while self.files.last().is_some_and(|file| !key.starts_with(file.as_str())) {
            self.files.pop();
        }
        if let Some(file) = self.files.iter().find(|file| key.as_bytes().get(file.len()) == Some(&b'/')) {
            return Some(format!("lies below `{file}`, which is a file, and cannot be a folder as well"));
        }
        if self.ignores_case
            && let Some(other) = self.differs_in_case(key)
        {
            return Some(format!("differs from `{other}` in case only, which does not count there"));
        }
        if !key.ends_with('/') {
            self.files.push(key.to_owned());
        }
        None
    }

    fn differs_in_case(&mut self, key: &str) -> Option<String> {
        while self.levels.last().is_some_and(|(prefix, _)| !key.starts_with(prefix.as_str())) {
            self.levels.pop();
        }
        let mut from = self.levels.last().map_or(0, |(prefix, _)| prefix.len());
        if self.levels.is_empty() {
            self.levels.push((String::new(), Default::default()));
        }
        loop {
            let rest = &key[from..];
            let step = rest.split('/').next().unwrap_or(rest);
            let (_, names) = self.levels.last_mut()?;
            let known = names.entry(step.to_lowercase()).or_insert_with(|| step.to_owned());
            if known != step {
                return Some(format!("{}{known}", &key[..from]));
            }
            from += step.len() + 1;
            if from >= key.len() {
                return None;
            }
            self.levels.push((key[..from].to_owned(), Default::default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            id::SyncRunId,
            sync::{Mode, Version},
            time::Timestamp,
        },
        space::Odd,
    };
    use futures::stream;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Files = BTreeMap<String, (u64, i64)>;

    fn seen(size: u64, time: i64) -> Seen {
        let modified = Some(Timestamp(time * 1_000_000));
        Seen { size, modified, version: Version(format!("{size}-{time}")) }
    }

    fn listed(files: &Files) -> Listed {
        let found: Vec<_> = files
            .iter()
            .map(|(key, (size, time))| {
                Ok(Found::Item(Item { key: key.clone(), seen: seen(*size, *time), owner: None }))
            })
            .collect();
        stream::iter(found).boxed()
    }

    fn known(files: &Files) -> Vec<Baseline> {
        let one = |(key, (size, time)): (&String, &(u64, i64))| Baseline {
            key: key.clone(),
            source: seen(*size, *time),
            copy: seen(*size, *time),
            hash: Some("h".to_owned()),
            run: SyncRunId(1),
        };
        files.iter().map(one).collect()
    }

    fn remembered(files: &Files) -> Remembered {
        stream::iter(known(files).into_iter().map(Ok)).boxed()
    }

    fn rules(filters: &Filters) -> Rules<'_> {
        let mode = Mode::Diff { include_size: true, include_mod_time: true };
        let comparing = Comparing { mode, run: SyncRunId(2), keeps_time: true, proof: false };
        Rules { comparing, filters, folders: false, has_folders: true, delete_extraneous: true }
    }

    async fn steps(source: &Files, sides: &[(Files, Files)]) -> Vec<(String, Vec<Step>)> {
        let filters = Filters::default();
        let rules = rules(&filters);
        let lanes = sides.iter().map(|(copy, base)| (listed(copy), remembered(base))).collect();
        let mut merge = Merge::new(listed(source), lanes);
        let mut told = Vec::new();
        while let Some(row) = merge.next().await.unwrap() {
            let lanes = row.lanes.iter().map(|lane| rules.step(&row, lane, || None));
            told.push((row.key.clone(), lanes.collect()));
        }
        told
    }

    /// What ought to be done, said as simply as it can be: by maps that hold everything.
    fn ought(source: &Files, copy: &Files, base: &Files, key: &str) -> &'static str {
        match (source.get(key), copy.get(key), base.get(key)) {
            (None, None, Some(_)) => "forget",
            (None, None, None) => "nothing",
            (None, Some(_), _) => "delete",
            (Some(_), None, _) => "copy",
            (Some(source), Some(copy), None) => {
                if source == copy {
                    "note"
                } else {
                    "copy"
                }
            }
            (Some(source), Some(copy), Some(base)) => {
                if source == base && copy == base {
                    "skip"
                } else {
                    "copy"
                }
            }
        }
    }

    fn word(step: &Step) -> &'static str {
        match step {
            Step::Nothing => "nothing",
            Step::Skip => "skip",
            Step::Note(_) => "note",
            Step::Forget => "forget",
            Step::Copy(_) => "copy",
            Step::MakeFolder => "folder",
            Step::Delete => "delete",
            Step::Fail(..) => "fail",
        }
    }

    fn some_files() -> impl Strategy<Value = Files> {
        proptest::collection::btree_map("[ab/.-]{1,3}x", (0..2_u64, 0..2_i64), 0..12)
    }

    proptest! {
        #[test]
        fn the_plan_is_what_maps_of_everything_say(
            source in some_files(),
            sides in proptest::collection::vec((some_files(), some_files()), 1..3),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let told = runtime.block_on(steps(&source, &sides));
            let mut keys: Vec<String> = source.keys().cloned().collect();
            keys.extend(sides.iter().flat_map(|(copy, base)| copy.keys().chain(base.keys()).cloned()));
            keys.sort();
            keys.dedup();
            prop_assert_eq!(told.iter().map(|(key, _)| key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
            for (key, steps) in &told {
                for (step, (copy, base)) in steps.iter().zip(&sides) {
                    prop_assert_eq!(word(step), ought(&source, copy, base, key), "{}", key);
                }
            }
        }
    }

    #[test]
    fn an_odd_name_and_what_filters_leave_out_are_never_deleted() {
        let filters = Filters::compile(&[crate::domain::sync::Filter::Size { min: None, max: Some(5) }]).unwrap();
        let rules = rules(&filters);
        let item = |size| Found::Item(Item { key: "k".to_owned(), seen: seen(size, 1), owner: None });
        let lane = |copy| LaneRow { copy: Some(copy), base: None };
        let odd = Found::Odd(Odd { key: "k".to_owned(), reason: "is odd".to_owned(), hides: false });
        let step = |source: Option<&Found>, copy| {
            let row = Row { key: "k".to_owned(), source: source.cloned(), inhabited: false, lanes: Vec::new() };
            rules.step(&row, &lane(copy), || None)
        };
        assert!(matches!(step(Some(&odd), item(1)), Step::Fail(FailureCode::Name, _)));
        assert_eq!(step(None, odd.clone()), Step::Nothing);
        assert_eq!(step(None, item(6)), Step::Nothing, "left out by its size");
        assert_eq!(step(Some(&item(6)), item(1)), Step::Nothing, "the source has it, though the task is not about it");
        assert_eq!(step(None, item(5)), Step::Delete);
    }

    #[test]
    fn names_exclude_each_other_where_there_are_folders() {
        let mut guard = NameGuard::new(false);
        let refused = |guard: &mut NameGuard, keys: &[&str]| -> Vec<String> {
            keys.iter().filter(|key| guard.refuse(key).is_some()).map(|key| (*key).to_owned()).collect()
        };
        assert_eq!(refused(&mut guard, &["A", "a", "a-b", "a.txt", "a/b", "a/c/d", "a0", "b/c"]), ["a/b", "a/c/d"]);
        let mut guard = NameGuard::new(true);
        let keys = ["Dir/a", "Dir/b", "Dir/sub/X", "Dir/sub/x", "README", "dir/c", "readme", "z"];
        assert_eq!(refused(&mut guard, &keys), ["Dir/sub/x", "dir/c", "readme"]);
    }
}
