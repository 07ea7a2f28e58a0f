//! A map of many drivers: a viewport becomes at most so many markers.
//!
//! The Earth is cut into tiles by halving longitude and latitude again and again, always in the same
//! places: tiles are anchored to the ground, not to the viewport. The *size* of a viewport decides how
//! often each is halved: as often as it can be without a viewport of that size ever needing more tiles
//! than there may be markers, the longer side of a tile first. Each tile is then one marker, or shows
//! its drivers one by one where they are few enough.
//!
//! # What follows from that
//!
//! - **Never too many.** A viewport of width `w` meets at most ⌈w / tile⌉ + 1 columns, and so with
//!   rows; the product is at most `markers_max`, whoever is where. A tile shows its drivers singly
//!   only if they are at most `markers_max` divided by that product.
//! - **Everyone once.** The counts add up to the drivers that were given and lie in the viewport.
//! - **Only the input counts,** not its order: sums of whole numbers, markers sorted by tile.
//! - **It stands still.** The tiles depend on nothing but the viewport's size and the latitude of its
//!   middle, and each tile's markers on nothing but the drivers in it. So from one frame to the next:
//!   - a tile that no driver entered, left or moved in is shown bit by bit as before;
//!   - *n* drivers who go from one tile to another change the count or kind of the markers of at most
//!     2 *n* tiles, and no other;
//!   - where the drivers stay in their tile, its marker is moved by no more than the farthest of
//!     their moves in latitude and in longitude, and a ten-millionth of a degree for rounding. (A pole counts as lying at the viewport's western
//!     edge; to step off it is to have a longitude. And a single tile all around the Earth ends at the
//!     antimeridian.)
//!
//!   If everyone moves by at most *d* metres, only those within *d* of the side of a tile can go to
//!   another: of drivers spread evenly, in tiles of a side of *s* metres, about 4 *d* / *s* of them.
//!
//! Why not H3's cells: how many of those meet a viewport has no simple bound, a parent does not hold
//! all of its children's ground, and to find one takes 450 ns where a tile takes two divisions.

mod grid;
#[cfg(test)]
mod tests;

use core::hash::Hash;

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use grid::Tile;

use crate::index::{DriverIndex, Hit};
use crate::ping::Fix;
use crate::viewport::Viewport;
use grid::Grid;

/// What a map shows: one driver, or some as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Marker<K = DriverId> {
    /// One driver, at the fix believed.
    Driver {
        /// Who.
        driver: K,
        /// Where, and how sure that is.
        fix: Fix,
    },
    /// Several drivers.
    Group(Group),
}

/// Several drivers of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Where the marker belongs; the same from frame to frame.
    pub tile: Tile,
    /// How many they are; at least 2, or 1 where drivers are given twice.
    pub count: u32,
    /// The mean of their places: between them, so on no particular street.
    pub middle: LatLng,
    /// The smallest rectangle around them, to zoom into.
    pub bounds: Viewport,
}

impl<K> Marker<K> {
    /// How many drivers it stands for.
    #[must_use]
    pub const fn count(&self) -> u32 {
        match self {
            Self::Driver { .. } => 1,
            Self::Group(group) => group.count,
        }
    }

    /// Where to draw it.
    #[must_use]
    pub const fn place(&self) -> LatLng {
        match self {
            Self::Driver { fix, .. } => fix.position,
            Self::Group(group) => group.middle,
        }
    }
}

/// Makes markers; it keeps its memory from call to call, so that there is no allocation in the steady
/// state.
///
/// ```
/// use doorstep_core::{place::LatLng, time::Timestamp};
/// use doorstep_geo_index::cluster::{Clusters, Marker};
/// use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Viewport};
///
/// let at = |lat, lng| LatLng::new(lat, lng);
/// let (index, now) = (DriverIndex::new(Config::default())?, Timestamp::from_secs(1_700_000_000));
/// for driver in 0..1_000_u32 {
///     let place = at(4.80 + f64::from(driver % 10) * 1e-4, -75.70 + f64::from(driver / 10) * 1e-5)?;
///     index.record(&Ping::new(driver, Fix::new(place, now)));
/// }
/// index.record(&Ping::new(7_777, Fix::new(at(4.89, -75.61)?, now)));
///
/// let (mut clusters, mut markers) = (Clusters::new(100), Vec::new());
/// let city = Viewport::new(at(4.7, -75.8)?, at(4.9, -75.6)?)?;
/// clusters.of_index(&index, &city, now, |_, fix| !fix.mocked, &mut markers);
/// assert!(markers.len() <= 100);
/// assert_eq!(markers.iter().map(Marker::count).sum::<u32>(), 1_001);
/// assert!(matches!(markers.last(), Some(Marker::Driver { driver: 7_777, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clusters<K = DriverId> {
    markers_max: u32,
    seen: Vec<(K, Fix)>,
    tiles: Vec<Sum>,
    singles: Vec<(usize, K, Fix)>,
}

