//! What the port promises, on a file.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod common;

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use common::{NOW, Open, batch, batch_for, bytes, claim, open, read_after, snapshot};
use doorstep_core::log::Position;
use doorstep_runtime::ports::{
    AppendError, Log, RECORD_BYTES_MAX, ReadError, SnapshotError, TrimError,
};
use doorstep_sqlite::{AnchorSync, Config, FaultPoint, OpenError, SqliteLog};

fn positions(open: &mut Open) -> Vec<u64> {
    open.read_all().iter().map(|entry| entry.position.get()).collect()
}

#[test]
fn the_library_inside_has_no_wal_reset_defect() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[test]
fn what_was_appended_is_read_in_order_and_again_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let records: Vec<_> = (0..100).map(bytes).collect();
    let mut log = open(&path, Config::default()).unwrap();
    assert_eq!(log.log.end(NOW).unwrap(), None);
    assert!(log.read_all().is_empty());
    log.commit(&records);
    let entries = log.read_all();
    assert_eq!(log.log.end(NOW).unwrap(), Some(Position::new(100)));
    assert_eq!(positions(&mut log), (1..=100).collect::<Vec<_>>());
    assert!(entries.iter().map(|entry| entry.bytes.to_vec()).eq(records));
    log.log.close().unwrap();
    assert!(!common::beside(&path, "-wal").exists_with_bytes(), "the WAL is in the file");
    let mut log = open(&path, Config::default()).unwrap();
    assert_eq!(log.read_all(), entries);
    log.commit(&[bytes(100)]);
    assert_eq!(read_after(&mut log.log, Some(Position::new(100))).len(), 1);
}

trait ExistsWithBytes {
    fn exists_with_bytes(&self) -> bool;
}

impl ExistsWithBytes for std::path::PathBuf {
    fn exists_with_bytes(&self) -> bool {
        self.metadata().is_ok_and(|metadata| metadata.len() > 0)
    }
}

#[test]
fn a_reader_who_falls_behind_the_tail_reads_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { tail_bytes_max: 300, read_bytes_max: 500, ..Config::default() };
    let mut log = open(&dir.path().join("log.db"), config).unwrap();
    log.commit(&(0..50).map(bytes).collect::<Vec<_>>());
    let entries = log.read_all();
    assert_eq!(entries.len(), 50);
    assert!(entries.iter().zip(0..).all(|(entry, n)| *entry.bytes == bytes(n)));
}

#[test]
fn records_and_queue_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    // A writer that is held up in its first commit.
    let (entered, has_entered) = sync_channel(0);
    let (release, released) = sync_channel::<()>(0);
    let released = parking_lot::Mutex::new(released);
    let faults: doorstep_sqlite::FaultHook = Arc::new(move |point| {
        if point == FaultPoint::BeforeCommit && entered.send(()).is_ok() {
            released.lock().recv().unwrap_or_default();
        }
        false
    });
    let config = Config { queue_bytes_max: 1_000, faults: Some(faults), ..Config::default() };
    let mut log = open(&dir.path().join("log.db"), config).unwrap();
    let long = vec![0; RECORD_BYTES_MAX + 1];
    assert!(matches!(log.log.append(&long, NOW), Err(AppendError::TooLong { .. })));
    log.log.append(&bytes(0), NOW).unwrap();
    has_entered.recv().unwrap();
    let mut queued = 0;
    let full = loop {
        match log.log.append(&bytes(1), NOW) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AppendError::Full { most: 1_000 }), "{full}");
    assert_eq!(queued, 1_000 / (64 + bytes(1).len() as u64));
    assert!(log.read_all().is_empty(), "nothing is read before it is committed");
    drop(has_entered);
    release.send(()).unwrap();
    log.wait(|log| log.tally().records == queued + 1);
    let tally = log.monitor.tally();
    assert_eq!((tally.commits, tally.largest_group), (2, usize::try_from(queued).unwrap()));
}

#[test]
fn snapshots_stay_and_never_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let mut log = open(&path, Config::default()).unwrap();
    let beyond = log.log.save_snapshot(&snapshot(1, b"none"));
    assert!(matches!(beyond, Err(SnapshotError::BeyondEnd { end: None })));
    log.commit(&(0..10).map(bytes).collect::<Vec<_>>());
    log.log.save_snapshot(&snapshot(5, b"five")).unwrap();
    log.log.save_snapshot(&snapshot(5, b"another five")).unwrap();
    let back = log.log.save_snapshot(&snapshot(4, b"four"));
    assert!(matches!(back, Err(SnapshotError::Backwards { saved }) if saved.get() == 5));
    let beyond = log.log.save_snapshot(&snapshot(11, b"eleven"));
    assert!(matches!(beyond, Err(SnapshotError::BeyondEnd { end: Some(_) })));
    assert_eq!(log.log.load_snapshot().unwrap(), Some(snapshot(5, b"five")));
    log.log.save_snapshot(&snapshot(9, b"nine")).unwrap();
    drop(log);
    let mut log = open(&path, Config::default()).unwrap();
    assert_eq!(log.log.load_snapshot().unwrap(), Some(snapshot(9, b"nine")));
    let back = log.log.save_snapshot(&snapshot(8, b"eight"));
    assert!(matches!(back, Err(SnapshotError::Backwards { .. })));
}

