//! Seek paging: where a listing goes on.

use super::{Error, Result, name::MAX_PATH};

/// The most entries a page may hold, and the default.
pub(crate) const MAX_KEYS: usize = 1000;

/// Where a listing goes on: behind an object, or behind everything below a common prefix.
///
/// It names a place in the order of keys, not a row: it stays valid when objects come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    AfterObject(String),
    AfterPrefix(String),
}

impl Position {
    /// The first text that can follow this position.
    ///
    /// Keys hold no NUL, so `key` followed by U+0001 is the smallest text greater than `key`; what
    /// follows everything below a prefix is that prefix with its last character counted up.
    pub(crate) fn bound(&self) -> Option<String> {
        match self {
            Self::AfterObject(key) => Some(format!("{key}\u{1}")),
            Self::AfterPrefix(prefix) => successor(prefix),
        }
    }

    /// The opaque token a client sends back.
    pub(crate) fn to_token(&self) -> String {
        let (kind, text) = match self {
            Self::AfterObject(key) => ('o', key),
            Self::AfterPrefix(prefix) => ('p', prefix),
        };
        data_encoding::BASE64URL_NOPAD.encode(format!("1{kind}{text}").as_bytes())
    }

    /// Reads a token back.
    pub(crate) fn from_token(field: &'static str, token: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid(
                field,
                "is not a token of this listing: send back what the previous page answered, or nothing",
            )
        };
        if token.len() > 2 * MAX_PATH {
            return Err(invalid());
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| invalid())?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        if text.contains('\0') {
            return Err(invalid());
        }
        match (text.get(..2), text.get(2..)) {
            (Some("1o"), Some(key)) => Ok(Self::AfterObject(key.to_owned())),
            (Some("1p"), Some(prefix)) => Ok(Self::AfterPrefix(prefix.to_owned())),
            _ => Err(invalid()),
        }
    }
}

/// The smallest text greater than every text that starts with `prefix`; `None` when there is none
/// (an empty prefix, or one of nothing but the last character of Unicode).
pub(crate) fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = next_char(last) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// The character after `c` in the order of UTF-8 bytes, which is the order of code points without the surrogates.
fn next_char(c: char) -> Option<char> {
    match c {
        '\u{d7ff}' => Some('\u{e000}'),
        other => char::from_u32(other as u32 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_foreign_token_is_refused() {
        for bad in ["x", "123456", "====", "MXhh", &"A".repeat(5000)] {
            assert!(Position::from_token("continuationToken", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_token_survives_the_client(key in "[^\\x00]{0,60}", prefix: bool) {
            let position = if prefix { Position::AfterPrefix(key) } else { Position::AfterObject(key) };
            prop_assert_eq!(Position::from_token("t", &position.to_token()).unwrap(), position);
        }

        #[test]
        fn no_token_makes_the_reader_panic(token in ".{0,80}") {
            let _ = Position::from_token("t", &token);
        }

        #[test]
        fn nothing_lies_between_a_key_and_its_bound(key in "[^\\x00]{1,8}", other in "[^\\x00]{1,8}") {
            let bound = Position::AfterObject(key.clone()).bound().unwrap();
            prop_assert_eq!(other > key, other >= bound);
        }

        #[test]
        fn a_successor_is_behind_everything_below_the_prefix(prefix in ".{1,6}", rest in ".{0,6}", other in ".{1,8}") {
            let Some(next) = successor(&prefix) else { return Ok(()) };
            let below = format!("{prefix}{rest}");
            prop_assert!(below < next);
            if other > prefix && !other.starts_with(&prefix) {
                prop_assert!(other >= next);
            }
        }
    }
}
