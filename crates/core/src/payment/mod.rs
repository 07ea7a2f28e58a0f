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
//! 4. What the provider says unasked ([`Notice`], from its webhooks) is heard in any order, any
//!    number of times, and always comes to the same.
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

mod breaker;
mod decide;
mod effect;
mod evolve;
mod funds;
mod notice;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use breaker::{Breaker, BreakerPolicy, Gate};
pub use decide::{Answer, Reply};
pub use effect::{Due, Effect, EffectKey, NotAKey, Step};
pub use evolve::{CorruptPayment, Event};
pub use funds::{Funds, HoldRefused, Release};
pub use notice::{News, Notice, REFUNDS_MAX, RefundId, Refusal};

use crate::money::Money;
use crate::time::Timestamp;

/// The money of one order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payment {
    asked: Money,
    funds: Funds,
    owed: Option<Money>,
    due: Option<Due>,
    ended: Attempts,
    /// What was heard of refunds, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<notice::Refund>,
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
    const fn count(&self, step: Step) -> u32 {
        match step {
            Step::Hold => self.hold,
            Step::Capture => self.capture,
            Step::Void => self.void,
            Step::Refund => self.refund,
        }
    }

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
            refunds: Vec::new(),
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
}

fn at_most(amount: Money, limit: Money) -> bool {
    amount.currency() == limit.currency() && (0..=limit.minor()).contains(&amount.minor())
}
