//! The [`Log`] port over the writer's thread.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::{
    AppendError, Entry, Fault, Log, Position, RECORD_BYTES_MAX, ReadError, SNAPSHOT_BYTES_MAX,
    Snapshot, SnapshotError, TrimError,
};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::chain::{Hash, Uid};
use crate::error::Poisoned;
use crate::shared::{Job, Shared, Tally, cost};
use crate::verify;

/// A shard's log on one SQLite file. Dropping it finishes what waits and closes the file;
/// [`close`](Self::close) does the same and says whether it went well.
pub struct SqliteLog {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Arc<Mutex<Connection>>,
    pub(crate) uid: Uid,
    pub(crate) writer: Option<JoinHandle<()>>,
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
    }

    /// Asks the writer for something and waits for it.
    fn ask<T>(&self, job: Job, answer: &Receiver<T>) -> Result<T, Fault> {
        self.shared.ask(job).map_err(Box::new)?;
        answer.recv().map_err(|gone| {
            let poisoned = self.shared.look(|state| state.poisoned.clone());
            poisoned.map_or_else(|| Box::new(gone) as Fault, |poisoned| Box::new(poisoned))
        })
    }

    /// Reads from the file what the tail does not hold, up to `head`, checked against the chain.
    fn read_file(
        &self,
        first: u64,
        head: u64,
        max: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), Fault> {
        let reader = self.reader.lock();
        let mut statement = reader.prepare_cached(
            "SELECT position, hash, bytes FROM log WHERE position >= ?1 AND position <= ?2
             ORDER BY position",
        )?;
        // One earlier, for its hash; where the log begins, nothing stands before.
        let from = first.saturating_sub(1).max(1);
        let mut rows = statement.query([from.cast_signed(), head.cast_signed()])?;
        let mut before: Option<(u64, Hash)> = None;
        let (mut bytes_read, mut read) = (0_usize, 0_usize);
        while let Some(row) = rows.next()? {
            let position = u64::try_from(row.get::<_, i64>(0)?)?;
            let (hash, bytes) = (Hash(row.get(1)?), row.get_ref(2)?.as_blob()?);
            if let Some((last, link)) = before {
                let fits = last.checked_add(1) == Some(position);
                if !fits || link.link(position, bytes) != hash {
                    return Err(format!("the record at {position} does not fit the chain").into());
                }
            }
            before = Some((position, hash));
            if position < first {
                continue;
            }
            bytes_read = bytes_read.saturating_add(cost(bytes));
            if read >= max || (read > 0 && bytes_read > self.shared.config.read_bytes_max) {
                break;
            }
            read = read.saturating_add(1);
            out.push(Entry { position: Position::new(position), bytes: bytes.into() });
        }
        if read == 0 && max > 0 {
            return Err(format!("the record at {first} is missing").into());
        }
        Ok(())
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
        _now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        // Positions begin at 1: nothing was ever at 0.
        let first = after.map_or(1, |after| after.next().get()).max(1);
        let (start, head, done) = self.shared.look(|state| {
            let held = state.tail.from(first).filter(|_| first >= state.start);
            let from_tail = held.map(|held| out.extend(held.take(max).cloned())).is_some();
            (state.start, state.head, from_tail)
        });
        if first < start {
            return Err(ReadError::Trimmed { start: Position::new(start) });
        }
        if done || first > head {
            return Ok(());
        }
        let held = out.len();
        self.read_file(first, head, max, out).map_err(|fault| {
            out.truncate(held);
            ReadError::Io(fault)
        })
    }

    fn end(&mut self, _now: Timestamp) -> Result<Option<Position>, ReadError> {
        Ok(self.monitor().end())
    }

    /// Waits until the snapshot is durable; appends of the meantime go before or after it.
    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let bytes = snapshot.bytes.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLong { bytes, most: SNAPSHOT_BYTES_MAX });
        }
        let (reply, answer) = sync_channel(1);
        self.ask(Job::Save(snapshot.clone(), reply), &answer).map_err(SnapshotError::Io)?
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        match verify::load_snapshot(&self.reader.lock(), self.uid) {
            Err(error) => Err(SnapshotError::Io(Box::new(error))),
            Ok(None) => Ok(None),
            Ok(Some(Ok((position, bytes)))) => Ok(Some(Snapshot { position, bytes: bytes.into() })),
            Ok(Some(Err(position))) => {
                let why = format!("the snapshot at {position} does not fit its seal");
                Err(SnapshotError::Io(why.into()))
            }
        }
    }

    /// Waits until it is done; appends go on between its parts.
    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        let (reply, answer) = sync_channel(1);
        self.ask(Job::Trim(before, reply), &answer).map_err(TrimError::Io)?
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
