//! What the provider is known to have done.

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::time::Timestamp;

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
    /// The provider or the customer's bank said no, or took its yes back before there was an order.
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
    /// Voided by us, or given up at the provider.
    Voided,
    /// It lapsed, or the provider no longer knows it.
    Lapsed,
}
