//! What a client sets: the provider, its settings, and how it wants to sync.

use crate::{
    config::Secret,
    domain::{
        Error, Result,
        caller::Caller,
        id::SpaceId,
        sync_provider::{DirName, Provider, ProviderSettings, SyncMode, SyncState, check_bucket},
    },
    service::{Sent, Services},
    space::kind,
};
use std::path::{Path, PathBuf};

/// One thing that is set for all providers together. Numbers are as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncChange {
    Provider(i64),
    Enabled(bool),
    Mode(i64),
    /// Seconds; brought into the bounds of the contract.
    Interval(i64),
    Perception(bool),
    ConflictDoc(bool),
}

impl SyncChange {
    fn apply(self, state: &mut SyncState) -> Result<()> {
        match self {
            Self::Provider(number) => state.provider = Provider::from_number(number)?,
            Self::Enabled(enabled) => state.enabled = enabled,
            Self::Mode(number) => state.mode = SyncMode::from_number(number)?,
            Self::Interval(seconds) => state.interval = SyncState::bounded_interval(seconds),
            Self::Perception(perception) => state.perception = perception,
            Self::ConflictDoc(conflict_doc) => state.conflict_doc = conflict_doc,
        }
        Ok(())
    }
}

/// What is known of a provider, its secret opened.
pub(super) struct Known {
    pub(super) settings: ProviderSettings,
    pub(super) chosen: DirName,
    pub(super) space: Option<SpaceId>,
}

impl Services {
    /// Sets one thing. Nothing is asked of any storage.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such provider or mode; nothing was changed then.
    pub(crate) async fn change_sync(&self, caller: Caller, change: SyncChange) -> Result<()> {
        caller.may_operate()?;
        self.update_sync_state(move |state| change.apply(state)).await.map(|_| ())
    }

    /// What is set for all providers together.
    pub(crate) async fn sync_state(&self, caller: Caller) -> Result<SyncState> {
        caller.may_operate()?;
        self.metadata.rows().sync_state().await
    }

    /// Replaces the settings of a provider by what was sent, and answers them as they are now, the secret masked. Nothing
    /// is asked of the storage that they name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the setting; [`Error::Conflict`] while somebody uses the space that would go.
    pub(crate) async fn set_sync_provider(&self, caller: Caller, provider: Provider, sent: Sent) -> Result<Sent> {
        caller.may_operate()?;
        let _turn = self.sync_provider.settings.lock().await;
        let known = self.known_provider(provider).await?;
        let settings = ProviderSettings::read(&sent, &known.settings)?;
        self.check_settings(&settings, &known.settings).await?;
        let shown = settings.shown();
        self.save_provider(known.space, settings).await?;
        Ok(shown)
    }

    /// Chooses the directory to sync with. Whether it is there is seen by the next sync.
    pub(crate) async fn choose_cloud_dir(&self, caller: Caller, name: DirName) -> Result<()> {
        caller.may_operate()?;
        let provider = self.metadata.rows().sync_state().await?.provider;
        self.metadata.write(move |rows| Box::pin(async move { rows.set_cloud_name(provider, &name).await })).await
    }

    /// Changes what is set for all providers together, and answers it.
    pub(super) async fn update_sync_state(
        &self,
        change: impl FnOnce(&mut SyncState) -> Result<()> + Send + 'static,
    ) -> Result<SyncState> {
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.hold_sync_provider().await?;
                    let mut state = rows.sync_state().await?;
                    change(&mut state)?;
                    rows.set_sync_state(&state).await?;
                    Ok(state)
                })
            })
            .await
    }

    pub(super) async fn known_provider(&self, provider: Provider) -> Result<Known> {
        let stored = self.metadata.rows().sync_provider(provider).await?;
        let secret = match &stored.secret_sealed {
            None => String::new(),
            Some(sealed) => {
                self.seal.unseal(sealed, &sealed_for(provider)).map_err(Error::internal)?.expose().to_owned()
            }
        };
        let settings = ProviderSettings::from_row(provider, &stored.settings, secret)?;
        Ok(Known { settings, chosen: stored.chosen, space: stored.space })
    }

    /// The secret as its row keeps it.
    pub(super) fn sealed_secret(&self, settings: &ProviderSettings) -> Result<Option<Vec<u8>>> {
        if settings.secret().is_empty() {
            return Ok(None);
        }
        let secret = Secret::new(settings.secret());
        self.seal.seal(&secret, &sealed_for(settings.provider())).map(Some).map_err(Error::internal)
    }

    /// What must be right although nothing is required.
    async fn check_settings(&self, settings: &ProviderSettings, before: &ProviderSettings) -> Result<()> {
        match settings.provider() {
            Provider::SiYuan => {
                Err(Error::invalid("provider", "has no settings: SiYuan's own cloud is not served here"))
            }
            Provider::S3 => {
                let bucket = settings.text("bucket");
                // One that stays was judged before, and must not keep the rest from being set.
                if bucket.is_empty() || bucket == before.text("bucket") { Ok(()) } else { check_bucket(bucket) }
            }
            Provider::WebDav if settings.text("endpoint").contains("dav.jianguoyun.com") => Err(Error::invalid(
                "webdav.endpoint",
                "names Jianguoyun, which limits requests too tightly for a sync, and which SiYuan refuses too; choose another share",
            )),
            Provider::WebDav => Ok(()),
            Provider::Local => self.check_directory(settings.text("endpoint")).await,
        }
    }

    /// Whether the directory of the local provider can be one.
    async fn check_directory(&self, endpoint: &str) -> Result<()> {
        const FIELD: &str = "local.endpoint";
        if endpoint.is_empty() {
            return Err(Error::invalid(FIELD, "is missing; it must be the absolute path of a directory of the server"));
        }
        let directory = PathBuf::from(endpoint);
        if !directory.is_absolute() {
            return Err(Error::invalid(FIELD, "must be the absolute path of a directory of the server"));
        }
        let (roots, synced) = (self.rules.spaces.local_roots.clone(), self.rules.sync_provider.local_path.clone());
        let check = move || {
            if !directory.is_dir() {
                return Err(Error::invalid(FIELD, format!("`{}` is no directory of the server", directory.display())));
            }
            if !kind::is_allowed(&directory, &roots) {
                let reason = "lies in no directory that `spaces.local_roots` allows; add it to the configuration of the \
                              server";
                return Err(Error::invalid(FIELD, reason));
            }
            if synced.is_some_and(|synced| overlap(&directory, Path::new(&synced))) {
                let reason = "is, holds or lies in the directory that is synced (`sync_provider.local_path`)";
                return Err(Error::invalid(FIELD, reason));
            }
            Ok(())
        };
        tokio::task::spawn_blocking(check).await.map_err(Error::internal)?
    }
}

/// Whether one directory lies in the other, links resolved.
fn overlap(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (one, other) = (real(one), real(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// What a provider's secret is bound to: it cannot be put into the row of another.
fn sealed_for(provider: Provider) -> String {
    format!("sync_provider {}", provider.number())
}
