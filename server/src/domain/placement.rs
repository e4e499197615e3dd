//! Which spaces receive the shards of a chunk: a pure function of policy, preference and health.

use super::{Error, Result, id::SpaceId};

/// What placement knows of one space.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) id: SpaceId,
    pub(crate) name: String,
    pub(crate) standing: Standing,
    /// Whether a write has failed there a moment ago: it comes last.
    pub(crate) shaky: bool,
}

/// Whether a space can take shards now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Healthy,
    /// It answers, but has no room.
    Full,
    /// It does not answer, or is not the space it was.
    Offline,
}

/// Chooses `needed` different healthy spaces: `affinity` first, then by id, those that just failed a write last.
///
/// # Errors
/// [`Error::NoRoom`] when full spaces are the reason that there are too few,
/// [`Error::TooFewSpaces`] otherwise; both say how many are needed and how each space stands.
pub(crate) fn place(needed: usize, affinity: Option<SpaceId>, spaces: &[Candidate]) -> Result<Vec<SpaceId>> {
    let mut healthy: Vec<&Candidate> = spaces.iter().filter(|space| space.standing == Standing::Healthy).collect();
    healthy.sort_unstable_by_key(|space| (space.shaky, Some(space.id) != affinity, space.id));
    if healthy.len() >= needed {
        return Ok(healthy.into_iter().take(needed).map(|space| space.id).collect());
    }
    let names = |standing| {
        let names: Vec<&str> =
            spaces.iter().filter(|space| space.standing == standing).map(|space| space.name.as_str()).collect();
        names.join(", ")
    };
    let full = names(Standing::Full);
    let offline = names(Standing::Offline);
    let mut message = format!(
        "the redundancy asked for needs {needed} healthy user space(s) with a shard store, but there are {}",
        healthy.len()
    );
    for (label, names) in [("full", &full), ("offline", &offline)] {
        if !names.is_empty() {
            message.push_str(&format!("; {label}: {names}"));
        }
    }
    Err(if full.is_empty() { Error::TooFewSpaces(message) } else { Error::NoRoom(message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(id: i64, standing: Standing) -> Candidate {
        Candidate { id: SpaceId(id), name: format!("s{id}"), standing, shaky: false }
    }

    #[test]
    fn the_preferred_space_comes_first_when_it_is_healthy() {
        let spaces = [space(1, Standing::Healthy), space(2, Standing::Healthy), space(3, Standing::Offline)];
        assert_eq!(place(1, Some(SpaceId(2)), &spaces).unwrap(), [SpaceId(2)]);
        assert_eq!(place(1, Some(SpaceId(3)), &spaces).unwrap(), [SpaceId(1)]);
    }

    #[test]
    fn copies_never_share_a_space_and_too_few_spaces_are_refused() {
        let spaces = [space(1, Standing::Healthy), space(2, Standing::Healthy)];
        assert_eq!(place(2, None, &spaces).unwrap(), [SpaceId(1), SpaceId(2)]);
        let error = place(3, None, &spaces).unwrap_err();
        assert!(matches!(&error, Error::TooFewSpaces(text) if text.contains("needs 3")), "{error}");
    }

    #[test]
    fn a_space_that_failed_a_moment_ago_comes_last() {
        let mut spaces = [space(1, Standing::Healthy), space(2, Standing::Healthy)];
        spaces[0].shaky = true;
        assert_eq!(place(1, Some(SpaceId(1)), &spaces).unwrap(), [SpaceId(2)]);
        assert_eq!(place(2, None, &spaces).unwrap(), [SpaceId(2), SpaceId(1)]);
    }

    #[test]
    fn a_full_space_is_named() {
        let spaces = [space(1, Standing::Full), space(2, Standing::Offline)];
        let error = place(1, None, &spaces).unwrap_err();
        assert!(matches!(&error, Error::NoRoom(text) if text.contains("full: s1") && text.contains("offline: s2")));
    }
}
