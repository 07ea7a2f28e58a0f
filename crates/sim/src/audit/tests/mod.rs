//! What the auditor finds, and what it lets pass.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
#![allow(clippy::needless_pass_by_value, reason = "JSON is built where it is passed")]

mod around;
mod bundles;
mod crowd;
mod log;
mod money;
mod orders;
mod planted;
mod real;
mod sales;
mod told;
mod world;

use doorstep_core::id::{CommandId, DeliveryId, DriverId, OrderId, RestaurantId};
use serde_json::{Value, json};

use super::*;

const ANA: u32 = 1;
const BEN: u32 = 2;
const TOTAL: i64 = 1_500;
/// When the stories begin; the promise is 10 minutes later.
const START: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;

fn ord(n: u32) -> String {
    OrderId::from(n).to_string()
}

fn drv(n: u32) -> String {
    DriverId::from(n).to_string()
}

fn dlv(n: u32) -> String {
    DeliveryId::from(n).to_string()
}

fn eur(minor: i64) -> Value {
    json!({"minor": minor, "currency": "EUR"})
}

/// A hand-made log, read as it is made.
#[derive(Clone)]
struct Story {
    auditor: Auditor,
    position: u64,
    epoch: u64,
    writer: String,
    seq: u64,
    at: i64,
}

impl Story {
    /// A log with its first claim, two drivers on duty.
    fn begin() -> Self {
        let mut story = Self {
            auditor: Auditor::new(1),
            position: 0,
            epoch: 0,
            writer: String::new(),
            seq: 0,
            at: START,
        };
        story.claim();
        for driver in [ANA, BEN] {
            story.tell(vec![
                dispatch("driver_admitted", json!({"driver": drv(driver), "vehicle": "car"})),
                dispatch("went_online", json!({"driver": drv(driver)})),
            ]);
        }
        story
    }

    /// Up to and with this step of the life of order 1.
    fn until(last: &str) -> Self {
        let mut story = Self::begin();
        for (name, events) in life() {
            story.tell(events);
            if name == last {
                return story;
            }
        }
        panic!("there is no step {last}");
    }

    fn claim(&mut self) {
        self.epoch += 1;
        self.writer = format!("{:032x}", self.epoch);
        let claim = json!({"format": 1, "epoch": self.epoch, "writer": self.writer});
        self.append(&json!({ "claim": claim }));
    }

    fn append(&mut self, entry: &Value) {
        self.auditor.entry(self.position, entry.to_string().as_bytes());
        self.position += 1;
    }

    /// The next batch, a second later.
    fn tell(&mut self, events: Vec<Value>) {
        self.after(1_000, events);
    }

    fn after(&mut self, millis: i64, events: Vec<Value>) {
        self.at += millis;
        let batch = self.batch(events);
        self.append(&batch);
        self.seq += 1;
    }

    fn batch(&self, events: Vec<Value>) -> Value {
        let Self { epoch, writer, seq, at, .. } = self;
        json!({"batch": {
            "epoch": epoch, "writer": writer, "seq": seq, "at": at, "events": events,
        }})
    }

    /// A batch that answers a command.
    fn answer(&mut self, command: u128, outcome: Value, events: Vec<Value>) {
        let mut entry = self.batch(events);
        let id = CommandId::new(command).to_string();
        entry["batch"]["cause"] = json!({"id": id, "issued_at": self.at, "digest": 0});
        entry["batch"]["outcome"] = outcome;
        self.append(&entry);
        self.seq += 1;
    }

    /// The invariants that were found broken, each once, in the order in which they were.
    fn broken(&self) -> Vec<&'static str> {
        let mut broken: Vec<&'static str> = Vec::new();
        for violation in self.auditor.violations() {
            if !broken.contains(&violation.invariant) {
                broken.push(violation.invariant);
            }
        }
        broken
    }

    #[track_caller]
    fn breaks(&self, expected: &[&str]) {
        assert_eq!(self.broken(), expected, "{:#?}", self.auditor.violations());
    }
}

/// The whole life of order 1, delivered by Ana as delivery 1: its steps and their events.
fn life() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("opened", vec![opened(1)]),
        ("placed", vec![checkout(1, held()), placed(1)]),
        ("accepted", vec![accepted(1), delivery_opened(1)]),
        ("cooking", vec![order(1, json!("preparing_started"))]),
        ("captured", vec![payment(1, captured(TOTAL))]),
        ("offered", vec![offer(1, ANA, START + 60_000)]),
        ("taken", vec![taken(1, ANA), assigned(1, ANA)]),
        ("at_restaurant", vec![arrived(ANA)]),
        ("ready", vec![order(1, json!({"made_ready": {}}))]),
        ("picked_up", vec![picked_up(ANA)]),
        ("departed", vec![order(1, json!({"departed": {"driver": drv(ANA)}}))]),
        ("at_doorstep", vec![at_doorstep(ANA)]),
        ("delivered", vec![delivered(ANA), finished(1, json!({"delivered": {"earned": eur(1)}}))]),
    ]
}

/// The provider's book at the end of [`life`].
fn book() -> BookEntry {
    BookEntry {
        order: OrderId::from(1),
        held_minor: TOTAL,
        captured_minor: TOTAL,
        refunded_minor: 0,
        voided: false,
        holds: 1,
        captures: 1,
    }
}

fn order(n: u32, event: Value) -> Value {
    json!({"order": {"order": ord(n), "event": event}})
}

