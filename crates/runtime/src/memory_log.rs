//! A log in memory, with the faults that a distributed one has.
//!
//! [`MemoryLog`] is a handle: clones share one log, so that several hosts can contend for it.
//! [`Faults`] makes appends go missing, arrive late, twice, or with an error whatever became of
//! them, all drawn from a seed: the same seed and the same calls give the same faults.
//!
//! ```
//! use doorstep_core::time::Timestamp;
//! use doorstep_runtime::memory_log::MemoryLog;
//! use doorstep_runtime::ports::Log;
//!
//! let mut writer = MemoryLog::new();
//! let mut reader = writer.clone();
//! let now = Timestamp::from_secs(1_700_000_000);
//! writer.append(b"hello", now)?;
//!
//! let mut entries = Vec::new();
//! reader.read(None, 10, now, &mut entries)?;
//! assert_eq!(&*entries[0].bytes, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use doorstep_core::time::{Span, Timestamp};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ports::{
    AppendError, Entry, Log, Position, RECORD_BYTES_MAX, ReadError, SNAPSHOT_BYTES_MAX, Snapshot,
    SnapshotError, SnapshotStore, TrimError,
};

/// What a record costs beside its bytes, roughly: its place in the list and its allocation.
const RECORD_OVERHEAD: usize = 64;
const BYTES_MAX: usize = 1 << 30;

/// What goes wrong with appends, each in thousandths of them, drawn independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Where the draws come from.
    pub seed: u64,
    /// `Ok` is returned, and the record never lands.
    pub lost: u16,
    /// The record lands later, after others that were appended after it.
    pub late: u16,
    /// The record lands twice; every other time the second copy is late.
    pub duplicated: u16,
    /// An error is returned; every other time the record lands all the same.
    pub failed: u16,
    /// The longest that "late" is; the shortest is 1 ms.
    pub late_by_most: Span,
}

impl Faults {
    /// None at all.
    pub const NONE: Self =
        Self { seed: 0, lost: 0, late: 0, duplicated: 0, failed: 0, late_by_most: Span::ZERO };
}

/// How many appends there were, and what went wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultTally {
    /// Appends that passed the bounds.
    pub appends: u64,
    /// Reported as handed over, never landed.
    pub lost: u64,
    /// First copies that landed late, or will.
    pub late: u64,
    /// Landed twice, or will.
    pub duplicated: u64,
    /// Reported as unknown, and landed or will.
    pub failed_landed: u64,
    /// Reported as unknown, and never landed.
    pub failed_lost: u64,
}

/// A handle on a log in memory. Clones share the log.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    /// The position of the first of `entries`.
    start: u64,
    entries: VecDeque<Arc<[u8]>>,
    /// Landing at a time, in order of appending where times are equal.
    late: BTreeMap<(Timestamp, u64), Arc<[u8]>>,
    appended: u64,
    bytes: usize,
    bytes_max: usize,
    snapshot: Option<Snapshot>,
    faults: Faults,
    draws: ChaCha8Rng,
    tally: FaultTally,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLog {
    /// An empty log without faults, bounded at 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Faults::NONE, BYTES_MAX)
    }

    /// An empty log with faults, bounded at 1 GiB.
    #[must_use]
    pub fn faulty(faults: Faults) -> Self {
        Self::with(faults, BYTES_MAX)
    }

    /// An empty log that holds at most `bytes_max`, counting 64 bytes for each record beside its
    /// own; beyond it every append is refused with [`AppendError::Full`] until the log is trimmed.
    #[must_use]
    pub fn with(faults: Faults, bytes_max: usize) -> Self {
        let shared = Shared {
            start: 0,
            entries: VecDeque::new(),
            late: BTreeMap::new(),
            appended: 0,
            bytes: 0,
            bytes_max,
            snapshot: None,
            draws: ChaCha8Rng::seed_from_u64(faults.seed),
            faults,
            tally: FaultTally::default(),
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Ends the faults: appends from now on land once, at once. What is late already still comes.
    pub fn quiet(&self) {
        self.shared.lock().faults = Faults::NONE;
    }

    /// What went wrong so far.
    #[must_use]
    pub fn tally(&self) -> FaultTally {
        self.shared.lock().tally
    }

    /// For an auditor: everything that has landed and is still held, from `position` on, whatever
    /// it is. Nothing lands by asking.
    #[must_use]
    pub fn entries_from(&self, position: Position) -> Vec<Entry> {
        let shared = self.shared.lock();
        shared.from(position.get()).collect()
    }
}

impl Log for MemoryLog {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        self.shared.lock().append(record, now)
    }

    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        let mut shared = self.shared.lock();
        shared.land(now);
        let first = after.map_or(0, |after| after.next().get());
        if first < shared.start {
            return Err(ReadError::Trimmed { start: Position::new(shared.start) });
        }
        out.extend(shared.from(first).take(max));
        Ok(())
    }

    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
        let mut shared = self.shared.lock();
        shared.land(now);
        Ok(shared.last())
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let mut shared = self.shared.lock();
        let bytes = snapshot.bytes.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLong { bytes, most: SNAPSHOT_BYTES_MAX });
        }
        let end = shared.last();
        if end.is_none_or(|end| end < snapshot.position) {
            return Err(SnapshotError::BeyondEnd { end });
        }
        match shared.saved() {
            Some(saved) if saved > snapshot.position => Err(SnapshotError::Backwards { saved }),
            Some(saved) if saved == snapshot.position => Ok(()),
            Some(_) | None => {
                shared.snapshot = Some(snapshot.clone());
                Ok(())
            }
        }
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        Ok(self.shared.lock().snapshot.clone())
    }

    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        let mut shared = self.shared.lock();
        let saved = shared.saved();
        if saved.is_none_or(|saved| saved < before) {
            return Err(TrimError::NotBehindSnapshot { saved });
        }
        while shared.start < before.get() {
            let Some(gone) = shared.entries.pop_front() else { break };
            shared.start = shared.start.saturating_add(1);
            shared.bytes = shared.bytes.saturating_sub(cost(&gone));
        }
        Ok(())
    }

    fn snapshots(&self) -> Option<Box<dyn SnapshotStore + Send>> {
        Some(Box::new(self.clone()))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.shared.lock().late.first_key_value().map(|((at, _), _)| *at)
    }
}

