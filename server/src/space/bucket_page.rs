//! What S3 servers answer to a listing: read by hand, so that keys come as they are. (A deserialiser trims white space,
//! which may stand at the ends of keys.)

use super::{
    Fault,
    listing::{Found, Item},
};
use crate::domain::{
    connector::item::Owner,
    sync::{Seen, Version},
    time::Timestamp,
};
use quick_xml::{Reader, events::Event};

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) found: Vec<Found>,
    /// Where the next page begins; `None` on the last one.
    pub(super) next: Option<String>,
}

/// What a server says when it refuses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    /// The region that the bucket lies in, or that signatures must be for.
    pub(super) region: String,
}

/// Reads `ListBucketResult` of `ListObjectsV2`,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.
pub(super) fn read_page(xml: &str) -> Result<Page, Fault> {
    let (mut page, mut line, mut truncated, mut token) = (Page::default(), Line::default(), false, String::new());
    let mut is_listing = false;
    walk(xml, |path, text| {
        match path {
            ["ListBucketResult"] => is_listing = true,
            ["ListBucketResult", "IsTruncated"] => truncated = text.trim() == "true",
            ["ListBucketResult", "NextContinuationToken"] => text.clone_into(&mut token),
            ["ListBucketResult", "Contents"] => page.found.push(std::mem::take(&mut line).into_found()?),
            ["ListBucketResult", "Contents", "Key"] => text.clone_into(&mut line.key),
            ["ListBucketResult", "Contents", "Size"] => text.trim().clone_into(&mut line.size),
            ["ListBucketResult", "Contents", "ETag"] => text.trim().clone_into(&mut line.etag),
            ["ListBucketResult", "Contents", "LastModified"] => text.trim().clone_into(&mut line.modified),
            ["ListBucketResult", "Contents", "Owner", "ID"] => text.clone_into(&mut line.owner.id),
            ["ListBucketResult", "Contents", "Owner", "DisplayName"] => text.clone_into(&mut line.owner.name),
            _ => {}
        }
        Ok(())
    })?;
    if !is_listing {
        return Err(odd("it answered a listing with something else"));
    }
    if truncated {
        if token.is_empty() {
            return Err(odd("it says that there is more of a listing, and not where"));
        }
        page.next = Some(token);
    }
    Ok(page)
}

/// Reads `LocationConstraint`; empty: the server's first region.
pub(super) fn read_location(xml: &str) -> Option<String> {
    let mut location = None;
    let read = walk(xml, |path, text| {
        if path == ["LocationConstraint"] {
            location = Some(text.trim().to_owned());
        }
        Ok(())
    });
    read.ok().and(location)
}

/// Reads `Error`; what cannot be read is empty.
pub(super) fn read_refusal(xml: &str) -> Refusal {
    let mut refusal = Refusal::default();
    // An answer without a body, or with one of a proxy, tells nothing.
    let _ = walk(xml, |path, text| {
        match path {
            ["Error", "Code"] => text.trim().clone_into(&mut refusal.code),
            ["Error", "Message"] => text.trim().clone_into(&mut refusal.message),
            ["Error", "Region"] => text.trim().clone_into(&mut refusal.region),
            _ => {}
        }
        Ok(())
    });
    refusal
}

/// An object of a page, as it is read.
#[derive(Default)]
struct Line {
    key: String,
    size: String,
    etag: String,
    modified: String,
    owner: Owner,
}

impl Line {
    fn into_found(self) -> Result<Found, Fault> {
        if self.key.is_empty() {
            return Err(odd("it lists an object without a key"));
        }
        let size = self.size.parse().map_err(|_| odd("it lists an object without its size"))?;
        let modified = Timestamp::from_rfc3339(&self.modified);
        let version = match (self.etag.as_str(), modified) {
            ("", Some(_)) => Version(self.modified),
            ("", None) => Version::default(),
            (tag, _) => Version::tag(tag),
        };
        let has_owner = self.owner != Owner::default();
        let owner = has_owner.then(|| Box::new(self.owner));
        Ok(Found::Item(Item { key: self.key, seen: Seen { size, modified, version }, owner }))
    }
}

