//! Opening: nothing is written before everything is read and found whole.

use std::path::Path;
use std::sync::Arc;

use doorstep_core::log::{Fence, Position};
use doorstep_runtime::ports::Entry;
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::anchor::{self, Anchor, AnchorFile, Found};
use crate::append::Tip;
use crate::chain::Uid;
use crate::config::Config;
use crate::error::{Damage, OpenError, refuse, storage};
use crate::files::{Files, Present};
use crate::history::SqliteHistory;
use crate::log::SqliteLog;
use crate::meta::Start;
use crate::reader::Reader;
use crate::schema::{self, MIGRATIONS, SQLITE_LEAST};
use crate::shared::{Shared, Tail};
use crate::verify;
use crate::witness::Witness;
use crate::writer::{self, Writer};

/// An open log, and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The log, for the host.
    pub log: SqliteLog,
    /// The history, for the host and for whoever asks after old orders.
    pub history: SqliteHistory,
    /// What was found.
    pub found: FoundOnOpening,
}

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundOnOpening {
    /// Whether it was made just now.
    pub created: bool,
    /// The first record held; `None` in a log that never held one.
    pub start: Option<Position>,
    /// The last record.
    pub end: Option<Position>,
    /// The snapshot.
    pub snapshot: Option<Position>,
    /// How many of the anchor's two slots were damaged. One is mended: it was being written when
    /// the machine died, or the disk is going bad.
    pub anchor_slots_mended: u8,
}

impl SqliteLog {
    /// Opens the log at `path`, or makes it; checks all of it before anything is written.
    ///
    /// The cost is that of reading the file once: the whole chain, and with
    /// [`PageCheck::Everything`](crate::PageCheck) every page again. Trim behind snapshots to keep
    /// it short.
    ///
    /// # Errors
    /// [`OpenError`]; what is refused is left as it was found.
    pub fn open(path: impl AsRef<Path>, config: Config) -> Result<Opened, OpenError> {
        let found = rusqlite::version_number();
        if found < SQLITE_LEAST {
            return Err(OpenError::OldSqlite { found, least: SQLITE_LEAST });
        }
        let files = Files::of(path.as_ref())?;
        let lock = files.lock()?;
        let created = files.present()? == Present::Nothing;
        let mut connection = schema::connect(&files.database, &config)?;
        if created || is_unfinished(&connection)? {
            create(&mut connection, &files)?;
        }
        let version = schema::recognise(&connection, MIGRATIONS.len())?;
        let known = usize::try_from(version).unwrap_or(usize::MAX).min(MIGRATIONS.len());
        schema::compare(&connection, MIGRATIONS.get(..known).unwrap_or(MIGRATIONS))?;

        let found = anchor::read(&files.anchor).map_err(storage("reading the anchor"))?;
        let mut tail = Tail::default();
        let progress = config.on_progress.as_ref();
        let walked = verify::check(&connection, &found, config.check, progress, &mut |checked| {
            let entry = Entry { position: checked.position, bytes: checked.bytes.into() };
            tail.push(entry, config.tail_bytes_max);
        })?;

        // From here on it is ours to write. What an earlier process left in the WAL may never have
        // been synced, or only said to be: written again into the file, and synced there, it is
        // durable before anyone reads it.
        let settle = |connection: &Connection| {
            schema::use_wal(connection)?;
            schema::bound(connection, &config)?;
            writer::checkpoint(connection, "TRUNCATE")
        };
        settle(&connection).map_err(|error| refuse(error, "settling the WAL", walked.end()))?;
        schema::migrate(&mut connection, version, MIGRATIONS, |_| Ok(()))
            .map_err(|error| refuse(error, "migrating the schema", walked.end()))?;
        let begin = walked.begin.clone();
        let anchor = Anchor {
            uid: begin.uid,
            position: walked.head,
            beside: begin.beside,
            hash: walked.hash,
        };
        let anchor = match found {
            Found::Missing | Found::Damaged => AnchorFile::create(&files.anchor, &anchor),
            Found::Anchor(..) => AnchorFile::open(&files.anchor).and_then(|mut file| {
                file.write(&anchor)?;
                file.sync()?;
                Ok(file)
            }),
        }
        .map_err(storage("writing the anchor"))?;

        let reader = Arc::new(Mutex::new(schema::connect_to_read(&files.database)?));
        let shared = Arc::new(Shared::new(config, walked.begin.start, walked.head, tail));
        let witness = Witness::start(anchor, Arc::clone(&shared))
            .map_err(storage("starting the anchor's thread"))?;
        let writer = Writer {
            connection,
            witness,
            tip: Tip { head: walked.head, hash: walked.hash, fence: walked.fence },
            snapshot: walked.snapshot,
            begin: walked.begin.clone(),
            shared: Arc::clone(&shared),
            unlooked: 0,
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name("doorstep-log".to_owned())
            .spawn(move || writer.run())
            .map_err(storage("starting the writer's thread"))?;
        let history = SqliteHistory {
            shared: Arc::clone(&shared),
            reader: Arc::clone(&reader),
            uid: walked.begin.uid,
        };
        let reader = Reader { shared: Arc::clone(&shared), connection: reader, uid: begin.uid };
        let log = SqliteLog { shared, reader, writer: Some(thread), notify: files.notify };
        let found = FoundOnOpening {
            created,
            start: walked.end().map(|_| Position::new(walked.begin.start)),
            end: walked.end(),
            snapshot: walked.snapshot,
            anchor_slots_mended: walked.bad_slots,
        };
        Ok(Opened { log, history, found })
    }
}

/// A file that a process died over while it made it: a database without a table.
fn is_unfinished(connection: &Connection) -> Result<bool, OpenError> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = count("SELECT count(*) FROM sqlite_schema");
    let marks =
        count("PRAGMA application_id").and_then(|id| Ok((id, count("PRAGMA user_version")?)));
    match (tables, marks) {
        (Ok(tables), Ok(marks)) => Ok(tables == 0 && marks == (0, 0)),
        (Err(error), _) | (_, Err(error)) => Err(refuse(error, "reading the schema", None)),
    }
}

/// Makes the tables, and the row that says that the log begins.
fn create(connection: &mut Connection, files: &Files) -> Result<(), OpenError> {
    const DOING: &str = "making the log";
    if files.anchor.exists() {
        let what = Damage::Missing;
        return Err(OpenError::Damaged { good_through: None, what });
    }
    make(connection, 1, Fence::BEFORE_ALL).map_err(|error| refuse(error, DOING, None))?;
    anchor::sync_directory(&files.database).map_err(storage(DOING))
}

/// Makes the tables of a new log that begins at `start`, with this fence before it.
pub(crate) fn make(
    connection: &mut Connection,
    start: u64,
    fence: Fence,
) -> rusqlite::Result<Start> {
    schema::use_wal(connection)?;
    let uid = connection.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    let begin = Start { start, fence, ..Start::new(Uid(uid)) };
    schema::migrate(connection, 0, MIGRATIONS, |transaction| begin.save(transaction))?;
    Ok(begin)
}
