//! Deleting, after everything is copied: what to delete is found by listings of its own, written down, held against the
//! bounds, and only then done. An absence counts only in a listing that is complete, of a space whose marker is there.

use super::{
    lane::Lane,
    pass::{Ended, LaneTally, Purpose, Tally, Turn},
    run::Begun,
};
use crate::{
    domain::{
        sync::{FailureCode, Seen, StepKind, StoredStep, SyncFailure},
        time::Timestamp,
    },
    metadata::BaselineChange,
    space::{Fault, Files},
};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// Files that are deleted together; before each of these the markers are looked at.
const TOGETHER: u64 = 1000;

impl Begun<'_> {
    /// Deletes what the task says is to be deleted at `lanes` and at the source.
    pub(super) async fn delete(&self, lanes: &[Arc<Lane>]) -> Result<(), Ended> {
        let lanes: Vec<Arc<Lane>> = {
            let looks = lanes.iter().filter(|lane| !lane.is_aside()).map(|lane| self.lane(lane.index));
            futures::future::join_all(looks).await
        };
        // What was copied in this run counts as proof only once it is written down.
        self.ledger.flush().await?;
        let tally = self.passes().pass(&lanes, Purpose::Delete, Turn::CatchingUp).await?;
        self.refuse_empty_source(&tally)?;
        let mut allowed: BTreeMap<Option<usize>, Arc<Lane>> = BTreeMap::new();
        for (lane, seen) in lanes.iter().zip(&tally.lanes) {
            if seen.deletes == 0 {
                continue;
            }
            match self.refusal(&tally, seen, lane) {
                None => drop(allowed.insert(Some(lane.index), Arc::clone(lane))),
                Some(reason) => self.refused(Some(lane.index), reason).await,
            }
        }
        let source_too = tally.source_deletes > 0 && {
            // Every destination must have been looked at.
            let all = lanes.len() == self.destinations.len() && lanes.iter().all(|lane| !lane.is_aside());
            match self.source_refusal(&tally, all) {
                None => true,
                Some(reason) => {
                    self.refused(None, reason).await;
                    false
                }
            }
        };
        self.delete_planned(&allowed, source_too).await
    }

    /// Why nothing may be deleted at a destination, if nothing may.
    pub(super) fn refusal(&self, tally: &Tally, seen: &LaneTally, lane: &Lane) -> Option<String> {
        if seen.deletes == 0 {
            return None;
        }
        if let Some(hidden) = &tally.source_hides {
            return Some(format!("nothing was deleted, because the source could not be listed completely: {hidden}"));
        }
        if let Some(hidden) = seen.hides.clone().or_else(|| lane.reason()) {
            return Some(format!(
                "nothing was deleted, because the destination could not be listed completely: {hidden}"
            ));
        }
        if lane.ignores_case {
            return Some(
                "nothing was deleted, because the destination ignores the case of names: what looks like a file that \
                 the source does not have may be one that it has"
                    .to_owned(),
            );
        }
        self.above_bounds(seen.deletes, seen.files + seen.folders)
    }

    fn source_refusal(&self, tally: &Tally, all_seen: bool) -> Option<String> {
        let hidden = tally.source_hides.clone().or_else(|| tally.lanes.iter().find_map(|lane| lane.hides.clone()));
        if let Some(hidden) = hidden {
            return Some(format!("nothing was deleted at the source, because a listing is not complete: {hidden}"));
        }
        if !all_seen {
            return Some("nothing was deleted at the source, because a destination could not be used".to_owned());
        }
        self.above_bounds(tally.source_deletes, tally.source_files)
    }

    fn above_bounds(&self, deletes: u64, files: u64) -> Option<String> {
        let options = &self.run.task.options;
        if options.max_delete.is_some_and(|most| deletes > most) {
            let most = options.max_delete.unwrap_or_default();
            return Some(format!(
                "nothing was deleted: {deletes} files would be, more than maxDelete, {most}; if that is meant, raise it"
            ));
        }
        let percent = u64::from(options.max_delete_percent);
        if u128::from(deletes) * 100 > u128::from(files) * u128::from(percent) {
            return Some(format!(
                "nothing was deleted: {deletes} of {files} files would be, more than maxDeletePercent, {percent} %; if \
                 that is meant, raise it"
            ));
        }
        None
    }

    async fn refused(&self, destination: Option<usize>, message: String) {
        self.run.progress.failed(1);
        let (key, code) = (String::new(), FailureCode::DeleteRefused);
        self.ledger.failure(SyncFailure { key, destination, code, message }).await;
    }

    /// Goes through what was written down, and deletes what may be.
    async fn delete_planned(
        &self,
        allowed: &BTreeMap<Option<usize>, Arc<Lane>>,
        source_too: bool,
    ) -> Result<(), Ended> {
        if allowed.is_empty() && !source_too {
            return Ok(());
        }
        self.ledger.flush().await?;
        let mut after = None;
        loop {
            let steps = self.services.metadata.rows().steps(self.run.id, after, TOGETHER).await?;
            let Some(last) = steps.last() else { return Ok(()) };
            after = Some(last.id);
            if self.run.stop.is_stopped() || self.ledger.is_closed() {
                return Err(Ended::Stopped);
            }
            self.source.look().await.map_err(Ended::Failed)?;
            for (lane, keys) in by_destination(steps) {
                match (lane, allowed.get(&lane)) {
                    (Some(_), Some(lane)) => {
                        lane.space.look().await.map_err(|error| Ended::Failed(error.to_string()))?;
                        self.delete_at(lane, keys).await;
                    }
                    (None, _) if source_too => self.delete_source(keys).await,
                    _ => {}
                }
            }
        }
    }

    async fn delete_at(&self, lane: &Lane, steps: Vec<StoredStep>) {
        let (folders, keys): (Vec<String>, Vec<String>) =
            steps.into_iter().map(|stored| stored.step.key).partition(|key| key.ends_with('/'));
        let failed = delete_all(&lane.files, &keys, |key| lane.place(key)).await;
        for key in &keys {
            match failed.get(key) {
                None => {
                    self.run.progress.deleted(1);
                    self.ledger.baseline(lane.index, BaselineChange::Forget(key.clone())).await;
                }
                Some(message) => self.not_deleted(key.clone(), Some(lane.index), message.clone()).await,
            }
        }
        for folder in &folders {
            match lane.files.remove_empty_folder(&lane.place(folder.trim_end_matches('/'))).await {
                Ok(true) => self.run.progress.deleted(1),
                // It holds something again, or has gone by itself.
                Ok(false) => {}
                Err(fault) => self.not_deleted(folder.clone(), Some(lane.index), fault.sentence()).await,
            }
        }
        if lane.files.has_folders() {
            self.prune(lane, keys.iter().chain(&folders)).await;
        }
    }

    /// Removes the folders that deleting has left empty, unless the source has them. What stands against it keeps them:
    /// the next run finds them empty.
    async fn prune(&self, lane: &Lane, deleted: impl Iterator<Item = &String>) {
        let above = deleted.flat_map(|key| {
            let key = key.trim_end_matches('/');
            key.match_indices('/').map(|(end, _)| &key[..end])
        });
        let mut folders: Vec<&str> = above.collect();
        // The deepest first.
        folders.sort_unstable_by_key(|folder| (Reverse(folder.matches('/').count()), *folder));
        folders.dedup();
        for folder in folders {
            let place = lane.place(folder);
            // In the order of what they cost.
            if lane.files.is_empty_folder(&place).await.is_ok_and(|is_empty| is_empty)
                && self.source.space.files.has_folder_or_below(&self.source.place(folder)).await.is_ok_and(|has| !has)
                && let Err(fault) = lane.files.remove_empty_folder(&place).await
            {
                tracing::info!(
                    space = lane.name(),
                    folder,
                    reason = fault.sentence(),
                    "an empty folder could not be removed from user space `{}`",
                    lane.name()
                );
            }
        }
    }

    /// Deletes files of the source that are as they were listed.
    async fn delete_source(&self, steps: Vec<StoredStep>) {
        let files = &self.source.space.files;
        let mut keys = Vec::with_capacity(steps.len());
        for StoredStep { step, .. } in steps {
            match files.look_at(&self.source.place(&step.key)).await {
                Ok((now, _)) if is_as_noted(&step.reason, step.size, &now) => keys.push(step.key),
                // It has changed, and the next run copies it again; or it has gone by itself.
                Ok(_) | Err(Fault::Missing) => {}
                Err(fault) => self.not_deleted(step.key, None, fault.sentence()).await,
            }
        }
        let failed = delete_all(files, &keys, |key| self.source.place(key)).await;
        for key in keys {
            match failed.get(&key) {
                None => self.run.progress.deleted(1),
                Some(message) => self.not_deleted(key, None, message.clone()).await,
            }
        }
    }

    async fn not_deleted(&self, key: String, destination: Option<usize>, message: String) {
        self.run.progress.failed(1);
        let code = FailureCode::DeleteFailed;
        self.ledger.failure(SyncFailure { key, destination, code, message }).await;
    }
}

