//! What a command means where the order stands.

mod courier;
mod end;
mod kitchen;

use super::Order;
use super::command::Command;
use super::event::Event;
use super::phase::{OrderStatus, Phase};
use super::refusal::Refusal;
use crate::id::DriverId;
use crate::policy::Policy;
use crate::time::Timestamp;

use courier::arrive_by;

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
            Command::Notice(notice) => {
                let events = self.payment.hear(notice, &policy.payment, now)?;
                Ok(events.into_iter().map(Event::Payment).collect())
            }
            Command::Tick => Ok(self.tick(policy, now)),
        }
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
