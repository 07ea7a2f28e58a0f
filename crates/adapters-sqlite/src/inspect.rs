//! Looks at a log without touching it.

use std::collections::BTreeSet;
use std::path::Path;

use doorstep_core::id::{DeliveryId, OrderId};
use doorstep_core::log::Position;
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::anchor::{self, Found};
use crate::chain::Uid;
use crate::config::{PageCheck, ProgressHook};
use crate::error::{OpenError, refuse, storage};
use crate::files::{Files, Present};
use crate::history;
use crate::meta::Start;
use crate::schema::{self, MIGRATIONS};
use crate::verify::{self, Checked};

/// Reads a log without writing to it, also while a process has it open: what is seen is then the
/// state of one commit, and the WAL grows until the inspector is gone.
#[derive(Debug)]
pub struct Inspector {
    connection: Connection,
    anchor: Found,
}

/// What a check found whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The first record held.
    pub start: Position,
    /// The last record; `None` in a log that never held one.
    pub end: Option<Position>,
    /// Records held.
    pub records: u64,
    /// How many of them count.
    pub counting: u64,
    /// Bytes of the records.
    pub bytes: u64,
    /// The snapshot's position.
    pub snapshot: Option<Position>,
    /// Orders in the history whose seal holds.
    pub history: u64,
    /// Orders in the history whose seal does not.
    pub history_damaged: u64,
}

/// A record as a line of JSON.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// Where it stands.
    pub position: Position,
    /// Its link in the chain, in hexadecimal.
    pub hash: String,
    /// Whether it counts.
    pub counts: bool,
    /// The record, exactly as it was appended; `null` if it is no JSON.
    pub record: Option<Box<RawValue>>,
}

