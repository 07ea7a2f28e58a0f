//! Random operations on both indexes in awkward corners of the Earth: every answer is the same.

use proptest::prelude::*;

use super::*;
use crate::reference::ReferenceIndex;
use crate::zones::Polygon;
use crate::{Tally, Viewport};

/// Where the drivers are, and how the index is cut.
#[derive(Clone, Copy, Debug)]
struct World {
    south_west: (f64, f64),
    height_deg: f64,
    width_deg: f64,
    config: Config,
}

/// A place as two parts of the world's height and width.
type Spot = (f64, f64);

#[derive(Clone, Debug)]
enum Op {
    Record {
        driver: u32,
        spot: Spot,
        after_ms: i64,
        accuracy_m: Option<u16>,
        speed: Option<u16>,
    },
    /// A little further from where the driver is believed: up to 100 m a side.
    Step {
        driver: u32,
        by_e7: (i32, i32),
        after_ms: i64,
    },
    /// Several in one call, of a few drivers.
    Batch(Vec<(u32, Spot)>),
    Remove(u32),
    Evict,
    Wait {
        secs: u64,
    },
    Nearest {
        spot: Spot,
        radius_m: u32,
        k: usize,
        keep: u32,
    },
    Within {
        spot: Spot,
        radius_m: u32,
        keep: u32,
    },
    View {
        corners: (Spot, Spot),
        k: usize,
        keep: u32,
    },
    /// All drivers in a triangle, if it is one.
    Zone {
        corners: [Spot; 3],
        keep: u32,
    },
    /// All drivers in a rectangle, in no order.
    Visit {
        corners: (Spot, Spot),
        keep: u32,
    },
}

impl World {
    fn place(&self, (north, east): Spot) -> LatLng {
        let lat = self.south_west.0 + north * self.height_deg;
        let lng = self.south_west.1 + east * self.width_deg;
        at(lat.clamp(-90.0, 90.0), (lng + 540.0).rem_euclid(360.0) - 180.0)
    }

    fn around(lat: f64, lng: f64, half_height: f64, half_width: f64, config: Config) -> Self {
        Self {
            south_west: (lat - half_height, lng - half_width),
            height_deg: 2.0 * half_height,
            width_deg: 2.0 * half_width,
            config,
        }
    }
}

const CONFIG: Config = Config {
    stripes: 3,
    drivers_max: 2_000,
    stale_after: Span::from_secs(60),
    speed_max_mps: 70,
    confirm_after: 3,
    escalate_after: 4,
};
const DRIVERS: u32 = 2_100;
/// In each of 40 cases of each of the eleven worlds: 110,000 in all.
const OPERATIONS: usize = 250;

fn spot() -> impl Strategy<Value = Spot> {
    (0.0..=1.0f64, 0.0..=1.0f64)
}

/// Also at the very edges of the world, which may be a pole or the antimeridian.
fn edge() -> impl Strategy<Value = Spot> {
    let part = || prop_oneof![4 => 0.0..=1.0f64, 1 => Just(0.0), 1 => Just(0.5), 1 => Just(1.0)];
    (part(), part())
}

fn step_e7() -> impl Strategy<Value = (i32, i32)> {
    prop_oneof![3 => (-9_000..9_000, -9_000..9_000), 1 => Just((0, 0))]
}

fn op(reach_m: u32) -> impl Strategy<Value = Op> {
    // A few drivers get most of the pings, so that they have a history.
    let driver = || prop_oneof![3 => 0..6_u32, 1 => 0..DRIVERS];
    let after_ms = || prop_oneof![4 => 1..30_000_i64, 1 => -30_000..=0_i64, 1 => Just(0_i64)];
    let k = || prop_oneof![0..3_usize, 10..40_usize, Just(usize::MAX)];
    let radius_m = move || prop_oneof![0..=reach_m, Just(0), Just(u32::MAX)];
    prop_oneof![
        4 => (driver(), spot(), after_ms(), proptest::option::of(0..500_u16), proptest::option::of(1..100_u16))
            .prop_map(|(driver, spot, after_ms, accuracy_m, speed)| {
                Op::Record { driver, spot, after_ms, accuracy_m, speed }
            }),
        8 => (driver(), step_e7(), after_ms())
            .prop_map(|(driver, by_e7, after_ms)| Op::Step { driver, by_e7, after_ms }),
        1 => proptest::collection::vec((driver(), spot()), 0..40).prop_map(Op::Batch),
        1 => driver().prop_map(Op::Remove),
        1 => Just(Op::Evict),
        1 => (0..20_u64).prop_map(|secs| Op::Wait { secs }),
        3 => (spot(), radius_m(), k(), 0..4_u32)
            .prop_map(|(spot, radius_m, k, keep)| Op::Nearest { spot, radius_m, k, keep }),
        2 => (spot(), radius_m(), 0..4_u32)
            .prop_map(|(spot, radius_m, keep)| Op::Within { spot, radius_m, keep }),
        2 => ((spot(), spot()), k(), 0..4_u32)
            .prop_map(|(corners, k, keep)| Op::View { corners, k, keep }),
        1 => ([spot(), spot(), spot()], 0..4_u32)
            .prop_map(|(corners, keep)| Op::Zone { corners, keep }),
        1 => ((edge(), edge()), 0..4_u32)
            .prop_map(|(corners, keep)| Op::Visit { corners, keep }),
    ]
}

