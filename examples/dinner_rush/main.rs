//! A city eats dinner.
//!
//! Orders are placed, accepted, cooked, matched to drivers, carried, delivered, some cancelled, on a
//! virtual clock, by the very host that servers use, on a log that is synced before anybody is
//! answered; an auditor reads the log and checks every invariant. Pull the plug at any moment, and
//! start it again with the same flags: it goes on where its log ends.
//!
//! ```sh
//! cargo run --release --example dinner_rush
//! cargo run --release --example dinner_rush -- --data /tmp/dinner
//! cargo run --release --example dinner_rush -- --memory --chaos 0.02 --seed 7
//! cargo run --release --example dinner_rush -- --orders day_orders.csv --couriers day_couriers.csv
//! cargo run --release --example dinner_rush -- --city-orders 800 --compare
//! cargo run --release --features serve --example dinner_rush -- --serve --speed 5
//! ```

mod compare;
mod disk;
#[cfg(feature = "serve")]
mod serve;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use doorstep::core::money::Currency;
use doorstep::core::policy::{Method, Policy};
use doorstep::core::time::Span;
use doorstep_runtime::ports::Fault;
use doorstep_sim::city::{City, CityConfig};
use doorstep_sim::day::Day;
use doorstep_sim::report::Summary;
use doorstep_sim::world::{Evening, Storage, World, WorldConfig};
use indicatif::{ProgressBar, ProgressStyle};

use compare::{Comparison, METHODS};
use disk::OnDisk;

const USAGE: &str = "\
A city eats dinner, on a virtual clock, with an auditor watching.

    cargo run --release --example dinner_rush -- [FLAGS]

    --city-orders N   orders of the generated city (default 2000)
    --orders FILE     a real day's orders; needs --couriers
    --couriers FILE   a real day's courier shifts; needs --orders
    --seed N          everything is drawn from it (default 1)
    --dispatch HOW    who is asked: nearest, scored, or planned: all deliveries and
                      drivers considered together (default scored)
    --compare         the same day in memory under each of the three, side by side
    --decline P       share of offers that drivers decline (default 0.08)
    --choosy P        share of drivers who decline half of all offers (default 0)
    --impatience P    share of customers who cancel once the button shows
                      (default 0.2 in the generated city, 0 on real days)
    --data DIR        the log, and what lies beside it, in this directory; an
                      evening that was killed there goes on, under the same
                      flags (default: a temporary directory)
    --memory          the log in memory instead: quicker, and gone at the end
    --chaos P         share of provider calls that go wrong, and with --memory of
                      log appends; the process crashes every minute/P on average,
                      and with --memory comes back as a zombie (default 0)
    --serve [ADDR]    in a browser: the city in memory at a pace, with its live pages on
                      this address (default 127.0.0.1:8080); needs --features serve
    --speed N         with --serve: so many times as fast as life (default 1)
    --from HH:MM      with --serve: from this time of the evening on (default 19:30)
    --headless        no progress bar
    --json FILE       write the summary as JSON too (- for standard output)

The exit code is 0 if every order ended and every invariant held.";

struct Flags {
    city_orders: u32,
    orders: Option<PathBuf>,
    couriers: Option<PathBuf>,
    seed: u64,
    dispatch: Method,
    compare: bool,
    decline: Option<u16>,
    choosy: u16,
    impatience: Option<u16>,
    data: Option<PathBuf>,
    memory: bool,
    chaos: u16,
    serve: Option<SocketAddr>,
    speed: u32,
    from: Span,
    headless: bool,
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match Flags::parse().and_then(|flags| flags.map_or(Ok(true), |flags| run(&flags))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dinner_rush: {error}");
            ExitCode::from(2)
        }
    }
}

