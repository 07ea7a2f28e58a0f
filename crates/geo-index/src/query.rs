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
use crate::distance::{Centre, Near, haversine_max, plane_max};
use crate::index::Hit;
use crate::ping::Fix;

/// So many candidates are found before they are gone through, or a chunk more.
const CANDIDATES: usize = 128;
/// The lowest bits of a haversine, which give way to the candidate's number: a part in 2⁴⁵.
const NUMBER_MASK: u64 = CANDIDATES as u64 - 1;

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
    candidates: &'q mut Candidates<'s, K>,
}

/// Drivers who were found and not gone through yet.
pub(crate) type Candidates<'s, K> = ArrayVec<Candidate<'s, K>, CANDIDATES>;

/// A driver within the limit.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'s, K> {
    haversine: f64,
    chunk: &'s Chunk<K>,
    slot: usize,
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
    pub(crate) fn restart(&mut self, limit_m: u32) {
        self.out.clear();
        self.candidates.clear();
        self.limit_m = limit_m;
        self.limit = haversine_max(limit_m);
    }

    /// Makes candidates of those in the first `filled` slots that are within the limit.
    #[inline]
    pub(crate) fn offer(&mut self, chunk: &'s Chunk<K>, filled: usize, measure: Measure) {
        if self.candidates.remaining_capacity() < CHUNK_USIZE {
            self.settle();
        }
        let (away, most) = match measure {
            Measure::Near(near) => {
                (self.centre.in_the_plane(near, &chunk.positions), plane_max(self.limit))
            }
            Measure::Any => ([0.0; CHUNK_USIZE], f32::INFINITY),
        };
        for (slot, away) in away.iter().enumerate().take(filled) {
            if *away > most {
                continue;
            }
            let Some(position) = chunk.positions.get(slot) else { continue };
            let haversine = self.centre.haversine(*position);
            if haversine <= self.limit {
                let candidate = Candidate { haversine, chunk, slot };
                let _there_is_room = self.candidates.try_push(candidate);
            }
        }
    }

    /// Goes through the candidates if that can lower the limit.
    pub(crate) fn settle_if_enough(&mut self) {
        if self.out.len().saturating_add(self.candidates.len()) >= self.k {
            self.settle();
        }
    }

    /// Goes through the candidates, from the nearest on if not all are wanted anyway.
    pub(crate) fn settle(&mut self) {
        let mut order = ArrayVec::<u64, CANDIDATES>::new();
        for (number, found) in (0..).zip(&*self.candidates) {
            let _there_is_room = order.try_push(found.haversine.to_bits() & !NUMBER_MASK | number);
        }
        let is_sorted = self.k < usize::MAX;
        if is_sorted {
            // A haversine is not negative: its bits are in its order.
            order.sort_unstable();
        }
        // The loads of many are under way at once.
        let touched = order.iter().take(self.k).filter_map(|number| self.numbered(*number));
        black_box(touched.fold(0_i64, |sum, found| {
            let details = found.chunk.details(found.slot);
            sum ^ details.map_or(0, |details| details.taken_at.as_millis())
        }));
        for number in &order {
            let Some(found) = self.numbered(*number) else { continue };
            if found.haversine <= self.limit {
                self.consider(&found);
            } else if is_sorted {
                break;
            }
        }
        self.candidates.clear();
    }

    fn numbered(&self, number: u64) -> Option<Candidate<'s, K>> {
        let number = usize::try_from(number & NUMBER_MASK).unwrap_or(usize::MAX);
        self.candidates.get(number).copied()
    }

    /// The answers, nearest first.
    pub(crate) fn finish(&mut self) {
        self.settle();
        self.out.sort_unstable_by_key(Hit::rank);
        self.out.truncate(self.k);
    }

    fn consider(&mut self, Candidate { haversine, chunk, slot }: &Candidate<'s, K>) {
        let Some(entry) = chunk.live(*slot) else { return };
        let distance_m = self.centre.distance_m(entry.position, *haversine);
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
    }
}
