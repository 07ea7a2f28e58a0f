//! The state of notifications beside the log: fenced, sealed, and there after a kill.
//!
//! `DOORSTEP_ROUNDS` says how often a process is killed (default 8). The child is this binary again.
#![cfg(unix)]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use common::beside;
use common::child::{Book, checkout, now, restaurant};
use doorstep_core::catalog::Command as Catalog;
use doorstep_core::id::{CommandId, ShardId};
use doorstep_core::money::Currency;
use doorstep_core::notify::{Answer, Name, SendKey, Sending};
use doorstep_core::policy::Policy;
use doorstep_core::shard::Command;
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::client::Client;
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::notify::{Notifications, NotifyConfig, Recipient};
use doorstep_runtime::ports::{Notifier, NotifyStore, StoreError};
use doorstep_sqlite::{Config, Inspector, NotifyStoreError, Opened, SqliteLog, SqliteNotifyStore};

#[test]
fn a_store_takes_no_state_of_an_earlier_owner_whichever_handle_saved() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(dir.path().join("city.db"), Config::default()).unwrap().log;
    let (mut one, mut other) = (log.notify_store().unwrap(), log.notify_store().unwrap());
    assert_eq!(one.load().unwrap(), None);
    one.save(1, b"one").unwrap();
    one.save(1, b"one again").unwrap();
    other.save(2, b"two").unwrap();
    assert!(matches!(one.save(1, b"late"), Err(StoreError::Fenced { epoch: 2 })));
    assert_eq!(one.load().unwrap().as_deref(), Some(&b"two"[..]), "nothing changed");
    drop((one, other, log));
    let log = SqliteLog::open(dir.path().join("city.db"), Config::default()).unwrap().log;
    let mut again = log.notify_store().unwrap();
    assert_eq!(again.load().unwrap().as_deref(), Some(&b"two"[..]));
    assert!(matches!(again.save(1, b"late"), Err(StoreError::Fenced { epoch: 2 })));
}

#[test]
fn what_is_damaged_or_of_another_log_is_not_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let log = SqliteLog::open(path("city.db"), Config::default()).unwrap().log;
    log.notify_store().unwrap().save(1, b"the state of this very log").unwrap();
    let other = SqliteLog::open(path("other.db"), Config::default()).unwrap().log;
    drop(other.notify_store().unwrap());
    std::fs::copy(path("city.db-notify"), path("other.db-notify")).unwrap();
    let mut foreign = other.notify_store().unwrap();
    assert!(matches!(foreign.load(), Err(StoreError::Io(_))), "of another log");
    foreign.save(1, b"own").unwrap();
    assert_eq!(foreign.load().unwrap().as_deref(), Some(&b"own"[..]));

    let file = path("city.db-notify");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(9).position(|nine| nine == b"this very").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert!(matches!(log.notify_store().unwrap().load(), Err(StoreError::Io(_))), "damaged");
    std::fs::write(&file, b"").unwrap();
    assert_eq!(log.notify_store().unwrap().load().unwrap(), None);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(dir.path().join("city.db"), Config::default()).unwrap().log;
    std::fs::copy(dir.path().join("city.db"), dir.path().join("city.db-notify")).unwrap();
    let before = std::fs::read(dir.path().join("city.db-notify")).unwrap();
    assert!(matches!(log.notify_store(), Err(NotifyStoreError::NotAStore { .. })));
    assert_eq!(std::fs::read(dir.path().join("city.db-notify")).unwrap(), before);
}

const FILE: &str = "DOORSTEP_NOTIFY_FILE";
/// Checkouts of a child that is to finish.
const LAST: &str = "DOORSTEP_NOTIFY_LAST";
const SAVE_EVERY: Span = Span::from_millis(40);

/// Writes down what it does before it does it, in a file that outlives the process.
#[derive(Clone)]
struct Diary(Arc<File>);

