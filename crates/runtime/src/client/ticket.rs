//! The two ends of an answer: a [`Ticket`] for who waits, a [`Pledge`] for who owes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Told;

/// The place where the answer to a command, or to a question, will lie.
///
/// Look ([`told`](Ticket::told)), wait on a thread ([`wait`](Ticket::wait)), or `.await` it: it is
/// a future that needs no particular runtime. It may be cloned, and any number may wait; to drop it
/// changes nothing but that this one does not hear. There is always an answer, as long as there is
/// someone to give it: when the host is dropped, [`Told::Unknown`] (of a question,
/// [`NotAnswered::Unknown`](super::NotAnswered::Unknown)).
#[derive(Debug)]
pub struct Ticket<T = Told> {
    slot: Arc<Slot<T>>,
    /// Under which number this clone left its waker, if it did.
    left: Option<u64>,
}

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<T> {
    told: Option<T>,
    /// At most one for each ticket that is alive.
    wakers: Vec<(u64, Waker)>,
    numbers: u64,
}

impl<T: Clone> Ticket<T> {
    /// The answer, once it is there.
    #[must_use]
    pub fn told(&self) -> Option<T> {
        self.slot.state.lock().told.clone()
    }

    /// Sleeps until the answer is there. `None`: it was not within `timeout`; it may still come,
    /// and asking again under the same id tells it too.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<T> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.slot.state.lock();
        while state.told.is_none() {
            match until {
                // Longer than the clock counts.
                None => self.slot.arrived.wait(&mut state),
                Some(until) => {
                    if self.slot.arrived.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.told.clone()
    }
}

impl<T> Clone for Ticket<T> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot), left: None }
    }
}

impl<T: Clone> Future for Ticket<T> {
    type Output = T;

    /// Ready whenever the answer is there, any number of times.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let ticket = &mut *self;
        let mut state = ticket.slot.state.lock();
        if let Some(told) = &state.told {
            return Poll::Ready(told.clone());
        }
        let number = *ticket.left.get_or_insert_with(|| {
            state.numbers = state.numbers.saturating_add(1);
            state.numbers
        });
        match state.wakers.iter_mut().find(|(left, _)| *left == number) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => state.wakers.push((number, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if let Some(number) = self.left {
            let mut state = self.slot.state.lock();
            let place = state.wakers.iter().position(|(left, _)| *left == number);
            let waker = place.map(|place| state.wakers.swap_remove(place));
            drop(state);
            drop(waker);
        }
    }
}

/// An answer that is owed. Dropped before it was given, it says that the result is unknown: no
/// panic, and no forgotten path, leaves anyone waiting for ever.
#[derive(Debug)]
pub(crate) struct Pledge<T = Told> {
    slot: Arc<Slot<T>>,
    unknown: fn() -> T,
}

impl Pledge {
    /// The two ends of the answer to a command.
    pub(crate) fn new() -> (Self, Ticket) {
        Self::or(|| Told::Unknown)
    }
}

impl<T> Pledge<T> {
    /// The two ends of an answer that is `unknown` where none is given.
    pub(crate) fn or(unknown: fn() -> T) -> (Self, Ticket<T>) {
        let state = State { told: None, wakers: Vec::new(), numbers: 0 };
        let slot = Arc::new(Slot { state: Mutex::new(state), arrived: Condvar::new() });
        (Self { slot: Arc::clone(&slot), unknown }, Ticket { slot, left: None })
    }

    /// Gives the answer; what is told first stands.
    pub(crate) fn tell(&self, told: T) {
        let mut state = self.slot.state.lock();
        if state.told.is_some() {
            return;
        }
        state.told = Some(told);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.slot.arrived.notify_all();
        // Outside the lock: a waker may do anything.
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

impl<T> Drop for Pledge<T> {
    fn drop(&mut self) {
        self.tell((self.unknown)());
    }
}
