//! What is committed, and the snapshots: for the host, and for whoever follows the log beside it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::{
    Entry, Fault, Position, ReadError, SNAPSHOT_BYTES_MAX, Snapshot, SnapshotError, SnapshotStore,
    TrimError,
};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::chain::{Hash, Uid};
use crate::shared::{Job, Shared, Trimming, cost};
use crate::snapshot::{self, Saving};

/// A handle on an open log that appends nothing. Once the log is closed, nothing is saved any more.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Arc<Mutex<Connection>>,
    pub(crate) uid: Uid,
}

impl Reader {
    /// Reads from the file what the tail does not hold, up to `head`, checked against the chain.
    fn read_file(
        &self,
        first: u64,
        head: u64,
        max: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), Fault> {
        let reader = self.connection.lock();
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

    /// Asks the writer for something and waits for it.
    fn ask<T>(&self, job: Job, answer: &Receiver<T>) -> Result<T, Fault> {
        self.shared.ask(job)?;
        answer.recv().map_err(|gone| {
            let poisoned = self.shared.look(|state| state.poisoned.clone());
            poisoned.map_or_else(|| Box::new(gone) as Fault, |poisoned| Box::new(poisoned))
        })
    }
}

impl SnapshotStore for Reader {
    /// What is committed, from memory where the reader keeps up; from the file otherwise, each
    /// record checked against the chain.
    fn follow(
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
        if first > head {
            // What was committed is read; nothing else ever will be.
            let poisoned = self.shared.look(|state| state.poisoned.clone());
            return poisoned.map_or(Ok(()), |poisoned| Err(ReadError::Poisoned(poisoned.into())));
        }
        if done {
            return Ok(());
        }
        let held = out.len();
        self.read_file(first, head, max, out).map_err(|fault| {
            out.truncate(held);
            ReadError::Io(fault)
        })
    }

    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let bytes = snapshot.bytes.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLong { bytes, most: SNAPSHOT_BYTES_MAX });
        }
        let (reply, answer) = sync_channel(1);
        self.ask(Job::Save(Saving::new(self.uid, snapshot), reply), &answer)
            .map_err(SnapshotError::Io)?
    }

    fn load(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        match snapshot::load(&self.connection.lock(), self.uid) {
            Err(error) => Err(SnapshotError::Io(Box::new(error))),
            Ok(None) => Ok(None),
            Ok(Some(Ok((position, bytes)))) => Ok(Some(Snapshot { position, bytes: bytes.into() })),
            Ok(Some(Err(position))) => {
                let why = format!("the snapshot at {position} does not fit its seal");
                Err(SnapshotError::Io(why.into()))
            }
        }
    }

    fn trim_before(&mut self, before: Position) -> Result<(), TrimError> {
        let behind = match snapshot::load(&self.connection.lock(), self.uid) {
            Err(error) => return Err(TrimError::Io(Box::new(error))),
            Ok(Some(Err(_))) => {
                return Err(TrimError::Io("the snapshot does not fit its seal".into()));
            }
            Ok(Some(Ok((position, _)))) => Some(position),
            Ok(None) => None,
        };
        let (reply, answer) = sync_channel(1);
        let trimming = Trimming { before, behind };
        self.ask(Job::Trim(trimming, reply), &answer).map_err(TrimError::Io)?
    }
}
