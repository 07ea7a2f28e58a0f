//! Places on the Earth, validated at the door.
//!
//! A [`LatLng`] holds ten-millionths of a degree as integers (1.1 cm at the equator, the fixed-point
//! form of OpenStreetMap and of most GPS chips): places compare, hash and travel through text
//! exactly, and no NaN can enter. Distances leave as whole metres, computed with `libm`, so that
//! every platform decides alike.

use serde::{Deserialize, Serialize};

/// The mean radius of the Earth in metres (IUGG), the sphere on which distances are measured.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

const PER_DEGREE: f64 = 1e7;
const LAT_MAX_E7: i32 = 900_000_000;
const LNG_MAX_E7: i32 = 1_800_000_000;

/// A latitude and longitude (WGS 84), in range by construction.
///
/// ```
/// use doorstep_core::place::LatLng;
///
/// let plaza = LatLng::new(4.8133, -75.6961)?;
/// let airport = LatLng::new(4.8127, -75.7395)?;
/// assert_eq!(plaza.distance_m(airport), 4_809);
/// assert!(LatLng::new(f64::NAN, 0.0).is_err());
/// # Ok::<(), doorstep_core::place::PlaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fixed", into = "Fixed")]
pub struct LatLng {
    lat_e7: i32,
    lng_e7: i32,
}

/// The stored form of a [`LatLng`]: `[lat_e7, lng_e7]`.
#[derive(Serialize, Deserialize)]
struct Fixed(i32, i32);

/// Why two numbers are no place.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// A latitude is a finite number of degrees from −90 to 90.
    #[error("latitude {0} is not a finite number of degrees from -90 to 90")]
    Latitude(f64),
    /// A longitude is a finite number of degrees from −180 to 180.
    #[error("longitude {0} is not a finite number of degrees from -180 to 180")]
    Longitude(f64),
}

impl LatLng {
    /// The place at these degrees, rounded to ten-millionths.
    ///
    /// # Errors
    /// [`PlaceError`] if a number is not finite or out of range.
    pub fn new(lat: f64, lng: f64) -> Result<Self, PlaceError> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(PlaceError::Latitude(lat));
        }
        if !(-180.0..=180.0).contains(&lng) {
            return Err(PlaceError::Longitude(lng));
        }
        // In range by the checks above: |lat| ≤ 9e8 and |lng| ≤ 1.8e9 fit an i32.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        let fixed = |degrees: f64| libm::round(degrees * PER_DEGREE) as i32;
        Ok(Self { lat_e7: fixed(lat), lng_e7: fixed(lng) })
    }

    /// The place at these ten-millionths of a degree.
    ///
    /// # Errors
    /// [`PlaceError`] if a number is out of range.
    pub fn from_e7(lat_e7: i32, lng_e7: i32) -> Result<Self, PlaceError> {
        if lat_e7.unsigned_abs() > LAT_MAX_E7.unsigned_abs() {
            return Err(PlaceError::Latitude(f64::from(lat_e7) / PER_DEGREE));
        }
        if lng_e7.unsigned_abs() > LNG_MAX_E7.unsigned_abs() {
            return Err(PlaceError::Longitude(f64::from(lng_e7) / PER_DEGREE));
        }
        Ok(Self { lat_e7, lng_e7 })
    }

    /// Latitude in degrees, −90 to 90.
    #[must_use]
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / PER_DEGREE
    }

    /// Longitude in degrees, −180 to 180.
    #[must_use]
    pub fn lng(self) -> f64 {
        f64::from(self.lng_e7) / PER_DEGREE
    }

    /// Latitude in ten-millionths of a degree.
    #[must_use]
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in ten-millionths of a degree.
    #[must_use]
    pub const fn lng_e7(self) -> i32 {
        self.lng_e7
    }

    /// Great-circle distance in metres, rounded to the nearest (haversine; the sphere is within
    /// 0.6 % of the ellipsoid). Right across the antimeridian and at the poles.
    #[must_use]
    pub fn distance_m(self, other: Self) -> u32 {
        let (lat1, lat2) = (self.lat().to_radians(), other.lat().to_radians());
        let half_dlat = (lat2 - lat1) / 2.0;
        let half_dlng = (other.lng() - self.lng()).to_radians() / 2.0;
        let (sin_lat, sin_lng) = (libm::sin(half_dlat), libm::sin(half_dlng));
        let h = sin_lat * sin_lat + libm::cos(lat1) * libm::cos(lat2) * sin_lng * sin_lng;
        let metres = 2.0 * EARTH_RADIUS_M * libm::asin(libm::sqrt(h.clamp(0.0, 1.0)));
        // At most half the circumference: 20,015,114 m.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let metres = libm::round(metres) as u32;
        metres
    }

    /// Initial bearing towards `other` in whole degrees clockwise from north, 0–359. From a place
    /// to itself it is 0.
    #[must_use]
    pub fn bearing_deg(self, other: Self) -> u16 {
        let (lat1, lat2) = (self.lat().to_radians(), other.lat().to_radians());
        let dlng = (other.lng() - self.lng()).to_radians();
        let east = libm::sin(dlng) * libm::cos(lat2);
        let north =
            libm::cos(lat1) * libm::sin(lat2) - libm::sin(lat1) * libm::cos(lat2) * libm::cos(dlng);
        let degrees = libm::round(libm::atan2(east, north).to_degrees());
        // atan2 gives −180..=180.
        #[expect(clippy::cast_possible_truncation, reason = "in range")]
        let degrees = (degrees as i32).rem_euclid(360);
        u16::try_from(degrees).unwrap_or_default()
    }
}

