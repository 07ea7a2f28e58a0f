//! A small town around one host, on a clock that is pushed.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a failing test fails"
)]

mod answers;
mod effects;
mod matching;
mod notify;
mod owners;
mod reads;
mod redrive;
mod restart;
mod saga;
mod snapshots;
mod tapping;

use std::sync::Arc;

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::dispatch;
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::order::OrderStatus;
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{DriverAct, OperationsAct, Outcome, Wish};
use parking_lot::Mutex;

use super::*;
use crate::client::Ticket;
use crate::memory_log::MemoryLog;
use crate::ports::{AppendError, LogIsHistory, SinkError, Snapshot, SnapshotError, TrimError};
use crate::sandbox::{Hostility, Sandbox, SandboxConfig};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const KITCHEN: (f64, f64) = (4.8133, -75.6961);
const HOME: (f64, f64) = (4.8245, -75.6880);
const ANA: DriverId = DriverId::truncating(1);
const BOB: DriverId = DriverId::truncating(2);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn at((lat, lng): (f64, f64)) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

fn after(now: Timestamp, ms: u64) -> Timestamp {
    now.saturating_add(Span::from_millis(ms))
}

fn config(seed: u128) -> HostConfig {
    let mut policy = Policy::new(Currency::new("EUR").unwrap());
    policy.checkout.orders_per_hour = 1_000;
    HostConfig::new(ShardId::default(), policy, seed)
}

fn calm() -> Sandbox {
    Sandbox::new(SandboxConfig::default())
}

fn restaurant() -> Restaurant {
    let item = |id: u32| Item {
        id: ItemId::from(id),
        name: "ajiaco".into(),
        price: eur(900),
        available: true,
        option_groups: vec![],
    };
    Restaurant {
        id: RestaurantId::from(1),
        position: at(KITCHEN),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu {
            categories: vec![Category { name: "soups".into(), items: vec![item(1), item(2)] }],
        },
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Automatic,
        kitchen: KitchenKind::Cooks,
        open: true,
    }
}

fn wish() -> Command {
    let line = CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
    Command::Checkout(Box::new(Wish {
        customer: CustomerId::from(7),
        cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line] },
        drop_off: at(HOME),
        promised: None,
    }))
}

fn taps(driver: DriverId, act: DriverAct) -> Command {
    Command::Driver { driver, act }
}

/// A log that can be made to fail, or not to show what has landed.
#[derive(Clone, Debug)]
struct Rig {
    log: MemoryLog,
    knobs: Arc<Mutex<Knobs>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Knobs {
    appends_fail: bool,
    reads_fail: bool,
    blind: bool,
    poisoned: bool,
    /// What is loaded is another snapshot than was saved.
    snapshots_lie: bool,
}

impl Rig {
    fn new(log: &MemoryLog) -> Self {
        Self { log: log.clone(), knobs: Arc::default() }
    }

    fn set(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.knobs.lock());
    }
}

impl Log for Rig {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        if self.knobs.lock().appends_fail {
            return Err(AppendError::Unknown("the disk is gone".into()));
        }
        self.log.append(record, now)
    }

    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        let Knobs { reads_fail, blind, poisoned, .. } = *self.knobs.lock();
        if reads_fail {
            return Err(ReadError::Io("the disk is gone".into()));
        }
        if !blind {
            self.log.read(after, max, now, out)?;
        }
        if poisoned && out.is_empty() {
            return Err(ReadError::Poisoned("a sync failed".into()));
        }
        Ok(())
    }

    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
        self.log.end(now)
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.log.save_snapshot(snapshot)
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        let mut saved = self.log.load_snapshot()?;
        if let (true, Some(saved)) = (self.knobs.lock().snapshots_lie, &mut saved) {
            let text = String::from_utf8(saved.bytes.to_vec()).unwrap();
            let another = text.replacen(r#""next":"#, r#""next":1"#, 1);
            assert_ne!(another, text);
            saved.bytes = another.into_bytes().into();
        }
        Ok(saved)
    }

    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        self.log.trim(before)
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.log.next_wake()
    }
}

