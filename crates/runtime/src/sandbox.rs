//! A payments provider for tests and simulations: hostile on the wire, truthful in its book.

use std::collections::BTreeMap;

use doorstep_core::id::OrderId;
use doorstep_core::money::Money;
use doorstep_core::payment::{Effect, EffectKey};
use doorstep_core::time::{Span, Timestamp};

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
    /// Most calls and answers under way; further ones are dropped. Default 1 million.
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

/// One order's money at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBook {
    /// Held now.
    pub held: Money,
    /// Ever taken.
    pub captured: Money,
    /// Of that, given back.
    pub refunded: Money,
    /// Released by voids.
    pub voided: Money,
    /// Released by captures of less than was held.
    pub left_over: Money,
    /// Released because the hold lapsed.
    pub lapsed: Money,
    /// Holds ever made.
    pub holds: u32,
    /// Captures ever made.
    pub captures: u32,
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
    /// Calls and answers dropped because of a bound.
    pub dropped: u64,
}

/// A connection to a provider.
#[derive(Debug)]
pub struct Sandbox {}

impl Sandbox {
    /// A new provider, and the first connection to it.
    #[must_use]
    pub fn new(_config: SandboxConfig) -> Self {
        Self {}
    }

    /// Another connection to the same provider: it hears the answers to its own calls alone.
    /// Answers to a connection that was dropped are lost.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self {}
    }

    /// Ends the hostility: calls from now on are answered once, and after the least latency. What
    /// is slow already still takes its time.
    pub fn quiet(&self) {}

    /// Everybody's money, as of the last time that was mentioned in a call.
    #[must_use]
    pub fn book(&self) -> BTreeMap<OrderId, OrderBook> {
        BTreeMap::new()
    }

    /// One order's money; `None` if no hold was ever made for it.
    #[must_use]
    pub fn book_of(&self, _order: OrderId) -> Option<OrderBook> {
        None
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> SandboxTally {
        SandboxTally::default()
    }
}

impl Payments for Sandbox {
    fn request(&mut self, _effect: &Effect, _now: Timestamp) {}

    fn inquire(&mut self, _key: EffectKey, _now: Timestamp) {}

    fn poll(&mut self, _now: Timestamp) -> Option<ProviderSays> {
        None
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}
