//! One flipped bit, anywhere in the database, the WAL or the anchor: found or harmless.
//!
//! `DOORSTEP_FLIPS` says how many (default 1,500; at least 10,000 in the long form).
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::images::{Fate, film, open_image};
use common::{batch, claim, number};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let flips = number("DOORSTEP_FLIPS", 1_500);
    let seed = number("DOORSTEP_SEED", 3);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.db");
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    let film = film(seed, 40);
    let (mut harmless, mut found, mut found_later) = (0, 0, 0);
    for flip in 0..flips {
        // A log in the middle of its work, or one that was closed.
        let (mut image, acknowledged, acknowledged_snapshot) = if flip % 4 == 0 {
            (film.closed.clone(), film.truth.len(), film.steps.last().unwrap().saved)
        } else {
            let step = &film.steps[draws.random_range(film.steps.len() / 2..film.steps.len())];
            (step.image.clone(), step.acknowledged, step.saved)
        };
        let whole = open_image(&path, &image, &film.truth).0;
        let Fate::Opened(held, saved) = whole else { panic!("{whole:?}") };
        assert!(held >= acknowledged && saved >= acknowledged_snapshot);
        let (file_name, file) = match draws.random_range(0..4) {
            0 if !image.wal.is_empty() => ("wal", &mut image.wal),
            1 => ("anchor", &mut image.anchor),
            _ => ("db", &mut image.db),
        };
        let byte = draws.random_range(0..file.len());
        let bit = draws.random_range(0..8);
        file[byte] ^= 1 << bit;
        let (fate, log) = open_image(&path, &image, &film.truth);
        let (now, log) = match (fate, log) {
            (Fate::Opened(now, now_saved), Some(log)) => {
                let holds = now_saved >= acknowledged_snapshot;
                assert!(holds, "{file_name} byte {byte} bit {bit}: the snapshot at {now_saved}");
                (now, log)
            }
            _ => {
                found += 1;
                continue;
            }
        };
        assert!(now >= acknowledged, "byte {byte} bit {bit}: {now} of {acknowledged}");
        // And it goes on working, or says that it does not.
        let mut log = log;
        let seq = film.truth.len() as u64 + flip;
        let mut truth = film.truth[..now].to_vec();
        let more = [claim(2), batch(2, seq)];
        for record in &more {
            doorstep_runtime::ports::Log::append(&mut log.log, record, common::NOW).unwrap();
        }
        log.wait(|log| log.tally().records == 2 || log.poisoned().is_some());
        let poisoned = log.monitor.poisoned().is_some();
        drop(log);
        truth.extend(more);
        let again = common::images::Image::of(&path);
        match open_image(&path, &again, &truth).0 {
            Fate::Opened(held, _) if held == truth.len() => harmless += 1,
            Fate::Opened(held, _) => {
                assert!(poisoned && held >= now);
                found_later += 1;
            }
            Fate::Refused(_) => found_later += 1,
        }
    }
    println!("{flips} flips: {harmless} harmless, {found} refused, {found_later} told when used");
    assert!(harmless > 0 && found > 0, "both happen, or nothing is shown");
}