/// Calls `ended` with the path of each element, and the text right inside of it, when it ends.
fn walk(xml: &str, mut ended: impl FnMut(&[&str], &str) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut reader = Reader::from_str(xml);
    let mut names: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    loop {
        match reader.read_event().map_err(unreadable)? {
            Event::Start(start) => {
                if names.len() == DEEPEST {
                    return Err(odd("its answer is nested too deeply"));
                }
                names.push(start.local_name().as_ref().to_owned());
                texts.push(String::new());
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                let path: Vec<&str> = names.iter().map(String::as_str).chain([name.as_str()]).collect();
                ended(&path, "")?;
            }
            Event::End(_) => {
                let path: Vec<&str> = names.iter().map(String::as_str).collect();
                ended(&path, &texts.pop().unwrap_or_default())?;
                names.pop();
            }
            Event::Text(text) => {
                if let Some(last) = texts.last_mut() {
                    last.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(last) = texts.last_mut() {
                    last.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(unreadable)? {
                    Some(character) => character.to_string(),
                    None => named(&reference)?.to_owned(),
                };
                if let Some(last) = texts.last_mut() {
                    last.push_str(&resolved);
                }
            }
            Event::Eof if names.is_empty() => return Ok(()),
            Event::Eof => return Err(odd("its answer breaks off")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
}

/// Elements inside of one another; S3's answers need five.
const DEEPEST: usize = 16;

/// The five names that XML knows by itself; no others are defined here.
fn named(name: &str) -> Result<&'static str, Fault> {
    match name {
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "amp" => Ok("&"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err(odd("its answer names something that XML does not know")),
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unavailable(Box::new(error))
}

fn odd(words: &'static str) -> Fault {
    Fault::Unavailable(words.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_keys_as_they_are() {
        let page = read_page(
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>\
             <Contents><Key> a&amp;b &#x1F600;%41+&lt; </Key><LastModified>2026-11-28T01:02:03.000Z</LastModified>\
             <ETag>&quot;abc&quot;</ETag><Size>12</Size><Owner><ID>1</ID><DisplayName>n</DisplayName></Owner></Contents>\
             <Contents><Key>x</Key><Size>0</Size><ETag/></Contents>\
             <IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;</NextContinuationToken></ListBucketResult>",
        )
        .unwrap();
        assert_eq!(page.next.as_deref(), Some("t&"));
        let [Found::Item(first), Found::Item(second)] = page.found.as_slice() else { panic!("{:?}", page.found) };
        assert_eq!((first.key.as_str(), first.seen.size), (" a&b \u{1F600}%41+< ", 12));
        assert_eq!((first.seen.version.0.as_str(), first.owner.as_deref().unwrap().name.as_str()), ("\"abc\"", "n"));
        assert_eq!((second.key.as_str(), second.owner.is_none()), ("x", true));
    }

    #[test]
    fn what_is_no_whole_listing_is_refused() {
        for bad in [
            "",
            "<html></html>",
            "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>",
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Contents><Key>&bomb;</Key></Contents></ListBucketResult>",
        ] {
            assert!(read_page(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_and_places_are_read() {
        let refusal =
            read_refusal("<Error><Code>NoSuchBucket</Code><Message>m</Message><Region>garage</Region></Error>");
        assert_eq!((refusal.code.as_str(), refusal.region.as_str()), ("NoSuchBucket", "garage"));
        assert_eq!(read_refusal("bad gateway"), Refusal::default());
        assert_eq!(
            read_location("<LocationConstraint xmlns=\"x\">eu-west-1</LocationConstraint>").unwrap(),
            "eu-west-1"
        );
        assert_eq!(read_location("<LocationConstraint/>").unwrap(), "");
        assert_eq!(read_location("<Error/>"), None);
    }
}
