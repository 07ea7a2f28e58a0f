//! What a host that opens knows, what the history is given, and what is forgotten.

use std::collections::BTreeMap;

use doorstep_core::log::NotRestored;
use doorstep_core::order::Order;
use doorstep_core::shard::Canceller;

use super::*;
use crate::views::{Tracked, Tracking};

/// Counts what it keeps, and fails when it is told to.
#[derive(Clone, Debug, Default)]
struct Shelf(Arc<Mutex<ShelfState>>);

#[derive(Debug, Default)]
struct ShelfState {
    kept: BTreeMap<OrderId, u32>,
    full: bool,
    loathes: Option<OrderId>,
    calls: u32,
}

impl HistorySink for Shelf {
    fn keep(&mut self, order: &Order) -> Result<(), SinkError> {
        let mut state = self.0.lock();
        state.calls += 1;
        if state.full || state.loathes == Some(order.id()) {
            return Err(SinkError::Full);
        }
        *state.kept.entry(order.id()).or_default() += 1;
        Ok(())
    }
}

impl Shelf {
    fn has(&self, order: OrderId) -> bool {
        self.0.lock().kept.contains_key(&order)
    }
}

fn with_history(
    config: HostConfig,
    log: &MemoryLog,
    shelf: &Shelf,
    now: Timestamp,
) -> Town<MemoryLog, Shelf> {
    Town::open(config, log.clone(), calm(), shelf.clone(), now)
}

fn cancel(order: OrderId) -> Command {
    Command::Cancel { order, by: Canceller::Operations { fee: None } }
}

#[test]
fn a_snapshot_and_a_trimmed_log_open_to_the_state_of_a_replay() {
    let mut cfg = config(1);
    cfg.snapshot_every = Some(5);
    let (mut town, mut log, sandbox) = Town::founded(cfg);
    town.on_duty(ANA);
    let ended = town.order(10);
    town.carry(ANA, ended, 20);
    let delivery = town.delivery(ended);
    town.ask(30, taps(ANA, DriverAct::Deliver { delivery }));
    let placed = town.order(11);
    drop(town);
    let mut whole = MemoryLog::new();
    for entry in log.entries_from(Position::default()) {
        whole.append(&entry.bytes, NOW).unwrap();
    }
    let saved = log.load_snapshot().unwrap().unwrap().position;
    assert!(saved.get() > 10);
    log.trim(saved).unwrap();

    let now = after(NOW, 60_000);
    let replayed = Town::open(config(3), whole, sandbox.connect(), LogIsHistory, now);
    let restored = Town::open(config(3), log, sandbox.connect(), LogIsHistory, now);
    assert_eq!(replayed.host.shard(), restored.host.shard());
    // When a view was last written may differ; what it shows may not.
    let shown = |client: &Client, order| match client.tracked(order) {
        Some(Tracked::Order(tracking)) => Tracking { as_of: NOW, ..tracking },
        other => panic!("{other:?}"),
    };
    for order in [ended, placed] {
        assert_eq!(shown(&restored.client, order), shown(&replayed.client, order));
    }
}

#[test]
fn a_snapshot_in_another_form_is_refused_as_that_and_not_taken_for_damage() {
    let mut cfg = config(1);
    cfg.snapshot_every = Some(1);
    let (town, mut log, sandbox) = Town::founded(cfg);
    drop(town);
    let Snapshot { position, bytes } = log.load_snapshot().unwrap().unwrap();
    let newest = String::from_utf8(bytes.to_vec()).unwrap();
    let open = |json: String| {
        let mut copy = MemoryLog::new();
        for entry in log.entries_from(Position::default()) {
            copy.append(&entry.bytes, NOW).unwrap();
        }
        let bytes = json.into_bytes().into();
        copy.save_snapshot(&Snapshot { position, bytes }).unwrap();
        Host::open(config(3), copy, sandbox.connect(), LogIsHistory, NOW).map(|_| ())
    };
    // What format 1 kept of commands were outcomes of one kind.
    let older = newest.replace("\"format\":2", "\"format\":1").replace("\"firm\"", "\"by_age\"");
    assert_ne!(older, newest);
    let refused = open(older);
    let unknown = |error: &OpenError| {
        matches!(error, OpenError::NotRestored(NotRestored::UnknownFormat { found: 1 }))
    };
    assert!(refused.as_ref().is_err_and(unknown), "{refused:?}");
    let damaged = open(newest.replace("\"firm\"", "\"by_age\""));
    assert!(matches!(damaged, Err(OpenError::NotASnapshot(_))), "{damaged:?}");
    assert!(open(newest).is_ok());
}

