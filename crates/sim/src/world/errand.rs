//! Commands that people want done: sent under one id until the answer is heard.

use std::collections::BTreeMap;

use doorstep_core::id::CommandId;
use doorstep_core::log::{Cause, NotTaken};
use doorstep_core::shard::{Command, DriverAct};
use doorstep_core::time::Span;
use doorstep_runtime::client::{Ticket, Told};
use rand::Rng;

use super::storage::Storage;
use super::whims::{Whim, Whose, mix, mix_text};
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
    seed: u64,
}

impl Errands {
    pub(super) const fn new(seed: u64) -> Self {
        Self { open: BTreeMap::new(), seed }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The errands that are not answered.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    /// The log has the answer to this command; whose it was, if anybody waits for it.
    pub(super) fn close(&mut self, id: CommandId) -> Option<Who> {
        let number = u64::try_from(id.get() & u128::from(u64::MAX)).ok()?;
        self.open.remove(&number).map(|errand| errand.who)
    }
}

/// What tells a command from others on the same occasion. How far off a driver taps is none of it.
fn text(command: &Command) -> String {
    let text =
        if let Command::Driver { driver, act: DriverAct::ArriveAtDoorstep { delivery, .. } } =
            command
        {
            let act = DriverAct::ArriveAtDoorstep { delivery: *delivery, distance_m: None };
            serde_json::to_string(&Command::Driver { driver: *driver, act })
        } else {
            serde_json::to_string(command)
        };
    // A command always has a JSON form.
    text.unwrap_or_default()
}

impl<S: Storage> World<S> {
    /// Sends a command, for as long as it takes. Its id follows from the seed, the occasion and the
    /// command: whoever comes to send it again sends it under the same one.
    pub(super) fn send(&mut self, who: Who, command: Command) {
        let number = mix(&[self.occasion.number(), mix_text(&text(&command))]);
        let id = CommandId::new((u128::from(self.errands.seed) << 64) | u128::from(number));
        let cause = Cause { id, issued_at: self.now, digest: 0 };
        self.tally.commands = self.tally.commands.saturating_add(1);
        let errand = Errand { who, cause, command, ticket: None, tries: 0 };
        self.errands.open.insert(number, errand);
        if self.process.is_reliving() {
            // The log answers, or it is sent again at its end.
            return;
        }
        self.try_errand(number);
        // A nervous thumb presses twice.
        let thumb = Whose::Errand(number, 0);
        if self.config.chaos > 0 && self.chance(thumb, Whim::TwiceOver, self.config.chaos) {
            self.try_errand(number);
        }
    }

    pub(super) fn retry(&mut self, number: u64) {
        let waits = self.errands.open.get(&number).is_some_and(|errand| errand.ticket.is_none());
        if waits && !self.process.is_reliving() {
            self.tally.retries = self.tally.retries.saturating_add(1);
            self.try_errand(number);
        }
    }

    pub(super) fn try_errand(&mut self, number: u64) {
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
        let (most, tries) = (1_000_u64 << errand.tries.min(4), errand.tries);
        let mut draws = self.draws(Whose::Errand(number, tries), Whim::Again);
        let wait = draws.random_range(500..=most);
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
                        if let Err(fault) = self.storage.tells(errand.cause.id, &json) {
                            self.broken_off = Some(fault.to_string());
                        }
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
