//! What is written down beside the requests: who changed what, and when tokens and links were used.
//!
//! Requests only put things into memory that is bounded; a task writes them out, many in one commit. So a request pays
//! nothing for being told about, and a crash loses at most what came since the last writing.

use super::Services;
use crate::domain::{
    Error, Result,
    audit::{AuditEvent, StoredEvent},
    caller::{Caller, Right},
    id::{PresignedId, TokenId},
    time::Timestamp,
};
use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Events that wait to be written; more of them are counted and lost.
const EVENTS: usize = 16_384;
/// Tokens and links whose use waits to be written, each.
const USED: usize = 16_384;
/// Addresses whose failures are gathered at once; those of further ones are counted together.
const ADDRESSES: usize = 4096;
/// How long the failures of one address are gathered before they are told as one.
const GATHERING: Duration = Duration::from_secs(60);
/// How exactly the last use of a token is known.
const TOKEN_PRECISION: Duration = Duration::from_secs(60);
/// Rows that one step of trimming removes.
const TRIMMED: u64 = 2000;
/// How long a link that has expired is still listed.
const LINKS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What waits to be written.
#[derive(Default)]
pub(super) struct Journal {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    events: VecDeque<AuditEvent>,
    lost: u64,
    tokens: HashMap<TokenId, Timestamp>,
    links: HashMap<PresignedId, (i64, Timestamp)>,
    refused: HashMap<Option<IpAddr>, Refused>,
}

/// The failures of one address since the one that was told.
struct Refused {
    since: Timestamp,
    more: i64,
    last: AuditEvent,
}

/// What is taken out to be written.
#[derive(Debug, Default, Clone)]
struct Batch {
    events: Vec<AuditEvent>,
    tokens: Vec<(TokenId, Timestamp)>,
    links: Vec<(PresignedId, i64, Timestamp)>,
}

impl Journal {
    pub(super) fn note(&self, event: AuditEvent) {
        self.pages().push(event);
    }

    /// Notes a failed attempt to enter: the first of an address at once, later ones together.
    pub(super) fn note_refused(&self, peer: Option<IpAddr>, event: AuditEvent) {
        let mut pages = self.pages();
        let pages = &mut *pages;
        let known = pages.refused.len() < ADDRESSES || pages.refused.contains_key(&peer);
        let peer = if known { peer } else { None };
        match pages.refused.get_mut(&peer) {
            Some(refused) => {
                refused.more += 1;
                refused.last = event;
            }
            None => {
                pages.refused.insert(peer, Refused { since: event.at, more: 0, last: event.clone() });
                pages.push(event);
            }
        }
    }

    /// Notes that a token entered. `last` is what its row says; a use soon after that is not worth a write.
    pub(super) fn token_used(&self, id: TokenId, last: Option<Timestamp>, now: Timestamp) {
        if last.is_some_and(|last| last > now.minus(TOKEN_PRECISION)) {
            return;
        }
        let mut pages = self.pages();
        if pages.tokens.len() < USED {
            pages.tokens.insert(id, now);
        }
    }

    pub(super) fn link_used(&self, id: PresignedId, now: Timestamp) {
        let mut pages = self.pages();
        if pages.links.len() < USED || pages.links.contains_key(&id) {
            let (uses, last) = pages.links.entry(id).or_insert((0, now));
            (*uses, *last) = (*uses + 1, now);
        }
    }

    /// Takes out what is to be written; with `all`, also failures that are still being gathered.
    fn take(&self, now: Timestamp, all: bool) -> Batch {
        let mut pages = self.pages();
        let pages = &mut *pages;
        let mut events: Vec<AuditEvent> = pages.events.drain(..).collect();
        pages.refused.retain(|_, refused| {
            let over = all || refused.since <= now.minus(GATHERING);
            if over && refused.more > 0 {
                events.push(AuditEvent { times: refused.more, ..refused.last.clone() });
            }
            !over
        });
        let lost = std::mem::take(&mut pages.lost);
        if lost > 0 {
            tracing::error!(lost, "{lost} audit events were lost, because they came faster than they could be written");
            events.push(lost_event(now, lost));
        }
        Batch {
            events,
            tokens: pages.tokens.drain().collect(),
            links: pages.links.drain().map(|(id, (uses, last))| (id, uses, last)).collect(),
        }
    }

