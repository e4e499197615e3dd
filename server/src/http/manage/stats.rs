//! How much there is.

use super::{
    answer::{Reply, Result},
    document::Always,
};
use crate::{
    domain::{caller::Caller, managed::human_size},
    http::Door,
};
use axum::extract::State;
use coordinator_types::manage::Stats;

/// Count everything
///
/// Credentials, buckets, objects and their bytes, unfinished uploads, and presigned URLs that open something. Counting many
/// objects takes time, so what is told of them may be some minutes old when there are more than 100000.
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    operation_id = "getStats",
    tag = "stats",
    responses((status = 200, description = "The counts.", body = Stats), Always),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller) -> Result<Reply<Stats>> {
    let (totals, usage) = door.services.stats(caller).await?;
    Ok(Reply(Stats {
        credentials: totals.credentials,
        buckets: totals.buckets,
        objects: usage.objects,
        total_storage: usage.bytes,
        total_storage_human: human_size(usage.bytes),
        active_multipart_uploads: totals.uploads,
        active_presigned_urls: totals.links,
    }))
}
