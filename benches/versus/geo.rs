//! The driver index: pings and the twenty nearest, at 500,000 drivers in 40 cities.
//!
//! Everybody gets the same pings: drivers in random order, each about 40 m from where the last one
//! was. The floor is a bare `DashMap` insert of the same record (with `rustc-hash`); then cell
//! buckets that ask H3 on every ping, kiddo's and rstar's trees (remove and add, in degrees made square by the
//! mean latitude), and Redis (`GEOADD` and `GEOSEARCH`, 64 a pipeline, over the loopback). One
//! configuration of the index for every figure. The index judges order and speed of each ping
//! and answers in whole metres by great circle; its peers do neither.

use std::cell::RefCell;
use std::hint::black_box;
use std::num::NonZero;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use doorstep::core::id::DriverId;
use doorstep::core::place::LatLng;
use doorstep::core::time::Span;
use doorstep::geo_index::{Config, DriverIndex, Fix, Hit, Ping};
use h3o::{CellIndex, Resolution};
use kiddo::{MutableKdTree, SquaredEuclidean};
use rstar::RTree;
use rstar::primitives::GeomWithData;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::geo_world::{BATCH, RADIUS_M, World};
use super::redis::{Redis, request};
use super::report::Report;
use super::rounds::{Samples, Turn, interleave};
use crate::Effort;

const K: usize = 20;
const PIPELINE: usize = 64;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let (drivers, pings) = effort.of((500_000, 4_000_000), (20_000, 100_000));
    for (name, world) in World::real(drivers, pings) {
        match world {
            Ok(world) => on_real(name, &RefCell::new(world), effort, report),
            Err(why) => report.skip(format!("{name}: {why}")),
        }
    }
    stadium(effort, report);
    measure(&RefCell::new(World::cities(drivers, pings)), effort, report);
    match bytes_per_driver(effort) {
        Ok(bytes) => {
            let what = "of the heap, by the allocator";
            report.figure("geo/bytes_per_driver", Samples::new(vec![bytes]), "B", what);
        }
        Err(why) => report.skip(format!("geo/bytes_per_driver: {why}")),
    }
}

/// 100,000 drivers in 4 ha: what a crowd costs, beside the same number in 40 cities.
fn stadium(effort: &Effort, report: &mut Report) {
    let (drivers, pings) = effort.of((100_000, 1_000_000), (5_000, 20_000));
    let crowd = RefCell::new(World::stadium(drivers, pings));
    let spread = RefCell::new(World::cities(drivers, pings));
    let (crowded, sparse) = (index(&crowd), index(&spread));
    let (ours, theirs) = ("100,000 drivers in 200 m", "the same number in 40 cities");
    let [near, taken, near_sparse, taken_sparse] = interleave(
        effort.rounds(),
        [
            nearest_turn(&crowd, &crowded),
            Box::new(|| self::pings(&crowd, 1, |batch| crowded.record_batch(batch, |_, _| ()))),
            nearest_turn(&spread, &sparse),
            Box::new(|| self::pings(&spread, 1, |batch| sparse.record_batch(batch, |_, _| ()))),
        ],
    );
    report.figure("geo/stadium_nearest20_us", near.map(|rate| 1e6 / rate), "us", ours);
    report.cost("geo/stadium_nearest20", near_sparse.over(&near), theirs);
    report.cost("geo/stadium_ping", taken_sparse.over(&taken), theirs);
}

