//! The drivers: where they are, what they carry, what they tap, and when they do not.

use doorstep_core::eta::{self, Vehicle};
use doorstep_core::id::{DeliveryId, DriverId};
use doorstep_core::order::FailReason;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, DriverAct, OperationsAct};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::{Fix, Ping};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::errand::Who;
use super::storage::Storage;
use super::whims::{Whim, Whose};
use super::{Happening, World};
use crate::day::DayCourier;
use crate::report::Shift;

/// Every driver sends a position this often.
const PING_EVERY_S: usize = 5;

/// Of a thousand offers a choosy driver declines this many.
const CHOOSY_DECLINE: u16 = 500;

/// What a driver does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Answers an offer.
    Answer { delivery: DeliveryId, yes: bool },
    /// Taps.
    Tap(Tap),
    /// Gives the delivery back.
    DropOut,
    /// The phone goes silent.
    GoSilent,
    /// The phone is back.
    Return,
}

/// A tap on the driver's screen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tap {
    AtRestaurant,
    PickUp,
    Depart,
    AtDoorstep,
    HandOver,
    NobodyHome,
}

/// A way from one place to another, as the crow flies.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: LatLng,
    to: LatLng,
    begins: Timestamp,
    ends: Timestamp,
    heading_deg: u16,
}

impl Way {
    fn standing(at: LatLng) -> Self {
        let begins = Timestamp::EPOCH;
        Self { from: at, to: at, begins, ends: begins, heading_deg: 0 }
    }

    fn at(&self, now: Timestamp) -> LatLng {
        let whole = i64::try_from(self.ends.saturating_since(self.begins).as_millis());
        let (Ok(whole), false) = (whole, now >= self.ends) else { return self.to };
        let part = i64::try_from(now.saturating_since(self.begins).as_millis()).unwrap_or(0);
        let between = |from: i32, to: i32| {
            let (from, to) = (i64::from(from), i64::from(to));
            let moved = to.saturating_sub(from).saturating_mul(part).checked_div(whole);
            i32::try_from(from.saturating_add(moved.unwrap_or(0))).unwrap_or(i32::MAX)
        };
        let lat = between(self.from.lat_e7(), self.to.lat_e7());
        let lng = between(self.from.lng_e7(), self.to.lng_e7());
        LatLng::from_e7(lat, lng).unwrap_or(self.to)
    }

    fn is_moving(&self, now: Timestamp) -> bool {
        now < self.ends
    }
}

/// A driver.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    id: DriverId,
    vehicle: Vehicle,
    /// Thousandths of the vehicle's usual speed.
    pace: u64,
    way: Way,
    on_shift: bool,
    silent: bool,
    /// What is carried: a delivery and its meals, in the order of their doors.
    carrying: Option<(DeliveryId, Vec<usize>)>,
    /// Whether the meals are in the bag.
    picked_up: bool,
    /// At the restaurant, for the meal to be ready.
    waits: bool,
    /// What came of the shift so far.
    done: Shift,
    /// Counts changes of plan: what was planned before the last one is void.
    plan: u64,
}

impl Courier {
    pub(super) fn new(id: DriverId, shift: &DayCourier, choosy: bool, mut rng: ChaCha8Rng) -> Self {
        Self {
            id,
            vehicle: shift.vehicle,
            pace: rng.random_range(850..=1_150),
            way: Way::standing(shift.start),
            on_shift: false,
            silent: false,
            carrying: None,
            picked_up: false,
            waits: false,
            done: Shift { choosy, ..Shift::default() },
            plan: 0,
        }
    }

    /// What came of the shift so far.
    pub(super) const fn shift(&self) -> Shift {
        self.done
    }

    /// The meal whose door is next.
    fn next_meal(&self) -> Option<usize> {
        self.carrying.as_ref().and_then(|(_, meals)| meals.first().copied())
    }
}

impl<S: Storage> World<S> {
    pub(super) fn shift_begins(&mut self, index: usize) {
        let Some(courier) = self.couriers.get_mut(index) else { return };
        courier.on_shift = true;
        let (driver, vehicle) = (courier.id, courier.vehicle);
        self.send(Who::Operations, Command::Operations(OperationsAct::Admit { driver, vehicle }));
        self.send(Who::Courier, Command::Driver { driver, act: DriverAct::GoOnline });
    }

