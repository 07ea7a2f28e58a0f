//! The library's planner on the public instances of the Meal Delivery Routing Problem.
//!
//! Each instance is a day of a meal delivery service. Minute by minute the planner is told what is
//! known by then and nothing else; what it commits is written down, and judged by a checker that
//! reads nothing but that.
//!
//! ```sh
//! cargo run --release --example mdrp -- --data DIR
//! cargo run --release --example mdrp -- --data DIR --instances '0o50*' --json results.json --plan plan.csv
//! ```
//!
//! Rules: Reyes, Erera, Savelsbergh, Sahasrabudhe, O'Neil, "The Meal Delivery Routing Problem", 2018.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "minutes of one day, read with checks; a mistake here may end the example"
)]

mod check;
mod drive;
mod instance;
mod table;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use doorstep::core::dispatch::plan::PlanPolicy;
use doorstep::core::time::Span;

use check::Figures;
use instance::Instance;

const USAGE: &str = "\
The library's planner on public instances of the Meal Delivery Routing Problem.

    cargo run --release --example mdrp -- --data DIR [FLAGS]

    --data DIR        orders.csv, couriers.csv, restaurants.csv, instance_stats.csv
                      (and published_anchors*.csv, to be shown beside)
    --instances GLOB  only these; * stands for anything, ? for one character
    --json FILE       the figures of every instance (- for standard output)
    --plan FILE       every assignment, for another checker
    --no-bundles      one order a trip
    --cut             lives through each day again with its orders cut off, after
                      each of many minutes: all that was decided before is the same

The exit code is 0 if every plan is feasible, and knew nothing before its time.";

struct Flags {
    data: PathBuf,
    instances: String,
    json: Option<PathBuf>,
    plan: Option<PathBuf>,
    bundles: bool,
    cut: bool,
}

/// One policy for all instances. The service times are the rules'.
fn policy(flags: &Flags) -> PlanPolicy {
    let defaults = PlanPolicy::default();
    PlanPolicy {
        bundle_max: if flags.bundles { defaults.bundle_max } else { 1 },
        service_before_pickup: Span::from_mins(2),
        service_after_pickup: Span::from_mins(2),
        service_before_drop_off: Span::from_mins(2),
        service_after_drop_off: Span::from_mins(2),
        ..defaults
    }
}

fn main() -> ExitCode {
    match Flags::parse().and_then(|flags| flags.map_or(Ok(true), |flags| run(&flags))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mdrp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let instances = Instance::load(&flags.data, &flags.instances)?;
    if instances.is_empty() {
        return Err(format!("no instance matches {}", flags.instances).into());
    }
    let published = table::published(&flags.data)?;
    let mut assignments = flags.plan.as_deref().map(csv::Writer::from_path).transpose()?;
    let (policy, mut all, mut greedy) = (policy(flags), Vec::new(), Vec::new());
    let mut cuts = 0;
    table::head();
    for instance in &instances {
        let run = drive::planned(instance, &policy)?;
        let figures = Figures::of(instance, &run.plan, &run.decisions);
        let baseline = Figures::of(instance, &drive::greedy(instance), &[]);
        table::row(&figures, &baseline, published.get(&instance.name));
        if let Some(writer) = &mut assignments {
            for row in &run.plan {
                writer.serialize(row)?;
            }
        }
        all.push(figures);
        greedy.push(baseline);
        if flags.cut {
            cuts += drive::cut(instance, &policy, &run.plan)?;
        }
    }
    table::foot(&all, &greedy);
    if flags.cut {
        println!(
            "nothing was known before its time: {cuts} days cut short, each the same until then"
        );
    }
    if let Some(mut writer) = assignments {
        writer.flush()?;
    }
    if let Some(path) = &flags.json {
        let json = serde_json::to_string_pretty(&all)?;
        if path.as_os_str() == "-" {
            println!("{json}");
        } else {
            std::fs::write(path, json)?;
        }
    }
    for figures in all.iter().chain(&greedy) {
        if let Some(fault) = &figures.fault {
            eprintln!("mdrp: {}: not feasible: {fault}", figures.inst);
        }
    }
    Ok(all.iter().all(|figures| figures.feasible))
}

impl Flags {
    fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::*;
        let (mut data, mut json, mut plan) = (None, None, None);
        let (mut instances, mut bundles, mut cut) = (String::from("*"), true, false);
        let mut parser = lexopt::Parser::from_env();
        while let Some(flag) = parser.next()? {
            match flag {
                Long("data") => data = Some(PathBuf::from(parser.value()?)),
                Long("instances") => instances = parser.value()?.string()?,
                Long("json") => json = Some(PathBuf::from(parser.value()?)),
                Long("plan") => plan = Some(PathBuf::from(parser.value()?)),
                Long("no-bundles") => bundles = false,
                Long("cut") => cut = true,
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                Short(_) | Long(_) | Value(_) => return Err(flag.unexpected().into()),
            }
        }
        let data = data.ok_or("--data DIR is missing; --help says more")?;
        Ok(Some(Self { data, instances, json, plan, bundles, cut }))
    }
}
