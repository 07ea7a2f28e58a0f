//! What a driver's stream says, both ways.

use doorstep_core::dispatch;
use doorstep_core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Money, Place, Status, Time, ids};

/// What a driver's app sends on `GET /v1/drivers/stream`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromDriver {
    /// Positions, at most 100 in a message.
    Pings {
        /// In any order; the newest wins.
        #[serde(deserialize_with = "super::strict::many")]
        pings: Vec<PingIn>,
    },
}

/// One position of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PingIn {
    /// Latitude, in degrees.
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    /// Longitude, in degrees.
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
    /// When the fix was taken; now if absent. One that lies ahead of the server's clock counts as
    /// now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Time>,
    /// How far off it may be, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 65_535)]
    #[serde(deserialize_with = "super::whole::maybe")]
    pub accuracy_m: Option<u16>,
    /// Which way, in degrees clockwise from north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 359)]
    #[serde(deserialize_with = "super::whole::maybe")]
    pub heading_deg: Option<u16>,
    /// How fast, in centimetres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 65_535)]
    #[serde(deserialize_with = "super::whole::maybe")]
    pub speed_cm_s: Option<u16>,
    /// Whether the phone says that the position is made up.
    #[serde(default)]
    pub mocked: bool,
}

/// What became of some pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PingsTaken {
    /// Taken in.
    pub taken: u32,
    /// Older than what is known already.
    pub out_of_order: u32,
    /// Such as no vehicle could make.
    pub implausible: u32,
    /// There is no room for more drivers.
    pub full: u32,
}

/// What a driver's app hears on `GET /v1/drivers/stream`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToDriver {
    /// The whole truth, on connecting.
    Snapshot {
        /// Where the driver stands.
        driver: DriverState,
    },
    /// Something about the driver changed: duty, offer, or what is carried.
    Update {
        /// Where the driver stands now.
        driver: DriverState,
    },
    /// A message of the app's could not be used; the stream goes on.
    Error {
        /// A stable code, as in problem details.
        code: String,
        /// For people.
        detail: String,
    },
}

/// Where a driver stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriverState {
    /// Who.
    #[schema(value_type = ids::DriverId)]
    pub id: DriverId,
    /// On or off duty.
    pub status: DriverStatus,
    /// What the driver is asked to take; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// What the driver carries, in the order in which it is brought.
    pub deliveries: Vec<Delivery>,
    /// The time of this knowledge.
    pub as_of: Time,
}

/// Where a driver stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriverStatus {
    /// Takes no offers.
    Offline,
    /// Takes offers.
    Online,
    /// Thinks about one.
    Offered,
    /// Carries something.
    OnDelivery,
}

impl From<dispatch::DriverStatus> for DriverStatus {
    fn from(status: dispatch::DriverStatus) -> Self {
        match status {
            dispatch::DriverStatus::Offline => Self::Offline,
            dispatch::DriverStatus::Online => Self::Online,
            dispatch::DriverStatus::Offered => Self::Offered,
            dispatch::DriverStatus::OnDelivery => Self::OnDelivery,
        }
    }
}

/// A delivery that a driver may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// What: accept or decline it by this id.
    #[schema(value_type = ids::DeliveryId)]
    pub delivery: DeliveryId,
    /// Good before this time.
    pub expires_at: Time,
    /// Whose food.
    #[schema(value_type = ids::RestaurantId)]
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: Place,
    /// Where it is brought, in this order.
    pub drop_offs: Vec<Place>,
    /// From the driver to the pick-up, as the crow flies; absent where the position is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<u32>,
    /// What the driver earns.
    pub earnings: Money,
}

/// What a driver carries or comes for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Which.
    #[schema(value_type = ids::DeliveryId)]
    pub id: DeliveryId,
    /// Whose food.
    #[schema(value_type = ids::RestaurantId)]
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: Place,
    /// What is not handed over yet, in the order in which it is brought.
    pub orders: Vec<DeliveryOrder>,
}

/// One order of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryOrder {
    /// Which.
    #[schema(value_type = ids::OrderId)]
    pub id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// Where it is brought.
    pub drop_off: Place,
}
