//! A driver as the index holds it: a position, and apart from it everything else, so that a query
//! streams over positions alone.

use doorstep_core::place::LatLng;
use doorstep_core::time::Timestamp;

use crate::cell::Cell;
use crate::ping::Fix;

/// A driver in a bucket; with its position 32 bytes if the driver takes 8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<K> {
    pub(crate) position: LatLng,
    pub(crate) details: Details<K>,
}

/// What there is to a driver besides the position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Details<K> {
    pub(crate) driver: K,
    pub(crate) taken_at: Timestamp,
    /// From the lowest bit: accuracy, heading and speed (16 bits each and one whether it was told),
    /// mocked, live, suspected, depth of the cell (3 bits).
    about: u64,
}

const TOLD: u64 = 1 << 16;
const OPTION_BITS: u32 = 17;
const MOCKED: u64 = 1 << 51;
const LIVE: u64 = 1 << 52;
const SUSPECTED: u64 = 1 << 53;
const DEPTH_AT: u32 = 54;

impl<K: Copy> Entry<K> {
    pub(crate) fn new(driver: K, fix: &Fix, depth: u32) -> Self {
        let mut about = packed(fix.accuracy_m)
            | packed(fix.heading_deg) << OPTION_BITS
            | packed(fix.speed_cm_s) << (2 * OPTION_BITS)
            | LIVE
            | u64::from(depth) << DEPTH_AT;
        if fix.mocked {
            about |= MOCKED;
        }
        let details = Details { driver, taken_at: fix.taken_at, about };
        Self { position: fix.position, details }
    }

    pub(crate) const fn fix(&self) -> Fix {
        self.details.fix(self.position)
    }

    pub(crate) const fn accuracy_m(&self) -> Option<u16> {
        unpacked(self.details.about)
    }

    /// Whether there is a suspicion about this driver.
    pub(crate) const fn is_suspected(&self) -> bool {
        self.details.about & SUSPECTED != 0
    }

    pub(crate) const fn suspected(mut self, suspected: bool) -> Self {
        let about = self.details.about;
        self.details.about = if suspected { about | SUSPECTED } else { about & !SUSPECTED };
        self
    }

    /// How often the cell that it lies in was divided.
    pub(crate) const fn depth(&self) -> u32 {
        (self.details.about >> DEPTH_AT) as u32 & 7
    }

    pub(crate) const fn at_depth(mut self, depth: u32) -> Self {
        self.details.about = self.details.about & !(7 << DEPTH_AT) | (depth as u64) << DEPTH_AT;
        self
    }

    pub(crate) fn cell(&self) -> Cell {
        Cell::of(self.position, self.depth())
    }
}

impl<K: Copy> Details<K> {
    /// The whole fix, given the position.
    pub(crate) const fn fix(&self, position: LatLng) -> Fix {
        Fix {
            position,
            taken_at: self.taken_at,
            accuracy_m: unpacked(self.about),
            heading_deg: unpacked(self.about >> OPTION_BITS),
            speed_cm_s: unpacked(self.about >> (2 * OPTION_BITS)),
            mocked: self.about & MOCKED != 0,
        }
    }

    /// Whether it is of a driver at all; what is not was left behind by one who moved.
    pub(crate) const fn is_live(&self) -> bool {
        self.about & LIVE != 0
    }

    pub(crate) const fn kill(&mut self) {
        self.about = 0;
    }
}

fn packed(told: Option<u16>) -> u64 {
    told.map_or(0, |value| u64::from(value) | TOLD)
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest 16 bits are what is meant")]
const fn unpacked(bits: u64) -> Option<u16> {
    if bits & TOLD != 0 { Some(bits as u16) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_is_half_a_cache_line() {
        assert_eq!(size_of::<Entry<doorstep_core::id::DriverId>>(), 32);
    }

    proptest! {
        #[test]
        fn an_entry_gives_back_what_was_put_in(
            told in any::<(Option<u16>, Option<u16>, Option<u16>, bool, bool)>(),
            depth in 0..=7_u32,
        ) {
            let (accuracy_m, heading_deg, speed_cm_s, mocked, suspected) = told;
            let place = LatLng::from_e7(-12_345_678, 1_234_567_890).unwrap();
            let fix = Fix::new(place, Timestamp::from_millis(-5));
            let fix = Fix { accuracy_m, heading_deg, speed_cm_s, mocked, ..fix };
            let entry = Entry::new(7, &fix, 3).at_depth(depth).suspected(!suspected);
            let entry = entry.suspected(suspected);
            prop_assert_eq!(entry.fix(), fix);
            prop_assert_eq!(entry.accuracy_m(), accuracy_m);
            prop_assert_eq!((entry.depth(), entry.is_suspected()), (depth, suspected));
            let mut details = entry.details;
            prop_assert!(details.is_live());
            details.kill();
            prop_assert!(!details.is_live());
        }
    }
}
