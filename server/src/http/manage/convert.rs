//! From the domain's types to those on the wire, by hand.

use crate::{
    domain::{
        access,
        managed::{self, human_size},
        object::ObjectState,
        redundancy as domain_redundancy,
        space::SpaceState,
        time::Timestamp,
    },
    service::{CountedBucket, ObjectDetail, Place},
};
use coordinator_types::{
    manage::{
        self, SpaceStanding,
        access::{Credential, Role, Token},
        link::PresignedUrl,
    },
    redundancy::Redundancy,
};

/// What an object is when nobody said.
const BYTES: &str = "application/octet-stream";

pub(super) fn credential(credential: access::Credential) -> Credential {
    Credential {
        id: credential.id.0,
        access_key: credential.access_key,
        user_name: credential.user_name,
        is_active: credential.is_active,
        created_at: credential.created_at.to_rfc3339(),
    }
}

pub(super) fn role(role: access::Role) -> Role {
    match role {
        access::Role::Admin => Role::Admin,
        access::Role::ReadOnly => Role::ReadOnly,
    }
}

pub(super) fn token(token: access::Token) -> Token {
    Token {
        id: token.id.0,
        name: token.name,
        role: role(token.role),
        created_at: token.created_at.to_rfc3339(),
        last_used_at: token.last_used_at.map(Timestamp::to_rfc3339),
    }
}

pub(super) fn bucket(CountedBucket { owned, usage }: CountedBucket) -> manage::Bucket {
    manage::Bucket {
        name: owned.bucket.name.as_str().to_owned(),
        region: owned.bucket.region,
        owner: owned.owner_name,
        owner_id: owned.bucket.owner.0,
        created_at: owned.bucket.created_at.to_rfc3339(),
        object_count: usage.objects,
        total_size: usage.bytes,
        total_size_human: human_size(usage.bytes),
    }
}

pub(super) fn object(object: managed::ManagedObject) -> manage::Object {
    manage::Object {
        key: object.key,
        size: object.size,
        size_human: human_size(object.size),
        content_type: object.content_type.unwrap_or_else(|| BYTES.to_owned()),
        etag: object.etag,
        is_multipart: object.is_multipart,
        created_at: object.created_at.to_rfc3339(),
    }
}

pub(super) fn detail(key: String, detail: ObjectDetail) -> manage::ObjectDetail {
    let found = detail.object.object();
    let attributes = &detail.object.attributes;
    let in_parts = attributes.etag.as_deref().is_some_and(|etag| etag.contains('-'));
    let composite = matches!(found.hash, crate::domain::hash::FileHash::Comp(_));
    manage::ObjectDetail {
        object: manage::Object {
            key,
            size: found.size,
            size_human: human_size(found.size),
            content_type: attributes.content_type.clone().unwrap_or_else(|| BYTES.to_owned()),
            etag: detail.object.etag(),
            is_multipart: in_parts || composite,
            created_at: found.created_at.to_rfc3339(),
        },
        part_count: detail.parts,
        metadata: attributes.described.user.clone(),
        storage_path: detail.storage_path.unwrap_or_default(),
        updated_at: found.updated_at.to_rfc3339(),
        redundancy: redundancy(found.state),
        spaces: detail.places.into_iter().map(space).collect(),
    }
}

fn redundancy(state: ObjectState) -> Redundancy {
    match state {
        ObjectState::Stored(domain_redundancy::Redundancy::None) => Redundancy::None,
        ObjectState::Stored(domain_redundancy::Redundancy::Rep { count }) => Redundancy::Rep { rep_count: count },
        ObjectState::Receiving => Redundancy::MultipartUpload,
    }
}

fn space(place: Place) -> manage::ObjectSpace {
    let state = match place.state {
        Some(SpaceState::Healthy) => SpaceStanding::Healthy,
        Some(SpaceState::Full) => SpaceStanding::Full,
        Some(SpaceState::Offline) => SpaceStanding::Offline,
        Some(SpaceState::Unknown) | None => SpaceStanding::Unknown,
    };
    manage::ObjectSpace { id: place.id, name: place.name, state, shards: place.shards }
}

pub(super) fn upload(upload: managed::ManagedUpload) -> manage::Upload {
    manage::Upload {
        upload_id: upload.name,
        object_key: upload.key,
        initiated_by: upload.owner_name,
        content_type: upload.content_type.unwrap_or_else(|| BYTES.to_owned()),
        initiated_at: upload.created_at.to_rfc3339(),
        part_count: upload.parts,
        total_size: upload.bytes,
        total_size_human: human_size(upload.bytes),
    }
}

pub(super) fn link(link: managed::S3Link) -> PresignedUrl {
    PresignedUrl {
        id: link.id.0,
        bucket_name: link.bucket,
        object_key: link.key,
        method: link.method,
        access_key: link.access_key,
        expires_at: link.expires_at.to_rfc3339(),
        created_at: link.created_at.to_rfc3339(),
        revoked: link.revoked_at.is_some(),
    }
}