    /// Puts back what could not be written.
    fn put_back(&self, batch: Batch) {
        let mut pages = self.pages();
        for event in batch.events.into_iter().rev() {
            if pages.events.len() < EVENTS {
                pages.events.push_front(event);
            } else {
                pages.lose();
            }
        }
        for (id, at) in batch.tokens {
            pages.tokens.entry(id).or_insert(at);
        }
        for (id, uses, last) in batch.links {
            let entry = pages.links.entry(id).or_insert((0, last));
            entry.0 += uses;
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn push(&mut self, event: AuditEvent) {
        if self.events.len() < EVENTS {
            self.events.push_back(event);
        } else {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.lost += 1;
        metrics::counter!("holdall_audit_events_lost_total").increment(1);
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.tokens.is_empty() && self.links.is_empty()
    }
}

/// A gap in the log is told in the log.
fn lost_event(now: Timestamp, lost: u64) -> AuditEvent {
    AuditEvent {
        at: now,
        who: "server".to_owned(),
        operation: "audit".to_owned(),
        target: "{}".to_owned(),
        outcome: "Lost".to_owned(),
        peer: String::new(),
        request_id: String::new(),
        times: i64::try_from(lost).unwrap_or(i64::MAX),
    }
}

impl Services {
    /// Notes what a caller did. Never waits; see [`write_journal`](Self::write_journal).
    pub(crate) fn note(&self, event: AuditEvent) {
        self.journal.note(event);
    }

    /// Notes a failed attempt to enter; those of one address are gathered.
    pub(crate) fn note_refused(&self, peer: Option<IpAddr>, event: AuditEvent) {
        self.journal.note_refused(peer, event);
    }

    /// Writes out what was noted; with `all`, also failures that are still being gathered. Tells how many events went.
    ///
    /// # Errors
    /// When the database cannot be written; what was noted is kept for the next time.
    pub(crate) async fn write_journal(&self, all: bool) -> Result<usize> {
        let batch = self.journal.take(Timestamp::now(), all);
        if batch.is_empty() {
            return Ok(0);
        }
        let count = batch.events.len();
        let Batch { events, tokens, links } = batch.clone();
        let written = self.metadata.write(move |rows| {
            Box::pin(async move {
                rows.insert_events(&events).await?;
                for (id, at) in tokens {
                    rows.token_used(id, at).await?;
                }
                for (id, uses, last) in links {
                    rows.link_used(id, uses, last).await?;
                }
                Ok(())
            })
        });
        match written.await {
            Ok(()) => Ok(count),
            Err(error) => {
                self.journal.put_back(batch);
                Err(error)
            }
        }
    }

    /// Removes what is older than the configuration keeps. Tells how many events went.
    pub(crate) async fn trim_journal(&self) -> Result<u64> {
        let now = Timestamp::now();
        let (events, links) = (now.minus(self.rules.audit.retention), now.minus(LINKS_KEPT));
        let mut removed = 0;
        loop {
            // Step by step: a long removal in one piece would hold up every write behind it.
            let (gone_links, gone_s3_links, gone_events) = self
                .metadata
                .write(move |rows| {
                    Box::pin(async move {
                        Ok((
                            rows.delete_links(links, TRIMMED).await?,
                            rows.delete_s3_links(links, TRIMMED).await?,
                            rows.delete_events(events, TRIMMED).await?,
                        ))
                    })
                })
                .await?;
            removed += gone_events;
            if gone_links < TRIMMED && gone_s3_links < TRIMMED && gone_events < TRIMMED {
                return Ok(removed);
            }
        }
    }

    /// Up to `limit` events before `before`, newest first: for who may see everything.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a caller who sees only its own things.
    pub(crate) async fn audit_events(
        &self,
        caller: Caller,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<StoredEvent>> {
        caller.may(Right::Read)?;
        if caller.scope().is_some() {
            return Err(Error::Forbidden("the audit log is for tokens: a credential sees its own things only".into()));
        }
        self.metadata.rows().events(before, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64) -> AuditEvent {
        AuditEvent {
            at: Timestamp(at),
            who: "loopback".into(),
            operation: "/v1/bucket/create".into(),
            target: "{}".into(),
            outcome: "OK".into(),
            peer: "127.0.0.1".into(),
            request_id: "r".into(),
            times: 1,
        }
    }

    #[test]
    fn a_full_journal_counts_what_it_loses() {
        let journal = Journal::default();
        for at in 0..(EVENTS as i64 + 7) {
            journal.note(event(at));
        }
        let batch = journal.take(Timestamp(0), false);
        assert_eq!(batch.events.len(), EVENTS + 1);
        let last = batch.events.last().unwrap();
        assert_eq!((last.outcome.as_str(), last.times), ("Lost", 7));
        assert!(journal.take(Timestamp(0), false).is_empty());
    }

    #[test]
    fn failures_of_one_address_become_one_event_a_minute() {
        let journal = Journal::default();
        let peer = Some(IpAddr::from([10, 0, 0, 1]));
        for _ in 0..50 {
            journal.note_refused(peer, event(0));
        }
        assert_eq!(journal.take(Timestamp(1), false).events.len(), 1, "the first is told at once");
        let later = Timestamp(0).plus(GATHERING);
        let batch = journal.take(later, false);
        assert_eq!(batch.events.iter().map(|event| event.times).collect::<Vec<_>>(), [49]);
        journal.note_refused(peer, event(later.0));
        assert_eq!(journal.take(later, true).events.len(), 1);
    }

    #[test]
    fn the_memory_of_failures_is_bounded() {
        let journal = Journal::default();
        for number in 0..(ADDRESSES as u32 * 2) {
            journal.note_refused(Some(IpAddr::from(number.to_be_bytes())), event(0));
        }
        assert!(journal.pages().refused.len() <= ADDRESSES + 1);
    }

    #[test]
    fn what_could_not_be_written_is_kept_in_order() {
        let journal = Journal::default();
        journal.note(event(1));
        journal.link_used(PresignedId(3), Timestamp(1));
        let batch = journal.take(Timestamp(1), false);
        journal.note(event(2));
        journal.link_used(PresignedId(3), Timestamp(2));
        journal.put_back(batch);
        let batch = journal.take(Timestamp(2), false);
        assert_eq!(batch.events.iter().map(|event| event.at.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(batch.links, [(PresignedId(3), 2, Timestamp(2))]);
    }

    #[test]
    fn a_token_used_a_moment_ago_is_not_written_again() {
        let journal = Journal::default();
        let now = Timestamp(0).plus(TOKEN_PRECISION * 3);
        journal.token_used(TokenId(1), Some(now), now);
        assert!(journal.take(now, false).is_empty());
        journal.token_used(TokenId(1), Some(Timestamp(0)), now);
        assert_eq!(journal.take(now, false).tokens, [(TokenId(1), now)]);
    }
}
