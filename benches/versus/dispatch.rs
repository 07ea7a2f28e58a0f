//! Who drives what: a score, a whole tick, and the assignment within it against solvers of others.
//!
//! The tick is of the size that Meituan tells of: 663 orders × 2,585 drivers, the 20 nearest for each
//! order, on one core. The peers solve the same assignment on the same costs: a dense matrix with a
//! column of its own for each order that stays unassigned. `pathfinding::kuhn_munkres` takes it as
//! it is; `lapjv` takes floats and squares, and is given rows without cost to fill it up. Both
//! matrices are laid out before the clock starts, ours is told row by row within its time.

use std::hint::black_box;
use std::time::Instant;

use doorstep::core::dispatch::assign::Assignment;
use doorstep::core::dispatch::plan::{Courier, Near, PlanPolicy, Planner, Reach, Scene, Waiting};
use doorstep::core::dispatch::{Candidate, Record, Score};
use doorstep::core::eta::{self, Vehicle};
use doorstep::core::id::{DriverId, OrderId, RestaurantId};
use doorstep::core::money::Currency;
use doorstep::core::place::LatLng;
use doorstep::core::policy::{DispatchPolicy, Policy};
use doorstep::core::time::{Span, Timestamp};
use pathfinding::matrix::Matrix;
use pathfinding::prelude::kuhn_munkres_min;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::report::Report;
use super::rounds::{Turn, interleave};
use crate::Effort;

const NOON: Timestamp = Timestamp::from_secs(1_768_480_000);
const ORDERS: usize = 663;
const DRIVERS: usize = 2_585;
const CANDIDATES: usize = 20;
/// What it costs to leave an order waiting, and what no solver may choose.
const UNASSIGNED: i64 = 100 * 60_000;
const NEVER: i64 = 1_000 * UNASSIGNED;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let policy = Policy::new(Currency::new("COP").unwrap()).dispatch;
    let [score] = interleave(effort.rounds(), [score20(&policy, effort)]);
    report.figure(
        "dispatch/score20_ns",
        score,
        "ns",
        "scoring 20 candidates, and the best of them",
    );
    let zone = Zone::new(effort.of(ORDERS, 40), effort.of(DRIVERS, 150), &policy);
    let [plain, bundled] =
        interleave(effort.rounds(), [zone.tick(&policy, 1), zone.tick(&policy, 3)]);
    let what = "663 orders × 20 of 2,585 drivers, single orders, one core";
    report.figure("dispatch/tick_663x2585_ms", plain, "ms", what);
    let what = "the same with bundles of up to three";
    report.figure("dispatch/tick_663x2585_bundles_ms", bundled, "ms", what);
    let costs = zone.costs(&policy);
    let [ours, munkres, lapjv] =
        interleave(effort.of(3, 1), [costs.assigned(), costs.munkres(), costs.lapjv()]);
    report.ratio("dispatch/assign_vs_kuhn_munkres", ours.over(&munkres), "the same costs, dense");
    report.ratio("dispatch/assign_vs_lapjv", ours.over(&lapjv), "the same costs, dense and square");
    let took = ours.map(|a_second| 1e3 / a_second);
    report.figure("dispatch/assign_663x2585_ms", took, "ms", "the assignment alone");
}

/// Nanoseconds to choose among 20.
fn score20<'a>(policy: &'a DispatchPolicy, effort: &Effort) -> Turn<'a> {
    let mut draws = ChaCha8Rng::seed_from_u64(20);
    let fields: Vec<Vec<(Candidate, Vehicle, Record)>> = (0..64)
        .map(|_| {
            let one = |driver: usize| {
                let candidate = Candidate {
                    driver: DriverId::from(driver as u32),
                    distance_m: draws.random_range(50..5_000),
                    off_course_deg: draws.random_bool(0.5).then(|| draws.random_range(0..=180)),
                };
                let offered = draws.random_range(0..50);
                let accepted = draws.random_range(0..=offered);
                let declined = offered - accepted;
                let record = Record { offered, accepted, declined, ..Record::default() };
                let vehicle = [Vehicle::Bicycle, Vehicle::Motorcycle, Vehicle::Car];
                (candidate, vehicle[draws.random_range(0..3)], record)
            };
            (0..CANDIDATES).map(one).collect()
        })
        .collect();
    let times = effort.of(2_000, 10);
    Box::new(move || {
        let begun = Instant::now();
        for _ in 0..times {
            for field in &fields {
                let best = black_box(field).iter().min_by_key(|(candidate, vehicle, record)| {
                    Score::of(candidate, *vehicle, record, policy).key(candidate.driver)
                });
                black_box(best);
            }
        }
        begun.elapsed().as_secs_f64() * 1e9 / (times * fields.len()) as f64
    })
}

/// A zone at its peak.
struct Zone {
    waiting: Vec<Waiting<LatLng>>,
    couriers: Vec<Courier<LatLng>>,
    near: Vec<Near>,
    speeds: doorstep::core::policy::Speeds,
}

