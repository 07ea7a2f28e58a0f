//! The words of the inbox.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::idempotency::{Bounds, Full, Token};
use crate::provider::{Event, EventId, Field, Meaning};
use crate::time::Timestamp;
use crate::webhook::message::Unused;

/// The waits after the first five failures in a row, in seconds; after the sixth the event is dead.
pub(super) const BACK_OFF: [u64; 5] = [1, 2, 4, 8, 16];
const REASON_CHARS_MAX: usize = 200;

/// The version of the stored form of an inbox; no other is read.
const FORMAT: u32 = 1;

/// Stands in the stored form for its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(super) struct Format;

impl TryFrom<u32> for Format {
    type Error = &'static str;

    fn try_from(version: u32) -> Result<Self, Self::Error> {
        if version == FORMAT { Ok(Self) } else { Err("an inbox of another format") }
    }
}

impl From<Format> for u32 {
    fn from(Format: Format) -> Self {
        FORMAT
    }
}

/// How much an inbox holds, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    bounds: Bounds,
    open_max: u32,
}

/// Rules under which nothing could be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there must be room for at least one open event")]
pub struct BadRules;

impl Rules {
    /// Jobs are leased, and events remembered, within `bounds`: the retention is to exceed the span
    /// over which the provider repeats an event (Stripe: 3 days). At most `open_max` events are
    /// waiting, under way or dead.
    ///
    /// # Errors
    /// [`BadRules`]: `open_max` is 0.
    pub const fn new(bounds: Bounds, open_max: u32) -> Result<Self, BadRules> {
        if open_max == 0 { Err(BadRules) } else { Ok(Self { bounds, open_max }) }
    }

    /// How long a job is leased, how long an event is remembered, and how many are.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many events may be waiting, under way or dead.
    #[must_use]
    pub const fn open_max(&self) -> u32 {
        self.open_max
    }
}

/// What became of a message. All of it is answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Accepted {
    /// It is new, and waits to be worked on.
    Queued,
    /// It came before and means the same.
    Repeat {
        /// How far it has come.
        progress: Progress,
    },
    /// Its id came before and meant something else. It is recorded and has no effect.
    Conflict {
        /// In what the two differ.
        differs: Vec<Field>,
    },
    /// It is of no use. It is counted.
    Unused {
        /// Why.
        why: Unused,
    },
}

impl Accepted {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        200
    }
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It waits for its turn.
    Waiting,
    /// Somebody is at it.
    Running,
    /// It failed too often, or for good.
    Dead,
    /// It is over: done, or taken out.
    Done,
}

/// Why a message is not taken. The provider is to send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// As many events are open as may be.
    #[error("{most} events are open already")]
    QueueFull {
        /// How many those are.
        most: u32,
    },
    /// As many events are remembered as may be.
    #[error(transparent)]
    Remembered(#[from] Full),
}

impl NotAccepted {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        503
    }
}

/// An event to work on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// Which, and what it means.
    pub event: Event,
    /// The how manyeth attempt this is, from 1.
    pub attempt: u32,
    /// Names the lease.
    pub token: Token,
    /// When the lease runs out.
    pub until: Timestamp,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setback {
    /// It is tried again, not before this time.
    RetryAt(Timestamp),
    /// It is a dead letter.
    Dead,
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// Whoever was at it said nothing in time.
    LeaseRanOut,
    /// It did not work.
    Failed {
        /// Why, for people.
        reason: Box<str>,
    },
    /// It will never work.
    Refused {
        /// Why, for people.
        reason: Box<str>,
    },
}

impl Cause {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed { reason: short(reason) }
    }

    pub(super) fn refused(reason: &str) -> Self {
        Self::Refused { reason: short(reason) }
    }
}

fn short(reason: &str) -> Box<str> {
    let end = reason.char_indices().nth(REASON_CHARS_MAX).map_or(reason.len(), |(at, _)| at);
    reason.get(..end).unwrap_or_default().into()
}

/// One attempt that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// An event that nobody works on any more, unless it is redriven.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeadLetter {
    /// Which, and what it means.
    pub event: Event,
    /// Since when.
    pub since: Timestamp,
    /// What was tried, the oldest first. The last one says why it is dead.
    pub history: Vec<Failed>,
}

/// There is no dead letter of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no dead letter of this id")]
pub struct NoDeadLetter;

/// Two messages under one id that do not mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The id.
    pub id: EventId,
    /// When the second one came.
    pub at: Timestamp,
    /// What the first one meant. This one takes effect.
    pub first: Meaning,
    /// What the second one meant.
    pub second: Meaning,
    /// In what they differ.
    pub differs: Vec<Field>,
}

/// How often what happened, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// New events.
    pub queued: u64,
    /// Events that came again and meant the same.
    pub repeats: u64,
    /// Events that came again and meant something else.
    pub conflicts: u64,
    /// Messages of no use.
    pub unused: u64,
    /// Events that are done.
    pub done: u64,
    /// Times an event became a dead letter.
    pub dead: u64,
    /// Times one was redriven.
    pub redriven: u64,
}

/// An event that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub(super) says: Meaning,
    pub(super) state: State,
    /// The last lease on it.
    pub(super) token: Option<Token>,
    /// Attempts begun.
    pub(super) attempt: u32,
    /// Failures in a row, since it was accepted or redriven.
    pub(super) failures: u32,
    pub(super) history: VecDeque<Failed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum State {
    Waiting { at: Timestamp },
    Running { until: Timestamp },
    Dead { since: Timestamp },
}

impl State {
    /// When it is looked at again.
    pub(super) const fn due(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at } => Some(at),
            Self::Running { until } => Some(until),
            Self::Dead { .. } => None,
        }
    }

    pub(super) const fn progress(self) -> Progress {
        match self {
            Self::Waiting { .. } => Progress::Waiting,
            Self::Running { .. } => Progress::Running,
            Self::Dead { .. } => Progress::Dead,
        }
    }
}

impl Open {
    pub(super) fn new(says: Meaning, now: Timestamp) -> Self {
        let state = State::Waiting { at: now };
        Self { says, state, token: None, attempt: 0, failures: 0, history: VecDeque::new() }
    }

    pub(super) fn dead_letter(&self, id: &EventId) -> Option<DeadLetter> {
        let State::Dead { since } = self.state else { return None };
        let event = Event { id: id.clone(), says: self.says.clone() };
        Some(DeadLetter { event, since, history: self.history.iter().cloned().collect() })
    }
}
