//! Listing objects, a page at a time or as a stream of pages.

use crate::{
    domain::{
        Result,
        caller::{Caller, Right},
        id::PackageId,
        name::ObjectPath,
        object::Object,
        page::{MAX_KEYS, Position},
    },
    metadata::{Entry, Listing, Metadata, Within},
    service::Services,
};
use futures::{Stream, stream};
use std::pin::Pin;

/// What to list.
#[derive(Debug, Clone)]
pub(crate) struct ListObjects {
    pub(crate) package: PackageId,
    /// The exact path, or with `is_prefix` what paths begin with.
    pub(crate) path: String,
    pub(crate) is_prefix: bool,
    /// With a prefix: what lies behind the next delimiter is shown as one common prefix.
    pub(crate) delimiter: Option<String>,
    /// The most objects and common prefixes to answer.
    pub(crate) max_keys: usize,
    pub(crate) after: Option<Position>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectPage {
    pub(crate) objects: Vec<Object>,
    pub(crate) common_prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub(crate) next: Option<Position>,
}

/// Pages of objects. Ends early only with an error.
pub(crate) type ObjectStream = Pin<Box<dyn Stream<Item = Result<Vec<Object>>> + Send>>;

impl Services {
    /// # Errors
    /// [`Error::NotFound`](crate::domain::Error::NotFound) for an unknown package.
    pub(crate) async fn list_objects(&self, caller: Caller, list: ListObjects) -> Result<ObjectPage> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        rows.package(caller.scope(), list.package).await?;
        if !list.is_prefix {
            return self.list_exact(list).await;
        }
        let most = list.max_keys;
        let listing = Listing {
            within: Within::Package(list.package),
            prefix: list.path,
            delimiter: list.delimiter,
            after: list.after,
            // One more than wanted tells whether there is a next page.
            most: most + 1,
        };
        let mut entries = rows.list(&listing).await?;
        let more = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| more).map(position_of);
        let mut page = ObjectPage { next, ..ObjectPage::default() };
        for entry in entries {
            match entry {
                Entry::Object(object) => page.objects.push(object),
                Entry::Prefix(prefix) => page.common_prefixes.push(prefix),
            }
        }
        Ok(page)
    }

    async fn list_exact(&self, list: ListObjects) -> Result<ObjectPage> {
        // A path that no object can have is simply not there.
        let Ok(path) = ObjectPath::new("path", list.path) else { return Ok(ObjectPage::default()) };
        if list.after.is_some_and(|after| after == Position::AfterObject(path.as_str().to_owned())) {
            return Ok(ObjectPage::default());
        }
        let objects = self.metadata.rows().object_at(list.package, &path).await?.into_iter().collect();
        Ok(ObjectPage { objects, ..ObjectPage::default() })
    }

    /// All objects of a package in order of path, page by page: what is in memory does not grow with the package.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::domain::Error::NotFound) for an unknown package.
    pub(crate) async fn package_objects(&self, caller: Caller, package: PackageId) -> Result<ObjectStream> {
        caller.may(Right::Read)?;
        self.metadata.rows().package(caller.scope(), package).await?;
        let metadata = self.metadata.clone();
        let pages = stream::try_unfold(Some(None), move |at: Option<Option<Position>>| {
            let metadata = metadata.clone();
            async move {
                let Some(after) = at else { return Ok(None) };
                let objects = page_after(&metadata, package, after).await?;
                let full = objects.len() == MAX_KEYS;
                let next = objects.last().filter(|_| full);
                let next = next.map(|last| Some(Position::AfterObject(last.path.as_str().to_owned())));
                Ok(Some((objects, next)))
            }
        });
        Ok(Box::pin(pages))
    }
}

async fn page_after(metadata: &Metadata, package: PackageId, after: Option<Position>) -> Result<Vec<Object>> {
    let listing =
        Listing { within: Within::Package(package), prefix: String::new(), delimiter: None, after, most: MAX_KEYS };
    let entries = metadata.rows().list(&listing).await?;
    let objects = entries.into_iter().filter_map(|entry| match entry {
        Entry::Object(object) => Some(object),
        Entry::Prefix(_) => None,
    });
    Ok(objects.collect())
}

fn position_of(entry: &Entry<Object>) -> Position {
    match entry {
        Entry::Object(object) => Position::AfterObject(object.path.as_str().to_owned()),
        Entry::Prefix(prefix) => Position::AfterPrefix(prefix.clone()),
    }
}
