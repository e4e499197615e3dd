//! Uploads in parts to a key: invisible until they are complete, which is metadata work.

use super::{open::KeyObject, place};
use crate::{
    domain::{
        Error, PartsProblem, Result,
        attributes::{Attributes, Checksum, ChecksumAlgorithm, ChecksumKind},
        caller::{Caller, Right},
        hash::{FileHash, Sha256Hasher},
        id::UploadId,
        object::{Extent, ObjectPart},
        page::successor,
        time::Timestamp,
        upload::{Completed, KeyUpload, MIN_PART, Part},
        version::WriteCondition,
    },
    metadata::{NewObject, NewPart},
    service::{
        Body, Services,
        content::{Digests, Policy, Settled, Wanted, big_endian, crc_of},
        object::get::Content,
    },
};
use futures::{StreamExt, stream};
use md5::{Digest, Md5};
use std::{collections::HashMap, ops::Range};

/// How often a completion begins anew when parts are replaced under it.
const TRIES: usize = 3;

/// An upload to begin.
#[derive(Debug, Clone)]
pub(crate) struct NewKeyUpload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// A part to put.
#[derive(Debug, Clone)]
pub(crate) struct PutPart {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload: String,
    pub(crate) number: i32,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
}

/// A part that a completion names.
#[derive(Debug, Clone)]
pub(crate) struct ChosenPart {
    pub(crate) number: i32,
    /// Without quotes.
    pub(crate) etag: String,
    /// Base 64.
    pub(crate) checksum: Option<(ChecksumAlgorithm, String)>,
}

/// A completion.
#[derive(Debug, Clone)]
pub(crate) struct CompleteKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload: String,
    pub(crate) parts: Vec<ChosenPart>,
    pub(crate) condition: Option<WriteCondition>,
    /// What the client says that the check sum of the whole is.
    pub(crate) checksum: Option<(ChecksumAlgorithm, String)>,
    /// What the client says that the size of the whole is.
    pub(crate) size: Option<u64>,
}

/// A page of unfinished uploads.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadPage {
    pub(crate) uploads: Vec<KeyUpload>,
    pub(crate) common_prefixes: Vec<String>,
    /// The key, and the upload of it, behind which the next page begins.
    pub(crate) next: Option<(String, Option<String>)>,
}

