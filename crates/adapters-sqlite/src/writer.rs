//! The one thread that writes: group commits, checkpoints, the anchor.
//!
//! A COMMIT may be trusted, without reading it back: this thread is the only writer under the
//! process lock, and every record goes in under the position after the last one, so that a foreign
//! record would be met as a conflict of the primary key inside the same transaction.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use doorstep_core::log::{Fence, Position};
use doorstep_runtime::ports::{Entry, Snapshot, SnapshotError, TrimError};
use rusqlite::{Connection, TransactionBehavior, ffi, params};

use crate::anchor::{Anchor, AnchorFile};
use crate::chain::{Hash, Uid};
use crate::config::{AnchorSync, FaultPoint};
use crate::error::Poisoned;
use crate::header::{self, Header};
use crate::meta::Start;
use crate::shared::{Finished, Job, Shared, Work, cost};
use crate::verify;

/// Bytes of the WAL that a commit writes beside its records, about: the pages that it touches.
const COMMIT_OVERHEAD: u64 = 4 * 4_096;

/// Records that one transaction of a trim removes, so that appends need not wait for all of it.
const TRIM_AT_ONCE: u64 = 4_096;

/// The writer's own state. It holds the lock: that goes when the thread has ended.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) anchor: AnchorFile,
    pub(crate) begin: Start,
    pub(crate) head: u64,
    pub(crate) hash: Hash,
    pub(crate) fence: Fence,
    pub(crate) snapshot: Option<Position>,
    pub(crate) shared: Arc<Shared>,
    /// Bytes committed, about, since it was looked how far the WAL has grown.
    pub(crate) unlooked: u64,
    pub(crate) _lock: File,
}

/// What went wrong, and at what.
struct Failed {
    doing: &'static str,
    why: String,
}

trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failed>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, Failed> {
        self.map_err(|error| Failed { doing, why: error.to_string() })
    }
}

const COMMITTING: &str = "committing";

impl Writer {
    /// Writes until it is stopped or something fails.
    pub(crate) fn run(mut self) {
        if let Err(Failed { doing, why }) = self.work() {
            self.shared.poison(Poisoned { doing, why: why.into() });
        }
    }

    fn work(&mut self) -> Result<(), Failed> {
        let mut anchor_due = None;
        let mut checkpoint_at = 0;
        loop {
            let Work { records, finished, job, stop } = self.shared.take(anchor_due);
            if !records.is_empty() || !finished.is_empty() {
                self.commit(&records, &finished)?;
                self.checkpoint_if_due(&mut checkpoint_at)?;
            }
            match job {
                Some(Job::Save(snapshot, reply)) => {
                    let saved = self.save(&snapshot)?;
                    // Whoever asked may have gone.
                    let _gone = reply.send(saved);
                }
                Some(Job::Trim(before, reply)) => match self.trim(before)? {
                    Some(done) => {
                        let _gone = reply.send(done);
                    }
                    None => self.shared.put_back(Job::Trim(before, reply)),
                },
                None if stop => return self.close(),
                None => {}
            }
            anchor_due = self.sync_anchor_if_due(anchor_due)?;
        }
    }

