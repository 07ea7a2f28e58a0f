#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use serde_json::{Value, json};

use super::*;

const START: i64 = 1_700_000_000_000;

/// The events of one order's way through the log, up to its end, with the seconds at which they
/// come after the click. Drivers are left out: the report asks the orders alone.
fn auditor(orders: &[&[(i64, Value)]]) -> Auditor {
    let mut auditor = Auditor::new(1);
    auditor.entry(0, br#"{"claim":{"format":1,"epoch":1,"writer":"w"}}"#);
    let mut position = 0;
    for (number, steps) in (0_u32..).zip(orders) {
        let order = doorstep_core::id::OrderId::from(number);
        for (second, event) in *steps {
            let at = START + second * 1_000;
            let wrapped = match event.get("opened").or(event.get("hold_refused")) {
                Some(_) if event.get("opened").is_some() => {
                    json!({"checkout": {"order": order, "event": event}})
                }
                Some(_) => json!({"checkout": {"order": order, "event": {"payment": event}}}),
                None if event.get("held").is_some() => {
                    json!({"checkout": {"order": order, "event": {"payment": event}}})
                }
                None => json!({"order": {"order": order, "event": event}}),
            };
            let batch =
                json!({"epoch": 1, "writer": "w", "seq": position, "at": at, "events": [wrapped]});
            position += 1;
            auditor.entry(position, json!({ "batch": batch }).to_string().as_bytes());
        }
    }
    auditor
}

fn opened() -> Value {
    let quote = json!({"distance_m": 900, "total": {"minor": 100, "currency": "EUR"}});
    json!({"opened": {"intent": {"promised": START + 600_000, "quote": quote}, "until": 0}})
}

fn placed() -> Vec<(i64, Value)> {
    vec![
        (0, opened()),
        (1, json!({"held": {"until": 0}})),
        (1, json!({"placed": {"respond_by": 0}})),
    ]
}

fn cancelled(ground: &str) -> Value {
    let fee = json!({"minor": 0, "currency": "EUR"});
    json!({"cancelled": {"by": "customer", "ground": ground, "fee": fee}})
}

fn delivered(at_door_s: i64) -> Vec<(i64, Value)> {
    let driver = "drv_0000000000001";
    let accepted = json!({"kitchen": "cooks", "estimate": 0, "give_up_at": 0, "pick_up_by": 0});
    let mut steps = placed();
    steps.extend([
        (60, json!({ "accepted": accepted })),
        (300, json!({"made_ready": {}})),
        (420, json!({"picked_up": {"driver": driver, "lost_at": 0}})),
        (at_door_s, json!({"arrived_at_doorstep": {"driver": driver, "leave_at": 0}})),
        (at_door_s + 60, json!({"delivered": {"driver": driver}})),
    ]);
    steps
}

fn summary() -> Summary {
    let with = |end: Value| {
        let mut steps = placed();
        steps.push((30, end));
        steps
    };
    let refused = vec![(0, opened()), (1, json!({"hold_refused": {"why": "declined"}}))];
    let lost = json!({"undelivered": {"by": "platform", "reason": "lost", "returned": false}});
    let stories = [
        delivered(600),
        delivered(601),
        with(cancelled("before_acceptance")),
        with(cancelled("restaurant_rejected")),
        with(cancelled("restaurant_silent")),
        with(lost),
        refused,
    ];
    let stories: Vec<&[(i64, Value)]> = stories.iter().map(Vec::as_slice).collect();
    let counters = Counters {
        title: "A test".into(),
        seed: 7,
        couriers: 3,
        pings: 1_234_567,
        commands: 500,
        driver_online_s: 1_000,
        driver_busy_s: 377,
        metres: 5_001,
        virtual_s: 3_700,
        chaos: BTreeMap::from([("append_lost".into(), 3)]),
        bad_rows: 1,
        log_verified: true,
        wall_ms: 2_000,
        ..Counters::default()
    };
    Summary::new(&auditor(&stories), &counters)
}

#[test]
fn every_placed_order_is_counted_under_exactly_one_end() {
    let summary = summary();
    let Summary { orders_placed, delivered, undelivered, cancelled, rejected, .. } = summary;
    assert_eq!((orders_placed, delivered, undelivered, cancelled, rejected), (6, 2, 1, 1, 2));
    assert_eq!(orders_placed, delivered + undelivered + cancelled + rejected);
    assert_eq!(summary.unfinished, 0);
    assert_eq!(summary.checkouts_refused, BTreeMap::from([("declined".into(), 1)]));
    assert_eq!(summary.cancelled_by_ground.values().sum::<u64>(), 3);
    assert_eq!(summary.undelivered_by_reason, BTreeMap::from([("lost".into(), 1)]));
}

#[test]
fn times_and_shares_come_from_the_log_and_the_counters() {
    let summary = summary();
    assert_eq!(summary.click_to_door_s, Percentiles { p50: 660, p90: 661, p99: 661 });
    assert_eq!(summary.ready_to_pickup_s, Percentiles { p50: 120, p90: 120, p99: 120 });
    assert_eq!(summary.within_promise_permille, 500, "at the door in the promised millisecond");
    assert_eq!(summary.utilisation_permille, 377);
    assert_eq!(summary.metres_per_delivery, 2_500);
    assert_eq!((summary.wall.pings_per_s, summary.wall.commands_per_s), (617_283, 250));
}

#[test]
fn the_json_has_the_fields_that_others_read() {
    let json: Value = serde_json::from_str(&summary().to_json()).unwrap();
    for field in [
        "orders_placed",
        "delivered",
        "undelivered",
        "cancelled",
        "rejected",
        "pings",
        "commands",
        "batches",
        "violations",
        "bad_rows",
        "within_promise_permille",
    ] {
        assert!(json[field].is_u64(), "{field}");
    }
    for field in ["click_to_door_s", "ready_to_pickup_s"] {
        assert!(["p50", "p90", "p99"].iter().all(|p| json[field][p].is_u64()), "{field}");
    }
    assert_eq!(json["log_verified"], true);
    assert_eq!(json["wall"]["seconds"], 2.0);
    assert!(json["invariants"].as_object().unwrap().len() > 30);
}

#[test]
fn percentiles_are_by_nearest_rank() {
    let of = |values: &[u64]| Percentiles::of(&mut values.to_vec());
    assert_eq!(of(&[]), Percentiles::default());
    assert_eq!(of(&[5]), Percentiles { p50: 5, p90: 5, p99: 5 });
    assert_eq!(of(&[30, 10, 20, 40]), Percentiles { p50: 20, p90: 40, p99: 40 });
    let hundred: Vec<u64> = (1..=100).rev().collect();
    assert_eq!(of(&hundred), Percentiles { p50: 50, p90: 90, p99: 99 });
}

#[test]
fn a_person_can_read_it() {
    let text = summary().to_string();
    for line in [
        "A test (seed 7, 1:01:40 h on its clock)",
        "orders placed                                6",
        "    restaurant rejected                      1",
        "click to door                        11:00 min   11:01 min   11:01 min",
        "within the promise                      50.0 %",
        "pings                                1,234,567",
    ] {
        let found = text.lines().any(|found| found == line);
        assert!(found, "{line:?} is not a line of\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
}
