//! Connectors, datasources and documents: leases of scans, the queue, and the numbers that the search follows.

use super::{Fixture, LATER, NOW};
use crate::{
    domain::{
        Error, Result,
        caller::FIRST_CREDENTIAL,
        connector::{
            document::Document,
            fields::Fields,
            item::Item,
            record::{Connector, Datasource, Schedule},
            run::{Counts, LastRun, Reached},
        },
        id::CredentialId,
        sync::{Seen, Version},
        time::Timestamp,
    },
    metadata::{ScanClaim, ScanState, StoredConnector},
};
use serde_json::json;
use std::time::Duration;

/// Long enough that no machine loses it while a case runs.
const LEASE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const S3: [&str; 1] = ["s3"];
const ON: Schedule = Schedule { active: true, interval: None };

fn fields(value: serde_json::Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn datasource(id: &str) -> Datasource {
    Datasource {
        id: id.to_owned(),
        owner: FIRST_CREDENTIAL,
        body: fields(json!({"name": id, "connector": {"id": "s3"}, "enabled": true})),
        sealed: Some(b"sealed".to_vec()),
        created_at: NOW,
        updated_at: NOW,
    }
}

fn file(key: &str, tag: &str) -> Item {
    let seen = Seen { size: 3, modified: Some(NOW), version: Version::tag(tag) };
    Item::file(key.to_owned(), &seen, None)
}

impl Fixture {
    /// A datasource that is scanned at once.
    async fn source(&self, id: &'static str) {
        self.write(move |rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                rows.put_datasource(&datasource(id), "s3", change).await?;
                rows.put_scan(id, ON, true, false).await
            })
        })
        .await
        .unwrap();
    }

    async fn put_items(&self, id: &'static str, items: Vec<Item>) -> i64 {
        self.write(move |rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                rows.put_items(id, "b", &items, change, NOW).await?;
                Ok(change)
            })
        })
        .await
        .unwrap()
    }

    async fn claim_scan(&self, owner: &'static str, lease: Duration) -> Option<ScanClaim> {
        let due = self.metadata.rows().any_scan_due(&S3).await.unwrap();
        let claim =
            self.write(move |rows| Box::pin(async move { rows.claim_scan(owner, lease, &S3).await })).await.unwrap();
        assert_eq!(due, claim.is_some(), "the look agrees with the deed");
        claim
    }

    async fn keep_scan(&self, claim: &ScanClaim, reached: &str) -> Result<()> {
        let reached = Reached { listed: reached.to_owned(), ..Reached::default() };
        let (claim, state) = (claim.clone(), ScanState { reached, run: claim.run.clone() });
        self.write(move |rows| {
            Box::pin(async move { rows.keep_scan(&claim.datasource, claim.epoch, LEASE, &state).await })
        })
        .await
    }

    async fn end_scan(&self, claim: &ScanClaim, error: &str) -> Result<()> {
        let (claim, error) = (claim.clone(), error.to_owned());
        let counts = Counts { listed: 7, ..Counts::default() };
        self.write(move |rows| {
            Box::pin(async move {
                let run = LastRun { error, counts, ..claim.run.clone() };
                rows.end_scan(&claim, &run, HOUR).await
            })
        })
        .await
    }

    async fn enqueue(&self, id: &'static str, held: bool, message: &'static str) {
        self.write(move |rows| Box::pin(async move { rows.enqueue("q", id, held, message).await })).await.unwrap();
    }

    async fn waiting(&self) -> Vec<String> {
        let messages = self.metadata.rows().next_messages("q", 9).await.unwrap();
        messages.into_iter().map(|message| message.message).collect()
    }
}

