//! Units of a flash sale held by people who have none yet; there is always one left.
//!
//! Ours is the form that threads share, asked by one thread. The peer is Redis on the loopback: one
//! script a hold that writes the person into a set and takes the unit from the stock, 1,000
//! `EVALSHA`s a pipeline, nothing persisted. Ours is measured twice: claims alone, and with its
//! journal drained after every thousand, which is what a service would store before it answers.

use std::hint::black_box;
use std::time::Instant;

use doorstep::core::flash_sale::shared::{Claimed, Config, Refusal};
use doorstep::core::flash_sale::{Rules, Sale, SharedSale};
use doorstep::core::time::Timestamp;

use super::redis::{Redis, request};
use super::report::Report;
use super::rounds::{Turn, interleave};
use crate::Effort;

const NOON: Timestamp = Timestamp::from_secs(1_768_480_000);
/// Requests that are sent to Redis before the first reply is waited for; also claims between two
/// drains.
const PIPELINE: usize = 1_000;
/// Units of the sale that has sold out.
const SOLD: usize = 1_000;
/// A person who is in the set has a unit already (2). Else they are written into it and a unit is
/// taken (1), which is undone where there is none (0).
const SCRIPT: &str = "if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return 2 end \
    if redis.call('DECR', KEYS[1]) < 0 then \
    redis.call('INCR', KEYS[1]) redis.call('SREM', KEYS[2], ARGV[1]) return 0 end \
    return 1";

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let people = people(effort.of(200_000, 2_000));
    match Redis::start() {
        Ok(redis) => vs_redis(&people, redis, effort, report),
        Err(why) => report.skip(format!("sale/hold_vs_redis_lua: {why}")),
    }
    let claims: Turn<'_> = Box::new(|| hold_all(&people));
    let drained: Turn<'_> = Box::new(|| hold_and_drain_all(&people));
    let [claims, drained] = interleave(effort.of(15, 1), [claims, drained]);
    let what = "holds by distinct people, one thread";
    report.figure("sale/holds_per_s", claims.clone(), "1/s", what);
    report.figure("sale/hold_ns", claims.map(|rate| 1e9 / rate), "ns", "the same");
    let what = format!("the same, its journal drained every {PIPELINE}");
    report.figure("sale/holds_drained_per_s", drained, "1/s", what);
    let [sold_out] = interleave(effort.of(15, 1), [Box::new(|| told_sold_out(&people))]);
    let what = "\"sold out\" to whoever never had a unit, one thread";
    report.figure("sale/sold_out_ns", sold_out, "ns", what);
}

/// People's numbers, scattered like ids that a service gives out at random.
fn people(count: usize) -> Vec<u64> {
    (1..=count as u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect()
}

/// A sale that has a unit for everybody, and as many again.
fn opened(units: usize) -> SharedSale<u64> {
    let stock = u32::try_from(2 * units).expect("it fits");
    let stored = Sale::new(Rules::new(stock, NOON).expect("they are sound"));
    SharedSale::open(&stored, Config::default()).expect("it can be shared")
}

/// Everybody gets a unit; how many a second.
fn hold_all(people: &[u64]) -> f64 {
    let sale = opened(people.len());
    let began = Instant::now();
    for &person in people {
        hold(&sale, person);
    }
    let taken = began.elapsed();
    let held = sale.drain().len();
    assert_eq!(held, people.len(), "each person has one unit");
    people.len() as f64 / taken.as_secs_f64()
}

fn hold_and_drain_all(people: &[u64]) -> f64 {
    let sale = opened(people.len());
    let (began, mut written) = (Instant::now(), 0);
    for some in people.chunks(PIPELINE) {
        for &person in some {
            hold(&sale, person);
        }
        written += black_box(sale.drain()).len();
    }
    let taken = began.elapsed();
    assert_eq!(written, people.len(), "each hold is written down");
    people.len() as f64 / taken.as_secs_f64()
}

fn hold(sale: &SharedSale<u64>, person: u64) {
    let claimed = sale.claim(person, 1, NOON).expect("there are units left");
    assert!(matches!(black_box(claimed), Claimed::Held { .. }));
}

/// Everybody is told that nothing is left; how long that takes.
fn told_sold_out(people: &[u64]) -> f64 {
    let stored = Sale::new(Rules::new(SOLD as u32, NOON).expect("they are sound"));
    let sale = SharedSale::open(&stored, Config::default()).expect("it can be shared");
    for buyer in 1..=SOLD as u64 {
        let Ok(Claimed::Held { hold, .. }) = sale.claim(buyer, 1, NOON) else {
            panic!("there are units left")
        };
        sale.pay(&buyer, hold, NOON).expect("it is held");
    }
    let began = Instant::now();
    let told = people.iter().filter(|&&who| sale.claim(who, 1, NOON) == Err(Refusal::SoldOut));
    let told = told.count();
    let taken = began.elapsed();
    assert!(told + SOLD >= people.len(), "nothing is left for anybody else");
    taken.as_secs_f64() * 1e9 / people.len() as f64
}

fn vs_redis(people: &[u64], mut redis: Redis, effort: &Effort, report: &mut Report) {
    let mut heard = Vec::new();
    let mut load = Vec::new();
    request(&mut load, &["SCRIPT", "LOAD", SCRIPT]);
    redis.pipeline(&load, 1, &mut heard);
    let digest = std::str::from_utf8(&heard[5..45]).expect("forty hexadecimal digits").to_owned();
    let pipelines: Vec<(Vec<u8>, usize)> = people
        .chunks(PIPELINE)
        .map(|some| {
            let mut holds = Vec::new();
            for person in some {
                let words = ["EVALSHA", &digest, "2", "stock", "held", &person.to_string()];
                request(&mut holds, &words);
            }
            (holds, some.len())
        })
        .collect();
    let mut fresh = Vec::new();
    request(&mut fresh, &["FLUSHALL"]);
    request(&mut fresh, &["SET", "stock", &(2 * people.len()).to_string()]);
    let ours: Turn<'_> = Box::new(|| hold_all(people));
    let theirs: Turn<'_> = Box::new(|| {
        redis.pipeline(&fresh, 2, &mut heard);
        let began = Instant::now();
        for (holds, count) in &pipelines {
            redis.pipeline(holds, *count, &mut heard);
            assert!(heard.len() == 4 * count && heard.ends_with(b":1\r\n"), "not everybody held");
        }
        people.len() as f64 / began.elapsed().as_secs_f64()
    });
    let [ours, theirs] = interleave(effort.rounds(), [ours, theirs]);
    let what = format!("a Redis script: set and stock, {PIPELINE} EVALSHA a pipeline");
    report.ratio("sale/hold_vs_redis_lua", ours.over(&theirs), &*what);
    report.figure("sale/redis_lua_per_s", theirs, "1/s", what);
}
