//! The rectangle of a map on a screen.

use doorstep_core::place::{EARTH_RADIUS_M, LatLng};
use serde::{Deserialize, Serialize};

/// A rectangle of latitudes and longitudes, its edges included.
///
/// When the western edge lies east of the eastern one, it goes across the antimeridian.
///
/// ```
/// use doorstep_core::place::LatLng;
/// use doorstep_geo_index::Viewport;
///
/// let fiji = Viewport::new(LatLng::new(-20.0, 176.0)?, LatLng::new(-15.0, -178.0)?)?;
/// assert!(fiji.contains(LatLng::new(-17.0, 179.9)?));
/// assert!(fiji.contains(LatLng::new(-17.0, -179.9)?));
/// assert!(!fiji.contains(LatLng::new(-17.0, 0.0)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(LatLng, LatLng)", into = "(LatLng, LatLng)")]
pub struct Viewport {
    south_west: LatLng,
    north_east: LatLng,
}

/// Why two corners make no [`Viewport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewportError {
    /// The southern edge lies north of the northern one.
    #[error("the southern edge lies north of the northern one")]
    UpsideDown,
}

const HALF_TURN_E7: i64 = 1_800_000_000;
const TURN_E7: i64 = 3_600_000_000;
const POLE_E7: i32 = 900_000_000;

impl Viewport {
    /// The rectangle between two corners.
    ///
    /// # Errors
    /// [`ViewportError::UpsideDown`] if `south_west` lies north of `north_east`.
    pub fn new(south_west: LatLng, north_east: LatLng) -> Result<Self, ViewportError> {
        if south_west.lat_e7() > north_east.lat_e7() {
            return Err(ViewportError::UpsideDown);
        }
        Ok(Self { south_west, north_east })
    }

    /// The south-western corner.
    #[must_use]
    pub const fn south_west(&self) -> LatLng {
        self.south_west
    }

    /// The north-eastern corner.
    #[must_use]
    pub const fn north_east(&self) -> LatLng {
        self.north_east
    }

    /// Whether the place lies within. The longitudes −180 and 180 are the same, and a pole lies at
    /// every longitude.
    #[must_use]
    pub const fn contains(&self, place: LatLng) -> bool {
        if place.lat_e7() < self.south_west.lat_e7() || self.north_east.lat_e7() < place.lat_e7() {
            return false;
        }
        if place.lat_e7().abs() == POLE_E7 {
            return true;
        }
        let lng_e7 = place.lng_e7();
        self.contains_lng(lng_e7)
            || (lng_e7.unsigned_abs() as i64 == HALF_TURN_E7
                && self.contains_lng(lng_e7.saturating_neg()))
    }

    /// The place in the middle of both edges.
    #[must_use]
    pub fn centre(&self) -> LatLng {
        let (south, north) = (self.south_west.lat_e7(), self.north_east.lat_e7());
        let west = i64::from(self.south_west.lng_e7());
        let mut lng_e7 = west.saturating_add(self.width_e7() / 2);
        if lng_e7 > HALF_TURN_E7 {
            lng_e7 = lng_e7.saturating_sub(TURN_E7);
        }
        i32::try_from(lng_e7)
            .ok()
            .and_then(|lng_e7| LatLng::from_e7(south.midpoint(north), lng_e7).ok())
            // Both are in range: a mean of latitudes, and a longitude brought back into its turn.
            .unwrap_or(self.south_west)
    }

    /// No place within is farther from the centre, in metres.
    ///
    /// From the centre go along the meridian to the place's latitude, then along the parallel: that
    /// is no shorter than the great circle, and the parallel is longest nearest to the equator.
    pub(crate) fn radius_m(&self) -> u32 {
        let (south, north) = (self.south_west.lat(), self.north_east.lat());
        let nearest_equator =
            if south <= 0.0 && north >= 0.0 { 0.0 } else { south.abs().min(north.abs()) };
        // At most 3.6e9, exact in a float.
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        let width = (self.width_e7() as f64 / 1e7).to_radians();
        let height = (north - south).to_radians();
        let metres =
            EARTH_RADIUS_M * (height + width * libm::cos(nearest_equator.to_radians())) / 2.0;
        // At most three quarters of the circumference: 30,022,671 m. One metre for the centre's
        // rounding, one for the distance's.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let metres = libm::ceil(metres + 2.0) as u32;
        metres
    }

