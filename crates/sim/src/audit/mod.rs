//! The auditor.

mod facts;

use doorstep_core::id::CommandId;

pub use self::facts::{BookEntry, End, Failure, Ground, NoHold, OrderFacts};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The last entry that was read when it was found.
    pub position: u64,
    /// Which invariant.
    pub invariant: &'static str,
    /// What was found.
    pub what: String,
}

/// Reads the log and believes nobody.
#[derive(Clone, Debug)]
pub struct Auditor {
    violations: Vec<Violation>,
}

impl Auditor {
    /// An auditor before the first entry. `capacity`: the deliveries that a driver may carry at
    /// once, as the policy has it that the shard was made with; a change of it is read in the log.
    #[must_use]
    pub fn new(_capacity: u32) -> Self {
        Self { violations: Vec::new() }
    }

    /// Reads the entry at `position`. Entries come in the order of the log, each once.
    pub fn entry(&mut self, _position: u64, _bytes: &[u8]) {}

    /// A caller was told this outcome (its JSON) of this command.
    pub fn answered(&mut self, _command: CommandId, _outcome_json: &str) {}

    /// [`Auditor::answered`], where besides the end of the log is known as it was at the moment of
    /// the answer: the first position that it did not hold. An answer whose batch stands at or
    /// behind it was given too early.
    pub fn answered_before(&mut self, _command: CommandId, _outcome_json: &str, _log_end: u64) {}

    /// Faults have stopped and everything has ended: closes the books.
    pub fn finish(&mut self, _book: impl IntoIterator<Item = BookEntry>) {}

    /// What must never be and was, the first 1,000.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations there are, also beyond those that are kept.
    #[must_use]
    pub const fn violation_count(&self) -> u64 {
        0
    }

    /// How often each invariant was checked, by name.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, u64)> {
        core::iter::empty()
    }

    /// Batches that count.
    #[must_use]
    pub const fn counted_batches(&self) -> u64 {
        0
    }

    /// Every checkout and what came of it, by id.
    pub fn orders(&self) -> impl Iterator<Item = &OrderFacts> {
        core::iter::empty()
    }
}
