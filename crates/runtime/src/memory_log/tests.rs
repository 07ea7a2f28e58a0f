use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const FIVE: Position = Position::new(5);
const SIX: Position = Position::new(6);
const NINE: Position = Position::new(9);

fn after(millis: u64) -> Timestamp {
    NOW.saturating_add(Span::from_millis(millis))
}

fn hostile(seed: u64) -> Faults {
    Faults {
        seed,
        lost: 200,
        late: 200,
        duplicated: 200,
        failed: 200,
        late_by_most: Span::from_millis(50),
    }
}

fn read_all(log: &mut MemoryLog, now: Timestamp) -> Vec<Entry> {
    let mut out = Vec::new();
    log.read(None, usize::MAX, now, &mut out).unwrap();
    out
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| std::str::from_utf8(&entry.bytes).unwrap()).collect()
}

fn snapshot(position: u64, bytes: &[u8]) -> Snapshot {
    Snapshot { position: Position::new(position), bytes: bytes.into() }
}

/// Appends `count` records, a millisecond apart.
fn fill(log: &mut MemoryLog, count: u64) -> Vec<bool> {
    (0..count).map(|i| log.append(&i.to_le_bytes(), after(i)).is_ok()).collect()
}

fn filled(count: u64) -> MemoryLog {
    let mut log = MemoryLog::new();
    fill(&mut log, count);
    log
}

#[test]
fn an_empty_log_has_no_end_and_nothing_to_read() {
    let mut log = MemoryLog::new();
    assert_eq!(log.end(NOW).unwrap(), None);
    assert!(read_all(&mut log, NOW).is_empty());
    assert_eq!(log.next_wake(), None);
}

#[test]
fn reading_goes_on_after_a_position_and_stops_at_max() {
    let mut log = filled(5);
    let mut out = Vec::new();
    log.read(Some(Position::new(1)), 2, NOW, &mut out).unwrap();
    assert_eq!(out.iter().map(|entry| entry.position.get()).collect::<Vec<_>>(), [2, 3]);
    log.read(Some(Position::new(4)), 2, NOW, &mut out).unwrap();
    log.read(Some(Position::new(u64::MAX)), 2, NOW, &mut out).unwrap();
    assert_eq!(out.len(), 2);
    assert_eq!(log.end(NOW).unwrap(), Some(Position::new(4)));
}

#[test]
fn a_late_record_lands_after_those_that_were_appended_after_it() {
    let mut log =
        MemoryLog::faulty(Faults { late: 1_000, late_by_most: Span::from_secs(1), ..Faults::NONE });
    log.append(b"late", NOW).unwrap();
    log.quiet();
    log.append(b"in time", NOW).unwrap();
    let lands = log.next_wake().unwrap();
    assert!((after(1)..=after(1_000)).contains(&lands));

    let just_before = lands.saturating_sub(Span::from_millis(1));
    assert_eq!(texts(&read_all(&mut log, just_before)), ["in time"]);
    assert_eq!(texts(&read_all(&mut log, lands)), ["in time", "late"]);
    assert_eq!(log.next_wake(), None);
}

#[test]
fn a_late_record_lands_before_what_is_appended_once_its_time_has_come() {
    let mut log =
        MemoryLog::faulty(Faults { late: 1_000, late_by_most: Span::from_secs(1), ..Faults::NONE });
    log.append(b"late", NOW).unwrap();
    log.quiet();
    let lands = log.next_wake().unwrap();
    log.append(b"next", lands).unwrap();
    assert_eq!(texts(&read_all(&mut log, lands)), ["late", "next"]);
}

