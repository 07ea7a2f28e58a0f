//! The search around a place: ring by ring over H3 cells, and why it may stop.
//!
//! **Rings.** Around the cell of the centre, h3o lists all cells in the order of their grid
//! distance (how many steps from neighbour to neighbour). Ring *n* is the cells at grid distance *n*.
//!
//! **The argument.** Let every driver in the rings 0 to *n* be looked at, and let *b* be a lower
//! bound on the distance from the centre to each cell of ring *n*. Then every driver not looked at
//! is at least *b* away: walk from the centre to the driver along the great circle. The cells on the
//! way follow one another as neighbours, so their grid distance changes by at most one at a time; it
//! begins at 0 and ends above *n*, so the way goes through a cell of ring *n*, and is at least as
//! long as it takes to get there. Only two things are used: that the cells cover the sphere, and that
//! the rings are complete. Neither angles nor cell sizes enter, so it holds at the poles, across the
//! antimeridian, at the edges of the icosahedron and around pentagons.
//!
//! **The bound.** No point of a cell is farther from the cell's centre than [`circumradius_m`], so
//! *b* is the distance to the centre of the cell less that. H3 cells are regular hexagons on the faces
//! of an icosahedron, cut out of one grid, and come onto the sphere by gnomonic projection from
//! the middle of the face. That projection shortens everything (by cos θ across and cos² θ along,
//! θ being the angle from the middle), and it agrees on the edge that two faces share. So the
//! straight line from a cell's centre to any of its points, unfolded over an edge if need be, is at
//! most the hexagon's circumradius long in the plane, and shorter on the sphere.
//!
//! **When the grid fails.** h3o's fast listing gives up when it meets a pentagon (there are twelve,
//! all at sea); the search then starts again with the safe listing, which walks from neighbour to
//! neighbour. When the rings hold more cells than there are drivers, or than [`CELLS_MAX`], looking at
//! every driver is cheaper, and that is what is done.

use core::hash::Hash;
use core::ops::Deref;

use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use h3o::{CellIndex, Resolution};

use crate::cell;
use crate::index::Hit;
use crate::ping::Fix;
use crate::stripe::{Entry, Stripe};

/// The most rings listed, and the cells in them: 1 + 6 + 12 + … + 6 · 64.
const RINGS_MAX: u32 = 64;
const CELLS_MAX: usize = 12_481;
/// Listing and probing a few rings is cheap, however few the drivers are.
const CELLS_FREE: usize = 61;

/// Distances come rounded to the metre, the centre of a cell to the centimetre: more than both.
const ROUNDING_M: u32 = 2;

/// A question under way: what is asked, and the best hits so far.
pub(crate) struct Query<'q, K, F> {
    centre: LatLng,
    k: usize,
    now: Timestamp,
    stale_after: Span,
    keep: F,
    out: &'q mut Vec<Hit<K>>,
    radius_m: u32,
    /// What is farther cannot be among the answers: the radius, then the distance of the k-th.
    limit_m: u32,
}

impl<'q, K: Copy + Ord, F: Fn(&K, &Fix) -> bool> Query<'q, K, F> {
    pub(crate) fn new(
        (centre, radius_m, k): (LatLng, u32, usize),
        (now, stale_after): (Timestamp, Span),
        keep: F,
        out: &'q mut Vec<Hit<K>>,
    ) -> Self {
        out.clear();
        Self { centre, k, now, stale_after, keep, out, radius_m, limit_m: radius_m }
    }

    pub(crate) fn offer(&mut self, entry: &Entry<K>) {
        let age = entry.fix.age(self.now);
        if age > self.stale_after {
            return;
        }
        let distance_m = self.centre.distance_m(entry.fix.position);
        if distance_m > self.limit_m || !(self.keep)(&entry.driver, &entry.fix) {
            return;
        }
        self.out.push(Hit { driver: entry.driver, fix: entry.fix, distance_m, age });
        if self.out.len() >= self.k.saturating_mul(2).max(64) {
            self.trim();
        }
    }

    /// The answers, nearest first.
    pub(crate) fn finish(mut self) {
        self.trim();
        self.out.sort_unstable_by_key(Hit::rank);
    }

    /// Keeps the k best, and lowers the limit to the worst of them.
    fn trim(&mut self) {
        let Some(last) = self.k.checked_sub(1) else {
            return self.out.clear();
        };
        if last < self.out.len() {
            let (_, kth, _) = self.out.select_nth_unstable_by_key(last, Hit::rank);
            self.limit_m = kth.distance_m;
            self.out.truncate(self.k);
        }
    }

    fn restart(&mut self) {
        self.out.clear();
        self.limit_m = self.radius_m;
    }
}

/// Whether the rings were enough.
enum Searched {
    /// Nothing outside them can be an answer.
    Settled,
    /// The listing met a pentagon; what it gave is not to be used.
    Distorted,
    /// They hold too many cells.
    TooWide,
}

