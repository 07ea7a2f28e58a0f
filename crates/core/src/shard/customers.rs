//! How often each customer ordered in the last hour, and how often in vain: exact, because it is
//! part of the state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, OrderId};
use crate::time::{Span, Timestamp};

/// The window of the limits. They are kept to the letter, in a window that slides: the rate limit of
/// [`limit`](crate::limit) would let through nearly twice as many in some hours.
const WINDOW: Span = Span::from_hours(1);

/// How many leave a window with one batch at most: more than one batch can add, and few enough that
/// no single batch pays for a quiet night.
const FORGOTTEN_AT_ONCE: usize = 16;

/// What every customer did in the last hour.
///
/// Two limits, because one would be wrong: a checkout that comes to nothing is no order, and must
/// not use up the orders of an honest customer with a faulty card; and whoever tries one stolen card
/// after another must not be able to do so for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Customers {
    /// Orders, and the checkouts that may become one. Stored as it was when it was all there was.
    #[serde(flatten)]
    orders: Window,
    /// Checkouts that came to nothing by the customer's doing.
    #[serde(default)]
    failed: Window,
}

impl Customers {
    /// When `customer` may order again after too many orders, unless it is now.
    pub(super) fn wait(
        &self,
        customer: CustomerId,
        limit: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.orders.wait(customer, limit, now)
    }

    /// When `customer` may order again after too many attempts in vain, unless it is now.
    pub(super) fn wait_after_failures(
        &self,
        customer: CustomerId,
        limit: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.failed.wait(customer, limit, now)
    }

    pub(super) fn opened(&mut self, customer: CustomerId, order: OrderId, at: Timestamp) {
        self.orders.enter(customer, order, at);
    }

    /// A checkout came to nothing: it counts as an order no longer.
    pub(super) fn closed(&mut self, customer: CustomerId, order: OrderId) {
        self.orders.leave(customer, order);
    }

    /// A checkout came to nothing by the customer's doing: the card was declined, or it was
    /// withdrawn. It counts once, whatever else is heard of it.
    pub(super) fn failed(&mut self, customer: CustomerId, order: OrderId, at: Timestamp) {
        self.failed.enter(customer, order, at);
    }

    /// Forgets what lies further back than the window, a few at a time. To be called for every
    /// batch; what is left over counts no more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.orders.forget(now);
        self.failed.forget(now);
    }
}

/// What happened in the last hour, by customer. Whoever did nothing in it leaves no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Window {
    recent: BTreeMap<CustomerId, Vec<(Timestamp, OrderId)>>,
    in_order: BTreeSet<(Timestamp, OrderId, CustomerId)>,
}

impl Window {
    fn wait(&self, customer: CustomerId, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let recent = self.recent.get(&customer)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let still = recent.iter().filter(|(at, _)| at.saturating_add(WINDOW) > now);
        let ends = still.clone().count().checked_sub(limit)?;
        still.clone().nth(ends).map(|(at, _)| at.saturating_add(WINDOW))
    }

    fn enter(&mut self, customer: CustomerId, order: OrderId, at: Timestamp) {
        let recent = self.recent.entry(customer).or_default();
        if recent.iter().all(|(_, other)| *other != order) {
            recent.push((at, order));
            self.in_order.insert((at, order, customer));
        }
    }

    fn leave(&mut self, customer: CustomerId, order: OrderId) {
        let recent = self.recent.get(&customer);
        let entered = recent.and_then(|recent| recent.iter().find(|(_, other)| *other == order));
        if let Some(&(at, _)) = entered {
            self.remove(at, order, customer);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.in_order.first() {
                Some(&(at, order, customer)) if at.saturating_add(WINDOW) <= now => {
                    self.remove(at, order, customer);
                }
                Some(_) | None => return,
            }
        }
    }

    fn remove(&mut self, at: Timestamp, order: OrderId, customer: CustomerId) {
        self.in_order.remove(&(at, order, customer));
        if let Some(recent) = self.recent.get_mut(&customer) {
            recent.retain(|(_, other)| *other != order);
            if recent.is_empty() {
                self.recent.remove(&customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_may_order_again_when_the_oldest_order_leaves_the_hour() {
        let (customer, at) = (CustomerId::from(1), Timestamp::from_secs);
        let mut customers = Customers::default();
        for second in 0..3 {
            assert_eq!(customers.wait(customer, 3, at(second)), None);
            let order = OrderId::from(u32::try_from(second).unwrap());
            customers.opened(customer, order, at(second));
        }
        assert_eq!(customers.wait(customer, 3, at(3)), Some(at(3_600)));
        assert_eq!(customers.wait(customer, 3, at(3_600)), None);
        assert_eq!(customers.wait(CustomerId::from(2), 3, at(3)), None);

        customers.closed(customer, OrderId::from(1));
        assert_eq!(customers.wait(customer, 3, at(3)), None, "a refused payment does not count");
        customers.forget(at(7_200));
        assert_eq!(customers, Customers::default());
    }

    #[test]
    fn a_checkout_that_came_to_nothing_leaves_no_trace() {
        let (customer, order) = (CustomerId::from(1), OrderId::from(1));
        let mut customers = Customers::default();
        customers.opened(customer, order, Timestamp::from_secs(1));
        customers.closed(CustomerId::from(2), order);
        customers.closed(customer, OrderId::from(2));
        assert_ne!(customers, Customers::default());
        customers.closed(customer, order);
        assert_eq!(customers, Customers::default());
        customers.closed(customer, order);
        assert_eq!(customers, Customers::default());
    }

    #[test]
    fn a_quiet_night_is_forgotten_a_little_at_a_time_and_counts_no_more() {
        let (customer, night) = (CustomerId::from(1), Timestamp::from_secs(36_000));
        let mut customers = Customers::default();
        for order in 0..20 {
            customers.opened(customer, OrderId::from(order), Timestamp::EPOCH);
        }
        assert_eq!(customers.wait(customer, 1, night), None);
        customers.forget(night);
        assert_eq!(customers.orders.in_order.len(), 4);
        assert_eq!(customers.wait(customer, 1, night), None);
        customers.forget(night);
        assert_eq!(customers, Customers::default());
    }

    #[test]
    fn attempts_in_vain_are_counted_apart_and_each_once() {
        let (customer, at) = (CustomerId::from(1), Timestamp::from_secs);
        let mut customers = Customers::default();
        for second in [0, 1, 1, 2] {
            assert_eq!(customers.wait_after_failures(customer, 3, at(second)), None);
            let order = OrderId::from(u32::try_from(second).unwrap());
            customers.failed(customer, order, at(second));
        }
        assert_eq!(customers.wait_after_failures(customer, 3, at(3)), Some(at(3_600)));
        assert_eq!(customers.wait(customer, 1, at(3)), None, "none of them is an order");
        customers.closed(customer, OrderId::from(1));
        assert_eq!(customers.wait_after_failures(customer, 3, at(3)), Some(at(3_600)));
        customers.forget(at(7_200));
        assert_eq!(customers, Customers::default());
    }

    #[test]
    fn a_stored_window_from_before_attempts_were_counted_is_read() {
        let json = r#"{"recent":{"cus_0000000000001":[[1000,"ord_0000000000001"]]},
            "in_order":[[1000,"ord_0000000000001","cus_0000000000001"]]}"#;
        let mut customers = Customers::default();
        customers.opened(CustomerId::from(1), OrderId::from(1), Timestamp::from_secs(1));
        assert_eq!(serde_json::from_str::<Customers>(json).unwrap(), customers);
    }
}
