//! A city in numbers.

use std::collections::BTreeMap;

use doorstep_core::dispatch::DriverStatus;
use doorstep_core::order::OrderStatus;

/// How many there are of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Orders in memory, by status; those that ended leave memory after a while.
    pub orders: BTreeMap<OrderStatus, u64>,
    /// Orders whose cancel button shows because they are late.
    pub late: u64,
    /// Checkouts that wait for their money.
    pub checkouts: u64,
    /// Drivers on duty or carrying something, by status.
    pub drivers: BTreeMap<DriverStatus, u64>,
}

impl Census {
    pub(super) fn count_order(&mut self, status: OrderStatus) {
        let count = self.orders.entry(status).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn count_driver(&mut self, status: DriverStatus) {
        let count = self.drivers.entry(status).or_default();
        *count = count.saturating_add(1);
    }
}
