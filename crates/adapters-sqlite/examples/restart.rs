//! How long a shard with so many live orders takes to start again: `restart [--orders N] [--dir DIR]`.
//!
//! Fills a log through a real host, and starts a host on it with a line of progress: by replaying
//! the whole log, and from a snapshot with the log trimmed behind it. Says besides what a snapshot
//! costs where it is written. Ends in `figure NAME VALUE UNIT`, one a line.

#![allow(clippy::arithmetic_side_effects, reason = "a measurement that overflows is none")]

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::id::{CommandId, CustomerId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::log::{Batch, Limits};
use doorstep_core::money::{Currency, Money};
use doorstep_core::order;
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, Event, Outcome, RestaurantAct, Wish};
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::client::Client;
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::ports::{Log, Snapshot};
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_runtime::threads::{self, Bell, Running, WallClock};
use doorstep_sqlite::{AnchorSync, Config, Opened, Progress, SqliteHistory, SqliteLog};

type CityHost = Host<SqliteLog, Sandbox, SqliteHistory>;
type City = Running<SqliteLog, Sandbox, SqliteHistory>;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut orders, mut dir) = (100_000_u64, None::<PathBuf>);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("orders") => orders = args.value()?.parse()?,
            Long("dir") => dir = Some(args.value()?.into()),
            Short(_) | Long(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let scratch = match dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let file = scratch.path().join("city.db");

    let began = Instant::now();
    let batches = fill(&file, orders)?;
    let bytes = file.metadata()?.len() >> 20;
    eprintln!("{orders} live orders, {batches} batches, {bytes} MiB, in {:.1?}", began.elapsed());

    let (took, city) = start(&file, None)?;
    println!("figure sqlite/restart_replay_s_{orders} {:.2} s", took.as_secs_f64());
    check(city, orders)?;

    let (_, city) = start(&file, Some(1))?;
    let given_up = Instant::now() + Duration::from_secs(600);
    while city.status().tally.trims == 0 {
        if city.status().tally.snapshot_errors > 0 || Instant::now() > given_up {
            return Err("no snapshot was saved, or the log not trimmed behind it".into());
        }
        std::thread::sleep(Duration::from_millis(20));
        city.bell().ring();
    }
    let host = city.shutdown(Timestamp::NEVER)?;
    snapshots_cost(&host, scratch.path(), orders)?;
    drop(host);

    let (took, city) = start(&file, None)?;
    println!("figure sqlite/restart_s_{orders} {:.2} s", took.as_secs_f64());
    check(city, orders)
}

/// Opens the file and a host on it, until it decides.
fn start(file: &Path, snapshot_every: Option<u64>) -> Result<(Duration, City), Box<dyn Error>> {
    let began = Instant::now();
    let bell = Bell::new();
    let config = Config {
        on_commit: Some(bell.to_fn()),
        on_progress: Some(Arc::new(|Progress { checked, of }| show("checked", checked, of))),
        ..Config::default()
    };
    let Opened { log, history, .. } = SqliteLog::open(file, config)?;
    let checked = began.elapsed();
    let config = HostConfig { snapshot_every, trim_behind: Some(1_000), ..config_of()? };
    let provider = Sandbox::new(SandboxConfig::default());
    let host = Host::open(config, log, provider, history, now()?)?;
    let opened = began.elapsed();
    let running = threads::spawn(host, Arc::new(WallClock::new()), bell)?;
    while !running.wait_for_ownership(Duration::from_millis(100)) {
        let status = running.status();
        if !status.is_running {
            return Err("the host ended".into());
        }
        let (read, of) = status.replay.done_of();
        show("replayed", read, of);
    }
    let took = began.elapsed();
    eprintln!("\rstarted in {took:.2?}: file checked {checked:.2?}, host open {opened:.2?}");
    Ok((took, running))
}

fn show(what: &str, done: u64, of: u64) {
    let percent = done * 100 / of.max(1);
    eprint!("\r{what} {done} of {of} ({percent} %) ");
    let _shown = std::io::stderr().flush();
}

/// That everybody is there, and ends it.
fn check(city: City, orders: u64) -> Result<(), Box<dyn Error>> {
    let host = city.shutdown(Timestamp::NEVER)?;
    if let Some(why) = host.stopped() {
        return Err(why.to_string().into());
    }
    let live = host.shard().orders().filter(|order| order.over_since().is_none()).count();
    if u64::try_from(live)? == orders { Ok(()) } else { Err(format!("{live} live orders").into()) }
}

/// What a snapshot costs where it is written: the copy of the state, its form, and its commit, for
/// which appends wait.
fn snapshots_cost(host: &CityHost, dir: &Path, orders: u64) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let copy = host.shard().clone();
    println!("figure sqlite/snapshot_copy_ms_{orders} {} ms", began.elapsed().as_millis());
    let began = Instant::now();
    let bytes = serde_json::to_vec(&copy)?;
    println!("figure sqlite/snapshot_json_ms_{orders} {} ms", began.elapsed().as_millis());
    println!("figure sqlite/snapshot_mib_{orders} {} MiB", bytes.len() >> 20);
    let (wake, woken) = channel();
    let hook = Arc::new(move || wake.send(()).unwrap_or_default());
    let config = Config { on_commit: Some(hook), ..Config::default() };
    let mut log = SqliteLog::open(dir.join("another.db"), config)?.log;
    log.append(b"a record", now()?)?;
    woken.recv()?;
    let position = log.end(now()?)?.ok_or("nothing was appended")?;
    let began = Instant::now();
    log.save_snapshot(&Snapshot { position, bytes: bytes.into() })?;
    println!("figure sqlite/snapshot_commit_ms_{orders} {} ms", began.elapsed().as_millis());
    Ok(())
}

