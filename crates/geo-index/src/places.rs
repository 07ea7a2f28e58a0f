//! Places that stay where they are: restaurants, dark stores.
//!
//! An R-tree over points of the unit sphere in three dimensions, where the straight line between two
//! points grows with their great-circle distance: so neither the antimeridian nor the poles are special.

use core::hash::Hash;

use doorstep_core::id::RestaurantId;
use doorstep_core::place::LatLng;
use rstar::RTree;
use rstar::primitives::GeomWithData;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

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

/// Where a page ended: go on after it, with the same centre, radius and filter.
///
/// It names the last place by what the order is by, so places that come and go between two pages
/// neither shift nor repeat the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor<K = RestaurantId> {
    /// Distance of the last place.
    pub distance_m: u32,
    /// The last place.
    pub id: K,
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
    tree: RTree<GeomWithData<[f64; 3], K>>,
}

/// Distances are rounded to the metre, and the tree's order is that of lines in space, which at the
/// other end of the Earth differ from arcs by some decimetres of rounding.
const ROUNDING_M: u32 = 2;

impl<T, K: Copy + Eq + Hash + Ord> Places<T, K> {
    /// No places; at most `places_max`.
    #[must_use]
    pub fn new(places_max: u32) -> Self {
        Self { places_max, by_id: FxHashMap::default(), tree: RTree::new() }
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
            loaded.by_id.insert(place.id, place);
        }
        // The order changes the shape of the tree, not what it answers.
        loaded.tree = RTree::bulk_load(loaded.by_id.values().map(pin).collect());
        Ok(loaded)
    }

    /// Takes in a place; the one with the same id that it replaces, if there was one.
    ///
    /// # Errors
    /// [`PlacesError::Full`] if it is new and there is no room; nothing has changed then.
    pub fn insert(&mut self, place: Place<T, K>) -> Result<Option<Place<T, K>>, PlacesError> {
        self.make_room(&place.id)?;
        let replaced = self.remove(&place.id);
        self.tree.insert(pin(&place));
        self.by_id.insert(place.id, place);
        Ok(replaced)
    }

    /// Takes out a place.
    pub fn remove(&mut self, id: &K) -> Option<Place<T, K>> {
        let removed = self.by_id.remove(id)?;
        self.tree.remove(&pin(&removed));
        Some(removed)
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
    /// The cost follows the places from the centre to the last one of the page, earlier pages and
    /// refused ones included.
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
        let mut places: Vec<Nearby<'_, T, K>> = Vec::new();
        let mut reach_m = radius_m;
        for pin in self.tree.nearest_neighbor_iter(unit_vector(centre)) {
            let Some(place) = self.by_id.get(&pin.data) else {
                continue;
            };
            let distance_m = centre.distance_m(place.position);
            if distance_m > reach_m.saturating_add(ROUNDING_M) {
                break;
            }
            let here = Cursor { distance_m, id: place.id };
            if distance_m <= radius_m.min(place.delivery_radius_m)
                && after.is_none_or(|after| here > *after)
                && keep(place)
            {
                places.push(Nearby { place, distance_m });
                // One more than asked for tells whether there is a next page. Those still to come
                // may be as near as the farthest so far, and before it by their id.
                if places.len() == limit.saturating_add(1) {
                    reach_m = places.iter().map(|nearby| nearby.distance_m).max().unwrap_or(0);
                }
            }
        }
        places.sort_unstable_by_key(Nearby::cursor);
        let more = places.len() > limit;
        places.truncate(limit);
        let next = places.last().filter(|_| more).map(Nearby::cursor);
        Page { places, next }
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

impl<T, K: Copy> Nearby<'_, T, K> {
    /// The cursor of a page that ends here.
    #[must_use]
    pub const fn cursor(&self) -> Cursor<K> {
        Cursor { distance_m: self.distance_m, id: self.place.id }
    }
}

