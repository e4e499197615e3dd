//! The space syncer beside rclone: the same files, from and to the same servers, one after the other in turns.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use holdall_tests::proxy::{Deed, Proxy, Rule};

use super::sync_stage::{Ended, Place, first_run, local_space, of, run_again, space_at, write_tree};
use crate::bench::{Bench, Fleet, settle};
use crate::rclone::{Cost, Rclone, TUNED};
use crate::server::Kind;
use crate::sync_table::By;
use crate::{Outcome, fail};

/// More rounds add nothing but time.
pub(crate) const ROUNDS: usize = 3;

const KINDS: [Kind; 3] = [Kind::Holdall, Kind::Garage, Kind::S3sFs];

/// A number of files of one size, and the names of what is done with them.
struct Load {
    files: u64,
    size: usize,
    /// A directory to Garage and to s3s-fs, and Garage to s3s-fs.
    works: [&'static str; 3],
    /// The same once more, to Garage and between the two.
    again: Option<[&'static str; 2]>,
}

pub(crate) async fn small(bench: &mut Bench) -> Outcome<()> {
    let works = ["small-garage", "small-s3s-fs", "small-between"];
    let again = bench.settings.wants("sync-nothing").then_some(["nothing-garage", "nothing-between"]);
    let files = if bench.settings.quick { 1000 } else { 10_000 };
    in_turns(bench, &Load { files, size: 4096, works, again }).await
}

pub(crate) async fn medium(bench: &mut Bench) -> Outcome<()> {
    let works = ["medium-garage", "medium-s3s-fs", "medium-between"];
    let files = if bench.settings.quick { 20 } else { 200 };
    in_turns(bench, &Load { files, size: 4 << 20, works, again: None }).await
}

async fn in_turns(bench: &mut Bench, load: &Load) -> Outcome<()> {
    for round in 0..bench.settings.rounds().min(ROUNDS) {
        bench.demand_room(12 * load.files * load.size as u64 + 5_000_000_000)?;
        // Servers of their own for each round, so that none grows slower than another.
        let fleet = bench.fleet(&format!("{}-{round}", load.works[0]), &bench.wanted(&KINDS)).await?;
        let stage = Stage::new(&fleet, load).await?;
        for turn in 0..By::ALL.len() {
            // From one server to the other takes as long as all the rest: once is enough.
            stage.turn(bench, By::ALL[(round + turn) % By::ALL.len()], round == 0).await?;
        }
        fleet.stop().await?;
    }
    Ok(())
}

/// Servers, and the same places on them for Holdall and for rclone.
struct Stage<'f> {
    fleet: &'f Fleet,
    load: &'f Load,
    root: PathBuf,
    directory: i64,
    /// `None`: it was left out, and with it what it is needed for.
    garage: Option<i64>,
    s3s_fs: i64,
    rclone: Rclone,
}

impl<'f> Stage<'f> {
    async fn new(fleet: &'f Fleet, load: &'f Load) -> Outcome<Self> {
        let [holdall, s3s_fs] = [of(fleet, Kind::Holdall)?, of(fleet, Kind::S3sFs)?];
        let root = fleet.directory().join("files");
        let target = &holdall.target;
        let Some(account) = s3s_fs.target.account() else { return fail("the peer is no S3 server") };
        let mut rclone = Rclone::new(account, format!("http://{}", s3s_fs.target.address), fleet.directory());
        let mut to_garage = None;
        if let Ok(garage) = of(fleet, Kind::Garage)
            && let Some(account) = garage.target.account()
        {
            rclone = rclone.and(account, format!("http://{}", garage.target.address));
            to_garage = Some(space_at(target, garage, garage.target.address).await?);
        }
        Ok(Self {
            fleet,
            load,
            directory: local_space(target, "files", &root).await?,
            garage: to_garage,
            s3s_fs: space_at(target, s3s_fs, s3s_fs.target.address).await?,
            rclone,
            root,
        })
    }

