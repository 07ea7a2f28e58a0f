//! Carries out the effects that are due, at least once under their keys, until they are answered.
//!
//! The host [offers](EffectRunner::offer) each order's effect as its counted state has it, and
//! submits the replies that a [step](EffectRunner::step) returns as commands. The rules between:
//!
//! 1. An effect is requested once its `not_before` has come, as soon as there is room for a call.
//! 2. A call that is not answered in time leaves its result *unknown*. It is then asked for, at once
//!    and, while no answer comes, after ever longer waits.
//! 3. Only a provider that has never heard of the key is requested again, under the same key.
//! 4. A definite answer is told to the host; again after a while if the effect is still offered
//!    then, because the command was lost. The provider is not called again.
//! 5. Answers to what is not due any more are dropped and counted.
//! 6. A call that the provider did not take is made again under the same key, after ever longer waits.
//! 7. After a few failures in a row (silence, calls not taken, definite failures) nobody calls for a
//!    while: a circuit [breaker](doorstep_core::payment::Breaker) stands before every call. What waits
//!    behind it is still due: an order is being processed, it has not failed.
//!
//! One call therefore takes at most `timeout`, and its key is the order, the step and the attempt.
//! The attempt rises on a definite failure alone, because a provider remembers a failure under its key
//! as it does a success; how many attempts a hold has, is policy (`payment.hold_attempts`: a first and
//! two retries, a second and then two later). An outage takes none of them unless the provider
//! *definitely* fails at each: a hold then waits for as long as its checkout does
//! (`checkout.patience`, two minutes), and everything else for as long as the hold lasts.
//!
//! Nothing here outlives a crash, and nothing needs to: whoever owns the log next is offered the
//! same effects and requests them under the same keys.
//!
//! ```
//! use doorstep_core::id::OrderId;
//! use doorstep_core::money::{Currency, Money};
//! use doorstep_core::payment::{Effect, Payment};
//! use doorstep_core::policy::Policy;
//! use doorstep_core::time::Timestamp;
//! use doorstep_runtime::effects::{EffectConfig, EffectRunner};
//! use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
//!
//! let (order, eur) = (OrderId::from(1), Currency::new("EUR").unwrap());
//! let (policy, now) = (Policy::new(eur).payment, Timestamp::from_secs(1_700_000_000));
//! let mut payment = Payment::new(Money::new(1_250, eur));
//! let mut sandbox = Sandbox::new(SandboxConfig::default());
//! let mut runner = EffectRunner::new(EffectConfig::default());
//!
//! runner.offer(order, payment.due().map(|due| Effect { order, due }))?;
//! for (_, reply) in runner.step(&mut sandbox, now) {
//!     for event in payment.decide(&reply, &policy, now) {
//!         payment.evolve(&event)?;
//!     }
//! }
//! runner.offer(order, payment.due().map(|due| Effect { order, due }))?;
//! assert!(runner.is_empty(), "held, and nothing more to do");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agenda;
mod line;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use doorstep_core::id::OrderId;
use doorstep_core::payment::{Answer, Breaker, BreakerPolicy, Effect, EffectKey, Reply};
use doorstep_core::time::{Span, Timestamp};

use agenda::{Agenda, Call, Job, Stage};
use line::Line;

use crate::ports::{Payments, ProviderSays, Word};

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
    /// When nobody calls for a while.
    pub breaker: BreakerPolicy,
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
            breaker: BreakerPolicy::default(),
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
    /// Calls that the provider did not take.
    pub not_taken: u64,
    /// Times that the breaker opened, failed probes included.
    pub opened: u64,
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

/// Carries out due effects; see the [module](self) for the rules.
#[derive(Debug)]
pub struct EffectRunner {
    config: EffectConfig,
    jobs: BTreeMap<OrderId, Job>,
    agenda: Agenda,
    line: Line,
    tally: EffectTally,
}

impl EffectRunner {
    /// A runner with nothing to do. Bounds and time-outs of zero count as the least possible.
    #[must_use]
    pub fn new(config: EffectConfig) -> Self {
        Self {
            line: Line::new(config.breaker),
            config,
            jobs: BTreeMap::new(),
            agenda: Agenda::default(),
            tally: EffectTally::default(),
        }
    }

