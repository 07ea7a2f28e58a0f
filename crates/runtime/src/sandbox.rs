//! A payments provider for tests and simulations: hostile on the wire, truthful in its book.
//!
//! It carries a request out at most once under its key, remembers what came of it for ever, and
//! refuses for good what makes no sense: a capture or void without an open hold, a capture above
//! the hold, a refund above what is captured. A second hold under another key *does* make sense to
//! a provider; that it never happens is for an auditor to see in the [book](Sandbox::book).
//! [`Hostility`] says what goes wrong on the way; all of it is drawn from a seed, call by call.
//!
//! ```
//! use doorstep_core::id::OrderId;
//! use doorstep_core::money::{Currency, Money};
//! use doorstep_core::payment::{Answer, Effect, Payment};
//! use doorstep_core::time::Timestamp;
//! use doorstep_runtime::ports::{Payments, Word};
//! use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
//!
//! let (order, eur) = (OrderId::from(1), Currency::new("EUR").unwrap());
//! let hold = Effect { order, due: Payment::new(Money::new(1_250, eur)).due().unwrap() };
//! let now = Timestamp::from_secs(1_700_000_000);
//!
//! let mut sandbox = Sandbox::new(SandboxConfig::default());
//! sandbox.request(&hold, now);
//! sandbox.request(&hold, now);
//! let says = sandbox.poll(now).unwrap();
//! assert!(matches!(says.word, Word::Definite(Answer::Done { until: Some(_) })));
//! assert_eq!(sandbox.poll(now), Some(says), "the same key has the same result");
//! assert_eq!(sandbox.book_of(order).unwrap().holds, 1);
//! ```

mod book;
mod provider;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, io};

use doorstep_core::id::OrderId;
use doorstep_core::payment::{Answer, Effect, EffectKey};
use doorstep_core::time::{Span, Timestamp};
use parking_lot::Mutex;

pub use book::OrderBook;
use provider::{Call, Provider};

use crate::ports::{Payments, ProviderSays};

/// How the wire to the provider, and the cards behind it, behave: rates in thousandths of the
/// calls, drawn independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hostility {
    /// Where the draws come from.
    pub seed: u64,
    /// Calls that take up to [`slowest`](Self::slowest), on the way there or on the way back.
    pub slow: u16,
    /// Requests that definitely fail; another attempt may succeed.
    pub failing: u16,
    /// Calls whose answer comes a second time, some time later.
    pub answers_twice: u16,
    /// Calls that arrive, are carried out, and are never answered.
    pub silent_after_charging: u16,
    /// Calls that never arrive.
    pub silent_without: u16,
    /// Holds that the customer's bank declines.
    pub declines: u16,
    /// The quickest an answer comes.
    pub latency_least: Span,
    /// The longest an answer takes, unless it is slow.
    pub latency_most: Span,
    /// The longest a slow answer takes.
    pub slowest: Span,
}

impl Hostility {
    /// None at all: every call is answered at once.
    pub const NONE: Self = Self {
        seed: 0,
        slow: 0,
        failing: 0,
        answers_twice: 0,
        silent_after_charging: 0,
        silent_without: 0,
        declines: 0,
        latency_least: Span::ZERO,
        latency_most: Span::ZERO,
        slowest: Span::ZERO,
    };
}

/// What a provider does to every call while it is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Nothing arrives, and nothing is answered.
    Silent,
    /// What arrives is carried out, and nothing is answered.
    Mute,
    /// It takes no call, and says so.
    TakesNothing,
    /// Every request definitely fails.
    Fails,
}

/// How a sandbox is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxConfig {
    /// How it behaves until [`Sandbox::quiet`].
    pub hostility: Hostility,
    /// How long a hold lasts. Default 7 days.
    pub hold_lasts: Span,
    /// Most keys it remembers; requests under further ones are dropped, as if they never arrived.
    /// Default 16 million.
    pub keys_max: usize,
    /// A call made while so many calls and answers are under way is dropped; a call has at most two
    /// answers. Default 1 million.
    pub under_way_max: usize,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            hostility: Hostility::NONE,
            hold_lasts: Span::from_hours(7 * 24),
            keys_max: 16_000_000,
            under_way_max: 1_000_000,
        }
    }
}

