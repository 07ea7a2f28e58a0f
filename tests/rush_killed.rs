//! An evening on disk, killed at random moments and started again until it ends: what anybody was
//! told is in the log, every order ends, and the auditor finds nothing wrong in the whole of it.
//!
//! `DOORSTEP_RUSH_ROUNDS` says how often each evening is killed (default 5), `DOORSTEP_RUSH_ORDERS`
//! how large it is (default 60), `DOORSTEP_SEED` which (default 1). The child is this binary again.
#![cfg(unix)]
#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a failing test fails")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../examples/dinner_rush/disk.rs"]
mod disk;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use doorstep::core::id::CommandId;
use doorstep::core::log::Record;
use doorstep::core::money::Currency;
use doorstep::core::policy::Policy;
use doorstep_runtime::ports::Fault;
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_sim::city::{City, CityConfig};
use doorstep_sim::report::{Summary, Wall};
use doorstep_sim::world::{Storage, World, WorldConfig};
use doorstep_sqlite::{Inspector, SqliteHistory, SqliteLog};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use disk::OnDisk;

const CHILD: &str = "DOORSTEP_RUSH_CHILD";

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// A storage that says on standard output what people are told, before they act on it.
struct Telling(OnDisk);

impl Storage for Telling {
    type Log = SqliteLog;
    type History = SqliteHistory;

    fn open(&mut self) -> Result<(SqliteLog, SqliteHistory), Fault> {
        self.0.open()
    }
    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }
    fn settle(&mut self) {
        self.0.settle();
    }
    fn provider(&mut self, config: SandboxConfig) -> Result<Sandbox, Fault> {
        self.0.provider(config)
    }
    fn told_before(&mut self) -> Result<Vec<(CommandId, String)>, Fault> {
        self.0.told_before()
    }
    fn tells(&mut self, command: CommandId, outcome_json: &str) -> Result<(), Fault> {
        self.0.tells(command, outcome_json)?;
        say(&format!("told {:032x} {outcome_json}", command.get()));
        Ok(())
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Not a test: the child. Without its directory it does nothing.
#[test]
fn child() {
    let Ok(words) = std::env::var(CHILD) else { return };
    let mut words = words.splitn(4, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (seed, orders, chaos) = (number(), number(), number());
    let dir = words.next().unwrap();
    let summary = live(Path::new(dir), seed, orders, u16::try_from(chaos).unwrap());
    say(&format!("end {}", summary.to_json()));
}

fn live(dir: &Path, seed: u64, orders: u64, chaos: u16) -> Summary {
    let day = City::generate(&CityConfig::new(seed, u32::try_from(orders).unwrap()));
    let mut config = WorldConfig::new(seed, Policy::new(Currency::new("COP").unwrap()));
    config.impatience = 200;
    config.reject = 15;
    config.shortage = 20;
    config.absent = 5;
    config.chaos = chaos;
    let storage = Telling(OnDisk::open(dir, &config, &day).unwrap());
    let world = World::on(config, &day, storage).unwrap();
    say(&format!("relived {}", world.relived()));
    let evening = world.run(|_| {});
    assert_eq!(evening.broken_off, None);
    for violation in evening.auditor.violations() {
        eprintln!("seed {seed}, chaos {chaos}: {violation:?}");
    }
    let counters = evening.counters("a generated city".to_owned(), seed, &day);
    Summary { wall: Wall::default(), ..Summary::new(&evening.auditor, &counters) }
}

/// What the children said.
#[derive(Default)]
struct Heard {
    told: BTreeMap<u128, String>,
    relived: Vec<u64>,
    end: Option<Value>,
}

/// Starts a child and kills it when it has said `lines` lines; `None`: lets it end.
fn round(dir: &Path, words: &str, lines: Option<usize>, heard: &mut Heard) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{words} {}", dir.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut left = lines;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if left == Some(0) {
            child.kill().unwrap();
        }
        left = left.map(|left| left.saturating_sub(1));
        let line = line.unwrap();
        if let Some(said) = line.strip_prefix("told ") {
            // A last line may be cut short: what was not said whole was not said.
            let Some((id, outcome)) = said.split_once(' ') else { continue };
            if serde_json::from_str::<Value>(outcome).is_err() {
                continue;
            }
            let id = u128::from_str_radix(id, 16).unwrap();
            let before = heard.told.insert(id, outcome.to_owned());
            assert!(before.is_none_or(|before| before == outcome), "{id:x}: one truth");
        } else if let Some(batches) = line.strip_prefix("relived ") {
            heard.relived.extend(batches.parse::<u64>());
        } else if let Some(summary) = line.strip_prefix("end ") {
            heard.end = serde_json::from_str(summary).ok();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success() || lines.is_some(), "{status}");
}

