//! Snapshots, what goes behind them, how far a start has come, and a log that takes no more.

use super::*;
use crate::host::Stopped;

fn trimming(seed: u128, behind: u64) -> HostConfig {
    HostConfig { snapshot_every: Some(5), trim_behind: Some(behind), ..config(seed) }
}

/// The first position that the log still has.
fn start_of(log: &MemoryLog) -> u64 {
    log.entries_from(Position::default()).first().unwrap().position.get()
}

#[test]
fn the_log_is_trimmed_behind_each_snapshot_but_for_what_late_readers_need() {
    for behind in [0, 3, 1_000] {
        let (mut town, mut log, sandbox) = Town::founded(trimming(1, behind));
        for id in 10..30 {
            town.order(id);
            let saved = log.load_snapshot().unwrap().map_or(0, |saved| saved.position.get());
            assert_eq!(start_of(&log), saved.saturating_sub(behind), "{behind}");
        }
        let tally = town.host.tally();
        assert!(tally.snapshots > 4 && tally.trims == tally.snapshots, "{tally:?}");
        assert_eq!(tally.snapshot_errors, 0);
        let again =
            Town::open(config(2), log, sandbox.connect(), LogIsHistory, after(town.now, 60_000));
        assert!(again.host.is_owner());
        assert_eq!(again.host.shard(), town.host.shard());
    }
}

#[test]
fn behind_a_snapshot_that_reads_back_as_another_nothing_is_trimmed() {
    let (log, sandbox) = (MemoryLog::new(), calm());
    let rig = Rig::new(&log);
    let mut town = Town::open(trimming(1, 0), rig.clone(), sandbox, LogIsHistory, NOW);
    rig.set(|knobs| knobs.snapshots_lie = true);
    town.found();
    for id in 10..20 {
        town.order(id);
    }
    assert_eq!(start_of(&log), 0);
    let tally = town.host.tally();
    assert!(tally.snapshots > 0 && tally.snapshot_errors == tally.snapshots, "{tally:?}");
    rig.set(|knobs| knobs.snapshots_lie = false);
    for id in 20..30 {
        town.order(id);
    }
    assert!(start_of(&log) > 0);
}

#[test]
fn how_far_a_start_has_come_is_known_from_the_snapshot_on() {
    let cfg = HostConfig { snapshot_every: Some(5), ..config(1) };
    let (mut town, mut log, sandbox) = Town::founded(cfg);
    assert!(town.host.replay().is_done());
    assert_eq!(town.host.replay().done_of(), (0, 0), "nothing was there");
    let (mut id, mut saved) = (10, None);
    // Until there is a snapshot, and something behind it.
    while saved.is_none() || saved == log.end(town.now).unwrap() {
        town.order(id);
        saved = log.load_snapshot().unwrap().map(|saved| saved.position);
        id += 1;
    }
    let end = log.end(town.now).unwrap();
    let now = after(town.now, 1_000);
    drop(town);
    let mut host = Host::open(config(2), log, sandbox.connect(), LogIsHistory, now).unwrap();
    let replay = host.replay();
    assert_eq!((replay.from, replay.read, replay.end), (saved, saved, end));
    let of = end.unwrap().get() - saved.unwrap().get();
    assert_eq!((replay.is_done(), replay.done_of()), (false, (0, of)));
    host.step(now);
    assert!(host.is_owner() && host.replay().read > end, "it read its own claim");
    assert_eq!((host.replay().is_done(), host.replay().done_of()), (true, (of, of)));
}

#[test]
fn a_log_that_takes_no_more_stops_its_host_and_whoever_waits_hears_at_once() {
    let log = MemoryLog::new();
    let rig = Rig::new(&log);
    let mut town = Town::open(config(1), rig.clone(), calm(), LogIsHistory, NOW);
    town.found();
    // One is committed before the log fails, and one is not.
    let counted = town.send(10, wish());
    town.step();
    rig.set(|knobs| knobs.appends_fail = true);
    let doubted = town.send(11, wish());
    rig.set(|knobs| knobs.poisoned = true);
    town.step();
    assert!(matches!(counted.told(), Some(Told::Outcome(Outcome::CheckoutOpened { .. }))));
    assert_eq!(doubted.told(), Some(Told::Unknown));
    assert!(
        matches!(town.host.stopped(), Some(Stopped::LogPoisoned { why }) if &**why == "a sync failed")
    );
    assert_eq!(town.host.next_wake(), None);
    assert!(!town.host.is_owner());
    assert_eq!(town.try_send(12, wish()).err(), Some(crate::client::NotSent::Gone));
}
