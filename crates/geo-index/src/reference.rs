//! A linear scan that answers as [`DriverIndex`](crate::DriverIndex) does: an oracle for tests and a
//! floor for benches.
//!
//! It has no cells, no stripes and no locks: one map, every driver looked at by every query. What a
//! single ping means (order, plausibility) it judges by the same function as the index.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::Timestamp;

use crate::config::{Config, ConfigError};
use crate::index::Hit;
use crate::ping::{Fix, Judgement, Ping, Suspect, Suspicion, Tally, Verdict, judge};
use crate::viewport::Viewport;
use crate::zones::Polygon;

/// The slow index. Its methods mean what those of the same name on
/// [`DriverIndex`](crate::DriverIndex) do; each query costs a look at every driver.
#[derive(Clone, Debug)]
pub struct ReferenceIndex<K = DriverId> {
    config: Config,
    drivers: BTreeMap<K, (Fix, Option<Suspect>)>,
    tally: Tally,
}

impl<K: Copy + Ord> ReferenceIndex<K> {
    /// An index without drivers.
    ///
    /// # Errors
    /// [`ConfigError`] if a field of `config` is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, drivers: BTreeMap::new(), tally: Tally::default() })
    }

    /// Takes in a ping and says what became of it.
    pub fn record(&mut self, ping: &Ping<K>) -> Verdict {
        let drivers = u32::try_from(self.drivers.len()).unwrap_or(u32::MAX);
        let verdict = match self.drivers.get_mut(&ping.driver) {
            None if drivers >= self.config.drivers_max => Verdict::Full,
            None => {
                self.drivers.insert(ping.driver, (ping.fix, None));
                Verdict::Inserted
            }
            Some((held, suspect)) => match judge(&self.config, held, suspect.as_ref(), ping) {
                Judgement::Drop(verdict) => verdict,
                Judgement::Suspect(jump) => {
                    if jump.has_just_escalated(&self.config) {
                        self.tally.escalated = self.tally.escalated.saturating_add(1);
                    }
                    *suspect = Some(jump);
                    Verdict::Implausible
                }
                Judgement::Believe(verdict, left) => {
                    (*held, *suspect) = (ping.fix, left);
                    verdict
                }
            },
        };
        self.tally.count(verdict);
        verdict
    }

    /// Takes in pings, in their order; `told` gets each one's verdict.
    pub fn record_batch(&mut self, pings: &[Ping<K>], mut told: impl FnMut(&Ping<K>, Verdict)) {
        for ping in pings {
            told(ping, self.record(ping));
        }
    }

    /// Forgets a driver; the fix last believed, if there was one.
    pub fn remove(&mut self, driver: &K) -> Option<Fix> {
        self.drivers.remove(driver).map(|(fix, _)| fix)
    }

    /// The fix that is believed of a driver, however old.
    #[must_use]
    pub fn get(&self, driver: &K) -> Option<Fix> {
        self.drivers.get(driver).map(|(fix, _)| *fix)
    }

    /// The `k` nearest within `radius_m`, by distance, then by driver.
    pub fn nearest(
        &self,
        centre: LatLng,
        radius_m: u32,
        k: usize,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        let hits = self.drivers.iter().map(|(&driver, &(fix, _))| Hit {
            driver,
            fix,
            distance_m: centre.distance_m(fix.position),
            age: fix.age(now),
        });
        out.clear();
        out.extend(hits.filter(|hit| {
            hit.distance_m <= radius_m
                && hit.age <= self.config.stale_after
                && keep(&hit.driver, &hit.fix)
        }));
        out.sort_by_key(Hit::rank);
        out.truncate(k);
    }

    /// All drivers within `radius_m`.
    pub fn within(
        &self,
        centre: LatLng,
        radius_m: u32,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        self.nearest(centre, radius_m, usize::MAX, now, keep, out);
    }

    /// The `k` nearest to the middle of a viewport, of those in it.
    pub fn in_viewport(
        &self,
        viewport: &Viewport,
        k: usize,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        let inside = |driver: &K, fix: &Fix| viewport.contains(fix.position) && keep(driver, fix);
        self.nearest(viewport.centre(), u32::MAX, k, now, inside, out);
    }

    /// All drivers in an area, by distance from the middle of its rectangle.
    pub fn within_polygon(
        &self,
        area: &Polygon,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        let inside = |driver: &K, fix: &Fix| area.contains(fix.position) && keep(driver, fix);
        self.nearest(area.bounds().centre(), u32::MAX, usize::MAX, now, inside, out);
    }

    /// The drivers with at least so many strikes, most first, then by driver.
    pub fn suspects(&self, strikes_min: u16, out: &mut Vec<Suspicion<K>>) {
        out.clear();
        let suspicions = self.drivers.iter().filter_map(|(driver, (_, suspect))| {
            suspect.as_ref().map(|suspect| suspect.suspicion(*driver))
        });
        out.extend(suspicions.filter(|suspicion| suspicion.strikes >= strikes_min));
        out.sort_by_key(|suspicion| (Reverse(suspicion.strikes), suspicion.driver));
    }

    /// Forgets the drivers whose fix is stale, and says how many they were.
    pub fn evict_stale(&mut self, now: Timestamp) -> usize {
        let before = self.drivers.len();
        self.drivers.retain(|_, (fix, _)| fix.age(now) <= self.config.stale_after);
        before.saturating_sub(self.drivers.len())
    }

    /// How many drivers are held, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drivers.len()
    }

    /// Whether no driver is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drivers.is_empty()
    }

    /// How many pings got which verdict so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }
}
