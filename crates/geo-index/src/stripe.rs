//! What one lock guards: some of the drivers, whole.
//!
//! A driver's stripe follows from the driver alone, so all that is known of one driver changes
//! under one lock: the order of pings, the place, the bucket. The bucket's entry is the one
//! authoritative position; the directory only says where that entry is.

use core::hash::Hash;

use doorstep_core::time::{Span, Timestamp};
use h3o::CellIndex;
use rustc_hash::FxHashMap;

use crate::config::Config;
use crate::ping::{Fix, Judgement, Ping, Suspect, Tally, Verdict, judge};

/// A driver in a bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<K> {
    pub(crate) driver: K,
    pub(crate) fix: Fix,
}

/// Where a driver's entry is.
#[derive(Clone, Copy, Debug)]
struct Whereabouts {
    cell: CellIndex,
    at: usize,
}

#[derive(Debug)]
pub(crate) struct Stripe<K> {
    directory: FxHashMap<K, Whereabouts>,
    /// Never an empty bucket, so there are at most as many as drivers.
    buckets: FxHashMap<CellIndex, Vec<Entry<K>>>,
    /// Only drivers of the directory.
    suspects: FxHashMap<K, Suspect>,
    tally: Tally,
}

impl<K> Default for Stripe<K> {
    fn default() -> Self {
        Self {
            directory: FxHashMap::default(),
            buckets: FxHashMap::default(),
            suspects: FxHashMap::default(),
            tally: Tally::default(),
        }
    }
}

impl<K: Copy + Eq + Hash> Stripe<K> {
    /// Judges a ping whose position lies in `cell` and does as judged. `reserve` is asked for room
    /// when the driver is new.
    pub(crate) fn record(
        &mut self,
        config: &Config,
        ping: &Ping<K>,
        cell: CellIndex,
        reserve: impl FnOnce() -> bool,
    ) -> Verdict {
        let Ping { driver, fix, .. } = *ping;
        let verdict = match self.get(&driver) {
            None if reserve() => {
                self.put(cell, Entry { driver, fix });
                Verdict::Inserted
            }
            None => Verdict::Full,
            Some(held) => match judge(config, &held, self.suspects.get(&driver), ping) {
                Judgement::Drop(verdict) => verdict,
                Judgement::Suspect(suspect) => {
                    self.suspects.insert(driver, suspect);
                    Verdict::Implausible
                }
                Judgement::Believe(verdict) => {
                    self.suspects.remove(&driver);
                    self.relocate(cell, Entry { driver, fix });
                    verdict
                }
            },
        };
        self.tally.count(verdict);
        verdict
    }

    pub(crate) fn get(&self, driver: &K) -> Option<Fix> {
        let Whereabouts { cell, at } = self.directory.get(driver)?;
        Some(self.buckets.get(cell)?.get(*at)?.fix)
    }

    pub(crate) fn remove(&mut self, driver: &K) -> Option<Fix> {
        let whereabouts = self.directory.remove(driver)?;
        self.suspects.remove(driver);
        self.take(whereabouts).map(|entry| entry.fix)
    }

    /// Removes the drivers whose fix is older than `stale_after`; how many they were.
    pub(crate) fn evict_stale(&mut self, stale_after: Span, now: Timestamp) -> usize {
        let stale: Vec<K> = self
            .entries()
            .filter(|entry| entry.fix.age(now) > stale_after)
            .map(|entry| entry.driver)
            .collect();
        stale.iter().filter(|driver| self.remove(driver).is_some()).count()
    }

    /// The drivers in a cell, in no order.
    pub(crate) fn bucket(&self, cell: CellIndex) -> &[Entry<K>] {
        self.buckets.get(&cell).map_or(&[], Vec::as_slice)
    }

    /// All drivers, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<K>> {
        self.buckets.values().flatten()
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    fn relocate(&mut self, cell: CellIndex, entry: Entry<K>) {
        let Some(&old) = self.directory.get(&entry.driver) else {
            return;
        };
        if old.cell != cell {
            self.take(old);
            self.put(cell, entry);
        } else if let Some(held) =
            self.buckets.get_mut(&cell).and_then(|bucket| bucket.get_mut(old.at))
        {
            *held = entry;
        }
    }

    fn put(&mut self, cell: CellIndex, entry: Entry<K>) {
        let bucket = self.buckets.entry(cell).or_default();
        self.directory.insert(entry.driver, Whereabouts { cell, at: bucket.len() });
        bucket.push(entry);
    }

    /// Takes an entry out of its bucket; the bucket's last one moves into the gap.
    fn take(&mut self, Whereabouts { cell, at }: Whereabouts) -> Option<Entry<K>> {
        let bucket = self.buckets.get_mut(&cell).filter(|bucket| at < bucket.len())?;
        let taken = bucket.swap_remove(at);
        if let Some(moved) = bucket.get(at)
            && let Some(whereabouts) = self.directory.get_mut(&moved.driver)
        {
            whereabouts.at = at;
        }
        if bucket.is_empty() {
            self.buckets.remove(&cell);
        }
        Some(taken)
    }
}
