//! What the provider is asked for, whatever happens to the host.

use super::*;

#[test]
fn effects_survive_a_crash_and_are_asked_for_under_the_same_key() {
    let silent = Hostility { silent_after_charging: 1_000, ..Hostility::NONE };
    let sandbox = Sandbox::new(SandboxConfig { hostility: silent, ..SandboxConfig::default() });
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), sandbox.connect(), LogIsHistory, NOW);
    town.found();
    let order = town.order(10);
    assert_eq!(sandbox.book_of(order).unwrap().holds, 1, "held, and nobody was told");
    drop(town);

    sandbox.quiet();
    let mut town = Town::open(config(2), log, sandbox.connect(), LogIsHistory, after(NOW, 5));
    town.step();
    assert_eq!(town.status(order), Some(OrderStatus::Confirmed));
    let page = sandbox.book_of(order).unwrap();
    assert_eq!((page.holds, page.captures), (1, 1));
    assert_eq!(sandbox.tally().conflicts, 0);
}

#[test]
fn a_silent_provider_is_asked_until_it_says_and_charges_once() {
    let silent = Hostility { silent_after_charging: 1_000, ..Hostility::NONE };
    let sandbox = Sandbox::new(SandboxConfig { hostility: silent, ..SandboxConfig::default() });
    let mut town = Town::open(config(1), MemoryLog::new(), sandbox.connect(), LogIsHistory, NOW);
    town.found();
    let order = town.order(10);
    town.run(20_000);
    assert_eq!(town.status(order), None, "nobody knows");
    sandbox.quiet();
    town.run(60_000);
    assert!(town.status(order).is_some());
    let page = sandbox.book_of(order).unwrap();
    assert_eq!((page.holds, page.captures), (1, 1));
}

#[test]
fn effects_that_the_runner_had_no_room_for_are_carried_out_when_it_has() {
    let mut config = config(1);
    config.effects.orders_max = 1;
    let slow = Hostility { latency_least: Span::from_millis(500), ..Hostility::NONE };
    let slow = Hostility { latency_most: Span::from_millis(500), ..slow };
    let sandbox = Sandbox::new(SandboxConfig { hostility: slow, ..SandboxConfig::default() });
    let mut town = Town::open(config, MemoryLog::new(), sandbox.connect(), LogIsHistory, NOW);
    town.found();
    let orders: Vec<_> = (10..14).map(|id| town.order(id)).collect();
    town.run(30_000);
    for order in orders {
        assert_eq!(sandbox.book_of(order).map(|page| page.captures), Some(1), "{order}");
    }
}

#[test]
fn effects_beyond_the_bound_are_carried_out_after_a_restart_too() {
    let silent = Hostility { silent_without: 1_000, ..Hostility::NONE };
    let sandbox = Sandbox::new(SandboxConfig { hostility: silent, ..SandboxConfig::default() });
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), sandbox.connect(), LogIsHistory, NOW);
    town.found();
    let orders: Vec<_> = (10..14).map(|id| town.order(id)).collect();
    drop(town);
    sandbox.quiet();
    let mut config = config(2);
    config.effects.orders_max = 1;
    let mut town = Town::open(config, log, sandbox.connect(), LogIsHistory, after(NOW, 5));
    town.run(30_000);
    for order in orders {
        assert_eq!(sandbox.book_of(order).map(|page| page.captures), Some(1), "{order}");
    }
}
