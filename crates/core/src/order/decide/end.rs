//! What ends an order before its hand-over: somebody's word, or the time.

use super::courier::dropped;
use super::{ALREADY_SO, Decided};
use crate::cancel;
use crate::money::Money;
use crate::order::Order;
use crate::order::command::DropReason;
use crate::order::event::Event;
use crate::order::phase::{Actor, FailReason, Leg, Phase, courier_deadline};
use crate::order::refusal::Refusal;
use crate::policy::Policy;
use crate::time::Timestamp;

impl Order {
    pub(super) fn cancel(&self, by: Actor, fee: Option<Money>, now: Timestamp) -> Decided {
        if let (Phase::Cancelled { fee: agreed, .. }, false) =
            (&self.phase, matches!(by, Actor::Driver(_)))
            && fee.is_none_or(|fee| fee == *agreed)
        {
            return ALREADY_SO;
        }
        let ground = cancel::terms(by, &self.phase, self.intent.promised, now)?;
        let total = self.intent.quote.total;
        let fee = match (fee, by) {
            (None, _) => Money::zero(total.currency()),
            (Some(fee), Actor::Operations) => {
                let in_range = (0..=total.minor()).contains(&fee.minor());
                if fee.currency() != total.currency() || !in_range {
                    return Err(Refusal::FeeOutOfRange);
                }
                fee
            }
            (Some(_), Actor::Customer | Actor::Restaurant | Actor::Driver(_) | Actor::Platform) => {
                return Err(cancel::Refusal::FeeNotYours.into());
            }
        };
        Ok(vec![Event::Cancelled { by, ground, fee }])
    }

    pub(super) fn tick(&self, policy: &Policy, now: Timestamp) -> Vec<Event> {
        let lapsed = self.payment.tick(now);
        if !lapsed.is_empty() {
            return lapsed.into_iter().map(Event::Payment).collect();
        }
        if self.phase.next_deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        let undelivered =
            |reason| vec![Event::Undelivered { by: Actor::Platform, reason, returned: false }];
        match self.phase {
            Phase::Pending { .. } => self.cancel_by_deadline(now),
            Phase::Underway { kitchen, courier, pick_up_by, .. } => match courier.assignment() {
                Some((driver, _))
                    if now < pick_up_by
                        && courier_deadline(kitchen, courier).is_some_and(|at| now >= at) =>
                {
                    vec![dropped(driver, DropReason::NoShow, policy, now)]
                }
                Some(_) | None => self.cancel_by_deadline(now),
            },
            Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. } => {
                undelivered(FailReason::Lost)
            }
            Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. } => {
                undelivered(FailReason::CustomerAbsent)
            }
            Phase::Delivered { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. } => {
                Vec::new()
            }
        }
    }

    fn cancel_by_deadline(&self, now: Timestamp) -> Vec<Event> {
        self.cancel(Actor::Platform, None, now).unwrap_or_default()
    }
}
