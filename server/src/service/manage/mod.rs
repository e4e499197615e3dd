//! Managing a server: its credentials and tokens, and everybody's buckets, objects, uploads and links to S3. For tokens
//! only; what these use cases change, owners could change by S3 too.

pub(crate) mod access;
pub(crate) mod bucket;
pub(crate) mod link;
pub(crate) mod object;
mod usage;

/// What was counted and looked up lately, in bounded memory.
#[derive(Default)]
pub(crate) struct Remembered {
    usage: usage::Counted,
    revoked: link::Revoked,
}
