//! What the restaurant says, and what follows from it for the estimate.

use super::{ALREADY_SO, Decided};
use crate::eta;
use crate::money::Money;
use crate::order::Order;
use crate::order::command::Shortage;
use crate::order::event::Event;
use crate::order::phase::{Actor, Kitchen, OrderStatus, Phase};
use crate::order::refusal::Refusal;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

impl Order {
    pub(super) fn accept(
        &self,
        ready_at: Option<Timestamp>,
        policy: &Policy,
        now: Timestamp,
    ) -> Decided {
        match &self.phase {
            Phase::Pending { .. } => {
                let ready_span = ready_at
                    .map_or(self.intent.ready_span, |ready_at| ready_at.saturating_since(now));
                let distance_m = self.intent.quote.distance_m;
                let speeds = &policy.dispatch.speeds;
                let search_from = policy.search_from(now.saturating_add(ready_span), now);
                Ok(vec![Event::Accepted {
                    kitchen: self.intent.kitchen,
                    estimate: eta::estimate(now, ready_span, distance_m, speeds),
                    give_up_at: search_from.saturating_add(policy.order.search_for),
                    pick_up_by: now.saturating_add(policy.order.pick_up_within),
                }])
            }
            Phase::Underway { .. } | Phase::OnTheWay { .. } | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Undelivered { .. } | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::Pending])
            }
        }
    }

    pub(super) fn reject(&self, now: Timestamp) -> Decided {
        match &self.phase {
            Phase::Pending { .. } => self.cancel(Actor::Restaurant, None, now),
            Phase::Cancelled { by: Actor::Restaurant, .. } => ALREADY_SO,
            Phase::Underway { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&[OrderStatus::Pending]),
        }
    }

    pub(super) fn start_preparing(&self) -> Decided {
        match &self.phase {
            Phase::Underway { kitchen: Kitchen::Confirmed, .. } => {
                Ok(vec![Event::PreparingStarted])
            }
            Phase::Underway { kitchen: Kitchen::Preparing | Kitchen::Ready { .. }, .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Pending { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::Confirmed])
            }
        }
    }

    pub(super) fn mark_ready(&self, policy: &Policy, now: Timestamp) -> Decided {
        match &self.phase {
            Phase::Underway { kitchen: Kitchen::Confirmed | Kitchen::Preparing, .. } => {
                Ok(vec![Event::MadeReady { estimate: self.no_earlier_than(now, policy) }])
            }
            Phase::Underway { kitchen: Kitchen::Ready { .. }, .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Pending { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::Confirmed, OrderStatus::Preparing])
            }
        }
    }

    pub(super) fn adjust(&self, shortages: &[Shortage]) -> Decided {
        if !matches!(self.phase, Phase::Underway { .. }) {
            return self.wrong_phase(&[
                OrderStatus::Confirmed,
                OrderStatus::Preparing,
                OrderStatus::ReadyForPickup,
            ]);
        }
        let lines = &self.intent.lines;
        let mut left: Vec<u32> = lines.iter().map(|line| line.quantity).collect();
        let mut named = vec![false; left.len()];
        for shortage in shortages {
            let index = usize::try_from(shortage.line).unwrap_or(usize::MAX);
            let (Some(quantity), Some(named)) = (left.get_mut(index), named.get_mut(index)) else {
                let lines = u32::try_from(lines.len()).unwrap_or(u32::MAX);
                return Err(Refusal::NoSuchLine { line: shortage.line, lines });
            };
            if *named || shortage.quantity >= *quantity {
                return Err(Refusal::NotFewer { line: shortage.line, ordered: *quantity });
            }
            (*quantity, *named) = (shortage.quantity, true);
        }
        if shortages.is_empty() {
            return ALREADY_SO;
        }
        if left.iter().all(|&quantity| quantity == 0) {
            return Err(Refusal::NothingLeft);
        }
        let mut subtotal = Money::zero(self.intent.quote.subtotal.currency());
        for (line, quantity) in lines.iter().zip(left) {
            subtotal = subtotal.checked_add(line.unit.checked_mul(quantity)?)?;
        }
        let quote = self.intent.quote.adjusted(subtotal)?;
        Ok(vec![Event::Adjusted { lines: shortages.to_vec(), quote }])
    }

    pub(super) fn revise_estimate(&self, estimate: Timestamp) -> Decided {
        match &self.phase {
            Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. } => {
                if estimate == self.intent.estimate {
                    return ALREADY_SO;
                }
                Ok(vec![Event::EstimateRevised { estimate }])
            }
            Phase::Delivered { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. } => self
                .wrong_phase(&[
                    OrderStatus::Pending,
                    OrderStatus::Confirmed,
                    OrderStatus::Preparing,
                    OrderStatus::ReadyForPickup,
                    OrderStatus::DriverAssigned,
                    OrderStatus::DriverAtRestaurant,
                    OrderStatus::PickedUp,
                    OrderStatus::OnTheWay,
                    OrderStatus::AtDoorstep,
                ]),
        }
    }

    /// The estimate, pushed out if the way to the door cannot begin before `start`.
    pub(super) fn no_earlier_than(&self, start: Timestamp, policy: &Policy) -> Timestamp {
        self.intent.estimate.max(self.ride_from(start, policy))
    }

    /// When the door is reached from the restaurant, setting out at `start`.
    pub(super) fn ride_from(&self, start: Timestamp, policy: &Policy) -> Timestamp {
        eta::estimate(start, Span::ZERO, self.intent.quote.distance_m, &policy.dispatch.speeds)
    }
}
