//! How many units are free and how many are sold, in one word: whoever reads both reads a pair that
//! was so at one moment.

use super::sync::{AtomicU64, Ordering};

/// `free << 32 | sold`. What is held is the rest of the stock.
#[derive(Debug)]
pub(super) struct Word(AtomicU64);

/// The word at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) free: u32,
    pub(super) sold: u32,
}

const ONE_FREE: u64 = 1 << 32;
const ONE_SOLD: u64 = 1;

impl Word {
    pub(super) fn new(free: u32, sold: u32) -> Self {
        Self(AtomicU64::new(u64::from(free) << 32 | u64::from(sold)))
    }

    pub(super) fn load(&self) -> Units {
        split(self.0.load(Ordering::Acquire))
    }

    /// Takes a unit, if one is free.
    pub(super) fn take(&self) -> bool {
        self.less_free(ONE_FREE)
    }

    /// Takes a unit and sells it at once, if one is free.
    pub(super) fn take_sold(&self) -> bool {
        self.less_free(ONE_FREE - ONE_SOLD)
    }

    /// Gives a unit back that was held.
    pub(super) fn give_back(&self) {
        self.0.fetch_add(ONE_FREE, Ordering::AcqRel);
    }

    /// Sells a unit that was held.
    pub(super) fn sell(&self) {
        self.0.fetch_add(ONE_SOLD, Ordering::AcqRel);
    }

    fn less_free(&self, by: u64) -> bool {
        let mut seen = self.0.load(Ordering::Acquire);
        while split(seen).free > 0 {
            let left = seen.wrapping_sub(by);
            match self.0.compare_exchange_weak(seen, left, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}

const fn split(word: u64) -> Units {
    Units { free: (word >> 32) as u32, sold: word as u32 }
}
