//! Each way in which a log is refused: what it says, up to where the log is good, how to recover,
//! and that a salvaged log opens with what was good.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::images::Image;
use common::{batch, beside, claim, open, snapshot};
use doorstep_core::log::Position;
use doorstep_sqlite::{Config, Damage, Inspector, OpenError, SqliteLog, salvage};
use rusqlite::Connection;

/// A closed log: a claim and nine batches, a snapshot at 4.
fn made(path: &Path) {
    let mut log = open(path, Config::default()).unwrap();
    let mut records = vec![claim(1)];
    records.extend((0..9).map(|seq| batch(1, seq)));
    log.commit(&records);
    doorstep_runtime::ports::Log::save_snapshot(&mut log.log, &snapshot(4, b"state")).unwrap();
    log.log.close().unwrap();
}

fn in_a_dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    (dir, path)
}

fn sql(path: &Path, statement: &str) {
    Connection::open(path).unwrap().execute_batch(statement).unwrap();
}

fn at(position: u64) -> Position {
    Position::new(position)
}

/// Refused for this reason, good up to there, unchanged; and the inspector says the same.
fn refused(path: &Path, through: Option<u64>, damage: &Damage) {
    let before = Image::of(path);
    let error = SqliteLog::open(path, Config::default()).unwrap_err();
    let OpenError::Damaged { good_through, what } = &error else { panic!("{error}") };
    assert_eq!((good_through.map(Position::get), what), (through, damage));
    let text = error.to_string();
    assert!(text.contains(&what.to_string()) && text.contains("salvage"), "{text}");
    assert_eq!(Image::of(path), before, "what is refused is left as it was");
    let seen = Inspector::open(path).and_then(|inspector| inspector.verify(None)).unwrap_err();
    assert_eq!(seen.to_string(), text);
}

fn salvaged(path: &Path, through: u64) {
    let new = path.with_file_name("new.db");
    let saved = salvage(path, &new).unwrap();
    assert_eq!(saved.good_through, Some(at(through)));
    assert_eq!(saved.snapshot, (through >= 4).then_some(at(4)));
    let mut log = open(&new, Config::default()).unwrap();
    let entries = log.read_all();
    assert_eq!(entries.len() as u64, through);
    assert_eq!(*entries[0].bytes, claim(1));
    log.commit(&[claim(2), batch(2, through - 1)]);
    drop(log);
    let verified = Inspector::open(&new).unwrap().verify(None).unwrap();
    assert_eq!(verified.counting, through + 2, "the next batch counts");
    assert!(salvage(path, &new).is_err(), "nothing is overwritten");
}

#[test]
fn a_changed_missing_or_added_record_is_found() {
    let rows = [
        ("UPDATE log SET bytes = 'x' WHERE position = 6", 5, Damage::Record { position: at(6) }),
        (
            "UPDATE log SET hash = zeroblob(32) WHERE position = 6",
            5,
            Damage::Record { position: at(6) },
        ),
        ("UPDATE log SET seq = 77 WHERE position = 6", 5, Damage::Columns { position: at(6) }),
        ("UPDATE log SET counts = 0 WHERE position = 6", 5, Damage::Columns { position: at(6) }),
        ("DELETE FROM log WHERE position = 6", 5, Damage::Gap { expected: at(6), found: at(7) }),
        ("DELETE FROM log WHERE position > 6", 6, Damage::Behind { anchor: at(10) }),
        ("UPDATE sqlite_sequence SET seq = 3", 10, Damage::Counter),
    ];
    for (statement, through, damage) in rows {
        let (_dir, path) = in_a_dir();
        made(&path);
        // SQL would not take a text for a blob.
        sql(&path, &statement.replace("'x'", "CAST('x' AS BLOB)"));
        refused(&path, Some(through), &damage);
        salvaged(&path, through);
    }
}

