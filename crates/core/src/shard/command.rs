//! What can be asked of a shard.

use serde::{Deserialize, Serialize};

use crate::catalog::{self, Cart};
use crate::dispatch::{Proposal, Round};
use crate::eta::Vehicle;
use crate::flash_sale::HoldId;
use crate::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId, SaleId};
use crate::money::Money;
use crate::order::{FailReason, Shortage};
use crate::payment::Reply;
use crate::place::LatLng;
use crate::policy::Policy;
use crate::provider;
use crate::time::Timestamp;

/// What somebody wants. Whether that somebody may speak for the customer, the restaurant or the
/// driver named was checked at the door; what is so is decided here, in log order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Operations change the rules.
    SetPolicy(Box<Policy>),
    /// A restaurant or operations change the catalogue.
    Catalog(catalog::Command),
    /// A customer orders.
    Checkout(Box<Wish>),
    /// Somebody wants an order ended.
    Cancel {
        /// Which.
        order: OrderId,
        /// Who.
        by: Canceller,
    },
    /// The restaurant speaks of an order.
    Restaurant {
        /// Which.
        order: OrderId,
        /// What it says.
        act: RestaurantAct,
    },
    /// A driver speaks.
    Driver {
        /// Who.
        driver: DriverId,
        /// What.
        act: DriverAct,
    },
    /// Operations speak.
    Operations(OperationsAct),
    /// Somebody speaks of a flash sale.
    Sale {
        /// Which.
        sale: SaleId,
        /// What.
        act: SaleAct,
    },
    /// The matcher found drivers for a delivery that wanted some.
    Propose(Proposal),
    /// The matcher looked who is near each delivery that wants somebody: they are planned together,
    /// and those whose drivers must leave are offered. What is decided so is told by
    /// [`Shard::plan`](super::Shard::plan).
    Plan(Box<Round>),
    /// The estimate of an order moved.
    ReviseEstimate {
        /// Which.
        order: OrderId,
        /// When it is expected now.
        estimate: Timestamp,
    },
    /// The payment provider answered.
    Reply {
        /// For which order or checkout.
        order: OrderId,
        /// What.
        reply: Reply,
    },
    /// The payment provider told something of its own accord, verified and read. It may come any
    /// number of times, in any order, with or without a command id: the event's own id is the key
    /// under which it takes effect once.
    Provider(Box<provider::Event>),
    /// Time passed: the earliest deadline that has come is dealt with, one a tick. Harmless at any
    /// moment.
    Tick,
}

/// What a customer wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Who.
    pub customer: CustomerId,
    /// What.
    pub cart: Cart,
    /// Where to.
    pub drop_off: LatLng,
    /// The time that the service quoted to the customer; without one, policy promises.
    pub promised: Option<Timestamp>,
}

/// Who wants an order ended. Deadlines end orders by [`Command::Tick`], restaurants by
/// [`RestaurantAct`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceller {
    /// The customer.
    Customer,
    /// The restaurant, after it accepted.
    Restaurant,
    /// Operations.
    Operations {
        /// What the customer agreed to pay all the same. A checkout has nothing held yet to keep it
        /// of: with a fee it is not given up.
        fee: Option<Money>,
    },
}

/// What a restaurant says of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestaurantAct {
    /// It takes it.
    Accept {
        /// When it will be ready, if the kitchen says so.
        ready_at: Option<Timestamp>,
    },
    /// It does not take it.
    Reject,
    /// The kitchen begins.
    StartPreparing,
    /// The kitchen is done.
    MarkReady,
    /// Lines ran out.
    Adjust {
        /// Which.
        lines: Vec<Shortage>,
    },
}

/// What a driver says. Of a delivery with several orders, the door is always that of the first one
/// not yet handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverAct {
    /// I begin.
    GoOnline,
    /// No more offers for me.
    GoOffline,
    /// I take it.
    Accept {
        /// What.
        delivery: DeliveryId,
    },
    /// I do not take it.
    Decline {
        /// What.
        delivery: DeliveryId,
    },
    /// I give it back, before pick-up.
    Drop {
        /// What.
        delivery: DeliveryId,
    },
    /// I am at the restaurant.
    ArriveAtRestaurant {
        /// For what.
        delivery: DeliveryId,
    },
    /// I have it.
    PickUp {
        /// What.
        delivery: DeliveryId,
    },
    /// I set out for the next door.
    Depart {
        /// With what.
        delivery: DeliveryId,
    },
    /// I am at the door.
    ArriveAtDoorstep {
        /// With what.
        delivery: DeliveryId,
        /// How far from it the last fix was, where there is one.
        distance_m: Option<u32>,
    },
    /// It is handed over.
    Deliver {
        /// What.
        delivery: DeliveryId,
    },
    /// It will not be handed over.
    Fail {
        /// What.
        delivery: DeliveryId,
        /// Why.
        reason: FailReason,
        /// Whether it went back to the restaurant.
        returned: bool,
    },
}

/// What operations say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationsAct {
    /// A driver works in this shard from now on.
    Admit {
        /// Who.
        driver: DriverId,
        /// By what.
        vehicle: Vehicle,
    },
    /// A driver works elsewhere from now on.
    Release {
        /// Who.
        driver: DriverId,
    },
    /// A delivery is given to this driver, from the search or from another driver.
    HandOver {
        /// What.
        delivery: DeliveryId,
        /// To whom.
        driver: DriverId,
        /// How far the driver is from the restaurant.
        distance_m: u32,
    },
    /// An order that was picked up will not be handed over.
    Fail {
        /// Which.
        order: OrderId,
        /// Why.
        reason: FailReason,
        /// Whether it went back to the restaurant.
        returned: bool,
    },
}

/// What is said of a flash sale.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleAct {
    /// Operations open it. From then on its item is sold through it alone.
    Open(Offering),
    /// Operations end it: nobody gets anything any more, and its item is sold as any other.
    Close,
    /// A customer wants a unit.
    Claim {
        /// Who.
        customer: CustomerId,
        /// Which of the customer's units, from 1: what tells a retry from a further claim.
        nth: u32,
    },
    /// A customer gives a unit back that is not being paid for.
    Release {
        /// Who.
        customer: CustomerId,
        /// Which.
        hold: HoldId,
    },
    /// A customer orders what is held: a checkout that carries the hold. It becomes an order, and
    /// the unit is sold; or it does not, and the unit goes to the next.
    Checkout {
        /// Which hold.
        hold: HoldId,
        /// What; one unit of the sale's item is in the cart.
        wish: Box<Wish>,
    },
    /// A customer wants to wait.
    Join {
        /// Who.
        customer: CustomerId,
    },
    /// A customer does not want to wait any more.
    Leave {
        /// Who.
        customer: CustomerId,
    },
}

/// What is offered in a flash sale; the rest of its rules is policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offering {
    /// Whose.
    pub restaurant: RestaurantId,
    /// What.
    pub item: ItemId,
    /// How many.
    pub stock: u32,
    /// From when on.
    pub opens_at: Timestamp,
    /// With a waiting room, or without.
    pub crowd: Option<Crowd>,
}

/// A waiting room's part of an [`Offering`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    /// How many people a second the rest of the service can take.
    pub capacity_per_s: u32,
    /// What shuffles those who come before the start: drawn at random, and not told before it.
    pub seed: u64,
}
