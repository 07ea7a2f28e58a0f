//! How a [`DriverIndex`](crate::DriverIndex) is cut, and where its bounds lie.

use doorstep_core::time::Span;
use serde::{Deserialize, Serialize};

/// The shape and the bounds of a driver index.
///
/// None of it changes an answer except `stale_after` (what is too old to be returned), `drivers_max`
/// (who is refused) and the three that judge jumps; `stripes` only changes the cost.
///
/// ```
/// use doorstep_core::time::Span;
/// use doorstep_geo_index::{Config, DriverIndex};
///
/// let config = Config { drivers_max: 500_000, stale_after: Span::from_secs(60), ..Config::default() };
/// let index: DriverIndex = DriverIndex::new(config)?;
/// assert!(index.is_empty());
/// # Ok::<(), doorstep_geo_index::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// How many locks share the drivers, 1–64; 2 by default. Writers of different stripes never
    /// wait for one another; each query looks into all of them. About as many as threads that write
    /// at full rate.
    pub stripes: u16,
    /// The most drivers held, 1 to 2²⁸; 500,000 by default. A new driver beyond them gets
    /// [`Verdict::Full`](crate::Verdict::Full); the known ones go on.
    pub drivers_max: u32,
    /// A fix older than this is not returned by queries and may be evicted; more than nothing,
    /// 60 s by default (twelve missed pings).
    pub stale_after: Span,
    /// No vehicle is faster, in metres a second, at least 1; 70 (252 km/h) by default. A ping can
    /// set a lower limit for its own vehicle, not a higher one.
    pub speed_max_mps: u16,
    /// After how many consecutive fixes that agree with one another an implausible jump is
    /// believed, the first one included; at least 2, 3 by default.
    pub confirm_after: u8,
    /// From how many strikes on a driver's [`Suspicion`](crate::Suspicion) is counted in
    /// [`Tally::escalated`](crate::Tally::escalated), at least 1; 10 by default.
    pub escalate_after: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stripes: 2,
            drivers_max: 500_000,
            stale_after: Span::from_secs(60),
            speed_max_mps: 70,
            confirm_after: 3,
            escalate_after: 10,
        }
    }
}

/// Why a [`Config`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There are 1 to 64 stripes.
    #[error("{0} stripes are not 1 to 64")]
    Stripes(u16),
    /// An index is for 1 to 2²⁸ drivers.
    #[error("drivers_max {0} is not 1 to 268,435,456")]
    DriversMax(u32),
    /// Every fix would be stale.
    #[error("stale_after is zero")]
    StaleAfter,
    /// Nothing could move.
    #[error("speed_max_mps is zero")]
    SpeedMax,
    /// Every jump would be believed at once.
    #[error("confirm_after is {0}; a jump needs at least 2 fixes to be believed")]
    ConfirmAfter(u8),
    /// Every driver would be suspected.
    #[error("escalate_after is zero")]
    EscalateAfter,
}

impl Config {
    pub(crate) const STRIPES_MAX: usize = 64;
    const DRIVERS_MAX: u32 = 1 << 28;

    /// Checks every field, in the order of their declaration.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=Self::STRIPES_MAX).contains(&usize::from(self.stripes)) {
            return Err(ConfigError::Stripes(self.stripes));
        }
        if !(1..=Self::DRIVERS_MAX).contains(&self.drivers_max) {
            return Err(ConfigError::DriversMax(self.drivers_max));
        }
        if self.stale_after == Span::ZERO {
            return Err(ConfigError::StaleAfter);
        }
        if self.speed_max_mps == 0 {
            return Err(ConfigError::SpeedMax);
        }
        if self.confirm_after < 2 {
            return Err(ConfigError::ConfirmAfter(self.confirm_after));
        }
        if self.escalate_after == 0 {
            return Err(ConfigError::EscalateAfter);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_out_of_range_is_named() {
        let good = Config::default();
        for (bad, reason) in [
            (Config { stripes: 0, ..good }, ConfigError::Stripes(0)),
            (Config { stripes: 65, ..good }, ConfigError::Stripes(65)),
            (Config { drivers_max: 0, ..good }, ConfigError::DriversMax(0)),
            (Config { drivers_max: u32::MAX, ..good }, ConfigError::DriversMax(u32::MAX)),
            (Config { stale_after: Span::ZERO, ..good }, ConfigError::StaleAfter),
            (Config { speed_max_mps: 0, ..good }, ConfigError::SpeedMax),
            (Config { confirm_after: 1, ..good }, ConfigError::ConfirmAfter(1)),
            (Config { escalate_after: 0, ..good }, ConfigError::EscalateAfter),
        ] {
            assert_eq!(bad.validate(), Err(reason));
        }
        assert_eq!(good.validate(), Ok(()));
    }
}
