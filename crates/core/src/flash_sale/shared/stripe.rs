//! The people of one lock: their units, the deadlines of their holds, their part of the journal.

use core::hash::Hash;
use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Drained;
use crate::flash_sale::sale::HoldId;
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct Stripe<U> {
    /// Looked up, never iterated.
    slots: FxHashMap<(U, u32), Entry>,
    /// The numbers of the holds in `slots`. Likewise.
    holds: FxHashSet<HoldId>,
    /// Every hold once, by deadline, the ended ones too until they are met or swept.
    deadlines: VecDeque<(Timestamp, HoldId, U, u32)>,
    live: usize,
    refunds: BTreeMap<HoldId, U>,
    journal: Vec<Drained<U>>,
}

/// A unit of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hold: HoldId,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held { until: Timestamp },
    Sold,
}

impl<U: Clone + Eq + Hash> Stripe<U> {
    pub(super) fn with_room_for(people: usize) -> Self {
        let mut slots = FxHashMap::default();
        slots.reserve(people);
        let mut holds = FxHashSet::default();
        holds.reserve(people);
        Self {
            slots,
            holds,
            deadlines: VecDeque::new(),
            live: 0,
            refunds: BTreeMap::new(),
            journal: Vec::new(),
        }
    }

    pub(super) fn get(&self, user: &U, nth: u32) -> Option<Entry> {
        self.slots.get(&(user.clone(), nth)).copied()
    }

    /// Whether somebody has this hold, or has bought by it.
    pub(super) fn has(&self, hold: HoldId) -> bool {
        self.holds.contains(&hold)
    }

    /// The slot of a person that this hold is in.
    pub(super) fn slot_of(&self, user: &U, hold: HoldId, per_user: u32) -> Option<(u32, Entry)> {
        let mut slots = (1..=per_user).filter_map(|nth| Some((nth, self.get(user, nth)?)));
        slots.find(|(_, entry)| entry.hold == hold)
    }

    pub(super) fn free_slot(&self, user: &U, per_user: u32) -> Option<u32> {
        (1..=per_user).find(|nth| self.get(user, *nth).is_none())
    }

    /// The deadline of a hold that is made now: deadlines of one stripe never go back, though the
    /// clocks of its callers may.
    pub(super) fn deadline(&self, wanted: Timestamp) -> Timestamp {
        self.deadlines.back().map_or(wanted, |(last, ..)| wanted.max(*last))
    }

    pub(super) fn put(&mut self, user: U, nth: u32, entry: Entry) {
        if let State::Held { until } = entry.state {
            self.deadlines.push_back((until, entry.hold, user.clone(), nth));
            self.live = self.live.saturating_add(1);
        }
        self.holds.insert(entry.hold);
        self.slots.insert((user, nth), entry);
        if self.deadlines.len() > self.live.saturating_mul(2).saturating_add(64) {
            self.sweep();
        }
    }

    /// A hold is paid.
    pub(super) fn sell(&mut self, user: &U, nth: u32) {
        if let Some(entry) = self.slots.get_mut(&(user.clone(), nth)) {
            entry.state = State::Sold;
            self.live = self.live.saturating_sub(1);
        }
    }

    /// A hold ends.
    pub(super) fn end(&mut self, user: &U, nth: u32) {
        if let Some(entry) = self.slots.remove(&(user.clone(), nth)) {
            self.holds.remove(&entry.hold);
            self.live = self.live.saturating_sub(1);
        }
    }

    /// The next live hold whose deadline has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(HoldId, U, u32)> {
        loop {
            let (until, hold, user, nth) = self.deadlines.front()?;
            if !self.is_live(user, *nth, *hold) {
                self.deadlines.pop_front();
            } else if *until <= now {
                return self.deadlines.pop_front().map(|(_, hold, user, nth)| (hold, user, nth));
            } else {
                return None;
            }
        }
    }

    pub(super) fn next_deadline(&mut self) -> Option<Timestamp> {
        loop {
            let (until, hold, user, nth) = self.deadlines.front()?;
            if self.is_live(user, *nth, *hold) {
                return Some(*until);
            }
            self.deadlines.pop_front();
        }
    }

    pub(super) fn refund(&self, hold: HoldId) -> Option<&U> {
        self.refunds.get(&hold)
    }

    pub(super) fn refunds(&self) -> usize {
        self.refunds.len()
    }

    pub(super) fn remember_refund(&mut self, hold: HoldId, user: U) {
        self.refunds.insert(hold, user);
    }

    /// Whether the journal takes what one operation may write: the end of a hold, and a new one.
    pub(super) fn has_room(&self, journal_max: usize) -> bool {
        self.journal.len().saturating_add(2) <= journal_max
    }

    pub(super) fn write(&mut self, entry: Drained<U>) {
        self.journal.push(entry);
    }

    pub(super) fn take_journal(&mut self) -> Vec<Drained<U>> {
        core::mem::take(&mut self.journal)
    }

    fn is_live(&self, user: &U, nth: u32, hold: HoldId) -> bool {
        let held = |entry: Entry| entry.hold == hold && entry.state != State::Sold;
        self.get(user, nth).is_some_and(held)
    }

    fn sweep(&mut self) {
        let deadlines = core::mem::take(&mut self.deadlines);
        let live =
            |(_, hold, user, nth): &(Timestamp, HoldId, U, u32)| self.is_live(user, *nth, *hold);
        self.deadlines = deadlines.into_iter().filter(live).collect();
    }
}
