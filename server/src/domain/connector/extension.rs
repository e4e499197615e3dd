//! Which keys a datasource is about, by the extensions of their names.

use crate::domain::{Error, Result};
use serde_json::Value;

/// The extensions to take; none named: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extensions(Vec<String>);

impl Extensions {
    /// Reads the list of a configuration: in any case, with or without a dot in front; `tar.gz` has a dot within.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is anything but a list of texts.
    pub(crate) fn read(value: Option<&Value>) -> Result<Self> {
        let wrong =
            || Error::invalid("connector.config.extensions", "must be a list of texts such as [\"pdf\", \"tar.gz\"]");
        let list = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(wrong()),
        };
        let texts = list.iter().map(|value| value.as_str().ok_or_else(wrong)).collect::<Result<Vec<_>>>()?;
        let plain = |text: &str| text.trim().trim_start_matches('.').to_lowercase();
        Ok(Self(texts.into_iter().map(plain).filter(|text| !text.is_empty()).map(|text| format!(".{text}")).collect()))
    }

    /// Whether every key passes.
    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the name of an object, its key from the last slash on, has one of them.
    pub(crate) fn take(&self, name: &str) -> bool {
        if self.is_everything() {
            return true;
        }
        let name = name.to_lowercase();
        self.0.iter().any(|extension| name.ends_with(extension.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_taken_by_their_ends() {
        let of = |list: Value| Extensions::read(Some(&list)).unwrap();
        for written in ["pdf", "PDF", ".pdf", " .Pdf "] {
            assert!(of(json!([written])).take("a.PDF") && !of(json!([written])).take("apdf"), "{written}");
        }
        assert!(of(json!(["tar.gz"])).take("x.tar.gz") && !of(json!(["tar.gz"])).take("x.gz"));
        assert!(of(json!(["gz"])).take("x.tar.gz"));
        assert!(of(json!(["env"])).take(".env") && !of(json!(["env"])).take("readme"));
        assert!(!of(json!(["*"])).take("a.txt"), "a star means nothing");
        assert!(of(json!([])).take("anything") && of(json!(["", "."])).take("anything"));
        assert!(Extensions::read(Some(&json!("pdf"))).is_err() && Extensions::read(Some(&json!([1]))).is_err());
    }
}
