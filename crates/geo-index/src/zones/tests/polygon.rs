//! What a polygon holds, and what is none.

use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::line_intersection::{LineIntersection, line_intersection};
use geo::{Intersects, Line, Rect};

use super::*;
use crate::zones::ring::{HalfSides, Ring, Role};

fn ring(points: &[(f64, f64)]) -> Vec<LatLng> {
    points.iter().map(|&(lat, lng)| at(lat, lng)).collect()
}

#[test]
fn edges_and_corners_belong_to_the_area_and_a_hole_to_nobody() {
    let lake = ring(&[(0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4)]);
    let land = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]);
    let land = Polygon::new(&land, &[lake]).unwrap();
    for inside in [(0.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.2, 0.2), (0.4, 0.4), (0.4, 0.5)] {
        assert!(land.contains(at(inside.0, inside.1)), "{inside:?}");
    }
    for outside in [(0.5, 0.5), (0.400_000_1, 0.5), (1.000_000_1, 0.5), (0.5, -0.000_000_1)] {
        assert!(!land.contains(at(outside.0, outside.1)), "{outside:?}");
    }
}

#[test]
fn the_antimeridian_is_nowhere_special() {
    let fiji = square(-17.5, 179.5, 1.0);
    for lng in [179.5, 180.0, -180.0, -179.5, 179.99, -179.99] {
        assert!(fiji.contains(at(-17.0, lng)), "{lng}");
    }
    for lng in [179.4, -179.4, 0.0] {
        assert!(!fiji.contains(at(-17.0, lng)), "{lng}");
    }
    // An area that ends on it holds it by both of its names.
    let west = square(0.0, 179.0, 1.0);
    let named_otherwise =
        Polygon::new(&ring(&[(0.0, 179.0), (0.0, -180.0), (1.0, -180.0), (1.0, 179.0)]), &[]);
    for edge in [&west, &named_otherwise.unwrap()] {
        assert!(edge.contains(at(0.5, 180.0)) && edge.contains(at(0.5, -180.0)));
        assert!(!edge.contains(at(0.5, -179.9)));
    }
}

#[test]
fn a_ring_around_a_pole_holds_what_lies_to_its_left() {
    let east = ring(&[(80.0, -120.0), (80.0, 0.0), (80.0, 120.0)]);
    let west: Vec<_> = east.iter().rev().copied().collect();
    let arctic = Polygon::new(&east, &[]).unwrap();
    let the_rest = Polygon::new(&west, &[]).unwrap();
    for lng in [-180.0, -120.0, 0.0, 77.0, 180.0] {
        for (lat, in_arctic, in_the_rest) in [
            (90.0, true, false),
            (80.1, true, false),
            (80.0, true, true),
            (79.9, false, true),
            (0.0, false, true),
            (-90.0, false, true),
        ] {
            assert_eq!(arctic.contains(at(lat, lng)), in_arctic, "{lat} {lng}");
            assert_eq!(the_rest.contains(at(lat, lng)), in_the_rest, "{lat} {lng}");
        }
    }
    assert_eq!(arctic.bounds().south_west().lat_e7(), 800_000_000);
    assert_eq!(the_rest.bounds().north_east().lat_e7(), 800_000_000);
    // A hole around the pole leaves a band; it runs westwards, the area to its left.
    let hole = ring(&[(85.0, 120.0), (85.0, 0.0), (85.0, -120.0)]);
    let band = Polygon::new(&east, &[hole]).unwrap();
    assert!(band.contains(at(82.0, 10.0)) && band.contains(at(85.0, 10.0)));
    assert!(!band.contains(at(86.0, 10.0)) && !band.contains(at(90.0, 10.0)));
}

#[test]
fn what_bounds_no_area_is_refused_and_named() {
    let triangle = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)]);
    let refused = |exterior: &[(f64, f64)], holes: &[Vec<LatLng>]| {
        Polygon::new(&ring(exterior), holes).unwrap_err()
    };
    let few = |ring, points| PolygonError::TooFewPoints { ring, points };
    assert_eq!(refused(&[], &[]), few(0, 0));
    assert_eq!(refused(&[(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (0.0, 0.0)], &[]), few(0, 2));
    assert_eq!(refused(&[(0.0, 180.0), (0.0, -180.0), (1.0, 180.0)], &[]), few(0, 2));
    let point = vec![at(0.1, 0.1); 4];
    assert_eq!(Polygon::new(&triangle, &[point]), Err(few(1, 1)));
    let half = [(0.0, -90.0), (0.0, 90.0), (1.0, 0.0)];
    assert_eq!(refused(&half, &[]), PolygonError::HalfTurn { ring: 0, from: at(0.0, -90.0) });
    let spiral: Vec<_> =
        (0..6).map(|at| (f64::from(at), f64::from(at * 120 % 360 - 180))).collect();
    assert_eq!(refused(&spiral, &[]), PolygonError::Spiral { ring: 0 });
    let many = vec![at(0.0, 0.0); Polygon::POINTS_MAX + 1];
    let too_many = PolygonError::TooManyPoints { points: Polygon::POINTS_MAX + 1 };
    assert_eq!(Polygon::new(&many, &[]), Err(too_many));
    let bow_tie = [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)];
    assert!(matches!(refused(&bow_tie, &[]), PolygonError::Crossing { .. }));
    let flat = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)];
    assert!(matches!(refused(&flat, &[]), PolygonError::Crossing { .. }));
    let outside = PolygonError::HoleOutside { ring: 1 };
    let elsewhere = ring(&[(5.0, 5.0), (5.0, 6.0), (6.0, 5.0)]);
    assert_eq!(Polygon::new(&triangle, &[elsewhere]), Err(outside));
    let hole = ring(&[(0.1, 0.1), (0.1, 0.4), (0.4, 0.1)]);
    let in_the_hole = ring(&[(0.15, 0.15), (0.15, 0.2), (0.2, 0.15)]);
    assert_eq!(Polygon::new(&triangle, &[in_the_hole, hole.clone()]), Err(outside));
    let across = ring(&[(0.1, 0.1), (0.1, 2.0), (0.4, 0.1)]);
    assert!(matches!(Polygon::new(&triangle, &[across]), Err(PolygonError::Crossing { .. })));
    assert!(Polygon::new(&triangle, &[hole]).is_ok());
}

