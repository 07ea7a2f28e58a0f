//! The phases of an order. Kitchen and courier run side by side until pick-up; each fact lives in
//! the phase that owns it, so that only an assigned courier has a driver.

use serde::{Deserialize, Serialize};

use crate::cancel::Ground;
use crate::id::{DeliveryId, DriverId};
use crate::money::Money;
use crate::time::{Span, Timestamp};

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The customer who ordered.
    Customer,
    /// The restaurant.
    Restaurant,
    /// This driver.
    Driver(DriverId),
    /// A person who runs the platform.
    Operations,
    /// The platform by itself: a deadline, a geofence, a search.
    Platform,
}

/// Where an order stands, with what belongs to it there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The money is held; the restaurant has not answered.
    Pending {
        /// Unanswered at this time, the order is cancelled.
        respond_by: Timestamp,
    },
    /// Accepted: the kitchen prepares, a driver is looked for and comes.
    Underway {
        /// What the kitchen does.
        kitchen: Kitchen,
        /// What the courier does.
        courier: Courier,
        /// Not picked up at this time, the order is cancelled.
        pick_up_by: Timestamp,
        /// Which of the two reached the latest milestone.
        latest: Lane,
    },
    /// Picked up, not handed over.
    OnTheWay {
        /// Who carries it.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// How far it has come.
        leg: Leg,
    },
    /// Handed over.
    Delivered {
        /// Who brought it.
        driver: DriverId,
        /// When.
        at: Timestamp,
    },
    /// Picked up, and never handed over.
    Undelivered {
        /// Who had it last.
        driver: DriverId,
        /// Why.
        reason: FailReason,
        /// Whether the food went back to the restaurant.
        returned: bool,
        /// When.
        at: Timestamp,
    },
    /// Ended before the hand-over by a decision.
    Cancelled {
        /// Whose.
        by: Actor,
        /// On what ground.
        ground: Ground,
        /// What the customer pays all the same.
        fee: Money,
        /// When.
        at: Timestamp,
    },
}

/// The kitchen's side of an order under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kitchen {
    /// Accepted, not begun.
    Confirmed,
    /// Being prepared.
    Preparing,
    /// Waiting to be picked up.
    Ready {
        /// Since when.
        at: Timestamp,
    },
}

/// The courier's side of an order under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Courier {
    /// Nobody has it; a driver is being looked for.
    Unassigned {
        /// How the search goes.
        search: Search,
        /// Found nobody at this time, the order is cancelled.
        give_up_at: Timestamp,
    },
    /// A driver is on the way to the restaurant.
    Assigned {
        /// Who.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// Not there at this time, the driver is taken off.
        arrive_by: Timestamp,
    },
    /// The driver waits at the restaurant.
    AtRestaurant {
        /// Who.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// Since when.
        at: Timestamp,
        /// Beside a meal that is ready for longer than this, the driver is taken off.
        slack: Span,
    },
}

/// How the search for a driver goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// As it should.
    Running,
    /// It found nobody so far, the customer was told and may cancel; it goes on.
    Flagged,
}

/// Kitchen or courier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The kitchen.
    Kitchen,
    /// The courier.
    Courier,
}

/// How far a picked-up order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// In the driver's bag.
    PickedUp {
        /// Not handed over at this time, it counts as lost.
        lost_at: Timestamp,
    },
    /// On the road to the customer.
    EnRoute {
        /// Not handed over at this time, it counts as lost.
        lost_at: Timestamp,
    },
    /// The driver is at the door.
    AtDoorstep {
        /// Not handed over at this time, the customer counts as absent.
        leave_at: Timestamp,
    },
}

/// Why an order was picked up and never handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// Nobody came to the door. The customer pays.
    CustomerAbsent,
    /// The customer would not take it. The customer pays; a complaint is operations' to settle.
    CustomerRefused,
    /// It was spoilt on the way. The customer is refunded.
    Accident,
    /// Driver and food are gone. The customer is refunded.
    Lost,
}

impl FailReason {
    /// Whether the customer pays all the same.
    #[must_use]
    pub const fn customer_pays(self) -> bool {
        match self {
            Self::CustomerAbsent | Self::CustomerRefused => true,
            Self::Accident | Self::Lost => false,
        }
    }
}

