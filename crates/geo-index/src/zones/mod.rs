//! Zones of the map: which hold this place, and which driver came into which, stayed, and left.
//!
//! A [`Polygon`] is an area, checked once. [`Zones`] finds among thousands of them those that hold a
//! place. A [`ZoneTracker`] turns the fixes of many drivers into the events of their comings and
//! goings, without asking about zones at most of them.
//!
//! All questions of in or out are answered in whole numbers, exactly and alike on every platform. The
//! only measured distance is the one of [`TrackerConfig::exit_m`].
//!
//! **Which drivers are in this zone** is a question for the driver index:
//! [`within_polygon`](crate::DriverIndex::within_polygon).

mod polygon;
mod ring;
mod stay;
#[cfg(test)]
mod tests;
mod tracker;

use core::hash::Hash;
use core::ops::ControlFlow;

use doorstep_core::place::LatLng;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use rustc_hash::FxHashMap;

pub use polygon::{Polygon, PolygonError};
pub use tracker::{
    Absence, Passage, Seen, TrackerConfig, TrackerConfigError, TrackerTally, ZoneEvent, ZoneTracker,
};

use ring::HalfSides;

/// Why a zone was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZonesError {
    /// As many zones as there may be are there.
    #[error("there are {zones_max} zones, and there may be no more")]
    Full {
        /// The bound.
        zones_max: u32,
    },
}

/// An index of zones by place; `Z` names a zone, any small, ordered, hashable value will do.
///
/// Queries take `&self`, changes `&mut self`: zones change rarely, so the owner shares it as it likes.
/// The same area may be held by any number of zones.
///
/// **Cost.** To find the zones at a place is a walk down an R-tree of their rectangles, and a look at
/// every edge of those whose rectangle holds it. With 10,000 zones on one core of a busy two-core
/// server (the bench `zones`): 1 µs if they have 40 points each, 4.7 µs if 400. The same bench says what
/// they cost the ping path.
///
/// ```
/// use doorstep_core::place::LatLng;
/// use doorstep_geo_index::zones::{Polygon, Zones};
///
/// let at = |lat, lng| LatLng::new(lat, lng);
/// let (south, west, middle) = (at(4.80, -75.70)?, at(4.90, -75.75)?, at(4.85, -75.70)?);
/// let mut zones = Zones::new(10_000);
/// zones.insert("centre", Polygon::new(&[south, at(4.90, -75.65)?, west], &[])?)?;
/// zones.insert("airport", Polygon::new(&[middle, at(4.95, -75.65)?, west], &[])?)?;
/// let mut here = Vec::new();
/// zones.at(at(4.88, -75.70)?, &mut here);
/// assert_eq!(here, ["airport", "centre"]);
/// zones.at(south, &mut here);
/// assert_eq!(here, ["centre"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Zones<Z> {
    zones_max: u32,
    polygons: FxHashMap<Z, Polygon>,
    /// The rectangle of each zone, in two parts where it goes across the antimeridian.
    tree: RTree<Tile<Z>>,
    /// Rises with every change, so that a tracker knows that what it found has aged.
    changes: u64,
}

/// East and north in ten-millionths of a degree: whole numbers, exact in a float.
type Tile<Z> = GeomWithData<Rectangle<[f64; 2]>, Z>;

impl<Z: Copy + Eq + Hash + Ord> Zones<Z> {
    /// No zones; at most `zones_max`.
    #[must_use]
    pub fn new(zones_max: u32) -> Self {
        Self { zones_max, polygons: FxHashMap::default(), tree: RTree::new(), changes: 0 }
    }

    /// These zones, at most `zones_max`; of two with the same name, the later. Faster than to insert
    /// them one by one, and queries are faster afterwards.
    ///
    /// # Errors
    /// [`ZonesError::Full`] if there are more.
    pub fn load(
        zones_max: u32,
        zones: impl IntoIterator<Item = (Z, Polygon)>,
    ) -> Result<Self, ZonesError> {
        let mut loaded = Self::new(zones_max);
        for (zone, polygon) in zones {
            loaded.make_room(&zone)?;
            loaded.polygons.insert(zone, polygon);
        }
        // The order changes the shape of the tree, not what it answers.
        let tiles = loaded.polygons.iter().flat_map(|(zone, polygon)| tiles(*zone, polygon));
        loaded.tree = RTree::bulk_load(tiles.collect());
        Ok(loaded)
    }

