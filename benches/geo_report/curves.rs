//! What is measured: one function a plot.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use doorstep::core::place::LatLng;
use doorstep::core::time::Timestamp;
use doorstep::geo_index::{DriverIndex, Hit, Ping};
use plotters::prelude::SeriesLabelPosition;

use crate::Effort;
use crate::geo_peers::{K, Kd, Map, dash_map, insert_all};
use crate::geo_turns::{index, nearest_turn, pings, spread};
use crate::geo_world::{BATCH, RADIUS_M, World};
use crate::plot::{Axis, Curve, Plot};
use crate::rounds::{Samples, Turn, interleave};

const ROUNDS: usize = 7;
/// In how many places queries are asked for a point of the mix.
const ASKED: usize = 2_000;

const DRIVERS: Axis = Axis { what: "drivers", is_log: true };

/// Pings a second over drivers: ours, the floor, and a tree.
pub(crate) fn drivers(effort: &Effort) -> Plot {
    let mut curves =
        ["DriverIndex::record_batch", "DashMap insert (floor)", "kiddo: remove and add"]
            .map(|name| Curve { name, points: Vec::new() });
    for count in counts(effort) {
        let world = RefCell::new(world(count, effort));
        let (index, map, mut kd) = all(&world);
        let samples = interleave(
            effort.of(ROUNDS, 1),
            [
                Box::new(|| pings(&world, 1, |batch| index.record_batch(batch, |_, _| ()))),
                Box::new(|| pings(&world, 1, |batch| insert_all(&map, batch))),
                Box::new(|| pings(&world, 8, |batch| kd.take(batch))),
            ],
        );
        add(&mut curves, count as f64, samples.map(|samples| samples.map(|rate| rate / 1e6)));
    }
    Plot {
        file: "drivers.svg",
        title: "Pings taken on one core, by drivers held",
        legend: SeriesLabelPosition::UpperRight,
        x: DRIVERS,
        y: Axis { what: "million pings a second", is_log: true },
        curves: curves.into(),
    }
}

/// What a ping and a query take, over drivers.
pub(crate) fn growth(effort: &Effort) -> Plot {
    let names = [
        "nearest 20 of 5 km",
        "kiddo: nearest 20 of 5 km",
        "ping in a batch",
        "ping on its own",
        "DashMap insert (floor)",
    ];
    let mut curves = names.map(|name| Curve { name, points: Vec::new() });
    for count in counts(effort) {
        let world = RefCell::new(world(count, effort));
        let (index, map, mut kd) = all(&world);
        // As it is after some time, not as it was built at once.
        pings(&world, 1, |batch| kd.take(batch));
        let samples = interleave(
            effort.of(ROUNDS, 1),
            [
                nearest_turn(&world, &index),
                Box::new(|| world.borrow().ask(|at| kd.nearest(at))),
                Box::new(|| pings(&world, 1, |batch| index.record_batch(batch, |_, _| ()))),
                Box::new(|| {
                    pings(&world, 4, |batch| {
                        for ping in batch {
                            black_box(index.record(ping));
                        }
                    })
                }),
                Box::new(|| pings(&world, 1, |batch| insert_all(&map, batch))),
            ],
        );
        add(&mut curves, count as f64, samples.map(|samples| samples.map(|rate| 1e9 / rate)));
    }
    Plot {
        file: "growth.svg",
        title: "What one takes, by drivers held",
        legend: SeriesLabelPosition::UpperLeft,
        x: DRIVERS,
        y: Axis { what: "nanoseconds", is_log: true },
        curves: curves.into(),
    }
}

/// What a query takes, over how many it wants.
pub(crate) fn wanted(effort: &Effort) -> Plot {
    let world = RefCell::new(world(effort.of(500_000, 5_000), effort));
    let (index, _, mut kd) = all(&world);
    pings(&world, 1, |batch| kd.take(batch));
    let mut curves =
        ["nearest k of 50 km", "kiddo: nearest k"].map(|name| Curve { name, points: Vec::new() });
    for wanted in [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] {
        let mut hits: Vec<Hit> = Vec::new();
        let samples = interleave(
            effort.of(ROUNDS, 1),
            [
                Box::new(|| {
                    let world = world.borrow();
                    let now = world.now();
                    world.ask_some(ASKED, |at| {
                        index.nearest(at, 50_000, wanted, now, |_, _| true, &mut hits);
                        hits.len()
                    })
                }) as Turn<'_>,
                Box::new(|| world.borrow().ask_some(ASKED, |at| kd.nearest_of(at, wanted, 1e9))),
            ],
        );
        let microseconds = samples.map(|samples| samples.map(|rate| 1e6 / rate));
        add(&mut curves, wanted as f64, microseconds);
    }
    Plot {
        file: "wanted.svg",
        title: "What a query takes, by how many it wants, at 500,000 drivers",
        legend: SeriesLabelPosition::UpperLeft,
        x: Axis { what: "k", is_log: true },
        y: Axis { what: "microseconds", is_log: true },
        curves: curves.into(),
    }
}

