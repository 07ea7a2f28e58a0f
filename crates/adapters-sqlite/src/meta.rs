//! Where the log begins: the one row of `meta`.

use doorstep_core::log::Fence;
use rusqlite::{Connection, params};

use crate::chain::{Hash, Uid};
use crate::error::{Damage, OpenError, refuse};

/// What stands before the first record that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) uid: Uid,
    /// The position of the first record held; 1 in a log that was never trimmed.
    pub(crate) start: u64,
    /// The chain's hash before it.
    pub(crate) before: Hash,
    /// The fence before it.
    pub(crate) fence: Fence,
    /// How many transactions added no record: the anchor knows of them by this count.
    pub(crate) beside: u64,
}

impl Start {
    pub(crate) fn new(uid: Uid) -> Self {
        Self { uid, start: 1, before: Hash::genesis(uid), fence: Fence::BEFORE_ALL, beside: 0 }
    }

    fn seal(&self, fence: &str) -> Hash {
        let (start, beside) = (self.start.to_be_bytes(), self.beside.to_be_bytes());
        let parts: [&[u8]; 4] = [&start, &self.before.0, fence.as_bytes(), &beside];
        Hash::seal("start", self.uid, &parts)
    }

    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let fence = serde_json::to_string(&self.fence)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        connection.execute(
            "INSERT INTO meta (id, uid, start, before, fence, beside, seal)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET start = ?2, before = ?3, fence = ?4, beside = ?5,
                 seal = ?6",
            params![
                self.uid.0,
                self.start.cast_signed(),
                self.before.0,
                fence,
                self.beside.cast_signed(),
                self.seal(&fence).0
            ],
        )?;
        Ok(())
    }

    pub(crate) fn load(connection: &Connection) -> Result<Self, OpenError> {
        let damaged = || OpenError::Damaged { good_through: None, what: Damage::Start };
        let (uid, start, before, fence, beside, seal) = connection
            .query_row("SELECT uid, start, before, fence, beside, seal FROM meta", [], |row| {
                Ok((
                    row.get::<_, [u8; 16]>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, [u8; 32]>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, i64>(4)?,
                    row.get::<_, [u8; 32]>(5)?,
                ))
            })
            .map_err(|error| match error.sqlite_error() {
                Some(_) => refuse(error, "reading the start", None),
                None => damaged(),
            })?;
        let start = u64::try_from(start).ok().filter(|start| *start > 0).ok_or_else(damaged)?;
        let text = fence;
        let fence = serde_json::from_str(&text).map_err(|_| damaged())?;
        let read = Self {
            uid: Uid(uid),
            start,
            before: Hash(before),
            fence,
            beside: beside.cast_unsigned(),
        };
        if read.seal(&text).0 == seal { Ok(read) } else { Err(damaged()) }
    }
}
