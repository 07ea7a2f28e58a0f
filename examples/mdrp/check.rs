//! The checker: reads the plan and the instance, believes nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::instance::{Courier, Instance, Order};

/// An order given to a courier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Assigned {
    pub(crate) inst: String,
    pub(crate) courier: String,
    pub(crate) order: String,
    pub(crate) bundle: String,
    pub(crate) decided_min: i64,
    pub(crate) depart_min: i64,
    pub(crate) pickup_min: i64,
    pub(crate) dropoff_min: i64,
}

/// What a plan is worth. Times in minutes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) inst: String,
    pub(crate) orders: usize,
    pub(crate) undelivered_pct: f64,
    pub(crate) over90_pct: f64,
    pub(crate) ctd_mean: f64,
    pub(crate) ctd_p90: f64,
    pub(crate) rtp_mean: f64,
    pub(crate) rtp_p90: f64,
    pub(crate) overage_mean: f64,
    pub(crate) cost_per_order: f64,
    pub(crate) orders_per_bundle: f64,
    pub(crate) decision_p50_ms: f64,
    pub(crate) decision_p99_ms: f64,
    pub(crate) feasible: bool,
    #[serde(skip)]
    pub(crate) fault: Option<String>,
}

impl Figures {
    pub(crate) fn of(instance: &Instance, plan: &[Assigned], decisions: &[Duration]) -> Self {
        let orders: BTreeMap<_, _> =
            instance.orders.iter().map(|order| (order.name.as_str(), order)).collect();
        let of = |row: &Assigned| orders.get(row.order.as_str()).copied();
        let delivered = plan.iter().filter_map(|row| of(row).map(|order| (row, order)));
        let (mut click_to_door, mut ready_to_pickup) = (Vec::new(), Vec::new());
        for (row, order) in delivered {
            click_to_door.push((row.dropoff_min - order.placed) as f64);
            ready_to_pickup.push((row.pickup_min - order.ready) as f64);
        }
        let placed = instance.orders.len() as f64;
        let pct = |many: f64| 100.0 * many / placed.max(1.0);
        let over90 = click_to_door.iter().filter(|minutes| **minutes > 90.0).count();
        let overage: Vec<_> = click_to_door.iter().map(|m| (m - 40.0).max(0.0)).collect();
        let mut bundles: Vec<_> = plan.iter().map(|row| &row.bundle).collect();
        bundles.sort_unstable();
        bundles.dedup();
        let decisions: Vec<_> = decisions.iter().map(|took| took.as_secs_f64() * 1e3).collect();
        let fault = fault(instance, plan, &orders);
        let carried = click_to_door.len() as f64;
        Self {
            inst: instance.name.clone(),
            orders: instance.orders.len(),
            undelivered_pct: pct(placed - carried),
            over90_pct: pct(over90 as f64),
            ctd_mean: mean(&click_to_door),
            ctd_p90: quantile(&click_to_door, 0.9),
            rtp_mean: mean(&ready_to_pickup),
            rtp_p90: quantile(&ready_to_pickup, 0.9),
            overage_mean: mean(&overage),
            cost_per_order: pay(instance, plan) / carried.max(1.0),
            orders_per_bundle: carried / (bundles.len() as f64).max(1.0),
            decision_p50_ms: quantile(&decisions, 0.5),
            decision_p99_ms: quantile(&decisions, 0.99),
            feasible: fault.is_none(),
            fault,
        }
    }
}

/// 10 $ an order, but at least 15 $ an hour on shift.
fn pay(instance: &Instance, plan: &[Assigned]) -> f64 {
    let paid = |courier: &Courier| {
        let orders = plan.iter().filter(|row| row.courier == courier.name).count();
        let hours = (courier.off - courier.on) as f64 / 60.0;
        (10.0 * orders as f64).max(15.0 * hours)
    };
    instance.couriers.iter().map(paid).sum()
}

/// The first rule that the plan breaks.
fn fault(
    instance: &Instance,
    plan: &[Assigned],
    orders: &BTreeMap<&str, &Order>,
) -> Option<String> {
    let couriers: BTreeMap<_, _> =
        instance.couriers.iter().map(|courier| (courier.name.as_str(), courier)).collect();
    let mut seen = BTreeMap::new();
    let mut trips: BTreeMap<&str, Vec<(&Assigned, &Order)>> = BTreeMap::new();
    for row in plan {
        let Some(order) = orders.get(row.order.as_str()) else {
            return Some(format!("{} does not exist", row.order));
        };
        if seen.insert(&row.order, ()).is_some() {
            return Some(format!("{} is carried twice", row.order));
        }
        if row.decided_min < order.placed {
            return Some(format!("{} was decided before it was placed", row.order));
        }
        trips.entry(&row.bundle).or_default().push((row, order));
    }
    let mut by_courier: BTreeMap<&str, Vec<Vec<(&Assigned, &Order)>>> = BTreeMap::new();
    for (_, mut trip) in trips {
        trip.sort_by_key(|(row, _)| row.dropoff_min);
        by_courier.entry(&trip[0].0.courier).or_default().push(trip);
    }
    for (name, mut trips) in by_courier {
        let Some(courier) = couriers.get(name) else {
            return Some(format!("{name} does not exist"));
        };
        trips.sort_by_key(|trip| trip[0].0.depart_min);
        let (mut place, mut free) = (courier.start, courier.on);
        for trip in trips {
            let (first, order) = trip[0];
            let bundle = &first.bundle;
            let same = |(row, other): &(&Assigned, &Order)| {
                row.courier == first.courier
                    && row.depart_min == first.depart_min
                    && row.pickup_min == first.pickup_min
                    && other.restaurant == order.restaurant
            };
            if !trip.iter().all(same) {
                return Some(format!("{bundle} is not one trip from one restaurant"));
            }
            if trip.iter().any(|(row, _)| row.decided_min > row.depart_min) {
                return Some(format!("{bundle} was decided after {name} had left"));
            }
            if first.depart_min < free {
                return Some(format!("{name} leaves for {bundle} before being free"));
            }
            let kitchen = instance.kitchen(order);
            if first.pickup_min < first.depart_min + instance.travel(place, kitchen) + 2 {
                return Some(format!("{name} cannot be at the restaurant of {bundle} in time"));
            }
            if trip.iter().any(|(row, order)| row.pickup_min < order.ready) {
                return Some(format!("{bundle} is picked up before it is ready"));
            }
            if first.pickup_min > courier.off {
                return Some(format!("{name} picks {bundle} up after going off duty"));
            }
            (place, free) = (kitchen, first.pickup_min + 2);
            for (row, order) in trip {
                if row.dropoff_min < free + instance.travel(place, order.drop_off) + 2 {
                    return Some(format!("{} cannot be at its door in time", row.order));
                }
                (place, free) = (order.drop_off, row.dropoff_min + 2);
            }
        }
    }
    None
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len() as f64).max(1.0)
}

/// The least value that this share of all does not exceed.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}
