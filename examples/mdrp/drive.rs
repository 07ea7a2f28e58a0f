//! A day, minute by minute: what is known goes in, what is committed comes out.

use std::error::Error;
use std::time::{Duration, Instant};

use doorstep::core::dispatch::plan::{
    self, BadScene, PlanPolicy, Planner, Reach, Scene, Verdict, Waiting,
};
use doorstep::core::eta::Vehicle;
use doorstep::core::id::{DriverId, OrderId, RestaurantId};
use doorstep::core::time::{Span, Timestamp};

use super::check::Assigned;
use super::instance::{Instance, Point};

/// What came of a day.
pub(crate) struct Run {
    pub(crate) plan: Vec<Assigned>,
    /// How long each tick took.
    pub(crate) decisions: Vec<Duration>,
}

/// The library's planner, every minute.
pub(crate) fn planned(instance: &Instance, policy: &PlanPolicy) -> Result<Run, BadScene> {
    let mut day = Day::new(instance);
    let (mut planner, mut decisions) = (Planner::new(), Vec::new());
    let travel = |from: &Point, to: &Point, _: Vehicle| {
        Span::from_mins(instance.travel(*from, *to).unsigned_abs())
    };
    let (mut open, mut known) = (Vec::new(), 0);
    for now in day.minutes() {
        while instance.orders.get(known).is_some_and(|order| order.placed <= now) {
            open.push(known);
            known += 1;
        }
        if open.is_empty() {
            continue;
        }
        let waiting: Vec<_> = open.iter().map(|order| day.waiting(*order)).collect();
        let on_duty: Vec<_> = day.on_duty(now).map(|courier| day.courier(courier)).collect();
        let scene =
            Scene { now: at(now), waiting: &waiting, couriers: &on_duty, reach: Reach::Everybody };
        let begun = Instant::now();
        let plan = planner.plan(&scene, policy, travel)?;
        decisions.push(begun.elapsed());
        for trip in plan.trips.iter().filter(|trip| trip.verdict == Verdict::Go) {
            let orders: Vec<_> = trip.orders.iter().map(|order| order.get() as usize).collect();
            day.commit(trip.driver.get() as usize, &orders, now);
            open.retain(|order| !orders.contains(order));
        }
    }
    Ok(Run { plan: day.plan, decisions })
}

/// How often a day is cut.
const CUTS: i64 = 24;

/// Cuts the day's orders off after many minutes: whatever `plan` decided until then is decided again.
/// Says how often that was seen to be so.
pub(crate) fn cut(
    instance: &Instance,
    policy: &PlanPolicy,
    plan: &[Assigned],
) -> Result<usize, Box<dyn Error>> {
    let placed = |order: Option<&super::instance::Order>| order.map_or(0, |order| order.placed);
    let (first, last) = (placed(instance.orders.first()), placed(instance.orders.last()));
    for part in 0..CUTS {
        let minute = first + (last - first) * part / CUTS;
        let mut short = instance.clone();
        short.orders.retain(|order| order.placed <= minute);
        let again = planned(&short, policy)?.plan;
        let until = |plan: &[Assigned]| -> Vec<Assigned> {
            plan.iter().filter(|row| row.decided_min <= minute).cloned().collect()
        };
        if until(&again) != until(plan) {
            let name = &instance.name;
            return Err(format!("{name}: minute {minute} knew of an order placed later").into());
        }
    }
    Ok(usize::try_from(CUTS)?)
}

/// Each order at its placement to whoever can pick it up first, of those the one with the shorter way.
pub(crate) fn greedy(instance: &Instance) -> Vec<Assigned> {
    let mut day = Day::new(instance);
    for (at, order) in instance.orders.iter().enumerate() {
        let kitchen = instance.kitchen(order);
        let feasible = (0..instance.couriers.len()).filter_map(|courier| {
            let way = instance.travel(day.places[courier], kitchen);
            let pickup = order.ready.max(day.free[courier].max(order.placed) + way + 2);
            (pickup <= instance.couriers[courier].off).then_some((pickup, way, courier))
        });
        if let Some((_, _, courier)) = feasible.min() {
            day.commit(courier, &[at], order.placed);
        }
    }
    day.plan
}

/// Where everybody is.
struct Day<'a> {
    instance: &'a Instance,
    free: Vec<i64>,
    places: Vec<Point>,
    carried: Vec<u32>,
    bundles: u32,
    plan: Vec<Assigned>,
}

impl<'a> Day<'a> {
    fn new(instance: &'a Instance) -> Self {
        Self {
            instance,
            free: instance.couriers.iter().map(|courier| courier.on).collect(),
            places: instance.couriers.iter().map(|courier| courier.start).collect(),
            carried: vec![0; instance.couriers.len()],
            bundles: 0,
            plan: Vec::new(),
        }
    }

    fn minutes(&self) -> std::ops::RangeInclusive<i64> {
        let first = self.instance.orders.first().map_or(0, |order| order.placed);
        first..=self.instance.couriers.iter().map(|courier| courier.off).max().unwrap_or(0)
    }

    fn on_duty(&self, now: i64) -> impl Iterator<Item = usize> {
        let couriers = self.instance.couriers.iter().enumerate();
        couriers.filter(move |(_, c)| c.on <= now && now < c.off).map(|(courier, _)| courier)
    }

    fn waiting(&self, order: usize) -> Waiting<Point> {
        let placed = &self.instance.orders[order];
        Waiting {
            order: OrderId::from(order as u32),
            restaurant: RestaurantId::from(placed.restaurant as u32),
            pickup: self.instance.kitchen(placed),
            drop_off: placed.drop_off,
            placed_at: at(placed.placed),
            ready_at: at(placed.ready),
            urgency_permille: 1_000,
        }
    }

    fn courier(&self, courier: usize) -> plan::Courier<Point> {
        let shift = &self.instance.couriers[courier];
        // 15 $ an hour are guaranteed, an order pays 10 $.
        let guarantee_permille = ((shift.off - shift.on) * 15 * 1_000 / 60 / 10).unsigned_abs();
        plan::Courier {
            driver: DriverId::from(courier as u32),
            vehicle: Vehicle::Car,
            at: self.places[courier],
            free_at: at(self.free[courier]),
            off_at: at(shift.off),
            orders: self.carried[courier],
            guarantee_permille,
            declined_permille: 0,
        }
    }

    /// The courier leaves as soon as they are free.
    fn commit(&mut self, courier: usize, orders: &[usize], now: i64) {
        let instance = self.instance;
        let Some(first) = orders.first() else { return };
        let kitchen = instance.kitchen(&instance.orders[*first]);
        let depart = self.free[courier].max(now);
        let there = depart + instance.travel(self.places[courier], kitchen) + 2;
        let ready = orders.iter().map(|order| instance.orders[*order].ready);
        let pickup = ready.fold(there, i64::max);
        let (mut place, mut free) = (kitchen, pickup + 2);
        for order in orders.iter().map(|order| &instance.orders[*order]) {
            let drop_off = free + instance.travel(place, order.drop_off) + 2;
            self.plan.push(Assigned {
                inst: instance.name.clone(),
                courier: instance.couriers[courier].name.clone(),
                order: order.name.clone(),
                bundle: format!("b{}", self.bundles),
                decided_min: now,
                depart_min: depart,
                pickup_min: pickup,
                dropoff_min: drop_off,
            });
            (place, free) = (order.drop_off, drop_off + 2);
        }
        (self.places[courier], self.free[courier]) = (place, free);
        self.carried[courier] += orders.len() as u32;
        self.bundles += 1;
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(minute * 60)
}
