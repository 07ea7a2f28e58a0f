//! How drivers are followed through zones.

use doorstep_core::time::Span;

/// When a driver is believed in a zone or out of it, and where the bounds lie.
///
/// ```
/// use doorstep_core::time::Span;
/// use doorstep_geo_index::zones::TrackerConfig;
///
/// let config = TrackerConfig { inside_every: Some(Span::from_mins(1)), ..TrackerConfig::default() };
/// assert_eq!(config.validate(), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The most drivers tracked, at least 1; 500,000 by default. Fixes of more are
    /// [`Seen::Full`](super::Seen::Full) until some are forgotten.
    pub drivers_max: u32,
    /// In how many zones at once one driver is tracked, at least 1; 16 by default. Of more, those
    /// that the driver came into first count, of those come into by one fix the lower ones; the others
    /// are entered when there is room.
    pub zones_per_driver_max: u16,
    /// The worst accuracy (68 % radius) of a fix that is looked at, in metres, at least 1; 50 by
    /// default.
    pub accuracy_max_m: u16,
    /// The accuracy of a fix that was told none; 20 by default, a phone's usual one in a street.
    pub accuracy_untold_m: u16,
    /// How long fixes in a row must be within before the driver has entered; 10 s by default. At
    /// least two fixes are needed, whatever it is.
    pub enter_after: Span,
    /// How long fixes in a row must be outside before the driver has left; 10 s by default. At least
    /// two fixes are needed, whatever it is.
    pub exit_after: Span,
    /// Fixes no farther outside than this, in metres, do not speak for a departure; 30 by default.
    pub exit_m: u16,
    /// A longer silence between two fixes breaks a row; more than nothing, 60 s by default.
    pub gap_max: Span,
    /// After how long in a zone [`Passage::Dwelt`](super::Passage::Dwelt) is told, once; `None` for
    /// never; 3 min by default.
    pub dwell_after: Option<Span>,
    /// How often [`Passage::Inside`](super::Passage::Inside) is told; `None`, the default, for never;
    /// more than nothing.
    pub inside_every: Option<Span>,
    /// After how long without a fix that was looked at
    /// [`ZoneTracker::expire`](super::ZoneTracker::expire) forgets a driver; 10 min by default.
    pub silent_after: Span,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            drivers_max: 500_000,
            zones_per_driver_max: 16,
            accuracy_max_m: 50,
            accuracy_untold_m: 20,
            enter_after: Span::from_secs(10),
            exit_after: Span::from_secs(10),
            exit_m: 30,
            gap_max: Span::from_secs(60),
            dwell_after: Some(Span::from_mins(3)),
            inside_every: None,
            silent_after: Span::from_mins(10),
        }
    }
}

/// Why a [`TrackerConfig`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackerConfigError {
    /// A tracker of no driver.
    #[error("drivers_max is zero")]
    DriversMax,
    /// Nobody would be in a zone.
    #[error("zones_per_driver_max is zero")]
    ZonesPerDriverMax,
    /// No fix would be looked at.
    #[error("accuracy_max_m is zero")]
    Accuracy,
    /// Every row would break.
    #[error("gap_max is zero")]
    Gap,
    /// It would be told without end.
    #[error("inside_every is zero")]
    InsideEvery,
}

impl TrackerConfig {
    /// Checks every field, in the order of [`TrackerConfigError`].
    ///
    /// # Errors
    /// [`TrackerConfigError`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), TrackerConfigError> {
        if self.drivers_max == 0 {
            return Err(TrackerConfigError::DriversMax);
        }
        if self.zones_per_driver_max == 0 {
            return Err(TrackerConfigError::ZonesPerDriverMax);
        }
        if self.accuracy_max_m == 0 {
            return Err(TrackerConfigError::Accuracy);
        }
        if self.gap_max == Span::ZERO {
            return Err(TrackerConfigError::Gap);
        }
        if self.inside_every == Some(Span::ZERO) {
            return Err(TrackerConfigError::InsideEvery);
        }
        Ok(())
    }
}
