//! Domain types become wire types here, by hand, field by field.

use super::error::classify;
use crate::{
    domain::{self, object::ObjectState},
    service::ItemFailure,
};
use coordinator_types::{
    bucket::Bucket,
    object::{self, StoredObject},
    package::Package,
    redundancy::Redundancy,
};

pub(super) fn bucket(bucket: domain::bucket::Bucket) -> Bucket {
    let domain::bucket::Bucket { id, name } = bucket;
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

pub(super) fn object(object: &domain::object::Object) -> StoredObject {
    let domain::object::Object { id, package, path, size, hash, state, created_at, updated_at } = object;
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