/// Deletes together, and one by one what could not be; tells which failed, and why.
async fn delete_all(files: &Files, keys: &[String], place: impl Fn(&str) -> String) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    if keys.is_empty() || files.delete(keys.iter().map(|key| place(key)).collect()).await.is_ok() {
        return failed;
    }
    for key in keys {
        if let Err(fault) = files.delete(vec![place(key)]).await {
            failed.insert(key.clone(), fault.sentence());
        }
    }
    failed
}

fn by_destination(steps: Vec<StoredStep>) -> BTreeMap<Option<usize>, Vec<StoredStep>> {
    let mut sorted: BTreeMap<Option<usize>, Vec<StoredStep>> = BTreeMap::new();
    for stored in steps.into_iter().filter(|stored| stored.step.kind == StepKind::Delete) {
        sorted.entry(stored.step.destination).or_default().push(stored);
    }
    sorted
}

/// How a file of the source was when it was decided to delete it, in the reason of its step.
pub(super) fn note_of(seen: &Seen) -> String {
    let time = seen.modified.map_or_else(String::new, |time| time.0.to_string());
    format!("{time} {}", seen.version.0)
}

fn is_as_noted(note: &str, size: u64, now: &Seen) -> bool {
    let (time, version) = note.split_once(' ').unwrap_or((note, ""));
    let noted = Seen {
        size,
        modified: time.parse().ok().map(Timestamp),
        version: crate::domain::sync::Version(version.to_owned()),
    };
    noted.is_still(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sync::Version;

    #[test]
    fn a_file_that_has_changed_since_it_was_noted_is_not_deleted() {
        let seen = |size, time, version: &str| Seen {
            size,
            modified: Some(Timestamp(time)),
            version: Version(version.to_owned()),
        };
        let noted = seen(5, 7_500_000, "\"a b\"");
        let note = note_of(&noted);
        assert!(is_as_noted(&note, 5, &noted));
        assert!(is_as_noted(&note, 5, &seen(5, 7_000_000, "\"a b\"")), "an answer tells whole seconds");
        assert!(!is_as_noted(&note, 5, &seen(6, 7_500_000, "\"a b\"")));
        assert!(!is_as_noted(&note, 5, &seen(5, 8_500_000, "\"a b\"")));
        assert!(!is_as_noted(&note, 5, &seen(5, 7_500_000, "\"c\"")));
    }
}
