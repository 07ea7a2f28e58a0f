//! How often each customer ordered in the last hour: exact, because it is part of the state.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, OrderId};
use crate::time::{Span, Timestamp};

/// The window of the limit.
const WINDOW: Span = Span::from_hours(1);

/// The checkouts of the last hour, by customer. One that came to nothing is taken out again.
///
/// Bounded by the checkouts that one hour can hold, which policy bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Customers {
    recent: BTreeMap<CustomerId, Vec<(Timestamp, OrderId)>>,
    in_order: VecDeque<(Timestamp, CustomerId)>,
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
        self.in_order.push_back((at, customer));
    }

    pub(super) fn closed(&mut self, customer: CustomerId, order: OrderId) {
        if let Some(recent) = self.recent.get_mut(&customer) {
            recent.retain(|(_, other)| *other != order);
            if recent.is_empty() {
                self.recent.remove(&customer);
            }
        }
    }

    /// Forgets what lies further back than the window.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some(&(at, customer)) = self.in_order.front() {
            if at.saturating_add(WINDOW) > now {
                break;
            }
            self.in_order.pop_front();
            if let Some(recent) = self.recent.get_mut(&customer) {
                recent.retain(|(opened, _)| opened.saturating_add(WINDOW) > now);
                if recent.is_empty() {
                    self.recent.remove(&customer);
                }
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
}
