//! The money of one order: asked for, held, captured or released, refunded.
//!
//! Two things are kept apart: what the provider is known to have done ([`Funds`]) and what the
//! customer is to have paid in the end ([`Payment::owe`]). What must still be done follows from the
//! two, one step at a time ([`Payment::due`]), and has a key of its own: step and attempt. The rules
//! that keep money right:
//!
//! 1. A step that is due counts as *possibly done*. Nothing takes it back; only the provider's
//!    definitive answer ends it, and what it did is then made good (a capture that was overtaken by
//!    a cancellation is refunded).
//! 2. The attempt rises only when an attempt has definitely ended. An unknown result is no answer:
//!    the caller asks the provider for the truth, or repeats the call under the same key.
//! 3. An answer to anything but the attempt that is due is old news and changes nothing.
//!
//! It follows that there is at most one successful hold and one capture, and never more refunded
//! than captured.
//!
//! ```
//! use doorstep_core::money::{Currency, Money};
//! use doorstep_core::payment::{Answer, Payment, Reply, Step};
//! use doorstep_core::policy::Policy;
//! use doorstep_core::time::Timestamp;
//!
//! let eur = Currency::new("EUR").unwrap();
//! let (policy, now) = (Policy::new(eur).payment, Timestamp::from_secs(1_700_000_000));
//! let mut payment = Payment::new(Money::new(1_250, eur));
//! let hold = payment.due().unwrap();
//! assert_eq!((hold.step, hold.attempt), (Step::Hold, 1));
//!
//! let reply = Reply { step: Step::Hold, attempt: 1, answer: Answer::Done { until: None } };
//! for event in payment.decide(&reply, &policy, now) {
//!     payment.evolve(&event)?;
//! }
//! assert!(payment.due().is_none(), "held, and nothing owed yet");
//! assert!(payment.decide(&reply, &policy, now).is_empty(), "the same answer again is no news");
//!
//! payment.owe(Money::new(1_250, eur));
//! assert_eq!(payment.due().unwrap().step, Step::Capture);
//! # Ok::<(), doorstep_core::payment::CorruptPayment>(())
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::money::Money;
use crate::policy::PaymentPolicy;
use crate::time::{Span, Timestamp};

/// What the provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reserve the whole amount.
    Hold,
    /// Take what is owed out of the hold; the rest of the hold is released by it.
    Capture,
    /// Release the hold.
    Void,
    /// Give captured money back.
    Refund,
}

impl Step {
    /// As it stands in an effect's key: `hold`, `capture`, `void`, `refund`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

/// What the provider must do next, under a key that is used for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Due {
    /// What to do.
    pub step: Step,
    /// Which attempt of this step, from 1.
    pub attempt: u32,
    /// How much: the whole hold for a void.
    pub amount: Money,
    /// Not before this time (the wait after a definite failure).
    pub not_before: Timestamp,
}

/// A due step of one order's money. Its key, `order/step/attempt`, is what the provider is given to
/// recognise a repetition by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Effect {
    /// Whose money.
    pub order: OrderId,
    /// What to do.
    pub due: Due,
}

impl Effect {
    /// The key under which the provider is asked.
    #[must_use]
    pub const fn key(&self) -> EffectKey {
        EffectKey { order: self.order, step: self.due.step, attempt: self.due.attempt }
    }
}

/// Names one attempt at one step of one order's money, for ever. Text form: `ord_…/hold/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// Whose money.
    pub order: OrderId,
    /// Which step.
    pub step: Step,
    /// Which attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.order, self.step.name(), self.attempt)
    }
}

/// What the provider is known to have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funds {
    /// Asked for; the hold is not answered yet.
    Asked,
    /// The hold was refused: there was never any money.
    Refused {
        /// Why.
        why: HoldRefused,
    },
    /// Held, not captured.
    Held {
        /// How much.
        amount: Money,
        /// When the hold lapses.
        until: Timestamp,
    },
    /// Captured.
    Captured {
        /// How much was taken.
        amount: Money,
        /// How much of it was given back.
        refunded: Money,
    },
    /// The hold is gone, and nothing was captured.
    Released {
        /// How.
        why: Release,
    },
}

