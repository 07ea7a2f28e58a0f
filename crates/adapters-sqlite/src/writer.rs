//! The one thread that writes: group commits, snapshots, trims, checkpoints.
//!
//! A COMMIT may be trusted, without reading it back: this thread is the only writer under the
//! process lock, and every record goes in under the position after the last one, so that a foreign
//! record would be met as a conflict of the primary key inside the same transaction.

use std::fs::File;
use std::sync::Arc;

use doorstep_core::log::Position;
use doorstep_runtime::ports::{SnapshotError, TrimError};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::anchor::Anchor;
use crate::append::{self, Tip};
use crate::chain::{Hash, Uid};
use crate::config::FaultPoint;
use crate::error::{Doing, Poisoned};
use crate::header::{self, Header};
use crate::meta::Start;
use crate::shared::{Finished, Job, Shared, Trimming, Work, cost};
use crate::snapshot::{Saving, Step};
use crate::witness::{Committed, Witness};

/// Bytes of the WAL that a commit writes beside its records, about: the pages that it touches.
const COMMIT_OVERHEAD: u64 = 4 * 4_096;

/// Records that one transaction of a trim removes, so that appends need not wait for all of it.
const TRIM_AT_ONCE: u64 = 4_096;

/// The writer's own state. It holds the lock: that goes when the thread has ended.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) witness: Witness,
    pub(crate) begin: Start,
    pub(crate) tip: Tip,
    pub(crate) snapshot: Option<Position>,
    pub(crate) shared: Arc<Shared>,
    /// Bytes committed, about, since it was looked how far the WAL has grown.
    pub(crate) unlooked: u64,
    pub(crate) _lock: File,
}

const COMMITTING: &str = "committing";

impl Writer {
    /// Writes until it is stopped or something fails; what was committed is witnessed all the same.
    pub(crate) fn run(mut self) {
        let written = self.work();
        let witnessed = match self.witness.end() {
            Ok(()) => Ok(()),
            Err(_) => Err("the anchor's thread has died").doing("writing the anchor"),
        };
        if let Err(poisoned) = written.and(witnessed) {
            self.shared.poison(poisoned);
        }
    }

    fn work(&mut self) -> Result<(), Poisoned> {
        let mut checkpoint_at = 0;
        loop {
            let Work { records, finished, job, stop } = self.shared.take();
            if !records.is_empty() || !finished.is_empty() {
                self.commit(&records, finished)?;
                self.checkpoint_if_due(&mut checkpoint_at)?;
            }
            match job {
                Some(Job::Save(mut saving, reply)) => {
                    let saved = self.save(&mut saving)?;
                    self.checkpoint_if_due(&mut checkpoint_at)?;
                    match saved {
                        Some(saved) => {
                            // Whoever asked may have gone.
                            let _gone = reply.send(saved);
                        }
                        None => self.shared.put_back(Job::Save(saving, reply)),
                    }
                }
                Some(Job::Trim(trimming, reply)) => match self.trim(trimming)? {
                    Some(done) => {
                        let _gone = reply.send(done);
                    }
                    None => self.shared.put_back(Job::Trim(trimming, reply)),
                },
                None if stop => return self.close(),
                None => {}
            }
        }
    }

