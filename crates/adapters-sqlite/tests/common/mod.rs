//! What the tests share: a log in a directory of its own, waited for without sleeping.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "likewise")]

pub(crate) mod child;
pub(crate) mod images;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use doorstep_core::id::CommandId;
use doorstep_core::log::{Batch, Cause, FORMAT, Position, Record, Writer};
use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::{Entry, Log, ReadError, Snapshot};
use doorstep_sqlite::{Config, Monitor, OpenError, Opened, SqliteHistory, SqliteLog};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// An open log that can be waited for.
pub(crate) struct Open {
    pub(crate) log: SqliteLog,
    pub(crate) history: SqliteHistory,
    pub(crate) monitor: Monitor,
    woken: Receiver<()>,
}

/// Opens a log, its wakes heard.
pub(crate) fn open(path: &Path, mut config: Config) -> Result<Open, OpenError> {
    let (wake, woken) = channel();
    config.on_commit = Some(Arc::new(move || wake.send(()).unwrap_or_default()));
    let Opened { log, history, .. } = SqliteLog::open(path, config)?;
    Ok(Open { monitor: log.monitor(), log, history, woken })
}

impl Open {
    /// Waits until a condition holds that only the writer can bring about.
    pub(crate) fn wait(&self, until: impl Fn(&Monitor) -> bool) {
        while !until(&self.monitor) {
            self.woken.recv().expect("the writer is gone");
        }
    }

    /// Appends and waits until everything is committed; one group each.
    pub(crate) fn commit(&mut self, records: &[Vec<u8>]) {
        let before = self.monitor.tally().records;
        for record in records {
            self.log.append(record, NOW).unwrap();
        }
        self.wait(|log| log.tally().records == before + records.len() as u64);
    }

    pub(crate) fn read_all(&mut self) -> Vec<Entry> {
        read_after(&mut self.log, None)
    }
}

/// Everything after a position, read in small bites.
pub(crate) fn read_after(log: &mut SqliteLog, mut after: Option<Position>) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let mut some = Vec::new();
        match log.read(after, 7, NOW, &mut some) {
            // What was committed has been read: there is no more to come.
            Ok(()) | Err(ReadError::Poisoned(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let Some(last) = some.last() else { return all };
        after = Some(last.position);
        all.append(&mut some);
    }
}

/// A record of any bytes.
pub(crate) fn bytes(n: u64) -> Vec<u8> {
    format!("record {n}").into_bytes()
}

/// A claim as an owner appends it.
pub(crate) fn claim(epoch: u64) -> Vec<u8> {
    let writer = Writer::new(u128::from(epoch));
    Record::<(), ()>::Claim { format: FORMAT, epoch, writer }.encode().unwrap()
}

/// A batch under a command of its own, as long as real ones are.
pub(crate) fn batch(epoch: u64, seq: u64) -> Vec<u8> {
    batch_for(epoch, seq, u128::from(seq) + 1)
}

/// A batch under this command.
pub(crate) fn batch_for(epoch: u64, seq: u64, command: u128) -> Vec<u8> {
    let cause = Cause { id: CommandId::new(command), issued_at: NOW, digest: 0 };
    // Of a length that varies, so that records end anywhere in a page.
    let filling = (seq * 37) % 700;
    Record::Batch(Batch {
        epoch,
        writer: Writer::new(u128::from(epoch)),
        seq,
        at: NOW,
        cause: Some(cause),
        inbox: None,
        events: vec!["x".repeat(usize::try_from(filling).unwrap())],
        outcome: Some("done"),
    })
    .encode()
    .unwrap()
}

pub(crate) fn snapshot(position: u64, bytes: &[u8]) -> Snapshot {
    Snapshot { position: Position::new(position), bytes: bytes.into() }
}

/// A file beside the database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The number in an environment variable, or what is usual.
pub(crate) fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}
