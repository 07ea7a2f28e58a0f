//! The composition: one city, one writer, no locks.
//!
//! A [`Shard`] owns everything that its decisions depend on: policy, catalogue, checkouts, orders,
//! drivers and deliveries, flash sales, the outcomes of commands. [`Shard::decide`] turns a [`Command`] into
//! [`Event`]s and an [`Outcome`], and changes nothing; [`Shard::apply`] takes a batch that counts
//! in the log, and decides nothing. The log room's [`Replica`](crate::log::Replica) drives both.
//!
//! What it adds to the rooms is what lies between them: an acceptance opens a delivery, a driver's
//! tap moves the orders of the delivery, an end frees the driver. Each such pair stands in one
//! batch, so that no reader ever sees one without the other.

mod agenda;
mod apply;
mod bag;
mod called_off;
mod command;
mod consequences;
mod customers;
mod decide;
mod event;
mod plan;
mod provider;
mod sales;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use command::{
    Canceller, Command, Crowd, DriverAct, Offering, OperationsAct, RestaurantAct, SaleAct, Wish,
};
pub use event::{CorruptLog, Event, Heard, Outcome, Refusal};
pub use sales::Listed;

use agenda::{Agenda, Waits};
use called_off::CalledOff;
use customers::Customers;
use sales::Sales;

use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::dispatch::{Dispatch, Wanted};
use crate::id::{IdGenerator, OrderId, SaleId, ShardId};
use crate::idempotency::{Bounds, Ledger};
use crate::log::{Batch, Cause, CauseBounds, Causes, Decision, Machine, NotTaken};
use crate::order::Order;
use crate::payment::Effect;
use crate::policy::Policy;
use crate::provider::{EventId, Meaning};
use crate::time::Timestamp;

/// One shard's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Shard {
    policy: Policy,
    ids: IdGenerator,
    last_at: Timestamp,
    catalog: Catalog,
    checkouts: BTreeMap<OrderId, Checkout>,
    /// Boxed: ids rise, and a map that grows at its end leaves half of its room empty.
    orders: BTreeMap<OrderId, Box<Order>>,
    dispatch: Dispatch,
    customers: Customers,
    sales: Sales,
    causes: Causes<Outcome>,
    heard: Ledger<EventId, Heard, Meaning>,
    #[serde(skip_serializing_if = "CalledOff::is_empty")]
    called_off: CalledOff,
    #[serde(skip)]
    agenda: Agenda,
}

/// The stored form: a shard without its derived indexes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    policy: Policy,
    ids: IdGenerator,
    last_at: Timestamp,
    catalog: Catalog,
    checkouts: BTreeMap<OrderId, Checkout>,
    orders: BTreeMap<OrderId, Box<Order>>,
    dispatch: Dispatch,
    customers: Customers,
    sales: Sales,
    causes: Causes<Outcome>,
    heard: Ledger<EventId, Heard, Meaning>,
    #[serde(default)]
    called_off: CalledOff,
}

impl From<Stored> for Shard {
    fn from(stored: Stored) -> Self {
        let mut agenda = Agenda::default();
        for (&id, checkout) in &stored.checkouts {
            agenda.update(id, Waits::default(), Waits::of_checkout(checkout));
        }
        for (&id, order) in &stored.orders {
            agenda.update(id, Waits::default(), Waits::of_order(order));
        }
        let Stored {
            policy,
            ids,
            last_at,
            catalog,
            checkouts,
            orders,
            dispatch,
            customers,
            sales,
            causes,
            heard,
            called_off,
        } = stored;
        Self {
            policy,
            ids,
            last_at,
            catalog,
            checkouts,
            orders,
            dispatch,
            customers,
            sales,
            causes,
            heard,
            called_off,
            agenda,
        }
    }
}

impl Shard {
    /// An empty shard that decides by `policy`, which is to pass [`Policy::check`]: one that does
    /// not is not refused here, and the promises of the rooms do not hold under it.
    #[must_use]
    pub fn new(id: ShardId, policy: Policy) -> Self {
        Self {
            policy,
            ids: IdGenerator::new(id),
            last_at: Timestamp::EPOCH,
            catalog: Catalog::default(),
            checkouts: BTreeMap::new(),
            orders: BTreeMap::new(),
            dispatch: Dispatch::default(),
            customers: Customers::default(),
            sales: Sales::default(),
            causes: Causes::default(),
            heard: Ledger::default(),
            called_off: CalledOff::default(),
            agenda: Agenda::default(),
        }
    }

    /// The rules in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Restaurants and their menus.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Drivers and deliveries.
    #[must_use]
    pub const fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// The outcomes of commands that are remembered.
    #[must_use]
    pub const fn causes(&self) -> &Causes<Outcome> {
        &self.causes
    }

    /// The time of the last batch.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// An order, until some time after its end (policy, `retain_terminal`).
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id).map(Box::as_ref)
    }

    /// The orders in memory, by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().map(Box::as_ref)
    }

    /// A checkout that is not an order, or not yet.
    #[must_use]
    pub fn checkout(&self, id: OrderId) -> Option<&Checkout> {
        self.checkouts.get(&id)
    }

    /// The checkouts in memory, by id.
    pub fn checkouts(&self) -> impl Iterator<Item = &Checkout> {
        self.checkouts.values()
    }

    /// A flash sale, until some time after its end.
    #[must_use]
    pub fn sale(&self, id: SaleId) -> Option<&Listed> {
        self.sales.get(id)
    }

    /// The flash sales in memory, by id.
    pub fn sales(&self) -> impl Iterator<Item = (SaleId, &Listed)> {
        self.sales.iter()
    }

    /// When [`Command::Tick`] has something to do next; `None` when nothing waits.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let own = self.agenda.next_deadline().map(|(at, _)| at);
        let sale = self.sales.next_deadline().map(|(at, _)| at);
        [own, self.dispatch.next_deadline(), sale].into_iter().flatten().min()
    }

    /// What the outside world must still do, by order id. Each stays until its result is recorded.
    pub fn pending_effects(&self) -> impl Iterator<Item = Effect> {
        self.agenda.effects().filter_map(|id| self.pending_effect(id))
    }

    /// What the outside world must still do for this checkout or order.
    #[must_use]
    pub fn pending_effect(&self, id: OrderId) -> Option<Effect> {
        let due = match self.orders.get(&id) {
            Some(order) => order.payment().due(),
            None => self.checkouts.get(&id)?.due(),
        };
        due.map(|due| Effect { order: id, due })
    }

    /// The deliveries that need candidates, the most urgent first.
    pub fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.dispatch.wanted(&self.policy)
    }

    fn cause_bounds(&self) -> CauseBounds {
        CauseBounds {
            horizon: self.policy.memory.retry_horizon,
            clock_skew: self.policy.memory.clock_skew,
            max: self.policy.memory.causes_max,
            refusals_max: self.policy.memory.refusals_max,
        }
    }

    fn heard_bounds(&self) -> Bounds {
        let memory = &self.policy.memory;
        Bounds::at_once(memory.provider_horizon, memory.provider_events_max)
    }
}

impl Machine for Shard {
    type Command = Command;
    type Event = Event;
    type Outcome = Outcome;
    type Corrupt = CorruptLog;

    fn decide(
        &self,
        command: &Command,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<Decision<Event, Outcome>, NotTaken> {
        Self::decide(self, command, cause, now)
    }

    fn apply(&mut self, batch: &Batch<Event, Outcome>) -> Result<(), CorruptLog> {
        Self::apply(self, batch)
    }
}
