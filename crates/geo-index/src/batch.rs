//! A block of pings, sorted by the stripe that each belongs to.
//!
//! A ping on its own waits for memory twice, one after the other: for its driver in the directory, and
//! for the entry. A block takes each stripe's lock once, and goes through its pings in phases, so
//! that the loads of many pings are under way at once. Within a stripe pings keep their order,
//! and a driver has one stripe: what becomes of each is the same as one by one.

use core::hash::Hash;
use core::hint::black_box;

use crate::config::Config;
use crate::ping::{Ping, Verdict};
use crate::stripe::{self, NOWHERE, Stripe};

/// Pings in a block.
pub(crate) const BLOCK: usize = 256;

/// The pings of a block by stripe. On the stack: some 4 KB.
pub(crate) struct Block<'p, K> {
    pings: &'p [Ping<K>],
    hashes: [u64; BLOCK],
    /// The numbers of the pings, those of the first stripe first.
    order: [u8; BLOCK],
    /// Where in `order` each stripe's begin.
    begins: [u16; Config::STRIPES_MAX + 1],
    verdicts: [Verdict; BLOCK],
}

impl<'p, K: Copy + Eq + Hash> Block<'p, K> {
    /// At most [`BLOCK`] pings; `stripe_of` says to which of how many stripes a hash belongs.
    pub(crate) fn new(pings: &'p [Ping<K>], stripe_of: impl Fn(u64) -> usize) -> Self {
        let mut hashes = [0; BLOCK];
        let mut stripes = [0_u8; BLOCK];
        let mut begins = [0_u16; Config::STRIPES_MAX + 1];
        for ((ping, hash), stripe) in pings.iter().zip(&mut hashes).zip(&mut stripes) {
            *hash = stripe::hash(&ping.driver);
            let at = stripe_of(*hash);
            *stripe = u8::try_from(at).unwrap_or_default();
            if let Some(count) = begins.get_mut(at.saturating_add(1)) {
                *count = count.saturating_add(1);
            }
        }
        let mut before = 0_u16;
        for count in &mut begins {
            before = before.saturating_add(*count);
            *count = before;
        }
        let mut ends = begins;
        let mut order = [0; BLOCK];
        for (number, stripe) in (0..=u8::MAX).zip(&stripes).take(pings.len()) {
            if let Some(end) = ends.get_mut(usize::from(*stripe)) {
                if let Some(place) = order.get_mut(usize::from(*end)) {
                    *place = number;
                }
                *end = end.saturating_add(1);
            }
        }
        Self { pings, hashes, order, begins, verdicts: [Verdict::Full; BLOCK] }
    }

    /// The stripes that any ping belongs to, a bit each, the first one's lowest.
    pub(crate) fn stripes(&self) -> u64 {
        let has = |stripe: &usize| !self.range(*stripe).is_empty();
        (0..Config::STRIPES_MAX).filter(has).fold(0, |stripes, stripe| stripes | 1 << stripe)
    }

    /// Records the pings of one stripe.
    pub(crate) fn record(
        &mut self,
        number: usize,
        stripe: &mut Stripe<K>,
        config: &Config,
        reserve: impl Fn() -> bool,
    ) {
        let (order, mut guesses) = (self.order, [NOWHERE; BLOCK]);
        let numbers = order.get(self.range(number)).unwrap_or_default();
        for (number, guess) in numbers.iter().zip(&mut guesses) {
            *guess = stripe.guess(self.hash(*number));
        }
        let mut touched = 0;
        for (number, guess) in numbers.iter().zip(&mut guesses) {
            let Some(ping) = self.ping(*number) else { continue };
            // What matters is that the entry comes into the cache; it may move before its turn.
            let (lies, number) = stripe.touch_entry(&ping.driver, *guess);
            touched ^= number;
            if !lies {
                *guess = NOWHERE;
            }
        }
        black_box(touched);
        for (number, guess) in numbers.iter().zip(&guesses) {
            let hash = self.hash(*number);
            let Some(ping) = self.ping(*number) else { continue };
            let verdict = stripe.record(config, ping, (hash, *guess), &reserve);
            if let Some(place) = self.verdicts.get_mut(usize::from(*number)) {
                *place = verdict;
            }
        }
    }

    /// The pings in their order, and what became of each.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = (&'p Ping<K>, Verdict)> {
        self.pings.iter().zip(self.verdicts)
    }

    fn hash(&self, number: u8) -> u64 {
        self.hashes.get(usize::from(number)).copied().unwrap_or_default()
    }

    fn ping(&self, number: u8) -> Option<&'p Ping<K>> {
        self.pings.get(usize::from(number))
    }

    fn range(&self, stripe: usize) -> core::ops::Range<usize> {
        let at = |stripe: usize| self.begins.get(stripe).copied().map_or(0, usize::from);
        at(stripe)..at(stripe.saturating_add(1))
    }
}
