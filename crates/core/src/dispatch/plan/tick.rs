//! A tick under way: what is known, in an order of its own, and what each trip costs.

use crate::dispatch::assign::{Assignment, SIDE_MAX};
use crate::eta::Vehicle;
use crate::id::OrderId;
use crate::time::{Span, Timestamp};

use super::load::Load;
use super::policy::PlanPolicy;
use super::price::{Approach, Quoted, quote};
use super::scene::{BadScene, Courier, Near, Reach, Scene, Waiting};

/// A tick under way: the scene in its own order.
pub(super) struct Tick<'a, P, T> {
    pub(super) now: Timestamp,
    pub(super) policy: &'a PlanPolicy,
    pub(super) travel: T,
    /// By placement, then by id.
    pub(super) waiting: Vec<Waiting<P>>,
    /// By id.
    pub(super) couriers: Vec<Courier<P>>,
    /// By waiting order: who is near enough and free soon enough, by their place among the drivers.
    pub(super) approaches: Vec<Vec<Approach>>,
    pub(super) scarcity_permille: u32,
    pub(super) loads: Vec<Load>,
}

impl<'a, P: Copy, T: Fn(&P, &P, Vehicle) -> Span> Tick<'a, P, T> {
    pub(super) fn of(
        scene: &Scene<'_, P>,
        policy: &'a PlanPolicy,
        travel: T,
    ) -> Result<Self, BadScene> {
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
        for approaches in &mut tick.approaches {
            approaches.sort_unstable_by_key(|approach| (approach.courier, approach.off_course_deg));
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
    pub(super) fn quotes(&mut self, load: usize, mut told: impl FnMut(u32, &Quoted)) {
        let Self { now, policy, travel, waiting, couriers, approaches, loads, .. } = self;
        let when = (*now, self.scarcity_permille);
        let Some(load) = loads.get_mut(load) else { return };
        let near = |member: &u32| approaches.get(*member as usize).map_or(&[][..], Vec::as_slice);
        // All are of one restaurant, but who passed on one of them is not asked for it with others.
        for approach in load.members.first().map_or(&[][..], near) {
            let is_near = |member: &u32| {
                near(member).binary_search_by_key(&approach.courier, |near| near.courier).is_ok()
            };
            let Some(courier) = couriers.get(approach.courier as usize) else { continue };
            if !load.members.iter().skip(1).all(is_near) {
                continue;
            }
            load.work_out(courier.vehicle, waiting, policy, travel);
            let Some(ride) = load.ride(courier.vehicle) else { continue };
            if let Some(quoted) = quote((load, ride), (courier, approach), when, policy) {
                told(approach.courier, &quoted);
            }
        }
    }

    /// What it costs to leave a trip's orders waiting.
    pub(super) fn unassigned(&self, load: usize) -> i64 {
        let load = self.loads.get(load);
        load.map_or(0, |load| load.unassigned(self.scarcity_permille, self.policy))
    }

    /// What a trip costs with one driver.
    pub(super) fn quoted(&mut self, load: usize, courier: u32) -> Option<Quoted> {
        let mut best: Option<Quoted> = None;
        self.quotes(load, |at, quoted| {
            if at == courier && best.is_none_or(|best| quoted.price.total < best.price.total) {
                best = Some(*quoted);
            }
        });
        best
    }

    /// What the time of a driver on duty is worth: how many orders are late for each of them.
    pub(super) fn judge_scarcity(&mut self, assignment: &Assignment) {
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
