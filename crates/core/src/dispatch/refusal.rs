//! Why a command is not granted.

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, DriverId, OrderId};
use crate::money::Currency;
use crate::time::Timestamp;

/// Why a command is not granted; nothing has changed.
///
/// Where several hold, the first in this order is given: what the command itself says (lists and
/// amounts out of bounds), whom and what it names, the room that is left, then the state of the
/// delivery, then that of the driver. The variants are listed in that order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// A delivery has at least one order, not more than this, and each once.
    #[error("a delivery has 1 to {most} different orders")]
    BadOrders {
        /// The most that one delivery may have.
        most: u32,
    },
    /// An amount is negative or in another currency.
    #[error("amounts here are not negative, and in {currency}")]
    BadAmount {
        /// The currency of the shard.
        currency: Currency,
    },
    /// A proposal names more drivers than will be looked at.
    #[error("a proposal names at most {most} drivers")]
    TooManyCandidates {
        /// The most it may name.
        most: u32,
    },
    /// A round names more deliveries than will be looked at.
    #[error("a round names at most {most} deliveries")]
    TooManyDeliveries {
        /// The most it may name.
        most: u32,
    },
    /// An offer is for at least one delivery, each once, and all together have no more orders than one
    /// delivery may have.
    #[error(
        "an offer is for different deliveries, at least one, with at most {most} orders together"
    )]
    BadBundle {
        /// The most orders.
        most: u32,
    },
    /// Not a driver of this shard.
    #[error("{driver} is not of this shard")]
    UnknownDriver {
        /// The driver.
        driver: DriverId,
    },
    /// No such delivery, or it is over.
    #[error("there is no delivery {delivery}, or it is over")]
    UnknownDelivery {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// The order is not, or no longer, in the delivery.
    #[error("{order} is not in {delivery}")]
    UnknownOrder {
        /// The delivery.
        delivery: DeliveryId,
        /// The order.
        order: OrderId,
    },
    /// Another delivery, or this one with other contents, bears the id.
    #[error("{delivery} exists already with other contents")]
    DeliveryExists {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// The order is in another live delivery.
    #[error("{order} is already in {delivery}")]
    OrderInDelivery {
        /// The order.
        order: OrderId,
        /// The delivery that it is in.
        delivery: DeliveryId,
    },
    /// The shard has as many drivers as it may have
    /// ([`drivers_max`](crate::policy::MemoryPolicy::drivers_max)).
    #[error("the shard already has {most} drivers")]
    DriversFull {
        /// The bound.
        most: u32,
    },
    /// As many orders are in deliveries as may be
    /// ([`orders_max`](crate::policy::MemoryPolicy::orders_max)).
    #[error("already {most} orders are in deliveries")]
    OrdersFull {
        /// The bound.
        most: u32,
    },
    /// Somebody else has the delivery; or, for a decline, the very driver: that is a drop.
    #[error("{delivery} is taken by {driver}")]
    TakenBy {
        /// The delivery.
        delivery: DeliveryId,
        /// Who has it.
        driver: DriverId,
    },
    /// Nobody has the delivery yet.
    #[error("nobody has {delivery} yet")]
    NotTaken {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Somebody is thinking about it.
    #[error("{delivery} is being offered until {until}")]
    OfferOpen {
        /// The delivery.
        delivery: DeliveryId,
        /// When the last of its open offers expires.
        until: Timestamp,
    },
    /// Only what is picked up at one restaurant goes together.
    #[error("{delivery} is not picked up where {with} is")]
    PickedUpElsewhere {
        /// The delivery.
        delivery: DeliveryId,
        /// The first of the bundle.
        with: DeliveryId,
    },
    /// Of the drivers proposed none is free, within reach, and has not passed in this stage.
    #[error("none of the drivers proposed for {delivery} can be asked")]
    NobodyFree {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// The driver has no offer of this delivery, or no longer.
    #[error("{driver} has no open offer of {delivery}")]
    NotOffered {
        /// The delivery.
        delivery: DeliveryId,
        /// The driver.
        driver: DriverId,
    },
    /// The accept came too late.
    #[error("the offer expired at {expired_at}")]
    OfferExpired {
        /// From when on it was too late.
        expired_at: Timestamp,
    },
    /// The driver still carries something.
    #[error("{driver} still carries {} deliveries", .deliveries.len())]
    Carrying {
        /// The driver.
        driver: DriverId,
        /// What they carry.
        deliveries: Vec<DeliveryId>,
    },
    /// The driver is offline.
    #[error("{driver} is offline")]
    Offline {
        /// The driver.
        driver: DriverId,
    },
    /// The driver carries as much as they may.
    #[error("{driver} already carries {capacity} deliveries")]
    NoRoom {
        /// The driver.
        driver: DriverId,
        /// The most that a driver may carry.
        capacity: u32,
    },
}
