//! What is worth knowing of an order, in few bytes.

use doorstep_core::id::{DriverId, OrderId};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Handed over.
    Delivered,
    /// Picked up and never handed over.
    Undelivered(Failure),
    /// Cancelled.
    Cancelled(Ground),
}

/// Why an order was never handed over, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nobody came to the door. The customer pays.
    CustomerAbsent,
    /// The customer would not take it, and pays.
    CustomerRefused,
    /// Spoilt on the way. The customer pays nothing.
    Accident,
    /// Driver and food are gone. The customer pays nothing.
    Lost,
}

/// On what ground an order was cancelled, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The customer, before the restaurant answered.
    BeforeAcceptance,
    /// The customer, after the promised time.
    PromiseBroken,
    /// The customer, told that no driver was found.
    NoDriver,
    /// The restaurant did not take it.
    RestaurantRejected,
    /// The restaurant took it and cannot make it.
    RestaurantCannot,
    /// The restaurant did not answer in time.
    RestaurantSilent,
    /// The search for a driver ended without one.
    SearchExhausted,
    /// It was never picked up.
    NeverPickedUp,
    /// Operations.
    Operations,
}

/// Why no order came of a checkout, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoHold {
    /// The bank said no.
    Declined,
    /// Every attempt failed.
    Unavailable,
    /// Given up before the answer.
    GivenUp,
}

impl Failure {
    /// As it stands in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerAbsent => "customer_absent",
            Self::CustomerRefused => "customer_refused",
            Self::Accident => "accident",
            Self::Lost => "lost",
        }
    }

    /// Whether the customer pays all the same.
    #[must_use]
    pub const fn customer_pays(self) -> bool {
        match self {
            Self::CustomerAbsent | Self::CustomerRefused => true,
            Self::Accident | Self::Lost => false,
        }
    }
}

impl Ground {
    /// As it stands in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeAcceptance => "before_acceptance",
            Self::PromiseBroken => "promise_broken",
            Self::NoDriver => "no_driver",
            Self::RestaurantRejected => "restaurant_rejected",
            Self::RestaurantCannot => "restaurant_cannot",
            Self::RestaurantSilent => "restaurant_silent",
            Self::SearchExhausted => "search_exhausted",
            Self::NeverPickedUp => "never_picked_up",
            Self::Operations => "operations",
        }
    }

    /// Whether the restaurant never took the order: it said no, or nothing.
    #[must_use]
    pub const fn is_rejection(self) -> bool {
        match self {
            Self::RestaurantRejected | Self::RestaurantSilent => true,
            Self::BeforeAcceptance
            | Self::PromiseBroken
            | Self::NoDriver
            | Self::RestaurantCannot
            | Self::SearchExhausted
            | Self::NeverPickedUp
            | Self::Operations => false,
        }
    }
}

impl NoHold {
    /// As it stands in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
            Self::GivenUp => "given_up",
        }
    }
}

/// One checkout and the order that came of it, as the log tells it. Times are milliseconds since
/// the Unix epoch, those of the batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// Which.
    pub order: OrderId,
    /// When the customer asked for it.
    pub opened_at: i64,
    /// For when it was promised.
    pub promised: i64,
    /// When its money was held: from here on it is an order.
    pub placed_at: Option<i64>,
    /// When the restaurant took it.
    pub accepted_at: Option<i64>,
    /// When the kitchen was done; a pick-up says so too.
    pub ready_at: Option<i64>,
    /// When a driver had it.
    pub picked_up_at: Option<i64>,
    /// When a driver was at the door.
    pub at_doorstep_at: Option<i64>,
    /// Who brought it, or had it last.
    pub driver: Option<DriverId>,
    /// When it ended, and how.
    pub end: Option<(i64, End)>,
    /// Why it never became an order.
    pub no_hold: Option<NoHold>,
    /// How far the restaurant is from the door, in metres, as the quote says.
    pub distance_m: u32,
}

impl OrderFacts {
    pub(super) const fn new(
        order: OrderId,
        opened_at: i64,
        promised: i64,
        distance_m: u32,
    ) -> Self {
        Self {
            order,
            opened_at,
            promised,
            placed_at: None,
            accepted_at: None,
            ready_at: None,
            picked_up_at: None,
            at_doorstep_at: None,
            driver: None,
            end: None,
            no_hold: None,
            distance_m,
        }
    }
}

/// What the payment provider's own book says of one order, all told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookEntry {
    /// Whose money.
    pub order: OrderId,
    /// How much was held by the successful hold, whatever became of it.
    pub held_minor: i64,
    /// How much was taken.
    pub captured_minor: i64,
    /// How much of it was given back.
    pub refunded_minor: i64,
    /// Whether the hold was released.
    pub voided: bool,
    /// Holds that succeeded, each under a key of its own.
    pub holds: u32,
    /// Captures that succeeded, each under a key of its own.
    pub captures: u32,
}