/// The flat public projection of a [`Phase`]: the latest milestone, in log order. It goes back when
/// a driver drops out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waiting for the restaurant.
    Pending,
    /// Accepted by the restaurant.
    Confirmed,
    /// Being prepared.
    Preparing,
    /// Ready, waiting for a driver.
    ReadyForPickup,
    /// A driver is coming for it.
    DriverAssigned,
    /// The driver is at the restaurant.
    DriverAtRestaurant,
    /// The driver has it.
    PickedUp,
    /// On the road to the customer.
    OnTheWay,
    /// The driver is at the door.
    AtDoorstep,
    /// Handed over.
    Delivered,
    /// Picked up, never handed over.
    Undelivered,
    /// Cancelled.
    Cancelled,
}

impl Kitchen {
    /// The milestone reached.
    #[must_use]
    pub const fn status(self) -> OrderStatus {
        match self {
            Self::Confirmed => OrderStatus::Confirmed,
            Self::Preparing => OrderStatus::Preparing,
            Self::Ready { .. } => OrderStatus::ReadyForPickup,
        }
    }
}

impl Courier {
    /// The milestone reached; `None` while nobody is assigned.
    #[must_use]
    pub const fn status(self) -> Option<OrderStatus> {
        match self {
            Self::Unassigned { .. } => None,
            Self::Assigned { .. } => Some(OrderStatus::DriverAssigned),
            Self::AtRestaurant { .. } => Some(OrderStatus::DriverAtRestaurant),
        }
    }

    /// The driver and the delivery, once assigned.
    #[must_use]
    pub const fn assignment(self) -> Option<(DriverId, DeliveryId)> {
        match self {
            Self::Unassigned { .. } => None,
            Self::Assigned { driver, delivery, .. }
            | Self::AtRestaurant { driver, delivery, .. } => Some((driver, delivery)),
        }
    }
}

impl Phase {
    /// The public projection.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        match self {
            Self::Pending { .. } => OrderStatus::Pending,
            Self::Underway { kitchen, courier, latest, .. } => match (latest, courier.status()) {
                (Lane::Courier, Some(status)) => status,
                (Lane::Courier | Lane::Kitchen, _) => kitchen.status(),
            },
            Self::OnTheWay { leg: Leg::PickedUp { .. }, .. } => OrderStatus::PickedUp,
            Self::OnTheWay { leg: Leg::EnRoute { .. }, .. } => OrderStatus::OnTheWay,
            Self::OnTheWay { leg: Leg::AtDoorstep { .. }, .. } => OrderStatus::AtDoorstep,
            Self::Delivered { .. } => OrderStatus::Delivered,
            Self::Undelivered { .. } => OrderStatus::Undelivered,
            Self::Cancelled { .. } => OrderStatus::Cancelled,
        }
    }

    /// Since when the order is at its end; `None` while it lives.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending { .. } | Self::Underway { .. } | Self::OnTheWay { .. } => None,
            Self::Delivered { at, .. }
            | Self::Undelivered { at, .. }
            | Self::Cancelled { at, .. } => Some(*at),
        }
    }

    /// Who carries it or comes for it, as part of what; `None` where nobody does.
    #[must_use]
    pub const fn assignment(&self) -> Option<(DriverId, DeliveryId)> {
        match self {
            Self::Underway { courier, .. } => courier.assignment(),
            Self::OnTheWay { driver, delivery, .. } => Some((*driver, *delivery)),
            Self::Pending { .. }
            | Self::Delivered { .. }
            | Self::Undelivered { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// When this phase must be looked at again; `None` at the end.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match *self {
            Self::Pending { respond_by } => Some(respond_by),
            Self::Underway { kitchen, courier, pick_up_by, .. } => {
                let courier = courier_deadline(kitchen, courier);
                Some(courier.map_or(pick_up_by, |at| at.min(pick_up_by)))
            }
            Self::OnTheWay { leg, .. } => match leg {
                Leg::PickedUp { lost_at } | Leg::EnRoute { lost_at } => Some(lost_at),
                Leg::AtDoorstep { leave_at } => Some(leave_at),
            },
            Self::Delivered { .. } | Self::Undelivered { .. } | Self::Cancelled { .. } => None,
        }
    }
}

/// When the courier's side must be looked at: the search given up, or the driver taken off.
pub(super) fn courier_deadline(kitchen: Kitchen, courier: Courier) -> Option<Timestamp> {
    match (courier, kitchen) {
        (Courier::Unassigned { give_up_at, .. }, _) => Some(give_up_at),
        (Courier::Assigned { arrive_by, .. }, _) => Some(arrive_by),
        (Courier::AtRestaurant { at, slack, .. }, Kitchen::Ready { at: ready_at }) => {
            Some(at.max(ready_at).saturating_add(slack))
        }
        (Courier::AtRestaurant { .. }, Kitchen::Confirmed | Kitchen::Preparing) => None,
    }
}