#[test]
fn trimming_goes_only_behind_the_snapshot_and_positions_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let mut log = open(&path, Config { tail_bytes_max: 200, ..Config::default() }).unwrap();
    let mut records = vec![claim(1)];
    records.extend((0..9_000).map(|seq| batch(1, seq)));
    log.commit(&records);
    let early = log.log.trim(Position::new(2));
    assert!(matches!(early, Err(TrimError::NotBehindSnapshot { saved: None })));
    log.log.save_snapshot(&snapshot(9_001, b"all")).unwrap();
    let early = log.log.trim(Position::new(9_002));
    assert!(matches!(early, Err(TrimError::NotBehindSnapshot { saved: Some(_) })));
    log.log.trim(Position::new(5_000)).unwrap();
    log.log.trim(Position::new(9_001)).unwrap();
    log.log.trim(Position::new(3)).unwrap();
    let mut out = Vec::new();
    for after in [None, Some(Position::new(1)), Some(Position::new(8_999))] {
        let trimmed = log.log.read(after, 9, NOW, &mut out);
        assert!(matches!(trimmed, Err(ReadError::Trimmed { start }) if start.get() == 9_001));
    }
    log.log.read(Some(Position::new(9_000)), 9, NOW, &mut out).unwrap();
    assert_eq!(*out[0].bytes, records[9_000]);
    drop(log);

    // The fence behind the trimmed part is known: the next batch counts, an old one does not.
    let mut log = open(&path, Config::default()).unwrap();
    log.commit(&[batch(1, 9_000), batch(1, 9_000)]);
    assert_eq!(log.log.end(NOW).unwrap(), Some(Position::new(9_003)));
    let counts = counting(&path);
    assert_eq!(counts, [(9_001, true), (9_002, true), (9_003, false)]);
}

fn counting(path: &std::path::Path) -> Vec<(u64, bool)> {
    let inspector = doorstep_sqlite::Inspector::open(path).unwrap();
    let mut counts = Vec::new();
    inspector.lines(|line| counts.push((line.position.get(), line.counts))).unwrap();
    counts
}

#[test]
fn a_second_opener_is_refused_until_the_first_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let first = open(&path, Config::default()).unwrap();
    assert!(matches!(SqliteLog::open(&path, Config::default()), Err(OpenError::Locked { .. })));
    let other_name = dir.path().join("other.db");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&path, &other_name).unwrap();
        let through_a_link = SqliteLog::open(&other_name, Config::default());
        assert!(matches!(through_a_link, Err(OpenError::Locked { .. })));
    }
    first.log.close().unwrap();
    open(&path, Config::default()).unwrap();
}

#[test]
fn the_second_line_keeps_out_a_batch_whose_command_counted_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(&dir.path().join("log.db"), Config::default()).unwrap();
    log.commit(&[claim(1), batch_for(1, 0, 77)]);
    // A defective writer decides the same command again; its next batches are a gap to readers.
    log.log.append(&batch_for(1, 1, 77), NOW).unwrap();
    log.log.append(&batch_for(1, 2, 78), NOW).unwrap();
    log.wait(|log| log.tally().records == 3 && log.tally().refused == 1);
    log.commit(&[claim(2), batch_for(2, 1, 79)]);
    assert_eq!(log.read_all().len(), 5);
    assert_eq!(log.monitor.tally().refused, 1);
    // What a writer that stumbled over a full queue may do: the same seq again, one of them ignored.
    log.commit(&[batch_for(2, 3, 80), claim(3), batch_for(3, 2, 81), batch_for(3, 3, 80)]);
    assert_eq!(log.monitor.tally().refused, 1);
}

fn failing(at: FaultPoint) -> Config {
    Config { faults: Some(Arc::new(move |point| point == at)), ..Config::default() }
}

#[test]
fn a_failure_poisons_the_log_and_reopening_tells_the_truth() {
    for (at, landed) in
        [(FaultPoint::BeforeCommit, 0), (FaultPoint::AfterCommit, 1), (FaultPoint::Anchor, 1)]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.db");
        open(&path, Config::default()).unwrap().commit(&[bytes(0), bytes(1)]);
        let mut log = open(&path, failing(at)).unwrap();
        log.log.append(&bytes(2), NOW).unwrap();
        log.wait(|log| log.poisoned().is_some());
        let unknown = log.log.append(&bytes(3), NOW);
        assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{at:?}");
        let unsaved = log.log.save_snapshot(&snapshot(1, b""));
        assert!(matches!(unsaved, Err(SnapshotError::Io(_))), "{at:?}");
        assert_eq!(log.read_all().len(), 2, "{at:?}: reads go on, up to what was committed");
        assert!(log.log.close().is_err());
        let mut log = open(&path, Config::default()).unwrap();
        assert_eq!(log.read_all().len(), 2 + landed, "{at:?}");
    }
}

