//! How long a ledger remembers, and how much.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How long a lease lasts, how long an outcome is kept, and how many keys there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct Bounds {
    lease: Span,
    retention: Span,
    max: u32,
}

/// Why a ledger cannot keep its promises within such bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBounds {
    /// A lease without length would make every caller the first one.
    #[error("a lease must last longer than nothing")]
    NoLease,
    /// An outcome that is not kept could be repeated while a lease still runs.
    #[error("outcomes must be kept at least as long as a lease lasts")]
    RetentionBelowLease,
    /// A ledger without room takes nothing.
    #[error("there must be room for at least one key")]
    NoRoom,
}

impl Bounds {
    /// A lease of `lease`, outcomes kept for `retention` (24 h is the least that an
    /// `Idempotency-Key` is usually kept; a payment provider repeats a webhook for 3 days), and room
    /// for `max` keys.
    ///
    /// # Errors
    /// In this order: [`BadBounds::NoLease`], [`BadBounds::RetentionBelowLease`],
    /// [`BadBounds::NoRoom`].
    pub const fn new(lease: Span, retention: Span, max: u32) -> Result<Self, BadBounds> {
        if lease.as_millis() == 0 {
            return Err(BadBounds::NoLease);
        }
        if retention.as_millis() < lease.as_millis() {
            return Err(BadBounds::RetentionBelowLease);
        }
        if max == 0 {
            return Err(BadBounds::NoRoom);
        }
        Ok(Self { lease, retention, max })
    }

    /// Bounds for what begins and ends in one step, where the numbers are policy that was checked
    /// elsewhere: what would not be taken is raised to the least that is.
    #[cfg(feature = "log")]
    pub(crate) fn at_once(retention: Span, max: u32) -> Self {
        let lease = Span::from_millis(1);
        Self { lease, retention: retention.max(lease), max: max.max(1) }
    }

    /// How long whoever is first may take before somebody else takes over.
    #[must_use]
    pub const fn lease(&self) -> Span {
        self.lease
    }

    /// How long an outcome is kept.
    #[must_use]
    pub const fn retention(&self) -> Span {
        self.retention
    }

    /// How many keys are kept, those in flight included.
    #[must_use]
    pub const fn max(&self) -> u32 {
        self.max
    }
}

/// Bounds as they are written, not checked yet.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    lease: Span,
    retention: Span,
    max: u32,
}

impl TryFrom<Numbers> for Bounds {
    type Error = BadBounds;

    fn try_from(numbers: Numbers) -> Result<Self, BadBounds> {
        Self::new(numbers.lease, numbers.retention, numbers.max)
    }
}

impl From<Bounds> for Numbers {
    fn from(bounds: Bounds) -> Self {
        let Bounds { lease, retention, max } = bounds;
        Self { lease, retention, max }
    }
}