/// The outcome of every command that counts.
fn outcomes(log: &Path) -> BTreeMap<u128, Value> {
    let inspector = Inspector::open(log).unwrap();
    inspector.verify(None).unwrap();
    let mut outcomes = BTreeMap::new();
    inspector
        .lines(|line| {
            let text = line.record.unwrap();
            let record = Record::<Value, Value>::decode(text.get().as_bytes()).unwrap();
            if let (Record::Batch(batch), true) = (record, line.counts)
                && let Some(cause) = batch.cause
            {
                let before = outcomes.insert(cause.id.get(), batch.outcome.unwrap());
                assert!(before.is_none(), "{:x} counts twice", cause.id.get());
            }
        })
        .unwrap();
    outcomes
}

fn killed_again_and_again(chaos: u16) {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let rounds = number("DOORSTEP_RUSH_ROUNDS", 5);
    let (orders, seed) = (number("DOORSTEP_RUSH_ORDERS", 60), number("DOORSTEP_SEED", 1));
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("evening");
    let words = format!("{seed} {orders} {chaos}");
    let mut heard = Heard::default();
    // About nine commands an order are answered.
    let most = usize::try_from(orders * 12 / rounds.max(1)).unwrap().max(2);
    for _ in 0..rounds {
        round(&dir, &words, Some(draws.random_range(0..most)), &mut heard);
    }
    let kills_heard = heard.told.len();
    round(&dir, &words, None, &mut heard);
    let summary = heard.end.clone().unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap();
    let sum = |name: &str| -> u64 {
        summary[name].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    };
    assert_eq!((count("violations"), count("unfinished")), (0, 0), "{summary:#}");
    assert_eq!(summary["log_verified"], true, "{summary:#}");
    let placed = count("orders_placed");
    assert_eq!(placed + sum("checkouts_refused") + sum("wishes_refused"), orders, "{summary:#}");
    assert!(count("delivered") > placed * 8 / 10, "{summary:#}");
    // By another reader than the auditor: what this process heard is what the log says.
    let logged = outcomes(&dir.join("city.db"));
    for (id, told) in &heard.told {
        let told: Value = serde_json::from_str(told).unwrap();
        assert_eq!(logged.get(id), Some(&told), "{id:x} was told, and is not in the log");
    }
    let relived = heard.relived.iter().filter(|batches| **batches > 0).count();
    println!(
        "{rounds} kills, chaos {chaos}: {kills_heard} told before the last, {} in all; {relived} \
         starts behind {:?} batches",
        heard.told.len(),
        heard.relived
    );
    assert!(rounds < 5 || (relived > 0 && kills_heard > 0), "it was killed in the middle");

    // An evening that is over is over.
    let mut again = Heard::default();
    round(&dir, &words, None, &mut again);
    let over = again.end.unwrap();
    assert_eq!(again.told.len(), 0, "nobody has anything to ask");
    for name in ["orders_placed", "delivered", "cancelled", "violations", "cancelled_by_ground"] {
        assert_eq!(over[name], summary[name], "{name}");
    }
}

#[test]
fn an_evening_that_is_killed_again_and_again_ends_as_it_must() {
    killed_again_and_again(0);
}

#[test]
fn so_does_one_with_a_hostile_provider_and_crashes_of_its_own() {
    killed_again_and_again(50);
}