    /// Says what is due for an order now, as its state has it: `None` for nothing any more. Saying
    /// the same again changes nothing.
    ///
    /// # Errors
    /// [`OfferError`]; nothing changed.
    pub fn offer(&mut self, order: OrderId, effect: Option<Effect>) -> Result<(), OfferError> {
        let Some(effect) = effect else {
            self.forget(order);
            return Ok(());
        };
        if effect.order != order {
            return Err(OfferError::AnotherOrder { order, effect_of: effect.order });
        }
        match self.jobs.get(&order) {
            Some(job) if job.effect.key() == effect.key() => return Ok(()),
            Some(_) => self.forget(order),
            None if self.jobs.len() >= self.config.orders_max => {
                return Err(OfferError::Full { most: self.config.orders_max });
            }
            None => {}
        }
        self.jobs.insert(order, self.agenda.begin(effect));
        Ok(())
    }

    /// Takes answers in, makes the calls that are due, and returns the replies to submit as
    /// commands. It touches only what is answered or due: the cost does not depend on how many
    /// orders wait.
    pub fn step(
        &mut self,
        payments: &mut (impl Payments + ?Sized),
        now: Timestamp,
    ) -> Vec<(OrderId, Reply)> {
        let mut replies = Vec::new();
        self.listen(payments, now, &mut replies);
        self.expire(now, &mut replies);
        self.call(payments, now);
        self.listen(payments, now, &mut replies);
        replies
    }

