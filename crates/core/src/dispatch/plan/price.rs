//! What a trip costs with a driver, part by part.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

use super::load::{Load, Ride};
use super::policy::PlanPolicy;
use super::scene::Courier;

/// What a trip costs with a driver, in milliseconds that somebody waits. Less is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Price {
    /// From placement to door, over all orders of the trip.
    pub click_to_door: i64,
    /// For orders delivered later than [`PlanPolicy::late_after`].
    pub late: i64,
    /// For the driver's time, at what it is worth in this tick.
    pub courier_time: i64,
    /// For a driver who has earned their guarantee.
    pub beyond_guarantee: i64,
    /// For turning round.
    pub direction: i64,
    /// For a likely decline.
    pub declines: i64,
    /// For the way to the restaurant ([`PlanPolicy::approach_permille`]).
    pub approach: i64,
    /// The sum of the parts.
    pub total: i64,
}

/// A trip with a driver: when, and for how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) pickup_at: Timestamp,
    /// The latest moment to leave for the restaurant.
    pub(super) leave_by: Timestamp,
    pub(super) price: Price,
}

/// A driver's way to a restaurant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approach {
    pub(super) courier: u32,
    pub(super) travel: Span,
    pub(super) off_course_deg: Option<u16>,
}

/// What the trip costs with this driver; `None`: they go off duty before.
pub(super) fn quote<P>(
    (load, ride): (&Load, &Ride),
    (courier, approach): (&Courier<P>, &Approach),
    (now, scarcity_permille): (Timestamp, u32),
    policy: &PlanPolicy,
) -> Option<Quoted> {
    let leaves_at = courier.free_at.max(now);
    let approaching = approach.travel.saturating_add(policy.service_before_pickup);
    let pickup_at = load.ready_at.max(leaves_at.saturating_add(approaching));
    if pickup_at > courier.off_at {
        return None;
    }
    let orders = i64::try_from(load.members.len()).unwrap_or(i64::MAX);
    let click_to_door = pickup_at
        .as_millis()
        .saturating_mul(orders)
        .saturating_add(ride.sum_ms)
        .saturating_sub(load.placed_ms);
    let busy = pickup_at.saturating_add(ride.free).saturating_since(leaves_at);
    let beyond = beyond_guarantee(courier, orders.unsigned_abs());
    let off_course = u64::from(approach.off_course_deg.unwrap_or(0).min(180));
    let price = Price {
        click_to_door,
        late: late(load, ride, pickup_at, policy),
        courier_time: share(busy, u64::from(scarcity_permille), 1_000),
        beyond_guarantee: share(policy.beyond_guarantee, beyond, 1_000),
        direction: share(policy.turn, off_course, 180),
        declines: share(policy.decline, u64::from(courier.declined_permille.min(1_000)), 1_000),
        approach: share(approach.travel, u64::from(policy.approach_permille), 1_000),
        total: 0,
    };
    let leave_by = pickup_at.saturating_sub(approaching);
    Some(Quoted { pickup_at, leave_by, price: price.summed() })
}

impl Price {
    fn summed(self) -> Self {
        let Self { click_to_door, late, courier_time, .. } = self;
        let Self { beyond_guarantee, direction, declines, approach, .. } = self;
        let parts = [late, courier_time, beyond_guarantee, direction, declines, approach];
        Self { total: parts.into_iter().fold(click_to_door, i64::saturating_add), ..self }
    }
}

/// How far the orders are delivered beyond what counts as late, weighed.
fn late(load: &Load, ride: &Ride, pickup_at: Timestamp, policy: &PlanPolicy) -> i64 {
    let limit = load.oldest_at.saturating_add(policy.late_after);
    let excess = ride.drop_offs.iter().fold(Span::ZERO, |sum, drop_off| {
        sum.saturating_add(pickup_at.saturating_add(*drop_off).saturating_since(limit))
    });
    share(excess, u64::from(policy.late_permille), 1_000)
}

/// How many orders, in thousandths, of `more` are beyond the driver's guarantee.
fn beyond_guarantee<P>(courier: &Courier<P>, more: u64) -> u64 {
    let permille = |orders: u64| orders.saturating_mul(1_000);
    let before = u64::from(courier.orders);
    let after = permille(before.saturating_add(more)).saturating_sub(courier.guarantee_permille);
    after.saturating_sub(permille(before).saturating_sub(courier.guarantee_permille))
}

/// `span` × `amount` / `per`, in milliseconds, rounded down, saturating.
fn share(span: Span, amount: u64, per: u64) -> i64 {
    let millis = span.saturating_mul(amount).as_millis().checked_div(per).unwrap_or(0);
    i64::try_from(millis).unwrap_or(i64::MAX)
}
