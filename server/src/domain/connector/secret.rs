//! Secrets inside of what callers configure: taken out, marked, and put back.
//!
//! A body is kept with [`MASK`] at the place of each secret; the secrets themselves go beside it, sealed. So what is
//! answered, logged or searched cannot hold one, and a body that comes back with its marks changes nothing.

use serde_json::{Map, Value};

/// What stands for a secret in answers.
pub(crate) const MASK: &str = "******";

/// Words in names of fields whose values are secrets; compared in small letters, without `_` and `-`.
const SECRET_WORDS: [&str; 7] = ["secret", "password", "passwd", "token", "privatekey", "apikey", "credentials"];

/// The secrets of one body, by their places: JSON pointers, <https://www.rfc-editor.org/rfc/rfc6901>.
pub(crate) type Secrets = Map<String, Value>;

/// Whether a field of this name holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    SECRET_WORDS.iter().any(|word| plain.contains(word))
}

/// Whether a value was sent to say that the secret stays as it is.
fn is_mask(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() >= 3 && text.bytes().all(|byte| byte == b'*'))
}

/// Takes the secrets out of `body` and leaves marks. A mark that was sent stands for the secret of `before` at the same
/// place; where there is none, the field goes.
pub(crate) fn take(body: &mut Map<String, Value>, before: &Secrets) -> Secrets {
    let mut taken = Secrets::new();
    take_from(body, "", before, &mut taken);
    taken
}

/// The body with its secrets in place.
pub(crate) fn put_back(body: &Map<String, Value>, secrets: &Secrets) -> Map<String, Value> {
    let mut whole = Value::Object(body.clone());
    for (place, secret) in secrets {
        if let Some(value) = whole.pointer_mut(place) {
            *value = secret.clone();
        }
    }
    match whole {
        Value::Object(fields) => fields,
        // It was made as an object above.
        _ => Map::new(),
    }
}

fn take_from(fields: &mut Map<String, Value>, path: &str, before: &Secrets, taken: &mut Secrets) {
    fields.retain(|name, value| {
        let place = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        take_value(is_secret(name), value, place, before, taken)
    });
}

/// Tells whether the value stays.
fn take_value(secret: bool, value: &mut Value, place: String, before: &Secrets, taken: &mut Secrets) -> bool {
    match value {
        Value::Object(below) => take_from(below, &place, before, taken),
        Value::Array(list) => {
            for (at, element) in list.iter_mut().enumerate() {
                if !take_value(secret, element, format!("{place}/{at}"), before, taken) {
                    // The places of the others must not move.
                    *element = Value::Null;
                }
            }
        }
        Value::String(_) | Value::Number(_) if secret => {
            if value.as_str() == Some("") {
                return true;
            }
            let kept = if is_mask(value) { before.get(&place).cloned() } else { Some(value.take()) };
            let Some(kept) = kept else { return false };
            taken.insert(place, kept);
            *value = Value::from(MASK);
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in
            ["secret_access_key", "password", "token", "access_token", "refresh_token", "Client-Secret", "apiKey"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["access_key_id", "bucket", "endpoint", "use_ssl", "name", "key"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_is_taken_out_comes_back() {
        let sent = object(json!({"config": {
            "access_key_id": "AK", "secret_access_key": "SK", "deep": [{"my/token": "T"}, {"a": 1}], "token": ["x", "y"],
            "password": "",
        }}));
        let mut body = sent.clone();
        let secrets = take(&mut body, &Secrets::new());
        let text = serde_json::to_string(&body).unwrap();
        assert!(!text.contains("SK") && !text.contains("\"T\"") && !text.contains("\"x\""), "{text}");
        assert_eq!(body["config"]["secret_access_key"], MASK);
        assert_eq!(put_back(&body, &secrets), sent);
    }

    #[test]
    fn a_mark_keeps_the_secret_and_anything_else_replaces_it() {
        let before = take(&mut object(json!({"config": {"password": "old", "token": "t"}})), &Secrets::new());
        let mut body = object(json!({"config": {"password": MASK, "token": "new", "secret": "****"}}));
        let secrets = take(&mut body, &before);
        assert_eq!(put_back(&body, &secrets), object(json!({"config": {"password": "old", "token": "new"}})));
    }
}
