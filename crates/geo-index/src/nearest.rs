//! The search around a place: box by box over the grid, and why it may stop.
//!
//! **Boxes.** A box is all places whose latitude differs from the centre's by at most *h*, and whose
//! longitude by at most *w* = *h* / cos φ (φ being the centre's latitude), around the Earth if need be.
//! The search looks at every cell that a box touches, then at those that a larger box touches besides.
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

use core::hash::Hash;
use core::ops::Deref;

use arrayvec::ArrayVec;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};

use crate::cell::{self, Bounds, Cell, HALF_TURN_E7, POLE_E7, TURN_E7};
use crate::distance::{Centre, haversine_max, latitudes_m};
use crate::entry::Entry;
use crate::index::Hit;
use crate::ping::Fix;
use crate::stripe::Stripe;

/// The first box of a search for the nearest: half a base cell around.
const FIRST_E7: i64 = 1 << 15;
/// Looking into a cell costs about as much as looking at so many drivers.
const DRIVERS_A_CELL: usize = 8;
/// Looking into a few cells is cheap, however few the drivers are.
const CELLS_FREE: usize = 64;
/// Distances come rounded to the metre: more than that.
const ROUNDING_M: f64 = 2.0;

/// A question under way: what is asked, and the best hits so far.
pub(crate) struct Query<'q, K, F> {
    centre: Centre,
    k: usize,
    now: Timestamp,
    stale_after: Span,
    oldest: Timestamp,
    keep: F,
    out: &'q mut Vec<Hit<K>>,
    radius_m: u32,
    /// What is farther cannot be among the answers: the radius, then the distance of the k-th.
    limit_m: u32,
    /// The same as a haversine.
    limit: f64,
}

impl<'q, K: Copy + Ord, F: Fn(&K, &Fix) -> bool> Query<'q, K, F> {
    pub(crate) fn new(
        (centre, radius_m, k): (LatLng, u32, usize),
        (now, stale_after): (Timestamp, Span),
        keep: F,
        out: &'q mut Vec<Hit<K>>,
    ) -> Self {
        out.clear();
        Self {
            centre: Centre::new(centre),
            k,
            now,
            stale_after,
            oldest: now.saturating_sub(stale_after),
            keep,
            out,
            radius_m,
            limit_m: radius_m,
            limit: haversine_max(radius_m),
        }
    }

    #[inline]
    pub(crate) fn offer(&mut self, entry: &Entry<K>) {
        let haversine = self.centre.haversine(entry.position);
        if haversine <= self.limit && entry.taken_at >= self.oldest {
            self.consider(entry, haversine);
        }
    }

    /// The answers, nearest first.
    pub(crate) fn finish(mut self) {
        self.trim();
        self.out.sort_unstable_by_key(Hit::rank);
    }

    fn consider(&mut self, entry: &Entry<K>, haversine: f64) {
        let distance_m = self.centre.distance_m(entry.position, haversine);
        let (driver, fix) = (entry.driver, entry.fix());
        let age = fix.age(self.now);
        if distance_m > self.limit_m || age > self.stale_after || !(self.keep)(&driver, &fix) {
            return;
        }
        self.out.push(Hit { driver, fix, distance_m, age });
        if self.out.len() >= self.k.saturating_mul(2).max(64) {
            self.trim();
        }
    }

    /// Keeps the k best, and lowers the limit to the worst of them.
    fn trim(&mut self) {
        let Some(last) = self.k.checked_sub(1) else {
            return self.out.clear();
        };
        if last < self.out.len() {
            let (_, kth, _) = self.out.select_nth_unstable_by_key(last, Hit::rank);
            self.limit_m = kth.distance_m;
            self.limit = haversine_max(self.limit_m);
            self.out.truncate(self.k);
        }
    }

    fn restart(&mut self) {
        self.out.clear();
        self.limit_m = self.radius_m;
        self.limit = haversine_max(self.radius_m);
    }
}

/// Offers `query` every driver of `stripes` that can be an answer.
pub(crate) fn search<K, F, S>(query: &mut Query<'_, K, F>, stripes: &[S], drivers: usize)
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    if !search_boxes(query, stripes, drivers) {
        query.restart();
        for stripe in stripes {
            stripe.entries().for_each(|entry| query.offer(entry));
        }
    }
}

/// The same, if boxes can tell; if it returns false, not every driver was offered.
fn search_boxes<K, F, S>(query: &mut Query<'_, K, F>, stripes: &[S], drivers: usize) -> bool
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    let cells_max = drivers.checked_div(DRIVERS_A_CELL).unwrap_or_default().max(CELLS_FREE);
    let whole_e7 = half_height_e7(query.radius_m);
    let mut half_e7 = if query.k >= drivers { whole_e7 } else { whole_e7.min(FIRST_E7) };
    let mut seen = None;
    loop {
        let reach = Reach::new(&query.centre, half_e7);
        if reach.cells(cells_max) >= cells_max {
            return false;
        }
        reach.look(seen.as_ref(), query, stripes);
        query.trim();
        if reach.bound_m > f64::from(query.limit_m) + ROUNDING_M {
            return true;
        }
        let further_e7 = half_e7.saturating_add((half_e7 / 2).max(FIRST_E7));
        // Once there are k, what is as near as the k-th is all that is wanted.
        half_e7 = if query.limit_m < query.radius_m {
            half_height_e7(query.limit_m).max(half_e7.saturating_add(FIRST_E7 / 16))
        } else if half_e7 < whole_e7 {
            further_e7.min(whole_e7)
        } else {
            further_e7
        };
        seen = Some(reach);
    }
}

