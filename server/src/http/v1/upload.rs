//! Uploads files, one or thousands in one request.

use super::{
    answer::{Reply, Result},
    convert,
    disposition::PartHead,
    document::{Always, BadBody, Change, Missing, binary},
    extract::{Decode, Fields, decode_told},
    form::{self, Sink},
};
use crate::{
    domain::{
        self,
        caller::Caller,
        id::{PackageId, SpaceId},
        name::ObjectPath,
        object::Object,
    },
    http::{Door, audit::Note},
    service::{Body, Upload},
};
use axum::extract::{Request, State};
use coordinator_types::{
    answer::Answer,
    object::{UploadInfo, UploadedObjects},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ArrayBuilder, ObjectBuilder, Schema},
    },
};

/// Upload files into a package
///
/// A form with one part `info` and any number of parts `files`, in any order. The `filename` of a file is the path of
/// its object, URL-encoded: `a%2Fb.txt` is `a/b.txt`. All of them are stored, or none. A path that is taken is
/// overwritten: the object keeps its id and `createTime`, and the old content stays readable until the new one is
/// there. Two files of one request with the same path are refused.
#[utoipa::path(
    post,
    path = "/v1/object/upload",
    operation_id = "objectUpload",
    tag = "object",
    request_body(
        content = UploadForm,
        content_type = "multipart/form-data",
        encoding(("info" = (content_type = "application/json")), ("files" = (content_type = "application/octet-stream"))),
    ),
    responses(
        (status = 200, description = "All files are stored, durably.", body = Answer<UploadedObjects>),
        Always, BadBody, Change, Missing,
    ),
)]
pub(super) async fn upload(
    State(door): State<Door>,
    caller: Caller,
    request: Request,
) -> Result<Reply<UploadedObjects>> {
    let (head, body) = request.into_parts();
    let note = Note::of(&head.extensions);
    let mut files = Files { upload: door.services.upload(caller)?, note: note.clone() };
    form::read(&head.headers, body, door.settings.upload_files, &mut files).await?;
    let objects = files.upload.commit().await?;
    tell_objects(&note, &objects);
    Ok(Reply(UploadedObjects { uploadeds: convert::objects(&objects) }))
}

/// Notes how much was uploaded: one event tells of a request, however many files it brings.
pub(super) fn tell_objects(note: &Note, objects: &[Object]) {
    note.tell("objects", objects.len());
    note.tell("bytes", objects.iter().map(|object| object.size).sum::<u64>());
    if let [object] = objects {
        note.tell("objectID", object.id.0);
        note.tell("path", object.path.as_str());
    }
}

/// Hands the parts of the form to the service. Dropped before its commit, it leaves nothing.
struct Files {
    upload: Upload,
    note: Note,
}

impl Sink for Files {
    const FILE: &'static str = "files";

    async fn info(&mut self, info: &[u8]) -> domain::Result<()> {
        let info: UploadInfo = decode_told("info", info, &self.note)?;
        self.upload.aim(PackageId(info.package_id), info.affinity.map(SpaceId)).await
    }

    async fn file(&mut self, field: &str, head: &PartHead, body: Body<'_>) -> domain::Result<()> {
        let path = ObjectPath::new(format!("{field}.filename"), head.path(field)?)?;
        self.upload.add(path, body).await
    }
}

impl Decode for UploadInfo {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { package_id: fields.id("packageID")?, affinity: fields.optional_id("affinity")? })
    }
}

/// The form, for the document: what reads it is [`form::read`].
struct UploadForm;

impl ToSchema for UploadForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((UploadInfo::name().into_owned(), UploadInfo::schema()));
        UploadInfo::schemas(schemas);
    }
}

impl PartialSchema for UploadForm {
    fn schema() -> RefOr<Schema> {
        let file = binary().description(Some("A file; its `filename` is the URL-encoded path of the object."));
        ObjectBuilder::new()
            .description(Some("What to upload, and where."))
            .property("info", Ref::from_schema_name(UploadInfo::name()))
            .required("info")
            .property("files", ArrayBuilder::new().items(file).min_items(Some(1)).description(Some("The files.")))
            .required("files")
            .into()
    }
}