/// What the bench `memory` says: a counting allocator would slow down everybody here.
fn bytes_per_driver(effort: &Effort) -> Result<f64, String> {
    if effort.of(false, true) {
        return Err("not with --quick".to_owned());
    }
    let counted = Command::new(env!("CARGO"))
        .args(["bench", "--quiet", "--locked", "--bench", "memory", "--", "geo"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&counted.stdout);
    let mut lines = said.lines();
    lines
        .find_map(|line| {
            line.strip_prefix("figure geo/bytes_per_driver ")?.split(' ').next()?.parse().ok()
        })
        .ok_or_else(|| format!("the bench `memory` does not say: {}", counted.status))
}

fn measure(world: &RefCell<World>, effort: &Effort, report: &mut Report) {
    let index = index(world);
    let map = dash_map(world);
    let mut buckets = H3Buckets::new(world);
    let mut kd = Kd::new(world);
    let mut r = R::new(world);
    // The slow ones take a part of the pings.
    let [fast, middling, slow] = effort.of([1, 4, 16], [1, 1, 1]);
    let [ours, floor, h3, kiddo, rstar] = interleave(
        effort.rounds(),
        [
            Box::new(|| pings(world, fast, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| pings(world, fast, |batch| insert_all(&map, batch))),
            Box::new(|| pings(world, middling, |batch| buckets.take(batch))),
            Box::new(|| pings(world, middling, |batch| kd.take(batch))),
            Box::new(|| pings(world, slow, |batch| r.take(batch))),
        ],
    );
    let redis = redis(world, effort, report);
    let [near, kiddo_near, rstar_near] = interleave(
        effort.rounds(),
        [
            nearest_turn(world, &index),
            Box::new(|| world.borrow().ask(|at| kd.nearest(at))),
            Box::new(|| world.borrow().ask(|at| r.nearest(at))),
        ],
    );
    let two = threads(world, &index, &map, effort, report);
    let beside = beside_queries(world, &index, effort);
    report.figure("geo/dashmap_per_s", floor.clone(), "1/s", "the floor");
    report.figure("geo/nearest20_us", near.map(|rate| 1e6 / rate), "us", "20 within 5 km");
    report.figure("geo/pings_per_s_1core", ours.clone(), "1/s", "batches of 1,024");
    report.cost("geo/ping_vs_dashmap", floor.over(&ours), "a bare DashMap insert (rustc-hash)");
    report.ratio("geo/ping_vs_h3_each", ours.over(&h3), "cell buckets, H3 on every ping");
    report.ratio("geo/ping_vs_kiddo", ours.over(&kiddo), "kiddo, remove and add");
    report.ratio("geo/ping_vs_rstar", ours.over(&rstar), "rstar, remove and insert");
    if let Some((added, _)) = &redis {
        report.ratio("geo/ping_vs_redis", ours.over(added), "GEOADD, 64 a pipeline");
    }
    report.ratio(
        "geo/nearest20_vs_kiddo",
        near.over(&kiddo_near),
        "kiddo's nearest_n, within 5 km",
    );
    report.ratio("geo/nearest20_vs_rstar", near.over(&rstar_near), "rstar's nearest_neighbor_iter");
    if let Some((_, searched)) = &redis {
        report.ratio("geo/nearest20_vs_redis", near.over(searched), "GEOSEARCH, 64 a pipeline");
    }
    report.ratio("geo/two_cores_vs_one", two, "two writers");
    let what = "the writer's time beside 10,000 queries a second over alone";
    report.cost("geo/ping_beside_queries", beside, what);
}

/// Two threads against one, and the same for the floor.
fn threads(
    world: &RefCell<World>,
    index: &DriverIndex,
    map: &DashMap<DriverId, Fix, FxBuildHasher>,
    effort: &Effort,
    report: &mut Report,
) -> Samples {
    let [one, two, map_one, map_two] = interleave(
        effort.rounds(),
        [
            Box::new(|| spread(world, 1, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| spread(world, 2, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| spread(world, 1, |batch| insert_all(map, batch))),
            Box::new(|| spread(world, 2, |batch| insert_all(map, batch))),
        ],
    );
    report.ratio("geo/dashmap_two_cores_vs_one", map_two.over(&map_one), "the floor's");
    two.over(&one)
}

/// A writer at full rate, alone and beside 10,000 queries a second.
fn beside_queries(world: &RefCell<World>, index: &DriverIndex, effort: &Effort) -> Samples {
    let alone: Turn<'_> =
        Box::new(|| spread(world, 1, |batch| index.record_batch(batch, |_, _| ())));
    let beside: Turn<'_> = Box::new(|| {
        let stop = AtomicBool::new(false);
        let asked = world.borrow().asked.clone();
        let now = world.borrow().next_now();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut hits = Vec::new();
                let began = Instant::now();
                for (number, at) in asked.iter().cycle().enumerate() {
                    while began.elapsed() < Duration::from_micros(100) * number as u32 {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        thread::sleep(Duration::from_micros(200));
                    }
                    index.nearest(*at, RADIUS_M, K, now, |_, _| true, &mut hits);
                    black_box(&hits);
                }
            });
            let rate = spread(world, 1, |batch| index.record_batch(batch, |_, _| ()));
            stop.store(true, Ordering::Relaxed);
            rate
        })
    });
    let [alone, beside] = interleave(effort.rounds(), [alone, beside]);
    alone.over(&beside)
}

