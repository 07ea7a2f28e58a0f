//! Has the driver arrived: a geofence that one noisy ping does not fire.
//!
//! A [`Geofence`] is a circle with two radii, a [`Watch`] what is known of one driver with regard to
//! it. Both are values: keep them where the order is kept.
//!
//! - **Hysteresis.** Who is away arrives by fixes within `enter_m`; who has arrived leaves by fixes
//!   beyond `exit_m`. A fix in the band between speaks for what is believed already, so jitter at an
//!   edge changes nothing.
//! - **Dwell.** A crossing takes an unbroken run of at least two such fixes, over at least `dwell`.
//!   A fix that says otherwise breaks the run, and so does a silence longer than `gap_max`.
//! - **Accuracy.** A fix less accurate than `accuracy_max_m` is not looked at.
//! - **Order.** Nor is one that is not newer than the last one looked at.
//!
//! The crossing is told at the fix that completes the run, so `dwell` (or, if that is longer, the
//! interval of the pings) after the driver got there.

use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A circle to arrive at.
///
/// ```
/// use doorstep_core::{place::LatLng, time::Timestamp};
/// use doorstep_geo_index::arrival::{Crossing, Geofence, Watch};
///
/// let door = Geofence::doorstep(LatLng::new(4.8133, -75.6961)?);
/// let at_the_door = LatLng::new(4.8134, -75.6962)?;
/// let mut watch = Watch::default();
/// let mut told = Vec::new();
/// for secs in [0, 5, 10] {
///     told.push(watch.observe(&door, at_the_door, 8, Timestamp::from_secs(secs)));
/// }
/// assert_eq!(told, [None, None, Some(Crossing::Arrived)]);
/// # Ok::<(), doorstep_core::place::PlaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geofence {
    /// The middle: the door.
    pub centre: LatLng,
    /// Who is this near, in metres, is there; at least 1.
    pub enter_m: u32,
    /// Who is farther than this, in metres, is away; at least `enter_m`.
    pub exit_m: u32,
    /// How long it must be so before it is believed.
    pub dwell: Span,
    /// A longer silence between two fixes breaks a run; more than nothing.
    pub gap_max: Span,
    /// The worst accuracy (68 % radius) of a fix that is looked at, in metres; at least 1.
    pub accuracy_max_m: u16,
}

/// Why a [`Geofence`] cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeofenceError {
    /// Nobody can be within no metres.
    #[error("enter_m is zero")]
    Enter,
    /// Someone could be there and away at once.
    #[error("exit_m is less than enter_m")]
    Exit,
    /// Every run would break.
    #[error("gap_max is zero")]
    Gap,
    /// No fix would be looked at.
    #[error("accuracy_max_m is zero")]
    Accuracy,
}

/// What a driver did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Crossing {
    /// Came to stay within the fence.
    Arrived,
    /// Went away for good.
    Left,
}

/// What is known of one driver with regard to one fence; by default, away and not seen yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watch {
    arrived: bool,
    /// When the last fix looked at was taken.
    last_at: Option<Timestamp>,
    /// Since when, without a break, the fixes have spoken against `arrived`.
    turning_since: Option<Timestamp>,
}

impl Geofence {
    /// The fence of a customer's door: 50 m, left at 100 m, 10 s (three pings at one in 5 s), fixes of
    /// 50 m or better.
    ///
    /// Fixes in streets lined with buildings are commonly 5–20 m off: 50 m holds the house and its
    /// pavement, and 10 s are longer than it takes to drive by at 40 km/h.
    #[must_use]
    pub const fn doorstep(centre: LatLng) -> Self {
        Self {
            centre,
            enter_m: 50,
            exit_m: 100,
            dwell: Span::from_secs(10),
            gap_max: Span::from_secs(60),
            accuracy_max_m: 50,
        }
    }

    /// The fence of a restaurant: 80 m, left at 150 m, 20 s, fixes of 75 m or better. It is wider,
    /// because one parks there, and slower, because one drives by.
    #[must_use]
    pub const fn restaurant(centre: LatLng) -> Self {
        Self {
            centre,
            enter_m: 80,
            exit_m: 150,
            dwell: Span::from_secs(20),
            gap_max: Span::from_secs(60),
            accuracy_max_m: 75,
        }
    }