#[test]
fn what_stands_beside_the_records_is_sealed() {
    let schema = |object: &str| Damage::Schema { object: object.to_owned() };
    for (statement, damage, through) in [
        ("UPDATE meta SET start = 2", Damage::Start, None),
        ("UPDATE meta SET fence = '{}'", Damage::Start, None),
        (
            "UPDATE snapshot_part SET bytes = zeroblob(5)",
            Damage::Snapshot { position: at(4) },
            Some(10),
        ),
        ("UPDATE snapshot SET position = 5", Damage::Snapshot { position: at(5) }, Some(10)),
        ("DROP INDEX one_batch_a_seq", schema("the number of tables and indexes"), None),
        (
            "DROP INDEX one_batch_a_seq; CREATE INDEX one_batch_a_seq ON log (seq)",
            schema("one_batch_a_seq"),
            None,
        ),
    ] {
        let (_dir, path) = in_a_dir();
        made(&path);
        sql(&path, statement);
        refused(&path, through, &damage);
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (dir, path) = in_a_dir();
    made(&path);
    let whole = Image::of(&path);
    let other = dir.path().join("other.db");
    made(&other);
    let others = Image::of(&other);

    Image { anchor: others.anchor, ..whole.clone() }.put(&path);
    refused(&path, None, &Damage::OtherLog);
    Image { db: others.db, ..whole.clone() }.put(&path);
    refused(&path, None, &Damage::OtherLog);
    Image { anchor: vec![0; 9_000], ..whole.clone() }.put(&path);
    refused(&path, None, &Damage::AnchorDamaged);
    whole.put(&path);
    std::fs::remove_file(beside(&path, "-anchor")).unwrap();
    refused(&path, Some(10), &Damage::AnchorMissing);
    salvaged(&path, 10);
    Image { db: Vec::new(), ..whole.clone() }.put(&path);
    let error = SqliteLog::open(&path, Config::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { what: Damage::Missing, .. }), "{error}");
    assert_eq!(Image::of(&path), Image { db: Vec::new(), ..whole });
}

#[test]
fn an_older_copy_of_the_database_is_behind_its_anchor() {
    let (_dir, path) = in_a_dir();
    made(&path);
    let old = Image::of(&path);
    let mut log = open(&path, Config::default()).unwrap();
    log.commit(&[batch(1, 9)]);
    log.log.close().unwrap();
    let new = Image::of(&path);
    Image { db: old.db.clone(), ..new }.put(&path);
    refused(&path, Some(10), &Damage::Behind { anchor: at(11) });
}

#[test]
fn what_is_no_log_or_a_later_one_is_left_alone() {
    let (dir, path) = in_a_dir();
    made(&path);
    sql(&path, "PRAGMA user_version = 9");
    let error = SqliteLog::open(&path, Config::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9, known: 1 }), "{error}");
    let foreign = dir.path().join("foreign.db");
    sql(&foreign, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    let error = SqliteLog::open(&foreign, Config::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotALog { application_id: 0 }), "{error}");
    std::fs::write(&foreign, b"a shopping list, long enough to be looked at: milk, eggs").unwrap();
    let error = SqliteLog::open(&foreign, Config::default()).unwrap_err();
    let pages = matches!(error, OpenError::Damaged { what: Damage::Pages { .. }, .. });
    assert!(pages, "{error}");
    let nothing = Inspector::open(dir.path().join("nothing.db")).unwrap_err();
    assert!(matches!(nothing, OpenError::NoSuchLog { .. }), "{nothing}");
}

#[test]
fn an_inspector_sees_one_state_while_the_log_goes_on() {
    let (_dir, path) = in_a_dir();
    made(&path);
    let mut log = open(&path, Config::default()).unwrap();
    log.commit(&[batch(1, 9)]);
    let inspector = Inspector::open(&path).unwrap();
    assert_eq!(inspector.verify(None).unwrap().records, 11);
    log.commit(&[batch(1, 10)]);
    assert_eq!(inspector.verify(None).unwrap().records, 11);
    assert_eq!(Inspector::open(&path).unwrap().verify(None).unwrap().records, 12);
    log.log.close().unwrap();
}
