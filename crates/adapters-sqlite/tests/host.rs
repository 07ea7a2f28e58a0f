//! A whole host on the file: what a caller hears when the storage fails, and what is kept.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::beside;
use common::child::{Book, checkout, now, restaurant};
use doorstep_core::catalog::Command as Catalog;
use doorstep_core::id::{CommandId, OrderId, ShardId};
use doorstep_core::log::Cause;
use doorstep_core::money::Currency;
use doorstep_core::order::OrderStatus;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Canceller, Command, Outcome, Shard};
use doorstep_core::time::Span;
use doorstep_runtime::client::{Client, Ticket, Told};
use doorstep_runtime::host::{Host, HostConfig, Stopped};
use doorstep_runtime::threads::{self, Bell, Clock, Running, WallClock};
use doorstep_sqlite::{
    Config, FaultPoint, HistoryError, Inspector, Monitor, Opened, SqliteHistory, SqliteLog,
};

struct City {
    host: Host<SqliteLog, Book, SqliteHistory>,
    client: Client,
    history: SqliteHistory,
    monitor: Monitor,
    woken: Receiver<()>,
}

impl City {
    fn open(path: &Path, seed: u128, mut config: Config) -> Self {
        let (wake, woken) = channel();
        config.on_commit = Some(Arc::new(move || wake.send(()).unwrap_or_default()));
        let Opened { log, history, .. } = SqliteLog::open(path, config).unwrap();
        let monitor = log.monitor();
        let policy = Policy::new(Currency::new("EUR").unwrap());
        let config = HostConfig::new(ShardId::default(), policy, seed);
        let book = Book::open(&beside(path, "-book"));
        let mut host = Host::open(config, log, book, history.clone(), now()).unwrap();
        host.step(now());
        let client = host.client();
        let mut city = Self { host, client, history, monitor, woken };
        city.until(|city| city.host.is_owner());
        city
    }

    /// Steps whenever the log says that there is something new, and when the host says.
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let given_up = Instant::now() + Duration::from_secs(60);
        loop {
            self.host.step(now());
            if done(self) {
                return;
            }
            assert!(Instant::now() < given_up, "waited in vain");
            let quiet =
                self.host.next_wake().map_or(60_000, |at| at.saturating_since(now()).as_millis());
            let _due = self.woken.recv_timeout(Duration::from_millis(quiet));
        }
    }

    fn submit(&self, id: u128, command: Command) -> Ticket {
        let cause = Cause { id: CommandId::new(id), issued_at: now(), digest: 0 };
        self.client.submit(cause, command).unwrap()
    }

    fn ask(&mut self, id: u128, command: Command) -> Outcome {
        let ticket = self.submit(id, command);
        self.until(|_| ticket.told().is_some());
        match ticket.told() {
            Some(Told::Outcome(outcome)) => outcome,
            told => panic!("{told:?}"),
        }
    }

    fn opened(&mut self, id: u64) -> OrderId {
        match self.ask(u128::from(id), checkout(id)) {
            Outcome::CheckoutOpened { order, .. } => order,
            other
            @ (Outcome::Done | Outcome::Heard(_) | Outcome::Sale(_) | Outcome::Refused(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

/// A storage that fails at a point once it is told to.
fn failing(at: FaultPoint) -> (Config, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let when = Arc::clone(&fails);
    let faults: doorstep_sqlite::FaultHook =
        Arc::new(move |point| point == at && when.load(Ordering::SeqCst));
    (Config { faults: Some(faults), ..Config::default() }, fails)
}

#[test]
fn whoever_waits_hears_unknown_and_a_retry_hears_the_truth() {
    for at in [FaultPoint::BeforeCommit, FaultPoint::AfterCommit, FaultPoint::Anchor] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("city.db");
        let (config, fails) = failing(at);
        let mut city = City::open(&path, 1, config);
        city.ask(1, Command::Catalog(Catalog::Put(restaurant())));
        fails.store(true, Ordering::SeqCst);
        let ticket = city.submit(2, checkout(2));
        city.until(|city| city.host.stopped().is_some());
        assert_eq!(ticket.told(), Some(Told::Unknown), "{at:?}: at once, by no time-out");
        let why = city.monitor.poisoned().unwrap().to_string();
        let stopped = city.host.stopped().unwrap();
        assert!(matches!(stopped, Stopped::LogPoisoned { why: said } if **said == *why));
        drop(city);

        let mut city = City::open(&path, 2, Config::default());
        let order = city.opened(2);
        assert_eq!(city.opened(2), order, "{at:?}: the first outcome, again");
        city.until(|city| city.host.shard().order(order).is_some());
        assert_eq!(city.host.shard().orders().count(), 1, "{at:?}: once");
    }
}

#[test]
fn a_full_disk_is_unknown_to_the_caller_and_room_tells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    let small = Config { file_bytes_max: Some(150_000), ..Config::default() };
    let mut city = City::open(&path, 1, small);
    city.ask(1, Command::Catalog(Catalog::Put(restaurant())));
    let mut id = 1;
    let ticket = loop {
        id += 1;
        let ticket = city.submit(u128::from(id), checkout(id));
        city.until(|_| ticket.told().is_some());
        if ticket.told() == Some(Told::Unknown) {
            break ticket;
        }
    };
    assert!(city.host.stopped().unwrap().to_string().contains("full"), "{:?}", city.host.stopped());
    assert_eq!(ticket.told(), Some(Told::Unknown));
    drop(city);
    let mut city = City::open(&path, 2, Config::default());
    let order = city.opened(id);
    city.until(|city| city.host.shard().order(order).is_some());
    assert_eq!(city.host.shard().orders().count() as u64, id - 1, "each order once");
}

#[test]
fn an_ended_order_is_kept_and_its_whole_history_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    let mut city = City::open(&path, 1, Config::default());
    city.ask(1, Command::Catalog(Catalog::Put(restaurant())));
    let (order, other) = (city.opened(2), city.opened(3));
    assert!(city.history.get(order).unwrap().is_none());
    city.until(|city| city.host.shard().order(order).is_some());
    city.ask(4, Command::Cancel { order, by: Canceller::Customer });
    city.until(|city| city.host.tally().kept == 1);
    let kept = city.history.get(order).unwrap().unwrap();
    assert_eq!(kept.status(), OrderStatus::Cancelled);
    assert!(city.history.get(other).unwrap().is_none());

    let inspector = Inspector::open(&path).unwrap();
    let mut lines = Vec::new();
    inspector.order(order, |line| lines.push(line.to_string())).unwrap();
    assert!(lines.len() >= 3, "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains(&order.to_string()) && line.contains("\"at\"")));
    assert!(!lines.concat().contains(&other.to_string()));
    assert!(inspector.kept(order).unwrap().is_some());
    assert_eq!(inspector.verify(None).unwrap().history, 1);
    drop((inspector, city));

    let change = "UPDATE history SET json = replace(json, 'EUR', 'USD')";
    rusqlite::Connection::open(&path).unwrap().execute_batch(change).unwrap();
    let history = SqliteLog::open(&path, Config::default()).unwrap().history;
    assert!(matches!(history.get(order), Err(HistoryError::Damaged { .. })));
    let verified = Inspector::open(&path).unwrap().verify(None).unwrap();
    assert_eq!((verified.history, verified.history_damaged), (0, 1));
}

