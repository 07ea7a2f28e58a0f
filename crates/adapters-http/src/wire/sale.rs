//! A flash sale and its waiting room.

use doorstep_core::id::{ItemId, RestaurantId, SaleId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Time, ids};

/// A flash sale, as of the last thing that happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sale {
    /// Which.
    #[schema(value_type = ids::SaleId)]
    pub id: SaleId,
    /// Whose.
    #[schema(value_type = ids::RestaurantId)]
    pub restaurant: RestaurantId,
    /// What.
    #[schema(value_type = ids::ItemId)]
    pub item: ItemId,
    /// From when on units can be claimed.
    pub opens_at: Time,
    /// Whether nobody gets anything any more.
    pub closed: bool,
    /// Units there are.
    pub stock: u32,
    /// Units that nobody has.
    pub available: u32,
    /// Units held and not paid.
    pub held: u32,
    /// Units sold.
    pub sold: u32,
    /// People who wait.
    pub waiting: u64,
    /// People with a pass who have not entered.
    pub admitted: u64,
    /// Units that one person may have.
    pub per_customer: u32,
    /// Where the caller stands, if a customer asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The time of this knowledge.
    pub as_of: Time,
}

/// Where somebody stands in a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    /// Has a unit.
    Has {
        /// Which hold, and how far it has come.
        #[serde(flatten)]
        held: Held,
    },
    /// In the crowd before the start: the order is not drawn yet.
    Gathering {
        /// How many people are.
        people: u64,
        /// When it is drawn.
        opens_at: Time,
    },
    /// In the line.
    InLine {
        /// How many stand before this person.
        ahead: u64,
        /// How long that takes, in milliseconds; absent where nobody comes in by rate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Let in: claim before this time.
    Admitted {
        /// The pass is good before this time.
        until: Time,
    },
    /// Has none, and nothing is left.
    SoldOut,
    /// Has none, and does not wait.
    Outside,
}

/// A unit that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Names the hold in an order.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub hold: u64,
    /// How far it has come.
    pub hold_state: HeldState,
    /// Good before this time, while it waits to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// How far a hold has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// Waiting to be paid.
    Reserved,
    /// Being paid.
    Paying,
    /// Paid.
    Sold,
}
