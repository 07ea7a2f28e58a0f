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
mod tests;