/// A city on threads of its own; its file, and whatever may fail there.
fn run(path: &Path, seed: u128, config: Config) -> Running<SqliteLog, Book, SqliteHistory> {
    let bell = Bell::new();
    let config = Config { on_commit: Some(bell.to_fn()), ..config };
    let Opened { log, history, .. } = SqliteLog::open(path, config).unwrap();
    let policy = Policy::new(Currency::new("EUR").unwrap());
    let config = HostConfig {
        snapshot_every: Some(20),
        trim_behind: Some(10),
        ..HostConfig::new(ShardId::default(), policy, seed)
    };
    let clock = Arc::new(WallClock::new());
    let book = Book::open(&beside(path, "-book"));
    let host = Host::open(config, log, book, history, clock.now()).unwrap();
    let running = threads::spawn(host, clock, bell).unwrap();
    assert!(running.wait_for_ownership(PATIENCE));
    running
}

const PATIENCE: Duration = Duration::from_secs(60);

fn submit(city: &Running<SqliteLog, Book, SqliteHistory>, id: u64, command: Command) -> Ticket {
    let cause = Cause { id: CommandId::new(id.into()), issued_at: now(), digest: 0 };
    city.client().submit(cause, command).unwrap()
}

#[test]
fn on_threads_a_failing_disk_is_heard_at_once_and_opening_again_is_the_way_on() {
    for at in [FaultPoint::BeforeCommit, FaultPoint::AfterCommit, FaultPoint::Anchor] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("city.db");
        let (config, fails) = failing(at);
        let city = run(&path, 1, config);
        let put = submit(&city, 1, Command::Catalog(Catalog::Put(restaurant())));
        assert_eq!(put.wait(PATIENCE), Some(Told::Outcome(Outcome::Done)));
        fails.store(true, Ordering::SeqCst);
        let sent = Instant::now();
        let ticket = submit(&city, 2, checkout(2));
        assert_eq!(ticket.wait(PATIENCE), Some(Told::Unknown), "{at:?}");
        assert!(sent.elapsed() < PATIENCE, "{at:?}: it heard, and did not give up");
        assert!(city.wait_for_end(PATIENCE), "{at:?}");
        let host = city.shutdown(now()).unwrap();
        assert!(matches!(host.stopped(), Some(Stopped::LogPoisoned { .. })), "{at:?}");
        drop(host);

        let city = run(&path, 2, Config::default());
        let told = submit(&city, 2, checkout(2)).wait(PATIENCE);
        assert!(matches!(told, Some(Told::Outcome(Outcome::CheckoutOpened { .. }))), "{told:?}");
        assert_eq!(submit(&city, 2, checkout(2)).wait(PATIENCE), told, "{at:?}: one truth");
    }
}

#[test]
fn a_running_city_trims_its_file_behind_its_snapshots_and_starts_from_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    let city = run(&path, 1, Config::default());
    let mut id = 1;
    let put = submit(&city, id, Command::Catalog(Catalog::Put(restaurant())));
    assert_eq!(put.wait(PATIENCE), Some(Told::Outcome(Outcome::Done)));
    let given_up = Instant::now() + PATIENCE;
    while city.status().tally.trims < 3 {
        id += 1;
        let told = submit(&city, id, checkout(id)).wait(PATIENCE);
        assert!(matches!(told, Some(Told::Outcome(_))), "{told:?}");
        assert!(Instant::now() < given_up, "{:?}", city.status());
    }
    let host = city.shutdown(now().saturating_add(Span::from_secs(10))).unwrap();
    assert_eq!(host.tally().snapshot_errors, 0);
    let all = |shard: &Shard| shard.orders().count() + shard.checkouts().count();
    assert_eq!(all(host.shard()) as u64, id - 1);
    drop(host);
    let opened = SqliteLog::open(&path, Config::default()).unwrap();
    let (start, saved) = (opened.found.start.unwrap().get(), opened.found.snapshot.unwrap().get());
    assert_eq!(start, saved - 10);
    drop(opened);
    let again = run(&path, 2, Config::default());
    let again = again.shutdown(now()).unwrap();
    assert_eq!(all(again.shard()) as u64, id - 1);
}