/// Pings a second on several threads, against one.
pub(crate) fn threads(effort: &Effort) -> Plot {
    const MOST: usize = 4;
    let world = RefCell::new(world(effort.of(500_000, 5_000), effort));
    let own: [_; MOST] = std::array::from_fn(|_| self::index(&world.borrow()));
    let maps: [_; MOST] = std::array::from_fn(|_| dash_map(&world.borrow()));
    let names = [
        "one DriverIndex",
        "a DriverIndex each (the machine)",
        "one DashMap",
        "a DashMap each (the machine)",
    ];
    let mut curves = names.map(|name| Curve { name, points: Vec::new() });
    let turns = |threads: usize| -> [Turn<'_>; 4] {
        let (world, own, maps) = (&world, &own, &maps);
        [
            Box::new(move || spread(world, threads, |_, batch| take(&own[0], batch))),
            Box::new(move || spread(world, threads, |who, batch| take(&own[who], batch))),
            Box::new(move || spread(world, threads, |_, batch| insert_all(&maps[0], batch))),
            Box::new(move || spread(world, threads, |who, batch| insert_all(&maps[who], batch))),
        ]
    };
    for count in 1..=MOST {
        let [one, each, map, map_each] = turns(count);
        let [one_alone, _, map_alone, _] = turns(1);
        let [one, each, map, map_each, alone, map_alone] =
            interleave(effort.of(ROUNDS, 1), [one, each, map, map_each, one_alone, map_alone]);
        let samples =
            [one.over(&alone), each.over(&alone), map.over(&map_alone), map_each.over(&map_alone)];
        add(&mut curves, count as f64, samples);
    }
    Plot {
        file: "threads.svg",
        title: "Pings taken on several threads, over those on one (two cores)",
        legend: SeriesLabelPosition::UpperLeft,
        x: Axis { what: "threads", is_log: false },
        y: Axis { what: "times one thread", is_log: false },
        curves: curves.into(),
    }
}

/// One thread that sends pings and asks, by what part of it are questions.
pub(crate) fn mix(effort: &Effort) -> Plot {
    let world = RefCell::new(world(effort.of(500_000, 5_000), effort));
    let (index, _, mut kd) = all(&world);
    pings(&world, 1, |batch| kd.take(batch));
    let mut curves = ["DriverIndex", "kiddo", "DriverIndex: the two costs added up"]
        .map(|name| Curve { name, points: Vec::new() });
    let mut hits: Vec<Hit> = Vec::new();
    let (kd, hits) = (RefCell::new(kd), RefCell::new(&mut hits));
    let ours = |pings_an_ask: usize| {
        mixed(
            &world,
            pings_an_ask,
            |batch| take(&index, batch),
            |at, now| {
                index.nearest(at, RADIUS_M, K, now, |_, _| true, &mut hits.borrow_mut());
            },
        )
    };
    for pings_an_ask in [100_000, 10_000, 1_000, 100, 30, 10, 3, 1] {
        let samples = interleave(
            effort.of(ROUNDS, 1),
            [
                Box::new(|| ours(pings_an_ask)) as Turn<'_>,
                Box::new(|| {
                    mixed(
                        &world,
                        pings_an_ask,
                        |batch| kd.borrow_mut().take(batch),
                        |at, _| {
                            black_box(kd.borrow().nearest(at));
                        },
                    )
                }),
                Box::new(|| {
                    let ping_s = 1.0 / pings(&world, 1, |batch| take(&index, batch));
                    let world = world.borrow();
                    let now = world.now();
                    let ask_s = 1.0
                        / world.ask_some(ASKED, |at| {
                            let hits = &mut hits.borrow_mut();
                            index.nearest(at, RADIUS_M, K, now, |_, _| true, hits);
                            hits.len()
                        });
                    (pings_an_ask + 1) as f64 / (pings_an_ask as f64 * ping_s + ask_s)
                }),
            ],
        );
        let part = 100.0 / (pings_an_ask + 1) as f64;
        add(&mut curves, part, samples.map(|samples| samples.map(|rate| rate / 1e6)));
    }
    Plot {
        file: "mix.svg",
        title: "Pings and questions for the nearest 20 on one core, at 500,000 drivers",
        legend: SeriesLabelPosition::UpperRight,
        x: Axis { what: "questions, per cent of all", is_log: true },
        y: Axis { what: "million operations a second", is_log: true },
        curves: curves.into(),
    }
}

/// So many pings and then a question, again and again; operations a second.
fn mixed(
    world: &RefCell<World>,
    pings_an_ask: usize,
    mut take: impl FnMut(&[Ping]),
    mut ask: impl FnMut(LatLng, Timestamp),
) -> f64 {
    world.borrow_mut().later();
    let world = world.borrow();
    // Half a second of the slowest.
    let (now, most) = (world.now(), (pings_an_ask * ASKED).min(world.pings.len() / 4));
    let began = Instant::now();
    let mut operations = 0;
    for (part, at) in world.pings[..most].chunks(pings_an_ask).zip(world.asked.iter().cycle()) {
        part.chunks(BATCH).for_each(&mut take);
        ask(*at, now);
        operations += part.len() + 1;
    }
    operations as f64 / began.elapsed().as_secs_f64()
}

fn take(index: &DriverIndex, batch: &[Ping]) {
    index.record_batch(batch, |_, _| ());
}

fn counts(effort: &Effort) -> Vec<usize> {
    let full = vec![1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 500_000, 1_000_000, 2_000_000];
    effort.of(full, vec![1_000, 10_000])
}

fn world(drivers: usize, effort: &Effort) -> World {
    World::cities(drivers, effort.of(1_000_000.max(drivers), 20_000))
}

fn all(world: &RefCell<World>) -> (DriverIndex, Map, Kd) {
    let world = world.borrow();
    (index(&world), dash_map(&world), Kd::new(&world))
}

fn add<const N: usize>(curves: &mut [Curve; N], x: f64, samples: [Samples; N]) {
    for (curve, samples) in curves.iter_mut().zip(samples) {
        curve.points.push((x, samples));
    }
}
