//! What an order's tracking socket says.

use doorstep_core::id::{DriverId, OrderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Cancellation, Carrier, Milestone, Order, Place, Status, Time, ids};

/// A message of `GET /v1/orders/{id}/track`. The first is always a snapshot; what follows are
/// states, not steps: a reader who was slow is told the latest, and misses nothing by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TrackMessage {
    /// The whole truth, on connecting.
    Snapshot {
        /// What `GET /v1/orders/{id}` says.
        order: Box<Order>,
    },
    /// Status, driver, estimate or history changed.
    StatusUpdate {
        /// Which order.
        #[schema(value_type = ids::OrderId)]
        order: OrderId,
        /// Where it stands now.
        status: Status,
        /// When it is expected now.
        estimated_at: Time,
        /// Who comes for it or carries it; absent while nobody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        driver: Option<Carrier>,
        /// Its milestones, whole.
        history: Vec<Milestone>,
        /// The time of this knowledge.
        as_of: Time,
    },
    /// The driver has moved; every 2–3 s while there is one.
    LocationUpdate {
        /// Which order.
        #[schema(value_type = ids::OrderId)]
        order: OrderId,
        /// Who.
        #[schema(value_type = ids::DriverId)]
        driver: DriverId,
        /// Where.
        position: Place,
        /// Which way, in degrees clockwise from north, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading_deg: Option<u16>,
        /// When the fix was taken.
        taken_at: Time,
    },
    /// Whether the customer may cancel has changed: the promise was broken, or the driver arrived.
    CancellationUpdate {
        /// The terms now.
        cancellation: Cancellation,
    },
}
