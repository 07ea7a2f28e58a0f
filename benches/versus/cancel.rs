//! Whether the cancel button of an order shows, by random order id over 60,000 live orders.
//!
//! The floor is a bare `DashMap` from order to stamp, of which the stamp is got and not compared:
//! as one comes by it (`DashMap::new()`, with the standard library's keyed hash), and with a fast
//! hash (`rustc-hash`), which is about what the board uses itself. The peer is Redis on the loopback
//! with 1,000 `GET`s a pipeline, whose replies are counted and not parsed.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use doorstep::core::cancel::Board;
use doorstep::core::id::{IdGenerator, OrderId, ShardId};
use doorstep::core::time::{Span, Timestamp};
use rustc_hash::FxBuildHasher;

use super::redis::{Redis, request};
use super::report::Report;
use super::rounds::{Samples, Turn, interleave};
use crate::Effort;

const LIVE: usize = 60_000;
const NOON: Timestamp = Timestamp::from_secs(1_768_480_000);
/// The writer beside keeps the same pace whatever it writes into, some hundred times that of the
/// busiest platform: else the slower map would look better, because it is written to less.
const BETWEEN_WRITES: Duration = Duration::from_micros(1);
/// Requests that are sent to Redis before the first reply is waited for.
const PIPELINE: usize = 1_000;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let live = Live::new(effort.of(1 << 20, 1 << 16));
    let [board, default, fast] = checks(&live, effort, None);
    report.cost(
        "cancel/check_vs_dashmap_get",
        per_s_to_cost(&board, &default),
        "a bare DashMap::new() get of the same keys",
    );
    report.cost(
        "cancel/check_vs_dashmap_fx_get",
        per_s_to_cost(&board, &fast),
        "the same map with rustc-hash",
    );
    report.figure("cancel/check_ns", board.map(|rate| 1e9 / rate), "ns", "one check, one thread");
    let stop = AtomicBool::new(false);
    let [beside, default, fast] = checks(&live, effort, Some(&stop));
    let what = "both beside a writer on the other core, a million writes a second";
    report.cost(
        "cancel/check_beside_writer_vs_dashmap_get",
        per_s_to_cost(&beside, &default),
        what,
    );
    report.cost(
        "cancel/check_beside_writer_vs_dashmap_fx_get",
        per_s_to_cost(&beside, &fast),
        "the same map with rustc-hash",
    );
    report.figure("cancel/check_beside_writer_ns", beside.map(|rate| 1e9 / rate), "ns", what);
    match Redis::start() {
        Ok(redis) => vs_redis(&live, redis, effort, report),
        Err(why) => report.skip(format!("cancel/check_vs_redis_get: {why}")),
    }
}

fn per_s_to_cost(ours: &Samples, theirs: &Samples) -> Samples {
    theirs.over(ours)
}

/// The orders that are live, and a random order of asking for them.
struct Live {
    orders: Vec<(OrderId, Timestamp)>,
    asked: Vec<OrderId>,
}

impl Live {
    fn new(questions: usize) -> Self {
        let mut ids = IdGenerator::new(ShardId::default());
        let orders: Vec<_> = (0..LIVE as u64)
            .map(|number| {
                // As the shard gives them out, at 20 orders a second; a third of them are late.
                let opened = NOON.saturating_add(Span::from_millis(number * 50));
                let (id, next) = ids.next(opened);
                ids = next;
                let shows = if number % 3 == 0 { NOON } else { Timestamp::NEVER };
                (OrderId::truncating(id), shows)
            })
            .collect();
        let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
        let asked = (0..questions).map(|_| orders[draw_below(&mut draw, LIVE)].0).collect();
        Self { orders, asked }
    }

    fn board(&self) -> Board {
        // As the views make it: what bounds it is their own capacity.
        let board = Board::with_capacity(usize::MAX);
        for &(order, shows) in &self.orders {
            board.publish(order, shows).expect("there is room");
        }
        board
    }

    fn map<S: BuildHasher + Clone>(&self, hasher: S) -> DashMap<OrderId, Timestamp, S> {
        let map = DashMap::with_hasher(hasher);
        for &(order, shows) in &self.orders {
            map.insert(order, shows);
        }
        map
    }

