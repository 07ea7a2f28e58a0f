//! The grid: squares over fixed-point coordinates, found by shifting bits.
//!
//! A base cell is 2¹⁷ ten-millionths of a degree high (1,457 m). Away from the equator the meridians
//! draw together, so a band of rows whose cosine of latitude has fallen below 2⁻ᵇ has cells of 2ᵇ times
//! as many longitudes: a cell is from half as wide as it is high to just as wide. A cell where drivers
//! crowd is divided into 16 like it, up to four times (down to 5.7 m).
//!
//! Nothing here is special at the antimeridian or a pole: a cell is a set of integer coordinates. That
//! the first and the last column touch, and that a row near a pole is a ring, is for the search to
//! know ([`nearest`](crate::nearest)). The longitudes −180 and 180 name the same places and may be in
//! two cells.

use doorstep_core::place::LatLng;

/// How often a cell can be divided.
pub(crate) const DEPTH_MAX: u32 = 4;
/// The coordinates of the south-western corner of the world, and how many there are.
pub(crate) const POLE_E7: i64 = 900_000_000;
pub(crate) const HALF_TURN_E7: i64 = 1_800_000_000;
pub(crate) const TURN_E7: i64 = 3_600_000_000;

/// The height of a base cell.
pub(crate) const BASE_E7: i64 = 1 << BASE_BITS;
const BASE_BITS: u32 = 17;
const BITS_A_DEPTH: u32 = 2;
const COLUMN_BITS: u32 = 24;
const ROW_BITS: u32 = 23;
const COLUMN_MASK: u64 = (1 << COLUMN_BITS) - 1;
const ROW_MASK: u64 = (1 << ROW_BITS) - 1;

/// The latitudes in ten-millionths of a degree, rounded up, whose cosines are 2⁻¹, 2⁻², … A row whose
/// every place is at least so far from the equator has cells of twice the longitudes of the last.
const BANDS_E7: [u32; 12] = [
    600_000_000,
    755_224_879,
    828_192_443,
    864_166_784,
    882_092_154,
    891_047_171,
    895_523_722,
    897_761_878,
    898_880_942,
    899_440_471,
    899_720_236,
    899_860_118,
];

/// A place as distances from the south pole and from the antimeridian.
#[derive(Clone, Copy, Debug)]
struct Coordinates {
    y: u32,
    x: u32,
}

/// A cell of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell(u64);

/// The coordinates that a cell holds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// From the south pole.
    pub(crate) y: (i64, i64),
    /// From the antimeridian.
    pub(crate) x: (i64, i64),
}

impl Cell {
    /// The cell of this depth that a place lies in.
    pub(crate) fn of(place: LatLng, depth: u32) -> Self {
        let Coordinates { y, x } = Coordinates::of(place);
        let bits = bits_at(depth);
        Self::new(depth, y >> bits, x >> bits.saturating_add(band(y)))
    }

    /// The base cell in this row and column.
    pub(crate) fn base(row: u32, column: u32) -> Self {
        Self::new(0, row, column)
    }

    fn new(depth: u32, row: u32, column: u32) -> Self {
        let row = u64::from(row) << COLUMN_BITS;
        Self(u64::from(depth) << (COLUMN_BITS + ROW_BITS) | row | u64::from(column))
    }

    /// The cell of one less depth that it is a part of; itself at depth 0.
    pub(crate) fn parent(self) -> Self {
        let Some(depth) = self.depth().checked_sub(1) else { return self };
        Self::new(depth, self.row() >> BITS_A_DEPTH, self.column() >> BITS_A_DEPTH)
    }

