//! What happened to the money, and what it makes of a payment. Nothing is decided here.

use serde::{Deserialize, Serialize};

use super::notice::Refund;
use super::{Due, Funds, HoldRefused, News, Payment, RefundId, Release, Step, at_most};
use crate::money::Money;
use crate::time::Timestamp;

/// What happened to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The provider holds the amount asked for.
    Held {
        /// When the hold lapses.
        until: Timestamp,
    },
    /// There will be no hold.
    HoldRefused {
        /// Why.
        why: HoldRefused,
    },
    /// This much was taken.
    Captured {
        /// How much.
        amount: Money,
    },
    /// This much was given back.
    Refunded {
        /// How much, by this refund alone.
        amount: Money,
    },
    /// The hold is gone without a capture.
    Released {
        /// How.
        why: Release,
    },
    /// An attempt definitely failed.
    Failed {
        /// Of what.
        step: Step,
        /// Which.
        attempt: u32,
        /// The next attempt is not before this time.
        retry_at: Timestamp,
        /// Operations should look: this step has failed too often.
        flagged: bool,
    },
    /// The provider said something unasked that was not known yet.
    Noticed {
        /// What is so.
        news: News,
        /// After a refund of ours that failed: the next attempt is not before this time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
}

/// An event that cannot follow the state it was applied to: the history is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment event {event:?} cannot follow {funds:?} with {due:?} due")]
pub struct CorruptPayment {
    /// The event.
    pub event: Box<Event>,
    /// The funds it met.
    pub funds: Funds,
    /// What was due when it came.
    pub due: Option<Due>,
}

impl Payment {
    /// Takes a fact in. It decides nothing.
    ///
    /// # Errors
    /// [`CorruptPayment`] if the event cannot have been decided from this state; nothing changes.
    pub fn evolve(&mut self, event: &Event) -> Result<(), CorruptPayment> {
        let (met, due) = (self.funds, self.due);
        let corrupt = || CorruptPayment { event: Box::new(*event), funds: met, due };
        if let Event::Noticed { news, retry_at } = event {
            return self.notice(news, *retry_at).ok_or_else(corrupt);
        }
        let due_is = |step: Step| self.due.is_some_and(|due| due.step == step);
        let due_as = |step: Step, amount: Money| {
            self.due.is_some_and(|due| (due.step, due.amount) == (step, amount))
        };
        let mut not_before = Timestamp::EPOCH;
        let mut ended = self.due;
        let funds = match (*event, self.funds) {
            (Event::Held { until }, Funds::Asked) if due_is(Step::Hold) => {
                Funds::Held { amount: self.asked, until }
            }
            (Event::HoldRefused { why }, Funds::Asked) if due_is(Step::Hold) => {
                Funds::Refused { why }
            }
            (Event::Captured { amount }, Funds::Held { amount: held, .. })
                if due_as(Step::Capture, amount) && at_most(amount, held) =>
            {
                Funds::Captured { amount, refunded: Money::zero(amount.currency()) }
            }
            (Event::Released { why }, Funds::Held { .. })
                if why == Release::Lapsed || due_is(Step::Void) =>
            {
                Funds::Released { why }
            }
            (Event::Refunded { amount }, Funds::Captured { amount: taken, refunded })
                if due_as(Step::Refund, amount) =>
            {
                let refunded = refunded.checked_add(amount).map_err(|_| corrupt())?;
                if !at_most(refunded, taken) {
                    return Err(corrupt());
                }
                Funds::Captured { amount: taken, refunded }
            }
            (Event::Failed { step, attempt, retry_at, .. }, funds)
                if self.due.is_some_and(|due| (due.step, due.attempt) == (step, attempt)) =>
            {
                not_before = retry_at;
                funds
            }
            (
                Event::Held { .. }
                | Event::HoldRefused { .. }
                | Event::Captured { .. }
                | Event::Refunded { .. }
                | Event::Released { .. }
                | Event::Failed { .. }
                | Event::Noticed { .. },
                _,
            ) => return Err(corrupt()),
        };
        if let (Event::Refunded { amount }, Some(due)) = (*event, self.due) {
            self.remember(Refund { id: RefundId::Ours(due.attempt), amount, failed: false });
        }
        if let Some(due) = ended.take() {
            *self.ended.of(due.step) = due.attempt;
        }
        self.funds = funds;
        self.due = None;
        self.advance(not_before);
        Ok(())
    }

    /// Takes in what the provider said unasked; `None`, and nothing changes, if it cannot be.
    fn notice(&mut self, news: &News, retry_at: Option<Timestamp>) -> Option<()> {
        self.check(news).ok()?;
        let (funds, refund) = self.knowing(news)?;
        self.funds = funds;
        if let Some(refund) = refund {
            self.remember(refund);
        }
        if self.tells_of_due(news)
            && let Some(due) = self.due.take()
        {
            *self.ended.of(due.step) = due.attempt;
        }
        if self.due.is_none() {
            self.advance(retry_at.unwrap_or(Timestamp::EPOCH));
        }
        Some(())
    }

    /// Names the next step towards what is owed, from what the provider has done.
    pub(super) fn advance(&mut self, not_before: Timestamp) {
        let zero = Money::zero(self.asked.currency());
        let next = match (self.funds, self.owed) {
            (Funds::Asked, _) => Some((Step::Hold, self.asked)),
            (Funds::Held { amount, .. }, Some(owed)) if owed.minor() <= 0 => {
                Some((Step::Void, amount))
            }
            (Funds::Held { amount, .. }, Some(owed)) => {
                Some((Step::Capture, if at_most(owed, amount) { owed } else { amount }))
            }
            (Funds::Captured { .. }, Some(owed)) => {
                let over = self.paid().checked_sub(owed).unwrap_or(zero);
                (over.minor() > 0).then_some((Step::Refund, over))
            }
            (Funds::Held { .. } | Funds::Captured { .. }, None)
            | (Funds::Refused { .. } | Funds::Released { .. }, _) => None,
        };
        self.due = next.map(|(step, amount)| {
            let attempt = self.ended.of(step).saturating_add(1);
            Due { step, attempt, amount, not_before }
        });
    }
}
