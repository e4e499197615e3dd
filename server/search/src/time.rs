//! Times in filters.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// Reads an RFC 3339 time, or a date of UTC: its first millisecond, or its last when `end` says so. Milliseconds since
/// 1970; nothing for what is neither.
pub(crate) fn millis(text: &str, end: bool) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let date: Date = if text.len() == 10 { text.parse().ok()? } else { return None };
    let day = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let day = if end { day.checked_add(24.hours()).ok()?.as_millisecond() - 1 } else { day.as_millisecond() };
    Some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_are_milliseconds() {
        assert_eq!(millis("1970-01-02T00:00:00.5Z", false), Some(86_400_500));
        assert_eq!(millis("1970-01-02T02:00:00+02:00", false), Some(86_400_000));
        assert_eq!(millis("1970-01-02", false), Some(86_400_000));
        assert_eq!(millis("1970-01-02", true), Some(2 * 86_400_000 - 1));
        assert_eq!([millis("yesterday", false), millis("", true), millis("1970-13-01", false)], [None; 3]);
    }
}