/// Real places: only the floor and kiddo.
fn on_real(name: &'static str, world: &RefCell<World>, effort: &Effort, report: &mut Report) {
    let (index, map, mut kd) = (index(world), dash_map(world), Kd::new(world));
    let [ours, floor, kiddo] = interleave(
        effort.rounds(),
        [
            Box::new(|| pings(world, 1, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| pings(world, 1, |batch| insert_all(&map, batch))),
            Box::new(|| pings(world, effort.of(4, 1), |batch| kd.take(batch))),
        ],
    );
    let [near, kiddo_near] = interleave(
        effort.rounds(),
        [nearest_turn(world, &index), Box::new(|| world.borrow().ask(|at| kd.nearest(at)))],
    );
    let names = match name {
        "geo/cabs" => ["geo/cabs_vs_dashmap", "geo/cabs_vs_kiddo", "geo/cabs_nearest20_vs_kiddo"],
        _ => ["geo/rappi_vs_dashmap", "geo/rappi_vs_kiddo", "geo/rappi_nearest20_vs_kiddo"],
    };
    report.cost(names[0], floor.over(&ours), "a bare DashMap insert, real places");
    report.ratio(names[1], ours.over(&kiddo), "kiddo, remove and add, real places");
    report.ratio(names[2], near.over(&kiddo_near), "kiddo's nearest_n, real places");
}

/// Sends every `part`-th batch's worth of pings, later than all before; pings a second.
fn pings(world: &RefCell<World>, part: usize, mut take: impl FnMut(&[Ping])) -> f64 {
    let mut world = world.borrow_mut();
    world.later();
    let pings = &world.pings[..world.pings.len() / part];
    let began = Instant::now();
    pings.chunks(BATCH).for_each(&mut take);
    pings.len() as f64 / began.elapsed().as_secs_f64()
}

/// The same on several threads, each of which takes its share of the batches.
fn spread(world: &RefCell<World>, threads: usize, take: impl Fn(&[Ping]) + Sync) -> f64 {
    world.borrow_mut().later();
    let world = world.borrow();
    let pings: &[Ping] = &world.pings;
    let began = Instant::now();
    thread::scope(|scope| {
        for first in 0..threads {
            let take = &take;
            scope.spawn(move || pings.chunks(BATCH).skip(first).step_by(threads).for_each(take));
        }
    });
    pings.len() as f64 / began.elapsed().as_secs_f64()
}

fn nearest_turn<'a>(world: &'a RefCell<World>, index: &'a DriverIndex) -> Turn<'a> {
    let mut hits: Vec<Hit> = Vec::new();
    Box::new(move || {
        let world = world.borrow();
        let now = world.now();
        world.ask(|at| {
            index.nearest(at, RADIUS_M, K, now, |_, _| true, &mut hits);
            hits.len()
        })
    })
}

fn index(world: &RefCell<World>) -> DriverIndex {
    let config = Config {
        drivers_max: 2_000_000,
        stale_after: Span::from_hours(24 * 365),
        ..Config::default()
    };
    let index = DriverIndex::new(config).expect("it is one");
    index.record_batch(&world.borrow().first, |_, _| ());
    index
}

fn dash_map(world: &RefCell<World>) -> DashMap<DriverId, Fix, FxBuildHasher> {
    let map = DashMap::with_hasher(FxBuildHasher);
    insert_all(&map, &world.borrow().first);
    map
}

fn insert_all(map: &DashMap<DriverId, Fix, FxBuildHasher>, pings: &[Ping]) {
    for ping in pings {
        map.insert(ping.driver, ping.fix);
    }
}

/// Buckets by H3 cell at resolution 8, and where each driver is in them.
struct H3Buckets {
    directory: FxHashMap<DriverId, (CellIndex, usize)>,
    buckets: FxHashMap<CellIndex, Vec<(DriverId, Fix)>>,
}

impl H3Buckets {
    fn new(world: &RefCell<World>) -> Self {
        let mut new = Self { directory: FxHashMap::default(), buckets: FxHashMap::default() };
        new.take(&world.borrow().first);
        new
    }

    fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let (lat, lng) = (fix.position.lat(), fix.position.lng());
            let cell = h3o::LatLng::new(lat, lng).expect("finite").to_cell(Resolution::Eight);
            if let Some(&(old, at)) = self.directory.get(driver) {
                let bucket = self.buckets.get_mut(&old).expect("it is there");
                if old == cell {
                    bucket[at].1 = *fix;
                    continue;
                }
                bucket.swap_remove(at);
                if let Some((moved, _)) = bucket.get(at) {
                    self.directory.insert(*moved, (old, at));
                }
            }
            let bucket = self.buckets.entry(cell).or_default();
            self.directory.insert(*driver, (cell, bucket.len()));
            bucket.push((*driver, *fix));
        }
    }
}

/// kiddo's tree over plane points, and where each driver is in it, by the tree's own number.
struct Kd {
    tree: MutableKdTree<f64, 2>,
    held: FxHashMap<DriverId, (u32, [f64; 2])>,
    scale: f64,
    radius: f64,
}

impl Kd {
    fn new(world: &RefCell<World>) -> Self {
        let world = world.borrow();
        let (scale, radius) = world.plane();
        let points: Vec<_> =
            world.first.iter().map(|ping| flat(ping.fix.position, scale)).collect();
        let tree = MutableKdTree::new_from_slice(&points).expect("it takes them");
        let held = (0..).zip(points).zip(&world.first).map(|(held, ping)| (ping.driver, held));
        Self { tree, held: held.collect(), scale, radius }
    }

    fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let point = flat(fix.position, self.scale);
            let (number, held) = self.held.get_mut(driver).expect("it is known");
            self.tree.remove(held, *number);
            self.tree.add(&point, *number).expect("it takes it");
            *held = point;
        }
    }

    fn nearest(&self, at: LatLng) -> usize {
        let k = NonZero::new(K).expect("it is more than none");
        let centre = flat(at, self.scale);
        let query = self.tree.query(&centre);
        let found = query.nearest_n::<SquaredEuclidean<f64>>(k).within(self.radius).execute();
        black_box(found).len()
    }
}

/// rstar's tree over plane points, and where each driver is in it.
struct R {
    tree: RTree<GeomWithData<[f64; 2], u64>>,
    held: FxHashMap<DriverId, [f64; 2]>,
    scale: f64,
    radius: f64,
}

impl R {
    fn new(world: &RefCell<World>) -> Self {
        let world = world.borrow();
        let (scale, radius) = world.plane();
        let held: FxHashMap<_, _> =
            world.first.iter().map(|ping| (ping.driver, flat(ping.fix.position, scale))).collect();
        let points = held.iter().map(|(driver, at)| GeomWithData::new(*at, driver.get())).collect();
        Self { tree: RTree::bulk_load(points), held, scale, radius }
    }

    fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let point = flat(fix.position, self.scale);
            if let Some(old) = self.held.insert(*driver, point) {
                self.tree.remove(&GeomWithData::new(old, driver.get()));
            }
            self.tree.insert(GeomWithData::new(point, driver.get()));
        }
    }

    fn nearest(&self, at: LatLng) -> usize {
        let near = self.tree.nearest_neighbor_iter_with_distance_2(flat(at, self.scale));
        let found = near.take(K).take_while(|(_, away)| *away <= self.radius);
        found.fold(0, |many, (found, _)| {
            black_box(found.data);
            many + 1
        })
    }
}

fn flat(at: LatLng, scale: f64) -> [f64; 2] {
    [at.lat(), at.lng() * scale]
}

/// `GEOADD` and `GEOSEARCH` a second.
fn redis(
    world: &RefCell<World>,
    effort: &Effort,
    report: &mut Report,
) -> Option<(Samples, Samples)> {
    let mut redis = match Redis::start() {
        Ok(redis) => redis,
        Err(why) => {
            report.skip(format!("geo/*_vs_redis: {why}"));
            return None;
        }
    };
    let (mut requests, mut heard) = (Vec::new(), Vec::new());
    let mut add = |pings: &[Ping], heard: &mut Vec<u8>| {
        requests.clear();
        for Ping { driver, fix, .. } in pings {
            let (lat, lng) = (fix.position.lat().to_string(), fix.position.lng().to_string());
            request(&mut requests, &["GEOADD", "drivers", &lng, &lat, &driver.get().to_string()]);
        }
        requests.clone_into(heard);
    };
    let mut pipelines = |pings: &[Ping]| -> Vec<(Vec<u8>, usize)> {
        let write = |part: &[Ping]| {
            let mut written = Vec::new();
            add(part, &mut written);
            (written, part.len())
        };
        pings.chunks(PIPELINE).map(write).collect()
    };
    let all = |redis: &mut Redis, pipelines: &[(Vec<u8>, usize)], heard: &mut Vec<u8>| {
        let began = Instant::now();
        pipelines.iter().for_each(|(sent, count)| redis.pipeline(sent, *count, heard));
        let count: usize = pipelines.iter().map(|(_, count)| count).sum();
        count as f64 / began.elapsed().as_secs_f64()
    };
    let world = world.borrow();
    all(&mut redis, &pipelines(&world.first), &mut heard);
    let adds = pipelines(&world.pings[..effort.of(200_000, 10_000)]);
    let adds = (0..effort.rounds()).map(|_| all(&mut redis, &adds, &mut heard)).collect();
    // Replies to a search are nested; a script that counts them gives one number each.
    let script = "return #redis.call('GEOSEARCH','drivers','FROMLONLAT',ARGV[1],ARGV[2],\
                  'BYRADIUS','5000','m','ASC','COUNT','20')";
    let searches: Vec<_> = world.asked[..effort.of(10_000, 1_000)]
        .chunks(PIPELINE)
        .map(|part| {
            let mut sent = Vec::new();
            for at in part {
                let (lat, lng) = (at.lat().to_string(), at.lng().to_string());
                request(&mut sent, &["EVAL", script, "0", &lng, &lat]);
            }
            (sent, part.len())
        })
        .collect();
    let near = (0..effort.rounds()).map(|_| all(&mut redis, &searches, &mut heard)).collect();
    Some((Samples::new(adds), Samples::new(near)))
}
