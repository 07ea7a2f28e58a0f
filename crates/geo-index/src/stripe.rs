//! What one lock guards: some of the drivers, whole.
//!
//! A driver's stripe follows from the driver alone, so all that is known of one driver changes
//! under one lock: the order of pings, the place, the cell. The entry is the one authoritative
//! position; the directory only says where that entry lies.
//!
//! A cell holds a bucket of entries until there are more than [`DIVIDE_ABOVE`]; then it is divided, and
//! its 16 parts hold them. It is put together again when no more than [`UNITE_AT`] are left, so a
//! cell at the edge is not divided and united by turns. What a ping changes is thus bounded,
//! however many drivers crowd at one place.

use core::hash::{BuildHasher, Hash};

use arrayvec::ArrayVec;
use doorstep_core::time::{Span, Timestamp};
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::arena::{Arena, Bucket, Chunk};
use crate::cell::{self, Cell, DEPTH_MAX};
use crate::config::Config;
use crate::entry::Entry;
use crate::ping::{
    Fix, Judgement, Ping, Suspect, Suspicion, Tally, Verdict, judge, plainly_reachable,
};

/// A bucket with more entries is divided, unless it is of a smallest cell.
const DIVIDE_ABOVE: usize = 64;
/// A divided cell with no more entries is put together.
const UNITE_AT: u32 = 24;

/// Where no entry lies.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Aligned, so that the lock around it lies on cache lines of its own: whoever waits looks at the lock
/// again and again, and would take the line away from whoever works on the stripe.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Stripe<K> {
    /// Where in `entries` each driver's lies, by the driver's hash.
    directory: HashTable<u32>,
    entries: Arena<K>,
    /// Never an empty bucket, so there are at most five times as many as drivers.
    cells: FxHashMap<Cell, Bucket>,
    /// Of the drivers whose entry says so.
    suspects: FxHashMap<K, Suspect>,
    tally: Tally,
}

impl<K> Default for Stripe<K> {
    fn default() -> Self {
        Self {
            directory: HashTable::new(),
            entries: Arena::default(),
            cells: FxHashMap::default(),
            suspects: FxHashMap::default(),
            tally: Tally::default(),
        }
    }
}

/// Whether small cells are put together when a driver leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// At once.
    Unite,
    /// When another one leaves: entries stay where they are, for whoever walks through them.
    Leave,
}

/// The hash that finds a driver's stripe, and the driver in it.
pub(crate) fn hash<K: Hash>(driver: &K) -> u64 {
    FxBuildHasher.hash_one(driver)
}

