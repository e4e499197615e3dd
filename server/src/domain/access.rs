//! Credentials and API tokens, as they are listed: without what would let anybody in.

use super::{
    Error, Result,
    caller::Caller,
    id::{CredentialId, TokenId},
    time::Timestamp,
};
use std::{borrow::Cow, ops::RangeInclusive};

/// An S3 credential, which is also an owner of buckets.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) user_name: String,
    pub(crate) access_key: String,
    pub(crate) is_active: bool,
    pub(crate) created_at: Timestamp,
}

/// What an API token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    ReadOnly,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Admin, Self::ReadOnly].into_iter().find(|role| role.as_str() == name)
    }

    pub(crate) fn caller(self) -> Caller {
        match self {
            Self::Admin => Caller::Admin,
            Self::ReadOnly => Caller::Reader,
        }
    }
}

/// An API token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// The longest name of an owner or a token, in bytes.
const NAME: usize = 255;
/// What signers put between slashes and commas, so that it must hold neither.
const ACCESS_KEY: RangeInclusive<usize> = 3..=128;
/// A shorter secret can be guessed from one signature.
const SECRET_KEY: RangeInclusive<usize> = 16..=128;

/// The name of an owner or a token: 1 to 255 bytes without control characters.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME {
        return Err(Error::invalid(field, format!("must be 1 to {NAME} bytes long, not {}", name.len())));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

/// An access key that a user chose.
pub(crate) fn check_access_key(key: &str) -> Result<()> {
    check_length("access_key", key, ACCESS_KEY)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if key.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Error::invalid("access_key", "must be letters, digits, `-`, `_` and `.`: signatures name it between slashes"))
}

/// A secret key that a user chose. What it was is not repeated.
pub(crate) fn check_secret_key(secret: &str) -> Result<()> {
    check_length("secret_key", secret, SECRET_KEY)?;
    if secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::invalid("secret_key", "must be printable ASCII without spaces"))
}

fn check_length(field: impl Into<Cow<'static, str>>, text: &str, range: RangeInclusive<usize>) -> Result<()> {
    if range.contains(&text.len()) {
        return Ok(());
    }
    let reason = format!("must be {} to {} characters long, not {}", range.start(), range.end(), text.len());
    Err(Error::invalid(field, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_servers_are_taken_and_keys_that_break_signatures_are_not() {
        for good in ["AKIAIOSFODNN7EXAMPLE", "0555b35654ad1656d804", "a-b_c.d"] {
            assert!(check_access_key(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "a/b", "a,b", "a b", "ключ", &"x".repeat(129)] {
            assert!(check_access_key(bad).is_err(), "{bad}");
        }
        for good in
            ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q=="]
        {
            assert!(check_secret_key(good).is_ok(), "{good}");
        }
        for bad in ["", "short", &"x".repeat(129), "sixteen or more but spaces"] {
            let error = check_secret_key(bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn a_role_survives_its_name() {
        for role in [Role::Admin, Role::ReadOnly] {
            assert_eq!(Role::named(role.as_str()), Some(role));
        }
        assert_eq!(Role::named("owner"), None);
    }
}
