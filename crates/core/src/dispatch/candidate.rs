//! Who might be asked, and how good a choice each would be.

use serde::{Deserialize, Serialize};

use crate::eta::{self, Vehicle};
use crate::id::{DeliveryId, DriverId};
use crate::place::LatLng;
use crate::policy::DispatchPolicy;

use super::plan::Planned;
use super::roster::Record;

/// A driver near a restaurant, as whoever knows the positions sees it. Whole numbers only, so that
/// every replay scores alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// The driver.
    pub driver: DriverId,
    /// Metres to the restaurant, as the crow flies.
    pub distance_m: u32,
    /// Degrees between the driver's course and the way to the restaurant: 0 heading there, 180
    /// heading away (more counts as 180). `None`: standing, or not known.
    pub off_course_deg: Option<u16>,
}

/// Candidates for one delivery, from outside: the choice among them is made here.
///
/// Who is not free, has passed in this stage or is beyond its radius is skipped, so a list made
/// from slightly old positions does no harm. At most twice [`DispatchPolicy::candidates`] long.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The delivery that wants a driver.
    pub delivery: DeliveryId,
    /// Who might drive.
    pub among: Among,
}

/// Drivers whose positions are known, or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Among {
    /// The best free one gets the one offer.
    Located(Vec<Candidate>),
    /// Positions are lost: the first free ones, up to [`DispatchPolicy::broadcast`], are asked at
    /// once in the order given, and the first to accept wins.
    Unlocated(Vec<DriverId>),
}

impl Among {
    /// How many drivers it names.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Located(candidates) => candidates.len(),
            Self::Unlocated(drivers) => drivers.len(),
        }
    }

    /// Whether it names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A driver chosen by a plan, from outside: for one delivery, or for several of one restaurant
/// together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What is to be carried, in the order of the doors.
    pub deliveries: Vec<DeliveryId>,
    /// Who is asked.
    pub driver: DriverId,
    /// Metres to the restaurant, as the crow flies.
    pub distance_m: u32,
    /// How many free drivers were to choose from.
    pub considered: u32,
    /// Why.
    pub planned: Planned,
}

/// Who is near whom, for all deliveries that wait at once, from outside: the choice is made here.
///
/// Who is not free, has passed in this stage or is beyond its radius is skipped, and so is a delivery
/// that no longer wants anybody. At most [`Round::DELIVERIES_MAX`] deliveries, each with at most
/// twice [`DispatchPolicy::candidates`] drivers. Of what is named twice the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The free drivers, and where they are.
    pub drivers: Vec<Located>,
    /// The deliveries that want a driver, the most urgent first.
    pub near: Vec<Nearby>,
}

/// Where a driver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Located {
    /// Who.
    pub driver: DriverId,
    /// Where.
    pub at: LatLng,
    /// The course, clockwise from north; `None`: standing, or not known.
    pub heading_deg: Option<u16>,
}

/// Who is near a delivery's restaurant, of those located in the round.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nearby {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The drivers.
    pub drivers: Vec<DriverId>,
}

impl Round {
    /// The most deliveries of a round.
    pub const DELIVERIES_MAX: u32 = 4_096;
}

impl Located {
    /// The driver, as a candidate for what is picked up there.
    ///
    /// ```
    /// use doorstep_core::{dispatch::Located, id::DriverId, place::LatLng};
    ///
    /// let at = LatLng::new(4.80, -75.70).unwrap();
    /// let ana = Located { driver: DriverId::from(1), at, heading_deg: Some(180) };
    /// let north = ana.towards(LatLng::new(4.81, -75.70).unwrap());
    /// assert_eq!((north.distance_m, north.off_course_deg), (1_112, Some(180)));
    /// ```
    #[must_use]
    pub fn towards(&self, pickup: LatLng) -> Candidate {
        let off_course_deg = self.heading_deg.map(|heading| {
            let apart = heading.abs_diff(self.at.bearing_deg(pickup)) % 360;
            apart.min(360_u16.saturating_sub(apart))
        });
        Candidate { driver: self.driver, distance_m: self.at.distance_m(pickup), off_course_deg }
    }
}

/// Why a candidate was preferred: the parts and their sum, in points. Lower is better.
///
/// ```
/// use doorstep_core::dispatch::{Candidate, Record, Score};
/// use doorstep_core::{eta::Vehicle, id::DriverId, money::Currency, policy::Policy};
///
/// let policy = Policy::new(Currency::new("COP").unwrap()).dispatch;
/// let near = Candidate { driver: DriverId::from(1), distance_m: 400, off_course_deg: Some(0) };
/// let away = Candidate { off_course_deg: Some(180), ..near };
/// let score = |who| Score::of(who, Vehicle::Bicycle, &Record::default(), &policy);
/// assert_eq!(score(&near).direction, 0);
/// assert_eq!(score(&away).points, score(&near).points + policy.weights.away);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Score {
    /// The sum of the parts.
    pub points: u32,
    /// For the way to the restaurant.
    pub distance: u32,
    /// For the time that this vehicle needs for it.
    pub travel: u32,
    /// For heading elsewhere. A driver who stands, or whose course is not known, counts as heading
    /// across.
    pub direction: u32,
    /// For offers declined or left unanswered in the past.
    pub declines: u32,
}

impl Score {
    /// The score of `candidate`, who drives `vehicle` and has this `record`. Every part is rounded
    /// down to the point and saturates.
    #[must_use]
    pub fn of(
        candidate: &Candidate,
        vehicle: Vehicle,
        record: &Record,
        policy: &DispatchPolicy,
    ) -> Self {
        let weights = &policy.weights;
        let travel_ms = eta::travel(candidate.distance_m, vehicle, &policy.speeds).as_millis();
        let off_course = candidate.off_course_deg.unwrap_or(90).min(180);
        let distance = share(weights.per_km, u64::from(candidate.distance_m), 1_000);
        let travel = share(weights.per_minute, travel_ms, 60_000);
        let direction = share(weights.away, u64::from(off_course), 180);
        let declines = share(weights.declines, u64::from(record.declined_permille()), 1_000);
        let points =
            distance.saturating_add(travel).saturating_add(direction).saturating_add(declines);
        Self { points, distance, travel, direction, declines }
    }

    /// What candidates are ordered by: the points, then the driver's id. The smallest is chosen.
    #[must_use]
    pub const fn key(&self, driver: DriverId) -> (u32, DriverId) {
        (self.points, driver)
    }
}

/// `weight` × `amount` / `per`, rounded down, saturating.
fn share(weight: u32, amount: u64, per: u64) -> u32 {
    let points = u64::from(weight).saturating_mul(amount).checked_div(per).unwrap_or(0);
    u32::try_from(points).unwrap_or(u32::MAX)
}
