//! Secrets at rest: sealed with a key that lies beside the database, never in it.
//!
//! A stolen database alone gives nothing away. The seal is authenticated and bound to what the secret belongs to, so
//! that a row cannot be given another row's secret.

use crate::{config::Secret, private_file};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use std::{
    env, fmt, io,
    path::{Path, PathBuf},
};

/// Holds the master key instead of the file, as 64 hex digits: for several servers on one database, and for machines
/// whose secrets come from a vault.
pub(crate) const MASTER_KEY_VARIABLE: &str = "HOLDALL_MASTER_KEY";

/// Brings the key that `holdall credential rotate-key` changes to, where the present one is in [`MASTER_KEY_VARIABLE`].
pub(crate) const NEW_MASTER_KEY_VARIABLE: &str = "HOLDALL_MASTER_KEY_NEW";

const FILE: &str = "master.key";

/// The key of a change that is under way; see [`KeyChange`].
const NEW_FILE: &str = "master.key.new";

/// The first byte of everything sealed: XChaCha20-Poly1305, 24 bytes of nonce, then the text and its tag.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// Seals and unseals. Never printed.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
    /// Where the key came from, for messages.
    origin: String,
}

/// Why a secret cannot be sealed or unsealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("cannot use the master key {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the master key {} is missing, but the database holds secrets that were sealed with it: put it back, or set \
         {MASTER_KEY_VARIABLE}. If it is lost for good, write 64 new hex digits there: the sealed secrets are lost \
         with it, the objects are not",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("the master key in {0} must be 64 hex digits")]
    Malformed(String),
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    #[error(
        "the database holds secrets that were sealed with another master key than the one in {0}: put back the \
         `{FILE}` that belongs to this database, or set {MASTER_KEY_VARIABLE} to its content"
    )]
    WrongKey(String),
    #[error("seal a secret")]
    Cipher,
    #[error(
        "the master key is in {MASTER_KEY_VARIABLE}, so the new one must be given too: put 64 new hex digits into \
         {NEW_MASTER_KEY_VARIABLE} (`openssl rand -hex 32` makes some), run this again, and then start the server \
         with the new key in {MASTER_KEY_VARIABLE}"
    )]
    NoNewKey,
}

impl Seal {
    /// Takes the key from the environment or from the data directory.
    ///
    /// A missing file is an error: where secrets may have been sealed already, a new key would only hide that the
    /// right one is lost.
    pub(crate) fn open(data: &Path) -> Result<Self, SealError> {
        match Self::from_environment()? {
            Some(seal) => Ok(seal),
            None => Self::from_file(&data.join(FILE)),
        }
    }

    /// As [`open`](Self::open), but makes the key when there is none: for a database without secrets.
    pub(crate) fn open_or_create(data: &Path) -> Result<Self, SealError> {
        match Self::from_environment()? {
            Some(seal) => Ok(seal),
            None => Self::from_new_file(&data.join(FILE)),
        }
    }

    fn from_environment() -> Result<Option<Self>, SealError> {
        Self::from_variable(MASTER_KEY_VARIABLE)
    }

    fn from_variable(name: &'static str) -> Result<Option<Self>, SealError> {
        match env::var(name) {
            Ok(hex) => Self::from_hex(&hex, name.to_owned()).map(Some),
            Err(env::VarError::NotUnicode(_)) => Err(SealError::NotUtf8(name)),
            Err(env::VarError::NotPresent) => Ok(None),
        }
    }

    fn from_new_file(path: &Path) -> Result<Self, SealError> {
        let made = data_encoding::HEXLOWER.encode(&rand::random::<[u8; 32]>());
        // `create` keeps a key that is there; reading back finds that one, or the one of a quicker process.
        private_file::create(path, &format!("{made}\n"))
            .map_err(|source| SealError::File { path: path.to_owned(), source })?;
        Self::from_file(path)
    }

    fn from_file(path: &Path) -> Result<Self, SealError> {
        let text = private_file::read(path).map_err(|source| SealError::File { path: path.to_owned(), source })?;
        let text = text.ok_or_else(|| SealError::Missing(path.to_owned()))?;
        Self::from_hex(text.trim(), path.display().to_string())
    }

    fn from_hex(hex: &str, origin: String) -> Result<Self, SealError> {
        let malformed = || SealError::Malformed(origin.clone());
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| malformed())?;
        let key: [u8; 32] = bytes.try_into().map_err(|_| malformed())?;
        Ok(Self { cipher: XChaCha20Poly1305::new(&Key::from(key)), origin })
    }

    /// Seals `secret` for `owner`: the same secret sealed twice gives different bytes.
    pub(crate) fn seal(&self, secret: &Secret, owner: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: owner.as_bytes() };
        let body = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Cipher)?;
        Ok([&[VERSION][..], &nonce, &body].concat())
    }

    /// Unseals what [`seal`](Self::seal) made for the same `owner` with the same key; refuses anything else.
    pub(crate) fn unseal(&self, sealed: &[u8], owner: &str) -> Result<Secret, SealError> {
        let wrong = || SealError::WrongKey(self.origin.clone());
        let (version, rest) = sealed.split_first().ok_or_else(wrong)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        if *version != VERSION {
            return Err(wrong());
        }
        let payload = Payload { msg: body, aad: owner.as_bytes() };
        let text = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| wrong())?;
        String::from_utf8(text).map(Secret::new).map_err(|_| wrong())
    }
}