impl Zone {
    /// Ten kilometres square; a restaurant has four orders, a third of the drivers are busy.
    fn new(orders: usize, drivers: usize, policy: &DispatchPolicy) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(663);
        let place = |draws: &mut ChaCha8Rng| {
            let (lat, lng) = (draws.random_range(0..900_000), draws.random_range(0..900_000));
            LatLng::from_e7(48_000_000 + lat, -756_000_000 + lng).unwrap()
        };
        let restaurants: Vec<LatLng> = (0..orders / 4 + 1).map(|_| place(&mut draws)).collect();
        let waiting: Vec<_> = (0..orders)
            .map(|order| {
                let restaurant = draws.random_range(0..restaurants.len());
                let placed_at = NOON.saturating_sub(Span::from_secs(draws.random_range(0..1_500)));
                let cooking = Span::from_secs(draws.random_range(300..2_400));
                Waiting {
                    order: OrderId::from(order as u32),
                    restaurant: RestaurantId::from(restaurant as u32),
                    pickup: restaurants[restaurant],
                    drop_off: place(&mut draws),
                    placed_at,
                    ready_at: placed_at.saturating_add(cooking),
                    urgency_permille: 1_000,
                }
            })
            .collect();
        let couriers: Vec<_> = (0..drivers)
            .map(|driver| {
                let busy = Span::from_secs(draws.random_range(0..900));
                let vehicle = [Vehicle::Bicycle, Vehicle::Motorcycle, Vehicle::Car];
                Courier {
                    driver: DriverId::from(driver as u32),
                    vehicle: vehicle[draws.random_range(0..3)],
                    at: place(&mut draws),
                    free_at: if draws.random_bool(0.33) { NOON.saturating_add(busy) } else { NOON },
                    off_at: Timestamp::NEVER,
                    orders: 0,
                    guarantee_permille: u64::MAX,
                    declined_permille: draws.random_range(0..300),
                }
            })
            .collect();
        let mut near = Vec::new();
        for (order, waiting) in (0..).zip(&waiting) {
            let mut nearest: Vec<(u32, u32)> = (0..)
                .zip(&couriers)
                .map(|(courier, of)| (of.at.distance_m(waiting.pickup), courier))
                .collect();
            nearest.sort_unstable();
            let found = nearest.into_iter().take(CANDIDATES);
            near.extend(found.map(|(_, courier)| Near {
                waiting: order,
                courier,
                off_course_deg: Some(90),
            }));
        }
        Self { waiting, couriers, near, speeds: policy.speeds.clone() }
    }

    /// Milliseconds of a tick.
    fn tick<'a>(&'a self, policy: &DispatchPolicy, bundle_max: u32) -> Turn<'a> {
        let plan = PlanPolicy { bundle_max, ..policy.plan.clone() };
        let mut planner = Planner::new();
        Box::new(move || {
            let scene = Scene {
                now: NOON,
                waiting: &self.waiting,
                couriers: &self.couriers,
                reach: Reach::Near(&self.near),
            };
            let travel = |from: &LatLng, to: &LatLng, vehicle| {
                eta::travel(from.distance_m(*to), vehicle, &self.speeds)
            };
            let begun = Instant::now();
            let planned = planner.plan(black_box(&scene), &plan, travel).unwrap();
            let took = begun.elapsed().as_secs_f64() * 1e3;
            assert!(!planned.trips.is_empty());
            took
        })
    }

    /// What each pair costs: the way, in milliseconds.
    fn costs(&self, policy: &DispatchPolicy) -> Costs {
        let mut rows = vec![Vec::new(); self.waiting.len()];
        for pair in &self.near {
            let courier = &self.couriers[pair.courier as usize];
            let metres = courier.at.distance_m(self.waiting[pair.waiting as usize].pickup);
            let way = eta::travel(metres, courier.vehicle, &policy.speeds).as_millis() as i64;
            rows[pair.waiting as usize].push((pair.courier, way));
        }
        Costs { rows, columns: self.couriers.len() }
    }
}

/// An assignment problem.
struct Costs {
    rows: Vec<Vec<(u32, i64)>>,
    columns: usize,
}

impl Costs {
    /// Problems solved in a second.
    fn assigned(&self) -> Turn<'_> {
        let mut assignment = Assignment::new();
        Box::new(move || {
            let begun = Instant::now();
            assignment.begin(self.columns as u32).unwrap();
            for row in &self.rows {
                assignment.row(UNASSIGNED, row.iter().copied()).unwrap();
            }
            let sum = assignment.solve();
            let took = begun.elapsed();
            black_box(sum);
            1.0 / took.as_secs_f64()
        })
    }

    fn munkres(&self) -> Turn<'_> {
        let dense = self.dense();
        let weights = Matrix::from_rows(dense).unwrap();
        let ours = self.least();
        Box::new(move || {
            let begun = Instant::now();
            let (sum, _) = kuhn_munkres_min(black_box(&weights));
            let took = begun.elapsed();
            assert_eq!(sum, ours, "both are exact");
            1.0 / took.as_secs_f64()
        })
    }

    fn lapjv(&self) -> Turn<'_> {
        let dense = self.dense();
        let side = self.columns + self.rows.len();
        let square = lapjv::Matrix::from_shape_fn((side, side), |(row, column)| {
            dense.get(row).map_or(0.0, |row| row[column] as f64)
        });
        let ours = self.least();
        Box::new(move || {
            let begun = Instant::now();
            let (columns, _) = lapjv::lapjv(black_box(&square)).unwrap();
            let took = begun.elapsed();
            let sum: i64 = dense.iter().zip(&columns).map(|(row, column)| row[*column]).sum();
            assert_eq!(sum, ours, "both are exact");
            1.0 / took.as_secs_f64()
        })
    }

    /// What the best assignment costs.
    fn least(&self) -> i64 {
        let mut assignment = Assignment::new();
        assignment.begin(self.columns as u32).unwrap();
        for row in &self.rows {
            assignment.row(UNASSIGNED, row.iter().copied()).unwrap();
        }
        assignment.solve()
    }

    /// Every column for every row, and a column of its own to stay unassigned.
    fn dense(&self) -> Vec<Vec<i64>> {
        let widened = self.rows.iter().enumerate().map(|(number, row)| {
            let mut costs = vec![NEVER; self.columns + self.rows.len()];
            for &(column, cost) in row {
                costs[column as usize] = cost;
            }
            costs[self.columns + number] = UNASSIGNED;
            costs
        });
        widened.collect()
    }
}
