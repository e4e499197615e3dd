//! The folders of an ordered listing, told in its order.

/// Tells which folders begin with a key. The keys below a folder follow one another in the order of their bytes, so the
/// folders of the last key are all that has to be known.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// The last key.
    last: String,
}

impl Folders {
    /// Goes on behind `key`, which was told before.
    pub(crate) fn behind(key: &str) -> Self {
        Self { last: key.to_owned() }
    }

    /// The folders that lie above `key` and not above the one before it, outermost first, each with its slash. A key that
    /// ends with a slash is a folder itself. Folders without a name (`a//`) are passed over.
    pub(crate) fn begun_by(&mut self, key: &str) -> Vec<String> {
        let common = self.last.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
        let known = self.last.as_bytes().get(..common).unwrap_or_default();
        // A slash within what both have in common ends a folder that was told already.
        let from = known.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let begun = key.bytes().enumerate().skip(from).filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        let named = |at: &usize| *at > 0 && key.as_bytes().get(at - 1) != Some(&b'/');
        // A slash is one byte, so it never stands inside of a character.
        let folders = begun.filter(named).filter_map(|at| key.get(..=at)).map(str::to_owned).collect();
        self.last.clear();
        self.last.push_str(key);
        folders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn folders_are_told_once_before_what_lies_in_them() {
        let mut folders = Folders::default();
        assert_eq!(folders.begun_by("a-b"), [""; 0]);
        assert_eq!(folders.begun_by("a/b/c"), ["a/", "a/b/"]);
        assert_eq!(folders.begun_by("a/b/d"), [""; 0]);
        assert_eq!(folders.begun_by("a/bb/"), ["a/bb/"]);
        assert_eq!(folders.begun_by("a/bb/x"), [""; 0]);
        assert_eq!(folders.begun_by("ab/北京/x"), ["ab/", "ab/北京/"]);
        assert_eq!(folders.begun_by("b//c/x"), ["b/", "b//c/"]);
        assert_eq!(Folders::behind("a/b/c").begun_by("a/c/d"), ["a/c/"]);
        assert_eq!(Folders::default().begun_by("/x"), [""; 0]);
    }

    proptest! {
        #[test]
        fn folders_and_files_together_stay_in_order(keys in prop::collection::btree_set("[ab/é]{1,8}", 0..40)) {
            let (mut folders, mut told) = (Folders::default(), Vec::new());
            for key in &keys {
                told.extend(folders.begun_by(key));
                if !key.ends_with('/') {
                    told.push(key.clone());
                }
            }
            let ordered: BTreeSet<&String> = told.iter().collect();
            prop_assert_eq!(ordered.len(), told.len(), "nothing is told twice: {:?}", told);
            prop_assert!(told.is_sorted(), "{:?}", told);
        }
    }
}
