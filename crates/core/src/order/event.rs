//! What happened to an order. Deadlines are reckoned when an event is decided and carried in it, so
//! that a later policy does not change the past.

use serde::{Deserialize, Serialize};

use super::command::{DropReason, Shortage};
use super::phase::{Actor, FailReason, OrderStatus};
use crate::cancel::Ground;
use crate::catalog::KitchenKind;
use crate::id::{DeliveryId, DriverId};
use crate::money::Money;
use crate::payment;
use crate::pricing::Quote;
use crate::time::{Span, Timestamp};

/// A fact about an order, past tense.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The money is held: the order exists.
    Placed {
        /// Unanswered at this time, it is cancelled.
        respond_by: Timestamp,
    },
    /// The restaurant took it.
    Accepted {
        /// Whether there is anything to prepare.
        kitchen: KitchenKind,
        /// When it is expected at the door.
        estimate: Timestamp,
        /// The search for a driver is given up at this time.
        give_up_at: Timestamp,
        /// Not picked up at this time, it is cancelled.
        pick_up_by: Timestamp,
    },
    /// The kitchen began.
    PreparingStarted,
    /// The kitchen is done.
    MadeReady {
        /// When it is expected at the door now.
        estimate: Timestamp,
    },
    /// Lines ran out.
    Adjusted {
        /// The lines that changed.
        lines: Vec<Shortage>,
        /// What it costs now.
        quote: Quote,
    },
    /// The expected arrival moved.
    EstimateRevised {
        /// The new expectation.
        estimate: Timestamp,
    },
    /// A driver is coming for it.
    DriverAssigned {
        /// Who.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// Not there at this time, the driver is taken off.
        arrive_by: Timestamp,
        /// When it is expected at the door now.
        estimate: Timestamp,
    },
    /// The driver is off it; the search began again.
    DriverDropped {
        /// Who.
        driver: DriverId,
        /// Why.
        why: DropReason,
        /// The new search is given up at this time.
        give_up_at: Timestamp,
    },
    /// Another driver has it.
    HandedOver {
        /// Who had it, where somebody did.
        from: Option<DriverId>,
        /// Who has it now.
        driver: DriverId,
        /// As part of what.
        delivery: DeliveryId,
        /// Before pick-up: not at the restaurant at this time, the driver is taken off.
        arrive_by: Timestamp,
    },
    /// The search found nobody so far, and the customer may cancel.
    SearchFlagged,
    /// The driver is at the restaurant.
    ArrivedAtRestaurant {
        /// Who.
        driver: DriverId,
        /// Beside a meal that is ready for longer than this, the driver is taken off.
        slack: Span,
    },
    /// The driver has it.
    PickedUp {
        /// Who.
        driver: DriverId,
        /// Not handed over at this time, it counts as lost.
        lost_at: Timestamp,
        /// When it is expected at the door now.
        estimate: Timestamp,
    },
    /// The driver set out for this customer.
    Departed {
        /// Who.
        driver: DriverId,
    },
    /// The driver is at the door: the cancel button is gone.
    ArrivedAtDoorstep {
        /// Who.
        driver: DriverId,
        /// Not handed over at this time, the customer counts as absent.
        leave_at: Timestamp,
        /// The last fix was this far from the door, further than policy believes.
        far_m: Option<u32>,
    },
    /// Handed over.
    Delivered {
        /// Who brought it.
        driver: DriverId,
    },
    /// Never handed over.
    Undelivered {
        /// Who says so.
        by: Actor,
        /// Why.
        reason: FailReason,
        /// Whether it went back to the restaurant.
        returned: bool,
    },
    /// Cancelled.
    Cancelled {
        /// By whom.
        by: Actor,
        /// On what ground.
        ground: Ground,
        /// What the customer pays all the same.
        fee: Money,
    },
    /// Something happened to the money.
    Payment(payment::Event),
}

/// One line of an order's history: who brought it to which status, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Milestone {
    /// The status reached.
    pub status: OrderStatus,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}