    /// When to step again at the latest, answers aside ([`Payments::next_wake`]). A time that has
    /// passed means at once; `None`, when something is offered or answered.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let ready = self.has_room() && self.agenda.has_ready();
        let call_at = ready.then(|| self.line.breaker.probe_at().unwrap_or(Timestamp::EPOCH));
        call_at.into_iter().chain(self.agenda.next_time()).min()
    }

    /// Forgets everything but how the provider does: the log is somebody else's now. Calls under way
    /// stay under way; their answers are stale.
    pub fn clear(&mut self) {
        self.jobs.clear();
        self.agenda = Agenda::default();
    }

    /// How many orders have an effect due.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether nothing is due.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many calls are under way.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.agenda.in_flight()
    }

    /// Whether the provider is called at this time.
    #[must_use]
    pub const fn breaker(&self) -> Breaker {
        self.line.breaker
    }

    /// What it did so far.
    #[must_use]
    pub const fn tally(&self) -> EffectTally {
        EffectTally { opened: self.line.opened, ..self.tally }
    }

    fn forget(&mut self, order: OrderId) {
        if let Some(job) = self.jobs.remove(&order) {
            self.agenda.end(&job);
        }
    }

    fn has_room(&self) -> bool {
        self.agenda.in_flight() < self.config.in_flight_max.max(1)
    }

    fn listen(
        &mut self,
        payments: &mut (impl Payments + ?Sized),
        now: Timestamp,
        replies: &mut Vec<(OrderId, Reply)>,
    ) {
        while let Some(ProviderSays { key, word }) = payments.poll(now) {
            let due = self.jobs.get_mut(&key.order).filter(|job| job.effect.key() == key);
            let Some(job) = due else {
                count(&mut self.tally.stale);
                continue;
            };
            match (word, job.stage) {
                (Word::Definite(answer), Stage::Answered { answer: first, .. }) => {
                    let same = answer == first;
                    count(if same {
                        &mut self.tally.repeated
                    } else {
                        &mut self.tally.contradicted
                    });
                }
                (
                    Word::Definite(answer),
                    Stage::Waiting { .. }
                    | Stage::Ready { .. }
                    | Stage::Called { .. }
                    | Stage::Unknown { .. },
                ) => {
                    count(&mut self.tally.answers);
                    match answer {
                        Answer::Failed => self.line.failed(now),
                        // A card that is declined is declined by a provider that works.
                        Answer::Done { .. } | Answer::Refused => self.line.breaker.went_through(),
                    }
                    let at = now.saturating_add(self.config.tell_again);
                    self.agenda.shift(job, Stage::Answered { answer, at });
                    replies.push(reply(key, answer));
                }
                (
                    Word::NeverHeard,
                    Stage::Ready { call: Call::Inquire }
                    | Stage::Called { call: Call::Inquire, .. }
                    | Stage::Unknown { .. },
                ) => {
                    // It answers; whether it also does what it is asked is found out by asking.
                    if !self.line.breaker.is_closed() {
                        self.line.breaker.went_through();
                    }
                    self.agenda.shift(job, Stage::Ready { call: Call::Request });
                }
                (Word::NotTaken, Stage::Called { call, .. }) => {
                    count(&mut self.tally.not_taken);
                    job.unknowns = job.unknowns.saturating_add(1);
                    let wait = self.config.before_inquiry(job.unknowns.saturating_add(1));
                    let at = now.saturating_add(wait);
                    self.agenda.shift(
                        job,
                        match call {
                            Call::Request => Stage::Waiting { at },
                            Call::Inquire => Stage::Unknown { at },
                        },
                    );
                    self.line.failed(now);
                }
                // Old news: of a call that was given up already, or is to be made again.
                (
                    Word::NotTaken,
                    Stage::Waiting { .. }
                    | Stage::Ready { .. }
                    | Stage::Unknown { .. }
                    | Stage::Answered { .. },
                ) => count(&mut self.tally.repeated),
                // Old news: it was said of a time before the request that is under way.
                (
                    Word::NeverHeard,
                    Stage::Ready { call: Call::Request }
                    | Stage::Called { call: Call::Request, .. }
                    | Stage::Waiting { .. }
                    | Stage::Answered { .. },
                ) => count(&mut self.tally.repeated),
            }
        }
    }

    /// Moves on whatever waits for a time that has come.
    fn expire(&mut self, now: Timestamp, replies: &mut Vec<(OrderId, Reply)>) {
        for key in self.agenda.due(now) {
            let Some(job) = self.jobs.get_mut(&key.order) else { continue };
            let mut timed_out = false;
            let next = match job.stage {
                Stage::Waiting { .. } => Stage::Ready { call: Call::Request },
                Stage::Called { .. } => {
                    count(&mut self.tally.timeouts);
                    timed_out = true;
                    job.unknowns = job.unknowns.saturating_add(1);
                    match self.config.before_inquiry(job.unknowns) {
                        Span::ZERO => Stage::Ready { call: Call::Inquire },
                        wait => Stage::Unknown { at: now.saturating_add(wait) },
                    }
                }
                Stage::Unknown { .. } => Stage::Ready { call: Call::Inquire },
                Stage::Answered { answer, .. } => {
                    count(&mut self.tally.told_again);
                    replies.push(reply(key, answer));
                    Stage::Answered { answer, at: now.saturating_add(self.config.tell_again) }
                }
                Stage::Ready { call } => Stage::Ready { call },
            };
            self.agenda.shift(job, next);
            if timed_out {
                self.line.failed(now);
            }
        }
    }

    /// Makes the calls that are ready, in the order of their keys, as far as there is room and the
    /// breaker lets them through.
    fn call(&mut self, payments: &mut (impl Payments + ?Sized), now: Timestamp) {
        let until = now.saturating_add(self.config.timeout.max(Span::from_millis(1)));
        while self.has_room() {
            if !self.line.lets_through(now) {
                break;
            }
            let Some(key) = self.agenda.pop_ready() else { break };
            let Some(job) = self.jobs.get_mut(&key.order) else { continue };
            let Stage::Ready { call } = job.stage else { continue };
            self.line.calling(now);
            match call {
                Call::Request => {
                    count(&mut self.tally.requests);
                    payments.request(&job.effect, now);
                }
                Call::Inquire => {
                    count(&mut self.tally.inquiries);
                    payments.inquire(key, now);
                }
            }
            self.agenda.shift(job, Stage::Called { call, until });
        }
    }
}

impl EffectConfig {
    /// The wait before asking, after so many calls that were not answered: none, then
    /// `inquire_first`, doubled with each further one up to `inquire_most`.
    fn before_inquiry(&self, unknowns: u32) -> Span {
        let Some(doublings) = unknowns.checked_sub(2) else { return Span::ZERO };
        let longest = self.inquire_most.max(Span::from_millis(1));
        let first = self.inquire_first.max(Span::from_millis(1));
        first.saturating_mul(1 << doublings.min(32)).min(longest)
    }
}

const fn reply(key: EffectKey, answer: Answer) -> (OrderId, Reply) {
    (key.order, Reply { step: key.step, attempt: key.attempt, answer })
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
