//! The bytes of one dinner in the log, and of the shard after it. A change here is a change of
//! format: it needs a new version.
#![allow(clippy::panic, clippy::unwrap_used)]

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::dispatch::{Among, Candidate, Proposal};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{CommandId, CustomerId, DriverId, ItemId, RestaurantId, ShardId};
use doorstep_core::log::{Batch, Cause, Decision, Record, Writer};
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Answer, EffectKey, Reply, Step};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::provider::{self, EventId, Fact, Meaning, Reference};
use doorstep_core::shard::{
    Command, DriverAct, Event, OperationsAct, Outcome, RestaurantAct, Shard, Wish,
};
use doorstep_core::time::{Span, Timestamp};

type Entry = Record<Event, Outcome>;

/// One dinner, a record a line; and the shard after it. To write them anew on purpose, take what the
/// first test says it found.
const LOG: &str = include_str!("golden/dinner.jsonl");
const STORED: &str = include_str!("golden/shard.json");

fn empty() -> Shard {
    Shard::new(ShardId::default(), Policy::new(Currency::new("EUR").unwrap()))
}

/// A shard and what it has written.
struct Kitchen {
    shard: Shard,
    now: Timestamp,
    log: Vec<String>,
}

impl Kitchen {
    fn hears(&mut self, command: &Command) {
        let seq = u64::try_from(self.log.len()).unwrap();
        let at = self.now;
        self.now = at.saturating_add(Span::from_secs(20));
        let cause = Cause { id: CommandId::new(u128::from(seq)), issued_at: at, digest: seq };
        let cause = (seq % 2 == 0).then_some(cause);
        let decided = self.shard.decide(command, cause.as_ref(), at).unwrap();
        let Decision::Commit { events, outcome } = decided else { panic!("{decided:?}") };
        let outcome = cause.map(|_| outcome);
        let (epoch, writer, inbox) = (1, Writer::new(0xd00b), None);
        let batch = Batch { epoch, writer, seq, at, cause, inbox, events, outcome };
        self.shard.apply(&batch).unwrap();
        self.log.push(String::from_utf8(Entry::Batch(batch).encode().unwrap()).unwrap());
    }

    /// Waits for the next deadline.
    fn waits(&mut self) {
        self.now = self.shard.next_deadline().unwrap();
        self.hears(&Command::Tick);
    }

    /// The provider does what is due.
    fn pays(&mut self) {
        let effect = self.shard.pending_effects().next().unwrap();
        let (step, attempt) = (effect.due.step, effect.due.attempt);
        let reply = Reply { step, attempt, answer: Answer::Done { until: None } };
        self.hears(&Command::Reply { order: effect.order, reply });
    }
}

fn dinner() -> Kitchen {
    let mut kitchen =
        Kitchen { shard: empty(), now: Timestamp::from_secs(1_700_000_000), log: Vec::new() };
    let (restaurant, driver) = (RestaurantId::from(1), DriverId::from(7));
    let price = Money::new(900, Currency::new("EUR").unwrap());
    let (id, name) = (ItemId::from(1), "ajiaco".into());
    let soup = Item { id, name, price, available: true, option_groups: vec![] };
    let menu = Menu { categories: vec![Category { name: "soups".into(), items: vec![soup] }] };
    kitchen.hears(&Command::Catalog(Catalog::Put(Restaurant {
        id: restaurant,
        position: LatLng::new(4.60, -74.08).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec!["colombian".into()],
        hours: Hours::always(),
        menu,
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    })));
    let vehicle = Vehicle::Bicycle;
    kitchen.hears(&Command::Operations(OperationsAct::Admit { driver, vehicle }));
    kitchen.hears(&Command::Driver { driver, act: DriverAct::GoOnline });
    let line = CartLine { item: id, quantity: 2, choices: vec![], unit_price: None };
    let wish = Wish {
        customer: CustomerId::from(3),
        cart: Cart { restaurant, lines: vec![line] },
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        promised: None,
    };
    kitchen.hears(&Command::Checkout(Box::new(wish)));
    kitchen.pays();
    let order = kitchen.shard.orders().next().unwrap().id();
    let ready_at = Some(Timestamp::from_secs(1_700_001_000));
    let act = RestaurantAct::Accept { ready_at };
    kitchen.hears(&Command::Restaurant { order, act });
    kitchen.pays();
    let delivery = kitchen.shard.wanted().next().unwrap().delivery;
    let near = Candidate { driver, distance_m: 800, off_course_deg: Some(45) };
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) }));
    kitchen.waits();
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Unlocated(vec![driver]) }));
    kitchen.waits();
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) }));
    for act in [
        DriverAct::Accept { delivery },
        DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Depart { delivery },
        DriverAct::ArriveAtDoorstep { delivery, distance_m: Some(900) },
        DriverAct::Deliver { delivery },
        DriverAct::Deliver { delivery },
    ] {
        kitchen.hears(&Command::Driver { driver, act });
    }
    let effect = Some(EffectKey { order, step: Step::Capture, attempt: 1 });
    let amount = Money::new(2_099, Currency::new("EUR").unwrap());
    let says = Meaning { about: Reference { order, effect }, fact: Fact::Captured { amount } };
    let event = provider::Event { id: EventId::new("evt_1").unwrap(), says };
    kitchen.hears(&Command::Provider(Box::new(event)));
    kitchen
}

#[test]
fn a_dinner_is_written_like_this() {
    let kitchen = dinner();
    assert_eq!(kitchen.log, LOG.lines().collect::<Vec<_>>());
    assert_eq!(serde_json::to_string(&kitchen.shard).unwrap(), STORED.trim_end());
}

#[test]
fn what_was_written_is_read_and_gives_the_same_shard() {
    let shard = LOG.lines().fold(empty(), |mut shard, line| {
        let Entry::Batch(batch) = Entry::decode(line.as_bytes()).unwrap() else { panic!("{line}") };
        shard.apply(&batch).unwrap();
        shard
    });
    assert_eq!(shard, serde_json::from_str(STORED).unwrap());
}

#[test]
fn a_part_that_this_version_does_not_know_stops_a_reader() {
    let known = r#""events":[{"order":{"order":"ord_"#;
    let line = LOG.lines().find(|line| line.contains(known)).unwrap();
    let foreign = line.replacen(r#"{"order":{"#, r#"{"order":{"colour":"red","#, 1);
    assert!(Entry::decode(line.as_bytes()).is_ok());
    assert!(Entry::decode(foreign.as_bytes()).is_err(), "{foreign}");
    let foreign = STORED.replacen('{', r#"{"colour":"red","#, 1);
    assert!(serde_json::from_str::<Shard>(&foreign).is_err());
}