/// What becomes of one append.
struct Fate {
    /// After how long each copy lands.
    copies: [Option<Span>; 2],
    failed: bool,
}

impl Shared {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        self.land(now);
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: record.len(), most: RECORD_BYTES_MAX });
        }
        let record: Arc<[u8]> = record.into();
        // Room for a second copy too, so that being full never depends on the draws.
        let most = cost(&record).saturating_mul(2).saturating_add(self.bytes);
        if most > self.bytes_max {
            return Err(AppendError::Full { most: self.bytes_max });
        }
        let fate = self.draw();
        for after in fate.copies.into_iter().flatten() {
            self.bytes = self.bytes.saturating_add(cost(&record));
            if after == Span::ZERO {
                self.entries.push_back(Arc::clone(&record));
            } else {
                self.appended = self.appended.saturating_add(1);
                let at = now.saturating_add(after);
                self.late.insert((at, self.appended), Arc::clone(&record));
            }
        }
        if fate.failed {
            let lost = io::Error::new(io::ErrorKind::TimedOut, "an injected fault");
            return Err(AppendError::Unknown(lost.into()));
        }
        Ok(())
    }

    /// Draws the fate of an append. The number of draws is the same whatever they say, so that
    /// changing one rate leaves the other faults where they were.
    fn draw(&mut self) -> Fate {
        let Faults { lost, late, duplicated, failed, late_by_most, .. } = self.faults;
        let mut hit = |permille: u16| self.draws.random_range(0..1_000_u16) < permille;
        let (lost, late, duplicated, failed) = (hit(lost), hit(late), hit(duplicated), hit(failed));
        let (lands, second_late) = (hit(500), hit(500));
        let longest = late_by_most.as_millis().max(1);
        let mut delay = || Span::from_millis(self.draws.random_range(1..=longest));
        let (first, second) = (delay(), delay());

        let missing = lost || (failed && !lands);
        let copies = [
            (!missing).then_some(if late { first } else { Span::ZERO }),
            (!missing && duplicated).then_some(if second_late { second } else { Span::ZERO }),
        ];
        let tally = &mut self.tally;
        let mut count = |counter: fn(&mut FaultTally) -> &mut u64, hit: bool| {
            let counter = counter(tally);
            *counter = counter.saturating_add(u64::from(hit));
        };
        count(|tally| &mut tally.appends, true);
        count(|tally| &mut tally.lost, missing && !failed);
        count(|tally| &mut tally.late, !missing && late);
        count(|tally| &mut tally.duplicated, !missing && duplicated);
        count(|tally| &mut tally.failed_landed, failed && !missing);
        count(|tally| &mut tally.failed_lost, failed && missing);
        Fate { copies, failed }
    }

    /// Lets land what is late no longer.
    fn land(&mut self, now: Timestamp) {
        while let Some(next) = self.late.first_entry() {
            if next.key().0 > now {
                break;
            }
            self.entries.push_back(next.remove());
        }
    }

    fn from(&self, position: u64) -> impl Iterator<Item = Entry> {
        let skip = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let first = self.start.max(position);
        let held = self.entries.iter().skip(skip);
        // The records first: counting on beyond the last one could leave the range.
        held.zip(first..).map(|(bytes, position)| Entry {
            position: Position::new(position),
            bytes: Arc::clone(bytes),
        })
    }

    fn last(&self) -> Option<Position> {
        let held = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.start.saturating_add(held).checked_sub(1).map(Position::new)
    }

    fn saved(&self) -> Option<Position> {
        self.snapshot.as_ref().map(|snapshot| snapshot.position)
    }
}

fn cost(record: &[u8]) -> usize {
    record.len().saturating_add(RECORD_OVERHEAD)
}
