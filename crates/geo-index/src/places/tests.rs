//! Places against a scan, and what goes wrong with pages, one by one.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

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

#[test]
fn a_place_that_delivers_farther_or_less_far_is_offered_so_at_once() {
    let mut places = Places::new(9);
    let spot = at(0.005, 0.0);
    for id in [1, 2, 3] {
        places.insert(place(id, spot, 500)).unwrap();
    }
    let near =
        |places: &Places<(), u32>| ids(&places.near(at(0.0, 0.0), 5_000, None, 10, |_| true));
    assert!(near(&places).is_empty());
    assert_eq!(places.set_delivery_radius(&2, 600), Some(500));
    assert_eq!(near(&places), [2]);
    assert_eq!(places.set_delivery_radius(&2, 400), Some(600));
    assert!(near(&places).is_empty());
    assert_eq!((places.set_delivery_radius(&9, 400), places.relocate(&9, spot)), (None, None));
}

#[test]
fn a_place_that_is_relocated_is_found_only_at_the_new_position() {
    let mut places = Places::new(1);
    places.insert(place(1, at(0.0, 0.0), 1_000)).unwrap();
    assert_eq!(places.relocate(&1, at(1.0, 0.0)), Some(at(0.0, 0.0)));
    assert!(ids(&places.near(at(0.0, 0.0), 1_000, None, 10, |_| true)).is_empty());
    assert_eq!(ids(&places.near(at(1.0, 0.0), 1_000, None, 10, |_| true)), [1]);
}

#[test]
fn the_text_of_a_cursor_stays_readable() {
    let cursor = Cursor { distance_m: 4_809, id: RestaurantId::from(77) };
    assert_eq!(cursor.to_string(), "p1-12c9-rst_000000000002d");
    assert_eq!("p1-12c9-rst_000000000002d".parse(), Ok(cursor));
    assert_eq!(serde_json::to_string(&cursor).unwrap(), "\"p1-12c9-rst_000000000002d\"");
    assert_eq!(serde_json::from_str::<Cursor>("\"p1-12c9-rst_000000000002d\"").unwrap(), cursor);
    for bad in [
        "",
        "p1",
        "p1-",
        "p1-12c9",
        "p1-12c9-",
        "p1--rst_000000000002d",
        "p2-12c9-rst_000000000002d",
    ] {
        assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
    }
    for bad in
        ["p1-+2c9-rst_000000000002d", "p1-12c9-drv_000000000002d", "p1-1000012c9-rst_000000000002d"]
    {
        assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
    }
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

#[derive(Clone, Debug)]
enum Change {
    Put((f64, f64), u32),
    Remove,
    Relocate((f64, f64)),
    Radius(u32),
    OpenOrClose,
}

fn change() -> impl Strategy<Value = (u32, Change)> {
    let change = prop_oneof![
        (spot(), 0..8_000_u32).prop_map(|(spot, reach)| Change::Put(spot, reach)),
        Just(Change::Remove),
        spot().prop_map(Change::Relocate),
        (0..8_000_u32).prop_map(Change::Radius),
        Just(Change::OpenOrClose),
    ];
    (0..310_u32, change)
}

/// The same change to the index and to a plain list.
fn apply(
    places: &mut Places<bool, u32>,
    all: &mut Vec<Place<bool, u32>>,
    (id, change): (u32, Change),
    world: usize,
) {
    let known = all.iter().position(|place| place.id == id);
    let far = |reach: u32| if world == 3 { reach * 2_000 } else { reach };
    match change {
        Change::Put(spot, reach) => {
            let place = Place { about: true, ..open(id, spread(world, spot), far(reach)) };
            assert_eq!(places.insert(place), Ok(known.map(|at| all.swap_remove(at))));
            all.push(place);
        }
        Change::Remove => assert_eq!(places.remove(&id), known.map(|at| all.swap_remove(at))),
        Change::Relocate(spot) => {
            let to = spread(world, spot);
            let from = known.map(|at| core::mem::replace(&mut all[at].position, to));
            assert_eq!(places.relocate(&id, to), from);
        }
        Change::Radius(reach) => {
            let from =
                known.map(|at| core::mem::replace(&mut all[at].delivery_radius_m, far(reach)));
            assert_eq!(places.set_delivery_radius(&id, far(reach)), from);
        }
        Change::OpenOrClose => {
            let about = places.about_mut(&id);
            assert_eq!(about.is_some(), known.is_some());
            if let Some((is_open, at)) = about.zip(known) {
                *is_open = !*is_open;
                all[at].about = *is_open;
            }
        }
    }
}

fn open(id: u32, position: LatLng, delivery_radius_m: u32) -> Place<bool, u32> {
    Place { id, position, delivery_radius_m, about: true }
}

proptest! {
    #[test]
    fn pages_together_are_what_a_scan_finds_whatever_has_changed(
        world in 0_usize..4,
        spots in proptest::collection::vec((spot(), 0..8_000_u32), 0..300),
        changes in proptest::collection::vec(change(), 0..100),
        centre in spot(),
        radius_m in prop_oneof![0..8_000_u32, Just(u32::MAX)],
        limit in 1_usize..40,
        loaded: bool,
    ) {
        let far = if world == 3 { 2_000 } else { 1 };
        let mut all: Vec<_> = (0_u32..)
            .zip(spots)
            .map(|(id, (spot, reach))| open(id, spread(world, spot), reach * far))
            .collect();
        let mut places = if loaded {
            Places::load(310, all.iter().copied()).unwrap()
        } else {
            let mut places = Places::new(310);
            all.iter().for_each(|&place| assert_eq!(places.insert(place), Ok(None)));
            places
        };
        for change in changes {
            apply(&mut places, &mut all, change, world);
        }
        prop_assert_eq!(places.len(), all.len());
        let centre = spread(world, centre);
        let mut expected: Vec<_> = all
            .iter()
            .map(|place| Cursor { distance_m: centre.distance_m(place.position), id: place.id })
            .zip(&all)
            .filter(|(here, place)| here.distance_m <= radius_m.min(place.delivery_radius_m))
            .filter(|(_, place)| place.about)
            .map(|(here, _)| here)
            .collect();
        expected.sort_unstable();

        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = places.near(centre, radius_m, after.as_ref(), limit, |place| place.about);
            prop_assert!(page.places.len() <= limit);
            seen.extend(page.places.iter().map(Nearby::cursor));
            after = page.next;
            if after.is_none() {
                break;
            }
            prop_assert_eq!(page.places.len(), limit);
            prop_assert_eq!(after.map(|next| next.to_string().parse()), after.map(Ok));
        }
        prop_assert_eq!(seen, expected);
    }
}
