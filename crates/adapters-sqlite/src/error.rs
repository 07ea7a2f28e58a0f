//! Why a log does not open, what is wrong with it, and why it stopped.

use std::path::PathBuf;
use std::sync::Arc;

use doorstep_core::log::Position;
use doorstep_runtime::ports::Fault;
use rusqlite::ffi;

/// Why a log was not opened. Nothing on the disk was changed by what is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle in this one, has it open.
    #[error("{} is held: another process has this log open", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The SQLite library is older than the one without the WAL-reset defect.
    #[error("SQLite {found} can damage a log; {least} is the oldest that does not")]
    OldSqlite {
        /// The library's version, as `sqlite3_libversion_number` gives it.
        found: i32,
        /// The oldest that will do.
        least: i32,
    },
    /// It is a database, and none of ours.
    #[error("the file is another application's database (application id {application_id:#x})")]
    NotALog {
        /// Whose.
        application_id: i32,
    },
    /// A later version of this library wrote it.
    #[error("the file has schema {found}, this version knows {known}: use the later version")]
    Newer {
        /// The file's schema version.
        found: u32,
        /// The latest that this version knows.
        known: u32,
    },
    /// There is no log there, and none was to be made.
    #[error("there is no log at {}", path.display())]
    NoSuchLog {
        /// Where.
        path: PathBuf,
    },
    /// What is there is not what was written.
    #[error(
        "the log is damaged: {what}. It is good {}. {}",
        through(*.good_through), .what.recovery()
    )]
    Damaged {
        /// The last record up to which the chain holds; `None`: not even the first.
        good_through: Option<Position>,
        /// What is wrong.
        what: Damage,
    },
    /// The storage failed. That says nothing of the log; try again when it works.
    #[error("the storage failed while {doing}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The failure.
        #[source]
        source: Fault,
    },
}

fn through(position: Option<Position>) -> String {
    position.map_or_else(|| "nowhere".to_owned(), |position| format!("through {position}"))
}

/// What is wrong with a damaged log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The anchor says that there is a log, and the file is missing or empty.
    #[error("the database is missing or empty, and its anchor or journal is there")]
    Missing,
    /// SQLite finds the file malformed.
    #[error("SQLite finds the file malformed ({report})")]
    Pages {
        /// What it says, for people.
        report: String,
    },
    /// The tables or indexes are not those that this library makes.
    #[error("the schema is not the one that was made ({object})")]
    Schema {
        /// The first table or index that differs.
        object: String,
    },
    /// The row that says where the log begins does not fit its seal.
    #[error("where the log begins was changed")]
    Start,
    /// A record is missing between others.
    #[error("the record at {expected} is missing; {found} follows")]
    Gap {
        /// The position that should come next.
        expected: Position,
        /// The one that does.
        found: Position,
    },
    /// A record does not fit the chain: its bytes, its hash, or an earlier one were changed.
    #[error("the record at {position} does not fit the chain")]
    Record {
        /// Where.
        position: Position,
    },
    /// A record's columns are not what its bytes say.
    #[error("the columns at {position} do not say what the record says")]
    Columns {
        /// Where.
        position: Position,
    },
    /// The log ends before its anchor: records that may have been acknowledged are gone.
    #[error("the log ends before its anchor at {anchor}: later records were lost")]
    Behind {
        /// How far the log once went.
        anchor: Position,
    },
    /// The records are there, and a later snapshot, trim, or finished order that was acknowledged
    /// is not.
    #[error("what was written beside the records is older than the anchor: the end was lost")]
    BehindBeside,
    /// Another record stands where the anchor was taken.
    #[error("the record at the anchor ({anchor}) is another one than it was")]
    Rewritten {
        /// Where.
        anchor: Position,
    },
    /// The anchor belongs to another log: one of the two files was replaced.
    #[error("the anchor is another log's: one of the files was replaced")]
    OtherLog,
    /// The anchor file is not there: whether the log is whole cannot be known.
    #[error("the anchor file is missing: whether the log is whole cannot be known")]
    AnchorMissing,
    /// No slot of the anchor file is whole: whether the log is whole cannot be known.
    #[error("the anchor file is damaged: whether the log is whole cannot be known")]
    AnchorDamaged,
    /// The snapshot does not fit its seal, or stands where the log is not.
    #[error("the snapshot at {position} does not fit its seal or the log")]
    Snapshot {
        /// Where.
        position: Position,
    },
    /// The counter that keeps positions from being given out twice does not fit the log.
    #[error("the position counter does not fit the log")]
    Counter,
}

impl Damage {
    /// How to get a log again, as a sentence for whoever is called at night.
    #[must_use]
    pub const fn recovery(&self) -> &'static str {
        match self {
            Self::OtherLog | Self::Missing | Self::AnchorMissing => {
                "Put the database, its -wal and its -anchor back together from one place. If that \
                 cannot be done, restore a backup, or `salvage` the database into a new file: it \
                 keeps what is good and loses what came later, acknowledged or not"
            }
            Self::Pages { .. }
            | Self::Schema { .. }
            | Self::Start
            | Self::Gap { .. }
            | Self::Record { .. }
            | Self::Columns { .. }
            | Self::Behind { .. }
            | Self::BehindBeside
            | Self::Rewritten { .. }
            | Self::AnchorDamaged
            | Self::Snapshot { .. }
            | Self::Counter => {
                "Keep a copy of all files. Then restore a backup, or `salvage` the log into a new \
                 file: it keeps what is good and loses what came later, acknowledged or not"
            }
        }
    }
}

/// Why a log takes no more. Reads go on up to what was committed before.
///
/// Whether the records that were under way are in the log is unknown. To recover: drop the host
/// (whoever waits hears *unknown*), see to the disk, and open the log again. Opening reads the
/// truth, and a retry under the same command id gets it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the log failed while {doing}: {why}. Open it again to learn what it holds")]
pub struct Poisoned {
    /// What was being done.
    pub doing: &'static str,
    /// What the storage said, for people.
    pub why: Arc<str>,
}

/// Says what was being done when something went wrong.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Poisoned>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, Poisoned> {
        self.map_err(|error| Poisoned { doing, why: error.to_string().into() })
    }
}

/// Whether SQLite says that the *file* is wrong, rather than the disk or the caller.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        DatabaseCorrupt, NotADatabase, SchemaChanged, TypeMismatch, Unknown,
    };
    if let Some(failure) = error.sqlite_error() {
        // "Unknown" is SQLITE_ERROR: a table or column that is not there.
        let codes = [DatabaseCorrupt, NotADatabase, SchemaChanged, TypeMismatch, Unknown];
        // A file that ends before its pages do is not a disk that fails.
        let short = [ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS];
        return codes.contains(&failure.code) || short.contains(&failure.extended_code);
    }
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnName, InvalidColumnType,
        QueryReturnedNoRows, Utf8Error,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnName(_)
            | InvalidColumnType(..)
            | QueryReturnedNoRows
            | Utf8Error(..)
    )
}

/// A failure of SQLite's while `doing` something, with the log good so far.
pub(crate) fn refuse(
    error: rusqlite::Error,
    doing: &'static str,
    good_through: Option<Position>,
) -> OpenError {
    if is_damage(&error) {
        OpenError::Damaged { good_through, what: Damage::Pages { report: error.to_string() } }
    } else {
        OpenError::Storage { doing, source: Box::new(error) }
    }
}

/// The same for a failure of the file system's.
pub(crate) fn storage(doing: &'static str) -> impl FnOnce(std::io::Error) -> OpenError {
    move |error| OpenError::Storage { doing, source: Box::new(error) }
}
