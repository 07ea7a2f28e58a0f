//! The driver index: pings and the twenty nearest, at 500,000 drivers in 40 cities.
//!
//! Everybody gets the same pings: drivers in random order, each about 40 m from where the last one
//! was. The floor is a bare `DashMap` insert of the same record (with `rustc-hash`); then cell
//! buckets that ask H3 on every ping, kiddo's and rstar's trees (remove and add, in degrees made square by the
//! mean latitude), and Redis (`GEOADD` and `GEOSEARCH`, 64 a pipeline, over the loopback). One
//! configuration of the index for every figure. The index judges order and speed of each ping
//! and answers in whole metres by great circle; its peers do neither.
//!
//! What two threads and a writer beside queries cost is bounded by what the machine gives to two
//! threads that share nothing. That is measured in the same rounds: `geo/machine_*`.

use std::cell::RefCell;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use doorstep::geo_index::{DriverIndex, Ping};

use super::geo_peers::{H3Buckets, K, Kd, Map, R, dash_map, insert_all};
use super::geo_redis::GeoRedis;
use super::geo_turns::{beside, index, nearest_turn, pings, spread};
use super::geo_world::{RADIUS_M, World};
use super::geo_zones::Followed;
use super::report::Report;
use super::rounds::{Samples, Turn, interleave};
use crate::Effort;

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
    let (crowded, sparse) = (index(&crowd.borrow()), index(&spread.borrow()));
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
    let index = index(&world.borrow());
    let map = dash_map(&world.borrow());
    let mut buckets = H3Buckets::new(&world.borrow());
    let kd = RefCell::new(Kd::new(&world.borrow()));
    let r = RefCell::new(R::new(&world.borrow()));
    let redis = match GeoRedis::start(&world.borrow(), effort) {
        Ok(redis) => RefCell::new(Some(redis)),
        Err(why) => {
            report.skip(format!("geo/*_vs_redis: {why}"));
            RefCell::new(None)
        }
    };
    // The slow ones take a part of the pings.
    let [fast, middling, slow] = effort.of([1, 4, 16], [1, 1, 1]);
    let [ours, floor, h3, kiddo, rstar, added] = interleave(
        effort.rounds(),
        [
            Box::new(|| pings(world, fast, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| pings(world, fast, |batch| insert_all(&map, batch))),
            Box::new(|| pings(world, middling, |batch| buckets.take(batch))),
            Box::new(|| pings(world, middling, |batch| kd.borrow_mut().take(batch))),
            Box::new(|| pings(world, slow, |batch| r.borrow_mut().take(batch))),
            Box::new(|| redis.borrow_mut().as_mut().map_or(0.0, GeoRedis::add)),
        ],
    );
    let [near, kiddo_near, rstar_near, searched] = interleave(
        effort.rounds(),
        [
            nearest_turn(world, &index),
            Box::new(|| world.borrow().ask(|at| kd.borrow().nearest(at))),
            Box::new(|| world.borrow().ask(|at| r.borrow().nearest(at))),
            Box::new(|| redis.borrow_mut().as_mut().map_or(0.0, GeoRedis::search)),
        ],
    );
    let has_redis = redis.into_inner().is_some();
    zones(world, &index, effort, report);
    let two = threads(world, &index, &map, effort, report);
    let beside = beside_queries(world, &index, effort, report);
    report.figure("geo/dashmap_per_s", floor.clone(), "1/s", "the floor");
    report.figure("geo/nearest20_us", near.map(|rate| 1e6 / rate), "us", "20 within 5 km");
    report.figure("geo/pings_per_s_1core", ours.clone(), "1/s", "batches of 1,024");
    report.cost("geo/ping_vs_dashmap", floor.over(&ours), "a bare DashMap insert (rustc-hash)");
    report.ratio("geo/ping_vs_h3_each", ours.over(&h3), "cell buckets, H3 on every ping");
    report.ratio("geo/ping_vs_kiddo", ours.over(&kiddo), "kiddo, remove and add");
    report.ratio("geo/ping_vs_rstar", ours.over(&rstar), "rstar, remove and insert");
    if has_redis {
        report.ratio("geo/ping_vs_redis", ours.over(&added), "GEOADD, 64 a pipeline");
    }
    report.ratio(
        "geo/nearest20_vs_kiddo",
        near.over(&kiddo_near),
        "kiddo's nearest_n, within 5 km",
    );
    report.ratio("geo/nearest20_vs_rstar", near.over(&rstar_near), "rstar's nearest_neighbor_iter");
    if has_redis {
        report.ratio("geo/nearest20_vs_redis", near.over(&searched), "GEOSEARCH, 64 a pipeline");
    }
    report.ratio("geo/two_cores_vs_one", two, "two writers");
    let what = "the writer's time beside 10,000 queries a second over alone";
    report.cost("geo/ping_beside_queries", beside, what);
}