    pub(super) fn shift_ends(&mut self, index: usize) {
        let Some(courier) = self.couriers.get_mut(index) else { return };
        courier.on_shift = false;
        let driver = courier.id;
        self.send(Who::Courier, Command::Driver { driver, act: DriverAct::GoOffline });
    }

    /// An offer rings: the driver will answer, or not.
    pub(super) fn offer_rings(&mut self, driver: DriverId, delivery: DeliveryId) {
        let Some(index) = courier_index(driver) else { return };
        self.tally.offers = self.tally.offers.saturating_add(1);
        if self.chance(Whose::Courier(index), Whim::Ignore, self.config.ignore) {
            return;
        }
        let choosy = self.couriers.get(index).is_some_and(|courier| courier.done.choosy);
        let decline = if choosy { CHOOSY_DECLINE } else { self.config.decline };
        let yes = !self.chance(Whose::Courier(index), Whim::Decline, decline);
        let think = self.some_seconds(Whose::Courier(index), Whim::Think, 2, 12);
        self.plan_courier(index, think, Act::Answer { delivery, yes });
    }

    /// The driver has a delivery: off to the restaurant. Of its meals the first sends them.
    pub(super) fn off_to_restaurant(
        &mut self,
        driver: DriverId,
        delivery: DeliveryId,
        meal: usize,
    ) {
        let Some(index) = courier_index(driver) else { return };
        let Some(pickup) = self.meals.get(meal).map(|meal| meal.plan.pickup) else { return };
        let carrying = self.couriers.get_mut(index).and_then(|c| c.carrying.as_mut());
        if let Some((_, meals)) = carrying.filter(|(carried, _)| *carried == delivery) {
            meals.push(meal);
            return;
        }
        let Some(courier) = self.change_plan(index) else { return };
        courier.carrying = Some((delivery, vec![meal]));
        courier.picked_up = false;
        let there = self.set_out(index, pickup, Span::ZERO);
        let half = Span::from_millis(there.as_millis() / 2);
        if self.chance(Whose::Courier(index), Whim::DropOut, self.config.drop_out) {
            self.plan_courier(index, half, Act::DropOut);
        } else if self.chance(Whose::Courier(index), Whim::GoSilent, self.config.go_silent) {
            self.plan_courier(index, half, Act::GoSilent);
        } else {
            let tap =
                there.saturating_add(self.some_seconds(Whose::Courier(index), Whim::Tap, 1, 40));
            self.plan_courier(index, tap, Act::Tap(Tap::AtRestaurant));
        }
    }

    /// The driver is known to be at the restaurant, for this meal.
    pub(super) fn at_restaurant(&mut self, driver: DriverId, meal: usize) {
        let Some(index) = self.holds_first(driver, meal) else { return };
        if let Some(courier) = self.change_plan(index) {
            courier.waits = true;
            self.take_it(driver);
        }
    }

    /// Takes the meals, if the driver is beside them and all of them are ready.
    pub(super) fn take_it(&mut self, driver: DriverId) {
        let Some(index) = courier_index(driver) else { return };
        let Some(courier) = self.couriers.get(index).filter(|courier| courier.waits) else {
            return;
        };
        let mut meals = courier.carrying.iter().flat_map(|(_, meals)| meals);
        if !meals.all(|meal| self.meals.get(*meal).is_some_and(|meal| meal.ready)) {
            return;
        }
        let pack = self.some_seconds(Whose::Courier(index), Whim::Pack, 15, 60);
        self.plan_courier(index, pack, Act::Tap(Tap::PickUp));
    }

    /// The driver has this meal: off to the door of the first of them.
    pub(super) fn has_picked_up(&mut self, driver: DriverId, meal: usize) {
        let Some(index) = self.holds_first(driver, meal) else { return };
        if let Some(courier) = self.couriers.get_mut(index) {
            courier.picked_up = true;
            self.tally.bags = self.tally.bags.saturating_add(1);
            let many = courier.carrying.as_ref().map_or(0, |(_, meals)| meals.len());
            let many = u64::try_from(many).unwrap_or(u64::MAX);
            self.tally.bagged = self.tally.bagged.saturating_add(many);
        }
        self.off_to_door(index);
    }

