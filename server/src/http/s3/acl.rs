//! Access control lists: everything belongs to the owner of its bucket and to nobody else, and says so.

use super::{door::Operations, error, error::said, get::found, get::version};
use crate::domain::id::CredentialId;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput, GetObjectAclOutput, Grant, Grantee, Permission,
        PutBucketAclInput, PutBucketAclOutput, PutObjectAclInput, PutObjectAclOutput, Type,
    },
};

/// Whether a request that says whose a bucket should be means this owner, by the canonical id or by the number of the
/// account.
pub(super) fn is_meant(expected: &str, owner: CredentialId) -> bool {
    expected == canonical_id(owner) || expected == format!("{:012}", owner.0)
}

/// What S3 calls an owner: a text of its own for each credential.
fn canonical_id(owner: CredentialId) -> String {
    format!("{:064x}", owner.0)
}

pub(super) fn owner(id: CredentialId) -> dto::Owner {
    dto::Owner { display_name: Some(format!("credential-{id}")), id: Some(canonical_id(id)) }
}

pub(super) fn initiator(id: CredentialId) -> dto::Initiator {
    dto::Initiator { display_name: Some(format!("credential-{id}")), id: Some(canonical_id(id)) }
}

fn full_control(id: CredentialId) -> Vec<Grant> {
    vec![Grant {
        grantee: Some(Grantee {
            display_name: Some(format!("credential-{id}")),
            email_address: None,
            id: Some(canonical_id(id)),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

/// A list that lets nobody else in is what there is; any other is not built.
///
/// # Errors
/// `InvalidArgument` for a word that names no list, `NotImplemented` for one that lets others in.
pub(super) fn refuse_shared(acl: Option<&str>, grants: bool) -> S3Result<()> {
    const PRIVATE: [&str; 3] = ["private", "bucket-owner-full-control", "bucket-owner-read"];
    const SHARED: [&str; 5] =
        ["public-read", "public-read-write", "authenticated-read", "aws-exec-read", "log-delivery-write"];
    match acl {
        None if !grants => Ok(()),
        Some(word) if PRIVATE.contains(&word) && !grants => Ok(()),
        Some(word) if !PRIVATE.contains(&word) && !SHARED.contains(&word) => {
            Err(said(S3ErrorCode::InvalidArgument, format!("`{word}` is no canned access control list")))
        }
        _ => Err(error::not_implemented("Access control lists that let others in are not built yet")),
    }
}

/// Whoever owns a bucket owns what is in it.
///
/// # Errors
/// `InvalidArgument` for a word that names no manner of owning, `NotImplemented` for one with lists.
pub(super) fn check_ownership(ownership: Option<&str>) -> S3Result<()> {
    match ownership {
        None | Some(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED) => Ok(()),
        Some(dto::ObjectOwnership::BUCKET_OWNER_PREFERRED | dto::ObjectOwnership::OBJECT_WRITER) => {
            Err(error::not_implemented("Objects belong to the owner of their bucket: use BucketOwnerEnforced"))
        }
        Some(word) => Err(said(S3ErrorCode::InvalidArgument, format!("Invalid x-amz-object-ownership header: {word}"))),
    }
}

/// Whether a list that was sent gives the owner everything and nobody else anything.
fn refuse_other(policy: Option<&dto::AccessControlPolicy>, id: CredentialId) -> S3Result<()> {
    let Some(policy) = policy else { return Ok(()) };
    let mine = |grant: &Grant| {
        let grantee = grant.grantee.as_ref().and_then(|grantee| grantee.id.as_deref());
        grantee == Some(canonical_id(id).as_str())
            && grant.permission.as_ref().is_some_and(|permission| permission.as_str() == Permission::FULL_CONTROL)
    };
    if policy.owner.as_ref().is_some_and(|owner| owner.id.as_deref() != Some(canonical_id(id).as_str())) {
        return Err(said(
            S3ErrorCode::AccessDenied,
            "The owner of a bucket cannot be changed by its access control list",
        ));
    }
    let grants = policy.grants.as_deref().unwrap_or_default();
    if !grants.is_empty() && grants.iter().all(mine) {
        return Ok(());
    }
    Err(error::not_implemented("Access control lists that let others in are not built yet"))
}

pub(super) async fn get_bucket_acl(
    door: &Operations,
    request: S3Request<GetBucketAclInput>,
) -> S3Result<S3Response<GetBucketAclOutput>> {
    let bucket = door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    Ok(S3Response::new(GetBucketAclOutput {
        grants: Some(full_control(bucket.owner)),
        owner: Some(owner(bucket.owner)),
    }))
}

pub(super) async fn put_bucket_acl(
    door: &Operations,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<S3Response<PutBucketAclOutput>> {
    let input = request.input;
    let bucket = door.services.bucket_named(door.caller()?, &input.bucket).await.map_err(error::of)?;
    let grants = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    if input.acl.is_none() && input.access_control_policy.is_none() && !grants {
        return Err(said(S3ErrorCode::MissingSecurityHeader, "Your request was missing a required header"));
    }
    refuse_shared(input.acl.as_ref().map(|acl| acl.as_str()), grants)?;
    refuse_other(input.access_control_policy.as_ref(), bucket.owner)?;
    Ok(S3Response::new(PutBucketAclOutput::default()))
}

pub(super) async fn get_object_acl(
    door: &Operations,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let input = request.input;
    let version = version(input.version_id.as_deref())?;
    let lookup = door.services.open_key(door.caller()?, &input.bucket, &input.key, version.as_ref()).await;
    let id = found(lookup.map_err(error::of)?)?.bucket.owner;
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(full_control(id)),
        owner: Some(owner(id)),
        ..GetObjectAclOutput::default()
    }))
}

pub(super) async fn put_object_acl(
    door: &Operations,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let input = request.input;
    let version = version(input.version_id.as_deref())?;
    let lookup = door.services.open_key(door.caller()?, &input.bucket, &input.key, version.as_ref()).await;
    let id = found(lookup.map_err(error::of)?)?.bucket.owner;
    let grants = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    if input.acl.is_none() && input.access_control_policy.is_none() && !grants {
        return Err(said(S3ErrorCode::MissingSecurityHeader, "Your request was missing a required header"));
    }
    refuse_shared(input.acl.as_ref().map(|acl| acl.as_str()), grants)?;
    refuse_other(input.access_control_policy.as_ref(), id)?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}
