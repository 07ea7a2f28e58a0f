//! The process that is killed: a real host on the file, under load, telling what it does.
//!
//! Lines on standard output: `sent WISH` before a command is submitted, `told ID OUTCOME` once it
//! is answered. `WISH` is `checkout ID` or `cancel ID ORDER`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::id::{CommandId, CustomerId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::log::Cause;
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Answer, Effect, EffectKey};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Canceller, Command, Outcome, Wish};
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::client::{Client, Ticket, Told};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::ports::{Payments, ProviderSays, Word};
use doorstep_sqlite::{AnchorSync, Config, Opened, SqliteLog};

/// Commands under way at once.
const AT_ONCE: usize = 48;

/// What one child is to do.
pub(crate) struct Orders {
    /// Commands that were not answered before: first of all.
    pub(crate) again: Vec<String>,
    /// The first id of new commands; the end of them, for a child that is not killed.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// When the commands were issued: a retry says the same.
    pub(crate) issued_at: Timestamp,
}

pub(crate) fn now() -> Timestamp {
    SystemTime::now().try_into().unwrap()
}

/// Runs until everything is answered, or it is killed.
pub(crate) fn run(path: &Path, orders: &Orders) {
    let (wake, woken) = channel();
    let config = Config {
        on_commit: Some(Arc::new(move || wake.send(()).unwrap_or_default())),
        anchor: AnchorSync::EveryCommit,
        checkpoint_bytes: 400_000,
        tail_bytes_max: 100_000,
        ..Config::default()
    };
    let Opened { log, history, .. } = SqliteLog::open(path, config).unwrap();
    let monitor = log.monitor();
    let seed = u128::from(std::process::id()) << 64
        | SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() & u128::from(u64::MAX);
    let policy = Policy::new(Currency::new("EUR").unwrap());
    let config = HostConfig {
        snapshot_every: Some(150),
        ..HostConfig::new(ShardId::default(), policy, seed)
    };
    let book = Book::open(&super::beside(path, "-book"));
    let mut host = Host::open(config, log, book, history, now()).unwrap();
    let client = host.client();

    let mut out = std::io::stdout();
    let mut wishes: VecDeque<String> = orders.again.iter().cloned().collect();
    let mut next = orders.first;
    let mut waiting: Vec<(u64, Ticket)> = Vec::new();
    loop {
        while waiting.len() < AT_ONCE && host.is_owner() {
            let wish = wishes.pop_front().or_else(|| {
                (next < orders.end).then(|| {
                    next += 1;
                    format!("checkout {}", next - 1)
                })
            });
            let Some(wish) = wish else { break };
            writeln!(out, "sent {wish}").unwrap();
            let (id, ticket) = send(&client, &wish, orders.issued_at);
            waiting.push((id, ticket));
        }
        host.step(now());
        assert!(monitor.poisoned().is_none() && host.stopped().is_none());
        waiting.retain(|(id, ticket)| match ticket.told() {
            None => true,
            Some(Told::Outcome(outcome)) => {
                writeln!(out, "told {id} {}", serde_json::to_string(&outcome).unwrap()).unwrap();
                if let Outcome::CheckoutOpened { order, .. } = outcome
                    && id % 3 == 0
                {
                    wishes.push_back(format!("cancel {} {order}", id + 1_000_000_000));
                }
                false
            }
            Some(told) => panic!("{id}: {told:?}"),
        });
        if waiting.is_empty() && wishes.is_empty() && next >= orders.end && host.is_owner() {
            return;
        }
        // Or something else is due.
        let _quiet = woken.recv_timeout(Duration::from_millis(20));
        while woken.try_recv().is_ok() {}
    }
}

fn send(client: &Client, wish: &str, issued_at: Timestamp) -> (u64, Ticket) {
    let mut words = wish.split(' ');
    let (kind, id) = (words.next().unwrap(), words.next().unwrap().parse::<u64>().unwrap());
    let command = match kind {
        "checkout" if id == 0 => Command::Catalog(Catalog::Put(restaurant())),
        "checkout" => checkout(id),
        _ => {
            let order: OrderId = words.next().unwrap().parse().unwrap();
            Command::Cancel { order, by: Canceller::Customer }
        }
    };
    let cause = Cause { id: CommandId::new(u128::from(id)), issued_at, digest: id + 1 };
    (id, client.submit(cause, command).unwrap())
}

pub(crate) fn restaurant() -> Restaurant {
    let price = Money::new(900, Currency::new("EUR").unwrap());
    let item = Item {
        id: ItemId::from(1),
        name: "soup".into(),
        price,
        available: true,
        option_groups: vec![],
    };
    Restaurant {
        id: RestaurantId::from(1),
        position: LatLng::new(52.52, 13.40).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "soups".into(), items: vec![item] }] },
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    }
}

pub(crate) fn checkout(id: u64) -> Command {
    let line = CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
    Command::Checkout(Box::new(Wish {
        customer: CustomerId::new(id).unwrap(),
        cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line] },
        drop_off: LatLng::new(52.521, 13.401).unwrap(),
        promised: None,
    }))
}

/// A provider that does everything at once, and writes down what it did before it says so.
#[derive(Debug)]
pub(crate) struct Book {
    file: File,
    done: BTreeSet<String>,
    answers: VecDeque<ProviderSays>,
}

impl Book {
    pub(crate) fn open(path: &Path) -> Self {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        Self { file, done: text.lines().map(str::to_owned).collect(), answers: VecDeque::new() }
    }

    fn answer(&mut self, key: EffectKey, word: Word) {
        self.answers.push_back(ProviderSays { key, word });
    }
}

impl Payments for Book {
    fn request(&mut self, effect: &Effect, now: Timestamp) {
        let key = effect.key();
        if self.done.insert(key.to_string()) {
            self.file.write_all(format!("{key}\n").as_bytes()).unwrap();
        }
        let until = Some(now.saturating_add(Span::from_hours(24)));
        self.answer(key, Word::Definite(Answer::Done { until }));
    }

    fn inquire(&mut self, key: EffectKey, now: Timestamp) {
        let until = Some(now.saturating_add(Span::from_hours(24)));
        let known = self.done.contains(&key.to_string());
        let word = if known { Word::Definite(Answer::Done { until }) } else { Word::NeverHeard };
        self.answer(key, word);
    }

    fn poll(&mut self, _now: Timestamp) -> Option<ProviderSays> {
        self.answers.pop_front()
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

/// What the provider did, by order and step: the attempts.
pub(crate) fn effects(path: &Path) -> BTreeMap<(String, String), Vec<String>> {
    let text = std::fs::read_to_string(super::beside(path, "-book")).unwrap();
    let mut effects = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines() {
        let words: Vec<_> = line.split('/').map(str::to_owned).collect();
        let key = (words[0].clone(), words[1].clone());
        effects.entry(key).or_default().push(words[2].clone());
    }
    effects
}
