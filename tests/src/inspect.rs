//! What lies in the data directory and the database: for "nothing changed, nothing left behind", and for
//! the promise that a row never points to bytes that are not there.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    future::Future,
    path::{Path, PathBuf},
};

/// Counters of ids and the audit log: they go on when nothing else changes.
const COUNTERS: [&str; 3] = ["id_block", "sqlite_sequence", "audit_event"];

/// Columns in which the sweeper notes what it looked at; they say nothing about what is there.
const BOOKKEEPING: [(&str, &str); 2] = [("chunk", "dead_at"), ("chunk", "claimed")];

/// All rows of all tables, and all files of the embedded space with their sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub rows: BTreeMap<String, BTreeSet<String>>,
    pub files: BTreeMap<String, u64>,
}

impl Snapshot {
    /// Looks at the database at `url` and the space at `space`.
    pub fn take(url: &str, space: &Path) -> Self {
        Self { rows: rows(url), files: files(space) }
    }

    /// What differs, in words; empty when nothing does.
    pub fn difference(&self, later: &Self) -> String {
        let mut words = String::new();
        let tables: BTreeSet<_> = self.rows.keys().chain(later.rows.keys()).collect();
        for table in tables {
            let (before, after) = (self.rows.get(table), later.rows.get(table));
            let (before, after) = (before.cloned().unwrap_or_default(), after.cloned().unwrap_or_default());
            for gone in before.difference(&after) {
                words.push_str(&format!("- {table}: {gone}\n"));
            }
            for new in after.difference(&before) {
                words.push_str(&format!("+ {table}: {new}\n"));
            }
        }
        for (file, size) in self.files.iter().filter(|(file, size)| later.files.get(*file) != Some(size)) {
            words.push_str(&format!("- {file}: {size} bytes\n"));
        }
        for (file, size) in later.files.iter().filter(|(file, size)| self.files.get(*file) != Some(size)) {
            words.push_str(&format!("+ {file}: {size} bytes\n"));
        }
        words
    }

    /// How many rows a table holds.
    pub fn count(&self, table: &str) -> usize {
        self.rows.get(table).map_or(0, BTreeSet::len)
    }
}

/// Every file below `space`, by its path relative to it, with its size.
pub fn files(space: &Path) -> BTreeMap<String, u64> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
        // A folder or a file may go while we look.
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => walk(root, &path, found),
                Ok(metadata) => {
                    found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), metadata.len());
                }
                Err(_) => (),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(space, space, &mut found);
    found
}

/// The files of `space` that hold content, with their sizes.
pub fn shard_files(space: &Path) -> BTreeMap<String, u64> {
    files(space).into_iter().filter(|(file, _)| file.starts_with("shards/")).collect()
}

/// The files that the rows name, with the sizes the rows give. Where a shard lies is part of the layout that the
/// outside may know: `shards/`, a folder of the last two digits of its key, the key.
pub fn named_shards(url: &str) -> BTreeMap<String, u64> {
    shards_where(url, "1 = 1")
}

/// The files of one space that an object or a part needs. (A chunk that nobody needs keeps its row until its bytes have gone.)
pub fn needed_shards(url: &str, space: i64) -> BTreeMap<String, u64> {
    let needed = format!(
        "s.space_id = {space} AND (EXISTS (SELECT 1 FROM extent e WHERE e.chunk_id = s.chunk_id)
        OR EXISTS (SELECT 1 FROM part_extent e WHERE e.chunk_id = s.chunk_id))"
    );
    shards_where(url, &needed)
}

fn shards_where(url: &str, condition: &str) -> BTreeMap<String, u64> {
    query(url, |backend| match backend {
        DbBackend::Postgres => format!("SELECT encode(key, 'hex') || ' ' || size FROM shard s WHERE {condition}"),
        _ => format!("SELECT lower(hex(key)) || ' ' || size FROM shard s WHERE {condition}"),
    })
    .iter()
    .map(|line| {
        let (key, size) = line.split_once(' ').unwrap();
        (format!("shards/{}/{key}", &key[key.len() - 2..]), size.parse().unwrap())
    })
    .collect()
}

