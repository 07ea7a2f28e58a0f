//! Gives ended orders to the history, and does not give up where it fails.

use std::collections::BTreeSet;
use std::ops::Bound;

use doorstep_core::id::OrderId;
use doorstep_core::shard::Shard;
use doorstep_core::time::{Span, Timestamp};

use crate::ports::HistorySink;

/// How long a history that failed is left alone.
const AGAIN_AFTER: Span = Span::from_secs(1);

/// The ended orders that the history has not taken yet. Bounded by those in memory: what a history
/// misses for longer than that is in the log, and counted.
#[derive(Debug)]
pub(super) struct Keeper<H> {
    sink: H,
    unkept: BTreeSet<OrderId>,
    again_at: Option<Timestamp>,
    /// The last one that failed: the next attempt begins behind it, so that one order which the
    /// history cannot take does not keep it from the others.
    failed: Option<OrderId>,
    kept: u64,
    missed: u64,
}

impl<H: HistorySink> Keeper<H> {
    /// A keeper of this shard's history. It begins with what has ended already: whether an earlier
    /// process came to keep it, nobody knows.
    pub(super) fn new(sink: H, shard: &Shard) -> Self {
        let over = shard.orders().filter(|order| order.over_since().is_some());
        let unkept = over.map(doorstep_core::order::Order::id).collect();
        Self { sink, unkept, again_at: None, failed: None, kept: 0, missed: 0 }
    }

    /// An order has ended.
    pub(super) fn ended(&mut self, order: OrderId) {
        self.unkept.insert(order);
    }

    /// Keeps what is to be kept, unless the history has just failed.
    pub(super) fn keep(&mut self, shard: &Shard, now: Timestamp) {
        if self.next_wake().is_some_and(|at| now < at) {
            return;
        }
        self.again_at = None;
        while let Some(id) = self.next() {
            match shard.order(id).map(|order| self.sink.keep(order)) {
                Some(Ok(())) => self.kept = self.kept.saturating_add(1),
                Some(Err(_)) => {
                    self.failed = Some(id);
                    self.again_at = Some(now.saturating_add(AGAIN_AFTER));
                    return;
                }
                None => self.missed = self.missed.saturating_add(1),
            }
            self.unkept.remove(&id);
        }
    }

    /// Lets go of what has left memory.
    pub(super) fn retain(&mut self, shard: &Shard) {
        let before = self.unkept.len();
        self.unkept.retain(|id| shard.order(*id).is_some());
        let gone = u64::try_from(before.saturating_sub(self.unkept.len())).unwrap_or(u64::MAX);
        self.missed = self.missed.saturating_add(gone);
    }

    /// When to try again; `None`: there is nothing to keep.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.again_at.filter(|_| !self.unkept.is_empty())
    }

    /// Orders kept, repetitions included.
    pub(super) const fn kept(&self) -> u64 {
        self.kept
    }

    /// Orders that left memory unkept.
    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }

    fn next(&self) -> Option<OrderId> {
        let behind = |failed| self.unkept.range((Bound::Excluded(failed), Bound::Unbounded)).next();
        self.failed.and_then(behind).or_else(|| self.unkept.first()).copied()
    }
}