/// A box around the centre.
struct Reach {
    rows: (u32, u32),
    /// The centre's, from the antimeridian.
    x: i64,
    /// To either side.
    wide_e7: i64,
    /// What lies outside is at least so far away.
    bound_m: f64,
}

/// The columns from one to another, both included; of none, the first is greater.
type Columns = (u32, u32);
const NO_COLUMNS: Columns = (1, 0);

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
        Self {
            rows: cell::rows(y),
            x: i64::from(place.lng_e7()).saturating_add(HALF_TURN_E7),
            wide_e7,
            bound_m: by_latitude.min(by_longitude),
        }
    }

    /// How many base cells it touches; no more than about `most` are counted.
    fn cells(&self, most: usize) -> usize {
        let mut cells = 0_usize;
        for row in self.rows.0..=self.rows.1 {
            for (first, last) in self.columns(row) {
                let count = last.saturating_add(1).saturating_sub(first);
                cells = cells.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            }
            if cells >= most {
                break;
            }
        }
        cells
    }

    /// Which columns of a row it touches: on the other side of the antimeridian there are others.
    fn columns(&self, row: u32) -> [Columns; 2] {
        if !(self.rows.0..=self.rows.1).contains(&row) {
            return [NO_COLUMNS; 2];
        }
        let all = cell::columns(row, (0, TURN_E7));
        if self.wide_e7 >= HALF_TURN_E7 {
            return [all, NO_COLUMNS];
        }
        let (west, east) =
            (self.x.saturating_sub(self.wide_e7), self.x.saturating_add(self.wide_e7));
        let here = cell::columns(row, (west, east));
        let there = if west <= 0 {
            cell::columns(row, (west.saturating_add(TURN_E7), TURN_E7))
        } else if east >= TURN_E7 {
            cell::columns(row, (0, east.saturating_sub(TURN_E7)))
        } else {
            NO_COLUMNS
        };
        // Both may have a cell in common, which is to be looked at once.
        if there.0 <= there.1 && here.0 <= there.1 && there.0 <= here.1 {
            return [all, NO_COLUMNS];
        }
        [here, there]
    }

    /// Looks at what it touches and `seen` does not.
    fn look<K, F, S>(&self, seen: Option<&Self>, query: &mut Query<'_, K, F>, stripes: &[S])
    where
        K: Copy + Ord + Hash,
        F: Fn(&K, &Fix) -> bool,
        S: Deref<Target = Stripe<K>>,
    {
        for row in self.rows.0..=self.rows.1 {
            let known = seen.map_or([NO_COLUMNS; 2], |seen| seen.columns(row));
            for (first, last) in self.columns(row) {
                for column in first..=last {
                    let is_in = |(first, last): Columns| first <= column && column <= last;
                    if is_in(known[0]) || is_in(known[1]) {
                        continue;
                    }
                    let cell = Cell::base(row, column);
                    if nearest(&query.centre, cell) <= query.limit {
                        stripes.iter().for_each(|stripe| look_into(cell, query, stripe));
                    }
                }
            }
        }
    }
}

/// Offers the drivers of a cell, part by part if it is divided, the nearest part first.
fn look_into<K, F>(cell: Cell, query: &mut Query<'_, K, F>, stripe: &Stripe<K>)
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
{
    let Some(bucket) = stripe.cell(cell) else { return };
    if !bucket.is_divided() {
        return stripe.bucket(bucket).for_each(|entry| query.offer(entry));
    }
    let mut parts: ArrayVec<(f64, Cell), 16> =
        cell.children().map(|part| (nearest(&query.centre, part), part)).take(16).collect();
    parts.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    for (haversine, part) in parts {
        if haversine > query.limit {
            return;
        }
        look_into(part, query, stripe);
    }
}

/// No place of a cell has a smaller haversine.
fn nearest(centre: &Centre, cell: Cell) -> f64 {
    let Bounds { y, x } = cell.bounds();
    let place = centre.place();
    let at_y = i64::from(place.lat_e7()).saturating_add(POLE_E7);
    let at_x = i64::from(place.lng_e7()).saturating_add(HALF_TURN_E7);
    let north = y.0.saturating_sub(at_y).max(at_y.saturating_sub(y.1)).max(0);
    let east = if x.0 <= at_x && at_x <= x.1 {
        0
    } else {
        let eastwards = x.0.saturating_sub(at_x).rem_euclid(TURN_E7);
        eastwards.min(at_x.saturating_sub(x.1).rem_euclid(TURN_E7))
    };
    let cos_min = Centre::cos_min(y.0.saturating_sub(POLE_E7), y.1.saturating_sub(POLE_E7));
    centre.haversine_min(north, east, cos_min)
}

/// Half the height of a box that surely holds a circle, at small distances.
fn half_height_e7(radius_m: u32) -> i64 {
    // A metre is 89.93 ten-millionths of a degree; a part in 1,000, and 4 m, for what is rounded.
    i64::from(radius_m).saturating_add(4).saturating_mul(90_030) / 1_000
}