impl Diary {
    fn writes(&self, line: &str) {
        (&*self.0).write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// Delivers everything, a moment later.
struct Push {
    diary: Diary,
    answers: VecDeque<SendKey>,
}

impl Notifier for Push {
    fn send(&mut self, sending: &Sending<Recipient>, _now: Timestamp) {
        let body: serde_json::Value = serde_json::from_str(&sending.body).unwrap();
        let kind = body["type"].as_str().unwrap();
        self.diary.writes(&format!("sent {} {kind}", sending.key.message));
        self.answers.push_back(sending.key.clone());
    }

    fn poll(&mut self, _now: Timestamp) -> Option<(SendKey, Answer)> {
        let key = self.answers.pop_front()?;
        self.diary.writes(&format!("heard {}", key.message));
        Some((key, Answer::Delivered))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

/// A store that is watched.
struct Watched {
    store: SqliteNotifyStore,
    diary: Diary,
}

impl NotifyStore for Watched {
    fn save(&mut self, epoch: u64, state: &[u8]) -> Result<(), StoreError> {
        self.diary.writes("saving");
        self.store.save(epoch, state)?;
        self.diary.writes("saved");
        Ok(())
    }

    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.load()
    }
}

/// Not a test: the child. It orders, one dinner after another, until it is killed.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let path = Path::new(&path);
    let last = std::env::var(LAST).ok().map(|last| last.parse::<u64>().unwrap());
    let (wake, woken) = channel();
    let on_commit: doorstep_sqlite::Hook = Arc::new(move || wake.send(()).unwrap_or_default());
    let config = Config { on_commit: Some(on_commit), ..Config::default() };
    let Opened { log, history, .. } = SqliteLog::open(path, config).unwrap();
    let file = OpenOptions::new().append(true).create(true).open(beside(path, "-diary")).unwrap();
    let diary = Diary(Arc::new(file));
    diary.writes("begins");
    let mut notify = NotifyConfig::new(ShardId::default());
    notify.save_every = SAVE_EVERY;
    let telling = Notifications::new(notify)
        .unwrap()
        .channel(Name::new("push").unwrap(), Push { diary: diary.clone(), answers: [].into() })
        .store(Watched { store: log.notify_store().unwrap(), diary });
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let policy = Policy::new(Currency::new("EUR").unwrap());
    let config = HostConfig {
        snapshot_every: Some(40),
        ..HostConfig::new(ShardId::default(), policy, seed)
    };
    let book = Book::open(&beside(path, "-book"));
    let mut host = Host::open(config, log, book, history, now()).unwrap();
    host.notify(telling);
    let client = host.client();
    let mut asked = None;
    let mut done = 0;
    loop {
        host.step(now());
        assert!(host.stopped().is_none());
        if asked
            .as_ref()
            .is_some_and(|ticket: &doorstep_runtime::client::Ticket| ticket.told().is_some())
        {
            asked = None;
            done += 1;
            println!("done {done}");
        }
        let at_rest = host.notifications().is_some_and(|telling| telling.engine().is_empty());
        if asked.is_none() && host.is_owner() && last.is_none_or(|last| done < last) {
            // Of customers and under ids that no child had before.
            let id = (u64::try_from(seed >> 10).unwrap() & 0x3fff_ffff_ffff) + done;
            let command = match done {
                0 => Command::Catalog(Catalog::Put(restaurant())),
                _ => checkout(id),
            };
            let cause = Client::cause(CommandId::new(seed + u128::from(done)), now());
            asked = Some(client.submit(cause, command).unwrap());
            continue;
        } else if asked.is_none()
            && at_rest
            && host.is_owner()
            && host.shard().pending_effects().next().is_none()
        {
            host.resign(now());
            host.step(now());
            return;
        }
        let _quiet = woken.recv_timeout(Duration::from_millis(5));
    }
}

fn run(path: &Path, kill_after: Option<usize>) {
    let mut child = Process::new(std::env::current_exe().unwrap());
    child.args(["child", "--exact", "--nocapture"]).env(FILE, path).stdout(Stdio::piped());
    if kill_after.is_none() {
        child.env(LAST, "5");
    }
    let mut child = child.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut done = 0;
    for line in lines.map_while(Result::ok) {
        done += usize::from(line.starts_with("done "));
        if kill_after.is_some_and(|most| done >= most) {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(status.success(), kill_after.is_none(), "{status}");
}

/// How many orders were placed, by the log.
fn placed(path: &Path) -> usize {
    let mut placed = 0;
    let inspector = Inspector::open(path).unwrap();
    let count = |line: doorstep_sqlite::Line| {
        let text = line.record.unwrap();
        placed += usize::from(line.counts) * text.get().matches("{\"placed\":").count();
    };
    inspector.lines(count).unwrap();
    placed
}

/// Everything that is younger than `stale_after` is told; what was heard to be delivered before a
/// save that came to its end is not told again.
#[test]
fn a_process_that_is_killed_again_and_again_leaves_nobody_untold() {
    let rounds = std::env::var("DOORSTEP_ROUNDS").map_or(8, |rounds| rounds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    for round in 0..rounds {
        run(&path, Some(2 + round % 9));
    }
    run(&path, None);

    let diary = std::fs::read_to_string(beside(&path, "-diary")).unwrap();
    let (mut told, mut saves) = (BTreeMap::<&str, (&str, usize)>::new(), 0);
    let (mut heard, mut saving, mut over) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in diary.lines() {
        let mut words = line.split(' ');
        match (words.next().unwrap(), words.next()) {
            ("begins", _) => (heard, saving) = (BTreeSet::new(), BTreeSet::new()),
            ("sent", Some(name)) => {
                assert!(!over.contains(name), "{name} was saved as delivered, and is sent again");
                told.entry(name).or_insert((words.next().unwrap(), 0)).1 += 1;
            }
            ("heard", Some(name)) => drop(heard.insert(name)),
            ("saving", _) => saving.clone_from(&heard),
            ("saved", _) => {
                saves += 1;
                over.append(&mut saving);
            }
            other => panic!("{other:?}"),
        }
    }
    let placed = placed(&path);
    let told_of = told.values().filter(|(kind, _)| *kind == "order.placed").count();
    assert_eq!(told_of, 2 * placed, "the customer and the restaurant, of every order");
    assert!(placed > rounds && saves > rounds, "{placed} orders, {saves} saves");
    assert_eq!(diary.lines().filter(|line| *line == "begins").count(), rounds + 1);
}
