//! Tasks and runs of the space syncer: leases, and what becomes of them.

use super::{Fixture, MUCH_LATER, NOW};
use crate::{
    domain::{
        Error, Result,
        id::{SpaceId, SyncRunId, SyncTaskId},
        sync::{
            FailureCode, Mode, Options, Place, Report, RunState, RunStats, SyncFailure, SyncTask, TaskState, Trigger,
        },
        time::Timestamp,
    },
    metadata::{Claim, NewSyncTask, RunEnd},
};
use std::time::Duration;

/// Long enough that no machine loses it while a case runs.
const LEASE: Duration = Duration::from_secs(60);
const HOUR: Trigger = Trigger::Interval { seconds: 3600 };

impl Fixture {
    /// A task from the first space to itself: rows do not mind.
    async fn task(&self, trigger: Trigger) -> SyncTask {
        let place = |path: &str| Place { space: SpaceId(1), path: path.to_owned() };
        let task = NewSyncTask {
            trigger,
            mode: Mode::Full,
            filters: Vec::new(),
            options: Options::default(),
            source: place("a"),
            destinations: vec![place("b"), place("c")],
        };
        self.write(move |rows| Box::pin(async move { rows.insert_sync_task(&task).await })).await.unwrap()
    }

    async fn queue_due(&self) -> usize {
        let due = self.metadata.rows().any_run_due().await.unwrap();
        let made = self.write(|rows| Box::pin(async move { rows.queue_due_runs().await })).await.unwrap();
        assert_eq!(due, made > 0, "the look agrees with the deed");
        made
    }

    async fn claim(&self, owner: &'static str) -> Option<Claim> {
        let waits = self.metadata.rows().any_run_waits().await.unwrap();
        let claim = self.write(move |rows| Box::pin(async move { rows.claim_run(owner, LEASE).await })).await.unwrap();
        assert_eq!(waits, claim.is_some(), "the look agrees with the deed");
        claim
    }

    /// A run of a new task that somebody works on.
    pub(super) async fn running(&self) -> (SyncTask, Claim) {
        let task = self.task(HOUR).await;
        assert_eq!(self.queue_due().await, 1);
        (task, self.claim("one").await.unwrap())
    }

    async fn put_down(&self, claim: &Claim, end: RunEnd) -> Result<RunState> {
        let (id, epoch) = (claim.run.id, claim.run.epoch);
        self.write(move |rows| Box::pin(async move { rows.put_run_down(id, epoch, end, &Report::default()).await }))
            .await
    }

    async fn run_state(&self, id: SyncRunId) -> RunState {
        self.metadata.rows().sync_run(id).await.unwrap().state
    }

    async fn find_task(&self, id: SyncTaskId) -> SyncTask {
        self.metadata.rows().sync_task(id).await.unwrap()
    }

    /// Sets a column of every row of a table to the present and so many seconds more.
    async fn shift(&self, table: &'static str, column: &'static str, seconds: i64) {
        self.write(move |rows| {
            Box::pin(async move {
                let clock = rows.clock();
                let sql = format!("UPDATE {table} SET {column} = {clock} + $1");
                rows.execute(sql, [(seconds * 1_000_000).into()]).await
            })
        })
        .await
        .unwrap();
    }
}

fn over() -> RunEnd {
    RunEnd::Over(RunState::Succeeded, String::new())
}

fn stopped() -> RunEnd {
    RunEnd::Stopped { wait: Duration::ZERO }
}

