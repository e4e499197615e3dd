//! Domain types become wire types here, by hand, field by field.

use super::error::classify;
use crate::{
    domain::{self, object::ObjectState},
    service::{ItemFailure, SpaceView},
};
use coordinator_types::{
    bucket::Bucket,
    object::{self, StoredObject},
    package::Package,
    redundancy::Redundancy,
    space::{Abilities, Probe, ProbeStep, ShardStore, SpaceState, UserSpace},
};

pub(super) fn bucket(bucket: domain::bucket::Bucket) -> Bucket {
    let domain::bucket::Bucket { id, name, .. } = bucket;
    Bucket { bucket_id: id.0, name: name.as_str().to_owned() }
}

pub(super) fn package(package: domain::package::Package) -> Package {
    let domain::package::Package { id, bucket, name, redundancy: _, created_at } = package;
    Package {
        package_id: id.0,
        name: name.as_str().to_owned(),
        bucket_id: bucket.0,
        create_time: created_at.to_rfc3339(),
    }
}

/// A space as its owner sees it.
///
/// # Errors
/// [`domain::Error::Internal`] when the wire knows a kind of storage otherwise than the server does.
pub(super) fn space(view: SpaceView) -> domain::Result<UserSpace> {
    let SpaceView { settings, credential, status } = view;
    let decimal = |bytes: Option<u64>| bytes.map(|bytes| bytes.to_string());
    let storage = serde_json::Value::Object(settings.storage.fields().clone());
    Ok(UserSpace {
        user_space_id: settings.id.0,
        name: settings.name,
        storage: serde_json::from_value(storage).map_err(domain::Error::internal)?,
        credential: serde_json::from_value(credential.into()).map_err(domain::Error::internal)?,
        shard_store: settings.shard_store.map(|store| ShardStore { max_size: store.max_size }),
        features: settings.features,
        working_dir: settings.working_dir,
        revision: settings.revision,
        state: match status.state {
            domain::space::SpaceState::Healthy => SpaceState::Healthy,
            domain::space::SpaceState::Full => SpaceState::Full,
            domain::space::SpaceState::Offline => SpaceState::Offline,
            domain::space::SpaceState::Unknown => SpaceState::Unknown,
        },
        since: status.since.to_rfc3339(),
        last_error: status.last_error,
        used: decimal(status.used),
        free: decimal(status.free),
        probe: settings.probe.map(probe),
    })
}

fn probe(probe: domain::space::Probe) -> Probe {
    let at = probe.at().to_rfc3339();
    let domain::space::Abilities { conditional_write, copy, batch_delete, ordered_listing, presign } = probe.abilities;
    let steps = probe.steps.into_iter().map(|step| {
        let domain::space::ProbeStep { step, millis, error } = step;
        ProbeStep { step, ok: error.is_none(), millis, error }
    });
    Probe {
        at,
        steps: steps.collect(),
        abilities: Abilities { conditional_write, copy, batch_delete, ordered_listing, presign },
    }
}

pub(super) fn object(object: &domain::object::Object) -> StoredObject {
    let domain::object::Object { id, package, path, size, hash, state, created_at, updated_at, .. } = object;
    StoredObject {
        object_id: id.0,
        package_id: package.0,
        path: path.as_str().to_owned(),
        size: size.to_string(),
        file_hash: hash.to_string(),
        redundancy: match state {
            ObjectState::Stored(domain::redundancy::Redundancy::None) => Redundancy::None,
            ObjectState::Stored(domain::redundancy::Redundancy::Rep { count }) => Redundancy::Rep { rep_count: *count },
            ObjectState::Receiving => Redundancy::MultipartUpload,
        },
        create_time: created_at.to_rfc3339(),
        update_time: updated_at.to_rfc3339(),
    }
}

pub(super) fn objects(objects: &[domain::object::Object]) -> Vec<StoredObject> {
    objects.iter().map(object).collect()
}

/// An item that failed is answered as a call that failed would be, its cause logged likewise.
pub(super) fn failure(failure: &ItemFailure) -> object::ItemFailure {
    super::error::log_cause(&failure.error);
    let (_, code) = classify(&failure.error);
    object::ItemFailure { object_id: failure.object.0, code, message: failure.error.to_string() }
}
