//! The machine of the model: it sells from a stock, and says what was left.

use doorstep_core::log::{Batch, Cause, CauseBounds, Causes, Decision, Machine, NotTaken, Seen};
use doorstep_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) const BOUNDS: CauseBounds = CauseBounds {
    horizon: Span::from_secs(100),
    clock_skew: Span::from_secs(5),
    max: 8,
    refusals_max: 8,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    Buy,
    Restock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Event {
    Bought,
    Restocked,
}

/// An outcome decided on another state is another outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Done { left: u8 },
    SoldOut,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) left: u8,
    pub(crate) causes: Causes<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("sold what was not there")]
pub(crate) struct Negative;

impl Stock {
    /// What a stock of `left` says to a command.
    pub(crate) fn judge(left: u8, command: Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Buy if left == 0 => (vec![], Outcome::SoldOut),
            Command::Buy => (vec![Event::Bought], Outcome::Done { left: left - 1 }),
            Command::Restock => (vec![Event::Restocked], Outcome::Done { left: left + 1 }),
        }
    }
}

impl Machine for Stock {
    type Command = Command;
    type Event = Event;
    type Outcome = Outcome;
    type Corrupt = Negative;

    fn decide(
        &self,
        command: &Command,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<Decision<Event, Outcome>, NotTaken> {
        if let Some(cause) = cause
            && let Seen::Known(outcome) = self.causes.check(cause, now, &BOUNDS)?
        {
            return Ok(Decision::Known(*outcome));
        }
        let (events, outcome) = Self::judge(self.left, *command);
        Ok(Decision::Commit { events, outcome })
    }

    fn apply(&mut self, batch: &Batch<Event, Outcome>) -> Result<(), Negative> {
        for event in &batch.events {
            self.left = match event {
                Event::Bought => self.left.checked_sub(1).ok_or(Negative)?,
                Event::Restocked => self.left + 1,
            };
        }
        self.causes.take_in(batch, &BOUNDS);
        Ok(())
    }
}