pub(super) async fn a_sync_task_is_read_back_as_it_was_made(fixture: Fixture) {
    let made = fixture.task(Trigger::At { time: NOW }).await;
    assert_eq!((made.state, made.next_run_at), (TaskState::Active, Some(NOW)));
    assert_eq!(fixture.find_task(made.id).await, made);
    assert_eq!(fixture.metadata.rows().sync_tasks(None, 9).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(fixture.metadata.rows().live_sync_tasks(9).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), [made.id]);
    let deleted = fixture.write(|rows| Box::pin(async move { rows.delete_space(SpaceId(1)).await })).await;
    assert!(matches!(deleted, Err(Error::Conflict(_))), "{deleted:?}");
    let id = made.id;
    fixture.write(move |rows| Box::pin(async move { rows.cancel_sync_task(id).await })).await.unwrap();
    fixture.write(|rows| Box::pin(async move { rows.delete_space(SpaceId(1)).await })).await.unwrap();
    let unknown = fixture.metadata.rows().sync_task(SyncTaskId(4711)).await;
    assert!(matches!(unknown, Err(Error::NotFound { what: "task", .. })));
}

pub(super) async fn missed_runs_become_one(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    assert_eq!(fixture.queue_due().await, 1, "at once");
    assert_eq!(fixture.queue_due().await, 0);
    let claim = fixture.claim("one").await.unwrap();
    assert_eq!((claim.run.task, claim.run.epoch, claim.resumed), (task.id, 1, false));
    // Ten hours pass while the run goes on.
    fixture.shift("sync_task", "next_run_at", -10 * 3600 - 5).await;
    assert_eq!(fixture.queue_due().await, 0, "one run of a task at a time");
    assert_eq!(fixture.put_down(&claim, over()).await.unwrap(), RunState::Succeeded);
    assert_eq!(fixture.queue_due().await, 1);
    let claim = fixture.claim("one").await.unwrap();
    fixture.put_down(&claim, over()).await.unwrap();
    assert_eq!(fixture.queue_due().await, 0, "ten were missed, one makes up for them");
    let next = fixture.find_task(task.id).await.next_run_at.unwrap();
    let ahead = next.0 - claim.run.started_at.unwrap().0;
    assert!((3_500_000_000..=3_600_000_000).contains(&ahead), "the beat stays: {ahead}");
}

pub(super) async fn a_clock_that_was_wrong_keeps_no_task_waiting(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    fixture.shift("sync_task", "next_run_at", 10 * 365 * 86_400).await;
    assert_eq!(fixture.queue_due().await, 1, "no beat is as far ahead");
    let next = fixture.find_task(task.id).await.next_run_at.unwrap();
    let claim = fixture.claim("one").await.unwrap();
    assert!(next.0 - claim.run.started_at.unwrap().0 <= 3_600_000_000);
    assert!(fixture.claim("two").await.is_none(), "it is held");
    fixture.shift("sync_run", "lease_until", 10 * 365 * 86_400).await;
    assert_eq!(fixture.claim("two").await.unwrap().run.epoch, 2, "no lease is as long");
    let claim = fixture.claim("three").await;
    assert!(claim.is_none());
    // The one time of a task may be far ahead.
    fixture.task(Trigger::At { time: Timestamp(NOW.0 * 2) }).await;
    assert_eq!(fixture.queue_due().await, 0);
}

