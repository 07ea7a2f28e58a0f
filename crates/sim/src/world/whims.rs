//! What people are like: every draw depends on the seed, on who draws, on what for, and on the
//! occasion, and on nothing else.
//!
//! The occasion is the batch that somebody heard, or the day's own plan. So whoever reads the log
//! again comes to the same whims, and to the same commands under the same ids, whatever happened
//! meanwhile to the process that they lived in.

use doorstep_core::time::Span;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::World;
use super::storage::Storage;

/// Why somebody does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The day's plan.
    Day,
    /// A batch that counts, by its number.
    Batch(u64),
}

impl Occasion {
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Day => 0,
            Self::Batch(seq) => seq.saturating_add(1),
        }
    }
}

/// Who draws.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Meal(usize),
    Courier(usize),
    Restaurant(u64),
    /// The errand of this number, at this try.
    Errand(u64, u32),
    /// The process, at this crash.
    Process(u64),
    /// The provider.
    Provider,
}

impl Whose {
    fn numbers(self) -> [u64; 3] {
        let wide = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        match self {
            Self::Meal(index) => [1, wide(index), 0],
            Self::Courier(index) => [2, wide(index), 0],
            Self::Restaurant(id) => [3, id, 0],
            Self::Errand(number, tries) => [4, number, u64::from(tries)],
            Self::Process(number) => [5, number, 0],
            Self::Provider => [6, 0, 0],
        }
    }
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whim {
    Character,
    Cart,
    Impatience,
    Look,
    Reject,
    Start,
    Shortage,
    Ignore,
    Decline,
    Think,
    DropOut,
    GoSilent,
    Tap,
    Pack,
    Absent,
    Ring,
    Again,
    TwiceOver,
    Crash,
    Pause,
    Down,
    Back,
    Wire,
    Choosy,
    Answer,
    Cook,
}

impl<S: Storage> World<S> {
    /// Draws of somebody, for something, on the present occasion.
    pub(super) fn draws(&self, whose: Whose, whim: Whim) -> ChaCha8Rng {
        let [kind, who, nth] = whose.numbers();
        let numbers = [self.config.seed, self.occasion.number(), kind, who, nth, whim as u64];
        ChaCha8Rng::seed_from_u64(mix(&numbers))
    }

    /// Whether something of this share of a thousand happens.
    pub(super) fn chance(&self, whose: Whose, whim: Whim, permille: u16) -> bool {
        permille > 0 && self.draws(whose, whim).random_range(0..1_000_u16) < permille
    }

    /// Some seconds, drawn evenly.
    pub(super) fn some_seconds(&self, whose: Whose, whim: Whim, least: u64, most: u64) -> Span {
        let (least, most) = (least.saturating_mul(1_000), most.saturating_mul(1_000));
        Span::from_millis(self.draws(whose, whim).random_range(least..=most))
    }
}

/// One number of several (the finaliser of SplitMix64; Steele, Lea, Flood 2014).
pub(super) fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum: u64, number| {
        let mut z = sum.rotate_left(17).wrapping_add(*number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// One number of a text.
pub(crate) fn mix_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| mix(&[hash, u64::from(byte)]))
}
