//! A small city eats dinner, calm and in chaos, with the auditor watching.

#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a failing test fails")]

#[path = "../examples/dinner_rush/disk.rs"]
mod disk;

use std::collections::BTreeMap;

use doorstep::core::money::Currency;
use doorstep::core::policy::{Method, Policy};
use doorstep_sim::city::{City, CityConfig};
use doorstep_sim::report::{Summary, Wall};
use doorstep_sim::world::{World, WorldConfig};

use disk::OnDisk;

const ORDERS: u32 = 150;

/// One evening, all its people as they are, with this share of chaos in thousandths.
fn evening(seed: u64, chaos: u16) -> Summary {
    evening_of(&CityConfig::new(seed, ORDERS), chaos)
}

fn evening_of(city: &CityConfig, chaos: u16) -> Summary {
    lived(city, chaos, false)
}

fn lived(city: &CityConfig, chaos: u16, on_disk: bool) -> Summary {
    lived_by(Method::default(), city, chaos, on_disk)
}

fn lived_by(method: Method, city: &CityConfig, chaos: u16, on_disk: bool) -> Summary {
    let (seed, day) = (city.seed, City::generate(city));
    let mut policy = Policy::new(Currency::new("COP").unwrap());
    policy.dispatch.method = method;
    let mut config = WorldConfig::new(seed, policy);
    config.impatience = 200;
    config.reject = 15;
    config.shortage = 20;
    config.absent = 5;
    config.chaos = chaos;
    let evening = if on_disk {
        let dir = tempfile::tempdir().unwrap();
        let storage = OnDisk::open(dir.path(), &config, &day).unwrap();
        World::on(config, &day, storage).unwrap().run(|_| {})
    } else {
        World::new(config, &day).run(|_| {})
    };
    for violation in evening.auditor.violations() {
        eprintln!("seed {seed}, chaos {chaos}: {violation:?}");
    }
    let counters = evening.counters("a generated city".to_owned(), seed, &day);
    Summary { wall: Wall::default(), ..Summary::new(&evening.auditor, &counters) }
}

/// That every wish came to an end, and that nothing was wrong with any of it.
fn check(summary: &Summary) {
    let why = summary.to_json();
    let ended = [summary.delivered, summary.undelivered, summary.cancelled, summary.rejected];
    let refused = [&summary.checkouts_refused, &summary.wishes_refused];
    let refused: u64 = refused.into_iter().flat_map(BTreeMap::values).sum();
    assert_eq!(summary.violations, 0, "{why}");
    assert_eq!(summary.unfinished, 0, "{why}");
    assert!(summary.log_verified, "{why}");
    assert_eq!(ended.iter().sum::<u64>(), summary.orders_placed, "{why}");
    assert_eq!(summary.orders_placed + refused, u64::from(ORDERS), "{why}");
    assert!(summary.delivered > summary.orders_placed * 8 / 10, "{why}");
}

#[test]
fn in_a_calm_city_every_order_ends_and_every_invariant_holds() {
    for seed in 1..=3 {
        let summary = evening(seed, 0);
        check(&summary);
        assert!(summary.chaos.get("process crashes").is_none_or(|crashes| *crashes == 0));
    }
}

#[test]
fn with_two_in_a_hundred_calls_going_wrong_every_order_ends_and_every_invariant_holds() {
    for seed in 1..=3 {
        check(&evening(seed, 20));
    }
}

#[test]
fn with_ten_in_a_hundred_calls_going_wrong_every_order_ends_and_every_invariant_holds() {
    for seed in 1..=2 {
        let summary = evening(seed, 100);
        check(&summary);
        for fault in ["process crashes", "process pauses", "log appends lost", "commands retried"] {
            assert!(summary.chaos[fault] > 0, "{fault} never happened: {:?}", summary.chaos);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_evening() {
    for chaos in [0, 50] {
        assert_eq!(evening(7, chaos).to_json(), evening(7, chaos).to_json());
    }
    assert_ne!(evening(7, 0).to_json(), evening(8, 0).to_json());
}

#[test]
fn every_invariant_was_really_checked() {
    // Promises that are soon broken: people cancel, in every phase.
    let hasty = CityConfig { promise_s: 12 * 60, ..CityConfig::new(4, ORDERS) };
    let summary = evening_of(&hasty, 50);
    assert_eq!((summary.violations, summary.unfinished), (0, 0), "{}", summary.to_json());
    assert!(summary.log_verified && summary.cancelled > 10, "{}", summary.to_json());
    // Nothing is on sale that evening, and the provider speaks only when it is asked: what must hold
    // then is checked by the auditor's own tests.
    let elsewhere = ["hold_ends_once", "noticed_once", "provider_once"];
    let never: Vec<_> = (summary.invariants.iter())
        .filter(|(name, count)| **count == 0 && !elsewhere.iter().any(|other| other == name))
        .filter(|(name, _)| !name.starts_with("sale_"))
        .collect();
    assert!(never.is_empty() && summary.invariants.len() >= 20, "never checked: {never:?}");
}

#[test]
fn a_calm_evening_is_the_same_on_disk_as_in_memory() {
    let city = CityConfig::new(3, ORDERS);
    let on_disk = lived(&city, 0, true);
    check(&on_disk);
    assert_eq!(on_disk.to_json(), lived(&city, 0, false).to_json());
}

#[test]
fn on_disk_a_hostile_provider_and_crashes_change_nothing_that_must_hold() {
    let city = CityConfig::new(5, ORDERS);
    let summary = lived(&city, 100, true);
    check(&summary);
    for fault in ["process crashes", "commands retried", "provider silent after charging"] {
        assert!(summary.chaos[fault] > 0, "{fault} never happened: {:?}", summary.chaos);
    }
    assert_eq!(summary.to_json(), lived(&city, 100, true).to_json(), "and every time the same");
}

#[test]
fn with_too_few_drivers_orders_go_together_and_every_invariant_holds() {
    let (mut bags, mut seeds) = (0, 0);
    for seed in 1..=3 {
        let city = CityConfig { couriers: 12, restaurants: 4, ..CityConfig::new(seed, ORDERS) };
        for chaos in [0, 50] {
            let summary = lived_by(Method::Planned, &city, chaos, false);
            let why = summary.to_json();
            assert_eq!((summary.violations, summary.unfinished), (0, 0), "{why}");
            assert!(summary.log_verified, "{why}");
            assert!(summary.delivered > summary.orders_placed / 2, "{why}");
            bags += summary.orders_per_delivery_permille;
            seeds += 1;
            assert_eq!(why, lived_by(Method::Planned, &city, chaos, false).to_json());
        }
    }
    assert!(bags > seeds * 1_050, "{bags} thousandths in {seeds} evenings");
}
