//! One tick.

use crate::dispatch::assign::{Assignment, COST_MAX, SIDE_MAX};
use crate::eta::Vehicle;
use crate::id::{DriverId, OrderId};
use crate::time::{Span, Timestamp};

use super::load::Load;
use super::policy::PlanPolicy;
use super::price::{Approach, Quoted, quote};
use super::scene::{BadScene, Courier, Near, Reach, Scene, Waiting};
use super::{Plan, Postponed, Trip, Verdict, Why};

/// How often trips are joined and assigned anew within a tick.
const ROUNDS: usize = 4;

/// Plans, and keeps the memory of its solver from tick to tick. It remembers nothing else.
///
/// ```
/// use doorstep_core::dispatch::plan::*;
/// use doorstep_core::eta::Vehicle;
/// use doorstep_core::id::{DriverId, OrderId, RestaurantId};
/// use doorstep_core::time::{Span, Timestamp};
///
/// // A straight road; places are metres along it, and everybody makes 300 m a minute.
/// let travel = |from: &u64, to: &u64, _: Vehicle| Span::from_secs(from.abs_diff(*to) / 5);
/// let now = Timestamp::from_secs(1_700_000_000);
/// let in_mins = |mins| now.saturating_add(Span::from_mins(mins));
/// let order = |id, drop_off, ready| Waiting {
///     order: OrderId::from(id),
///     restaurant: RestaurantId::from(1),
///     pickup: 3_000,
///     drop_off,
///     placed_at: now,
///     ready_at: in_mins(ready),
///     urgency_permille: 1_000,
/// };
/// let ana = Courier {
///     driver: DriverId::from(1),
///     vehicle: Vehicle::Motorcycle,
///     at: 0,
///     free_at: now,
///     off_at: Timestamp::NEVER,
///     orders: 0,
///     guarantee_permille: u64::MAX,
///     declined_permille: 0,
/// };
/// let waiting = [order(1, 4_500, 10), order(2, 4_800, 12)];
/// let scene = Scene { now, waiting: &waiting, couriers: &[ana], reach: Reach::Everybody };
///
/// // Two orders, one kitchen, one driver: they go together. She is ten minutes away, so there are
/// // two minutes to think.
/// let plan = Planner::new().plan(&scene, &PlanPolicy::default(), travel)?;
/// let trip = &plan.trips[0];
/// assert_eq!(trip.orders, [OrderId::from(1), OrderId::from(2)]);
/// assert_eq!((trip.verdict, trip.leave_by), (Verdict::Hold, in_mins(2)));
/// assert_eq!(trip.drop_offs, [in_mins(17), in_mins(18)]);
/// # Ok::<(), BadScene>(())
/// ```
///
/// **Cost.** Pricing is one look at each pair; then [`Assignment`], up to five times where trips are
/// joined. 663 orders × 20 of 2,585 drivers: some milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    assignment: Assignment,
}

/// A tick under way: the scene in its own order.
struct Tick<'a, P, T> {
    now: Timestamp,
    policy: &'a PlanPolicy,
    travel: T,
    /// By placement, then by id.
    waiting: Vec<Waiting<P>>,
    /// By id.
    couriers: Vec<Courier<P>>,
    /// By waiting order: who is near enough and free soon enough.
    approaches: Vec<Vec<Approach>>,
    scarcity_permille: u32,
    loads: Vec<Load>,
}

impl Planner {
    /// A planner without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to happen, by what is known now. `travel` says how long a vehicle takes from place to
    /// place; it must always say the same.
    ///
    /// # Errors
    /// [`BadScene`]: the scene contradicts itself, or the policy is not sound.
    pub fn plan<P: Copy>(
        &mut self,
        scene: &Scene<'_, P>,
        policy: &PlanPolicy,
        travel: impl Fn(&P, &P, Vehicle) -> Span,
    ) -> Result<Plan, BadScene> {
        policy.check()?;
        let mut tick = Tick::of(scene, policy, travel)?;
        self.assign(&mut tick);
        tick.judge_scarcity(&self.assignment);
        for round in 0..ROUNDS {
            let joined = tick.join(&self.assignment);
            // Once even without: the first assignment did not know what a driver's time is worth.
            let priced_anew = round == 0 && tick.scarcity_permille > 0;
            if !joined && !priced_anew {
                break;
            }
            self.assign(&mut tick);
        }
        Ok(tick.told(&self.assignment))
    }

