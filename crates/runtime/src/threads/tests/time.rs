use doorstep_core::checkout;
use doorstep_core::shard::Event;

use super::*;
use crate::sandbox::Hostility;

/// A host that gives a checkout up after this long, and a provider that never answers.
fn impatient(patience: Span) -> (HostConfig, Sandbox) {
    let mut config = config(1);
    config.policy.checkout.patience = patience;
    let hostility = Hostility { silent_without: 1_000, ..Hostility::NONE };
    (config, Sandbox::new(SandboxConfig { hostility, ..SandboxConfig::default() }))
}

fn wait_for_giving_up(heard: &mut Subscription, order: OrderId) {
    let given_up = Event::Checkout { order, event: checkout::Event::GivenUp };
    loop {
        match heard.wait(PATIENCE) {
            Some(Heard::Batch(batch)) if batch.events.contains(&given_up) => return,
            Some(Heard::Batch(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_deadline_fires_when_the_clock_says_so_though_nobody_sends() {
    let (config, sandbox) = impatient(Span::from_secs(30));
    let town = Town::open(config, MemoryLog::new(), sandbox, Bell::new());
    let mut heard = town.running.subscribe(100).unwrap();
    let order = town.order();
    town.push(Span::from_secs(29));
    assert_eq!(town.ask(3, admit(1)), DONE);
    town.push(Span::from_secs(1));
    wait_for_giving_up(&mut heard, order);
    let host = town.running.shutdown(NOW).unwrap();
    let state = host.shard().checkout(order).unwrap().state();
    let due = NOW.saturating_add(Span::from_secs(30));
    assert!(matches!(state, checkout::State::Closed { at, .. } if at == due), "{state:?}");
}

#[test]
fn a_deadline_fires_on_the_real_clock_though_nobody_rings() {
    let (config, sandbox) = impatient(Span::from_millis(20));
    let clock = Arc::new(WallClock::new());
    let town = Town::by(Arc::clone(&clock), config, MemoryLog::new(), sandbox, Bell::new());
    let mut heard = town.running.subscribe(100).unwrap();
    let order = town.order();
    wait_for_giving_up(&mut heard, order);
    assert!(town.running.status().stepped_at <= clock.now());
    town.running.shutdown(clock.now()).unwrap();
}

#[test]
fn the_writer_works_when_it_is_asked_and_not_until_the_next_deadline() {
    let (config, sandbox) = impatient(Span::from_secs(30));
    let rig = Rig::new();
    let town = Town::open(config, rig.clone(), sandbox, Bell::new());
    town.order();
    let before = rig.reads.load(Ordering::SeqCst);
    for n in 10..2_010 {
        assert_eq!(town.ask(u128::from(n), admit(n)), DONE);
    }
    // A command is one ring, and a step goes round as often as one thing leads to another.
    let reads = rig.reads.load(Ordering::SeqCst).saturating_sub(before);
    assert!(reads <= 2_000 * 5, "{reads} reads");
}

/// A clock that stands still, and says until when the writer last went to sleep.
#[derive(Default)]
struct Bedside {
    asleep_until: Mutex<Option<Timestamp>>,
    changed: Condvar,
}

impl Clock for Bedside {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        *self.asleep_until.lock() = Some(at);
        self.changed.notify_all();
        None
    }
}

#[test]
fn the_writer_sleeps_until_the_first_deadline_of_all() {
    let (config, sandbox) = impatient(Span::from_secs(30));
    let provider_times_out = NOW.saturating_add(config.effects.timeout);
    let clock = Arc::new(Bedside::default());
    let town = Town::by(Arc::clone(&clock), config, MemoryLog::new(), sandbox, Bell::new());
    town.order();
    let mut until = clock.asleep_until.lock();
    let awake = |until: &mut Option<Timestamp>| *until != Some(provider_times_out);
    let late = clock.changed.wait_while_for(&mut until, awake, PATIENCE);
    assert!(!late.timed_out(), "{until:?}");
}
