//! Twenty thousand people on two hundred units, through the shard and the log on disk, the process
//! killed in the middle again and again: exactly two hundred sold, nobody twice, no unit lost.
//!
//! `DOORSTEP_KILLS` says how often (default 4; at least 30 in the long form). The child is this
//! binary again.
#![cfg(unix)]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use common::child::{Book, effects, now, restaurant};
use common::{beside, number};
use doorstep_core::catalog::{Cart, CartLine, Command as Catalog};
use doorstep_core::flash_sale::sale::{self, Answer, HoldState};
use doorstep_core::id::{CommandId, CustomerId, ItemId, RestaurantId, SaleId, ShardId};
use doorstep_core::log::{Cause, Record};
use doorstep_core::money::Currency;
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, Event, Offering, Outcome, Refusal, SaleAct, Shard, Wish};
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::client::{Client, Ticket, Told};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_sqlite::{AnchorSync, Config, Inspector, Opened, SqliteLog};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FILE: &str = "DOORSTEP_SALE_FILE";
const LIFE: &str = "DOORSTEP_SALE_LIFE";
const BEGAN: &str = "DOORSTEP_SALE_BEGAN";
const PEOPLE: u64 = 20_000;
const STOCK: u32 = 200;
const AT_ONCE: usize = 200;

fn policy() -> Policy {
    let mut policy = Policy::new(Currency::new("EUR").unwrap());
    // Real time passes here: short, so that what is forgotten comes back.
    policy.sale.hold_for = Span::from_millis(400);
    policy
}

fn sale() -> SaleId {
    SaleId::from(1)
}

/// Not a test: the child. Without its file it does nothing.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let life = number(LIFE, 0);
    let began = Timestamp::from_millis(number(BEGAN, 0).cast_signed());
    run(Path::new(&path), life, began);
}

/// What one command was for.
#[derive(Clone, Copy)]
enum Errand {
    Setup,
    Claim(u64),
    Order,
}

/// One life of the service: everybody claims under ids that the life before has used too, so that
/// retries of what was lost and of what was answered are all there; then under new ones, until it
/// hears "sold out".
fn run(path: &Path, life: u64, began: Timestamp) {
    let (wake, woken) = channel();
    let config = Config {
        on_commit: Some(Arc::new(move || wake.send(()).unwrap_or_default())),
        anchor: AnchorSync::EveryCommit,
        ..Config::default()
    };
    let Opened { log, history, .. } = SqliteLog::open(path, config).unwrap();
    let monitor = log.monitor();
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let seed = u128::from(std::process::id()) << 64 | nanos & u128::from(u64::MAX);
    let config = HostConfig {
        snapshot_every: Some(2_000),
        ..HostConfig::new(ShardId::default(), policy(), seed)
    };
    let book = Book::open(&beside(path, "-book"));
    let mut host = Host::open(config, log, book, history, now()).unwrap();
    let client = host.client();
    let cause = |id: u128| Cause { id: CommandId::new(id), issued_at: began, digest: 1 };
    let send = |client: &Client, id, command| client.submit(cause(id), command).unwrap();
    let act = |act| Command::Sale { sale: sale(), act };
    let (restaurant_id, item) = (RestaurantId::from(1), ItemId::from(1));
    let mut offering =
        Offering { restaurant: restaurant_id, item, stock: STOCK, opens_at: began, crowd: None };
    offering.opens_at = began;

    let mut out = std::io::stdout();
    let mut waiting: Vec<(Errand, Ticket)> = Vec::new();
    let (mut asked, mut sold_out) = (0_u64, false);
    let mut setup =
        vec![act(SaleAct::Open(offering)), Command::Catalog(Catalog::Put(restaurant()))];
    let mut orders: Vec<(u128, Command)> = Vec::new();
    loop {
        while waiting.len() < AT_ONCE && host.is_owner() {
            if let Some(command) = setup.pop() {
                let ticket = send(&client, (1 << 90) + setup.len() as u128, command);
                waiting.push((Errand::Setup, ticket));
            } else if let Some((id, command)) = orders.pop() {
                waiting.push((Errand::Order, send(&client, id, command)));
            } else if sold_out {
                break;
            } else {
                // A stride that meets everybody, in another order than that of their numbers.
                let customer = asked * 7_919 % PEOPLE;
                let attempt = life.saturating_sub(1) + asked / PEOPLE;
                let claim =
                    act(SaleAct::Claim { customer: CustomerId::new(customer).unwrap(), nth: 1 });
                let id = u128::from(attempt) << 64 | u128::from(customer);
                waiting.push((Errand::Claim(customer), send(&client, id, claim)));
                asked += 1;
            }
        }
        host.step(now());
        assert!(monitor.poisoned().is_none() && host.stopped().is_none());
        waiting.retain(|(errand, ticket)| match (ticket.told(), errand) {
            (None, _) => true,
            (Some(Told::Outcome(outcome)), Errand::Claim(customer)) => {
                match outcome {
                    Outcome::Sale(Answer::Held { hold, .. }) => {
                        writeln!(out, "held {customer} {}", hold.0).unwrap();
                        // One in seven forgets to order, the first few times.
                        if (customer + hold.0) % 7 != 0 {
                            let wish = Box::new(wish(*customer));
                            let order = act(SaleAct::Checkout { hold, wish });
                            orders.push((1 << 80 | u128::from(hold.0), order));
                        }
                    }
                    Outcome::Refused(Refusal::Sale(sale::Refusal::SoldOut)) => sold_out = true,
                    Outcome::Sale(_)
                    | Outcome::Refused(Refusal::Sale(sale::Refusal::AllHeld { .. })) => {}
                    other @ (Outcome::Done
                    | Outcome::CheckoutOpened { .. }
                    | Outcome::Heard(_)
                    | Outcome::Refused(_)) => panic!("{other:?}"),
                }
                false
            }
            (Some(Told::Outcome(outcome)), Errand::Setup) => {
                assert_eq!(outcome, Outcome::Done);
                false
            }
            // Opened, or too late for the hold.
            (Some(Told::Outcome(_)), Errand::Order) => {
                writeln!(out, "ordered").unwrap();
                false
            }
            (Some(told), _) => panic!("{told:?}"),
        });
        if sold_out && waiting.is_empty() && orders.is_empty() {
            return;
        }
        let _quiet = woken.recv_timeout(Duration::from_millis(20));
        while woken.try_recv().is_ok() {}
    }
}

