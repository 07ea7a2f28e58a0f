//! A city that eats dinner: customers, kitchens and drivers around the very host that servers use.
//!
//! The clock is virtual and moves only when nothing is in flight: first the host does all that there
//! is to do, then its batches and answers reach the people, and only then does time go on to the next
//! thing that somebody waits for. Everybody's whims are drawn from one seed, so the same city has the
//! same evening again, in memory and on disk ([`Storage`]). An evening on disk that was killed goes on
//! where its log ends: people have no memory but the log, so they live through it once more, and come
//! to the same commands under the same ids.
//!
//! Instead of living through its evening at once a city can be pushed through it ([`World::advance`]),
//! and others may talk to its host meanwhile: their orders are cooked and brought like anybody's.
//!
//! With chaos the provider and the log misbehave, the process crashes and starts again from the log,
//! and a paused process comes back to a log that has another owner. The [`Auditor`] reads every entry
//! of the log by itself.

mod config;
mod courier;
mod errand;
mod evening;
mod feed;
mod kitchen;
mod process;
mod pushed;
mod relive;
mod storage;
mod whims;

use std::collections::BTreeMap;
use std::time::Instant;

use doorstep_core::id::{CustomerId, DriverId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::money::Money;
use doorstep_core::place::LatLng;
use doorstep_core::shard::Command;
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::ports::Fault;
use doorstep_runtime::sandbox::{Hostility, Sandbox, SandboxConfig};
use rand::Rng;

use crate::audit::Auditor;
use crate::day::{Day, DayOrder};

pub use config::{Progress, WorldConfig, WorldTally};
pub use evening::Evening;
pub use process::ProcessTally;
pub use storage::{InMemory, Storage};
pub(crate) use whims::mix_text;

use courier::Courier;
use errand::Errands;
use process::Process;
use whims::{Occasion, Whim, Whose};

/// Midnight of the day that the city lives through: 2026-01-15T00:00:00Z.
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_secs(1_768_435_200);

/// One order of the day, as its people know it.
#[derive(Clone, Debug)]
struct Meal {
    plan: DayOrder,
    customer: CustomerId,
    restaurant: RestaurantId,
    id: Option<OrderId>,
    courier: Option<DriverId>,
    /// Who had it at its end.
    brought_by: Option<DriverId>,
    ready: bool,
    ended: bool,
}

/// Something that will happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A customer orders.
    Order(usize),
    /// A customer looks whether the button shows.
    Look(usize),
    /// A kitchen does its next thing.
    Kitchen(usize, kitchen::Act),
    /// A driver's shift begins.
    ShiftBegins(usize),
    /// A driver's shift ends.
    ShiftEnds(usize),
    /// A driver does something, unless things have changed since it was planned.
    Courier(usize, u64, courier::Act),
    /// An errand is tried again.
    Retry(u64),
    /// A fifth of the drivers send their positions.
    Pings,
    /// The process crashes or pauses.
    Crash,
    /// A new process starts.
    Restart,
    /// A paused process comes back.
    Resume,
    /// Faults stop.
    Quiet,
    /// Nothing: the host has something to do.
    Host,
}

/// A city and its people.
#[derive(Debug)]
pub struct World<S: Storage = InMemory> {
    config: WorldConfig,
    storage: S,
    now: Timestamp,
    /// Why whoever acts now acts.
    occasion: Occasion,
    agenda: BTreeMap<(Timestamp, u64), (Occasion, Happening)>,
    planned: u64,
    meals: Vec<Meal>,
    meal_of: BTreeMap<OrderId, usize>,
    couriers: Vec<Courier>,
    errands: Errands,
    process: Process<S>,
    auditor: Auditor,
    next_seq: u64,
    ended: u64,
    /// Batches that were lived through again.
    relived: u64,
    /// Why it cannot go on.
    broken_off: Option<String>,
    wishes_refused: BTreeMap<String, u64>,
    tally: WorldTally,
}

