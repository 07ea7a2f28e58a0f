//! Who wants to hear that something has changed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use dashmap::DashMap;
use doorstep_core::id::{DriverId, OrderId};
use parking_lot::Mutex;

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A checkout or order.
    Order(OrderId),
    /// What a driver is asked and carries.
    Driver(DriverId),
}

/// As many watch as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{most} watch already")]
pub struct TooManyWatches {
    /// The bound.
    pub most: usize,
}

/// Hears that a subject has changed, not how: look at the reads. However often it changed since the
/// last look, that is heard once, so a slow listener costs no memory.
///
/// Watch first and look then, and nothing is missed.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    subject: Subject,
    number: u64,
    slot: Arc<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    changed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Slot {
    fn change(&self) {
        self.changed.store(true, Ordering::Release);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Watch {
    /// Resolves when the subject has changed since this was last awaited (or, at first, since the
    /// watch began); at once, if it has already. It needs no particular runtime, and may be dropped
    /// and asked for again.
    pub const fn changed(&mut self) -> Changed<'_> {
        Changed(self)
    }
}

/// The future of [`Watch::changed`].
#[derive(Debug)]
pub struct Changed<'a>(&'a mut Watch);

impl Future for Changed<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let slot = &self.0.slot;
        if slot.changed.swap(false, Ordering::Acquire) {
            return Poll::Ready(());
        }
        *slot.waker.lock() = Some(context.waker().clone());
        // It may have changed before the waker lay there.
        if slot.changed.swap(false, Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.forget(self.subject, self.number);
    }
}

type Slots = Vec<(u64, Arc<Slot>)>;

/// Everyone who watches.
#[derive(Debug)]
pub(crate) struct Watchers {
    by_subject: DashMap<Subject, Slots>,
    count: AtomicUsize,
    numbers: AtomicU64,
    most: usize,
}

impl Watchers {
    pub(crate) fn new(most: usize) -> Self {
        let (by_subject, count, numbers) = Default::default();
        Self { by_subject, count, numbers, most }
    }

    pub(crate) fn watch(self: &Arc<Self>, subject: Subject) -> Result<Watch, TooManyWatches> {
        if self.count.fetch_add(1, Ordering::AcqRel) >= self.most {
            self.count.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyWatches { most: self.most });
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot::default());
        self.by_subject.entry(subject).or_default().push((number, Arc::clone(&slot)));
        Ok(Watch { watchers: Arc::clone(self), subject, number, slot })
    }

    /// Tells whoever watches it. Costs one load where nobody watches anything.
    pub(crate) fn changed(&self, subject: Subject) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        // Outside the lock: a waker may do anything.
        let slots = self.by_subject.get(&subject).map(|slots| slots.value().clone());
        for (_, slot) in slots.into_iter().flatten() {
            slot.change();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn forget(&self, subject: Subject, number: u64) {
        if let Some(mut slots) = self.by_subject.get_mut(&subject) {
            slots.retain(|(other, _)| *other != number);
        }
        self.by_subject.remove_if(&subject, |_, slots| slots.is_empty());
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn order(id: u32) -> Subject {
        Subject::Order(OrderId::from(id))
    }

    fn poll(watch: &mut Watch, wakes: &Arc<Wakes>) -> bool {
        let waker = Waker::from(Arc::clone(wakes));
        let changed = watch.changed();
        Pin::new(&mut { changed }).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn a_change_is_heard_once_however_often_it_came_and_by_who_watches_it_alone() {
        let watchers = Arc::new(Watchers::new(10));
        let (mut one, mut other) =
            (watchers.watch(order(1)).unwrap(), watchers.watch(order(2)).unwrap());
        let (ours, theirs) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        assert!(!poll(&mut one, &ours) && !poll(&mut other, &theirs));
        watchers.changed(order(1));
        watchers.changed(order(1));
        watchers.changed(Subject::Driver(DriverId::from(2)));
        assert_eq!(ours.0.load(Ordering::Relaxed), 1);
        assert_eq!(theirs.0.load(Ordering::Relaxed), 0);
        assert!(poll(&mut one, &ours) && !poll(&mut one, &ours));
        assert!(!poll(&mut other, &theirs));
    }

    #[test]
    fn a_change_between_watching_and_the_first_look_is_heard() {
        let watchers = Arc::new(Watchers::new(10));
        let mut watch = watchers.watch(order(1)).unwrap();
        watchers.changed(order(1));
        assert!(poll(&mut watch, &Arc::default()));
    }

    #[test]
    fn watches_are_bounded_and_one_that_is_dropped_makes_room_and_leaves_nothing() {
        let watchers = Arc::new(Watchers::new(2));
        let one = watchers.watch(order(1)).unwrap();
        let two = watchers.watch(order(1)).unwrap();
        assert_eq!(watchers.watch(order(1)).unwrap_err(), TooManyWatches { most: 2 });
        drop(one);
        assert_eq!(watchers.len(), 1);
        let mut three = watchers.watch(order(1)).unwrap();
        watchers.changed(order(1));
        assert!(poll(&mut three, &Arc::default()));
        drop((two, three));
        assert!(watchers.by_subject.is_empty() && watchers.len() == 0);
    }
}