    /// Takes in a zone; the area of the one with the same name that it replaces, if there was one.
    ///
    /// # Errors
    /// [`ZonesError::Full`] if it is new and there is no room; nothing has changed then.
    pub fn insert(&mut self, zone: Z, polygon: Polygon) -> Result<Option<Polygon>, ZonesError> {
        self.make_room(&zone)?;
        let replaced = self.remove(&zone);
        self.changes = self.changes.saturating_add(1);
        tiles(zone, &polygon).for_each(|tile| self.tree.insert(tile));
        self.polygons.insert(zone, polygon);
        Ok(replaced)
    }

    /// Takes out a zone.
    pub fn remove(&mut self, zone: &Z) -> Option<Polygon> {
        let removed = self.polygons.remove(zone)?;
        self.changes = self.changes.saturating_add(1);
        for tile in tiles(*zone, &removed) {
            self.tree.remove(&tile);
        }
        Some(removed)
    }

    /// The area of a zone.
    #[must_use]
    pub fn get(&self, zone: &Z) -> Option<&Polygon> {
        self.polygons.get(zone)
    }

    /// The zones that hold a place, in their order; into `out`, which is cleared first.
    pub fn at(&self, place: LatLng, out: &mut Vec<Z>) {
        out.clear();
        self.for_each_near(place, HalfSides::default(), |zone, polygon| {
            if polygon.contains(place) {
                out.push(zone);
            }
            ControlFlow::Continue(())
        });
        out.sort_unstable();
        // The two parts of a rectangle meet on the antimeridian.
        out.dedup();
    }

    /// How many zones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.polygons.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.polygons.is_empty()
    }

    /// Rises with every change.
    const fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether no edge of any zone has a point within the box of these half sides around a place.
    fn no_edge_within(&self, centre: LatLng, half_e7: HalfSides) -> bool {
        let mut none = true;
        self.for_each_near(centre, half_e7, |_, polygon| {
            if polygon.has_edge_within(centre, half_e7) {
                none = false;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        none
    }

    /// Calls for each zone whose rectangle touches the box of these half sides around a place; for
    /// some twice, where the antimeridian is near.
    fn for_each_near(
        &self,
        centre: LatLng,
        half_e7: HalfSides,
        mut see: impl FnMut(Z, &Polygon) -> ControlFlow<()>,
    ) {
        let (lng, lat) = (f64::from(centre.lng_e7()), f64::from(centre.lat_e7()));
        let (east, north) = (f64::from(half_e7.east), f64::from(half_e7.north));
        let half_turn = f64::from(LNG_MAX_E7);
        let mut see_around = |lng: f64| {
            let corners = ([lng - east, lat - north], [lng + east, lat + north]);
            let window = AABB::from_corners(corners.0, corners.1);
            self.tree.locate_in_envelope_intersecting_int(window, |tile| {
                match self.polygons.get(&tile.data) {
                    Some(polygon) => see(tile.data, polygon),
                    None => ControlFlow::Continue(()),
                }
            })
        };
        if see_around(lng).is_break() {
            return;
        }
        // The box reaches the antimeridian: its places have another name beyond.
        let beyond = if lng + east >= half_turn {
            Some(lng - 2.0 * half_turn)
        } else if lng - east <= -half_turn {
            Some(lng + 2.0 * half_turn)
        } else {
            None
        };
        if let Some(lng) = beyond {
            let _done = see_around(lng);
        }
    }

    fn make_room(&self, zone: &Z) -> Result<(), ZonesError> {
        let zones_max = self.zones_max;
        let full = usize::try_from(zones_max).is_ok_and(|max| self.polygons.len() >= max);
        if full && !self.polygons.contains_key(zone) {
            return Err(ZonesError::Full { zones_max });
        }
        Ok(())
    }
}

const LNG_MAX_E7: i32 = 1_800_000_000;

/// The rectangle of a zone, in two parts where it goes across the antimeridian.
fn tiles<Z: Copy>(zone: Z, polygon: &Polygon) -> impl Iterator<Item = Tile<Z>> + use<Z> {
    let bounds = polygon.bounds();
    let (south_west, north_east) = (bounds.south_west(), bounds.north_east());
    let (west, east) = (south_west.lng_e7(), north_east.lng_e7());
    let parts = if west <= east {
        [Some((west, east)), None]
    } else {
        [Some((west, LNG_MAX_E7)), Some((-LNG_MAX_E7, east))]
    };
    parts.into_iter().flatten().map(move |(west, east)| {
        let corner = |lng_e7: i32, lat_e7: i32| [f64::from(lng_e7), f64::from(lat_e7)];
        let corners = (corner(west, south_west.lat_e7()), corner(east, north_east.lat_e7()));
        GeomWithData::new(Rectangle::from_corners(corners.0, corners.1), zone)
    })
}