/// Longer than this after the last order nothing can still be going on.
const END_AFTER: Span = Span::from_hours(14);

impl World {
    /// A city before its day, all in memory.
    #[must_use]
    pub fn new(config: WorldConfig, day: &Day) -> Self {
        let storage = InMemory::new(&config);
        let sandbox = Sandbox::new(SandboxConfig::default());
        let mut world = Self::before(config, storage, sandbox);
        // In memory there is nothing that could fail.
        world.broken_off = world.begin(day).err().map(|fault| fault.to_string());
        world
    }
}

impl<S: Storage> World<S> {
    /// A city before its day, or at the time at which the evening in this storage was broken off:
    /// then people have lived through what its log says once more, and whatever was not answered
    /// is sent again, under the same ids.
    ///
    /// # Errors
    /// The storage's own, or what the log holds is no evening.
    pub fn on(config: WorldConfig, day: &Day, storage: S) -> Result<Self, Fault> {
        let sandbox = Sandbox::new(SandboxConfig::default());
        let mut world = Self::before(config, storage, sandbox);
        world.begin(day)?;
        Ok(world)
    }

    fn before(config: WorldConfig, storage: S, sandbox: Sandbox) -> Self {
        Self {
            process: Process::new(sandbox),
            storage,
            now: MIDNIGHT,
            occasion: Occasion::Day,
            agenda: BTreeMap::new(),
            planned: 0,
            meals: Vec::new(),
            meal_of: BTreeMap::new(),
            couriers: Vec::new(),
            errands: Errands::new(config.seed),
            auditor: Auditor::new(config.policy.dispatch.capacity),
            next_seq: 0,
            ended: 0,
            relived: 0,
            broken_off: None,
            wishes_refused: BTreeMap::new(),
            tally: WorldTally::default(),
            config,
        }
    }

    /// Batches of an earlier process that were lived through again; none in a new city.
    #[must_use]
    pub const fn relived(&self) -> u64 {
        self.relived
    }

    /// The provider of this city.
    fn hostile(&self) -> SandboxConfig {
        let (calm, chaos) = (SandboxConfig::default(), self.config.chaos);
        let hostility = Hostility {
            seed: self.draws(Whose::Provider, Whim::Wire).random(),
            slow: chaos,
            failing: chaos,
            answers_twice: chaos,
            silent_after_charging: chaos,
            silent_without: chaos,
            declines: chaos / 4,
            slowest: Span::from_secs(20),
            ..calm.hostility
        };
        SandboxConfig { hostility, ..calm }
    }

    /// Puts the restaurants on the map and the day on the agenda, lives through what the log holds,
    /// and starts a process at its end.
    fn begin(&mut self, day: &Day) -> Result<(), Fault> {
        let opened = self.open_log()?;
        self.process.set_sandbox(self.storage.provider(self.hostile())?);
        self.process.begin_reliving(self.config.policy.currency);
        self.settle(day);
        self.relive()?;
        self.start_on(opened)?;
        for number in self.errands.numbers() {
            self.try_errand(number);
        }
        Ok(())
    }

