//! Carries out the effects that are due, at least once under their keys, until they are answered.

use doorstep_core::id::OrderId;
use doorstep_core::payment::{Effect, Reply};
use doorstep_core::time::{Span, Timestamp};

use crate::ports::Payments;

/// How patient a runner is, and how much it does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectConfig {
    /// After how long a call without an answer counts as unknown. Default 5 s.
    pub timeout: Span,
    /// The wait before the second inquiry; it doubles with each further one. Default 1 s.
    pub inquire_first: Span,
    /// The longest wait before an inquiry. Default 1 min.
    pub inquire_most: Span,
    /// After how long an answer that changed nothing is told again. Default 5 s.
    pub tell_again: Span,
    /// Most calls under way. Default 256.
    pub in_flight_max: usize,
    /// Most orders with an effect due. Default 200,000.
    pub orders_max: usize,
}

impl Default for EffectConfig {
    fn default() -> Self {
        Self {
            timeout: Span::from_secs(5),
            inquire_first: Span::from_secs(1),
            inquire_most: Span::from_mins(1),
            tell_again: Span::from_secs(5),
            in_flight_max: 256,
            orders_max: 200_000,
        }
    }
}

/// Why an effect was not taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// As many orders as may be have an effect due. Offer it again when others are done.
    #[error("{most} orders have an effect due already")]
    Full {
        /// The bound.
        most: usize,
    },
    /// The effect is another order's.
    #[error("the effect belongs to {effect_of}, not to {order}")]
    AnotherOrder {
        /// The order it was offered for.
        order: OrderId,
        /// The order it belongs to.
        effect_of: OrderId,
    },
}

/// What a runner did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectTally {
    /// Requests made, repetitions included.
    pub requests: u64,
    /// Inquiries made.
    pub inquiries: u64,
    /// Calls that were not answered in time.
    pub timeouts: u64,
    /// Definite answers, the first to each key.
    pub answers: u64,
    /// Answers told again because nothing came of the first telling.
    pub told_again: u64,
    /// Answers to a key that is not due any more.
    pub stale: u64,
    /// Answers that said nothing new about a key that is due.
    pub repeated: u64,
    /// Definite answers that contradict the first: the provider broke its word. The first stands.
    pub contradicted: u64,
}

/// Carries out due effects.
#[derive(Debug)]
pub struct EffectRunner {
    tally: EffectTally,
}

impl EffectRunner {
    /// A runner with nothing to do.
    #[must_use]
    pub fn new(_config: EffectConfig) -> Self {
        Self { tally: EffectTally::default() }
    }

    /// Says what is due for an order now: `None` for nothing any more.
    ///
    /// # Errors
    /// [`OfferError`]; nothing changed.
    pub fn offer(&mut self, _order: OrderId, _effect: Option<Effect>) -> Result<(), OfferError> {
        Ok(())
    }

    /// Makes the calls that are due, takes the answers in, and returns the replies to submit as
    /// commands.
    pub fn step(
        &mut self,
        _payments: &mut impl Payments,
        _now: Timestamp,
    ) -> Vec<(OrderId, Reply)> {
        Vec::new()
    }

    /// When to step again at the latest, answers aside ([`Payments::next_wake`]).
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        None
    }

    /// Forgets everything: the log is somebody else's now. Calls under way stay under way.
    pub fn clear(&mut self) {}

    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> EffectTally {
        self.tally
    }
}