/// Lives through the evening, and says whether all is well.
fn run(flags: &Flags) -> Result<bool, Box<dyn std::error::Error>> {
    // What a browser shows is to look like prices: the dishes' are of a currency with cents.
    let currency = if flags.serve.is_some() { "EUR" } else { "COP" };
    let currency = Currency::new(currency).ok_or("this is no currency")?;
    let mut policy = Policy::new(currency);
    policy.dispatch.method = flags.dispatch;
    let mut config = WorldConfig::new(flags.seed, policy);
    let (title, day) = match (&flags.orders, &flags.couriers) {
        (Some(orders), Some(couriers)) => {
            let name = orders.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            (name.unwrap_or_default(), Day::read(orders, couriers)?)
        }
        (None, None) => {
            config.impatience = 200;
            config.reject = 15;
            config.shortage = 20;
            config.absent = 5;
            let city = CityConfig::new(flags.seed, flags.city_orders);
            ("a generated city".to_owned(), City::generate(&city))
        }
        _ => return Err("--orders and --couriers go together".into()),
    };
    config.decline = flags.decline.unwrap_or(config.decline);
    config.choosy = flags.choosy;
    config.impatience = flags.impatience.unwrap_or(config.impatience);
    config.chaos = flags.chaos;
    for row in &day.bad_rows {
        eprintln!("left out: {}, line {}: {}", row.file.display(), row.line, row.reason);
    }

    if let Some(address) = flags.serve {
        return served(address, flags, config, &day);
    }
    if flags.compare {
        return compare(flags, &config, &title, &day);
    }
    let evening = match (&flags.data, flags.memory) {
        (Some(_), true) => return Err("--data and --memory are one or the other".into()),
        (None, true) => live(World::new(config, &day), flags.headless),
        (Some(dir), false) => {
            let storage = OnDisk::open(dir, &config, &day)?;
            live(World::on(config, &day, storage).map_err(|fault| whole(&fault))?, flags.headless)
        }
        (None, false) => {
            let scratch = tempfile::tempdir()?;
            let storage = OnDisk::open(scratch.path(), &config, &day)?;
            live(World::on(config, &day, storage).map_err(|fault| whole(&fault))?, flags.headless)
        }
    };
    if let Some(why) = &evening.broken_off {
        return Err(format!("broken off: {why}").into());
    }

    let summary = Summary::new(&evening.auditor, &evening.counters(title, flags.seed, &day));
    tell(flags, &summary, &summary.to_json())?;
    Ok(is_well(&evening))
}

/// The city in a browser; what came of it is told if it was watched to its end.
#[cfg(feature = "serve")]
fn served(
    address: SocketAddr,
    flags: &Flags,
    config: WorldConfig,
    day: &Day,
) -> Result<bool, Box<dyn std::error::Error>> {
    if flags.compare || flags.data.is_some() || flags.chaos > 0 {
        return Err("--serve is in memory and calm: without --compare, --data and --chaos".into());
    }
    let title = "a served city".to_owned();
    let Some(evening) = serve::serve(address, flags.speed, flags.from, config, day)? else {
        return Ok(true);
    };
    let summary = Summary::new(&evening.auditor, &evening.counters(title, flags.seed, day));
    tell(flags, &summary, &summary.to_json())?;
    Ok(is_well(&evening))
}

#[cfg(not(feature = "serve"))]
fn served(
    _: SocketAddr,
    flags: &Flags,
    _: WorldConfig,
    _: &Day,
) -> Result<bool, Box<dyn std::error::Error>> {
    let (speed, from) = (flags.speed, flags.from.as_secs() / 60);
    Err(format!("--serve (--speed {speed}, from minute {from} on) needs --features serve").into())
}

/// The same day under each way to choose a driver.
fn compare(
    flags: &Flags,
    config: &WorldConfig,
    title: &str,
    day: &Day,
) -> Result<bool, Box<dyn std::error::Error>> {
    if flags.data.is_some() {
        return Err("--compare is in memory, and takes no --data".into());
    }
    let mut well = true;
    let mut summaries = Vec::new();
    for (name, method) in METHODS {
        let mut config = config.clone();
        config.policy.dispatch.method = method;
        let evening = live(World::new(config, day), flags.headless);
        if let Some(why) = &evening.broken_off {
            return Err(format!("{name}: broken off: {why}").into());
        }
        well &= is_well(&evening);
        let counters = evening.counters(title.to_owned(), flags.seed, day);
        summaries.push(Summary::new(&evening.auditor, &counters));
    }
    let mut summaries = summaries.into_iter();
    let mut next = || summaries.next().ok_or("three runs, three summaries");
    let comparison = Comparison { nearest: next()?, scored: next()?, planned: next()? };
    tell(flags, &comparison, &serde_json::to_string(&comparison)?)?;
    Ok(well)
}

/// Prints what came of it, for people and for programs.
fn tell(flags: &Flags, text: &dyn std::fmt::Display, json: &str) -> std::io::Result<()> {
    let json_on_stdout = flags.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if !json_on_stdout {
        println!("{text}");
    }
    match &flags.json {
        Some(_) if json_on_stdout => println!("{json}"),
        Some(path) => std::fs::write(path, json)?,
        None => {}
    }
    Ok(())
}