    fn settle(&mut self, day: &Day) {
        let mut restaurants: BTreeMap<LatLng, RestaurantId> = BTreeMap::new();
        for plan in &day.orders {
            let next = u32::try_from(restaurants.len()).unwrap_or(u32::MAX).saturating_add(1);
            restaurants.entry(plan.pickup).or_insert_with(|| RestaurantId::from(next));
        }
        for (&position, &id) in &restaurants {
            let draws = self.draws(Whose::Restaurant(id.get()), Whim::Character);
            let put = kitchen::restaurant(id, position, draws, self.config.policy.currency);
            self.send(errand::Who::Operations, Command::Catalog(put));
        }
        for (index, plan) in day.orders.iter().enumerate() {
            let Some(&restaurant) = restaurants.get(&plan.pickup) else { continue };
            let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            self.meals.push(Meal {
                plan: *plan,
                customer: CustomerId::from(number),
                restaurant,
                id: None,
                courier: None,
                brought_by: None,
                ready: false,
                ended: false,
            });
            self.plan_at(seconds(plan.placed_s), Happening::Order(index));
        }
        for (index, shift) in day.couriers.iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            let draws = self.draws(Whose::Courier(index), Whim::Character);
            let choosy = self.chance(Whose::Courier(index), Whim::Choosy, self.config.choosy);
            self.couriers.push(Courier::new(DriverId::from(number), shift, choosy, draws));
            self.plan_at(seconds(shift.on_s), Happening::ShiftBegins(index));
            self.plan_at(seconds(shift.off_s), Happening::ShiftEnds(index));
        }
        self.plan_at(MIDNIGHT, Happening::Pings);
        if self.config.chaos > 0 {
            let last = day.orders.iter().map(|plan| plan.placed_s).max().unwrap_or_default();
            self.plan_at(seconds(last).saturating_add(Span::from_hours(1)), Happening::Quiet);
            self.plan_crash();
        }
    }

    /// Lives through the day, until every order has ended and all money is settled.
    pub fn run(mut self, mut progress: impl FnMut(Progress)) -> Evening {
        let began = wall_clock();
        let of = u64::try_from(self.meals.len()).unwrap_or(u64::MAX);
        let last = self.meals.iter().map(|meal| meal.plan.placed_s).max().unwrap_or_default();
        let give_up_at = seconds(last).saturating_add(END_AFTER);
        let mut told_at = MIDNIGHT;
        while self.now < give_up_at && self.broken_off.is_none() {
            self.turn();
            if self.now.saturating_since(told_at) >= Span::from_mins(1) {
                told_at = self.now;
                let since_midnight = self.now.saturating_since(MIDNIGHT);
                progress(Progress { since_midnight, ended: self.ended, of });
                if self.ended >= of && self.is_settled() {
                    break;
                }
            }
            let Some(((at, _), (occasion, happening))) = self.agenda.pop_first() else { break };
            self.now = self.now.max(at);
            self.occasion = occasion;
            self.happen(happening);
        }
        self.evening(began.elapsed())
    }

    /// How it went, as far as it has come; it took so long.
    fn evening(mut self, wall: std::time::Duration) -> Evening {
        let log_verified = self.process.verify(&self.config.policy, self.now);
        self.auditor.finish(self.process.book());
        let mut process = self.process.tally();
        process.faults = self.storage.faults();
        Evening {
            auditor: self.auditor,
            tally: self.tally,
            shifts: self.couriers.iter().map(Courier::shift).collect(),
            process,
            log_verified,
            broken_off: self.broken_off,
            relived: self.relived,
            wishes_refused: self.wishes_refused,
            chaotic: self.config.chaos > 0,
            virtual_s: self.now.saturating_since(MIDNIGHT).as_secs(),
            wall,
        }
    }

    /// Lets the host, the log's readers and everybody who waits for an answer come to rest.
    fn turn(&mut self) {
        loop {
            let published = self.process.rest(&mut self.storage, self.now);
            self.audit();
            for batch in &published {
                self.hear(batch);
            }
            let answered = self.collect_answers();
            if published.is_empty() && !answered {
                break;
            }
        }
        self.broken_off = self.broken_off.take().or_else(|| self.process.stopped());
        if let Some(at) = self.process.next_wake() {
            let first = self.agenda.first_key_value().map(|((at, _), _)| *at);
            if first.is_none_or(|first| at < first) {
                // At least a millisecond on, so that a deadline that is stuck cannot stop the world.
                let at = at.max(self.now.saturating_add(Span::from_millis(1)));
                self.plan_at(at, Happening::Host);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Order(meal) => self.place(meal),
            Happening::Look(meal) => self.look(meal),
            Happening::Kitchen(meal, act) => self.kitchen(meal, act),
            Happening::ShiftBegins(courier) => self.shift_begins(courier),
            Happening::ShiftEnds(courier) => self.shift_ends(courier),
            Happening::Courier(courier, plan, act) => self.courier(courier, plan, act),
            Happening::Retry(errand) => self.retry(errand),
            Happening::Pings => self.pings(),
            Happening::Crash => self.crash(),
            Happening::Restart => self.restart(),
            Happening::Resume => self.process.resume(self.now),
            Happening::Quiet => {
                self.process.quiet();
                self.storage.quiet();
            }
            Happening::Host => {}
        }
    }

    /// The customer of a meal orders one to three of the restaurant's dishes.
    fn place(&mut self, index: usize) {
        let mut draws = self.draws(Whose::Meal(index), Whim::Cart);
        let lines = draws.random_range(1..=3_u32);
        let cart_lines = (1..=lines).map(|item| doorstep_core::catalog::CartLine {
            item: ItemId::from(item),
            quantity: draws.random_range(1..=3),
            choices: Vec::new(),
            unit_price: None,
        });
        let cart_lines = cart_lines.collect();
        let Some(meal) = self.meals.get(index) else { return };
        let cart = doorstep_core::catalog::Cart { restaurant: meal.restaurant, lines: cart_lines };
        let wish = doorstep_core::shard::Wish {
            customer: meal.customer,
            cart,
            drop_off: meal.plan.drop_off,
            promised: Some(seconds(meal.plan.promised_s)),
        };
        self.send(errand::Who::Customer(index), Command::Checkout(Box::new(wish)));
    }

    /// An impatient customer looks at the page, and presses the button if it shows.
    fn look(&mut self, index: usize) {
        let Some(meal) = self.meals.get(index) else { return };
        let (Some(order), false) = (meal.id, meal.ended) else { return };
        if self.process.may_cancel(order, self.now) {
            let by = doorstep_core::shard::Canceller::Customer;
            self.send(errand::Who::Customer(index), Command::Cancel { order, by });
        }
    }

    /// The auditor reads what is new in the log.
    fn audit(&mut self) {
        loop {
            match self.process.new_entries(self.now) {
                Ok(entries) if entries.is_empty() => return,
                Ok(entries) => {
                    for entry in entries {
                        self.auditor.entry(entry.position.get(), &entry.bytes);
                    }
                }
                Err(fault) => {
                    self.broken_off = Some(fault.to_string());
                    return;
                }
            }
        }
    }

    /// Whether nothing is going on any more.
    fn is_settled(&self) -> bool {
        self.errands.is_empty() && self.process.is_over()
    }

    fn plan_at(&mut self, at: Timestamp, happening: Happening) {
        self.agenda.insert((at.max(self.now), self.planned), (self.occasion, happening));
        self.planned = self.planned.saturating_add(1);
    }

    fn plan_in(&mut self, span: Span, happening: Happening) {
        self.plan_at(self.now.saturating_add(span), happening);
    }
}

/// Customers are numbered from 1, by their meals.
fn meal_index(customer: CustomerId) -> Option<usize> {
    usize::try_from(customer.get()).ok()?.checked_sub(1)
}

/// A time of the city's day.
pub(crate) fn seconds(since_midnight: u32) -> Timestamp {
    MIDNIGHT.saturating_add(Span::from_secs(u64::from(since_midnight)))
}

/// The shard that the city is.
pub(crate) fn shard_id() -> ShardId {
    ShardId::default()
}

/// The price of a dish.
pub(crate) const fn price(minor: i64, currency: doorstep_core::money::Currency) -> Money {
    Money::new(minor, currency)
}

/// The one look at the real clock: how long the evening took is part of the report, and of nothing
/// that is decided.
fn wall_clock() -> Instant {
    Instant::now()
}
