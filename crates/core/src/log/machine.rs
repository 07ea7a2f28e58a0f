//! What a log carries: a deterministic state machine.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{Batch, Cause};
use crate::time::Timestamp;

/// A state that decides on commands and takes batches in.
///
/// Both functions depend on nothing but their arguments: every replica that applies the same
/// batches holds an equal state. The machine embeds a [`Causes`](super::Causes) ledger, asks it
/// first whenever there is a cause, and has it take in each batch that it applies.
pub trait Machine: Clone {
    /// What is asked of it.
    type Command: Clone;
    /// What happened.
    type Event: Clone + Serialize + DeserializeOwned;
    /// What the caller of an identified command is told, refusals included.
    type Outcome: Clone + Serialize + DeserializeOwned;
    /// Why a batch cannot follow this state.
    type Corrupt: std::error::Error + Clone;

    /// Decides; changes nothing. `cause` is that of an identified command.
    ///
    /// # Errors
    /// [`NotTaken`] where the command was not even considered; it leaves no trace.
    fn decide(
        &self,
        command: &Self::Command,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<Decision<Self::Event, Self::Outcome>, NotTaken>;

    /// Takes a batch in; decides nothing, and never refuses what `decide` produced on this state.
    ///
    /// # Errors
    /// The log is corrupt. The state is not used again.
    fn apply(&mut self, batch: &Batch<Self::Event, Self::Outcome>) -> Result<(), Self::Corrupt>;
}

/// What a machine makes of a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision<E, O> {
    /// Something new. A refusal has an outcome and no events; for an unidentified command without
    /// events nothing is appended.
    Commit {
        /// What happens.
        events: Vec<E>,
        /// What the caller is told once it counts.
        outcome: O,
    },
    /// The command was decided before: this was its outcome.
    Known(O),
}

/// Why a command was not considered. It is no outcome: it is never logged, and the same command
/// may be taken later, or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// As much is in flight as is allowed. Come back.
    #[error("too much is in flight")]
    Busy,
    /// Another replica decides, or none does at the moment.
    #[error("this replica does not own the log")]
    NotOwner,
    /// Issued so long ago that its first outcome may have been forgotten.
    #[error("the command is older than outcomes are kept")]
    TooOld,
    /// Issued later than now by more than clocks may differ: its outcome could not be kept for as
    /// long as it may be retried.
    #[error("the command was issued in the future")]
    TooEarly,
    /// The id belongs to another request.
    #[error("the command id was used for another request")]
    Conflict,
    /// As many outcomes of what happened are kept as may be, and none is old enough to go.
    #[error("no room to keep the outcome")]
    Full,
    /// A bound of the machine is reached that others' leaving makes room under by itself. The same
    /// command, under the same id, may be taken later.
    #[error("no room for it at the moment")]
    NoRoom,
}