#[test]
fn rings_may_touch_at_a_point() {
    // A ring that comes back to a corner, and a hole that hangs from the exterior's.
    let twice = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 0.0), (1.0, 0.0)];
    assert!(Polygon::new(&ring(&twice), &[]).is_ok());
    let pinched = ring(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (2.0, 2.0), (1.0, 1.0), (0.0, 2.0)]);
    let pinched = Polygon::new(&pinched, &[]).unwrap();
    assert!(pinched.contains(at(0.1, 0.5)) && pinched.contains(at(1.0, 1.0)));
    assert!(!pinched.contains(at(1.0, 0.5)));
    let triangle = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)]);
    let hanging = ring(&[(0.0, 0.0), (0.1, 0.4), (0.4, 0.1)]);
    assert!(!Polygon::new(&triangle, &[hanging]).unwrap().contains(at(0.15, 0.15)));
}

#[test]
fn how_far_outside_is_measured_to_the_nearest_edge() {
    let zone = square(0.0, 179.99, 0.02);
    assert_eq!(zone.outside_m(at(0.01, 180.0)), 0);
    for outside in [at(0.021, 180.0), at(0.01, -179.989), at(0.01, 179.989)] {
        assert_eq!(zone.outside_m(outside), 111, "{outside:?}");
    }
    assert_eq!(zone.outside_m(at(0.021, -179.989)), 157);
    // East and west count less far from the equator.
    assert_eq!(square(60.0, 0.0, 0.02).outside_m(at(60.01, -0.001)), 56);
    let lake = ring(&[(0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4)]);
    let land = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]);
    assert_eq!(Polygon::new(&land, &[lake]).unwrap().outside_m(at(0.401, 0.5)), 111);
}

/// Every edge of a closed ring, on a flat map.
fn lines(world: World, ring: &[LatLng]) -> Vec<Line<f64>> {
    let mut closed = world.flat_ring(ring);
    closed.close();
    closed.lines().filter(|line| line.start != line.end).collect()
}