pub(super) async fn a_connector_is_read_back_and_its_secrets_are_sealed_anew(fixture: Fixture) {
    let connector = Connector {
        id: "mine".to_owned(),
        builtin: false,
        body: fields(json!({"name": "M\u{0}", "tags": ["a"]})),
        created_at: NOW,
        updated_at: LATER,
    };
    let stored = StoredConnector { connector, sealed: Some(b"one".to_vec()) };
    fixture
        .write(move |rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                rows.put_connector(&stored, change).await
            })
        })
        .await
        .unwrap();
    fixture.source("ds").await;
    let rows = fixture.metadata.rows();
    let found = rows.connector("mine").await.unwrap().unwrap();
    assert_eq!((found.connector.body["name"].as_str(), found.connector.updated_at), (Some("M\u{0}"), LATER));
    let sealed = |rows: Vec<crate::metadata::SealedSecret>| {
        rows.into_iter().map(|secret| (secret.owner, secret.sealed)).collect::<Vec<_>>()
    };
    let before = sealed(rows.sealed_secrets().await.unwrap());
    assert!(before.contains(&("connector mine".to_owned(), b"one".to_vec())), "{before:?}");
    assert!(before.contains(&("datasource ds".to_owned(), b"sealed".to_vec())), "{before:?}");
    fixture
        .write(|rows| {
            Box::pin(async move {
                rows.reseal("connector mine", b"two".to_vec()).await?;
                rows.reseal("datasource ds", b"three".to_vec()).await
            })
        })
        .await
        .unwrap();
    let after = sealed(rows.sealed_secrets().await.unwrap());
    assert!(after.contains(&("connector mine".to_owned(), b"two".to_vec())), "{after:?}");
    assert!(after.contains(&("datasource ds".to_owned(), b"three".to_vec())), "{after:?}");
}

pub(super) async fn a_datasource_is_found_by_its_owner_only(fixture: Fixture) {
    fixture.source("ds").await;
    let rows = fixture.metadata.rows();
    let other = Some(CredentialId(99));
    assert!(rows.datasource(None, "ds").await.unwrap().is_some());
    assert!(rows.datasource(Some(FIRST_CREDENTIAL), "ds").await.unwrap().is_some());
    assert!(rows.datasource(other, "ds").await.unwrap().is_none());
    assert_eq!(rows.datasource_ids(None, true).await.unwrap(), ["ds"]);
    assert!(rows.datasource_ids(other, false).await.unwrap().is_empty());
}

pub(super) async fn documents_of_a_listing_are_in_byte_order_and_keep_what_was_said(fixture: Fixture) {
    fixture.source("ds").await;
    let items = vec![
        file("a-b", "1"),
        Item::folder("a/".to_owned()),
        file("a/ü", "1"),
        file("aZ", "1"),
        file("\u{1F600}", "1"),
    ];
    fixture.put_items("ds", items).await;
    let rows = fixture.metadata.rows();
    let keys = |found: Vec<crate::metadata::StoredKey>| found.into_iter().map(|found| found.key).collect::<Vec<_>>();
    assert_eq!(keys(rows.stored_keys("ds", "", 9).await.unwrap()), ["a-b", "a/", "a/ü", "aZ", "\u{1F600}"]);
    assert_eq!(keys(rows.stored_keys("ds", "a/", 1).await.unwrap()), ["a/ü"]);
    let id = file("a-b", "1").document_id("ds", "b");
    let mut document = rows.document(&id).await.unwrap().unwrap();
    document.body = fields(json!({"title": "said"}));
    fixture
        .write(move |rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                rows.update_document(&document, None, change).await
            })
        })
        .await
        .unwrap();
    fixture.put_items("ds", vec![file("a-b", "2")]).await;
    let found = rows.document(&id).await.unwrap().unwrap();
    assert_eq!((found.body["title"].as_str(), found.item.unwrap().etag.as_str()), (Some("said"), "2"));
    assert_eq!(rows.stored_keys("ds", "", 1).await.unwrap()[0].mark, file("a-b", "2").mark());
}