/// Offers `query` at least every driver of `stripes` that can be an answer, if rings can tell; if it
/// returns false, the caller offers all of them.
pub(crate) fn search_rings<K, F, S>(
    query: &mut Query<'_, K, F>,
    stripes: &[S],
    resolution: Resolution,
    drivers: usize,
) -> bool
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    let cells_max = drivers.clamp(CELLS_FREE, CELLS_MAX);
    if query.k >= drivers && cells_within(query.radius_m, resolution) > cells_max {
        return false;
    }
    let origin = cell::of(query.centre, resolution);
    let fast = origin.grid_disk_distances_fast(RINGS_MAX);
    let searched = match search(query, stripes, fast, cells_max) {
        Searched::Distorted => {
            query.restart();
            let safe = origin.grid_disk_distances_safe(RINGS_MAX).map(Some);
            search(query, stripes, safe, cells_max)
        }
        searched @ (Searched::Settled | Searched::TooWide) => searched,
    };
    match searched {
        Searched::Settled => true,
        Searched::Distorted | Searched::TooWide => {
            query.restart();
            false
        }
    }
}

/// `cells` are those around the centre with their grid distance, nearest rings first.
fn search<K, F, S>(
    query: &mut Query<'_, K, F>,
    stripes: &[S],
    cells: impl Iterator<Item = Option<(CellIndex, u32)>>,
    cells_max: usize,
) -> Searched
where
    K: Copy + Ord + Hash,
    F: Fn(&K, &Fix) -> bool,
    S: Deref<Target = Stripe<K>>,
{
    let mut ring = Vec::new();
    let mut ring_at = 0;
    for (listed, item) in cells.enumerate() {
        let Some((cell, at)) = item else {
            return Searched::Distorted;
        };
        if at != ring_at {
            if settled(query, &ring, ring_at) {
                return Searched::Settled;
            }
            ring.clear();
            ring_at = at;
        }
        if listed >= cells_max {
            return Searched::TooWide;
        }
        ring.push(cell);
        for stripe in stripes {
            stripe.bucket(cell).iter().for_each(|entry| query.offer(entry));
        }
    }
    if settled(query, &ring, ring_at) { Searched::Settled } else { Searched::TooWide }
}

