//! The peak of a large platform, all of it at once, on one service: one process, one SQLite file.
//!
//! ```sh
//! cargo run --release --example peak_load -- --seconds 60 --json peak.json
//! cargo run --release --example peak_load -- --seconds 2 --scale 0.02    # a look whether it runs
//! cargo run --release --example peak_load -- --overload --seconds 10     # four times what it can do
//! cargo run --release --example peak_load -- --slow --seconds 20         # beside 5,000 slow connections
//! ```
//!
//! 500,000 drivers send 100,000 pings a second; 290 orders a second are placed, and as many accepted,
//! begun and brought to their doors; 2,900 people a second browse; the cancel buttons of 60,000 orders
//! that are on their way are checked 100,000 times a second; and in the middle of it 20,000 people want
//! 200 units of a flash sale within one second.
//!
//! The service answers HTTP on the loopback. Its callers are a second process: this program again, with
//! one thread, on connections that are kept, as behind a proxy. What comes from machines of the company
//! itself goes through the library's client in the service's process: pings in batches, as a gateway
//! holds the phones' connections and hands on what it has, and most of the eligibility checks, as from
//! the pages' own back end. The table says which is which. Every wait counts from the moment at which
//! the request was due.
//!
//! At the end the log is read back: whatever was acknowledged is in it, and no more units were held than
//! there are. It fails if that is not so, and never because something was slow.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program that talks to who started it; its sums are small"
)]

mod audit;
mod clients;
#[path = "../load/mod.rs"]
mod load;
mod ours;
mod rates;
mod strain;
mod table;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use tokio::net::TcpListener;

use clients::Told;
use load::Fallible;
use load::city::{City, wall};
use load::process;
use rates::Rates;
use table::Table;

/// The first word to this program where it is the clients'.
const CLIENTS: &str = "clients";

/// What was asked for on the command line.
struct Asked {
    seconds: u64,
    json: Option<PathBuf>,
    scale: f64,
    mode: Mode,
}

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Peak,
    Overload,
    Slow,
}

fn main() -> Fallible<ExitCode> {
    let mut words = std::env::args().skip(1);
    if let (Some(CLIENTS), Some(file)) = (words.next().as_deref(), words.next()) {
        clients::main(&file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let asked = asked()?;
    let lasts = Duration::from_secs(asked.seconds);
    match asked.mode {
        Mode::Peak => return run(&asked),
        Mode::Overload => strain::overload(lasts)?,
        Mode::Slow => strain::slow(lasts)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn asked() -> Fallible<Asked> {
    let mut asked = Asked { seconds: 60, json: None, scale: 1.0, mode: Mode::Peak };
    let mut flags = lexopt::Parser::from_env();
    while let Some(flag) = flags.next()? {
        use lexopt::prelude::*;
        match flag {
            Long("seconds") => asked.seconds = flags.value()?.parse()?,
            Long("json") => asked.json = Some(flags.value()?.into()),
            Long("overload") => asked.mode = Mode::Overload,
            Long("slow") => asked.mode = Mode::Slow,
            Long("scale") => asked.scale = flags.value()?.parse()?,
            Short(_) | Long(_) | Value(_) => return Err(flag.unexpected().into()),
        }
    }
    if asked.seconds < 2 || !(0.001..=1.0).contains(&asked.scale) {
        return Err("at least 2 seconds, and a scale from 0.001 to 1".into());
    }
    Ok(asked)
}

fn run(asked: &Asked) -> Fallible<ExitCode> {
    process::raise_files();
    let rates = Rates::at_peak(asked.scale);
    let lasts = Duration::from_secs(asked.seconds);
    // Beside the program itself: on a disk, where a temporary directory may be memory.
    let program = std::env::current_exe()?;
    let dir = tempfile::tempdir_in(program.parent().ok_or("it lies nowhere")?)?;
    let log = dir.path().join("city.db");

    eprintln!("founding the city: {} drivers, {} live orders …", rates.drivers, rates.live);
    let mut city = City::found(&log, |_| {})?;
    ours::place_drivers(&city, &rates)?;
    let live = city.on_the_way(1, rates.live)?;
    let sale = ours::open_sale(&mut city)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?.to_string();
    let service = city.service.clone();
    let connections = City::connections();
    runtime
        .spawn(async move { service.serve(listener, connections, std::future::pending()).await });

    let wanted = clients::Wanted::new(&city, address, &live, sale, &rates, lasts)?;
    let file = dir.path().join("clients.json");
    std::fs::write(&file, serde_json::to_vec(&wanted)?)?;
    drop(wanted);
    let mut child = Command::new(program)
        .arg(CLIENTS)
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = BufReader::new(child.stdout.take().ok_or("it is piped")?).lines();
    let mut next = || told.next().unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()));
    next()?;

    eprintln!("{} seconds of the peak …", asked.seconds);
    let from = wall() + Duration::from_millis(500);
    writeln!(child.stdin.take().ok_or("it is piped")?, "{}", from.as_nanos())?;
    let cpu = process::cpu();
    let own = ours::drive(&city, &live, &rates, from, lasts);
    let heard = next()?;
    let cpu = process::cpu().saturating_sub(cpu);
    let memory = process::rss_bytes();
    child.wait()?;
    let Told { tallies, acknowledged, cpu_s } = serde_json::from_str::<Told>(&heard)?;

    let over = (wall() - from).as_secs_f64();
    let shares = table::Shares { service: cpu.as_secs_f64() / over, clients: cpu_s / over, memory };
    let table = Table::new(&rates, lasts, &own, &tallies, shares);
    print!("{table}");
    drop(runtime);
    let deadline = city.clock_in(Duration::from_secs(30));
    let host = city.running.shutdown(deadline)?;
    drop(host);

    eprintln!("reading the log back …");
    let found = audit::read_back(&log, &acknowledged)?;
    println!("{found}");
    if let Some(json) = &asked.json {
        std::fs::write(json, serde_json::to_vec_pretty(&table.json(&found))?)?;
    }
    Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