#[test]
fn a_full_disk_poisons_and_room_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let small = Config { file_bytes_max: Some(200_000), ..Config::default() };
    let mut log = open(&path, small.clone()).unwrap();
    let mut appended = 0_u64;
    while log.log.append(&vec![b'x'; 10_000], NOW).is_ok() {
        appended += 1;
        log.wait(|log| log.tally().records == appended || log.poisoned().is_some());
    }
    let poisoned = log.monitor.poisoned().unwrap();
    assert!(poisoned.to_string().contains("full"), "{poisoned}");
    let held = log.read_all();
    assert_eq!(held.len() as u64, appended - 1);
    drop(log);
    // Still too small: it opens, since reading needs no room, and is poisoned by the next append.
    let mut log = open(&path, small).unwrap();
    assert_eq!(log.read_all(), held);
    log.log.append(&vec![b'x'; 10_000], NOW).unwrap();
    log.wait(|log| log.poisoned().is_some());
    drop(log);
    let mut log = open(&path, Config::default()).unwrap();
    log.commit(&[bytes(1)]);
    assert_eq!(log.read_all().len(), held.len() + 1);
}

#[test]
fn checkpoints_bound_the_wal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let config = Config { checkpoint_bytes: 100_000, ..Config::default() };
    let mut log = open(&path, config).unwrap();
    for n in 0..60 {
        log.commit(&[vec![n; 10_000]]);
    }
    assert!(log.monitor.tally().checkpoints >= 5, "{:?}", log.monitor.tally());
    let wal = common::beside(&path, "-wal").metadata().unwrap().len();
    assert!(wal < 200_000, "{wal}");
    assert_eq!(log.read_all().len(), 60);
}

#[test]
fn the_anchor_is_synced_as_often_as_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let an_hour = AnchorSync::Every(std::time::Duration::from_secs(3_600));
    let at_once = AnchorSync::Every(std::time::Duration::ZERO);
    for (name, anchor, syncs) in
        [("a", AnchorSync::EveryCommit, 3), ("b", AnchorSync::OnClose, 0), ("c", an_hour, 0)]
    {
        let config = Config { anchor, ..Config::default() };
        let mut log = open(&dir.path().join(name), config).unwrap();
        for n in 0..3 {
            log.commit(&[bytes(n)]);
        }
        assert_eq!(log.monitor.tally().anchor_syncs, syncs, "{anchor:?}");
        let monitor = log.monitor.clone();
        log.log.close().unwrap();
        assert_eq!(monitor.tally().anchor_syncs, syncs.max(1), "{anchor:?}");
    }
    let mut log =
        open(&dir.path().join("d"), Config { anchor: at_once, ..Config::default() }).unwrap();
    log.commit(&[bytes(0)]);
    // Due at once: it is synced by the writer's next turn, whatever that brings.
    log.commit(&[bytes(1)]);
    log.commit(&[bytes(2)]);
    assert!(log.monitor.tally().anchor_syncs >= 1);
}

#[test]
fn once_it_has_settled_everything_appended_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(&dir.path().join("log.db"), Config::default()).unwrap();
    log.monitor.settle();
    let mut ids = 0..;
    for group in 1..60 {
        for _ in 0..group % 4 {
            log.log.append(&bytes(ids.next().unwrap()), NOW).unwrap();
        }
        log.monitor.settle();
        assert_eq!(log.monitor.tally().records, ids.start, "group {group}");
    }
    let monitor = log.monitor.clone();
    log.log.close().unwrap();
    monitor.settle();
}

#[test]
fn a_poisoned_log_settles_and_says_so_once_everything_committed_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let faults: doorstep_sqlite::FaultHook = {
        let commits = std::sync::atomic::AtomicU32::new(0);
        Arc::new(move |point| {
            point == FaultPoint::BeforeCommit
                && commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1
        })
    };
    let config = Config { faults: Some(faults), ..Config::default() };
    let mut log = open(&dir.path().join("log.db"), config).unwrap();
    log.commit(&[bytes(1)]);
    log.log.append(&bytes(2), NOW).unwrap();
    log.monitor.settle();
    assert!(log.monitor.poisoned().is_some());
    let mut entries = Vec::new();
    log.log.read(None, 10, NOW, &mut entries).unwrap();
    assert_eq!(entries.len(), 1);
    let refused = log.log.read(Some(entries[0].position), 10, NOW, &mut entries);
    assert!(matches!(refused, Err(ReadError::Poisoned(_))), "{refused:?}");
    assert_eq!(entries.len(), 1);
}