    /// The 16 cells of one more depth that it consists of.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        let (row, column) = (self.row() << BITS_A_DEPTH, self.column() << BITS_A_DEPTH);
        let depth = self.depth().saturating_add(1);
        (0..16_u32).map(move |part| Self::new(depth, row | part >> BITS_A_DEPTH, column | part & 3))
    }

    pub(crate) fn bounds(self) -> Bounds {
        let bits = bits_at(self.depth());
        let low = self.row() << bits;
        // The last cells are cut off where the world ends.
        let side = |number: u32, bits: u32, most: i64| {
            let low = i64::from(number) << bits;
            (low, (low | !(i64::MAX << bits)).min(most))
        };
        let y = side(self.row(), bits, 2 * POLE_E7);
        Bounds { y, x: side(self.column(), bits.saturating_add(band(low)), TURN_E7) }
    }

    const fn depth(self) -> u32 {
        (self.0 >> (COLUMN_BITS + ROW_BITS)) as u32
    }

    const fn row(self) -> u32 {
        (self.0 >> COLUMN_BITS & ROW_MASK) as u32
    }

    const fn column(self) -> u32 {
        (self.0 & COLUMN_MASK) as u32
    }
}

/// Whether two places lie in the same cell of this depth.
pub(crate) fn shared(one: LatLng, other: LatLng, depth: u32) -> bool {
    let (one, other) = (Coordinates::of(one), Coordinates::of(other));
    let bits = bits_at(depth);
    (one.y ^ other.y) >> bits == 0 && (one.x ^ other.x) >> bits.saturating_add(band(one.y)) == 0
}

/// How high a cell of this depth is.
pub(crate) const fn height_e7(depth: u32) -> i64 {
    1 << bits_at(depth)
}

/// The base rows that hold these coordinates from the south pole.
#[expect(clippy::cast_sign_loss, reason = "clamped")]
pub(crate) fn rows((south, north): (i64, i64)) -> (u32, u32) {
    let row = |y: i64| (y.clamp(0, 2 * POLE_E7) as u32) >> BASE_BITS;
    (row(south), row(north))
}

/// The columns of a base row that hold these coordinates from the antimeridian.
#[expect(clippy::cast_sign_loss, reason = "clamped")]
pub(crate) fn columns(row: u32, (west, east): (i64, i64)) -> (u32, u32) {
    let bits = BASE_BITS.saturating_add(band(row << BASE_BITS));
    let column = |x: i64| (x.clamp(0, TURN_E7) as u32) >> bits;
    (column(west), column(east))
}

/// The columns of a base row from one to another, both included; of none, the first is greater.
pub(crate) type Columns = (u32, u32);
pub(crate) const NO_COLUMNS: Columns = (1, 0);

/// How many they are.
pub(crate) fn count((first, last): Columns) -> usize {
    usize::try_from(last.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX)
}

/// How many cells the columns of some base rows are; no more than about `most` are counted.
pub(crate) fn count_rows(
    (first, last): (u32, u32),
    most: usize,
    columns: impl Fn(u32) -> [Columns; 2],
) -> usize {
    let mut cells = 0_usize;
    for row in first..=last {
        cells = columns(row).into_iter().map(count).fold(cells, usize::saturating_add);
        if cells >= most {
            break;
        }
    }
    cells
}

/// The columns of a base row between two longitudes from the antimeridian, each at most a turn beyond it:
/// on its other side there are others.
pub(crate) fn columns_around(row: u32, (west, east): (i64, i64)) -> [Columns; 2] {
    let all = columns(row, (0, TURN_E7));
    if east.saturating_sub(west) >= TURN_E7 {
        return [all, NO_COLUMNS];
    }
    let here = columns(row, (west, east));
    let there = if west <= 0 {
        columns(row, (west.saturating_add(TURN_E7), TURN_E7))
    } else if east >= TURN_E7 {
        columns(row, (0, east.saturating_sub(TURN_E7)))
    } else {
        NO_COLUMNS
    };
    // Both may have a cell in common, which is to be looked at once.
    if there.0 <= there.1 && here.0 <= there.1 && there.0 <= here.1 {
        return [all, NO_COLUMNS];
    }
    [here, there]
}

impl Coordinates {
    #[expect(clippy::cast_sign_loss, reason = "a place lies no farther west or south than that")]
    const fn of(place: LatLng) -> Self {
        Self {
            y: (place.lat_e7() as u32).wrapping_add(POLE_E7 as u32),
            x: (place.lng_e7() as u32).wrapping_add(HALF_TURN_E7 as u32),
        }
    }
}

const fn bits_at(depth: u32) -> u32 {
    BASE_BITS.saturating_sub(BITS_A_DEPTH.saturating_mul(depth))
}