/// Whether everything ended as it must; says what did not.
fn is_well(evening: &Evening) -> bool {
    for violation in evening.auditor.violations() {
        eprintln!(
            "violated at {}: {}: {}",
            violation.position, violation.invariant, violation.what
        );
    }
    evening.auditor.violation_count() == 0 && evening.log_verified
}

fn live<S: Storage>(world: World<S>, headless: bool) -> Evening {
    if world.relived() > 0 {
        eprintln!("going on behind {} batches in the log", world.relived());
    }
    let bar = if headless { ProgressBar::hidden() } else { progress_bar() };
    let evening = world.run(|progress| {
        let minutes = progress.since_midnight.as_secs() / 60;
        bar.set_length(progress.of);
        bar.set_position(progress.ended);
        bar.set_message(format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60));
    });
    bar.finish_and_clear();
    evening
}

/// An error with what is behind it.
fn whole(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg}  {bar:40}  {pos}/{len} orders ended  {elapsed} (about {eta} left)",
    );
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Flags {
    /// `None`: the usage was asked for, and printed.
    fn parse() -> Result<Option<Self>, Box<dyn std::error::Error>> {
        use lexopt::prelude::*;
        let mut flags = Self {
            city_orders: 2_000,
            orders: None,
            couriers: None,
            seed: 1,
            dispatch: Method::default(),
            compare: false,
            decline: None,
            choosy: 0,
            impatience: None,
            data: None,
            memory: false,
            chaos: 0,
            serve: None,
            speed: 1,
            from: Span::from_mins(19 * 60 + 30),
            headless: false,
            json: None,
        };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            match arg {
                Long("city-orders") => flags.city_orders = args.value()?.parse()?,
                Long("orders") => flags.orders = Some(args.value()?.into()),
                Long("couriers") => flags.couriers = Some(args.value()?.into()),
                Long("seed") => flags.seed = args.value()?.parse()?,
                Long("dispatch") => flags.dispatch = method(&args.value()?.string()?)?,
                Long("compare") => flags.compare = true,
                Long("decline") => flags.decline = Some(permille(&args.value()?.string()?)?),
                Long("choosy") => flags.choosy = permille(&args.value()?.string()?)?,
                Long("impatience") => flags.impatience = Some(permille(&args.value()?.string()?)?),
                Long("data") => flags.data = Some(args.value()?.into()),
                Long("memory") => flags.memory = true,
                Long("chaos") => flags.chaos = permille(&args.value()?.string()?)?,
                Long("serve") => {
                    let given =
                        args.raw_args()?.next_if(|arg| !arg.to_string_lossy().starts_with('-'));
                    let address =
                        given.map_or(Ok("127.0.0.1:8080".to_owned()), |arg| arg.string())?;
                    flags.serve = Some(address.parse()?);
                }
                Long("speed") => flags.speed = args.value()?.parse::<NonZeroU32>()?.get(),
                Long("from") => flags.from = time_of_day(&args.value()?.string()?)?,
                Long("headless") => flags.headless = true,
                Long("json") => flags.json = Some(args.value()?.into()),
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                other @ (Short(_) | Long(_) | Value(_)) => {
                    return Err(format!("{}\n\n{USAGE}", other.unexpected()).into());
                }
            }
        }
        Ok(Some(flags))
    }
}

fn time_of_day(text: &str) -> Result<Span, Box<dyn std::error::Error>> {
    let (hours, minutes) = text.split_once(':').ok_or("a time of the evening is HH:MM")?;
    let (hours, minutes): (u64, u64) = (hours.parse()?, minutes.parse()?);
    if hours > 23 || minutes > 59 {
        return Err(format!("{text} is no time of a day").into());
    }
    Ok(Span::from_mins(hours.saturating_mul(60).saturating_add(minutes)))
}

fn method(name: &str) -> Result<Method, String> {
    match name {
        "nearest" => Ok(Method::Nearest),
        "scored" => Ok(Method::Scored),
        "planned" => Ok(Method::Planned),
        other => Err(format!("{other} is none of nearest, scored, planned")),
    }
}

/// A share from 0 to 1, in whole thousandths.
fn permille(share: &str) -> Result<u16, String> {
    let number: f64 = share.parse().map_err(|_| format!("{share} is no number from 0 to 1"))?;
    if !(0.0..=1.0).contains(&number) {
        return Err(format!("{share} is not from 0 to 1"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    let permille = (number * 1_000.0).round() as u16;
    if permille == 0 && number > 0.0 {
        return Err(format!("{share} is less than a thousandth"));
    }
    Ok(permille)
}
