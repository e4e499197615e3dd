//! The policy of a form upload: what the signer lets the holder of the form do. Pure.

use super::error::said;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde_json::Value;
use std::ops::RangeInclusive;

/// A policy as it was signed.
#[derive(Debug)]
pub(super) struct Policy {
    /// Seconds since the epoch.
    expires: i64,
    conditions: Vec<Condition>,
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// A field, in lower case, has this value.
    Equals(String, String),
    /// A field, in lower case, begins like this.
    StartsWith(String, String),
    Length(RangeInclusive<u64>),
}

fn malformed(sentence: &str) -> S3Error {
    said(S3ErrorCode::InvalidPolicyDocument, format!("Invalid Policy: {sentence}"))
}

impl Policy {
    /// Reads the base 64 of a policy.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub(super) fn read(base64: &str) -> S3Result<Self> {
        let bytes = data_encoding::BASE64.decode(base64.as_bytes()).map_err(|_| malformed("it is not base 64."))?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|_| malformed("Invalid JSON."))?;
        let expires = json.get("expiration").and_then(Value::as_str).ok_or_else(|| malformed("no expiration."))?;
        // A time of ISO 8601, as S3 wants it, and nothing that merely looks like one.
        let is_iso = expires.contains('T') && expires.ends_with('Z');
        let expires = if is_iso { expires } else { "" };
        let expires: jiff::Timestamp = expires.parse().map_err(|_| malformed("the expiration is no time."))?;
        let conditions = json.get("conditions").and_then(Value::as_array).ok_or_else(|| malformed("no conditions."))?;
        let conditions = conditions.iter().map(condition).collect::<S3Result<Vec<Vec<_>>>>()?;
        Ok(Self { expires: expires.as_second(), conditions: conditions.into_iter().flatten().collect() })
    }

    /// How large the file may be.
    pub(super) fn length(&self) -> Option<RangeInclusive<u64>> {
        self.conditions.iter().find_map(|condition| match condition {
            Condition::Length(range) => Some(range.clone()),
            _ => None,
        })
    }

    /// Looks whether the fields of a form, in lower case, are what the signer let through.
    ///
    /// # Errors
    /// `AccessDenied`, with what does not fit.
    pub(super) fn check(&self, now: i64, fields: &[(String, String)]) -> S3Result<()> {
        let denied =
            |sentence: String| Err(said(S3ErrorCode::AccessDenied, format!("Invalid according to Policy: {sentence}")));
        if now >= self.expires {
            return denied("Policy expired.".to_owned());
        }
        for condition in &self.conditions {
            let (name, fits) = match condition {
                Condition::Length(_) => continue,
                Condition::Equals(name, value) => (name, value_of(fields, name) == *value),
                Condition::StartsWith(name, start) => (name, starts(value_of(fields, name), name, start)),
            };
            if !fits {
                return denied(format!("Policy Condition failed: {condition:?} for the field {name}"));
            }
        }
        match fields.iter().find(|(name, _)| !is_free(name) && !self.names(name)) {
            Some((name, _)) => denied(format!("Extra input fields: {name}")),
            None => Ok(()),
        }
    }

    fn names(&self, field: &str) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Equals(name, _) | Condition::StartsWith(name, _) => name == field,
            Condition::Length(_) => false,
        })
    }
}

/// Fields that no condition needs to name.
fn is_free(name: &str) -> bool {
    matches!(name, "x-amz-signature" | "awsaccesskeyid" | "signature" | "policy" | "file")
        || name.starts_with("x-ignore-")
}

fn value_of<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str())
}

/// A list of types must have each of them fit.
fn starts(value: &str, name: &str, start: &str) -> bool {
    match name {
        "content-type" if value.contains(',') => value.split(',').all(|one| one.starts_with(start)),
        _ => value.starts_with(start),
    }
}

fn condition(json: &Value) -> S3Result<Vec<Condition>> {
    match json {
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().ok_or_else(|| malformed("the value of a condition is no text."))?;
                Ok(Condition::Equals(name.to_ascii_lowercase(), value.to_owned()))
            })
            .collect(),
        Value::Array(parts) => triple(parts).map(|condition| vec![condition]),
        _ => Err(malformed("a condition is neither a list nor an object.")),
    }
}

fn triple(parts: &[Value]) -> S3Result<Condition> {
    let [operation, first, second] = parts else { return Err(malformed("a condition needs three parts.")) };
    let operation = operation.as_str().ok_or_else(|| malformed("a condition is no text."))?.to_ascii_lowercase();
    if operation == "content-length-range" {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        return match (number(first), number(second)) {
            (Some(least), Some(most)) => Ok(Condition::Length(least..=most)),
            _ => Err(malformed("a length is no number.")),
        };
    }
    let (Some(field), Some(value)) = (first.as_str().and_then(|field| field.strip_prefix('$')), second.as_str()) else {
        return Err(malformed("a condition needs the name of a field with a $, and a value."));
    };
    let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
    match operation.as_str() {
        "eq" => Ok(Condition::Equals(field, value)),
        "starts-with" => Ok(Condition::StartsWith(field, value)),
        _ => Err(malformed("the operation of a condition is not known.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(conditions: &str) -> S3Result<Policy> {
        let json = format!(r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":{conditions}}}"#);
        Policy::read(&data_encoding::BASE64.encode(json.as_bytes()))
    }

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_was_signed_passes() {
        let policy = policy(
            r#"[{"bucket":"b"},["starts-with","$key","in/"],["eq","$acl","private"],["content-length-range",1,10]]"#,
        )
        .unwrap();
        let good = [("bucket", "b"), ("key", "in/x"), ("acl", "private"), ("policy", "…"), ("x-ignore-me", "1")];
        assert!(policy.check(0, &fields(&good)).is_ok());
        assert_eq!(policy.length(), Some(1..=10));
        for (place, other) in [(0, "c"), (1, "out/x"), (2, "public-read")] {
            let mut bad = good;
            bad[place].1 = other;
            assert!(policy.check(0, &fields(&bad)).is_err(), "{other}");
        }
        let extra = [good.as_slice(), &[("x-amz-meta-a", "1")]].concat();
        assert!(policy.check(0, &fields(&extra)).is_err());
        assert!(policy.check(i64::MAX, &fields(&good)).is_err(), "expired");
    }

    #[test]
    fn a_policy_that_makes_no_sense_is_refused() {
        for bad in [
            "{}",
            "[1]",
            r#"[["eq","key","x"]]"#,
            r#"[["like","$key","x"]]"#,
            r#"[["content-length-range","a",2]]"#,
            "[[]]",
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        assert!(Policy::read("not base 64!").is_err());
    }
}
