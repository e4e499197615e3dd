//! Conditions and ranges of a download (RFC 9110, §13 and §14): pure.

use crate::domain::{hash::FileHash, time::Timestamp};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::ops::Range;

/// What a copy that a client holds is compared with.
pub(super) struct Validators {
    /// The hash in quotes: strong, because equal hashes are equal bytes.
    pub(super) etag: String,
    /// Seconds since the epoch: HTTP dates know no less.
    modified: i64,
}

/// What the conditions of a request say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Do as asked.
    Proceed,
    /// The client's copy is still good: 304.
    NotModified,
    /// It is not what the client wants to deal with: 412.
    Failed,
}

/// Which bytes a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them: no range, or none that we understand.
    Whole,
    Part(Range<u64>),
    /// A range that lies outside: 416.
    Unsatisfiable,
}

impl Validators {
    pub(super) fn new(hash: FileHash, updated_at: Timestamp) -> Self {
        Self { etag: format!("\"{hash}\""), modified: updated_at.0.div_euclid(1_000_000) }
    }

    /// The `Last-Modified` of the answer; `None` for a time that HTTP cannot tell.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        let instant = jiff::Timestamp::from_second(self.modified).ok()?;
        let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).ok()?;
        HeaderValue::try_from(text).ok()
    }

    /// Weighs the conditions in the order of RFC 9110, §13.2.2: a tag counts before a date. For GET and HEAD.
    pub(super) fn weigh(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(header::IF_MATCH) {
            if !self.is_listed(headers, &header::IF_MATCH, Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if let Some(date) = date(headers, &header::IF_UNMODIFIED_SINCE)
            && self.modified > date
        {
            return Verdict::Failed;
        }
        if headers.contains_key(header::IF_NONE_MATCH) {
            if self.is_listed(headers, &header::IF_NONE_MATCH, Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if let Some(date) = date(headers, &header::IF_MODIFIED_SINCE)
            && self.modified <= date
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// The bytes that `Range` asks for, unless `If-Range` says that the client's copy is of other content.
    pub(super) fn wanted(&self, headers: &HeaderMap, size: u64) -> Wanted {
        let mut ranges = headers.get_all(header::RANGE).iter();
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::Whole };
        if headers.contains_key(header::IF_RANGE) {
            let same_tag = self.is_listed(headers, &header::IF_RANGE, Comparison::Strong);
            if !same_tag && date(headers, &header::IF_RANGE) != Some(self.modified) {
                return Wanted::Whole;
            }
        }
        range.to_str().map_or(Wanted::Whole, |range| parse_range(range, size))
    }

    fn is_listed(&self, headers: &HeaderMap, name: &HeaderName, comparison: Comparison) -> bool {
        let mut tags = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        tags.any(|tag| match (tag.trim(), comparison) {
            ("*", _) => true,
            (tag, Comparison::Strong) => tag == self.etag,
            (tag, Comparison::Weak) => tag.strip_prefix("W/").unwrap_or(tag) == self.etag,
        })
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

/// One range of bytes. Several ranges, other units and what cannot be read are ignored, as RFC 9110 allows: the
/// client then gets the whole, and sees so by the status.
fn parse_range(text: &str, size: u64) -> Wanted {
    let Some((unit, range)) = text.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::Whole };
    let number = |digits: &str| -> Option<u64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for us lies behind the end of everything.
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let range = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        // The last so many bytes.
        (None, Some(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Unsatisfiable } else { Wanted::Part(range) }
}

/// The time of a header, in any of the three forms that RFC 9110 makes readers accept.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    if let Ok(instant) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text) {
        return Some(instant.as_second());
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let civil = obsolete.iter().find_map(|format| jiff::civil::DateTime::strptime(format, text).ok())?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAME: &str = "\"FullABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB\"";
    /// 784111777 s after the epoch.
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn validators() -> Validators {
        Validators::new(FileHash::Full([0xab; 32]), Timestamp(784_111_777_999_999))
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_answer_tells_tag_and_date() {
        assert_eq!(validators().etag, SAME);
        assert_eq!(validators().last_modified().unwrap(), THEN);
    }

    #[test]
    fn conditions_are_weighed_in_order() {
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        let weak = format!("W/{SAME}");
        let listed = format!("\"x\", {SAME}");
        let cases: &[(&[(HeaderName, &str)], Verdict)] = &[
            (&[], Verdict::Proceed),
            (&[(IF_MATCH, SAME)], Verdict::Proceed),
            (&[(IF_MATCH, "*")], Verdict::Proceed),
            (&[(IF_MATCH, "\"x\"")], Verdict::Failed),
            (&[(IF_MATCH, &weak)], Verdict::Failed),
            (&[(IF_UNMODIFIED_SINCE, THEN)], Verdict::Proceed),
            (&[(IF_UNMODIFIED_SINCE, BEFORE)], Verdict::Failed),
            (&[(IF_UNMODIFIED_SINCE, "yesterday")], Verdict::Proceed),
            (&[(IF_MATCH, SAME), (IF_UNMODIFIED_SINCE, BEFORE)], Verdict::Proceed),
            (&[(IF_NONE_MATCH, SAME)], Verdict::NotModified),
            (&[(IF_NONE_MATCH, &weak)], Verdict::NotModified),
            (&[(IF_NONE_MATCH, &listed)], Verdict::NotModified),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, SAME)], Verdict::NotModified),
            (&[(IF_NONE_MATCH, "*")], Verdict::NotModified),
            (&[(IF_NONE_MATCH, "\"x\"")], Verdict::Proceed),
            (&[(IF_MODIFIED_SINCE, THEN)], Verdict::NotModified),
            (&[(IF_MODIFIED_SINCE, AFTER)], Verdict::NotModified),
            (&[(IF_MODIFIED_SINCE, BEFORE)], Verdict::Proceed),
            (&[(IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:37 GMT")], Verdict::NotModified),
            (&[(IF_MODIFIED_SINCE, "Sun Nov  6 08:49:37 1994")], Verdict::NotModified),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, AFTER)], Verdict::Proceed),
            (&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, SAME)], Verdict::Failed),
        ];
        for (sent, verdict) in cases {
            assert_eq!(&validators().weigh(&headers(sent)), verdict, "{sent:?}");
        }
    }

    #[test]
    fn a_single_range_is_served_and_any_other_ignored() {
        for (text, wanted) in [
            ("bytes=0-3", Wanted::Part(0..4)),
            ("bytes=4-", Wanted::Part(4..10)),
            ("bytes=4-99", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("Bytes = 1-1", Wanted::Part(1..2)),
            ("bytes=1-18446744073709551615", Wanted::Part(1..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=3-1", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=x-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ] {
            assert_eq!(validators().wanted(&headers(&[(header::RANGE, text)]), 10), wanted, "{text}");
        }
        assert_eq!(validators().wanted(&headers(&[(header::RANGE, "bytes=0-")]), 0), Wanted::Unsatisfiable);
        let twice = headers(&[(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=2-3")]);
        assert_eq!(validators().wanted(&twice, 10), Wanted::Whole);
    }

    #[test]
    fn a_range_of_other_content_is_not_mixed_in() {
        let wanted =
            |copy: &str| validators().wanted(&headers(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, copy)]), 10);
        assert_eq!(wanted(SAME), Wanted::Part(1..3));
        assert_eq!(wanted(THEN), Wanted::Part(1..3));
        assert_eq!(wanted(&format!("W/{SAME}")), Wanted::Whole);
        assert_eq!(wanted("\"x\""), Wanted::Whole);
        assert_eq!(wanted(AFTER), Wanted::Whole);
        assert_eq!(wanted("rubbish"), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_range_stays_within(text in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}", size in 0u64..100) {
            if let Wanted::Part(range) = parse_range(&text, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }

        #[test]
        fn no_header_makes_it_panic(text in "[ -~]{0,40}") {
            let sent = headers(&[(header::RANGE, &text), (header::IF_RANGE, &text), (header::IF_MODIFIED_SINCE, &text)]);
            let _ = (validators().weigh(&sent), validators().wanted(&sent, 10));
        }
    }
}
