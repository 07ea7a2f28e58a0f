//! How a host is cut, and what it says of itself.

use std::sync::Arc;

use doorstep_core::id::ShardId;
use doorstep_core::log::{Batch, Limits, NotRestored, StopReason};
use doorstep_core::policy::{Policy, PolicyError};
use doorstep_core::shard::{CorruptLog, Event, Outcome};
use doorstep_core::time::Span;
use doorstep_geo_index::{Config as IndexConfig, ConfigError};

use super::Tap;
use crate::effects::EffectConfig;
use crate::ports::{Position, ReadError, SnapshotError};

/// How a host is cut.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The shard it hosts.
    pub shard: ShardId,
    /// The rules that an empty log begins with, written as its first batch; later the log's own hold.
    pub policy: Policy,
    /// A number that no other start of any host ever had: claims are told apart by it.
    pub seed: u128,
    /// The log protocol's bounds.
    pub limits: Limits,
    /// The effect runner's patience and bounds.
    pub effects: EffectConfig,
    /// The driver index's shape and bounds.
    pub index: IndexConfig,
    /// How often the matcher looks. Default 1 s.
    pub match_every: Span,
    /// Commands that may wait for the writer. Default 65,536.
    pub inbox_max: usize,
    /// Whether whole orders, menus, sales and drivers' desks are kept for readers ([`crate::reads`]).
    /// Default `false`.
    pub reads: bool,
    /// Most [`Watch`](crate::reads::Watch)es at once. Default 65,536.
    pub watches_max: usize,
    /// A snapshot is saved after so many batches; `None`, the default: never.
    pub snapshot_every: Option<u64>,
    /// Hears what is decided. Default `None`.
    pub tap: Option<Tap>,
    /// The log is trimmed behind each snapshot once that was read back and found to be the state it
    /// was taken from, but for so many positions before it, which late readers may still need.
    /// `None`, the default: never; the log keeps everything.
    pub trim_behind: Option<u64>,
}

impl HostConfig {
    /// The defaults, for this shard under these rules.
    #[must_use]
    pub fn new(shard: ShardId, policy: Policy, seed: u128) -> Self {
        Self {
            shard,
            policy,
            seed,
            limits: Limits::default(),
            effects: EffectConfig::default(),
            index: IndexConfig::default(),
            match_every: Span::from_secs(1),
            inbox_max: 65_536,
            reads: false,
            watches_max: 65_536,
            snapshot_every: None,
            tap: None,
            trim_behind: None,
        }
    }
}

/// Why a host does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The driver index's configuration is not sound.
    #[error(transparent)]
    Index(#[from] ConfigError),
    /// The rules are not sound.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The log's snapshot could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log's end could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log's snapshot is none of a shard.
    #[error("the snapshot is not one of a shard: {0}")]
    NotASnapshot(#[from] serde_json::Error),
    /// The log's snapshot is another shard's or another format's.
    #[error(transparent)]
    NotRestored(#[from] NotRestored),
}

/// Why a host has stopped for good: open another, or mend the log.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The protocol stopped it.
    #[error(transparent)]
    Replica(#[from] StopReason<CorruptLog>),
    /// The log takes no more ([`ReadError::Poisoned`]). Whoever waited has heard that the result is
    /// unknown; open the log again, and a host on it, to learn and to go on.
    #[error("the log takes no more: {why}")]
    LogPoisoned {
        /// What the adapter had to say, for people.
        why: Arc<str>,
    },
}

/// How far a host has read its log since it was opened: what a bar is drawn from while it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Where it began: the snapshot's position; `None`: before the first record.
    pub from: Option<Position>,
    /// The last position read; `None`: none yet.
    pub read: Option<Position>,
    /// The log's last position when the host was opened; `None`: it was empty.
    pub end: Option<Position>,
}

impl Replay {
    /// Whether everything is read that was there when the host was opened.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.read >= self.end
    }

    /// Positions read since it was opened, and how many there were to read; the first is no more
    /// than the second.
    ///
    /// ```
    /// use doorstep_runtime::host::Replay;
    /// use doorstep_runtime::ports::Position;
    ///
    /// let at = |position| Some(Position::new(position));
    /// let replay = Replay { from: at(100), read: at(150), end: at(300) };
    /// assert_eq!(replay.done_of(), (50, 200));
    /// ```
    #[must_use]
    pub fn done_of(&self) -> (u64, u64) {
        let count = |position: Option<Position>| position.map_or(0, |at| at.next().get());
        let from = count(self.from);
        let of = count(self.end).saturating_sub(from);
        (count(self.read).saturating_sub(from).min(of), of)
    }
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Step {
    /// The batches that came to count, in log order. After a restart the old ones come again: their
    /// `seq` tells.
    pub published: Vec<Arc<Batch<Event, Outcome>>>,
    /// Whether anything happened at all.
    pub worked: bool,
}

/// What a host has done since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTally {
    /// Records handed to the log.
    pub appends: u64,
    /// Appends that the log refused, or whose fate it does not know.
    pub append_errors: u64,
    /// Times it came to own the log.
    pub claims_won: u64,
    /// Times it lost the log.
    pub claims_lost: u64,
    /// Snapshots saved.
    pub snapshots: u64,
    /// Snapshots that were not saved, or after which the log was not trimmed though it was to be:
    /// because of an error, or because what was read back was not what was saved.
    pub snapshot_errors: u64,
    /// Times the log was trimmed.
    pub trims: u64,
    /// Orders given to the history, repetitions included.
    pub kept: u64,
    /// Orders that left memory before a failing history took them. Only the log has them, until it
    /// is trimmed there.
    pub missed: u64,
}
