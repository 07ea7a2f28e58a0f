//! The box around a driver that no edge goes through: within it nothing is asked.

use core::hash::Hash;

use doorstep_core::place::LatLng;

use crate::zones::Zones;
use crate::zones::ring::{HalfSides, POLE_E7, east_e7};
use crate::zones::stay::Stay;

/// Half the height of the boxes tried, in ten-millionths of a degree: 32, 128, 512 and 2,048 m.
const RUNGS_E7: [i32; 4] = [2_878, 11_511, 46_043, 184_170];
/// The widest half of a box: 10°.
const EAST_MAX_E7: f64 = 1e8;

/// A box without an edge, for as long as the zones do not change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clear {
    around: Option<(LatLng, HalfSides)>,
    changes: u64,
}

impl Clear {
    /// The largest box around a place that no edge goes through, if what the fixes say of every stay
    /// cannot change without crossing one.
    pub(super) fn new<Z: Copy + Eq + Hash + Ord>(
        zones: &Zones<Z>,
        place: LatLng,
        stays: &[Stay<Z>],
    ) -> Self {
        let mut clear = Self { around: None, changes: zones.changes() };
        if !stays.iter().all(Stay::is_surely_inside) {
            return clear;
        }
        let shrunk = libm::cos(place.lat().to_radians());
        for north in RUNGS_E7 {
            let east = f64::from(north) / shrunk;
            let pole_is_near = place.lat_e7().saturating_abs().saturating_add(north) >= POLE_E7;
            if pole_is_near || !(0.0..=EAST_MAX_E7).contains(&east) {
                break;
            }
            #[expect(clippy::cast_possible_truncation, reason = "in range")]
            let half = HalfSides { east: east as i32, north };
            if !zones.no_edge_within(place, half) {
                break;
            }
            clear.around = Some((place, half));
        }
        clear
    }

    /// Whether a place lies in the box, and the zones are as they were.
    pub(super) fn holds(&self, place: LatLng, changes: u64) -> bool {
        self.changes == changes
            && self.around.is_some_and(|(centre, half)| {
                let north = place.lat_e7().abs_diff(centre.lat_e7());
                let east = east_e7(centre.lng_e7(), place.lng_e7()).unsigned_abs();
                north <= half.north.unsigned_abs() && east <= u64::from(half.east.unsigned_abs())
            })
    }
}