/// Why a hold was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldRefused {
    /// The provider or the customer's bank said no.
    Declined,
    /// Every attempt failed.
    Unavailable,
    /// The checkout was given up before the hold succeeded.
    GivenUp,
}

/// How a hold went without being captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// Voided by us.
    Voided,
    /// It lapsed, or the provider no longer knows it.
    Lapsed,
}

/// A definitive answer of the provider to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reply {
    /// The step that was asked for.
    pub step: Step,
    /// The attempt that was asked for.
    pub attempt: u32,
    /// What came of it.
    pub answer: Answer,
}

/// What came of an attempt, for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done {
        /// For a hold: when it lapses, where the provider says so.
        until: Option<Timestamp>,
    },
    /// It was not done and never will be: the card was declined, the hold is gone.
    Refused,
    /// It was not done; another attempt may succeed.
    Failed,
}

/// What happened to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The provider holds the amount asked for.
    Held {
        /// When the hold lapses.
        until: Timestamp,
    },
    /// There will be no hold.
    HoldRefused {
        /// Why.
        why: HoldRefused,
    },
    /// This much was taken.
    Captured {
        /// How much.
        amount: Money,
    },
    /// This much was given back.
    Refunded {
        /// How much, by this refund alone.
        amount: Money,
    },
    /// The hold is gone without a capture.
    Released {
        /// How.
        why: Release,
    },
    /// An attempt definitely failed.
    Failed {
        /// Of what.
        step: Step,
        /// Which.
        attempt: u32,
        /// The next attempt is not before this time.
        retry_at: Timestamp,
        /// Operations should look: this step has failed too often.
        flagged: bool,
    },
}

/// An event that cannot follow the state it was applied to: the history is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment event {event:?} cannot follow {funds:?} with {due:?} due")]
pub struct CorruptPayment {
    /// The event.
    pub event: Event,
    /// The funds it met.
    pub funds: Funds,
    /// What was due when it came.
    pub due: Option<Due>,
}

/// The money of one order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payment {
    asked: Money,
    funds: Funds,
    owed: Option<Money>,
    due: Option<Due>,
    ended: Attempts,
}

/// Attempts of each step that have definitely ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Attempts {
    hold: u32,
    capture: u32,
    void: u32,
    refund: u32,
}

impl Attempts {
    const fn of(&mut self, step: Step) -> &mut u32 {
        match step {
            Step::Hold => &mut self.hold,
            Step::Capture => &mut self.capture,
            Step::Void => &mut self.void,
            Step::Refund => &mut self.refund,
        }
    }
}

impl Payment {
    /// A payment of `total` that is to be held; the hold is due at once.
    #[must_use]
    pub fn new(total: Money) -> Self {
        let mut payment = Self {
            asked: total,
            funds: Funds::Asked,
            owed: None,
            due: None,
            ended: Attempts::default(),
        };
        payment.advance(Timestamp::EPOCH);
        payment
    }

    /// What the provider is known to have done.
    #[must_use]
    pub const fn funds(&self) -> Funds {
        self.funds
    }

    /// The amount that was asked to be held.
    #[must_use]
    pub const fn asked(&self) -> Money {
        self.asked
    }

    /// What the customer is to have paid in the end; `None` while that is not decided.
    #[must_use]
    pub const fn owed(&self) -> Option<Money> {
        self.owed
    }

    /// What the provider must do next.
    #[must_use]
    pub const fn due(&self) -> Option<Due> {
        self.due
    }

    /// Captured and not given back.
    #[must_use]
    pub fn paid(&self) -> Money {
        match self.funds {
            // Never out of range: `evolve` refuses a refund above the capture.
            Funds::Captured { amount, refunded } => amount.checked_sub(refunded).unwrap_or(amount),
            Funds::Asked | Funds::Refused { .. } | Funds::Held { .. } | Funds::Released { .. } => {
                Money::zero(self.asked.currency())
            }
        }
    }