fn wish(customer: u64) -> Wish {
    let line = CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
    Wish {
        customer: CustomerId::new(customer).unwrap(),
        cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line] },
        drop_off: LatLng::new(52.521, 13.401).unwrap(),
        promised: None,
    }
}

/// Lets a child live until it has said so many lines, or to its end.
fn live(path: &Path, life: u64, began: Timestamp, lines: Option<usize>) -> bool {
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(FILE, path)
        .env(LIFE, life.to_string())
        .env(BEGAN, began.as_millis().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    for (at, line) in said.enumerate() {
        line.unwrap();
        if Some(at) == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap().success()
}

/// The shard as the log gives it, every batch that counts taken in from the first.
fn replay(path: &Path) -> Shard {
    let inspector = Inspector::open(path).unwrap();
    inspector.verify(None).unwrap();
    let mut shard = Shard::new(ShardId::default(), policy());
    inspector
        .lines(|line| {
            let text = line.record.unwrap();
            let record = Record::<Event, Outcome>::decode(text.get().as_bytes()).unwrap();
            if let (Record::Batch(batch), true) = (record, line.counts) {
                shard.apply(&batch).unwrap();
                if let Some(listed) = shard.sale(sale()) {
                    let sale = &listed.sale;
                    assert_eq!(sale.available() + sale.held() + sale.sold(), STOCK);
                }
            }
        })
        .unwrap();
    shard
}

#[test]
fn two_hundred_units_are_sold_to_two_hundred_people_though_the_process_is_killed() {
    if std::env::var(FILE).is_ok() {
        return;
    }
    let kills = number("DOORSTEP_KILLS", 4);
    let mut draws = ChaCha8Rng::seed_from_u64(number("DOORSTEP_SEED", 1));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sale.db");
    let began: Timestamp = SystemTime::now().try_into().unwrap();
    let mut killed = 0;
    for life in 0..kills {
        let lines = draws.random_range(5..400);
        killed += u64::from(!live(&path, life, began, Some(lines)));
    }
    assert!(live(&path, kills, began, None), "the last one lives to the end");
    let shard = replay(&path);
    let sale = &shard.sale(sale()).unwrap().sale;
    assert_eq!((sale.available(), sale.held(), sale.sold()), (0, 0, STOCK));
    assert!(sale.holds().all(|(_, hold)| hold.state == HoldState::Sold));
    let buyers: BTreeSet<_> = sale.holds().map(|(_, hold)| hold.user).collect();
    assert_eq!(buyers.len(), 200, "nobody twice");
    let ordered: Vec<_> = shard.orders().map(|order| order.intent().customer).collect();
    assert_eq!(ordered.len(), 200, "each unit is in an order");
    assert_eq!(ordered.into_iter().collect::<BTreeSet<_>>(), buyers);
    assert_eq!(sale.refunds().count(), 0, "money that came late was voided before it was taken");
    for ((order, step), attempts) in effects(&path) {
        assert_eq!(attempts, ["1"], "{order}/{step}: no effect under a second key");
    }
    println!("killed {killed} times; 200 units sold to {} people", buyers.len());
    assert!(kills < 4 || killed > 0, "it was in the middle");
}
