//! How often, and how, the bytes of an object are kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an object is kept, told by `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schema(example = json!({"type": "none"}))]
pub enum Redundancy {
    /// One copy in one user space.
    None,
    /// Whole copies, each in a user space of its own.
    #[serde(rename_all = "camelCase")]
    Rep {
        /// How many copies, 1 to 16.
        #[schema(example = 2, minimum = 1, maximum = 16)]
        rep_count: u8,
    },
    /// A multipart upload that is not complete: the object is listed, but has no content yet.
    MultipartUpload,
}

/// What a package asks for its new objects, told by `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schema(example = json!({"type": "rep", "repCount": 2}))]
pub enum RedundancyPolicy {
    /// One copy in one user space: the default.
    None,
    /// Whole copies, each in a user space of its own. An upload is refused while fewer spaces are usable.
    #[serde(rename_all = "camelCase")]
    Rep {
        /// How many copies, 1 to 16.
        #[schema(example = 2, minimum = 1, maximum = 16)]
        rep_count: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_type() {
        let text = |value: Redundancy| serde_json::to_string(&value).unwrap();
        assert_eq!(text(Redundancy::None), r#"{"type":"none"}"#);
        assert_eq!(text(Redundancy::Rep { rep_count: 2 }), r#"{"type":"rep","repCount":2}"#);
        assert_eq!(text(Redundancy::MultipartUpload), r#"{"type":"multipartUpload"}"#);
    }
}
