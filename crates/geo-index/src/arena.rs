//! Where a stripe's entries lie: chunks of eight, four cache lines each, that buckets chain together.
//!
//! A bucket fills one chunk after the other, so its entries lie together for a query to stream over,
//! and only its first chunk has room left. The positions of a chunk are one cache line: a query reads
//! no other of drivers who are too far away. A bucket knows its first chunks itself, so that the loads of
//! all of them are under way at once and most links, which lie on pages of their own, are never
//! read by a query. Chunks come from segments that are never moved or grown, so
//! a growing index copies no entries; a chunk that becomes empty is used again by whichever bucket
//! needs one next. Memory is kept until the index is dropped.

use core::iter;

use doorstep_core::place::LatLng;

use crate::entry::{Details, Entry};

const CHUNK: u32 = 8;
/// How many entries lie together.
pub(crate) const CHUNK_USIZE: usize = 8;
const SEGMENT: usize = 128;
const SEGMENT_BITS: u32 = 7;
const NONE: u32 = u32::MAX;
/// No chunk has this number: there are fewer than 2³⁰.
const DIVIDED: u32 = u32::MAX - 1;
/// So many of its chunks a bucket knows without following links.
const KNOWN: usize = 3;

/// Eight entries; with a driver of eight bytes, four cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64), C)]
pub(crate) struct Chunk<K> {
    pub(crate) positions: [LatLng; CHUNK_USIZE],
    details: [Details<K>; CHUNK_USIZE],
}

#[derive(Debug)]
struct Segment<K> {
    chunks: [Chunk<K>; SEGMENT],
    /// The bucket's next chunk, or the next free one.
    next: [u32; SEGMENT],
}

/// Entries that lie together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// The first chunks; each is what the link of the one before says.
    known: [u32; KNOWN],
    count: u32,
}

#[derive(Debug)]
pub(crate) struct Arena<K> {
    segments: Vec<Box<Segment<K>>>,
    free: u32,
}

impl<K: Copy> Chunk<K> {
    /// The entry in a slot; of a slot beyond the last, or one that holds no driver, none.
    pub(crate) fn live(&self, slot: usize) -> Option<Entry<K>> {
        self.get(slot).filter(|entry| entry.details.is_live())
    }

    /// All but the position of what is in a slot.
    pub(crate) fn details(&self, slot: usize) -> Option<&Details<K>> {
        self.details.get(slot)
    }

    fn get(&self, slot: usize) -> Option<Entry<K>> {
        let (position, details) = (*self.positions.get(slot)?, *self.details.get(slot)?);
        Some(Entry { position, details })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<K>> {
        let pairs = self.positions.iter().zip(&self.details);
        pairs.map(|(position, details)| Entry { position: *position, details: *details })
    }

    fn kill(&mut self) {
        self.details.iter_mut().for_each(Details::kill);
    }
}

impl Bucket {
    pub(crate) const EMPTY: Self = Self { known: [NONE; KNOWN], count: 0 };

    /// In the place of this one, a mark that its entries are in other buckets.
    pub(crate) const fn divided(self) -> Self {
        Self { known: [DIVIDED, NONE, NONE], count: self.count }
    }

    pub(crate) const fn is_divided(self) -> bool {
        self.head() == DIVIDED
    }

    /// How many entries there are, in it or in those that it is a mark for.
    pub(crate) const fn len(self) -> usize {
        self.count as usize
    }

