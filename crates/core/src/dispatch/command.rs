//! What dispatch can be asked to do.

use serde::{Deserialize, Serialize};

use crate::eta::Vehicle;
use crate::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use crate::money::Money;
use crate::order::DropReason;
use crate::place::LatLng;

use super::candidate::{Choice, Proposal};

/// A wish. Whether it is granted is decided by [`Dispatch::decide`](super::Dispatch::decide).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A driver joins the shard, offline. For one who is here already: the vehicle they drive from
    /// now on.
    Admit {
        /// The driver.
        driver: DriverId,
        /// What they drive.
        vehicle: Vehicle,
    },
    /// A driver leaves the shard, and their record with them. An open offer is withdrawn. Refused
    /// while they carry anything.
    Release {
        /// The driver.
        driver: DriverId,
    },
    /// A driver takes offers from now on.
    GoOnline {
        /// The driver.
        driver: DriverId,
    },
    /// A driver takes no more offers. An open one counts as declined; what is carried stays theirs.
    GoOffline {
        /// The driver.
        driver: DriverId,
    },
    /// Orders of one restaurant want a driver.
    Open {
        /// A new delivery.
        delivery: DeliveryId,
        /// Whose orders.
        restaurant: RestaurantId,
        /// Where they are picked up.
        pickup: LatLng,
        /// 1 to [`ORDERS_MAX`](super::ORDERS_MAX) different orders, none of them in another live
        /// delivery.
        orders: Vec<OrderId>,
        /// What they are worth together; it only ranks the queue.
        value: Money,
    },
    /// Somebody who knows where the drivers are names candidates.
    Propose(Proposal),
    /// Somebody who has considered all at once names the driver.
    Offer(Choice),
    /// A driver takes the offer.
    Accept {
        /// The delivery offered.
        delivery: DeliveryId,
        /// Who accepts.
        driver: DriverId,
    },
    /// A driver does not take the offer.
    Decline {
        /// The delivery offered.
        delivery: DeliveryId,
        /// Who declines.
        driver: DriverId,
    },
    /// A driver gives a delivery back before pick-up, or it is taken from them; the search starts
    /// anew. Whether it has been picked up is the order's to know, and to be asked first.
    Drop {
        /// The delivery.
        delivery: DeliveryId,
        /// Who has it.
        driver: DriverId,
        /// Whose doing it is.
        why: DropReason,
    },
    /// Operations give a delivery to a named driver, whether it is searching or another has it.
    Assign {
        /// The delivery.
        delivery: DeliveryId,
        /// Who gets it: online, with room. An offer open to them is withdrawn.
        driver: DriverId,
    },
    /// An order leaves its delivery; with its last order the delivery is over and its driver free.
    Finish {
        /// The delivery.
        delivery: DeliveryId,
        /// The order.
        order: OrderId,
        /// How it ended.
        end: End,
    },
    /// Time has passed: handles the one delivery whose deadline is the earliest, if it is due.
    Tick,
}

/// How an order left its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It was handed over. Only a driver who has it can do that.
    Delivered {
        /// What the driver gets for it; not negative, in the shard's currency.
        earned: Money,
    },
    /// It was carried in vain. Only a driver who has it can do that.
    Undelivered {
        /// What the driver gets for it; not negative, in the shard's currency.
        earned: Money,
    },
    /// It was cancelled.
    Cancelled,
}

impl End {
    /// What the driver gets, where one must have had the delivery.
    pub(super) const fn earned(self) -> Option<Money> {
        match self {
            Self::Delivered { earned } | Self::Undelivered { earned } => Some(earned),
            Self::Cancelled => None,
        }
    }
}
