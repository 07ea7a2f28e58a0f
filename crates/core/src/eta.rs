//! When an order will be there: preparation and travel, in whole seconds.
//!
//! The estimate moves as things happen; the promise, frozen at checkout, does not. Speeds are those
//! of the policy, as the crow flies, so that a replay estimates as it did then; a routing engine, if
//! there is one, is the caller's.

use serde::{Deserialize, Serialize};

use crate::policy::Speeds;
use crate::time::{Span, Timestamp};

/// What a driver moves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vehicle {
    /// On foot.
    Walking,
    /// By bicycle.
    Bicycle,
    /// By motorcycle or scooter.
    Motorcycle,
    /// By car.
    Car,
}

/// How long `vehicle` takes for `distance_m` metres, rounded up to the second.
///
/// A speed of zero, which [`Policy::check`](crate::policy::Policy::check) refuses, counts as one
/// metre a minute.
///
/// ```
/// use doorstep_core::{eta::{Vehicle, travel}, money::Currency, policy::Policy, time::Span};
///
/// let speeds = Policy::new(Currency::new("EUR").unwrap()).dispatch.speeds;
/// assert_eq!(travel(3_200, Vehicle::Motorcycle, &speeds), Span::from_mins(10));
/// assert_eq!(travel(1, Vehicle::Walking, &speeds), Span::from_secs(1));
/// ```
#[must_use]
pub fn travel(distance_m: u32, vehicle: Vehicle, speeds: &Speeds) -> Span {
    let metres_per_minute = match vehicle {
        Vehicle::Walking => speeds.walking,
        Vehicle::Bicycle => speeds.bicycle,
        Vehicle::Motorcycle => speeds.motorcycle,
        Vehicle::Car => speeds.car,
    };
    let metre_seconds = u64::from(distance_m).saturating_mul(60);
    Span::from_secs(metre_seconds.div_ceil(u64::from(metres_per_minute.max(1))))
}

/// The first estimate, before there is a driver: `now`, the usual preparation, and the way from the
/// restaurant by motorcycle.
///
/// It assumes a motorcycle because that is what most drivers ride, and that one stands at the
/// restaurant when the order is ready: drivers are sought while the kitchen works. Once there is a
/// driver, [`arrival`] knows better.
///
/// ```
/// use doorstep_core::{eta::estimate, money::Currency, policy::Policy, time::{Span, Timestamp}};
///
/// let speeds = Policy::new(Currency::new("EUR").unwrap()).dispatch.speeds;
/// let now = Timestamp::from_secs(0);
/// assert_eq!(estimate(now, Span::from_mins(15), 3_200, &speeds), Timestamp::from_secs(25 * 60));
/// ```
#[must_use]
pub fn estimate(now: Timestamp, ready_span: Span, distance_m: u32, speeds: &Speeds) -> Timestamp {
    let ready_at = now.saturating_add(ready_span);
    arrival(ready_at, ready_at, distance_m, Vehicle::Motorcycle, speeds)
}

/// The estimate once there is a driver: whichever comes later, the order or the driver, and then
/// the way of `distance_m` metres from the restaurant to the door.
#[must_use]
pub fn arrival(
    ready_at: Timestamp,
    driver_at_restaurant: Timestamp,
    distance_m: u32,
    vehicle: Vehicle,
    speeds: &Speeds,
) -> Timestamp {
    ready_at.max(driver_at_restaurant).saturating_add(travel(distance_m, vehicle, speeds))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEEDS: Speeds = Speeds { walking: 75, bicycle: 200, motorcycle: 320, car: 500 };

    #[test]
    fn every_vehicle_travels_at_its_own_speed() {
        let secs = |vehicle| travel(3_000, vehicle, &SPEEDS).as_secs();
        assert_eq!(secs(Vehicle::Walking), 2_400);
        assert_eq!(secs(Vehicle::Bicycle), 900);
        assert_eq!(secs(Vehicle::Motorcycle), 563);
        assert_eq!(secs(Vehicle::Car), 360);
    }

    #[test]
    fn a_speed_of_zero_is_slow_and_not_a_crash() {
        let still = Speeds { walking: 0, ..SPEEDS };
        assert_eq!(travel(2, Vehicle::Walking, &still), Span::from_mins(2));
    }

    #[test]
    fn the_later_of_meal_and_driver_is_waited_for() {
        let at = Timestamp::from_secs;
        let estimate = |ready, driver| arrival(at(ready), at(driver), 500, Vehicle::Car, &SPEEDS);
        assert_eq!(estimate(1_000, 400), at(1_060));
        assert_eq!(estimate(400, 1_000), at(1_060));
    }

    #[test]
    fn an_estimate_stops_at_the_end_of_time() {
        assert_eq!(estimate(Timestamp::NEVER, Span::ZERO, 1, &SPEEDS), Timestamp::NEVER);
    }

    #[test]
    fn vehicles_are_written_in_snake_case() {
        let written = [
            (Vehicle::Walking, "\"walking\""),
            (Vehicle::Bicycle, "\"bicycle\""),
            (Vehicle::Motorcycle, "\"motorcycle\""),
            (Vehicle::Car, "\"car\""),
        ];
        for (vehicle, text) in written {
            assert_eq!(serde_json::to_string(&vehicle).unwrap(), text);
            assert_eq!(serde_json::from_str::<Vehicle>(text).unwrap(), vehicle);
        }
    }

    proptest! {
        #[test]
        fn travel_is_the_least_whole_second_in_which_the_way_is_done(
            distance_m: u32, walking in 1..=10_000u32,
        ) {
            let secs = travel(distance_m, Vehicle::Walking, &Speeds { walking, ..SPEEDS }).as_secs();
            let done = |secs: u64| secs * u64::from(walking) >= u64::from(distance_m) * 60;
            prop_assert!(done(secs));
            prop_assert!(secs == 0 || !done(secs - 1));
        }
    }
}
