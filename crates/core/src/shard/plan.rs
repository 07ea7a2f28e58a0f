//! The batch decision: who is sent where, all deliveries that wait considered at once.
//!
//! The matcher says who is near; readiness, doors, ages, values, and who will be free where, the
//! shard knows itself. A plan binds nobody: whom it sends now is offered the delivery, and everything
//! else is planned anew in the next round, what was declined with the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::Shard;
use super::decide::Decided;
use super::event::{Event, Refusal};
use crate::dispatch::plan::{
    Courier, Near, Plan, Planned, Planner, Reach, Scene, Trip, Verdict, Waiting,
};
use crate::dispatch::{
    self, Among, Candidate, Choice, Delivery, Located, Nearby, Proposal, Round, Search, Stage,
};
use crate::eta::{self, Vehicle};
use crate::id::{DeliveryId, DriverId, OrderId};
use crate::order::{Kitchen, Order, OrderStatus, Phase};
use crate::place::LatLng;
use crate::policy::Method;
use crate::time::{Span, Timestamp};

/// Offers of one round: what a record holds several times over. The others are for the next round,
/// those who must leave last.
const OFFERS_MAX: usize = 256;

/// A driver who should have been free this long ago may be stuck: nobody waits for them.
const OVERDUE: Span = Span::from_mins(5);

/// An order on its limit is worth ten others.
const URGENT_PERMILLE: u32 = 10_000;

/// What a round comes to, in the terms of the planner.
#[derive(Default)]
struct Known {
    waiting: Vec<Waiting<LatLng>>,
    /// By waiting order: its delivery, and how many free drivers are near.
    deliveries: Vec<(DeliveryId, u32)>,
    couriers: Vec<Courier<LatLng>>,
    near: Vec<Near>,
    /// Who may be asked now, and where they are; the others are only soon free.
    free: BTreeMap<DriverId, Located>,
}

impl Known {
    /// A trip whose driver is free, in the terms of dispatch.
    fn choice(&self, trip: &Trip, scarcity_permille: u32) -> Option<Choice> {
        let at = |order| self.waiting.iter().position(|waiting| waiting.order == order);
        let of = |order: &OrderId| self.deliveries.get(at(*order)?).copied();
        let (_, considered) = of(trip.orders.first()?)?;
        let pickup = self.waiting.get(at(*trip.orders.first()?)?)?.pickup;
        Some(Choice {
            deliveries: trip.orders.iter().filter_map(of).map(|(delivery, _)| delivery).collect(),
            driver: trip.driver,
            distance_m: self.free.get(&trip.driver)?.towards(pickup).distance_m,
            considered,
            planned: Planned {
                price: trip.price,
                leave_by: trip.leave_by,
                pickup_at: trip.pickup_at,
                runner_up: trip.runner_up,
                scarcity_permille,
            },
        })
    }
}

impl Shard {
    /// What [`Command::Plan`](super::Command::Plan) decides by: every trip with its price, part by
    /// part, and who else could make it; every order that is left waiting, and why. A delivery of
    /// several orders is planned under the first of them.
    ///
    /// Orders for which nobody may have to leave yet ([`sought_from`](Self::sought_from)) are left out.
    ///
    /// # Errors
    /// [`Refusal::Dispatch`] if the round is too large.
    pub fn plan(&self, round: &Round, now: Timestamp) -> Result<Plan, Refusal> {
        self.check_round(round)?;
        Ok(self.planned(&self.known(round, now.max(self.last_at)), now.max(self.last_at)))
    }

    /// From when on the delivery wants a driver; `None`: there is no such delivery.
    #[must_use]
    pub fn sought_from(&self, delivery: DeliveryId) -> Option<Timestamp> {
        let live = self.dispatch.delivery(delivery)?;
        Some(self.considered_from(self.ready(live), live.since))
    }

    /// From when on somebody may have to leave for what is ready then.
    fn considered_from(&self, ready_at: Timestamp, since: Timestamp) -> Timestamp {
        match self.policy.dispatch.method {
            Method::Nearest | Method::Scored => since,
            Method::Planned => ready_at.saturating_sub(self.policy.dispatch.plan.lead).max(since),
        }
    }

