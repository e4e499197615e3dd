//! What is wrong with values that could be read: each problem names the key, where it was set, and the cure.

use super::{ConfigError, layer::Layers};
use std::{fmt, ops::RangeInclusive, time::Duration};

/// Collects what is wrong, so that a user mends everything at once.
pub(super) struct Problems<'a> {
    layers: &'a Layers,
    found: Vec<String>,
}

impl<'a> Problems<'a> {
    pub(super) fn of(layers: &'a Layers) -> Self {
        Self { layers, found: Vec::new() }
    }

    /// Notes that the value of `key` cannot be used. `cure` reads as a continuation: "must be …".
    pub(super) fn refuse(&mut self, key: &str, cure: impl fmt::Display) {
        let origin = self.layers.origin(key);
        self.found.push(format!("`{key}`{origin}: {cure}"));
    }

    pub(super) fn within<T: PartialOrd + fmt::Display>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            self.refuse(key, format_args!("must be {least} to {most}, not {value}"));
        }
    }

    pub(super) fn sized(&mut self, key: &str, bytes: u64, range: RangeInclusive<u64>) {
        if !range.contains(&bytes) {
            let (least, most) = (size_text(*range.start()), size_text(*range.end()));
            self.refuse(key, format_args!("must be {least} to {most}, not {}", size_text(bytes)));
        }
    }

    pub(super) fn lasts(&mut self, key: &str, span: Duration, range: RangeInclusive<Duration>) {
        if !range.contains(&span) {
            self.refuse(key, format_args!("must be {:?} to {:?}, not {span:?}", range.start(), range.end()));
        }
    }

    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.found.is_empty() { Ok(()) } else { Err(ConfigError(self.found)) }
    }
}

fn size_text(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_whole_unit() {
        assert_eq!(size_text(64 << 20), "64MiB");
        assert_eq!(size_text((1 << 20) + 1), "1048577 bytes");
        assert_eq!(size_text(0), "0 bytes");
    }
}
