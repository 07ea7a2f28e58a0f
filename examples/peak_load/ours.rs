//! What comes from the company's own machines, through the library's client: pings and checks.

use std::thread;
use std::time::{Duration, Instant};

use doorstep_core::id::SaleId;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, Offering, SaleAct};
use doorstep_geo_index::{Fix, Ping};
use doorstep_runtime::client::Client;
use doorstep_runtime::threads::Clock;

use crate::load::Fallible;
use crate::load::city::{City, OnTheWay, RESTAURANTS, driver, item, restaurant, wall};
use crate::load::pace::Tally;
use crate::rates::{Rates, UNITS};

/// Batches a second: a gateway hands on what came within 10 ms.
const BATCHES_PER_S: u64 = 100;

/// What was done in this process.
pub(crate) struct Own {
    pub(crate) pings: Tally,
    pub(crate) checks: Tally,
}

/// Hears of every driver once.
pub(crate) fn place_drivers(city: &City, rates: &Rates) -> Fallible {
    let numbers: Vec<u64> = (1..=rates.drivers).collect();
    for some in numbers.chunks(1_000) {
        let pings: Fallible<Vec<Ping>> = some.iter().map(|n| ping(city, *n, 0)).collect();
        city.client.record_pings(&pings?, |_, _| {});
    }
    Ok(())
}

/// A driver's position in a turn: they are spread over a country, and move 40 m a ping.
fn ping(city: &City, number: u64, turn: u64) -> Fallible<Ping> {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = |bits: u64| (bits % 1_000_000) as f64 / 1_000_000.0;
    let (lat, lng) = (6.0 + 4.0 * part(mixed >> 8), -74.0 + 4.0 * part(mixed >> 32));
    let on = (turn % 100) as f64 * 0.00036;
    Ok(Ping::new(driver(number), Fix::new(LatLng::new(lat + on, lng)?, city.clock.now())))
}

/// A sale without a waiting room: whoever comes first.
pub(crate) fn open_sale(city: &mut City) -> Fallible<SaleId> {
    let sale = SaleId::truncating(1);
    // The last shop's, from which nobody else orders meanwhile.
    let offering = Offering {
        restaurant: restaurant(RESTAURANTS),
        item: item(),
        stock: UNITS,
        opens_at: city.clock.now(),
        crowd: None,
    };
    city.do_all([Ok(Command::Sale { sale, act: SaleAct::Open(offering) })])?;
    Ok(sale)
}

/// Pings and checks at their pace, on a thread each, until it is over.
pub(crate) fn drive(
    city: &City,
    live: &[OnTheWay],
    rates: &Rates,
    from: Duration,
    lasts: Duration,
) -> Own {
    let start = Instant::now() + from.saturating_sub(wall());
    thread::scope(|scope| {
        let pings = scope.spawn(|| {
            let (each, mut next, mut turn) = (per_batch(rates.pings), 0, 1);
            at_pace(start, lasts, each, |count| {
                let mut pings = Vec::with_capacity(count as usize);
                for _ in 0..count {
                    next += 1;
                    if next > rates.drivers {
                        (next, turn) = (1, turn + 1);
                    }
                    pings.extend(ping(city, next, turn).ok());
                }
                let mut taken = 0;
                city.client.record_pings(&pings, |_, verdict| {
                    use doorstep_geo_index::Verdict as V;
                    taken += u64::from(matches!(verdict, V::Inserted | V::Moved | V::Refreshed));
                });
                taken
            })
        });
        let checks = scope.spawn(|| {
            let each = per_batch((rates.checks - rates.polls).max(1.0));
            let mut draw = 7_u64;
            at_pace(start, lasts, each, |count| {
                check(&city.client, live, count, &mut draw, city.clock.now());
                count
            })
        });
        let done = |thread: thread::ScopedJoinHandle<'_, Tally>| thread.join().unwrap_or_default();
        Own { pings: done(pings), checks: done(checks) }
    })
}

fn per_batch(per_s: f64) -> u64 {
    (per_s / BATCHES_PER_S as f64).ceil() as u64
}

fn check(
    client: &Client,
    live: &[OnTheWay],
    count: u64,
    draw: &mut u64,
    now: doorstep_core::time::Timestamp,
) {
    let mut shown = 0_u64;
    for _ in 0..count {
        *draw =
            draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let one = live[(*draw >> 33) as usize % live.len()];
        shown += u64::from(client.may_cancel(one.order, now));
    }
    std::hint::black_box(shown);
}

/// A batch whenever one is due; each wait is one batch's, from when it was due to its end.
fn at_pace(start: Instant, lasts: Duration, each: u64, mut batch: impl FnMut(u64) -> u64) -> Tally {
    let batches = lasts.as_secs() * BATCHES_PER_S;
    let mut tally = Tally { due: batches * each, ..Tally::default() };
    let mut good = 0;
    for number in 0..batches {
        let due = start + Duration::from_secs(1) * number as u32 / BATCHES_PER_S as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        good += batch(each);
        tally.note(200, due.elapsed());
    }
    tally.answers.insert(200, good);
    tally.taken_s = start.elapsed().as_secs_f64();
    tally.sort()
}
