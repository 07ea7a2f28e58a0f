//! Distances from one place to many, to the same whole metre as
//! [`LatLng::distance_m`](doorstep_core::place::LatLng::distance_m), at a tenth of its cost.
//!
//! What is compared is the haversine of the angle between two places, sin²(d / 2R), which grows with
//! their distance. Near the centre (a few degrees) its terms are polynomials of exact integer
//! differences, good to some 1e-15 of their value; a metre's worth of arc is 6e-15 of… far more than
//! either way of computing it is off by, which is under a micrometre. So wherever the metres so computed
//! lie not within a millimetre of the middle between two whole numbers, both ways round alike; and
//! where they do, or far away, `distance_m` itself is asked. No platform's arithmetic decides.

use core::f64::consts::{FRAC_PI_2, PI};

use doorstep_core::place::{EARTH_RADIUS_M, LatLng};

use crate::cell::{HALF_TURN_E7, TURN_E7};

const RADIANS_PER_E7: f64 = PI / 180.0 / 1e7;
/// Up to this angle (2.9°) the polynomials hold.
const NEAR: f64 = 0.05;
/// Both ways of computing a distance nearby differ by far less, in metres.
const DOUBT_M: f64 = 1e-3;
/// What a haversine, or a bound on one, may be off by, in parts of itself: far too much.
const SLACK: f64 = 1e-9;

/// A haversine of a place nearby in squared ten-millionths of a degree. As sin x ≥ x (1 − x² / 6), and
/// squared halves of up to 0.05 are at stake, a part in 4,000 is enough for that and for rounding.
const PLANE: f64 = 4.0 / (RADIANS_PER_E7 * RADIANS_PER_E7) * (1.0 + 1.0 / 2_000.0);

/// That some places are so near that the plane is almost the sphere: none is farther than 2.86° (0.05)
/// from the centre in latitude or in longitude, nor on the other side of the antimeridian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    /// The centre's cosine of latitude times the smallest of the places'.
    shrunk: f32,
}

/// The place that distances are from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Centre {
    place: LatLng,
    sin: f64,
    cos: f64,
}

impl Centre {
    pub(crate) fn new(place: LatLng) -> Self {
        let lat = place.lat().to_radians();
        // At a pole the cosine comes out as 6e-17.
        Self { place, sin: libm::sin(lat), cos: libm::cos(lat) }
    }

    pub(crate) const fn place(&self) -> LatLng {
        self.place
    }

    /// The cosine of the latitude.
    pub(crate) const fn cos(&self) -> f64 {
        self.cos
    }

    /// Places between these latitudes, if they are as near as it takes.
    pub(crate) fn near(&self, south_e7: i64, north_e7: i64) -> Near {
        #[expect(clippy::cast_possible_truncation, reason = "rounding is within the slack")]
        let shrunk = (self.cos * self.cos_min(south_e7, north_e7)) as f32;
        Near { shrunk }
    }

    /// sin² of half the angle to another place.
    #[inline]
    pub(crate) fn haversine(&self, to: LatLng) -> f64 {
        let lat = radians(self.north_e7(to));
        let north = haversine(lat);
        north
            + self.cos * self.cos_at(to.lat_e7(), lat, north) * haversine(radians(self.east_e7(to)))
    }

    /// A lower bound of the haversines of some places near the centre, as a measure to hold against
    /// [`plane_max`]: in the plane, by single precision and step by step for all of them, so that a
    /// processor takes several at once.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "rounding is within the slack")]
    pub(crate) fn in_the_plane<const N: usize>(
        &self,
        near: Near,
        places: &[LatLng; N],
    ) -> [f32; N] {
        let (lat, lng) = (self.place.lat_e7(), self.place.lng_e7());
        let mut away = [0.0; N];
        for (place, away) in places.iter().zip(&mut away) {
            let north = place.lat_e7().wrapping_sub(lat) as f32;
            let east = place.lng_e7().wrapping_sub(lng) as f32;
            *away = north * north + east * east * near.shrunk;
        }
        away
    }

    /// The haversines of some places, rounded, to hold against [`anywhere_max`].
    #[expect(clippy::cast_possible_truncation, reason = "rounding is within the slack")]
    pub(crate) fn anywhere<const N: usize>(&self, places: &[LatLng; N]) -> [f32; N] {
        places.map(|place| self.haversine(place).max(0.0) as f32)
    }

