//! What the search and the driver say: from being found to the hand-over, or to what came instead.

use super::{ALREADY_SO, Decided};
use crate::id::{DeliveryId, DriverId};
use crate::order::Order;
use crate::order::command::DropReason;
use crate::order::event::Event;
use crate::order::phase::{Actor, Courier, FailReason, Leg, OrderStatus, Phase, Search};
use crate::order::refusal::Refusal;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

impl Order {
    pub(super) fn assign_driver(
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

    pub(super) fn drop_driver(
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

    pub(super) fn hand_over(
        &self,
        driver: DriverId,
        delivery: DeliveryId,
        arrive_by: Timestamp,
    ) -> Decided {
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

    pub(super) fn flag_search(&self) -> Decided {
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

    pub(super) fn arrive_at_restaurant(&self, driver: DriverId, policy: &Policy) -> Decided {
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

    pub(super) fn pick_up(&self, driver: DriverId, policy: &Policy, now: Timestamp) -> Decided {
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

    pub(super) fn depart(&self, driver: DriverId) -> Decided {
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

    pub(super) fn arrive_at_doorstep(
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

    pub(super) fn deliver(&self, driver: DriverId) -> Decided {
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

    pub(super) fn fail(&self, by: Actor, reason: FailReason, returned: bool) -> Decided {
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
}

/// The statuses in which nobody carries an accepted order.
const UNASSIGNED: [OrderStatus; 3] =
    [OrderStatus::Confirmed, OrderStatus::Preparing, OrderStatus::ReadyForPickup];

/// The statuses in which a driver has the food.
const CARRIED: [OrderStatus; 3] =
    [OrderStatus::PickedUp, OrderStatus::OnTheWay, OrderStatus::AtDoorstep];

pub(super) fn arrive_by(travel: Span, policy: &Policy, now: Timestamp) -> Timestamp {
    now.saturating_add(travel).saturating_add(policy.order.driver_slack)
}

pub(super) fn dropped(driver: DriverId, why: DropReason, policy: &Policy, now: Timestamp) -> Event {
    let give_up_at = now.saturating_add(policy.order.search_for);
    Event::DriverDropped { driver, why, give_up_at }
}
