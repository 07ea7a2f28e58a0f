//! What one of the contestants does with a world of drivers, and how fast.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorstep::core::place::LatLng;
use doorstep::core::time::{Span, Timestamp};
use doorstep::geo_index::{Config, DriverIndex, Hit, Ping};

use super::geo_peers::K;
use super::geo_world::{BATCH, RADIUS_M, World};
use super::rounds::Turn;

/// The one configuration of every figure, with everybody of this world in it.
pub(crate) fn index(world: &World) -> DriverIndex {
    let config = Config {
        drivers_max: 2_000_000,
        stale_after: Span::from_hours(24 * 365),
        ..Config::default()
    };
    let index = DriverIndex::new(config).expect("it is one");
    index.record_batch(&world.first, |_, _| ());
    index
}

/// Sends every `part`-th batch's worth of pings, later than all before; pings a second.
pub(crate) fn pings(world: &RefCell<World>, part: usize, mut take: impl FnMut(&[Ping])) -> f64 {
    let mut world = world.borrow_mut();
    world.later();
    let pings = &world.pings[..world.pings.len() / part];
    let began = Instant::now();
    pings.chunks(BATCH).for_each(&mut take);
    pings.len() as f64 / began.elapsed().as_secs_f64()
}

/// The same on several threads, each of which takes its share of the batches and is told which it is.
pub(crate) fn spread(
    world: &RefCell<World>,
    threads: usize,
    take: impl Fn(usize, &[Ping]) + Sync,
) -> f64 {
    world.borrow_mut().later();
    let world = world.borrow();
    let pings: &[Ping] = &world.pings;
    let began = Instant::now();
    thread::scope(|scope| {
        for first in 0..threads {
            let take = &take;
            let batches = pings.chunks(BATCH).skip(first).step_by(threads);
            scope.spawn(move || batches.for_each(|batch| take(first, batch)));
        }
    });
    pings.len() as f64 / began.elapsed().as_secs_f64()
}

/// A writer at full rate while another thread asks something ten thousand times a second.
pub(crate) fn beside(
    world: &RefCell<World>,
    take: impl Fn(usize, &[Ping]) + Sync,
    ask: impl Fn(LatLng, Timestamp, &mut Vec<Hit>) + Sync,
) -> f64 {
    let stop = AtomicBool::new(false);
    let asked = world.borrow().asked.clone();
    let now = world.borrow().next_now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut hits = Vec::new();
            let began = Instant::now();
            for (number, at) in (0_u32..).zip(asked.iter().cycle()) {
                while began.elapsed() < Duration::from_micros(100) * number {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_micros(200));
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                ask(*at, now, &mut hits);
                black_box(&hits);
            }
        });
        let rate = spread(world, 1, take);
        stop.store(true, Ordering::Relaxed);
        rate
    })
}

/// Asks an index for the twenty nearest at every place; questions a second.
pub(crate) fn nearest_turn<'a>(world: &'a RefCell<World>, index: &'a DriverIndex) -> Turn<'a> {
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
