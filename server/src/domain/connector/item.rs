//! What a listing tells of one object, and what is kept of it: the document itself is made of this when it is read.

use crate::domain::{sync::Seen, time::Timestamp};
use serde::{Deserialize, Serialize};

/// Whom a storage names as the owner of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// An object or a folder of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// As the storage has it; a folder's ends with a slash.
    #[serde(rename = "k")]
    pub(crate) key: String,
    /// Bytes.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub(crate) size: u64,
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    pub(crate) etag: String,
    /// When it was written, in microseconds.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) modified: Option<Timestamp>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub(crate) storage_class: String,
}

fn is_zero(size: &u64) -> bool {
    *size == 0
}

impl Item {
    pub(crate) fn file(key: String, seen: &Seen, owner: Option<Owner>) -> Self {
        Self { key, size: seen.size, etag: etag_of(seen), modified: seen.modified, owner, storage_class: String::new() }
    }

    /// A folder, of which a listing tells nothing but that something lies in it.
    pub(crate) fn folder(key: String) -> Self {
        Self { key, size: 0, etag: String::new(), modified: None, owner: None, storage_class: String::new() }
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.key.ends_with('/')
    }

    /// Changes whenever the object does, and is the same otherwise. Folders do not change.
    pub(crate) fn mark(&self) -> String {
        if self.is_folder() {
            return String::new();
        }
        format!("{}|{}|{}", self.etag, self.size, self.modified.map_or(0, |at| at.0))
    }

    /// The id of its document: the md5 of datasource, bucket and key, as the contract has it. The key of a folder ends
    /// with a slash and that of a file never does, so the two cannot meet.
    pub(crate) fn document_id(&self, datasource: &str, bucket: &str) -> String {
        use md5::Digest as _;
        let digest = md5::Md5::digest(format!("{datasource}-{bucket}-{}", self.key));
        data_encoding::HEXLOWER.encode(&digest)
    }

    /// The folder that it lies in, as documents tell it: `/a/b/`, the top is `/`.
    pub(crate) fn parent(&self) -> String {
        let mut path = "/".to_owned();
        for step in self.steps() {
            path.push_str(step);
            path.push('/');
        }
        path
    }

    /// The names of the folders that it lies in; empty ones (`a//b`) are passed over.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &str> {
        let whole = self.key.strip_suffix('/').unwrap_or(&self.key);
        let above = whole.rsplit_once('/').map_or("", |(above, _)| above);
        above.split('/').filter(|step| !step.is_empty())
    }

    /// The last part of its key.
    pub(crate) fn name(&self) -> &str {
        let whole = self.key.strip_suffix('/').unwrap_or(&self.key);
        whole.rsplit('/').next().unwrap_or(whole)
    }

    /// What stands behind the last dot of its name, in small letters; nothing when there is no dot.
    pub(crate) fn extension(&self) -> String {
        if self.is_folder() {
            return String::new();
        }
        self.name().rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default()
    }
}

/// The tag of a version without its quotes; nothing where the storage tells none.
fn etag_of(seen: &Seen) -> String {
    let version = &seen.version.0;
    if version.contains('"') { version.trim_start_matches("W/").trim_matches('"').to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sync::Version;

    fn file(key: &str) -> Item {
        let seen = Seen { size: 3, modified: Some(Timestamp(5)), version: Version::tag("abc") };
        Item::file(key.to_owned(), &seen, None)
    }

    #[test]
    fn a_key_tells_name_folder_and_extension() {
        let item = file("a/b c/D.tar.GZ");
        assert_eq!((item.name(), item.parent().as_str(), item.extension().as_str()), ("D.tar.GZ", "/a/b c/", "gz"));
        let top = file("readme");
        assert_eq!((top.name(), top.parent().as_str(), top.extension().as_str()), ("readme", "/", ""));
        assert_eq!(file("v1.2/readme").extension(), "");
        assert_eq!(file("/a//x.txt").parent(), "/a/");
        let folder = Item::folder("a/b/".to_owned());
        assert_eq!((folder.name(), folder.parent().as_str(), folder.is_folder()), ("b", "/a/", true));
    }

    #[test]
    fn ids_are_those_of_the_contract_and_folders_have_their_own() {
        // echo -n 'ds-bucket-a/b.txt' | md5sum
        assert_eq!(file("a/b.txt").document_id("ds", "bucket"), "8e9d537f62284938869217ee61105e11");
        assert_ne!(file("folder-x").document_id("d", "b"), Item::folder("x/".to_owned()).document_id("d", "b"));
    }

    #[test]
    fn a_mark_changes_with_tag_size_and_time() {
        let one = file("k");
        let changes: [fn(&mut Item); 3] =
            [|item| item.size = 4, |item| item.etag = "x".to_owned(), |item| item.modified = None];
        for change in changes {
            let mut other = one.clone();
            change(&mut other);
            assert_ne!(other.mark(), one.mark());
        }
        assert_eq!(one.clone().mark(), one.mark());
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut item = file("ключ\u{1F600}/\"x\"");
        item.owner = Some(Owner { id: "1".to_owned(), name: "n".to_owned() });
        let text = serde_json::to_string(&item).unwrap();
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
    }
}
