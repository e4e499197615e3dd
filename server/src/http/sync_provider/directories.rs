//! Directories of the storage that is synced with.

use super::{
    answer::{Answer, Result},
    body::Fields,
    document::{DirsReply, EmptyBody, Failed, NameBody, NamedReply, NullReply},
    entry::{Operator, Writable},
};
use crate::{
    domain::sync_provider::{DirName, Provider, without_invisible},
    http::Door,
    service::{CloudDir, CloudDirs},
};
use axum::extract::State;
use serde_json::{Value, json};

/// Make a directory
///
/// `name` is one name of 1 to 63 bytes without `.`, `/`, spaces and other special characters; where it is absent, `path`
/// holds such names with `/` between them. A `provider` must be the one that is chosen. On S3 the directory is an empty
/// object whose key ends with a slash, below `sync_provider.working_dir`.
#[utoipa::path(
    post,
    path = "/api/sync/createCloudSyncDir",
    operation_id = "createCloudSyncDir",
    tag = "directories",
    request_body = NameBody,
    responses((status = 200, description = "It was made, or `code` is -1: it is there already, for one.", body = NullReply), Failed),
)]
pub(super) async fn create_cloud_sync_dir(
    State(door): State<Door>,
    Operator(caller): Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let (called, name) = (called(&fields)?, name(&fields, true)?);
    door.services.create_cloud_dir(caller, called.as_deref(), name).await.map_err(Answer::failed)?;
    Ok(Answer::done())
}

/// List the directories
///
/// With their sizes, as long as no more than 10000 files have to be looked at; above that a size is 0 and `hSize` is `-`.
/// Times are in UTC. A storage that cannot be listed is `code` 1, as clients of the contract expect.
#[utoipa::path(
    post,
    path = "/api/sync/listCloudSyncDir",
    operation_id = "listCloudSyncDir",
    tag = "directories",
    request_body = EmptyBody,
    responses((status = 200, description = "All directories, or `code` is 1.", body = DirsReply), Failed),
)]
pub(super) async fn list_cloud_sync_dir(State(door): State<Door>, Operator(caller): Operator) -> Result {
    let found = door.services.list_cloud_dirs(caller).await;
    Ok(Answer::with(listing(found.map_err(|error| Answer::failed_with(1, error))?)))
}

/// Remove a directory with everything in it
///
/// Answers the name of the directory that is chosen then: `main`, if it was the one that went.
#[utoipa::path(
    post,
    path = "/api/sync/removeCloudSyncDir",
    operation_id = "removeCloudSyncDir",
    tag = "directories",
    request_body = NameBody,
    responses((status = 200, description = "It was removed, or `code` is -1.", body = NamedReply), Failed),
)]
pub(super) async fn remove_cloud_sync_dir(
    State(door): State<Door>,
    Operator(caller): Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let (called, name) = (called(&fields)?, name(&fields, false)?);
    let chosen = door.services.remove_cloud_dir(caller, called.as_deref(), name).await.map_err(Answer::failed)?;
    Ok(Answer::with(chosen.as_str().into()))
}

/// Choose the directory to sync with
///
/// Each provider has a choice of its own. Nothing is asked of the storage.
#[utoipa::path(
    post,
    path = "/api/sync/setCloudSyncDir",
    operation_id = "setCloudSyncDir",
    tag = "directories",
    request_body = NameBody,
    responses((status = 200, description = "It is chosen, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_cloud_sync_dir(
    State(door): State<Door>,
    Operator(caller): Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    match named(&fields)? {
        // SiYuan tells of a refused name elsewhere, and answers that all is well.
        (field, text) if door.settings.sync_siyuan_exact && DirName::new(field, &text).is_err() => Ok(Answer::done()),
        (field, text) => {
            let name = read(field, &text)?;
            door.services.choose_cloud_dir(caller, name).await.map_err(Answer::failed)?;
            Ok(Answer::done())
        }
    }
}

/// The name of the directory that is meant.
fn name(fields: &Fields, is_new: bool) -> Result<DirName> {
    let (field, text) = named(fields)?;
    if is_new { read(field, &without_invisible(&text)) } else { read(field, &text) }
}

fn read(field: &'static str, text: &str) -> Result<DirName> {
    let name = if field == "path" { DirName::nested(field, text) } else { DirName::new(field, text) };
    name.map_err(Answer::failed)
}

/// The field that names the directory, and what it says.
fn named(fields: &Fields) -> Result<(&'static str, String)> {
    if fields.get("name").is_none()
        && let Some(path) = fields.optional_text("path")?
    {
        return Ok(("path", path));
    }
    Ok(("name", fields.text("name")?))
}

/// The name by which a client calls the provider: as a text, as the document of the contract has it, or by its number.
fn called(fields: &Fields) -> Result<Option<String>> {
    match fields.get("provider") {
        Some(Value::Number(_)) => {
            let provider = Provider::from_number(fields.number("provider")?).map_err(Answer::failed)?;
            Ok(Some(provider.name().to_owned()))
        }
        _ => fields.optional_text("provider"),
    }
}

fn listing(found: CloudDirs) -> Value {
    // A nested one lies in another that is shown.
    let total: Option<u64> = found.dirs.iter().filter(|dir| !dir.name.contains('/')).map(|dir| dir.size).sum();
    let dirs: Vec<Value> = found.dirs.iter().map(dir).collect();
    json!({ "syncDirs": dirs, "hSize": human(total), "checkedSyncDir": found.chosen.as_str() })
}

fn dir(dir: &CloudDir) -> Value {
    json!({
        "size": dir.size.unwrap_or_default(),
        "hSize": human(dir.size),
        "updated": dir.updated.map(|at| at.to_plain()).unwrap_or_default(),
        "cloudName": dir.name,
        "saveDir": "",
    })
}

/// A size for people, by 1024; `-`: it is not known.
fn human(size: Option<u64>) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let Some(size) = size else { return "-".to_owned() };
    let mut number = size as f64;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if number < 1024.0 {
            break;
        }
        number /= 1024.0;
        unit = next;
    }
    if unit == UNITS[0] { format!("{size} B") } else { format!("{number:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_for_people() {
        for (size, text) in [
            (None, "-"),
            (Some(0), "0 B"),
            (Some(1023), "1023 B"),
            (Some(1024), "1.0 KB"),
            (Some(1536), "1.5 KB"),
            (Some(5 << 30), "5.0 GB"),
        ] {
            assert_eq!(human(size), text);
        }
    }

    #[test]
    fn one_size_that_is_not_known_makes_the_sum_unknown() {
        let of = |size| CloudDir { name: "a".to_owned(), size, updated: None };
        let found = |dirs| CloudDirs { dirs, chosen: DirName::main() };
        assert_eq!(listing(found(vec![of(Some(1)), of(Some(2))]))["hSize"], "3 B");
        assert_eq!(listing(found(vec![of(Some(1)), of(None)]))["hSize"], "-");
        assert_eq!(listing(found(Vec::new()))["syncDirs"], json!([]));
    }
}
