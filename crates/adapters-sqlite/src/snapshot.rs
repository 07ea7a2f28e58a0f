//! A snapshot in the file: parts that are written one by one, so that appends go on meanwhile, and a
//! row that makes them count.

use doorstep_core::log::Position;
use doorstep_runtime::ports::Snapshot;
use rusqlite::{Connection, params};

use crate::chain::{Hash, Uid};

/// A snapshot on its way into the file.
pub(crate) struct Saving {
    pub(crate) snapshot: Snapshot,
    seal: Hash,
    /// What others left behind is gone.
    swept: bool,
    /// How many bytes are in the file.
    written: usize,
}

/// How far a step has brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    More,
    /// It counts with this transaction.
    Last,
}

impl Saving {
    /// Costs a look at all of it.
    pub(crate) fn new(uid: Uid, snapshot: &Snapshot) -> Self {
        let seal = seal(uid, snapshot.position, &snapshot.bytes);
        Self { snapshot: snapshot.clone(), seal, swept: false, written: 0 }
    }

    /// Removes a part of what was left behind, or else writes one of at most `bytes_max`; `saved` is
    /// what counts so far.
    pub(crate) fn step(
        &mut self,
        transaction: &Connection,
        saved: Option<Position>,
        bytes_max: usize,
    ) -> rusqlite::Result<Step> {
        if !self.swept && sweep(transaction, saved)? {
            return Ok(Step::More);
        }
        self.swept = true;
        let rest = self.snapshot.bytes.get(self.written..).unwrap_or_default();
        let part = rest.get(..bytes_max.max(1)).unwrap_or(rest);
        put(transaction, self.snapshot.position, part)?;
        self.written = self.written.saturating_add(part.len());
        if part.len() < rest.len() {
            return Ok(Step::More);
        }
        seal_in(transaction, self.snapshot.position, self.seal)?;
        Ok(Step::Last)
    }
}

/// Writes the whole of one, into a file that has none.
pub(crate) fn save(
    connection: &Connection,
    uid: Uid,
    position: Position,
    bytes: &[u8],
) -> rusqlite::Result<()> {
    put(connection, position, bytes)?;
    seal_in(connection, position, seal(uid, position, bytes))
}

/// A snapshot, or where there is one whose seal does not hold.
pub(crate) type Sealed = Result<(Position, Vec<u8>), Position>;

/// The latest snapshot, its seal checked.
pub(crate) fn load(connection: &Connection, uid: Uid) -> rusqlite::Result<Option<Sealed>> {
    // One statement: it sees one state of the file, whatever is written meanwhile.
    let mut statement = connection.prepare(
        "SELECT s.position, s.seal, p.bytes FROM snapshot s
         LEFT JOIN snapshot_part p ON p.position = s.position
         WHERE s.position = (SELECT max(position) FROM snapshot) ORDER BY p.id",
    )?;
    let mut rows = statement.query([])?;
    let (mut found, mut bytes) = (None, Vec::new());
    while let Some(row) = rows.next()? {
        if found.is_none() {
            let position = Position::new(row.get::<_, i64>(0)?.cast_unsigned());
            found = Some((position, Hash::from_slice(row.get_ref(1)?.as_blob()?)));
        }
        bytes.extend_from_slice(row.get_ref(2)?.as_blob_or_null()?.unwrap_or_default());
    }
    Ok(found.map(|(position, found)| {
        let holds = found == Some(seal(uid, position, &bytes));
        if holds { Ok((position, bytes)) } else { Err(position) }
    }))
}

fn seal(uid: Uid, position: Position, bytes: &[u8]) -> Hash {
    Hash::seal("snapshot", uid, &[&position.get().to_be_bytes(), bytes])
}

fn put(connection: &Connection, position: Position, part: &[u8]) -> rusqlite::Result<()> {
    let put = "INSERT INTO snapshot_part (position, bytes) VALUES (?1, ?2)";
    connection.prepare_cached(put)?.execute(params![position.get().cast_signed(), part])?;
    Ok(())
}

/// From now on its parts are the snapshot, and those of older ones are left behind.
fn seal_in(connection: &Connection, position: Position, seal: Hash) -> rusqlite::Result<()> {
    let at = position.get().cast_signed();
    let save = "INSERT INTO snapshot (position, seal) VALUES (?1, ?2)";
    connection.execute(save, params![at, seal.0])?;
    connection.execute("DELETE FROM snapshot WHERE position < ?1", [at])?;
    Ok(())
}

/// Removes one part of what does not count; whether there was one.
fn sweep(connection: &Connection, saved: Option<Position>) -> rusqlite::Result<bool> {
    // No position is 0.
    let saved = saved.map_or(0, Position::get).cast_signed();
    let sweep = "DELETE FROM snapshot_part WHERE id =
         (SELECT id FROM snapshot_part WHERE position <> ?1 ORDER BY id LIMIT 1)";
    Ok(connection.prepare_cached(sweep)?.execute([saved])? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{MIGRATIONS, migrate};

    const UID: Uid = Uid([7; 16]);

    fn file() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, 0, MIGRATIONS, |_| Ok(())).unwrap();
        connection
    }

    fn saving(position: u64, bytes: &[u8]) -> Saving {
        let position = Position::new(position);
        Saving::new(UID, &Snapshot { position, bytes: bytes.into() })
    }

    fn held(connection: &Connection) -> Option<(u64, Vec<u8>)> {
        let found = load(connection, UID).unwrap()?.unwrap();
        Some((found.0.get(), found.1))
    }

    /// How many steps it took to the end.
    fn finish(connection: &Connection, mut saving: Saving, saved: Option<u64>) -> usize {
        let saved = saved.map(Position::new);
        (1..).find(|_| saving.step(connection, saved, 4).unwrap() == Step::Last).unwrap()
    }

    fn parts(connection: &Connection) -> i64 {
        let count = "SELECT count(*) FROM snapshot_part";
        connection.query_row(count, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn only_the_last_part_makes_a_snapshot_count() {
        let file = file();
        let mut first = saving(5, b"0123456789");
        for _ in 0..2 {
            assert_eq!(first.step(&file, None, 4).unwrap(), Step::More);
            assert_eq!(held(&file), None);
        }
        assert_eq!(first.step(&file, None, 4).unwrap(), Step::Last);
        assert_eq!(held(&file), Some((5, b"0123456789".to_vec())));
        assert_eq!(finish(&file, saving(6, b""), Some(5)), 1);
        assert_eq!(held(&file), Some((6, Vec::new())));
    }

    #[test]
    fn what_was_left_behind_goes_before_anything_is_written_and_what_counts_stays() {
        let file = file();
        finish(&file, saving(5, b"01234567"), None);
        // One that a crash cut off, of the same position as the one that comes next.
        let mut cut_off = saving(9, b"abcdefghij");
        cut_off.step(&file, Some(Position::new(5)), 4).unwrap();
        cut_off.step(&file, Some(Position::new(5)), 4).unwrap();
        assert_eq!(held(&file), Some((5, b"01234567".to_vec())));
        assert_eq!(parts(&file), 4);
        // Two of the other's, and three of its own.
        assert_eq!(finish(&file, saving(9, b"ABCDEFGHIJ"), Some(5)), 2 + 3);
        assert_eq!(held(&file), Some((9, b"ABCDEFGHIJ".to_vec())));
        assert_eq!(finish(&file, saving(10, b"x"), Some(9)), 2 + 1);
        assert_eq!((held(&file), parts(&file)), (Some((10, b"x".to_vec())), 4));
    }
}