    /// The distance to a place whose haversine was computed, as `distance_m` has it.
    #[inline]
    pub(crate) fn distance_m(&self, to: LatLng, haversine: f64) -> u32 {
        // A square root is rounded alike everywhere (IEEE 754).
        let z = haversine.sqrt();
        if z < NEAR / 2.0 {
            let q = z * z;
            let series = 1.0
                + q * (1.0 / 6.0 + q * (3.0 / 40.0 + q * (15.0 / 336.0 + q * (105.0 / 3456.0))));
            let metres = 2.0 * EARTH_RADIUS_M * z * series;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
            let whole = metres as u32;
            let over = metres - f64::from(whole);
            if (over - 0.5).abs() > DOUBT_M {
                return whole.saturating_add(u32::from(over > 0.5));
            }
        }
        self.place.distance_m(to)
    }

    /// No place of a rectangle has a smaller haversine: the one whose places are at least these gaps
    /// away in latitude and longitude and none of which has a smaller cosine of latitude than
    /// `cos_min`.
    pub(crate) fn haversine_min(&self, north_e7: i64, east_e7: i64, cos_min: f64) -> f64 {
        let east = haversine(radians(east_e7));
        (haversine(radians(north_e7)) + self.cos * cos_min * east) * (1.0 - SLACK)
    }

    /// No cosine of the latitudes between two is smaller, in ten-millionths of a degree.
    pub(crate) fn cos_min(&self, south_e7: i64, north_e7: i64) -> f64 {
        let at_e7 = i64::from(self.place.lat_e7());
        let away_e7 = at_e7.saturating_sub(south_e7).max(north_e7.saturating_sub(at_e7));
        let away = radians(away_e7);
        if away < NEAR {
            // A cosine changes by no more than its angle does.
            return (self.cos - away - SLACK).max(0.0);
        }
        let most = radians(south_e7.abs().max(north_e7.abs()).min(crate::cell::POLE_E7));
        (libm::cos(most) - SLACK).max(0.0)
    }

    /// No place at least so far away in longitude is nearer, in metres: the way there meets the
    /// meridian in between, and that is nearest where the great circle to it stands on it upright
    /// (or at the pole, from a quarter turn on).
    pub(crate) fn meridian_m(&self, east_e7: i64) -> f64 {
        let east = radians(east_e7).min(FRAC_PI_2);
        if east < NEAR {
            // sin x ≥ x − x³ / 6, and asin x ≥ x.
            return EARTH_RADIUS_M
                * self.cos.max(0.0)
                * (east - east * east * east / 6.0)
                * (1.0 - SLACK);
        }
        EARTH_RADIUS_M * libm::asin((self.cos * libm::sin(east)).clamp(0.0, 1.0)) * (1.0 - SLACK)
    }

    fn north_e7(&self, to: LatLng) -> i64 {
        i64::from(to.lat_e7()).saturating_sub(i64::from(self.place.lat_e7()))
    }

    /// By the shorter way around.
    fn east_e7(&self, to: LatLng) -> i64 {
        let east = i64::from(to.lng_e7()).saturating_sub(i64::from(self.place.lng_e7())).abs();
        if east > HALF_TURN_E7 { TURN_E7.saturating_sub(east) } else { east }
    }

    /// The cosine of a latitude that is `lat` radians from the centre's.
    #[inline]
    fn cos_at(&self, lat_e7: i32, lat: f64, haversine: f64) -> f64 {
        if lat.abs() < NEAR {
            self.cos_near(lat, haversine)
        } else {
            libm::cos(radians(i64::from(lat_e7)))
        }
    }

    #[inline]
    fn cos_near(&self, lat: f64, haversine: f64) -> f64 {
        let q = lat * lat;
        let sin = lat * (1.0 - q * (1.0 / 6.0 - q * (1.0 / 120.0 - q * (1.0 / 5_040.0))));
        self.cos * (1.0 - 2.0 * haversine) - self.sin * sin
    }
}

