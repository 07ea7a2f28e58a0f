//! The search around a place: box by box over the grid, and why it may stop.
//!
//! **Boxes.** A box is all places whose latitude differs from the centre's by at most *h*, and whose
//! longitude by at most *w* = *h* / cos φ (φ being the centre's latitude), around the Earth if need be.
//! The search looks into every cell that a box touches, for drivers no farther than all places
//! outside are. If there are k, or if that is the whole radius, it is done; if not, it begins again with a
//! larger box. How large the first is, the number of drivers in the centre's cell says.
//!
//! **The argument.** A driver who was not looked at lies outside the box: more than *h* away in
//! latitude, or more than *w* in longitude. In the first case the distance is at least *h*'s worth of
//! arc. In the second the great circle to the driver meets one of the two meridians that bound the box, or a
//! pole, where they meet: the distance is at least that to the nearer point of such a
//! meridian, asin(cos φ · sin *w*), or from a quarter turn on that to the pole
//! ([`Centre::meridian_m`]). Where a box holds the pole the first case has no driver on that side,
//! and where *w* is half a turn the second has none. Only the coordinates of places enter; how wide cells
//! are does not.
//!
//! **Parts of it.** A cell or a part of one is not looked at if its nearest place is too far: each of its
//! places is at least so far from the centre in latitude and in longitude, and has at least such a cosine of
//! latitude, and the haversine grows with all three.
//!
//! **When the box is too wide.** When it has more cells than are worth a look ([`DRIVERS_A_CELL`]),
//! looking at every driver is cheaper, and that is what is done.

use core::f64::consts::PI;
use core::hash::Hash;
use core::hint::black_box;
use core::ops::Deref;

use arrayvec::ArrayVec;

use crate::arena::{Bucket, CHUNK_USIZE};
use crate::cell::{
    self, BASE_E7, Bounds, Cell, Columns, DEPTH_MAX, HALF_TURN_E7, POLE_E7, TURN_E7,
};
use crate::distance::{Centre, latitudes_m};
use crate::ping::Fix;
use crate::query::{Measure, Query};
use crate::stripe::Stripe;

/// So much wider than the circle that k drivers fill in the mean.
const LIKELY: f64 = 1.25;
/// Looking into a cell costs about as much as looking at so many drivers.
const DRIVERS_A_CELL: usize = 8;
/// Looking into a few cells is cheap, however few the drivers are.
const CELLS_FREE: usize = 64;
/// So many parts of each bucket are loaded before any is looked at.
const TOUCHED: usize = 6;
/// The half sides of a box, and the latitudes in it, up to which all that lies in the cells that it
/// touches is within 2.86° (0.05) of the centre: with the cells' 0.013° and 0.11° it is 2.11°.
const NEAR_E7: i64 = 20_000_000;
const NEAR_LAT_E7: i64 = 800_000_000;
/// A box so narrow as that around a place so far from the antimeridian touches no cell at it.
const BEYOND_E7: i64 = NEAR_E7 + 2_000_000;
/// Distances come rounded to the metre: more than that.
const ROUNDING_M: f64 = 2.0;

/// Offers `query` every driver of `stripes` that can be an answer.
pub(crate) fn search<'s, K, F, S>(query: &mut Query<'_, 's, K, F>, stripes: &'s [S], drivers: usize)
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    if !search_boxes(query, stripes, drivers) {
        query.restart(query.radius_m, Measure::Any);
        for chunk in stripes.iter().flat_map(|stripe| stripe.chunks()) {
            query.offer(chunk, CHUNK_USIZE);
        }
    }
}

/// The same, if boxes can tell; if it returns false, not every driver was offered.
fn search_boxes<'s, K, F, S>(
    query: &mut Query<'_, 's, K, F>,
    stripes: &'s [S],
    drivers: usize,
) -> bool
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    let cells_max = cells_max(drivers);
    let whole_e7 = half_height_e7(query.radius_m);
    let mut half_e7 = if query.k >= drivers {
        whole_e7
    } else {
        whole_e7.min(likely_half_height_e7(query, stripes))
    };
    loop {
        let reach = Reach::new(&query.centre, half_e7);
        if reach.cells(cells_max) >= cells_max {
            return false;
        }
        query.restart(reach.whole_m.min(query.radius_m), reach.measure);
        reach.look(query, stripes);
        query.settle();
        if query.found() >= query.k || reach.whole_m >= query.radius_m {
            return true;
        }
        // By how many there were: not much too wide, and not by small steps.
        let wider_e7 = scaled_e7(half_e7, query.k, query.found());
        let wider_e7 =
            wider_e7.clamp(half_e7.saturating_add(half_e7 / 2), half_e7.saturating_mul(4));
        half_e7 = if half_e7 < whole_e7 { wider_e7.min(whole_e7) } else { wider_e7 };
    }
}

