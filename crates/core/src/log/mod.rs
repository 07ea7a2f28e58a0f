//! The fenced log.
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
