//! The multipart upload: start, send parts, complete or abort.

use super::{
    answer::{Reply, Result},
    convert,
    disposition::PartHead,
    document::{Always, BadBody, Change, Damage, Missing, WrongState, binary},
    extract::{Decode, Fields, Json, decode_told},
    form::{self, Sink},
};
use crate::{
    domain::{
        self,
        caller::Caller,
        id::{ObjectId, PackageId},
        name::ObjectPath,
    },
    http::{Door, audit::Note},
    service::{Body, PartUpload},
};
use axum::extract::{Request, State};
use coordinator_types::{
    answer::{Answer, Nothing},
    multipart::{AbortMultipartUpload, CompleteMultipartUpload, NewMultipartUpload, ObjectData, PartInfo},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ObjectBuilder, Schema},
    },
};

/// Start a multipart upload
///
/// On a free path the object is listed at once, with size 0. On a path that is taken, the old object stays readable
/// until the upload is complete. An unfinished upload to the same path is replaced. An upload that is neither
/// completed nor aborted expires, by default after 7 days.
#[utoipa::path(
    post,
    path = "/v1/object/newMultipartUpload",
    operation_id = "objectNewMultipartUpload",
    tag = "multipart",
    request_body = NewMultipartUpload,
    responses(
        (status = 200, description = "The object whose id the parts are sent with.", body = Answer<ObjectData>),
        Always, BadBody, Change, Missing,
    ),
)]
pub(super) async fn new_multipart_upload(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<NewMultipartUpload>,
) -> Result<Reply<ObjectData>> {
    let path = ObjectPath::new("path", request.path)?;
    let object = door.services.new_multipart_upload(caller, PackageId(request.package_id), path).await?;
    Ok(Reply(ObjectData { object: convert::object(&object) }))
}

/// Send one part of a multipart upload
///
/// A form with one part `info` and one part `file`, in any order. Parts may be sent in parallel and in any order; one
/// that was sent with the same `index` is replaced.
#[utoipa::path(
    post,
    path = "/v1/object/uploadPart",
    operation_id = "objectUploadPart",
    tag = "multipart",
    request_body(
        content = PartForm,
        content_type = "multipart/form-data",
        encoding(("info" = (content_type = "application/json")), ("file" = (content_type = "application/octet-stream"))),
    ),
    responses(
        (status = 200, description = "The part is stored, durably.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing, WrongState,
    ),
)]
pub(super) async fn upload_part(State(door): State<Door>, caller: Caller, request: Request) -> Result<Reply<Nothing>> {
    let (head, body) = request.into_parts();
    let mut part = Part { upload: door.services.upload_part(caller)?, note: Note::of(&head.extensions) };
    form::read(&head.headers, body, 1, &mut part).await?;
    part.upload.commit().await?;
    Ok(Reply::DONE)
}

/// Complete a multipart upload
///
/// Puts the parts together in the order of `indexes`. Nothing changes when a part that is named was not sent.
/// Completing again with the same `indexes` answers the same. The `fileHash` of the result is `Full` up to a size that
/// the server sets (1 GiB by default), above it `Comp`.
#[utoipa::path(
    post,
    path = "/v1/object/completeMultipartUpload",
    operation_id = "objectCompleteMultipartUpload",
    tag = "multipart",
    request_body = CompleteMultipartUpload,
    responses(
        (status = 200, description = "The object, whole.", body = Answer<ObjectData>),
        Always, BadBody, Change, Missing, WrongState, Damage,
    ),
)]
pub(super) async fn complete_multipart_upload(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<CompleteMultipartUpload>,
) -> Result<Reply<ObjectData>> {
    let object = door.services.complete_multipart_upload(caller, ObjectId(request.object_id), &request.indexes).await?;
    Ok(Reply(ObjectData { object: convert::object(&object) }))
}

/// Abort a multipart upload
///
/// Its parts are dropped. An object that was there before stays as it is; one that existed only as an unfinished
/// upload goes.
#[utoipa::path(
    post,
    path = "/v1/object/abortMultipartUpload",
    operation_id = "objectAbortMultipartUpload",
    tag = "multipart",
    request_body = AbortMultipartUpload,
    responses(
        (status = 200, description = "It is gone.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing, WrongState,
    ),
)]
pub(super) async fn abort_multipart_upload(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<AbortMultipartUpload>,
) -> Result<Reply<Nothing>> {
    door.services.abort_multipart_upload(caller, ObjectId(request.object_id)).await?;
    Ok(Reply::DONE)
}

/// Hands the form to the service. Dropped before its commit, it leaves nothing.
struct Part {
    upload: PartUpload,
    note: Note,
}

impl Sink for Part {
    const FILE: &'static str = "file";

    async fn info(&mut self, info: &[u8]) -> domain::Result<()> {
        let info: PartInfo = decode_told("info", info, &self.note)?;
        self.upload.aim(ObjectId(info.object_id), info.index).await
    }

    /// The name of the file says nothing: clients make one up.
    async fn file(&mut self, _: &str, _: &PartHead, body: Body<'_>) -> domain::Result<()> {
        self.upload.add(body).await
    }
}

impl Decode for NewMultipartUpload {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { package_id: fields.id("packageID")?, path: fields.text("path")? })
    }
}

impl Decode for PartInfo {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { object_id: fields.id("objectID")?, index: fields.integer("index")? })
    }
}

impl Decode for CompleteMultipartUpload {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { object_id: fields.id("objectID")?, indexes: fields.integers("indexes")? })
    }
}

impl Decode for AbortMultipartUpload {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { object_id: fields.id("objectID")? })
    }
}

/// The form, for the document: what reads it is [`form::read`].
struct PartForm;

impl ToSchema for PartForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PartInfo::name().into_owned(), PartInfo::schema()));
        PartInfo::schemas(schemas);
    }
}

impl PartialSchema for PartForm {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some("One part, and what it is a part of."))
            .property("info", Ref::from_schema_name(PartInfo::name()))
            .required("info")
            .property("file", binary().description(Some("The bytes of the part.")))
            .required("file")
            .into()
    }
}
