use std::thread;

use super::*;

/// A town whose log takes commands and never shows them, and one command in it.
fn in_flight() -> (Town<Rig, Sandbox>, Rig, Ticket) {
    let rig = Rig::new();
    let town = Town::open(config(1), rig.clone(), calm(), Bell::new());
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(1, admit(1));
    (town, rig, ticket)
}

#[test]
fn shutdown_answers_what_is_in_flight_and_refuses_what_comes_later() {
    let (Town { running, client, bell, .. }, rig, ticket) = in_flight();
    let ends = thread::spawn(move || running.shutdown(Timestamp::NEVER));
    let (mut taken, mut refused) = (vec![ticket], false);
    for n in 2..10_000_000 {
        match client.submit(Client::cause(CommandId::new(u128::from(n)), NOW), admit(n)) {
            Ok(ticket) => taken.push(ticket),
            Err(NotSent::Busy { .. }) => {}
            Err(gone) => {
                assert_eq!(gone, NotSent::Gone);
                refused = true;
                break;
            }
        }
        thread::yield_now();
    }
    assert!(refused);
    assert!(!ends.is_finished(), "somebody waits");
    rig.set(|knobs| knobs.blind = false);
    bell.ring();
    let host = ends.join().unwrap().unwrap();
    assert_eq!(host.shard().dispatch().drivers().count(), taken.len());
    assert!(taken.iter().all(|ticket| ticket.told() == DONE), "at hand when it returns");
    assert!(!host.is_owner());
    assert!(host.stopped().is_none());
}

#[test]
fn at_its_deadline_shutdown_says_unknown_and_the_next_owner_knows() {
    let (town, rig, ticket) = in_flight();
    let deadline = NOW.saturating_add(Span::from_secs(1));
    let Town { running, client, clock, bell } = town;
    let ends = thread::spawn(move || running.shutdown(deadline));
    clock.set(deadline);
    bell.ring();
    let host = ends.join().unwrap().unwrap();
    let told = ticket.told().unwrap();
    let not_owner = Told::NotTaken(doorstep_core::log::NotTaken::NotOwner);
    assert!([Told::Unknown, not_owner].contains(&told), "{told:?}");
    assert!(!host.is_owner());
    drop(host);
    assert_eq!(client.submit(Client::cause(CommandId::new(2), NOW), admit(2)).err(), GONE);

    let next = Town::open(config(2), rig.log.clone(), calm(), Bell::new());
    assert_eq!(next.ask(1, admit(1)), DONE);
    let host = next.running.shutdown(Timestamp::NEVER).unwrap();
    assert_eq!(host.shard().dispatch().drivers().count(), 1);
}

const GONE: Option<NotSent> = Some(NotSent::Gone);

#[test]
fn an_idle_host_is_shut_down_at_once() {
    let town = Town::open(config(1), MemoryLog::new(), calm(), Bell::new());
    assert!(town.running.status().is_running);
    let host = town.running.shutdown(Timestamp::NEVER).unwrap();
    assert_eq!(host.tally().claims_won, 1);
    assert_eq!(host.tally().claims_lost, 1);
}

#[test]
fn whoever_waits_when_a_host_is_dropped_hears_that_the_result_is_unknown() {
    let (Town { running, client, .. }, _rig, ticket) = in_flight();
    let mut heard = running.subscribe(1).unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| ticket.wait(PATIENCE));
        let awaits = scope.spawn(|| block_on(ticket.clone()));
        drop(running);
        assert_eq!(waits.join().unwrap(), Some(Told::Unknown));
        assert_eq!(awaits.join().unwrap(), Told::Unknown);
    });
    assert_eq!(client.submit(Client::cause(CommandId::new(2), NOW), admit(2)).err(), GONE);
    assert_eq!(heard.try_next(), Some(Heard::Ended));
}

#[test]
fn a_port_that_panics_is_reported_and_nobody_waits_for_ever() {
    let rig = Rig::new();
    let town = Town::open(config(1), rig.clone(), calm(), Bell::new());
    let mut heard = town.running.subscribe(1).unwrap();
    rig.set(|knobs| knobs.panics = true);
    let ticket = town.send(1, admit(1));
    assert_eq!(ticket.wait(PATIENCE), Some(Told::Unknown));
    assert_eq!(block_on(heard.next()), Heard::Ended);
    assert!(town.running.wait_for_end(PATIENCE));
    assert!(!town.running.wait_for_ownership(PATIENCE), "nor for ownership");
    assert_eq!(town.try_send(2, admit(2)).err(), GONE);
    let Err(Crashed { message }) = town.running.shutdown(NOW) else { panic!("it went on") };
    assert_eq!(message, "the disk is on fire");
}

#[test]
fn a_log_that_cannot_be_read_on_ends_the_thread_and_says_why() {
    let mut log = MemoryLog::new();
    let town = Town::open(config(1), log.clone(), calm(), Bell::new());
    assert!(!town.running.wait_for_end(Duration::ZERO));
    log.append(br#"{"truce":{}}"#, NOW).unwrap();
    town.bell.ring();
    assert!(town.running.wait_for_end(PATIENCE));
    assert_eq!(town.try_send(1, admit(1)).err(), GONE);
    let host = town.running.shutdown(NOW).unwrap();
    assert!(host.stopped().is_some());
}
