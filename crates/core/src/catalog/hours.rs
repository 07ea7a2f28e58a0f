//! Weekly opening hours at a fixed distance from UTC.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Minutes in a week.
pub const WEEK_MIN: u16 = 10_080;
/// Most openings a week: eight a day.
pub const OPENINGS_MAX: usize = 56;
/// The westernmost offset from UTC, in minutes (IANA time zones).
pub const OFFSET_LEAST_MIN: i16 = -720;
/// The easternmost offset from UTC, in minutes (IANA time zones).
pub const OFFSET_MOST_MIN: i16 = 840;

const MINUTE_MS: i64 = 60_000;
/// 1970-01-01 was a Thursday, and the week begins on Monday.
const EPOCH_MIN_OF_WEEK: i64 = 3 * 24 * 60;

/// One weekly opening, in minutes since Monday 00:00 local time: open from the first until before
/// the second. One that ends no later than it begins goes on over the week's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The first minute open, 0–10,079.
    pub from_min: u16,
    /// The first minute closed again, 1–10,080.
    pub to_min: u16,
}

impl Opening {
    fn contains(self, minute: i64) -> bool {
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// The same minutes without a wrap: one stretch, or two.
    fn stretches(self) -> impl Iterator<Item = (u16, u16, Self)> {
        let wraps = self.to_min <= self.from_min;
        let first = (self.from_min, if wraps { WEEK_MIN } else { self.to_min }, self);
        [Some(first), wraps.then_some((0, self.to_min, self))].into_iter().flatten()
    }
}

/// When a restaurant is open, week after week.
///
/// The offset from UTC is fixed: where clocks change, the restaurant is put anew with the new
/// offset. Without openings it is never open.
///
/// ```
/// use doorstep_core::{catalog::{Hours, Opening}, time::Timestamp};
///
/// // In Bogotá (UTC-5), Fridays 18:00 to Saturdays 02:00.
/// let friday = 4 * 24 * 60;
/// let opening = Opening { from_min: friday + 18 * 60, to_min: friday + 26 * 60 };
/// let hours = Hours::new(-300, vec![opening])?;
///
/// let friday_noon = Timestamp::from_secs(1_704_474_000); // 2024-01-05T17:00:00Z
/// let opens = Timestamp::from_secs(1_704_495_600); // 2024-01-05T23:00:00Z
/// assert!(!hours.is_open(friday_noon));
/// assert_eq!(hours.next_opening(friday_noon), Some(opens));
/// assert!(hours.is_open(opens));
/// # Ok::<(), doorstep_core::catalog::HoursError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Hours {
    utc_offset_min: i16,
    /// Sorted, without overlap.
    openings: Vec<Opening>,
}

/// The form in which hours are written down, before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    utc_offset_min: i16,
    openings: Vec<Opening>,
}

/// Why openings make no week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HoursError {
    /// No place on Earth keeps this time.
    #[error("an offset from UTC lies from -720 to 840 minutes")]
    Offset,
    /// More openings than a week may have.
    #[error("a week has at most {most} openings")]
    TooMany {
        /// [`OPENINGS_MAX`].
        most: u32,
    },
    /// An opening begins from 0 to 10,079 and ends from 1 to 10,080.
    #[error("opening {}-{} leaves the week's 10,080 minutes", .0.from_min, .0.to_min)]
    OutOfWeek(Opening),
    /// An opening ends when it begins. The whole week is 0–10,080.
    #[error("opening {}-{} is empty", .0.from_min, .0.to_min)]
    Empty(Opening),
    /// Two openings share a minute.
    #[error("openings {}-{} and {}-{} overlap",
        .first.from_min, .first.to_min, .second.from_min, .second.to_min)]
    Overlap {
        /// One of them.
        first: Opening,
        /// The other.
        second: Opening,
    },
}