/// From how many base cells on a look at every driver is cheaper.
pub(crate) fn cells_max(drivers: usize) -> usize {
    drivers.checked_div(DRIVERS_A_CELL).unwrap_or_default().max(CELLS_FREE)
}

/// A box around the centre.
struct Reach {
    rows: (u32, u32),
    /// The centre's, from the antimeridian.
    x: i64,
    /// To either side.
    wide_e7: i64,
    /// What lies outside is farther away than that.
    whole_m: u32,
    /// How what lies in the cells that it touches may be measured.
    measure: Measure,
}

impl Reach {
    fn new(centre: &Centre, half_e7: i64) -> Self {
        let place = centre.place();
        let at_y = i64::from(place.lat_e7()).saturating_add(POLE_E7);
        let y = (at_y.saturating_sub(half_e7), at_y.saturating_add(half_e7));
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "clamped")]
        let wide_e7 =
            libm::ceil((half_e7 as f64 / centre.cos()).clamp(0.0, HALF_TURN_E7 as f64)) as i64;
        let all_latitudes = y.0 <= 0 && y.1 >= 2 * POLE_E7;
        let by_latitude = if all_latitudes { f64::INFINITY } else { latitudes_m(half_e7) };
        let by_longitude =
            if wide_e7 >= HALF_TURN_E7 { f64::INFINITY } else { centre.meridian_m(wide_e7) };
        let from_equator = i64::from(place.lat_e7()).abs().saturating_add(half_e7);
        let x = i64::from(place.lng_e7()).saturating_add(HALF_TURN_E7);
        let is_near = half_e7 <= NEAR_E7
            && wide_e7 <= NEAR_E7
            && from_equator <= NEAR_LAT_E7
            && (BEYOND_E7..=TURN_E7 - BEYOND_E7).contains(&x);
        let lat_e7 = i64::from(place.lat_e7());
        let cells_e7 = half_e7.saturating_add(BASE_E7);
        let near = centre.near(lat_e7.saturating_sub(cells_e7), lat_e7.saturating_add(cells_e7));
        Self {
            rows: cell::rows(y),
            x,
            wide_e7,
            whole_m: (by_latitude.min(by_longitude) - ROUNDING_M).max(0.0) as u32,
            measure: if is_near { Measure::Near(near) } else { Measure::Any },
        }
    }

    /// How many base cells it touches; no more than about `most` are counted.
    fn cells(&self, most: usize) -> usize {
        cell::count_rows(self.rows, most, |row| self.columns(row))
    }

    /// Which columns of a row it touches.
    fn columns(&self, row: u32) -> [Columns; 2] {
        cell::columns_around(
            row,
            (self.x.saturating_sub(self.wide_e7), self.x.saturating_add(self.wide_e7)),
        )
    }

    /// Looks at what it touches.
    fn look<'s, K, F, S>(&self, query: &mut Query<'_, 's, K, F>, stripes: &'s [S])
    where
        K: Copy + Ord + Hash,
        F: Fn(&K, &Fix) -> bool,
        S: Deref<Target = Stripe<K>>,
    {
        let mut found = Found::new();
        for row in self.rows.0..=self.rows.1 {
            let Bounds { y, .. } = Cell::base(row, 0).bounds();
            let cos_min =
                query.centre.cos_min(y.0.saturating_sub(POLE_E7), y.1.saturating_sub(POLE_E7));
            for (first, last) in self.columns(row) {
                for cell in (first..=last).map(|column| Cell::base(row, column)) {
                    if nearest(&query.centre, &cell.bounds(), cos_min) > query.limit() {
                        continue;
                    }
                    for stripe in stripes {
                        let Some(bucket) = stripe.cell(cell) else { continue };
                        if found.is_full() {
                            look_at_all(&mut found, query);
                        }
                        found.push(Crowd { cell, cos_min, stripe, bucket });
                    }
                }
            }
        }
        look_at_all(&mut found, query);
    }
}

/// A bucket that will be looked at.
struct Crowd<'s, K> {
    cell: Cell,
    /// No place in the cell has a smaller cosine of latitude.
    cos_min: f64,
    stripe: &'s Stripe<K>,
    bucket: Bucket,
}

