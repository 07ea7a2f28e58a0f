//! What a command means where the order stands.

use super::Order;
use super::command::{Command, DropReason, Shortage};
use super::event::Event;
use super::phase::{
    Actor, Courier, FailReason, Kitchen, Leg, OrderStatus, Phase, Search, courier_deadline,
};
use super::refusal::Refusal;
use crate::cancel;
use crate::eta;
use crate::id::{DeliveryId, DriverId};
use crate::money::Money;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

type Decided = Result<Vec<Event>, Refusal>;

const ALREADY_SO: Decided = Ok(Vec::new());

impl Order {
    /// What `command` means at `now`. Nothing changes; an empty list: it is already so.
    ///
    /// # Errors
    /// [`Refusal`], in its documented order of precedence.
    pub fn decide(&self, command: &Command, policy: &Policy, now: Timestamp) -> Decided {
        match command {
            Command::Accept { ready_at } => self.accept(*ready_at, policy, now),
            Command::Reject => self.reject(now),
            Command::StartPreparing => self.start_preparing(),
            Command::MarkReady => self.mark_ready(policy, now),
            Command::Adjust { lines } => self.adjust(lines),
            Command::ReviseEstimate { estimate } => self.revise_estimate(*estimate),
            Command::AssignDriver { driver, delivery, travel } => {
                self.assign_driver(*driver, *delivery, *travel, policy, now)
            }
            Command::DropDriver { driver, why } => self.drop_driver(*driver, *why, policy, now),
            Command::HandOver { driver, delivery, travel } => {
                self.hand_over(*driver, *delivery, arrive_by(*travel, policy, now))
            }
            Command::FlagSearch => self.flag_search(),
            Command::ArriveAtRestaurant { driver } => self.arrive_at_restaurant(*driver, policy),
            Command::PickUp { driver } => self.pick_up(*driver, policy, now),
            Command::Depart { driver } => self.depart(*driver),
            Command::ArriveAtDoorstep { driver, distance_m } => {
                self.arrive_at_doorstep(*driver, *distance_m, policy, now)
            }
            Command::Deliver { driver } => self.deliver(*driver),
            Command::Fail { by, reason, returned } => self.fail(*by, *reason, *returned),
            Command::Cancel { by, fee } => self.cancel(*by, *fee, now),
            Command::Reply(reply) => {
                let events = self.payment.decide(reply, &policy.payment, now);
                Ok(events.into_iter().map(Event::Payment).collect())
            }
            Command::Tick => Ok(self.tick(policy, now)),
        }
    }