impl Services {
    /// Begins an upload to a key.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn begin_key_upload(&self, caller: Caller, new: NewKeyUpload) -> Result<KeyUpload> {
        caller.may(Right::Write)?;
        let bucket = self.bucket_named(caller, &new.bucket).await?;
        let upload = KeyUpload {
            id: UploadId(0),
            bucket: bucket.id,
            key: new.key,
            name: format!("{:032x}", rand::random::<u128>()),
            owner: caller.owner_of_new(),
            created_at: Timestamp::now(),
            attributes: new.attributes,
            checksum: new.checksum,
            done: None,
        };
        let (row, deadline) = (upload.clone(), upload.created_at.plus(self.rules.multipart.expiry));
        self.metadata.write(move |rows| Box::pin(async move { rows.start_key_upload(&row, deadline).await })).await?;
        Ok(upload)
    }

    /// An upload that still takes parts.
    ///
    /// # Errors
    /// [`Error::NotFound`] with `upload` when there is none of this name, or it has ended.
    pub(crate) async fn receiving_upload(
        &self,
        caller: Caller,
        bucket: &str,
        key: &str,
        upload: &str,
    ) -> Result<KeyUpload> {
        let bucket = self.bucket_named(caller, bucket).await?;
        let found = self.metadata.rows().key_upload(bucket.id, key, upload).await?;
        found.filter(|upload| upload.done.is_none()).ok_or_else(|| no_upload(upload))
    }

    /// Reads a part to its end and adds it to its upload, in the place of an earlier one of the same number. `check`
    /// sees its digests before it is committed.
    ///
    /// # Errors
    /// As [`receiving_upload`](Self::receiving_upload), and what the body, `check` or the store says.
    pub(crate) async fn put_key_part(
        &self,
        caller: Caller,
        part: PutPart,
        body: Body<'_>,
        check: impl FnOnce(&Digests, u64) -> Result<()>,
    ) -> Result<Part> {
        caller.may(Right::Write)?;
        let upload = self.receiving_upload(caller, &part.bucket, &part.key, &part.upload).await?;
        let home = self.home(caller, &part.bucket, &part.key).await?;
        let policy = Policy { redundancy: home.redundancy(), affinity: None };
        // A part without a sum of its own gets one, when that of the whole is made of them.
        let algorithm = part.checksum.or(upload.checksum.map(|(algorithm, _)| algorithm));
        let pending = self.content.begin();
        let wanted = Wanted { md5: true, checksum: algorithm };
        let stored = self.content.receive_with(body, policy, &pending, wanted).await?.stored(&pending).await?;
        check(&stored.digests, stored.size)?;
        let new = NewPart {
            index: i64::from(part.number),
            size: stored.size,
            sha256: stored.digests.sha256,
            etag: stored.digests.md5.map(|md5| data_encoding::HEXLOWER.encode(&md5)),
            checksum: algorithm.zip(stored.digests.checksum).map(|(algorithm, sum)| Checksum::full(algorithm, &sum)),
            extents: stored.extents,
        };
        let Settled { fresh, known, held } = pending.settle().await;
        let now = Timestamp::now();
        let answer = Part {
            row: 0,
            index: new.index,
            size: new.size,
            sha256: new.sha256,
            etag: new.etag.clone(),
            checksum: new.checksum.clone(),
            created_at: now,
        };
        let put = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.put_part(upload.id, &new, &fresh, &known, now).await }))
            .await;
        drop(held);
        match put {
            Err(Error::Conflict(_)) => Err(no_upload(&part.upload)),
            put => put.map(|()| answer),
        }
    }

    /// As [`put_key_part`](Self::put_key_part), with bytes of another object.
    pub(crate) async fn copy_key_part(
        &self,
        caller: Caller,
        part: PutPart,
        source: KeyObject,
        range: Range<u64>,
    ) -> Result<Part> {
        let bytes = match source.read(range).await? {
            Content::Whole(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Content::Stream(bytes) => bytes.boxed(),
        };
        let mut bytes = std::pin::pin!(bytes);
        self.put_key_part(caller, part, bytes.as_mut(), |_, _| Ok(())).await
    }

    /// Makes the parts, in the order of their numbers, the object of the key. The same completion again answers the same.
    ///
    /// # Errors
    /// [`Error::Parts`] when the parts cannot be joined, [`Error::BadDigest`] when the whole is not what it should be,
    /// [`Error::NotFound`] with `upload`, [`Error::Precondition`]; nothing has changed then.
    pub(crate) async fn complete_key_upload(&self, caller: Caller, complete: CompleteKey) -> Result<Completed> {
        caller.may(Right::Write)?;
        for _ in 1..TRIES {
            match self.complete_key_once(caller, &complete).await {
                Err(Error::Raced(_)) => {}
                done => return done,
            }
        }
        self.complete_key_once(caller, &complete).await
    }

    async fn complete_key_once(&self, caller: Caller, complete: &CompleteKey) -> Result<Completed> {
        let bucket = self.bucket_named(caller, &complete.bucket).await?;
        let rows = self.metadata.rows();
        let upload = rows.key_upload(bucket.id, &complete.key, &complete.upload).await?;
        let upload = upload.ok_or_else(|| no_upload(&complete.upload))?;
        if let Some(done) = upload.done {
            return Ok(done);
        }
        let parts = chosen(&complete.parts, rows.parts(upload.id).await?)?;
        let size: u64 = parts.iter().map(|part| part.size).sum();
        if complete.size.is_some_and(|said| said != size) {
            let reason = format!("x-amz-mp-object-size says {:?} bytes, the parts have {size}", complete.size);
            return Err(Error::invalid("x-amz-mp-object-size", reason));
        }
        let checksum = whole_checksum(&upload, &parts, complete.checksum.as_ref())?;
        let mut layouts: HashMap<i64, Vec<Extent>> = HashMap::new();
        for (row, extent) in rows.part_layouts(upload.id).await? {
            layouts.entry(row).or_default().push(extent);
        }
        let extents: Vec<Extent> = parts.iter().filter_map(|part| layouts.get(&part.row)).flatten().copied().collect();
        let etag = joined_etag(&parts)?;
        let attributes =
            Attributes { etag: Some(etag.clone()), checksum: checksum.clone(), ..upload.attributes.clone() };
        let object_parts = parts
            .iter()
            .map(|part| ObjectPart {
                number: i32::try_from(part.index).unwrap_or(i32::MAX),
                size: part.size,
                checksum: part.checksum.clone(),
            })
            .collect();
        let used: Vec<i64> = parts.iter().map(|part| part.row).collect();
        let (key, condition, hash) = (complete.key.clone(), complete.condition.clone(), hash_of(&parts));
        let (bucket, expiry) = (bucket.id, self.rules.multipart.expiry);
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let package = rows.package_of_key(bucket, &key, now).await?;
                    let new = NewObject {
                        place: place(bucket, &package, &key)?,
                        size,
                        hash,
                        redundancy: package.redundancy,
                        extents,
                        attributes,
                        parts: object_parts,
                        condition,
                    };
                    let known: Vec<_> = new.extents.iter().map(|extent| extent.chunk).collect();
                    let put = rows.put_objects(&[new], &[], &known, now).await?;
                    let done =
                        Completed { etag, version: put.into_iter().next().and_then(|object| object.version), checksum };
                    rows.finish_key_upload(upload.id, &used, &done, now.plus(expiry), now).await?;
                    Ok(done)
                })
            })
            .await
    }

    /// Gives up an upload and what it has received.
    ///
    /// # Errors
    /// As [`receiving_upload`](Self::receiving_upload).
    pub(crate) async fn abort_key_upload(&self, caller: Caller, bucket: &str, key: &str, upload: &str) -> Result<()> {
        caller.may(Right::Write)?;
        let id = self.receiving_upload(caller, bucket, key, upload).await?.id;
        self.metadata.write(move |rows| Box::pin(async move { rows.drop_key_upload(id, Timestamp::now()).await })).await
    }

    /// The parts of an upload behind a number, at most `most`, and whether there are more.
    ///
    /// # Errors
    /// As [`receiving_upload`](Self::receiving_upload).
    pub(crate) async fn parts_of_upload(
        &self,
        upload: &KeyUpload,
        after: i32,
        most: usize,
    ) -> Result<(Vec<Part>, bool)> {
        let mut parts = self.metadata.rows().parts_after(upload.id, i64::from(after), most as u64 + 1).await?;
        let more = parts.len() > most;
        parts.truncate(most);
        Ok((parts, more))
    }

    /// A page of the unfinished uploads of a bucket, by key and age.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn list_key_uploads(
        &self,
        caller: Caller,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<(&str, Option<&str>)>,
        most: usize,
    ) -> Result<UploadPage> {
        caller.may(Right::Read)?;
        let bucket = self.bucket_named(caller, bucket).await?.id;
        let rows = self.metadata.rows();
        let mut from = prefix.to_owned();
        let mut behind: Option<(String, UploadId)> = None;
        match after {
            None => {}
            Some((key, None)) => from = format!("{key}\u{1}").max(from),
            Some((key, Some(name))) => match rows.key_upload(bucket, key, name).await? {
                Some(upload) => behind = Some((key.to_owned(), upload.id)),
                None => from = format!("{key}\u{1}").max(from),
            },
        }
        let below = successor(prefix);
        let mut page = UploadPage::default();
        let mut last: Option<(String, Option<String>)> = None;
        loop {
            let after = behind.as_ref().map(|(key, id)| (key.as_str(), *id));
            let uploads = rows.key_uploads(bucket, &from, below.as_deref(), after, most as u64 + 1).await?;
            let complete = uploads.len() <= most;
            let mut skipped = false;
            for upload in uploads {
                if page.uploads.len() + page.common_prefixes.len() == most {
                    page.next = last;
                    return Ok(page);
                }
                let common = delimiter.and_then(|delimiter| super::list::common_prefix(&upload.key, prefix, delimiter));
                if let Some(common) = common {
                    from = successor(&common).unwrap_or_default();
                    behind = None;
                    last = Some((common.clone(), None));
                    page.common_prefixes.push(common);
                    skipped = true;
                    break;
                }
                behind = Some((upload.key.clone(), upload.id));
                last = Some((upload.key.clone(), Some(upload.name.clone())));
                page.uploads.push(upload);
            }
            if complete && !skipped {
                return Ok(page);
            }
        }
    }
}

