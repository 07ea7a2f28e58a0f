//! What the driver index takes from the heap.
//!
//! One test in a process of its own: the allocator counts for all threads.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that goes wrong is to end"
)]

use std::alloc::System;

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::{Config, DriverIndex, Fix, Ping};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DRIVERS: u32 = 50_000;

/// A city as full as a large one of the design, each driver some 40 m on in each round.
fn pings(round: u32) -> Vec<Ping> {
    let now = Timestamp::from_secs(1_700_000_000 + i64::from(round) * 5);
    let part = |driver: u32, step: f64| (f64::from(driver) * step).fract() * 0.5;
    (0..DRIVERS)
        .map(|driver| {
            let lat = 4.5 + part(driver, 0.754_877_666) + f64::from(round % 2) * 0.000_36;
            let position = LatLng::new(lat, -75.7 + part(driver, 0.569_840_291)).unwrap();
            Ping::new(DriverId::from(driver), Fix::new(position, now))
        })
        .collect()
}

#[test]
fn a_driver_takes_at_most_100_bytes_and_a_steady_state_takes_none() {
    let rounds: Vec<_> = (0..6).map(pings).collect();
    let begin = Region::new(HEAP);
    let config = Config { stale_after: Span::from_hours(1), ..Config::default() };
    let index: DriverIndex = DriverIndex::new(config).unwrap();
    for round in &rounds[..4] {
        index.record_batch(round, |_, _| ());
    }
    let change = begin.change();
    let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    let a_driver = held / DRIVERS as usize;
    assert!((32..=100).contains(&a_driver), "{a_driver} bytes a driver");

    let mut hits = Vec::with_capacity(1_000);
    let steady = Region::new(HEAP);
    for round in &rounds[4..] {
        index.record_batch(round, |_, _| ());
        let now = round[0].fix.taken_at;
        for ping in round.iter().step_by(100) {
            let centre = ping.fix.position;
            index.nearest(centre, 5_000, 20, now, |_, _| true, &mut hits);
            assert_eq!(hits.len(), 20);
            index.within(centre, 1_000, now, |_, _| true, &mut hits);
        }
    }
    assert_eq!(steady.change().allocations, 0);
}
