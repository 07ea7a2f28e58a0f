use std::collections::BTreeSet;
use std::thread;

use super::*;

#[test]
fn eight_callers_are_each_answered_and_each_command_happens_once() {
    const EACH: u32 = 250;
    let town = Town::open(config(1), MemoryLog::new(), calm(), Bell::new());
    let mut heard = town.running.subscribe(10_000).unwrap();
    thread::scope(|scope| {
        for caller in 0..8 {
            let town = &town;
            scope.spawn(move || {
                for n in 0..EACH {
                    let driver = caller * EACH + n + 1;
                    let first = town.send(driver.into(), admit(driver));
                    let retry = town.send(driver.into(), admit(driver));
                    assert_eq!(first.wait(PATIENCE), DONE);
                    assert_eq!(retry.wait(PATIENCE), DONE);
                }
            });
        }
    });
    let host = town.running.shutdown(NOW).unwrap();
    assert_eq!(host.shard().dispatch().drivers().count(), 8 * EACH as usize);
    let mut causes = BTreeSet::new();
    loop {
        match heard.wait(PATIENCE) {
            Some(Heard::Batch(batch)) => {
                assert!(causes.insert(batch.cause.unwrap().id.get()), "it happened twice");
            }
            Some(Heard::Ended) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(causes.into_iter().eq(1..=u128::from(8 * EACH)));
}

#[test]
fn async_callers_are_woken_before_and_after_the_answer_and_by_every_clone() {
    let rig = Rig::new();
    let town = Town::open(config(1), rig.clone(), calm(), Bell::new());
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(1, admit(1));
    thread::scope(|scope| {
        let waits: Vec<_> = (0..4)
            .map(|_| ticket.clone())
            .map(|ticket| scope.spawn(move || block_on(ticket)))
            .collect();
        rig.set(|knobs| knobs.blind = false);
        town.bell.ring();
        for wait in waits {
            assert_eq!(Some(wait.join().unwrap()), DONE);
        }
    });
    assert_eq!(Some(block_on(ticket)), DONE, "it came before");
    assert_eq!(Some(block_on(async { town.send(2, admit(2)).await })), DONE);
}

#[test]
fn a_full_inbox_refuses_and_grows_nothing() {
    let rig = Rig::new();
    let config = HostConfig { inbox_max: 4, ..config(1) };
    let town = Town::open(config, rig.clone(), calm(), Bell::new());
    let gate = Arc::new(Gate::default());
    rig.set(|knobs| knobs.stalls_at = Some(Arc::clone(&gate)));
    let mut tickets = vec![town.send(1, admit(1))];
    gate.wait_for_arrivals(1); // The writer stands in the log, its hands full.
    tickets.extend((2..=5).map(|n| town.send(u128::from(n), admit(n))));
    for n in 6..1_000 {
        let refused = town.try_send(u128::from(n), admit(n)).unwrap_err();
        assert_eq!(refused, NotSent::Busy { most: 4 });
    }
    gate.open();
    for ticket in tickets {
        assert_eq!(ticket.wait(PATIENCE), DONE);
    }
    assert_eq!(town.ask(6, admit(6)), DONE);
    let host = town.running.shutdown(NOW).unwrap();
    assert_eq!(host.shard().dispatch().drivers().count(), 6);
}

#[test]
fn what_the_log_holds_up_is_answered_when_it_rings_though_nobody_sends() {
    let rig = Rig::new();
    let mut config = config(1);
    config.limits.pending_max = 1;
    let town = Town::open(config, rig.clone(), calm(), Bell::new());
    rig.set(|knobs| knobs.blind = true);
    let tickets: Vec<_> = (1..=3).map(|n| town.send(u128::from(n), admit(n))).collect();
    rig.set(|knobs| knobs.blind = false);
    let after_commit = town.bell.to_fn();
    after_commit();
    for ticket in tickets {
        assert_eq!(ticket.wait(PATIENCE), DONE);
    }
}