/// What happened at the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SandboxTally {
    /// Requests made.
    pub requests: u64,
    /// Inquiries made.
    pub inquiries: u64,
    /// Calls made slow.
    pub slow: u64,
    /// Requests made to fail.
    pub failed: u64,
    /// Answers given twice.
    pub answered_twice: u64,
    /// Calls not taken, and answered so.
    pub not_taken: u64,
    /// Calls taken and not answered.
    pub silent_after: u64,
    /// Calls that never arrived.
    pub silent_without: u64,
    /// Holds declined.
    pub declined: u64,
    /// Requests that made no sense, or came too late.
    pub refused: u64,
    /// Requests under a known key for another amount: the caller's defect. The first answer stands.
    pub conflicts: u64,
    /// Calls dropped because of a bound.
    pub dropped: u64,
}

/// A request that a provider has carried out, or refused for good: what it knows of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// What was asked for.
    pub effect: Effect,
    /// When it arrived.
    pub at: Timestamp,
    /// What came of it.
    pub answer: Answer,
}

/// Where a sandbox writes down what it does, so that its book outlives its process.
pub trait BookFile: fmt::Debug + Send {
    /// Writes one down, durable when it returns. It is called once a key, before anybody is told.
    ///
    /// # Errors
    /// The storage's. The sandbox then carries out nothing more, and answers nobody.
    fn write(&mut self, booking: &Booking) -> io::Result<()>;
}

/// A connection to a provider.
#[derive(Debug)]
pub struct Sandbox {
    connection: u32,
    provider: Arc<Mutex<Provider>>,
}

impl Sandbox {
    /// A new provider, and the first connection to it.
    #[must_use]
    pub fn new(config: SandboxConfig) -> Self {
        Self { connection: 0, provider: Arc::new(Mutex::new(Provider::new(config))) }
    }

    /// A provider that goes on from what an earlier one wrote down, and writes on.
    #[must_use]
    pub fn reopened(
        config: SandboxConfig,
        bookings: impl IntoIterator<Item = Booking>,
        file: Box<dyn BookFile>,
    ) -> Self {
        let mut provider = Provider::new(config);
        for booking in bookings {
            provider.remember(&booking);
        }
        provider.write_to(file);
        Self { connection: 0, provider: Arc::new(Mutex::new(provider)) }
    }

    /// Another connection to the same provider: it hears the answers to its own calls alone.
    /// Answers to a connection that was dropped are lost.
    #[must_use]
    pub fn connect(&self) -> Self {
        let connection = self.provider.lock().connect();
        Self { connection, provider: Arc::clone(&self.provider) }
    }

    /// Ends the hostility: calls from now on are answered once, and after the least latency. What
    /// is slow already still takes its time.
    pub fn quiet(&self) {
        self.provider.lock().quiet();
    }

    /// From now on every call meets this, until `None` ends it.
    pub fn outage(&self, outage: Option<Outage>) {
        self.provider.lock().outage = outage;
    }

    /// Everybody's money, as of the last time that was mentioned in a call.
    #[must_use]
    pub fn book(&self) -> BTreeMap<OrderId, OrderBook> {
        self.provider.lock().book.pages().clone()
    }

    /// One order's money; `None` if no hold was ever made for it.
    #[must_use]
    pub fn book_of(&self, order: OrderId) -> Option<OrderBook> {
        self.provider.lock().book.pages().get(&order).copied()
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> SandboxTally {
        self.provider.lock().tally
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.provider.lock().disconnect(self.connection);
    }
}

impl Payments for Sandbox {
    fn request(&mut self, effect: &Effect, now: Timestamp) {
        self.provider.lock().take(self.connection, Call::Request(*effect), now);
    }

    fn inquire(&mut self, key: EffectKey, now: Timestamp) {
        self.provider.lock().take(self.connection, Call::Inquire(key), now);
    }

    fn poll(&mut self, now: Timestamp) -> Option<ProviderSays> {
        self.provider.lock().answer(self.connection, now)
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.provider.lock().next_wake(self.connection)
    }
}