fn checkout(n: u32, event: Value) -> Value {
    json!({"checkout": {"order": ord(n), "event": event}})
}

fn dispatch(kind: &str, body: Value) -> Value {
    json!({"dispatch": {kind: body}})
}

fn payment(n: u32, event: Value) -> Value {
    order(n, json!({"payment": event}))
}

fn held() -> Value {
    json!({"payment": {"held": {"until": START + 1_000_000_000}}})
}

fn captured(minor: i64) -> Value {
    json!({"captured": {"amount": eur(minor)}})
}

fn refunded(minor: i64) -> Value {
    json!({"refunded": {"amount": eur(minor)}})
}

fn released(why: &str) -> Value {
    json!({"released": {"why": why}})
}

fn opened(n: u32) -> Value {
    let quote = json!({"distance_m": 900, "subtotal": eur(TOTAL), "total": eur(TOTAL)});
    let intent = json!({"order": ord(n), "promised": START + 10 * MINUTE, "quote": quote});
    checkout(n, json!({"opened": {"intent": intent, "until": START + 2 * MINUTE}}))
}

fn placed(n: u32) -> Value {
    order(n, json!({"placed": {"respond_by": START + 5 * MINUTE}}))
}

fn accepted(n: u32) -> Value {
    order(
        n,
        json!({"accepted": {
            "kitchen": "cooks",
            "estimate": START + 8 * MINUTE,
            "give_up_at": START + 30 * MINUTE,
            "pick_up_by": START + 60 * MINUTE,
        }}),
    )
}

fn delivery_opened(n: u32) -> Value {
    delivery_of(n, &[n], 1)
}

/// A delivery of these orders of a restaurant.
fn delivery_of(n: u32, orders: &[u32], restaurant: u32) -> Value {
    let restaurant = RestaurantId::from(restaurant).to_string();
    let orders: Vec<String> = orders.iter().map(|order| ord(*order)).collect();
    let body = json!({
        "delivery": dlv(n), "restaurant": restaurant, "orders": orders, "stage_ends_at": 0,
    });
    dispatch("opened", body)
}

fn offer(delivery: u32, driver: u32, expires_at: i64) -> Value {
    let body = json!({
        "delivery": dlv(delivery), "driver": drv(driver), "expires_at": expires_at,
        "mode": "scored", "distance_m": 5, "score": null, "considered": 2,
    });
    dispatch("offer_made", body)
}

fn taken(delivery: u32, driver: u32) -> Value {
    dispatch("taken", json!({"delivery": dlv(delivery), "driver": drv(driver)}))
}

fn assigned(n: u32, driver: u32) -> Value {
    let (driver, delivery, arrive_by) = (drv(driver), dlv(n), START + 30 * MINUTE);
    order(
        n,
        json!({"driver_assigned": {
            "driver": driver, "delivery": delivery, "arrive_by": arrive_by,
        }}),
    )
}

fn arrived(driver: u32) -> Value {
    order(1, json!({"arrived_at_restaurant": {"driver": drv(driver), "slack": 900_000}}))
}

fn picked_up(driver: u32) -> Value {
    order(1, json!({"picked_up": {"driver": drv(driver), "lost_at": START + 120 * MINUTE}}))
}

fn at_doorstep(driver: u32) -> Value {
    let leave_at = START + 20 * MINUTE;
    let body = json!({"driver": drv(driver), "leave_at": leave_at, "far_m": null});
    order(1, json!({"arrived_at_doorstep": body}))
}

fn delivered(driver: u32) -> Value {
    order(1, json!({"delivered": {"driver": drv(driver)}}))
}

fn finished(n: u32, end: Value) -> Value {
    dispatch("finished", json!({"delivery": dlv(n), "order": ord(n), "end": end}))
}

fn cancelled(n: u32, by: &str, ground: &str, fee: i64) -> Value {
    order(n, json!({"cancelled": {"by": by, "ground": ground, "fee": eur(fee)}}))
}

#[test]
fn a_good_life_breaks_nothing_and_is_told_in_full() {
    let mut story = Story::until("delivered");
    story.auditor.finish([book()]);
    story.breaks(&[]);
    let facts = story.auditor.orders().next().unwrap();
    let since = |at: Option<i64>| at.map(|at| (at - START) / 1_000);
    assert_eq!(since(Some(facts.opened_at)), Some(3));
    assert_eq!(since(facts.placed_at), Some(4));
    assert_eq!(since(facts.accepted_at), Some(5));
    assert_eq!(since(facts.ready_at), Some(11));
    assert_eq!(since(facts.picked_up_at), Some(12));
    assert_eq!(since(facts.at_doorstep_at), Some(14));
    assert_eq!(facts.end.map(|(_, end)| end), Some(End::Delivered));
    assert_eq!(facts.driver, Some(DriverId::from(ANA)));
    assert_eq!((facts.distance_m, story.auditor.counted_batches()), (900, 15));
}

#[test]
fn every_step_of_a_good_life_breaks_nothing() {
    for (name, _) in life() {
        Story::until(name).breaks(&[]);
    }
}

#[test]
fn violations_are_kept_up_to_a_bound_and_counted_all() {
    let mut story = Story::begin();
    for _ in 0..1_005 {
        story.tell(vec![dispatch("went_online", json!({"driver": drv(77)}))]);
    }
    assert_eq!(story.auditor.violations().len(), 1_000);
    assert_eq!(story.auditor.violation_count(), 1_005);
    assert_eq!(story.auditor.violations()[0].position, 3);
}