/// What it costs the ping path to follow everybody through 10,000 zones.
fn zones(world: &RefCell<World>, index: &DriverIndex, effort: &Effort, report: &mut Report) {
    let mut followed = Followed::new(&world.borrow());
    let [alone, with_zones] = interleave(
        effort.rounds(),
        [
            Box::new(|| pings(world, 4, |batch| index.record_batch(batch, |_, _| ()))),
            Box::new(|| pings(world, 4, |batch| followed.take(index, batch))),
        ],
    );
    let what = "the ping path alone: the same with 10,000 zones followed behind it";
    report.cost("geo/ping_with_zones", alone.over(&with_zones), what);
}

/// Two threads against one; the same for the floor, and for two that share nothing.
fn threads(
    world: &RefCell<World>,
    index: &DriverIndex,
    map: &Map,
    effort: &Effort,
    report: &mut Report,
) -> Samples {
    let own = [0, 1].map(|_| self::index(&world.borrow()));
    let maps = [0, 1].map(|_| dash_map(&world.borrow()));
    let ours = |threads| spread(world, threads, |_, batch| index.record_batch(batch, |_, _| ()));
    let floor = |threads| spread(world, threads, |_, batch| insert_all(map, batch));
    let [one, two, map_one, map_two, own_two, maps_two, count_one, count_two] = interleave(
        effort.rounds(),
        [
            Box::new(|| ours(1)),
            Box::new(|| ours(2)),
            Box::new(|| floor(1)),
            Box::new(|| floor(2)),
            Box::new(|| spread(world, 2, |who, batch| own[who].record_batch(batch, |_, _| ()))),
            Box::new(|| spread(world, 2, |who, batch| insert_all(&maps[who], batch))),
            Box::new(|| counting(1, effort)),
            Box::new(|| counting(2, effort)),
        ],
    );
    let what = "two threads that only multiply";
    report.ratio("geo/machine_two_cores_vs_one", count_two.over(&count_one), what);
    let what = "two threads with a DashMap each";
    report.ratio("geo/machine_two_maps_vs_one", maps_two.over(&map_one), what);
    report.ratio("geo/machine_two_indexes_vs_one", own_two.over(&one), "an index each");
    report.ratio("geo/dashmap_two_cores_vs_one", map_two.over(&map_one), "the floor's");
    two.over(&one)
}

/// Threads that touch no memory: how much of two cores there is.
fn counting(threads: u32, effort: &Effort) -> f64 {
    let steps = effort.of(50_000_000_u64, 1_000_000);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mixed =
                    |mixed: u64, step: u64| (mixed ^ step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                black_box((0..black_box(steps)).fold(1, mixed))
            });
        }
    });
    f64::from(threads) / began.elapsed().as_secs_f64()
}

/// A writer at full rate, alone and beside 10,000 queries a second; and beside as many of another
/// index, which is what the machine takes for them.
fn beside_queries(
    world: &RefCell<World>,
    index: &DriverIndex,
    effort: &Effort,
    report: &mut Report,
) -> Samples {
    let (other, map) = (self::index(&world.borrow()), dash_map(&world.borrow()));
    let drivers: Vec<_> = world.borrow().first.iter().map(|ping| ping.driver).collect();
    let ours = |_: usize, batch: &[Ping]| index.record_batch(batch, |_, _| ());
    let floor = |_: usize, batch: &[Ping]| insert_all(&map, batch);
    let [alone, beside_it, beside_other, map_alone, map_beside] = interleave(
        effort.rounds(),
        [
            Box::new(|| spread(world, 1, ours)),
            Box::new(|| {
                beside(world, ours, |at, now, hits| {
                    index.nearest(at, RADIUS_M, K, now, |_, _| true, hits);
                })
            }),
            Box::new(|| {
                beside(world, ours, |at, now, hits| {
                    other.nearest(at, RADIUS_M, K, now, |_, _| true, hits);
                })
            }),
            Box::new(|| spread(world, 1, floor)),
            Box::new(|| {
                beside(world, floor, |at, _, _| {
                    let first = at.lat_e7().unsigned_abs() as usize;
                    for number in 0..K {
                        let driver = &drivers[(first + number * 7_919) % drivers.len()];
                        black_box(map.get(driver).map(|fix| *fix));
                    }
                })
            }),
        ] as [Turn<'_>; 5],
    );
    let what = "the writer's time beside as many queries of another index";
    report.cost("geo/machine_ping_beside_queries", alone.over(&beside_other), what);
    let what = "a DashMap's writer beside 20 look-ups in it, 10,000 times a second";
    report.cost("geo/dashmap_beside_look_ups", map_alone.over(&map_beside), what);
    alone.over(&beside_it)
}

/// Real places: only the floor and kiddo.
fn on_real(name: &'static str, world: &RefCell<World>, effort: &Effort, report: &mut Report) {
    let (index, map, mut kd) = {
        let world = world.borrow();
        (index(&world), dash_map(&world), Kd::new(&world))
    };
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
