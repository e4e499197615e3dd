//! The admin token and the first S3 credential: made at the first start, written to `credentials.toml`; and the
//! credentials and tokens that `holdall credential` makes later.
//!
//! The file is complete on the disk before the row is written, and the row is written from the file. So whenever the
//! process dies, the next start finds either nothing, or a file that the missing row can be made from.

use crate::{
    config::{Config, Secret},
    domain::{
        self,
        access::{self, Credential, Role},
        caller::FIRST_CREDENTIAL,
        hash::Digest,
        id::TokenId,
        time::Timestamp,
    },
    metadata::Metadata,
    private_file, rotation,
    seal::{Seal, SealError},
};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use futures::FutureExt;
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
};

const FILE: &str = "credentials.toml";

/// The owner of everything that `/v1` makes without a credential of its own.
const FIRST_USER: &str = "admin";

/// What lets the operator in.
#[derive(Debug)]
pub(crate) struct Admin {
    /// Of the configuration if it sets one, else of the file.
    pub(crate) token: Secret,
    /// Where `credentials.toml` is.
    pub(crate) path: PathBuf,
}

/// An S3 key pair.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct KeyPair {
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret,
}

/// Why credentials cannot be had or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, line {line}, is not as Holdall wrote it; mend it, or remove the file to get a new admin token", path.display())]
    Malformed { path: PathBuf, line: usize },
    #[error("a name must be 1 to 255 bytes without control characters")]
    Name,
    #[error(
        "the first credential got id {0} instead of {first}, because an earlier start was interrupted: \
         drop this empty database and make it anew",
        first = FIRST_CREDENTIAL.0
    )]
    NotFirst(i64),
    #[error("there is no {what} {which}; `holdall credential list` shows them")]
    Unknown { what: &'static str, which: String },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("cannot keep credentials in the database")]
    Database(#[from] domain::Error),
}

type Result<T, E = CredentialsError> = std::result::Result<T, E>;

/// The text of `credentials.toml`.
#[derive(Debug, Deserialize)]
struct Contents {
    admin_token: Secret,
    /// Absent when the file was lost and made anew: the secret of the first credential is not shown twice.
    s3: Option<KeyPair>,
}

/// Makes what the first start must make, finishes what an interrupted start left undone, and reads the result.
///
/// Safe to call at every start and from several processes at once.
pub(crate) async fn ensure(config: &Config, metadata: &Metadata) -> Result<Admin> {
    rotation::settle(&config.data, metadata).await?;
    let path = config.data.join(FILE);
    let is_first_start = metadata.rows().credential_count().await? == 0;

    let mut contents = match read(&path)? {
        Some(contents) => contents,
        None => {
            let made = Contents { admin_token: new_token(), s3: is_first_start.then(KeyPair::generate) };
            let is_ours = private_file::create(&path, &made.to_toml()).map_err(|source| refused(&path, source))?;
            if is_ours && !is_first_start {
                tracing::warn!(path = %path.display(), "{FILE} was missing: a new admin token was made; the old one no longer enters");
            }
            // Read back, because another process may have been quicker: then its file counts.
            read(&path)?.unwrap_or(made)
        }
    };

    if is_first_start {
        let pair = match contents.s3.take() {
            Some(pair) => pair,
            None => {
                let pair = KeyPair::generate();
                contents.s3 = Some(pair.clone());
                private_file::replace(&path, &contents.to_toml()).map_err(|source| refused(&path, source))?;
                pair
            }
        };
        keep_first(config, metadata, pair).await?;
    }

    let token = config.auth.admin_token.clone().unwrap_or(contents.admin_token);
    Ok(Admin { token, path })
}

/// Makes a further S3 credential. The secret can be read here and never again.
pub(crate) async fn create(config: &Config, metadata: &Metadata, user_name: &str) -> Result<(Credential, KeyPair)> {
    check_name(user_name)?;
    let pair = KeyPair::generate();
    let sealed = pair.seal(&Seal::open(&config.data)?)?;
    let (user_name, access_key) = (user_name.to_owned(), pair.access_key.clone());
    let credential = metadata
        .write(move |rows| {
            async move { rows.insert_credential(&user_name, &access_key, &sealed, Timestamp::now()).await }.boxed()
        })
        .await?;
    Ok((credential, pair))
}

/// Makes an API token. Only its hash is kept, so it can be read here and never again.
pub(crate) async fn create_token(metadata: &Metadata, name: &str, role: Role) -> Result<Secret> {
    check_name(name)?;
    let token = new_token();
    let (name, hash) = (name.to_owned(), Digest::of(token.expose().as_bytes()).0);
    metadata
        .write(move |rows| async move { rows.insert_token(&name, &hash, role, Timestamp::now()).await }.boxed())
        .await?;
    Ok(token)
}

/// Switches a credential on or off; a running server follows at once.
pub(crate) async fn set_active(metadata: &Metadata, access_key: &str, is_active: bool) -> Result<()> {
    let key = access_key.to_owned();
    let found =
        metadata.write(move |rows| async move { rows.set_credential_active(&key, is_active).await }.boxed()).await?;
    found.then_some(()).ok_or_else(|| unknown("credential with the access key", access_key))
}

/// Removes an API token; a running server refuses it at once.
pub(crate) async fn revoke_token(metadata: &Metadata, id: i64) -> Result<()> {
    let found = metadata.write(move |rows| async move { rows.delete_token(TokenId(id)).await }.boxed()).await?;
    found.then_some(()).ok_or_else(|| unknown("token with the id", id))
}

fn unknown(what: &'static str, which: impl ToString) -> CredentialsError {
    CredentialsError::Unknown { what, which: which.to_string() }
}

async fn keep_first(config: &Config, metadata: &Metadata, pair: KeyPair) -> Result<()> {
    let sealed = pair.seal(&Seal::open_or_create(&config.data)?)?;
    let made = metadata
        .write(move |rows| {
            async move {
                // Counted again inside the transaction: another process may have written the row since.
                if rows.credential_count().await? > 0 {
                    return Ok(None);
                }
                rows.insert_credential(FIRST_USER, &pair.access_key, &sealed, Timestamp::now()).await.map(Some)
            }
            .boxed()
        })
        .await?;
    match made {
        Some(credential) if credential.id != FIRST_CREDENTIAL => Err(CredentialsError::NotFirst(credential.id.0)),
        Some(_) | None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<Contents>> {
    let Some(text) = private_file::read(path).map_err(|source| refused(path, source))? else { return Ok(None) };
    let contents = toml::from_str(&text).map_err(|error: toml::de::Error| {
        // The line's number only: its text, and the parser's message about it, may hold a secret.
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
        CredentialsError::Malformed { path: path.to_owned(), line }
    })?;
    Ok(Some(contents))
}

fn refused(path: &Path, source: io::Error) -> CredentialsError {
    CredentialsError::File { path: path.to_owned(), source }
}

fn check_name(name: &str) -> Result<()> {
    access::check_name("name", name).map_err(|_| CredentialsError::Name)
}

/// 256 random bits, in letters that need no quoting in a header, a URL or a shell.
pub(crate) fn new_token() -> Secret {
    Secret::new(BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>()))
}

impl KeyPair {
    /// The shape that S3 clients know: an access key of 20 capitals and digits, a secret of 40 letters.
    pub(crate) fn generate() -> Self {
        let access_key = format!("HA{}", &BASE32_NOPAD.encode(&rand::random::<[u8; 12]>())[..18]);
        let secret_key = Secret::new(BASE64URL_NOPAD.encode(&rand::random::<[u8; 30]>()));
        Self { access_key, secret_key }
    }

    /// What a row keeps of the secret.
    pub(crate) fn seal(&self, seal: &Seal) -> Result<Vec<u8>, SealError> {
        seal.seal(&self.secret_key, &format!("credential {}", self.access_key))
    }
}

impl Contents {
    fn to_toml(&self) -> String {
        let mut text = format!(
            "# Made by Holdall. Whoever reads this file is the operator.\n\
             # The admin token: `Authorization: Bearer …` on the JSON API.\n\
             admin_token = \"{}\"\n",
            self.admin_token.expose()
        );
        match &self.s3 {
            Some(pair) => {
                text.push_str(&format!(
                    "\n# The first S3 credential.\n[s3]\naccess_key = \"{}\"\nsecret_key = \"{}\"\n",
                    pair.access_key,
                    pair.secret_key.expose()
                ));
            }
            None => text.push_str(
                "\n# The S3 credential of the first start is not shown again: `holdall credential create` makes another.\n",
            ),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    struct World {
        directory: tempfile::TempDir,
        config: Config,
        metadata: Metadata,
    }

    impl World {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let config = Config::for_test(directory.path());
            let url = format!("sqlite://{}/test.db", directory.path().display());
            let metadata = Metadata::open(&url, &config.database).await.unwrap();
            Self { directory, config, metadata }
        }

        async fn ensure(&self) -> Admin {
            ensure(&self.config, &self.metadata).await.unwrap()
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join(FILE)
        }

        fn contents(&self) -> Contents {
            read(&self.path()).unwrap().unwrap()
        }

        async fn access_keys(&self) -> Vec<String> {
            self.metadata.rows().credentials().await.unwrap().into_iter().map(|row| row.access_key).collect()
        }
    }

    #[tokio::test]
    async fn the_first_start_makes_a_private_file_and_the_row_it_names() {
        let world = World::new().await;
        let admin = world.ensure().await;

        assert_eq!(admin.path, world.path());
        assert_eq!(fs::metadata(world.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let contents = world.contents();
        assert_eq!(contents.admin_token, admin.token);
        assert!(admin.token.expose().len() >= 43, "256 bits");
        let pair = contents.s3.unwrap();
        assert_eq!((pair.access_key.len(), pair.secret_key.expose().len()), (20, 40));
        assert_eq!(world.access_keys().await, [pair.access_key]);
    }

    #[tokio::test]
    async fn a_later_start_changes_nothing() {
        let world = World::new().await;
        world.ensure().await;
        let text = fs::read_to_string(world.path()).unwrap();
        world.ensure().await;
        assert_eq!(fs::read_to_string(world.path()).unwrap(), text);
        assert_eq!(world.access_keys().await.len(), 1);
    }

    #[tokio::test]
    async fn a_crash_between_the_file_and_the_row_is_made_good() {
        let world = World::new().await;
        let written = Contents { admin_token: new_token(), s3: Some(KeyPair::generate()) };
        private_file::create(&world.path(), &written.to_toml()).unwrap();

        let admin = world.ensure().await;
        assert_eq!(admin.token, written.admin_token);
        assert_eq!(world.access_keys().await, [written.s3.unwrap().access_key]);
    }

    #[tokio::test]
    async fn a_lost_file_is_replaced_by_one_with_a_new_token() {
        let world = World::new().await;
        let first = world.ensure().await;
        fs::remove_file(world.path()).unwrap();

        let second = world.ensure().await;
        assert_ne!(first.token, second.token);
        assert_eq!(world.contents().s3, None, "the secret is not shown twice");
        assert_eq!(world.access_keys().await.len(), 1);
        assert_eq!(world.ensure().await.token, second.token);
    }

    #[tokio::test]
    async fn a_new_database_beside_an_old_file_gets_a_credential() {
        let world = World::new().await;
        let written = Contents { admin_token: new_token(), s3: None };
        private_file::create(&world.path(), &written.to_toml()).unwrap();

        assert_eq!(world.ensure().await.token, written.admin_token);
        let pair = world.contents().s3.expect("the file was completed");
        assert_eq!(world.access_keys().await, [pair.access_key]);
    }

    #[tokio::test]
    async fn a_lost_master_key_is_not_replaced_in_silence() {
        let world = World::new().await;
        world.ensure().await;
        fs::remove_file(world.directory.path().join("master.key")).unwrap();
        let error = create(&world.config, &world.metadata, "ann").await.unwrap_err().to_string();
        assert!(error.contains("master.key"), "{error}");
        assert!(!world.directory.path().join("master.key").exists());
    }

    #[tokio::test]
    async fn the_token_of_the_configuration_wins() {
        let mut world = World::new().await;
        world.config.auth.admin_token = Some(Secret::new("mine"));
        assert_eq!(world.ensure().await.token.expose(), "mine");
        assert_ne!(world.contents().admin_token.expose(), "mine");
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_or_that_is_malformed_is_refused() {
        let world = World::new().await;
        world.ensure().await;
        fs::set_permissions(world.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let error = ensure(&world.config, &world.metadata).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("chmod 600"), "{cause}");

        fs::remove_file(world.path()).unwrap();
        private_file::create(&world.path(), "# by hand\nadmin_token = hunter2").unwrap();
        let error = ensure(&world.config, &world.metadata).await.unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn further_credentials_and_tokens_are_made_and_their_secrets_kept_out_of_the_database() {
        let world = World::new().await;
        world.ensure().await;
        let (credential, pair) = create(&world.config, &world.metadata, "ann").await.unwrap();
        assert_eq!((credential.user_name.as_str(), &credential.access_key), ("ann", &pair.access_key));

        let token = create_token(&world.metadata, "backup", Role::ReadOnly).await.unwrap();
        let hash = Digest::of(token.expose().as_bytes()).0;
        assert_eq!(world.metadata.rows().token(&hash).await.unwrap().unwrap().role, Role::ReadOnly);

        for name in ["", "two\nlines", &"n".repeat(256)] {
            assert!(create(&world.config, &world.metadata, name).await.is_err());
            assert!(create_token(&world.metadata, name, Role::Admin).await.is_err());
        }

        world.metadata.clone().close().await;
        let mut database = Vec::new();
        for entry in fs::read_dir(world.directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("test.db") {
                database.extend(fs::read(path).unwrap());
            }
        }
        let holds = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(&pair.access_key), "the search finds what is there");
        assert!(!holds(pair.secret_key.expose()) && !holds(token.expose()));
    }
}