pub(super) async fn changes_are_read_in_their_order_and_in_pieces(fixture: Fixture) {
    fixture.source("ds").await;
    let rows = fixture.metadata.rows();
    let start = rows.last_change().await.unwrap();
    let first = fixture.put_items("ds", vec![file("a", "1"), file("b", "1")]).await;
    let second = fixture.put_items("ds", vec![file("c", "1")]).await;
    let id = file("a", "1").document_id("ds", "b");
    let gone = id.clone();
    let third = fixture
        .write(move |rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                assert_eq!(rows.delete_documents(&[gone, "unknown".to_owned()], change).await?.len(), 1);
                Ok(change)
            })
        })
        .await
        .unwrap();
    assert!(start < first && first < second && second < third);
    let ids = |changed: Vec<(i64, Document)>| changed.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(ids(rows.changed_documents(start, third).await.unwrap()), [first, second]);
    assert_eq!(ids(rows.changed_documents(first, third).await.unwrap()), [second]);
    let removals = rows.removals(start, third).await.unwrap();
    assert_eq!((removals.len(), removals[0].change, &removals[0].id), (1, third, &id));
    assert_eq!(rows.read_until(start, 100).await.unwrap(), third);
    assert_eq!(rows.read_until(start, 1).await.unwrap(), second, "a piece ends with a whole number");
    assert_eq!(rows.changed_datasources(0, third).await.unwrap().len(), 1);
    let name = fixture.write(|rows| Box::pin(async move { rows.search_store("one").await })).await.unwrap();
    let again = fixture.write(|rows| Box::pin(async move { rows.search_store("two").await })).await.unwrap();
    assert_eq!((name.as_str(), again.as_str()), ("one", "one"));
    let trimmed = fixture.write(|rows| Box::pin(async move { rows.trim_removals(Duration::ZERO, 100).await }));
    assert_eq!(trimmed.await.unwrap(), 1);
    assert_eq!(rows.trimmed_change().await.unwrap(), third);
    assert!(rows.removals(0, third).await.unwrap().is_empty());
}

pub(super) async fn a_scan_belongs_to_one_server_and_is_fenced(fixture: Fixture) {
    fixture.source("ds").await;
    let first = fixture.claim_scan("one", Duration::ZERO).await.unwrap();
    assert!(first.run.started.is_some() && first.reached == Reached::default());
    fixture.keep_scan(&first, "k").await.unwrap();
    assert!(fixture.claim_scan("two", LEASE).await.is_none(), "it was kept for another while");
    let epoch = first.epoch;
    fixture.write(move |rows| Box::pin(async move { rows.put_scan_down("ds", epoch).await })).await.unwrap();
    let second = fixture.claim_scan("two", LEASE).await.unwrap();
    assert_eq!((second.reached.listed.as_str(), second.run.started), ("k", first.run.started), "it goes on");
    assert!(matches!(fixture.keep_scan(&first, "x").await, Err(Error::Raced(_))));
    assert!(matches!(fixture.end_scan(&first, "").await, Err(Error::Raced(_))));
    fixture.end_scan(&second, "").await.unwrap();
    assert!(fixture.claim_scan("one", LEASE).await.is_none(), "the next one comes in an hour");
    let shown = fixture.metadata.rows().shown_runs(&["ds".to_owned()]).await.unwrap();
    assert_eq!((shown[0].1.run.counts.listed, shown[0].1.run.ended.is_some()), (7, true));
    assert!(shown[0].1.next.unwrap() > Timestamp::now().plus(Duration::from_secs(3000)));
    fixture.write(|rows| Box::pin(async move { rows.hasten_scan("ds").await })).await.unwrap();
    assert!(fixture.claim_scan("one", LEASE).await.is_some());
}

pub(super) async fn a_scan_that_failed_waits_and_drops_what_is_held(fixture: Fixture) {
    fixture.source("ds").await;
    let claim = fixture.claim_scan("one", LEASE).await.unwrap();
    fixture.enqueue("ds", false, "put").await;
    fixture.enqueue("ds", true, "gone").await;
    assert_eq!(fixture.waiting().await, ["put"]);
    fixture.end_scan(&claim, "no such bucket").await.unwrap();
    fixture.write(|rows| Box::pin(async move { rows.release_held("ds").await })).await.unwrap();
    assert_eq!(fixture.waiting().await, ["put"], "what was held has gone");
    let shown = fixture.metadata.rows().shown_runs(&["ds".to_owned()]).await.unwrap().remove(0).1;
    assert_eq!(shown.run.error, "no such bucket");
    let wait = shown.next.unwrap().0 - shown.run.ended.unwrap().0;
    assert!((1_000_000..10_000_000).contains(&wait), "it is tried again soon: {wait}");
    fixture.enqueue("ds", true, "gone").await;
    fixture.write(|rows| Box::pin(async move { rows.release_held("ds").await })).await.unwrap();
    assert_eq!(fixture.waiting().await, ["put", "gone"]);
}

