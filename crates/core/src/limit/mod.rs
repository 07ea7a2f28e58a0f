//! A rate limit as a value: how often is often enough, and when to come back.
//!
//! [`Gcra`] is the generic cell rate algorithm (ITU-T I.371), a leaky bucket that is one number: the
//! *theoretical arrival time*, at which everything taken so far will have been paid off. Sixteen
//! bytes, no timer, no window that jumps; store it beside whatever it limits, in a column or in a
//! log. [`Limits`] keeps one for each of a bounded number of keys.
//!
//! A quota of 100 a minute with a burst of 100 lets 100 through at once and one every 600 ms after
//! that. In a window of the quota's length it therefore lets through up to *twice* the count, less
//! one: where "at most five in any hour" is meant to the letter, as the shard means it, a window is
//! the thing to keep, not this.
//!
//! Time enters in milliseconds, as everywhere here, and is reckoned in whole nanoseconds, so that a
//! quota that is no whole number of milliseconds apart (7 a second) is kept exactly, with the
//! interval rounded up: never one more than the quota says. All that happens within one millisecond
//! happens at once, and a time before 1970 counts as 1970.
//!
//! ```
//! use doorstep_core::limit::{Gcra, Quota, Refused};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! let quota = Quota::new(2, Span::from_secs(10))?; // two at once, and one every 5 s
//! let now = Timestamp::from_secs(1_700_000_000);
//! let first = Gcra::default().check(&quota, 1, now)?;
//! assert_eq!(first.remaining, 1);
//! let second = first.state.check(&quota, 1, now)?;
//! let refused = second.state.check(&quota, 1, now).unwrap_err();
//! assert_eq!(refused, Refused::Later { retry_after: Span::from_secs(5) });
//! assert!(second.state.check(&quota, 1, now.saturating_add(Span::from_secs(5))).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod headers;
mod table;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

pub use headers::{PolicyName, PolicyNameError, RateLimit, RateLimitPolicy, retry_after_s};
pub use table::{AtBound, Limits};

const NS_PER_MS: u128 = 1_000_000;

/// The longest period of a quota: a year.
pub const PERIOD_MOST: Span = Span::from_hours(365 * 24);

/// So many in such a time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Quota {
    count: u32,
    per: Span,
    burst: u32,
}

/// The form in which a quota is written down, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    count: u32,
    per: Span,
    burst: u32,
}

/// Why numbers make no quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// A quota of nothing lets nobody through: say so instead of limiting.
    #[error("a quota lets at least one through")]
    Nothing,
    /// The period is no time at all, or longer than [`PERIOD_MOST`].
    #[error("a period lasts from 1 ms to a year")]
    Period,
}

impl Quota {
    /// `count` in every `per`, all of them at once if need be.
    ///
    /// # Errors
    /// [`QuotaError`] if `count` is zero, or `per` is zero or longer than [`PERIOD_MOST`].
    pub fn new(count: u32, per: Span) -> Result<Self, QuotaError> {
        if count == 0 {
            return Err(QuotaError::Nothing);
        }
        if per == Span::ZERO || per > PERIOD_MOST {
            return Err(QuotaError::Period);
        }
        Ok(Self { count, per, burst: count })
    }

    /// The same rate, with at most `burst` at once: 1 spaces them evenly.
    ///
    /// # Errors
    /// [`QuotaError::Nothing`] if `burst` is zero.
    pub fn with_burst(self, burst: u32) -> Result<Self, QuotaError> {
        if burst == 0 {
            return Err(QuotaError::Nothing);
        }
        Ok(Self { burst, ..self })
    }

    /// How many in a period.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The period.
    #[must_use]
    pub const fn per(&self) -> Span {
        self.per
    }

    /// How many at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// What one costs, in nanoseconds.
    fn interval_ns(&self) -> u128 {
        let per = u128::from(self.per.as_millis()).saturating_mul(NS_PER_MS);
        per.div_ceil(u128::from(self.count.max(1)))
    }

    /// What a whole burst costs, in nanoseconds.
    fn burst_ns(&self) -> u128 {
        self.interval_ns().saturating_mul(u128::from(self.burst))
    }
}

impl TryFrom<Written> for Quota {
    type Error = QuotaError;

    fn try_from(written: Written) -> Result<Self, QuotaError> {
        Self::new(written.count, written.per)?.with_burst(written.burst)
    }
}

/// What one caller has taken, as the time at which it is paid off. The default is a caller who was
/// never here.
///
/// The quota is not part of it: a changed quota holds from the next check on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Gcra {
    /// Nanoseconds since the Unix epoch.
    tat_ns: u128,
}

/// Let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Passed {
    /// To be kept in the place of the state that was asked.
    pub state: Gcra,
    /// How many more, at a cost of one, would pass now.
    pub remaining: u32,
}

/// Not let through. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Not yet.
    #[error("come back in {} ms", .retry_after.as_millis())]
    Later {
        /// The same passes after this time, rounded up to the millisecond, if nothing else is taken.
        retry_after: Span,
    },
    /// Never: it costs more than a whole burst.
    #[error("it costs more than the {most} that may be taken at once")]
    NeverFits {
        /// The burst.
        most: u32,
    },
}

impl Gcra {
    /// Takes `cost` out of the quota at `now`, if it is there. A cost of zero always passes, takes
    /// nothing, and tells what remains.
    ///
    /// # Errors
    /// [`Refused`], with when to come back.
    pub fn check(self, quota: &Quota, cost: u32, now: Timestamp) -> Result<Passed, Refused> {
        if cost > quota.burst {
            return Err(Refused::NeverFits { most: quota.burst });
        }
        let now_ns = nanos(now);
        let price = quota.interval_ns().saturating_mul(u128::from(cost));
        let tat_ns = self.tat_ns.max(now_ns).saturating_add(price);
        let latest = now_ns.saturating_add(quota.burst_ns());
        if cost > 0 && tat_ns > latest {
            let retry_after = span_up(tat_ns.saturating_sub(latest));
            return Err(Refused::Later { retry_after });
        }
        let state = if cost == 0 { self } else { Self { tat_ns } };
        Ok(Passed { state, remaining: state.remaining(quota, now) })
    }

    /// How many, at a cost of one, would pass at `now`.
    #[must_use]
    pub fn remaining(self, quota: &Quota, now: Timestamp) -> u32 {
        let owed = self.tat_ns.saturating_sub(nanos(now));
        let left = quota.burst_ns().saturating_sub(owed);
        let whole = left.checked_div(quota.interval_ns()).unwrap_or(0);
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// How long until everything is paid off, rounded up to the millisecond: from then on this state
    /// is as good as the default, and may be forgotten.
    #[must_use]
    pub fn full_in(self, now: Timestamp) -> Span {
        span_up(self.tat_ns.saturating_sub(nanos(now)))
    }
}

fn nanos(at: Timestamp) -> u128 {
    u128::try_from(at.as_millis()).unwrap_or(0).saturating_mul(NS_PER_MS)
}

fn span_up(ns: u128) -> Span {
    Span::from_millis(u64::try_from(ns.div_ceil(NS_PER_MS)).unwrap_or(u64::MAX))
}
