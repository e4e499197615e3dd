//! Who gets a file in this pass: each destination that has room for it, and each that the others can wait for.

use super::{
    copy::charge,
    deliver::{Admitted, Outlet},
    lane::Lane,
    pass::Passes,
};
use crate::space::{Files, Item};
use futures::future::{join_all, select_all};
use std::{sync::Arc, time::Instant};
use tokio::{task::JoinSet, time::timeout};

/// What a file that its storage copies takes of a backlog: its bytes do not come here.
const UNSEEN: u64 = 16 << 10;

impl Passes<'_> {
    /// Sends a file on its way to `targets`.
    pub(super) async fn dispatch(&self, item: Item, targets: Vec<Outlet>, jobs: &mut JoinSet<()>) {
        let is_small = item.seen.size <= Files::SMALL;
        let (queued, streamed): (Vec<_>, Vec<_>) =
            targets.into_iter().partition(|outlet| is_small || self.is_copied_by_storage(outlet));
        let queued = self.admit(&item, queued).await;
        // A storage may have refused meanwhile: its courier knows what to do.
        let (copied, whole): (Vec<_>, Vec<_>) =
            queued.into_iter().partition(|admitted| !is_small || self.is_copied_by_storage(&admitted.outlet));
        for admitted in copied {
            admitted.copy_by_storage(item.clone());
        }
        if !whole.is_empty() {
            jobs.spawn(self.copier.clone().copy_small(item, whole));
            return;
        }
        let streamed = self.with_patience(streamed.into_iter().map(|outlet| outlet.lane).collect());
        if !streamed.is_empty() {
            let copier = self.copier.clone();
            jobs.spawn(async move { copier.copy_large(&item, streamed).await });
        }
    }

    fn is_copied_by_storage(&self, outlet: &Outlet) -> bool {
        outlet.lane.copies() && !self.copier.run.verify
    }

    /// Takes room in the backlogs. When nobody has any, it waits for the first who does; for the others then as long as
    /// they may keep it waiting.
    async fn admit(&self, item: &Item, targets: Vec<Outlet>) -> Vec<Admitted> {
        let charge = |outlet: &Outlet| if self.is_copied_by_storage(outlet) { UNSEEN } else { charge(item) };
        let (mut admitted, mut full) = (Vec::with_capacity(targets.len()), Vec::new());
        for outlet in targets {
            match outlet.lane.backlog.try_take(charge(&outlet)) {
                Some(room) => admitted.push(Admitted { outlet, room }),
                None => full.push(outlet),
            }
        }
        if full.is_empty() {
            return admitted;
        }
        if admitted.is_empty() {
            let waiting = full.iter().map(|outlet| Box::pin(outlet.lane.backlog.take(charge(outlet))));
            let (room, at, _) = select_all(waiting).await;
            let outlet = full.remove(at);
            admitted.extend(room.map(|room| Admitted { outlet, room }));
        }
        let waiting = full.into_iter().map(|outlet| {
            let bytes = charge(&outlet);
            self.wait_for(outlet, bytes)
        });
        let late = join_all(waiting).await;
        admitted.extend(late.into_iter().flatten());
        admitted
    }

    async fn wait_for(&self, outlet: Outlet, bytes: u64) -> Option<Admitted> {
        let backlog = &outlet.lane.backlog;
        let since = Instant::now();
        let room = timeout(backlog.patience(), backlog.take(bytes)).await;
        backlog.waited(since.elapsed());
        match room {
            Ok(room) => room.map(|room| Admitted { outlet, room }),
            Err(_) => {
                self.copier.leave_out(&outlet.lane);
                None
            }
        }
    }

    /// Leaves out those who have kept the others waiting for long enough, if there are others.
    fn with_patience(&self, lanes: Vec<Arc<Lane>>) -> Vec<Arc<Lane>> {
        let is_slow = |lane: &Arc<Lane>| lane.backlog.patience().is_zero();
        if lanes.iter().all(is_slow) {
            return lanes;
        }
        let (slow, fast): (Vec<_>, Vec<_>) = lanes.into_iter().partition(is_slow);
        slow.iter().for_each(|lane| self.copier.leave_out(lane));
        fast
    }
}
