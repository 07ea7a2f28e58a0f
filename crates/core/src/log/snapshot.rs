//! Counted state, to start from instead of the log's beginning.

use serde::{Deserialize, Serialize};

use super::fence::Fence;
use super::record::Position;
use crate::time::Timestamp;

/// The version of the stored form of a [`Snapshot`].
pub const SNAPSHOT_FORMAT: u32 = 2;

/// Which log: a snapshot of one is none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogId(u64);

impl LogId {
    /// The log with this number.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Everything that a reader knows at one position; nothing of what it hopes for.
///
/// It carries the fence: without it, a restored reader would believe a claim that lost long ago.
/// A stored snapshot is never overwritten and never replaced by an older one; the log is trimmed
/// only behind one that was read back and verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot<M> {
    /// The version of this form: [`SNAPSHOT_FORMAT`].
    pub format: u32,
    /// Which log.
    pub log: LogId,
    /// The last entry contained, whether it counted or not; `None`: not one was read.
    pub position: Option<Position>,
    /// Whose records count from here on, and which batch is next.
    pub fence: Fence,
    /// When the last batch was decided; the next is not earlier.
    pub last_at: Timestamp,
    /// How far the command queue is consumed.
    pub inbox: Option<u64>,
    /// The state.
    pub machine: M,
}

/// Why a replica cannot start from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotRestored {
    /// It is a snapshot of another log.
    #[error("a snapshot of another log")]
    OtherLog {
        /// Which.
        found: LogId,
    },
    /// It has a form that this version does not know.
    #[error("a snapshot in format {found}, this version reads {SNAPSHOT_FORMAT}")]
    UnknownFormat {
        /// Which.
        found: u32,
    },
}