struct Both {
    world: World,
    now: Timestamp,
    fast: DriverIndex<u32>,
    slow: ReferenceIndex<u32>,
}

impl Both {
    /// Most drivers are there already, evenly spread, with fixes of different ages.
    fn new(world: World) -> Self {
        let mut both = Self {
            world,
            now: secs(100),
            fast: index(world.config),
            slow: ReferenceIndex::new(world.config).unwrap(),
        };
        for driver in 0..2_000_u32 {
            let part = |step: f64| (f64::from(driver) * step).fract();
            let position = world.place((part(0.754_877_666), part(0.569_840_291)));
            // Some fixes stale, some soon.
            both.record(&ping(driver, position, secs(30 + u64::from(driver % 70))));
        }
        both
    }

    fn record(&mut self, ping: &Ping<u32>) {
        assert_eq!(self.fast.record(ping), self.slow.record(ping), "{ping:?}");
        assert_eq!(self.fast.get(&ping.driver), self.slow.get(&ping.driver));
    }

    fn after(&self, driver: u32, ms: i64) -> Timestamp {
        let last = self.slow.get(&driver).map_or(self.now, |fix| fix.taken_at);
        Timestamp::from_millis(last.as_millis().saturating_add(ms))
    }

    fn run(&mut self, op: &Op) {
        let keep = |n: u32| move |driver: &u32, fix: &Fix| n == 0 || !fix.mocked && driver % 4 != n;
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        match *op {
            Op::Record { driver, spot, after_ms, accuracy_m, speed } => {
                let fix = Fix::new(self.world.place(spot), self.after(driver, after_ms));
                let fix = Fix { accuracy_m, mocked: speed.is_some(), ..fix };
                self.record(&Ping { driver, fix, speed_max_mps: speed });
            }
            Op::Step { driver, by_e7, after_ms } => {
                let Some(held) = self.slow.get(&driver) else { return };
                let lat = held.position.lat() + f64::from(by_e7.0) / 1e7;
                let lng = held.position.lng() + f64::from(by_e7.1) / 1e7;
                let position = at(lat.clamp(-90.0, 90.0), (lng + 540.0).rem_euclid(360.0) - 180.0);
                self.record(&ping(driver, position, self.after(driver, after_ms)));
            }
            Op::Batch(ref drivers) => {
                let pings: Vec<_> = drivers
                    .iter()
                    .map(|&(driver, spot)| ping(driver, self.world.place(spot), self.now))
                    .collect();
                let (mut told, mut expected) = (Vec::new(), Vec::new());
                self.fast.record_batch(&pings, |ping, verdict| told.push((*ping, verdict)));
                self.slow.record_batch(&pings, |ping, verdict| expected.push((*ping, verdict)));
                assert_eq!(told, expected);
            }
            Op::Remove(driver) => assert_eq!(self.fast.remove(&driver), self.slow.remove(&driver)),
            Op::Evict => {
                assert_eq!(self.fast.evict_stale(self.now), self.slow.evict_stale(self.now));
            }
            Op::Wait { secs } => self.now = self.now.saturating_add(Span::from_secs(secs)),
            Op::Nearest { spot, radius_m, k, keep: n } => {
                let centre = self.world.place(spot);
                self.fast.nearest(centre, radius_m, k, self.now, keep(n), &mut found);
                self.slow.nearest(centre, radius_m, k, self.now, keep(n), &mut expected);
            }
            Op::Within { spot, radius_m, keep: n } => {
                let centre = self.world.place(spot);
                self.fast.within(centre, radius_m, self.now, keep(n), &mut found);
                self.slow.within(centre, radius_m, self.now, keep(n), &mut expected);
            }
            Op::View { corners: (a, b), k, keep: n } => {
                // Southern and western edges first; the world may lie across the antimeridian.
                let corner = |north: f64, east: f64| self.world.place((north, east));
                let south_west = corner(a.0.min(b.0), a.1.min(b.1));
                let viewport =
                    Viewport::new(south_west, corner(a.0.max(b.0), a.1.max(b.1))).unwrap();
                self.fast.in_viewport(&viewport, k, self.now, keep(n), &mut found);
                self.slow.in_viewport(&viewport, k, self.now, keep(n), &mut expected);
            }
            Op::Zone { corners, keep: n } => {
                let corners = corners.map(|corner| self.world.place(corner));
                let Ok(area) = Polygon::new(&corners, &[]) else { return };
                self.fast.within_polygon(&area, self.now, keep(n), &mut found);
                self.slow.within_polygon(&area, self.now, keep(n), &mut expected);
            }
            Op::Visit { corners: (a, b), keep: n } => {
                let corner = |north: f64, east: f64| self.world.place((north, east));
                let south_west = corner(a.0.min(b.0), a.1.min(b.1));
                let viewport =
                    Viewport::new(south_west, corner(a.0.max(b.0), a.1.max(b.1))).unwrap();
                let mut seen = Vec::new();
                let see = |driver, fix| seen.push((driver, fix));
                self.fast.each_in_viewport(&viewport, self.now, keep(n), see);
                self.slow.in_viewport(&viewport, usize::MAX, self.now, keep(n), &mut expected);
                seen.sort_unstable_by_key(|(driver, _)| *driver);
                expected.sort_by_key(|hit| hit.driver);
                let expected: Vec<_> = expected.iter().map(|hit| (hit.driver, hit.fix)).collect();
                assert_eq!(seen, expected, "{op:?}");
                return;
            }
        }
        assert_eq!(found, expected, "{op:?}");
        assert_eq!(self.fast.len(), self.slow.len());
        assert_eq!(self.fast.tally(), self.slow.tally());
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        self.fast.suspects(2, &mut found);
        self.slow.suspects(2, &mut expected);
        assert_eq!(found, expected, "{op:?}");
    }
}

