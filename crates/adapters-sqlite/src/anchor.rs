//! The anchor: a small record, outside the database, of how far the log goes.
//!
//! SQLite drops every WAL frame behind a bad one without a word, and a chain whose tail is gone is
//! still a chain. So the last position and its hash are kept in a file of their own; a log that
//! ends before its anchor is refused.
//!
//! Two slots, 4 KiB apart, each with its own checksum, are written in turn: a write that tears
//! spoils only the slot that it replaces. The later of those that are whole is the anchor.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::chain::{Hash, Uid};

const MAGIC: &[u8; 8] = b"DoorAnc1";
const SLOT_BYTES: usize = 104;
const SLOT_STRIDE: u64 = 4_096;

/// How far a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) uid: Uid,
    /// The last position; 0 for an empty log.
    pub(crate) position: u64,
    /// How many transactions there were that added no record: snapshots, trims, kept orders.
    pub(crate) beside: u64,
    /// The hash there.
    pub(crate) hash: Hash,
}

/// What an anchor file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Missing,
    /// Neither slot is whole.
    Damaged,
    /// The later of the whole slots; how many were not.
    Anchor(Anchor, u8),
}

impl Anchor {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let position = self.position.to_be_bytes();
        let beside = self.beside.to_be_bytes();
        let sum = Hash::seal("anchor", self.uid, &[&position, &beside, &self.hash.0]);
        let fields: [&[u8]; 6] = [MAGIC, &self.uid.0, &position, &beside, &self.hash.0, &sum.0];
        let mut slot = [0; SLOT_BYTES];
        for (to, from) in slot.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        slot
    }

    fn decode(slot: &[u8; SLOT_BYTES]) -> Option<Self> {
        let (magic, rest) = slot.split_first_chunk::<8>()?;
        let (uid, rest) = rest.split_first_chunk::<16>()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let (beside, rest) = rest.split_first_chunk::<8>()?;
        let (hash, sum) = rest.split_first_chunk::<32>()?;
        let (uid, hash) = (Uid(*uid), Hash(*hash));
        let expected = Hash::seal("anchor", uid, &[position, beside, &hash.0]);
        let (position, beside) = (u64::from_be_bytes(*position), u64::from_be_bytes(*beside));
        let whole = magic == MAGIC && expected.0 == *sum;
        whole.then_some(Self { uid, position, beside, hash })
    }

    /// Neither ever goes back.
    const fn age(&self) -> (u64, u64) {
        (self.position, self.beside)
    }
}

/// Reads what is there, without changing it.
pub(crate) fn read(path: &Path) -> io::Result<Found> {
    match File::open(path) {
        Ok(file) => Ok(look(&file)?.0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}

/// What the slots say, and which one to write next.
fn look(file: &File) -> io::Result<(Found, u64)> {
    let mut slots = [None; 2];
    for (slot, index) in slots.iter_mut().zip(0_u64..) {
        let mut bytes = [0; SLOT_BYTES];
        let mut at = file;
        at.seek(SeekFrom::Start(index.saturating_mul(SLOT_STRIDE)))?;
        match at.read_exact(&mut bytes) {
            Ok(()) => *slot = Anchor::decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match slots {
        [None, None] => (Found::Damaged, 0),
        [Some(one), None] => (Found::Anchor(one, 1), 1),
        [None, Some(other)] => (Found::Anchor(other, 1), 0),
        [Some(one), Some(other)] if one.age() > other.age() => (Found::Anchor(one, 0), 1),
        [Some(_), Some(other)] => (Found::Anchor(other, 0), 0),
    })
}

/// The anchor file of an open log.
#[derive(Debug)]
pub(crate) struct AnchorFile {
    file: File,
    next_slot: u64,
    written: (u64, u64),
    synced: (u64, u64),
}

impl AnchorFile {
    /// Makes the file: whole and durable, or not there.
    pub(crate) fn create(path: &Path, anchor: &Anchor) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = Path::new(&name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(new)?;
        file.set_len(SLOT_STRIDE.saturating_mul(2))?;
        for slot in [0, SLOT_STRIDE] {
            put(&file, anchor, slot)?;
        }
        file.sync_all()?;
        std::fs::rename(new, path)?;
        sync_directory(path)?;
        Ok(Self { file, next_slot: 0, written: anchor.age(), synced: anchor.age() })
    }

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let (found, next_slot) = look(&file)?;
        let written = match found {
            Found::Anchor(anchor, _) => anchor.age(),
            Found::Missing | Found::Damaged => (0, 0),
        };
        Ok(Self { file, next_slot, written, synced: (0, 0) })
    }

    /// Writes it where the older one is. It outlives the process; the machine, once it is synced.
    pub(crate) fn write(&mut self, anchor: &Anchor) -> io::Result<()> {
        if anchor.age() <= self.written {
            return Ok(());
        }
        put(&self.file, anchor, self.next_slot.saturating_mul(SLOT_STRIDE))?;
        self.next_slot ^= 1;
        self.written = anchor.age();
        Ok(())
    }

    /// Whether there is anything to sync.
    pub(crate) fn is_dirty(&self) -> bool {
        self.synced < self.written
    }

    /// Makes what was written durable. If it fails it is not to be tried again.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty() {
            self.file.sync_data()?;
            self.synced = self.written;
        }
        Ok(())
    }
}

fn put(mut file: &File, anchor: &Anchor, at: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&anchor.encode())
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_directory(of: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and its names are durable with the file.
    if cfg!(unix) {
        let directory = of.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(position: u64) -> Anchor {
        Anchor { uid: Uid([1; 16]), position, beside: 0, hash: Hash([2; 32]) }
    }

    #[test]
    fn a_torn_write_spoils_only_the_slot_that_it_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        assert_eq!(read(&path).unwrap(), Found::Missing);
        let mut file = AnchorFile::create(&path, &anchor(0)).unwrap();
        for position in 1..6 {
            file.write(&anchor(position)).unwrap();
            file.sync().unwrap();
            assert_eq!(read(&path).unwrap(), Found::Anchor(anchor(position), 0));
        }
        let whole = std::fs::read(&path).unwrap();
        for (slot, left) in [(0, 4), (SLOT_STRIDE, 5)] {
            for byte in 0..SLOT_BYTES as u64 {
                let mut torn = whole.clone();
                torn[usize::try_from(slot + byte).unwrap()] ^= 0x10;
                std::fs::write(&path, &torn).unwrap();
                let expected = Found::Anchor(anchor(left), 1);
                assert_eq!(read(&path).unwrap(), expected, "{slot} {byte}");
                let mut file = AnchorFile::open(&path).unwrap();
                file.write(&anchor(7)).unwrap();
                assert_eq!(read(&path).unwrap(), Found::Anchor(anchor(7), 0), "mended");
            }
        }
        std::fs::write(&path, b"").unwrap();
        assert_eq!(read(&path).unwrap(), Found::Damaged);
    }
}
