//! The tables, their versions, and how a connection is set up.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::config::Config;
use crate::error::{Damage, OpenError, refuse};

/// "Door", in the file's header.
pub(crate) const APPLICATION_ID: i32 = 0x446f_6f72;

/// SQLite 3.51.3: from 3.7.0 to 3.51.2 resetting a WAL could damage it.
pub(crate) const SQLITE_LEAST: i32 = 3_051_003;

/// What leads from one schema version to the next; the file's `user_version` says how many were
/// taken. Never changed once released: a change is one more. A file is checked before it is migrated:
/// what changes the tables of the log leaves `verify` able to read them as they were.
pub(crate) const MIGRATIONS: &[&str] = &[
    // The one row of `meta` says where the log begins: the first position held, the chain's hash
    // and the fence before it, as trimming left them; sealed.
    //
    // A snapshot counts once its row is there, which goes in with the last of its parts. Parts of any
    // other are what was left behind.
    //
    // AUTOINCREMENT keeps a position from being given out twice, whatever is deleted.
    //
    // The unique indexes are a second line behind the fence: of the records that count, no two have
    // the same place, the same epoch, or the same command. A command's id may be used again once
    // its outcome is forgotten, and is then issued later: hence the pair, its time first, so that what
    // comes next goes beside what came last, and a commit of many records writes few pages.
    "CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        uid BLOB NOT NULL CHECK (length(uid) = 16),
        start INTEGER NOT NULL CHECK (start > 0),
        before BLOB NOT NULL CHECK (length(before) = 32),
        fence TEXT NOT NULL,
        beside INTEGER NOT NULL,
        seal BLOB NOT NULL CHECK (length(seal) = 32)
    ) STRICT;
    CREATE TABLE log (
        position INTEGER PRIMARY KEY AUTOINCREMENT CHECK (position > 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        kind TEXT NOT NULL CHECK (kind IN ('claim', 'batch', 'mark', 'other')),
        counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
        epoch INTEGER,
        writer BLOB CHECK (length(writer) = 16),
        seq INTEGER,
        cause BLOB CHECK (length(cause) = 16),
        issued_at INTEGER,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX one_batch_a_seq ON log (seq) WHERE counts = 1 AND kind = 'batch';
    CREATE UNIQUE INDEX one_claim_an_epoch ON log (epoch) WHERE counts = 1 AND kind = 'claim';
    CREATE UNIQUE INDEX one_batch_a_cause ON log (issued_at, cause)
        WHERE counts = 1 AND cause IS NOT NULL;
    CREATE TABLE snapshot (
        position INTEGER PRIMARY KEY CHECK (position > 0),
        seal BLOB NOT NULL CHECK (length(seal) = 32)
    ) STRICT;
    CREATE TABLE snapshot_part (
        id INTEGER PRIMARY KEY,
        position INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE history (
        order_id INTEGER PRIMARY KEY,
        seal BLOB NOT NULL CHECK (length(seal) = 32),
        json TEXT NOT NULL
    ) STRICT;",
];

/// A connection that may write.
pub(crate) fn connect(path: &Path, config: &Config) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags).map_err(|error| refuse(error, OPENING, None))?;
    set_up(&connection, config).map_err(|error| refuse(error, OPENING, None))?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn connect_to_read(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags).map_err(|error| refuse(error, OPENING, None))
}

const OPENING: &str = "opening the database";

fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    // Behind a failure nothing must be moved out of the WAL or deleted on the way out.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// What a writer needs beside: nothing here touches the file.
fn set_up(connection: &Connection, config: &Config) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let kibibytes = i64::from(config.cache_bytes / 1_024);
    connection.pragma_update(None, "cache_size", kibibytes.saturating_neg())
}

/// Turns the write-ahead log on; says whether it is.
pub(crate) fn use_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// Bounds the file.
pub(crate) fn bound(connection: &Connection, config: &Config) -> rusqlite::Result<()> {
    let Some(bytes) = config.file_bytes_max else { return Ok(()) };
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page = u64::try_from(page).unwrap_or(4_096).max(1);
    let pages = i64::try_from(bytes.checked_div(page).unwrap_or(0)).unwrap_or(i64::MAX).max(1);
    // SQLite keeps the size that the file has already, if it is larger.
    connection
        .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Refuses what is not a log, or one of a later version. Returns the schema version.
pub(crate) fn recognise(connection: &Connection, known: usize) -> Result<u32, OpenError> {
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(|error| refuse(error, OPENING, None))
    };
    let (application_id, version) = (pragma("application_id")?, pragma("user_version")?);
    if application_id != APPLICATION_ID {
        return Err(OpenError::NotALog { application_id });
    }
    let (found, known) = (version.cast_unsigned(), u32::try_from(known).unwrap_or(u32::MAX));
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    Ok(found)
}

/// Takes the file from schema `version` to the latest, and does `then`: all of it or nothing.
pub(crate) fn migrate(
    connection: &mut Connection,
    version: u32,
    migrations: &[&str],
    then: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let taken = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = migrations.get(taken..).filter(|missing| !missing.is_empty()) else {
        return Ok(());
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let latest = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", latest)?;
    then(&transaction)?;
    transaction.commit()
}

/// Refuses a schema that is not exactly the one that `migrations` make.
pub(crate) fn compare(connection: &Connection, migrations: &[&str]) -> Result<(), OpenError> {
    let object = (|| {
        let mut reference = Connection::open_in_memory()?;
        migrate(&mut reference, 0, migrations, |_| Ok(()))?;
        let (found, expected) = (objects(connection)?, objects(&reference)?);
        let differs = |(one, other): (&Object, &Object)| (one != other).then(|| other.0.clone());
        rusqlite::Result::Ok(match found.len() == expected.len() {
            true => found.iter().zip(&expected).find_map(differs),
            false => Some("the number of tables and indexes".to_owned()),
        })
    })()
    .map_err(|error| refuse(error, "reading the schema", None))?;
    object.map_or(Ok(()), |object| {
        Err(OpenError::Damaged { good_through: None, what: Damage::Schema { object } })
    })
}

type Object = (String, String, String, Option<String>);

fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut statement =
        connection.prepare("SELECT name, type, tbl_name, sql FROM sqlite_schema ORDER BY name")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(connection: &Connection) -> u32 {
        recognise(connection, 2).unwrap()
    }

    #[test]
    fn a_file_goes_through_the_migrations_that_it_lacks_all_or_none() {
        let mut file = Connection::open_in_memory().unwrap();
        let valid = ["CREATE TABLE a (x INTEGER) STRICT", "ALTER TABLE a ADD COLUMN y INTEGER"];
        migrate(&mut file, 0, &valid[..1], |_| Ok(())).unwrap();
        assert_eq!(latest(&file), 1);
        compare(&file, &valid[..1]).unwrap();
        let broken = [valid[0], valid[1], "CREATE TABLE nonsense"];
        migrate(&mut file, 1, &broken, |_| Ok(())).unwrap_err();
        assert_eq!(latest(&file), 1, "nothing of it was done");
        compare(&file, &valid[..1]).unwrap();
        migrate(&mut file, 1, &valid, |_| Ok(())).unwrap();
        assert_eq!(latest(&file), 2);
        compare(&file, &valid).unwrap();
        migrate(&mut file, 2, &valid, |_| Err(rusqlite::Error::InvalidQuery)).unwrap();
        assert!(matches!(recognise(&file, 1), Err(OpenError::Newer { found: 2, known: 1 })));
    }
}
