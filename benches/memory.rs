//! What a live order and a driver of the index take of the heap: `cargo bench --bench memory`, or
//! `-- geo` for the drivers alone, which `versus` asks for.
//!
//! A shard is filled with orders in the phases of a dinner rush, each with two lines, and the
//! allocator is asked how many bytes more are in use: orders, deliveries, the indexes over them and
//! what is remembered of customers; and then the outcomes of the commands that made them, which are
//! kept for as long as a caller may ask again. Apart from `versus`, because a counting allocator
//! slows down everything else.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that goes wrong is to end"
)]

#[path = "versus/geo_world.rs"]
#[allow(dead_code, reason = "the other benches need more of it")]
mod geo_world;

use std::alloc::System;

use doorstep::core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep::core::dispatch::{self, Among, Candidate, Proposal};
use doorstep::core::eta::Vehicle;
use doorstep::core::id::{
    CommandId, CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId, ShardId,
};
use doorstep::core::log::{Batch, Cause, Decision, Writer};
use doorstep::core::money::{Currency, Money};
use doorstep::core::payment::{Answer, Reply, Step};
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::shard::{
    Command, DriverAct, Event, OperationsAct, Outcome, RestaurantAct, Shard, Wish,
};
use doorstep::core::time::{Span, Timestamp};
use doorstep::geo_index::{Config, DriverIndex, Hit, Verdict};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ORDERS: u32 = 60_000;

fn main() {
    println!("figure geo/bytes_per_driver {:.0} B", bytes_per_driver(500_000));
    println!("figure geo/bytes_per_driver_of_2m {:.0} B", bytes_per_driver(2_000_000));
    if std::env::args().any(|word| word == "geo") {
        return;
    }
    let [alone, with_outcomes] = [false, true].map(bytes_per_order);
    println!("figure shard/bytes_per_live_order {alone:.0} B");
    println!("figure shard/bytes_per_live_order_with_outcomes {with_outcomes:.0} B");
}

/// Bytes of the heap that each of so many drivers came to take, once as many pings as there are
/// drivers have moved them about. All of them must have found room, and be found.
fn bytes_per_driver(drivers: u32) -> f64 {
    let many = drivers as usize;
    let mut world = geo_world::World::cities(many, many);
    let before = in_use();
    let config = Config { drivers_max: drivers, ..Config::default() };
    let index: DriverIndex = DriverIndex::new(config).expect("it is one");
    index.record_batch(&world.first, |_, verdict| assert_eq!(verdict, Verdict::Inserted));
    world.later();
    index.record_batch(&world.pings, |_, verdict| assert_ne!(verdict, Verdict::Full));
    let bytes = (in_use() - before) as f64 / f64::from(drivers);
    assert_eq!(index.len(), many);
    let (at, mut hits) = (world.pings[many - 1].fix, Vec::<Hit>::new());
    index.nearest(at.position, 5_000, 20, at.taken_at, |_, _| true, &mut hits);
    assert_eq!(hits.len(), 20);
    bytes
}

/// Bytes of the heap that each of many live orders came to take.
fn bytes_per_order(remembers: bool) -> f64 {
    let mut city = City::opened(remembers);
    let before = in_use();
    for number in 1..=ORDERS {
        city.order(number);
    }
    assert_eq!(city.shard.orders().count(), ORDERS as usize, "every order is live");
    (in_use() - before) as f64 / f64::from(ORDERS)
}

fn in_use() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// A shard and its clock.
struct City {
    shard: Shard,
    now: Timestamp,
    commands: u128,
    /// Whether callers may ask again.
    remembers: bool,
}