pub(super) async fn a_run_whose_server_is_silent_is_claimed_by_another_and_fenced(fixture: Fixture) {
    let (_, first) = fixture.running().await;
    let (id, old) = (first.run.id, first.run.epoch);
    let failure = SyncFailure {
        key: "nul\0 in it".to_owned(),
        destination: Some(1),
        code: FailureCode::Name,
        message: "why".to_owned(),
    };
    let failures = vec![failure; 130];
    let more = failures.clone();
    fixture.write(move |rows| Box::pin(async move { rows.insert_failures(id, old, &more).await })).await.unwrap();
    let page = fixture.metadata.rows().failures(id, None, 100).await.unwrap();
    let rest = fixture.metadata.rows().failures(id, page.last().map(|row| row.id), 100).await.unwrap();
    assert_eq!((page.len(), rest.len()), (100, 30));
    assert_eq!((page[0].failure.key.as_str(), page[0].failure.destination), ("nul\u{fffd} in it", Some(1)));

    assert!(fixture.claim("two").await.is_none(), "its lease has not ended");
    fixture.shift("sync_run", "lease_until", -1).await;
    let second = fixture.claim("two").await.unwrap();
    assert_eq!((second.run.id, second.run.epoch, second.resumed), (id, old + 1, true));
    assert_eq!(second.run.started_at, first.run.started_at, "it began when it began");
    assert_eq!(fixture.metadata.rows().failures(id, None, 100).await.unwrap(), [], "all is looked at again");

    let raced = |result: Result<()>| assert!(matches!(result, Err(Error::Raced(_))), "{result:?}");
    let report = Report { stats: RunStats { copied: 7, ..RunStats::default() }, working_on: vec!["k".into()], rate: 9 };
    let (late, kept) = (report.clone(), report.clone());
    raced(fixture.write(move |rows| Box::pin(async move { rows.keep_run(id, old, LEASE, &late).await })).await);
    raced(fixture.write(move |rows| Box::pin(async move { rows.hold_run(id, old).await })).await);
    raced(fixture.write(move |rows| Box::pin(async move { rows.insert_failures(id, old, &failures).await })).await);
    raced(fixture.put_down(&first, over()).await.map(|_| ()));
    let epoch = second.run.epoch;
    fixture.write(move |rows| Box::pin(async move { rows.keep_run(id, epoch, LEASE, &kept).await })).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_run(id).await.unwrap().report, report);
    assert_eq!(fixture.metadata.rows().failures(id, None, 100).await.unwrap(), []);
    fixture.put_down(&second, over()).await.unwrap();
    raced(fixture.put_down(&second, over()).await.map(|_| ()));
}

pub(super) async fn two_servers_never_claim_one_run(fixture: Fixture) {
    for _ in 0..5 {
        fixture.task(HOUR).await;
    }
    let queue = || fixture.write(|rows| Box::pin(async move { rows.queue_due_runs().await }));
    let made = futures::future::join_all((0..4).map(|_| queue())).await;
    assert_eq!(made.into_iter().map(Result::unwrap).sum::<usize>(), 5);
    let claim = || fixture.write(|rows| Box::pin(async move { rows.claim_run("s", LEASE).await }));
    let mut claimed = Vec::new();
    // A server may find every run in another's hands at one moment, and the rest at the next.
    for _ in 0..5 {
        let claims = futures::future::join_all((0..4).map(|_| claim())).await;
        claimed.extend(claims.into_iter().filter_map(|claim| claim.unwrap()).map(|claim| claim.run.id));
    }
    claimed.sort_unstable();
    let runs: Vec<SyncRunId> = (1..=5).map(SyncRunId).collect();
    assert_eq!(claimed, runs, "each once");
}

pub(super) async fn a_task_says_what_becomes_of_a_run_that_stopped(fixture: Fixture) {
    let (task, claim) = fixture.running().await;
    let (id, run) = (task.id, claim.run.id);
    let pause = |paused| fixture.write(move |rows| Box::pin(async move { rows.pause_sync_task(id, paused).await }));
    pause(true).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Running, "its server has to see it first");
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Paused);
    assert!(fixture.claim("two").await.is_none());
    assert_eq!(fixture.queue_due().await, 0);
    pause(false).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Queued);
    pause(true).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Paused, "one that waits pauses at once");
    pause(false).await.unwrap();
    // Paused and resumed while its server stops: the run goes on.
    let claim = fixture.claim("one").await.unwrap();
    assert!(claim.resumed);
    pause(true).await.unwrap();
    pause(false).await.unwrap();
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Queued);
    let claim = fixture.claim("one").await.unwrap();
    let wait = RunEnd::Stopped { wait: Duration::from_secs(600) };
    fixture.put_down(&claim, wait).await.unwrap();
    assert!(fixture.claim("one").await.is_none(), "it waits for its hours");
    fixture.shift("sync_run", "not_before", -1).await;
    let claim = fixture.claim("one").await.unwrap();
    fixture.write(move |rows| Box::pin(async move { rows.cancel_sync_task(id).await })).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), [id], "still written to");
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Cancelled);
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), []);
    assert!(fixture.metadata.rows().sync_run(run).await.unwrap().ended_at.is_some());
    assert!(matches!(pause(false).await, Err(Error::Conflict(_))));
    let queued = fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, None).await })).await;
    assert!(matches!(queued, Err(Error::Conflict(_))), "{queued:?}");
}

