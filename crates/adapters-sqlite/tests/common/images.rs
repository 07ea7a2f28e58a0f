//! The files of a log as they were at every step of a run, and what was acknowledged by then.

use std::path::Path;
use std::sync::Arc;

use doorstep_core::log::Position;
use doorstep_runtime::ports::{Entry, Log, ReadError, Snapshot};
use doorstep_sqlite::{Config, FaultHook, FaultPoint, OpenError};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{NOW, Open, batch, beside, claim, open, read_after, snapshot};

/// The three files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) db: Vec<u8>,
    pub(crate) wal: Vec<u8>,
    pub(crate) anchor: Vec<u8>,
}

impl Image {
    pub(crate) fn of(path: &Path) -> Self {
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        Self {
            db: read(path),
            wal: read(&beside(path, "-wal")),
            anchor: read(&beside(path, "-anchor")),
        }
    }

    pub(crate) fn put(&self, path: &Path) {
        for suffix in ["-shm", "-journal", "-lock"] {
            let _missing = std::fs::remove_file(beside(path, suffix));
        }
        std::fs::write(path, &self.db).unwrap();
        std::fs::write(beside(path, "-wal"), &self.wal).unwrap();
        std::fs::write(beside(path, "-anchor"), &self.anchor).unwrap();
    }
}

/// What the files were at a point, and how many records had been acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: FaultPoint,
    pub(crate) image: Image,
    pub(crate) acknowledged: usize,
    /// The position of the last snapshot that had been acknowledged; 0: none.
    pub(crate) saved: u64,
}

/// A run, step by step.
pub(crate) struct Film {
    pub(crate) steps: Vec<Step>,
    /// Every record, in order.
    pub(crate) truth: Vec<Vec<u8>>,
    pub(crate) closed: Image,
}

/// Groups of one to six records, a small WAL, two snapshots in parts, a trim.
pub(crate) fn film(seed: u64, groups: usize) -> Film {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let steps = Arc::new(Mutex::new(Vec::<Step>::new()));
    let acknowledged = Arc::new(Mutex::new((0, 0)));
    let faults: FaultHook = {
        let (path, steps, acknowledged) =
            (path.clone(), Arc::clone(&steps), Arc::clone(&acknowledged));
        Arc::new(move |at| {
            let image = Image::of(&path);
            let (acknowledged, saved) = *acknowledged.lock();
            steps.lock().push(Step { at, image, acknowledged, saved });
            false
        })
    };
    let config = Config {
        faults: Some(faults),
        checkpoint_bytes: 150_000,
        snapshot_part_bytes: 3_500,
        ..Config::default()
    };
    let mut log = open(&path, config).unwrap();
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    let (mut truth, mut seq) = (vec![claim(1)], 0);
    log.commit(&truth);
    acknowledged.lock().0 = 1;
    for group in 0..groups {
        let mut records = Vec::new();
        for _ in 0..draws.random_range(1..=6) {
            records.push(batch(1, seq));
            seq += 1;
        }
        log.commit(&records);
        truth.append(&mut records);
        acknowledged.lock().0 = truth.len();
        if group == groups / 2 {
            let position = truth.len() as u64;
            log.log.save_snapshot(&snapshot(position, &vec![b's'; 9_000])).unwrap();
            acknowledged.lock().1 = position;
            log.log.trim(Position::new(position / 2)).unwrap();
        }
        if group == groups * 3 / 4 {
            let position = truth.len() as u64;
            log.log.save_snapshot(&snapshot(position, &vec![b't'; 9_000])).unwrap();
            acknowledged.lock().1 = position;
        }
    }
    log.log.close().unwrap();
    let closed = Image::of(&path);
    let steps = std::mem::take(&mut *steps.lock());
    Film { steps, truth, closed }
}

/// What became of an image.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It opened, and held so many of the records (trimmed ones counted), and the snapshot at this
    /// position; 0: none.
    Opened(usize, u64),
    Refused(OpenError),
}

/// Opens an image. Whatever it holds must be a prefix of the truth, from where it begins.
pub(crate) fn open_image(path: &Path, image: &Image, truth: &[Vec<u8>]) -> (Fate, Option<Open>) {
    image.put(path);
    let mut log = match open(path, Config::default()) {
        Ok(log) => log,
        Err(error) => {
            assert_eq!(&Image::of(path), image, "what is refused is left as it was: {error}");
            return (Fate::Refused(error), None);
        }
    };
    let entries = read_held(&mut log);
    for entry in &entries {
        let place = usize::try_from(entry.position.get()).unwrap() - 1;
        assert_eq!(Some(&entry.bytes.to_vec()), truth.get(place), "no other record at {place}");
    }
    let saved = log.log.load_snapshot().unwrap();
    if let Some(Snapshot { bytes, .. }) = &saved {
        assert!([b's', b't'].iter().any(|letter| bytes[..] == vec![*letter; 9_000]));
    }
    let saved = saved.map_or(0, |snapshot| snapshot.position.get());
    let held = log.monitor.end().map_or(0, |end| usize::try_from(end.get()).unwrap());
    let first = entries.first().map_or(1, |first| usize::try_from(first.position.get()).unwrap());
    assert_eq!(held, first + entries.len() - 1, "no gap");
    (Fate::Opened(held, saved), Some(log))
}

fn read_held(log: &mut Open) -> Vec<Entry> {
    let mut out = Vec::new();
    match log.log.read(None, 1, NOW, &mut out) {
        Ok(()) => log.read_all(),
        Err(ReadError::Trimmed { start }) => {
            read_after(&mut log.log, Some(Position::new(start.get() - 1)))
        }
        Err(error) => panic!("{error}"),
    }
}
