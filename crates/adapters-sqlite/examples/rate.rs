//! How fast a disk lets a log be: `rate DIR [CALLERS]`. First the bare sync, then records appended
//! by so many callers, each of whom appends again once its record can be read. For each choice of
//! the anchor: `figure NAME VALUE UNIT`, one a line, and the ratio to the bare sync.

#![allow(clippy::arithmetic_side_effects, reason = "a measurement that overflows is none")]

use std::collections::VecDeque;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use doorstep_core::id::CommandId;
use doorstep_core::log::{Batch, Cause, FORMAT, Position, Record, Writer};
use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::Log;
use doorstep_sqlite::{AnchorSync, Config, SqliteLog};

const FOR: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let dir = words.next().ok_or("rate DIR [CALLERS]")?;
    let callers = words.next().map_or(Ok(64), |callers| callers.parse())?;
    let dir = Path::new(&dir);
    let bare = bare_sync(dir)?;
    println!("figure bare_sync {bare:.0} per_s");
    for (name, anchor) in [
        ("every_commit", AnchorSync::EveryCommit),
        ("every_100_ms", AnchorSync::Every(Duration::from_millis(100))),
        ("on_close", AnchorSync::OnClose),
    ] {
        durable(dir, name, anchor, callers, bare)?;
    }
    Ok(())
}

fn per_second(count: u64, since: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / since.elapsed().as_secs_f64()
}

fn bare_sync(dir: &Path) -> Result<f64, Box<dyn Error>> {
    let path = dir.join("bare");
    let mut file = File::create(&path)?;
    let (began, mut syncs) = (Instant::now(), 0);
    while began.elapsed() < FOR {
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        syncs += 1;
    }
    std::fs::remove_file(path)?;
    Ok(per_second(syncs, began))
}

fn durable(
    dir: &Path,
    name: &str,
    anchor: AnchorSync,
    callers: usize,
    bare: f64,
) -> Result<(), Box<dyn Error>> {
    let (wake, woken) = channel();
    let hook = Arc::new(move || wake.send(()).unwrap_or_default());
    let config = Config { anchor, on_commit: Some(hook), ..Config::default() };
    let path = dir.join(format!("{name}.db"));
    let mut log = SqliteLog::open(&path, config)?.log;
    let now = Timestamp::from_secs(1_700_000_000);
    let writer = Writer::new(1);
    let claim = Record::<(), ()>::Claim { format: FORMAT, epoch: 1, writer };
    log.append(&claim.encode()?, now)?;
    let record = |seq: u64| {
        let id =
            CommandId::new(u128::from(seq).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let cause = Some(Cause { id, issued_at: now, digest: 0 });
        let (events, outcome) = (vec!["x".repeat(300)], Some("done"));
        Record::Batch(Batch { epoch: 1, writer, seq, at: now, cause, inbox: None, events, outcome })
            .encode()
    };
    let mut waiting: VecDeque<Instant> = VecDeque::new();
    let (mut seq, mut after, mut entries) = (0, None::<Position>, Vec::new());
    let mut waits = Vec::new();
    let began = Instant::now();
    while began.elapsed() < FOR {
        while waiting.len() < callers {
            log.append(&record(seq)?, now)?;
            waiting.push_back(Instant::now());
            seq += 1;
        }
        woken.recv()?;
        entries.clear();
        log.read(after, usize::MAX, now, &mut entries)?;
        for entry in &entries {
            after = Some(entry.position);
            if entry.position.get() > 1 {
                waits.extend(waiting.pop_front().map(|sent| sent.elapsed()));
            }
        }
    }
    let rate = per_second(waits.len().try_into()?, began);
    let tally = log.monitor().tally();
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 1_000).copied().unwrap_or_default();
    println!("figure {name}_durable {rate:.0} per_s");
    println!("ratio {name}_to_bare_sync {:.1}", rate / bare);
    println!("figure {name}_p50 {} us", at(500).as_micros());
    println!("figure {name}_p99 {} us", at(990).as_micros());
    println!("figure {name}_p999 {} us", at(999).as_micros());
    println!("figure {name}_group {} records", tally.records / tally.commits.max(1));
    println!("figure {name}_checkpoints {} times", tally.checkpoints);
    log.close()?;
    let began = Instant::now();
    drop(SqliteLog::open(&path, Config::default())?);
    let bytes = path.metadata()?.len() >> 20;
    println!("figure {name}_opening {} ms", began.elapsed().as_millis());
    println!("figure {name}_file {bytes} MiB");
    Ok(())
}
