//! What a plan says of itself: each trip and who else could make it, each order left waiting and why.

use crate::dispatch::assign::Assignment;
use crate::eta::Vehicle;
use crate::id::DriverId;
use crate::time::Span;

use super::price::Quoted;
use super::tick::Tick;
use super::{Plan, Postponed, Trip, Verdict, Why};

impl<P: Copy, T: Fn(&P, &P, Vehicle) -> Span> Tick<'_, P, T> {
    pub(super) fn told(mut self, assignment: &Assignment) -> Plan {
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
