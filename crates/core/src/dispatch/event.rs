//! What has happened, and how it shows that a history is corrupt.

use serde::{Deserialize, Serialize};

use crate::eta::Vehicle;
use crate::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use crate::money::Money;
use crate::order::DropReason;
use crate::place::LatLng;
use crate::time::Timestamp;

use super::candidate::Score;
use super::command::End;
use super::delivery::Stage;
use super::plan::Planned;

/// A fact. Deadlines are computed when it is decided and carried here, so that a replay needs no
/// policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A driver joined the shard, offline.
    DriverAdmitted {
        /// The driver.
        driver: DriverId,
        /// What they drive.
        vehicle: Vehicle,
    },
    /// A driver of the shard drives something else from now on.
    VehicleChanged {
        /// The driver.
        driver: DriverId,
        /// What they drive.
        vehicle: Vehicle,
    },
    /// A driver left the shard.
    DriverReleased {
        /// The driver.
        driver: DriverId,
    },
    /// A driver takes offers.
    WentOnline {
        /// The driver.
        driver: DriverId,
    },
    /// A driver takes no more offers.
    WentOffline {
        /// The driver.
        driver: DriverId,
    },
    /// The search for a driver began, in stage [`Stage::Near`].
    Opened {
        /// The delivery.
        delivery: DeliveryId,
        /// Whose orders.
        restaurant: RestaurantId,
        /// Where they are picked up.
        pickup: LatLng,
        /// The orders.
        orders: Vec<OrderId>,
        /// What they are worth together.
        value: Money,
        /// When the stage ends.
        stage_ends_at: Timestamp,
    },
    /// A driver was asked.
    OfferMade {
        /// The delivery.
        delivery: DeliveryId,
        /// Who was asked.
        driver: DriverId,
        /// From when on it is too late to accept.
        expires_at: Timestamp,
        /// How the driver was chosen.
        mode: Mode,
        /// How far they were from the restaurant, in metres, if known.
        distance_m: Option<u32>,
        /// Why they were preferred, if scored.
        score: Option<Score>,
        /// How many free drivers were to choose from.
        considered: u32,
        /// Why they were preferred, if planned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned: Option<Box<Planned>>,
        /// Where it is for several deliveries together: all of them, in the order of their doors, the
        /// one by whose name it goes first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bundle: Vec<DeliveryId>,
    },
    /// An offer is no more, without having been accepted.
    OfferClosed {
        /// The delivery.
        delivery: DeliveryId,
        /// Who had been asked.
        driver: DriverId,
        /// Why.
        why: Closing,
    },
    /// The search goes on in this stage: another one, or [`Stage::Flagged`] once more. Those who
    /// passed may be asked again.
    StageEntered {
        /// The delivery.
        delivery: DeliveryId,
        /// The stage.
        stage: Stage,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// A driver accepted in time and has the delivery.
    Taken {
        /// The delivery.
        delivery: DeliveryId,
        /// Who has it.
        driver: DriverId,
        /// The bundle that was offered, if one was: the others have become part of the first, and
        /// their orders come behind its own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bundle: Vec<DeliveryId>,
    },
    /// A driver lost the delivery before pick-up; the search began anew, in stage [`Stage::Near`].
    Dropped {
        /// The delivery.
        delivery: DeliveryId,
        /// Who had it.
        driver: DriverId,
        /// Whose doing it was.
        why: DropReason,
        /// When the stage ends.
        stage_ends_at: Timestamp,
        /// The deliveries that had become part of it: each searches for itself again. If none of its
        /// own orders is left, it is over.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parted: Vec<DeliveryId>,
    },
    /// Operations gave the delivery to a named driver.
    Reassigned {
        /// The delivery.
        delivery: DeliveryId,
        /// Who had it, if anybody.
        from: Option<DriverId>,
        /// Who has it.
        to: DriverId,
    },
    /// An order left its delivery; if it was the last, the delivery is over and its driver free.
    Finished {
        /// The delivery.
        delivery: DeliveryId,
        /// The order.
        order: OrderId,
        /// How it ended.
        end: End,
    },
}

/// How a driver was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By the lowest score.
    Scored,
    /// By distance alone: policy wants it so, or too many deliveries were searching
    /// ([`overload`](crate::policy::DispatchPolicy::overload)).
    Nearest,
    /// By the plan of a round.
    Planned,
    /// Along with others, positions being unknown.
    Broadcast,
}

/// Why an offer was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// The driver said no, or went offline.
    Declined,
    /// The driver said nothing in time.
    Expired,
    /// There was nothing to accept any more: taken, assigned or over; or the driver was given
    /// something else, or left.
    Withdrawn,
}

/// An event that cannot have followed on the state it was given to: the history is corrupt, or out
/// of order. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CorruptDispatch {
    /// The event does not fit what is known of the driver, or nothing is.
    #[error("the history does not fit driver {driver}")]
    Driver {
        /// The driver.
        driver: DriverId,
    },
    /// The event does not fit what is known of the delivery, or nothing is.
    #[error("the history does not fit delivery {delivery}")]
    Delivery {
        /// The delivery.
        delivery: DeliveryId,
    },
}
