//! Between the types of S3 and ours.

use crate::domain::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{self, ETag, EncodingType};
use std::time::{Duration, SystemTime};

/// All but what stays as it is in a key that is sent with `encoding-type=url`.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'*');

/// A key as the client wants to see it in XML, which cannot hold every character.
pub(super) fn shown(key: &str, encoding: Option<&EncodingType>) -> String {
    match encoding.map(EncodingType::as_str) {
        Some("url") => utf8_percent_encode(key, KEPT).to_string(),
        _ => key.to_owned(),
    }
}

/// A key in the path of an address.
pub(super) fn encoded(key: &str) -> String {
    utf8_percent_encode(key, KEPT).to_string()
}

pub(super) fn timestamp(time: Timestamp) -> dto::Timestamp {
    let micros = u64::try_from(time.0).unwrap_or(0);
    dto::Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
}

/// The second of an instant, which is all that HTTP dates tell.
pub(super) fn second(time: Timestamp) -> i64 {
    time.second()
}

/// The second of a date that a client sent.
pub(super) fn second_of(date: &dto::Timestamp) -> i64 {
    let time: time::OffsetDateTime = date.clone().into();
    time.unix_timestamp()
}

pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_where_it_is_asked_for() {
        let url = EncodingType::from_static(EncodingType::URL);
        assert_eq!(shown("a b+c/д\n", Some(&url)), "a%20b%2Bc/%D0%B4%0A");
        assert_eq!(shown("a b", None), "a b");
    }

    #[test]
    fn instants_keep_their_second() {
        let time = Timestamp(1_700_000_000_123_456);
        assert_eq!(second_of(&timestamp(time)), second(time));
    }
}
