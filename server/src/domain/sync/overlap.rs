//! Which tasks would feed each other: places that are the same place, and ways that lead back to where they began.

use crate::domain::id::SyncTaskId;

/// A place in the world, whichever user space leads there: which storage, and the path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The same for every way to the same storage.
    storage: String,
    /// The steps of the path.
    steps: Vec<String>,
}

impl Site {
    /// `path` with or without slashes at its ends.
    pub(crate) fn new(storage: impl Into<String>, path: &str) -> Self {
        let steps = path.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        Self { storage: storage.into(), steps }
    }

    /// Whether one lies in the other, or they are the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.storage == other.storage && self.steps.iter().zip(&other.steps).all(|(mine, theirs)| mine == theirs)
    }
}

/// What a task carries from where to where.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) task: SyncTaskId,
    pub(crate) source: Site,
    pub(crate) destinations: Vec<Site>,
}

/// The tasks, in order, through which what a new task carries from `source` to `destinations` would come back to
/// `source`; `None`: it would not. Filters are not looked at: a later change of files must not close a circle.
pub(crate) fn find_cycle(source: &Site, destinations: &[Site], flows: &[Flow]) -> Option<Vec<SyncTaskId>> {
    // Breadth first, so that the shortest way is told. `came_from` marks what was reached.
    let mut came_from: Vec<Option<Option<usize>>> = vec![None; flows.len()];
    let mut queue = std::collections::VecDeque::new();
    let reach = |sites: &[Site], from: Option<usize>, came_from: &mut Vec<Option<Option<usize>>>| {
        let mut reached = Vec::new();
        for (at, flow) in flows.iter().enumerate() {
            if came_from[at].is_none() && sites.iter().any(|site| site.overlaps(&flow.source)) {
                came_from[at] = Some(from);
                reached.push(at);
            }
        }
        reached
    };
    queue.extend(reach(destinations, None, &mut came_from));
    while let Some(at) = queue.pop_front() {
        if flows[at].destinations.iter().any(|site| site.overlaps(source)) {
            return Some(way_to(at, flows, &came_from));
        }
        queue.extend(reach(&flows[at].destinations, Some(at), &mut came_from));
    }
    None
}

fn way_to(end: usize, flows: &[Flow], came_from: &[Option<Option<usize>>]) -> Vec<SyncTaskId> {
    let mut way = vec![flows[end].task];
    let mut at = end;
    while let Some(Some(before)) = came_from[at] {
        way.push(flows[before].task);
        at = before;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Site {
        let (storage, path) = text.split_once(':').unwrap();
        Site::new(storage, path)
    }

    fn flows(all: &[(&str, &str)]) -> Vec<Flow> {
        let flow = |(at, (from, to)): (usize, &(&str, &str))| Flow {
            task: SyncTaskId(at as i64 + 1),
            source: site(from),
            destinations: vec![site("elsewhere:"), site(to)],
        };
        all.iter().enumerate().map(flow).collect()
    }

    fn cycle(from: &str, to: &str, others: &[(&str, &str)]) -> Option<Vec<i64>> {
        let way = find_cycle(&site(from), &[site(to)], &flows(others))?;
        Some(way.into_iter().map(|task| task.0).collect())
    }

    #[test]
    fn places_overlap_by_whole_steps() {
        for (one, other, expected) in [
            ("s:a/b", "s:a/b", true),
            ("s:a", "s:a/b/c", true),
            ("s:", "s:a", true),
            ("s:a", "s:ab", false),
            ("s:a/b", "s:a/c", false),
            ("s:a", "t:a", false),
            ("s:/a/", "s:a", true),
        ] {
            assert_eq!(site(one).overlaps(&site(other)), expected, "{one} {other}");
            assert_eq!(site(other).overlaps(&site(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_way_back_is_found_through_chains_and_nested_places() {
        assert_eq!(cycle("a:", "b:", &[("b:", "a:")]), Some(vec![1]));
        assert_eq!(cycle("a:x", "b:y", &[("b:", "c:"), ("d:", "a:x/z"), ("c:p", "d:q")]), Some(vec![1, 3, 2]));
        assert_eq!(cycle("a:", "b:", &[("b:", "c:"), ("c:", "b:")]), None, "a circle of others is theirs");
    }

    #[test]
    fn chains_and_fans_that_do_not_lead_back_are_fine() {
        assert_eq!(cycle("a:", "b:", &[("b:", "c:"), ("a:", "c:"), ("z:", "a:")]), None);
        assert_eq!(cycle("a:x", "b:y", &[("b:z", "a:x")]), None);
        assert_eq!(cycle("a:x", "b:y", &[("b:y", "a:w")]), None);
    }

    #[test]
    fn the_shortest_way_is_told() {
        assert_eq!(cycle("a:", "b:", &[("b:", "c:"), ("c:", "a:"), ("b:", "a:")]), Some(vec![3]));
    }
}