    fn accept(&self, ready_at: Option<Timestamp>, policy: &Policy, now: Timestamp) -> Decided {
        match &self.phase {
            Phase::Pending { .. } => {
                let ready_span = ready_at
                    .map_or(self.intent.ready_span, |ready_at| ready_at.saturating_since(now));
                let distance_m = self.intent.quote.distance_m;
                let speeds = &policy.dispatch.speeds;
                Ok(vec![Event::Accepted {
                    kitchen: self.intent.kitchen,
                    estimate: eta::estimate(now, ready_span, distance_m, speeds),
                    give_up_at: now.saturating_add(policy.order.search_for),
                    pick_up_by: now.saturating_add(policy.order.pick_up_within),
                }])
            }
            Phase::Underway { .. } | Phase::OnTheWay { .. } | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Undelivered { .. } | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::Pending])
            }
        }
    }

    fn reject(&self, now: Timestamp) -> Decided {
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

    fn start_preparing(&self) -> Decided {
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

    fn mark_ready(&self, policy: &Policy, now: Timestamp) -> Decided {
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

    fn adjust(&self, shortages: &[Shortage]) -> Decided {
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

    fn revise_estimate(&self, estimate: Timestamp) -> Decided {
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

    fn assign_driver(
        &self,
        driver: DriverId,
        delivery: DeliveryId,
        travel: Span,
        policy: &Policy,
        now: Timestamp,
    ) -> Decided {
        match (&self.phase, self.phase.assignment()) {
            (_, Some(assigned)) if assigned == (driver, delivery) => ALREADY_SO,
            (_, Some((assigned, _))) if assigned != driver => {
                Err(Refusal::NotTheDriver { driver, assigned })
            }
            (Phase::Underway { .. }, None) => {
                Ok(vec![Event::DriverAssigned {
                    driver,
                    delivery,
                    arrive_by: arrive_by(travel, policy, now),
                    estimate: self.no_earlier_than(now.saturating_add(travel), policy),
                }])
            }
            (
                Phase::Pending { .. }
                | Phase::OnTheWay { .. }
                | Phase::Delivered { .. }
                | Phase::Undelivered { .. }
                | Phase::Cancelled { .. },
                None,
            )
            // The driver's already, in another delivery.
            | (_, Some(_)) => self.wrong_phase(&UNASSIGNED),
        }
    }

    fn drop_driver(
        &self,
        driver: DriverId,
        why: DropReason,
        policy: &Policy,
        now: Timestamp,
    ) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::Underway {
                courier: Courier::Assigned { .. } | Courier::AtRestaurant { .. },
                ..
            } => Ok(vec![dropped(driver, why, policy, now)]),
            Phase::Underway { courier: Courier::Unassigned { .. }, .. }
            | Phase::Pending { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::DriverAssigned, OrderStatus::DriverAtRestaurant])
            }
        }
    }

    fn hand_over(&self, driver: DriverId, delivery: DeliveryId, arrive_by: Timestamp) -> Decided {
        let assignment = self.phase.assignment();
        if assignment == Some((driver, delivery)) {
            return ALREADY_SO;
        }
        match &self.phase {
            Phase::Underway { .. }
            | Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. } => {
                let from = assignment.map(|(driver, _)| driver);
                Ok(vec![Event::HandedOver { from, driver, delivery, arrive_by }])
            }
            Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. }
            | Phase::Pending { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&[
                OrderStatus::Confirmed,
                OrderStatus::Preparing,
                OrderStatus::ReadyForPickup,
                OrderStatus::DriverAssigned,
                OrderStatus::DriverAtRestaurant,
                OrderStatus::PickedUp,
                OrderStatus::OnTheWay,
            ]),
        }
    }

    fn flag_search(&self) -> Decided {
        match &self.phase {
            Phase::Underway { courier: Courier::Unassigned { search, .. }, .. } => match search {
                Search::Running => Ok(vec![Event::SearchFlagged]),
                Search::Flagged => ALREADY_SO,
            },
            Phase::Underway {
                courier: Courier::Assigned { .. } | Courier::AtRestaurant { .. },
                ..
            }
            | Phase::Pending { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&UNASSIGNED),
        }
    }

    fn arrive_at_restaurant(&self, driver: DriverId, policy: &Policy) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::Underway { courier: Courier::Assigned { .. }, .. } => {
                Ok(vec![Event::ArrivedAtRestaurant { driver, slack: policy.order.driver_slack }])
            }
            Phase::Underway { courier: Courier::AtRestaurant { .. }, .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Underway { courier: Courier::Unassigned { .. }, .. }
            | Phase::Pending { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&[OrderStatus::DriverAssigned]),
        }
    }

    fn pick_up(&self, driver: DriverId, policy: &Policy, now: Timestamp) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::Underway { courier: Courier::AtRestaurant { .. }, .. } => {
                let lost_at = now.saturating_add(policy.order.carry_for);
                Ok(vec![Event::PickedUp { driver, lost_at, estimate: self.ride_from(now, policy) }])
            }
            Phase::OnTheWay { .. } | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Underway {
                courier: Courier::Unassigned { .. } | Courier::Assigned { .. },
                ..
            }
            | Phase::Pending { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&[OrderStatus::DriverAtRestaurant]),
        }
    }

    fn depart(&self, driver: DriverId) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::OnTheWay { leg: Leg::PickedUp { .. }, .. } => {
                Ok(vec![Event::Departed { driver }])
            }
            Phase::OnTheWay { leg: Leg::EnRoute { .. } | Leg::AtDoorstep { .. }, .. }
            | Phase::Delivered { .. } => ALREADY_SO,
            Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&[OrderStatus::PickedUp]),
        }
    }

    fn arrive_at_doorstep(
        &self,
        driver: DriverId,
        distance_m: Option<u32>,
        policy: &Policy,
        now: Timestamp,
    ) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. } => {
                Ok(vec![Event::ArrivedAtDoorstep {
                    driver,
                    leave_at: now.saturating_add(policy.order.doorstep_wait),
                    far_m: distance_m.filter(|&metres| metres > policy.order.doorstep_far_m),
                }])
            }
            Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. } | Phase::Delivered { .. } => {
                ALREADY_SO
            }
            Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => {
                self.wrong_phase(&[OrderStatus::PickedUp, OrderStatus::OnTheWay])
            }
        }
    }

    fn deliver(&self, driver: DriverId) -> Decided {
        self.only(driver)?;
        match &self.phase {
            Phase::OnTheWay { .. } => Ok(vec![Event::Delivered { driver }]),
            Phase::Delivered { .. } => ALREADY_SO,
            Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&CARRIED),
        }
    }

    fn fail(&self, by: Actor, reason: FailReason, returned: bool) -> Decided {
        match by {
            Actor::Driver(driver) => self.only(driver)?,
            Actor::Operations | Actor::Platform => {}
            Actor::Customer | Actor::Restaurant => return Err(Refusal::NotThisActor),
        }
        // Who was never at the door cannot say that nobody opened it: the customer would pay.
        let at_the_door = reason.customer_pays() && matches!(by, Actor::Driver(_));
        match &self.phase {
            Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. }
                if at_the_door =>
            {
                self.wrong_phase(&[OrderStatus::AtDoorstep])
            }
            Phase::OnTheWay { .. } => Ok(vec![Event::Undelivered { by, reason, returned }]),
            Phase::Undelivered { reason: found, .. } if *found == reason => ALREADY_SO,
            Phase::Undelivered { .. }
            | Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::Delivered { .. }
            | Phase::Cancelled { .. } => self.wrong_phase(&CARRIED),
        }
    }

    fn cancel(&self, by: Actor, fee: Option<Money>, now: Timestamp) -> Decided {
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

    fn tick(&self, policy: &Policy, now: Timestamp) -> Vec<Event> {
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

    /// The estimate, pushed out if the way to the door cannot begin before `start`.
    fn no_earlier_than(&self, start: Timestamp, policy: &Policy) -> Timestamp {
        self.intent.estimate.max(self.ride_from(start, policy))
    }

    /// When the door is reached from the restaurant, setting out at `start`.
    fn ride_from(&self, start: Timestamp, policy: &Policy) -> Timestamp {
        eta::estimate(start, Span::ZERO, self.intent.quote.distance_m, &policy.dispatch.speeds)
    }

    fn cancel_by_deadline(&self, now: Timestamp) -> Vec<Event> {
        self.cancel(Actor::Platform, None, now).unwrap_or_default()
    }

    /// Whose order it is, where it is somebody's: a driver who was taken off hears so.
    fn only(&self, driver: DriverId) -> Result<(), Refusal> {
        let assigned = match self.phase {
            Phase::Delivered { driver, .. } | Phase::Undelivered { driver, .. } => Some(driver),
            Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::OnTheWay { .. }
            | Phase::Cancelled { .. } => self.phase.assignment().map(|(driver, _)| driver),
        };
        match assigned {
            Some(assigned) if assigned != driver => Err(Refusal::NotTheDriver { driver, assigned }),
            Some(_) | None => Ok(()),
        }
    }

    fn wrong_phase(&self, allowed: &[OrderStatus]) -> Decided {
        // Under way, the kitchen's commands are never refused: what stands in the way of the others
        // is how far the courier is, even where the kitchen reached the latest milestone.
        let found = match &self.phase {
            Phase::Underway { kitchen, courier, .. } => {
                courier.status().unwrap_or_else(|| kitchen.status())
            }
            Phase::Pending { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => self.phase.status(),
        };
        Err(Refusal::WrongPhase { found, allowed: allowed.to_vec() })
    }
}

/// The statuses in which nobody carries an accepted order.
const UNASSIGNED: [OrderStatus; 3] =
    [OrderStatus::Confirmed, OrderStatus::Preparing, OrderStatus::ReadyForPickup];

/// The statuses in which a driver has the food.
const CARRIED: [OrderStatus; 3] =
    [OrderStatus::PickedUp, OrderStatus::OnTheWay, OrderStatus::AtDoorstep];

fn arrive_by(travel: Span, policy: &Policy, now: Timestamp) -> Timestamp {
    now.saturating_add(travel).saturating_add(policy.order.driver_slack)
}

fn dropped(driver: DriverId, why: DropReason, policy: &Policy, now: Timestamp) -> Event {
    let give_up_at = now.saturating_add(policy.order.search_for);
    Event::DriverDropped { driver, why, give_up_at }
}
