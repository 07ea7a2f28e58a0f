//! A question under way: what is asked, and the best hits so far.
//!
//! Of most drivers a query reads the position and nothing else, eight at a time. Those within the limit
//! become candidates, which are gone through from the nearest on: only there the fix is read, its age
//! judged and the filter asked. So those who come after the k-th hit cost no more than their position.

use core::hint::black_box;

use arrayvec::ArrayVec;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};

use crate::arena::{CHUNK_USIZE, Chunk};
use crate::distance::{Centre, Near, anywhere_max, haversine_max, plane_max};
use crate::index::Hit;
use crate::ping::Fix;

/// So many candidates are found before they are gone through.
const CANDIDATES: usize = 128;
/// In so many chunks, at most.
const CHUNKS: usize = 64;
/// A candidate is a number: how far, as the bits of a float that is not negative, which are in its
/// order; then the number of the chunk, then the slot.
const AWAY_AT: u32 = 32;
const CHUNK_AT: u32 = 3;

/// What is asked, and the best hits so far.
pub(crate) struct Query<'q, 's, K, F> {
    pub(crate) centre: Centre,
    pub(crate) k: usize,
    pub(crate) radius_m: u32,
    now: Timestamp,
    stale_after: Span,
    keep: F,
    out: &'q mut Vec<Hit<K>>,
    /// What is farther cannot be among the answers: the radius, then the distance of the k-th.
    limit_m: u32,
    /// The same as a haversine.
    limit: f64,
    measure: Measure,
    /// What is farther than that, as it is measured, is beyond the limit.
    away_max: f32,
    candidates: &'q mut Candidates<'s, K>,
}

/// Drivers within the limit who were found and not gone through yet.
pub(crate) struct Candidates<'s, K> {
    chunks: ArrayVec<&'s Chunk<K>, CHUNKS>,
    found: [u64; CANDIDATES],
    len: usize,
}

/// How positions may be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// All of them are near.
    Near(Near),
    /// They may be anywhere.
    Any,
}

