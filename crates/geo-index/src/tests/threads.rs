//! Writers and readers at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::reference::ReferenceIndex;

const WRITERS: u32 = 4;
const DRIVERS: u32 = 300;
const ROUNDS: u64 = 60;

fn where_at(driver: u32, round: u64) -> LatLng {
    // Slow enough for every pair of fixes to be plausible, fast enough to change cells.
    let east = (f64::from(driver) * 0.37).fract() * 0.05 + round as f64 * 0.003;
    at(4.8 + (f64::from(driver) * 0.61).fract() * 0.05, -75.7 + east)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "threads are what is tested")]
fn writers_and_readers_at_once_leave_what_the_newest_pings_say() {
    let config = Config { stripes: 3, stale_after: Span::from_hours(1), ..Config::default() };
    let index = index(config);
    let done = AtomicBool::new(false);
    let now = secs(ROUNDS * 10);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let index = &index;
                // All write all drivers; each has every fourth round, so they race out of order.
                scope.spawn(move || {
                    for round in
                        (0..ROUNDS).filter(|round| round % u64::from(WRITERS) == u64::from(writer))
                    {
                        let pings: Vec<_> = (0..DRIVERS)
                            .map(|driver| ping(driver, where_at(driver, round), secs(round * 10)))
                            .collect();
                        index.record_batch(&pings, |_, _| ());
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                let mut hits = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    index.nearest(at(4.82, -75.65), 20_000, 400, now, |_, _| true, &mut hits);
                    let mut drivers: Vec<_> = hits.iter().map(|hit| hit.driver).collect();
                    drivers.sort_unstable();
                    drivers.dedup();
                    assert_eq!(drivers.len(), hits.len(), "a driver is in one place at a time");
                    assert!(hits.is_sorted_by_key(Hit::rank));
                    for hit in &hits {
                        let round = hit.fix.taken_at.saturating_since(NOON).as_secs() / 10;
                        assert_eq!(hit.fix.position, where_at(hit.driver, round));
                    }
                    index.evict_stale(now);
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });

    let mut reference = ReferenceIndex::new(config).unwrap();
    for driver in 0..DRIVERS {
        reference.record(&ping(driver, where_at(driver, ROUNDS - 1), secs((ROUNDS - 1) * 10)));
        assert_eq!(index.get(&driver), reference.get(&driver));
    }
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    index.within(at(4.82, -75.65), 20_000, now, |_, _| true, &mut found);
    reference.within(at(4.82, -75.65), 20_000, now, |_, _| true, &mut expected);
    assert_eq!(found, expected);
    assert_eq!(index.len(), DRIVERS as usize);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "threads are what is tested")]
fn threads_that_insert_at_once_do_not_overfill_the_index() {
    let index = index(Config { drivers_max: 500, stripes: 7, ..Config::default() });
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let index = &index;
            scope.spawn(move || {
                for driver in 0..DRIVERS {
                    index.record(&ping(writer * DRIVERS + driver, at(0.0, 0.0), secs(0)));
                }
            });
        }
    });
    assert_eq!((index.len(), index.tally().inserted), (500, 500));
    assert_eq!(index.tally().full, u64::from(WRITERS * DRIVERS) - 500);
}

#[test]
fn an_index_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<DriverIndex>();
}