/// A host and whoever speaks to it.
struct Town<L = MemoryLog, H = LogIsHistory> {
    host: Host<L, Sandbox, H>,
    client: Client,
    now: Timestamp,
}

impl Town {
    /// A town with its restaurant on the map, and nobody on duty.
    fn founded(config: HostConfig) -> (Self, MemoryLog, Sandbox) {
        let (log, sandbox) = (MemoryLog::new(), calm());
        let mut town = Self::open(config, log.clone(), sandbox.connect(), LogIsHistory, NOW);
        town.found();
        (town, log, sandbox)
    }
}

impl<L: Log, H: HistorySink> Town<L, H> {
    fn open(config: HostConfig, log: L, sandbox: Sandbox, history: H, now: Timestamp) -> Self {
        let mut host = Host::open(config, log, sandbox, history, now).unwrap();
        let client = host.client();
        host.step(now);
        Self { host, client, now }
    }

    fn found(&mut self) {
        assert!(self.host.is_owner());
        let put = Command::Catalog(Catalog::Put(restaurant()));
        assert_eq!(self.ask(1, put), Outcome::Done);
    }

    fn on_duty(&mut self, driver: DriverId) {
        let admit = OperationsAct::Admit { driver, vehicle: Vehicle::Motorcycle };
        let id = 1_000 + u128::from(driver.get()) * 2;
        assert_eq!(self.ask(id, Command::Operations(admit)), Outcome::Done);
        assert_eq!(self.ask(id + 1, taps(driver, DriverAct::GoOnline)), Outcome::Done);
    }

    fn step(&mut self) -> Step {
        self.host.step(self.now)
    }

    fn send(&self, id: u128, command: Command) -> Ticket {
        self.try_send(id, command).unwrap()
    }

    fn try_send(&self, id: u128, command: Command) -> Result<Ticket, crate::client::NotSent> {
        self.client.submit(Client::cause(CommandId::new(id), NOW), command)
    }

    /// Sends a command and hears its outcome, at this very time.
    fn ask(&mut self, id: u128, command: Command) -> Outcome {
        let ticket = self.send(id, command);
        self.step();
        match ticket.told() {
            Some(Told::Outcome(outcome)) => outcome,
            told => panic!("{told:?}"),
        }
    }

    fn order(&mut self, id: u128) -> OrderId {
        match self.ask(id, wish()) {
            Outcome::CheckoutOpened { order, .. } => order,
            other => panic!("{other:?}"),
        }
    }

    /// Steps whenever the host asks for it, until `ms` have gone by; how often that was.
    fn run(&mut self, ms: u64) -> usize {
        let until = after(self.now, ms);
        let mut steps = 0;
        while let Some(wake) = self.host.next_wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.step();
            steps += 1;
            assert!(steps < 100_000, "it goes round and round at {}", self.now);
        }
        self.now = until;
        steps
    }

    fn status(&self, order: OrderId) -> Option<OrderStatus> {
        self.host.shard().order(order).map(doorstep_core::order::Order::status)
    }

    fn delivery(&self, order: OrderId) -> DeliveryId {
        self.host.shard().dispatch().delivery_of(order).unwrap()
    }

    fn offers(&self, order: OrderId) -> Vec<dispatch::Offer> {
        let delivery = self.host.shard().dispatch().delivery(self.delivery(order)).unwrap();
        delivery.search().map(|search| search.offers.clone()).unwrap_or_default()
    }

    /// A driver who is on duty takes an order and has it at the door; ids from `id` on.
    fn carry(&mut self, driver: DriverId, order: OrderId, id: u128) {
        self.run(2_000);
        let delivery = self.delivery(order);
        let acts = [
            DriverAct::Accept { delivery },
            DriverAct::ArriveAtRestaurant { delivery },
            DriverAct::PickUp { delivery },
            DriverAct::Depart { delivery },
            DriverAct::ArriveAtDoorstep { delivery, distance_m: None },
        ];
        for (n, act) in acts.into_iter().enumerate() {
            assert_eq!(self.ask(id + n as u128, taps(driver, act)), Outcome::Done, "{act:?}");
        }
    }
}