    /// Everything once by one of them, with files of its own: Garage keeps equal contents once.
    async fn turn(&self, bench: &mut Bench, by: By, with_between: bool) -> Outcome<()> {
        let name = format!("{by:?}").to_lowercase();
        let source = self.root.join(&name);
        write_tree(bench, &source, self.load.files, self.load.size)?;
        let directory = source.display().to_string();
        let (garage, s3s_fs, between) = (name.clone(), format!("{name}-a"), format!("{name}-b"));
        let [to_garage, to_s3s_fs, to_between] = self.load.works;
        let again = self.load.again.unwrap_or_default();
        let mut works =
            vec![(to_s3s_fs, "", (self.directory, &name, directory.clone()), (self.s3s_fs, &s3s_fs, "peer"))];
        if let Some(space) = self.garage {
            works.push((to_garage, again[0], (self.directory, &name, directory), (space, &garage, "other")));
            let from = (space, &garage, self.rclone.place_at("other", &garage));
            if with_between {
                works.push((to_between, again[1], from, (self.s3s_fs, &between, "peer")));
            }
        }
        for (work, work_again, from, to) in works {
            let again = !work_again.is_empty();
            let (first, second) = match by {
                By::Holdall => {
                    let (from, to) = (Place { space: from.0, path: from.1 }, Place { space: to.0, path: to.1 });
                    self.by_holdall(&from, to, again).await?
                }
                By::Rclone | By::RcloneTuned => {
                    let flags: &[&str] = if by == By::RcloneTuned { &TUNED } else { &[] };
                    self.by_rclone(&from.2, &self.rclone.place_at(to.2, to.1), flags, again).await?
                }
            };
            bench.syncs.record(work, by, first);
            if let Some(cost) = second {
                bench.syncs.record(work_again, by, cost);
            }
        }
        Ok(fs::remove_dir_all(source)?)
    }

    async fn by_holdall(&self, from: &Place<'_>, to: Place<'_>, again: bool) -> Outcome<(Cost, Option<Cost>)> {
        let holdall = of(self.fleet, Kind::Holdall)?;
        settle().await;
        let mode = serde_json::json!({"type": "Diff", "includeSize": true, "includeModTime": true});
        let (task, Ended { cost, copied, .. }) = first_run(holdall, from, &[to], mode).await?;
        if copied != self.load.files as i64 {
            return fail(format!("{copied} files were copied"));
        }
        if !again {
            return Ok((cost, None));
        }
        settle().await;
        let second = run_again(holdall, task).await?;
        if second.copied > 0 {
            fail(format!("{} files were copied again", second.copied))
        } else {
            Ok((cost, Some(second.cost)))
        }
    }

