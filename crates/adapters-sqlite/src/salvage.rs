//! Keeps what is good of a damaged log.

use std::path::Path;

use doorstep_core::id::OrderId;
use doorstep_core::log::Position;
use rusqlite::TransactionBehavior;

use crate::anchor::{Anchor, AnchorFile};
use crate::append::Tip;
use crate::config::Config;
use crate::error::{OpenError, refuse, storage};
use crate::files::{Files, Present};
use crate::history;
use crate::inspect::history_ids;
use crate::meta::Start;
use crate::open;
use crate::schema::{self, MIGRATIONS};
use crate::shared::Finished;
use crate::snapshot;
use crate::verify;
use crate::writer;

/// What was kept, and what is known to be lost.
#[derive(Debug)]
#[non_exhaustive]
pub struct Salvaged {
    /// The last record kept; `None`: none.
    pub good_through: Option<Position>,
    /// Why it ends there; `None`: the chain ends there. What the anchor knows beyond is lost too.
    pub ended: Option<OpenError>,
    /// The snapshot kept.
    pub snapshot: Option<Position>,
    /// Orders of the history kept.
    pub history: u64,
    /// Orders of the history lost.
    pub history_lost: u64,
}

/// Copies the records of `damaged`, as far as their chain holds, its snapshot and its history, as
/// far as their seals hold, into a new log at `new`. Positions stay; the chain is made anew.
///
/// It is for a log that is refused: what came after the end of the chain is lost, acknowledged
/// commands and effects carried out among it. Look before, with the
/// [`Inspector`](crate::Inspector), and prefer a backup that goes further.
///
/// # Errors
/// [`OpenError`]: `damaged` is open elsewhere, or not even its start can be read; or `new` exists
/// or cannot be written.
pub fn salvage(damaged: impl AsRef<Path>, new: impl AsRef<Path>) -> Result<Salvaged, OpenError> {
    const DOING: &str = "writing the new log";
    let from = Files::of(damaged.as_ref())?;
    let _held = from.lock()?;
    if from.present()? == Present::Nothing {
        return Err(OpenError::NoSuchLog { path: from.database });
    }
    let to = Files::of(new.as_ref())?;
    let _new_held = to.lock()?;
    if to.present()? == Present::Something {
        return Err(storage(DOING)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let source = schema::connect_to_read(&from.database)?;
    schema::recognise(&source, MIGRATIONS.len())?;
    let start = Start::load(&source)?;
    let written = |error| refuse(error, DOING, None);

    let mut target = schema::connect(&to.database, &Config::default())?;
    let begin = open::make(&mut target, start.start, start.fence).map_err(written)?;
    let transaction =
        target.transaction_with_behavior(TransactionBehavior::Immediate).map_err(written)?;
    let head = begin.start.saturating_sub(1);
    let mut tip = Tip { head, hash: begin.before, fence: begin.fence };
    let mut copied = Ok(());
    let ended = verify::walk(&source, &start, None, &mut |checked| {
        if copied.is_ok() {
            copied = tip.put(&transaction, &[checked.bytes]);
        }
    })
    .err();
    copied.map_err(written)?;
    let Tip { head, hash, .. } = tip;

    let saved = match snapshot::load(&source, start.uid) {
        Ok(Some(Ok((at, bytes)))) if (start.start..=head).contains(&at.get()) => {
            snapshot::save(&transaction, begin.uid, at, &bytes).map_err(written)?;
            Some(at)
        }
        Ok(_) | Err(_) => None,
    };
    let (mut history, mut history_lost) = (0_u64, 0_u64);
    for id in history_ids(&source).unwrap_or_default() {
        match (history::read(&source, start.uid, id), OrderId::try_from(id)) {
            (Ok(Some(Ok(json))), Ok(order)) => {
                let finished = Finished { order, json };
                writer::keep(&transaction, begin.uid, &finished).map_err(written)?;
                history = history.saturating_add(1);
            }
            _ => history_lost = history_lost.saturating_add(1),
        }
    }
    transaction.commit().map_err(written)?;
    writer::checkpoint(&target, "TRUNCATE").map_err(written)?;
    let anchor = Anchor { uid: begin.uid, position: head, beside: begin.beside, hash };
    AnchorFile::create(&to.anchor, &anchor).map_err(storage(DOING))?;
    let good_through = (head >= start.start).then(|| Position::new(head));
    Ok(Salvaged { good_through, ended, snapshot: saved, history, history_lost })
}
