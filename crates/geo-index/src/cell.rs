//! Between our places and H3 cells.

use doorstep_core::place::{EARTH_RADIUS_M, LatLng};
use h3o::{CellIndex, Resolution};

/// The distance of neighbouring cell centres at resolution 0 in the plane of an icosahedron face,
/// in Earth radii (`RES0_U_GNOMONIC` of the H3 library).
const SPACING_0: f64 = 0.381_966_011_250_105;

/// The cell that a place lies in.
pub(crate) fn of(place: LatLng, resolution: Resolution) -> CellIndex {
    // A `LatLng` is finite, which is all that h3o asks for.
    h3o::LatLng::new(place.lat(), place.lng()).unwrap_or_default().to_cell(resolution)
}

/// The centre of a cell; `None` if h3o names none in range, which it is not known to do.
pub(crate) fn centre(cell: CellIndex) -> Option<LatLng> {
    let centre = h3o::LatLng::from(cell);
    LatLng::new(centre.lat(), centre.lng()).ok()
}

/// No point of a cell at this resolution is farther from the cell's centre, in metres, rounded up.
/// At resolution 8 it is 586 m. [`nearest`](crate::nearest) has the argument.
pub(crate) fn circumradius_m(resolution: Resolution) -> u32 {
    // From one resolution to the next lengths shrink by √7.
    let shrunk = libm::pow(7.0, f64::from(u8::from(resolution)) / 2.0);
    let radius_m = EARTH_RADIUS_M * SPACING_0 / libm::sqrt(3.0) / shrunk;
    // At most 1,405,010 m.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    let radius_m = libm::ceil(radius_m) as u32;
    radius_m
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_resolution_8_a_cell_reaches_586_m_from_its_centre() {
        assert_eq!(circumradius_m(Resolution::Eight), 586);
    }

    #[test]
    fn no_vertex_is_farther_than_the_circumradius_around_pentagons() {
        for resolution in Resolution::range(Resolution::Zero, Resolution::Eleven) {
            let cells = resolution.pentagons().flat_map(|pentagon| pentagon.grid_disk_safe(2));
            for cell in cells {
                let centre = h3o::LatLng::from(cell);
                for vertex in cell.boundary().iter() {
                    let bound_m = f64::from(circumradius_m(resolution));
                    assert!(centre.distance_m(*vertex) <= bound_m + 1.0, "{cell} {vertex}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_place_is_farther_from_its_cells_centre_than_the_circumradius(
            lat_e7 in -900_000_000..=900_000_000,
            lng_e7 in -1_800_000_000..=1_800_000_000,
            resolution in 0_u8..=13,
        ) {
            let resolution = Resolution::try_from(resolution).unwrap();
            let place = LatLng::from_e7(lat_e7, lng_e7).unwrap();
            let centre = centre(of(place, resolution)).unwrap();
            prop_assert!(centre.distance_m(place) <= circumradius_m(resolution).saturating_add(1));
        }
    }
}
