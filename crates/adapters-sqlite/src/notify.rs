//! The state of notifications, in a small database beside the log.
//!
//! It has a file of its own, because it is no part of what is promised about the log: what is lost
//! of it is told again under the same names, and nothing of the log rests on it.

use std::fmt;
use std::path::{Path, PathBuf};

use doorstep_runtime::ports::{Fault, NotifyStore, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::chain::{Hash, Uid};

/// In the file's header, so that other tools know it: "DoNo".
const APPLICATION_ID: i32 = 0x446f_4e6f;
/// The version of the schema.
const VERSION: i32 = 1;

const SCHEMA: &str = "CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    seal BLOB NOT NULL CHECK (length(seal) = 32),
    bytes BLOB NOT NULL
) STRICT";

/// Why the store of notifications cannot be used. It was left as it was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyStoreError {
    /// The storage failed.
    #[error("the storage failed")]
    Io(#[source] Fault),
    /// The file is something else.
    #[error("the file is no store of notifications: its application id is {application_id:#x}")]
    NotAStore {
        /// What its header says.
        application_id: i32,
    },
    /// A later version of this library made it.
    #[error("the store has version {found}; this library knows {known}")]
    Newer {
        /// Its version.
        found: i32,
        /// The latest one known.
        known: i32,
    },
}

/// The state of notifications beside a log: a [`NotifyStore`], from
/// [`SqliteLog::notify_store`](crate::SqliteLog::notify_store).
///
/// A save is one transaction, durable when it returns: whoever saves waits for one sync of the disk.
/// The epoch is compared within that transaction, whichever process saved before. What is damaged,
/// or belongs to another log, is not loaded: [`StoreError::Io`].
pub struct SqliteNotifyStore {
    connection: Connection,
    uid: Uid,
    path: PathBuf,
}

/// What is no state of this log.
#[derive(Debug, thiserror::Error)]
#[error("what is stored is damaged, or belongs to another log")]
struct BadSeal;

impl SqliteNotifyStore {
    pub(crate) fn open(path: &Path, uid: Uid) -> Result<Self, NotifyStoreError> {
        Self::try_open(path, uid).map_err(|error| NotifyStoreError::Io(Box::new(error)))?
    }

    fn try_open(path: &Path, uid: Uid) -> rusqlite::Result<Result<Self, NotifyStoreError>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        let [application_id, version] = ["application_id", "user_version"]
            .map(|name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)));
        let (application_id, found) = (application_id?, version?);
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if application_id != APPLICATION_ID && (application_id != 0 || tables > 0) {
            return Ok(Err(NotifyStoreError::NotAStore { application_id }));
        }
        if found > VERSION {
            return Ok(Err(NotifyStoreError::Newer { found, known: VERSION }));
        }
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // Again within the transaction: two processes may make it at once.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_new: bool =
            transaction
                .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
        if is_new {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(Ok(Self { connection, uid, path: path.to_owned() }))
    }

    fn seal(&self, epoch: i64, bytes: &[u8]) -> Hash {
        Hash::seal("notify", self.uid, &[&epoch.to_be_bytes(), bytes])
    }

    /// Keeps it, unless a later epoch has saved: then which.
    fn put(&mut self, epoch: i64, bytes: &[u8]) -> rusqlite::Result<Result<(), i64>> {
        let seal = self.seal(epoch, bytes);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before: Option<i64> = transaction
            .query_row("SELECT epoch FROM state WHERE only = 1", [], |row| row.get(0))
            .optional()?;
        if let Some(before) = before.filter(|before| *before > epoch) {
            return Ok(Err(before));
        }
        transaction.execute(
            "INSERT INTO state (only, epoch, seal, bytes) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (only) DO UPDATE SET epoch = ?1, seal = ?2, bytes = ?3",
            params![epoch, &seal.0[..], bytes],
        )?;
        transaction.commit()?;
        Ok(Ok(()))
    }
}

impl NotifyStore for SqliteNotifyStore {
    fn save(&mut self, epoch: u64, state: &[u8]) -> Result<(), StoreError> {
        let epoch = i64::try_from(epoch).map_err(|error| StoreError::Io(Box::new(error)))?;
        match self.put(epoch, state) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(later)) => Err(StoreError::Fenced { epoch: later.unsigned_abs() }),
            Err(error) => Err(StoreError::Io(Box::new(error))),
        }
    }

    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self
            .connection
            .query_row("SELECT epoch, seal, bytes FROM state WHERE only = 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()
            .map_err(|error| StoreError::Io(Box::new(error)))?;
        let Some((epoch, seal, bytes)) = row else { return Ok(None) };
        if Hash::from_slice(&seal) == Some(self.seal(epoch, &bytes)) {
            Ok(Some(bytes))
        } else {
            Err(StoreError::Io(Box::new(BadSeal)))
        }
    }
}

impl fmt::Debug for SqliteNotifyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteNotifyStore").field("path", &self.path).finish_non_exhaustive()
    }
}