impl TryFrom<Fixed> for LatLng {
    type Error = PlaceError;

    fn try_from(Fixed(lat_e7, lng_e7): Fixed) -> Result<Self, PlaceError> {
        Self::from_e7(lat_e7, lng_e7)
    }
}

impl From<LatLng> for Fixed {
    fn from(place: LatLng) -> Self {
        Self(place.lat_e7, place.lng_e7)
    }
}

#[cfg(feature = "geo-types")]
impl From<LatLng> for geo_types::Point {
    /// `x` is the longitude, `y` the latitude, in degrees.
    fn from(place: LatLng) -> Self {
        Self::new(place.lng(), place.lat())
    }
}

#[cfg(feature = "geo-types")]
impl TryFrom<geo_types::Point> for LatLng {
    type Error = PlaceError;

    fn try_from(point: geo_types::Point) -> Result<Self, PlaceError> {
        Self::new(point.y(), point.x())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).unwrap()
    }

    #[test]
    fn numbers_that_are_no_place_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, 90.000_1, -90.000_1] {
            assert!(matches!(LatLng::new(bad, 0.0), Err(PlaceError::Latitude(_))), "{bad}");
        }
        for bad in [f64::NAN, f64::NEG_INFINITY, 180.000_1, -180.000_1] {
            assert!(matches!(LatLng::new(0.0, bad), Err(PlaceError::Longitude(_))), "{bad}");
        }
        assert!(serde_json::from_str::<LatLng>("[900000001,0]").is_err());
    }

    #[test]
    fn distances_are_right_across_the_antimeridian_and_at_the_poles() {
        assert_eq!(at(0.0, 179.999).distance_m(at(0.0, -179.999)), 222);
        assert_eq!(at(90.0, 0.0).distance_m(at(90.0, 135.0)), 0);
        assert_eq!(at(90.0, 0.0).distance_m(at(-90.0, 0.0)), 20_015_114);
        assert_eq!(at(0.0, 0.0).distance_m(at(0.0, 180.0)), 20_015_114);
    }

    #[test]
    fn bearings_point_the_way_on_the_compass() {
        let here = at(0.0, 0.0);
        assert_eq!(here.bearing_deg(at(1.0, 0.0)), 0);
        assert_eq!(here.bearing_deg(at(0.0, 1.0)), 90);
        assert_eq!(here.bearing_deg(at(-1.0, 0.0)), 180);
        assert_eq!(here.bearing_deg(at(0.0, -1.0)), 270);
        assert_eq!(at(0.0, 179.9).bearing_deg(at(0.0, -179.9)), 90);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_places_survive_json(
            a in (-90.0..=90.0f64, -180.0..=180.0f64),
            b in (-90.0..=90.0f64, -180.0..=180.0f64),
        ) {
            let (a, b) = (at(a.0, a.1), at(b.0, b.1));
            prop_assert_eq!(a.distance_m(b), b.distance_m(a));
            prop_assert_eq!(a.distance_m(a), 0);
            prop_assert!(a.bearing_deg(b) < 360);
            let json = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<LatLng>(&json).unwrap(), a);
        }
    }
}
