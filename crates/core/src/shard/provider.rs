//! What the payment provider tells of its own accord: once each, and what it means to the payment.
//!
//! The one place where the provider's facts are mapped onto what a payment takes in today: answers
//! to the step that is due. A fact that answers nothing that is due is no news.

use super::Shard;
use super::decide::Decided;
use super::event::{CorruptLog, Event, Heard, Refusal};
use crate::idempotency::Begun;
use crate::log::NotTaken;
use crate::payment::{Answer, Due, Payment, Reply, Step};
use crate::provider::{self, Fact, Meaning};
use crate::time::Timestamp;

impl Shard {
    /// A new event that could not be remembered is not even considered: it comes again.
    pub(super) fn room_to_hear(
        &self,
        event: &provider::Event,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let seen = self.heard.check(&event.id, &event.says, now, &self.heard_bounds());
        seen.map(|_| ()).map_err(|_| NotTaken::Full)
    }

    /// The event, and what follows from it; nothing if it came before.
    pub(super) fn hear(&self, event: &provider::Event, now: Timestamp) -> Decided {
        match self.heard.check(&event.id, &event.says, now, &self.heard_bounds()) {
            Ok(Begun::First { .. }) => {}
            // `room_to_hear` has refused it; what begins here ends in the same batch.
            Err(_) | Ok(Begun::InFlight { .. } | Begun::Repeat(_)) => return Ok(Vec::new()),
            Ok(Begun::Conflict { first }) => {
                let differs = first.differences(&event.says);
                let (event, first) = (event.id.clone(), Box::new(first.clone()));
                return Err(Refusal::ProviderConflict { event, first, differs });
            }
        }
        let order = event.says.about.order;
        let payment = match (self.orders.get(&order), self.checkouts.get(&order)) {
            (Some(order), _) => Some(order.payment()),
            (None, Some(checkout)) => Some(checkout.payment()),
            (None, None) => None,
        };
        let mut follows = Vec::new();
        if let Some(reply) = payment.and_then(|payment| answer(payment, &event.says)) {
            follows = self.reply(order, &reply, now)?;
        }
        let heard = match (payment, follows.is_empty()) {
            (None, _) => Heard::UnknownPayment,
            (Some(_), true) => Heard::NoNews,
            (Some(_), false) => Heard::Applied,
        };
        let mut events = vec![Event::Provider { event: Box::new(event.clone()), heard }];
        events.extend(follows);
        Ok(events)
    }

    pub(super) fn apply_heard(
        &mut self,
        event: &provider::Event,
        heard: Heard,
        at: Timestamp,
    ) -> Result<(), CorruptLog> {
        let bounds = self.heard_bounds();
        match self.heard.begin(&event.id, &event.says, at, &bounds) {
            Ok(Begun::First { token, .. }) => {
                // The lease was given out a line above: it is this one's.
                let _ = self.heard.complete(&event.id, token, heard, at);
                Ok(())
            }
            Err(_) | Ok(Begun::InFlight { .. } | Begun::Repeat(_) | Begun::Conflict { .. }) => {
                Err(CorruptLog::ProviderTwice { event: event.id.clone() })
            }
        }
    }
}

/// The answer that a fact is to the step that is due, if it is one.
///
/// A fact about a call that we told the provider the key of counts for that attempt only. Amounts
/// must be those that were asked for: another amount is another story, and does not answer this.
fn answer(payment: &Payment, says: &Meaning) -> Option<Reply> {
    let due = payment.due()?;
    let answer = answer_to(&due, &says.fact)?;
    let told = says.about.effect.filter(|effect| effect.step == due.step);
    let attempt = told.map_or(due.attempt, |effect| effect.attempt);
    Some(Reply { step: due.step, attempt, answer })
}

fn answer_to(due: &Due, fact: &Fact) -> Option<Answer> {
    let done = Answer::Done { until: None };
    let all = |amount| due.amount == amount;
    match (due.step, fact) {
        (Step::Hold, Fact::Held { amount, until }) if all(*amount) => {
            Some(Answer::Done { until: *until })
        }
        (Step::Capture, Fact::Captured { amount })
        | (Step::Refund, Fact::Refunded { amount, .. })
            if all(*amount) =>
        {
            Some(done)
        }
        (Step::Void, Fact::Voided) => Some(done),
        // The hold is gone, or there will be none.
        (Step::Hold, Fact::Declined | Fact::Voided | Fact::Lapsed)
        | (Step::Capture, Fact::Voided | Fact::Lapsed)
        | (Step::Void, Fact::Lapsed) => Some(Answer::Refused),
        (Step::Refund, Fact::RefundFailed { amount, .. }) if all(*amount) => Some(Answer::Failed),
        (
            Step::Hold | Step::Capture | Step::Void | Step::Refund,
            Fact::Held { .. }
            | Fact::Declined
            | Fact::Captured { .. }
            | Fact::Voided
            | Fact::Lapsed
            | Fact::Refunded { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundedInAll { .. },
        ) => None,
    }
}