    /// One group: one transaction, one sync; the anchor, and everyone else, hears of it behind.
    fn commit(&mut self, records: &[Arc<[u8]>], finished: Vec<Finished>) -> Result<(), Poisoned> {
        let mut tip = self.tip;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("beginning a transaction")?;
        let (entries, refused) =
            append::append(&transaction, &mut tip, records).doing("appending")?;
        for finished in &finished {
            keep(&transaction, self.begin.uid, finished).doing("keeping an order")?;
        }
        let mut begin = self.begin.clone();
        if entries.is_empty() {
            begin.beside = begin.beside.saturating_add(1);
            begin.save(&transaction).doing("keeping an order")?;
        }
        if self.shared.config.fails(FaultPoint::BeforeCommit) {
            transaction.rollback().doing(COMMITTING)?;
            return Err("an injected fault before the commit").doing(COMMITTING);
        }
        transaction.commit().doing(COMMITTING)?;
        if self.shared.config.fails(FaultPoint::AfterCommit) {
            return Err("an injected fault after the commit").doing(COMMITTING);
        }
        (self.tip, self.begin) = (tip, begin);
        let bytes = entries.iter().map(|entry| cost(&entry.bytes)).sum::<usize>();
        let kept = finished.iter().map(|finished| cost(finished.json.as_bytes())).sum::<usize>();
        for bytes in [bytes, kept] {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.unlooked = self.unlooked.saturating_add(bytes);
        }
        self.unlooked = self.unlooked.saturating_add(COMMIT_OVERHEAD);
        let anchor = self.anchor();
        self.witness.tell(&self.shared, Committed { anchor, entries, finished, refused })
    }

    /// How far the log goes now.
    const fn anchor(&self) -> Anchor {
        let Start { uid, beside, .. } = self.begin;
        Anchor { uid, position: self.tip.head, beside, hash: self.tip.hash }
    }

    /// Moves the WAL into the file when it has grown. Whoever reads an old state meanwhile (an
    /// inspector) holds a part of it back; that is tried again when the WAL has grown once more.
    fn checkpoint_if_due(&mut self, at: &mut u64) -> Result<(), Poisoned> {
        const DOING: &str = "moving the WAL into the file";
        // Asking SQLite costs what a record or two do: not after every commit.
        if self.unlooked < self.shared.config.checkpoint_bytes / 8 {
            return Ok(());
        }
        self.unlooked = 0;
        let bound = self.shared.config.checkpoint_bytes / 4_096;
        let (_, frames, _) = checkpoint(&self.connection, "NOOP").doing(DOING)?;
        if frames < bound.max(*at) {
            return Ok(());
        }
        if self.shared.config.fails(FaultPoint::Checkpoint) {
            return Err("an injected fault at the checkpoint").doing(DOING);
        }
        let (_, frames, moved) = checkpoint(&self.connection, "PASSIVE").doing(DOING)?;
        *at = if moved < frames { frames.saturating_add(bound) } else { 0 };
        self.shared.look(|state| {
            state.tally.checkpoints = state.tally.checkpoints.saturating_add(1);
        });
        Ok(())
    }

