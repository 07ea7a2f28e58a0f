//! What the payment provider tells of its own accord: once each, and what it means to the payment.
//!
//! The one place where a provider's facts become the notices that a payment understands.

use super::Shard;
use super::decide::Decided;
use super::event::{CorruptLog, Event, Heard, Refusal};
use crate::idempotency::Begun;
use crate::log::NotTaken;
use crate::payment::{News, Notice, Payment, RefundId, Step};
use crate::provider::{self, EventId, Fact, Meaning};
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
        let notice = payment.and_then(|payment| notice(payment, &event.says));
        let believed = payment.zip(notice).map(|(payment, notice)| {
            payment.hear(&notice, &self.policy.payment, now).map(|_| notice)
        });
        let (heard, follows) = match (payment, believed) {
            (None, _) => (Heard::UnknownPayment, Vec::new()),
            (Some(_), None) => (Heard::NoNews, Vec::new()),
            (Some(_), Some(Err(why))) => (Heard::NotBelieved { why }, Vec::new()),
            (Some(_), Some(Ok(notice))) => match self.notice(order, &notice, now)? {
                follows if follows.is_empty() => (Heard::NoNews, follows),
                follows => (Heard::Applied, follows),
            },
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
        match self.heard.record(event.id.clone(), event.says.clone(), heard, at, &bounds) {
            Ok(Begun::First { .. }) => Ok(()),
            Err(_) | Ok(Begun::InFlight { .. } | Begun::Repeat(_) | Begun::Conflict { .. }) => {
                Err(CorruptLog::ProviderTwice { event: event.id.clone() })
            }
        }
    }
}

/// What a fact is to a payment; `None`: nothing that it keeps account of.
///
/// What names no attempt at the hold is about the last one. A refund that bears the key of one of our
/// calls is ours, any other is known by its name at the provider.
fn notice(payment: &Payment, says: &Meaning) -> Option<Notice> {
    let attempt = |step| {
        let effect = says.about.effect.filter(|effect| effect.step == step);
        effect.map(|effect| effect.attempt)
    };
    let refund = |name: &EventId| {
        attempt(Step::Refund).map_or_else(|| RefundId::Theirs(digest(name)), RefundId::Ours)
    };
    let news = match &says.fact {
        Fact::Held { amount, until } => News::Authorised { amount: *amount, until: *until },
        Fact::Declined => News::Declined,
        Fact::Captured { amount } => News::Captured { total: *amount },
        Fact::Voided => News::Cancelled,
        Fact::Lapsed => News::Expired,
        Fact::Refunded { refund: name, amount } => {
            News::Refunded { refund: refund(name), amount: *amount }
        }
        Fact::RefundFailed { refund: name, amount } => {
            News::RefundFailed { refund: refund(name), amount: *amount }
        }
        // Each of those refunds is told of by itself, with its name.
        Fact::RefundedInAll { .. } => return None,
    };
    let hold = attempt(Step::Hold).unwrap_or_else(|| payment.hold_attempt());
    Some(Notice { hold, news })
}

/// The FNV-1a hash of a provider's name for a refund: the same on every machine.
fn digest(name: &EventId) -> u64 {
    name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
