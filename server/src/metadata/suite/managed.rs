//! What the management of a server reads and changes.

use super::{Fixture, LATER, MUCH_LATER, NOW, chunk, place};
use crate::{
    domain::{
        Error,
        caller::FIRST_CREDENTIAL,
        id::{CredentialId, S3LinkId, UploadId},
        managed::{NewS3Link, Usage},
        name::BucketName,
    },
    metadata::{Entry, Listing, Within},
};

async fn credential(fixture: &Fixture, access_key: &'static str) -> CredentialId {
    let made = fixture
        .write(move |rows| {
            Box::pin(async move { rows.insert_credential(access_key, access_key, b"sealed", NOW).await })
        })
        .await;
    made.unwrap().id
}

async fn bucket_of(fixture: &Fixture, owner: CredentialId, name: &'static str) -> crate::domain::Result<()> {
    let name = BucketName::new("name", name).unwrap();
    fixture
        .write(move |rows| Box::pin(async move { rows.insert_bucket(&name, owner, "r", NOW).await.map(|_| ()) }))
        .await
}

pub(super) async fn a_credential_goes_when_it_owns_nothing(fixture: Fixture) {
    let id = credential(&fixture, "AK2").await;
    bucket_of(&fixture, id, "b2").await.unwrap();
    let rows = fixture.metadata.rows();
    assert_eq!(rows.bucket_count(id).await.unwrap(), 1);
    let change = |name: Option<&'static str>, is_active| {
        fixture.write(move |rows| Box::pin(async move { rows.change_credential(id, name, is_active).await }))
    };
    change(Some("new"), None).await.unwrap();
    change(None, Some(false)).await.unwrap();
    let changed = rows.credential(id).await.unwrap();
    assert_eq!((changed.user_name.as_str(), changed.is_active), ("new", false));
    let delete = || fixture.write(move |rows| Box::pin(async move { rows.delete_credential(id).await }));
    assert!(matches!(delete().await, Err(Error::Conflict(_))));
    let bucket = rows.bucket_by_name(None, &BucketName::new("name", "b2").unwrap()).await.unwrap().id;
    fixture
        .write(move |rows| Box::pin(async move { rows.delete_bucket(None, bucket, true, NOW).await }))
        .await
        .unwrap();
    delete().await.unwrap();
    assert!(matches!(delete().await, Err(Error::NotFound { .. })));
    assert!(matches!(change(None, Some(true)).await, Err(Error::NotFound { .. })));
    assert!(matches!(bucket_of(&fixture, id, "b3").await, Err(Error::NotFound { what: "credential", .. })));
    assert_eq!(rows.credentials_after(CredentialId(0), 9).await.unwrap().len(), 1);
    assert!(rows.credentials_after(FIRST_CREDENTIAL, 9).await.unwrap().is_empty());
}

pub(super) async fn buckets_page_by_name_within_an_owner(fixture: Fixture) {
    let id = credential(&fixture, "AK2").await;
    for (owner, name) in [(id, "c"), (FIRST_CREDENTIAL, "b"), (id, "a"), (id, "Z")] {
        bucket_of(&fixture, owner, name).await.unwrap();
    }
    let rows = fixture.metadata.rows();
    let names = async |owner, after: &str, limit| {
        let found = rows.owned_buckets(owner, after, limit).await.unwrap();
        found.iter().map(|owned| format!("{} of {}", owned.bucket.name, owned.owner_name)).collect::<Vec<_>>()
    };
    assert_eq!(names(None, "", 9).await, ["Z of AK2", "a of AK2", "b of one", "c of AK2"]);
    assert_eq!(names(None, "a", 1).await, ["b of one"]);
    assert_eq!(names(Some(id), "Z", 9).await, ["a of AK2", "c of AK2"]);
    assert!(names(Some(CredentialId(77)), "", 9).await.is_empty());
}

pub(super) async fn only_what_is_there_is_counted(fixture: Fixture) {
    let home = fixture.home().await;
    let other = fixture.bucket("other").await.unwrap();
    let ids = [home.bucket, other.id];
    let rows = fixture.metadata.rows();
    assert_eq!(rows.usage_of_all().await.unwrap(), Usage::default());
    assert!(rows.usage_of(&ids).await.unwrap().is_empty());
    assert!(rows.usage_of(&[]).await.unwrap().is_empty());
    fixture.put(&home, &["a", "b"], &chunk(1, 10), NOW).await.unwrap();
    let unfinished = place(&home, "unfinished");
    fixture
        .write(move |rows| {
            Box::pin(async move {
                let object = rows.insert_receiving(&unfinished, NOW).await?;
                rows.start_upload(object.id, &unfinished, LATER, NOW).await
            })
        })
        .await
        .unwrap();
    let usage = Usage { objects: 2, bytes: 20 };
    assert_eq!(rows.usage_of(&ids).await.unwrap().into_iter().collect::<Vec<_>>(), [(home.bucket, usage)]);
    assert_eq!(rows.usage_of_all().await.unwrap(), usage);
    let totals = rows.totals(NOW).await.unwrap();
    assert_eq!((totals.credentials, totals.buckets, totals.uploads, totals.links), (1, 2, 1, 0));

    let uploads = rows.managed_uploads(home.bucket, None, 9).await.unwrap();
    assert_eq!((uploads.len(), uploads[0].key.as_str(), uploads[0].owner_name.as_str()), (1, "p/unfinished", "one"));
    assert_eq!((uploads[0].parts, uploads[0].bytes), (0, 0));
    let behind = Some(("p/unfinished", uploads[0].id));
    assert!(rows.managed_uploads(home.bucket, behind, 9).await.unwrap().is_empty());
    assert_eq!(rows.managed_uploads(home.bucket, Some(("p/unfinished", UploadId(0))), 9).await.unwrap().len(), 1);
}

