//! A process under load, killed at random moments, again and again: what it acknowledged is there,
//! in order, once; what it left unanswered is retried to one truth; no effect has a second key.
//!
//! `DOORSTEP_ROUNDS` says how often (default 20; at least 200 in the long form). The child is this
//! binary again.
#![cfg(unix)]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use common::child::{Orders, effects, run};
use common::number;
use doorstep_core::log::Record;
use doorstep_core::time::Timestamp;
use doorstep_sqlite::Inspector;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const FILE: &str = "DOORSTEP_CHILD_FILE";

/// Not a test: the child. Without its orders it does nothing.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let path = Path::new(&path);
    let text = std::fs::read_to_string(common::beside(path, "-orders")).unwrap();
    let mut lines = text.lines();
    let mut number = || lines.next().unwrap().parse::<i64>().unwrap();
    let (first, end, issued_at) = (number(), number(), Timestamp::from_millis(number()));
    let (first, end) = (first.cast_unsigned(), end.cast_unsigned());
    let again = lines.map(str::to_owned).collect();
    run(path, &Orders { again, first, end, issued_at });
}

/// What was heard of the children.
#[derive(Default)]
struct Heard {
    /// Sent and not answered, in order.
    open: Vec<(u64, String)>,
    told: BTreeMap<u64, Value>,
    next: u64,
}

/// Starts a child, hears `lines` lines of it, kills it, and hears what it said before it died.
fn round(path: &Path, heard: &mut Heard, lines: Option<usize>, issued_at: Timestamp) -> Vec<u64> {
    let end = if lines.is_some() { i64::MAX } else { heard.next.cast_signed() };
    let mut orders = format!("{}\n{end}\n{}\n", heard.next, issued_at.as_millis());
    for (_, wish) in &heard.open {
        orders.push_str(wish);
        orders.push('\n');
    }
    std::fs::write(common::beside(path, "-orders"), orders).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    let mut left = lines;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if left == Some(0) {
            child.kill().unwrap();
        }
        left = left.map(|left| left.saturating_sub(1));
        // A last line may be cut short: what was not said whole was not said.
        let line = line.unwrap();
        if let Some(wish) = line.strip_prefix("sent ") {
            let id: u64 = wish.split(' ').nth(1).unwrap().parse().unwrap();
            if id < 1_000_000_000 {
                heard.next = heard.next.max(id + 1);
            }
            if !heard.open.iter().any(|(open, _)| *open == id) {
                heard.open.push((id, wish.to_owned()));
            }
        } else if let Some((id, outcome)) =
            line.strip_prefix("told ").and_then(|said| said.split_once(' '))
        {
            let Ok(outcome) = serde_json::from_str::<Value>(outcome) else { continue };
            let id = id.parse().unwrap();
            heard.open.retain(|(open, _)| *open != id);
            let before = heard.told.insert(id, outcome.clone());
            assert!(before.is_none_or(|before| before == outcome), "{id}: one truth");
            told.push(id);
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(status.success(), lines.is_none(), "killed unless it was to finish: {status}");
    told
}

/// The batches that count, by command: where, and with which outcome.
fn read(path: &Path) -> BTreeMap<u64, (u64, Value)> {
    let inspector = Inspector::open(path).unwrap();
    inspector.verify(None).unwrap();
    let mut batches = BTreeMap::new();
    inspector
        .lines(|line| {
            let text = line.record.unwrap();
            let record = Record::<Value, Value>::decode(text.get().as_bytes()).unwrap();
            if let Record::Batch(batch) = record
                && let (Some(cause), true) = (batch.cause, line.counts)
            {
                let id = u64::try_from(cause.id.get()).unwrap();
                let outcome = batch.outcome.unwrap();
                let before = batches.insert(id, (line.position.get(), outcome));
                assert!(before.is_none(), "command {id} counts twice");
            }
        })
        .unwrap();
    batches
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_in_order_and_once() {
    if std::env::var(FILE).is_ok() {
        return;
    }
    let rounds = number("DOORSTEP_ROUNDS", 20);
    let mut draws = ChaCha8Rng::seed_from_u64(number("DOORSTEP_SEED", 1));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    let issued_at: Timestamp = SystemTime::now().try_into().unwrap();
    let mut heard = Heard::default();
    let (mut acknowledged, mut in_the_open, mut unsaid) = (0, 0, 0);
    // Where the log ended after the last round.
    let mut end = 0;
    for _ in 0..rounds {
        let lines = match draws.random_range(0..8) {
            0 => draws.random_range(0..6),
            _ => draws.random_range(6..700),
        };
        let told = round(&path, &mut heard, Some(lines), issued_at);
        acknowledged += told.len();
        in_the_open += heard.open.len();
        match Inspector::open(&path) {
            Ok(_) => {}
            // Killed while it made the file.
            Err(_) if heard.told.is_empty() && end == 0 => continue,
            Err(error) => panic!("{error}"),
        }
        let batches = read(&path);
        let mut last = end;
        for id in told {
            let (position, outcome) = batches.get(&id).unwrap_or_else(|| panic!("{id} is lost"));
            assert_eq!(Some(outcome), heard.told.get(&id), "{id}");
            // What an earlier child had decided is answered at once, out of turn.
            if *position > end {
                assert!(*position > last, "{id} was answered out of the log's order");
                last = *position;
            }
        }
        end = batches.values().map(|(position, _)| *position).max().unwrap_or(0);
        unsaid += heard.open.iter().filter(|(id, _)| batches.contains_key(id)).count();
    }
    round(&path, &mut heard, None, issued_at);
    assert!(heard.open.is_empty(), "everything has an answer in the end");
    let batches = read(&path);
    assert_eq!(batches.len(), heard.told.len());
    for (id, outcome) in &heard.told {
        assert_eq!(Some(outcome), batches.get(id).map(|(_, outcome)| outcome), "{id}");
    }
    let effects = effects(&path);
    for ((order, step), attempts) in &effects {
        assert_eq!(attempts, &["1"], "{order}/{step}: no effect under a second key");
    }
    println!(
        "{rounds} kills: {acknowledged} acknowledged, {in_the_open} unanswered, of which {unsaid} \
         were in the log; {} effects",
        effects.len()
    );
    assert!(rounds < 20 || (acknowledged > 0 && unsaid > 0), "it was under load");
}
