//! One reader of the log, who owns it at times: the whole protocol without I/O.

mod output;
mod owner;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use self::output::{Answer, Limits, Output, OutputOf, StopReason};
use self::owner::Role;
use super::fence::{Fence, Tenure, Verdict};
use super::machine::{Machine, NotTaken};
use super::record::{Batch, Cause, Position, Record};
use super::snapshot::{LogId, NotRestored, SNAPSHOT_FORMAT, Snapshot};
use crate::time::Timestamp;

/// A state machine over the log: records in, records and answers out.
///
/// The host moves what the log holds in ([`record`](Self::record) or [`bytes`](Self::bytes), in
/// order), says when it has read to the end ([`read_to_end`](Self::read_to_end)), passes commands
/// and time on, and after every call carries out what [`poll`](Self::poll) yields, until `None`.
///
/// It keeps two machines while it owns the log, one otherwise: the *counted* one, which holds what
/// happened, and the *ahead* one, which holds besides what was appended and not read back. It
/// decides on the second; everything it tells anyone comes from the first.
///
/// Memory: the machines, up to `pending_max` entries of a few words, and the outputs that the
/// host has not taken. To become owner costs one clone of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica<M: Machine> {
    log: LogId,
    limits: Limits,
    seed: u128,
    /// Claims ever asked for: each has its own nonce.
    attempts: u64,
    /// Claims and ownerships lost since a batch of ours last counted.
    setbacks: u32,
    assigned: bool,
    role: Role<M>,
    counted: Counted<M>,
    outputs: VecDeque<Output<M::Event, M::Outcome, M::Corrupt>>,
    stopped: bool,
}

/// What happened, up to the last entry read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Counted<M> {
    position: Option<Position>,
    fence: Fence,
    last_at: Timestamp,
    inbox: Option<u64>,
    machine: M,
}

impl<M: Machine> Replica<M> {
    /// A replica that has read nothing. `machine` is the state before the log's first entry.
    ///
    /// `seed` must be fresh randomness, never used for this log before, by any process: what keeps
    /// two writers apart is derived from it.
    #[must_use]
    pub const fn new(log: LogId, machine: M, seed: u128, limits: Limits) -> Self {
        let counted = Counted {
            position: None,
            fence: Fence::BEFORE_ALL,
            last_at: Timestamp::EPOCH,
            inbox: None,
            machine,
        };
        Self::with(log, counted, seed, limits)
    }

    /// A replica that goes on behind a snapshot, under a fresh `seed` (see [`Replica::new`]).
    ///
    /// # Errors
    /// [`NotRestored`] if the snapshot is of another log or in an unknown format.
    pub fn restore(
        log: LogId,
        snapshot: Snapshot<M>,
        seed: u128,
        limits: Limits,
    ) -> Result<Self, NotRestored> {
        if snapshot.format != SNAPSHOT_FORMAT {
            return Err(NotRestored::UnknownFormat { found: snapshot.format });
        }
        if snapshot.log != log {
            return Err(NotRestored::OtherLog { found: snapshot.log });
        }
        let Snapshot { position, fence, last_at, inbox, machine, .. } = snapshot;
        let counted = Counted { position, fence, last_at, inbox, machine };
        Ok(Self::with(log, counted, seed, limits))
    }

    const fn with(log: LogId, counted: Counted<M>, seed: u128, limits: Limits) -> Self {
        Self {
            log,
            limits,
            seed,
            attempts: 0,
            setbacks: 0,
            assigned: false,
            role: Role::Reader { claim_at: None },
            counted,
            outputs: VecDeque::new(),
            stopped: false,
        }
    }

