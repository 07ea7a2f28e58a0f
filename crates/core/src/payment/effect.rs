//! What the provider must still do, and the key under which it is asked.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::money::Money;
use crate::time::Timestamp;

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

/// Why a text is no [`EffectKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is an order, a step and an attempt from 1: `ord_…/hold/1`")]
pub struct NotAKey;

impl FromStr for EffectKey {
    type Err = NotAKey;

    /// Reads the text form, exactly as it is written.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.split('/');
        let (Some(order), Some(step), Some(attempt), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAKey);
        };
        let steps = [Step::Hold, Step::Capture, Step::Void, Step::Refund];
        let key = Self {
            order: order.parse().map_err(|_| NotAKey)?,
            step: steps.into_iter().find(|known| known.name() == step).ok_or(NotAKey)?,
            attempt: attempt.parse().map_err(|_| NotAKey)?,
        };
        if key.attempt > 0 && key.to_string() == text { Ok(key) } else { Err(NotAKey) }
    }
}
