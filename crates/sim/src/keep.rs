//! What a city keeps in a directory beside its log: whose evening it is, the provider's book, and
//! what people were told.
//!
//! | file | what it holds |
//! |---|---|
//! | `rush.json` | which day with which people: another one is refused |
//! | `provider.jsonl` | what the provider carried out, a line each, synced before it answers |
//! | `told.txt` | what people were told, a line each, written before they act on it |
//!
//! The last line of a file may be cut short by a kill; then it was never said, and goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use doorstep_core::id::CommandId;
use doorstep_core::payment::{Answer, Effect};
use doorstep_core::time::Timestamp;
use doorstep_runtime::sandbox::{BookFile, Booking, Sandbox, SandboxConfig};
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::world::{WorldConfig, mix_text};

/// The version of these files.
const FORMAT: u32 = 1;
const STAMP: &str = "rush.json";
const BOOK: &str = "provider.jsonl";
const TOLD: &str = "told.txt";

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// It holds something, and no evening. Nothing was changed.
    #[error("{} holds something else than an evening ({STAMP} is missing, {found} is there)", .dir.display())]
    NotAnEvening {
        /// Which.
        dir: PathBuf,
        /// One of the things that are there.
        found: String,
    },
    /// It holds another evening. Nothing was changed.
    #[error("{} holds another evening: its {what} is {found}, not {asked}; give the flags that it began with, or another directory", .dir.display())]
    AnotherEvening {
        /// Which.
        dir: PathBuf,
        /// What differs.
        what: &'static str,
        /// As it is there.
        found: String,
        /// As it was asked for.
        asked: String,
    },
    /// A line that was written whole cannot be read.
    #[error("{}, line {line}: {why}", .file.display())]
    Damaged {
        /// In which file.
        file: PathBuf,
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The storage's own.
    #[error("{}: {source}", .path.display())]
    Io {
        /// At which file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Which evening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    format: u32,
    seed: u64,
    chaos: u16,
    /// A digest of its orders and couriers.
    day: String,
    /// A digest of the rules, and of how people are.
    people: String,
}

/// A directory that holds one evening.
#[derive(Debug)]
pub struct Keep {
    dir: PathBuf,
    told: File,
}

impl Keep {
    /// Uses a directory for an evening: an empty or missing one for a new evening, one that holds
    /// this very evening to go on with it.
    ///
    /// # Errors
    /// [`KeepError`]; what holds something else is left as it was.
    pub fn open(dir: &Path, config: &WorldConfig, day: &Day) -> Result<Self, KeepError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let asked = Stamp::of(config, day);
        let file = dir.join(STAMP);
        match fs::read(&file) {
            Ok(bytes) => asked.compare(&bytes, dir, &file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => stamp(&asked, dir, &file)?,
            Err(error) => return Err(at(&file)(error)),
        }
        let (told, _) = open_lines(&dir.join(TOLD))?;
        Ok(Self { dir: dir.to_owned(), told })
    }

    /// Where the log is.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("city.db")
    }

    /// The provider, with what it has done so far, writing on.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn provider(&self, config: SandboxConfig) -> Result<Sandbox, KeepError> {
        let path = self.dir.join(BOOK);
        let (file, text) = open_lines(&path)?;
        let mut bookings = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let (effect, at, answer) = serde_json::from_str::<(Effect, Timestamp, Answer)>(line)
                .map_err(|error| damaged(&path, number, &error.to_string()))?;
            bookings.push(Booking { effect, at, answer });
        }
        let file = Box::new(Book { file, failed: false });
        Ok(Sandbox::reopened(config, bookings, file))
    }

    /// Everything that people were told, with the outcome's JSON.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn told_before(&self) -> Result<Vec<(CommandId, String)>, KeepError> {
        let path = self.dir.join(TOLD);
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let line = |(line, number): (&str, usize)| {
            let (id, outcome) = line.split_once(' ').unwrap_or_default();
            let id = u128::from_str_radix(id, 16)
                .map_err(|error| damaged(&path, number, &error.to_string()))?;
            Ok((CommandId::new(id), outcome.to_owned()))
        };
        text.lines().zip(1..).map(line).collect()
    }

    /// Writes down what somebody is told. It outlives the process, not the machine: it is there to
    /// be held against the log.
    ///
    /// # Errors
    /// The storage's.
    pub fn tells(&mut self, command: CommandId, outcome_json: &str) -> io::Result<()> {
        self.told.write_all(format!("{:032x} {outcome_json}\n", command.get()).as_bytes())
    }
}

impl Stamp {
    fn of(config: &WorldConfig, day: &Day) -> Self {
        let digest = |text: String| format!("{:016x}", mix_text(&text));
        let people = WorldConfig { seed: 0, chaos: 0, ..config.clone() };
        Self {
            format: FORMAT,
            seed: config.seed,
            chaos: config.chaos,
            day: digest(format!("{:?}", (&day.orders, &day.couriers))),
            people: digest(format!("{people:?}")),
        }
    }

    fn compare(&self, found: &[u8], dir: &Path, file: &Path) -> Result<(), KeepError> {
        let found: Self =
            serde_json::from_slice(found).map_err(|error| damaged(file, 1, &error.to_string()))?;
        let members = [
            ("format", found.format.to_string(), self.format.to_string()),
            ("seed", found.seed.to_string(), self.seed.to_string()),
            ("chaos", found.chaos.to_string(), self.chaos.to_string()),
            ("day", found.day, self.day.clone()),
            ("rules or people", found.people, self.people.clone()),
        ];
        for (what, found, asked) in members {
            if found != asked {
                return Err(KeepError::AnotherEvening { dir: dir.to_owned(), what, found, asked });
            }
        }
        Ok(())
    }
}

/// Marks an empty directory: whole and durable, or not.
fn stamp(asked: &Stamp, dir: &Path, file: &Path) -> Result<(), KeepError> {
    let new = dir.join("rush.json.new");
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let entry = entry.map_err(at(dir))?;
        // One that was being marked when its process died is empty.
        if entry.path() != new {
            let found = entry.file_name().to_string_lossy().into_owned();
            return Err(KeepError::NotAnEvening { dir: dir.to_owned(), found });
        }
    }
    let write = || {
        let mut marked = File::create(&new)?;
        marked.write_all(&serde_json::to_vec(asked)?)?;
        marked.sync_all()?;
        fs::rename(&new, file)?;
        if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
    };
    write().map_err(at(file))
}

/// Opens a file of lines to write on, without a last one that was cut short; and what it holds.
fn open_lines(path: &Path) -> Result<(File, String), KeepError> {
    let open = || {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut text = fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or(0, |end| end.saturating_add(1));
        if whole < text.len() {
            text.truncate(whole);
            file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        }
        // A file that was just made is durable with its name.
        if let (true, Some(dir)) = (cfg!(unix), path.parent()) {
            File::open(dir)?.sync_all()?;
        }
        Ok((file, text))
    };
    open().map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> KeepError {
    let path = path.to_owned();
    move |source| KeepError::Io { path, source }
}

fn damaged(file: &Path, line: usize, why: &str) -> KeepError {
    KeepError::Damaged { file: file.to_owned(), line, why: why.to_owned() }
}

/// The provider's book on disk.
#[derive(Debug)]
struct Book {
    file: File,
    /// A line may be half there: nothing may come after it.
    failed: bool,
}

impl BookFile for Book {
    fn write(&mut self, booking: &Booking) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        let Booking { effect, at, answer } = booking;
        let mut line = serde_json::to_vec(&(effect, at, answer))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        self.failed = written.is_err();
        written
    }
}

#[cfg(test)]
mod tests;
