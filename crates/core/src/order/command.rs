//! What can be asked of an order.

use serde::{Deserialize, Serialize};

use super::phase::{Actor, FailReason};
use crate::id::{DeliveryId, DriverId};
use crate::money::Money;
use crate::payment::{Notice, Reply};
use crate::time::{Span, Timestamp};

/// What somebody wants an order to do. Whether that somebody may speak for the customer or the
/// restaurant was checked at the door; which driver may speak is checked here, in log order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The restaurant takes the order; the money is captured.
    Accept {
        /// When the kitchen will be done, if it says so.
        ready_at: Option<Timestamp>,
    },
    /// The restaurant does not take the order; the money is released.
    Reject,
    /// The kitchen begins.
    StartPreparing,
    /// The kitchen is done.
    MarkReady,
    /// Lines ran out: fewer units than ordered will come, and the customer pays less.
    Adjust {
        /// The lines that change.
        lines: Vec<Shortage>,
    },
    /// The expected arrival moved; the promise does not.
    ReviseEstimate {
        /// The new expectation.
        estimate: Timestamp,
    },
    /// A driver was found.
    AssignDriver {
        /// Who.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// The estimated way to the restaurant.
        travel: Span,
    },
    /// The driver is off the order before pick-up; the search begins again.
    DropDriver {
        /// Who.
        driver: DriverId,
        /// Why.
        why: DropReason,
    },
    /// Another driver takes the order over: before pick-up at operations' word, after it by
    /// meeting the first.
    HandOver {
        /// Who has it from now on.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// The estimated way to the restaurant, before pick-up.
        travel: Span,
    },
    /// The search has found nobody so far; the customer is told.
    FlagSearch,
    /// The driver reached the restaurant.
    ArriveAtRestaurant {
        /// Who.
        driver: DriverId,
    },
    /// The driver has the food.
    PickUp {
        /// Who.
        driver: DriverId,
    },
    /// The driver sets out for this customer.
    Depart {
        /// Who.
        driver: DriverId,
    },
    /// The driver is at the door.
    ArriveAtDoorstep {
        /// Who.
        driver: DriverId,
        /// How far from the drop-off the last fix was, where there is one.
        distance_m: Option<u32>,
    },
    /// The food is handed over.
    Deliver {
        /// Who.
        driver: DriverId,
    },
    /// The food will not be handed over.
    Fail {
        /// Who says so.
        by: Actor,
        /// Why.
        reason: FailReason,
        /// Whether it went back to the restaurant.
        returned: bool,
    },
    /// End the order.
    Cancel {
        /// Who wants it.
        by: Actor,
        /// What the customer agreed to pay all the same. Only operations agree on a fee.
        fee: Option<Money>,
    },
    /// The provider answered.
    Reply(Reply),
    /// The provider said something unasked.
    Notice(Notice),
    /// Time passed. Harmless at any moment, however often.
    Tick,
}

/// A line of which fewer units will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortage {
    /// The line, from 0.
    pub line: u32,
    /// How many units will come, fewer than before.
    pub quantity: u32,
}

/// Why a driver is off an order before pick-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The driver gave it back.
    Driver,
    /// The driver did not come, or did not take it.
    NoShow,
}