/// Whether every cell of the ring is farther away than the limit.
fn settled<K, F>(query: &mut Query<'_, K, F>, ring: &[CellIndex], ring_at: u32) -> bool
where
    K: Copy + Ord,
    F: Fn(&K, &Fix) -> bool,
{
    query.trim();
    let Some(first) = ring.first() else {
        return false;
    };
    let radius_m = cell::circumradius_m(first.resolution());
    // No ring is wholly farther than its number of steps, each at most 2 radii: do not ask in vain.
    if ring_at.saturating_mul(radius_m).saturating_mul(2) <= query.limit_m {
        return false;
    }
    let margin_m = radius_m.saturating_add(ROUNDING_M);
    ring.iter().all(|&cell| {
        cell::centre(cell).is_some_and(|centre| {
            query.centre.distance_m(centre).saturating_sub(margin_m) > query.limit_m
        })
    })
}

/// At least about how many cells a circle holds.
fn cells_within(radius_m: u32, resolution: Resolution) -> usize {
    // Neighbouring centres are at most 2 circumradii apart; n rings hold more than 3 n² cells.
    let step_m = cell::circumradius_m(resolution).saturating_mul(2);
    let rings = radius_m.checked_div(step_m).and_then(|rings| usize::try_from(rings).ok());
    rings.map_or(usize::MAX, |n| n.saturating_mul(n).saturating_mul(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ping::Ping;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    /// Drivers spread evenly over a circle of `spread_m` around a place.
    fn drivers_around(centre: LatLng, spread_m: f64, count: u32) -> Vec<Entry<u32>> {
        (0..count)
            .map(|driver| {
                // A sunflower: each seed turned by the golden angle.
                let (out, turn) = (f64::from(driver) + 0.5, f64::from(driver) * 2.399_963);
                let away_m = spread_m * (out / f64::from(count)).sqrt();
                let position = travelled(centre, turn, away_m);
                Entry { driver, fix: Fix::new(position, NOW) }
            })
            .collect()
    }

    fn travelled(from: LatLng, bearing: f64, away_m: f64) -> LatLng {
        let (lat, angle) = (from.lat().to_radians(), away_m / doorstep_core::place::EARTH_RADIUS_M);
        let sin = lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos();
        let to = sin.clamp(-1.0, 1.0).asin();
        let east = bearing.sin() * angle.sin() * lat.cos();
        let lng = from.lng() + east.atan2(angle.cos() - lat.sin() * sin).to_degrees();
        LatLng::new(to.to_degrees().clamp(-90.0, 90.0), (lng + 540.0).rem_euclid(360.0) - 180.0)
            .unwrap()
    }

    /// Whether rings alone gave the answer; panics if it is not that of a scan.
    fn rings_answer(
        drivers: &[Entry<u32>],
        resolution: u8,
        at: LatLng,
        radius_m: u32,
        k: usize,
    ) -> bool {
        let config = Config { resolution, ..Config::default() };
        let resolution = Resolution::try_from(resolution).unwrap();
        let mut stripe = Stripe::default();
        for &Entry { driver, fix } in drivers {
            let cell = cell::of(fix.position, resolution);
            stripe.record(&config, &Ping::new(driver, fix), cell, || true);
        }
        let (mut by_rings, mut by_scan) = (Vec::new(), Vec::new());
        let keep = |driver: &u32, _: &Fix| !driver.is_multiple_of(5);
        let asked = ((at, radius_m, k), (NOW, config.stale_after));
        let mut query = Query::new(asked.0, asked.1, keep, &mut by_rings);
        let settled = search_rings(&mut query, &[&stripe], resolution, drivers.len());
        query.finish();
        let mut query = Query::new(asked.0, asked.1, keep, &mut by_scan);
        drivers.iter().for_each(|entry| query.offer(entry));
        query.finish();
        assert!(!settled || by_rings == by_scan, "{at:?} {radius_m} {k}");
        settled
    }

    fn pentagon(resolution: Resolution) -> LatLng {
        cell::centre(resolution.pentagons().nth(3).unwrap()).unwrap()
    }

    fn everywhere_awkward() -> Vec<LatLng> {
        let mut places = vec![pentagon(Resolution::Eight)];
        for (lat, lng) in [
            (4.8133, -75.6961),
            (90.0, 0.0),
            (-90.0, 0.0),
            (89.99, 120.0),
            (0.0, 180.0),
            (-17.0, -179.999),
            (0.0, 0.0),
        ] {
            places.push(LatLng::new(lat, lng).unwrap());
        }
        // The middles of edges of the icosahedron lie half-way between neighbouring pentagons.
        let corners: Vec<_> = Resolution::Zero.pentagons().filter_map(cell::centre).collect();
        let (a, b) = (corners[0], corners[1]);
        places.push(LatLng::new((a.lat() + b.lat()) / 2.0, (a.lng() + b.lng()) / 2.0).unwrap());
        places
    }

    #[test]
    fn rings_settle_a_city_search_wherever_the_city_lies() {
        for centre in everywhere_awkward() {
            let drivers = drivers_around(centre, 8_000.0, 3_000);
            for bearing in 0..6 {
                let at = travelled(centre, f64::from(bearing), 700.0 * f64::from(bearing));
                for (radius_m, k) in [(5_000, 20), (2_500, usize::MAX), (300, 3), (20_000, 1)] {
                    assert!(rings_answer(&drivers, 8, at, radius_m, k), "{at:?} {radius_m} {k}");
                }
            }
        }
    }

    #[test]
    fn a_search_wider_than_the_drivers_are_many_is_left_to_the_scan() {
        let centre = LatLng::new(4.8133, -75.6961).unwrap();
        let drivers = drivers_around(centre, 8_000.0, 100);
        assert!(!rings_answer(&drivers, 8, centre, 50_000, usize::MAX));
        assert!(!rings_answer(&drivers, 8, centre, 50_000, 90));
        assert!(!rings_answer(&drivers, 15, centre, 5_000, 20));
    }

    #[test]
    fn around_a_pentagon_the_fast_listing_gives_up_and_the_safe_one_answers() {
        let centre = pentagon(Resolution::Eight);
        let origin = cell::of(centre, Resolution::Eight);
        assert!(origin.grid_disk_distances_fast(3).any(|item| item.is_none()));
        assert!(rings_answer(&drivers_around(centre, 8_000.0, 3_000), 8, centre, 5_000, 20));
    }

    proptest! {
        #[test]
        fn rings_find_what_a_scan_finds(
            place in 0_usize..9,
            resolution in 3_u8..=9,
            spread in 1.0..40.0f64,
            off in (0.0..std::f64::consts::TAU, 0.0..1.5f64),
            reach in 0.0..2.0f64,
            k in prop_oneof![1_usize..60, Just(usize::MAX)],
        ) {
            let edge_m = f64::from(cell::circumradius_m(Resolution::try_from(resolution).unwrap()));
            let spread_m = (spread * edge_m).min(1_000_000.0);
            let centre = everywhere_awkward()[place];
            let at = travelled(centre, off.0, off.1 * spread_m);
            let drivers = drivers_around(centre, spread_m, 1_500);
            rings_answer(&drivers, resolution, at, (reach * spread_m) as u32, k);
        }
    }
}
