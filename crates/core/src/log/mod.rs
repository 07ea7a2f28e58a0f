//! The fenced log: who decides, what happened, and what callers are told, without I/O.
//!
//! Any totally ordered, durable log will do, and anyone may append to it at any time: the log
//! itself says which of its records count. No lock, no lease, no clock is trusted.
//!
//! ```text
//! reader   Claim   counts iff epoch = current epoch + 1              → its writer owns the log
//!          Batch   counts iff (epoch, writer) own it and seq is next → apply, next += 1
//!          Mark    counts iff (epoch, writer) own it and seq is next → a snapshot to start from
//!          what does not count is ignored by every reader alike; what is undecodable stops it
//! owner    read to the end → append Claim → read it back → decide on the ahead state
//!          → append Batch → read it back → answer
//! ```
//!
//! | rule | where it is kept |
//! |---|---|
//! | what counts | [`Fence`] |
//! | 1. a new writer nonce for every claim attempt | [`Writer::nonce`], [`Replica::read_to_end`] |
//! | 2. (epoch, writer, seq) determines the bytes: after a doubt, nothing more under that writer | [`Replica::append_failed`], [`Replica::tick`], and on reading a gap |
//! | 3. a claim is over when it does not count, another's does, or on time-out; then again, later | the same, and [`Limits`] |
//! | 4. refusals are batches too, and remembered; [`NotTaken`] is none, and leaves no trace | [`Decision`], [`Replica::submit`] |
//! | 5. first outcomes of what happened outlive every retry | [`Causes`] |
//! | 6. a snapshot is of counted state and carries the fence; the log is never jumped in | [`Snapshot`], [`Replica::log_starts_at`] |
//! | 7. a batch carries the queue position that it consumes | [`Replica::submit`], [`Replica::counted_inbox`] |
//! | 8. answers and effects come from what counts | [`Output`], [`Replica::counted`] |
//!
//! When a replica loses the log, it does not keep its callers: they hear [`Answer::NotOwner`]
//! where another's claim has made certain that the command will never count from here, and
//! [`Answer::Unknown`] everywhere else. To ask again under the same id is always safe.
//!
//! # Example
//!
//! Two replicas, a takeover, and a zombie whose batch comes too late:
//!
//! ```
//! use doorstep_core::id::CommandId;
//! use doorstep_core::log::*;
//! use doorstep_core::time::{Span, Timestamp};
//!
//! /// Sells from a stock.
//! #[derive(Clone)]
//! struct Stock { left: u32, causes: Causes<bool> }
//!
//! const BOUNDS: CauseBounds = CauseBounds {
//!     horizon: Span::from_hours(24),
//!     clock_skew: Span::from_mins(1),
//!     max: 1_000,
//!     refusals_max: 1_000,
//! };
//!
//! impl Machine for Stock {
//!     type Command = ();
//!     type Event = u32; // how many are left
//!     type Outcome = bool; // sold, or sold out
//!     type Corrupt = std::convert::Infallible;
//!
//!     fn decide(&self, _: &(), cause: Option<&Cause>, now: Timestamp)
//!         -> Result<Decision<u32, bool>, NotTaken>
//!     {
//!         if let Some(cause) = cause {
//!             if let Seen::Known(outcome) = self.causes.check(cause, now, &BOUNDS)? {
//!                 return Ok(Decision::Known(*outcome));
//!             }
//!         }
//!         let left = self.left.checked_sub(1);
//!         Ok(Decision::Commit { events: left.into_iter().collect(), outcome: left.is_some() })
//!     }
//!
//!     fn apply(&mut self, batch: &Batch<u32, bool>) -> Result<(), Self::Corrupt> {
//!         self.left = batch.events.last().copied().unwrap_or(self.left);
//!         self.causes.take_in(batch, &BOUNDS);
//!         Ok(())
//!     }
//! }
//!
//! /// Carries out what a replica asks for: appends land in `log`; returns the answers.
//! fn drain(replica: &mut Replica<Stock>, log: &mut Vec<Record<u32, bool>>) -> Vec<Answer<bool>> {
//!     let mut answers = Vec::new();
//!     while let Some(output) = replica.poll() {
//!         match output {
//!             Output::Append(record) => log.push(record),
//!             Output::Answer(_, answer) => answers.push(answer),
//!             _ => {} // views, effects
//!         }
//!     }
//!     answers
//! }
//!
//! fn read(replica: &mut Replica<Stock>, log: &[Record<u32, bool>], now: Timestamp) {
//!     for (place, record) in log.iter().enumerate() {
//!         // What was read before is ignored.
//!         replica.record(Position::new(place as u64), record.clone(), now);
//!     }
//!     replica.read_to_end(now);
//! }
//!
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let stock = Stock { left: 1, causes: Causes::new() };
//! let open = |seed| Replica::new(LogId::new(1), stock.clone(), seed, Limits::default());
//! let (mut first, mut second) = (open(0x5eed), open(0xfeed)); // in earnest: random
//! let mut log = Vec::new();
//!
//! first.claim(now);
//! first.read_to_end(now);
//! drain(&mut first, &mut log);
//! read(&mut first, &log, now);
//! assert!(first.is_owner());
//!
//! // It decides on a command, and then hangs: the batch is on its way.
//! let cause = Cause { id: CommandId::new(7), issued_at: now, digest: 0 };
//! first.submit(cause, &(), None, now)?;
//! let mut on_its_way = Vec::new();
//! assert_eq!(drain(&mut first, &mut on_its_way), []);
//!
//! // The second takes over and is asked the same: it was not sold yet, so far as anyone knows.
//! second.claim(now);
//! read(&mut second, &log, now);
//! drain(&mut second, &mut log);
//! read(&mut second, &log, now);
//! second.submit(cause, &(), None, now)?;
//! drain(&mut second, &mut log);
//! read(&mut second, &log, now);
//! assert_eq!(drain(&mut second, &mut Vec::new()), [Answer::Outcome(true)]);
//!
//! // Now the first one's batch lands. Nobody believes it, its author included.
//! log.append(&mut on_its_way);
//! read(&mut first, &log, now);
//! read(&mut second, &log, now);
//! assert_eq!(drain(&mut first, &mut Vec::new()), [Answer::NotOwner]);
//! assert!(!first.is_owner() && second.is_owner());
//! assert_eq!((first.counted().left, first.fence()), (0, second.fence()));
//! # Ok::<(), NotTaken>(())
//! ```

mod causes;
mod fence;
mod machine;
mod record;
mod replica;
mod snapshot;

pub use self::causes::{CauseBounds, Causes, Seen};
pub use self::fence::{Fence, Ignored, Tenure, Verdict};
pub use self::machine::{Decision, Machine, NotTaken};
pub use self::record::{Batch, Cause, FORMAT, Position, Record, Undecodable, Unencodable, Writer};
pub use self::replica::{Answer, Limits, Output, OutputOf, Replica, StopReason};
pub use self::snapshot::{LogId, NotRestored, SNAPSHOT_FORMAT, Snapshot};
