//! An order, and its cancellation.

use doorstep_core::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId};
use doorstep_core::{cancel, order};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Money, Place, Time, ids};

/// An order, as its customer, its restaurant, its driver and operations see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Which.
    #[schema(value_type = ids::OrderId)]
    pub id: OrderId,
    /// Where it stands: the latest milestone. It goes back when a driver drops out.
    pub status: Status,
    /// Whose.
    #[schema(value_type = ids::CustomerId)]
    pub customer: CustomerId,
    /// From where.
    #[schema(value_type = ids::RestaurantId)]
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: Place,
    /// Where it is brought.
    pub drop_off: Place,
    /// What, at the server's prices.
    pub lines: Vec<Line>,
    /// What it costs, and why.
    pub quote: Quote,
    /// How its money stands.
    pub payment: Payment,
    /// When it was placed.
    pub placed_at: Time,
    /// When it was promised. It never moves.
    pub promised_at: Time,
    /// When it is expected at the door, as things stand.
    pub estimated_at: Time,
    /// Who comes for it or carries it; absent while nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Carrier>,
    /// Whether its customer may cancel, and on what terms.
    pub cancellation: Cancellation,
    /// Its milestones, the oldest first; at most 32.
    pub history: Vec<Milestone>,
    /// The time of this knowledge.
    pub as_of: Time,
}

/// Where an order stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for the restaurant.
    Pending,
    /// Accepted by the restaurant.
    Confirmed,
    /// Being prepared.
    Preparing,
    /// Ready, waiting for a driver.
    ReadyForPickup,
    /// A driver is coming for it.
    DriverAssigned,
    /// The driver is at the restaurant.
    DriverAtRestaurant,
    /// The driver has it.
    PickedUp,
    /// On the road to the customer.
    OnTheWay,
    /// The driver is at the door.
    AtDoorstep,
    /// Handed over.
    Delivered,
    /// Picked up, never handed over.
    Undelivered,
    /// Cancelled.
    Cancelled,
}

impl From<order::OrderStatus> for Status {
    fn from(status: order::OrderStatus) -> Self {
        use order::OrderStatus as S;
        match status {
            S::Pending => Self::Pending,
            S::Confirmed => Self::Confirmed,
            S::Preparing => Self::Preparing,
            S::ReadyForPickup => Self::ReadyForPickup,
            S::DriverAssigned => Self::DriverAssigned,
            S::DriverAtRestaurant => Self::DriverAtRestaurant,
            S::PickedUp => Self::PickedUp,
            S::OnTheWay => Self::OnTheWay,
            S::AtDoorstep => Self::AtDoorstep,
            S::Delivered => Self::Delivered,
            S::Undelivered => Self::Undelivered,
            S::Cancelled => Self::Cancelled,
        }
    }
}

impl Status {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Delivered | Self::Undelivered | Self::Cancelled => true,
            Self::Pending
            | Self::Confirmed
            | Self::Preparing
            | Self::ReadyForPickup
            | Self::DriverAssigned
            | Self::DriverAtRestaurant
            | Self::PickedUp
            | Self::OnTheWay
            | Self::AtDoorstep => false,
        }
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// What.
    #[schema(value_type = ids::ItemId)]
    pub item: ItemId,
    /// What the menu calls it; absent where it is no longer on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many.
    pub quantity: u32,
    /// How customised.
    #[schema(value_type = Vec<ids::ItemId>)]
    pub choices: Vec<ItemId>,
    /// The price of one unit with its choices.
    pub unit_price: Money,
}

/// What an order costs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// The sum of the lines.
    pub subtotal: Money,
    /// The fee for bringing it.
    pub delivery_fee: Money,
    /// The tax on both.
    pub tax: Money,
    /// What the customer pays.
    pub total: Money,
    /// From pick-up to drop-off as the crow flies: what the fee was reckoned by.
    pub distance_m: u32,
}

/// How the money of an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// Held, taken, given back.
    pub state: PaymentState,
    /// What the customer has paid so far, refunds deducted.
    pub paid: Money,
}

/// Held, taken, given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Something is being asked of the provider.
    Processing,
    /// Held on the customer's card, not taken.
    Held,
    /// Taken.
    Captured,
    /// Let go, never taken.
    Voided,
    /// Given back, all or in part.
    Refunded,
    /// The hold lapsed, or taking it failed for good.
    Failed,
}

/// Who comes for an order or carries it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Carrier {
    /// Who.
    #[schema(value_type = ids::DriverId)]
    pub id: DriverId,
    /// As part of what.
    #[schema(value_type = ids::DeliveryId)]
    pub delivery: DeliveryId,
    /// Where, at the last fix that is not stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Place>,
    /// Which way, in degrees clockwise from north, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading_deg: Option<u16>,
    /// When that fix was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Time>,
}

/// A milestone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Milestone {
    /// The status reached.
    pub status: Status,
    /// When.
    pub at: Time,
    /// By whom.
    pub by: Party,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The customer.
    Customer,
    /// The restaurant.
    Restaurant,
    /// The driver.
    Driver,
    /// A person who runs the platform.
    Operations,
    /// The platform by itself: a deadline, a geofence, a search.
    Platform,
}

impl From<order::Actor> for Party {
    fn from(actor: order::Actor) -> Self {
        match actor {
            order::Actor::Customer => Self::Customer,
            order::Actor::Restaurant => Self::Restaurant,
            order::Actor::Driver(_) => Self::Driver,
            order::Actor::Operations => Self::Operations,
            order::Actor::Platform => Self::Platform,
        }
    }
}

/// May the customer cancel, and on what terms. Advice for a page: the decision is made when it is
/// asked for, and a cancel that is too late gets 409 with the same words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cancellation {
    /// Which order.
    #[schema(value_type = ids::OrderId)]
    pub order: OrderId,
    /// Whether the button shows now.
    pub allowed: bool,
    /// On what ground, where it is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<Ground>,
    /// What the customer would get back or not be asked for, where it is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    /// What the customer would pay all the same, where it is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// Why not, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancellationReason>,
    /// With `not_yet`: from when on it is, if nothing happens before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The time of this knowledge.
    pub as_of: Time,
}

/// Why an order is not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancellationReason {
    /// The promise holds still: not before `from`.
    NotYet,
    /// The driver is at the door.
    AtDoorstep,
    /// It was picked up, and this party no longer has a say.
    PickedUp,
    /// It is over.
    Ended,
    /// This party never cancels.
    NotThisParty,
}

/// On what ground an order is or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The customer, before the restaurant answered.
    BeforeAcceptance,
    /// The customer, after the promised time.
    PromiseBroken,
    /// The customer, told that no driver was found so far.
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
    /// Operations decided so.
    Operations,
}

impl From<cancel::Ground> for Ground {
    fn from(ground: cancel::Ground) -> Self {
        use cancel::Ground as G;
        match ground {
            G::BeforeAcceptance => Self::BeforeAcceptance,
            G::PromiseBroken => Self::PromiseBroken,
            G::NoDriver => Self::NoDriver,
            G::RestaurantRejected => Self::RestaurantRejected,
            G::RestaurantCannot => Self::RestaurantCannot,
            G::RestaurantSilent => Self::RestaurantSilent,
            G::SearchExhausted => Self::SearchExhausted,
            G::NeverPickedUp => Self::NeverPickedUp,
            G::Operations => Self::Operations,
        }
    }
}
