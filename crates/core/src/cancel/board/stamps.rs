//! The stamps by order: a `DashMap`; for `loom`, which cannot see into one, two maps behind a lock each.

use core::hash::Hash;

use crate::time::Timestamp;

/// Every operation on one order is one step: nobody sees half of it.
#[derive(Debug)]
pub(super) struct Stamps<K: Eq + Hash>(
    #[cfg(not(loom))] dashmap::DashMap<K, Timestamp, FixedHash>,
    #[cfg(loom)] [loom::sync::Mutex<std::collections::HashMap<K, Timestamp, FixedHash>>; 2],
);

#[cfg(not(loom))]
impl<K: Eq + Hash> Stamps<K> {
    pub(super) fn new() -> Self {
        Self(dashmap::DashMap::with_hasher(FixedHash))
    }

    /// Writes a stamp; for an order that has none, only where there is `room`.
    pub(super) fn put<E>(
        &self,
        order: K,
        stamp: Timestamp,
        room: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        use dashmap::mapref::entry::Entry;
        match self.0.entry(order) {
            Entry::Occupied(mut known) => {
                known.insert(stamp);
            }
            Entry::Vacant(place) => {
                room()?;
                place.insert(stamp);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, order: &K) -> Option<Timestamp> {
        self.0.get(order).map(|stamp| *stamp)
    }

    /// Whether there was one.
    pub(super) fn remove(&self, order: &K) -> bool {
        self.0.remove(order).is_some()
    }
}

#[cfg(loom)]
#[expect(clippy::unwrap_used, reason = "a model: a panic in another thread ends it anyway")]
impl<K: Eq + Hash> Stamps<K> {
    pub(super) fn new() -> Self {
        let half = || std::collections::HashMap::with_hasher(FixedHash);
        Self([loom::sync::Mutex::new(half()), loom::sync::Mutex::new(half())])
    }

    /// Steps on two orders may be at once, as they may in a `DashMap`.
    fn half(
        &self,
        order: &K,
    ) -> loom::sync::MutexGuard<'_, std::collections::HashMap<K, Timestamp, FixedHash>> {
        use core::hash::BuildHasher;
        let [even, odd] = &self.0;
        let half = if FixedHash.hash_one(order) & 1 == 0 { even } else { odd };
        half.lock().unwrap()
    }

    pub(super) fn put<E>(
        &self,
        order: K,
        stamp: Timestamp,
        room: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        use std::collections::hash_map::Entry;
        match self.half(&order).entry(order) {
            Entry::Occupied(mut known) => {
                known.insert(stamp);
            }
            Entry::Vacant(place) => {
                room()?;
                place.insert(stamp);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, order: &K) -> Option<Timestamp> {
        self.half(order).get(order).copied()
    }

    pub(super) fn remove(&self, order: &K) -> bool {
        self.half(order).remove(order).is_some()
    }
}

/// Multiplies and folds, as `FxHash` does: a few cycles for an id. It is fixed, so that the crate
/// draws no randomness.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FixedHash;

/// The running state of [`FixedHash`].
#[derive(Debug, Default)]
pub(super) struct Fold(u64);

impl core::hash::BuildHasher for FixedHash {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold::default()
    }
}

impl core::hash::Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The map picks its shard by high bits and its slot by low ones: mix both.
        self.0 ^ (self.0 >> 32)
    }
}
