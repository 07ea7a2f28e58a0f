//! The concurrent read path of the cancel rule.

mod stamps;

use core::hash::Hash;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicUsize, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};

use self::stamps::Stamps;
use crate::id::OrderId;
use crate::time::Timestamp;

/// One stamp an order: from when on its cancel button shows.
///
/// Written by whoever publishes counted batches, read by any number of threads: a check is one
/// look-up and one compare, takes no lock that a writer of another order holds, and knows no rule.
/// What it says is advice for a page; the decision is the order's, in log order.
///
/// The map uses a fixed hash function, so that the crate draws no randomness: keys are ids that
/// the platform itself gives out, not a stranger's choice.
///
/// ```
/// use doorstep_core::cancel::Board;
/// use doorstep_core::id::OrderId;
/// use doorstep_core::time::Timestamp;
///
/// let board = Board::with_capacity(60_000);
/// let (order, noon) = (OrderId::from(1), Timestamp::from_secs(1_700_000_000));
/// board.publish(order, noon)?;
/// assert!(!board.may_cancel(&order, Timestamp::from_millis(noon.as_millis() - 1)));
/// assert!(board.may_cancel(&order, noon));
/// board.publish(order, Timestamp::NEVER)?; // the driver is at the doorstep
/// assert!(!board.may_cancel(&order, noon));
/// # Ok::<(), doorstep_core::cancel::BoardFull>(())
/// ```
#[derive(Debug)]
pub struct Board<K: Eq + Hash = OrderId> {
    stamps: Stamps<K>,
    /// How many are on it: the map's own count locks the whole map.
    count: AtomicUsize,
    capacity: usize,
}

/// The board holds as many orders as it was made for; the new one is not on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cancel board is full at {capacity} orders")]
pub struct BoardFull {
    /// How many it holds.
    pub capacity: usize,
}

impl<K: Eq + Hash> Board<K> {
    /// A board for at most `capacity` orders (one that is just being taken off still counts).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { stamps: Stamps::new(), count: AtomicUsize::new(0), capacity }
    }

    /// Says from when on the button of `order` shows; [`Timestamp::NEVER`] hides it.
    ///
    /// # Errors
    /// [`BoardFull`] for an order that is not on a full board; the others stay as they are.
    pub fn publish(&self, order: K, cancellable_from: Timestamp) -> Result<(), BoardFull> {
        self.stamps.put(order, cancellable_from, || {
            let one_more = |count: usize| count.checked_add(1).filter(|n| *n <= self.capacity);
            let counted = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
            counted.map(|_| ()).map_err(|_full| BoardFull { capacity: self.capacity })
        })
    }

    /// Whether the button of `order` shows at `now`. An order that is not on the board has none.
    #[must_use]
    pub fn may_cancel(&self, order: &K, now: Timestamp) -> bool {
        // Both compared: which orders are late is not for a branch predictor to know.
        self.stamps.get(order).is_some_and(|from| (from != Timestamp::NEVER) & (now >= from))
    }

    /// From when on the button of `order` shows; `None` if it is not on the board.
    #[must_use]
    pub fn cancellable_from(&self, order: &K) -> Option<Timestamp> {
        self.stamps.get(order)
    }

    /// Takes an order off the board.
    pub fn remove(&self, order: &K) {
        if self.stamps.remove(order) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many orders are on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether no order is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
