//! What an event makes of an order. Nothing is decided here: only a damaged history fails.

use super::event::{Event, Milestone};
use super::phase::{Actor, Courier, Kitchen, Lane, Leg, OrderStatus, Phase, Search};
use super::{HISTORY_MAX, Order};
use crate::catalog::KitchenKind;
use crate::id::OrderId;
use crate::money::Money;
use crate::payment::CorruptPayment;
use crate::time::Timestamp;

/// An event that cannot follow the order's state: the history is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptHistory {
    /// The order's own part of the history is damaged.
    #[error("{order} is {status:?}, and {event:?} cannot follow")]
    Order {
        /// Which.
        order: OrderId,
        /// Where it stood.
        status: OrderStatus,
        /// What came.
        event: Box<Event>,
    },
    /// The money's part of the history is damaged.
    #[error("the money of {order}: {corrupt}")]
    Payment {
        /// Which.
        order: OrderId,
        /// What came.
        corrupt: CorruptPayment,
    },
}

impl Order {
    /// Takes an event in that happened at `at`.
    ///
    /// # Errors
    /// [`CorruptHistory`] if the event cannot have been decided from this state.
    pub fn evolve(mut self, event: &Event, at: Timestamp) -> Result<Self, CorruptHistory> {
        self.apply(event, at)?;
        Ok(self)
    }

