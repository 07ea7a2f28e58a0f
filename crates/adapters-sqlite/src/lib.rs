//! Doorstep's log on one SQLite file: durable with nothing to install.
//!
//! [`SqliteLog`] is a [`Log`](doorstep_runtime::ports::Log) for one shard and one machine. An append
//! never waits: one thread commits in groups, each group being what waits when the last commit
//! ended; a second one writes down, outside the database, how far the log goes, while the first
//! commits the next group. A record can be read (and its caller answered) only behind both.
//! Finished orders go into a table beside it, [`SqliteHistory`].
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::mpsc::channel;
//!
//! use doorstep_core::time::Timestamp;
//! use doorstep_runtime::ports::Log;
//! use doorstep_sqlite::{Config, SqliteLog};
//!
//! let dir = tempfile::tempdir()?;
//! let file = dir.path().join("city.db");
//! let now = Timestamp::from_secs(1_700_000_000);
//!
//! // Whoever drives the host is woken when there is something to read.
//! let (wake, woken) = channel();
//! let config = Config {
//!     on_commit: Some(Arc::new(move || wake.send(()).unwrap_or_default())),
//!     ..Config::default()
//! };
//! let mut log = SqliteLog::open(&file, config)?.log;
//! log.append(b"hello", now)?;
//! woken.recv()?;
//! let mut entries = Vec::new();
//! log.read(None, 10, now, &mut entries)?;
//! assert_eq!(&*entries[0].bytes, b"hello");
//! log.close()?;
//!
//! // Opening reads and checks everything before anything is written.
//! let opened = SqliteLog::open(&file, Config::default())?;
//! assert_eq!(opened.found.end, Some(entries[0].position));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rooms
//!
//! | room | what it is |
//! |---|---|
//! | [`SqliteLog`], [`Monitor`] | the port; how it is doing, and whether it is poisoned |
//! | [`Config`], [`AnchorSync`] | durability, bounds and hooks, and what each choice risks |
//! | [`SqliteHistory`] | finished orders, under their id |
//! | [`SqliteNotifyStore`] | the state of notifications, in a file beside the log |
//! | [`OpenError`], [`Damage`] | why a log is refused, up to where it is good, how to recover |
//! | [`Inspector`] | reads a log without touching it: checks the chain, an order's whole history |
//! | [`salvage`] | keeps what is good of a damaged log, in a new file |
//!
//! # The files
//!
//! `city.db`, the database; `city.db-wal` and `city.db-shm`, SQLite's own; `city.db-anchor`, how
//! far the log goes; `city.db-lock`, empty, held by the process that has the log open. With
//! [`SqliteLog::notify_store`], `city.db-notify` and SQLite's own beside it. They belong together:
//! whoever copies one without the others while a process runs has no log. Use a local disk: on a
//! network file system neither locks nor syncs are what they say.
//!
//! # What is promised
//!
//! - **What is read is durable.** A record is published after COMMIT with `synchronous=FULL`; what
//!   an earlier process left in the WAL is written and synced anew before it is read.
//! - **Never silently shortened.** Records form a SHA-256 chain; the anchor knows how far it went;
//!   rows beside it are sealed. What does not fit is refused with [`OpenError::Damaged`], and the
//!   files stay as they were found.
//! - **No guess after a failure.** When an append, a commit, a sync or a checkpoint fails, a full
//!   disk included, the log is poisoned ([`Poisoned`]): it takes no more, and nothing is retried on
//!   it. Drop the host, and open the log again: that finds out what was committed, and a retry
//!   under the same command id is told the truth.
//! - **A second line.** Of the records that count, no two have one place, one epoch or one command:
//!   unique indexes keep them out, and only them.
//!
//! What cannot be found, by construction: the loss of synced records together with the damage or
//! loss of the anchor they were under, in both files to the same earlier state (an old copy of all
//! files is a whole log); a whole older anchor slot when the later one was damaged, and the records
//! in between lost as well; more, with a weaker [`AnchorSync`]. The chain is no signature: who can
//! write the files can make another that holds.
//!
//! # Bounds
//!
//! Waiting records: [`Config::queue_bytes_max`], then `AppendError::Full`. Orders on their way into
//! the history: [`Config::history_pending_max`], then `SinkError::Full`. Memory for readers:
//! [`Config::tail_bytes_max`]. The WAL: [`Config::checkpoint_bytes`], an eighth more, and one group,
//! as long as no other process reads an old state. The file: the disk, or
//! [`Config::file_bytes_max`]; trim behind snapshots. The history only grows. A snapshot is committed
//! in parts of [`Config::snapshot_part_bytes`], between groups of records, and counts from the last one
//! on: with 100,000 live orders it has about 185 MiB (`examples/restart.rs` measures it). The file has
//! room for two.
//!
//! # Building
//!
//! SQLite is bundled, and syncs with `fsync` unless it is told that the system has `fdatasync`: on
//! Linux build with `LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC=1` in the environment (this workspace does,
//! in `.cargo/config.toml`). It is as durable, and a commit writes one block less.

mod anchor;
mod append;
mod chain;
mod config;
mod error;
mod files;
mod header;
mod history;
mod inspect;
mod log;
mod meta;
mod notify;
mod open;
mod reader;
mod salvage;
mod schema;
mod shared;
mod snapshot;
mod verify;
mod witness;
mod writer;

pub use self::config::{
    AnchorSync, Config, FaultHook, FaultPoint, Hook, PageCheck, Progress, ProgressHook,
};
pub use self::error::{Damage, OpenError, Poisoned};
pub use self::history::{HistoryError, SqliteHistory};
pub use self::inspect::{Inspector, Line, Verified};
pub use self::log::{Monitor, SqliteLog};
pub use self::notify::{NotifyStoreError, SqliteNotifyStore};
pub use self::open::{FoundOnOpening, Opened};
pub use self::salvage::{Salvaged, salvage};
pub use self::shared::Tally;
