//! What the module promises, for any drivers and any viewport.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::time::{Span, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{Config, Ping};

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

fn view(south: f64, west: f64, north: f64, east: f64) -> Viewport {
    Viewport::new(at(south, west), at(north, east)).unwrap()
}

fn hits(places: impl IntoIterator<Item = LatLng>) -> Vec<Hit<u32>> {
    let hit = |(driver, place)| Hit {
        driver,
        fix: Fix::new(place, Timestamp::EPOCH),
        distance_m: 0,
        age: Span::ZERO,
    };
    (0..).zip(places).map(hit).collect()
}

fn markers(hits: &[Hit<u32>], viewport: &Viewport, markers_max: u32) -> Vec<Marker<u32>> {
    let mut out = Vec::new();
    Clusters::new(markers_max).of_hits(hits, viewport, &mut out);
    out
}

fn total(markers: &[Marker<u32>]) -> u32 {
    markers.iter().map(Marker::count).sum()
}

#[test]
fn the_whole_world_is_shown_with_its_poles_and_the_antimeridian() {
    let corners = [-90.0, -45.0, 0.0, 45.0, 90.0]
        .into_iter()
        .flat_map(|lat| [-180.0, -90.0, 0.0, 90.0, 180.0].map(|lng| at(lat, lng)));
    let hits = hits(corners);
    let world = view(-90.0, -180.0, 90.0, 180.0);
    for markers_max in 1..200 {
        let markers = markers(&hits, &world, markers_max);
        assert_eq!(total(&markers), 25);
        assert!(markers.len() <= markers_max as usize, "{markers_max}");
    }
    assert_eq!(markers(&hits, &world, 1).len(), 1);
}

