//! A log's files as a crash may leave them: the WAL cut at every frame and sector boundary, with
//! lost, zeroed and torn tails; the database in the middle of a checkpoint; the anchor half written.
//! Killing a process never shows these: the page cache outlives it.
//!
//! `DOORSTEP_IMAGES` says how many (default 1,500; at least 10,000 in the long form).
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::images::{Fate, Film, Image, film, open_image};
use common::number;
use doorstep_sqlite::{Damage, FaultPoint, OpenError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FRAME: usize = 24 + 4_096;
const WAL_HEADER: usize = 32;
const SECTORS: [usize; 2] = [512, 4_096];

/// Where a WAL may end, or a write in it stop: frames, headers, sectors, anywhere.
fn a_cut(draws: &mut ChaCha8Rng, least: usize, most: usize) -> usize {
    let any = draws.random_range(least..=most);
    let cut = match draws.random_range(0..6) {
        0 => WAL_HEADER + any.saturating_sub(WAL_HEADER) / FRAME * FRAME,
        1 => WAL_HEADER + any.saturating_sub(WAL_HEADER) / FRAME * FRAME + 24,
        2 => any / SECTORS[0] * SECTORS[0],
        3 => any / SECTORS[1] * SECTORS[1],
        _ => any,
    };
    cut.clamp(least, most)
}

/// `new` as far as `cut`; behind it what was there before, nothing, zeroes, or noise.
fn torn(draws: &mut ChaCha8Rng, old: &[u8], new: &[u8], cut: usize) -> Vec<u8> {
    let mut file = new[..cut].to_vec();
    match draws.random_range(0..4) {
        _ if old.len() > cut => file.extend_from_slice(&old[cut..]),
        0 => file.resize(new.len().max(cut), 0),
        1 => file.extend((cut..new.len()).map(|_| draws.random::<u8>())),
        // A sector is lost, what was written behind it is there.
        2 => {
            file.extend_from_slice(&new[cut..]);
            let end = (cut / 512 * 512 + 512).min(new.len());
            file[cut..end].fill(0);
        }
        _ => {}
    }
    file
}

/// The first byte that differs.
fn same(old: &[u8], new: &[u8]) -> usize {
    old.iter().zip(new).take_while(|(old, new)| old == new).count()
}

#[derive(Debug, Default)]
struct Count {
    images: u64,
    opened: u64,
    refused: u64,
}

/// A crash between two syncs: whatever was synced is there. It must open, with everything that was
/// acknowledged.
fn honest(film: &Film, draws: &mut ChaCha8Rng, path: &std::path::Path, count: &mut Count) {
    let place = draws.random_range(1..film.steps.len());
    let (old, new) = (&film.steps[place - 1], &film.steps[place]);
    let mut image = old.image.clone();
    match (old.at, new.at) {
        // The group is being written: not one byte of it is synced.
        (FaultPoint::BeforeCommit, FaultPoint::AfterCommit) => {
            let (old, new) = (&old.image.wal, &new.image.wal);
            let from = if new.len() > old.len() && new.starts_with(old) {
                old.len()
            } else {
                same(old, new)
            };
            let cut = a_cut(draws, from.min(new.len()), new.len());
            image.wal = torn(draws, old, new, cut);
        }
        // The checkpoint writes pages, in any order, some of them half.
        (FaultPoint::Checkpoint, _) => {
            image.db.resize(image.db.len().max(new.image.db.len()), 0);
            for (to, from) in image.db.chunks_mut(512).zip(new.image.db.chunks(512)) {
                if draws.random_bool(0.5) && to.len() == from.len() {
                    to.copy_from_slice(from);
                }
            }
        }
        // The anchor is being written.
        _ => {
            let cut = draws.random_range(0..=new.image.anchor.len());
            image = new.image.clone();
            image.anchor.truncate(cut);
            image.anchor.extend_from_slice(&old.image.anchor[cut..]);
        }
    }
    let (fate, _) = open_image(path, &image, &film.truth);
    count.images += 1;
    match fate {
        Fate::Opened(held, saved) => {
            assert!(held >= old.acknowledged, "{:?}: {held} of {}", old.at, old.acknowledged);
            assert!(saved >= old.saved, "{:?}: the snapshot is lost", old.at);
            count.opened += 1;
        }
        Fate::Refused(error) => panic!("between {:?} and {:?}: {error}", old.at, new.at),
    }
}

/// A disk that does not keep its word: synced parts of the WAL or the database are gone, old or
/// noise. It must hold everything that was acknowledged, or be refused.
fn dishonest(film: &Film, draws: &mut ChaCha8Rng, path: &std::path::Path, count: &mut Count) {
    let place = draws.random_range(1..film.steps.len());
    let step = &film.steps[place];
    let mut image = step.image.clone();
    let earlier = &film.steps[draws.random_range(0..place)].image;
    match draws.random_range(0..6) {
        0 | 1 => {
            let cut = a_cut(draws, 0, image.wal.len());
            image.wal = torn(draws, &[], &step.image.wal, cut);
        }
        2 => image.wal = Vec::new(),
        3 => image.wal = earlier.wal.clone(),
        4 => {
            let cut = draws.random_range(0..=image.db.len() / 512) * 512;
            image.db = torn(draws, &[], &step.image.db, cut.min(image.db.len()));
        }
        _ => {
            for (to, from) in image.db.chunks_mut(4_096).zip(earlier.db.chunks(4_096)) {
                if draws.random_bool(0.2) && to.len() == from.len() {
                    to.copy_from_slice(from);
                }
            }
        }
    }
    let (fate, _) = open_image(path, &image, &film.truth);
    count.images += 1;
    match fate {
        Fate::Opened(held, saved) => {
            assert!(held >= step.acknowledged, "{held} of {}", step.acknowledged);
            // An older one costs a longer replay: the log is trimmed behind none that is not there.
            assert!(saved > 0 || step.saved == 0, "the snapshot is lost");
            count.opened += 1;
        }
        Fate::Refused(error) => {
            // SQLite may also call a database that it cannot make sense of no log at all.
            let told = matches!(
                error,
                OpenError::Damaged { .. } | OpenError::NotALog { .. } | OpenError::Newer { .. }
            );
            assert!(told, "{error}");
            count.refused += 1;
        }
    }
}

#[test]
fn a_crash_leaves_what_was_acknowledged_and_a_lying_disk_is_found_out() {
    let images = number("DOORSTEP_IMAGES", 1_500);
    let seed = number("DOORSTEP_SEED", 1);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.db");
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    let film = film(seed, 60);
    assert!(film.steps.iter().any(|step| step.at == FaultPoint::Checkpoint));
    let (mut crashes, mut lies) = (Count::default(), Count::default());
    for image in 0..images {
        if image % 3 == 0 {
            dishonest(&film, &mut draws, &path, &mut lies);
        } else {
            honest(&film, &mut draws, &path, &mut crashes);
        }
    }
    println!("crashes {crashes:?}; a disk that lies {lies:?}");
    assert!(lies.refused > 0 && lies.opened > 0, "both happen, or nothing is shown");
}

#[test]
fn every_frame_boundary_of_a_wal_either_holds_all_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.db");
    let film = film(2, 20);
    // Nothing of this WAL is in the file yet.
    let full = film.steps.iter().find(|step| step.at == FaultPoint::Checkpoint);
    let last = full.unwrap();
    let whole = last.image.wal.len();
    let (mut opened, mut refused) = (0, 0);
    for cut in (WAL_HEADER..=whole).step_by(FRAME) {
        let image = Image { wal: last.image.wal[..cut].to_vec(), ..last.image.clone() };
        match open_image(&path, &image, &film.truth).0 {
            Fate::Opened(held, _) => {
                assert!(held >= last.acknowledged);
                opened += 1;
            }
            Fate::Refused(OpenError::Damaged { good_through, what }) => {
                let behind = matches!(what, Damage::Behind { .. });
                assert!(behind || good_through.is_none(), "{what}");
                refused += 1;
            }
            Fate::Refused(error) => panic!("{error}"),
        }
    }
    assert!(opened > 0 && refused > 10, "{opened} {refused}");
}