#[test]
fn each_fault_does_what_it_says() {
    let check = |faults: Faults, ok: std::ops::RangeInclusive<u64>, landed: fn(u64) -> bool| {
        let mut log = MemoryLog::faulty(faults);
        let oks = fill(&mut log, 1_000).into_iter().filter(|ok| *ok).count() as u64;
        assert!(ok.contains(&oks), "{faults:?}: {oks} were Ok");
        let held = read_all(&mut log, Timestamp::NEVER).len() as u64;
        assert!(landed(held), "{faults:?}: {held} landed");
    };
    check(Faults::NONE, 1_000..=1_000, |landed| landed == 1_000);
    check(Faults { lost: 1_000, ..Faults::NONE }, 1_000..=1_000, |landed| landed == 0);
    check(Faults { lost: 100, ..Faults::NONE }, 1_000..=1_000, |n| (850..950).contains(&n));
    check(Faults { late: 1_000, ..Faults::NONE }, 1_000..=1_000, |landed| landed == 1_000);
    check(Faults { duplicated: 1_000, ..Faults::NONE }, 1_000..=1_000, |n| n == 2_000);
    check(Faults { failed: 1_000, ..Faults::NONE }, 0..=0, |n| (400..600).contains(&n));
    check(Faults { failed: 100, ..Faults::NONE }, 850..=950, |n| (900..990).contains(&n));
}

#[test]
fn after_quiet_every_append_lands_once_at_once() {
    let mut log = MemoryLog::faulty(hostile(7));
    fill(&mut log, 200);
    read_all(&mut log, Timestamp::NEVER);
    let (before, tally) = (log.end(NOW).unwrap().unwrap(), log.tally());
    log.quiet();
    assert!(fill(&mut log, 200).into_iter().all(|ok| ok));
    assert_eq!(log.end(NOW).unwrap(), Some(Position::new(before.get() + 200)));
    assert_eq!(log.tally(), FaultTally { appends: 400, ..tally });
}

#[test]
fn a_log_is_trimmed_only_behind_its_snapshot() {
    let mut log = filled(10);
    assert!(matches!(
        log.trim(Position::new(0)),
        Err(TrimError::NotBehindSnapshot { saved: None })
    ));
    log.save_snapshot(&snapshot(6, b"state")).unwrap();
    assert!(matches!(
        log.trim(Position::new(7)),
        Err(TrimError::NotBehindSnapshot { saved: Some(SIX) })
    ));
    assert_eq!(log.entries_from(Position::new(0)).len(), 10, "a refused trim removes nothing");

    log.trim(Position::new(6)).unwrap();
    log.trim(Position::new(3)).unwrap();
    assert_eq!(log.entries_from(Position::new(0)).first().unwrap().position, Position::new(6));
    assert_eq!(log.end(NOW).unwrap(), Some(Position::new(9)), "positions stay what they were");
}

#[test]
fn reading_below_the_start_is_an_error_and_never_a_jump() {
    let mut log = filled(10);
    log.save_snapshot(&snapshot(6, b"state")).unwrap();
    log.trim(Position::new(6)).unwrap();
    let mut out = Vec::new();
    for gone in [None, Some(Position::new(0)), Some(Position::new(4))] {
        assert!(matches!(
            log.read(gone, 10, NOW, &mut out),
            Err(ReadError::Trimmed { start: SIX })
        ));
    }
    assert!(out.is_empty());
    log.read(Some(Position::new(5)), 10, NOW, &mut out).unwrap();
    assert_eq!(out.len(), 4, "everything after 5 is still there");
}

#[test]
fn a_position_is_not_used_again_after_trimming() {
    let mut log = filled(3);
    log.save_snapshot(&snapshot(2, b"state")).unwrap();
    log.trim(Position::new(2)).unwrap();
    log.append(b"next", NOW).unwrap();
    assert_eq!(log.end(NOW).unwrap(), Some(Position::new(3)));
}