/// The parts that a completion names, which must be there, ascending, and large enough.
fn chosen(wanted: &[ChosenPart], parts: Vec<Part>) -> Result<Vec<Part>> {
    if wanted.is_empty() {
        return Err(Error::invalid("CompleteMultipartUpload", "must name at least one part"));
    }
    if wanted.iter().zip(wanted.iter().skip(1)).any(|(one, next)| one.number >= next.number) {
        let reason = "the parts must be named in ascending order of their numbers".to_owned();
        return Err(Error::Parts { problem: PartsProblem::Order, reason });
    }
    let mut parts: HashMap<i64, Part> = parts.into_iter().map(|part| (part.index, part)).collect();
    let mut found = Vec::with_capacity(wanted.len());
    for part in wanted {
        let there = parts.remove(&i64::from(part.number)).filter(|there| is_meant(part, there));
        found.push(there.ok_or_else(|| Error::Parts {
            problem: PartsProblem::Unknown,
            reason: format!("part {} was not uploaded, or is not the one with this ETag or check sum", part.number),
        })?);
    }
    match found.iter().rev().skip(1).find(|part| part.size < MIN_PART) {
        Some(small) => Err(Error::Parts {
            problem: PartsProblem::TooSmall,
            reason: format!("part {} has {} bytes; all but the last must have {MIN_PART}", small.index, small.size),
        }),
        None => Ok(found),
    }
}