    fn assign<P: Copy, T: Fn(&P, &P, Vehicle) -> Span>(&mut self, tick: &mut Tick<'_, P, T>) {
        // Both sides were counted when the tick began, and every price is cut to what fits.
        let columns = u32::try_from(tick.couriers.len()).unwrap_or(u32::MAX);
        if self.assignment.begin(columns).is_err() {
            return;
        }
        let mut quotes = Vec::new();
        for load in 0..tick.loads.len() {
            quotes.clear();
            tick.quotes(load, |courier, quoted| quotes.push((courier, cut(quoted.price.total))));
            let unassigned = cut(tick.unassigned(load));
            let _added = self.assignment.row(unassigned, quotes.iter().copied());
        }
        self.assignment.solve();
    }
}

impl<'a, P: Copy, T: Fn(&P, &P, Vehicle) -> Span> Tick<'a, P, T> {
    fn of(scene: &Scene<'_, P>, policy: &'a PlanPolicy, travel: T) -> Result<Self, BadScene> {
        let side_max = SIDE_MAX as usize;
        if scene.waiting.len() > side_max || scene.couriers.len() > side_max {
            return Err(BadScene::TooLarge);
        }
        let (waiting, new_order) = sorted(scene.waiting, |w| (w.placed_at, w.order));
        let (couriers, new_courier) = sorted(scene.couriers, |courier| courier.driver);
        let mut ids: Vec<OrderId> = waiting.iter().map(|w| w.order).collect();
        ids.sort_unstable();
        if let Some(&[twice, _]) = ids.array_windows().find(|[one, other]| one == other) {
            return Err(BadScene::OrderTwice(twice));
        }
        let mut drivers = couriers.array_windows().map(|[one, other]| (one.driver, other.driver));
        if let Some((twice, _)) = drivers.find(|(one, other)| one == other) {
            return Err(BadScene::DriverTwice(twice));
        }
        let loads = (0..u32::try_from(waiting.len()).unwrap_or(u32::MAX))
            .map(|member| Load::of(vec![member], &waiting, scene.now, policy))
            .collect();
        let mut tick = Self {
            now: scene.now,
            policy,
            travel,
            approaches: waiting.iter().map(|_| Vec::new()).collect(),
            waiting,
            couriers,
            scarcity_permille: 0,
            loads,
        };
        match scene.reach {
            Reach::Everybody => {
                for waiting in 0..tick.waiting.len() {
                    for courier in 0..tick.couriers.len() {
                        tick.approach(waiting, courier, None);
                    }
                }
            }
            Reach::Near(pairs) => {
                for (at, pair) in pairs.iter().enumerate() {
                    let Near { waiting, courier, off_course_deg } = *pair;
                    let waiting = new_order.get(waiting as usize);
                    let courier = new_courier.get(courier as usize);
                    let (Some(waiting), Some(courier)) = (waiting, courier) else {
                        return Err(BadScene::NoSuchPair(at));
                    };
                    tick.approach(*waiting, *courier, off_course_deg);
                }
            }
        }
        Ok(tick)
    }

    /// Notes the driver's way to the order's restaurant, if they are free soon enough.
    fn approach(&mut self, waiting: usize, courier: usize, off_course_deg: Option<u16>) {
        let (Some(order), Some(driver)) = (self.waiting.get(waiting), self.couriers.get(courier))
        else {
            return;
        };
        if driver.free_at > self.now.saturating_add(self.policy.horizon) {
            return;
        }
        let travel = (self.travel)(&driver.at, &order.pickup, driver.vehicle);
        let courier = u32::try_from(courier).unwrap_or(u32::MAX);
        if let Some(approaches) = self.approaches.get_mut(waiting) {
            approaches.push(Approach { courier, travel, off_course_deg });
        }
    }

    /// What a trip costs with each driver who could make it.
    fn quotes(&mut self, load: usize, mut told: impl FnMut(u32, &Quoted)) {
        let Self { now, policy, travel, waiting, couriers, approaches, loads, .. } = self;
        let when = (*now, self.scarcity_permille);
        let Some(load) = loads.get_mut(load) else { return };
        // All are of one restaurant: who is near one of them is near it.
        for member in 0..load.members.len() {
            let near = load.members.get(member).and_then(|at| approaches.get(*at as usize));
            for approach in near.into_iter().flatten() {
                let Some(courier) = couriers.get(approach.courier as usize) else { continue };
                load.work_out(courier.vehicle, waiting, policy, travel);
                let Some(ride) = load.ride(courier.vehicle) else { continue };
                if let Some(quoted) = quote((load, ride), (courier, approach), when, policy) {
                    told(approach.courier, &quoted);
                }
            }
        }
    }

    /// What it costs to leave a trip's orders waiting.
    fn unassigned(&self, load: usize) -> i64 {
        let load = self.loads.get(load);
        load.map_or(0, |load| load.unassigned(self.scarcity_permille, self.policy))
    }

