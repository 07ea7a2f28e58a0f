//! The log as the auditor reads it: only the fields that it judges by, under the names that they
//! have in the log. Written from the protocol, not from the code that writes the log.

use std::borrow::Cow;

use doorstep_core::id::{
    CommandId, CustomerId, DeliveryId, DriverId, OrderId, RestaurantId, SaleId,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::facts::{Failure, Ground, NoHold};

/// The version of the written form that this auditor reads.
pub(super) const FORMAT: u32 = 1;

/// An entry of the log.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    Claim {
        format: u32,
        epoch: u64,
        #[serde(borrow)]
        writer: Cow<'a, str>,
    },
    #[serde(borrow)]
    Batch(Batch<'a>),
    Mark {
        epoch: u64,
        #[serde(borrow)]
        writer: Cow<'a, str>,
    },
}

#[derive(Deserialize)]
pub(super) struct Batch<'a> {
    pub(super) epoch: u64,
    #[serde(borrow)]
    pub(super) writer: Cow<'a, str>,
    pub(super) seq: u64,
    pub(super) at: i64,
    pub(super) cause: Option<Cause>,
    pub(super) events: Vec<Event>,
    pub(super) outcome: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Cause {
    pub(super) id: CommandId,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    PolicySet(Rules),
    Catalog(IgnoredAny),
    Checkout { order: OrderId, event: Checkout },
    Order { order: OrderId, event: Order },
    Dispatch(Dispatch),
    Provider(Provider),
    SaleOpened { sale: SaleId, rules: SaleRules },
    Sale { sale: SaleId, event: SaleEvent },
    SaleCheckout { sale: SaleId, hold: u64, order: OrderId },
}

/// What the payment provider told. What follows from it stands beside it in the batch.
#[derive(Deserialize)]
pub(super) struct Provider {
    pub(super) event: ProviderEvent,
    pub(super) heard: Value,
}

#[derive(Deserialize)]
pub(super) struct ProviderEvent {
    pub(super) id: String,
    pub(super) says: Meaning,
}

