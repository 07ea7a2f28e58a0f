//! Doorstep against its peers and its floors, interleaved in one run.
//!
//! ```sh
//! cargo bench --bench versus                      # every group
//! cargo bench --bench versus -- cancel shard      # these
//! cargo bench --bench versus -- --quick           # a look whether it still runs: no figures to quote
//! ```
//!
//! A group measures ours and theirs on the same work, one after the other, round after round, so
//! that whatever else the machine does befalls both. A ratio is taken within a round; what is
//! printed is the median over the rounds, with the quarters around it. The output ends in a table
//! and one line a figure:
//!
//! ```text
//! ratio NAME VALUE          our throughput over theirs: more is better
//! cost NAME VALUE           our time over theirs: less is better
//! figure NAME VALUE UNIT    for orientation
//! ```
//!
//! No speed is asserted. To add a group: one file in `versus/`, and its line in `mod versus` and in
//! [`GROUPS`].
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that goes wrong is to end"
)]

/// What the examples that put a service under load share with this.
#[path = "../examples/load/mod.rs"]
mod load;

/// One file a group, and what they share.
mod versus {
    pub(crate) mod callers;
    pub(crate) mod cancel;
    pub(crate) mod dispatch;
    pub(crate) mod geo;
    pub(crate) mod geo_peers;
    pub(crate) mod geo_redis;
    pub(crate) mod geo_turns;
    pub(crate) mod geo_world;
    pub(crate) mod geo_zones;
    pub(crate) mod http;
    pub(crate) mod http_sockets;
    pub(crate) mod plan;
    pub(crate) mod redis;
    pub(crate) mod report;
    pub(crate) mod rounds;
    pub(crate) mod rush;
    pub(crate) mod sale;
    pub(crate) mod shard;
    pub(crate) mod sqlite;
    pub(crate) mod webhook;
}

use std::process::ExitCode;

use versus::report::Report;
use versus::{cancel, dispatch, geo, http, http_sockets, sale, shard, sqlite, webhook};

/// What measures a group.
type Group = fn(&Effort, &mut Report);

/// The groups by name, in the order in which they run.
const GROUPS: [(&str, Group); 8] = [
    ("cancel", cancel::run),
    ("sale", sale::run),
    ("webhook", webhook::run),
    ("dispatch", dispatch::run),
    ("shard", shard::run),
    ("sqlite", sqlite::run),
    ("http", http::run),
    ("geo", geo::run),
];

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Whether it is only to be seen that it runs.
    quick: bool,
}

impl Effort {
    /// As much as a figure needs, or as little as shows that it runs.
    pub(crate) fn of<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Rounds of a measurement.
    pub(crate) fn rounds(&self) -> usize {
        self.of(7, 1)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (Some(http_sockets::CLIENTS), Some(file)) => {
            http_sockets::clients(&file);
            return ExitCode::SUCCESS;
        }
        (Some(http_sockets::MEMORY), Some(sockets)) => {
            http_sockets::memory(&sockets);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut effort = Effort { quick: false };
    let mut wanted = Vec::new();
    for word in std::env::args().skip(1) {
        match word.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--quick" => effort.quick = true,
            name if GROUPS.iter().any(|(group, _)| *group == name) => wanted.push(word),
            other => {
                let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
                eprintln!(
                    "versus: no group {other:?}; there are {}, and --quick",
                    names.join(", ")
                );
                return ExitCode::from(2);
            }
        }
    }
    let mut report = Report::default();
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            eprintln!("-- {name}");
            run(&effort, &mut report);
        }
    }
    print!("{report}");
    ExitCode::SUCCESS
}
