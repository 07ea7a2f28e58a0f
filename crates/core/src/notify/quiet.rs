//! When somebody wants to be left alone.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

const MINUTE_MS: i64 = 60_000;
const DAY_MIN: i64 = 1_440;
/// The westernmost and the easternmost offset from UTC, in minutes (IANA time zones).
const OFFSETS_MIN: core::ops::RangeInclusive<i16> = -720..=840;

/// The same minutes of every day, at a fixed distance from UTC: from the first until before the
/// second, over midnight if that is the earlier one.
///
/// As with a restaurant's hours, the offset is fixed: where clocks change, a recipient's profile is
/// given with the offset that holds then.
///
/// ```
/// use doorstep_core::{notify::QuietHours, time::Timestamp};
///
/// let night = QuietHours::new(-300, 22 * 60, 7 * 60)?; // in Bogotá
/// let asleep = Timestamp::from_secs(1_704_510_000); // 2024-01-06T03:00:00Z, 22:00 there
/// let morning = Timestamp::from_secs(1_704_542_400); // 12:00:00Z, 07:00 there
/// assert_eq!(night.end(asleep), Some(morning));
/// assert_eq!(night.end(morning), None, "not quiet");
/// # Ok::<(), doorstep_core::notify::QuietHoursError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct QuietHours {
    utc_offset_min: i16,
    from_min: u16,
    to_min: u16,
}

/// The form in which quiet hours are written down, before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    utc_offset_min: i16,
    from_min: u16,
    to_min: u16,
}

/// Why minutes make no quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum QuietHoursError {
    /// No place on Earth keeps this time.
    #[error("an offset from UTC lies from -720 to 840 minutes")]
    Offset,
    /// They begin and end in a day's minutes, and not at the same one: nobody is quiet always.
    #[error("quiet hours begin and end at two minutes of the day, 0-1439")]
    Minutes,
}

impl QuietHours {
    /// Quiet hours from minute `from_min` of the day until before minute `to_min`, both 0–1,439,
    /// `utc_offset_min` minutes ahead of UTC.
    ///
    /// # Errors
    /// [`QuietHoursError`].
    pub const fn new(
        utc_offset_min: i16,
        from_min: u16,
        to_min: u16,
    ) -> Result<Self, QuietHoursError> {
        if utc_offset_min < *OFFSETS_MIN.start() || utc_offset_min > *OFFSETS_MIN.end() {
            return Err(QuietHoursError::Offset);
        }
        if from_min >= 1_440 || to_min >= 1_440 || from_min == to_min {
            return Err(QuietHoursError::Minutes);
        }
        Ok(Self { utc_offset_min, from_min, to_min })
    }

    /// When the quiet that holds at `at` ends; `None` if it is not quiet.
    #[must_use]
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let minute = at.as_millis().div_euclid(MINUTE_MS);
        let local = minute.saturating_add(i64::from(self.utc_offset_min)).rem_euclid(DAY_MIN);
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        let quiet =
            if from < to { (from..to).contains(&local) } else { local >= from || local < to };
        let left = to.saturating_sub(local).rem_euclid(DAY_MIN);
        let begun = Timestamp::from_millis(minute.saturating_mul(MINUTE_MS));
        let wait = Span::from_mins(left.unsigned_abs());
        quiet.then(|| begun.saturating_add(wait))
    }
}

impl TryFrom<Written> for QuietHours {
    type Error = QuietHoursError;

    fn try_from(written: Written) -> Result<Self, QuietHoursError> {
        Self::new(written.utc_offset_min, written.from_min, written.to_min)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn minutes_that_make_no_quiet_hours_are_refused() {
        for (offset, from, to, why) in [
            (-721, 0, 1, QuietHoursError::Offset),
            (841, 0, 1, QuietHoursError::Offset),
            (0, 1_440, 1, QuietHoursError::Minutes),
            (0, 1, 1_440, QuietHoursError::Minutes),
            (0, 5, 5, QuietHoursError::Minutes),
        ] {
            assert_eq!(QuietHours::new(offset, from, to), Err(why));
            let json = format!(r#"{{"utc_offset_min":{offset},"from_min":{from},"to_min":{to}}}"#);
            assert!(serde_json::from_str::<QuietHours>(&json).is_err());
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let night = QuietHours::new(840, 1_320, 420).unwrap();
        for ms in [i64::MIN, -1, 0, i64::MAX] {
            let _ = night.end(Timestamp::from_millis(ms));
        }
    }

    proptest! {
        #[test]
        fn quiet_is_what_a_walk_minute_by_minute_says(
            offset in -720..=840i16,
            from in 0..1_440u16,
            to in 0..1_440u16,
            at_ms in -200_000_000..1_800_000_000_000i64,
        ) {
            prop_assume!(from != to);
            let hours = QuietHours::new(offset, from, to).unwrap();
            let local = |ms: i64| {
                (ms.div_euclid(60_000) + i64::from(offset)).rem_euclid(1_440)
            };
            let mut covered = [false; 1_440];
            let mut minute = usize::from(from);
            while minute != usize::from(to) {
                covered[minute] = true;
                minute = (minute + 1) % 1_440;
            }
            let quiet = |ms: i64| covered[usize::try_from(local(ms)).unwrap()];
            let this_minute = at_ms - at_ms.rem_euclid(60_000);
            let end = (1..=1_440)
                .map(|step| this_minute + step * 60_000)
                .find(|&ms| !quiet(ms))
                .filter(|_| quiet(at_ms));
            prop_assert_eq!(
                hours.end(Timestamp::from_millis(at_ms)),
                end.map(Timestamp::from_millis)
            );
        }
    }
}