    /// Asks everything once; how many a second.
    fn ask_all(&self, mut ask: impl FnMut(&OrderId) -> bool) -> f64 {
        let began = Instant::now();
        let shown = self.asked.iter().filter(|order| ask(order)).count();
        black_box(shown);
        self.asked.len() as f64 / began.elapsed().as_secs_f64()
    }

    /// Asks everything while `write` is called on another thread, at its pace.
    fn ask_beside(
        &self,
        stop: Option<&AtomicBool>,
        write: impl Fn(OrderId, Timestamp) + Sync,
        ask: impl FnMut(&OrderId) -> bool,
    ) -> f64 {
        let Some(stop) = stop else { return self.ask_all(ask) };
        stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut draw, mut next) = (7, Instant::now());
                while !stop.load(Ordering::Relaxed) {
                    let (order, shows) = self.orders[draw_below(&mut draw, LIVE)];
                    write(order, shows);
                    next += BETWEEN_WRITES;
                    while Instant::now() < next {
                        std::hint::spin_loop();
                    }
                }
            });
            let rate = self.ask_all(ask);
            stop.store(true, Ordering::Relaxed);
            rate
        })
    }
}

/// The board and the two maps, checks a second each; beside a writer, if it can be stopped.
fn checks(live: &Live, effort: &Effort, stop: Option<&AtomicBool>) -> [Samples; 3] {
    let board = live.board();
    let check: Turn<'_> = Box::new(|| {
        let publish = |order, shows| board.publish(order, shows).expect("it is on it");
        live.ask_beside(stop, publish, |order| board.may_cancel(order, NOON))
    });
    let (default, fast) = (live.map(std::hash::RandomState::new()), live.map(FxBuildHasher));
    interleave(effort.of(15, 1), [check, get(live, &default, stop), get(live, &fast, stop)])
}

fn get<'a, S: BuildHasher + Clone + Sync>(
    live: &'a Live,
    map: &'a DashMap<OrderId, Timestamp, S>,
    stop: Option<&'a AtomicBool>,
) -> Turn<'a> {
    Box::new(move || {
        let insert = |order, shows| {
            map.insert(order, shows);
        };
        live.ask_beside(stop, insert, |order| black_box(map.get(order).map(|at| *at)).is_some())
    })
}

fn vs_redis(live: &Live, mut redis: Redis, effort: &Effort, report: &mut Report) {
    let key = |order: &OrderId| format!("cancel:{}", order.get());
    let mut heard = Vec::new();
    for orders in live.orders.chunks(PIPELINE) {
        let mut sets = Vec::new();
        for (order, shows) in orders {
            request(&mut sets, &["SET", &key(order), &shows.as_millis().to_string()]);
        }
        redis.pipeline(&sets, orders.len(), &mut heard);
    }
    let asked = &live.asked[..effort.of(200_000, 10_000)];
    let pipelines: Vec<(Vec<u8>, usize)> = asked
        .chunks(PIPELINE)
        .map(|orders| {
            let mut gets = Vec::new();
            orders.iter().for_each(|order| request(&mut gets, &["GET", &key(order)]));
            (gets, orders.len())
        })
        .collect();
    let board = live.board();
    let ours: Turn<'_> = Box::new(|| live.ask_all(|order| board.may_cancel(order, NOON)));
    let theirs: Turn<'_> = Box::new(|| {
        let began = Instant::now();
        for (gets, count) in &pipelines {
            redis.pipeline(gets, *count, &mut heard);
        }
        asked.len() as f64 / began.elapsed().as_secs_f64()
    });
    let [ours, theirs] = interleave(effort.rounds(), [ours, theirs]);
    let what = format!("Redis GET, {PIPELINE} a pipeline");
    report.ratio("cancel/check_vs_redis_get", ours.over(&theirs), &*what);
    report.figure("cancel/redis_get_per_s", theirs, "1/s", what);
}

/// A number below `most`, by splitmix64.
fn draw_below(state: &mut u64, most: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (((u128::from(mixed ^ (mixed >> 31))) * most as u128) >> 64) as usize
}