/// The drivers of one tile so far; places as the grid counts them.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u32,
    /// East and north, of at most 2^32 drivers: below 2^64.
    total: (u64, u64),
    least: (u64, u64),
    most: (u64, u64),
    tile: Option<Tile>,
}

/// More markers than this are no map. A call holds about 100 bytes for each.
pub const MARKERS_MAX: u32 = 10_000;

impl<K: Copy + Eq + Hash + Ord> Clusters<K> {
    /// At most `markers_max` markers a call: 1 to [`MARKERS_MAX`], held within it.
    #[must_use]
    pub fn new(markers_max: u32) -> Self {
        let (seen, tiles, singles) = Default::default();
        Self { markers_max: markers_max.clamp(1, MARKERS_MAX), seen, tiles, singles }
    }

    /// The drivers in a viewport, not stale at `now`, that `keep` lets pass, as markers; into `out`, which
    /// is cleared first: row by row from the south-west, by driver within a tile.
    ///
    /// It looks at the drivers in the cells that the viewport touches, in whatever order they lie: nothing is
    /// measured or sorted but those shown singly.
    pub fn of_index(
        &mut self,
        index: &DriverIndex<K>,
        viewport: &Viewport,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Marker<K>>,
    ) {
        let mut seen = core::mem::take(&mut self.seen);
        seen.clear();
        index.each_in_viewport(viewport, now, keep, |driver, fix| seen.push((driver, fix)));
        self.of_fixes(|| seen.iter().copied(), viewport, out);
        self.seen = seen;
    }

    /// Of some drivers those in a viewport, as [`of_index`](Self::of_index) shows them.
    pub fn of_hits(&mut self, hits: &[Hit<K>], viewport: &Viewport, out: &mut Vec<Marker<K>>) {
        let inside = || hits.iter().filter(|hit| viewport.contains(hit.fix.position));
        self.of_fixes(|| inside().map(|hit| (hit.driver, hit.fix)), viewport, out);
    }

    /// Of drivers who all lie in the viewport.
    fn of_fixes<I: Iterator<Item = (K, Fix)>>(
        &mut self,
        inside: impl Fn() -> I,
        viewport: &Viewport,
        out: &mut Vec<Marker<K>>,
    ) {
        let grid = Grid::new(viewport, self.markers_max);
        let tiles_max = grid.tiles_max().max(1);
        self.tiles.clear();
        self.tiles.resize(usize::try_from(tiles_max).unwrap_or_default(), Sum::default());
        for (_, fix) in inside() {
            if let Some(sum) = self.tiles.get_mut(grid.number(fix.position)) {
                sum.add(&grid, fix.position);
            }
        }
        let singly_max = self.markers_max.checked_div(tiles_max).unwrap_or_default();
        self.singles.clear();
        for (driver, fix) in inside() {
            let number = grid.number(fix.position);
            if self.tiles.get(number).is_some_and(|sum| sum.count <= singly_max) {
                self.singles.push((number, driver, fix));
            }
        }
        let rank =
            |single: &(usize, K, Fix)| (single.0, single.1, single.2.position, single.2.taken_at);
        self.singles.sort_unstable_by_key(rank);
        out.clear();
        let mut singles = self.singles.iter().peekable();
        for (number, sum) in self.tiles.iter().enumerate() {
            while let Some((_, driver, fix)) = singles.next_if(|single| single.0 == number) {
                out.push(Marker::Driver { driver: *driver, fix: *fix });
            }
            if sum.count > singly_max {
                out.extend(sum.group().map(Marker::Group));
            }
        }
    }
}

impl Sum {
    fn add(&mut self, grid: &Grid, place: LatLng) {
        let here = (grid.along(place), grid::up(place));
        if self.count == 0 {
            (self.least, self.most, self.tile) = (here, here, Some(grid.tile(place)));
        }
        self.count = self.count.saturating_add(1);
        self.total = (self.total.0.saturating_add(here.0), self.total.1.saturating_add(here.1));
        self.least = (self.least.0.min(here.0), self.least.1.min(here.1));
        self.most = (self.most.0.max(here.0), self.most.1.max(here.1));
    }

    /// `None` of nobody.
    fn group(&self) -> Option<Group> {
        let mean = |total: u64| total.checked_div(u64::from(self.count));
        let middle = grid::place(mean(self.total.0)?, mean(self.total.1)?)?;
        let corners =
            (grid::place(self.least.0, self.least.1)?, grid::place(self.most.0, self.most.1)?);
        let bounds = Viewport::new(corners.0, corners.1).ok()?;
        Some(Group { tile: self.tile?, count: self.count, middle, bounds })
    }
}
