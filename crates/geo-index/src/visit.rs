//! All drivers in a rectangle, in no order: nothing is measured, nothing sorted.
//!
//! Which cells a rectangle touches follows from whole numbers alone. A rectangle with more of them than
//! are worth a look is answered by a look at every driver.

use core::hash::Hash;
use core::ops::Deref;

use crate::arena::CHUNK_USIZE;
use crate::cell::{self, Bounds, Cell, Columns, HALF_TURN_E7, NO_COLUMNS, POLE_E7, TURN_E7};
use crate::entry::Entry;
use crate::nearest::cells_max;
use crate::stripe::Stripe;
use crate::viewport::Viewport;

/// Shows every live driver in a viewport once.
pub(crate) fn visit<K, S>(
    viewport: &Viewport,
    stripes: &[S],
    drivers: usize,
    mut see: impl FnMut(Entry<K>),
) where
    K: Copy + Eq + Hash,
    S: Deref<Target = Stripe<K>>,
{
    let mut see = |entry: Entry<K>| {
        if viewport.contains(entry.position) {
            see(entry);
        }
    };
    let sides = Sides::new(viewport);
    if sides.cells(cells_max(drivers)) >= cells_max(drivers) {
        for chunk in stripes.iter().flat_map(|stripe| stripe.chunks()) {
            (0..CHUNK_USIZE).filter_map(|slot| chunk.live(slot)).for_each(&mut see);
        }
        return;
    }
    for row in sides.rows.0..=sides.rows.1 {
        for (first, last) in sides.columns(row) {
            for cell in (first..=last).map(|column| Cell::base(row, column)) {
                for stripe in stripes {
                    look_into(cell, &sides, stripe, &mut see);
                }
            }
        }
    }
}

fn look_into<K: Copy + Eq + Hash>(
    cell: Cell,
    sides: &Sides,
    stripe: &Stripe<K>,
    see: &mut impl FnMut(Entry<K>),
) {
    let Some(bucket) = stripe.cell(cell) else { return };
    if bucket.is_divided() {
        for part in cell.children().filter(|part| sides.touch(&part.bounds())) {
            look_into(part, sides, stripe, see);
        }
        return;
    }
    for (chunk, filled) in stripe.bucket(bucket) {
        (0..filled).filter_map(|slot| chunk.live(slot)).for_each(&mut *see);
    }
}

/// A viewport as the grid counts.
struct Sides {
    rows: (u32, u32),
    y: (i64, i64),
    /// From the antimeridian; the eastern side may lie beyond it, up to a turn on.
    x: (i64, i64),
}

impl Sides {
    fn new(viewport: &Viewport) -> Self {
        let up = |lat_e7: i32| i64::from(lat_e7).saturating_add(POLE_E7);
        let along = |lng_e7: i32| i64::from(lng_e7).saturating_add(HALF_TURN_E7);
        let (south_west, north_east) = (viewport.south_west(), viewport.north_east());
        let y = (up(south_west.lat_e7()), up(north_east.lat_e7()));
        let (west, east) = (along(south_west.lng_e7()), along(north_east.lng_e7()));
        let east = if east < west { east.saturating_add(TURN_E7) } else { east };
        Self { rows: cell::rows(y), y, x: (west, east) }
    }

    /// How many base cells it touches; no more than about `most` are counted.
    fn cells(&self, most: usize) -> usize {
        cell::count_rows(self.rows, most, |row| self.columns(row))
    }

    fn columns(&self, row: u32) -> [Columns; 2] {
        // A pole has every longitude.
        let (first, last) = cell::rows((0, 2 * POLE_E7));
        if (row == first && self.y.0 == 0) || (row == last && self.y.1 == 2 * POLE_E7) {
            return [cell::columns(row, (0, TURN_E7)), NO_COLUMNS];
        }
        cell::columns_around(row, self.x)
    }

    /// Whether it has a place in common with these bounds; at a pole it may say so without.
    fn touch(&self, Bounds { y, x }: &Bounds) -> bool {
        let apart = |one: (i64, i64), other: (i64, i64)| one.1 < other.0 || other.1 < one.0;
        let holds_pole = self.y.0 == 0 || self.y.1 == 2 * POLE_E7;
        let beside = [0, TURN_E7, -TURN_E7]
            .into_iter()
            .all(|turn| apart((x.0.saturating_add(turn), x.1.saturating_add(turn)), self.x));
        !apart(*y, self.y) && (holds_pole || !beside)
    }
}
