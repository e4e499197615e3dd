//! Documents: what is searched. One that a listing tells of is made, whenever it is read, of what the listing told and of
//! what callers said about it; so it follows its datasource, and what callers said survives every scan.

use super::{
    fields::{self, Fields, Kind},
    item::Item,
    target::Target,
};
use crate::domain::{Result, time::Timestamp};
use serde_json::{Value, json};

const KNOWN: &[(&str, Kind)] = &[
    ("source", Kind::Object),
    ("type", Kind::Text),
    ("category", Kind::Text),
    ("subcategory", Kind::Text),
    ("categories", Kind::Texts),
    ("rich_categories", Kind::Objects),
    ("title", Kind::Text),
    ("summary", Kind::Text),
    ("lang", Kind::Text),
    ("content", Kind::Text),
    ("icon", Kind::Text),
    ("thumbnail", Kind::Text),
    ("cover", Kind::Text),
    ("owner", Kind::Object),
    ("tags", Kind::Texts),
    ("url", Kind::Text),
    ("size", Kind::Count),
    ("metadata", Kind::Object),
    ("payload", Kind::Object),
    ("last_updated_by", Kind::Object),
    ("disabled", Kind::Flag),
    ("processed", Kind::Flag),
    ("attachments", Kind::Any),
    ("document_chunk", Kind::Any),
    ("ai_insights", Kind::Object),
    ("created", Kind::Time),
    ("updated", Kind::Time),
];

/// What only the storage knows: a caller's word does not count.
const OF_STORAGE: [&str; 6] = ["source", "type", "url", "size", "created", "updated"];

/// A document, as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) datasource: Option<String>,
    /// What a listing told; `None`: a caller made it.
    pub(crate) item: Option<Item>,
    /// What callers said.
    pub(crate) body: Fields,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// What a document is told about the datasource that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) icon: String,
    /// Where it looks, if this server does so by itself.
    pub(crate) target: Option<Target>,
}

/// What callers may send of a document.
///
/// # Errors
/// [`Error::Invalid`](crate::domain::Error::Invalid) with the field that is wrong.
pub(crate) fn checked(sent: &Fields) -> Result<Fields> {
    fields::keep(sent, KNOWN)
}

/// The folder of a document that a caller made, as `/a/b/`: its category, when that reads as a path.
pub(crate) fn parent_of(body: &Fields) -> String {
    let category = fields::text(body, "category");
    if category.starts_with('/') && category.ends_with('/') { category.to_owned() } else { String::new() }
}

impl Document {
    /// As answers show it and as it is searched. `own` is the address of this server's S3 door.
    pub(crate) fn source(&self, of: Option<&Source>, own: &str) -> Fields {
        let mut source = match (&self.item, of) {
            (Some(item), Some(of)) => self.listed(item, of, own),
            _ => self.said(),
        };
        if let Some(of) = of {
            let mut shown = json!({"type": "connector", "name": of.name, "id": of.id});
            if !of.icon.is_empty() {
                shown["icon"] = of.icon.as_str().into();
            }
            source.insert("source".to_owned(), shown);
        }
        source.insert("id".to_owned(), self.id.as_str().into());
        source.insert("created".to_owned(), self.created_at.to_rfc3339().into());
        source.insert("updated".to_owned(), self.updated_at.to_rfc3339().into());
        source
    }

    /// One that a caller made.
    fn said(&self) -> Fields {
        let mut source = self.body.clone();
        let parent = parent_of(&source);
        if !parent.is_empty() {
            source.insert("_system".to_owned(), json!({ "parent_path": parent }));
        }
        source
    }

    fn listed(&self, item: &Item, of: &Source, own: &str) -> Fields {
        let mut source = shape(item, of.target.as_ref(), own);
        let mut said = self.body.clone();
        for name in OF_STORAGE {
            said.remove(name);
        }
        // Of the metadata a caller adds to what the storage tells, and changes none of it.
        let told = fields::object(&source, "metadata");
        fields::merge(&mut source, said);
        if let Some(Value::Object(metadata)) = source.get_mut("metadata") {
            fields::merge(metadata, told);
        }
        source
    }
}

