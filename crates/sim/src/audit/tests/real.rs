//! Logs of the real shard: nothing is found in them, and something is once they are tampered with.

use std::collections::BTreeMap;

use super::world::World;
use super::*;

#[test]
fn random_histories_of_the_real_shard_break_nothing() {
    let mut checked: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for (seed, capacity) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 1)] {
        let mut world = World::new(seed, capacity);
        for _ in 0..4_000 {
            world.step(capacity);
        }
        world.rest();
        let fence = world.replica.fence();
        let book: Vec<BookEntry> = world.provider.book.values().copied().collect();
        world.auditor.finish(book);
        assert_eq!(world.auditor.violations(), [], "seed {seed}");
        assert_eq!(world.auditor.counted_batches(), fence.next());
        assert!(fence.epoch() > 5, "claims were fought over: {}", fence.epoch());
        for (name, count) in world.auditor.checks() {
            *checked.entry(name).or_default() += count;
        }
        for facts in world.auditor.orders() {
            let how =
                facts.end.map_or_else(|| format!("{:?}", facts.no_hold), |e| format!("{e:?}"));
            let how = how.split(", ").last().unwrap_or_default().to_owned();
            *ends.entry(how).or_default() += 1;
        }
    }
    // A test that checks nothing, or in which nothing happens, proves nothing.
    for (name, count) in &checked {
        assert!(*count > 20, "{name} was checked {count} times: {checked:?}");
    }
    for how in ["Delivered)", "Undelivered(CustomerAbsent))", "Cancelled(PromiseBroken))"] {
        assert!(ends.get(how).is_some_and(|count| *count > 20), "{how}: {ends:?}");
    }
    assert!(ends.len() >= 10, "{ends:?}");
}

/// What happens to one event of the log behind everybody's back.
fn tampered(
    log: &[Vec<u8>],
    entry: usize,
    event: usize,
    change: fn(&mut Vec<Value>, usize),
) -> Auditor {
    let mut auditor = Auditor::new(1);
    for (at, bytes) in (0_u64..).zip(log) {
        if usize::try_from(at).unwrap() != entry {
            auditor.entry(at, bytes);
            continue;
        }
        let mut record: Value = serde_json::from_slice(bytes).unwrap();
        let events = record["batch"]["events"].as_array_mut().unwrap();
        change(events, event);
        auditor.entry(at, record.to_string().as_bytes());
    }
    auditor
}

fn is_one_of(event: &Value, names: &[&str]) -> bool {
    let (order, dispatch) = (&event["order"]["event"], &event["dispatch"]);
    let sale = &event["sale"]["event"];
    let payment = [&order["payment"], &event["checkout"]["event"]["payment"]];
    names.iter().any(|name| {
        let has = |body: &Value| body == name || body.get(name).is_some();
        has(order) || has(dispatch) || has(sale) || has(event) || payment.into_iter().any(has)
    })
}

/// What need not be missed: a later event may say as much, or none needs it.
const MAY_BE_MISSING: [&str; 15] = [
    "catalog",
    "closed",
    "driver_released",
    "estimate_revised",
    "failed",
    "made_ready",
    "room",
    "preparing_started",
    "search_flagged",
    "departed",
    "arrived_at_doorstep",
    "arrived_at_restaurant",
    "stage_entered",
    "went_offline",
    "went_online",
];

/// What may as well be said twice.
const MAY_BE_DOUBLED: [&str; 4] = ["catalog", "estimate_revised", "stage_entered", "adjusted"];

#[test]
fn an_event_taken_out_of_a_real_log_or_put_in_twice_is_found() {
    let mut world = World::new(9, 1);
    world.faults = false;
    for _ in 0..800 {
        world.step(1);
    }
    world.rest();
    let book: Vec<BookEntry> = world.provider.book.values().copied().collect();
    let (mut removed, mut doubled) = (0, 0);
    for (entry, bytes) in world.log.iter().enumerate() {
        let record: Value = serde_json::from_slice(bytes).unwrap();
        let Some(events) = record["batch"]["events"].as_array() else { continue };
        for (at, event) in events.iter().enumerate() {
            let told_in_vain = event["provider"]["heard"] != "applied";
            let is_told = event.get("provider").is_some();
            if !(is_one_of(event, &MAY_BE_MISSING) || is_told && told_in_vain) {
                let mut auditor = tampered(&world.log, entry, at, |events, at| {
                    events.remove(at);
                });
                auditor.finish(book.iter().copied());
                assert!(auditor.violation_count() > 0, "without {event}");
                removed += 1;
            }
            if !is_one_of(event, &MAY_BE_DOUBLED) {
                let mut auditor = tampered(&world.log, entry, at, |events, at| {
                    events.insert(at, events[at].clone());
                });
                auditor.finish(book.iter().copied());
                assert!(auditor.violation_count() > 0, "twice {event}");
                doubled += 1;
            }
        }
    }
    assert!(removed > 300 && doubled > 300, "{removed}, {doubled}");
}
