//! The batch decision: who drives what, all waiting orders and all drivers considered at once.
//!
//! Every tick the whole scene is planned afresh: each trip (one order, or a bundle of one
//! restaurant) is priced with each driver who could make it, and the cheapest assignment in all is
//! taken ([`assign`](super::assign)). What is planned binds nobody until it must: a trip is
//! committed only when its driver has to leave before the next tick. Until then a better order, a
//! better driver, or a second order of the same kitchen may still come.
//!
//! **What a trip costs** ([`Price`]), in milliseconds that somebody waits: the time from placement to
//! door of its orders; more for those about to be very late; the driver's own time, at what a minute
//! of it is worth now ([`Plan::scarcity_permille`]: nothing while drivers stand about, more than a
//! minute of a customer's once orders queue up); something for a driver who has earned their
//! guarantee already; for a turn, and for a likely decline.
//!
//! **Bundles.** Two trips from one restaurant become one where that is cheaper than the two apart,
//! given who would drive them and what their time is worth. So bundles come of themselves where
//! drivers are short, and hardly any where they are not.
//!
//! **Order on its limit.** To leave an order waiting costs what it has waited, times its urgency
//! ([`Waiting::urgency_permille`]): one that may not wait any longer goes before all others.
//!
//! The same scene gives the same plan, in whatever order it is written down: orders are taken by
//! placement and id, drivers by id, and all is whole numbers. Nothing of the future enters but what
//! the scene says: when an order is estimated to be ready, when a driver will be free.
//!
//! | file | subject |
//! |---|---|
//! | `scene` | what is known: waiting orders, drivers, who is near whom |
//! | `policy` | every tunable, its default and where it comes from |
//! | `load` | a trip's orders in the order of their doors, and how long it takes |
//! | `price` | what a trip costs with a driver, part by part |
//! | `planner` | one tick |
//! | `tick` | what is known in it, and what each trip costs |
//! | `join` | trips of one restaurant become one where that is cheaper |
//! | `told` | what the plan says of itself |

mod join;
mod load;
mod planner;
mod policy;
mod price;
mod scene;
#[cfg(test)]
mod tests;
mod tick;
mod told;

use serde::{Deserialize, Serialize};

use crate::id::{DriverId, OrderId};
use crate::time::Timestamp;

pub use load::BUNDLE_MAX;
pub use planner::Planner;
pub use policy::{BadPlanPolicy, PlanPolicy};
pub use price::Price;
pub use scene::{BadScene, Courier, Near, Reach, Scene, Waiting};

/// What is to happen, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The trips, by the id of their driver; a driver has at most one.
    pub trips: Vec<Trip>,
    /// The orders in no trip, in the order of their placement.
    pub postponed: Vec<Postponed>,
    /// What a driver's time is worth in this tick, in thousandths of a customer's.
    pub scarcity_permille: u32,
}

/// One driver, one restaurant, and the doors one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// Who drives.
    pub driver: DriverId,
    /// What is carried, in the order of delivery.
    pub orders: Vec<OrderId>,
    /// Whether it is to be begun now.
    pub verdict: Verdict,
    /// The latest moment to leave for the restaurant without being late there.
    pub leave_by: Timestamp,
    /// When the food is taken over.
    pub pickup_at: Timestamp,
    /// When each order is handed over, in the order of `orders`.
    pub drop_offs: Vec<Timestamp>,
    /// When the driver is free again.
    pub free_at: Timestamp,
    /// What it costs, part by part.
    pub price: Price,
    /// Who else could have made it at the least price, engaged or not, and that price.
    pub runner_up: Option<(DriverId, i64)>,
}

/// Why a driver was asked, by a plan: what the trip costs with them, and what it was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What it costs, part by part.
    pub price: Price,
    /// The latest moment to leave for the restaurant without being late there.
    pub leave_by: Timestamp,
    /// When the food is to be taken over.
    pub pickup_at: Timestamp,
    /// Who else could have made it at the least price, engaged or not, and that price.
    pub runner_up: Option<(DriverId, i64)>,
    /// What a driver's time was worth, in thousandths of a customer's.
    pub scarcity_permille: u32,
}

/// Whether a trip is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The driver must leave before the next tick: commit it.
    Go,
    /// It keeps: plan again.
    Hold,
}

/// An order that nobody drives by this plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponed {
    /// The order.
    pub order: OrderId,
    /// Why.
    pub why: Why,
}

/// Why an order is left waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No driver is near it, or free soon enough to be considered.
    NobodyNear,
    /// Whoever is near it goes off duty before the food could be taken over.
    NobodyInTime,
    /// Its drivers are needed more elsewhere; this one would have been the cheapest.
    Outbid {
        /// The driver.
        driver: DriverId,
    },
}