    async fn by_rclone(&self, from: &str, to: &str, flags: &[&str], again: bool) -> Outcome<(Cost, Option<Cost>)> {
        let arguments: Vec<&str> = ["sync", from, to].into_iter().chain(flags.iter().copied()).collect();
        settle().await;
        let first = self.rclone.measure(&arguments).await?;
        if !again {
            return Ok((first, None));
        }
        settle().await;
        Ok((first, Some(self.rclone.measure(&arguments).await?)))
    }
}

/// One source to three destinations, two of them far away, and to the farthest alone.
pub(crate) async fn fan_out(bench: &mut Bench) -> Outcome<()> {
    let (small, large) = if bench.settings.quick { (200, 4) } else { (2000, 20) };
    for round in 0..bench.settings.rounds().min(ROUNDS) {
        let fleet = bench.fleet(&format!("sync-fan-out-{round}"), &bench.wanted(&KINDS)).await?;
        let [holdall, source] = [of(&fleet, Kind::Holdall)?, of(&fleet, Kind::S3sFs)?];
        let garage = of(&fleet, Kind::Garage).unwrap_or(source);
        let counting = Proxy::to(source.target.address);
        let [near, far] = [Proxy::to(garage.target.address), Proxy::to(garage.target.address)];
        let files = fleet.directory().join("files");
        write_tree(bench, &files.join("small"), small, 4096)?;
        write_tree(bench, &files.join("large"), large, 4 << 20)?;
        let Some(account) = source.target.account() else { return fail("the peer is no S3 server") };
        let rclone = Rclone::new(account, format!("http://{}", source.target.address), fleet.directory());
        let from = files.display().to_string();
        rclone.run(&["copy", &from, &rclone.place("source"), "--transfers", "16"]).await?;

        let target = &holdall.target;
        let from = space_at(target, source, counting.address()).await?;
        let to_far = space_at(target, garage, far.address()).await?;
        let to_near = space_at(target, garage, near.address()).await?;
        let to_local = local_space(target, "copies", &fleet.directory().join("copies")).await?;
        near.delay(Duration::from_millis(20));
        far.delay(Duration::from_millis(40));
        for turn in [round % 2, (round + 1) % 2] {
            let from = Place { space: from, path: "source" };
            let mode = serde_json::json!({"type": "Diff", "includeSize": true, "includeModTime": true});
            let place = |space, path| Place { space, path };
            settle().await;
            if turn == 0 {
                let (_, ended) = first_run(holdall, &from, &[place(to_far, "alone")], mode).await?;
                bench.syncs.record("fan-alone", By::Holdall, ended.cost);
            } else {
                counting.forget();
                let to = [place(to_far, "three-a"), place(to_near, "three-b"), place(to_local, "three-c")];
                let (_, ended) = first_run(holdall, &from, &to, mode).await?;
                bench.syncs.record("fan-three", By::Holdall, ended.cost);
                bench.syncs.record_reads(counting.count("GET", "/source/") as f64 / (small + large) as f64);
            }
        }
        fleet.stop().await?;
    }
    Ok(())
}

/// Both sides hold so many keys already: what they list is made up by a proxy, so that nothing has to be filled.
pub(crate) async fn memory(bench: &mut Bench) -> Outcome<()> {
    let many = if bench.settings.quick { 100_000 } else { 1_000_000 };
    for (work, keys) in [("memory-10k", 10_000), ("memory-1m", many)] {
        let fleet = bench.fleet(work, &bench.wanted(&[Kind::Holdall, Kind::S3sFs])).await?;
        let [holdall, peer] = [of(&fleet, Kind::Holdall)?, of(&fleet, Kind::S3sFs)?];
        let (one, two) = (Proxy::to(peer.target.address), Proxy::to(peer.target.address));
        let from = space_at(&holdall.target, peer, one.address()).await?;
        let to = space_at(&holdall.target, peer, two.address()).await?;
        // Of the prefix that Holdall asks for, and of the one that rclone asks for.
        for (proxy, folder) in [(&one, "source"), (&two, "copies")] {
            proxy.add(Rule::new(Deed::List(keys)).method("GET").path(folder));
        }
        let mode = serde_json::json!({"type": "Diff", "includeSize": true, "includeModTime": true});
        let (from, to) = (Place { space: from, path: "source" }, Place { space: to, path: "copies" });
        // The first run finds both sides equal, and notes what it has seen.
        let (task, noted) = first_run(holdall, &from, &[to], mode).await?;
        let again = run_again(holdall, task).await?;
        if noted.copied + again.copied > 0 || [noted.skipped, again.skipped] != [keys.cast_signed(); 2] {
            return fail(format!("{keys} keys on both sides, and the runs say {noted:?} and {again:?}"));
        }
        let peak = noted.cost.peak.max(again.cost.peak);
        bench.syncs.record(work, By::Holdall, Cost { peak, ..again.cost });

        let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
        let rclone = Rclone::new(account.clone(), one.endpoint(), fleet.directory()).and(account, two.endpoint());
        let (from, to) = (rclone.place_at("peer", "source"), rclone.place_at("other", "copies"));
        let flags = ["--size-only", "--s3-list-version", "2"].into_iter().chain(TUNED);
        let arguments: Vec<&str> = ["sync", &from, &to].into_iter().chain(flags).collect();
        bench.syncs.record(work, By::RcloneTuned, rclone.measure(&arguments).await?);
        fleet.stop().await?;
    }
    Ok(())
}