    /// [`Order::evolve`] in place; where it fails, nothing has changed.
    ///
    /// # Errors
    /// As [`Order::evolve`].
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), CorruptHistory> {
        let zero = Money::zero(self.intent.quote.total.currency());
        let phase = match (event, &self.phase) {
            (Event::Payment(event), _) => {
                let order = self.id();
                return self
                    .payment
                    .evolve(event)
                    .map_err(|corrupt| CorruptHistory::Payment { order, corrupt });
            }
            (
                Event::EstimateRevised { estimate },
                Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. },
            ) => {
                self.intent.estimate = *estimate;
                return Ok(());
            }
            (Event::Adjusted { lines, quote }, Phase::Underway { .. }) => {
                for shortage in lines {
                    let index = usize::try_from(shortage.line).unwrap_or(usize::MAX);
                    if self.intent.lines.get(index).is_none() {
                        return Err(self.corrupt(event));
                    }
                }
                for shortage in lines {
                    let index = usize::try_from(shortage.line).unwrap_or(usize::MAX);
                    if let Some(line) = self.intent.lines.get_mut(index) {
                        line.quantity = shortage.quantity;
                    }
                }
                self.payment.owe(quote.total);
                self.intent.quote = *quote;
                return Ok(());
            }
            (
                Event::SearchFlagged,
                Phase::Underway {
                    kitchen,
                    courier: Courier::Unassigned { search: Search::Running, give_up_at },
                    pick_up_by,
                    latest,
                },
            ) => {
                let courier =
                    Courier::Unassigned { search: Search::Flagged, give_up_at: *give_up_at };
                self.phase = Phase::Underway {
                    kitchen: *kitchen,
                    courier,
                    pick_up_by: *pick_up_by,
                    latest: *latest,
                };
                return Ok(());
            }
            (
                Event::Accepted { kitchen, estimate, give_up_at, pick_up_by },
                Phase::Pending { .. },
            ) => {
                self.intent.estimate = *estimate;
                self.payment.owe(self.intent.quote.total);
                Phase::Underway {
                    kitchen: match kitchen {
                        KitchenKind::Cooks => Kitchen::Confirmed,
                        KitchenKind::Shelf => Kitchen::Ready { at },
                    },
                    courier: Courier::Unassigned {
                        search: Search::Running,
                        give_up_at: *give_up_at,
                    },
                    pick_up_by: *pick_up_by,
                    latest: Lane::Kitchen,
                }
            }
            (
                Event::PreparingStarted,
                Phase::Underway { kitchen: Kitchen::Confirmed, courier, pick_up_by, .. },
            ) => Phase::Underway {
                kitchen: Kitchen::Preparing,
                courier: *courier,
                pick_up_by: *pick_up_by,
                latest: Lane::Kitchen,
            },
            (
                Event::MadeReady { .. },
                Phase::Underway {
                    kitchen: Kitchen::Confirmed | Kitchen::Preparing,
                    courier,
                    pick_up_by,
                    ..
                },
            ) => Phase::Underway {
                kitchen: Kitchen::Ready { at },
                courier: *courier,
                pick_up_by: *pick_up_by,
                latest: Lane::Kitchen,
            },
            (
                Event::DriverAssigned { driver, delivery, arrive_by, .. },
                Phase::Underway {
                    kitchen, courier: Courier::Unassigned { .. }, pick_up_by, ..
                },
            ) => Phase::Underway {
                kitchen: *kitchen,
                courier: Courier::Assigned {
                    driver: *driver,
                    delivery: *delivery,
                    arrive_by: *arrive_by,
                },
                pick_up_by: *pick_up_by,
                latest: Lane::Courier,
            },
            (
                Event::DriverDropped { driver, give_up_at, .. },
                Phase::Underway { kitchen, courier, pick_up_by, .. },
            ) if courier.assignment().is_some_and(|(assigned, _)| assigned == *driver) => {
                Phase::Underway {
                    kitchen: *kitchen,
                    courier: Courier::Unassigned {
                        search: Search::Running,
                        give_up_at: *give_up_at,
                    },
                    pick_up_by: *pick_up_by,
                    latest: Lane::Kitchen,
                }
            }
            (
                Event::HandedOver { driver, delivery, arrive_by, .. },
                Phase::Underway { kitchen, pick_up_by, .. },
            ) => Phase::Underway {
                kitchen: *kitchen,
                courier: Courier::Assigned {
                    driver: *driver,
                    delivery: *delivery,
                    arrive_by: *arrive_by,
                },
                pick_up_by: *pick_up_by,
                latest: Lane::Courier,
            },
            (
                Event::HandedOver { driver, delivery, .. },
                Phase::OnTheWay { leg: leg @ (Leg::PickedUp { .. } | Leg::EnRoute { .. }), .. },
            ) => Phase::OnTheWay { driver: *driver, delivery: *delivery, leg: *leg },
            (
                Event::ArrivedAtRestaurant { driver, slack },
                Phase::Underway {
                    kitchen,
                    courier: Courier::Assigned { driver: assigned, delivery, .. },
                    pick_up_by,
                    ..
                },
            ) if assigned == driver => Phase::Underway {
                kitchen: *kitchen,
                courier: Courier::AtRestaurant {
                    driver: *driver,
                    delivery: *delivery,
                    at,
                    slack: *slack,
                },
                pick_up_by: *pick_up_by,
                latest: Lane::Courier,
            },
            (
                Event::PickedUp { driver, lost_at, .. },
                Phase::Underway {
                    courier: Courier::AtRestaurant { driver: assigned, delivery, .. },
                    ..
                },
            ) if assigned == driver => Phase::OnTheWay {
                driver: *driver,
                delivery: *delivery,
                leg: Leg::PickedUp { lost_at: *lost_at },
            },
            (
                Event::Departed { driver },
                Phase::OnTheWay { driver: assigned, delivery, leg: Leg::PickedUp { lost_at } },
            ) if assigned == driver => Phase::OnTheWay {
                driver: *driver,
                delivery: *delivery,
                leg: Leg::EnRoute { lost_at: *lost_at },
            },
            (
                Event::ArrivedAtDoorstep { driver, leave_at, .. },
                Phase::OnTheWay {
                    driver: assigned,
                    delivery,
                    leg: Leg::PickedUp { .. } | Leg::EnRoute { .. },
                },
            ) if assigned == driver => Phase::OnTheWay {
                driver: *driver,
                delivery: *delivery,
                leg: Leg::AtDoorstep { leave_at: *leave_at },
            },
            (Event::Delivered { driver }, Phase::OnTheWay { driver: assigned, .. })
                if assigned == driver =>
            {
                Phase::Delivered { driver: *driver, at }
            }
            (Event::Undelivered { reason, returned, .. }, Phase::OnTheWay { driver, .. }) => {
                if !reason.customer_pays() {
                    self.payment.owe(zero);
                }
                Phase::Undelivered { driver: *driver, reason: *reason, returned: *returned, at }
            }
            (
                Event::Cancelled { by, ground, fee },
                Phase::Pending { .. }
                | Phase::Underway { .. }
                | Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. },
            ) => {
                self.payment.owe(*fee);
                Phase::Cancelled { by: *by, ground: *ground, fee: *fee, at }
            }
            (
                Event::Placed { .. }
                | Event::Accepted { .. }
                | Event::PreparingStarted
                | Event::MadeReady { .. }
                | Event::Adjusted { .. }
                | Event::EstimateRevised { .. }
                | Event::DriverAssigned { .. }
                | Event::DriverDropped { .. }
                | Event::HandedOver { .. }
                | Event::SearchFlagged
                | Event::ArrivedAtRestaurant { .. }
                | Event::PickedUp { .. }
                | Event::Departed { .. }
                | Event::ArrivedAtDoorstep { .. }
                | Event::Delivered { .. }
                | Event::Undelivered { .. }
                | Event::Cancelled { .. },
                _,
            ) => return Err(self.corrupt(event)),
        };
        self.phase = phase;
        if let Event::MadeReady { estimate }
        | Event::DriverAssigned { estimate, .. }
        | Event::PickedUp { estimate, .. } = event
        {
            self.intent.estimate = *estimate;
        }
        self.remember(Milestone { status: self.phase.status(), at, by: author(event) });
        Ok(())
    }

    fn corrupt(&self, event: &Event) -> CorruptHistory {
        CorruptHistory::Order {
            order: self.id(),
            status: self.status(),
            event: Box::new(event.clone()),
        }
    }

    fn remember(&mut self, milestone: Milestone) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(1);
        }
        self.history.push(milestone);
    }
}

/// Who brought it about.
fn author(event: &Event) -> Actor {
    match event {
        Event::Placed { .. } => Actor::Customer,
        Event::Accepted { .. }
        | Event::PreparingStarted
        | Event::MadeReady { .. }
        | Event::Adjusted { .. } => Actor::Restaurant,
        Event::DriverAssigned { driver, .. }
        | Event::ArrivedAtRestaurant { driver, .. }
        | Event::PickedUp { driver, .. }
        | Event::Departed { driver }
        | Event::ArrivedAtDoorstep { driver, .. }
        | Event::Delivered { driver } => Actor::Driver(*driver),
        Event::DriverDropped { driver, why, .. } => match why {
            super::DropReason::Driver => Actor::Driver(*driver),
            super::DropReason::NoShow => Actor::Platform,
        },
        Event::HandedOver { .. } => Actor::Operations,
        Event::EstimateRevised { .. } | Event::SearchFlagged | Event::Payment(_) => Actor::Platform,
        Event::Undelivered { by, .. } | Event::Cancelled { by, .. } => *by,
    }
}
