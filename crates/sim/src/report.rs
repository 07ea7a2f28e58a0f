//! What a run comes to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::audit::Auditor;

/// What only the world can count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Where the day came from: a city's name, or the seed.
    pub title: String,
    /// The seed of the run.
    pub seed: u64,
    /// Couriers of the day.
    pub couriers: u64,
    /// Positions sent by drivers.
    pub pings: u64,
    /// Commands submitted, repetitions included.
    pub commands: u64,
    /// Seconds that drivers were on duty, all together.
    pub driver_online_s: u64,
    /// Seconds that drivers had something to carry, all together.
    pub driver_busy_s: u64,
    /// Metres that drivers went, all together.
    pub metres: u64,
    /// Seconds of the virtual clock from the first event to the last.
    pub virtual_s: u64,
    /// Faults that the world committed, by name.
    pub chaos: BTreeMap<String, u64>,
    /// Wishes that the shard refused before any money was asked for, by reason.
    pub wishes_refused: BTreeMap<String, u64>,
    /// Rows of the day's files that were left out.
    pub bad_rows: u64,
    /// Whether a replay of the whole log gave the live state.
    pub log_verified: bool,
    /// Milliseconds of the wall clock that the run took.
    pub wall_ms: u64,
}

/// Percentiles by nearest rank: the smallest value that at least so many in a hundred do not
/// exceed. All 0 where there are no values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// 90 in 100 are no higher.
    pub p90: u64,
    /// 99 in 100 are no higher.
    pub p99: u64,
}

/// What depends on the machine and not on the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Wall {
    /// How long the run took.
    pub seconds: f64,
    /// Positions taken in, each second.
    pub pings_per_s: u64,
    /// Commands submitted, each second.
    pub commands_per_s: u64,
}

/// What a run came to. All of it but [`Summary::wall`] is the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Where the day came from.
    pub title: String,
    /// The seed of the run.
    pub seed: u64,
    /// Orders whose money was held: `delivered + undelivered + cancelled + rejected`.
    pub orders_placed: u64,
    /// Handed over.
    pub delivered: u64,
    /// Picked up and never handed over.
    pub undelivered: u64,
    /// Cancelled on any other ground than a rejection.
    pub cancelled: u64,
    /// The restaurant said no, or nothing.
    pub rejected: u64,
    /// Neither delivered nor ended otherwise when the run stopped; then there are violations too.
    pub unfinished: u64,
    /// What depends on the machine.
    pub wall: Wall,
}

impl Summary {
    /// What the auditor found and the world counted.
    #[must_use]
    pub fn new(_auditor: &Auditor, _counters: &Counters) -> Self {
        Self::default()
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// For the terminal: aligned, without colours.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)
    }
}
