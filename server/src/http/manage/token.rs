//! API tokens: who enters by JSON.

use super::{
    answer::{Made, Reply, Result},
    convert,
    document::{Always, Change, NoSuchEntity},
    extract::{Id, Json, Page, Query},
};
use crate::{
    domain::{self, Error, access, caller::Caller, id::TokenId},
    http::{
        Door,
        v1::{Decode, Fields},
    },
    service::MadeToken,
};
use axum::extract::State;
use coordinator_types::manage::{
    Done,
    access::{CreateToken, CreatedToken, TokenPage},
};

/// List the tokens
///
/// In order of id, without what lets their bearers in.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    params(Page),
    responses((status = 200, description = "One page.", body = TokenPage), Always),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Reply<TokenPage>> {
    let after = page.after(|text| text.parse().ok())?.unwrap_or(0);
    let found = door.services.tokens_after(caller, TokenId(after), page.rows()).await?;
    let (found, next_cursor) = page.cut(found, |token| token.id.to_string());
    Ok(Reply(TokenPage { tokens: found.into_iter().map(convert::token).collect(), next_cursor }))
}

/// Make a token
///
/// The answer shows it, and nothing does again.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "createToken",
    tag = "tokens",
    request_body = CreateToken,
    responses((status = 201, description = "It was made.", body = CreatedToken), Always, Change),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(Wanted { name, role }): Json<Wanted>,
) -> Result<Made<CreatedToken>> {
    let MadeToken { token, secret } = door.services.create_token(caller, name, role).await?;
    Ok(Made(CreatedToken {
        id: token.id.0,
        name: token.name,
        role: convert::role(token.role),
        token: secret.expose().to_owned(),
        created_at: token.created_at.to_rfc3339(),
    }))
}

/// Delete a token
///
/// It is refused from the next request on.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    operation_id = "deleteToken",
    tag = "tokens",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 3)),
    responses((status = 200, description = "It was deleted.", body = Done), Always, Change, NoSuchEntity),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, Id(id): Id) -> Result<Reply<Done>> {
    door.services.delete_token(caller, TokenId(id)).await?;
    Ok(Reply::done("the token was deleted"))
}

/// What a token is made of.
pub(super) struct Wanted {
    name: String,
    role: access::Role,
}

impl Decode for Wanted {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        let name = fields.text("name")?;
        let role = access::Role::named(&fields.text("role")?);
        let role = role.ok_or_else(|| Error::invalid("role", "must be `admin` or `read_only`"))?;
        Ok(Self { name, role })
    }
}