/// Orders, accepted and being cooked, each of another customer; how many batches that took.
fn fill(file: &Path, orders: u64) -> Result<u64, Box<dyn Error>> {
    let (wake, woken) = channel();
    let config = Config {
        anchor: AnchorSync::OnClose,
        on_commit: Some(Arc::new(move || wake.send(()).unwrap_or_default())),
        ..Config::default()
    };
    let Opened { log, history, .. } = SqliteLog::open(file, config)?;
    let provider = Sandbox::new(SandboxConfig::default());
    let mut host = Host::open(config_of()?, log, provider, history, now()?)?;
    let client = host.client();
    let mut fill = Fill { client, next: 0, accepted: 0, batches: 0 };
    step_until(&mut host, &woken, &mut fill, |host, _| host.is_owner())?;
    fill.send(Command::Catalog(Catalog::Put(restaurant()?)))?;
    while fill.accepted < orders {
        // No more under way than the host takes at once.
        while fill.next < orders && fill.next < fill.accepted + 4_000 {
            fill.next += 1;
            fill.send(wish(fill.next)?)?;
        }
        if fill.batches % 1_000 < 8 {
            show("filled", fill.accepted, orders);
        }
        let before = fill.batches;
        step_until(&mut host, &woken, &mut fill, |_, fill| fill.batches > before)?;
    }
    Ok(fill.batches)
}

fn step_until(
    host: &mut CityHost,
    woken: &Receiver<()>,
    fill: &mut Fill,
    done: impl Fn(&CityHost, &Fill) -> bool,
) -> Result<(), Box<dyn Error>> {
    loop {
        for batch in host.step(now()?).published {
            fill.hear(&batch)?;
        }
        if done(host, fill) {
            return Ok(());
        }
        if let Some(why) = host.stopped() {
            return Err(why.to_string().into());
        }
        let _or_due = woken.recv_timeout(Duration::from_millis(5));
        while woken.try_recv().is_ok() {}
    }
}

struct Fill {
    client: Client,
    next: u64,
    accepted: u64,
    batches: u64,
}

impl Fill {
    fn send(&self, command: Command) -> Result<(), Box<dyn Error>> {
        let id = CommandId::new(rand_id(self.next, self.batches, &command));
        self.client.submit(Client::cause(id, now()?), command)?;
        Ok(())
    }

    fn hear(&mut self, batch: &Batch<Event, Outcome>) -> Result<(), Box<dyn Error>> {
        self.batches += 1;
        for event in &batch.events {
            let Event::Order { order, event } = event else { continue };
            if let order::Event::Placed { .. } = event {
                self.accept(*order)?;
            } else if let order::Event::Accepted { .. } = event {
                self.accepted += 1;
            }
        }
        Ok(())
    }

    fn accept(&self, order: OrderId) -> Result<(), Box<dyn Error>> {
        self.send(Command::Restaurant { order, act: RestaurantAct::Accept { ready_at: None } })
    }
}

/// Ids as spread out as real ones.
fn rand_id(next: u64, batches: u64, command: &Command) -> u128 {
    let of = if let Command::Restaurant { order, .. } = command {
        u128::from(order.get()) << 1 | 1
    } else {
        (u128::from(next) << 64 | u128::from(batches)) << 1
    };
    of.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn now() -> Result<Timestamp, Box<dyn Error>> {
    Ok(SystemTime::now().try_into()?)
}

fn euro() -> Result<Currency, Box<dyn Error>> {
    Ok(Currency::new("EUR").ok_or("no such currency")?)
}

fn config_of() -> Result<HostConfig, Box<dyn Error>> {
    let mut policy = Policy::new(euro()?);
    // Nobody drives: a search that widens while the file is filled would add batches of its own.
    policy.dispatch.stage_for = Span::from_hours(2);
    policy.order.search_for = Span::from_hours(2);
    let seed = std::collections::hash_map::RandomState::new();
    let draw = |salt: u8| std::hash::BuildHasher::hash_one(&seed, salt);
    let seed = u128::from(draw(0)) << 64 | u128::from(draw(1));
    let limits = Limits { pending_max: 8_192, ..Limits::default() };
    Ok(HostConfig { limits, ..HostConfig::new(ShardId::default(), policy, seed) })
}

fn restaurant() -> Result<Restaurant, Box<dyn Error>> {
    let price = Money::new(900, euro()?);
    let item = Item {
        id: ItemId::from(1),
        name: "soup".into(),
        price,
        available: true,
        option_groups: vec![],
    };
    Ok(Restaurant {
        id: RestaurantId::from(1),
        position: LatLng::new(52.52, 13.40)?,
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "soups".into(), items: vec![item] }] },
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    })
}

fn wish(customer: u64) -> Result<Command, Box<dyn Error>> {
    let line = CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
    let customer = CustomerId::new(customer).ok_or("no such customer")?;
    Ok(Command::Checkout(Box::new(Wish {
        customer,
        cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line] },
        drop_off: LatLng::new(52.521, 13.401)?,
        promised: None,
    })))
}
