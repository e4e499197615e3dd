//! Instants, kept as microseconds so that every database stores and orders them alike.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Timestamp(pub(crate) i64);

impl Timestamp {
    /// The present, by this machine's clock.
    pub(crate) fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// This instant less `age`; the far past when that is before what can be told.
    pub(crate) fn minus(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(micros(age)))
    }

    /// This instant and `span` more.
    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The second of it, since the epoch.
    pub(crate) fn second(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// As the standard library tells time.
    pub(crate) fn to_system(self) -> std::time::SystemTime {
        let span = Duration::from_micros(self.0.unsigned_abs());
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        let told = if self.0 < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) };
        told.unwrap_or(epoch)
    }

    /// Reads RFC 3339 with an offset; `None`: it is something else, or out of range.
    pub(crate) fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|instant| Self(instant.as_microsecond()))
    }

    /// `2026-11-21 09:03:22`, in UTC, as SiYuan shows times.
    pub(crate) fn to_plain(self) -> String {
        let instant = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// RFC 3339 with a numeric offset and only the digits of a second that say something,
    /// as the `/v1` contract shows: `2026-11-21T09:03:22.5+00:00`.
    pub(crate) fn to_rfc3339(self) -> String {
        let instant = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let mut text = instant.to_string();
        if text.ends_with('Z') {
            text.truncate(text.len() - 1);
        }
        text.push_str("+00:00");
        text
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_its_offset() {
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00+00:00");
        assert_eq!(Timestamp(1_500_000).to_plain(), "1970-01-01 00:00:01");
        assert_eq!(Timestamp(1_500_000).to_rfc3339(), "1970-01-01T00:00:01.5+00:00");
    }

    #[test]
    fn a_time_is_read_with_its_offset() {
        assert_eq!(Timestamp::from_rfc3339("1970-01-01T01:00:00.5+01:00"), Some(Timestamp(500_000)));
        assert_eq!(Timestamp::from_rfc3339("1970-01-01T00:00:00Z"), Some(Timestamp(0)));
        for bad in ["", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z"] {
            assert_eq!(Timestamp::from_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_far_past_does_not_wrap() {
        assert!(Timestamp(0).minus(Duration::MAX) < Timestamp(0));
        assert!(Timestamp(0).plus(Duration::MAX) > Timestamp(0));
    }
}
