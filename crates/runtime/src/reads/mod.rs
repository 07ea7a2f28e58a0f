//! Whole orders, menus, sales and drivers' desks, for whoever answers people: read by any thread,
//! without touching the writer.
//!
//! A host keeps them if [`HostConfig::reads`](crate::host::HostConfig::reads) says so: they cost the
//! memory of one more copy of the orders, the catalogue and the sales, and the writer a copy of each
//! order that a batch speaks of. Like the [views](crate::views) they may be behind the log by the
//! batches that are being published, never ahead of it; and whoever has heard the answer to a
//! command finds here what it did.
//!
//! [`Watch`] says when to look again.

mod census;
mod desk;
mod orders;
mod sales;
mod watch;

use std::sync::Arc;

use dashmap::DashMap;
use doorstep_core::catalog::{Catalog, Restaurant};
use doorstep_core::id::{DriverId, OrderId, RestaurantId, SaleId};
use doorstep_core::shard::{Event, Shard};
use doorstep_core::time::Timestamp;
use parking_lot::RwLock;

pub use census::Census;
pub use desk::{Carried, DriverDesk, OpenOffer};
pub use orders::{Known, Whose};
pub use sales::ShownSale;
pub(crate) use watch::Watchers;
pub use watch::{Changed, Subject, TooManyWatches, Watch};

use orders::Orders;
use sales::Sales;

/// What is kept for readers.
#[derive(Debug)]
pub(crate) struct Reads {
    pub(crate) orders: Orders,
    catalog: RwLock<Catalog>,
    sales: Sales,
    desks: DashMap<DriverId, Arc<DriverDesk>>,
}

impl Reads {
    /// What the counted state has.
    pub(crate) fn of(shard: &Shard) -> Self {
        let reads = Self {
            orders: Orders::default(),
            catalog: RwLock::new(shard.catalog().clone()),
            sales: Sales::of(shard),
            desks: DashMap::new(),
        };
        let orders = shard.orders().map(doorstep_core::order::Order::id);
        let checkouts = shard.checkouts().map(|checkout| checkout.intent().order);
        orders.chain(checkouts).for_each(|id| reads.orders.publish(id, shard));
        shard.dispatch().drivers().for_each(|(driver, _)| reads.publish_desk(driver, shard));
        reads
    }

    /// Follows a fact of a counted batch. Orders and desks are shown whole, by
    /// [`Orders::publish`] and [`publish_desk`](Self::publish_desk).
    pub(crate) fn follow(&self, event: &Event, at: Timestamp) {
        match event {
            Event::Catalog(event) => {
                // It counted: the shard has evolved by it.
                let _sound = self.catalog.write().evolve(event);
            }
            Event::SaleOpened { .. } | Event::Sale { .. } => self.sales.follow(event, at),
            Event::PolicySet(_)
            | Event::Checkout { .. }
            | Event::Order { .. }
            | Event::Dispatch(_)
            | Event::Provider { .. }
            | Event::SaleCheckout { .. } => {}
        }
    }

    pub(crate) fn publish_desk(&self, driver: DriverId, shard: &Shard) {
        match DriverDesk::of(driver, shard) {
            Some(desk) => {
                self.desks.insert(driver, Arc::new(desk));
            }
            None => {
                self.desks.remove(&driver);
            }
        }
    }

    /// Forgets the sales that the counted state has forgotten.
    pub(crate) fn retain_sales(&self, shard: &Shard) {
        self.sales.retain(shard);
    }

    pub(crate) fn order(&self, id: OrderId) -> Option<Known> {
        self.orders.get(id)
    }

    pub(crate) fn desk(&self, driver: DriverId) -> Option<Arc<DriverDesk>> {
        self.desks.get(&driver).map(|desk| Arc::clone(&desk))
    }

    pub(crate) fn restaurant<T>(
        &self,
        id: RestaurantId,
        look: impl FnOnce(&Restaurant) -> T,
    ) -> Option<T> {
        self.catalog.read().get(id).map(look)
    }

    pub(crate) fn sale<T>(&self, id: SaleId, look: impl FnOnce(&ShownSale) -> T) -> Option<T> {
        self.sales.look(id, look)
    }

    pub(crate) fn census(&self, now: Timestamp) -> Census {
        let mut census = self.orders.census(now);
        for desk in &self.desks {
            census.count_driver(desk.status);
        }
        census
    }
}