/// How often the longitudes of a cell are doubled in the base row that holds these coordinates.
fn band(y: u32) -> u32 {
    const EQUATOR: u32 = POLE_E7 as u32;
    let south = y & !((1 << BASE_BITS) - 1);
    let north = south | ((1 << BASE_BITS) - 1);
    let from_equator = south.saturating_sub(EQUATOR).max(EQUATOR.saturating_sub(north));
    if from_equator < BANDS_E7[0] {
        return 0;
    }
    BANDS_E7.iter().map(|band| u32::from(from_equator >= *band)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorstep_core::place::EARTH_RADIUS_M;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = LatLng> {
        let lat = prop_oneof![
            3 => -900_000_000..=900_000_000_i32,
            1 => 890_000_000..=900_000_000_i32,
            1 => prop::sample::select(vec![-900_000_000, 0, 900_000_000]),
        ];
        let lng = prop_oneof![
            4 => -1_800_000_000..=1_800_000_000_i32,
            1 => prop::sample::select(vec![-1_800_000_000, 0, 1_800_000_000]),
        ];
        (lat, lng).prop_map(|(lat, lng)| LatLng::from_e7(lat, lng).unwrap())
    }

    #[test]
    fn in_every_row_a_cell_is_from_half_as_wide_as_it_is_high_to_as_wide() {
        let (first, last) = rows((0, 2 * POLE_E7));
        // In the last rows the circle of latitude itself is shorter than that.
        for row in first + 2..last - 1 {
            let Bounds { y, x } = Cell::base(row, 0).bounds();
            let from_equator = (y.0 - POLE_E7).max(POLE_E7 - y.1).max(0) as f64 / 1e7;
            let wide = (x.1 - x.0 + 1) as f64 * from_equator.to_radians().cos();
            let part = wide / (y.1 - y.0 + 1) as f64;
            assert!((0.499_999..=1.000_001).contains(&part), "row {row}: {part}");
        }
    }

    #[test]
    fn a_base_cell_is_1457_m_high_and_a_smallest_one_under_6_m() {
        let metres = |cell: Cell| {
            let Bounds { y, .. } = cell.bounds();
            ((y.1 - y.0 + 1) as f64 / 1e7).to_radians() * EARTH_RADIUS_M
        };
        assert_eq!(metres(Cell::base(9_000, 3)).round() as u32, 1_457);
        let smallest = Cell::of(LatLng::new(4.8, -75.7).unwrap(), DEPTH_MAX);
        assert!(metres(smallest) < 6.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_place_lies_in_its_cell_and_in_all_that_it_is_part_of(
            place in place(),
            depth in 0..=DEPTH_MAX,
        ) {
            let cell = Cell::of(place, depth);
            let Bounds { y, x } = cell.bounds();
            let Coordinates { y: at_y, x: at_x } = Coordinates::of(place);
            let at = (i64::from(at_y), i64::from(at_x));
            prop_assert!((y.0..=y.1).contains(&at.0) && (x.0..=x.1).contains(&at.1));
            if depth > 0 {
                prop_assert_eq!(cell.parent(), Cell::of(place, depth.saturating_sub(1)));
                prop_assert_eq!(cell.parent().children().filter(|child| *child == cell).count(), 1);
            } else {
                let (row, _) = rows((at.0, at.0));
                let (column, _) = columns(row, (at.1, at.1));
                prop_assert_eq!(cell, Cell::base(row, column));
            }
        }

        #[test]
        fn two_places_share_a_cell_if_it_is_the_cell_of_both(
            one in place(),
            by in (-20_000..20_000_i32, -20_000..20_000_i32, 0..=14_u32),
            depth in 0..=DEPTH_MAX,
        ) {
            let lat = one.lat_e7().saturating_add(by.0).clamp(-900_000_000, 900_000_000);
            let lng = i64::from(one.lng_e7()).saturating_add(i64::from(by.1) << by.2);
            let lng = lng.clamp(-HALF_TURN_E7, HALF_TURN_E7) as i32;
            let other = LatLng::from_e7(lat, lng).unwrap();
            let same = Cell::of(one, depth) == Cell::of(other, depth);
            prop_assert_eq!(shared(one, other, depth), same);
        }
    }
}
