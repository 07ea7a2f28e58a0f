//! Places that stay where they are: restaurants, dark stores.
//!
//! An R-tree over points of the unit sphere in three dimensions, where the straight line between two
//! points grows with their great-circle distance: so neither the antimeridian nor the poles are special.

mod cursor;
#[cfg(test)]
mod tests;

use core::hash::Hash;
use std::collections::BTreeMap;

use doorstep_core::id::RestaurantId;
use doorstep_core::place::{EARTH_RADIUS_M, LatLng};
use rstar::primitives::GeomWithData;
use rstar::{AABB, PointDistance, RTree, SelectionFunction};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use cursor::{Cursor, CursorError};

/// A place and how far it delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place<T = (), K = RestaurantId> {
    /// Whose place it is.
    pub id: K,
    /// Where.
    pub position: LatLng,
    /// How far it delivers, in metres along the great circle, its edge included.
    pub delivery_radius_m: u32,
    /// Whatever a filter wants to look at: cuisines, whether it is open.
    pub about: T,
}

/// A place that a query found.
#[derive(Debug, PartialEq, Eq)]
pub struct Nearby<'a, T = (), K = RestaurantId> {
    /// The place.
    pub place: &'a Place<T, K>,
    /// From the centre of the query, in metres along the great circle, rounded to the nearest.
    pub distance_m: u32,
}

/// Some of the places found, nearest first.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a, T = (), K = RestaurantId> {
    /// The places, by distance, then by id.
    pub places: Vec<Nearby<'a, T, K>>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor<K>>,
}

/// Why a place was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacesError {
    /// As many places as there may be are there.
    #[error("there are {places_max} places, and there may be no more")]
    Full {
        /// The bound.
        places_max: u32,
    },
}

/// An index of places. Queries take `&self`, changes `&mut self`: places change rarely, so the
/// owner shares it as it likes.
///
/// ```
/// use doorstep_core::{id::RestaurantId, place::LatLng};
/// use doorstep_geo_index::places::{Place, Places};
///
/// let plaza = LatLng::new(4.8133, -75.6961)?;
/// let mut places = Places::new(500_000);
/// for (id, lat, cuisine) in [(1, 4.8150, "sushi"), (2, 4.8300, "pizza"), (3, 4.8140, "pizza")] {
///     let position = LatLng::new(lat, -75.6961)?;
///     let id = RestaurantId::from(id);
///     places.insert(Place { id, position, delivery_radius_m: 3_000, about: cuisine })?;
/// }
/// let page = places.near(plaza, 5_000, None, 1, |place| place.about == "pizza");
/// assert_eq!((page.places[0].place.id, page.places[0].distance_m), (RestaurantId::from(3), 78));
/// let page = places.near(plaza, 5_000, page.next.as_ref(), 1, |place| place.about == "pizza");
/// assert_eq!((page.places[0].place.id, page.next), (RestaurantId::from(2), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Places<T = (), K = RestaurantId> {
    places_max: u32,
    by_id: FxHashMap<K, Place<T, K>>,
    /// One pin for each place. What is said about a place is not in the tree, so it can change
    /// without touching it.
    tree: RTree<Pin<K>>,
    /// How many places deliver how far: nobody looks farther than the farthest.
    radii: BTreeMap<u32, u32>,
}

/// A place on the unit sphere, whose it is, and the square of a line that is longer than any to where
/// it delivers.
type Pin<K> = GeomWithData<[f64; 3], (K, f64)>;

/// Distances are rounded to the metre, and the tree's order is that of lines in space, which at the
/// other end of the Earth differ from arcs by some decimetres of rounding.
const ROUNDING_M: u32 = 2;

/// How wide the first ring of a search is, in metres; each further one is half as wide again.
const FIRST_RING_M: u32 = 200;

impl<T, K: Copy + Eq + Hash + Ord> Places<T, K> {
    /// No places; at most `places_max`.
    #[must_use]
    pub fn new(places_max: u32) -> Self {
        let (by_id, tree, radii) = Default::default();
        Self { places_max, by_id, tree, radii }
    }

