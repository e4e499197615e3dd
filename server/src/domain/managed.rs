//! What the management of a server looks at: buckets with their owners and amounts, objects with where they lie,
//! uploads, and links to S3.

use super::{
    bucket::Bucket,
    id::{CredentialId, S3LinkId, SpaceId, UploadId},
    shard::ShardKey,
    time::Timestamp,
};

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) objects: u64,
    /// Of the objects as they are read, however often their bytes are kept.
    pub(crate) bytes: u64,
}

/// A bucket, and what its owner is called.
#[derive(Debug, Clone)]
pub(crate) struct OwnedBucket {
    pub(crate) bucket: Bucket,
    pub(crate) owner_name: String,
}

/// How many there are of what is counted for the whole server; see [`Usage`] for objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) credentials: u64,
    pub(crate) buckets: u64,
    /// Uploads that take parts.
    pub(crate) uploads: u64,
    /// Links to S3 that open something.
    pub(crate) links: u64,
}

/// A line of a listing of objects.
#[derive(Debug, Clone)]
pub(crate) struct ManagedObject {
    pub(crate) key: String,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) content_type: Option<String>,
    /// Whether it is known to have been uploaded in parts.
    pub(crate) is_multipart: bool,
    pub(crate) created_at: Timestamp,
    /// Whether it has its content yet.
    pub(crate) is_stored: bool,
}

/// How many shards of an object lie in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardsIn {
    pub(crate) space: SpaceId,
    pub(crate) shards: u64,
}

/// Where the bytes of an object lie.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locations {
    /// Where its first byte is to be found; `None` for an object without bytes.
    pub(crate) first: Option<(SpaceId, ShardKey)>,
    pub(crate) spaces: Vec<ShardsIn>,
}

/// An upload that takes parts.
#[derive(Debug, Clone)]
pub(crate) struct ManagedUpload {
    pub(crate) id: UploadId,
    /// What S3 clients call it, or the id of the object that `/v1` knows it by.
    pub(crate) name: String,
    pub(crate) key: String,
    /// What the owner is called for whom it was begun.
    pub(crate) owner_name: String,
    pub(crate) content_type: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) parts: u64,
    /// Bytes of its parts.
    pub(crate) bytes: u64,
}

/// A link to S3 that the server made.
#[derive(Debug, Clone)]
pub(crate) struct S3Link {
    pub(crate) id: S3LinkId,
    pub(crate) access_key: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) method: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// A link to S3 to be kept.
#[derive(Debug, Clone)]
pub(crate) struct NewS3Link {
    /// Signed along with the link, which by it names its row.
    pub(crate) mark: String,
    pub(crate) credential: CredentialId,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) method: &'static str,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A size for people: by 1024, with one decimal; bytes are whole.
pub(crate) fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, rounded half up, in whole numbers: a float would round 2^53 and more twice.
    let tenths = |unit: u128| (u128::from(bytes) * 10 + unit / 2) / unit;
    let mut unit = 1024u128;
    let mut name = UNITS[0];
    for next in &UNITS[1..] {
        // What would read "1024.0 KB" is 1.0 of the next.
        if tenths(unit) < 10_240 {
            break;
        }
        unit *= 1024;
        name = next;
    }
    format!("{}.{} {name}", tenths(unit) / 10, tenths(unit) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_by_1024_with_one_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (1536, "1.5 KB"),
            (1_024_000, "1000.0 KB"),
            (1_048_524, "1023.9 KB"),
            (1_048_525, "1.0 MB"),
            (1 << 20, "1.0 MB"),
            (26_214_400, "25.0 MB"),
            (1 << 30, "1.0 GB"),
            (1 << 40, "1.0 TB"),
            (5 << 50, "5120.0 TB"),
            (u64::MAX, "16777216.0 TB"),
        ] {
            assert_eq!(human_size(bytes), text, "{bytes}");
        }
    }
}
