//! Whole orders and checkouts, by id and by whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use dashmap::DashMap;
use doorstep_core::checkout::{self, Checkout};
use doorstep_core::id::{CustomerId, OrderId, RestaurantId};
use doorstep_core::order::Order;
use doorstep_core::shard::Shard;
use doorstep_core::time::Timestamp;
use parking_lot::RwLock;

use super::Census;

/// A checkout or an order, as the counted state had it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is not an order, or not yet.
    Checkout(Arc<Checkout>),
    /// It is an order.
    Order(Arc<Order>),
}

impl Known {
    /// Whose it is.
    #[must_use]
    pub fn customer(&self) -> CustomerId {
        match self {
            Self::Checkout(checkout) => checkout.intent().customer,
            Self::Order(order) => order.intent().customer,
        }
    }
}

/// Whose orders are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// A customer's.
    Customer(CustomerId),
    /// A restaurant's.
    Restaurant(RestaurantId),
}

/// Bounded as the shard's orders and checkouts are (`orders_max` of policy).
#[derive(Debug, Default)]
pub(crate) struct Orders {
    by_id: DashMap<OrderId, Known>,
    by_whose: RwLock<BTreeSet<(Whose, OrderId)>>,
}

impl Orders {
    pub(super) fn get(&self, id: OrderId) -> Option<Known> {
        self.by_id.get(&id).map(|known| known.clone())
    }

    /// Somebody's orders, the newest first, from before `before` on: as many as asked for, unless there
    /// are no more.
    pub(crate) fn of(
        &self,
        whose: Whose,
        mut before: Option<OrderId>,
        limit: usize,
    ) -> Vec<Arc<Order>> {
        let mut found = Vec::new();
        // Those that are forgotten between the one look and the other leave room on the page.
        while found.len() < limit {
            let ids = self.listed(whose, before, limit.saturating_sub(found.len()));
            let Some(last) = ids.last() else { break };
            before = Some(*last);
            found.extend(ids.iter().filter_map(|id| self.order(*id)));
        }
        found
    }

    fn listed(&self, whose: Whose, before: Option<OrderId>, limit: usize) -> Vec<OrderId> {
        let first = (whose, OrderId::truncating(0));
        let listed = self.by_whose.read();
        match before {
            Some(before) => {
                listed.range(first..(whose, before)).rev().map(|(_, id)| *id).take(limit).collect()
            }
            None => {
                let last = (whose, OrderId::truncating(u64::MAX));
                listed.range(first..=last).rev().map(|(_, id)| *id).take(limit).collect()
            }
        }
    }

    fn order(&self, id: OrderId) -> Option<Arc<Order>> {
        match self.by_id.get(&id)?.value() {
            Known::Order(order) => Some(Arc::clone(order)),
            Known::Checkout(_) => None,
        }
    }

    /// Shows an order or a checkout as the counted state has it, or forgets it.
    pub(crate) fn publish(&self, id: OrderId, shard: &Shard) {
        match (shard.order(id), shard.checkout(id)) {
            (Some(order), _) => {
                let intent = order.intent();
                let (customer, restaurant) = (intent.customer, intent.restaurant);
                let before = self.by_id.insert(id, Known::Order(Arc::new(order.clone())));
                if !matches!(before, Some(Known::Order(_))) {
                    let mut listed = self.by_whose.write();
                    listed.insert((Whose::Customer(customer), id));
                    listed.insert((Whose::Restaurant(restaurant), id));
                }
            }
            (None, Some(checkout)) => {
                self.by_id.insert(id, Known::Checkout(Arc::new(checkout.clone())));
            }
            (None, None) => self.forget(id),
        }
    }

    pub(crate) fn forget(&self, id: OrderId) {
        if let Some(order) = self.hide(id) {
            let intent = order.intent();
            let mut listed = self.by_whose.write();
            listed.remove(&(Whose::Customer(intent.customer), id));
            listed.remove(&(Whose::Restaurant(intent.restaurant), id));
        }
    }

    /// The first half of forgetting: it is listed, and not found.
    pub(crate) fn hide(&self, id: OrderId) -> Option<Arc<Order>> {
        match self.by_id.remove(&id)?.1 {
            Known::Order(order) => Some(order),
            Known::Checkout(_) => None,
        }
    }

    /// A look at every one.
    pub(super) fn census(&self, now: Timestamp) -> Census {
        let mut census = Census::default();
        for known in &self.by_id {
            match known.value() {
                Known::Order(order) => {
                    census.count_order(order.status());
                    let from = order.cancellable_from();
                    let late = from > Timestamp::EPOCH && now >= from;
                    census.late = census.late.saturating_add(u64::from(late));
                }
                Known::Checkout(checkout) => {
                    let waits = matches!(checkout.state(), checkout::State::Waiting { .. });
                    census.checkouts = census.checkouts.saturating_add(u64::from(waits));
                }
            }
        }
        census
    }
}
