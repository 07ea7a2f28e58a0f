//! Atomics and locks: the real ones, or those of `loom`, which tries every interleaving.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicI64, AtomicU64, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[cfg(not(loom))]
pub(super) type Guard<'a, T> = parking_lot::MutexGuard<'a, T>;
#[cfg(loom)]
pub(super) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;

/// A lock on cache lines of its own: neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Mutex<T>(
    #[cfg(not(loom))] parking_lot::Mutex<T>,
    #[cfg(loom)] loom::sync::Mutex<T>,
);

impl<T> Mutex<T> {
    #[cfg(not(loom))]
    pub(super) const fn new(inner: T) -> Self {
        Self(parking_lot::Mutex::new(inner))
    }

    #[cfg(not(loom))]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }

    #[cfg(loom)]
    pub(super) fn new(inner: T) -> Self {
        Self(loom::sync::Mutex::new(inner))
    }

    #[cfg(loom)]
    #[expect(clippy::unwrap_used, reason = "a model: a panic in another thread ends it anyway")]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap()
    }
}