impl<K: Copy + Eq + Hash> Stripe<K> {
    /// Where a driver with this hash may lie, without looking there.
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        self.directory.find(hash, |_| true).copied().unwrap_or(NOWHERE)
    }

    /// Whether a driver lies there.
    pub(crate) fn lies_at(&self, driver: &K, at: u32) -> bool {
        let details = self.entries.details(at);
        details.is_some_and(|details| details.is_live() && details.driver == *driver)
    }

    /// Has what lies there brought into the cache; whether it is this driver's, and a number that means
    /// nothing.
    pub(crate) fn touch_entry(&self, driver: &K, at: u32) -> (bool, i32) {
        let entry = self.entries.get(at);
        let lies = entry.is_some_and(|e| e.details.is_live() && e.details.driver == *driver);
        (lies, entry.map_or(0, |entry| entry.position.lat_e7()))
    }

    /// Judges a ping and does as judged. `guess` is where the driver may lie; `reserve` is asked for
    /// room when the driver is new.
    pub(crate) fn record(
        &mut self,
        config: &Config,
        ping: &Ping<K>,
        (hash, guess): (u64, u32),
        reserve: impl FnOnce() -> bool,
    ) -> Verdict {
        let at = if self.lies_at(&ping.driver, guess) {
            Some(guess)
        } else {
            self.find(hash, &ping.driver)
        };
        let verdict = match at.and_then(|at| Some((at, self.entries.get(at)?))) {
            Some((at, held)) => self.record_known(config, ping, hash, at, &held),
            None if reserve() => {
                self.insert(hash, Entry::new(ping.driver, &ping.fix, 0));
                Verdict::Inserted
            }
            None => Verdict::Full,
        };
        self.tally.count(verdict);
        verdict
    }

    pub(crate) fn get(&self, hash: u64, driver: &K) -> Option<Fix> {
        self.entries.get(self.find(hash, driver)?).map(|entry| entry.fix())
    }

    pub(crate) fn remove(&mut self, hash: u64, driver: &K) -> Option<Fix> {
        self.forget(hash, driver, Leaving::Unite)
    }

    /// Removes the drivers of one segment whose fix is older than `stale_after`; how many they were.
    /// `scratch` is used and left empty. `None` if there is no such segment. Others may have come into
    /// the places of those removed: when none is removed, the segment holds no stale one.
    pub(crate) fn evict_stale(
        &mut self,
        segment: usize,
        stale_after: Span,
        now: Timestamp,
        scratch: &mut Vec<K>,
    ) -> Option<u32> {
        if segment >= self.entries.segment_count() {
            return None;
        }
        let stale = |entry: &Entry<K>| now.saturating_since(entry.details.taken_at) > stale_after;
        scratch
            .extend(self.entries.segment(segment).filter(stale).map(|entry| entry.details.driver));
        let mut evicted = 0_u32;
        for driver in scratch.drain(..) {
            if self.forget(hash(&driver), &driver, Leaving::Leave).is_some() {
                evicted = evicted.saturating_add(1);
            }
        }
        Some(evicted)
    }

    /// What a cell holds: its bucket, and whether it is divided.
    pub(crate) fn cell(&self, cell: Cell) -> Option<Bucket> {
        self.cells.get(&cell).copied()
    }

    /// Has the `nth` part of a bucket brought into the cache; whether there is one.
    pub(crate) fn touch(&self, bucket: Bucket, nth: usize) -> (bool, i32) {
        self.entries.touch(bucket, nth)
    }

    /// The chunks of a bucket, in no order, and how many entries each holds.
    pub(crate) fn bucket(&self, bucket: Bucket) -> impl Iterator<Item = (&Chunk<K>, usize)> {
        self.entries.bucket(bucket)
    }

    /// All chunks, in no order; some of their entries may not be live.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk<K>> {
        (0..self.entries.segment_count()).flat_map(|segment| self.entries.chunks(segment))
    }

    /// All drivers, in no order.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<K>> {
        (0..self.entries.segment_count()).flat_map(|segment| self.entries.segment(segment))
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// The suspicions of at least so many strikes, in no order.
    pub(crate) fn suspicions(&self, strikes_min: u16) -> impl Iterator<Item = Suspicion<K>> {
        let suspicions = self.suspects.iter().map(|(driver, suspect)| suspect.suspicion(*driver));
        suspicions.filter(move |suspicion| suspicion.strikes >= strikes_min)
    }

    fn record_known(
        &mut self,
        config: &Config,
        ping: &Ping<K>,
        hash: u64,
        at: u32,
        held: &Entry<K>,
    ) -> Verdict {
        if ping.fix.taken_at <= held.details.taken_at {
            return Verdict::OutOfOrder;
        }
        let judgement = if !held.is_suspected() && plainly_reachable(config, held, ping) {
            Judgement::believe(&held.position, &ping.fix, None)
        } else {
            judge(config, &held.fix(), self.suspects.get(&ping.driver), ping)
        };
        match judgement {
            Judgement::Drop(verdict) => verdict,
            Judgement::Suspect(suspect) => {
                if suspect.has_just_escalated(config) {
                    self.tally.escalated = self.tally.escalated.saturating_add(1);
                }
                self.suspects.insert(ping.driver, suspect);
                self.entries.set(at, held.suspected(true));
                Verdict::Implausible
            }
            Judgement::Believe(verdict, suspect) => {
                if let Some(suspect) = suspect {
                    self.suspects.insert(ping.driver, suspect);
                } else if held.is_suspected() {
                    self.suspects.remove(&ping.driver);
                }
                let entry = Entry::new(ping.driver, &ping.fix, held.depth());
                self.relocate(hash, at, held, entry.suspected(suspect.is_some()));
                verdict
            }
        }
    }

    fn relocate(&mut self, hash: u64, at: u32, held: &Entry<K>, entry: Entry<K>) {
        if cell::shared(held.position, entry.position, held.depth()) {
            self.entries.set(at, entry);
            return;
        }
        // In this order no two drivers of the directory ever lie at the same place.
        self.put(entry, 0, |directory, _, to| redirect(directory, hash, at, to));
        self.take(at, Leaving::Unite);
    }

    fn insert(&mut self, hash: u64, entry: Entry<K>) {
        self.put(entry, 0, |directory, entries, at| {
            directory.insert_unique(hash, at, |at| rehash(entries, *at));
        });
    }

    fn forget(&mut self, hash: u64, driver: &K, leaving: Leaving) -> Option<Fix> {
        let at = self.find(hash, driver)?;
        let held = self.entries.get(at)?;
        if held.is_suspected() {
            self.suspects.remove(driver);
        }
        if let Ok(listed) = self.directory.find_entry(hash, |listed| *listed == at) {
            listed.remove();
        }
        self.take(at, leaving);
        Some(held.fix())
    }

    fn find(&self, hash: u64, driver: &K) -> Option<u32> {
        let is_it =
            |at: &u32| self.entries.details(*at).is_some_and(|details| details.driver == *driver);
        self.directory.find(hash, is_it).copied()
    }

    /// Puts an entry into the undivided cell that it lies in, of which one of depth `from` is known to
    /// be divided or undivided but not a part; `told` is told where it lies now.
    fn put(
        &mut self,
        entry: Entry<K>,
        from: u32,
        told: impl FnOnce(&mut HashTable<u32>, &Arena<K>, u32),
    ) {
        for depth in from..=DEPTH_MAX {
            let cell = Cell::of(entry.position, depth);
            let bucket = self.cells.entry(cell).or_insert(Bucket::EMPTY);
            if bucket.is_divided() {
                bucket.count_in();
                continue;
            }
            if let Some(at) = self.entries.push(bucket, entry.at_depth(depth)) {
                let crowded = bucket.len() > DIVIDE_ABOVE && depth < DEPTH_MAX;
                told(&mut self.directory, &self.entries, at);
                if crowded {
                    self.divide(cell, depth);
                }
            }
            return;
        }
    }

    /// Takes an entry out of its cell, and tells the directory of the one that moves into the gap.
    fn take(&mut self, at: u32, leaving: Leaving) {
        let Some(entry) = self.entries.get(at) else { return };
        let mut cell = entry.cell();
        let depth = entry.depth();
        let Some(bucket) = self.cells.get_mut(&cell) else { return };
        if let Some((moved, from)) = self.entries.take(bucket, at) {
            redirect(&mut self.directory, hash(&moved.details.driver), from, at);
        }
        if bucket.len() == 0 {
            self.cells.remove(&cell);
        }
        for _ in 0..depth {
            cell = cell.parent();
            let Some(whole) = self.cells.get_mut(&cell) else { return };
            whole.count_out();
            let left = whole.len();
            if left == 0 {
                self.cells.remove(&cell);
            } else if left <= UNITE_AT as usize && leaving == Leaving::Unite {
                self.unite(cell);
            }
        }
    }

    fn divide(&mut self, cell: Cell, depth: u32) {
        let Some(bucket) = self.cells.get_mut(&cell) else { return };
        let mut whole = core::mem::replace(bucket, bucket.divided());
        // What is freed first could be used again at once, and two drivers be listed at one place.
        let moving: ArrayVec<(u32, Entry<K>), { DIVIDE_ABOVE + 1 }> =
            self.entries.places(whole).take(DIVIDE_ABOVE + 1).collect();
        for (at, entry) in moving {
            let hash = hash(&entry.details.driver);
            self.put(entry, depth.saturating_add(1), |directory, _, to| {
                redirect(directory, hash, at, to);
            });
        }
        self.entries.clear(&mut whole);
    }

    /// Puts a divided cell together, and before it those of its parts that were left divided.
    fn unite(&mut self, cell: Cell) {
        let mut whole = Bucket::EMPTY;
        for part in cell.children() {
            if self.cells.get(&part).is_some_and(|bucket| bucket.is_divided()) {
                self.unite(part);
            }
            let Some(mut bucket) = self.cells.remove(&part) else { continue };
            let moving: ArrayVec<(u32, Entry<K>), { UNITE_AT as usize }> =
                self.entries.places(bucket).take(UNITE_AT as usize).collect();
            for (at, entry) in moving {
                let entry = entry.at_depth(entry.depth().saturating_sub(1));
                if let Some(to) = self.entries.push(&mut whole, entry) {
                    redirect(&mut self.directory, hash(&entry.details.driver), at, to);
                }
            }
            self.entries.clear(&mut bucket);
        }
        self.cells.insert(cell, whole);
    }
}

