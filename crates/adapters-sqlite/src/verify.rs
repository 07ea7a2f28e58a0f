//! Reads everything and believes nothing: the check that a log goes through when it is opened.

use doorstep_core::log::{Fence, Position};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::anchor::{Anchor, Found};
use crate::chain::Hash;
use crate::config::{PageCheck, Progress, ProgressHook};
use crate::error::{Damage, OpenError, refuse};
use crate::header::{self, Header};
use crate::meta::Start;
use crate::snapshot;

const READING: &str = "reading the log";

/// How often progress is told, in records.
const PROGRESS_EVERY: u64 = 8_192;

/// A log whose chain holds.
#[derive(Clone, Debug)]
pub(crate) struct Walked {
    /// Where it begins.
    pub(crate) begin: Start,
    /// The last position; 0 in an empty log.
    pub(crate) head: u64,
    /// The hash there.
    pub(crate) hash: Hash,
    /// The fence behind it.
    pub(crate) fence: Fence,
    /// The saved snapshot's position.
    pub(crate) snapshot: Option<Position>,
    /// Damaged slots of the anchor, when the other one is whole.
    pub(crate) bad_slots: u8,
}

/// A record whose place in the chain is checked.
pub(crate) struct Checked {
    pub(crate) position: Position,
    pub(crate) hash: Hash,
    pub(crate) counts: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Everything: start, chain, columns, anchor, snapshot, counter, pages.
pub(crate) fn check(
    connection: &Connection,
    anchor: &Found,
    pages: PageCheck,
    progress: Option<&ProgressHook>,
    visit: &mut dyn FnMut(Checked),
) -> Result<Walked, OpenError> {
    let start = Start::load(connection)?;
    let mut witness = Witness::of(anchor, &start)?;
    let mut walked = walk(connection, &start, progress, &mut |checked| {
        witness.see(checked.position.get(), checked.hash);
        visit(checked);
    })?;
    witness.judge(&walked)?;
    walked.bad_slots = witness.bad_slots;
    walked.snapshot = saved(connection, &walked)?;
    counter(connection, &walked)?;
    check_pages(connection, pages, walked.end())?;
    Ok(walked)
}

impl Walked {
    /// The last position; `None` in a log that never held a record.
    pub(crate) fn end(&self) -> Option<Position> {
        (self.head > 0).then(|| Position::new(self.head))
    }
}

/// Walks the chain from the start to the head, record by record.
pub(crate) fn walk(
    connection: &Connection,
    start: &Start,
    progress: Option<&ProgressHook>,
    visit: &mut dyn FnMut(Checked),
) -> Result<Walked, OpenError> {
    let mut walked = Walked {
        begin: start.clone(),
        head: start.start.saturating_sub(1),
        hash: start.before,
        fence: start.fence,
        snapshot: None,
        bad_slots: 0,
    };
    let good = |head: u64| (head >= start.start).then(|| Position::new(head));
    let last: Option<i64> = connection
        .query_row("SELECT max(position) FROM log", [], |row| row.get(0))
        .map_err(|error| refuse(error, READING, None))?;
    let of = last.unwrap_or(0).cast_unsigned().saturating_sub(walked.head);
    let mut statement = connection
        .prepare(
            "SELECT position, hash, kind, counts, epoch, writer, seq, cause, issued_at, bytes
             FROM log ORDER BY position",
        )
        .map_err(|error| refuse(error, READING, None))?;
    let mut rows = statement.query([]).map_err(|error| refuse(error, READING, None))?;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Err(refuse(error, READING, good(walked.head))),
        };
        let damaged = |what| OpenError::Damaged { good_through: good(walked.head), what };
        let expected = walked.head.saturating_add(1);
        let found = position_of(row)
            .map_err(|error| refuse(error, READING, good(walked.head)))?
            .ok_or_else(|| damaged(Damage::Counter))?;
        let (expected, at) = (Position::new(expected), Position::new(found));
        if at != expected {
            return Err(damaged(Damage::Gap { expected, found: at }));
        }
        let Ok((hash, stored, bytes)) = read(row) else {
            return Err(damaged(Damage::Record { position: at }));
        };
        if walked.hash.link(found, &bytes) != hash {
            return Err(damaged(Damage::Record { position: at }));
        }
        let (header, record) = Header::of(&bytes, &walked.fence);
        if header != stored {
            return Err(damaged(Damage::Columns { position: at }));
        }
        header::pass(&mut walked.fence, record.as_ref());
        (walked.head, walked.hash) = (found, hash);
        visit(Checked { position: at, hash, counts: header.counts, bytes });
        let checked = found.saturating_sub(start.start).saturating_add(1);
        if let Some(tell) = progress.filter(|_| checked.is_multiple_of(PROGRESS_EVERY)) {
            tell(Progress { checked, of });
        }
    }
    // Trimming leaves the record that it stops at: a trimmed log is never empty.
    if start.start > 1 && walked.head < start.start {
        let (expected, found) = (Position::new(start.start), Position::new(start.start));
        let what = Damage::Gap { expected, found };
        return Err(OpenError::Damaged { good_through: None, what });
    }
    Ok(walked)
}