pub(super) async fn a_task_of_one_time_is_finished_by_its_run(fixture: Fixture) {
    let task = fixture.task(Trigger::At { time: Timestamp(1) }).await;
    assert_eq!(fixture.queue_due().await, 1);
    let claim = fixture.claim("one").await.unwrap();
    assert_eq!(fixture.find_task(task.id).await.state, TaskState::Active);
    fixture.put_down(&claim, over()).await.unwrap();
    assert_eq!(fixture.find_task(task.id).await.state, TaskState::Finished);
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), []);
    assert_eq!(fixture.queue_due().await, 0);
}

pub(super) async fn a_run_by_hand_waits_for_no_beat_and_is_never_a_second_one(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    let id = task.id;
    let by_hand = |dry| fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, dry).await }));
    let run = by_hand(Some(true)).await.unwrap().unwrap();
    assert!(run.dry_run && run.state == RunState::Queued);
    assert_eq!(by_hand(None).await.unwrap(), None);
    assert_eq!(fixture.queue_due().await, 0);
    let claim = fixture.claim("one").await.unwrap();
    fixture.put_down(&claim, RunEnd::Over(RunState::Failed, "why".to_owned())).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_run(run.id).await.unwrap().message, "why");
    assert_eq!(fixture.queue_due().await, 1);
    let runs = fixture.metadata.rows().sync_runs(id, None, 9).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.dry_run).collect::<Vec<_>>(), [false, true], "newest first");
}

pub(super) async fn a_trigger_that_is_changed_counts_from_now(fixture: Fixture) {
    let (task, claim) = fixture.running().await;
    fixture.put_down(&claim, over()).await.unwrap();
    let id = task.id;
    let set = |trigger| fixture.write(move |rows| Box::pin(async move { rows.set_sync_trigger(id, trigger).await }));
    let before = fixture.find_task(id).await.next_run_at.unwrap();
    set(Trigger::Interval { seconds: 7200 }).await.unwrap();
    assert_eq!(fixture.find_task(id).await.next_run_at, Some(before), "a longer one from the next run on");
    set(Trigger::Interval { seconds: 1 }).await.unwrap();
    assert!(fixture.find_task(id).await.next_run_at.unwrap() < before);
    set(Trigger::At { time: MUCH_LATER }).await.unwrap();
    let task = fixture.find_task(id).await;
    assert_eq!((task.next_run_at, task.trigger), (Some(MUCH_LATER), Trigger::At { time: MUCH_LATER }));
}

pub(super) async fn old_runs_are_forgotten_with_their_failures(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    let id = task.id;
    for _ in 0..4 {
        fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, None).await })).await.unwrap().unwrap();
        let claim = fixture.claim("one").await.unwrap();
        let (run, epoch) = (claim.run.id, claim.run.epoch);
        let failure = SyncFailure {
            key: String::new(),
            destination: None,
            code: FailureCode::SourceFailed,
            message: String::new(),
        };
        let failures = vec![failure; 3];
        fixture
            .write(move |rows| Box::pin(async move { rows.insert_failures(run, epoch, &failures).await }))
            .await
            .unwrap();
        fixture.put_down(&claim, over()).await.unwrap();
    }
    let old = fixture.metadata.rows().old_runs(3, 100).await.unwrap();
    assert_eq!(old, [SyncRunId(1)]);
    let forget = || fixture.write(|rows| Box::pin(async move { rows.delete_run(SyncRunId(1), 2).await }));
    assert!(!forget().await.unwrap() && forget().await.unwrap());
    assert!(matches!(fixture.metadata.rows().sync_run(SyncRunId(1)).await, Err(Error::NotFound { .. })));
    assert_eq!(fixture.metadata.rows().old_runs(3, 100).await.unwrap(), []);
}