fn is_meant(wanted: &ChosenPart, there: &Part) -> bool {
    let etag = there.etag.as_deref().is_some_and(|etag| etag.eq_ignore_ascii_case(&wanted.etag));
    let sum = wanted.checksum.as_ref().is_none_or(|(algorithm, value)| {
        there.checksum.as_ref().is_none_or(|sum| sum.algorithm != *algorithm || sum.value == *value)
    });
    etag && sum
}

/// The MD5 of the parts' MD5s, and how many they are.
fn joined_etag(parts: &[Part]) -> Result<String> {
    let mut md5 = Md5::new();
    for part in parts {
        let digest = part.etag.as_deref().and_then(|etag| data_encoding::HEXLOWER.decode(etag.as_bytes()).ok());
        md5.update(digest.ok_or_else(|| Error::internal("a part without an MD5"))?);
    }
    Ok(format!("{}-{}", data_encoding::HEXLOWER.encode(&md5.finalize()), parts.len()))
}

fn hash_of(parts: &[Part]) -> FileHash {
    if let [only] = parts {
        return FileHash::Full(only.sha256);
    }
    let mut hasher = Sha256Hasher::default();
    parts.iter().for_each(|part| hasher.update(&part.sha256));
    FileHash::Comp(hasher.finish())
}

