//! The ports: what a host needs of the world outside, as small traits.
//!
//! Everything here is polled. No port reads a clock, waits or calls back: the host says what time
//! it is, takes what is there, and asks each port when to come again. The same host therefore runs
//! on a virtual clock in a simulation and on a real one in a server.
//!
//! - [`Log`]: one totally ordered, durable log of records, and the snapshots behind which it may be
//!   trimmed. [`MemoryLog`](crate::memory_log::MemoryLog) is the one for tests and simulations.
//! - [`Payments`]: a payment provider, asked under idempotent keys.
//!   [`Sandbox`](crate::sandbox::Sandbox) is the one for tests and simulations.
//! - [`HistorySink`]: where an order goes when it leaves memory; [`HistorySource`]: where it is
//!   looked up from then on.
//! - [`Notifier`]: one channel that tells people things; [`Directory`]: what is known of them;
//!   [`NotifyStore`]: where the notification engine's state outlives a crash.

use std::error::Error;
use std::sync::Arc;

use doorstep_core::id::OrderId;
use doorstep_core::notify::{self, Profile, SendKey, Sending};
use doorstep_core::order::Order;
use doorstep_core::payment::{Answer, Effect, EffectKey};
use doorstep_core::time::Timestamp;

use crate::notify::Recipient;

/// Most bytes of one record: below Kafka's default `message.max.bytes` (1,048,588), so that every
/// adapter can take what another took.
pub const RECORD_BYTES_MAX: usize = 1_000_000;

/// Most bytes of one snapshot: the longest value that SQLite stores as it is built by default
/// (`SQLITE_MAX_LENGTH`).
pub const SNAPSHOT_BYTES_MAX: usize = 1_000_000_000;

/// What an adapter's own machinery had to say about a failure. It is for people to read; what a
/// caller can act on is in the variant that carries it.
pub type Fault = Box<dyn Error + Send + Sync>;

pub use doorstep_core::log::Position;

/// A record as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// What was appended.
    pub bytes: Arc<[u8]>,
}

/// The counted state after a position, in the form its owner gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last position that it includes: whoever starts from it reads on after this one.
    pub position: Position,
    /// The state.
    pub bytes: Arc<[u8]>,
}