/// No place that is at most so far away, in whole metres, has a larger haversine.
pub(crate) fn haversine_max(distance_m: u32) -> f64 {
    let half = (f64::from(distance_m) + 0.51) / (2.0 * EARTH_RADIUS_M);
    if half >= FRAC_PI_2 {
        return f64::INFINITY;
    }
    if half < NEAR {
        // sin x ≤ x.
        return half * half * (1.0 + SLACK);
    }
    let sin = libm::sin(half);
    sin * sin * (1.0 + SLACK)
}

/// What places nearby, of which none has a larger haversine than this, have in the plane at most.
#[expect(clippy::cast_possible_truncation, reason = "rounding is within the slack")]
pub(crate) fn plane_max(haversine: f64) -> f32 {
    (haversine * PLANE) as f32
}

/// What places of which none has a larger haversine than this have by [`Centre::anywhere`] at most.
#[expect(clippy::cast_possible_truncation, reason = "rounding is within the slack")]
pub(crate) fn anywhere_max(haversine: f64) -> f32 {
    // A part in ten million, and what is smaller than a float can tell.
    (haversine * (1.0 + 1e-6) + 1e-30) as f32
}

/// The arc of a difference of latitudes, in metres, rounded down a little.
pub(crate) fn latitudes_m(north_e7: i64) -> f64 {
    EARTH_RADIUS_M * radians(north_e7) * (1.0 - SLACK)
}

/// sin² of half an angle.
#[inline]
fn haversine(angle: f64) -> f64 {
    if angle.abs() < NEAR {
        haversine_near(angle)
    } else {
        let sin = libm::sin(angle / 2.0);
        sin * sin
    }
}

#[inline]
fn haversine_near(angle: f64) -> f64 {
    let q = angle * angle;
    q * (0.25 - q * (1.0 / 48.0 - q * (1.0 / 1_440.0 - q * (1.0 / 80_640.0))))
}

/// Ten-millionths of a degree, at most a turn of them: exact in a float.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn radians(e7: i64) -> f64 {
    e7 as f64 * RADIANS_PER_E7
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = LatLng> {
        let lat = prop_oneof![3 => -900_000_000..=900_000_000_i32, 1 => 899_900_000..=900_000_000];
        (lat, -1_800_000_000..=1_800_000_000_i32)
            .prop_map(|(lat, lng)| LatLng::from_e7(lat, lng).unwrap())
    }

    /// Another place from a millimetre to some thousand kilometres from it.
    fn near(place: LatLng, (north, east, bits): (i32, i32, u32)) -> LatLng {
        let by = |e7: i32, by: i32, most: i64| {
            let sum = i64::from(e7).saturating_add(i64::from(by >> bits));
            i32::try_from(sum.clamp(most.saturating_neg(), most)).unwrap()
        };
        let lat = by(place.lat_e7(), north, 900_000_000);
        LatLng::from_e7(lat, by(place.lng_e7(), east, HALF_TURN_E7)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a_distance_is_the_one_that_places_have(
            place in place(),
            by in (any::<i32>(), any::<i32>(), 0..=31_u32),
        ) {
            let centre = Centre::new(place);
            let other = near(place, by);
            let haversine = centre.haversine(other);
            let distance_m = place.distance_m(other);
            prop_assert_eq!(centre.distance_m(other, haversine), distance_m);
            prop_assert!(haversine <= haversine_max(distance_m));
            let lat_e7 = i64::from(place.lat_e7()).abs_diff(i64::from(other.lat_e7())) as i64;
            prop_assert!(latitudes_m(lat_e7) <= f64::from(distance_m) + 0.51);
            prop_assert!(centre.meridian_m(centre.east_e7(other)) <= f64::from(distance_m) + 0.51);
        }
    }

    #[test]
    fn where_the_rounding_is_in_doubt_the_exact_way_decides() {
        // Along a meridian, ten-millionth by ten-millionth, past every half metre of a kilometre.
        for lat_e7 in [0, 452_345_671, -899_000_000] {
            let place = LatLng::from_e7(lat_e7, 123_456_789).unwrap();
            let centre = Centre::new(place);
            for by in 0..90_000_i32 {
                let other = LatLng::from_e7(lat_e7.saturating_add(by), 123_456_789).unwrap();
                let distance_m = centre.distance_m(other, centre.haversine(other));
                assert_eq!(distance_m, place.distance_m(other), "{lat_e7} {by}");
            }
        }
    }
}