#[test]
fn a_viewport_at_a_pole_or_across_the_antimeridian_shows_all_that_it_contains() {
    let fiji = view(-18.0, 179.0, -16.0, -179.0);
    let spots =
        [at(-17.0, 179.5), at(-17.0, 180.0), at(-17.0, -180.0), at(-17.0, -179.5), at(-17.0, 0.0)];
    let shown = markers(&hits(spots), &fiji, 100);
    assert_eq!(total(&shown), 4);
    // The pole is one place, whatever its longitude.
    let arctic = view(89.0, 10.0, 90.0, 20.0);
    let poles = (-18..=18).map(|lng| at(90.0, f64::from(lng) * 10.0));
    let shown = markers(&hits(poles), &arctic, 30);
    let [Marker::Group(group)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!((group.count, group.middle), (37, at(90.0, 10.0)));
}

#[test]
fn few_drivers_are_shown_one_by_one_and_many_as_one() {
    let city = view(4.7, -75.8, 4.9, -75.6);
    let shown = markers(&hits([at(4.75, -75.75), at(4.85, -75.65)]), &city, 100);
    assert!(matches!(
        shown[..],
        [Marker::Driver { driver: 0, .. }, Marker::Driver { driver: 1, .. }]
    ));
    let crowd = (0..500).map(|n| at(4.8 + f64::from(n % 2) * 1e-6, -75.7));
    let shown = markers(&hits(crowd), &city, 100);
    let [Marker::Group(group)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!((group.count, group.middle), (500, at(4.800_000_5, -75.7)));
    let corners = (group.bounds.south_west(), group.bounds.north_east());
    assert_eq!(corners, (at(4.8, -75.7), at(4.800_001, -75.7)));
}

#[test]
fn the_tiles_stay_where_they_are_when_the_map_is_moved() {
    let drivers = hits(
        (0..900).map(|n| at(4.7 + f64::from(n % 30) * 0.01, -75.9 + f64::from(n / 30) * 0.01)),
    );
    let groups = |west: f64| -> BTreeSet<Tile> {
        let view = view(4.7, west, 4.9, west + 0.2);
        let markers = markers(&drivers, &view, 100);
        let tile = |marker: &Marker<u32>| match marker {
            Marker::Group(group) => Some(group.tile),
            Marker::Driver { .. } => None,
        };
        markers.iter().filter_map(tile).collect()
    };
    let here = groups(-75.85);
    for step in 1..20 {
        let there = groups(-75.85 + f64::from(step) * 0.001);
        assert!(here.intersection(&there).count() * 2 > here.len(), "{step}");
    }
}

#[test]
fn as_many_markers_as_there_may_be_are_used_where_drivers_are_everywhere() {
    let drivers = hits(
        (0..10_000)
            .map(|n| at(4.7 + f64::from(n % 100) * 0.002, -75.8 + f64::from(n / 100) * 0.002)),
    );
    for (markers_max, at_least) in [(100, 36), (1_000, 400)] {
        let shown = markers(&drivers, &view(4.7, -75.8, 4.9, -75.6), markers_max).len();
        assert!(shown >= at_least, "{shown} of {markers_max}");
    }
}

#[test]
fn what_the_index_shows_is_fresh_and_passes_the_filter() {
    let index = crate::DriverIndex::new(Config::default()).unwrap();
    let noon = Timestamp::from_secs(1_700_000_000);
    for driver in 0..100_u32 {
        let place = at(4.8 + f64::from(driver) * 1e-3, -75.7);
        index.record(&Ping::new(driver, Fix::new(place, noon)));
    }
    let later = noon.saturating_add(Span::from_secs(61));
    index.record(&Ping::new(7, Fix::new(at(4.81, -75.7), later)));
    let (mut clusters, mut out) = (Clusters::new(10), Vec::new());
    let view = view(4.75, -75.8, 4.849_95, -75.6);
    clusters.of_index(&index, &view, noon, |driver, _| driver % 2 == 0, &mut out);
    assert_eq!(total(&out), 25);
    clusters.of_index(&index, &view, later, |_, _| true, &mut out);
    assert!(matches!(out[..], [Marker::Driver { driver: 7, .. }]));
}

#[test]
fn no_markers_are_taken_as_one_and_too_many_as_the_most() {
    let drivers = hits([at(4.8, -75.7), at(4.81, -75.71)]);
    assert_eq!(markers(&drivers, &view(4.0, -76.0, 5.0, -75.0), 0).len(), 1);
    assert_eq!(Clusters::<u32>::new(u32::MAX).markers_max, MARKERS_MAX);
}

/// Everyone's tile, from the levels that the grid chose.
fn tiles(hits: &[Hit<u32>], viewport: &Viewport, markers_max: u32) -> BTreeMap<u32, Tile> {
    let grid = Grid::new(viewport, markers_max);
    let inside = hits.iter().filter(|hit| viewport.contains(hit.fix.position));
    inside.map(|hit| (hit.driver, grid.tile(hit.fix.position))).collect()
}

fn place() -> impl Strategy<Value = LatLng> {
    let lat =
        prop_oneof![8 => -90.0..=90.0f64, 1 => Just(90.0), 1 => Just(-90.0), 2 => 4.7..4.9f64];
    let lng = prop_oneof![8 => -180.0..=180.0f64, 1 => Just(180.0), 1 => Just(-180.0), 2 => -75.8..-75.6f64];
    (lat, lng).prop_map(|(lat, lng)| at(lat, lng))
}

fn viewport() -> impl Strategy<Value = Viewport> {
    let any = (place(), place()).prop_map(|(a, b)| {
        let (south, north) = if a.lat_e7() <= b.lat_e7() { (a, b) } else { (b, a) };
        Viewport::new(south, north).unwrap()
    });
    let around = (place(), 0.0..2.0f64, 0.0..2.0f64).prop_map(|(middle, height, width)| {
        let lat = |by: f64| (middle.lat() + by).clamp(-90.0, 90.0);
        let lng = |by: f64| (middle.lng() + by + 540.0).rem_euclid(360.0) - 180.0;
        view(lat(-height), lng(-width), lat(height), lng(width))
    });
    prop_oneof![3 => any, 3 => around, 1 => Just(view(-90.0, -180.0, 90.0, 180.0))]
}

/// Drivers, some of them within the viewport for sure.
fn drivers(viewport: &Viewport, spots: &[(LatLng, Option<(f64, f64)>)]) -> Vec<Hit<u32>> {
    let south_west = viewport.south_west();
    let height = viewport.north_east().lat() - south_west.lat();
    let width = (viewport.north_east().lng() - south_west.lng()).rem_euclid(360.0);
    let width = if width == 0.0 && viewport.contains(at(0.0, 0.0)) { 360.0 } else { width };
    hits(spots.iter().map(|(anywhere, inside)| match inside {
        None => *anywhere,
        Some((north, east)) => {
            let lng = (south_west.lng() + east * width + 540.0).rem_euclid(360.0) - 180.0;
            at((south_west.lat() + north * height).min(90.0), lng)
        }
    }))
}

fn spots() -> impl Strategy<Value = Vec<(LatLng, Option<(f64, f64)>)>> {
    let part = || prop_oneof![6 => 0.0..=1.0f64, 1 => Just(0.0), 1 => Just(1.0), 2 => 0.4..0.41f64];
    proptest::collection::vec((place(), proptest::option::weighted(0.8, (part(), part()))), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn counts_are_conserved_markers_bounded_and_the_order_of_the_input_without_effect(
        viewport in viewport(),
        spots in spots(),
        markers_max in prop_oneof![1..10_u32, 90..=100_u32, 1..=12_000_u32],
    ) {
        let mut hits = drivers(&viewport, &spots);
        let inside = hits.iter().filter(|hit| viewport.contains(hit.fix.position)).count();
        let shown = markers(&hits, &viewport, markers_max);
        prop_assert_eq!(total(&shown) as usize, inside);
        prop_assert!(shown.len() <= markers_max as usize, "{} of {}", shown.len(), markers_max);

        let tiles = tiles(&hits, &viewport, markers_max.min(MARKERS_MAX));
        let mut of_tile: BTreeMap<Tile, Vec<u32>> = BTreeMap::new();
        tiles.iter().for_each(|(driver, tile)| of_tile.entry(*tile).or_default().push(*driver));
        let mut seen = BTreeSet::new();
        for marker in &shown {
            match marker {
                Marker::Driver { driver, fix } => {
                    prop_assert_eq!(fix, &hits[*driver as usize].fix);
                    prop_assert!(seen.insert(*driver));
                }
                Marker::Group(group) => {
                    let members = &of_tile[&group.tile];
                    prop_assert_eq!(members.len(), group.count as usize);
                    prop_assert!(members.len() > 1);
                    for driver in members {
                        let position = hits[*driver as usize].fix.position;
                        // A pole and the antimeridian have more names than one.
                        let named = position.lat().abs() == 90.0 || position.lng() == 180.0;
                        prop_assert!(named || group.bounds.contains(position));
                        prop_assert!(seen.insert(*driver));
                    }
                    prop_assert!(group.bounds.contains(group.middle));
                }
            }
        }
        hits.reverse();
        prop_assert_eq!(markers(&hits, &viewport, markers_max), shown);
    }

    #[test]
    fn when_everyone_moves_a_little_only_the_tiles_that_someone_left_or_entered_change(
        viewport in viewport(),
        spots in spots(),
        steps in proptest::collection::vec((-400..=400_i32, -400..=400_i32), 300),
        markers_max in prop_oneof![1..10_u32, 90..=100_u32],
    ) {
        let mut before = drivers(&viewport, &spots);
        // On a pole every longitude is the same place: to step off it is to have one.
        before.retain(|hit| hit.fix.position.lat_e7().abs() < 899_999_000);
        let mut after = before.clone();
        for hit in &mut after {
            let (north, east) = steps[hit.driver as usize];
            let position = hit.fix.position;
            let lat_e7 = (position.lat_e7() + north).clamp(-900_000_000, 900_000_000);
            let lng_e7 = (position.lng_e7() + east).clamp(-1_800_000_000, 1_800_000_000);
            hit.fix.position = LatLng::from_e7(lat_e7, lng_e7).unwrap();
        }
        let (was, is) = (tiles(&before, &viewport, markers_max), tiles(&after, &viewport, markers_max));
        let mut touched = BTreeSet::new();
        for driver in before.iter().map(|hit| hit.driver) {
            let (from, to) = (was.get(&driver), is.get(&driver));
            if from != to {
                touched.extend(from.into_iter().chain(to).copied());
            }
        }
        // Of the tiles that nobody left or entered: the same markers, hardly moved.
        let steady = |hits: &[Hit<u32>], tiles: &BTreeMap<u32, Tile>| {
            let shown = markers(hits, &viewport, markers_max).into_iter();
            shown
                .filter(|marker| match marker {
                    Marker::Driver { driver, .. } => !touched.contains(&tiles[driver]),
                    Marker::Group(group) => !touched.contains(&group.tile),
                })
                .map(|marker| match marker {
                    Marker::Driver { driver, fix } => ((tiles[&driver], 1, Some(driver)), fix.position),
                    Marker::Group(group) => ((group.tile, group.count, None), group.middle),
                })
                .collect::<Vec<_>>()
        };
        let (was, is) = (steady(&before, &was), steady(&after, &is));
        prop_assert_eq!(was.len(), is.len());
        for ((was, was_at), (is, is_at)) in was.into_iter().zip(is) {
            prop_assert_eq!(was, is);
            let turn = |a: i32, b: i32| (i64::from(a) - i64::from(b)).rem_euclid(3_600_000_000);
            let east = turn(was_at.lng_e7(), is_at.lng_e7());
            prop_assert!(was_at.lat_e7().abs_diff(is_at.lat_e7()) <= 401);
            let all_around = was.0.lng_halvings == 0;
            let little = east.min(3_600_000_000 - east) <= 401;
            prop_assert!(little || all_around, "{was_at:?} {is_at:?}");
        }
    }
}
