//! Which fields of `_source` are shown.

use serde_json::{Map, Value};

/// The parameters `_source_includes` and `_source_excludes`: paths of fields, in which `*` stands for anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Shown {
    /// Empty: all.
    includes: Vec<String>,
    excludes: Vec<String>,
    /// `_source: false`.
    nothing: bool,
}

impl Shown {
    pub(in crate::http) fn new(includes: Vec<String>, excludes: Vec<String>) -> Self {
        Self { includes, excludes, nothing: false }
    }

    pub(in crate::http) fn nothing() -> Self {
        Self { nothing: true, ..Self::default() }
    }

    /// Whether there is a `_source` at all.
    pub(in crate::http) fn any(&self) -> bool {
        !self.nothing
    }

    /// What is shown of `source`.
    pub(in crate::http) fn of(&self, source: Map<String, Value>) -> Map<String, Value> {
        if self.includes.is_empty() && self.excludes.is_empty() {
            return source;
        }
        self.within(String::new(), source, self.includes.is_empty())
    }

    /// `whole`: everything here was asked for by the name of something around it.
    fn within(&self, path: String, fields: Map<String, Value>, whole: bool) -> Map<String, Value> {
        let kept = fields.into_iter().filter_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if self.excludes.iter().any(|pattern| matches(pattern, &path)) {
                return None;
            }
            let whole = whole || self.includes.iter().any(|pattern| matches(pattern, &path));
            let value = match value {
                Value::Object(fields) => {
                    let empty = fields.is_empty();
                    let fields = self.within(path, fields, whole);
                    (!fields.is_empty() || (whole && empty)).then_some(Value::Object(fields))
                }
                other => whole.then_some(other),
            };
            value.map(|value| (key, value))
        });
        kept.collect()
    }
}

/// Whether `pattern`, in which `*` stands for any text, is the whole of `text`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and from where in the text it would be tried next.
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(includes: &[&str], excludes: &[&str]) -> Value {
        let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
        let source =
            json!({"title": "x", "source": {"id": "a", "name": "b"}, "metadata": {"deep": {"key": 1}}, "payload": {}});
        let Value::Object(source) = source else { unreachable!("it is one") };
        Value::Object(Shown::new(owned(includes), owned(excludes)).of(source))
    }

    #[test]
    fn fields_are_shown_and_hidden() {
        assert_eq!(shown(&["title"], &[]), json!({"title": "x"}));
        assert_eq!(shown(&["source"], &[]), json!({"source": {"id": "a", "name": "b"}}));
        assert_eq!(
            shown(&["source.id", "metadata.*"], &[]),
            json!({"source": {"id": "a"}, "metadata": {"deep": {"key": 1}}})
        );
        assert_eq!(shown(&[], &["source.*", "metadata", "p*d"]), json!({"title": "x"}));
        assert_eq!(shown(&["source"], &["*.name"]), json!({"source": {"id": "a"}}));
        assert_eq!(shown(&["payload", "none"], &[]), json!({"payload": {}}));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in
            [("*", "", true), ("a*c", "abbc", true), ("a*c", "abcd", false), ("*a*a", "aba", true), ("", "a", false)]
        {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(50), &"b".repeat(5_000)));
    }
}
