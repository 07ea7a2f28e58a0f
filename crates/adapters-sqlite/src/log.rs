//! The [`Log`] port over the writer's thread.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::{
    AppendError, Entry, Log, Position, RECORD_BYTES_MAX, ReadError, Snapshot, SnapshotError,
    SnapshotStore, TrimError,
};

use crate::error::Poisoned;
use crate::notify::{NotifyStoreError, SqliteNotifyStore};
use crate::reader::Reader;
use crate::shared::{Shared, Tally};

/// A shard's log on one SQLite file. Dropping it finishes what waits and closes the file;
/// [`close`](Self::close) does the same and says whether it went well.
pub struct SqliteLog {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Reader,
    pub(crate) writer: Option<JoinHandle<()>>,
    pub(crate) notify: PathBuf,
}

/// How an open log is doing. Clones look at the same one.
#[derive(Clone, Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
}

impl Monitor {
    /// Why the log takes no more, if it does not: drop the host and open the log again.
    #[must_use]
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.shared.look(|state| state.poisoned.clone())
    }

    /// Waits until everything that was handed over is committed (or will never be, because the log
    /// is poisoned or closed): for whoever drives a host on a clock of their own, which may go on
    /// only when nothing is under way.
    pub fn settle(&self) {
        self.shared.settle();
    }

    /// What it has done since it was opened.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.look(|state| state.tally)
    }

    /// The last position that can be read; `None` while there was never one.
    #[must_use]
    pub fn end(&self) -> Option<Position> {
        self.shared.look(|state| (state.head > 0).then(|| Position::new(state.head)))
    }
}

impl SqliteLog {
    /// A view of how it is doing, for whoever drives the host.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        Monitor { shared: Arc::clone(&self.shared) }
    }

    /// Where the state of notifications outlives a crash, in a file beside the log (`city.db-notify`),
    /// which is made if it is not there: for
    /// [`Notifications::store`](doorstep_runtime::notify::Notifications::store).
    ///
    /// # Errors
    /// [`NotifyStoreError`].
    pub fn notify_store(&self) -> Result<SqliteNotifyStore, NotifyStoreError> {
        SqliteNotifyStore::open(&self.notify, self.reader.uid)
    }

    /// Commits what waits, moves the WAL into the file, syncs the anchor, and lets go of the lock.
    ///
    /// # Errors
    /// [`Poisoned`], if any of that failed or something had failed before.
    pub fn close(mut self) -> Result<(), Poisoned> {
        self.end_writer();
        self.shared.look(|state| state.poisoned.clone()).map_or(Ok(()), Err)
    }

    fn end_writer(&mut self) {
        self.shared.stop();
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            let why = "the writer's thread has died".into();
            self.shared.poison(Poisoned { doing: "writing", why });
        }
        self.shared.end();
    }
}

impl Log for SqliteLog {
    /// Queues the record for the next group; never waits for the disk.
    fn append(&mut self, record: &[u8], _now: Timestamp) -> Result<(), AppendError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: record.len(), most: RECORD_BYTES_MAX });
        }
        self.shared.push(record).map_err(|why| match why {
            None => AppendError::Full { most: self.shared.config.queue_bytes_max },
            Some(poisoned) => AppendError::Unknown(Box::new(poisoned)),
        })
    }

    /// What is committed, from memory where the reader keeps up; from the file otherwise, each
    /// record checked against the chain.
    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        self.reader.follow(after, max, now, out)
    }

    fn end(&mut self, _now: Timestamp) -> Result<Option<Position>, ReadError> {
        Ok(self.monitor().end())
    }

    /// Waits until the snapshot is durable; appends of the meantime go before or after it.
    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.reader.save(snapshot)
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        self.reader.load()
    }

    /// Waits until it is done; appends go on between its parts.
    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        self.reader.trim_before(before)
    }

    fn snapshots(&self) -> Option<Box<dyn SnapshotStore + Send>> {
        Some(Box::new(self.reader.clone()))
    }

    /// Never by time: [`Config::on_commit`](crate::Config::on_commit) says when there is more.
    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        self.end_writer();
    }
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog").field("shared", &self.shared).finish_non_exhaustive()
    }
}
