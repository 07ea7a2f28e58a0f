//! The tiles, and how many of them a viewport can meet.

use doorstep_core::place::LatLng;
use serde::{Deserialize, Serialize};

use crate::viewport::Viewport;

/// A piece of the Earth between two meridians and two parallels. While the map shows the same tiles,
/// it names a marker from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// How often the 360° of longitude are halved to give its width, 0–30.
    pub lng_halvings: u8,
    /// How often the 180° of latitude are halved to give its height, 0–30.
    pub lat_halvings: u8,
    /// Eastwards from −180°, from 0.
    pub column: u32,
    /// Northwards from −90°, from 0.
    pub row: u32,
}

/// The tiles that a viewport meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    lng_halvings: u8,
    lat_halvings: u8,
    west: Along,
    south_row: u32,
    /// Bounds, reached or not.
    columns: u32,
    rows: u32,
}

/// A longitude, in ten-millionths of a degree eastwards from −180°, within one turn.
type Along = u64;

const TURN_E7: u64 = 3_600_000_000;
const HALF_TURN_E7: u64 = 1_800_000_000;
/// Smaller than a hand at the equator, and all products fit.
const HALVINGS_MAX: u8 = 30;

impl Grid {
    /// The finest tiles of which no viewport of this size meets more than `markers_max`.
    pub(super) fn new(viewport: &Viewport, markers_max: u32) -> Self {
        let (south_west, north_east) = (viewport.south_west(), viewport.north_east());
        let (west, south) = (along(south_west), up(south_west));
        let width = width(viewport);
        let height = up(north_east).saturating_sub(south);
        let columns = |halvings| met(width, TURN_E7, halvings);
        let rows = |halvings| met(height, HALF_TURN_E7, halvings);
        let fits = |lng, lat| columns(lng).saturating_mul(rows(lat)) <= u64::from(markers_max);
        let shrunk = libm::cos(viewport.centre().lat().to_radians());
        let (mut lng, mut lat) = (0_u8, 0_u8);
        loop {
            let (more_lng, more_lat) = (lng.saturating_add(1), lat.saturating_add(1));
            let lng_fits = lng < HALVINGS_MAX && fits(more_lng, lat);
            let lat_fits = lat < HALVINGS_MAX && fits(lng, more_lat);
            // The longer side of a tile on the ground first, if it may be.
            let tile_width = 2.0 * shrunk / f64::from(1_u32 << lng);
            let wide = tile_width > 1.0 / f64::from(1_u32 << lat);
            match (lng_fits, lat_fits) {
                (true, false) => lng = more_lng,
                (false, true) => lat = more_lat,
                (true, true) if wide => lng = more_lng,
                (true, true) => lat = more_lat,
                (false, false) => break,
            }
        }
        // At most `markers_max`, or 1.
        let bound = |met: u64| u32::try_from(met).unwrap_or(u32::MAX);
        Self {
            lng_halvings: lng,
            lat_halvings: lat,
            west,
            south_row: row(south, lat),
            columns: bound(columns(lng)),
            rows: bound(rows(lat)),
        }
    }

    /// No more tiles than this are met; at least 1.
    pub(super) const fn tiles_max(&self) -> u32 {
        self.columns.saturating_mul(self.rows)
    }

    /// The longitude by which a place in the viewport counts. A pole has any.
    pub(super) const fn along(&self, place: LatLng) -> Along {
        if place.lat_e7().unsigned_abs() == 900_000_000 { self.west } else { along(place) }
    }

    /// The number of the tile that a place in the viewport lies in, less than
    /// [`tiles_max`](Self::tiles_max): from the south-western corner, row by row.
    pub(super) fn number(&self, place: LatLng) -> usize {
        let tile = self.tile(place);
        let turn = 1_u32 << self.lng_halvings;
        let first = column(self.west, self.lng_halvings);
        let east = tile.column.wrapping_sub(first) & turn.wrapping_sub(1);
        let north = tile.row.saturating_sub(self.south_row);
        let number = north.saturating_mul(self.columns).saturating_add(east);
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    pub(super) fn tile(&self, place: LatLng) -> Tile {
        Tile {
            lng_halvings: self.lng_halvings,
            lat_halvings: self.lat_halvings,
            column: column(self.along(place), self.lng_halvings),
            row: row(up(place), self.lat_halvings),
        }
    }
}

/// How many of the parts that a `whole` is halved into a stretch can meet, wherever it lies.
const fn met(stretch: u64, whole: u64, halvings: u8) -> u64 {
    let parts = 1_u64 << halvings;
    let met = stretch.saturating_mul(parts).div_ceil(whole).saturating_add(1);
    if met < parts { met } else { parts }
}

/// The antimeridian has one name here.
const fn along(place: LatLng) -> Along {
    let lng = (place.lng_e7() as i64).saturating_add_unsigned(HALF_TURN_E7).unsigned_abs();
    if lng == TURN_E7 { 0 } else { lng }
}

/// A latitude, northwards from −90°.
pub(super) const fn up(place: LatLng) -> u64 {
    (place.lat_e7() as i64).saturating_add(900_000_000).unsigned_abs()
}

/// The place that these count.
pub(super) fn place(along: Along, up: u64) -> Option<LatLng> {
    let from = |at: u64, origin: u64| {
        i64::try_from(at).ok()?.checked_sub_unsigned(origin).and_then(|e7| i32::try_from(e7).ok())
    };
    LatLng::from_e7(from(up, HALF_TURN_E7 / 2)?, from(along, HALF_TURN_E7)?).ok()
}

fn column(along: Along, halvings: u8) -> u32 {
    part(along, TURN_E7, halvings)
}

/// The north pole belongs to the northernmost row.
fn row(up: u64, halvings: u8) -> u32 {
    part(up.min(HALF_TURN_E7.saturating_sub(1)), HALF_TURN_E7, halvings)
}

/// Which of the parts of a `whole`: less than 2^30.
fn part(at: u64, whole: u64, halvings: u8) -> u32 {
    let part = (at << halvings).checked_div(whole).unwrap_or_default();
    u32::try_from(part).unwrap_or_default()
}

/// From the western edge eastwards to the eastern one; the whole Earth is a turn.
const fn width(viewport: &Viewport) -> u64 {
    let (west, east) =
        (viewport.south_west().lng_e7() as i64, viewport.north_east().lng_e7() as i64);
    let width = east.saturating_sub(west);
    if width < 0 {
        width.saturating_add_unsigned(TURN_E7).unsigned_abs()
    } else {
        width.unsigned_abs()
    }
}
