//! What happens in a shard, and what it answers.

use serde::{Deserialize, Serialize};

use crate::catalog::{self, CorruptCatalog};
use crate::checkout::{self, CorruptCheckout};
use crate::dispatch::{self, CorruptDispatch};
use crate::flash_sale::sale::{self, Answer, CorruptSale};
use crate::flash_sale::{HoldId, Rules, RulesError};
use crate::id::{CustomerId, DeliveryId, ItemId, OrderId, RestaurantId, SaleId};
use crate::money::{Money, MoneyError};
use crate::order::{self, Actor, CorruptHistory};
use crate::payment;
use crate::policy::{Policy, PolicyError};
use crate::provider::{self, EventId, Field, Meaning};
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
    /// The payment provider told something for the first time. What follows from it stands in the
    /// same batch.
    Provider {
        /// What.
        event: Box<provider::Event>,
        /// What it was good for.
        heard: Heard,
    },
    /// A flash sale was opened.
    SaleOpened {
        /// Which.
        sale: SaleId,
        /// Whose item.
        restaurant: RestaurantId,
        /// Which item.
        item: ItemId,
        /// By which rules, as long as it lasts.
        rules: Box<Rules>,
    },
    /// Something happened in a flash sale.
    Sale {
        /// Which.
        sale: SaleId,
        /// What.
        event: sale::Event<CustomerId>,
    },
    /// A checkout carries a hold of a sale, just opened.
    SaleCheckout {
        /// Which sale.
        sale: SaleId,
        /// Which hold.
        hold: HoldId,
        /// The order that the checkout is to be.
        order: OrderId,
    },
}

/// What an event of the payment provider was good for. All of it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// The payment did not know it.
    Applied,
    /// It is about a payment here, and is no news: known already, or overtaken.
    NoNews,
    /// There is no such payment here, or it has left memory.
    UnknownPayment,
    /// It cannot be so: it has no effect, and somebody should look.
    NotBelieved {
        /// Why not.
        why: payment::Refusal,
    },
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
    /// The provider's event is heard: now, or when it came for the first time.
    Heard(Heard),
    /// What a customer of a flash sale is told.
    Sale(Answer),
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
    /// Too many of the customer's checkouts came to nothing: cards were declined, or it was
    /// withdrawn, as often as policy allows.
    #[error("too many checkouts of {customer} came to nothing; again from {from}")]
    TooManyFailures {
        /// Who.
        customer: CustomerId,
        /// When the next one is possible.
        from: Timestamp,
    },
    /// The shard has as many checkouts and orders as policy allows. Never an outcome
    /// ([`is_about_room`](Self::is_about_room)).
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
    /// An event of the provider came before under this id, and meant something else. That one
    /// stands; this one has no effect.
    #[error("{event} came before and meant something else")]
    ProviderConflict {
        /// The id.
        event: EventId,
        /// What it meant then.
        first: Box<Meaning>,
        /// In what the two differ.
        differs: Vec<Field>,
    },
    /// There is no such sale, or it has left memory.
    #[error("there is no sale {sale}")]
    NoSuchSale {
        /// The sale asked for.
        sale: SaleId,
    },
    /// The sale says no.
    #[error(transparent)]
    Sale(#[from] sale::Refusal),
    /// A sale cannot be opened by these rules.
    #[error(transparent)]
    SaleRules(#[from] RulesError),
    /// There is another sale by this name, or of this item.
    #[error("{sale} is another sale, or sells this already")]
    SaleTaken {
        /// Which.
        sale: SaleId,
    },
    /// As many sales are in memory as may be.
    #[error("the shard already holds {most} sales")]
    SalesFull {
        /// How many those are.
        most: u32,
    },
    /// The item is sold through a sale alone for the time being: claim a unit there.
    #[error("the item is sold through {sale} alone")]
    OnlyInSale {
        /// Which.
        sale: SaleId,
    },
    /// A hold is for one unit of the sale's item, in the cart of whom it belongs to.
    #[error("a hold is for one unit of the item of the sale")]
    NotWhatIsHeld,
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

impl Refusal {
    /// Whether it is only about how much there is at the moment, and passes by itself as others
    /// leave: a shard does not answer with such a refusal, but does not take the command
    /// ([`NotTaken::NoRoom`](crate::log::NotTaken::NoRoom)), so that the same may be sent again. A
    /// bound that somebody has to raise, or to make room under, is none of these.
    #[must_use]
    pub const fn is_about_room(&self) -> bool {
        matches!(
            self,
            Self::OrdersFull { .. }
                | Self::Dispatch(dispatch::Refusal::OrdersFull { .. })
                | Self::Sale(sale::Refusal::RoomFull { .. } | sale::Refusal::RefundsFull { .. })
        )
    }
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
    /// An event of the provider takes effect a second time.
    #[error("the provider's event {event} is there already")]
    ProviderTwice {
        /// Which.
        event: EventId,
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
    /// A sale's history is damaged.
    #[error("{sale}: {corrupt}")]
    Sale {
        /// Which.
        sale: SaleId,
        /// How.
        corrupt: CorruptSale,
    },
    /// An event speaks of a sale that is not there, or is there already.
    #[error("an event does not fit {sale}: it is not there, or there already")]
    NoSuchSale {
        /// Which.
        sale: SaleId,
    },
    /// The catalogue's history is damaged.
    #[error(transparent)]
    Catalog(#[from] CorruptCatalog),
    /// The history of drivers and deliveries is damaged.
    #[error(transparent)]
    Dispatch(#[from] CorruptDispatch),
}
