//! What readers see, without ever touching the writer.
//!
//! The host republishes an order here after each counted batch that speaks of it; any number of
//! threads read. A view may be behind the log by the batches that are being published, never ahead
//! of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use doorstep_core::cancel::Board;
use doorstep_core::checkout;
use doorstep_core::id::{CustomerId, DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep_core::order::{Order, OrderStatus};
use doorstep_core::place::LatLng;
use doorstep_core::shard::Shard;
use doorstep_core::time::Timestamp;

/// An order as its tracking page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Which.
    pub order: OrderId,
    /// Whose.
    pub customer: CustomerId,
    /// From where.
    pub restaurant: RestaurantId,
    /// Where it stands.
    pub status: OrderStatus,
    /// When it was promised.
    pub promised: Timestamp,
    /// When it is expected.
    pub estimate: Timestamp,
    /// Where it is brought.
    pub drop_off: LatLng,
    /// Who comes for it or carries it, as part of what.
    pub assignment: Option<(DriverId, DeliveryId)>,
    /// From when on the cancel button shows.
    pub cancellable_from: Timestamp,
    /// The last batch that this view has seen.
    pub as_of: Timestamp,
}

/// What has become of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// It is not an order, or not yet.
    Checkout(checkout::State),
    /// It is an order.
    Order(Tracking),
}

/// The concurrent read models of a shard.
#[derive(Debug)]
pub struct Views {
    board: Board,
    tracked: DashMap<OrderId, Tracked>,
    capacity: AtomicUsize,
}

impl Views {
    /// Views of at most about `capacity` orders and checkouts, which policy bounds (`orders_max`).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        // What is on the board is in `tracked`, which is bounded.
        let board = Board::with_capacity(usize::MAX);
        Self { board, tracked: DashMap::new(), capacity: AtomicUsize::new(capacity) }
    }

    /// The bound follows the policy. What is shown stays.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
    }

    /// Whether the cancel button of `order` shows at `now`. Advice for a page: the decision is the
    /// order's, in log order.
    #[must_use]
    pub fn may_cancel(&self, order: OrderId, now: Timestamp) -> bool {
        self.board.may_cancel(&order, now)
    }

    /// What has become of a checkout or order; `None` if it is not known, or forgotten.
    #[must_use]
    pub fn tracked(&self, order: OrderId) -> Option<Tracked> {
        self.tracked.get(&order).map(|tracked| *tracked)
    }

    /// Who comes for an order or carries it.
    pub(crate) fn driver_of(&self, order: OrderId) -> Option<DriverId> {
        match self.tracked(order)? {
            Tracked::Order(tracking) => tracking.assignment.map(|(driver, _)| driver),
            Tracked::Checkout(_) => None,
        }
    }

    /// How many are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracked.len()
    }

    /// Whether nothing is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// Shows an order or a checkout as the counted state has it, or takes it off. `false`: it would
    /// be one more than the capacity, and is not shown; [`retain`](Self::retain) makes room.
    pub(crate) fn publish(&self, id: OrderId, shard: &Shard) -> bool {
        let tracked = match (shard.order(id), shard.checkout(id)) {
            (Some(order), _) => Tracked::Order(tracking(order, shard.last_at())),
            (None, Some(checkout)) => Tracked::Checkout(checkout.state()),
            (None, None) => {
                self.remove(id);
                return true;
            }
        };
        let full = || self.tracked.len() >= self.capacity.load(Ordering::Relaxed);
        if !self.tracked.contains_key(&id) && full() {
            return false;
        }
        if let Tracked::Order(order) = tracked {
            // The board has no bound of its own.
            let _never_full = self.board.publish(id, order.cancellable_from);
        }
        self.tracked.insert(id, tracked);
        true
    }

    /// Takes off what the counted state has forgotten.
    pub(crate) fn retain(&self, shard: &Shard) {
        let known = |id: OrderId| shard.order(id).is_some() || shard.checkout(id).is_some();
        let gone: BTreeSet<OrderId> =
            self.tracked.iter().map(|entry| *entry.key()).filter(|id| !known(*id)).collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    pub(crate) fn remove(&self, id: OrderId) {
        self.tracked.remove(&id);
        self.board.remove(&id);
    }
}

fn tracking(order: &Order, as_of: Timestamp) -> Tracking {
    let intent = order.intent();
    Tracking {
        order: order.id(),
        customer: intent.customer,
        restaurant: intent.restaurant,
        status: order.status(),
        promised: order.promised(),
        estimate: intent.estimate,
        drop_off: intent.drop_off,
        assignment: order.phase().assignment(),
        cancellable_from: order.cancellable_from(),
        as_of,
    }
}