    /// What a trip costs with one driver.
    fn quoted(&mut self, load: usize, courier: u32) -> Option<Quoted> {
        let mut best: Option<Quoted> = None;
        self.quotes(load, |at, quoted| {
            if at == courier && best.is_none_or(|best| quoted.price.total < best.price.total) {
                best = Some(*quoted);
            }
        });
        best
    }

    /// What the time of a driver on duty is worth: how many orders are late for each of them.
    fn judge_scarcity(&mut self, assignment: &Assignment) {
        let mut late_halves = 0_u64;
        for load in 0..self.loads.len() {
            let row = u32::try_from(load).unwrap_or(u32::MAX);
            let Some(ready_at) = self.loads.get(load).map(|load| load.ready_at) else { continue };
            let halves = match assignment.column_of(row) {
                None if ready_at <= self.now.saturating_add(self.policy.horizon) => 2,
                None => 0,
                Some(courier) => {
                    let busy =
                        self.couriers.get(courier as usize).is_some_and(|c| c.free_at > self.now);
                    let late_from = ready_at.saturating_add(self.policy.late_pickup);
                    let late =
                        busy && self.quoted(load, courier).is_some_and(|q| q.pickup_at > late_from);
                    u64::from(late)
                }
            };
            late_halves = late_halves.saturating_add(halves);
        }
        let on_duty = self.couriers.iter().filter(|courier| courier.off_at > self.now).count();
        let per = u64::try_from(on_duty).unwrap_or(u64::MAX).saturating_mul(2).max(1);
        let weighed = u64::from(self.policy.scarcity_permille).saturating_mul(late_halves);
        let scarcity = weighed.checked_div(per).unwrap_or(0);
        self.scarcity_permille = u32::try_from(scarcity).unwrap_or(u32::MAX);
    }

    /// Joins trips of one restaurant where that is cheaper; whether it joined any.
    fn join(&mut self, assignment: &Assignment) -> bool {
        if self.policy.bundle_max < 2 {
            return false;
        }
        let prices = self.prices(assignment);
        let mut by_restaurant: Vec<_> =
            (0..self.loads.len()).map(|load| (self.restaurant_of(load), load)).collect();
        by_restaurant.sort_unstable();
        let mut gains = Vec::new();
        for kitchen in by_restaurant.chunk_by(|one, other| one.0 == other.0) {
            for (at, &(_, one)) in kitchen.iter().enumerate() {
                for &(_, other) in kitchen.iter().skip(at.saturating_add(1)) {
                    gains.extend(self.gain(one, other, &prices, assignment));
                }
            }
        }
        // The greatest gain first; of equal ones the older orders.
        gains.sort_by_key(|joined| (joined.gain.saturating_neg(), joined.one, joined.other));
        let mut gone = vec![false; self.loads.len()];
        let mut joined = Vec::new();
        for gain in gains {
            if let Ok([one, other]) = gone.get_disjoint_mut([gain.one, gain.other])
                && !*one
                && !*other
            {
                (*one, *other) = (true, true);
                joined.push(gain.load);
            }
        }
        let any = !joined.is_empty();
        let mut gone = gone.into_iter();
        self.loads.retain(|_| gone.next() == Some(false));
        self.loads.append(&mut joined);
        any
    }

    /// What each trip costs as it is assigned.
    fn prices(&mut self, assignment: &Assignment) -> Vec<i64> {
        let mut prices = Vec::with_capacity(self.loads.len());
        for load in 0..self.loads.len() {
            let courier = assignment.column_of(u32::try_from(load).unwrap_or(u32::MAX));
            let quoted = courier.and_then(|courier| self.quoted(load, courier));
            let unassigned = self.unassigned(load);
            prices.push(quoted.map_or(unassigned, |quoted| quoted.price.total));
        }
        prices
    }

    fn restaurant_of(&self, load: usize) -> Option<crate::id::RestaurantId> {
        let first = self.loads.get(load)?.members.first()?;
        Some(self.waiting.get(*first as usize)?.restaurant)
    }

