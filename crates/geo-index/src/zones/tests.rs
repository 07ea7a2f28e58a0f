//! Polygons against `geo`, the index against a look at every zone, the tracker against its definition.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod polygon;
mod tracker;
mod walks;

use doorstep_core::place::LatLng;
use proptest::prelude::*;

use super::*;

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

/// A rectangle from its south-western corner, in degrees.
fn square(south: f64, west: f64, side: f64) -> Polygon {
    let east = if west + side > 180.0 { west + side - 360.0 } else { west + side };
    let corners = [(south, west), (south, east), (south + side, east), (south + side, west)];
    Polygon::new(&corners.map(|(lat, lng)| at(lat, lng)), &[]).unwrap()
}

/// A corner of the Earth: its middle, and half its height and width in ten-millionths of a degree.
#[derive(Clone, Copy, Debug)]
struct World {
    lat_e7: i32,
    lng_e7: i32,
    half_e7: i32,
}

const WORLDS: [World; 6] = [
    // A city; the antimeridian; a continent across it; the far north; a speck, where a unit counts.
    World { lat_e7: 48_133_000, lng_e7: -756_961_000, half_e7: 300_000 },
    World { lat_e7: -170_000_000, lng_e7: 1_799_990_000, half_e7: 300_000 },
    World { lat_e7: 100_000_000, lng_e7: -1_700_000_000, half_e7: 600_000_000 },
    World { lat_e7: 897_000_000, lng_e7: 100_000_000, half_e7: 2_000_000 },
    World { lat_e7: 0, lng_e7: 1_800_000_000, half_e7: 6 },
    World { lat_e7: 400_000_000, lng_e7: 0, half_e7: 6 },
];

impl World {
    /// The place so many units north and east of the middle.
    fn place(self, north_e7: i32, east_e7: i32) -> LatLng {
        let lng = ring::east_of(0, i64::from(self.lng_e7) + i64::from(east_e7));
        LatLng::from_e7(self.lat_e7 + north_e7, i32::try_from(lng).unwrap()).unwrap()
    }

    /// Where a place lies on a flat map around the middle.
    fn flat(self, place: LatLng) -> geo::Coord<f64> {
        let x = ring::east_e7(self.lng_e7, place.lng_e7());
        geo::Coord { x: x as f64, y: f64::from(place.lat_e7() - self.lat_e7) }
    }

    fn flat_ring(self, ring: &[LatLng]) -> geo::LineString<f64> {
        ring.iter().map(|place| self.flat(*place)).collect()
    }

    /// Parts of the world's half height and width, −1 to 1.
    fn spot(self, (north, east): (f64, f64)) -> LatLng {
        let e7 = |part: f64| (part * f64::from(self.half_e7)).round() as i32;
        self.place(e7(north), e7(east))
    }
}

fn world() -> impl Strategy<Value = World> {
    (0..WORLDS.len()).prop_map(|at| WORLDS[at])
}

fn spot() -> impl Strategy<Value = (f64, f64)> {
    (-1.0..=1.0f64, -1.0..=1.0f64)
}

/// The outline of a star around a spot: simple by construction, but for rounding.
#[derive(Clone, Debug)]
struct Star {
    centre: (f64, f64),
    radius: f64,
    rays: Vec<f64>,
    hole: Option<f64>,
}

fn star(radius: f64) -> impl Strategy<Value = Star> {
    let rays = proptest::collection::vec(0.3..=1.0f64, 4..40);
    (spot(), 0.02..=radius, rays, proptest::option::of(0.1..0.7f64))
        .prop_map(|(centre, radius, rays, hole)| Star { centre, radius, rays, hole })
}

impl Star {
    /// The exterior and its holes.
    fn rings(&self, world: World) -> (Vec<LatLng>, Vec<Vec<LatLng>>) {
        let outline = |scale: f64| {
            let turn = core::f64::consts::TAU / self.rays.len() as f64;
            (0_i32..).zip(&self.rays).map(move |(at, ray)| {
                let angle = f64::from(at) * turn;
                let reach = scale * self.radius * ray;
                let within = |part: f64| part.clamp(-1.0, 1.0);
                let (sin, cos) = angle.sin_cos();
                world.spot((
                    within(self.centre.0 + reach * sin),
                    within(self.centre.1 + reach * cos),
                ))
            })
        };
        let holes = self.hole.map(|scale| outline(scale).collect()).into_iter().collect();
        (outline(1.0).collect(), holes)
    }

    /// `None` where rounding or the world's edge made it cross itself.
    fn polygon(&self, world: World) -> Option<Polygon> {
        let (exterior, holes) = self.rings(world);
        Polygon::new(&exterior, &holes).ok()
    }
}