    /// These places, at most `places_max`; of two with the same id, the later. Faster than to insert
    /// them one by one, and queries are faster afterwards.
    ///
    /// # Errors
    /// [`PlacesError::Full`] if there are more.
    pub fn load(
        places_max: u32,
        places: impl IntoIterator<Item = Place<T, K>>,
    ) -> Result<Self, PlacesError> {
        let mut loaded = Self::new(places_max);
        for place in places {
            loaded.make_room(&place.id)?;
            loaded.count_radius(place.delivery_radius_m);
            if let Some(replaced) = loaded.by_id.insert(place.id, place) {
                loaded.forget_radius(replaced.delivery_radius_m);
            }
        }
        // The order changes the shape of the tree, not what it answers.
        loaded.tree = RTree::bulk_load(loaded.by_id.values().map(pin).collect());
        Ok(loaded)
    }

    /// Takes in a place; the one with the same id that it replaces, if there was one. Some
    /// microseconds, and as much again if one is replaced.
    ///
    /// # Errors
    /// [`PlacesError::Full`] if it is new and there is no room; nothing has changed then.
    pub fn insert(&mut self, place: Place<T, K>) -> Result<Option<Place<T, K>>, PlacesError> {
        self.make_room(&place.id)?;
        let replaced = self.remove(&place.id);
        self.count_radius(place.delivery_radius_m);
        self.tree.insert(pin(&place));
        self.by_id.insert(place.id, place);
        Ok(replaced)
    }

    /// Takes out a place. Some microseconds.
    pub fn remove(&mut self, id: &K) -> Option<Place<T, K>> {
        let removed = self.by_id.remove(id)?;
        self.tree.remove(&pin(&removed));
        self.forget_radius(removed.delivery_radius_m);
        Some(removed)
    }

    /// A place has moved; where it was before. Some microseconds, unless it stayed.
    pub fn relocate(&mut self, id: &K, position: LatLng) -> Option<LatLng> {
        let place = self.by_id.get_mut(id)?;
        let before = place.position;
        if before != position {
            self.tree.remove(&pin(place));
            place.position = position;
            self.tree.insert(pin(place));
        }
        Some(before)
    }

    /// A place delivers farther, or less far; how far it did before. About a microsecond.
    pub fn set_delivery_radius(&mut self, id: &K, delivery_radius_m: u32) -> Option<u32> {
        let place = self.by_id.get_mut(id)?;
        let before = core::mem::replace(&mut place.delivery_radius_m, delivery_radius_m);
        let pins = self.tree.locate_all_at_point_mut(unit_vector(place.position));
        for pin in pins.filter(|pin| pin.data.0 == *id) {
            pin.data.1 = squared_line(delivery_radius_m);
        }
        self.forget_radius(before);
        self.count_radius(delivery_radius_m);
        Some(before)
    }

    /// The place with this id.
    #[must_use]
    pub fn get(&self, id: &K) -> Option<&Place<T, K>> {
        self.by_id.get(id)
    }

    /// What is said about a place, to change it: it opened, it closed. One hash look-up.
    pub fn about_mut(&mut self, id: &K) -> Option<&mut T> {
        self.by_id.get_mut(id).map(|place| &mut place.about)
    }