type Found<'s, K> = ArrayVec<Crowd<'s, K>, 64>;

/// Offers the drivers of many buckets. All of them are touched first, so that the loads of many are
/// under way at once: what is done with a driver depends on where it is, and waits for it.
fn look_at_all<'s, K, F>(found: &mut Found<'s, K>, query: &mut Query<'_, 's, K, F>)
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
{
    for part in 0..TOUCHED {
        let (mut any, mut touched) = (false, 0);
        for Crowd { stripe, bucket, .. } in found.iter() {
            let (is_there, number) = stripe.touch(*bucket, part);
            any |= is_there;
            touched ^= number;
        }
        black_box(touched);
        if !any {
            break;
        }
    }
    for Crowd { cell, cos_min, stripe, bucket } in found.drain(..) {
        look_into((cell, cos_min), query, stripe, bucket);
    }
}

/// Offers the drivers of a cell, part by part if it is divided, the nearest part first.
fn look_into<'s, K, F>(
    (cell, cos_min): (Cell, f64),
    query: &mut Query<'_, 's, K, F>,
    stripe: &'s Stripe<K>,
    bucket: Bucket,
) where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
{
    if !bucket.is_divided() {
        for (chunk, filled) in stripe.bucket(bucket) {
            query.offer(chunk, filled);
        }
        return;
    }
    let away = |part: Cell| (nearest(&query.centre, &part.bounds(), cos_min), part);
    let mut parts: ArrayVec<(f64, Cell), 16> = cell.children().map(away).take(16).collect();
    parts.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    for (haversine, part) in parts {
        query.settle_if_enough();
        if haversine > query.limit() {
            return;
        }
        if let Some(bucket) = stripe.cell(part) {
            look_into((part, cos_min), query, stripe, bucket);
        }
    }
}

/// No place within these bounds has a smaller haversine, nor a smaller cosine of latitude.
fn nearest(centre: &Centre, Bounds { y, x }: &Bounds, cos_min: f64) -> f64 {
    let place = centre.place();
    let at_y = i64::from(place.lat_e7()).saturating_add(POLE_E7);
    let at_x = i64::from(place.lng_e7()).saturating_add(HALF_TURN_E7);
    let north = y.0.saturating_sub(at_y).max(at_y.saturating_sub(y.1)).max(0);
    let east = if (x.0..=x.1).contains(&at_x) {
        0
    } else {
        // Either way around: less than a turn each.
        let within_turn = |e7: i64| if e7 < 0 { e7.saturating_add(TURN_E7) } else { e7 };
        within_turn(x.0.saturating_sub(at_x)).min(within_turn(at_x.saturating_sub(x.1)))
    };
    centre.haversine_min(north, east, cos_min)
}

/// Half the height of a box that holds k drivers, if they are as many everywhere as around the
/// centre: with a good guess the search looks only once around. Where they crowd it is the smallest part
/// of the cell that says how many they are, of those with k of them.
fn likely_half_height_e7<K, F, S>(query: &Query<'_, '_, K, F>, stripes: &[S]) -> i64
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    let (mut here, mut height_e7) = (0, BASE_E7);
    for depth in 0..=DEPTH_MAX {
        let cell = Cell::of(query.centre.place(), depth);
        let (mut count, mut divided) = (0_usize, false);
        for bucket in stripes.iter().filter_map(|stripe| stripe.cell(cell)) {
            count = count.saturating_add(bucket.len());
            divided |= bucket.is_divided();
        }
        if depth > 0 && count < query.k {
            break;
        }
        (here, height_e7) = (count, cell::height_e7(depth));
        if !divided {
            break;
        }
    }
    let circle_e7 = libm::sqrt(1.0 / PI) * height_e7 as f64;
    scaled_e7(circle_e7 as i64, query.k, here).clamp(BASE_E7 / 1_024, BASE_E7)
}

/// Half the height of a box that holds `wanted`, where one of `half_e7` holds `found`.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a guess")]
fn scaled_e7(half_e7: i64, wanted: usize, found: usize) -> i64 {
    (half_e7 as f64 * LIKELY * libm::sqrt(wanted as f64 / (found as f64 + 0.5))) as i64
}

/// Half the height of a box that surely holds a circle, at small distances.
fn half_height_e7(radius_m: u32) -> i64 {
    // A metre is 89.93 ten-millionths of a degree; a part in 1,000, and 4 m, for what is rounded.
    i64::from(radius_m).saturating_add(4).saturating_mul(90_030) / 1_000
}