/// Why an append was not handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The record is longer than [`RECORD_BYTES_MAX`]. It was not and will not be appended.
    #[error("a record of {bytes} bytes is longer than {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest there may be.
        most: usize,
    },
    /// Too much is waiting, or the log has no room left. The record was not and will not be
    /// appended.
    #[error("the log takes no more: {most} bytes are its bound")]
    Full {
        /// The bound, in bytes.
        most: usize,
    },
    /// It may be in the log, come to be in it later, or never. Only reading tells.
    #[error("whether the record was appended is unknown")]
    Unknown(#[source] Fault),
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// What was asked for is gone: the log begins later. Start again from the snapshot.
    #[error("the log was trimmed and begins at {start}")]
    Trimmed {
        /// Where the log begins now.
        start: Position,
    },
    /// The storage failed. Nothing was read; asking again may succeed.
    #[error("the log could not be read")]
    Io(#[source] Fault),
    /// The log takes no more and does not mend by itself. Everything that can be read was; whether
    /// what was appended besides is in it is unknown until the log is opened again.
    #[error("the log takes no more")]
    Poisoned(#[source] Fault),
}

/// Why a snapshot was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A later one is saved: snapshots never move backwards. Nothing changed.
    #[error("a snapshot at {saved} is saved already")]
    Backwards {
        /// The position of the saved one.
        saved: Position,
    },
    /// It claims a position that the log does not hold. Nothing changed.
    #[error("the log ends at {end:?}, before the snapshot")]
    BeyondEnd {
        /// The log's last position; `None` for an empty log.
        end: Option<Position>,
    },
    /// It is longer than [`SNAPSHOT_BYTES_MAX`]. Nothing changed.
    #[error("a snapshot of {bytes} bytes is longer than {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest there may be.
        most: usize,
    },
    /// The storage failed; the snapshot that was saved before is still the one.
    #[error("the snapshot could not be stored or read")]
    Io(#[source] Fault),
}

/// Why a log was not trimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// No saved snapshot includes everything that would go. Nothing was removed.
    #[error("the log may be trimmed only behind its saved snapshot ({saved:?})")]
    NotBehindSnapshot {
        /// The position of the saved snapshot.
        saved: Option<Position>,
    },
    /// The storage failed. Some of what was to go may be gone; asking again finishes it.
    #[error("the log could not be trimmed")]
    Io(#[source] Fault),
}

/// One shard's log: a totally ordered list of records that outlives its readers and writers.
///
/// What an implementation owes, and the protocol above it rests on:
/// 1. **One order.** Every reader, through whatever handle, sees the same records at the same
///    positions. Positions rise and are never reused.
/// 2. **What is read is durable.** A record that was handed out once is handed out for ever at that
///    position (until it is trimmed), whatever crashes.
/// 3. **No gaps.** When a record is handed out, everything before it can be read, and nothing
///    appears before it later.
/// 4. **Whole records.** They come back as they were appended, byte for byte, or not at all.
///
/// It owes *no* more: an append may be lost, arrive late or after others, or twice, whatever it
/// returned. A file with one writer does better; a partition with retrying producers does not.
pub trait Log {
    /// Hands a record over. `Ok` means handed over, not stored: it counts when it is read back.
    ///
    /// # Errors
    /// [`AppendError::TooLong`] and [`AppendError::Full`]: it will not be appended.
    /// [`AppendError::Unknown`]: its fate is unknown.
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError>;

    /// Adds to `out`, in order, at most `max` records that stand after `after` (`None`: from the
    /// first that there ever was). Adding none means that there is nothing more at `now`.
    ///
    /// # Errors
    /// [`ReadError::Trimmed`] if records after `after` have been trimmed: never a silent jump.
    /// [`ReadError::Poisoned`] where there is nothing more and never will be: a host stops on it.
    /// [`ReadError::Io`]. On an error nothing was added.
    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError>;

    /// The position of the last record that can be read at `now`; `None` while there was never one.
    /// An owner reads up to it before it claims the log.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError>;

    /// Keeps a snapshot, whole or not at all. One of the position that is saved already changes
    /// nothing: state follows from position, and what is saved is never overwritten. Older ones may
    /// be dropped.
    ///
    /// # Errors
    /// [`SnapshotError`]; the one saved before stays.
    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;

    /// The latest snapshot saved; `None` if there was never one.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError>;

    /// Removes the records before `before`, which may be at most the saved snapshot's position: the
    /// record there stays, so that a trimmed log is never mistaken for an empty one. Trimming what
    /// is gone already changes nothing.
    ///
    /// # Errors
    /// [`TrimError`].
    fn trim(&mut self, before: Position) -> Result<(), TrimError>;

    /// A handle on this log for a thread of its own that follows it and writes its snapshots, and
    /// may wait for as long as that takes: a host on real threads then spends no time on them.
    /// `None`, the default: the log has none to give, and snapshots are written in the step.
    fn snapshots(&self) -> Option<Box<dyn SnapshotStore + Send>> {
        None
    }

    /// When there may be something to read that is not there yet, as far as the log knows by
    /// itself. `None`: it knows of nothing; records of other writers may come at any time.
    fn next_wake(&self) -> Option<Timestamp>;
}

/// A log as whoever writes its snapshots sees it. Every [`Log`] is one.
pub trait SnapshotStore {
    /// [`Log::read`].
    ///
    /// # Errors
    /// [`ReadError`].
    fn follow(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError>;

    /// [`Log::save_snapshot`].
    ///
    /// # Errors
    /// [`SnapshotError`].
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;

    /// [`Log::load_snapshot`].
    ///
    /// # Errors
    /// [`SnapshotError`].
    fn load(&mut self) -> Result<Option<Snapshot>, SnapshotError>;

    /// [`Log::trim`].
    ///
    /// # Errors
    /// [`TrimError`].
    fn trim_before(&mut self, before: Position) -> Result<(), TrimError>;
}

impl<L: Log> SnapshotStore for L {
    fn follow(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        self.read(after, max, now, out)
    }

    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.save_snapshot(snapshot)
    }

    fn load(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        self.load_snapshot()
    }

    fn trim_before(&mut self, before: Position) -> Result<(), TrimError> {
        self.trim(before)
    }
}

/// What a provider says about one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// What came of it. It is the same whenever it is said.
    Definite(Answer),
    /// It did not take the call: it is overloaded, or does not answer the door. Nothing was or will be
    /// done by that call, and the key may be asked for again.
    NotTaken,
    /// It knows nothing of this key yet. A request may still be on its way.
    NeverHeard,
}

/// An answer of the provider: to a request, to an inquiry, or unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderSays {
    /// Which attempt it speaks of.
    pub key: EffectKey,
    /// What it says.
    pub word: Word,
}

/// A payment provider.
///
/// Calls go out and answers come back by [`poll`](Payments::poll), in any order, any number of
/// times, or never; an implementation that can take no more calls drops them as the network would.
/// What it owes: a request is carried out **at most once under its key**, and every definite word
/// on a key is the same word. Time-outs, inquiries and repetition are the caller's
/// ([`EffectRunner`](crate::effects::EffectRunner)).
pub trait Payments {
    /// Asks for an effect under its key.
    fn request(&mut self, effect: &Effect, now: Timestamp);

