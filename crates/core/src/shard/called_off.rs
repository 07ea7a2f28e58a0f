//! Which cancelled order a delivery was called off for, while that order is remembered: a driver who
//! comes too late is told which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, OrderId};

/// Deliveries that are over because an order was cancelled. Holds at most one of each cancelled order
/// in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<DeliveryId, OrderId>", into = "BTreeMap<DeliveryId, OrderId>")]
pub(super) struct CalledOff {
    order_of: BTreeMap<DeliveryId, OrderId>,
    delivery_of: BTreeMap<OrderId, DeliveryId>,
}

impl CalledOff {
    pub(super) fn insert(&mut self, delivery: DeliveryId, order: OrderId) {
        self.delivery_of.insert(order, delivery);
        self.order_of.insert(delivery, order);
    }

    pub(super) fn order_of(&self, delivery: DeliveryId) -> Option<OrderId> {
        self.order_of.get(&delivery).copied()
    }

    pub(super) fn forget(&mut self, order: OrderId) {
        if let Some(delivery) = self.delivery_of.remove(&order)
            && self.order_of.get(&delivery) == Some(&order)
        {
            self.order_of.remove(&delivery);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order_of.is_empty()
    }
}

impl From<BTreeMap<DeliveryId, OrderId>> for CalledOff {
    fn from(order_of: BTreeMap<DeliveryId, OrderId>) -> Self {
        let delivery_of = order_of.iter().map(|(delivery, order)| (*order, *delivery)).collect();
        Self { order_of, delivery_of }
    }
}

impl From<CalledOff> for BTreeMap<DeliveryId, OrderId> {
    fn from(called_off: CalledOff) -> Self {
        called_off.order_of
    }
}
