//! Single scenes: the order in which they are written down, and what a plan says of itself.

use proptest::prelude::*;

use super::town::{Draws, Point, Town, at, policy, travel};
use crate::dispatch::plan::{
    BadScene, Courier, Near, Plan, PlanPolicy, Planner, Reach, Scene, Verdict, Waiting, Why,
};

/// A scene that owns what it is of.
#[derive(Clone, Debug)]
struct Written {
    waiting: Vec<Waiting<Point>>,
    couriers: Vec<Courier<Point>>,
    near: Vec<Near>,
}

impl Written {
    /// All orders of a town at a minute; of the pairs only some.
    fn of(seed: u64, minute: i64) -> Self {
        let (town, mut draws) = (Town::of(seed), Draws(!seed));
        let waiting: Vec<_> = town.known(minute).copied().collect();
        let mut near = Vec::new();
        for order in 0..waiting.len() as u32 {
            for courier in 0..town.couriers.len() as u32 {
                if draws.below(3) > 0 {
                    let off_course_deg =
                        [None, Some(0), Some(90), Some(180)][draws.below(4) as usize];
                    near.push(Near { waiting: order, courier, off_course_deg });
                }
            }
        }
        Self { waiting, couriers: town.couriers, near }
    }

    /// The same, written down in another order.
    fn shuffled(&self, draws: &mut Draws) -> Self {
        let mut orders: Vec<usize> = (0..self.waiting.len()).collect();
        let mut couriers: Vec<usize> = (0..self.couriers.len()).collect();
        let mut near = self.near.clone();
        draws.shuffle(&mut orders);
        draws.shuffle(&mut couriers);
        draws.shuffle(&mut near);
        let new = |moved: &[usize], old: u32| {
            moved.iter().position(|at| *at == old as usize).unwrap() as u32
        };
        for pair in &mut near {
            pair.waiting = new(&orders, pair.waiting);
            pair.courier = new(&couriers, pair.courier);
        }
        Self {
            waiting: orders.into_iter().map(|at| self.waiting[at]).collect(),
            couriers: couriers.into_iter().map(|at| self.couriers[at]).collect(),
            near,
        }
    }

    fn planned(&self, minute: i64, near: bool) -> Result<Plan, BadScene> {
        let reach = if near { Reach::Near(&self.near) } else { Reach::Everybody };
        let (waiting, couriers) = (&self.waiting, &self.couriers);
        let scene = Scene { now: at(minute), waiting, couriers, reach };
        Planner::new().plan(&scene, &policy(), travel)
    }
}

proptest! {
    #[test]
    fn the_order_in_which_a_scene_is_written_down_changes_nothing(
        seed: u64, turn: u64, minute in 20_i64..120, near: bool,
    ) {
        let written = Written::of(seed, minute);
        let plan = written.planned(minute, near).unwrap();
        let shuffled = written.shuffled(&mut Draws(turn));
        prop_assert_eq!(&shuffled.planned(minute, near).unwrap(), &plan);
        // Nor does what was planned before.
        let mut planner = Planner::new();
        let scene = |written: &Written| {
            let reach = Reach::Everybody;
            let (waiting, couriers) = (&written.waiting, &written.couriers);
            planner.plan(&Scene { now: at(minute), waiting, couriers, reach }, &policy(), travel)
                .unwrap()
        };
        let plans: Vec<Plan> = [&Written::of(turn, minute), &written].into_iter().map(scene).collect();
        prop_assert_eq!(&plans[1], &written.planned(minute, false).unwrap());
    }

    #[test]
    fn a_plan_accounts_for_every_order_and_for_every_price(seed: u64, minute in 20_i64..120) {
        let written = Written::of(seed, minute);
        let plan = written.planned(minute, true).unwrap();
        let mut told: Vec<_> = plan.trips.iter().flat_map(|trip| trip.orders.clone()).collect();
        told.extend(plan.postponed.iter().map(|postponed| postponed.order));
        told.sort_unstable();
        let mut asked: Vec<_> = written.waiting.iter().map(|waiting| waiting.order).collect();
        asked.sort_unstable();
        prop_assert_eq!(told, asked);
        let mut drivers: Vec<_> = plan.trips.iter().map(|trip| trip.driver).collect();
        drivers.dedup();
        prop_assert_eq!(drivers.len(), plan.trips.len(), "a driver has one trip");
        for trip in &plan.trips {
            let price = trip.price;
            let parts = [
                price.click_to_door, price.late, price.courier_time, price.beyond_guarantee,
                price.direction, price.declines, price.approach,
            ];
            prop_assert_eq!(parts.into_iter().sum::<i64>(), price.total);
            let must_go = trip.leave_by < at(minute + 1);
            prop_assert_eq!(trip.verdict == Verdict::Go, must_go, "{:?}", trip);
            prop_assert!(trip.runner_up.is_none_or(|(other, _)| other != trip.driver));
        }
        for postponed in &plan.postponed {
            let order = written.waiting.iter().position(|w| w.order == postponed.order).unwrap();
            let within = at(minute).saturating_add(policy().horizon);
            let anybody = written.near.iter().any(|near| {
                near.waiting == order as u32
                    && written.couriers[near.courier as usize].free_at <= within
            });
            prop_assert_eq!(postponed.why == Why::NobodyNear, !anybody);
        }
    }
}

#[test]
fn a_scene_that_contradicts_itself_is_refused() {
    let written = Written::of(1, 60);
    let mut twice = written.clone();
    twice.waiting.push(twice.waiting[3]);
    assert_eq!(twice.planned(60, false), Err(BadScene::OrderTwice(twice.waiting[3].order)));
    let mut twice = written.clone();
    twice.couriers.push(twice.couriers[3]);
    assert_eq!(twice.planned(60, false), Err(BadScene::DriverTwice(twice.couriers[3].driver)));
    let mut nobody = written;
    let courier = nobody.couriers.len() as u32;
    nobody.near.insert(2, Near { waiting: 0, courier, off_course_deg: None });
    assert_eq!(nobody.planned(60, true), Err(BadScene::NoSuchPair(2)));
}

#[test]
fn one_on_its_limit_comes_before_all_others() {
    let mut written = Written::of(7, 119);
    written.couriers.truncate(1);
    written.couriers[0].free_at = at(0);
    written.couriers[0].off_at = at(600);
    let policy = PlanPolicy { bundle_max: 1, ..policy() };
    for waiting in &mut written.waiting {
        (waiting.pickup, waiting.drop_off) = ((0, 0), (300, 0));
        (waiting.ready_at, waiting.urgency_permille) = (waiting.placed_at, 1_000);
    }
    let (waiting, couriers) = (&written.waiting, &written.couriers);
    let reach = Reach::Everybody;
    let scene = Scene { now: at(119), waiting, couriers, reach };
    let plan = Planner::new().plan(&scene, &policy, travel).unwrap();
    let last = waiting.last().unwrap().order;
    assert_ne!(plan.trips[0].orders, [last]);
    let mut urgent = written.clone();
    urgent.waiting.last_mut().unwrap().urgency_permille = 10_000;
    let (waiting, couriers) = (&urgent.waiting, &urgent.couriers);
    let scene = Scene { now: at(119), waiting, couriers, reach };
    let plan = Planner::new().plan(&scene, &policy, travel).unwrap();
    assert_eq!(plan.trips[0].orders, [last]);
}
