//! Points and spans of time, as data.
//!
//! Nothing in this crate reads a clock: whoever decides is given `now`. A [`Timestamp`] counts
//! milliseconds since the Unix epoch, as the log and every wire format do; a [`Span`] is a length
//! of time. Arithmetic that leaves the range says in its name that it saturates.

use core::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch (1970-01-01T00:00:00Z), leap seconds not counted.
///
/// ```
/// use doorstep_core::time::{Span, Timestamp};
///
/// let noon = Timestamp::from_millis(1_700_000_000_000);
/// assert_eq!(noon.saturating_add(Span::from_secs(30)).as_millis(), 1_700_000_030_000);
/// assert_eq!(noon.saturating_since(noon.saturating_add(Span::from_secs(1))), Span::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Later than every event: a deadline that never comes.
    pub const NEVER: Self = Self(i64::MAX);

    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The point `secs` seconds after the Unix epoch, saturating at [`Timestamp::NEVER`].
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This point moved later by `span`; [`Timestamp::NEVER`] where the range ends.
    #[must_use]
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This point moved earlier by `span`; the smallest timestamp where the range ends.
    #[must_use]
    pub const fn saturating_sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long after `earlier` this is; [`Span::ZERO`] if it is not later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Span {
        if self.0 <= earlier.0 { Span::ZERO } else { Span(self.0.abs_diff(earlier.0)) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Why a clock reading is no [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The clock stands before 1970: it is not set.
    #[error("the clock stands before the Unix epoch")]
    BeforeEpoch,
    /// More milliseconds than an `i64` holds.
    #[error("the clock stands later than a timestamp can say")]
    TooLate,
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    /// Rounds down to the millisecond.
    fn try_from(time: SystemTime) -> Result<Self, Self::Error> {
        let since =
            time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| TimestampError::BeforeEpoch)?;
        i64::try_from(since.as_millis()).map(Self).map_err(|_| TimestampError::TooLate)
    }
}

/// A length of time in milliseconds, never negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// `secs` seconds, saturating.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// `mins` minutes, saturating.
    #[must_use]
    pub const fn from_mins(mins: u64) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }

    /// `hours` hours, saturating.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_mins(hours.saturating_mul(60))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// The sum; the longest span where the range ends.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `times` as long; the longest span where the range ends.
    #[must_use]
    pub const fn saturating_mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_millis(span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_epoch_is_refused() {
        let unset = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Timestamp::try_from(unset), Err(TimestampError::BeforeEpoch));
    }

    #[test]
    fn a_clock_reading_rounds_down_to_the_millisecond() {
        let reading = SystemTime::UNIX_EPOCH + Duration::from_micros(1_999);
        assert_eq!(Timestamp::try_from(reading), Ok(Timestamp::from_millis(1)));
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_the_range() {
        assert_eq!(Timestamp::NEVER.saturating_add(Span::from_secs(1)), Timestamp::NEVER);
        assert_eq!(
            Timestamp::NEVER.saturating_since(Timestamp::from_millis(i64::MIN)).as_millis(),
            u64::MAX
        );
        assert_eq!(Span::from_hours(u64::MAX).as_millis(), u64::MAX);
    }
}
