//! Files of a space as a sync reads and writes them: with their times, and with the version that a listing will tell.

use super::{
    Fault,
    across::Across,
    cloud::{Cloud, buffer_of},
    files::{FileEntry, FileStream, Files},
    listing::seen_of,
    mark::Mark,
    path,
    shard::Block,
};
use crate::domain::{
    sync::{Seen, Version},
    time::Timestamp,
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The name under which the time of a file is kept with it in a cloud, and its form, are those that rclone knows.
const MTIME: &str = "mtime";

/// A small file, read at once.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// The time that is kept with it, if there is one.
    pub(crate) kept: Option<Timestamp>,
}

impl Files {
    /// Whether a file keeps the time that it is given, and shows it in listings.
    pub(crate) fn keeps_time(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The most bytes of a file that [`write_small`](Self::write_small) takes.
    pub(crate) const SMALL: u64 = super::cloud::PART as u64;

    /// What the writer of one large file holds beside the blocks it is given.
    pub(crate) fn writer_memory(&self) -> u64 {
        match self {
            Self::Cloud(cloud) if cloud.direct().is_none() => super::cloud::WRITER_MEMORY,
            Self::Local(_) | Self::Cloud(_) => 0,
        }
    }

    /// Reads a file that was listed as `seen`.
    ///
    /// # Errors
    /// [`Fault::Changed`] when it is not the one that was listed.
    pub(crate) async fn read_small(&self, place: &str, seen: &Seen) -> Result<Whole, Fault> {
        match self {
            Self::Local(files) => {
                let bytes = files.read_small(place, seen).await?;
                Ok(Whole { bytes, kept: None })
            }
            Self::Cloud(cloud) => cloud.read_small(place, seen).await,
        }
    }

    /// The content of a large file that was listed as `seen`.
    pub(crate) fn read_large(&self, place: &str, seen: &Seen) -> FileStream {
        self.read(&FileEntry {
            path: place.to_owned(),
            place: place.to_owned(),
            size: seen.size,
            version: seen.version.0.clone(),
        })
    }

    /// A file as it is now, and the time that is kept with it.
    pub(crate) async fn look_at(&self, place: &str) -> Result<(Seen, Option<Timestamp>), Fault> {
        match self {
            Self::Local(files) => Ok((files.look_at(place).await?, None)),
            Self::Cloud(cloud) => {
                let metadata = cloud.operator().stat(place).await?;
                Ok((seen_of(&metadata), kept_time(&metadata)))
            }
        }
    }

    /// Writes a file at once, in place of what is there. Durable after [`settle`](Self::settle).
    pub(crate) async fn write_small(
        &self,
        place: &str,
        bytes: Bytes,
        modified: Option<Timestamp>,
    ) -> Result<Version, Fault> {
        match self {
            Self::Local(files) => files.write_small(place, bytes, modified).await,
            Self::Cloud(cloud) => match cloud.direct() {
                Some(_) => {
                    let (blocks, queue) = mpsc::channel(1);
                    let size = bytes.len() as u64;
                    let block = Block { pieces: vec![bytes], _memory: None };
                    // The queue has room for it.
                    let _ = blocks.try_send(Arc::new(block));
                    drop(blocks);
                    cloud.write_into_folder(place, size, queue).await
                }
                None => cloud.write_small(place, bytes, modified).await,
            },
        }
    }

    /// As [`write_small`](Self::write_small), from blocks; nothing is put in place unless all `size` bytes come.
    pub(crate) async fn write_large(
        &self,
        place: &str,
        size: u64,
        modified: Option<Timestamp>,
        blocks: mpsc::Receiver<Arc<Block>>,
    ) -> Result<Version, Fault> {
        match self {
            Self::Local(files) => files.write_at(place, size, modified, blocks).await,
            Self::Cloud(cloud) if cloud.direct().is_some() => cloud.write_into_folder(place, size, blocks).await,
            Self::Cloud(cloud) => {
                let time = modified.filter(|_| cloud.keeps_metadata()).map(time_text);
                let kept = time.as_deref().map(|time| (MTIME, time));
                cloud.write(place, blocks, Some(size), kept).await
            }
        }
    }

    /// Whether a file of `source` can be copied here without its bytes passing through this server.
    pub(crate) fn copies_from(&self, source: &Self) -> bool {
        match (self, source) {
            (Self::Cloud(here), Self::Cloud(there)) => {
                here.abilities().copy && (here.is_same_storage(there) || here.beside(there).is_some())
            }
            _ => false,
        }
    }

    /// Lets the storage copy a file of `source` that was listed as `seen`.
    ///
    /// # Errors
    /// Whatever speaks against it; then its bytes may still be sent.
    pub(crate) async fn copy_from(&self, source: &Self, from: &str, to: &str, seen: &Seen) -> Result<Version, Fault> {
        let (Self::Cloud(cloud), Self::Cloud(there)) = (self, source) else {
            return Err(Fault::Unavailable("it copies nothing by itself".into()));
        };
        if let (false, Some((here, there))) = (cloud.is_same_storage(there), cloud.beside(there)) {
            if seen.size > super::across::LARGEST {
                return Err(Fault::Unavailable("it copies no more than 5 GiB at once".into()));
            }
            return here.copy(there, from, to, seen).await;
        }
        if cloud.has_folders() {
            cloud.make_folder(to).await?;
        }
        let copied = cloud.operator().copy_with(from, to).source_content_length_hint(seen.size).await?;
        Ok(copied.etag().map(Version::tag).unwrap_or_default())
    }

    /// The same files, as a run of a sync writes and lists them.
    pub(crate) fn marked(&self, mark: Mark) -> Self {
        match self {
            Self::Local(files) => Self::Local(files.marked(mark)),
            Self::Cloud(_) => self.clone(),
        }
    }

    /// Whether there is a folder of this name, or, where there are no folders, a file below it.
    pub(crate) async fn has_folder_or_below(&self, place: &str) -> Result<bool, Fault> {
        match self {
            Self::Local(files) => files.has_folder(place).await,
            Self::Cloud(cloud) => Ok(cloud.names_in(place, 1).await?.is_some()),
        }
    }

    /// Whether there is a folder of this name, and nothing in it.
    pub(crate) async fn is_empty_folder(&self, place: &str) -> Result<bool, Fault> {
        match self {
            Self::Local(files) => files.is_empty_folder(place).await,
            Self::Cloud(cloud) => Ok(cloud.names_in(place, 1).await? == Some(0)),
        }
    }

    /// Removes a folder that holds nothing, where there are folders; tells whether it has.
    ///
    /// In a directory of this machine that is one step. WebDAV knows only to delete a folder with all that is in it, so
    /// it is looked into a moment before.
    pub(crate) async fn remove_empty_folder(&self, place: &str) -> Result<bool, Fault> {
        match self {
            Self::Local(files) => files.remove_empty_folder(place).await,
            Self::Cloud(cloud) if cloud.has_folders() => {
                if cloud.names_in(place, 1).await? != Some(0) {
                    return Ok(false);
                }
                cloud.delete(vec![format!("{place}/")]).await?;
                cloud.forget_folders();
                Ok(true)
            }
            Self::Cloud(_) => Ok(false),
        }
    }

    /// Removes files; those that are not there are fine.
    pub(crate) async fn delete(&self, places: Vec<String>) -> Result<(), Fault> {
        match self {
            Self::Local(files) => files.delete(places).await,
            Self::Cloud(cloud) => cloud.delete(places).await,
        }
    }

    /// Why a file cannot have this name here, if it cannot.
    pub(crate) fn refuses_name(&self, place: &str) -> Option<String> {
        let too_long = match self {
            Self::Local(_) => place.split('/').any(|step| step.len() > path::LONGEST_STEP),
            Self::Cloud(cloud) if cloud.has_folders() => place.split('/').any(|step| step.len() > path::LONGEST_STEP),
            Self::Cloud(_) => place.len() > path::LONGEST,
        };
        if too_long {
            return Some("is longer than names may be there".to_owned());
        }
        if self.is_own(place) {
            return Some("is a name that the space keeps for its own things".to_owned());
        }
        self.unsuitable(place)
    }

    /// Whether names that differ in case only are the same there: asked where a storage might think so.
    pub(crate) async fn ignores_case(&self) -> Result<bool, Fault> {
        let marker = match self {
            Self::Local(files) => files.own_place(path::MARKER),
            Self::Cloud(cloud) if cloud.has_folders() => cloud.own(path::MARKER),
            Self::Cloud(_) => return Ok(false),
        };
        let (folder, name) = marker.rsplit_once('/').map_or(("", &*marker), |(folder, name)| (folder, name));
        let other = format!("{folder}{}{}", if folder.is_empty() { "" } else { "/" }, name.to_uppercase());
        match self.look_at(&other).await {
            Ok(_) => Ok(true),
            Err(Fault::Missing | Fault::Name { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

impl Cloud {
    async fn read_small(&self, place: &str, seen: &Seen) -> Result<Whole, Fault> {
        if seen.size == 0 {
            return Ok(Whole { bytes: Bytes::new(), kept: None });
        }
        let mut reader = self.operator().reader_with(place).content_length_hint(seen.size);
        // A weak tag never matches.
        if seen.version.0.starts_with('"') && self.operator().info().capability().read_with_if_match {
            reader = reader.if_match(&seen.version.0);
        }
        let reader = reader.await?;
        let bytes = reader.read(0..seen.size).await?.to_bytes();
        let told = reader.metadata();
        // Answers tell whole seconds, listings more.
        let seconds = |time: Option<Timestamp>| time.map(|time| time.0.div_euclid(1_000_000));
        let time = told.and_then(|told| seen_of(told).modified);
        let moved = time.is_some() && seen.modified.is_some() && seconds(time) != seconds(seen.modified);
        if bytes.len() as u64 != seen.size || moved {
            return Err(Fault::Changed);
        }
        Ok(Whole { bytes, kept: told.and_then(kept_time) })
    }

    async fn write_small(&self, place: &str, bytes: Bytes, modified: Option<Timestamp>) -> Result<Version, Fault> {
        let mut write = self.checked().write_with(place, buffer_of(vec![bytes]));
        if let Some(modified) = modified.filter(|_| self.keeps_metadata()) {
            write = write.user_metadata([(MTIME.to_owned(), time_text(modified))]);
        }
        let written = write.await?;
        Ok(written.etag().map(Version::tag).unwrap_or_default())
    }

    async fn write_into_folder(
        &self,
        place: &str,
        size: u64,
        blocks: mpsc::Receiver<Arc<Block>>,
    ) -> Result<Version, Fault> {
        let written = self.write(place, blocks, Some(size), None).await;
        if written.is_err() {
            // Somebody else may have removed the folder: the next try makes it again.
            self.forget_folders();
        }
        written
    }

    /// Both, if they are buckets of one account.
    fn beside<'c>(&'c self, there: &'c Self) -> Option<(&'c Across, &'c Across)> {
        self.across().zip(there.across()).filter(|(here, there)| here.is_beside(there))
    }

    fn keeps_metadata(&self) -> bool {
        self.operator().info().capability().write_with_user_metadata
    }
}

/// Seconds since 1970 and their fraction.
fn time_text(time: Timestamp) -> String {
    let (seconds, micros) = (time.0.div_euclid(1_000_000), time.0.rem_euclid(1_000_000));
    if micros == 0 { seconds.to_string() } else { format!("{seconds}.{micros:06}") }
}

fn kept_time(metadata: &opendal::Metadata) -> Option<Timestamp> {
    read_time(metadata.user_metadata()?.get(MTIME)?)
}

fn read_time(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_in_the_form_that_rclone_knows() {
        for (micros, text) in [(1_500_000, "1.500000"), (7_000_000, "7"), (1_700_000_000_123_456, "1700000000.123456")]
        {
            assert_eq!(time_text(Timestamp(micros)), text);
            assert_eq!(read_time(text), Some(Timestamp(micros)));
        }
        assert_eq!(read_time("1700000000.123456789"), Some(Timestamp(1_700_000_000_123_456)));
        assert_eq!(read_time("yesterday"), None);
        assert_eq!(read_time("1.x"), None);
    }
}
