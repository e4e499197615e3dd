//! What runs of the space syncer note by key: baselines and plans.

use super::{Fixture, NOW};
use crate::{
    domain::{
        Error,
        id::{SyncRunId, SyncTaskId},
        sync::{Baseline, PlannedStep, Seen, StepKind, Version},
        time::Timestamp,
    },
    metadata::BaselineChange,
};

fn baseline(key: &str, size: u64) -> Baseline {
    let seen = |version: &str, modified| Seen { size, modified, version: Version(version.to_owned()) };
    Baseline {
        key: key.to_owned(),
        source: seen("1.5-7", Some(Timestamp(NOW.0 + 1))),
        copy: seen("\"tag\"", None),
        hash: Some("h".to_owned()),
        run: SyncRunId(1),
    }
}

impl Fixture {
    async fn change(&self, task: SyncTaskId, destination: usize, changes: Vec<BaselineChange>) {
        let changed =
            self.write(move |rows| Box::pin(async move { rows.change_baselines(task, destination, changes).await }));
        changed.await.unwrap();
    }

    async fn known(&self, task: SyncTaskId, destination: usize, after: Option<&str>, limit: u64) -> Vec<Baseline> {
        self.metadata.rows().baselines(task, destination, after, limit).await.unwrap()
    }
}

pub(super) async fn baselines_are_paged_in_byte_order_and_the_last_word_counts(fixture: Fixture) {
    let (task, claim) = fixture.running().await;
    let task = task.id;
    // More than one statement takes, in an order that is neither theirs nor that of any language.
    let mut keys: Vec<String> = (0..150).map(|n| format!("d/{n:03}")).collect();
    keys.extend(["ä", "Z", "a", "a/b", "a-b", "\u{10ffff}"].map(str::to_owned));
    let set = keys.iter().rev().map(|key| BaselineChange::Set(baseline(key, 5))).collect();
    fixture.change(task, 0, set).await;
    keys.sort_unstable();
    let first = fixture.known(task, 0, None, 100).await;
    let rest = fixture.known(task, 0, first.last().map(|last| &*last.key), 1000).await;
    let told: Vec<_> = first.iter().chain(&rest).map(|base| base.key.clone()).collect();
    assert_eq!(told, keys);
    assert_eq!(fixture.known(task, 0, Some("Y"), 1).await, [baseline("Z", 5)], "read back as it was written");
    assert_eq!(fixture.known(task, 1, None, 9).await, [], "another destination");

    // Of several about one key in one batch the last one counts.
    let bare = Baseline {
        source: Seen { size: 7, ..Seen::default() },
        copy: Seen::default(),
        hash: None,
        run: SyncRunId(2),
        ..baseline("a", 0)
    };
    let changes = vec![
        BaselineChange::Forget("a".to_owned()),
        BaselineChange::Set(bare.clone()),
        BaselineChange::Set(baseline("Z", 1)),
        BaselineChange::Forget("Z".to_owned()),
        BaselineChange::Forget("never there".to_owned()),
    ];
    fixture.change(task, 0, changes).await;
    assert_eq!(fixture.known(task, 0, Some("Y"), 1).await, [bare]);

    // They outlive their run, and go with their task.
    let forget = || fixture.write(|rows| Box::pin(async move { rows.forget_ended_baselines(100).await }));
    assert_eq!(forget().await.unwrap(), 0);
    fixture.write(move |rows| Box::pin(async move { rows.cancel_sync_task(task).await })).await.unwrap();
    assert_eq!(forget().await.unwrap(), 0, "its run is not over");
    let (run, epoch) = (claim.run.id, claim.run.epoch);
    let end = crate::metadata::RunEnd::Stopped { wait: std::time::Duration::ZERO };
    fixture
        .write(move |rows| Box::pin(async move { rows.put_run_down(run, epoch, end, &Default::default()).await }))
        .await
        .unwrap();
    assert_eq!((forget().await.unwrap(), forget().await.unwrap(), forget().await.unwrap()), (100, 55, 0));
}

pub(super) async fn a_plan_is_read_in_its_order_and_written_only_by_who_holds_the_run(fixture: Fixture) {
    let (_, claim) = fixture.running().await;
    let (run, epoch) = (claim.run.id, claim.run.epoch);
    let step = |n: u64, kind| PlannedStep {
        key: format!("{n:03}"),
        destination: n.is_multiple_of(2).then_some(1),
        kind,
        size: n,
        reason: "nul\0 in it".to_owned(),
    };
    let steps: Vec<_> = (0..130).rev().map(|n| step(n, StepKind::Copy)).chain([step(999, StepKind::Delete)]).collect();
    let insert = |epoch, steps: Vec<PlannedStep>| {
        fixture.write(move |rows| Box::pin(async move { rows.insert_steps(run, epoch, &steps).await }))
    };
    insert(epoch, steps.clone()).await.unwrap();
    let late = insert(epoch - 1, steps.clone()).await;
    assert!(matches!(late, Err(Error::Raced(_))), "{late:?}");

    let page = fixture.metadata.rows().steps(run, None, 100).await.unwrap();
    let rest = fixture.metadata.rows().steps(run, page.last().map(|last| last.id), 100).await.unwrap();
    let told: Vec<_> = page.into_iter().chain(rest).map(|stored| stored.step).collect();
    let replaced = |step: PlannedStep| PlannedStep { reason: "nul\u{fffd} in it".to_owned(), ..step };
    assert_eq!(told, steps.into_iter().map(replaced).collect::<Vec<_>>());
    assert_eq!(fixture.metadata.rows().steps(SyncRunId(4711), None, 9).await.unwrap(), []);

    let forget = || fixture.write(move |rows| Box::pin(async move { rows.forget_steps(run, 100).await }));
    assert!(!forget().await.unwrap() && forget().await.unwrap());
    assert_eq!(fixture.metadata.rows().steps(run, None, 9).await.unwrap(), []);
}
