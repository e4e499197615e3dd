//! Credentials: owners of buckets, who enter by S3.

use super::{
    answer::{ApiError, Made, Reply, Result},
    convert,
    document::{Always, Change, InUse, NoSuchEntity, Taken},
    extract::{Id, Json, Page, Query},
};
use crate::{
    config::Secret,
    domain::{self, caller::Caller, id::CredentialId, page::MAX_KEYS},
    http::{
        Door,
        v1::{Decode, Fields},
    },
    service::{ChangeCredential, MadeCredential, NewCredential},
};
use axum::extract::State;
use coordinator_types::manage::{
    Done,
    access::{CreateCredential, CreatedCredential, CredentialDetail, CredentialPage, UpdateCredential},
};

/// List the credentials
///
/// In order of id, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/credentials",
    operation_id = "listCredentials",
    tag = "credentials",
    params(Page),
    responses((status = 200, description = "One page.", body = CredentialPage), Always),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Reply<CredentialPage>> {
    let after = page.after(|text| text.parse().ok())?.unwrap_or(0);
    let found = door.services.credentials_after(caller, CredentialId(after), page.rows()).await?;
    let (found, next_cursor) = page.cut(found, |credential| credential.id.to_string());
    Ok(Reply(CredentialPage { credentials: found.into_iter().map(convert::credential).collect(), next_cursor }))
}

/// Make a credential
///
/// The answer shows the secret, which cannot be read again.
#[utoipa::path(
    post,
    path = "/api/v1/credentials",
    operation_id = "createCredential",
    tag = "credentials",
    request_body = CreateCredential,
    responses((status = 201, description = "It was made.", body = CreatedCredential), Always, Change, Taken),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(wanted): Json<CreateCredential>,
) -> Result<Made<CreatedCredential>> {
    let new = NewCredential {
        user_name: wanted.user_name,
        access_key: wanted.access_key,
        secret_key: wanted.secret_key.map(Secret::new),
    };
    let MadeCredential { credential, secret_key } = door.services.create_credential(caller, new).await?;
    Ok(Made(CreatedCredential {
        id: credential.id.0,
        access_key: credential.access_key,
        secret_key: secret_key.expose().to_owned(),
        user_name: credential.user_name,
        is_active: credential.is_active,
        created_at: credential.created_at.to_rfc3339(),
    }))
}

/// Look at a credential
///
/// With its buckets, and how much lies in them.
#[utoipa::path(
    get,
    path = "/api/v1/credentials/{id}",
    operation_id = "getCredential",
    tag = "credentials",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 1)),
    responses((status = 200, description = "The credential.", body = CredentialDetail), Always, NoSuchEntity),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller, Id(id): Id) -> Result<Reply<CredentialDetail>> {
    let id = CredentialId(id);
    let (credential, bucket_count) = door.services.credential(caller, id).await?;
    let page = door.services.page_of_buckets(caller, Some(id), "", MAX_KEYS).await?;
    Ok(Reply(CredentialDetail {
        credential: convert::credential(credential),
        bucket_count,
        buckets: page.buckets.into_iter().map(convert::bucket).collect(),
    }))
}

/// Change a credential
///
/// Its name, or whether it lets anybody in: one that is switched off is refused from the next request on.
#[utoipa::path(
    put,
    path = "/api/v1/credentials/{id}",
    operation_id = "updateCredential",
    tag = "credentials",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 1)),
    request_body = UpdateCredential,
    responses((status = 200, description = "It was changed.", body = Done), Always, Change, NoSuchEntity),
)]
pub(super) async fn update(
    State(door): State<Door>,
    caller: Caller,
    Id(id): Id,
    Json(wanted): Json<UpdateCredential>,
) -> Result<Reply<Done>> {
    let change = ChangeCredential { user_name: wanted.user_name, is_active: wanted.is_active };
    door.services.change_credential(caller, CredentialId(id), change).await?;
    Ok(Reply::done("the credential was changed"))
}

/// Change a credential
///
/// The same as `PUT`.
#[utoipa::path(
    patch,
    path = "/api/v1/credentials/{id}",
    operation_id = "patchCredential",
    tag = "credentials",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 1)),
    request_body = UpdateCredential,
    responses((status = 200, description = "It was changed.", body = Done), Always, Change, NoSuchEntity),
)]
pub(super) async fn patch(
    state: State<Door>,
    caller: Caller,
    id: Id,
    wanted: Json<UpdateCredential>,
) -> Result<Reply<Done>> {
    update(state, caller, id, wanted).await
}

/// Delete a credential
///
/// Refused while it owns buckets, and for the first one, which owns what is made without a credential.
#[utoipa::path(
    delete,
    path = "/api/v1/credentials/{id}",
    operation_id = "deleteCredential",
    tag = "credentials",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 2)),
    responses((status = 200, description = "It was deleted.", body = Done), Always, Change, NoSuchEntity, InUse),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, Id(id): Id) -> Result<Reply<Done>> {
    let deleted = door.services.delete_credential(caller, CredentialId(id)).await;
    deleted.map_err(ApiError::or("DeleteConflict"))?;
    Ok(Reply::done("the credential was deleted"))
}

impl Decode for CreateCredential {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            user_name: fields.optional_text("user_name")?,
            access_key: fields.optional_text("access_key")?,
            secret_key: fields.optional_text("secret_key")?,
        })
    }
}

impl Decode for UpdateCredential {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { user_name: fields.optional_text("user_name")?, is_active: fields.optional_boolean("is_active")? })
    }
}