impl City {
    /// With a restaurant, and a driver for each order who is to have one.
    fn opened(remembers: bool) -> Self {
        let cop = Currency::new("COP").expect("it is one");
        let mut policy = Policy::new(cop);
        policy.memory.orders_max = ORDERS * 2;
        policy.memory.drivers_max = ORDERS * 2;
        let now = Timestamp::from_secs(1_768_500_000);
        let shard = Shard::new(ShardId::default(), policy);
        let mut city = Self { shard, now, commands: 0, remembers };
        let item = |number: u32| Item {
            id: ItemId::from(number),
            name: "ajiaco".into(),
            price: Money::new(18_000, cop),
            available: true,
            option_groups: vec![],
        };
        let items = (1..=3).map(item).collect();
        city.ask(&Command::Catalog(Catalog::Put(Restaurant {
            id: RestaurantId::from(1),
            position: kitchen(),
            delivery_radius_m: 5_000,
            cuisines: vec![],
            hours: Hours::always(),
            menu: Menu { categories: vec![Category { name: "soups".into(), items }] },
            preparation: Span::from_mins(12),
            acceptance: Acceptance::Manual,
            kitchen: KitchenKind::Cooks,
            open: true,
        })));
        for number in 1..=ORDERS {
            let driver = DriverId::from(number);
            city.ask(&Command::Operations(OperationsAct::Admit { driver, vehicle: Vehicle::Car }));
            city.ask(&Command::Driver { driver, act: DriverAct::GoOnline });
        }
        city
    }

    /// An order, as far as its turn is: a quarter wait for the restaurant, a quarter are cooked and
    /// searched for, a quarter have a driver, a quarter are on the way.
    fn order(&mut self, number: u32) {
        self.now = self.now.saturating_add(Span::from_millis(1));
        let far = number % 4;
        let line = |item: u32| CartLine {
            item: ItemId::from(item),
            quantity: 2,
            choices: vec![],
            unit_price: None,
        };
        let wish = Wish {
            customer: CustomerId::from(number),
            cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line(1), line(2)] },
            drop_off: LatLng::new(4.8245, -75.6880).expect("it is a place"),
            promised: None,
        };
        let opened = self.ask(&Command::Checkout(Box::new(wish)));
        let Some(Event::Checkout { order, .. }) = opened.events.first() else {
            panic!("{opened:?}")
        };
        let order = *order;
        self.tell(&reply(order, Step::Hold));
        if far == 0 {
            return;
        }
        let act = RestaurantAct::Accept { ready_at: None };
        let delivery = delivery(&self.ask(&Command::Restaurant { order, act }));
        self.tell(&reply(order, Step::Capture));
        if far == 1 {
            return;
        }
        let driver = DriverId::from(number);
        let near = Candidate { driver, distance_m: 900, off_course_deg: None };
        let among = Among::Located(vec![near]);
        self.tell(&Command::Propose(Proposal { delivery, among }));
        self.ask(&Command::Driver { driver, act: DriverAct::Accept { delivery } });
        if far == 2 {
            return;
        }
        for act in [
            DriverAct::ArriveAtRestaurant { delivery },
            DriverAct::PickUp { delivery },
            DriverAct::Depart { delivery },
        ] {
            self.ask(&Command::Driver { driver, act });
        }
    }

    /// A command of somebody who may ask again.
    fn ask(&mut self, command: &Command) -> Batch<Event, Outcome> {
        self.commands += 1;
        let id = self.commands.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let cause = Cause { id: CommandId::new(id), issued_at: self.now, digest: 0 };
        self.carry_out(command, self.remembers.then_some(cause))
    }

    /// One that nobody waits for.
    fn tell(&mut self, command: &Command) {
        self.carry_out(command, None);
    }

    fn carry_out(&mut self, command: &Command, cause: Option<Cause>) -> Batch<Event, Outcome> {
        let decided = self.shard.decide(command, cause.as_ref(), self.now);
        let Ok(Decision::Commit { events, outcome }) = decided else { panic!("{decided:?}") };
        assert!(!events.is_empty(), "{command:?}: {outcome:?}");
        let (epoch, writer, seq, at) = (1, Writer::new(1), 0, self.now);
        let outcome = cause.map(|_| outcome);
        let batch = Batch { epoch, writer, seq, at, cause, inbox: None, events, outcome };
        self.shard.apply(&batch).expect("it was just decided");
        batch
    }
}

fn kitchen() -> LatLng {
    LatLng::new(4.8133, -75.6961).expect("it is a place")
}

fn reply(order: OrderId, step: Step) -> Command {
    let reply = Reply { step, attempt: 1, answer: Answer::Done { until: None } };
    Command::Reply { order, reply }
}

fn delivery(batch: &Batch<Event, Outcome>) -> DeliveryId {
    batch
        .events
        .iter()
        .find_map(|event| {
            let Event::Dispatch(dispatch::Event::Opened { delivery, .. }) = event else {
                return None;
            };
            Some(*delivery)
        })
        .expect("an accepted order has a delivery")
}
