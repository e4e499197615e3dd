//! A space's settings → where its bytes go: the only file that names a cloud.

use super::{Fault, disk::Disk, shard::ShardStore};
use crate::domain::space::{Storage, UserSpace};
use opendal::{
    Operator,
    layers::{RetryLayer, TimeoutLayer},
    services,
};
use std::{path::Path, time::Duration};

/// How long one call to a cloud may take before it is tried again.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens the storage of a space below its working directory; nothing is created and nothing is asked of it.
pub(super) fn open(space: &UserSpace) -> Result<ShardStore, Fault> {
    match &space.storage {
        Storage::Local { root } => Ok(ShardStore::Disk(Disk::new(Path::new(root).join(&space.working_dir)))),
        Storage::Memory => Ok(ShardStore::Cloud(with_layers(Operator::new(services::Memory::default())?))),
    }
}

/// Time-outs inside retries: the other way round a retry would inherit what is left of the time.
fn with_layers(operator: Operator) -> Operator {
    operator
        .layer(TimeoutLayer::new().with_timeout(CALL_TIMEOUT).with_io_timeout(CALL_TIMEOUT))
        .layer(RetryLayer::new().with_jitter())
}