/// The document of an object or a folder.
fn shape(item: &Item, target: Option<&Target>, own: &str) -> Fields {
    let parent = item.parent();
    let is_folder = item.is_folder();
    let mut source = Fields::new();
    let mut put = |name: &str, value: Value| source.insert(name.to_owned(), value);
    put("type", if is_folder { "folder" } else { "file" }.into());
    put("icon", if is_folder { "font_filetype-folder" } else { "file" }.into());
    put("title", item.name().into());
    put("category", parent.as_str().into());
    put("categories", item.steps().collect::<Vec<_>>().into());
    put("url", target.map(|target| target.url(&item.key, own)).unwrap_or_default().into());
    put("_system", json!({ "parent_path": parent }));
    if !is_folder {
        put("size", item.size.into());
    }
    if let Some(owner) = &item.owner {
        put("owner", json!({"userid": owner.id, "username": owner.name}));
    }
    put("metadata", Value::Object(metadata(item, target)));
    source
}

fn metadata(item: &Item, target: Option<&Target>) -> Fields {
    let mut told = Fields::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            told.insert(name.to_owned(), value.into());
        }
    };
    put("bucket", target.map_or("", |target| &target.bucket));
    put("key", &item.key);
    if !item.is_folder() {
        put("etag", &item.etag);
        put("extension", &item.extension());
        put("content_type", content_type(item.name()));
        put("storage_class", &item.storage_class);
        put("last_modified", &item.modified.map(Timestamp::to_rfc3339).unwrap_or_default());
    }
    told
}

/// The type of content that a name promises.
fn content_type(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        connector::{item::Owner, target::S3},
        sync::{Seen, Version},
    };

    fn source_of(body: Value, item: Option<Item>) -> Value {
        let config = json!({"access_key_id": "a", "secret_access_key": "s", "bucket": "b", "endpoint": "http://h"});
        let target = Target::read(S3, config.as_object().unwrap()).unwrap();
        let of = Source { id: "ds".to_owned(), name: "mine".to_owned(), icon: String::new(), target };
        let document = Document {
            id: "x".to_owned(),
            datasource: Some("ds".to_owned()),
            item,
            body: body.as_object().unwrap().clone(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        document.source(Some(&of), "").into()
    }

    fn file(key: &str) -> Item {
        let seen = Seen { size: 7, modified: Some(Timestamp(0)), version: Version::tag("e1") };
        Item::file(key.to_owned(), &seen, Some(Owner { id: "u".to_owned(), name: "n".to_owned() }))
    }

    #[test]
    fn an_object_is_told_as_the_contract_tells_it() {
        assert_eq!(
            source_of(json!({}), Some(file("a/b c/r.PDF"))),
            json!({
                "id": "x", "created": "1970-01-01T00:00:00+00:00", "updated": "1970-01-01T00:00:00+00:00",
                "source": {"type": "connector", "name": "mine", "id": "ds"},
                "type": "file", "icon": "file", "title": "r.PDF", "category": "/a/b c/", "categories": ["a", "b c"],
                "url": "http://h/b/a/b%20c/r.PDF", "size": 7, "owner": {"userid": "u", "username": "n"},
                "_system": {"parent_path": "/a/b c/"},
                "metadata": {"bucket": "b", "key": "a/b c/r.PDF", "etag": "e1", "extension": "pdf",
                    "content_type": "application/pdf", "last_modified": "1970-01-01T00:00:00+00:00"},
            })
        );
        let folder = source_of(json!({}), Some(Item::folder("a/b/".to_owned())));
        assert_eq!(
            (&folder["type"], &folder["title"], &folder["category"]),
            (&json!("folder"), &json!("b"), &json!("/a/"))
        );
        assert_eq!((folder.get("size"), &folder["url"]), (None, &json!("http://h/b/a/b/")));
    }

    #[test]
    fn what_callers_say_is_laid_over_and_what_the_storage_knows_stays() {
        let said = json!({"title": "T", "size": 9, "url": "u", "tags": ["t"], "metadata": {"etag": "no", "note": "yes"}, "disabled": true});
        let told = source_of(said, Some(file("k.txt")));
        assert_eq!((&told["title"], &told["tags"], &told["disabled"]), (&json!("T"), &json!(["t"]), &json!(true)));
        assert_eq!((&told["size"], &told["url"]), (&json!(7), &json!("http://h/b/k.txt")));
        assert_eq!((&told["metadata"]["etag"], &told["metadata"]["note"]), (&json!("e1"), &json!("yes")));
    }
}
