//! The envelope around every JSON answer, and the closed list of its codes.

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

/// The envelope of a call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer<T> {
    /// `OK`.
    #[schema(example = "OK")]
    pub code: Code,
    /// Empty.
    #[schema(example = "")]
    pub message: String,
    /// What was asked for.
    pub data: T,
}

impl<T> Answer<T> {
    /// The answer to a call that succeeded.
    pub fn ok(data: T) -> Self {
        Self { code: Code::Ok, message: String::new(), data }
    }
}

/// The envelope of a call that failed. Nothing was changed, unless the call's own description says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"code": "BadArgument", "message": "packageID: must be an integer, not a string", "data": null}))]
pub struct Failure {
    /// What kind of failure it was: what to branch on.
    #[schema(example = "BadArgument")]
    pub code: Code,
    /// What was wrong with which field or object, and what to do; for people, may be reworded.
    #[schema(example = "packageID: must be an integer, not a string")]
    pub message: String,
    /// Always `null`.
    #[schema(schema_with = Nothing::schema)]
    pub data: Nothing,
}

impl Failure {
    /// The answer to a call that failed.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: Nothing }
    }
}

/// `null`: the `data` of a call that has nothing to tell, and of every failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing;

impl ToSchema for Nothing {}

impl PartialSchema for Nothing {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).description(Some("Always `null`.")).into()
    }
}

/// What became of a call. This list is closed: a client may match on it exhaustively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = "OK")]
pub enum Code {
    /// It was done (status 200, 206 or 304).
    #[serde(rename = "OK")]
    Ok,
    /// Something in the request cannot be meant; the message names it (status 400, 405, 412 or 416).
    BadArgument,
    /// No proof of identity, or a wrong one (status 401).
    Unauthorized,
    /// Known, but not allowed to do this (status 403).
    Forbidden,
    /// There is no such bucket, package, object or path (status 404).
    DataNotFound,
    /// There is no such task (status 404).
    TaskNotFound,
    /// The name is taken (status 409).
    DataExists,
    /// More than a limit allows; the message names the limit (status 413).
    TooLarge,
    /// The request is right but could not be carried out: the object is in another state (status 409), stored bytes
    /// are damaged (502), a space or the database cannot be used now (503), there is no room (507), or the server
    /// met a defect (500).
    OperationFailed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_data_null() {
        let text = serde_json::to_string(&Failure::new(Code::DataNotFound, "bucket 7 does not exist")).unwrap();
        assert_eq!(text, r#"{"code":"DataNotFound","message":"bucket 7 does not exist","data":null}"#);
    }

    #[test]
    fn one_type_reads_both_outcomes() {
        let good: Answer<Option<i64>> = serde_json::from_str(r#"{"code":"OK","message":"","data":3}"#).unwrap();
        let bad: Answer<Option<i64>> =
            serde_json::from_str(r#"{"code":"TooLarge","message":"x","data":null}"#).unwrap();
        assert_eq!((good.code, good.data), (Code::Ok, Some(3)));
        assert_eq!((bad.code, bad.data), (Code::TooLarge, None));
    }
}
