//! How a log is kept: durability, bounds, hooks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When the anchor is made durable. It is *written* behind every commit whatever is chosen, so that
/// the death of the process never loses it; the choice is about the death of the machine.
///
/// | choice | costs | what it risks |
/// |---|---|---|
/// | [`EveryCommit`](Self::EveryCommit) | a second sync a commit, beside the commit of the next group | nothing acknowledged can vanish unnoticed |
/// | [`Every`](Self::Every) | a sync a period | if the machine dies *and* the disk loses synced WAL frames, what was acknowledged within the last period may be missing, and the log opens without it |
/// | [`OnClose`](Self::OnClose) | nothing | the same, for everything acknowledged since the last clean close |
///
/// No choice loses anything by itself: what is acknowledged is synced in the WAL. The anchor is the
/// witness for when the storage does not keep its word: a WAL that was deleted, cut, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorSync {
    /// Before any record of the commit can be read.
    EveryCommit,
    /// This long after the first commit that is not synced yet.
    Every(Duration),
    /// When the log is closed, and whenever it is trimmed.
    OnClose,
}

/// How much of the file is read on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageCheck {
    /// The chain, and every page of the file (SQLite's `integrity_check`).
    Everything,
    /// The chain, and the pages of the log and the snapshot: not the history, whose rows are
    /// checked when they are read, nor the list of free pages.
    LogOnly,
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records checked.
    pub checked: u64,
    /// Records that there are, about.
    pub of: u64,
}

/// Where a [`Config::faults`] hook may make the storage fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultPoint {
    /// The commit fails, and nothing of it is there.
    BeforeCommit,
    /// The commit is reported as failed, and is there.
    AfterCommit,
    /// The anchor cannot be written.
    Anchor,
    /// The WAL cannot be moved into the file.
    Checkpoint,
}

/// A callback without arguments.
pub type Hook = Arc<dyn Fn() + Send + Sync>;

/// A callback that hears of progress.
pub type ProgressHook = Arc<dyn Fn(Progress) + Send + Sync>;

/// A callback that says whether the storage is to fail here.
pub type FaultHook = Arc<dyn Fn(FaultPoint) -> bool + Send + Sync>;

/// How a log is kept.
///
/// ```
/// use std::time::Duration;
/// use doorstep_sqlite::{AnchorSync, Config};
///
/// let config = Config { anchor: AnchorSync::Every(Duration::from_millis(100)), ..Config::default() };
/// assert_eq!(config.group_records_max, 512);
/// ```
#[derive(Clone)]
pub struct Config {
    /// When the anchor is made durable. Default [`AnchorSync::EveryCommit`].
    pub anchor: AnchorSync,
    /// What is read on opening. Default [`PageCheck::Everything`].
    pub check: PageCheck,
    /// Most records of one commit. Default 512.
    pub group_records_max: usize,
    /// Most bytes of one commit, a first record aside. Default 4 MiB.
    pub group_bytes_max: usize,
    /// Most bytes of a snapshot that are committed at once: between two of these what waits is
    /// committed. Default 256 KiB, a few milliseconds of a disk.
    pub snapshot_part_bytes: usize,
    /// Bytes that may wait for the writer, 64 counted for each record beside its own; above, an
    /// append is refused. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// Finished orders that may be on their way into the history. Default 1,024.
    pub history_pending_max: usize,
    /// Bytes of the latest records kept in memory for readers, counted likewise. Default 32 MiB.
    pub tail_bytes_max: usize,
    /// Most bytes handed out by one read from the file, a first record aside. Default 16 MiB.
    pub read_bytes_max: usize,
    /// How long the WAL grows before it is moved into the file. Default 16 MiB.
    pub checkpoint_bytes: u64,
    /// SQLite's page cache, in bytes. Default 64 MiB.
    pub cache_bytes: u32,
    /// Most bytes of the database file; reaching it is a full disk. Default `None`: the disk's own
    /// bound.
    pub file_bytes_max: Option<u64>,
    /// Called by a thread of the log's whenever there may be something new to see: committed
    /// records, kept orders, or that the log is poisoned. It must not block. Default `None`.
    pub on_commit: Option<Hook>,
    /// Hears how far a long opening has come. Default `None`.
    pub on_progress: Option<ProgressHook>,
    /// Makes the storage fail, for tests of what stands above it. Default `None`.
    pub faults: Option<FaultHook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            anchor: AnchorSync::EveryCommit,
            check: PageCheck::Everything,
            group_records_max: 512,
            group_bytes_max: 4 << 20,
            snapshot_part_bytes: 256 << 10,
            queue_bytes_max: 64 << 20,
            history_pending_max: 1_024,
            tail_bytes_max: 32 << 20,
            read_bytes_max: 16 << 20,
            checkpoint_bytes: 16 << 20,
            cache_bytes: 64 << 20,
            file_bytes_max: None,
            on_commit: None,
            on_progress: None,
            faults: None,
        }
    }
}

impl Config {
    pub(crate) fn wake(&self) {
        if let Some(hook) = &self.on_commit {
            hook();
        }
    }

    pub(crate) fn fails(&self, point: FaultPoint) -> bool {
        self.faults.as_ref().is_some_and(|hook| hook(point))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("anchor", &self.anchor)
            .field("check", &self.check)
            .field("group_records_max", &self.group_records_max)
            .field("group_bytes_max", &self.group_bytes_max)
            .field("snapshot_part_bytes", &self.snapshot_part_bytes)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .finish_non_exhaustive()
    }
}
