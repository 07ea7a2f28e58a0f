//! Hosts on real threads. Nothing sleeps: a test waits for what it asserts, and gives up late.

mod answers;
mod ends;
mod feed;
mod payments;
mod snapshots;
mod time;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{CommandId, CustomerId, DriverId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, OperationsAct, Outcome, Wish};
use doorstep_core::time::Span;
use parking_lot::{Condvar, Mutex};

use super::*;
use crate::client::{NotSent, Ticket, Told};
use crate::host::HostConfig;
use crate::memory_log::MemoryLog;
use crate::ports::{
    AppendError, Entry, LogIsHistory, Position, ReadError, Snapshot, SnapshotError, TrimError,
};
use crate::sandbox::{Sandbox, SandboxConfig};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
/// A test that waits for longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const DONE: Option<Told> = Some(Told::Outcome(Outcome::Done));

fn config(seed: u128) -> HostConfig {
    HostConfig::new(ShardId::default(), Policy::new(Currency::new("EUR").unwrap()), seed)
}

fn calm() -> Sandbox {
    Sandbox::new(SandboxConfig::default())
}

fn admit(driver: u32) -> Command {
    let driver = DriverId::from(driver);
    Command::Operations(OperationsAct::Admit { driver, vehicle: Vehicle::Bicycle })
}

fn kitchen() -> Restaurant {
    let item = Item {
        id: ItemId::from(1),
        name: "ajiaco".into(),
        price: Money::new(900, Currency::new("EUR").unwrap()),
        available: true,
        option_groups: vec![],
    };
    Restaurant {
        id: RestaurantId::from(1),
        position: LatLng::new(4.8133, -75.6961).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "soups".into(), items: vec![item] }] },
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
        drop_off: LatLng::new(4.8245, -75.6880).unwrap(),
        promised: None,
    }))
}

/// A running host, and the clock that it runs by.
struct Town<L, P, C = ManualClock> {
    running: Running<L, P, LogIsHistory>,
    client: Client,
    clock: Arc<C>,
    bell: Bell,
}

impl<L: Log + Send + 'static, P: Payments + Send + 'static> Town<L, P> {
    fn open(config: HostConfig, log: L, payments: P, bell: Bell) -> Self {
        Self::by(Arc::new(ManualClock::new(NOW)), config, log, payments, bell)
    }

    fn push(&self, span: Span) {
        self.clock.set(self.clock.now().saturating_add(span));
        self.bell.ring();
    }
}

impl<L, P, C> Town<L, P, C>
where
    L: Log + Send + 'static,
    P: Payments + Send + 'static,
    C: Clock + 'static,
{
    fn by(clock: Arc<C>, config: HostConfig, log: L, payments: P, bell: Bell) -> Self {
        let host = Host::open(config, log, payments, LogIsHistory, clock.now()).unwrap();
        let client = host.client();
        let running = spawn(host, clock.clone(), bell.clone()).unwrap();
        assert!(running.wait_for_ownership(PATIENCE));
        Self { running, client, clock, bell }
    }

    fn try_send(&self, id: u128, command: Command) -> Result<Ticket, NotSent> {
        self.client.submit(Client::cause(CommandId::new(id), self.clock.now()), command)
    }

    fn send(&self, id: u128, command: Command) -> Ticket {
        self.try_send(id, command).unwrap()
    }

    fn ask(&self, id: u128, command: Command) -> Option<Told> {
        self.send(id, command).wait(PATIENCE)
    }

    /// Puts the kitchen on the map, and orders from it.
    fn order(&self) -> OrderId {
        assert_eq!(self.ask(1, Command::Catalog(Catalog::Put(kitchen()))), DONE);
        match self.ask(2, wish()) {
            Some(Told::Outcome(Outcome::CheckoutOpened { order, .. })) => order,
            told => panic!("{told:?}"),
        }
    }
}

/// Something that threads wait to be opened, and that knows how many have come.
#[derive(Default)]
struct Gate {
    /// Whether it is open, and how many came.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock();
        state.1 = state.1.saturating_add(1);
        self.changed.notify_all();
        let _late = self.changed.wait_while_for(&mut state, |(open, _)| !*open, PATIENCE);
    }

    fn open(&self) {
        self.state.lock().0 = true;
        self.changed.notify_all();
    }

    fn wait_for_arrivals(&self, many: usize) {
        let mut state = self.state.lock();
        let late = self.changed.wait_while_for(&mut state, |(_, came)| *came < many, PATIENCE);
        assert!(!late.timed_out(), "nobody came to the gate");
    }
}

/// A log that can be made to stall, to panic, or not to show what has landed.
#[derive(Clone)]
struct Rig {
    log: MemoryLog,
    knobs: Arc<Mutex<Knobs>>,
    reads: Arc<AtomicU64>,
}

#[derive(Clone, Default)]
struct Knobs {
    stalls_at: Option<Arc<Gate>>,
    panics: bool,
    blind: bool,
    poisoned: bool,
}

impl Rig {
    fn new() -> Self {
        Self { log: MemoryLog::new(), knobs: Arc::default(), reads: Arc::default() }
    }

    fn set(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.knobs.lock());
    }
}

impl Log for Rig {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        let knobs = self.knobs.lock().clone();
        if let Some(gate) = knobs.stalls_at {
            gate.pass();
        }
        assert!(!knobs.panics, "the disk is on fire");
        self.log.append(record, now)
    }

    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let Knobs { blind, poisoned, .. } = self.knobs.lock().clone();
        match (blind, poisoned) {
            (_, true) => Err(ReadError::Poisoned("a sync failed".into())),
            (true, false) => Ok(()),
            (false, false) => self.log.read(after, max, now, out),
        }
    }

    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
        self.log.end(now)
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.log.save_snapshot(snapshot)
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        self.log.load_snapshot()
    }

    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        self.log.trim(before)
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.log.next_wake()
    }
}

/// The smallest async runtime there is: one future, on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Alarm(Bell);
    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.ring();
        }
    }
    let bell = Bell::new();
    let waker = Waker::from(Arc::new(Alarm(bell.clone())));
    let mut future = pin!(future);
    let late = Instant::now().checked_add(PATIENCE).unwrap();
    while Instant::now() < late {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => bell.wait(Some(PATIENCE)),
        }
    }
    panic!("nobody woke it");
}

#[test]
fn handles_go_anywhere() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Client>();
    shared::<Ticket>();
    shared::<Feed>();
    shared::<Bell>();
    shared::<WorkersGauge>();
    sent::<Subscription>();
    shared::<Running<MemoryLog, Sandbox, LogIsHistory>>();
    sent::<Host<MemoryLog, PaymentWorkers, LogIsHistory>>();
}
