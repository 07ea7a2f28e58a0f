//! Who may have a hold: a filter with one bit a person (Bloom 1970, with one hash). It says "never
//! had one" for certain, and "may have one" for about one in sixteen who never had.

use super::sync::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Filter(Box<[AtomicU64]>);

impl Filter {
    /// Sixteen bits a unit, at least 64 and at most 2^27 (16 MiB).
    pub(super) fn for_stock(stock: u32) -> Self {
        let bits = u64::from(stock).saturating_mul(16).next_power_of_two().clamp(64, 1 << 27);
        Self((0..bits / 64).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn add(&self, hash: u64) {
        let (word, bit) = self.place(hash);
        // A look first: those who come again do not fight over the line.
        if word.load(Ordering::Acquire) & bit == 0 {
            word.fetch_or(bit, Ordering::AcqRel);
        }
    }

    pub(super) fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        word.load(Ordering::Acquire) & bit != 0
    }

    #[expect(clippy::indexing_slicing, reason = "masked by the length, which is a power of two")]
    fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        let at = usize::try_from(hash >> 6).unwrap_or(0) & self.0.len().saturating_sub(1);
        (&self.0[at], 1 << (hash & 63))
    }
}
