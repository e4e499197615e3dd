//! What SiYuan's clients set.

use super::Fixture;
use crate::domain::{
    id::{SpaceId, SyncTaskId},
    sync_provider::{DirName, Provider, SyncMode, SyncState},
};

pub(super) async fn what_is_set_is_read_back_provider_by_provider(fixture: Fixture) {
    let rows = fixture.metadata.rows();
    let first = rows.sync_state().await.unwrap();
    let blank = SyncState {
        provider: Provider::SiYuan,
        enabled: false,
        mode: SyncMode::Automatic,
        interval: 30,
        perception: false,
        conflict_doc: false,
        task: None,
        synced: 0,
        stat: String::new(),
    };
    assert_eq!(first, blank);
    let set = SyncState {
        provider: Provider::WebDav,
        enabled: true,
        mode: SyncMode::FullyManual,
        interval: 600,
        perception: true,
        conflict_doc: true,
        task: Some(SyncTaskId(7)),
        synced: 1_795_858_200_000,
        stat: "synced".to_owned(),
    };
    let wanted = set.clone();
    fixture
        .write(move |rows| {
            Box::pin(async move {
                rows.hold_sync_provider().await?;
                rows.set_sync_state(&wanted).await?;
                rows.set_provider_settings(Provider::S3, "{\"bucket\":\"b\"}", Some(b"sealed"), Some(SpaceId(3)))
                    .await?;
                rows.set_cloud_name(Provider::S3, &DirName::nested("path", "a/b").unwrap()).await
            })
        })
        .await
        .unwrap();
    assert_eq!(rows.sync_state().await.unwrap(), set);
    let s3 = rows.sync_provider(Provider::S3).await.unwrap();
    assert_eq!((s3.settings.as_str(), s3.secret_sealed.as_deref()), ("{\"bucket\":\"b\"}", Some(&b"sealed"[..])));
    assert_eq!((s3.chosen.as_str(), s3.space), ("a/b", Some(SpaceId(3))));
    for other in [Provider::SiYuan, Provider::WebDav, Provider::Local] {
        let other = rows.sync_provider(other).await.unwrap();
        assert_eq!((other.settings.as_str(), other.secret_sealed, other.space), ("{}", None, None));
        assert_eq!(other.chosen, DirName::main());
    }
}

pub(super) async fn secrets_of_providers_are_sealed_anew_with_all_others(fixture: Fixture) {
    let set = |sealed: Option<&'static [u8]>| {
        fixture.write(move |rows| {
            Box::pin(async move { rows.set_provider_settings(Provider::WebDav, "{}", sealed, None).await })
        })
    };
    let owners = || async {
        let secrets = fixture.metadata.rows().sealed_secrets().await.unwrap();
        secrets.into_iter().map(|secret| (secret.owner, secret.sealed)).collect::<Vec<_>>()
    };
    set(Some(b"old")).await.unwrap();
    assert!(owners().await.contains(&("sync_provider 3".to_owned(), b"old".to_vec())));
    fixture.write(|rows| Box::pin(async move { rows.reseal("sync_provider 3", b"new".to_vec()).await })).await.unwrap();
    assert!(owners().await.contains(&("sync_provider 3".to_owned(), b"new".to_vec())));
    set(None).await.unwrap();
    assert!(owners().await.iter().all(|(owner, _)| !owner.starts_with("sync_provider")));
}
