//! What operations see.

use doorstep_core::id::DriverId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Place, Time, ids};

/// The drivers of a viewport, as markers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Markers {
    /// At most 100, whatever the viewport.
    pub markers: Vec<Marker>,
    /// How many drivers they stand for.
    pub drivers: u32,
    /// The time of this knowledge.
    pub as_of: Time,
}

/// What a map shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Marker {
    /// One driver.
    Driver {
        /// Who; the same from answer to answer.
        #[schema(value_type = ids::DriverId)]
        id: DriverId,
        /// Where.
        position: Place,
        /// Which way, in degrees clockwise from north, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading_deg: Option<u16>,
        /// How old the fix is, in milliseconds.
        age_ms: u64,
        /// Whether the driver carries something.
        busy: bool,
    },
    /// Several drivers.
    Group {
        /// The same from answer to answer, as long as the viewport keeps its size.
        id: String,
        /// The middle of them.
        position: Place,
        /// How many.
        count: u32,
        /// The smallest rectangle around them, to zoom into.
        bounds: Bounds,
    },
}

/// A rectangle. The west may lie east of the east: then it spans the antimeridian.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bounds {
    /// South-west corner.
    pub south_west: Place,
    /// North-east corner.
    pub north_east: Place,
}

/// The city in numbers, for a page that asks every second or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// Orders in memory, by status.
    pub orders: OrderCounts,
    /// Drivers known, by state.
    pub drivers: DriverCounts,
    /// Pings since the start.
    pub pings: PingCounts,
    /// Tracking and driver sockets that are open.
    pub sockets: u64,
    /// Checkouts whose money is being held.
    pub checkouts: u64,
}

/// Orders in memory, by status. Those that ended leave memory after a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCounts {
    /// Waiting for the restaurant.
    pub pending: u64,
    /// Accepted, not begun.
    pub confirmed: u64,
    /// Being prepared.
    pub preparing: u64,
    /// Waiting for a driver.
    pub ready_for_pickup: u64,
    /// A driver is coming.
    pub driver_assigned: u64,
    /// The driver is at the restaurant.
    pub driver_at_restaurant: u64,
    /// In the bag.
    pub picked_up: u64,
    /// On the road.
    pub on_the_way: u64,
    /// At the door.
    pub at_doorstep: u64,
    /// Handed over.
    pub delivered: u64,
    /// Never handed over.
    pub undelivered: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Under way after the promised time: their cancel button shows.
    pub late: u64,
}

/// Drivers, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriverCounts {
    /// On duty and free.
    pub online: u64,
    /// Thinking about an offer.
    pub offered: u64,
    /// Carrying something, or coming for it.
    pub on_delivery: u64,
    /// On the map.
    pub on_map: u64,
}

/// Pings since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PingCounts {
    /// Taken in.
    pub taken: u64,
    /// Older than what was known already.
    pub out_of_order: u64,
    /// Such as no vehicle could make.
    pub implausible: u64,
}
