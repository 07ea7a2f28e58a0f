//! How an evening went.

use std::collections::BTreeMap;

use super::{ProcessTally, WorldTally};
use crate::audit::Auditor;
use crate::day::Day;
use crate::report::{Counters, Shift};

/// How the evening went: the people's counters, the auditor, and whether everything ended.
#[derive(Debug)]
pub struct Evening {
    /// The independent reader of the log, finished.
    pub auditor: Auditor,
    /// The people's counters.
    pub tally: WorldTally,
    /// What each driver did.
    pub shifts: Vec<Shift>,
    /// The processes' counters.
    pub process: ProcessTally,
    /// Whether a fresh replay of the log equals the live state.
    pub log_verified: bool,
    /// Checkouts that were refused before any money was asked for, by reason.
    pub wishes_refused: BTreeMap<String, u64>,
    /// Whether faults were committed.
    pub chaotic: bool,
    /// Seconds of the city's time that went by.
    pub virtual_s: u64,
    /// Why it was broken off before its end, if it was: the storage failed.
    pub broken_off: Option<String>,
    /// Batches that an earlier process had written, and that were lived through again.
    pub relived: u64,
    /// Wall-clock time that it took.
    pub wall: std::time::Duration,
}

impl Evening {
    /// What the report needs of the world.
    #[must_use]
    pub fn counters(&self, title: String, seed: u64, day: &Day) -> Counters {
        let process = self.process;
        let chaos = [
            ("process crashes", process.crashes),
            ("process pauses", process.pauses),
            ("claims won", process.claims_won),
            ("claims lost", process.claims_lost),
            ("commands retried", self.tally.retries),
            ("log appends lost", process.faults.lost),
            ("log appends late", process.faults.late),
            ("log appends duplicated", process.faults.duplicated),
            ("log appends failed", {
                process.faults.failed_landed.saturating_add(process.faults.failed_lost)
            }),
            ("provider slow", process.provider.slow),
            ("provider failed", process.provider.failed),
            ("provider answered twice", process.provider.answered_twice),
            ("provider silent after charging", process.provider.silent_after),
            ("provider silent", process.provider.silent_without),
            ("cards declined", process.provider.declined),
        ];
        Counters {
            title,
            seed,
            couriers: u64::try_from(day.couriers.len()).unwrap_or(u64::MAX),
            pings: self.tally.pings,
            commands: self.tally.commands,
            driver_online_s: self.tally.online_s,
            driver_busy_s: self.tally.busy_s,
            metres: self.tally.metres,
            shifts: self.shifts.clone(),
            offers: self.tally.offers,
            taken: self.tally.taken,
            bags: self.tally.bags,
            bagged: self.tally.bagged,
            virtual_s: self.virtual_s,
            chaos: chaos
                .into_iter()
                .filter(|(_, count)| self.chaotic && *count > 0)
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            wishes_refused: self.wishes_refused.clone(),
            bad_rows: day.bad_row_count,
            log_verified: self.log_verified,
            wall_ms: u64::try_from(self.wall.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
