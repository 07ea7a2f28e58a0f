use super::*;
use crate::host::Stopped;
use crate::ports::SnapshotStore;

#[test]
fn a_thread_beside_the_writer_saves_snapshots_and_trims_behind_them() {
    let cfg = HostConfig { snapshot_every: Some(5), trim_behind: Some(2), ..config(1) };
    let log = MemoryLog::new();
    let town = Town::open(cfg, log.clone(), calm(), Bell::new());
    town.order();
    let mut ids = 100..;
    let given_up = Instant::now() + PATIENCE;
    let mut send = || {
        let id = ids.next().unwrap();
        assert_eq!(town.ask(id.into(), admit(id)), DONE);
        assert!(Instant::now() < given_up, "no snapshot was ever taken");
    };
    while town.running.status().tally.trims < 3 {
        send();
    }
    let host = town.running.shutdown(Timestamp::NEVER).unwrap();
    let tally = host.tally();
    assert_eq!((tally.trims, tally.snapshot_errors), (tally.snapshots, 0));
    // What was saved is the state that a replay of what is left behind it leads on from.
    let saved = log.clone().load_snapshot().unwrap().unwrap().position;
    let start = log.entries_from(Position::default()).first().unwrap().position;
    assert_eq!(start.get(), saved.get() - 2);
    let next = Town::open(config(2), log, calm(), Bell::new());
    let next = next.running.shutdown(Timestamp::NEVER).unwrap();
    assert_eq!(next.shard(), host.shard());
}

#[test]
fn shutting_down_waits_for_the_snapshot_under_way() {
    let gate = Arc::new(Gate::default());
    /// A log whose snapshots take as long as they like.
    #[derive(Clone)]
    struct Slow(MemoryLog, Arc<Gate>, Arc<AtomicU64>);
    impl SnapshotStore for Slow {
        fn follow(
            &mut self,
            after: Option<Position>,
            max: usize,
            now: Timestamp,
            out: &mut Vec<Entry>,
        ) -> Result<(), ReadError> {
            self.0.read(after, max, now, out)
        }
        fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
            self.1.pass();
            self.2.fetch_add(1, Ordering::SeqCst);
            self.0.save_snapshot(snapshot)
        }
        fn load(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
            self.0.load_snapshot()
        }
        fn trim_before(&mut self, before: Position) -> Result<(), TrimError> {
            self.0.trim(before)
        }
    }
    let saved = Arc::new(AtomicU64::new(0));
    let slow = Slow(MemoryLog::new(), Arc::clone(&gate), Arc::clone(&saved));
    let log = Giving { log: slow.0.clone(), store: slow };
    let cfg = HostConfig { snapshot_every: Some(2), ..config(1) };
    let town = Town::open(cfg, log, calm(), Bell::new());
    // The writer goes on while the snapshot waits at the gate.
    for id in 1..20 {
        assert_eq!(town.ask(id.into(), admit(id)), DONE);
    }
    gate.wait_for_arrivals(1);
    assert_eq!(town.ask(20, admit(20)), DONE);
    let ends = thread::spawn(move || town.running.shutdown(Timestamp::NEVER));
    assert!(!ends.is_finished(), "the snapshot is under way");
    assert_eq!(saved.load(Ordering::SeqCst), 0);
    gate.open();
    let host = ends.join().unwrap().unwrap();
    // Another one may have been begun before the end was heard of: that one is waited for too.
    let saved = saved.load(Ordering::SeqCst);
    assert!(saved >= 1);
    assert_eq!(host.tally().snapshots, saved, "none is left under way");
}

/// A log that gives another handle for its snapshots.
struct Giving<S> {
    log: MemoryLog,
    store: S,
}

impl<S: SnapshotStore + Clone + Send + 'static> Log for Giving<S> {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        self.log.append(record, now)
    }
    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        self.log.read(after, max, now, out)
    }
    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
        self.log.end(now)
    }
    fn save_snapshot(&mut self, _: &Snapshot) -> Result<(), SnapshotError> {
        panic!("in the step")
    }
    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        self.log.load_snapshot()
    }
    fn trim(&mut self, _: Position) -> Result<(), TrimError> {
        panic!("in the step")
    }
    fn snapshots(&self) -> Option<Box<dyn SnapshotStore + Send>> {
        Some(Box::new(self.store.clone()))
    }
    fn next_wake(&self) -> Option<Timestamp> {
        self.log.next_wake()
    }
}

#[test]
fn a_log_that_takes_no_more_ends_the_thread_and_whoever_waits_hears_at_once() {
    let rig = Rig::new();
    let town = Town::open(config(1), rig.clone(), calm(), Bell::new());
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(1, admit(1));
    rig.set(|knobs| knobs.poisoned = true);
    town.bell.ring();
    // Its clock stands still: no time-out comes to anybody's help.
    assert_eq!(ticket.wait(PATIENCE), Some(Told::Unknown));
    assert!(town.running.wait_for_end(PATIENCE));
    assert_eq!(town.try_send(2, admit(2)).err(), Some(NotSent::Gone));
    let host = town.running.shutdown(NOW).unwrap();
    assert!(matches!(host.stopped(), Some(Stopped::LogPoisoned { .. })));
    drop(host);
    // Opened again, it tells.
    let next = Town::open(config(2), rig.log.clone(), calm(), Bell::new());
    assert_eq!(next.ask(1, admit(1)), DONE);
}
