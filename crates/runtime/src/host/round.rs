//! A round over the orders and checkouts that are shown, a few a batch: what the state has forgotten
//! leaves the views, and no batch waits for a look at all of them.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use doorstep_core::id::OrderId;
use doorstep_core::shard::Shard;

/// How many are looked at for each batch. A batch begins about one order or checkout at most, so that
/// about a quarter more are shown than the state has had at its fullest.
const LOOKED_AT: usize = 4;

#[derive(Debug)]
pub(super) struct Round {
    shown: BTreeSet<OrderId>,
    /// Who was looked at last.
    last: Option<OrderId>,
}

impl Round {
    /// Over what the counted state has.
    pub(super) fn of(shard: &Shard) -> Self {
        let orders = shard.orders().map(doorstep_core::order::Order::id);
        let checkouts = shard.checkouts().map(|checkout| checkout.intent().order);
        Self { shown: orders.chain(checkouts).collect(), last: None }
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = OrderId> {
        self.shown.iter().copied()
    }

    /// One that is shown, maybe for the first time.
    pub(super) fn join(&mut self, id: OrderId) {
        self.shown.insert(id);
    }

    /// Looks at the next few, by their ids, and drops those that are not known any more: these.
    pub(super) fn gone(&mut self, is_known: impl Fn(OrderId) -> bool) -> Vec<OrderId> {
        let from = self.last.map_or(Unbounded, Excluded);
        let mut gone = Vec::new();
        // At the end it begins again.
        self.last = None;
        for (&id, nth) in self.shown.range((from, Unbounded)).zip(1..=LOOKED_AT) {
            self.last = (nth == LOOKED_AT).then_some(id);
            if !is_known(id) {
                gone.push(id);
            }
        }
        for id in &gone {
            self.shown.remove(id);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_looked_at_in_turn_and_whoever_is_gone_is_named_once() {
        let mut round = Round { shown: (0..11).map(OrderId::truncating).collect(), last: None };
        let known = |id: OrderId| id.get().is_multiple_of(3);
        let mut named = Vec::new();
        for _ in 0..3 {
            named.extend(round.gone(known));
        }
        let gone: Vec<_> = (0..11).filter(|id| id % 3 != 0).map(OrderId::truncating).collect();
        assert_eq!(named, gone);
        round.join(OrderId::truncating(1));
        for _ in 0..2 {
            named.extend(round.gone(known));
        }
        assert_eq!(named[gone.len()..], [OrderId::truncating(1)]);
        assert_eq!(round.shown.len(), 4);
    }
}
