//! The index: a folder, one writer, many readers.

use crate::{
    answer::Answer,
    entry::{Change, Kind},
    error::{Error, Result},
    part::View,
    question::{Allowed, Question},
    schema::{Fields, VERSION},
    search,
    text::{TOKENIZER, Words},
};
use std::{
    fs,
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tantivy::{
    Executor, IndexReader, IndexWriter, ReloadPolicy, Term,
    directory::MmapDirectory,
    indexer::LogMergePolicy,
    query::{BooleanQuery, Query, TermQuery},
    schema::IndexRecordOption,
    tokenizer::TextAnalyzer,
};

/// The memory of the writer, in bytes: what it has not yet written stays below this.
const WRITER_MEMORY: usize = 50_000_000;

/// A segment of so many documents is merged with no other: the larger ones are looked at side by side.
const LARGE_SEGMENT: usize = 500_000;

/// The most threads that work on one question.
const MOST_THREADS: usize = 8;

/// Says that a folder is ours, and may be emptied.
const MARK: &str = "holdall-search-index";

/// An index and how it was found.
#[derive(Debug)]
pub struct Opened {
    pub index: Index,
    /// It was not there, of an older make, or damaged, and is now empty: everything must be put into it again.
    pub needs_rebuild: bool,
    /// The number of the last change that is in it; 0 when it is empty.
    pub change: u64,
}

/// The index. It can be shared; changes are applied one batch after the other, questions are answered at any time.
pub struct Index {
    fields: Fields,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
    view: RwLock<Arc<View>>,
    executor: Executor,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in `folder`, which is made when it is not there. The folder must be its own: when what lies there
    /// is not a whole index of the present make, it is emptied.
    ///
    /// One process at a time may have it open.
    ///
    /// # Errors
    /// [`Error::NotOurs`] for a folder that holds other things, [`Error::Broken`] when an empty one cannot be used either.
    pub fn open(folder: &Path) -> Result<Opened> {
        fs::create_dir_all(folder)?;
        let fields = Fields::new();
        match Self::open_existing(folder, fields.clone()) {
            Ok(Some((index, change))) => return Ok(Opened { index, needs_rebuild: false, change }),
            Ok(None) => (),
            // Another process has it open: emptying it under its feet would help nobody.
            Err(error @ tantivy::TantivyError::LockFailure(..)) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the search index is damaged and is built anew"),
        }
        empty(folder)?;
        fs::write(folder.join(MARK), VERSION.to_string())?;
        let made = tantivy::Index::create(
            MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?,
            fields.schema.clone(),
            tantivy::IndexSettings::default(),
        )?;
        Ok(Opened { index: Self::from_tantivy(made, fields)?, needs_rebuild: true, change: 0 })
    }

    /// The index that is there and the change that it is true for; nothing when there is none of the present make, or one
    /// that was never committed to.
    fn open_existing(folder: &Path, fields: Fields) -> tantivy::Result<Option<(Self, u64)>> {
        if fs::read_to_string(folder.join(MARK)).ok() != Some(VERSION.to_string()) {
            return Ok(None);
        }
        let directory = MmapDirectory::open(folder)?;
        if !tantivy::Index::exists(&directory)? {
            return Ok(None);
        }
        let index = tantivy::Index::open(directory)?;
        let Some(change) = index.load_metas()?.payload.and_then(|payload| payload.parse().ok()) else {
            return Ok(None);
        };
        if index.schema() != fields.schema {
            return Ok(None);
        }
        Ok(Some((Self::from_tantivy(index, fields)?, change)))
    }

    fn from_tantivy(index: tantivy::Index, fields: Fields) -> tantivy::Result<Self> {
        index.tokenizers().register(TOKENIZER, TextAnalyzer::from(Words::default()));
        // Readers are reloaded by `apply`, the only one who changes anything.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let writer = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        let mut merging = LogMergePolicy::default();
        merging.set_max_docs_before_merge(LARGE_SEGMENT);
        writer.set_merge_policy(Box::new(merging));
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        let executor = Executor::multi_thread(threads, "search-")?;
        let view = RwLock::new(Arc::new(View::new(reader.searcher(), executor.clone())));
        Ok(Self { fields, writer: Mutex::new(writer), reader, view, executor })
    }

    /// Applies `changes` in their order and notes that the index is now true for the database up to `up_to_change`. All
    /// of them or none are in the index afterwards, also after a crash, and questions see them when this returns.
    ///
    /// A commit costs some milliseconds and syncs: large batches are better than many.
    ///
    /// # Errors
    /// [`Error::Broken`]; the index is then as it was after the last batch.
    pub fn apply(&self, changes: Vec<Change>, up_to_change: u64) -> Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = self.write(&mut writer, changes, up_to_change);
        if let Err(error) = applied {
            // What was not committed must not come with the next batch.
            if let Err(second) = writer.rollback() {
                tracing::error!(error = %second, "the search index could not be taken back to its last commit");
            }
            return Err(error.into());
        }
        self.reader.reload()?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(View::new(self.reader.searcher(), self.executor.clone()));
        Ok(())
    }

    fn write(&self, writer: &mut IndexWriter, changes: Vec<Change>, up_to_change: u64) -> tantivy::Result<()> {
        for change in changes {
            match change {
                Change::Put(entry) => {
                    writer.delete_term(self.fields.uid(entry.kind, &entry.id));
                    writer.add_document(self.fields.document(&entry))?;
                }
                Change::Remove { kind, id } => drop(writer.delete_term(self.fields.uid(kind, &id))),
                Change::RemoveSource { datasource_id } => self.remove_source(writer, &datasource_id)?,
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&up_to_change.to_string());
        commit.commit()?;
        Ok(())
    }

    fn remove_source(&self, writer: &mut IndexWriter, datasource_id: &str) -> tantivy::Result<()> {
        let term = |field, text: &str| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
        };
        let documents = term(self.fields.kind, Kind::Document.letter());
        let of_source = term(self.fields.source, datasource_id);
        writer.delete_query(Box::new(BooleanQuery::intersection(vec![documents, of_source])))?;
        Ok(())
    }

    /// Answers a question with what `allowed` lets be seen. It works on the state of the last batch, and does not wait
    /// for one that is being applied.
    ///
    /// # Errors
    /// [`Error::Question`] for one that is too large, [`Error::Broken`] when the index cannot be read.
    pub fn search(&self, question: &Question, allowed: &Allowed) -> Result<Answer> {
        question.check()?;
        let view = Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner));
        search::answer(&view, &self.fields, question, allowed)
    }
}

/// Takes everything out of a folder that is ours.
fn empty(folder: &Path) -> Result<()> {
    let ours = folder.join(MARK).exists();
    for found in fs::read_dir(folder)? {
        if !ours {
            return Err(Error::NotOurs(folder.display().to_string()));
        }
        let found = found?;
        // The mark goes last: a crash before that leaves a folder that is still ours.
        if found.file_name() == MARK {
            continue;
        }
        if found.file_type()?.is_dir() {
            fs::remove_dir_all(found.path())?;
        } else {
            fs::remove_file(found.path())?;
        }
    }
    if ours {
        fs::remove_file(folder.join(MARK))?;
    }
    Ok(())
}