fn position_of(row: &Row<'_>) -> rusqlite::Result<Option<u64>> {
    let position: i64 = row.get(0)?;
    Ok(u64::try_from(position).ok())
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Hash, Header, Vec<u8>)> {
    let header = Header {
        kind: row.get(2)?,
        counts: row.get(3)?,
        epoch: row.get(4)?,
        writer: row.get(5)?,
        seq: row.get(6)?,
        cause: row.get(7)?,
        issued_at: row.get(8)?,
    };
    Ok((Hash(row.get(1)?), header, row.get(9)?))
}

/// What the anchor has to say about a log.
struct Witness {
    anchor: Option<Anchor>,
    bad_slots: u8,
    /// The hash that the log has at the anchor's position.
    found: Option<Hash>,
}

impl Witness {
    fn of(anchor: &Found, start: &Start) -> Result<Self, OpenError> {
        let damaged = |what| Err(OpenError::Damaged { good_through: None, what });
        match anchor {
            Found::Missing => Ok(Self { anchor: None, bad_slots: 0, found: None }),
            Found::Damaged => damaged(Damage::AnchorDamaged),
            Found::Anchor(anchor, _) if anchor.uid != start.uid => damaged(Damage::OtherLog),
            Found::Anchor(anchor, bad_slots) => {
                let before = anchor.position.checked_add(1) == Some(start.start);
                let found = before.then_some(start.before);
                Ok(Self { anchor: Some(*anchor), bad_slots: *bad_slots, found })
            }
        }
    }

    fn see(&mut self, position: u64, hash: Hash) {
        if self.anchor.is_some_and(|anchor| anchor.position == position) {
            self.found = Some(hash);
        }
    }

    fn judge(&self, walked: &Walked) -> Result<(), OpenError> {
        let what = match self.anchor {
            // A process that died while it made the log leaves one without an anchor, and empty.
            None if walked.head == 0 => return Ok(()),
            None => Damage::AnchorMissing,
            Some(anchor) if anchor.position > walked.head => {
                Damage::Behind { anchor: Position::new(anchor.position) }
            }
            Some(anchor) if self.found.is_some_and(|hash| hash != anchor.hash) => {
                Damage::Rewritten { anchor: Position::new(anchor.position) }
            }
            Some(anchor) if anchor.beside > walked.begin.beside => Damage::BehindBeside,
            Some(_) => return Ok(()),
        };
        Err(OpenError::Damaged { good_through: walked.end(), what })
    }
}

fn saved(connection: &Connection, walked: &Walked) -> Result<Option<Position>, OpenError> {
    let damaged = |position| {
        let what = Damage::Snapshot { position };
        OpenError::Damaged { good_through: walked.end(), what }
    };
    match snapshot::load(connection, walked.begin.uid)
        .map_err(|error| refuse(error, "reading the snapshot", walked.end()))?
    {
        // Trimming goes only behind a snapshot.
        None if walked.begin.start > 1 => Err(damaged(Position::new(walked.begin.start))),
        None => Ok(None),
        Some(Ok((at, _))) if (walked.begin.start..=walked.head).contains(&at.get()) => Ok(Some(at)),
        Some(Ok((at, _)) | Err(at)) => Err(damaged(at)),
    }
}

/// SQLite's own counter of positions given out.
fn counter(connection: &Connection, walked: &Walked) -> Result<(), OpenError> {
    let given: Option<i64> = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'log'", [], |row| row.get(0))
        .optional()
        .map_err(|error| refuse(error, "reading the position counter", walked.end()))?;
    if given.unwrap_or(0).cast_unsigned() == walked.head {
        Ok(())
    } else {
        Err(OpenError::Damaged { good_through: walked.end(), what: Damage::Counter })
    }
}

fn check_pages(
    connection: &Connection,
    pages: PageCheck,
    good_through: Option<Position>,
) -> Result<(), OpenError> {
    let statements: &[&str] = match pages {
        PageCheck::Everything => &["PRAGMA integrity_check(1)"],
        PageCheck::LogOnly => &[
            "PRAGMA integrity_check(log)",
            "PRAGMA integrity_check(meta)",
            "PRAGMA integrity_check(snapshot)",
            "PRAGMA integrity_check(snapshot_part)",
        ],
    };
    for statement in statements {
        let report: String = connection
            .query_row(statement, [], |row| row.get(0))
            .map_err(|error| refuse(error, "checking the pages", good_through))?;
        if report != "ok" {
            return Err(OpenError::Damaged { good_through, what: Damage::Pages { report } });
        }
    }
    Ok(())
}