/// The check sum of the whole, made of those of the parts, and compared with what the client says.
fn whole_checksum(
    upload: &KeyUpload,
    parts: &[Part],
    said: Option<&(ChecksumAlgorithm, String)>,
) -> Result<Option<Checksum>> {
    let declared = upload.checksum.or_else(|| said.map(|(algorithm, _)| (*algorithm, default_kind(*algorithm))));
    let Some((algorithm, kind)) = declared else { return Ok(None) };
    let mut sums = Vec::with_capacity(parts.len());
    for part in parts {
        match part.checksum.as_ref().filter(|sum| sum.algorithm == algorithm).and_then(Checksum::bytes) {
            Some(sum) => sums.push((sum, part.size)),
            None => return Ok(None),
        }
    }
    let checksum = match kind {
        ChecksumKind::Composite => {
            let joined: Vec<u8> = sums.iter().flat_map(|(sum, _)| sum.iter().copied()).collect();
            let sum = Digests::of(&joined, Wanted { md5: false, checksum: Some(algorithm) }).checksum;
            let value = format!("{}-{}", data_encoding::BASE64.encode(&sum.unwrap_or_default()), parts.len());
            Checksum { algorithm, kind, value }
        }
        ChecksumKind::FullObject => match joined_crc(algorithm, &sums) {
            Some(sum) => Checksum::full(algorithm, &sum),
            None => return Ok(None),
        },
    };
    match said {
        Some((said_algorithm, value)) if *said_algorithm == algorithm && !same_sum(value, &checksum) => {
            Err(Error::BadDigest(format!("the {} of the object is {}, not {value}", algorithm.name(), checksum.value)))
        }
        _ => Ok(Some(checksum)),
    }
}

/// Clients may leave the number of parts out.
fn same_sum(said: &str, checksum: &Checksum) -> bool {
    said == checksum.value
        || (checksum.kind == ChecksumKind::Composite && checksum.value.split('-').next() == Some(said))
}

/// What S3 takes when a client does not say what its check sum covers.
pub(crate) fn default_kind(algorithm: ChecksumAlgorithm) -> ChecksumKind {
    match algorithm {
        ChecksumAlgorithm::Crc64Nvme => ChecksumKind::FullObject,
        _ => ChecksumKind::Composite,
    }
}

fn joined_crc(algorithm: ChecksumAlgorithm, sums: &[(Vec<u8>, u64)]) -> Option<Vec<u8>> {
    let crc = crc_of(algorithm)?;
    let number = |sum: &[u8]| sum.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let (first, rest) = sums.split_first()?;
    let joined = rest
        .iter()
        .fold(number(&first.0), |joined, (sum, size)| crc_fast::checksum_combine(crc, joined, number(sum), *size));
    Some(big_endian(joined, algorithm.length()))
}

fn no_upload(name: &str) -> Error {
    Error::not_found("upload", format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crcs_of_parts_join_to_that_of_the_whole() {
        let (one, two) = (vec![7u8; 1000], vec![9u8; 777]);
        let whole = [one.clone(), two.clone()].concat();
        for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.joins()) {
            let sum =
                |bytes: &[u8]| Digests::of(bytes, Wanted { md5: false, checksum: Some(algorithm) }).checksum.unwrap();
            let joined = joined_crc(algorithm, &[(sum(&one), 1000), (sum(&two), 777)]);
            assert_eq!(joined, Some(sum(&whole)), "{algorithm:?}");
        }
    }

    fn part(index: i64, size: u64) -> Part {
        let etag = Some(format!("{index:032x}"));
        Part { row: index, index, size, sha256: [0; 32], etag, checksum: None, created_at: Timestamp(0) }
    }

    fn wanted(number: i32) -> ChosenPart {
        ChosenPart { number, etag: format!("{number:032x}"), checksum: None }
    }

    #[test]
    fn parts_that_cannot_be_joined_are_told_apart() {
        let there = || vec![part(1, MIN_PART), part(2, 10), part(3, MIN_PART)];
        let problem = |numbers: &[i32]| match chosen(&numbers.iter().map(|n| wanted(*n)).collect::<Vec<_>>(), there()) {
            Err(Error::Parts { problem, .. }) => Some(problem),
            _ => None,
        };
        assert_eq!(problem(&[1, 2]), None);
        assert_eq!(problem(&[2]), None, "the last may be small");
        assert_eq!(problem(&[1, 4]), Some(PartsProblem::Unknown));
        assert_eq!(problem(&[2, 1]), Some(PartsProblem::Order));
        assert_eq!(problem(&[1, 1]), Some(PartsProblem::Order));
        assert_eq!(problem(&[2, 3]), Some(PartsProblem::TooSmall));
        let mut other = wanted(1);
        other.etag = "0".repeat(32);
        assert!(chosen(&[other], there()).is_err());
    }
}
