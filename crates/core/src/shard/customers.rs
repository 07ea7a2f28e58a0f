//! How often each customer ordered in the last hour: exact, because it is part of the state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, OrderId};
use crate::time::{Span, Timestamp};

/// The window of the limit.
const WINDOW: Span = Span::from_hours(1);

/// How many leave with one batch at most: more than one batch can add, and few enough that no
/// single batch pays for a quiet night.
const FORGOTTEN_AT_ONCE: usize = 16;

/// The checkouts of the last hour, by customer. One that came to nothing is taken out again.
///
/// Holds the orders placed in an hour and the checkouts that wait, and nothing of those that came
/// to nothing: whoever opens and gives up all day leaves no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Customers {
    recent: BTreeMap<CustomerId, Vec<(Timestamp, OrderId)>>,
    in_order: BTreeSet<(Timestamp, OrderId, CustomerId)>,
}

impl Customers {
    /// When `customer` may order again, unless it is now.
    pub(super) fn wait(
        &self,
        customer: CustomerId,
        limit: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let recent = self.recent.get(&customer)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let still = recent.iter().filter(|(at, _)| at.saturating_add(WINDOW) > now);
        let ends = still.clone().count().checked_sub(limit)?;
        still.clone().nth(ends).map(|(at, _)| at.saturating_add(WINDOW))
    }

    pub(super) fn opened(&mut self, customer: CustomerId, order: OrderId, at: Timestamp) {
        self.recent.entry(customer).or_default().push((at, order));
        self.in_order.insert((at, order, customer));
    }

    pub(super) fn closed(&mut self, customer: CustomerId, order: OrderId) {
        let recent = self.recent.get(&customer);
        let opened = recent.and_then(|recent| recent.iter().find(|(_, other)| *other == order));
        if let Some(&(at, _)) = opened {
            self.remove(at, order, customer);
        }
    }

    /// Forgets what lies further back than the window, a few at a time. To be called for every
    /// batch; what is left over counts no more.
    pub(super) fn forget(&mut self, now: Timestamp) {
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
        assert_eq!(customers.in_order.len(), 4);
        assert_eq!(customers.wait(customer, 1, night), None);
        customers.forget(night);
        assert_eq!(customers, Customers::default());
    }
}
