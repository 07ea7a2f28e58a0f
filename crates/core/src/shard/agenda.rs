//! What of a shard waits for what: indexes derived from the checkouts and orders, so that nothing
//! has to be searched for. Never stored; rebuilt from the state.

use std::collections::BTreeSet;

use crate::checkout::Checkout;
use crate::id::OrderId;
use crate::order::Order;
use crate::time::Timestamp;

/// What a checkout or an order waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waits {
    deadline: Option<Timestamp>,
    over_since: Option<Timestamp>,
    effect: bool,
}

impl Waits {
    pub(super) fn of_checkout(checkout: &Checkout) -> Self {
        Self {
            deadline: checkout.next_deadline(),
            over_since: checkout.over_since(),
            effect: checkout.due().is_some(),
        }
    }

    pub(super) fn of_order(order: &Order) -> Self {
        Self {
            deadline: order.next_deadline(),
            over_since: order.over_since(),
            effect: order.payment().due().is_some(),
        }
    }
}

/// The indexes. An id stands for a checkout or the order that it became, never for both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Agenda {
    deadlines: BTreeSet<(Timestamp, OrderId)>,
    over: BTreeSet<(Timestamp, OrderId)>,
    effects: BTreeSet<OrderId>,
}

impl Agenda {
    /// Replaces what `id` waited for by what it waits for now.
    pub(super) fn update(&mut self, id: OrderId, before: Waits, after: Waits) {
        if before.deadline != after.deadline {
            before.deadline.map(|at| self.deadlines.remove(&(at, id)));
            self.deadlines.extend(after.deadline.map(|at| (at, id)));
        }
        if before.over_since != after.over_since {
            before.over_since.map(|at| self.over.remove(&(at, id)));
            self.over.extend(after.over_since.map(|at| (at, id)));
        }
        match (before.effect, after.effect) {
            (false, true) => {
                self.effects.insert(id);
            }
            (true, false) => {
                self.effects.remove(&id);
            }
            (false, false) | (true, true) => {}
        }
    }

    /// The earliest deadline and whose it is.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, OrderId)> {
        self.deadlines.first().copied()
    }

    /// Those that are over and since when, the longest first.
    pub(super) fn over(&self) -> impl Iterator<Item = (Timestamp, OrderId)> {
        self.over.iter().copied()
    }

    /// Those with something for the outside world to do, in the order of their ids.
    pub(super) fn effects(&self) -> impl Iterator<Item = OrderId> {
        self.effects.iter().copied()
    }
}