/// A change of the master key: the old one, the new one, and where the new one waits.
///
/// The order keeps a crash harmless: the new key is on the disk before any secret is sealed with it, the secrets change
/// in one transaction, and only then does the new file take the old one's name. A start that finds both files asks the
/// secrets which key opens them, and [`settle`](Self::settle)s the change accordingly.
pub(crate) struct KeyChange {
    pub(crate) old: Seal,
    pub(crate) new: Seal,
    /// `None`: the keys are in the environment, and whoever put them there finishes the change.
    directory: Option<PathBuf>,
}

impl KeyChange {
    /// Makes a new key and writes it beside the old one.
    ///
    /// # Errors
    /// [`SealError::NoNewKey`] when the key is in the environment and no new one is.
    pub(crate) fn begin(data: &Path) -> Result<Self, SealError> {
        if let Some(old) = Seal::from_environment()? {
            let new = Seal::from_variable(NEW_MASTER_KEY_VARIABLE)?.ok_or(SealError::NoNewKey)?;
            return Ok(Self { old, new, directory: None });
        }
        let old = Seal::from_file(&data.join(FILE))?;
        let new = Seal::from_new_file(&data.join(NEW_FILE))?;
        Ok(Self { old, new, directory: Some(data.to_owned()) })
    }

    /// The change that a crash left behind, if there is one.
    pub(crate) fn unfinished(data: &Path) -> Result<Option<Self>, SealError> {
        if Seal::from_environment()?.is_some() || !data.join(NEW_FILE).exists() {
            return Ok(None);
        }
        Self::begin(data).map(Some)
    }

    /// Ends the change: the new key takes the place of the old one, or goes.
    pub(crate) fn settle(&self, new_counts: bool) -> Result<(), SealError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let (path, new) = (directory.join(FILE), directory.join(NEW_FILE));
        let done = if new_counts { private_file::rename(&new, &path) } else { private_file::remove(&new) };
        done.map_err(|source| SealError::File { path: new, source })
    }

    /// Whether the keys are in the environment.
    pub(crate) fn is_in_environment(&self) -> bool {
        self.directory.is_none()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn open(directory: &tempfile::TempDir) -> Seal {
        Seal::from_new_file(&directory.path().join(FILE)).unwrap()
    }

    #[test]
    fn a_secret_comes_back_and_the_key_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let secret = Secret::new("wJalr/é");
        let sealed = open(&directory).seal(&secret, "credential AK1").unwrap();
        assert_eq!(open(&directory).unseal(&sealed, "credential AK1").unwrap(), secret);
        assert!(!sealed.windows(5).any(|window| window == b"wJalr"));
    }

    #[test]
    fn sealing_twice_shows_nothing_in_common() {
        let directory = tempfile::tempdir().unwrap();
        let seal = open(&directory);
        let secret = Secret::new("same");
        assert_ne!(seal.seal(&secret, "a").unwrap(), seal.seal(&secret, "a").unwrap());
    }

    #[test]
    fn another_key_another_owner_or_a_changed_byte_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let seal = open(&directory);
        let sealed = seal.seal(&Secret::new("secret"), "credential AK1").unwrap();

        let elsewhere = tempfile::tempdir().unwrap();
        let error = open(&elsewhere).unseal(&sealed, "credential AK1").unwrap_err().to_string();
        assert!(error.contains("another master key") && error.contains(FILE), "{error}");
        assert!(seal.unseal(&sealed, "credential AK2").is_err());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(seal.unseal(&changed, "credential AK1").is_err(), "byte {position}");
            assert!(seal.unseal(&sealed[..position], "credential AK1").is_err(), "cut at {position}");
        }
    }

    #[test]
    fn the_key_file_is_private_and_must_stay_so() {
        let directory = tempfile::tempdir().unwrap();
        open(&directory);
        let path = directory.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap().trim().len(), 64);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Seal::from_file(&path).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("chmod 600"), "{cause}");
    }

    #[test]
    fn a_key_is_made_once_and_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let error = Seal::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("missing") && error.contains(MASTER_KEY_VARIABLE), "{error}");
        assert!(!path.exists());

        Seal::from_new_file(&path).unwrap();
        let made = fs::read_to_string(&path).unwrap();
        Seal::from_new_file(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
    }

    #[test]
    fn a_malformed_key_is_refused_without_being_shown() {
        for hex in ["", "abc", "zz00", &"a".repeat(63), &"a".repeat(66)] {
            let error = Seal::from_hex(hex, "HERE".to_owned()).unwrap_err().to_string();
            assert_eq!(error, "the master key in HERE must be 64 hex digits");
        }
    }

    #[test]
    fn a_seal_is_not_printed() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(format!("{:?}", open(&directory)), "Seal([redacted])");
    }
}
