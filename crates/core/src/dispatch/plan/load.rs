//! A trip's orders in the order of their doors, and how long it takes.

use core::iter;

use crate::eta::Vehicle;
use crate::time::{Span, Timestamp};

use super::policy::PlanPolicy;
use super::scene::Waiting;

/// The most orders in a trip: all orders of their doors are tried.
pub const BUNDLE_MAX: u32 = 5;

/// Orders of one restaurant that one driver is to carry.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// Which of the waiting orders, ascending.
    pub(super) members: Vec<u32>,
    /// When the last of them is ready.
    pub(super) ready_at: Timestamp,
    /// The sum of the times of their placement, in milliseconds, and the earliest of them.
    pub(super) placed_ms: i64,
    pub(super) oldest_at: Timestamp,
    /// What it costs to leave them waiting, beside the driver's time that they will take later.
    left_waiting: i64,
    /// The way from door to door, by vehicle.
    rides: [Option<Ride>; 4],
}

/// The way from the restaurant to the doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ride {
    /// Which of the waiting orders, in the order of delivery.
    pub(super) orders: Vec<u32>,
    /// When each is handed over, after the pick-up.
    pub(super) drop_offs: Vec<Span>,
    /// The sum of those, in milliseconds.
    pub(super) sum_ms: i64,
    /// When the driver is free, after the pick-up.
    pub(super) free: Span,
}

impl Load {
    /// A trip of these orders, which are of one restaurant.
    pub(super) fn of<P>(
        members: Vec<u32>,
        waiting: &[Waiting<P>],
        now: Timestamp,
        policy: &PlanPolicy,
    ) -> Self {
        let mut load = Self {
            members,
            ready_at: Timestamp::from_millis(i64::MIN),
            placed_ms: 0,
            oldest_at: Timestamp::NEVER,
            left_waiting: 0,
            rides: [const { None }; 4],
        };
        for order in load.members.iter().filter_map(|member| waiting.get(*member as usize)) {
            load.ready_at = load.ready_at.max(order.ready_at);
            load.oldest_at = load.oldest_at.min(order.placed_at);
            load.placed_ms = load.placed_ms.saturating_add(order.placed_at.as_millis());
            let age = now.saturating_since(order.placed_at).saturating_add(policy.unassigned);
            let urgency = u64::from(order.urgency_permille.min(10_000));
            let cost = age.saturating_mul(urgency).as_millis().checked_div(1_000).unwrap_or(0);
            load.left_waiting = load.left_waiting.saturating_add_unsigned(cost);
        }
        load
    }

    /// What it costs to leave these orders waiting: their age, weighed, and the driver's time that
    /// they will take later all the same.
    pub(super) fn unassigned(&self, scarcity_permille: u32, policy: &PlanPolicy) -> i64 {
        let trips = u64::try_from(self.members.len()).unwrap_or(u64::MAX);
        let later = policy.usual_trip.saturating_mul(trips);
        let weighed = later.saturating_mul(u64::from(scarcity_permille)).as_millis();
        self.left_waiting.saturating_add_unsigned(weighed.checked_div(1_000).unwrap_or(0))
    }

    /// The best way from door to door with this vehicle, once it has been worked out.
    pub(super) fn ride(&self, vehicle: Vehicle) -> Option<&Ride> {
        self.rides.get(slot(vehicle))?.as_ref()
    }

    /// Works out the best way from door to door with this vehicle, unless that has been done.
    pub(super) fn work_out<P>(
        &mut self,
        vehicle: Vehicle,
        waiting: &[Waiting<P>],
        policy: &PlanPolicy,
        travel: &impl Fn(&P, &P, Vehicle) -> Span,
    ) {
        let Some(ride) = self.rides.get_mut(slot(vehicle)).filter(|ride| ride.is_none()) else {
            return;
        };
        permute(&mut self.members.clone(), 0, &mut |orders| {
            let other = Ride::along(orders, vehicle, waiting, policy, travel);
            let rank = |ride: &Ride| (ride.sum_ms, ride.free);
            if ride.as_ref().is_none_or(|best| rank(&other) < rank(best)) {
                *ride = Some(other);
            }
        });
    }
}

/// Where the ride of a vehicle is kept.
const fn slot(vehicle: Vehicle) -> usize {
    match vehicle {
        Vehicle::Walking => 0,
        Vehicle::Bicycle => 1,
        Vehicle::Motorcycle => 2,
        Vehicle::Car => 3,
    }
}

impl Ride {
    fn along<P>(
        orders: &[u32],
        vehicle: Vehicle,
        waiting: &[Waiting<P>],
        policy: &PlanPolicy,
        travel: &impl Fn(&P, &P, Vehicle) -> Span,
    ) -> Self {
        let mut ride = Self {
            orders: orders.to_vec(),
            drop_offs: Vec::with_capacity(orders.len()),
            sum_ms: 0,
            free: policy.service_after_pickup,
        };
        let places = || orders.iter().filter_map(|order| waiting.get(*order as usize));
        let from = places().take(1).map(|first| &first.pickup);
        let stops = from.chain(places().map(|order| &order.drop_off));
        for (from, to) in iter::zip(stops, places().map(|order| &order.drop_off)) {
            let drop_off = ride
                .free
                .saturating_add(travel(from, to, vehicle))
                .saturating_add(policy.service_before_drop_off);
            ride.drop_offs.push(drop_off);
            ride.sum_ms = ride.sum_ms.saturating_add_unsigned(drop_off.as_millis());
            ride.free = drop_off.saturating_add(policy.service_after_drop_off);
        }
        ride
    }
}

/// Every order of `items` from `at` on, the given one first.
fn permute(items: &mut [u32], at: usize, told: &mut impl FnMut(&[u32])) {
    if at >= items.len() {
        return told(items);
    }
    for other in at..items.len() {
        items.swap(at, other);
        permute(items, at.saturating_add(1), told);
        items.swap(at, other);
    }
}