fn pin<T, K: Copy>(place: &Place<T, K>) -> GeomWithData<[f64; 3], K> {
    GeomWithData::new(unit_vector(place.position), place.id)
}

fn unit_vector(place: LatLng) -> [f64; 3] {
    let (lat, lng) = (place.lat().to_radians(), place.lng().to_radians());
    let (sin_lat, cos_lat) = libm::sincos(lat);
    let (sin_lng, cos_lng) = libm::sincos(lng);
    [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).unwrap()
    }

    fn place(id: u32, position: LatLng, delivery_radius_m: u32) -> Place<(), u32> {
        Place { id, position, delivery_radius_m, about: () }
    }

    fn ids(page: &Page<'_, (), u32>) -> Vec<u32> {
        page.places.iter().map(|nearby| nearby.place.id).collect()
    }

    #[test]
    fn a_place_that_does_not_deliver_so_far_is_not_offered() {
        let mut places = Places::new(10);
        for (id, delivery_radius_m) in [(1, 555), (2, 556), (3, u32::MAX)] {
            places.insert(place(id, at(0.005, 0.0), delivery_radius_m)).unwrap();
        }
        assert_eq!(ids(&places.near(at(0.0, 0.0), 5_000, None, 10, |_| true)), [2, 3]);
        assert!(ids(&places.near(at(0.0, 0.0), 555, None, 10, |_| true)).is_empty());
    }

    #[test]
    fn places_are_near_across_the_antimeridian_and_the_pole() {
        let places = Places::load(
            10,
            [
                place(1, at(-17.0, -179.999), 1_000),
                place(2, at(89.999, 0.0), 1_000),
                place(3, at(89.999, 180.0), 1_000),
            ],
        );
        let places = places.unwrap();
        assert_eq!(ids(&places.near(at(-17.0, 179.999), 1_000, None, 10, |_| true)), [1]);
        assert_eq!(ids(&places.near(at(90.0, 77.0), 1_000, None, 10, |_| true)), [2, 3]);
    }

    #[test]
    fn a_place_that_moves_is_found_only_at_the_new_position() {
        let mut places = Places::new(1);
        places.insert(place(1, at(0.0, 0.0), 1_000)).unwrap();
        let replaced = places.insert(place(1, at(1.0, 0.0), 1_000)).unwrap();
        assert_eq!(replaced, Some(place(1, at(0.0, 0.0), 1_000)));
        assert!(ids(&places.near(at(0.0, 0.0), 1_000, None, 10, |_| true)).is_empty());
        assert_eq!(ids(&places.near(at(1.0, 0.0), 1_000, None, 10, |_| true)), [1]);
        assert_eq!((places.remove(&1).is_some(), places.is_empty()), (true, true));
        assert!(ids(&places.near(at(1.0, 0.0), 1_000, None, 10, |_| true)).is_empty());
    }

    #[test]
    fn a_full_index_refuses_the_new_and_replaces_the_known() {
        let mut places = Places::new(1);
        places.insert(place(1, at(0.0, 0.0), 1_000)).unwrap();
        let full = PlacesError::Full { places_max: 1 };
        assert_eq!(places.insert(place(2, at(0.0, 0.0), 1_000)), Err(full));
        assert!(places.insert(place(1, at(0.0, 1.0), 1_000)).is_ok());
        let two = [place(1, at(0.0, 0.0), 1), place(2, at(0.0, 0.0), 1)];
        assert_eq!(Places::load(1, two).err(), Some(full));
    }

    #[test]
    fn what_is_said_about_a_place_can_change() {
        let mut places = Places::new(1);
        places
            .insert(Place { id: 1_u32, position: at(0.0, 0.0), delivery_radius_m: 9, about: false })
            .unwrap();
        assert!(places.near(at(0.0, 0.0), 9, None, 1, |place| place.about).places.is_empty());
        *places.about_mut(&1).unwrap() = true;
        assert_eq!(places.near(at(0.0, 0.0), 9, None, 1, |place| place.about).places.len(), 1);
    }

    #[test]
    fn places_at_one_spot_come_by_id_and_each_on_one_page() {
        let spot = at(0.001, 0.0);
        let places = Places::load(99, (0..50).rev().map(|id| place(id, spot, 1_000))).unwrap();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = places.near(at(0.0, 0.0), 1_000, after.as_ref(), 7, |_| true);
            seen.extend(ids(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_place_that_closes_between_two_pages_does_not_shift_the_others() {
        let street = (0..10).map(|id| place(id, at(f64::from(id) * 0.001, 0.0), 9_000));
        let mut places = Places::load(10, street).unwrap();
        let first = places.near(at(0.0, 0.0), 9_000, None, 4, |_| true);
        let (seen, next) = (ids(&first), first.next);
        assert_eq!(seen, [0, 1, 2, 3]);
        places.remove(&3);
        places.remove(&0);
        let second = places.near(at(0.0, 0.0), 9_000, next.as_ref(), 4, |_| true);
        assert_eq!(ids(&second), [4, 5, 6, 7]);
    }

    /// Around a pole, the antimeridian, a city, or anywhere.
    fn spot() -> impl Strategy<Value = (f64, f64)> {
        (0.0..=1.0f64, 0.0..=1.0f64)
    }

    fn spread(world: usize, (north, east): (f64, f64)) -> LatLng {
        let (lat, lng) = match world {
            0 => (90.0 - north * 0.05, east * 360.0 - 180.0),
            1 => (-17.0 + north * 0.05, 179.975 + east * 0.05),
            // Few spots, so that many are equally far away.
            2 => (4.8 + (north * 8.0).floor() * 0.005, -75.7 + (east * 8.0).floor() * 0.005),
            _ => (north * 180.0 - 90.0, east * 360.0 - 180.0),
        };
        at(lat, if lng > 180.0 { lng - 360.0 } else { lng })
    }

    proptest! {
        #[test]
        fn pages_together_are_what_a_scan_finds(
            world in 0_usize..4,
            spots in proptest::collection::vec((spot(), 0..8_000_u32), 0..300),
            removed in proptest::collection::vec(0..300_u32, 0..30),
            centre in spot(),
            radius_m in prop_oneof![0..8_000_u32, Just(u32::MAX)],
            limit in 1_usize..40,
            loaded: bool,
        ) {
            let far = if world == 3 { 2_000 } else { 1 };
            let mut all: Vec<_> = (0_u32..)
                .zip(spots)
                .map(|(id, (spot, reach))| place(id, spread(world, spot), reach.saturating_mul(far)))
                .collect();
            let mut places = if loaded {
                Places::load(300, all.iter().copied()).unwrap()
            } else {
                let mut places = Places::new(300);
                all.iter().for_each(|&place| assert_eq!(places.insert(place), Ok(None)));
                places
            };
            for id in removed {
                places.remove(&id);
                all.retain(|place| place.id != id);
            }
            let centre = spread(world, centre);
            let mut expected: Vec<_> = all
                .iter()
                .map(|place| Cursor { distance_m: centre.distance_m(place.position), id: place.id })
                .zip(&all)
                .filter(|(here, place)| here.distance_m <= radius_m.min(place.delivery_radius_m))
                .filter(|(here, _)| !here.id.is_multiple_of(7))
                .map(|(here, _)| here)
                .collect();
            expected.sort_unstable();

            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let keep = |place: &Place<(), u32>| !place.id.is_multiple_of(7);
                let page = places.near(centre, radius_m, after.as_ref(), limit, keep);
                prop_assert!(page.places.len() <= limit);
                seen.extend(page.places.iter().map(Nearby::cursor));
                after = page.next;
                if after.is_none() {
                    break;
                }
                prop_assert_eq!(page.places.len(), limit);
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
