//! Single scenes: the order in which they are written down, and what a plan says of itself.

use proptest::prelude::*;

use super::town::{Draws, Point, Town, at, policy, travel};
use crate::dispatch::plan::{
    BadScene, Courier, Near, Plan, PlanPolicy, Planner, Reach, Scene, Verdict, Waiting, Why,
};
use crate::id::{OrderId, RestaurantId};

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

/// Two orders and one courier, who is at the first one's restaurant; which of the two they are near.
fn two(restaurants: [u32; 2], apart_min: i64, near: &[u32]) -> Plan {
    let order = |nth: usize, ready: i64| Waiting {
        order: OrderId::from(nth as u32),
        restaurant: RestaurantId::from(restaurants[nth]),
        pickup: (0, 0),
        drop_off: (300, 0),
        placed_at: at(0),
        ready_at: at(ready),
        urgency_permille: 1_000,
    };
    let waiting = [order(0, 30), order(1, 30 + apart_min)];
    let mut couriers = Written::of(7, 60).couriers;
    couriers.truncate(1);
    (couriers[0].at, couriers[0].free_at, couriers[0].off_at) = ((0, 0), at(0), at(600));
    let pair = |waiting: &u32| Near { waiting: *waiting, courier: 0, off_course_deg: None };
    let near: Vec<Near> = near.iter().map(pair).collect();
    let reach = Reach::Near(&near);
    let scene = Scene { now: at(20), waiting: &waiting, couriers: &couriers, reach };
    Planner::new().plan(&scene, &policy(), travel).unwrap()
}

#[test]
fn what_goes_together_is_of_one_restaurant_and_ready_at_about_the_same_time() {
    let orders = |plan: Plan| plan.trips.iter().map(|trip| trip.orders.len()).collect::<Vec<_>>();
    let within = policy().bundle_within.as_secs() as i64 / 60;
    assert_eq!(orders(two([1, 1], within, &[0, 1])), [2]);
    assert_eq!(orders(two([1, 1], within + 1, &[0, 1])), [1], "the first would grow cold");
    assert_eq!(orders(two([1, 2], 0, &[0, 1])), [1]);
}

#[test]
fn who_passed_on_one_order_is_not_asked_for_it_with_another() {
    for near in [0, 1] {
        let plan = two([1, 1], 0, &[near]);
        assert_eq!(plan.trips.len(), 1);
        assert_eq!(plan.trips[0].orders, [OrderId::from(near)]);
        assert_eq!(plan.postponed[0].why, Why::NobodyNear);
    }
}
