//! Which place of the world a path of a space is, so that two spaces that lead to one place are seen to.

use super::{Space, kind};
use crate::domain::{id::SpaceId, sync::Site};
use url::Url;

/// Where a space begins. Cheap to keep; nothing is asked of the space any more.
#[derive(Debug, Clone)]
pub(crate) struct SiteRoot {
    storage: String,
    path: String,
}

impl SiteRoot {
    /// The place below, at `path` of the space.
    pub(crate) fn at(&self, path: &str) -> Site {
        Site::new(self.storage.clone(), &format!("{}/{path}", self.path))
    }
}

impl Space {
    /// Where this space begins. Blocks: links of a directory of this machine are followed.
    ///
    /// Two ways of writing one address are seen to be one where they differ as people write them; names that a resolver
    /// makes equal are not.
    pub(crate) fn site_root(&self) -> SiteRoot {
        let storage = &self.settings.storage;
        match storage.kind() {
            kind::LOCAL => {
                let root = kind::local_root(&self.settings);
                let real = std::fs::canonicalize(&root).unwrap_or(root);
                SiteRoot { storage: "directory".to_owned(), path: real.to_string_lossy().into_owned() }
            }
            kind::MEMORY => only_itself(self.settings.id),
            other => match Url::parse(storage.text("endpoint")) {
                Ok(url) => SiteRoot {
                    storage: format!(
                        "{}:{} {}{}",
                        one_name(url.host_str().unwrap_or_default()),
                        url.port_or_known_default().unwrap_or_default(),
                        storage.text("bucket"),
                        storage.text("container")
                    ),
                    path: url.path().to_owned(),
                },
                // The vendor's own endpoint, where names of buckets are unique.
                Err(_) => SiteRoot { storage: format!("{other} {}", storage.text("bucket")), path: String::new() },
            },
        }
    }
}

fn only_itself(id: SpaceId) -> SiteRoot {
    SiteRoot { storage: format!("space {id}"), path: String::new() }
}

/// This machine has many names.
fn one_name(host: &str) -> &str {
    match host {
        "localhost" | "[::1]" => "127.0.0.1",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::space::{Tagged, UserSpace};

    fn space(kind: &str, fields: serde_json::Value) -> Space {
        let fields = fields.as_object().unwrap().clone();
        Space::open(UserSpace {
            id: SpaceId(1),
            name: "s".to_owned(),
            storage: Tagged::new(kind, fields),
            credential: Tagged::new(kind, serde_json::Map::new()),
            shard_store: None,
            features: Vec::new(),
            working_dir: String::new(),
            revision: 1,
            store_uuid: String::new(),
            probe: None,
        })
        .unwrap()
    }

    fn s3(endpoint: &str, bucket: &str) -> SiteRoot {
        space("S3", serde_json::json!({"endpoint": endpoint, "bucket": bucket})).site_root()
    }

    #[tokio::test]
    async fn one_bucket_is_one_place_however_it_is_written() {
        let there = s3("http://localhost:9000", "b");
        assert!(there.at("a/b").overlaps(&s3("http://127.0.0.1:9000", "b").at("a")));
        assert!(!there.at("a").overlaps(&s3("http://127.0.0.1:9000", "c").at("a")));
        assert!(!there.at("a").overlaps(&s3("http://127.0.0.1:9001", "b").at("a")));
        let obs = space("OBS", serde_json::json!({"endpoint": "http://127.0.0.1:9000", "bucket": "b"}));
        assert!(there.at("").overlaps(&obs.site_root().at("x")), "one server, whichever way it is spoken to");
    }

    #[tokio::test]
    async fn nested_roots_of_directories_are_seen_through_links() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::os::unix::fs::symlink(&inner, outer.path().join("link")).unwrap();
        let root = |path: &std::path::Path| space("Local", serde_json::json!({"root": path})).site_root();
        assert!(root(outer.path()).at("a/b/c").overlaps(&root(&inner).at("")));
        assert!(root(&outer.path().join("link")).at("x").overlaps(&root(&inner).at("x/y")));
        assert!(!root(outer.path()).at("c").overlaps(&root(&inner).at("")));
    }
}