    /// What is saved by joining two trips, if anything is, with the better of their two drivers.
    fn gain(
        &mut self,
        one: usize,
        other: usize,
        prices: &[i64],
        assignment: &Assignment,
    ) -> Option<Gain> {
        let (a, b) = (self.loads.get(one)?, self.loads.get(other)?);
        let many = a.members.len().saturating_add(b.members.len());
        let apart = a.ready_at.max(b.ready_at).saturating_since(a.ready_at.min(b.ready_at));
        if many > self.policy.bundle_max as usize || apart > self.policy.bundle_within {
            return None;
        }
        let mut members: Vec<u32> = a.members.iter().chain(&b.members).copied().collect();
        members.sort_unstable();
        let load = Load::of(members, &self.waiting, self.now, self.policy);
        self.loads.push(load);
        let at = self.loads.len().saturating_sub(1);
        let together = [one, other]
            .into_iter()
            .filter_map(|load| assignment.column_of(u32::try_from(load).unwrap_or(u32::MAX)))
            .filter_map(|courier| self.quoted(at, courier))
            .map(|quoted| quoted.price.total)
            .min();
        let load = self.loads.pop()?;
        let separate = prices.get(one)?.saturating_add(*prices.get(other)?);
        let gain = separate.saturating_sub(together?);
        (gain > 0).then_some(Gain { gain, one, other, load })
    }

    fn told(mut self, assignment: &Assignment) -> Plan {
        let mut plan = Plan { scarcity_permille: self.scarcity_permille, ..Plan::default() };
        let mut postponed: Vec<(u32, Why)> = Vec::new();
        for load in 0..self.loads.len() {
            let courier = assignment.column_of(u32::try_from(load).unwrap_or(u32::MAX));
            match courier.and_then(|courier| self.trip(load, courier)) {
                Some(trip) => plan.trips.push(trip),
                None => {
                    let why = self.why(load);
                    let members = self.loads.get(load).map_or(&[][..], |load| &load.members);
                    postponed.extend(members.iter().map(|member| (*member, why)));
                }
            }
        }
        plan.trips.sort_unstable_by_key(|trip| trip.driver);
        postponed.sort_unstable_by_key(|(member, _)| *member);
        plan.postponed = postponed
            .into_iter()
            .filter_map(|(member, why)| {
                Some(Postponed { order: self.waiting.get(member as usize)?.order, why })
            })
            .collect();
        plan
    }

    fn trip(&mut self, load: usize, courier: u32) -> Option<Trip> {
        let quoted = self.quoted(load, courier)?;
        let runner_up = self.cheapest(load, Some(courier));
        let Self { policy, waiting, couriers, loads, .. } = &*self;
        let driver = couriers.get(courier as usize)?;
        let ride = loads.get(load)?.ride(driver.vehicle)?;
        let Quoted { pickup_at, leave_by, price } = quoted;
        let next_tick = self.now.saturating_add(policy.tick);
        let must_go = leave_by.saturating_sub(policy.notice) < next_tick;
        let order = |member: &u32| waiting.get(*member as usize).map(|waiting| waiting.order);
        Some(Trip {
            driver: driver.driver,
            orders: ride.orders.iter().filter_map(order).collect(),
            verdict: if must_go { Verdict::Go } else { Verdict::Hold },
            leave_by,
            pickup_at,
            drop_offs: ride.drop_offs.iter().map(|span| pickup_at.saturating_add(*span)).collect(),
            free_at: pickup_at.saturating_add(ride.free),
            price,
            runner_up,
        })
    }

    fn why(&mut self, load: usize) -> Why {
        let members = self.loads.get(load).map_or(&[][..], |load| &load.members);
        let mut near = members.iter().filter_map(|member| self.approaches.get(*member as usize));
        if near.all(Vec::is_empty) {
            return Why::NobodyNear;
        }
        match self.cheapest(load, None) {
            Some((driver, _)) => Why::Outbid { driver },
            None => Why::NobodyInTime,
        }
    }

    /// The driver, but for one, who makes the trip at the least price.
    fn cheapest(&mut self, load: usize, but: Option<u32>) -> Option<(DriverId, i64)> {
        let mut best: Option<(i64, u32)> = None;
        self.quotes(load, |courier, quoted| {
            let rank = (quoted.price.total, courier);
            if Some(courier) != but && best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
        });
        let (price, courier) = best?;
        Some((self.couriers.get(courier as usize)?.driver, price))
    }
}

/// Two trips that are cheaper as one.
struct Gain {
    gain: i64,
    one: usize,
    other: usize,
    load: Load,
}

/// The items in the order of their keys, and where each of them went.
fn sorted<I: Copy, K: Ord>(items: &[I], key: impl Fn(&I) -> K) -> (Vec<I>, Vec<usize>) {
    let mut keyed: Vec<(usize, &I)> = items.iter().enumerate().collect();
    keyed.sort_by_key(|(_, item)| key(item));
    let mut went = vec![0; items.len()];
    for (new, (old, _)) in keyed.iter().enumerate() {
        if let Some(went) = went.get_mut(*old) {
            *went = new;
        }
    }
    (keyed.into_iter().map(|(_, item)| *item).collect(), went)
}

/// A price that the solver takes.
fn cut(price: i64) -> i64 {
    price.clamp(-COST_MAX, COST_MAX)
}