    /// Off to the next door.
    fn off_to_door(&mut self, index: usize) {
        let Some(courier) = self.change_plan(index) else { return };
        let Some(meal) = courier.next_meal() else { return };
        let Some(door) = self.meals.get(meal).map(|meal| meal.plan.drop_off) else { return };
        let mount = Span::from_secs(5);
        self.plan_courier(index, mount, Act::Tap(Tap::Depart));
        let there = self.set_out(index, door, mount);
        let tap = there.saturating_add(self.some_seconds(Whose::Courier(index), Whim::Tap, 1, 30));
        self.plan_courier(index, tap, Act::Tap(Tap::AtDoorstep));
    }

    /// The driver is known to be at the door.
    pub(super) fn at_door(&mut self, driver: DriverId) {
        let Some(index) = courier_index(driver) else { return };
        if self.change_plan(index).is_none() {
            return;
        }
        let tap = if self.chance(Whose::Courier(index), Whim::Absent, self.config.absent) {
            Tap::NobodyHome
        } else {
            Tap::HandOver
        };
        let ring = self.some_seconds(Whose::Courier(index), Whim::Ring, 30, 150);
        self.plan_courier(index, ring, Act::Tap(tap));
    }

    /// The driver has handed an order over.
    pub(super) fn has_delivered(&mut self, driver: DriverId) {
        let courier = courier_index(driver).and_then(|index| self.couriers.get_mut(index));
        if let Some(courier) = courier {
            courier.done.delivered = courier.done.delivered.saturating_add(1);
        }
    }

    /// What the driver gets for an order.
    pub(super) fn has_earned(&mut self, driver: DriverId, minor: i64) {
        let courier = courier_index(driver).and_then(|index| self.couriers.get_mut(index));
        if let Some(courier) = courier {
            let earned = &mut courier.done.earned_minor;
            *earned = earned.saturating_add(minor.max(0).unsigned_abs());
        }
    }

    /// The driver has this meal no more: goes on with the others, or has nothing any more.
    pub(super) fn let_go(&mut self, driver: DriverId, meal: usize) {
        let Some(index) = courier_index(driver) else { return };
        let (now, left) = (self.now, self.way_left(index));
        let Some(courier) = self.couriers.get_mut(index) else { return };
        let was_next = courier.next_meal() == Some(meal);
        let Some((_, meals)) = &mut courier.carrying else { return };
        meals.retain(|other| *other != meal);
        let (nothing_left, picked_up) = (meals.is_empty(), courier.picked_up);
        if nothing_left || (picked_up && was_next) {
            // The way there ends here.
            courier.way = Way::standing(courier.way.at(now));
            self.tally.metres = self.tally.metres.saturating_sub(left);
        }
        if nothing_left {
            courier.carrying = None;
            self.change_plan(index);
        } else if picked_up && was_next {
            self.off_to_door(index);
        } else if !picked_up {
            self.take_it(driver);
        }
    }

    /// The driver, if this meal is the first of what they have.
    fn holds_first(&self, driver: DriverId, meal: usize) -> Option<usize> {
        let index = courier_index(driver)?;
        (self.couriers.get(index)?.next_meal() == Some(meal)).then_some(index)
    }

