//! Snapshots of the counted state, and the log trimmed behind them.
//!
//! Written in the step, a snapshot costs a copy of the state and its writing: with 100,000 live
//! orders about a second. On real threads the step therefore only says that one is due: a second
//! thread follows the log with a replica of its own, which costs the memory of one more state, and
//! writes what that one counts.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use doorstep_core::log::{self, NotRestored, Replica, SNAPSHOT_FORMAT};
use doorstep_core::shard::Shard;
use doorstep_core::time::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;

use super::{OpenError, READ_MAX};
use crate::ports::{Log, Position, Snapshot, SnapshotStore};

type State = log::Snapshot<Shard>;

/// When a snapshot is due, and who writes it.
#[derive(Debug)]
pub(super) struct Snapshots {
    every: Option<u64>,
    trim_behind: Option<u64>,
    since: u64,
    writer: Option<SyncSender<Timestamp>>,
    shared: Arc<Mutex<Shared>>,
}

/// What the step and the thread that writes have in common.
#[derive(Debug, Default)]
struct Shared {
    busy: bool,
    tally: SnapshotTally,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SnapshotTally {
    pub(super) saved: u64,
    pub(super) errors: u64,
    pub(super) trims: u64,
}

impl Snapshots {
    pub(super) fn new(every: Option<u64>, trim_behind: Option<u64>) -> Self {
        let shared = Arc::default();
        Self { every: every.map(|every| every.max(1)), trim_behind, since: 0, writer: None, shared }
    }

    /// A batch has come to count.
    pub(super) const fn counted(&mut self) {
        self.since = self.since.saturating_add(1);
    }

    /// Whether one is to be taken, and the last one written.
    pub(super) fn is_due(&self) -> bool {
        self.every.is_some_and(|every| self.since >= every) && !self.shared.lock().busy
    }

    /// Has one written.
    pub(super) fn take(&mut self, replica: &Replica<Shard>, log: &mut impl Log, now: Timestamp) {
        self.since = 0;
        match &self.writer {
            None => store(log, &replica.snapshot(), self.trim_behind, &self.shared),
            Some(writer) => {
                self.shared.lock().busy = true;
                // Not busy, it has room; if it died, snapshots did with it.
                let _gone = writer.try_send(now);
            }
        }
    }

    pub(super) fn tally(&self) -> SnapshotTally {
        self.shared.lock().tally
    }

    /// From now on they are written by whoever runs what is returned; `None`: none are to be.
    pub(super) fn hand_over(
        &mut self,
        store: Box<dyn SnapshotStore + Send>,
        follower: impl FnOnce() -> Replica<Shard>,
    ) -> Option<SnapshotWriter> {
        self.every?;
        let (writer, due) = sync_channel(1);
        self.writer = Some(writer);
        let (trim_behind, shared) = (self.trim_behind, Arc::clone(&self.shared));
        Some(SnapshotWriter { store, follower: follower(), due, trim_behind, shared })
    }

    /// Lets the thread that writes end, after the one under way.
    pub(super) fn take_back(&mut self) {
        self.writer = None;
    }
}

/// Follows a host's log, and writes its snapshots beside it.
pub(crate) struct SnapshotWriter {
    store: Box<dyn SnapshotStore + Send>,
    follower: Replica<Shard>,
    due: Receiver<Timestamp>,
    trim_behind: Option<u64>,
    shared: Arc<Mutex<Shared>>,
}

impl SnapshotWriter {
    /// Until the host lets go of it.
    pub(crate) fn run(mut self) {
        while let Ok(now) = self.due.recv() {
            if self.follow(now) {
                store(&mut *self.store, &self.follower.snapshot(), self.trim_behind, &self.shared);
            } else {
                let tally = &mut self.shared.lock().tally;
                tally.errors = tally.errors.saturating_add(1);
            }
            self.shared.lock().busy = false;
        }
    }

    /// Reads to the end; whether it came there.
    fn follow(&mut self, now: Timestamp) -> bool {
        let mut entries = Vec::new();
        loop {
            let after = self.follower.wants().get().checked_sub(1).map(Position::new);
            if self.store.follow(after, READ_MAX, now, &mut entries).is_err() {
                return false;
            }
            if entries.is_empty() {
                return !self.follower.is_stopped();
            }
            for entry in entries.drain(..) {
                self.follower.bytes(entry.position, &entry.bytes, now);
                while self.follower.poll().is_some() {}
            }
            if self.follower.is_stopped() {
                return false;
            }
        }
    }
}

/// Saves it, and trims behind it what is to go. One that fails costs a longer replay, nothing else.
fn store(
    store: &mut (impl SnapshotStore + ?Sized),
    state: &State,
    trim_behind: Option<u64>,
    shared: &Mutex<Shared>,
) {
    let saved = save(store, state);
    let trimmed = match (saved, trim_behind) {
        (Some(position), Some(behind)) => Some(trim(store, state, position, behind)),
        (Some(_) | None, _) => None,
    };
    let tally = &mut shared.lock().tally;
    let count = |counter: &mut u64, yes: bool| *counter = counter.saturating_add(u64::from(yes));
    count(&mut tally.saved, saved.is_some());
    count(&mut tally.trims, trimmed == Some(true));
    count(&mut tally.errors, saved.is_none() || trimmed == Some(false));
}

/// A snapshot, as it was saved. One in another form is said to be that, whatever else is strange
/// about it.
pub(super) fn read(bytes: &[u8]) -> Result<State, OpenError> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    serde_json::from_slice(bytes).map_err(|error| match serde_json::from_slice(bytes) {
        Ok(Form { format: found }) if found != SNAPSHOT_FORMAT => {
            NotRestored::UnknownFormat { found }.into()
        }
        Ok(Form { .. }) | Err(_) => error.into(),
    })
}

fn save(store: &mut (impl SnapshotStore + ?Sized), state: &State) -> Option<Position> {
    let position = state.position?;
    let bytes = serde_json::to_vec(state).ok()?;
    store.save(&Snapshot { position, bytes: bytes.into() }).ok()?;
    Some(position)
}

/// Trims behind a snapshot that is read back and comes to the very state it was taken from.
fn trim(
    store: &mut (impl SnapshotStore + ?Sized),
    state: &State,
    position: Position,
    behind: u64,
) -> bool {
    let Ok(Some(found)) = store.load() else { return false };
    let same = found.position == position
        && serde_json::from_slice::<State>(&found.bytes).is_ok_and(|found| found == *state);
    let before = Position::new(position.get().saturating_sub(behind));
    same && store.trim_before(before).is_ok()
}