#[derive(Deserialize)]
pub(super) struct Meaning {
    /// The order's id, and perhaps more behind a slash.
    pub(super) about: String,
    pub(super) fact: Fact,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fact {
    Held { amount: Amount },
    Declined,
    Captured { amount: Amount },
    Voided,
    Lapsed,
    Refunded { amount: Amount },
    RefundFailed { amount: Amount },
    RefundedInAll {},
}

impl Provider {
    /// Whose money it is about.
    pub(super) fn order(&self) -> Option<OrderId> {
        self.event.says.about.split('/').next()?.parse().ok()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct SaleRules {
    pub(super) stock: u32,
    pub(super) per_user: u32,
    pub(super) opens_at: i64,
    pub(super) admission: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SaleEvent {
    Held { hold: u64, user: CustomerId, nth: u32, until: i64 },
    PaymentStarted { hold: u64 },
    Sold { hold: u64 },
    SoldLate { hold: u64 },
    RefundDue { hold: u64 },
    Released { hold: u64 },
    Expired { hold: u64 },
    Closed,
    Room(Room),
}

/// What happened among those who wait.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Room {
    Joined { user: CustomerId },
    Started {},
    Admitted {},
    Lapsed {},
    Entered {},
    SentBack {},
    Left { user: CustomerId },
}

#[derive(Deserialize)]
pub(super) struct Rules {
    pub(super) dispatch: DispatchRules,
}

#[derive(Deserialize)]
pub(super) struct DispatchRules {
    pub(super) capacity: u32,
    pub(super) plan: Option<PlanRules>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct PlanRules {
    pub(super) bundle_max: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Amount {
    pub(super) minor: i64,
}

#[derive(Deserialize)]
pub(super) struct Quote {
    pub(super) total: Amount,
    pub(super) distance_m: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Checkout {
    Opened { intent: Intent },
    Payment(Payment),
    GivenUp,
}

#[derive(Deserialize)]
pub(super) struct Intent {
    pub(super) promised: i64,
    pub(super) quote: Quote,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Payment {
    Held { until: i64 },
    HoldRefused { why: NoHold },
    Captured { amount: Amount },
    Refunded { amount: Amount },
    Released { why: Release },
    Failed { step: Step, attempt: u32 },
    Noticed { news: News },
}

/// What the provider said unasked.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    Authorised { amount: Amount, until: Option<i64> },
    Declined,
    Captured { total: Amount },
    Cancelled,
    Expired,
    Refunded { refund: RefundId, amount: Amount },
    RefundFailed { refund: RefundId, amount: Amount },
}

/// Whose refund, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundId {
    Ours(u32),
    Theirs(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Release {
    Voided,
    Lapsed,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Hold,
    Capture,
    Void,
    Refund,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Actor {
    Customer,
    Restaurant,
    Driver(DriverId),
    Operations,
    Platform,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KitchenKind {
    Cooks,
    Shelf,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Placed { respond_by: i64 },
    Accepted { kitchen: KitchenKind, give_up_at: i64, pick_up_by: i64 },
    PreparingStarted,
    MadeReady {},
    Adjusted { quote: Quote },
    EstimateRevised {},
    DriverAssigned { driver: DriverId, delivery: DeliveryId },
    DriverDropped { driver: DriverId, give_up_at: i64 },
    HandedOver { from: Option<DriverId>, driver: DriverId, delivery: DeliveryId },
    SearchFlagged,
    ArrivedAtRestaurant { driver: DriverId },
    PickedUp { driver: DriverId, lost_at: i64 },
    Departed { driver: DriverId },
    ArrivedAtDoorstep { driver: DriverId, leave_at: i64 },
    Delivered { driver: DriverId },
    Undelivered { by: Actor, reason: Failure },
    Cancelled { by: Actor, ground: Ground, fee: Amount },
    Payment(Payment),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dispatch {
    DriverAdmitted {
        driver: DriverId,
    },
    VehicleChanged {
        driver: DriverId,
    },
    DriverReleased {
        driver: DriverId,
    },
    WentOnline {
        driver: DriverId,
    },
    WentOffline {
        driver: DriverId,
    },
    Opened {
        delivery: DeliveryId,
        restaurant: RestaurantId,
        orders: Vec<OrderId>,
    },
    OfferMade {
        delivery: DeliveryId,
        driver: DriverId,
        expires_at: i64,
        #[serde(default)]
        bundle: Vec<DeliveryId>,
    },
    OfferClosed {
        delivery: DeliveryId,
        driver: DriverId,
        why: Closing,
    },
    StageEntered {
        delivery: DeliveryId,
    },
    Taken {
        delivery: DeliveryId,
        driver: DriverId,
        #[serde(default)]
        bundle: Vec<DeliveryId>,
    },
    Dropped {
        delivery: DeliveryId,
        driver: DriverId,
        #[serde(default)]
        parted: Vec<DeliveryId>,
    },
    Reassigned {
        delivery: DeliveryId,
        from: Option<DriverId>,
        to: DriverId,
    },
    Finished {
        delivery: DeliveryId,
        order: OrderId,
        end: Finish,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Closing {
    Declined,
    Expired,
    Withdrawn,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finish {
    Delivered {},
    Undelivered {},
    Cancelled,
}

impl Order {
    /// As it stands in the log.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Placed { .. } => "placed",
            Self::Accepted { .. } => "accepted",
            Self::PreparingStarted => "preparing_started",
            Self::MadeReady {} => "made_ready",
            Self::Adjusted { .. } => "adjusted",
            Self::EstimateRevised {} => "estimate_revised",
            Self::DriverAssigned { .. } => "driver_assigned",
            Self::DriverDropped { .. } => "driver_dropped",
            Self::HandedOver { .. } => "handed_over",
            Self::SearchFlagged => "search_flagged",
            Self::ArrivedAtRestaurant { .. } => "arrived_at_restaurant",
            Self::PickedUp { .. } => "picked_up",
            Self::Departed { .. } => "departed",
            Self::ArrivedAtDoorstep { .. } => "arrived_at_doorstep",
            Self::Delivered { .. } => "delivered",
            Self::Undelivered { .. } => "undelivered",
            Self::Cancelled { .. } => "cancelled",
            Self::Payment(_) => "payment",
        }
    }
}