pub(super) async fn objects_are_seen_by_key_with_where_they_lie(fixture: Fixture) {
    let home = fixture.home().await;
    let stored = chunk(1, 10);
    let put = fixture.put(&home, &["a", "d/b"], &stored, NOW).await.unwrap();
    let rows = fixture.metadata.rows();
    let listing = |delimiter: Option<&str>| Listing {
        within: Within::Bucket(home.bucket),
        prefix: "p/".to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after: None,
        most: 9,
    };
    let lines = async |delimiter| -> Vec<String> {
        let entries = rows.managed_objects(&listing(delimiter)).await.unwrap();
        let line = |entry| match entry {
            Entry::Object(object) => {
                let object: crate::domain::managed::ManagedObject = object;
                format!("{} {} {}", object.key, object.size, object.is_stored)
            }
            Entry::Prefix(prefix) => prefix,
        };
        entries.into_iter().map(line).collect()
    };
    assert_eq!(lines(None).await, ["p/a 10 true", "p/d/b 10 true"]);
    assert_eq!(lines(Some("/")).await, ["p/a 10 true", "p/d/"]);
    assert!(rows.key_is_there(home.bucket, "p/a").await.unwrap());
    assert!(!rows.key_is_there(home.bucket, "p/").await.unwrap());
    let lies = rows.locations(put[0].id).await.unwrap();
    assert_eq!(
        lies.first.map(|(space, key)| (space, key == stored.shards[0].key)),
        Some((stored.shards[0].space, true))
    );
    assert_eq!((lies.spaces.len(), lies.spaces[0].shards), (1, 1));
}

pub(super) async fn links_to_s3_are_kept_until_they_are_old(fixture: Fixture) {
    let keep = async |mark: &'static str, expires_at| -> S3LinkId {
        let link = NewS3Link {
            mark: mark.to_owned(),
            credential: FIRST_CREDENTIAL,
            bucket: "b".to_owned(),
            key: "k/ü".to_owned(),
            method: "GET",
            created_at: NOW,
            expires_at,
        };
        fixture.write(move |rows| Box::pin(async move { rows.insert_s3_link(&link).await })).await.unwrap()
    };
    let (first, second, third) = (keep("m1", LATER).await, keep("m2", MUCH_LATER).await, keep("m3", MUCH_LATER).await);
    let rows = fixture.metadata.rows();
    let ids = async |before, active_at, limit| -> Vec<S3LinkId> {
        rows.s3_links(before, active_at, limit).await.unwrap().iter().map(|link| link.id).collect()
    };
    assert_eq!(ids(None, None, 9).await, [third, second, first]);
    assert_eq!(ids(Some(third), None, 1).await, [second]);
    let link = &rows.s3_links(None, None, 1).await.unwrap()[0];
    assert_eq!((link.access_key.as_str(), link.bucket.as_str(), link.key.as_str()), ("AK1", "b", "k/ü"));
    let revoke = |id, now| fixture.write(move |rows| Box::pin(async move { rows.revoke_s3_link(id, now).await }));
    assert_eq!(revoke(second, NOW).await.unwrap(), "m2");
    assert_eq!(revoke(second, LATER).await.unwrap(), "m2");
    assert_eq!(rows.s3_links(Some(third), None, 1).await.unwrap()[0].revoked_at, Some(NOW));
    assert!(matches!(revoke(S3LinkId(77), NOW).await, Err(Error::NotFound { .. })));
    assert!(rows.s3_link_is_revoked("m2").await.unwrap());
    assert!(!rows.s3_link_is_revoked("m1").await.unwrap() && !rows.s3_link_is_revoked("unknown").await.unwrap());
    assert_eq!(ids(None, Some(LATER), 9).await, [third]);
    assert_eq!(rows.totals(LATER).await.unwrap().links, 1);
    let gone = fixture.write(|rows| Box::pin(async move { rows.delete_s3_links(MUCH_LATER, 9).await })).await.unwrap();
    assert_eq!((gone, ids(None, None, 9).await), (1, vec![third, second]));
}
