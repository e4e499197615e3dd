//! The hours of a day in which a task may work.

use crate::domain::{Error, Result, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60;

/// From one minute of the day up to another, every day, at a fixed distance from UTC. One that ends before it begins
/// goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeWindow {
    from: u16,
    to: u16,
    /// Minutes east of UTC.
    offset: i16,
}

impl TimeWindow {
    /// Reads `22:00`, `06:30`, `+08:00`.
    ///
    /// # Errors
    /// Names the field below `field` that cannot be meant.
    pub(crate) fn parse(field: &str, from: &str, to: &str, offset: &str) -> Result<Self> {
        let clock = |name: &str, text: &str| {
            let minutes = minutes_of(text).filter(|minutes| *minutes < 24 * 60);
            minutes.ok_or_else(|| {
                Error::invalid(
                    format!("{field}.{name}"),
                    format!("must be a time of day such as `22:00`, not `{text}`"),
                )
            })
        };
        let (from, to) = (clock("from", from)?, clock("to", to)?);
        if from == to {
            return Err(Error::invalid(format!("{field}.to"), "must differ from `from`: such a window never opens"));
        }
        let shift = offset_of(offset).ok_or_else(|| {
            Error::invalid(
                format!("{field}.offset"),
                format!("must be a distance from UTC such as `+08:00` or `Z`, not `{offset}`"),
            )
        })?;
        Ok(Self { from, to, offset: shift })
    }

    /// `from`, `to` and `offset` as [`parse`](Self::parse) reads them.
    pub(crate) fn texts(self) -> [String; 3] {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let sign = if self.offset < 0 { '-' } else { '+' };
        [clock(self.from), clock(self.to), format!("{sign}{}", clock(self.offset.unsigned_abs()))]
    }

    /// Whether it is open at an instant.
    pub(crate) fn is_open(self, now: Timestamp) -> bool {
        let minute = self.minute(now);
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// How long from `now` until it opens; nothing while it is open.
    pub(crate) fn opens_in(self, now: Timestamp) -> Duration {
        if self.is_open(now) {
            return Duration::ZERO;
        }
        let minutes = (i64::from(self.from) - self.minute(now)).rem_euclid(DAY);
        let within_minute = now.0.rem_euclid(MINUTE);
        Duration::from_micros(u64::try_from(minutes * MINUTE - within_minute).unwrap_or_default())
    }

    fn minute(self, now: Timestamp) -> i64 {
        (now.0.div_euclid(MINUTE) + i64::from(self.offset)).rem_euclid(DAY)
    }
}

/// `hh:mm` in minutes.
fn minutes_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, most: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number <= most)
    };
    Some(number(hours, 23)? * 60 + number(minutes, 59)?)
}

fn offset_of(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    // No place on Earth is further from UTC.
    let minutes = minutes_of(rest).filter(|minutes| *minutes <= 14 * 60)?;
    i16::try_from(minutes).ok().map(|minutes| sign * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64, minutes: i64) -> Timestamp {
        Timestamp((hours * 60 + minutes) * MINUTE + 1)
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let night = TimeWindow::parse("w", "22:00", "06:00", "Z").unwrap();
        for (hours, open) in [(21, false), (22, true), (23, true), (0, true), (5, true), (6, false), (12, false)] {
            assert_eq!(night.is_open(at(hours, 30)), open, "{hours}:30");
        }
        assert!(!night.is_open(at(6, 0)) && night.is_open(at(22, 0)));
        assert_eq!(night.opens_in(at(23, 0)), Duration::ZERO);
        assert_eq!(night.opens_in(Timestamp(21 * 60 * MINUTE)), Duration::from_secs(3600));
        assert!(night.is_open(Timestamp(at(6, 0).0).plus(night.opens_in(at(6, 0)))));
    }

    #[test]
    fn a_window_stands_at_its_distance_from_utc() {
        let morning = TimeWindow::parse("w", "08:00", "09:00", "+08:00").unwrap();
        assert!(morning.is_open(at(0, 30)) && !morning.is_open(at(8, 30)));
        assert!(morning.is_open(Timestamp(-86_400_000_000 + 30 * MINUTE)), "before 1970 too");
        assert_eq!(morning.texts(), ["08:00", "09:00", "+08:00"]);
    }

    #[test]
    fn what_is_no_time_is_refused_by_its_field() {
        for (from, to, offset, field) in [
            ("24:00", "06:00", "Z", "w.from"),
            ("7:00", "06:00", "Z", "w.from"),
            ("+7:00", "06:00", "Z", "w.from"),
            ("22:00", "06:60", "Z", "w.to"),
            ("22:00", "22:00", "Z", "w.to"),
            ("22:00", "06:00", "8", "w.offset"),
            ("22:00", "06:00", "", "w.offset"),
            ("22:00", "06:00", "ü8:00", "w.offset"),
            ("22:00", "06:00", "+15:00", "w.offset"),
        ] {
            let error = TimeWindow::parse("w", from, to, offset).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{error}");
        }
    }
}
