//! One tick: prices, assigns, joins, and assigns anew.

use crate::dispatch::assign::{Assignment, COST_MAX};
use crate::eta::Vehicle;
use crate::time::Span;

use super::Plan;
use super::policy::PlanPolicy;
use super::scene::{BadScene, Scene};
use super::tick::Tick;

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

/// A price that the solver takes.
fn cut(price: i64) -> i64 {
    price.clamp(-COST_MAX, COST_MAX)
}
