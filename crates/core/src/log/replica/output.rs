//! What a replica asks of its host, and the limits it works within.

use crate::id::CommandId;
use crate::log::machine::Machine;
use crate::log::record::{Batch, Position, Record, Undecodable};
use crate::time::Span;

/// The bounds of one replica. Those of time belong to the host's log: a time-out above what the
/// log may delay an append, so that a slow log is not taken for a dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How many batches may be appended and not read back; above, a command is `Busy`.
    pub pending_max: usize,
    /// How long an appended record may take to be read back before it is given up.
    pub append_timeout: Span,
    /// How long the first new attempt at a claim waits; twice as long with each further one.
    pub claim_backoff_first: Span,
    /// The longest wait for a new attempt.
    pub claim_backoff_most: Span,
}

impl Default for Limits {
    /// 1,024 batches; 10 s; 200 ms to 30 s.
    fn default() -> Self {
        Self {
            pending_max: 1_024,
            append_timeout: Span::from_secs(10),
            claim_backoff_first: Span::from_millis(200),
            claim_backoff_most: Span::from_secs(30),
        }
    }
}

/// What a replica asks of its host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output<E, O, C> {
    /// Append this record, after those asked for earlier. Whether it worked is known when it is
    /// read back; a failure may be reported by [`Replica::append_failed`](super::Replica).
    Append(Record<E, O>),
    /// Tell every caller who submitted this command here since its last answer.
    Answer(CommandId, Answer<O>),
    /// This batch happened. Views are fed from these.
    Publish(Position, Batch<E, O>),
    /// A snapshot was marked as a place to start from: the log may be trimmed behind it.
    Marked {
        /// The digest of the snapshot.
        hash: u64,
        /// The last entry that it contains.
        position: Position,
    },
    /// From here on this replica decides, and its host carries out pending effects.
    BecameOwner,
    /// It does not any more.
    LostOwnership,
    /// The replica reads and decides no more. Nothing follows.
    Stop(StopReason<C>),
}

/// The [`Output`] of a replica of machine `M`.
pub type OutputOf<M> =
    Output<<M as Machine>::Event, <M as Machine>::Outcome, <M as Machine>::Corrupt>;

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<O> {
    /// The first outcome of the command; it counts in the log.
    Outcome(O),
    /// It may have been taken or not. Asking again under the same id is safe, and tells.
    Unknown,
    /// It was not taken here and never will be: another replica owns the log. Ask there.
    NotOwner,
}

/// Why a replica stopped. Another incarnation, of a better version or from a snapshot, may go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason<C> {
    /// The log holds what this version does not understand.
    #[error("entry {position} is undecodable: {why}")]
    Undecodable {
        /// Where.
        position: Position,
        /// What is wrong with it.
        why: Undecodable,
    },
    /// A batch that counts cannot follow the state.
    #[error("the batch at {position} cannot follow the state: {why}")]
    CorruptLog {
        /// Where.
        position: Position,
        /// The machine's reason.
        why: C,
    },
    /// The machine does not take what it decided itself. Nothing of it was appended.
    #[error("the machine refuses its own decision: {why}")]
    CorruptDecision {
        /// The machine's reason.
        why: C,
    },
    /// The entry asked for was trimmed away: start from a snapshot.
    #[error("the log begins at {start}, {asked} was asked for")]
    Trimmed {
        /// The next entry that this replica needs.
        asked: Position,
        /// Where the log begins.
        start: Position,
    },
    /// A batch under this replica's own nonce that it did not append: its seed was used twice.
    #[error("entry {position} was appended under this writer by another")]
    NonceReused {
        /// Where.
        position: Position,
    },
}