impl Hours {
    /// A week of these openings, in any order, `utc_offset_min` minutes ahead of UTC.
    ///
    /// # Errors
    /// [`HoursError`] if the offset is none on Earth, there are more than [`OPENINGS_MAX`] openings,
    /// or one of them leaves the week, is empty or overlaps another. Touching is not overlapping.
    pub fn new(utc_offset_min: i16, mut openings: Vec<Opening>) -> Result<Self, HoursError> {
        if !(OFFSET_LEAST_MIN..=OFFSET_MOST_MIN).contains(&utc_offset_min) {
            return Err(HoursError::Offset);
        }
        if openings.len() > OPENINGS_MAX {
            let most = u32::try_from(OPENINGS_MAX).unwrap_or(u32::MAX);
            return Err(HoursError::TooMany { most });
        }
        for &opening in &openings {
            if opening.from_min >= WEEK_MIN || !(1..=WEEK_MIN).contains(&opening.to_min) {
                return Err(HoursError::OutOfWeek(opening));
            }
            if opening.from_min == opening.to_min {
                return Err(HoursError::Empty(opening));
            }
        }
        openings.sort_unstable();
        let mut stretches: Vec<_> = openings.iter().flat_map(|o| o.stretches()).collect();
        stretches.sort_unstable();
        for pair in stretches.windows(2) {
            if let &[(_, end, first), (start, _, second)] = pair
                && start < end
            {
                return Err(HoursError::Overlap { first, second });
            }
        }
        Ok(Self { utc_offset_min, openings })
    }

    /// Open at every minute of the week.
    #[must_use]
    pub fn always() -> Self {
        Self { utc_offset_min: 0, openings: vec![Opening { from_min: 0, to_min: WEEK_MIN }] }
    }

    /// Minutes ahead of UTC.
    #[must_use]
    pub const fn utc_offset_min(&self) -> i16 {
        self.utc_offset_min
    }

    /// The week's openings, by when they begin.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    /// Whether `at` lies in an opening.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let minute = self.minute_of_week(at);
        self.openings.iter().any(|opening| opening.contains(minute))
    }

    /// The first moment from `at` on that lies in an opening: `at` itself while open. `None` if
    /// there is no opening, or none before the end of time.
    #[must_use]
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let minute = self.minute_of_week(at);
        let until = |opening: &Opening| {
            i64::from(opening.from_min).saturating_sub(minute).rem_euclid(i64::from(WEEK_MIN))
        };
        let wait = self.openings.iter().map(until).min()?;
        let opens = at.as_millis().div_euclid(MINUTE_MS).checked_add(wait)?;
        opens.checked_mul(MINUTE_MS).map(Timestamp::from_millis)
    }

    /// Minutes since Monday 00:00 local time, 0–10,079.
    fn minute_of_week(&self, at: Timestamp) -> i64 {
        at.as_millis()
            .div_euclid(MINUTE_MS)
            .saturating_add(i64::from(self.utc_offset_min))
            .saturating_add(EPOCH_MIN_OF_WEEK)
            .rem_euclid(i64::from(WEEK_MIN))
    }
}

impl TryFrom<Written> for Hours {
    type Error = HoursError;