#[test]
fn a_checkout_in_a_snapshot_is_shown_from_the_start() {
    let mut cfg = config(1);
    cfg.snapshot_every = Some(1);
    let deaf = Hostility { silent_without: 1_000, ..Hostility::NONE };
    let sandbox = Sandbox::new(SandboxConfig { hostility: deaf, ..SandboxConfig::default() });
    let log = MemoryLog::new();
    let mut town = Town::open(cfg, log.clone(), sandbox.connect(), LogIsHistory, NOW);
    town.found();
    let order = town.order(10);
    let shown = town.client.tracked(order);
    assert!(matches!(shown, Some(Tracked::Checkout(_))));
    drop(town);
    let town = Town::open(config(2), log, sandbox.connect(), LogIsHistory, after(NOW, 5));
    assert_eq!(town.client.tracked(order), shown);
}

#[test]
fn a_log_that_was_trimmed_without_its_snapshot_stops_a_host() {
    let mut cfg = config(1);
    cfg.snapshot_every = Some(5);
    let (mut town, mut log, _) = Town::founded(cfg);
    for id in 10..20 {
        town.order(id);
    }
    let saved = log.load_snapshot().unwrap().unwrap().position;
    log.trim(saved).unwrap();
    /// A log whose snapshot was lost.
    #[derive(Debug)]
    struct Forgetful(MemoryLog);
    impl Log for Forgetful {
        fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
            self.0.append(record, now)
        }
        fn read(
            &mut self,
            after: Option<Position>,
            max: usize,
            now: Timestamp,
            out: &mut Vec<Entry>,
        ) -> Result<(), ReadError> {
            self.0.read(after, max, now, out)
        }
        fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
            self.0.end(now)
        }
        fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
            self.0.save_snapshot(snapshot)
        }
        fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
            Ok(None)
        }
        fn trim(&mut self, before: Position) -> Result<(), TrimError> {
            self.0.trim(before)
        }
        fn next_wake(&self) -> Option<Timestamp> {
            None
        }
    }
    let host = Town::open(config(2), Forgetful(log), calm(), LogIsHistory, NOW).host;
    assert!(host.stopped().is_some() && !host.is_owner());
}

#[test]
fn the_history_is_given_each_ended_order_and_again_after_a_restart() {
    let (log, shelf) = (MemoryLog::new(), Shelf::default());
    let mut cfg = config(1);
    cfg.snapshot_every = Some(1);
    let mut town = with_history(cfg, &log, &shelf, NOW);
    town.found();
    let (ended, going_on) = (town.order(10), town.order(11));
    town.ask(12, cancel(ended));
    town.run(1_000);
    assert!(shelf.has(ended) && !shelf.has(going_on));
    drop(town);
    shelf.0.lock().kept.clear();
    let town = with_history(config(2), &log, &shelf, after(NOW, 9_000));
    assert!(shelf.has(ended), "whether it was kept before the crash, the new host cannot know");
    assert!(!shelf.has(going_on));
    assert!(town.host.tally().kept > 0);
}

#[test]
fn a_history_that_fails_is_tried_again_though_nothing_else_happens() {
    let (log, shelf) = (MemoryLog::new(), Shelf::default());
    let mut town = with_history(config(1), &log, &shelf, NOW);
    town.found();
    let order = town.order(10);
    shelf.0.lock().full = true;
    town.ask(11, cancel(order));
    town.run(30_000);
    let calls = shelf.0.lock().calls;
    assert!((10..100).contains(&calls), "tried {calls} times in half a minute");
    shelf.0.lock().full = false;
    town.run(5_000);
    assert!(shelf.has(order));
    assert_eq!(town.host.next_wake(), None);
}

#[test]
fn one_order_that_the_history_cannot_take_does_not_keep_it_from_the_others() {
    let (log, shelf) = (MemoryLog::new(), Shelf::default());
    let mut town = with_history(config(1), &log, &shelf, NOW);
    town.found();
    let orders: Vec<_> = (10..14).map(|id| town.order(id)).collect();
    shelf.0.lock().loathes = Some(orders[1]);
    for (n, &order) in orders.iter().enumerate() {
        town.ask(20 + n as u128, cancel(order));
    }
    town.run(10_000);
    let kept: Vec<_> = orders.iter().map(|order| shelf.has(*order)).collect();
    assert_eq!(kept, [true, false, true, true]);
}

#[test]
fn an_order_that_ended_before_a_crash_is_kept_though_it_leaves_memory_at_once() {
    let (log, shelf) = (MemoryLog::new(), Shelf::default());
    let mut town = with_history(config(1), &log, &shelf, NOW);
    town.found();
    let (order, _waits) = (town.order(10), town.order(12));
    shelf.0.lock().full = true;
    town.ask(11, cancel(order));
    town.run(1_000);
    drop(town);
    shelf.0.lock().full = false;

    // Three hours later: the first thing that it decides is what the other order waited for.
    let now = after(NOW, 3 * 3_600_000);
    let mut host = Host::open(config(2), log, calm(), shelf.clone(), now).unwrap();
    host.step(now);
    assert!(host.shard().order(order).is_none(), "it has left memory");
    assert!(shelf.has(order));
}

