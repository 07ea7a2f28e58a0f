//! Brings those who want a driver and those who are near together, and leaves the choice to core.
//!
//! On each tick it asks the counted state which deliveries want candidates, asks the index who is
//! near each, and proposes those who are free: delivery by delivery, or where policy plans, all in one
//! [`Round`]. Who gets the offer is decided in log order.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::dispatch::{Among, Candidate, Located, Nearby, Proposal, Round, Wanted};
use doorstep_core::id::DriverId;
use doorstep_core::policy::Method;
use doorstep_core::shard::{Command, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::{DriverIndex, Fix, Hit};

/// Deliveries proposed for in one tick at most; the next tick goes on with the most urgent.
const PROPOSALS_MAX: usize = Round::DELIVERIES_MAX as usize;

/// The matcher of one host.
#[derive(Debug)]
pub struct Matcher {
    every: Span,
    next_at: Timestamp,
    hits: Vec<Hit>,
}

impl Matcher {
    /// A matcher that looks every so often, at most once a millisecond.
    #[must_use]
    pub fn new(every: Span) -> Self {
        Self { every: every.max(Span::from_millis(1)), next_at: Timestamp::EPOCH, hits: Vec::new() }
    }

    /// When it looks next.
    #[must_use]
    pub const fn next_wake(&self) -> Timestamp {
        self.next_at
    }

    /// If it is time: who could be asked for each delivery that wants somebody, most urgent first.
    /// Where policy plans, that is one command every [`tick`](doorstep_core::dispatch::plan::PlanPolicy::tick).
    ///
    /// Where nobody's position is known, though drivers are online, the index was lost: the free
    /// ones are proposed without a position, and core broadcasts.
    pub fn step(&mut self, shard: &Shard, index: &DriverIndex, now: Timestamp) -> Vec<Command> {
        if now < self.next_at {
            return Vec::new();
        }
        let dispatch = &shard.policy().dispatch;
        self.next_at = now.saturating_add(self.every);
        let lost = index.is_empty();
        if dispatch.method == Method::Planned && !lost {
            self.next_at = now.saturating_add(dispatch.plan.tick.max(self.every));
            let round = self.round(shard, index, now);
            return if round.near.is_empty() {
                Vec::new()
            } else {
                vec![Command::Plan(Box::new(round))]
            };
        }
        let capacity = dispatch.capacity;
        let everyone: Vec<DriverId> =
            if lost { shard.dispatch().free(shard.policy()).collect() } else { Vec::new() };
        let mut asked = BTreeSet::new();
        let mut proposals = Vec::new();
        for wanted in shard.wanted().take(PROPOSALS_MAX) {
            let free = |driver: DriverId| {
                !wanted.passed.contains(&driver)
                    && shard.dispatch().driver(driver).is_some_and(|d| d.is_free(capacity))
            };
            let limit = usize::try_from(wanted.candidates).unwrap_or(usize::MAX);
            let among = if lost {
                let fresh = everyone.iter().copied();
                let fresh = fresh.filter(|id| !asked.contains(id) && free(*id));
                Among::Unlocated(fresh.take(limit).collect())
            } else {
                let keep = |driver: &DriverId, fix: &Fix| {
                    !fix.mocked && !asked.contains(driver) && free(*driver)
                };
                let hits = &mut self.hits;
                index.nearest(wanted.pickup, wanted.radius_m, limit, now, keep, hits);
                Among::Located(hits.iter().map(|hit| candidate(hit, &wanted)).collect())
            };
            if among.is_empty() {
                continue;
            }
            // The first is the likeliest to be chosen: it is not proposed twice in one tick.
            asked.extend(match &among {
                Among::Located(candidates) => candidates.first().map(|first| first.driver),
                Among::Unlocated(drivers) => drivers.first().copied(),
            });
            proposals.push(Command::Propose(Proposal { delivery: wanted.delivery, among }));
        }
        proposals
    }

    /// Who is near each delivery whose search has begun. One that nobody free is near is named too:
    /// somebody may be free soon.
    fn round(&mut self, shard: &Shard, index: &DriverIndex, now: Timestamp) -> Round {
        let capacity = shard.policy().dispatch.capacity;
        let mut drivers = BTreeMap::new();
        let mut near = Vec::new();
        let begun =
            |wanted: &Wanted| shard.sought_from(wanted.delivery).is_some_and(|from| from <= now);
        for wanted in shard.wanted().filter(begun).take(PROPOSALS_MAX) {
            let keep = |driver: &DriverId, fix: &Fix| {
                !fix.mocked
                    && !wanted.passed.contains(driver)
                    && shard.dispatch().driver(*driver).is_some_and(|d| d.is_free(capacity))
            };
            let limit = usize::try_from(wanted.candidates).unwrap_or(usize::MAX);
            index.nearest(wanted.pickup, wanted.radius_m, limit, now, keep, &mut self.hits);
            for hit in &self.hits {
                drivers.insert(hit.driver, located(hit));
            }
            let drivers = self.hits.iter().map(|hit| hit.driver).collect();
            near.push(Nearby { delivery: wanted.delivery, drivers });
        }
        Round { drivers: drivers.into_values().collect(), near }
    }
}

fn located(hit: &Hit) -> Located {
    Located { driver: hit.driver, at: hit.fix.position, heading_deg: hit.fix.heading_deg }
}

fn candidate(hit: &Hit, wanted: &Wanted) -> Candidate {
    Candidate { distance_m: hit.distance_m, ..located(hit).towards(wanted.pickup) }
}