    fn try_from(written: Written) -> Result<Self, HoursError> {
        Self::new(written.utc_offset_min, written.openings)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2024-01-01T00:00:00Z.
    const MONDAY_MS: i64 = 1_704_067_200_000;
    const WEEK: usize = 10_080;

    fn opening((from_min, to_min): (u16, u16)) -> Opening {
        Opening { from_min, to_min }
    }

    fn week(openings: &[(u16, u16)]) -> Result<Hours, HoursError> {
        Hours::new(0, openings.iter().copied().map(opening).collect())
    }

    /// How often each minute of the week is covered, by walking through it.
    fn covered(openings: &[(u16, u16)]) -> Vec<u32> {
        let mut minutes = vec![0; WEEK];
        for &(from, to) in openings {
            let mut minute = usize::from(from);
            loop {
                minutes[minute] += 1;
                minute = (minute + 1) % WEEK;
                if minute == usize::from(to) % WEEK {
                    break;
                }
            }
        }
        minutes
    }

    #[test]
    fn openings_that_make_no_week_are_refused() {
        let refused = |openings: &[(u16, u16)]| week(openings).unwrap_err();
        assert_eq!(refused(&[(10_080, 5)]), HoursError::OutOfWeek(opening((10_080, 5))));
        assert_eq!(refused(&[(5, 10_081)]), HoursError::OutOfWeek(opening((5, 10_081))));
        assert_eq!(refused(&[(5, 0)]), HoursError::OutOfWeek(opening((5, 0))));
        assert_eq!(refused(&[(5, 5)]), HoursError::Empty(opening((5, 5))));
        let [first, second] = [opening((5, 9)), opening((8, 10))];
        assert_eq!(refused(&[(8, 10), (5, 9)]), HoursError::Overlap { first, second });
        let [first, second] = [opening((9_000, 60)), opening((59, 100))];
        assert_eq!(refused(&[(59, 100), (9_000, 60)]), HoursError::Overlap { first, second });
        assert_eq!(refused(&[(1, 2); OPENINGS_MAX + 1]), HoursError::TooMany { most: 56 });
        assert_eq!(Hours::new(841, vec![]), Err(HoursError::Offset));
        assert_eq!(Hours::new(-721, vec![]), Err(HoursError::Offset));
    }

    #[test]
    fn openings_that_touch_are_taken_even_over_the_weeks_end() {
        let hours = week(&[(60, 120), (9_000, 60), (120, 9_000)]).unwrap();
        assert_eq!(hours.openings()[0], opening((60, 120)));
        assert!((0..i64::from(WEEK_MIN)).all(|min| hours.is_open(Timestamp::from_secs(min * 60))));
    }

    #[test]
    fn hours_are_checked_when_they_are_read() {
        let json = r#"{"utc_offset_min":60,"openings":[{"from_min":480,"to_min":1200}]}"#;
        let hours: Hours = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&hours).unwrap(), json);
        assert!(serde_json::from_str::<Hours>(&json.replace("1200", "480")).is_err());
        assert!(serde_json::from_str::<Hours>(&json.replace("openings", "opens")).is_err());
    }

    #[test]
    fn always_is_every_minute_and_no_opening_is_none() {
        for ms in [i64::MIN, -1, 0, MONDAY_MS, i64::MAX] {
            let at = Timestamp::from_millis(ms);
            assert!(Hours::always().is_open(at));
            assert_eq!(Hours::always().next_opening(at), Some(at));
            assert!(!week(&[]).unwrap().is_open(at));
            assert_eq!(week(&[]).unwrap().next_opening(at), None);
        }
    }

    #[test]
    fn no_opening_comes_after_the_end_of_time() {
        let hours = week(&[(0, 1)]).unwrap();
        assert!(!hours.is_open(Timestamp::NEVER));
        assert_eq!(hours.next_opening(Timestamp::NEVER), None);
    }

    proptest! {
        #[test]
        fn open_is_what_a_walk_minute_by_minute_says(
            cuts in proptest::collection::btree_set(0..10_080u16, 0..8),
            wraps: bool,
            offset in OFFSET_LEAST_MIN..=OFFSET_MOST_MIN,
            away_ms in -1_500_000_000..1_500_000_000i64,
        ) {
            let mut cuts: Vec<u16> = cuts.into_iter().collect();
            if wraps && !cuts.is_empty() {
                cuts.rotate_left(1);
            }
            let openings: Vec<(u16, u16)> = cuts
                .chunks_exact(2)
                .map(|cut| (cut[0], if cut[1] == 0 { WEEK_MIN } else { cut[1] }))
                .collect();
            let hours =
                Hours::new(offset, openings.iter().copied().map(opening).collect()).unwrap();
            let minutes = covered(&openings);
            let local = |ms: i64| {
                let since_monday = ms - MONDAY_MS + i64::from(offset) * 60_000;
                usize::try_from(since_monday.div_euclid(60_000).rem_euclid(10_080)).unwrap()
            };
            let at_ms = MONDAY_MS + away_ms;
            let at = Timestamp::from_millis(at_ms);
            prop_assert_eq!(hours.is_open(at), minutes[local(at_ms)] == 1);
            let this_minute = at_ms - at_ms.rem_euclid(60_000);
            let walk = (0..=10_080i64)
                .map(|step| (this_minute + step * 60_000).max(at_ms))
                .find(|&ms| minutes[local(ms)] == 1);
            prop_assert_eq!(hours.next_opening(at), walk.map(Timestamp::from_millis));
        }

        #[test]
        fn a_week_is_taken_if_no_minute_is_covered_twice(
            openings in proptest::collection::vec((0..10_080u16, 1..=10_080u16), 1..4),
        ) {
            prop_assume!(openings.iter().all(|(from, to)| from != to));
            let twice = covered(&openings).iter().any(|&times| times > 1);
            prop_assert_eq!(week(&openings).is_err(), twice);
        }
    }
}
