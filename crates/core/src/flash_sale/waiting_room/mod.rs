//! The waiting room: who comes in when.
//!
//! Whoever joins before the start is in the **crowd**: it is shuffled once, at the start, by a seed,
//! so that nothing is gained by coming first to a page that is not open yet. Whoever joins later
//! stands behind them, in the order of joining. From the start on, people come in at a set rate, a
//! round at a time; what a round leaves unused is gone. Whoever comes in has a **pass**, bound to the
//! person, good once and for a while.
//!
//! Without [`Admission`] nobody comes in by rate: the room is a plain line, whose head is called when
//! there is something for it.
//!
//! ```
//! use doorstep_core::flash_sale::waiting_room::{Command, Place, WaitingRoom};
//! use doorstep_core::flash_sale::{Admission, Rules};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! let noon = Timestamp::from_secs(1_700_000_000);
//! let rules = Rules { admission: Some(Admission::new(4, 42)), ..Rules::new(200, noon)? };
//! let mut room = WaitingRoom::<u32>::new(&rules);
//! for user in 0..10 {
//!     for event in room.decide(&Command::Join { user }, noon)? {
//!         room.evolve(&event, noon)?;
//!     }
//! }
//! for event in room.decide(&Command::Tick, noon)? {
//!     room.evolve(&event, noon)?; // 75 % of 4 a second
//! }
//! assert!(matches!(room.place(&0), Some(Place::Admitted { .. })));
//! assert_eq!(room.place(&3), Some(Place::InLine { ahead: 0, wait: Some(Span::ZERO) }));
//! let wait = Some(Span::from_secs(2));
//! assert_eq!(room.place(&9), Some(Place::InLine { ahead: 6, wait }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decide;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::pairs;
use super::rules::{Admission, Rules};
use super::shuffle::shuffle;
use crate::time::{Span, Timestamp};

/// People, waiting and let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored<U>")]
#[serde(bound(
    serialize = "U: Clone + Ord + Serialize",
    deserialize = "U: Clone + Ord + Deserialize<'de>"
))]
pub struct WaitingRoom<U: Clone + Ord> {
    opens_at: Timestamp,
    people_max: u32,
    admission: Option<Admission>,
    phase: Phase,
    next_number: u64,
    line: Line<U>,
    #[serde(with = "pairs")]
    passes: BTreeMap<U, Admitted>,
    /// When passes lapse. Derived.
    #[serde(skip)]
    lapses: BTreeSet<(Timestamp, U)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "U: Clone + Ord + Deserialize<'de>"))]
struct Stored<U: Clone + Ord> {
    opens_at: Timestamp,
    people_max: u32,
    admission: Option<Admission>,
    phase: Phase,
    next_number: u64,
    line: Line<U>,
    #[serde(with = "pairs")]
    passes: BTreeMap<U, Admitted>,
}

impl<U: Clone + Ord> From<Stored<U>> for WaitingRoom<U> {
    fn from(stored: Stored<U>) -> Self {
        let Stored { opens_at, people_max, admission, phase, next_number, line, passes } = stored;
        let lapses = passes.iter().map(|(user, pass)| (pass.until, user.clone())).collect();
        Self { opens_at, people_max, admission, phase, next_number, line, passes, lapses }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Before the start: the line is the crowd, in no order that counts.
    Gathering,
    /// From the start on.
    Open {
        /// The round in which somebody came in last.
        round: u64,
        /// How many came in in it.
        used: u32,
    },
}

/// Somebody who was let in and has not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Admitted {
    number: u64,
    until: Timestamp,
}

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the crowd before the start; the order is not drawn yet.
    Gathering {
        /// How many are.
        people: u64,
        /// When it is drawn.
        opens_at: Timestamp,
    },
    /// In the line.
    InLine {
        /// How many stand before this person.
        ahead: u64,
        /// People ahead ÷ rate. `None` where nobody comes in by rate.
        wait: Option<Span>,
    },
    /// Let in.
    Admitted {
        /// The number of the pass.
        number: u64,
        /// The pass is good before this time.
        until: Timestamp,
    },
}

/// What can be asked of a waiting room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command<U> {
    /// Somebody wants in.
    Join {
        /// Who.
        user: U,
    },
    /// Somebody does not want in any more.
    Leave {
        /// Who.
        user: U,
    },
    /// Somebody uses a pass.
    Enter {
        /// Who.
        user: U,
        /// Which.
        number: u64,
    },
    /// Time passed. Harmless at any moment.
    Tick,
}

/// What happened in a waiting room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event<U> {
    /// Somebody joined: the crowd before the start, the end of the line after it.
    Joined {
        /// Who.
        user: U,
        /// Says who stands before whom.
        number: u64,
    },
    /// The crowd was put in an order.
    Started {
        /// Which, determined by this.
        seed: u64,
    },
    /// Somebody was let in.
    Admitted {
        /// Who.
        user: U,
        /// The pass is good before this time.
        until: Timestamp,
    },
    /// A pass was not used in time.
    Lapsed {
        /// Whose.
        user: U,
    },
    /// Somebody used a pass.
    Entered {
        /// Who.
        user: U,
    },
    /// Somebody used a pass for nothing, and stands in the old place again.
    SentBack {
        /// Who.
        user: U,
    },
    /// Somebody left.
    Left {
        /// Who.
        user: U,
    },
}