    /// Writes a part of a snapshot; `None`: there is more. Only the last one makes it count.
    fn save(&mut self, saving: &mut Saving) -> Result<Option<Result<(), SnapshotError>>, Poisoned> {
        const DOING: &str = "saving a snapshot";
        let position = saving.snapshot.position;
        if position.get() > self.tip.head || position.get() < self.begin.start {
            let end = (self.tip.head > 0).then(|| Position::new(self.tip.head));
            return Ok(Some(Err(SnapshotError::BeyondEnd { end })));
        }
        match self.snapshot {
            Some(saved) if saved > position => {
                return Ok(Some(Err(SnapshotError::Backwards { saved })));
            }
            Some(saved) if saved == position => return Ok(Some(Ok(()))),
            Some(_) | None => {}
        }
        let part_max = self.shared.config.snapshot_part_bytes;
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behaviour).doing(DOING)?;
        let step = saving.step(&transaction, self.snapshot, part_max).doing(DOING)?;
        let mut begin = self.begin.clone();
        if step == Step::Last {
            begin.beside = begin.beside.saturating_add(1);
            begin.save(&transaction).doing(DOING)?;
        }
        if self.shared.config.fails(FaultPoint::BeforeCommit) {
            transaction.rollback().doing(DOING)?;
            return Err("an injected fault before the commit").doing(DOING);
        }
        transaction.commit().doing(DOING)?;
        if self.shared.config.fails(FaultPoint::AfterCommit) {
            return Err("an injected fault after the commit").doing(DOING);
        }
        let part = u64::try_from(part_max).unwrap_or(u64::MAX);
        self.unlooked = self.unlooked.saturating_add(part).saturating_add(COMMIT_OVERHEAD);
        if step == Step::More {
            return Ok(None);
        }
        (self.begin, self.snapshot) = (begin, Some(position));
        self.witness.wait(Some(self.anchor()), false)?;
        Ok(Some(Ok(())))
    }

    /// Removes some of what is to go; `None`: there is more.
    fn trim(&mut self, trimming: Trimming) -> Result<Option<Result<(), TrimError>>, Poisoned> {
        const DOING: &str = "trimming";
        let Trimming { before, behind } = trimming;
        // Only behind a snapshot that can be read, and with an anchor that is not left behind.
        if self.snapshot != behind || self.snapshot.is_none_or(|saved| saved < before) {
            return Ok(Some(Err(TrimError::NotBehindSnapshot { saved: self.snapshot })));
        }
        if before.get() <= self.begin.start {
            return Ok(Some(Ok(())));
        }
        self.witness.wait(None, true)?;
        let mut start = self.begin.clone();
        start.beside = start.beside.saturating_add(1);
        let until = before.get().min(start.start.saturating_add(TRIM_AT_ONCE));
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behaviour).doing(DOING)?;
        pass_over(&transaction, &mut start, until).doing(DOING)?;
        transaction
            .execute("DELETE FROM log WHERE position < ?1", [until.cast_signed()])
            .doing(DOING)?;
        start.save(&transaction).doing(DOING)?;
        transaction.commit().doing(DOING)?;
        self.begin = start;
        self.witness.wait(Some(self.anchor()), false)?;
        self.shared.look(|state| state.start = until);
        Ok((until == before.get()).then_some(Ok(())))
    }

    /// Leaves the file whole, without a WAL, and its anchor synced.
    fn close(&mut self) -> Result<(), Poisoned> {
        const DOING: &str = "closing the log";
        self.witness.wait(None, true)?;
        if self.shared.config.fails(FaultPoint::Checkpoint) {
            return Err("an injected fault at the checkpoint").doing(DOING);
        }
        // A reader elsewhere holds it back: then the WAL stays, and is as good.
        checkpoint(&self.connection, "TRUNCATE").doing(DOING)?;
        Ok(())
    }
}

/// Keeps an order; the same id again changes nothing.
pub(crate) fn keep(connection: &Connection, uid: Uid, finished: &Finished) -> rusqlite::Result<()> {
    let order = finished.order.get();
    let seal = crate::history::seal(uid, order, &finished.json);
    connection
        .prepare_cached(
            "INSERT INTO history (order_id, seal, json) VALUES (?1, ?2, ?3)
             ON CONFLICT (order_id) DO NOTHING",
        )?
        .execute(params![order.cast_signed(), seal.0, finished.json])?;
    Ok(())
}

/// Moves the start over the records before `until`.
fn pass_over(connection: &Connection, start: &mut Start, until: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT hash, bytes FROM log WHERE position >= ?1 AND position < ?2 ORDER BY position",
    )?;
    let mut rows = statement.query([start.start.cast_signed(), until.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(1)?;
        let (_, record) = Header::of(&bytes, &start.fence);
        header::pass(&mut start.fence, record.as_ref());
        start.before = Hash(row.get(0)?);
    }
    start.start = until;
    Ok(())
}

/// Whether it was held back, the frames in the WAL, and how many of them are in the file.
pub(crate) fn checkpoint(
    connection: &Connection,
    mode: &str,
) -> rusqlite::Result<(bool, u64, u64)> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| {
        let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        let count = |frames: i64| u64::try_from(frames).unwrap_or(0);
        Ok((row.get(0)?, count(frames), count(moved)))
    })
}
