//! How sizes, durations and optional text are written.

use serde::{Deserialize, Deserializer, de};
use std::{fmt, time::Duration};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const SIZE_HINT: &str = "a size: bytes (1048576) or text with a unit (\"64MiB\"; B, KiB, MiB, GiB or TiB)";
const DURATION_HINT: &str = "a duration: text with a unit (\"15s\"; ms, s, m, h or d)";

/// Reads bytes as an integer or as text with a unit.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Size;

    impl de::Visitor<'_> for Size {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(SIZE_HINT)
        }

        fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<u64, E> {
            Ok(bytes)
        }

        fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<u64, E> {
            u64::try_from(bytes).map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            parse_size(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Size)
}

/// Reads a duration from text with a unit. A bare number is refused: nobody could tell its unit.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Span;

    impl de::Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(DURATION_HINT)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_duration(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Span)
}

/// Reads text; the empty text means that nothing is set.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        "TiB" => TIB,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(60 * 60)?)),
        "d" => Some(Duration::from_secs(number.checked_mul(24 * 60 * 60)?)),
        _ => None,
    }
}

/// `15 s` → `(15, "s")`. The number is whole: fractions would only raise the question how they are rounded.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        let cases = [
            ("0", Some(0)),
            ("1048576", Some(MIB)),
            ("12B", Some(12)),
            ("256KiB", Some(256 * KIB)),
            ("64 MiB", Some(64 * MIB)),
            ("1GiB", Some(GIB)),
            ("3TiB", Some(3 * TIB)),
            ("64MB", None),
            ("1.5GiB", None),
            ("-1", None),
            ("", None),
            ("MiB", None),
            ("18446744073709551615TiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        let cases = [
            ("250ms", Some(Duration::from_millis(250))),
            ("15s", Some(Duration::from_secs(15))),
            ("10m", Some(Duration::from_secs(600))),
            ("24h", Some(Duration::from_secs(86_400))),
            ("7 d", Some(Duration::from_secs(604_800))),
            ("15", None),
            ("15 sec", None),
            ("-1s", None),
            ("", None),
            ("18446744073709551615d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), expected, "{text:?}");
        }
    }
}