/// Fails unless all bytes that an object or a part needs are there, whole: in the embedded space at `embedded`, and in
/// those user spaces of which the folder is known.
pub fn assert_sound(url: &str, embedded: &Path, folders: &BTreeMap<i64, PathBuf>) {
    // The embedded space is the first, whatever its name is by now; an empty one may have been given up.
    let first = query(url, |_| "SELECT CAST(id AS TEXT) FROM user_space WHERE id = 1".to_owned());
    let first = first.first().and_then(|id| id.parse().ok());
    let embedded = first.map(|id| (id, embedded.to_owned()));
    for (id, folder) in embedded.iter().map(|(id, folder)| (id, folder)).chain(folders) {
        let files = shard_files(folder);
        for (file, size) in needed_shards(url, *id) {
            assert_eq!(files.get(&file), Some(&size), "an object needs {file} in space {id} with {size} bytes");
        }
    }
    let broken = query(url, |_| {
        "SELECT 'object ' || o.id || ' is ' || o.size || ' bytes, its extents ' || COALESCE(SUM(e.length), 0)
         FROM object o LEFT JOIN extent e ON e.object_id = o.id
         GROUP BY o.id, o.size HAVING o.size <> COALESCE(SUM(e.length), 0)"
            .to_owned()
    });
    assert!(broken.is_empty(), "objects without all of their bytes: {broken:?}");
    let homeless = query(url, |_| {
        "SELECT 'object ' || e.object_id || ' points to chunk ' || e.chunk_id FROM extent e
         WHERE NOT EXISTS (SELECT 1 FROM shard s WHERE s.chunk_id = e.chunk_id)"
            .to_owned()
    });
    assert!(homeless.is_empty(), "extents without a shard: {homeless:?}");
}

/// Every row of every table as one text.
fn rows(url: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tables = query(url, |backend| match backend {
        DbBackend::Postgres => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'".to_owned()
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table'".to_owned(),
    });
    let tables = tables.into_iter().filter(|table| !COUNTERS.contains(&table.as_str()));
    tables
        .map(|table| (table.clone(), query(url, |backend| row_as_text(url, backend, &table)).into_iter().collect()))
        .collect()
}

fn row_as_text(url: &str, backend: DbBackend, table: &str) -> String {
    let columns = query(url, |backend| match backend {
        DbBackend::Postgres => format!(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
        ),
        _ => format!("SELECT name FROM pragma_table_info('{table}')"),
    });
    let columns = columns.iter().filter(|column| !BOOKKEEPING.contains(&(table, column.as_str())));
    let texts: Vec<String> = columns
        .map(|column| match backend {
            DbBackend::Postgres => format!("COALESCE(\"{column}\"::text, 'NULL')"),
            _ => format!("quote(\"{column}\")"),
        })
        .collect();
    format!("SELECT {} FROM \"{table}\"", texts.join(" || ' ' || "))
}

/// The first column of what a statement returns, as text.
pub fn query(url: &str, statement: impl FnOnce(DbBackend) -> String + Send) -> Vec<String> {
    blocking(async {
        let database = connect(url).await;
        let backend = database.get_database_backend();
        let statement = Statement::from_string(backend, statement(backend));
        let rows = database.query_all_raw(statement).await.unwrap();
        let texts = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        database.close().await.unwrap();
        texts
    })
}

/// Runs a statement that returns nothing.
pub fn execute(url: &str, statement: &str) {
    blocking(async {
        let database = connect(url).await;
        database.execute_unprepared(statement).await.unwrap();
        database.close().await.unwrap();
    });
}

/// One connection to a database.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// Runs a future to its end on a thread of its own, so that it can be awaited from anywhere, `Drop` included.
fn blocking<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
        scope.spawn(run).join().unwrap()
    })
}
