//! The stock of a sale: who holds a unit, who has bought one, who gets the next.
//!
//! ```text
//! available ──claim──▶ held { Reserved until ──start payment──▶ Paying } ──pay──▶ sold
//!     ▲                        │ its deadline: expired      │ release
//!     └── nobody waits ◀───────┴────────────────────────────┘── somebody waits ──▶ held by the head
//! ```
//!
//! - `available + held + sold = stock` after every event, and by construction: only holds and sales
//!   are stored.
//! - One unit is one **slot** of a person: the `nth` of as many as the rules allow. A claim for a slot
//!   that has its unit is a retry, and is answered with the same hold.
//! - A unit that comes free goes to the head of the line, as a hold with a deadline of its own; only
//!   where nobody waits is it available again.
//! - A hold is good before its deadline. From then on a payment is late, whether or not anybody has
//!   dealt with the deadline yet. A late payer still gets a unit where one is free and nobody who
//!   waits has a better claim to it; otherwise the money goes back ([`Answer::RefundDue`]). Nobody
//!   pays for nothing, and nothing is sold twice.
//! - "Sold out" is said when every unit is *sold*, and is final. While units are held it is
//!   [`Refusal::AllHeld`]: one may come back, and one may wait for it. A sold unit never comes back.
//! - [`Command::StartPayment`] stops the clock of a hold: whoever says so watches a deadline of their
//!   own (a shard's checkout), and must pay or release in the end.
//!
//! Claims cost a few look-ups in maps of the people involved; see [`WaitingRoom`] for the line's.

mod decide;
mod evolve;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::words::{
    Answer, Command, Decided, Event, Hold, HoldId, HoldState, Refusal, Standing,
};
use super::pairs;
use super::rules::Rules;
pub use super::waiting_room::Place;
use super::waiting_room::{self, CorruptRoom, WaitingRoom};
use crate::time::Timestamp;

/// A sale of some units to people named by `U`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored<U>")]
#[serde(bound(
    serialize = "U: Clone + Ord + Serialize",
    deserialize = "U: Clone + Ord + Deserialize<'de>"
))]
pub struct Sale<U: Clone + Ord> {
    rules: Rules,
    closed: bool,
    next_hold: u64,
    #[serde(with = "pairs")]
    holds: BTreeMap<HoldId, Hold<U>>,
    /// Late payments that are to go back.
    #[serde(with = "pairs")]
    refunds: BTreeMap<HoldId, U>,
    room: WaitingRoom<U>,
    // Derived from the above.
    #[serde(skip)]
    sold: u32,
    #[serde(skip)]
    slots: BTreeMap<(U, u32), HoldId>,
    #[serde(skip)]
    deadlines: BTreeSet<(Timestamp, HoldId)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "U: Clone + Ord + Deserialize<'de>"))]
struct Stored<U: Clone + Ord> {
    rules: Rules,
    closed: bool,
    next_hold: u64,
    #[serde(with = "pairs")]
    holds: BTreeMap<HoldId, Hold<U>>,
    #[serde(with = "pairs")]
    refunds: BTreeMap<HoldId, U>,
    room: WaitingRoom<U>,
}

impl<U: Clone + Ord> From<Stored<U>> for Sale<U> {
    fn from(stored: Stored<U>) -> Self {
        let Stored { rules, closed, next_hold, holds, refunds, room } = stored;
        let (sold, slots, deadlines) = (0, BTreeMap::new(), BTreeSet::new());
        let mut sale =
            Self { rules, closed, next_hold, holds, refunds, room, sold, slots, deadlines };
        for (&id, hold) in &sale.holds {
            sale.slots.insert((hold.user.clone(), hold.nth), id);
            sale.deadlines.extend(hold.state.until().map(|until| (until, id)));
            sale.sold = sale.sold.saturating_add(u32::from(hold.state == HoldState::Sold));
        }
        sale
    }
}

/// An event that cannot follow the state: the history is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptSale {
    /// The hold that an event speaks of is not there, or not so far.
    #[error("an event does not fit the hold {0:?}")]
    Hold(HoldId),
    /// A unit is taken that is not there, or a slot twice.
    #[error("the hold {0:?} takes a unit or a slot that is not free")]
    Unit(HoldId),
    /// It was closed already.
    #[error("closed twice")]
    Closed,
    /// The waiting room's part is damaged.
    #[error(transparent)]
    Room(#[from] CorruptRoom),
}

impl<U: Clone + Ord> Sale<U> {
    /// A sale of which nobody has anything yet; `rules` are to pass [`Rules::check`].
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            room: WaitingRoom::new(&rules),
            rules,
            closed: false,
            next_hold: 0,
            holds: BTreeMap::new(),
            refunds: BTreeMap::new(),
            sold: 0,
            slots: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// What it was opened with.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Units that nobody has.
    #[must_use]
    pub fn available(&self) -> u32 {
        let taken = u32::try_from(self.holds.len()).unwrap_or(u32::MAX);
        self.rules.stock.saturating_sub(taken)
    }

    /// Units that are held and not sold.
    #[must_use]
    pub fn held(&self) -> u32 {
        u32::try_from(self.holds.len()).unwrap_or(u32::MAX).saturating_sub(self.sold)
    }

    /// Units that are sold.
    #[must_use]
    pub const fn sold(&self) -> u32 {
        self.sold
    }

    /// Whether every unit is sold. Final.
    #[must_use]
    pub const fn is_sold_out(&self) -> bool {
        self.sold >= self.rules.stock
    }

    /// Whether it was closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nothing can happen any more: closed or sold out, and nothing held.
    #[must_use]
    pub fn is_over(&self) -> bool {
        (self.closed || self.is_sold_out()) && self.held() == 0
    }

    /// A hold or a sale by its number.
    #[must_use]
    pub fn hold(&self, hold: HoldId) -> Option<&Hold<U>> {
        self.holds.get(&hold)
    }

    /// Everything that is held or sold, by number.
    pub fn holds(&self) -> impl Iterator<Item = (HoldId, &Hold<U>)> {
        self.holds.iter().map(|(&id, hold)| (id, hold))
    }

    /// Late payments that are to go back, by the hold that they were for.
    pub fn refunds(&self) -> impl Iterator<Item = (HoldId, &U)> {
        self.refunds.iter().map(|(&id, user)| (id, user))
    }

    /// The number that the next hold has at least.
    #[must_use]
    pub const fn next_hold(&self) -> u64 {
        self.next_hold
    }

    /// Those who wait.
    #[must_use]
    pub const fn room(&self) -> &WaitingRoom<U> {
        &self.room
    }

    /// Where somebody stands, with the `nth` unit in mind. A read; what it says of the line is as of
    /// the last event.
    #[must_use]
    pub fn standing(&self, user: &U, nth: u32) -> Standing {
        let slot = self.slots.get(&(user.clone(), nth));
        if let Some((&hold, held)) = slot.and_then(|hold| self.holds.get_key_value(hold)) {
            return Standing::Has { hold, state: held.state };
        }
        match self.room.place(user) {
            Some(place) => Standing::Waits(place),
            None if self.is_sold_out() => Standing::SoldOut,
            None => Standing::Outside,
        }
    }

    /// When [`Command::Tick`] has something to do next. Nobody is let in while there is nothing to
    /// claim.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let hold = self.deadlines.first().map(|(until, _)| *until);
        [hold, self.room.next_deadline_if(self.available() > 0)].into_iter().flatten().min()
    }
}