    /// How many places there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The places within `radius_m` of `centre` that deliver there and that `keep` lets pass, nearest
    /// first, after the cursor; at most `limit` of them (0 is taken as 1).
    ///
    /// The cost follows the places from the end of the page before to the end of this one, refused ones
    /// included, and a walk past the nearer ones; it never goes beyond the farthest that any place
    /// delivers. With 500,000 places in 40 cities, on one core of a busy two-core server (the bench
    /// `places`): 20 of any kind 0.11 ms, 20 open ones of a cuisine that one in 20 has 0.47 ms, a search
    /// among some 3,000 for what nobody has 0.8 ms, the 21st page 0.19 ms.
    #[must_use]
    pub fn near(
        &self,
        centre: LatLng,
        radius_m: u32,
        after: Option<&Cursor<K>>,
        limit: usize,
        keep: impl Fn(&Place<T, K>) -> bool,
    ) -> Page<'_, T, K> {
        let limit = limit.max(1);
        let farthest_m = self.radii.last_key_value().map_or(0, |(radius_m, _)| *radius_m);
        let radius_m = radius_m.min(farthest_m);
        let mut places: Vec<Nearby<'_, T, K>> = Vec::new();
        // Ring by ring around the centre, from where the last page ended, until a ring is done that
        // holds one place more than asked for: that tells whether there is a next page.
        let from_m = after.map_or(0, |after| after.distance_m);
        // Nobody is left out by a rounding, nor at the centre.
        let passed_m = from_m.checked_sub(2 * ROUNDING_M);
        let mut passed = passed_m.map_or(-1.0, squared_line);
        let (mut reach_m, mut step_m) = (from_m, FIRST_RING_M);
        loop {
            reach_m = reach_m.saturating_add(step_m).min(radius_m);
            step_m = step_m.saturating_add(step_m / 2);
            let ring = Ring { centre: unit_vector(centre), passed, reach: squared_line(reach_m) };
            passed = ring.reach;
            for pin in self.tree.locate_with_selection_function(ring) {
                let Some(place) = self.by_id.get(&pin.data.0).filter(|place| keep(place)) else {
                    continue;
                };
                let distance_m = centre.distance_m(place.position);
                let here = Cursor { distance_m, id: place.id };
                if distance_m <= radius_m.min(place.delivery_radius_m)
                    && after.is_none_or(|after| here > *after)
                {
                    places.push(Nearby { place, distance_m });
                }
            }
            let surely = places.iter().filter(|nearby| nearby.distance_m <= reach_m).count();
            if surely > limit || reach_m >= radius_m {
                break;
            }
        }
        places.sort_unstable_by_key(Nearby::cursor);
        let more = places.len() > limit;
        places.truncate(limit);
        let next = places.last().filter(|_| more).map(Nearby::cursor);
        Page { places, next }
    }

    fn count_radius(&mut self, radius_m: u32) {
        let count = self.radii.entry(radius_m).or_default();
        *count = count.saturating_add(1);
    }

    fn forget_radius(&mut self, radius_m: u32) {
        if let Some(count) = self.radii.get_mut(&radius_m) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.radii.remove(&radius_m);
            }
        }
    }

    fn make_room(&self, id: &K) -> Result<(), PlacesError> {
        let places_max = self.places_max;
        let full = usize::try_from(places_max).is_ok_and(|max| self.by_id.len() >= max);
        if full && !self.by_id.contains_key(id) {
            return Err(PlacesError::Full { places_max });
        }
        Ok(())
    }
}

/// The pins farther than one line and not farther than another, of places that deliver so far.
struct Ring {
    centre: [f64; 3],
    passed: f64,
    reach: f64,
}

impl<K> SelectionFunction<Pin<K>> for Ring {
    fn should_unpack_parent(&self, envelope: &AABB<[f64; 3]>) -> bool {
        envelope.distance_2(&self.centre) <= self.reach
    }

    fn should_unpack_leaf(&self, pin: &Pin<K>) -> bool {
        let line = pin.distance_2(&self.centre);
        self.passed < line && line <= self.reach.min(pin.data.1)
    }
}

impl<T, K: Copy> Nearby<'_, T, K> {
    /// The cursor of a page that ends here.
    #[must_use]
    pub const fn cursor(&self) -> Cursor<K> {
        Cursor { distance_m: self.distance_m, id: self.place.id }
    }
}

fn pin<T, K: Copy>(place: &Place<T, K>) -> Pin<K> {
    let delivers = squared_line(place.delivery_radius_m);
    GeomWithData::new(unit_vector(place.position), (place.id, delivers))
}

/// The square of the straight line, in Earth radii, to what lies a little beyond so many metres along
/// the surface.
fn squared_line(metres: u32) -> f64 {
    let arc = f64::from(metres.saturating_add(ROUNDING_M)) / EARTH_RADIUS_M;
    // Half the circumference is as far as one gets.
    let line = 2.0 * libm::sin((arc / 2.0).min(core::f64::consts::FRAC_PI_2));
    line * line
}

fn unit_vector(place: LatLng) -> [f64; 3] {
    let (lat, lng) = (place.lat().to_radians(), place.lng().to_radians());
    let (sin_lat, cos_lat) = libm::sincos(lat);
    let (sin_lng, cos_lng) = libm::sincos(lng);
    [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat]
}
