//! Commands that people want done: sent under one id until the answer is heard.

use std::collections::BTreeMap;

use doorstep_core::id::CommandId;
use doorstep_core::log::{Cause, NotTaken};
use doorstep_core::shard::Command;
use doorstep_core::time::Span;
use doorstep_runtime::client::{Ticket, Told};
use rand::Rng;

use super::{Happening, World};

/// Who wants it done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Operations,
    /// The customer of this meal.
    Customer(usize),
    /// The restaurant of this meal.
    Restaurant,
    Courier,
}

#[derive(Clone, Debug)]
struct Errand {
    who: Who,
    cause: Cause,
    command: Command,
    ticket: Option<Ticket>,
    tries: u32,
}

/// What is not answered yet.
#[derive(Debug)]
pub(super) struct Errands {
    open: BTreeMap<u64, Errand>,
    next: u64,
    seed: u64,
}

impl Errands {
    pub(super) const fn new(seed: u64) -> Self {
        Self { open: BTreeMap::new(), next: 0, seed }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Who sent the command of this id.
    pub(super) fn who(&self, id: CommandId) -> Option<Who> {
        let number = u64::try_from(id.get() & u128::from(u64::MAX)).ok()?;
        self.open.get(&number).map(|errand| errand.who)
    }
}

impl World {
    /// Sends a command, for as long as it takes.
    pub(super) fn send(&mut self, who: Who, command: Command) {
        let number = self.errands.next;
        self.errands.next = number.saturating_add(1);
        let id = CommandId::new((u128::from(self.errands.seed) << 64) | u128::from(number));
        let cause = Cause { id, issued_at: self.now, digest: 0 };
        self.tally.commands = self.tally.commands.saturating_add(1);
        let errand = Errand { who, cause, command, ticket: None, tries: 0 };
        self.errands.open.insert(number, errand);
        self.try_errand(number);
        // A nervous thumb presses twice.
        if self.config.chaos > 0 && self.chance(self.config.chaos) {
            self.try_errand(number);
        }
    }

    pub(super) fn retry(&mut self, number: u64) {
        let waits = self.errands.open.get(&number).is_some_and(|errand| errand.ticket.is_none());
        if waits {
            self.tally.retries = self.tally.retries.saturating_add(1);
            self.try_errand(number);
        }
    }

    fn try_errand(&mut self, number: u64) {
        let Some(errand) = self.errands.open.get_mut(&number) else { return };
        errand.tries = errand.tries.saturating_add(1);
        errand.ticket = self.process.submit(errand.cause, &errand.command);
        if errand.ticket.is_none() {
            self.try_later(number);
        }
    }

    fn try_later(&mut self, number: u64) {
        let Some(errand) = self.errands.open.get_mut(&number) else { return };
        errand.ticket = None;
        let most = 1_000_u64 << errand.tries.min(4);
        let wait = self.rng.random_range(500..=most);
        self.plan_in(Span::from_millis(wait), Happening::Retry(number));
    }

    /// Hears the answers that have come; says whether there were any.
    pub(super) fn collect_answers(&mut self) -> bool {
        let told: Vec<(u64, Told)> = self
            .errands
            .open
            .iter()
            .filter_map(|(&number, errand)| Some((number, errand.ticket.as_ref()?.told()?)))
            .collect();
        for (number, told) in &told {
            match told {
                Told::Outcome(outcome) => {
                    if let Some(errand) = self.errands.open.remove(number) {
                        let json = serde_json::to_string(outcome).unwrap_or_default();
                        self.auditor.answered(errand.cause.id, &json);
                        self.hear_outcome(errand.who, outcome);
                    }
                }
                Told::NotTaken(NotTaken::Conflict | NotTaken::TooOld | NotTaken::TooEarly) => {
                    // Never in an honest city: it stays open, and the world does not end.
                    self.try_later(*number);
                }
                Told::Unknown | Told::NotTaken(_) => self.try_later(*number),
            }
        }
        !told.is_empty()
    }
}
