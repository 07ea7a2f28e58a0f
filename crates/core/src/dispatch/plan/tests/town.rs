//! Days like those of the Meal Delivery Routing Problem: whole minutes on a plane of metres.

use crate::dispatch::plan::{
    BadScene, Courier, PlanPolicy, Planner, Reach, Scene, Trip, Verdict, Waiting,
};
use crate::eta::Vehicle;
use crate::id::{DriverId, OrderId, RestaurantId};
use crate::time::{Span, Timestamp};

/// Metres east and north.
pub(super) type Point = (i64, i64);

/// A stream of draws (Knuth's MMIX multiplier); good enough to scatter a town.
#[derive(Clone, Debug)]
pub(super) struct Draws(pub(super) u64);

impl Draws {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn point(&mut self) -> Point {
        (self.below(6_000) as i64, self.below(6_000) as i64)
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) placed: i64,
    pub(super) waiting: Waiting<Point>,
}

#[derive(Clone, Debug)]
pub(super) struct Town {
    /// By placement.
    pub(super) orders: Vec<Order>,
    pub(super) couriers: Vec<Courier<Point>>,
}

/// What was decided at a minute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Committed {
    pub(super) minute: i64,
    pub(super) trip: Trip,
}

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(minute * 60)
}

/// 300 m a minute, along the streets; walkers take four times as long.
pub(super) fn travel(from: &Point, to: &Point, vehicle: Vehicle) -> Span {
    let metres = from.0.abs_diff(to.0) + from.1.abs_diff(to.1);
    let slow = if vehicle == Vehicle::Walking { 4 } else { 1 };
    Span::from_mins(metres.div_ceil(300) * slow)
}

/// The services of the instances, and a minute for a tick.
pub(super) fn policy() -> PlanPolicy {
    PlanPolicy {
        service_before_pickup: Span::from_mins(2),
        service_after_pickup: Span::from_mins(2),
        service_before_drop_off: Span::from_mins(2),
        service_after_drop_off: Span::from_mins(2),
        ..PlanPolicy::default()
    }
}

impl Town {
    /// Two hours of orders from a handful of restaurants, with too few couriers at times.
    pub(super) fn of(seed: u64) -> Self {
        let mut draws = Draws(seed);
        let kitchens: Vec<Point> = (0..5).map(|_| draws.point()).collect();
        let mut orders: Vec<Order> = (0..60_u32)
            .map(|id| {
                let restaurant = draws.below(5) as usize;
                let placed = draws.below(120) as i64;
                let ready = placed + 5 + draws.below(20) as i64;
                let waiting = Waiting {
                    order: OrderId::from(id),
                    restaurant: RestaurantId::from(restaurant as u32),
                    pickup: kitchens[restaurant],
                    drop_off: draws.point(),
                    placed_at: at(placed),
                    ready_at: at(ready),
                    urgency_permille: 1_000 + draws.below(2) as u32 * 500,
                };
                Order { placed, waiting }
            })
            .collect();
        orders.sort_by_key(|order| (order.placed, order.waiting.order));
        let couriers = (0..12_u32).map(|id| Courier {
            driver: DriverId::from(id),
            vehicle: if draws.below(4) == 0 { Vehicle::Walking } else { Vehicle::Car },
            at: draws.point(),
            free_at: at(draws.below(60) as i64),
            off_at: at(120 + draws.below(120) as i64),
            orders: draws.below(5) as u32,
            guarantee_permille: if draws.below(2) == 0 { 4_000 } else { u64::MAX },
            declined_permille: draws.below(1_000) as u32,
        });
        let couriers = couriers.collect();
        Self { orders, couriers }
    }

    /// What is known at a minute.
    pub(super) fn known(&self, minute: i64) -> impl Iterator<Item = &Waiting<Point>> {
        let placed = self.orders.iter().take_while(move |order| order.placed <= minute);
        placed.map(|order| &order.waiting)
    }

    /// The whole day, minute by minute, each as it comes.
    pub(super) fn live(&self) -> Result<Vec<Committed>, BadScene> {
        let (mut planner, policy) = (Planner::new(), policy());
        let mut couriers = self.couriers.clone();
        let mut committed: Vec<Committed> = Vec::new();
        for minute in 0..240 {
            let gone = |order: &OrderId| committed.iter().any(|c| c.trip.orders.contains(order));
            let waiting: Vec<_> =
                self.known(minute).filter(|waiting| !gone(&waiting.order)).copied().collect();
            let on_duty: Vec<_> =
                couriers.iter().filter(|courier| courier.off_at > at(minute)).copied().collect();
            let scene = Scene {
                now: at(minute),
                waiting: &waiting,
                couriers: &on_duty,
                reach: Reach::Everybody,
            };
            let plan = planner.plan(&scene, &policy, travel)?;
            for trip in plan.trips {
                if trip.verdict == Verdict::Hold {
                    continue;
                }
                let courier = couriers.iter_mut().find(|c| c.driver == trip.driver).unwrap();
                let last = waiting.iter().find(|w| Some(&w.order) == trip.orders.last()).unwrap();
                (courier.at, courier.free_at) = (last.drop_off, trip.free_at);
                courier.orders += trip.orders.len() as u32;
                committed.push(Committed { minute, trip });
            }
        }
        Ok(committed)
    }
}
