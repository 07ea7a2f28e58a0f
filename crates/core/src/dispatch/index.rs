//! What can be computed from the deliveries and is kept beside them, so that nothing is searched
//! for. Never stored, never compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{DeliveryId, OrderId};
use crate::time::Timestamp;

use super::delivery::Delivery;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Every searching delivery, by its deadline.
    pub(super) deadlines: BTreeSet<(Timestamp, DeliveryId)>,
    /// The searching ones without an open offer, by age.
    pub(super) wanted: BTreeSet<(Timestamp, DeliveryId)>,
    /// The delivery that an order is in.
    pub(super) orders: BTreeMap<OrderId, DeliveryId>,
    /// The delivery that another has become part of.
    pub(super) joined: BTreeMap<DeliveryId, DeliveryId>,
}

impl Index {
    pub(super) fn of(deliveries: &BTreeMap<DeliveryId, Delivery>) -> Self {
        let mut index = Self::default();
        for (&id, delivery) in deliveries {
            index.search_enters(id, delivery);
            index.orders.extend(delivery.orders.iter().map(|&order| (order, id)));
            index.joined.extend(delivery.joined.iter().map(|part| (part.delivery, id)));
        }
        index
    }

    /// To be called before a delivery's search changes or ends.
    pub(super) fn search_leaves(&mut self, id: DeliveryId, delivery: &Delivery) {
        if let Some(search) = delivery.search() {
            self.deadlines.remove(&(search.deadline(), id));
            if search.offers.is_empty() {
                self.wanted.remove(&(delivery.since, id));
            }
        }
    }

    /// To be called after a delivery's search began or changed.
    pub(super) fn search_enters(&mut self, id: DeliveryId, delivery: &Delivery) {
        if let Some(search) = delivery.search() {
            self.deadlines.insert((search.deadline(), id));
            if search.offers.is_empty() {
                self.wanted.insert((delivery.since, id));
            }
        }
    }
}