/// Lists the driver with this hash, who lay at `from`, at `to`.
fn redirect(directory: &mut HashTable<u32>, hash: u64, from: u32, to: u32) {
    if let Some(listed) = directory.find_mut(hash, |listed| *listed == from) {
        *listed = to;
    }
}

fn rehash<K: Copy + Hash>(entries: &Arena<K>, at: u32) -> u64 {
    entries.details(at).map_or(0, |details| hash(&details.driver))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorstep_core::place::LatLng;

    const DRIVERS: u32 = 20_000;

    fn ping(driver: u32, south_e7: i32, after_s: i64) -> Ping<u32> {
        // Two metres from seat to seat, in a square.
        let (row, column) = (driver / 142, driver % 142);
        let e7 = |number: u32| i32::try_from(number).unwrap().saturating_mul(180);
        let lat_e7 = south_e7.saturating_add(e7(row));
        let place = LatLng::from_e7(lat_e7, e7(column)).unwrap();
        Ping::new(driver, Fix::new(place, Timestamp::from_secs(after_s)))
    }

    fn record(stripe: &mut Stripe<u32>, ping: &Ping<u32>) -> Verdict {
        stripe.record(&Config::default(), ping, (hash(&ping.driver), NOWHERE), || true)
    }

    #[test]
    fn a_crowd_is_divided_until_no_bucket_is_large_and_put_together_when_it_has_gone() {
        let mut stripe = Stripe::default();
        for driver in 0..DRIVERS {
            assert_eq!(record(&mut stripe, &ping(driver, 0, 0)), Verdict::Inserted);
        }
        let largest = stripe.cells.values().filter(|bucket| !bucket.is_divided()).map(|b| b.len());
        assert!(largest.max().unwrap() <= DIVIDE_ABOVE);
        let crowded = stripe.cells.len();
        // All but a few go ten kilometres on, one by one; those who stay lie in undivided cells.
        for driver in 20..DRIVERS {
            assert_eq!(record(&mut stripe, &ping(driver, 900_000, 3_600)), Verdict::Moved);
        }
        for driver in 0..20 {
            let at = stripe.find(hash(&driver), &driver).unwrap();
            assert_eq!(stripe.entries.get(at).unwrap().depth(), 0);
        }
        assert!(stripe.cells.len() <= crowded.saturating_add(20));
        for driver in 0..DRIVERS {
            assert!(stripe.remove(hash(&driver), &driver).is_some());
        }
        assert_eq!((stripe.cells.len(), stripe.entries().count()), (0, 0));
    }
}