    /// When the food is ready, by what is known now.
    pub(super) fn ready_at(&self, order: &Order, estimate: Timestamp) -> Timestamp {
        match order.phase() {
            Phase::Underway { kitchen: Kitchen::Ready { at }, .. } => *at,
            Phase::Pending { .. }
            | Phase::Underway { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => {
                let estimated = estimate.saturating_sub(self.ride(order, Vehicle::Motorcycle));
                // A driver who was late for it has moved the estimate, and not the kitchen.
                let moments = order.history();
                let at = |status| moments.iter().find(|m| m.status == status).map(|m| m.at);
                match (at(OrderStatus::DriverAssigned), at(OrderStatus::Confirmed)) {
                    (Some(_), Some(confirmed_at)) => {
                        let usual = confirmed_at.saturating_add(order.intent().ready_span);
                        estimated.min(usual)
                    }
                    (None, _) | (_, None) => estimated,
                }
            }
        }
    }

    /// [`Command::Plan`](super::Command::Plan): offers to those who must leave.
    pub(super) fn offers_of(&self, round: &Round, now: Timestamp) -> Decided {
        self.check_round(round)?;
        let by_plan = match self.policy.dispatch.method {
            Method::Planned => !self.dispatch.overloaded(&self.policy),
            Method::Nearest | Method::Scored => false,
        };
        if !by_plan {
            return Ok(self.one_by_one(round, now));
        }
        let known = self.known(round, now);
        let plan = self.planned(&known, now);
        let mut going: Vec<&Trip> =
            plan.trips.iter().filter(|trip| trip.verdict == Verdict::Go).collect();
        going.sort_by_key(|trip| (trip.leave_by, trip.driver));
        let offers = going.into_iter().filter_map(|trip| {
            let choice = known.choice(trip, plan.scarcity_permille)?;
            // Who cannot be asked now is in the next round again.
            self.dispatch.offer(&choice, &self.policy, now).ok()
        });
        Ok(offers.flatten().take(OFFERS_MAX).map(Event::Dispatch).collect())
    }

    fn check_round(&self, round: &Round) -> Result<(), Refusal> {
        let most = Round::DELIVERIES_MAX;
        if round.near.len() > most as usize {
            return Err(dispatch::Refusal::TooManyDeliveries { most }.into());
        }
        let most = self.policy.dispatch.candidates.saturating_mul(2);
        if round.near.iter().any(|near| near.drivers.len() > most as usize) {
            return Err(dispatch::Refusal::TooManyCandidates { most }.into());
        }
        Ok(())
    }

    /// Each delivery by itself, the most urgent first, and nobody asked twice.
    fn one_by_one(&self, round: &Round, now: Timestamp) -> Vec<Event> {
        let located = located(round);
        let mut asked = BTreeSet::new();
        let mut events = Vec::new();
        for Nearby { delivery, drivers } in &round.near {
            let Some(live) = self.dispatch.delivery(*delivery) else { continue };
            let candidates: Vec<Candidate> = drivers
                .iter()
                .filter(|driver| !asked.contains(*driver))
                .filter_map(|driver| Some(located.get(driver)?.towards(live.pickup)))
                .collect();
            let proposal = Proposal { delivery: *delivery, among: Among::Located(candidates) };
            // Who cannot be offered now is in the next round again.
            let made = self.dispatch.propose(&proposal, &self.policy, now).unwrap_or_default();
            for event in made {
                if let dispatch::Event::OfferMade { driver, .. } = &event {
                    asked.insert(*driver);
                }
                events.push(Event::Dispatch(event));
            }
            if events.len() >= OFFERS_MAX {
                break;
            }
        }
        events
    }

    fn planned(&self, known: &Known, now: Timestamp) -> Plan {
        let speeds = &self.policy.dispatch.speeds;
        let scene = Scene {
            now,
            waiting: &known.waiting,
            couriers: &known.couriers,
            reach: Reach::Near(&known.near),
        };
        let travel = |from: &LatLng, to: &LatLng, vehicle| {
            eta::travel(from.distance_m(*to), vehicle, speeds)
        };
        // Nobody is in the scene twice, and a policy is checked before it is taken.
        Planner::new().plan(&scene, &self.policy.dispatch.plan, travel).unwrap_or_default()
    }

    /// The scene of a round: what the matcher says, and what the shard knows.
    fn known(&self, round: &Round, now: Timestamp) -> Known {
        let dispatch = &self.policy.dispatch;
        let mut known = Known::default();
        let mut numbers = BTreeMap::new();
        for (driver, located) in located(round) {
            let Some(of) = self.dispatch.driver(driver) else { continue };
            if of.is_free(dispatch.capacity) {
                numbers.insert(driver, number(known.couriers.len()));
                known.couriers.push(self.courier(driver, located.at, now));
                known.free.insert(driver, located);
            }
        }
        let busy = self.soon_free(now);
        let first_busy = known.couriers.len();
        known.couriers.extend(busy.iter().map(|soon| soon.courier));
        let mean = self.mean_value(round);
        let mut reached: BTreeMap<(LatLng, u32), Vec<u32>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for Nearby { delivery, drivers } in &round.near {
            let Some(live) = self.dispatch.delivery(*delivery) else { continue };
            let Some(search) = live.search().filter(|search| search.offers.is_empty()) else {
                continue;
            };
            let Some(order) = self.waiting(live, search, mean, now) else { continue };
            if !seen.insert(*delivery) {
                continue;
            }
            let radius_m = search.stage.radius_m(dispatch);
            let waiting = number(known.waiting.len());
            let mut considered = 0_u32;
            let mut named = BTreeSet::new();
            for &driver in drivers {
                let asked = self.dispatch.askable(driver, search, &self.policy);
                let (Some(courier), Some(_), true) =
                    (numbers.get(&driver), asked, named.insert(driver))
                else {
                    continue;
                };
                let Some(candidate) = known.free.get(&driver).map(|at| at.towards(live.pickup))
                else {
                    continue;
                };
                if candidate.distance_m <= radius_m {
                    let off_course_deg = candidate.off_course_deg;
                    known.near.push(Near { waiting, courier: *courier, off_course_deg });
                    considered = considered.saturating_add(1);
                }
            }
            let near_door = reached.entry((live.pickup, radius_m)).or_insert_with(|| {
                nearest(&busy, live.pickup, radius_m, dispatch.candidates as usize)
            });
            for &at in near_door.iter() {
                let Some(soon) = busy.get(at as usize) else { continue };
                if !search.passed.contains(&soon.courier.driver) {
                    let courier = number(first_busy.saturating_add(at as usize));
                    known.near.push(Near { waiting, courier, off_course_deg: None });
                }
            }
            known.waiting.push(order);
            known.deliveries.push((*delivery, considered));
        }
        known
    }

    /// The delivery as the planner sees it, if its search has begun.
    fn waiting(
        &self,
        live: &Delivery,
        search: &Search,
        mean_value: i64,
        now: Timestamp,
    ) -> Option<Waiting<LatLng>> {
        let plan = &self.policy.dispatch.plan;
        let ready_at = self.ready(live);
        if self.considered_from(ready_at, live.since) > now {
            return None;
        }
        let orders = || live.orders.iter().filter_map(|order| self.order(*order));
        let placed_at = orders().map(|order| order.intent().opened_at).min()?;
        let urgent =
            search.stage == Stage::Flagged || placed_at.saturating_add(plan.urgent_after) <= now;
        Some(Waiting {
            order: *live.orders.first()?,
            restaurant: live.restaurant,
            pickup: live.pickup,
            drop_off: orders().next_back()?.intent().drop_off,
            placed_at,
            ready_at: ready_at.max(placed_at),
            urgency_permille: if urgent {
                URGENT_PERMILLE
            } else {
                worth(live.value.minor(), mean_value, plan.value_permille)
            },
        })
    }

    /// When all of a delivery is ready.
    fn ready(&self, live: &Delivery) -> Timestamp {
        let orders = live.orders.iter().filter_map(|order: &OrderId| self.order(*order));
        let ready = orders.map(|order| self.ready_at(order, order.intent().estimate));
        ready.max().unwrap_or(live.since)
    }

    /// The mean value of what waits, in minor units.
    fn mean_value(&self, round: &Round) -> i64 {
        let live = round.near.iter().filter_map(|near| self.dispatch.delivery(near.delivery));
        let (sum, many) = live.fold((0_i64, 0_i64), |(sum, many), live| {
            (sum.saturating_add(live.value.minor()), many.saturating_add(1))
        });
        sum.checked_div(many).unwrap_or(0)
    }

    fn courier(&self, driver: DriverId, at: LatLng, free_at: Timestamp) -> Courier<LatLng> {
        let known = self.dispatch.driver(driver);
        Courier {
            driver,
            vehicle: known.map_or(Vehicle::Walking, |known| known.vehicle),
            at,
            free_at,
            off_at: Timestamp::NEVER,
            orders: 0,
            guarantee_permille: u64::MAX,
            declined_permille: known.map_or(0, |known| known.record.declined_permille()),
        }
    }

    /// Who has their hands full and will be free within the horizon, from south to north.
    fn soon_free(&self, now: Timestamp) -> Vec<Soon> {
        let dispatch = &self.policy.dispatch;
        let latest = now.saturating_add(dispatch.plan.horizon);
        let finishing = self.dispatch.deliveries().filter_map(|(id, live)| {
            let driver = live.driver()?;
            let known = self.dispatch.driver(driver)?;
            let full = known.duty == dispatch::Duty::Online
                && known.offer.is_none()
                && !known.is_free(dispatch.capacity);
            let last = known.carrying.last() == Some(&id);
            let (at, free_at) = (full && last).then(|| self.finishes(live, driver, now))??;
            (free_at <= latest).then(|| Soon { courier: self.courier(driver, at, free_at) })
        });
        let mut soon: Vec<Soon> = finishing.collect();
        soon.sort_by_key(|soon| (soon.courier.at.lat_e7(), soon.courier.driver));
        soon
    }

    /// Where and when the driver of a delivery is free again; `None`: nobody knows.
    fn finishes(
        &self,
        live: &Delivery,
        driver: DriverId,
        now: Timestamp,
    ) -> Option<(LatLng, Timestamp)> {
        let plan = &self.policy.dispatch.plan;
        let order = self.order(*live.orders.last()?)?;
        let vehicle = self.dispatch.driver(driver)?.vehicle;
        // An estimate takes a motorcycle to the door.
        let slower = self
            .ride(order, vehicle)
            .as_millis()
            .saturating_sub(self.ride(order, Vehicle::Motorcycle).as_millis());
        let packing = match order.phase() {
            Phase::Underway { .. } => plan.service_after_pickup,
            Phase::Pending { .. }
            | Phase::OnTheWay { .. }
            | Phase::Delivered { .. }
            | Phase::Undelivered { .. }
            | Phase::Cancelled { .. } => Span::ZERO,
        };
        let free_at = order
            .intent()
            .estimate
            .saturating_add(Span::from_millis(slower))
            .saturating_add(packing)
            .saturating_add(plan.service_before_drop_off)
            .saturating_add(plan.service_after_drop_off);
        let stuck = free_at.saturating_add(OVERDUE) < now;
        let soonest = now.saturating_add(plan.service_after_drop_off);
        (!stuck).then(|| (order.intent().drop_off, free_at.max(soonest)))
    }

    pub(super) fn ride(&self, order: &Order, vehicle: Vehicle) -> Span {
        eta::travel(order.quote().distance_m, vehicle, &self.policy.dispatch.speeds)
    }
}

/// A driver who will be free at their last door.
struct Soon {
    courier: Courier<LatLng>,
}

/// Who will be free near a place, the nearest `most` of those within the radius.
fn nearest(soon: &[Soon], pickup: LatLng, radius_m: u32, most: usize) -> Vec<u32> {
    // A ten-millionth of a degree is more than a ninetieth of a metre.
    let reach = i32::try_from(radius_m).unwrap_or(i32::MAX).saturating_mul(91);
    let (south, north) =
        (pickup.lat_e7().saturating_sub(reach), pickup.lat_e7().saturating_add(reach));
    let first = soon.partition_point(|soon| soon.courier.at.lat_e7() < south);
    let mut found: Vec<(u32, DriverId, u32)> = (first..)
        .zip(soon.iter().skip(first))
        .take_while(|(_, soon)| soon.courier.at.lat_e7() <= north)
        .map(|(at, soon)| (soon.courier.at.distance_m(pickup), soon.courier.driver, number(at)))
        .filter(|(distance_m, ..)| *distance_m <= radius_m)
        .collect();
    found.sort_unstable();
    found.into_iter().take(most).map(|(.., at)| at).collect()
}

/// Where each driver is; of one named twice the first counts.
fn located(round: &Round) -> BTreeMap<DriverId, Located> {
    round.drivers.iter().rev().map(|located| (located.driver, *located)).collect()
}

/// What it costs to leave an order of this value waiting, in thousandths of one without any.
fn worth(value: i64, mean: i64, value_permille: u32) -> u32 {
    let times = value.saturating_mul(1_000).checked_div(mean).unwrap_or(1_000).clamp(0, 3_000);
    let more = times.saturating_mul(i64::from(value_permille)).checked_div(1_000).unwrap_or(0);
    u32::try_from(more).unwrap_or(0).saturating_add(1_000).min(URGENT_PERMILLE)
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