    /// One group: one transaction, one sync, and then everyone may read it.
    fn commit(&mut self, records: &[Arc<[u8]>], finished: &[Finished]) -> Result<(), Failed> {
        let (mut head, mut hash, mut fence) = (self.head, self.hash, self.fence);
        let mut entries = Vec::with_capacity(records.len());
        let mut refused = 0_u64;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("beginning a transaction")?;
        for bytes in records {
            let position = head.saturating_add(1);
            let link = hash.link(position, bytes);
            let (header, record) = Header::of(bytes, &fence);
            match insert(&transaction, position, link, &header, bytes) {
                Ok(()) => {}
                Err(error) if is_conflict(&error) => {
                    // It alone is kept out: to its writer it is an append that was lost.
                    refused = refused.saturating_add(1);
                    continue;
                }
                Err(error) => return Err(error).doing("appending"),
            }
            header::pass(&mut fence, record.as_ref());
            (head, hash) = (position, link);
            let position = Position::new(position);
            entries.push(Entry { position, bytes: Arc::clone(bytes) });
        }
        for finished in finished {
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
        (self.head, self.hash, self.fence, self.begin) = (head, hash, fence, begin);
        let bytes = entries.iter().map(|entry| cost(&entry.bytes)).sum::<usize>();
        let kept = finished.iter().map(|finished| cost(finished.json.as_bytes())).sum::<usize>();
        for bytes in [bytes, kept] {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.unlooked = self.unlooked.saturating_add(bytes);
        }
        self.unlooked = self.unlooked.saturating_add(COMMIT_OVERHEAD);
        self.witness()?;
        self.shared.publish(entries, finished, refused);
        Ok(())
    }

    /// The anchor behind a commit.
    fn witness(&mut self) -> Result<(), Failed> {
        self.write_anchor()?;
        if self.shared.config.anchor == AnchorSync::EveryCommit {
            self.sync_anchor()?;
        }
        Ok(())
    }

    fn write_anchor(&mut self) -> Result<(), Failed> {
        if self.shared.config.fails(FaultPoint::Anchor) {
            return Err("an injected fault at the anchor").doing("writing the anchor");
        }
        let Start { uid, beside, .. } = self.begin;
        let anchor = Anchor { uid, position: self.head, beside, hash: self.hash };
        self.anchor.write(&anchor).doing("writing the anchor")
    }

    fn sync_anchor(&mut self) -> Result<(), Failed> {
        if self.anchor.is_dirty() {
            self.anchor.sync().doing("syncing the anchor")?;
            self.shared.look(|state| {
                state.tally.anchor_syncs = state.tally.anchor_syncs.saturating_add(1);
            });
        }
        Ok(())
    }

    /// When the anchor is to be synced next; syncs it if that is now.
    fn sync_anchor_if_due(&mut self, due: Option<Instant>) -> Result<Option<Instant>, Failed> {
        let AnchorSync::Every(period) = self.shared.config.anchor else { return Ok(None) };
        if !self.anchor.is_dirty() {
            return Ok(None);
        }
        let now = Instant::now();
        match due {
            Some(due) if due <= now => self.sync_anchor().map(|()| None),
            Some(due) => Ok(Some(due)),
            None => Ok(now.checked_add(period)),
        }
    }

    /// Moves the WAL into the file when it has grown. Whoever reads an old state meanwhile (an
    /// inspector) holds a part of it back; that is tried again when the WAL has grown once more.
    fn checkpoint_if_due(&mut self, at: &mut u64) -> Result<(), Failed> {
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

    fn save(&mut self, snapshot: &Snapshot) -> Result<Result<(), SnapshotError>, Failed> {
        const DOING: &str = "saving a snapshot";
        let Snapshot { position, bytes } = snapshot;
        if position.get() > self.head || position.get() < self.begin.start {
            let end = (self.head > 0).then(|| Position::new(self.head));
            return Ok(Err(SnapshotError::BeyondEnd { end }));
        }
        match self.snapshot {
            Some(saved) if saved > *position => return Ok(Err(SnapshotError::Backwards { saved })),
            Some(saved) if saved == *position => return Ok(Ok(())),
            Some(_) | None => {}
        }
        let seal = verify::snapshot_seal(self.begin.uid, position.get(), bytes);
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behaviour).doing(DOING)?;
        let at = position.get().cast_signed();
        transaction
            .execute(
                "INSERT INTO snapshot (position, seal, bytes) VALUES (?1, ?2, ?3)",
                params![at, seal.0, bytes.as_ref()],
            )
            .doing(DOING)?;
        transaction.execute("DELETE FROM snapshot WHERE position < ?1", [at]).doing(DOING)?;
        let mut begin = self.begin.clone();
        begin.beside = begin.beside.saturating_add(1);
        begin.save(&transaction).doing(DOING)?;
        transaction.commit().doing(DOING)?;
        (self.begin, self.snapshot) = (begin, Some(*position));
        self.witness()?;
        Ok(Ok(()))
    }

    /// Removes some of what is to go; `None`: there is more.
    fn trim(&mut self, before: Position) -> Result<Option<Result<(), TrimError>>, Failed> {
        const DOING: &str = "trimming";
        if self.snapshot.is_none_or(|saved| saved < before) {
            return Ok(Some(Err(TrimError::NotBehindSnapshot { saved: self.snapshot })));
        }
        if before.get() <= self.begin.start {
            return Ok(Some(Ok(())));
        }
        // Only behind a snapshot that can be read, and with an anchor that is not left behind.
        let saved = verify::load_snapshot(&self.connection, self.begin.uid).doing(DOING)?;
        if !matches!(saved, Some(Ok((position, _))) if Some(position) == self.snapshot) {
            return Err("the snapshot does not fit its seal").doing(DOING);
        }
        self.write_anchor()?;
        self.sync_anchor()?;
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
        self.witness()?;
        self.shared.look(|state| state.start = until);
        Ok((until == before.get()).then_some(Ok(())))
    }

    /// Leaves the file whole, without a WAL, and its anchor synced.
    fn close(&mut self) -> Result<(), Failed> {
        const DOING: &str = "closing the log";
        self.write_anchor()?;
        self.sync_anchor()?;
        if self.shared.config.fails(FaultPoint::Checkpoint) {
            return Err("an injected fault at the checkpoint").doing(DOING);
        }
        // A reader elsewhere holds it back: then the WAL stays, and is as good.
        checkpoint(&self.connection, "TRUNCATE").doing(DOING)?;
        Ok(())
    }
}

pub(crate) fn insert(
    connection: &Connection,
    position: u64,
    hash: Hash,
    header: &Header,
    bytes: &[u8],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO log (position, hash, kind, counts, epoch, writer, seq, cause, issued_at, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    statement.execute(params![
        position.cast_signed(),
        hash.0,
        header.kind,
        header.counts,
        header.epoch,
        header.writer,
        header.seq,
        header.cause,
        header.issued_at,
        bytes,
    ])?;
    Ok(())
}

/// A unique index kept a record out. A conflict of the primary key is none: somebody else writes.
fn is_conflict(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
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
