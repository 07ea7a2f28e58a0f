//! Why an order does not do what was asked, with what the caller needs to go on.

use serde::{Deserialize, Serialize};

use super::phase::OrderStatus;
use crate::cancel;
use crate::id::DriverId;
use crate::money::MoneyError;
use crate::payment;

/// Why a command was refused. Where several would fit, the first in this list is given: who may
/// speak, then where the order stands, then what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The order is another driver's.
    #[error("the order is carried by {assigned}, not by {driver}")]
    NotTheDriver {
        /// Who spoke.
        driver: DriverId,
        /// Whose it is.
        assigned: DriverId,
    },
    /// This actor never does this.
    #[error("only the driver, operations and the platform may say so")]
    NotThisActor,
    /// The order does not stand where this is possible.
    #[error("the order is {found:?}; this is possible when it is one of {allowed:?}")]
    WrongPhase {
        /// Where it stands, as far as this command is concerned.
        found: OrderStatus,
        /// Where it would have to stand.
        allowed: Vec<OrderStatus>,
    },
    /// The cancel table says no.
    #[error(transparent)]
    Cancel(#[from] cancel::Refusal),
    /// There is no such line.
    #[error("there is no line {line}; the order has {lines}")]
    NoSuchLine {
        /// The line asked for, from 0.
        line: u32,
        /// How many there are.
        lines: u32,
    },
    /// An adjustment lowers; it never raises or repeats.
    #[error("line {line} has {ordered} units; an adjustment names fewer, once a line")]
    NotFewer {
        /// The line.
        line: u32,
        /// Its units before.
        ordered: u32,
    },
    /// Nothing would be left: that is a cancellation.
    #[error("nothing would be left of the order; cancel it instead")]
    NothingLeft,
    /// A fee is between nothing and the total, in the order's currency.
    #[error("a fee lies between nothing and the order's total, in its currency")]
    FeeOutOfRange,
    /// What the provider is said to have said is not believed.
    #[error(transparent)]
    Payment(#[from] payment::Refusal),
    /// The amounts do not add up.
    #[error(transparent)]
    Money(#[from] MoneyError),
}