    pub(super) fn courier(&mut self, index: usize, plan: u64, act: Act) {
        let Some(courier) = self.couriers.get_mut(index) else { return };
        let driver = courier.id;
        match act {
            Act::Answer { delivery, yes } => {
                if courier.silent || courier.carrying.is_some() {
                    return;
                }
                let act = if yes {
                    DriverAct::Accept { delivery }
                } else {
                    DriverAct::Decline { delivery }
                };
                self.send(Who::Courier, Command::Driver { driver, act });
            }
            Act::Return => courier.silent = false,
            Act::Tap(_) | Act::DropOut | Act::GoSilent if courier.plan != plan => {}
            Act::GoSilent => {
                courier.silent = true;
                self.plan_courier(index, Span::from_mins(40), Act::Return);
            }
            Act::DropOut => {
                if let Some((delivery, _)) = &courier.carrying {
                    let act = DriverAct::Drop { delivery: *delivery };
                    self.send(Who::Courier, Command::Driver { driver, act });
                }
            }
            Act::Tap(tap) => {
                let Some((delivery, meals)) = &courier.carrying else { return };
                let (delivery, meal) = (*delivery, meals.first().copied());
                let here = courier.way.at(self.now);
                let act = match tap {
                    Tap::AtRestaurant => DriverAct::ArriveAtRestaurant { delivery },
                    Tap::PickUp => DriverAct::PickUp { delivery },
                    Tap::Depart => DriverAct::Depart { delivery },
                    Tap::AtDoorstep => {
                        let meal = meal.and_then(|meal| self.meals.get(meal));
                        let door = meal.map(|meal| meal.plan.drop_off);
                        let distance_m = door.map(|door| door.distance_m(here));
                        DriverAct::ArriveAtDoorstep { delivery, distance_m }
                    }
                    Tap::HandOver => DriverAct::Deliver { delivery },
                    Tap::NobodyHome => DriverAct::Fail {
                        delivery,
                        reason: FailReason::CustomerAbsent,
                        returned: true,
                    },
                };
                self.send(Who::Courier, Command::Driver { driver, act });
            }
        }
    }

    /// A fifth of the drivers send where they are.
    pub(super) fn pings(&mut self) {
        let now = self.now;
        let turn = usize::try_from(now.as_millis() / 1_000).unwrap_or(0) % PING_EVERY_S;
        let mut pings = Vec::new();
        for courier in self.couriers.iter_mut().skip(turn).step_by(PING_EVERY_S) {
            let busy = courier.carrying.is_some();
            if courier.silent || !(courier.on_shift || busy) {
                continue;
            }
            let moving = courier.way.is_moving(now);
            let fix = Fix {
                accuracy_m: Some(10),
                heading_deg: moving.then_some(courier.way.heading_deg),
                ..Fix::new(courier.way.at(now), now)
            };
            pings.push(Ping::new(courier.id, fix));
            courier.done.online_s = courier.done.online_s.saturating_add(5);
            self.tally.online_s = self.tally.online_s.saturating_add(5);
            self.tally.busy_s = self.tally.busy_s.saturating_add(if busy { 5 } else { 0 });
        }
        let sent = u64::try_from(pings.len()).unwrap_or(u64::MAX);
        self.tally.pings = self.tally.pings.saturating_add(sent);
        self.process.record_pings(&pings);
        self.plan_in(Span::from_secs(1), Happening::Pings);
    }

    /// Sends a driver on a way that begins after a pause; says how long until the end of it.
    fn set_out(&mut self, index: usize, to: LatLng, pause: Span) -> Span {
        let begins = self.now.saturating_add(pause);
        let Some(courier) = self.couriers.get_mut(index) else { return Span::ZERO };
        let from = courier.way.at(self.now);
        let distance_m = from.distance_m(to);
        let usual = eta::travel(distance_m, courier.vehicle, &self.config.policy.dispatch.speeds);
        let takes = usual.as_millis().saturating_mul(1_000).checked_div(courier.pace);
        let takes = Span::from_millis(takes.unwrap_or_default());
        let ends = begins.saturating_add(takes);
        courier.way = Way { from, to, begins, ends, heading_deg: from.bearing_deg(to) };
        self.tally.metres = self.tally.metres.saturating_add(u64::from(distance_m));
        pause.saturating_add(takes)
    }

    /// Metres that a driver's way still goes on.
    fn way_left(&self, index: usize) -> u64 {
        self.couriers
            .get(index)
            .map_or(0, |courier| u64::from(courier.way.at(self.now).distance_m(courier.way.to)))
    }

    /// Voids what a driver had planned.
    fn change_plan(&mut self, index: usize) -> Option<&mut Courier> {
        let courier = self.couriers.get_mut(index)?;
        courier.plan = courier.plan.saturating_add(1);
        courier.waits = false;
        Some(courier)
    }

    fn plan_courier(&mut self, index: usize, span: Span, act: Act) {
        let Some(plan) = self.couriers.get(index).map(|courier| courier.plan) else { return };
        self.plan_in(span, Happening::Courier(index, plan, act));
    }
}

/// Drivers are numbered from 1.
pub(super) fn courier_index(driver: DriverId) -> Option<usize> {
    usize::try_from(driver.get()).ok()?.checked_sub(1)
}
