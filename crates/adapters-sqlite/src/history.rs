//! Finished orders, in a table beside the log.

use std::sync::Arc;

use doorstep_core::id::OrderId;
use doorstep_core::order::Order;
use doorstep_runtime::ports::{Fault, HistorySink, HistorySource, SinkError};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::chain::{Hash, Uid};
use crate::shared::{Keeping, Shared};

/// The seal of a row.
pub(crate) fn seal(uid: Uid, order: u64, json: &str) -> Hash {
    Hash::seal("history", uid, &[&order.to_be_bytes(), json.as_bytes()])
}

/// Why an order could not be read from the history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The row is not what was written, or not an order that this version knows.
    #[error("what is kept of {order} is damaged: {why}")]
    Damaged {
        /// Which.
        order: OrderId,
        /// What is wrong, for people.
        why: String,
    },
    /// The storage failed; asking again may succeed.
    #[error("the history could not be read")]
    Io(#[source] Fault),
}

/// The history of an open log. Clones share it.
///
/// [`keep`](HistorySink::keep) never waits for the disk: it hands the order over and answers
/// [`SinkError::Underway`]; asked again once the order is committed (in one group with the records
/// of that moment), it answers `Ok`. [`Config::on_commit`](crate::Config::on_commit) says when to
/// ask again.
#[derive(Clone, Debug)]
pub struct SqliteHistory {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Arc<Mutex<Connection>>,
    pub(crate) uid: Uid,
}

impl SqliteHistory {
    /// What is kept of an order; `None`: nothing. One look-up by key, its seal checked.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn get(&self, order: OrderId) -> Result<Option<Order>, HistoryError> {
        match read(&self.reader.lock(), self.uid, order.get().cast_signed()) {
            Err(error) => Err(HistoryError::Io(Box::new(error))),
            Ok(None) => Ok(None),
            Ok(Some(Err(why))) => Err(HistoryError::Damaged { order, why }),
            Ok(Some(Ok(json))) => serde_json::from_str(&json)
                .map(Some)
                .map_err(|error| HistoryError::Damaged { order, why: error.to_string() }),
        }
    }
}

/// A row's text, if its seal holds.
pub(crate) fn read(
    connection: &Connection,
    uid: Uid,
    order: i64,
) -> rusqlite::Result<Option<Result<String, String>>> {
    // As bytes: a damaged text may be none.
    let bytes = |row: &Row<'_>, column| -> rusqlite::Result<Vec<u8>> {
        Ok(row.get_ref(column)?.as_bytes()?.to_vec())
    };
    let row = connection
        .prepare_cached("SELECT seal, json FROM history WHERE order_id = ?1")?
        .query_row([order], |row| Ok((bytes(row, 0)?, bytes(row, 1)?)))
        .optional()?;
    Ok(row.map(|(found, json)| {
        let json = String::from_utf8(json).map_err(|error| error.to_string())?;
        let holds = Hash::from_slice(&found) == Some(seal(uid, order.cast_unsigned(), &json));
        if holds { Ok(json) } else { Err("it does not fit its seal".to_owned()) }
    }))
}

impl HistorySource for SqliteHistory {
    fn order(&self, id: OrderId) -> Result<Option<Order>, Fault> {
        self.get(id).map_err(Into::into)
    }
}

impl HistorySink for SqliteHistory {
    fn keep(&mut self, order: &Order) -> Result<(), SinkError> {
        let mut unwritable = None;
        let keeping = self.shared.keep(order.id(), || {
            serde_json::to_string(order).map_err(|error| unwritable = Some(error)).ok()
        });
        match (keeping, unwritable) {
            (Keeping::Done, _) => Ok(()),
            (Keeping::Underway, _) => Err(SinkError::Underway),
            (Keeping::Full, _) => Err(SinkError::Full),
            (Keeping::Gone, Some(error)) => Err(SinkError::Io(Box::new(error))),
            (Keeping::Gone, None) => Err(SinkError::Io("the log takes no more".into())),
        }
    }
}