/// Why a waiting room does not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Refusal {
    /// As many people wait as may.
    #[error("{most} people wait already")]
    Full {
        /// How many those are.
        most: u32,
    },
    /// Not let in, or not any more; a pass is good once.
    #[error("there is no such pass, or it has been used, or it has lapsed")]
    NotAdmitted,
}

/// An event that cannot follow the state: the history is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of a waiting room does not follow its state: {found}")]
pub struct CorruptRoom {
    /// What does not fit.
    pub found: &'static str,
}

impl<U: Clone + Ord> WaitingRoom<U> {
    /// An empty room; `rules` are to pass [`Rules::check`].
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let phase = match rules.admission {
            Some(_) => Phase::Gathering,
            None => Phase::Open { round: 0, used: 0 },
        };
        Self {
            opens_at: rules.opens_at,
            people_max: rules.people_max,
            admission: rules.admission.clone(),
            phase,
            next_number: 0,
            line: Line::new(),
            passes: BTreeMap::new(),
            lapses: BTreeSet::new(),
        }
    }

    /// Where `user` is; `None` for somebody who is not in the room.
    #[must_use]
    pub fn place(&self, user: &U) -> Option<Place> {
        if let Some(pass) = self.passes.get(user) {
            return Some(Place::Admitted { number: pass.number, until: pass.until });
        }
        let number = self.line.number(user)?;
        Some(match self.phase {
            Phase::Gathering => {
                Place::Gathering { people: self.line.len() as u64, opens_at: self.opens_at }
            }
            Phase::Open { .. } => {
                let ahead = self.line.ahead(number);
                let wait = self.admission.as_ref().map(|admission| admission.wait(ahead));
                Place::InLine { ahead, wait }
            }
        })
    }

    /// How many wait, passes not counted.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.line.len() as u64
    }

    /// How many have a pass that they have not used.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.passes.len() as u64
    }

    /// Those who wait, the first first (before the start: as they joined).
    pub fn in_line(&self) -> impl Iterator<Item = &U> {
        self.line.iter().map(|(_, user)| user)
    }

    /// When [`Command::Tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.next_deadline_if(true)
    }

    /// The same where people are let in, or are not for the moment.
    pub(super) fn next_deadline_if(&self, admits: bool) -> Option<Timestamp> {
        let lapses = self.lapses.first().map(|(until, _)| *until);
        let admission = self.admission.as_ref().filter(|_| !self.line.is_empty());
        let next_in = admission.and_then(|admission| match self.phase {
            Phase::Gathering => Some(self.opens_at),
            Phase::Open { .. } if !admits => None,
            Phase::Open { round, used } => {
                let full = u64::from(used >= admission.per_round());
                let rounds = admission.every.saturating_mul(round.saturating_add(full));
                Some(self.opens_at.saturating_add(rounds))
            }
        });
        [lapses, next_in].into_iter().flatten().min()
    }

    /// Takes a fact in.
    ///
    /// # Errors
    /// [`CorruptRoom`] if the event cannot have been decided from this state; nothing changes.
    pub fn evolve(&mut self, event: &Event<U>, at: Timestamp) -> Result<(), CorruptRoom> {
        match event {
            Event::Joined { user, number } => {
                if *number < self.next_number || self.passes.contains_key(user) {
                    return Err(CorruptRoom { found: "joined, and was in already" });
                }
                if !self.line.insert(*number, user.clone()) {
                    return Err(CorruptRoom { found: "joined twice" });
                }
                self.next_number = number.saturating_add(1);
            }
            Event::Started { seed } => match self.phase {
                Phase::Gathering => {
                    self.line.reseat(|people| shuffle(people, *seed));
                    self.phase = Phase::Open { round: 0, used: 0 };
                }
                Phase::Open { .. } => return Err(CorruptRoom { found: "started twice" }),
            },
            Event::Admitted { user, until } => {
                let (Phase::Open { round, used }, Some(rate)) = (self.phase, &self.admission)
                else {
                    return Err(CorruptRoom { found: "admitted before the start" });
                };
                let now = rate.round(self.opens_at, at);
                let number = self.line.remove(user);
                let number =
                    number.ok_or(CorruptRoom { found: "admitted, and was not in line" })?;
                let used = if now == round { used } else { 0 };
                self.phase = Phase::Open { round: now, used: used.saturating_add(1) };
                self.passes.insert(user.clone(), Admitted { number, until: *until });
                self.lapses.insert((*until, user.clone()));
            }
            Event::Lapsed { user } | Event::Entered { user } => {
                self.take_pass(user).ok_or(CorruptRoom { found: "a pass that is not there" })?;
            }
            Event::SentBack { user } => {
                let pass = self.take_pass(user);
                let pass = pass.ok_or(CorruptRoom { found: "a pass that is not there" })?;
                self.line.insert(pass.number, user.clone());
            }
            Event::Left { user } => {
                if !self.depart(user) {
                    return Err(CorruptRoom { found: "left, and was not in" });
                }
            }
        }
        Ok(())
    }

    /// Takes somebody out, from wherever; whether there was anybody to take.
    pub(super) fn depart(&mut self, user: &U) -> bool {
        self.take_pass(user).is_some() || self.line.remove(user).is_some()
    }

    /// Sends everybody home.
    pub(super) fn clear(&mut self) {
        self.line = Line::new();
        self.passes.clear();
        self.lapses.clear();
    }

    fn take_pass(&mut self, user: &U) -> Option<Admitted> {
        let pass = self.passes.remove(user)?;
        self.lapses.remove(&(pass.until, user.clone()));
        Some(pass)
    }
}