pub(super) async fn a_change_of_a_datasource_ends_its_scan(fixture: Fixture) {
    fixture.source("ds").await;
    let claim = fixture.claim_scan("one", LEASE).await.unwrap();
    fixture.enqueue("ds", false, "put").await;
    let put = |schedule, anew, purge| {
        fixture.write(move |rows| Box::pin(async move { rows.put_scan("ds", schedule, anew, purge).await }))
    };
    put(ON, false, false).await.unwrap();
    fixture.keep_scan(&claim, "k").await.unwrap();
    put(ON, true, true).await.unwrap();
    assert!(matches!(fixture.keep_scan(&claim, "k").await, Err(Error::Raced(_))));
    assert!(fixture.waiting().await.is_empty());
    put(ON, true, false).await.unwrap();
    let next = fixture.claim_scan("one", LEASE).await.unwrap();
    assert!(next.reached.purge, "what was to go first still has to");
    put(Schedule { active: false, interval: None }, false, false).await.unwrap();
    assert!(matches!(fixture.keep_scan(&next, "k").await, Err(Error::Raced(_))));
    assert!(fixture.claim_scan("one", LEASE).await.is_none());
}

pub(super) async fn two_servers_never_claim_one_scan(fixture: Fixture) {
    for id in ["a", "b", "c", "d"] {
        fixture.source(id).await;
    }
    let claims = futures::future::join_all(
        (0..12)
            .map(|_| fixture.metadata.write(|rows| Box::pin(async move { rows.claim_scan("one", LEASE, &S3).await }))),
    );
    let mut claimed: Vec<String> =
        claims.await.into_iter().filter_map(Result::unwrap).map(|claim| claim.datasource).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, ["a", "b", "c", "d"]);
    let none: [&str; 0] = [];
    assert!(!fixture.metadata.rows().any_scan_due(&none).await.unwrap());
}

pub(super) async fn a_deleted_datasource_leaves_nothing(fixture: Fixture) {
    fixture.source("ds").await;
    fixture.source("other").await;
    fixture.put_items("ds", vec![file("a", "1"), file("b", "1"), file("c", "1")]).await;
    fixture.put_items("other", vec![file("a", "1")]).await;
    let claim = fixture.claim_scan("one", LEASE).await.unwrap();
    fixture.enqueue("ds", false, "put").await;
    let rows = fixture.metadata.rows();
    assert_eq!(rows.orphaned_datasource().await.unwrap(), None);
    let change = fixture
        .write(|rows| {
            Box::pin(async move {
                let change = rows.next_change().await?;
                rows.delete_datasource("ds", change).await?;
                Ok(change)
            })
        })
        .await
        .unwrap();
    if claim.datasource == "ds" {
        assert!(matches!(fixture.keep_scan(&claim, "k").await, Err(Error::Raced(_))));
    }
    assert!(fixture.waiting().await.is_empty());
    let kinds: Vec<String> = rows.removals(0, change).await.unwrap().into_iter().map(|gone| gone.kind).collect();
    assert_eq!(kinds, ["datasource", "source"]);
    assert_eq!(rows.orphaned_datasource().await.unwrap().as_deref(), Some("ds"));
    let delete = || fixture.write(|rows| Box::pin(async move { rows.delete_documents_of("ds", false, 2).await }));
    assert_eq!((delete().await.unwrap(), delete().await.unwrap()), (2, 1));
    assert_eq!(rows.orphaned_datasource().await.unwrap(), None);
    assert_eq!(rows.stored_keys("other", "", 9).await.unwrap().len(), 1);
}