/// Runs random operations, and says how many pings got which verdict in all.
fn agree(world: World, reach_m: u32) -> Tally {
    let config = ProptestConfig { cases: 40, ..ProptestConfig::default() };
    let total = std::cell::Cell::new(Tally::default());
    proptest!(config, |(ops in proptest::collection::vec(op(reach_m), OPERATIONS))| {
        let mut both = Both::new(world);
        ops.iter().for_each(|op| both.run(op));
        total.set(total.get().plus(both.fast.tally()));
    });
    total.get()
}

#[test]
fn a_dense_city_answers_as_a_scan_does_and_gives_every_verdict() {
    let tally = agree(World::around(4.8133, -75.6961, 0.04, 0.04, CONFIG), 6_000);
    let Tally { inserted, moved, refreshed, out_of_order, implausible, full, escalated } = tally;
    for seen in [inserted, moved, refreshed, out_of_order, implausible, full, escalated] {
        assert!(seen > 0, "{tally:?}");
    }
}

#[test]
fn a_sparse_earth_answers_as_a_scan_does() {
    agree(World::around(0.0, 0.0, 90.0, 180.0, CONFIG), 5_000_000);
}

#[test]
fn both_poles_answer_as_a_scan_does() {
    agree(World::around(90.0, 0.0, 0.05, 180.0, CONFIG), 6_000);
    agree(World::around(-90.0, 0.0, 0.05, 180.0, CONFIG), 6_000);
}

#[test]
fn the_antimeridian_answers_as_a_scan_does() {
    agree(World::around(-17.0, 180.0, 0.05, 0.05, CONFIG), 6_000);
}

/// In an index over H3 cells these were places of their own kind.
#[test]
fn the_surroundings_of_a_pentagon_answer_as_a_scan_does() {
    for resolution in [h3o::Resolution::Eight, h3o::Resolution::Six] {
        let pentagon = h3o::LatLng::from(resolution.pentagons().nth(5).unwrap());
        agree(World::around(pentagon.lat(), pentagon.lng(), 0.05, 0.05, CONFIG), 6_000);
    }
}

#[test]
fn a_stadium_answers_as_a_scan_does() {
    agree(World::around(40.4531, -3.6883, 0.001, 0.001, CONFIG), 300);
}

#[test]
fn the_number_of_stripes_changes_no_answer() {
    for stripes in [1, 16, 64] {
        agree(World::around(6.2, -75.57, 0.03, 0.03, Config { stripes, ..CONFIG }), 6_000);
    }
}