    const fn contains_lng(&self, lng_e7: i32) -> bool {
        let (west, east) = (self.south_west.lng_e7(), self.north_east.lng_e7());
        if west <= east {
            west <= lng_e7 && lng_e7 <= east
        } else {
            west <= lng_e7 || lng_e7 <= east
        }
    }

    /// From the western edge eastwards to the eastern one.
    fn width_e7(&self) -> i64 {
        let (west, east) =
            (i64::from(self.south_west.lng_e7()), i64::from(self.north_east.lng_e7()));
        let width = east.saturating_sub(west);
        if width < 0 { width.saturating_add(TURN_E7) } else { width }
    }
}

impl TryFrom<(LatLng, LatLng)> for Viewport {
    type Error = ViewportError;

    fn try_from((south_west, north_east): (LatLng, LatLng)) -> Result<Self, ViewportError> {
        Self::new(south_west, north_east)
    }
}

impl From<Viewport> for (LatLng, LatLng) {
    fn from(viewport: Viewport) -> Self {
        (viewport.south_west, viewport.north_east)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).unwrap()
    }

    fn view(south: f64, west: f64, north: f64, east: f64) -> Viewport {
        Viewport::new(at(south, west), at(north, east)).unwrap()
    }

    #[test]
    fn a_viewport_across_the_antimeridian_has_its_centre_there() {
        assert_eq!(view(-20.0, 176.0, -15.0, -178.0).centre(), at(-17.5, 179.0));
        assert_eq!(view(-20.0, 178.0, -15.0, -176.0).centre(), at(-17.5, -179.0));
        assert_eq!(view(-90.0, -180.0, 90.0, 180.0).centre(), at(0.0, 0.0));
    }

    #[test]
    fn both_names_of_the_antimeridian_are_the_same_place() {
        for lng in [-180.0, 180.0] {
            assert!(view(0.0, 170.0, 1.0, 180.0).contains(at(0.5, lng)));
            assert!(view(0.0, -180.0, 1.0, -170.0).contains(at(0.5, lng)));
            assert!(!view(0.0, -10.0, 1.0, 10.0).contains(at(0.5, lng)));
        }
    }

    #[test]
    fn a_pole_lies_at_every_longitude() {
        assert!(view(80.0, 0.0, 90.0, 10.0).contains(at(90.0, 135.0)));
        assert!(!view(80.0, 0.0, 90.0, 10.0).contains(at(89.0, 135.0)));
    }

    #[test]
    fn an_upside_down_viewport_is_refused() {
        assert_eq!(Viewport::new(at(1.0, 0.0), at(0.0, 1.0)), Err(ViewportError::UpsideDown));
    }

    proptest! {
        #[test]
        fn every_place_within_lies_within_the_radius(
            lats_e7 in (-900_000_000..=900_000_000_i32, -900_000_000..=900_000_000_i32),
            lngs_e7 in (-1_800_000_000..=1_800_000_000, -1_800_000_000..=1_800_000_000),
            part in (0.0..=1.0f64, 0.0..=1.0f64),
        ) {
            let (south, north) = (lats_e7.0.min(lats_e7.1), lats_e7.0.max(lats_e7.1));
            let corner = |lat_e7, lng_e7| LatLng::from_e7(lat_e7, lng_e7).unwrap();
            let viewport = Viewport::new(corner(south, lngs_e7.0), corner(north, lngs_e7.1)).unwrap();
            let lat = f64::from(south) + part.0 * (f64::from(north) - f64::from(south));
            let lng = f64::from(lngs_e7.0) + part.1 * viewport.width_e7() as f64;
            let lng = if lng > 1.8e9 { lng - 3.6e9 } else { lng };
            let place = corner(lat as i32, lng as i32);
            prop_assume!(viewport.contains(place));
            prop_assert!(viewport.centre().distance_m(place) <= viewport.radius_m());
        }
    }
}
