//! The files of a log, and the lock on them.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Damage, OpenError, storage};

/// The database and what lies beside it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) database: PathBuf,
    pub(crate) wal: PathBuf,
    pub(crate) anchor: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) notify: PathBuf,
}

/// What there is of a log before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Present {
    Nothing,
    Something,
}

impl Files {
    /// A path through a link is followed, so that the same log has one lock by whatever name.
    pub(crate) fn of(path: &Path) -> Result<Self, OpenError> {
        let database = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(storage("looking for the file")(error)),
        };
        let beside = |suffix: &str| {
            let mut name = database.file_name().unwrap_or(OsStr::new("log")).to_owned();
            name.push(suffix);
            database.with_file_name(name)
        };
        let (wal, anchor, lock) = (beside("-wal"), beside("-anchor"), beside("-lock"));
        let notify = beside("-notify");
        Ok(Self { database, wal, anchor, lock, notify })
    }

    /// The lock, held as long as the file lives; the system lets go of it when a process dies.
    pub(crate) fn lock(&self) -> Result<File, OpenError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.lock)
            .map_err(storage("opening the lock file"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: self.lock.clone() }),
            Err(TryLockError::Error(error)) => Err(storage("locking the lock file")(error)),
        }
    }

    /// Whether there is a log. SQLite would take an empty file for a new database and delete the
    /// WAL beside it: that must not come so far.
    pub(crate) fn present(&self) -> Result<Present, OpenError> {
        let bytes = |path: &Path| match path.metadata() {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage("looking for the files")(error)),
        };
        let beside = bytes(&self.anchor)?.is_some() || bytes(&self.wal)?.is_some_and(|len| len > 0);
        match (bytes(&self.database)?.unwrap_or(0), beside) {
            (0, false) => Ok(Present::Nothing),
            (0, true) => Err(OpenError::Damaged { good_through: None, what: Damage::Missing }),
            (_, _) => Ok(Present::Something),
        }
    }
}