#[test]
fn what_the_state_has_forgotten_leaves_the_views_however_often_a_snapshot_is_taken() {
    let mut cfg = config(1);
    cfg.snapshot_every = Some(100);
    let (mut town, ..) = Town::founded(cfg);
    let order = town.order(10);
    town.ask(11, cancel(order));
    assert!(town.client.tracked(order).is_some());
    town.run(2 * 3_600_000);
    for id in 0..5_000 {
        town.send(100 + id, taps(BOB, DriverAct::GoOnline));
        if id % 100 == 0 {
            town.step();
        }
    }
    town.step();
    assert!(town.host.shard().order(order).is_none());
    assert_eq!(town.client.tracked(order), None);
}

#[test]
fn a_new_order_is_shown_though_forgotten_ones_fill_the_views() {
    let mut cfg = config(1);
    cfg.policy.memory.orders_max = 2;
    let (mut town, ..) = Town::founded(cfg);
    for id in 0..2 {
        let order = town.order(10 + id);
        town.ask(20 + id, cancel(order));
    }
    town.run(2 * 3_600_000);
    // The first batch after so long a silence lets them leave memory.
    town.ask(30, taps(BOB, DriverAct::GoOnline));
    let order = town.order(31);
    assert!(town.client.tracked(order).is_some());
}

#[test]
fn views_grow_with_the_policy() {
    let mut cfg = config(1);
    cfg.policy.memory.orders_max = 2;
    let mut larger = cfg.policy.clone();
    larger.memory.orders_max = 100;
    let (mut town, ..) = Town::founded(cfg);
    town.ask(2, Command::SetPolicy(Box::new(larger)));
    for id in 10..20 {
        let order = town.order(id);
        assert!(town.client.tracked(order).is_some());
    }
}

#[test]
fn a_long_log_is_replayed_in_steps_of_bounded_size() {
    let mut cfg = config(1);
    cfg.policy.memory.causes_max = 100_000;
    let (mut town, log, sandbox) = Town::founded(cfg);
    for id in 0..18_000 {
        town.send(100 + id, taps(BOB, DriverAct::GoOnline));
    }
    town.step();
    while town.host.next_wake().is_some_and(|wake| wake <= town.now) {
        town.step();
    }
    let mut cfg = config(2);
    cfg.policy.memory.causes_max = 100_000;
    let mut host = Host::open(cfg, log, sandbox.connect(), LogIsHistory, NOW).unwrap();
    let mut published = Vec::new();
    while host.next_wake().is_some_and(|wake| wake <= NOW) {
        published.push(host.step(NOW).published.len());
    }
    assert!(published.iter().sum::<usize>() > 18_000);
    assert!(published.iter().all(|batches| *batches < 18_000), "{published:?}");
    assert!(host.is_owner());
    assert_eq!(host.shard(), town.host.shard());
}

#[test]
fn a_host_does_not_open_under_rules_that_are_not_sound() {
    let mut policy = Policy::new(Currency::new("EUR").unwrap());
    policy.dispatch.capacity = 17;
    let config = HostConfig::new(ShardId::default(), policy, 1);
    let sandbox = Sandbox::new(SandboxConfig::default());
    let opened = Host::open(config, MemoryLog::new(), sandbox, LogIsHistory, Timestamp::EPOCH);
    assert!(matches!(opened, Err(OpenError::Policy(_))));
}

#[test]
fn the_rules_of_the_first_start_hold_whatever_a_later_start_is_configured_with() {
    let eur = Currency::new("EUR").unwrap();
    let now = Timestamp::from_secs(1_700_000_000);
    let log = MemoryLog::new();
    let start = |policy: Policy, seed: u128| {
        let config = HostConfig::new(ShardId::default(), policy, seed);
        let sandbox = Sandbox::new(SandboxConfig::default());
        let mut host = Host::open(config, log.clone(), sandbox, LogIsHistory, now).unwrap();
        host.step(now);
        host
    };
    drop(start(Policy::new(eur), 1));
    let first = log.entries_from(Position::new(1)).remove(0);
    assert!(String::from_utf8_lossy(&first.bytes).contains("policy_set"), "even the default ones");

    let mut other = Policy::new(eur);
    other.dispatch.wide_m = 20_000;
    let successor = start(other, 2);
    assert!(successor.is_owner());
    assert_eq!(*successor.shard().policy(), Policy::new(eur));
}