fn crosses(a: Line<f64>, b: Line<f64>) -> bool {
    match line_intersection(a, b) {
        None => false,
        Some(LineIntersection::SinglePoint { is_proper, .. }) => is_proper,
        Some(LineIntersection::Collinear { intersection }) => {
            intersection.start != intersection.end
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_polygon_holds_what_geo_says_it_holds(
        world in world(),
        star in star(1.0),
        spots in proptest::collection::vec(spot(), 1..40),
    ) {
        let Some(polygon) = star.polygon(world) else { return Ok(()) };
        let (exterior, holes) = star.rings(world);
        let rings = holes.iter().map(|hole| world.flat_ring(hole)).collect();
        let flat = geo::Polygon::new(world.flat_ring(&exterior), rings);
        let corners = exterior.iter().chain(holes.iter().flatten()).copied();
        let places = spots.iter().map(|&spot| world.spot(spot)).chain(corners);
        for place in places {
            let expected = flat.coordinate_position(&world.flat(place)) != CoordPos::Outside;
            prop_assert_eq!(polygon.contains(place), expected, "{:?}", place);
            prop_assert!(!expected || polygon.outside_m(place) == 0);
        }
    }

    #[test]
    fn rings_that_cross_themselves_are_refused_and_no_others(
        world in prop_oneof![Just(WORLDS[4]), Just(WORLDS[5])],
        points in proptest::collection::vec((-6..=6_i32, -6..=6_i32), 3..9),
        probe in (-6..=6_i32, -6..=6_i32),
    ) {
        let points: Vec<_> = points.iter().map(|&(n, e)| world.place(n, e)).collect();
        let lines = lines(world, &points);
        let pairs = (0..lines.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        let crossed = pairs.clone().any(|(a, b)| crosses(lines[a], lines[b]));
        match Polygon::new(&points, &[]) {
            Err(PolygonError::TooFewPoints { .. }) => {}
            Err(PolygonError::Crossing { .. }) => prop_assert!(crossed),
            Err(other) => prop_assert!(false, "{other}"),
            Ok(polygon) => {
                prop_assert!(!crossed);
                let flat = geo::Polygon::new(world.flat_ring(&points), vec![]);
                let probe = world.place(probe.0, probe.1);
                let expected = flat.coordinate_position(&world.flat(probe)) != CoordPos::Outside;
                prop_assert_eq!(polygon.contains(probe), expected);
            }
        }
    }

    #[test]
    fn a_box_without_an_edge_is_what_geo_says_it_is(
        world in world(),
        star in star(1.0),
        centre in spot(),
        half in (0.0..0.3f64, 0.0..0.3f64),
    ) {
        let (exterior, holes) = star.rings(world);
        let e7 = |part: f64| (part * f64::from(world.half_e7)).round() as i32;
        let half = HalfSides { north: e7(half.0), east: e7(half.1).min(100_000_000) };
        let centre = world.spot(centre);
        let flat = world.flat(centre);
        let (east, north) = (f64::from(half.east), f64::from(half.north));
        let corner = |sign: f64| (flat.x + sign * east, flat.y + sign * north);
        let area = Rect::new(corner(-1.0), corner(1.0));
        for ring in core::iter::once(&exterior).chain(&holes) {
            let Ok(ring_of) = Ring::new(ring, Role::Exterior, 0) else { continue };
            let touched = ring_of.edges.iter().any(|edge| edge.touches_box(centre, half));
            let expected = lines(world, ring).iter().any(|line| area.intersects(line));
            prop_assert_eq!(touched, expected);
        }
    }

    #[test]
    fn the_index_finds_the_zones_that_a_look_at_each_of_them_finds(
        world in world(),
        stars in proptest::collection::vec(star(0.4), 1..40),
        later in proptest::collection::vec((0..40_usize, proptest::option::of(star(0.4))), 0..20),
        spots in proptest::collection::vec((spot(), 0.0..0.1f64), 1..20),
        loaded: bool,
    ) {
        let first = (0..).zip(&stars).filter_map(|(id, star)| Some((id, star.polygon(world)?)));
        let mut plain: std::collections::BTreeMap<usize, Polygon> = first.collect();
        let mut zones = if loaded {
            Zones::load(100, plain.clone()).unwrap()
        } else {
            let mut zones = Zones::new(100);
            for (&id, polygon) in &plain {
                prop_assert_eq!(zones.insert(id, polygon.clone()), Ok(None));
            }
            zones
        };
        for (id, star) in later {
            match star.and_then(|star| star.polygon(world)) {
                Some(polygon) => {
                    prop_assert_eq!(zones.insert(id, polygon.clone()), Ok(plain.insert(id, polygon)));
                }
                None => prop_assert_eq!(zones.remove(&id), plain.remove(&id)),
            }
        }
        prop_assert_eq!(zones.len(), plain.len());
        let corners = stars.iter().flat_map(|star| star.rings(world).0).map(|place| (place, 0.0));
        let places = spots.iter().map(|&(spot, half)| (world.spot(spot), half)).chain(corners);
        let mut found = Vec::new();
        for (place, half) in places {
            zones.at(place, &mut found);
            let holding = plain.iter().filter(|(_, polygon)| polygon.contains(place));
            prop_assert_eq!(&found, &holding.map(|(id, _)| *id).collect::<Vec<_>>());
            let half = ((half * f64::from(world.half_e7)) as i32).min(100_000_000);
            let half = HalfSides { east: half, north: half };
            let touched = plain.values().any(|polygon| polygon.has_edge_within(place, half));
            prop_assert_eq!(zones.no_edge_within(place, half), !touched);
        }
    }
}

#[test]
fn a_full_index_refuses_the_new_and_replaces_the_known() {
    let mut zones = Zones::new(1);
    assert_eq!(zones.insert(1, square(0.0, 0.0, 1.0)), Ok(None));
    let full = ZonesError::Full { zones_max: 1 };
    assert_eq!(zones.insert(2, square(0.0, 0.0, 1.0)), Err(full));
    let replaced = zones.insert(1, square(5.0, 179.5, 1.0));
    assert_eq!(replaced, Ok(Some(square(0.0, 0.0, 1.0))));
    let mut here = Vec::new();
    zones.at(at(0.5, 0.5), &mut here);
    assert!(here.is_empty());
    zones.at(at(5.5, -180.0), &mut here);
    assert_eq!(here, [1]);
    let two = [(1, square(0.0, 0.0, 1.0)), (2, square(0.0, 0.0, 1.0))];
    assert_eq!(Zones::load(1, two).err(), Some(full));
    assert_eq!((zones.remove(&1).is_some(), zones.is_empty()), (true, true));
}