    /// Asks what came of a key. It never carries anything out.
    fn inquire(&mut self, key: EffectKey, now: Timestamp);

    /// The next answer that has arrived at `now`. `None`: no more at this time; an implementation
    /// says so after finitely many.
    fn poll(&mut self, now: Timestamp) -> Option<ProviderSays>;

    /// When an answer may have arrived that has not yet, as far as is known by itself.
    fn next_wake(&self) -> Option<Timestamp>;
}

/// Why an order was not kept. It stays in memory and is offered again, until policy's
/// `retain_terminal` has passed since its end: then it leaves memory unkept
/// ([`HostTally::missed`](crate::host::HostTally::missed)), and only the log has it, for as long as
/// it is not trimmed there. Watch that count where the log is trimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// No more fits at this time.
    #[error("the history takes no more orders at this time")]
    Full,
    /// It was handed over, and is not durable yet. Offered again, it is `Ok` once it is.
    #[error("the order is on its way into the history")]
    Underway,
    /// The storage failed, and whether the order was kept is unknown.
    #[error("whether the order was kept is unknown")]
    Io(#[source] Fault),
}

/// Where a finished order goes before it leaves memory. One that fails for longer than policy's
/// `retain_terminal` misses orders: memory is bounded, and no decision waits for a history.
pub trait HistorySink {
    /// Keeps an order for good. It is called at least once an order, so keeping the same id again
    /// changes nothing. `Ok` means durable.
    ///
    /// # Errors
    /// [`SinkError`]; the order is offered again later, as long as it is in memory.
    fn keep(&mut self, order: &Order) -> Result<(), SinkError>;
}

/// Where finished orders are looked up once they have left memory: for readers beside the host, which
/// never asks it.
pub trait HistorySource: Send + Sync {
    /// What was kept of an order; `None`: nothing. It may wait for a disk or a network: not for a
    /// thread that must answer at once.
    ///
    /// # Errors
    /// A fault of the storage: whether something is kept is not known, and asking again may tell.
    fn order(&self, id: OrderId) -> Result<Option<Order>, Fault>;
}

/// A history that is content with the log: for logs that keep everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogIsHistory;

impl HistorySink for LogIsHistory {
    fn keep(&mut self, _order: &Order) -> Result<(), SinkError> {
        Ok(())
    }
}

/// One channel that tells people things: push, e-mail, a webhook.
///
/// Sends go out and answers come back by [`poll`](Notifier::poll), in any order, any number of
/// times, or never; an implementation that can take no more drops them as the network would.
/// Time-outs and repetition are the caller's. Across attempts a message keeps its id
/// ([`SendKey::message`]), also after a crash: a channel whose receivers know a repetition by it
/// tells nothing twice.
pub trait Notifier {
    /// Sends one message once.
    fn send(&mut self, sending: &Sending<Recipient>, now: Timestamp);

    /// The next answer that has arrived at `now`. `None`: no more at this time; an implementation
    /// says so after finitely many.
    fn poll(&mut self, now: Timestamp) -> Option<(SendKey, notify::Answer)>;

    /// When an answer may have arrived that has not yet, as far as is known by itself.
    fn next_wake(&self) -> Option<Timestamp>;
}

/// What is known of whoever is told something: whether they are using the app, what they refuse,
/// when they want to be left alone.
pub trait Directory {
    /// The profile of a recipient. It is asked once a message, by the thread that steps the host:
    /// it is to answer from memory.
    fn profile(&self, to: Recipient, now: Timestamp) -> Profile;
}

/// A directory that knows nobody: nobody is active, refuses anything or sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnowsNobody;

impl Directory for KnowsNobody {
    fn profile(&self, _to: Recipient, _now: Timestamp) -> Profile {
        Profile::default()
    }
}

/// Why the state of notifications was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody who owns the log later has saved: whoever hears this sends no more.
    #[error("saved under epoch {epoch} already")]
    Fenced {
        /// The later epoch.
        epoch: u64,
    },
    /// The storage failed. What was saved before is still there.
    #[error("the state of notifications could not be stored or read")]
    Io(#[source] Fault),
}

/// Where the state of notifications outlives a crash: one value, that every process which may come
/// to own the shard's log can read.
pub trait NotifyStore {
    /// Keeps `state` in the place of what was there, whole or not at all, under the epoch of the
    /// owner who saves it. `Ok` means durable.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if a higher epoch has saved. [`StoreError`]; nothing changed.
    fn save(&mut self, epoch: u64, state: &[u8]) -> Result<(), StoreError>;

    /// What was saved last; `None` if nothing ever was.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError>;
}