impl<'q, 's, K: Copy + Ord, F: Fn(&K, &Fix) -> bool> Query<'q, 's, K, F> {
    pub(crate) fn new(
        (centre, radius_m, k): (LatLng, u32, usize),
        (now, stale_after): (Timestamp, Span),
        keep: F,
        (candidates, out): (&'q mut Candidates<'s, K>, &'q mut Vec<Hit<K>>),
    ) -> Self {
        out.clear();
        Self {
            centre: Centre::new(centre),
            k,
            radius_m,
            now,
            stale_after,
            keep,
            out,
            limit_m: radius_m,
            limit: haversine_max(radius_m),
            measure: Measure::Any,
            away_max: f32::INFINITY,
            candidates,
        }
    }

    /// How many answers there are so far.
    pub(crate) fn found(&self) -> usize {
        self.out.len()
    }

    /// No answer has a larger haversine.
    pub(crate) fn limit(&self) -> f64 {
        self.limit
    }

    /// Begins again, and wants none that is farther.
    pub(crate) fn restart(&mut self, limit_m: u32, measure: Measure) {
        self.measure = measure;
        self.out.clear();
        self.candidates.clear();
        self.lower(limit_m);
    }

    /// Makes candidates of those in the first `filled` slots that are within the limit.
    #[inline]
    pub(crate) fn offer(&mut self, chunk: &'s Chunk<K>, filled: usize) {
        if self.candidates.is_full() {
            self.settle();
        }
        let away = match self.measure {
            Measure::Near(near) => self.centre.in_the_plane(near, &chunk.positions),
            Measure::Any => self.centre.anywhere(&chunk.positions),
        };
        self.candidates.add(chunk, &away, filled, self.away_max);
    }

    /// Goes through the candidates if that can lower the limit.
    pub(crate) fn settle_if_enough(&mut self) {
        if self.out.len().saturating_add(self.candidates.len) >= self.k {
            self.settle();
        }
    }

    /// Goes through the candidates, from the nearest on if not all are wanted anyway.
    pub(crate) fn settle(&mut self) {
        let (is_sorted, len) = (self.k < usize::MAX, self.candidates.len);
        if is_sorted {
            self.candidates.found.get_mut(..len).unwrap_or_default().sort_unstable();
        }
        // The loads of many are under way at once.
        let touched = (0..len.min(self.k)).filter_map(|number| {
            let (_, chunk, slot) = self.candidates.get(number)?;
            chunk.details(slot)
        });
        black_box(touched.fold(0_i64, |sum, details| sum ^ details.taken_at.as_millis()));
        for number in 0..len {
            let Some((away, chunk, slot)) = self.candidates.get(number) else { continue };
            if away <= self.away_max {
                self.consider(chunk, slot);
            } else if is_sorted {
                break;
            }
        }
        self.candidates.clear();
    }

    /// The answers, nearest first.
    pub(crate) fn finish(&mut self) {
        self.settle();
        self.out.sort_unstable_by_key(Hit::rank);
        self.out.truncate(self.k);
    }

    fn consider(&mut self, chunk: &Chunk<K>, slot: usize) {
        let Some(entry) = chunk.live(slot) else { return };
        let haversine = self.centre.haversine(entry.position);
        if haversine > self.limit {
            return;
        }
        let distance_m = self.centre.distance_m(entry.position, haversine);
        let (driver, fix) = (entry.details.driver, entry.fix());
        let age = fix.age(self.now);
        if distance_m > self.limit_m || age > self.stale_after || !(self.keep)(&driver, &fix) {
            return;
        }
        self.out.push(Hit { driver, fix, distance_m, age });
        if self.out.len() == self.k {
            let farthest_m = self.out.iter().map(|hit| hit.distance_m).max();
            self.lower(farthest_m.unwrap_or(self.limit_m));
        } else if self.out.len() >= self.k.saturating_mul(2).max(32) {
            self.trim();
        }
    }

    /// Keeps the k best, and lowers the limit to the worst of them.
    fn trim(&mut self) {
        let Some(last) = self.k.checked_sub(1) else {
            return self.out.clear();
        };
        if last < self.out.len() {
            let (_, kth, _) = self.out.select_nth_unstable_by_key(last, Hit::rank);
            let limit_m = kth.distance_m;
            self.out.truncate(self.k);
            self.lower(limit_m);
        }
    }

    fn lower(&mut self, limit_m: u32) {
        self.limit_m = limit_m;
        self.limit = haversine_max(limit_m);
        self.away_max = match self.measure {
            Measure::Near(_) => plane_max(self.limit),
            Measure::Any => anywhere_max(self.limit),
        };
    }
}

impl<'s, K: Copy> Candidates<'s, K> {
    pub(crate) const fn new() -> Self {
        Self { chunks: ArrayVec::new_const(), found: [0; CANDIDATES], len: 0 }
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.len = 0;
    }

    /// How far one is, and where it lies.
    fn get(&self, number: usize) -> Option<(f32, &'s Chunk<K>, usize)> {
        let found = *self.found.get(number)?;
        let away = f32::from_bits((found >> AWAY_AT) as u32);
        let chunk = self.chunks.get((found >> CHUNK_AT) as usize & (CHUNKS - 1))?;
        Some((away, chunk, found as usize & (CHUNK_USIZE - 1)))
    }

    /// Whether another chunk's may find no room.
    fn is_full(&self) -> bool {
        self.chunks.is_full() || self.len > CANDIDATES - CHUNK_USIZE
    }

    /// Takes those of the first `filled` that are no farther. Each is written, and counts or not: which
    /// ones do cannot be foretold, and a processor that guesses loses more than it takes to write.
    #[inline]
    fn add(&mut self, chunk: &'s Chunk<K>, away: &[f32; CHUNK_USIZE], filled: usize, most: f32) {
        let number = (self.chunks.len() as u64) << CHUNK_AT;
        let before = self.len;
        for (slot, away) in away.iter().enumerate() {
            let found = u64::from(away.to_bits()) << AWAY_AT | number | slot as u64;
            if let Some(place) = self.found.get_mut(self.len) {
                *place = found;
            }
            self.len = self.len.saturating_add(usize::from((*away <= most) & (slot < filled)));
        }
        if self.len > before {
            let _there_is_room = self.chunks.try_push(chunk);
        }
    }
}
