//! Counted batches for whoever wants to hear of them, without ever holding the writer up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use doorstep_core::log::Batch;
use doorstep_core::shard::{Event, Outcome};
use parking_lot::{Condvar, Mutex};

/// Most subscriptions of one feed: the writer hands each batch to every one of them. Many listeners
/// of one process share a few.
pub const SUBSCRIPTIONS_MAX: usize = 1_024;

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This batch came to count. They come in log order; after a restart of the host from the
    /// beginning of the log, the old ones first.
    Batch(Arc<Batch<Event, Outcome>>),
    /// It was too slow, and missed so many batches that came before the next one. What they changed
    /// is in the views.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// Nothing more will come: the host has ended.
    Ended,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSubscribed {
    /// There are as many as may be.
    #[error("there are {most} subscriptions already")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// The host has ended.
    #[error("the host has ended")]
    Ended,
}

/// Where to subscribe to a running host's counted batches. Clones are one feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    subscribers: Arc<Mutex<Subscribers>>,
}

#[derive(Debug, Default)]
struct Subscribers {
    places: Vec<Weak<Place>>,
    ended: bool,
}

/// The batches that come to count from now on, for one listener.
///
/// It holds at most its capacity; when it is full the oldest batch goes, and the listener hears how
/// many it missed before it hears the next.
#[derive(Debug)]
pub struct Subscription {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    capacity: usize,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Arc<Batch<Event, Outcome>>>,
    missed: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl Feed {
    /// Subscribes; at most `capacity` batches (at least one) wait for the listener.
    ///
    /// # Errors
    /// [`NotSubscribed`].
    pub fn subscribe(&self, capacity: usize) -> Result<Subscription, NotSubscribed> {
        let mut subscribers = self.subscribers.lock();
        if subscribers.ended {
            return Err(NotSubscribed::Ended);
        }
        subscribers.places.retain(|place| place.strong_count() > 0);
        if subscribers.places.len() >= SUBSCRIPTIONS_MAX {
            return Err(NotSubscribed::TooMany { most: SUBSCRIPTIONS_MAX });
        }
        let place = Arc::new(Place {
            capacity: capacity.max(1),
            state: Mutex::default(),
            arrived: Condvar::new(),
        });
        subscribers.places.push(Arc::downgrade(&place));
        Ok(Subscription { place })
    }

    /// Hands batches to every subscriber. It takes each one's lock for as long as the batches take
    /// to be pushed, and waits for nobody.
    pub(super) fn publish(&self, batches: &[Arc<Batch<Event, Outcome>>]) {
        if !batches.is_empty() {
            self.tell_all(|place, state| {
                for batch in batches {
                    if state.batches.len() >= place.capacity {
                        state.batches.pop_front();
                        state.missed = state.missed.saturating_add(1);
                    }
                    state.batches.push_back(Arc::clone(batch));
                }
            });
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.subscribers.lock().ended = true;
        self.tell_all(|_, state| state.ended = true);
    }

    fn tell_all(&self, mut tell: impl FnMut(&Place, &mut State)) {
        let mut wakers = Vec::new();
        self.subscribers.lock().places.retain(|place| {
            let Some(place) = place.upgrade() else { return false };
            let mut state = place.state.lock();
            tell(&place, &mut state);
            wakers.extend(state.waker.take());
            drop(state);
            place.arrived.notify_one();
            true
        });
        // Outside the locks: a waker may do anything.
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Subscription {
    /// What there is to hear, if there is anything.
    #[must_use]
    pub fn try_next(&mut self) -> Option<Heard> {
        self.place.state.lock().next()
    }

    /// Sleeps until there is something to hear. `None`: there was nothing within `timeout`.
    #[must_use]
    pub fn wait(&mut self, timeout: Duration) -> Option<Heard> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.place.state.lock();
        loop {
            if let Some(heard) = state.next() {
                return Some(heard);
            }
            match until {
                // Longer than the clock counts.
                None => self.place.arrived.wait(&mut state),
                Some(until) => {
                    if self.place.arrived.wait_until(&mut state, until).timed_out() {
                        return state.next();
                    }
                }
            }
        }
    }

    /// What there is to hear, as soon as there is anything. On any async runtime; a future that is
    /// dropped before it is ready has taken nothing.
    pub async fn next(&mut self) -> Heard {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for a hand-written future or stream.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        let mut state = self.place.state.lock();
        match state.next() {
            Some(heard) => Poll::Ready(heard),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl State {
    fn next(&mut self) -> Option<Heard> {
        match std::mem::take(&mut self.missed) {
            0 => match self.batches.pop_front() {
                Some(batch) => Some(Heard::Batch(batch)),
                None => self.ended.then_some(Heard::Ended),
            },
            missed => Some(Heard::Lagged { missed }),
        }
    }
}
