//! Brings those who want a driver and those who are near together, and leaves the choice to core.
//!
//! On each tick it asks the counted state which deliveries want candidates, asks the index who is
//! near each, and proposes those who are free. Who gets the offer is decided in log order.

use std::collections::BTreeSet;

use doorstep_core::dispatch::{Among, Candidate, Proposal, Wanted};
use doorstep_core::id::DriverId;
use doorstep_core::shard::Shard;
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::{DriverIndex, Fix, Hit};

/// Deliveries proposed for in one tick at most; the next tick goes on with the most urgent.
const PROPOSALS_MAX: usize = 4_096;

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
    ///
    /// Where nobody's position is known, though drivers are online, the index was lost: the free
    /// ones are proposed without a position, and core broadcasts.
    pub fn step(&mut self, shard: &Shard, index: &DriverIndex, now: Timestamp) -> Vec<Proposal> {
        if now < self.next_at {
            return Vec::new();
        }
        self.next_at = now.saturating_add(self.every);
        let capacity = shard.policy().dispatch.capacity;
        let lost = index.is_empty();
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
            proposals.push(Proposal { delivery: wanted.delivery, among });
        }
        proposals
    }
}

fn candidate(hit: &Hit, wanted: &Wanted) -> Candidate {
    let off_course_deg = hit.fix.heading_deg.map(|heading| {
        let towards = hit.fix.position.bearing_deg(wanted.pickup);
        let apart = heading.abs_diff(towards) % 360;
        apart.min(360_u16.saturating_sub(apart))
    });
    Candidate { driver: hit.driver, distance_m: hit.distance_m, off_course_deg }
}
