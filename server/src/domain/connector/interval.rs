//! Durations as the connector's clients write them: those of Go, such as `30s`, `1h30m` or `250ms`.

use crate::domain::{Error, Result};
use std::time::Duration;

/// No datasource is listed more often than this, nor more rarely than once in a year.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a duration, <https://pkg.go.dev/time#ParseDuration>; shorter ones than a second count as one.
///
/// # Errors
/// [`Error::Invalid`] for `field`.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Duration> {
    let seconds = seconds(text.trim()).ok_or_else(|| {
        Error::invalid(field, format!("`{}` is no duration; write `30s`, `5m` or `1h30m`", short(text)))
    })?;
    let span = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST);
    if span > LONGEST {
        return Err(Error::invalid(field, "must be at most a year"));
    }
    Ok(span.max(SHORTEST))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn seconds(mut text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    if text.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(end);
        total += number
            * match unit {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        text = rest;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_are_read() {
        for (text, millis) in
            [("30s", 30_000), ("1h30m", 5_400_000), ("1.5s", 1_500), ("250ms", 1_000), ("0", 1_000), ("90m", 5_400_000)]
        {
            assert_eq!(parse("interval", text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "30", "s", "-5s", "1d", "1 s", "1..5s", ".s", "99999999h", "x"] {
            assert!(parse("interval", bad).is_err(), "{bad}");
        }
    }
}