#[test]
fn a_snapshot_is_never_overwritten_and_never_moves_backwards() {
    let mut log = filled(10);
    assert_eq!(log.load_snapshot().unwrap(), None);
    log.save_snapshot(&snapshot(5, b"first")).unwrap();
    log.save_snapshot(&snapshot(5, b"second")).unwrap();
    assert_eq!(log.load_snapshot().unwrap(), Some(snapshot(5, b"first")));
    assert!(matches!(
        log.save_snapshot(&snapshot(4, b"older")),
        Err(SnapshotError::Backwards { saved: FIVE })
    ));
    assert!(matches!(
        log.save_snapshot(&snapshot(10, b"of what never was")),
        Err(SnapshotError::BeyondEnd { end: Some(NINE) })
    ));
    assert_eq!(log.load_snapshot().unwrap(), Some(snapshot(5, b"first")));
    log.save_snapshot(&snapshot(9, b"newer")).unwrap();
    assert_eq!(log.clone().load_snapshot().unwrap(), Some(snapshot(9, b"newer")));
}

#[test]
fn a_record_that_is_too_long_is_refused_and_one_that_just_fits_is_not() {
    let mut log = MemoryLog::new();
    let long = vec![0; RECORD_BYTES_MAX + 1];
    assert!(matches!(
        log.append(&long, NOW),
        Err(AppendError::TooLong { bytes, most: RECORD_BYTES_MAX }) if bytes == long.len()
    ));
    assert_eq!(log.end(NOW).unwrap(), None);
    log.append(&long[1..], NOW).unwrap();
}

#[test]
fn a_full_log_refuses_until_it_is_trimmed() {
    let mut log = MemoryLog::with(Faults::NONE, 1_000);
    let held = (0..)
        .take_while(|i: &u64| match log.append(&i.to_le_bytes(), NOW) {
            Ok(()) => true,
            Err(error) => {
                assert!(matches!(error, AppendError::Full { most: 1_000 }));
                false
            }
        })
        .count() as u64;
    assert_eq!(log.entries_from(Position::new(0)).len() as u64, held);
    assert_eq!(log.tally().appends, held, "a refused append is not drawn for");

    log.save_snapshot(&snapshot(held - 1, b"state")).unwrap();
    log.trim(Position::new(held - 1)).unwrap();
    log.append(b"again", NOW).unwrap();
}

proptest! {
    #[test]
    fn every_reader_sees_the_same_records_at_the_same_positions(
        seed: u64,
        steps in prop::collection::vec((0..4_u8, 0..20_u64, 1..5_usize), 1..200),
    ) {
        let log = MemoryLog::faulty(hostile(seed));
        let mut handles = [log.clone(), log.clone()];
        let mut seen: [Vec<Entry>; 2] = [Vec::new(), Vec::new()];
        let (mut now, mut appended) = (NOW, 0_u64);
        for (step, wait, max) in steps {
            now = now.saturating_add(Span::from_millis(wait));
            let who = usize::from(step % 2);
            if step < 2 {
                appended = appended.saturating_add(1);
                let _ = handles[who].append(&appended.to_le_bytes(), now);
            } else {
                let last = seen[who].last().map(|entry| entry.position);
                handles[who].read(last, max, now, &mut seen[who]).unwrap();
            }
        }
        let landed = read_all(&mut log.clone(), Timestamp::NEVER);
        for (handle, seen) in handles.iter_mut().zip(&mut seen) {
            let last = seen.last().map(|entry| entry.position);
            handle.read(last, usize::MAX, Timestamp::NEVER, seen).unwrap();
            prop_assert_eq!(&*seen, &landed);
        }
        prop_assert!(landed.is_sorted_by(|a, b| a.position < b.position));
        let tally = log.tally();
        prop_assert_eq!(tally.appends, appended);
        let gone = [tally.lost, tally.failed_lost, landed.len() as u64];
        let made = [appended, tally.duplicated];
        prop_assert_eq!(gone.iter().sum::<u64>(), made.iter().sum::<u64>());
    }

    #[test]
    fn the_same_seed_gives_the_same_faults(seed: u64) {
        let run = |seed| {
            let mut log = MemoryLog::faulty(hostile(seed));
            let oks = fill(&mut log, 100);
            (oks, read_all(&mut log, Timestamp::NEVER), log.tally())
        };
        prop_assert_eq!(run(seed), run(seed));
        prop_assert_ne!(run(seed), run(seed.wrapping_add(1)));
    }
}
