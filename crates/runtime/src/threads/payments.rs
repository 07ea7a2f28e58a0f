//! A payment provider whose calls block, behind a pool of threads.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use doorstep_core::payment::{Answer, Effect, EffectKey};
use doorstep_core::time::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::Bell;
use crate::ports::{Fault, Payments, ProviderSays, Word};

/// A payment provider as an HTTP client sees it: a call returns when the answer is there, or when
/// there will be none.
///
/// What [`Payments`] owes it owes too: a request is carried out at most once under its key, and the
/// same key has the same definite answer. A call should have a time-out of its own, above the
/// effect runner's: a thread is busy for as long as it takes.
pub trait BlockingPayments: Send + Sync {
    /// Asks for an effect under its key, and waits for what came of it.
    ///
    /// # Errors
    /// What went wrong, when it is *not known* whether the effect was carried out: the runner asks
    /// for the key later. A definite failure is an [`Answer`].
    fn request(&self, effect: &Effect) -> Result<Answer, Fault>;

    /// Asks what came of a key, and waits for the answer. It never carries anything out.
    ///
    /// # Errors
    /// What went wrong, when there is no answer.
    fn inquire(&self, key: EffectKey) -> Result<Word, Fault>;
}

impl<T: BlockingPayments + ?Sized> BlockingPayments for Arc<T> {
    fn request(&self, effect: &Effect) -> Result<Answer, Fault> {
        (**self).request(effect)
    }

    fn inquire(&self, key: EffectKey) -> Result<Word, Fault> {
        (**self).inquire(key)
    }
}

/// How a pool is cut. A bound of zero counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkersConfig {
    /// Calls made at the same time. Default 16.
    pub threads: usize,
    /// Calls that wait, are made, or have an answer that the host has not taken. Default 512: twice
    /// what an effect runner has under way.
    pub under_way_max: usize,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self { threads: 16, under_way_max: 512 }
    }
}

/// What a pool did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkersTally {
    /// Requests made to the provider.
    pub requests: u64,
    /// Inquiries made to the provider.
    pub inquiries: u64,
    /// Calls that the provider answered.
    pub answers: u64,
    /// Calls without an answer.
    pub failures: u64,
    /// Calls in which the provider's client panicked. They have no answer either.
    pub panics: u64,
    /// Calls that were dropped because as many as may be were under way.
    pub dropped: u64,
}

/// A pool of threads that makes a blocking provider a polled one.
///
/// The writer never waits for it. A call beyond its bound is dropped, as if it had never arrived:
/// the effect runner's time-out and inquiry find out. After each answer it rings the bell.
///
/// When it is dropped, calls that wait are dropped with it. Those under way are not waited for;
/// their threads end after them, and their answers are lost: the next owner asks.
#[derive(Debug)]
pub struct PaymentWorkers {
    pool: Arc<Pool>,
}

/// What a pool did, for whoever has given the pool away to a host.
#[derive(Clone, Debug)]
pub struct WorkersGauge {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    under_way_max: usize,
    state: Mutex<State>,
    work: Condvar,
    bell: Bell,
}

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<Call>,
    answers: VecDeque<ProviderSays>,
    /// Calls that wait or are made, and answers not taken.
    under_way: usize,
    closed: bool,
    tally: WorkersTally,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Request(Effect),
    Inquire(EffectKey),
}

impl PaymentWorkers {
    /// Starts the pool's threads. `bell` is the one of the host that will poll it.
    ///
    /// # Errors
    /// The system's, if it has no thread to give; those that were started end.
    pub fn start(
        provider: impl BlockingPayments + 'static,
        config: WorkersConfig,
        bell: Bell,
    ) -> io::Result<Self> {
        let pool = Arc::new(Pool {
            under_way_max: config.under_way_max.max(1),
            state: Mutex::default(),
            work: Condvar::new(),
            bell,
        });
        let workers = Self { pool: Arc::clone(&pool) };
        let provider = Arc::new(provider);
        for _ in 0..config.threads.max(1) {
            let (pool, provider) = (Arc::clone(&pool), Arc::clone(&provider));
            thread::Builder::new()
                .name("doorstep-pays".into())
                .spawn(move || pool.work(&*provider))?;
        }
        Ok(workers)
    }

    /// A handle to watch it by.
    #[must_use]
    pub fn gauge(&self) -> WorkersGauge {
        WorkersGauge { pool: Arc::clone(&self.pool) }
    }
}

impl WorkersGauge {
    /// What the pool did so far.
    #[must_use]
    pub fn tally(&self) -> WorkersTally {
        self.pool.state.lock().tally
    }

    /// How many calls wait, are made, or have an answer that was not taken.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.pool.state.lock().under_way
    }
}

impl Payments for PaymentWorkers {
    fn request(&mut self, effect: &Effect, _now: Timestamp) {
        self.pool.take(Call::Request(*effect));
    }

    fn inquire(&mut self, key: EffectKey, _now: Timestamp) {
        self.pool.take(Call::Inquire(key));
    }

    fn poll(&mut self, _now: Timestamp) -> Option<ProviderSays> {
        let mut state = self.pool.state.lock();
        let says = state.answers.pop_front()?;
        state.under_way = state.under_way.saturating_sub(1);
        Some(says)
    }

    /// The bell tells.
    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

impl Drop for PaymentWorkers {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.calls).len();
        state.under_way = state.under_way.saturating_sub(waiting);
        drop(state);
        self.pool.work.notify_all();
    }
}

impl Pool {
    fn take(&self, call: Call) {
        let mut state = self.state.lock();
        if state.under_way >= self.under_way_max {
            count(&mut state.tally.dropped);
            return;
        }
        state.under_way = state.under_way.saturating_add(1);
        state.calls.push_back(call);
        drop(state);
        self.work.notify_one();
    }

    /// What each of its threads does.
    fn work(&self, provider: &dyn BlockingPayments) {
        while let Some(call) = self.next() {
            // A client that panics loses its call, not its thread: whatever it holds of its own is
            // behind a shared reference, and so its own to keep whole.
            let said = catch_unwind(AssertUnwindSafe(|| call.make(provider)));
            let mut state = self.state.lock();
            let outcome = match said {
                Ok(Ok(says)) => {
                    state.answers.push_back(says);
                    count(&mut state.tally.answers);
                    drop(state);
                    self.bell.ring();
                    continue;
                }
                Ok(Err(_fault)) => &mut state.tally.failures,
                Err(_panic) => &mut state.tally.panics,
            };
            count(outcome);
            state.under_way = state.under_way.saturating_sub(1);
        }
    }

    /// The next call; `None` when the pool is dropped.
    fn next(&self) -> Option<Call> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(call) = state.calls.pop_front() {
                count(match call {
                    Call::Request(_) => &mut state.tally.requests,
                    Call::Inquire(_) => &mut state.tally.inquiries,
                });
                return Some(call);
            }
            self.work.wait(&mut state);
        }
    }
}

impl Call {
    fn make(self, provider: &dyn BlockingPayments) -> Result<ProviderSays, Fault> {
        match self {
            Self::Request(effect) => {
                let word = Word::Definite(provider.request(&effect)?);
                Ok(ProviderSays { key: effect.key(), word })
            }
            Self::Inquire(key) => Ok(ProviderSays { key, word: provider.inquire(key)? }),
        }
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
