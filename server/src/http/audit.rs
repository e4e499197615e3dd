//! What a request was about, for the audit log: gathered where it is read, told by the entry when it ends.

use super::manage::Refusal;
use crate::domain::object::Removed;
use axum::{
    extract::FromRequestParts,
    http::{Extensions, request::Parts},
    response::Response,
};
use coordinator_types::answer::Code;
use serde_json::{Map, Value};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The fields of requests that are told: ids, names and places. What is not in this list may be a secret.
const TOLD: &[&str] = &[
    "access_key",
    "affinity",
    "bucket_name",
    "bucketid",
    "bucketname",
    "credentialid",
    "destpathes",
    "destuserspaceids",
    "enabled",
    "expires",
    "expires_in",
    "index",
    "indexes",
    "interval",
    "is_active",
    "keys",
    "method",
    "mode",
    "name",
    "newpackageid",
    "newpath",
    "object_key",
    "objectid",
    "objectids",
    "operation",
    "owner_id",
    "packageid",
    "packagename",
    "path",
    "presignedid",
    "provider",
    "region",
    "role",
    "rootpath",
    "runid",
    "spaceaffinity",
    "srcpath",
    "srcuserspaceid",
    "taskid",
    "tokenid",
    "upload",
    "user_name",
    "userspaceid",
];
/// Fields that hold lists of objects, of which the same fields are told.
const LISTS: &[&str] = &["clonings", "movings"];
/// Elements of a list that are told; of more, their number is.
const ELEMENTS: usize = 20;
/// Characters of a text that are told.
const TEXT: usize = 256;

/// What is known of one request. Cheap to clone; clones are the same note.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note(Arc<Mutex<Map<String, Value>>>);

impl Note {
    /// The note of the request with these extensions; one that nobody reads when it is not told of.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Takes from a request what may be told.
    pub(crate) fn request(&self, fields: &Map<String, Value>) {
        let mut note = self.lock();
        for (name, value) in told(fields) {
            note.insert(name, value);
        }
    }

    /// Adds one thing, which must not be a secret.
    pub(crate) fn tell(&self, name: &str, value: impl Into<Value>) {
        self.lock().insert(name.to_owned(), value.into());
    }

    /// Notes how much went with a deletion.
    pub(crate) fn tell_removed(&self, removed: Removed) {
        self.tell("removedPackages", removed.packages);
        self.tell("removedObjects", removed.objects);
    }

    /// Everything, as a JSON object.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(&*self.lock()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sync> FromRequestParts<S> for Note {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

fn told(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut told_fields = Map::new();
    for (name, value) in fields {
        let lower = name.to_ascii_lowercase();
        let value = if TOLD.contains(&lower.as_str()) {
            plain(value)
        } else if LISTS.contains(&lower.as_str()) {
            list(value, |element| element.as_object().map(|fields| Value::Object(told(fields))))
        } else {
            None
        };
        if let Some(value) = value {
            told_fields.insert(name.clone(), value);
        }
    }
    told_fields
}

/// Numbers, texts and lists of them; a nested object could hold anything.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::String(text) => Some(text.chars().take(TEXT).collect::<String>().into()),
        Value::Array(_) => list(value, |element| if element.is_array() { None } else { plain(element) }),
        Value::Null | Value::Object(_) => None,
    }
}

fn list(value: &Value, element: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let elements = value.as_array()?;
    let mut told: Vec<Value> = elements.iter().take(ELEMENTS).filter_map(element).collect();
    if elements.len() > ELEMENTS {
        told.push(format!("… {} in all", elements.len()).into());
    }
    Some(Value::Array(told))
}

/// What became of a request; left on the answer to one that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome(pub(crate) Code);

impl Outcome {
    /// The code of an answer.
    pub(crate) fn of(response: &Response) -> String {
        match response.extensions().get::<Self>() {
            Some(Self(code)) => format!("{code:?}"),
            None if response.status().is_success() => "OK".to_owned(),
            None => match response.extensions().get::<Refusal>() {
                Some(refusal) => refusal.code.to_owned(),
                None => response.status().as_str().to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Value) -> String {
        let note = Note::default();
        note.request(body.as_object().unwrap());
        note.text()
    }

    #[test]
    fn ids_and_names_are_told_and_nothing_else() {
        let body = serde_json::json!({
            "BucketID": 3, "name": "n", "userID": 1, "storage": {"type": "S3", "name": "hidden"},
            "credential": {"accessKeyId": "AK", "secretAccessKey": "SK", "name": "x"},
            "path": {"secret": 1}, "movings": [{"objectID": 4, "path": "p", "password": "x"}], "password": "x",
        });
        assert_eq!(text(body), r#"{"BucketID":3,"movings":[{"objectID":4,"path":"p"}],"name":"n"}"#);
    }

    #[test]
    fn long_lists_and_texts_are_cut() {
        let ids: Vec<i64> = (0..1000).collect();
        let told = text(serde_json::json!({"objectIDs": ids, "path": "x".repeat(5000)}));
        assert!(told.len() < 500 && told.contains("… 1000 in all"), "{told}");
    }
}