impl Line {
    fn of(checked: Checked) -> Self {
        let text = String::from_utf8(checked.bytes).ok();
        Self {
            position: checked.position,
            hash: checked.hash.to_string(),
            counts: checked.counts,
            record: text.and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

impl Inspector {
    /// Opens the log at `path` to look at it.
    ///
    /// # Errors
    /// [`OpenError`], of which [`OpenError::Locked`] never.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let files = Files::of(path.as_ref())?;
        if files.present()? == Present::Nothing {
            return Err(OpenError::NoSuchLog { path: files.database });
        }
        // Before the database: a log that is being written is never behind an earlier anchor.
        let anchor = anchor::read(&files.anchor).map_err(storage("reading the anchor"))?;
        let connection = schema::connect_to_read(&files.database)?;
        schema::recognise(&connection, MIGRATIONS.len())?;
        // One state for everything that is asked.
        connection.execute_batch("BEGIN").map_err(|error| refuse(error, "reading", None))?;
        schema::compare(&connection, MIGRATIONS)?;
        Ok(Self { connection, anchor })
    }

    /// Checks everything: the chain, the anchor, the snapshot, every page, and the history.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] says what is wrong; damaged rows of the history are counted.
    pub fn verify(&self, progress: Option<&ProgressHook>) -> Result<Verified, OpenError> {
        let (mut records, mut counting, mut bytes) = (0_u64, 0_u64, 0_u64);
        let walked = verify::check(
            &self.connection,
            &self.anchor,
            PageCheck::Everything,
            progress,
            &mut |checked| {
                records = records.saturating_add(1);
                counting = counting.saturating_add(u64::from(checked.counts));
                let length = u64::try_from(checked.bytes.len()).unwrap_or(u64::MAX);
                bytes = bytes.saturating_add(length);
            },
        )?;
        let (history, history_damaged) = self.check_history(walked.begin.uid)?;
        Ok(Verified {
            start: Position::new(walked.begin.start),
            end: walked.end(),
            records,
            counting,
            bytes,
            snapshot: walked.snapshot,
            history,
            history_damaged,
        })
    }

    fn check_history(&self, uid: Uid) -> Result<(u64, u64), OpenError> {
        let (mut whole, mut damaged) = (0_u64, 0_u64);
        for order in history_ids(&self.connection)? {
            match history::read(&self.connection, uid, order) {
                Ok(Some(Ok(_))) => whole = whole.saturating_add(1),
                Ok(Some(Err(_)) | None) => damaged = damaged.saturating_add(1),
                Err(error) => return Err(refuse(error, "reading the history", None)),
            }
        }
        Ok((whole, damaged))
    }

    /// Shows every record, in order, as far as the chain holds.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] where it does not.
    pub fn lines(&self, mut show: impl FnMut(Line)) -> Result<(), OpenError> {
        let start = Start::load(&self.connection)?;
        verify::walk(&self.connection, &start, None, &mut |checked| show(Line::of(checked)))?;
        Ok(())
    }

    /// Shows every record that counts and speaks of an order, or of a delivery that carries it, each
    /// reduced to the events that do: what happened, when, and by whose command. What was trimmed
    /// is not among them; see [`kept`](Self::kept).
    ///
    /// # Errors
    /// [`OpenError::Damaged`] where the chain does not hold.
    pub fn order(&self, order: OrderId, mut show: impl FnMut(Value)) -> Result<(), OpenError> {
        let mut names = BTreeSet::from([order.to_string()]);
        let start = Start::load(&self.connection)?;
        verify::walk(&self.connection, &start, None, &mut |checked| {
            if checked.counts
                && let Ok(record) = serde_json::from_slice(&checked.bytes)
                && let Some(shown) = reduce(record, &mut names, checked.position)
            {
                show(shown);
            }
        })?;
        Ok(())
    }

    /// What the history keeps of an order, as it was written.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] if the row does not fit its seal.
    pub fn kept(&self, order: OrderId) -> Result<Option<Value>, OpenError> {
        let uid = Start::load(&self.connection)?.uid;
        let damaged = |report| {
            let what = crate::error::Damage::Pages { report };
            OpenError::Damaged { good_through: None, what }
        };
        match history::read(&self.connection, uid, order.get().cast_signed()) {
            Err(error) => Err(refuse(error, "reading the history", None)),
            Ok(None) => Ok(None),
            Ok(Some(Err(why))) => Err(damaged(why)),
            Ok(Some(Ok(json))) => {
                serde_json::from_str(&json).map(Some).map_err(|error| damaged(error.to_string()))
            }
        }
    }
}

pub(crate) fn history_ids(connection: &Connection) -> Result<Vec<i64>, OpenError> {
    let read = || {
        let mut statement = connection.prepare("SELECT order_id FROM history ORDER BY order_id")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        ids.collect::<rusqlite::Result<_>>()
    };
    read().map_err(|error| refuse(error, "reading the history", None))
}

/// A batch without the events, or the outcome, that speak of none of `names`; `None` if none do.
/// A delivery that carries one of them is a name from then on.
fn reduce(mut record: Value, names: &mut BTreeSet<String>, at: Position) -> Option<Value> {
    let batch = record.get_mut("batch")?;
    let events = batch.get_mut("events")?.as_array_mut()?;
    events.retain(|event| {
        let speaks = mentions(event, names);
        if speaks {
            learn(event, names);
        }
        speaks
    });
    let empty = events.is_empty();
    if empty && !batch.get("outcome").is_some_and(|outcome| mentions(outcome, names)) {
        return None;
    }
    let batch = batch.as_object_mut()?;
    batch.insert("position".to_owned(), at.get().into());
    Some(Value::Object(std::mem::take(batch)))
}

fn mentions(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => names.contains(text),
        Value::Array(items) => items.iter().any(|item| mentions(item, names)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The deliveries that an event names beside the order.
fn learn(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.parse::<DeliveryId>().is_ok() => {
            names.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| learn(item, names)),
        Value::Object(fields) => fields.values().for_each(|field| learn(field, names)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