    /// One more in those that it is a mark for.
    pub(crate) const fn count_in(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// One less in those that it is a mark for.
    pub(crate) const fn count_out(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    const fn head(self) -> u32 {
        let [head, ..] = self.known;
        head
    }

    /// From where on links are followed; none, if there are fewer.
    const fn last_known(self) -> u32 {
        let [.., last] = self.known;
        last
    }

    /// Puts a chunk before the others.
    const fn push(&mut self, chunk: u32) {
        let [first, second, _] = self.known;
        self.known = [chunk, first, second];
    }

    /// Takes the first chunk away; `fourth` follows the third.
    const fn pop(&mut self, fourth: u32) {
        let [_, second, third] = self.known;
        self.known = [second, third, fourth];
    }

    /// How many of the first chunk's entries are in use.
    const fn in_head(self) -> u32 {
        if self.count == 0 { 0 } else { (self.count.wrapping_sub(1) & (CHUNK - 1)).wrapping_add(1) }
    }
}

impl<K> Default for Arena<K> {
    fn default() -> Self {
        Self { segments: Vec::new(), free: NONE }
    }
}

impl<K: Copy> Arena<K> {
    /// What lies there, live or not.
    pub(crate) fn get(&self, at: u32) -> Option<Entry<K>> {
        self.chunk(at / CHUNK)?.get(slot(at))
    }

    pub(crate) fn details(&self, at: u32) -> Option<&Details<K>> {
        self.chunk(at / CHUNK)?.details(slot(at))
    }

    /// Puts an entry in the place of another.
    pub(crate) fn set(&mut self, at: u32, entry: Entry<K>) -> Option<()> {
        let chunk = self.chunk_mut(at / CHUNK)?;
        *chunk.positions.get_mut(slot(at))? = entry.position;
        *chunk.details.get_mut(slot(at))? = entry.details;
        Some(())
    }

    /// Puts an entry into a bucket; where it is now. `None` if there are no numbers left to name
    /// another place by (at some billions of entries).
    pub(crate) fn push(&mut self, bucket: &mut Bucket, entry: Entry<K>) -> Option<u32> {
        let filled = bucket.in_head() % CHUNK;
        if filled == 0 {
            let chunk = self.allocate(entry)?;
            *self.next_mut(chunk)? = bucket.head();
            bucket.push(chunk);
        }
        let at = bucket.head().saturating_mul(CHUNK).saturating_add(filled);
        self.set(at, entry)?;
        bucket.count = bucket.count.saturating_add(1);
        Some(at)
    }

    /// Takes the entry at `at` out of its bucket. Unless that was the bucket's last, the last moves into
    /// the gap, and is given back with where it was.
    pub(crate) fn take(&mut self, bucket: &mut Bucket, at: u32) -> Option<(Entry<K>, u32)> {
        let last_slot = bucket.in_head().checked_sub(1)?;
        let last_at = bucket.head().saturating_mul(CHUNK).saturating_add(last_slot);
        let moved = self.get(last_at)?;
        self.chunk_mut(last_at / CHUNK)?.details.get_mut(slot(last_at))?.kill();
        bucket.count = bucket.count.saturating_sub(1);
        if last_slot == 0 {
            self.release(bucket);
        }
        if last_at == at {
            return None;
        }
        self.set(at, moved)?;
        Some((moved, last_at))
    }

    /// Gives back all chunks of a bucket.
    pub(crate) fn clear(&mut self, bucket: &mut Bucket) {
        while bucket.head() != NONE {
            if let Some(chunk) = self.chunk_mut(bucket.head()) {
                chunk.kill();
            }
            self.release(bucket);
        }
        bucket.count = 0;
    }

    /// The chunks of a bucket, and how many entries each holds.
    pub(crate) fn bucket(&self, bucket: Bucket) -> impl Iterator<Item = (&Chunk<K>, usize)> {
        let mut filled = slots(bucket.in_head());
        let mut last = NONE;
        let beyond = iter::from_fn(move || {
            last = self.next(if last == NONE { bucket.last_known() } else { last });
            (last != NONE).then_some(last)
        });
        bucket.known.into_iter().chain(beyond).map_while(move |chunk| {
            let found = (self.chunk(chunk)?, filled);
            filled = CHUNK_USIZE;
            Some(found)
        })
    }

    /// Has the positions in the `nth` chunk of a bucket brought into the cache; whether there is one,
    /// and a number that means nothing.
    pub(crate) fn touch(&self, bucket: Bucket, nth: usize) -> (bool, i32) {
        let chunk = bucket.known.get(nth).copied().unwrap_or_else(|| {
            (KNOWN..=nth).fold(bucket.last_known(), |chunk, _| self.next(chunk))
        });
        let found = self.chunk(chunk);
        found.map_or((false, 0), |Chunk { positions: [first, ..], .. }| (true, first.lat_e7()))
    }

    /// The entries of a bucket and where they lie.
    pub(crate) fn places(&self, bucket: Bucket) -> impl Iterator<Item = (u32, Entry<K>)> {
        let (mut chunk, mut filled) = (bucket.head(), bucket.in_head());
        iter::from_fn(move || {
            let here = chunk;
            let entries = (0_u32..).zip(self.chunk(here)?.entries()).take(slots(filled));
            chunk = self.next(here);
            filled = CHUNK;
            Some(
                entries.map(move |(slot, entry)| {
                    (here.saturating_mul(CHUNK).saturating_add(slot), entry)
                }),
            )
        })
        .flatten()
    }

    pub(crate) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The chunks of a segment, live and not; of none, if there is no such.
    pub(crate) fn chunks(&self, number: usize) -> impl Iterator<Item = &Chunk<K>> {
        self.segments.get(number).map_or(&[][..], |segment| &segment.chunks).iter()
    }

    /// The live entries of a segment; of none, if there is no such.
    pub(crate) fn segment(&self, number: usize) -> impl Iterator<Item = Entry<K>> {
        self.chunks(number).flat_map(Chunk::entries).filter(|entry| entry.details.is_live())
    }

    /// A chunk from the free ones, or of a new segment, which `filler` fills.
    fn allocate(&mut self, filler: Entry<K>) -> Option<u32> {
        if self.free == NONE {
            let first = u32::try_from(self.segments.len()).ok()?.checked_mul(1 << SEGMENT_BITS)?;
            // Every entry must have a number.
            first.checked_add(1 << SEGMENT_BITS)?.checked_mul(CHUNK)?;
            let mut dead = Chunk {
                positions: [filler.position; CHUNK_USIZE],
                details: [filler.details; CHUNK_USIZE],
            };
            dead.kill();
            let mut next = [NONE; SEGMENT];
            for (after, next) in (first.saturating_add(1)..).zip(&mut next).take(SEGMENT - 1) {
                *next = after;
            }
            self.segments.push(Box::new(Segment { chunks: [dead; SEGMENT], next }));
            self.free = first;
        }
        let chunk = self.free;
        self.free = self.next(chunk);
        Some(chunk)
    }

    /// Frees a bucket's first chunk.
    fn release(&mut self, bucket: &mut Bucket) {
        let (chunk, free) = (bucket.head(), self.free);
        bucket.pop(self.next(bucket.last_known()));
        if let Some(next) = self.next_mut(chunk) {
            *next = free;
            self.free = chunk;
        }
    }

    fn chunk(&self, chunk: u32) -> Option<&Chunk<K>> {
        let (segment, within) = place(chunk);
        self.segments.get(segment)?.chunks.get(within)
    }

    fn chunk_mut(&mut self, chunk: u32) -> Option<&mut Chunk<K>> {
        let (segment, within) = place(chunk);
        self.segments.get_mut(segment)?.chunks.get_mut(within)
    }

    fn next(&self, chunk: u32) -> u32 {
        let (segment, within) = place(chunk);
        self.segments
            .get(segment)
            .and_then(|segment| segment.next.get(within))
            .copied()
            .unwrap_or(NONE)
    }

    fn next_mut(&mut self, chunk: u32) -> Option<&mut u32> {
        let (segment, within) = place(chunk);
        self.segments.get_mut(segment)?.next.get_mut(within)
    }
}

const fn slot(at: u32) -> usize {
    (at % CHUNK) as usize
}

const fn slots(count: u32) -> usize {
    count as usize
}

const fn place(chunk: u32) -> (usize, usize) {
    ((chunk >> SEGMENT_BITS) as usize, chunk as usize & (SEGMENT - 1))
}
