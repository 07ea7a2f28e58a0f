//! Records on their way into the table: each gets its place in the chain and its verdict, and many
//! go in by one statement, which is cheaper than as many statements.

use std::sync::Arc;

use doorstep_core::log::{Fence, Position};
use doorstep_runtime::ports::Entry;
use rusqlite::{Connection, ToSql, ffi};

use crate::chain::Hash;
use crate::header::{self, Header};

/// How many rows one statement may insert. The largest that there are records for goes first.
const ROWS: [usize; 3] = [32, 8, 1];

/// Where a log ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tip {
    /// The last position; one less than the first in a log that holds nothing.
    pub(crate) head: u64,
    pub(crate) hash: Hash,
    pub(crate) fence: Fence,
}

/// A record, and the columns beside it.
struct Row<'a> {
    position: u64,
    hash: Hash,
    header: Header,
    bytes: &'a [u8],
}

impl Tip {
    /// Adds records at the end. It moves if they are in, all of them; else nothing has changed.
    pub(crate) fn put<T: AsRef<[u8]>>(
        &mut self,
        connection: &Connection,
        records: &[T],
    ) -> rusqlite::Result<()> {
        let mut tip = *self;
        let rows: Vec<Row<'_>> = records.iter().map(|bytes| tip.pass(bytes.as_ref())).collect();
        insert(connection, &rows)?;
        *self = tip;
        Ok(())
    }

    /// Moves behind the next record, whose row this is.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> Row<'a> {
        self.head = self.head.saturating_add(1);
        self.hash = self.hash.link(self.head, bytes);
        let (header, record) = Header::of(bytes, &self.fence);
        header::pass(&mut self.fence, record.as_ref());
        Row { position: self.head, hash: self.hash, header, bytes }
    }
}

/// Adds records in the transaction that is open, and tells which are in, and how many are not: what
/// a unique index keeps out leaves the others alone. To its writer it is an append that was lost.
pub(crate) fn append(
    connection: &Connection,
    tip: &mut Tip,
    records: &[Arc<[u8]>],
) -> rusqlite::Result<(Vec<Entry>, u64)> {
    let mut entries = Vec::with_capacity(records.len());
    let mut refused = 0_u64;
    let mut took = |tip: &Tip, records: &[Arc<[u8]>]| {
        let first = tip.head.saturating_sub(u64::try_from(records.len()).unwrap_or(0));
        for (bytes, before) in records.iter().zip(first..) {
            let position = Position::new(before).next();
            entries.push(Entry { position, bytes: Arc::clone(bytes) });
        }
    };
    let mut rest = records;
    while !rest.is_empty() {
        let count = ROWS.iter().find(|rows| **rows <= rest.len()).copied().unwrap_or(1);
        let (some, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = later;
        match tip.put(connection, some) {
            Ok(()) => took(tip, some),
            Err(error) if !is_conflict(&error) => return Err(error),
            Err(_) => {
                for one in some.chunks(1) {
                    match tip.put(connection, one) {
                        Ok(()) => took(tip, one),
                        Err(error) if is_conflict(&error) => refused = refused.saturating_add(1),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
    Ok((entries, refused))
}

/// A unique index kept a record out. A conflict of the primary key is none: somebody else writes.
fn is_conflict(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// All of the rows by one statement, or none.
fn insert(connection: &Connection, rows: &[Row<'_>]) -> rusqlite::Result<()> {
    const INTO: &str = "INSERT INTO log
        (position, hash, kind, counts, epoch, writer, seq, cause, issued_at, bytes) VALUES ";
    let values = vec!["(?,?,?,?,?,?,?,?,?,?)"; rows.len()].join(",");
    let mut statement = connection.prepare_cached(&(INTO.to_owned() + &values))?;
    let mut parameter = 0_usize;
    for Row { position, hash, header, bytes } in rows {
        let Header { kind, epoch, writer, seq, cause, issued_at, counts } = header;
        let position = position.cast_signed();
        let columns: [&dyn ToSql; 10] =
            [&position, &hash.0, kind, counts, epoch, writer, seq, cause, issued_at, bytes];
        for column in columns {
            parameter = parameter.saturating_add(1);
            statement.raw_bind_parameter(parameter, column)?;
        }
    }
    statement.raw_execute()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use doorstep_core::log::{FORMAT, Record};

    use super::*;
    use crate::chain::Uid;
    use crate::header::tests::{WRITER, batch};
    use crate::schema::{self, MIGRATIONS};

    fn claim() -> Vec<u8> {
        Record::<(), ()>::Claim { format: FORMAT, epoch: 1, writer: WRITER }.encode().unwrap()
    }

    fn empty() -> (Connection, Tip) {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, 0, MIGRATIONS, |_| Ok(())).unwrap();
        let hash = Hash::genesis(Uid([7; 16]));
        (connection, Tip { head: 0, hash, fence: Fence::BEFORE_ALL })
    }

    type Columns = (i64, [u8; 32], String, bool, Option<i64>);

    fn rows(connection: &Connection) -> Vec<Columns> {
        let columns = "SELECT position, hash, kind, counts, seq FROM log ORDER BY position";
        let mut statement = connection.prepare(columns).unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Of 60 records the one at `again` repeats a command: it alone is left out, those behind it have
    /// a gap before them and do not count, and all is as if they had come one by one.
    #[test]
    fn what_an_index_keeps_out_leaves_the_others_as_they_would_be_one_by_one() {
        for again in [2_u64, 17, 31, 32, 40, 58] {
            let batches =
                (0..59).map(|seq| batch(1, seq, if seq == again { 1 } else { seq.into() }));
            let records = std::iter::once(claim()).chain(batches).map(Arc::from);
            let records: Vec<Arc<[u8]>> = records.collect();
            let (together, mut tip) = empty();
            let (entries, refused) = append(&together, &mut tip, &records).unwrap();
            let (apart, mut other) = empty();
            for one in records.chunks(1) {
                append(&apart, &mut other, one).unwrap();
            }
            assert_eq!((entries.len(), refused, tip.head), (59, 1, 59));
            assert_eq!(rows(&together), rows(&apart), "{again}");
            assert_eq!((tip.hash, tip.fence), (other.hash, other.fence));
            let counted = rows(&together).iter().filter(|row| row.3).count() as u64;
            assert_eq!(counted, 1 + again);
            for (entry, place) in entries.iter().zip(1..) {
                let of =
                    usize::try_from(if place > again + 1 { place } else { place - 1 }).unwrap();
                assert_eq!((entry.position.get(), &entry.bytes), (place, &records[of]));
            }
        }
    }

    /// Somebody else wrote: nothing may be left out silently.
    #[test]
    fn a_place_that_is_taken_is_an_error() {
        let (connection, tip) = empty();
        let mut mine = tip;
        append(&connection, &mut mine, &[claim().into()]).unwrap();
        let mut late = tip;
        let records = [claim().into(), batch(1, 0, 0).into()];
        let error = append(&connection, &mut late, &records).unwrap_err();
        assert!(!is_conflict(&error), "{error}");
        assert_eq!(late.head, 0);
    }
}
