//! A world of two drivers and two deliveries, and what the tests say about it.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod bundles;
mod histories;
mod rules;
mod table;

use super::plan::{Planned, Price};
use super::*;
use crate::eta::Vehicle;
use crate::money::{Currency, Money};
use crate::time::Span;

/// Dan is whom the tests are about; Eve is somebody else.
fn dan() -> DriverId {
    DriverId::from(1)
}

fn eve() -> DriverId {
    DriverId::from(2)
}

/// The delivery that the tests are about, and another one.
fn this() -> DeliveryId {
    DeliveryId::from(1)
}

fn other() -> DeliveryId {
    DeliveryId::from(2)
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn policy() -> Policy {
    Policy::new(Currency::new("EUR").unwrap())
}

fn order_of(delivery: DeliveryId) -> OrderId {
    OrderId::new(delivery.get()).unwrap()
}

fn open(delivery: DeliveryId) -> Command {
    open_with(delivery, vec![order_of(delivery)], eur(2_000))
}

fn open_with(delivery: DeliveryId, orders: Vec<OrderId>, value: Money) -> Command {
    let (restaurant, pickup) = (RestaurantId::from(1), LatLng::from_e7(0, 0).unwrap());
    Command::Open { delivery, restaurant, pickup, orders, value }
}

fn at(driver: DriverId, distance_m: u32) -> Candidate {
    Candidate { driver, distance_m, off_course_deg: None }
}

fn propose(delivery: DeliveryId, candidates: &[Candidate]) -> Command {
    Command::Propose(Proposal { delivery, among: Among::Located(candidates.to_vec()) })
}

fn ask(delivery: DeliveryId, driver: DriverId) -> Command {
    propose(delivery, &[at(driver, 500)])
}

fn broadcast(delivery: DeliveryId, drivers: &[DriverId]) -> Command {
    Command::Propose(Proposal { delivery, among: Among::Unlocated(drivers.to_vec()) })
}

/// A plan names `driver` for these together.
fn choose(deliveries: &[DeliveryId], driver: DriverId) -> Command {
    let at = Timestamp::from_secs(1_000_600);
    Command::Offer(Choice {
        deliveries: deliveries.to_vec(),
        driver,
        distance_m: 500,
        considered: 2,
        planned: Planned {
            price: Price::default(),
            leave_by: at,
            pickup_at: at,
            runner_up: None,
            scarcity_permille: 0,
        },
    })
}

fn accept(delivery: DeliveryId, driver: DriverId) -> Command {
    Command::Accept { delivery, driver }
}

fn decline(delivery: DeliveryId, driver: DriverId) -> Command {
    Command::Decline { delivery, driver }
}

fn give_back(delivery: DeliveryId, driver: DriverId) -> Command {
    Command::Drop { delivery, driver, why: DropReason::Driver }
}

fn assign(delivery: DeliveryId, driver: DriverId) -> Command {
    Command::Assign { delivery, driver }
}

fn finish(delivery: DeliveryId, end: End) -> Command {
    Command::Finish { delivery, order: order_of(delivery), end }
}

fn delivered() -> End {
    End::Delivered { earned: eur(300) }
}

fn admit(driver: DriverId) -> Command {
    Command::Admit { driver, vehicle: Vehicle::Bicycle }
}

fn online(driver: DriverId) -> Command {
    Command::GoOnline { driver }
}

fn offline(driver: DriverId) -> Command {
    Command::GoOffline { driver }
}

struct World {
    dispatch: Dispatch,
    policy: Policy,
    now: Timestamp,
}

impl World {
    fn new(policy: Policy) -> Self {
        Self { dispatch: Dispatch::new(), policy, now: Timestamp::from_secs(1_000_000) }
    }

    /// Dan and Eve online, this delivery searching.
    fn searching() -> Self {
        let mut world = Self::new(policy());
        let start = [admit(dan()), online(dan()), admit(eve()), online(eve()), open(this())];
        world.all(&start);
        world
    }

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        self.dispatch.decide(command, &self.policy, self.now)
    }

    fn does(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        let events = self.decide(command)?;
        for event in &events {
            self.dispatch.evolve(event, self.now).unwrap();
            assert_eq!(self.dispatch.index, Index::of(&self.dispatch.deliveries), "{event:?}");
        }
        self.dispatch.check().unwrap();
        Ok(events)
    }

    fn all(&mut self, commands: &[Command]) {
        for command in commands {
            self.does(command).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
        }
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now.saturating_add(span);
    }

    /// Lets `span` pass, ticking whenever something is due, then looks again at its end.
    fn pass(&mut self, span: Span) {
        let end = self.now.saturating_add(span);
        while let Some(due) = self.dispatch.next_deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            assert!(!self.does(&Command::Tick).unwrap().is_empty(), "a due tick does something");
        }
        self.now = end;
    }

    fn search(&self, delivery: DeliveryId) -> &Search {
        self.dispatch.delivery(delivery).unwrap().search().unwrap()
    }

    fn record(&self, driver: DriverId) -> Record {
        self.dispatch.driver(driver).unwrap().record
    }
}
