//! The speed trace of the driver index: how fast, over how many drivers, on how many threads, among
//! how many queries; and how the cost grows.
//!
//! ```sh
//! cargo bench --bench geo_report               # measures, and draws into benches/report
//! cargo bench --bench geo_report -- --quick    # whether it still runs: draws into the build folder
//! ```
//!
//! Every curve has its floor or its peer beside it, measured in the same rounds; a point is the median
//! of its rounds, and the line through it goes from the first quarter to the third. The figures
//! themselves come into `figures.csv` beside the plots.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that goes wrong is to end"
)]

#[path = "geo_report/curves.rs"]
mod curves;
#[path = "versus/geo_peers.rs"]
#[allow(dead_code, reason = "the comparison needs more of it")]
mod geo_peers;
#[path = "versus/geo_turns.rs"]
#[allow(dead_code, reason = "the comparison needs more of it")]
mod geo_turns;
#[path = "versus/geo_world.rs"]
#[allow(dead_code, reason = "the comparison needs more of it")]
mod geo_world;
#[path = "geo_report/plot.rs"]
mod plot;
#[path = "versus/rounds.rs"]
#[allow(dead_code, reason = "the comparison needs more of it")]
mod rounds;

use std::error::Error;
use std::path::{Path, PathBuf};

use plot::write_figures;

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
}

fn main() -> Result<(), Box<dyn Error>> {
    let effort = Effort { quick: std::env::args().any(|word| word == "--quick") };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/report");
    let to = effort.of(here, PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let plots = [
        curves::drivers(&effort),
        curves::growth(&effort),
        curves::wanted(&effort),
        curves::threads(&effort),
        curves::mix(&effort),
    ];
    for plot in &plots {
        plot.draw(&to)?;
        println!("{}", to.join(plot.file).display());
    }
    write_figures(&plots, &to)?;
    Ok(())
}