    /// What is owed and can no longer be taken: the hold is gone.
    #[must_use]
    pub fn debt(&self) -> Option<Money> {
        let short = self.owed?.checked_sub(self.paid()).ok()?;
        let gone = matches!(
            self.funds,
            Funds::Released { .. } | Funds::Refused { .. } | Funds::Captured { .. }
        );
        (gone && self.due.is_none() && short.minor() > 0).then_some(short)
    }

    /// Whether nothing more will happen: what is owed is paid (or a debt), the rest released.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.owed.is_some() && self.due.is_none()
    }

    /// When the hold lapses, if that is what happens next.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        match (self.funds, self.due) {
            (Funds::Held { until, .. }, None) => Some(until),
            (
                Funds::Asked
                | Funds::Refused { .. }
                | Funds::Held { .. }
                | Funds::Captured { .. }
                | Funds::Released { .. },
                _,
            ) => None,
        }
    }

    /// Decides what the customer is to have paid in the end: the total on acceptance, less after an
    /// adjustment, the agreed fee or nothing after a cancellation. Called by whatever owns the
    /// payment when it evolves; what is due follows.
    pub fn owe(&mut self, amount: Money) {
        self.owed = Some(amount);
        if self.due.is_none() {
            self.advance(Timestamp::EPOCH);
        }
    }

    /// What a reply means. Empty: it is old news.
    #[must_use]
    pub fn decide(&self, reply: &Reply, policy: &PaymentPolicy, now: Timestamp) -> Vec<Event> {
        let Some(due) = self.due else { return Vec::new() };
        if (due.step, due.attempt) != (reply.step, reply.attempt) {
            return Vec::new();
        }
        let event = match (reply.step, reply.answer) {
            (Step::Hold, Answer::Done { until }) => Event::Held {
                until: until.unwrap_or_else(|| now.saturating_add(policy.hold_lasts)),
            },
            (Step::Capture, Answer::Done { .. }) => Event::Captured { amount: due.amount },
            (Step::Void, Answer::Done { .. }) => Event::Released { why: Release::Voided },
            (Step::Refund, Answer::Done { .. }) => Event::Refunded { amount: due.amount },
            (Step::Hold, Answer::Refused) => Event::HoldRefused { why: HoldRefused::Declined },
            (Step::Capture | Step::Void, Answer::Refused) => {
                Event::Released { why: Release::Lapsed }
            }
            (Step::Hold, Answer::Failed) if self.owed.is_some_and(Money::is_zero) => {
                Event::HoldRefused { why: HoldRefused::GivenUp }
            }
            (Step::Hold, Answer::Failed) if due.attempt >= policy.hold_attempts => {
                Event::HoldRefused { why: HoldRefused::Unavailable }
            }
            // The hold is over by its own terms: no further attempt can use it or needs to end it.
            (Step::Capture | Step::Void, Answer::Failed) if self.has_lapsed(now) => {
                Event::Released { why: Release::Lapsed }
            }
            // A refund that the provider refuses is still the customer's money: it is tried again,
            // ever more rarely, and operations are told.
            (Step::Refund, Answer::Refused)
            | (Step::Hold | Step::Capture | Step::Void | Step::Refund, Answer::Failed) => {
                Event::Failed {
                    step: due.step,
                    attempt: due.attempt,
                    retry_at: now.saturating_add(back_off(policy, due.attempt)),
                    flagged: due.attempt >= policy.flag_after,
                }
            }
        };
        vec![event]
    }

    /// What the passing of time means: a hold that nobody used has lapsed.
    #[must_use]
    pub fn tick(&self, now: Timestamp) -> Vec<Event> {
        match self.next_deadline() {
            Some(until) if now >= until => vec![Event::Released { why: Release::Lapsed }],
            Some(_) | None => Vec::new(),
        }
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        matches!(self.funds, Funds::Held { until, .. } if now >= until)
    }

    /// Takes a fact in. It decides nothing.
    ///
    /// # Errors
    /// [`CorruptPayment`] if the event cannot have been decided from this state; nothing changes.
    pub fn evolve(&mut self, event: &Event) -> Result<(), CorruptPayment> {
        let corrupt = CorruptPayment { event: *event, funds: self.funds, due: self.due };
        let due_is = |step: Step| self.due.is_some_and(|due| due.step == step);
        let due_as = |step: Step, amount: Money| {
            self.due.is_some_and(|due| (due.step, due.amount) == (step, amount))
        };
        let mut not_before = Timestamp::EPOCH;
        let mut ended = self.due;
        let funds = match (*event, self.funds) {
            (Event::Held { until }, Funds::Asked) if due_is(Step::Hold) => {
                Funds::Held { amount: self.asked, until }
            }
            (Event::HoldRefused { why }, Funds::Asked) if due_is(Step::Hold) => {
                Funds::Refused { why }
            }
            (Event::Captured { amount }, Funds::Held { amount: held, .. })
                if due_as(Step::Capture, amount) && at_most(amount, held) =>
            {
                Funds::Captured { amount, refunded: Money::zero(amount.currency()) }
            }
            (Event::Released { why }, Funds::Held { .. })
                if why == Release::Lapsed || due_is(Step::Void) =>
            {
                Funds::Released { why }
            }
            (Event::Refunded { amount }, Funds::Captured { amount: taken, refunded })
                if due_as(Step::Refund, amount) =>
            {
                let refunded = refunded.checked_add(amount).map_err(|_| corrupt)?;
                if !at_most(refunded, taken) {
                    return Err(corrupt);
                }
                Funds::Captured { amount: taken, refunded }
            }
            (Event::Failed { step, attempt, retry_at, .. }, funds)
                if self.due.is_some_and(|due| (due.step, due.attempt) == (step, attempt)) =>
            {
                not_before = retry_at;
                funds
            }
            (
                Event::Held { .. }
                | Event::HoldRefused { .. }
                | Event::Captured { .. }
                | Event::Refunded { .. }
                | Event::Released { .. }
                | Event::Failed { .. },
                _,
            ) => return Err(corrupt),
        };
        if let Some(due) = ended.take() {
            *self.ended.of(due.step) = due.attempt;
        }
        self.funds = funds;
        self.due = None;
        self.advance(not_before);
        Ok(())
    }

    /// Names the next step towards what is owed, from what the provider has done.
    fn advance(&mut self, not_before: Timestamp) {
        let zero = Money::zero(self.asked.currency());
        let next = match (self.funds, self.owed) {
            (Funds::Asked, _) => Some((Step::Hold, self.asked)),
            (Funds::Held { amount, .. }, Some(owed)) if owed.minor() <= 0 => {
                Some((Step::Void, amount))
            }
            (Funds::Held { amount, .. }, Some(owed)) => {
                Some((Step::Capture, if at_most(owed, amount) { owed } else { amount }))
            }
            (Funds::Captured { .. }, Some(owed)) => {
                let over = self.paid().checked_sub(owed).unwrap_or(zero);
                (over.minor() > 0).then_some((Step::Refund, over))
            }
            (Funds::Held { .. } | Funds::Captured { .. }, None)
            | (Funds::Refused { .. } | Funds::Released { .. }, _) => None,
        };
        self.due = next.map(|(step, amount)| {
            let attempt = self.ended.of(step).saturating_add(1);
            Due { step, attempt, amount, not_before }
        });
    }
}

fn at_most(amount: Money, limit: Money) -> bool {
    amount.currency() == limit.currency() && (0..=limit.minor()).contains(&amount.minor())
}

/// `retry_first`, doubled with each further attempt, at most `retry_most`.
fn back_off(policy: &PaymentPolicy, attempt: u32) -> Span {
    let doublings = attempt.saturating_sub(1).min(32);
    policy.retry_first.saturating_mul(1 << doublings).min(policy.retry_most)
}

#[cfg(test)]
mod tests;
