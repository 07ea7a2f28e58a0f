//! How a [`DriverIndex`](crate::DriverIndex) is cut, and where its bounds lie.

use doorstep_core::time::Span;
use serde::{Deserialize, Serialize};

/// The shape and the bounds of a driver index.
///
/// None of it changes an answer except `stale_after` (what is too old to be returned), `drivers_max`
/// (who is refused) and the two that judge jumps; `resolution` and `stripes` only change the cost.
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
    /// H3 resolution of the buckets, 0–15. At 8, the default, a cell is about 0.7 km², so that the
    /// 20 nearest of a busy city lie within a few rings.
    pub resolution: u8,
    /// How many locks share the drivers, 1–1,024; 4 by default. Writers of different stripes never
    /// wait for one another; each query looks into all of them.
    pub stripes: u16,
    /// The most drivers held, at least 1; 500,000 by default. A new driver beyond them gets
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resolution: 8,
            stripes: 4,
            drivers_max: 500_000,
            stale_after: Span::from_secs(60),
            speed_max_mps: 70,
            confirm_after: 3,
        }
    }
}

/// Why a [`Config`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// H3 has the resolutions 0 to 15.
    #[error("resolution {0} is not one of 0 to 15")]
    Resolution(u8),
    /// There are 1 to 1,024 stripes.
    #[error("{0} stripes are not 1 to 1,024")]
    Stripes(u16),
    /// An index for no driver.
    #[error("drivers_max is zero")]
    DriversMax,
    /// Every fix would be stale.
    #[error("stale_after is zero")]
    StaleAfter,
    /// Nothing could move.
    #[error("speed_max_mps is zero")]
    SpeedMax,
    /// Every jump would be believed at once.
    #[error("confirm_after is {0}; a jump needs at least 2 fixes to be believed")]
    ConfirmAfter(u8),
}

impl Config {
    pub(crate) const STRIPES_MAX: u16 = 1_024;

    /// Checks every field, in the order of their declaration.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if h3o::Resolution::try_from(self.resolution).is_err() {
            return Err(ConfigError::Resolution(self.resolution));
        }
        if !(1..=Self::STRIPES_MAX).contains(&self.stripes) {
            return Err(ConfigError::Stripes(self.stripes));
        }
        if self.drivers_max == 0 {
            return Err(ConfigError::DriversMax);
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
            (Config { resolution: 16, ..good }, ConfigError::Resolution(16)),
            (Config { stripes: 0, ..good }, ConfigError::Stripes(0)),
            (Config { stripes: 1_025, ..good }, ConfigError::Stripes(1_025)),
            (Config { drivers_max: 0, ..good }, ConfigError::DriversMax),
            (Config { stale_after: Span::ZERO, ..good }, ConfigError::StaleAfter),
            (Config { speed_max_mps: 0, ..good }, ConfigError::SpeedMax),
            (Config { confirm_after: 1, ..good }, ConfigError::ConfirmAfter(1)),
        ] {
            assert_eq!(bad.validate(), Err(reason));
        }
        assert_eq!(good.validate(), Ok(()));
    }
}