    /// Checks a fence of one's own, in the order of [`GeofenceError`].
    ///
    /// # Errors
    /// [`GeofenceError`] names the first field that cannot work. A watch on such a fence does nothing
    /// worse than never to tell a crossing, or to tell too many.
    pub const fn validate(&self) -> Result<(), GeofenceError> {
        if self.enter_m == 0 {
            return Err(GeofenceError::Enter);
        }
        if self.exit_m < self.enter_m {
            return Err(GeofenceError::Exit);
        }
        if self.gap_max.as_millis() == 0 {
            return Err(GeofenceError::Gap);
        }
        if self.accuracy_max_m == 0 {
            return Err(GeofenceError::Accuracy);
        }
        Ok(())
    }
}

impl Watch {
    /// Whether the driver is believed within the fence.
    #[must_use]
    pub const fn has_arrived(&self) -> bool {
        self.arrived
    }

    /// Looks at a fix and tells the crossing that it completes, if any. A fix of untold accuracy is
    /// given whatever accuracy its receiver can be trusted with.
    pub fn observe(
        &mut self,
        fence: &Geofence,
        position: LatLng,
        accuracy_m: u16,
        taken_at: Timestamp,
    ) -> Option<Crossing> {
        let out_of_order = self.last_at.is_some_and(|last_at| taken_at <= last_at);
        if accuracy_m > fence.accuracy_max_m || out_of_order {
            return None;
        }
        let last_at = self.last_at.replace(taken_at).unwrap_or(taken_at);
        if taken_at.saturating_since(last_at) > fence.gap_max {
            self.turning_since = None;
        }
        let distance_m = fence.centre.distance_m(position);
        let turning =
            if self.arrived { distance_m > fence.exit_m } else { distance_m <= fence.enter_m };
        if !turning {
            self.turning_since = None;
            return None;
        }
        // The fix that begins a run never completes it, however short the dwell.
        let Some(since) = self.turning_since else {
            self.turning_since = Some(taken_at);
            return None;
        };
        if taken_at.saturating_since(since) < fence.dwell {
            return None;
        }
        self.turning_since = None;
        self.arrived = !self.arrived;
        Some(if self.arrived { Crossing::Arrived } else { Crossing::Left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOOR: (f64, f64) = (4.8133, -75.6961);

    fn door() -> Geofence {
        Geofence::doorstep(LatLng::new(DOOR.0, DOOR.1).unwrap())
    }

    fn metres_off(metres: f64) -> LatLng {
        LatLng::new(DOOR.0 + metres / 111_195.0, DOOR.1).unwrap()
    }

    /// The crossings of a trace of (second, metres from the door), all 10 m accurate, with the
    /// second at which each is told.
    fn told(fence: &Geofence, trace: &[(i64, f64)]) -> Vec<(i64, Crossing)> {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for &(secs, metres) in trace {
            let fix = (metres_off(metres), Timestamp::from_secs(secs));
            if let Some(crossing) = watch.observe(fence, fix.0, 10, fix.1) {
                told.push((secs, crossing));
            }
        }
        told
    }

    #[test]
    fn an_approach_arrives_once_and_a_departure_leaves_once() {
        let trace = [
            (0, 400.0),
            (5, 250.0),
            (10, 120.0),
            (15, 40.0),
            (20, 12.0),
            (25, 5.0),
            (30, 6.0),
            (90, 4.0),
            (95, 80.0),
            (100, 160.0),
            (105, 240.0),
            (110, 320.0),
            (115, 400.0),
        ];
        assert_eq!(told(&door(), &trace), [(25, Crossing::Arrived), (110, Crossing::Left)]);
    }

    #[test]
    fn who_drives_by_has_not_arrived() {
        let trace = [(0, 150.0), (5, 80.0), (10, 30.0), (15, 30.0), (20, 90.0), (25, 200.0)];
        assert!(told(&door(), &trace).is_empty());
    }

    #[test]
    fn an_overshoot_that_turns_around_arrives_when_it_stays() {
        let trace =
            [(0, 100.0), (5, 20.0), (10, 130.0), (15, 110.0), (20, 45.0), (25, 10.0), (30, 9.0)];
        assert_eq!(told(&door(), &trace), [(30, Crossing::Arrived)]);
    }

    #[test]
    fn one_noisy_ping_neither_arrives_nor_leaves() {
        let far = [(0, 900.0), (5, 900.0), (10, 3.0), (15, 900.0), (20, 900.0)];
        assert!(told(&door(), &far).is_empty());
        let there = [(0, 5.0), (5, 5.0), (10, 5.0), (15, 700.0), (20, 5.0), (25, 5.0), (30, 700.0)];
        assert_eq!(told(&door(), &there), [(10, Crossing::Arrived)]);
    }

    #[test]
    fn one_ping_fires_nothing_even_without_a_dwell() {
        let fence = Geofence { dwell: Span::ZERO, ..door() };
        assert!(told(&fence, &[(0, 5.0)]).is_empty());
        assert_eq!(told(&fence, &[(0, 5.0), (1, 5.0)]), [(1, Crossing::Arrived)]);
    }

    #[test]
    fn jitter_at_the_edges_does_not_flap() {
        // On both sides of enter_m while away, on both sides of exit_m while there.
        let edge = |start: i64, metres: f64| {
            (0..60).map(move |n| (start + n * 5, metres + if n % 2 == 0 { -8.0 } else { 8.0 }))
        };
        let away: Vec<_> = edge(0, 50.0).collect();
        assert!(told(&door(), &away).is_empty());
        let settled = [(300, 5.0), (305, 5.0), (310, 5.0)];
        let there: Vec<_> = away.iter().copied().chain(settled).chain(edge(315, 100.0)).collect();
        assert_eq!(told(&door(), &there), [(310, Crossing::Arrived)]);
    }

    #[test]
    fn in_the_band_between_the_radii_nothing_changes() {
        let there = [(0, 5.0), (5, 5.0), (10, 5.0), (15, 75.0), (30, 75.0), (60, 99.0), (90, 75.0)];
        assert_eq!(told(&door(), &there), [(10, Crossing::Arrived)]);
        assert!(told(&door(), &[(0, 75.0), (15, 75.0), (30, 51.0), (45, 75.0)]).is_empty());
    }

    #[test]
    fn inaccurate_fixes_are_not_looked_at() {
        let mut watch = Watch::default();
        for secs in 0..100 {
            let at = Timestamp::from_secs(secs);
            assert_eq!(watch.observe(&door(), metres_off(0.0), 51, at), None);
        }
        assert_eq!(watch, Watch::default());
    }

    #[test]
    fn out_of_order_fixes_are_not_looked_at() {
        let run = [(10, 5.0), (20, 5.0)];
        assert_eq!(told(&door(), &run), [(20, Crossing::Arrived)]);
        // An older fix neither breaks a run, nor begins one, nor completes one.
        assert_eq!(told(&door(), &[run[0], (9, 900.0), run[1]]), [(20, Crossing::Arrived)]);
        assert!(told(&door(), &[(10, 900.0), (5, 5.0), (15, 5.0)]).is_empty());
        assert!(told(&door(), &[(10, 5.0), (10, 5.0), (0, 5.0)]).is_empty());
    }

    #[test]
    fn a_long_silence_proves_no_stay() {
        assert!(told(&door(), &[(0, 5.0), (61, 5.0)]).is_empty());
        assert_eq!(told(&door(), &[(0, 5.0), (60, 5.0)]), [(60, Crossing::Arrived)]);
    }

    #[test]
    fn a_fence_that_cannot_work_is_refused() {
        for (bad, reason) in [
            (Geofence { enter_m: 0, ..door() }, GeofenceError::Enter),
            (Geofence { exit_m: 49, ..door() }, GeofenceError::Exit),
            (Geofence { gap_max: Span::ZERO, ..door() }, GeofenceError::Gap),
            (Geofence { accuracy_max_m: 0, ..door() }, GeofenceError::Accuracy),
        ] {
            assert_eq!(bad.validate(), Err(reason));
        }
        assert_eq!(door().validate(), Ok(()));
        assert_eq!(Geofence::restaurant(door().centre).validate(), Ok(()));
    }

    proptest! {
        #[test]
        fn crossings_alternate_and_are_at_least_a_dwell_apart(
            trace in proptest::collection::vec((0..20_000_i64, 0.0..200.0f64, 5..60_u16), 0..200),
        ) {
            let (fence, mut watch) = (door(), Watch::default());
            let (mut at_ms, mut last) = (0_i64, None);
            for (after_ms, metres, accuracy_m) in trace {
                at_ms = at_ms.saturating_add(after_ms).saturating_sub(2_000);
                let at = Timestamp::from_millis(at_ms);
                let Some(crossing) = watch.observe(&fence, metres_off(metres), accuracy_m, at) else {
                    continue;
                };
                prop_assert_eq!(watch.has_arrived(), crossing == Crossing::Arrived);
                if let Some((earlier, told_at)) = last.replace((crossing, at)) {
                    prop_assert_ne!(earlier, crossing);
                    prop_assert!(at.saturating_since(told_at) >= fence.dwell);
                } else {
                    prop_assert_eq!(crossing, Crossing::Arrived);
                }
            }
        }
    }
}
