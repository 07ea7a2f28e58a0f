//! What callers were told, against what stands in the log.

use std::collections::BTreeMap;

use doorstep_core::id::CommandId;
use serde_json::Value;

use super::ledger::{Invariant, Ledger};

/// An outcome, in the one form in which outcomes are compared: members sorted, no blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// By far the most frequent.
    Done,
    Other(Box<str>),
}

impl Outcome {
    fn of(value: &Value) -> Self {
        match value.as_str() {
            Some("done") => Self::Done,
            Some(_) | None => Self::Other(value.to_string().into()),
        }
    }
}

/// What one caller was told before the log was read so far.
#[derive(Clone, Debug)]
struct Told {
    outcome: Outcome,
    /// The end of the log when it was told, where that is known.
    log_end: Option<u64>,
}

/// The outcome of every command that counts, and the answers that wait for theirs.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    logged: BTreeMap<CommandId, (u64, Outcome)>,
    awaited: BTreeMap<CommandId, Told>,
}

impl Answers {
    pub(super) const fn new() -> Self {
        Self { logged: BTreeMap::new(), awaited: BTreeMap::new() }
    }

    /// A batch counts that answers `command`.
    pub(super) fn logged(&mut self, command: CommandId, outcome: &Value, ledger: &mut Ledger) {
        let outcome = Outcome::of(outcome);
        if let Some(told) = self.awaited.remove(&command) {
            compare(command, &told, ledger.position, &outcome, ledger);
        }
        let before = self.logged.get(&command).map(|(position, _)| *position);
        ledger.check(Invariant::CauseOnce, before.is_none(), || {
            format!("{command} took effect at {} already", before.unwrap_or_default())
        });
        if before.is_none() {
            self.logged.insert(command, (ledger.position, outcome));
        }
    }

    /// A caller was told `json`.
    pub(super) fn told(
        &mut self,
        command: CommandId,
        json: &str,
        log_end: Option<u64>,
        ledger: &mut Ledger,
    ) {
        let Ok(value) = serde_json::from_str::<Value>(json) else {
            ledger.check(Invariant::Answered, false, || format!("{command}: told no JSON: {json}"));
            return;
        };
        let told = Told { outcome: Outcome::of(&value), log_end };
        if let Some((position, outcome)) = self.logged.get(&command) {
            return compare(command, &told, *position, outcome, ledger);
        }
        match self.awaited.get_mut(&command) {
            Some(before) => {
                let same = before.outcome == told.outcome;
                ledger.check(Invariant::Answered, same, || {
                    format!("{command}: told {:?}, then {:?}", before.outcome, told.outcome)
                });
                before.log_end = before.log_end.into_iter().chain(log_end).min();
            }
            None => {
                self.awaited.insert(command, told);
            }
        }
    }

    /// The log is read to its end: what is not in it never was.
    pub(super) fn finish(&mut self, ledger: &mut Ledger) {
        for (command, told) in core::mem::take(&mut self.awaited) {
            ledger.check(Invariant::Answered, false, || {
                format!("{command}: told {:?}, and the log has nothing of it", told.outcome)
            });
        }
    }
}

fn compare(command: CommandId, told: &Told, at: u64, logged: &Outcome, ledger: &mut Ledger) {
    ledger.check(Invariant::Answered, told.outcome == *logged, || {
        format!("{command}: told {:?}, logged {logged:?}", told.outcome)
    });
    if let Some(end) = told.log_end {
        ledger.check(Invariant::Answered, at < end, || {
            format!("{command}: told when the log ended at {end}; its batch came at {at}")
        });
    }
}