    /// The counted state at the last entry read. Costs one clone of the machine.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<M> {
        let Counted { position, fence, last_at, inbox, machine } = self.counted.clone();
        Snapshot {
            format: SNAPSHOT_FORMAT,
            log: self.log,
            position,
            fence,
            last_at,
            inbox,
            machine,
        }
    }

    /// A reader that stands where this one stands, and never claims the log. Costs one clone of
    /// the machine.
    #[must_use]
    pub fn follower(&self) -> Self {
        let mut follower = Self::with(self.log, self.counted.clone(), 0, self.limits);
        follower.stopped = self.stopped;
        follower
    }

    /// The lowest position whose entry this replica needs next.
    #[must_use]
    pub fn wants(&self) -> Position {
        self.counted.position.map_or(Position::default(), Position::next)
    }

    /// What happened, as far as it was read. Pending effects are taken from here, and only while
    /// [`Replica::is_owner`].
    #[must_use]
    pub const fn counted(&self) -> &M {
        &self.counted.machine
    }

    /// How far the command queue is consumed: a new owner goes on behind it.
    #[must_use]
    pub const fn counted_inbox(&self) -> Option<u64> {
        self.counted.inbox
    }

    /// Whose records count, as far as was read.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.counted.fence
    }

    /// Whether a claim of this replica counts, and nothing has made it doubt it since.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        matches!(self.role, Role::Owner(_))
    }

    /// Whether it reads and decides no more.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What the host must do next. To be called after every input until it yields `None`.
    pub fn poll(&mut self) -> Option<OutputOf<M>> {
        self.outputs.pop_front()
    }

    /// The log begins at `start`: every entry below may be gone. To be told when a log is opened,
    /// and whenever it was trimmed; 0 for a log that never was. If an entry is missing that this
    /// replica needs, it stops: to jump would be to diverge.
    pub fn log_starts_at(&mut self, start: Position) {
        let asked = self.wants();
        if !self.stopped && start > asked {
            self.stop(StopReason::Trimmed { asked, start });
        }
    }

    /// Takes in the bytes of the entry at `position`; otherwise as [`Replica::record`].
    pub fn bytes(&mut self, position: Position, bytes: &[u8], now: Timestamp) {
        if self.stopped || position < self.wants() {
            return;
        }
        match Record::decode(bytes) {
            Ok(record) => self.record(position, record, now),
            Err(why) => self.stop(StopReason::Undecodable { position, why }),
        }
    }

    /// Takes in the entry at `position`. Entries come in the order of the log; one that was read
    /// before is ignored.
    pub fn record(
        &mut self,
        position: Position,
        record: Record<M::Event, M::Outcome>,
        now: Timestamp,
    ) {
        if self.stopped || position < self.wants() {
            return;
        }
        self.counted.position = Some(position);
        let verdict = self.counted.fence.pass(&record);
        match (record, verdict) {
            (Record::Claim { epoch, writer, .. }, Verdict::Counts) => {
                self.claim_counted(Tenure { epoch, writer }, now);
            }
            (Record::Batch(batch), Verdict::Counts) => self.batch_counted(position, batch),
            (Record::Mark { hash, position, .. }, Verdict::Counts) => {
                self.outputs.push_back(Output::Marked { hash, position });
            }
            (record, Verdict::Ignored(why)) => self.own_ignored(record.writer(), why, now),
        }
    }

    fn batch_counted(&mut self, position: Position, batch: Batch<M::Event, M::Outcome>) {
        if let Err(why) = self.counted.machine.apply(&batch) {
            return self.stop(StopReason::CorruptLog { position, why });
        }
        self.counted.last_at = self.counted.last_at.max(batch.at);
        self.counted.inbox = self.counted.inbox.max(batch.inbox);
        if !self.settle_pending(&batch) {
            return self.stop(StopReason::NonceReused { position });
        }
        self.outputs.push_back(Output::Publish(position, batch));
    }

    fn stop(&mut self, reason: StopReason<M::Corrupt>) {
        self.assigned = false;
        self.step_down(&Answer::Unknown, Timestamp::NEVER);
        self.stopped = true;
        self.outputs.push_back(Output::Stop(reason));
    }
}

impl<M: Machine> Replica<M> {
    /// Proposes an identified command, which may come through a queue at position `inbox`. Once
    /// taken, there will be one [`Output::Answer`] under its id, for all who submitted it until
    /// then: its outcome when it counts, or that it is not known.
    ///
    /// # Errors
    /// [`NotTaken`]: there will be no answer. On [`NotTaken::Busy`], what is behind it in the
    /// queue must wait too.
    pub fn submit(
        &mut self,
        cause: Cause,
        command: &M::Command,
        inbox: Option<u64>,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        self.propose(Some(cause), command, inbox, now).map(|_| ())
    }

    /// Proposes a command that nobody waits for: a timer, the result of an effect, a proposal.
    /// Whether there was anything to append.
    ///
    /// # Errors
    /// [`NotTaken`]: it left no trace.
    pub fn tell(&mut self, command: &M::Command, now: Timestamp) -> Result<bool, NotTaken> {
        self.propose(None, command, None, now)
    }
}
