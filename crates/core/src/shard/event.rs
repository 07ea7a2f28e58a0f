//! What happens in a shard, and what it answers.

use serde::{Deserialize, Serialize};

use crate::catalog::{self, CorruptCatalog};
use crate::checkout::{self, CorruptCheckout};
use crate::dispatch::{self, CorruptDispatch};
use crate::id::{CustomerId, DeliveryId, OrderId};
use crate::money::{Money, MoneyError};
use crate::order::{self, Actor, CorruptHistory};
use crate::payment;
use crate::policy::{Policy, PolicyError};
use crate::time::Timestamp;

/// A fact, past tense, of one of the rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The rules changed.
    PolicySet(Box<Policy>),
    /// The catalogue changed.
    Catalog(catalog::Event),
    /// Something happened to a checkout.
    Checkout {
        /// The order that it is to be.
        order: OrderId,
        /// What.
        event: checkout::Event,
    },
    /// Something happened to an order.
    Order {
        /// Which.
        order: OrderId,
        /// What.
        event: order::Event,
    },
    /// Something happened to a driver or a delivery.
    Dispatch(dispatch::Event),
}

/// The first answer to an identified command, and the only one it ever gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It is so.
    Done,
    /// The checkout is in the log, and the provider is being asked to hold the money.
    CheckoutOpened {
        /// The order that it will be.
        order: OrderId,
        /// What it costs.
        total: Money,
    },
    /// It is not done.
    Refused(Refusal),
}

/// Why a shard does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such order here, or it has left memory.
    #[error("there is no order {order}")]
    NoSuchOrder {
        /// The order asked for.
        order: OrderId,
    },
    /// There is no such delivery, or it is over.
    #[error("there is no delivery {delivery}, or it is over")]
    NoSuchDelivery {
        /// The delivery asked for.
        delivery: DeliveryId,
    },
    /// The delivery is over because its order was cancelled first. Said for as long as the order is
    /// remembered, then [`NoSuchDelivery`](Self::NoSuchDelivery).
    #[error("{order} was cancelled at {at}")]
    OrderCancelled {
        /// Which.
        order: OrderId,
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// The customer has ordered as often as policy allows.
    #[error("{customer} has ordered as often as allowed; again from {from}")]
    TooManyOrders {
        /// Who.
        customer: CustomerId,
        /// When the next one is possible.
        from: Timestamp,
    },
    /// The shard has as many checkouts and orders as policy allows.
    #[error("the shard already holds {most} orders")]
    OrdersFull {
        /// How many those are.
        most: u32,
    },
    /// A checkout whose money is held can no longer be given up: it is an order.
    #[error("the checkout is over")]
    CheckoutOver,
    /// Nothing is held for a checkout yet of which a fee could be kept: it is given up without one.
    #[error("a checkout is given up without a fee")]
    FeeBeforeHold,
    /// A promise is not earlier than the wish.
    #[error("a promise must not lie before the wish")]
    PromiseInThePast,
    /// The catalogue says no.
    #[error(transparent)]
    Catalog(#[from] catalog::Refusal),
    /// The order says no.
    #[error(transparent)]
    Order(#[from] order::Refusal),
    /// What the provider is said to have said of a checkout is not believed.
    #[error(transparent)]
    Payment(#[from] payment::Refusal),
    /// Dispatch says no; never that it does not know a delivery, which is
    /// [`NoSuchDelivery`](Self::NoSuchDelivery).
    #[error(transparent)]
    Dispatch(dispatch::Refusal),
    /// The rules are not sound.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The currency of a shard never changes.
    #[error("a shard does business in the currency it was made with")]
    CurrencyChanged,
    /// The amounts do not add up.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl From<dispatch::Refusal> for Refusal {
    fn from(refusal: dispatch::Refusal) -> Self {
        if let dispatch::Refusal::UnknownDelivery { delivery } = refusal {
            return Self::NoSuchDelivery { delivery };
        }
        Self::Dispatch(refusal)
    }
}

/// A batch that cannot follow the shard's state: the log is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptLog {
    /// Time went back.
    #[error("a batch at {at} follows one at {last_at}")]
    TimeWentBack {
        /// The batch's time.
        at: Timestamp,
        /// The time of the one before.
        last_at: Timestamp,
    },
    /// An event speaks of a checkout or an order that is not there, or is there already.
    #[error("an event does not fit {order}: it is not there, or there already")]
    NoSuchOrder {
        /// Which.
        order: OrderId,
    },
    /// A checkout's history is damaged.
    #[error("{order}: {corrupt}")]
    Checkout {
        /// Which.
        order: OrderId,
        /// How.
        corrupt: CorruptCheckout,
    },
    /// An order's history is damaged.
    #[error(transparent)]
    Order(#[from] CorruptHistory),
    /// The catalogue's history is damaged.
    #[error(transparent)]
    Catalog(#[from] CorruptCatalog),
    /// The history of drivers and deliveries is damaged.
    #[error(transparent)]
    Dispatch(#[from] CorruptDispatch),
}
