//! Who decides, who has stopped, and who has nothing to do.

use super::*;
use crate::client::NotSent;

#[test]
fn of_two_hosts_on_one_log_the_later_claim_owns_it_and_the_loser_takes_nothing() {
    let log = MemoryLog::new();
    let rig = Rig::new(&log);
    let sandbox = calm();
    let mut first = Town::open(config(1), rig.clone(), sandbox.connect(), LogIsHistory, NOW);
    first.found();
    rig.set(|knobs| knobs.blind = true);
    let second = Town::open(config(2), log.clone(), sandbox.connect(), LogIsHistory, NOW);
    assert!(first.host.is_owner() && second.host.is_owner(), "the first has not read of it");

    let ticket = first.send(10, wish());
    first.step();
    rig.set(|knobs| knobs.blind = false);
    first.step();
    assert!(!first.host.is_owner() && second.host.is_owner());
    let not_owner = Some(Told::NotTaken(NotTaken::NotOwner));
    assert_eq!(ticket.told(), not_owner, "what it appended came after the other's claim");
    let later = first.send(11, wish());
    first.step();
    assert_eq!(later.told(), not_owner);

    let mut second = second;
    assert!(matches!(second.ask(10, wish()), Outcome::CheckoutOpened { .. }), "ask there");
    first.step();
    assert_eq!(first.host.shard(), second.host.shard());
    assert_eq!(sandbox.book().len(), 1);
}

#[test]
fn who_does_not_own_the_log_carries_nothing_out_and_waits_for_no_answer() {
    let slow = Hostility {
        latency_least: Span::from_millis(50),
        latency_most: Span::from_millis(50),
        ..Hostility::NONE
    };
    let sandbox = Sandbox::new(SandboxConfig { hostility: slow, ..SandboxConfig::default() });
    let log = MemoryLog::new();
    let mut first = Town::open(config(1), log.clone(), sandbox.connect(), LogIsHistory, NOW);
    first.found();
    first.order(10);
    assert_eq!(sandbox.tally().requests, 1, "the hold is under way");
    let second = Town::open(config(2), log, sandbox.connect(), LogIsHistory, NOW);
    assert!(second.host.is_owner());
    let requests = sandbox.tally().requests;

    first.step();
    first.now = after(NOW, 60);
    first.step();
    assert!(!first.host.is_owner(), "its next claim waits for at least 100 ms");
    assert_eq!(sandbox.tally().requests, requests);
    let wake = first.host.next_wake();
    assert!(wake >= Some(after(NOW, 100)), "the answer that has come is nothing to it: {wake:?}");
}

#[test]
fn a_record_that_cannot_be_read_stops_a_host_for_good_and_everybody_hears_it() {
    let mut log = MemoryLog::new();
    let rig = Rig::new(&log);
    let mut town = Town::open(config(1), rig.clone(), calm(), LogIsHistory, NOW);
    town.found();
    rig.set(|knobs| knobs.blind = true);
    let waiting = town.send(10, wish());
    town.step();
    let in_the_inbox = town.send(11, wish());
    log.append(br#"{"truce":{}}"#, NOW).unwrap();
    rig.set(|knobs| knobs.blind = false);
    town.step();

    assert!(matches!(town.host.stopped(), Some(Stopped::Replica(_))));
    assert!(matches!(waiting.told(), Some(Told::Outcome(_))), "it counted before");
    assert_eq!(in_the_inbox.told(), Some(Told::Unknown));
    assert_eq!(town.try_send(12, wish()).unwrap_err(), NotSent::Gone);
    assert_eq!(town.host.next_wake(), None);
    let appends = town.host.tally().appends;
    assert!(!town.step().worked);
    assert_eq!(town.host.tally().appends, appends);
}

#[test]
fn a_host_that_has_stopped_waits_for_nothing() {
    let slow = Hostility { latency_least: Span::from_secs(1), ..Hostility::NONE };
    let slow = Hostility { latency_most: Span::from_secs(1), ..slow };
    let sandbox = Sandbox::new(SandboxConfig { hostility: slow, ..SandboxConfig::default() });
    let mut log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), sandbox, LogIsHistory, NOW);
    town.found();
    town.order(10);
    log.append(b"garbage", NOW).unwrap();
    town.step();
    assert!(town.host.stopped().is_some());
    assert_eq!(town.host.next_wake(), None, "though the provider will answer");
}

#[test]
fn a_log_that_cannot_be_read_is_left_alone_for_a_moment_and_tried_again() {
    let rig = Rig::new(&MemoryLog::new());
    rig.set(|knobs| knobs.reads_fail = true);
    let mut town = Town::open(config(1), rig.clone(), calm(), LogIsHistory, NOW);
    assert_eq!(town.host.read_error(), Some("the log could not be read"));
    assert!(!town.host.is_owner());
    assert!(town.run(10_000) < 100, "not at every moment");
    rig.set(|knobs| knobs.reads_fail = false);
    town.run(1_000);
    assert_eq!(town.host.read_error(), None);
    town.found();
}

#[test]
fn an_idle_host_does_nothing_and_asks_for_nothing() {
    let (mut town, log, _) = Town::founded(config(1));
    town.on_duty(ANA);
    town.run(1_000);
    let end = log.clone().end(town.now).unwrap();
    let tally = town.host.tally();
    for _ in 0..10 {
        town.now = after(town.now, 60_000);
        let step = town.step();
        assert!(!step.worked && step.published.is_empty());
    }
    assert_eq!(town.host.next_wake(), None);
    assert_eq!(town.host.tally(), tally);
    assert_eq!(log.clone().end(town.now).unwrap(), end);
}

#[test]
fn whatever_goes_on_a_host_is_woken_seldom() {
    let (mut town, ..) = Town::founded(config(1));
    town.on_duty(ANA);
    for id in 10..20 {
        town.order(id);
    }
    // Nobody answers an offer: a round each second at most, and each deadline once.
    let steps = town.run(3_600_000);
    assert!(steps < 5_000, "{steps} steps in an hour");
}

#[test]
fn what_is_sent_before_the_first_claim_counts_waits_for_it_and_not_for_ever() {
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), calm(), LogIsHistory, NOW);
    town.found();
    drop(town);

    let mut host = Host::open(config(2), log.clone(), calm(), LogIsHistory, NOW).unwrap();
    let client = host.client();
    let send = |id| client.submit(Client::cause(CommandId::new(id), NOW), wish()).unwrap();
    let early = send(10);
    host.step(NOW);
    assert!(matches!(early.told(), Some(Told::Outcome(Outcome::CheckoutOpened { .. }))));

    // A log that shows nothing of what was appended: whether the claim counts is not known.
    let rig = Rig::new(&log);
    rig.set(|knobs| knobs.blind = true);
    let mut host = Host::open(config(3), rig, calm(), LogIsHistory, NOW).unwrap();
    let client = host.client();
    let send = |id| client.submit(Client::cause(CommandId::new(id), NOW), wish()).unwrap();
    let waits = send(11);
    host.step(NOW);
    host.step(after(NOW, 9_999));
    assert_eq!(waits.told(), None);
    assert!(host.next_wake() <= Some(after(NOW, 10_000)));
    host.step(after(NOW, 10_000));
    assert_eq!(waits.told(), Some(Told::NotTaken(NotTaken::NotOwner)));
}
