//! The first outcome of every identified command, kept for as long as it may be asked for again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::machine::NotTaken;
use super::record::{Batch, Cause};
use crate::id::CommandId;
use crate::time::{Span, Timestamp};

/// How many outcomes of either kind one batch drops at most: more than one batch can add, so that
/// the ledger never falls behind, and few enough that no single batch pays for a quiet night.
const FORGOTTEN_AT_ONCE: usize = 16;

/// How long outcomes are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CauseBounds {
    /// How old a command may be when it is taken.
    pub horizon: Span,
    /// How far a caller's clock may differ from the log's.
    pub clock_skew: Span,
    /// How many firm outcomes are kept: of what happened. Beyond it no new command is taken.
    pub max: u32,
    /// How many lesser outcomes are kept: of batches without events. Beyond it the oldest goes. To be
    /// more than may be pending ([`Limits::pending_max`](super::Limits::pending_max)): else who asks
    /// twice at once may be told the first of two answers.
    pub refusals_max: u32,
}

impl CauseBounds {
    /// Whether an outcome recorded at `at` may go: no retry of its command can be taken any more.
    fn has_passed(&self, at: Timestamp, now: Timestamp) -> bool {
        now > at.saturating_add(self.horizon).saturating_add(self.clock_skew)
    }
}

/// What the ledger knows of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen<'a, O> {
    /// Nothing: decide it.
    First,
    /// It was decided before.
    Known(&'a O),
}

/// The bounded ledger that a [`Machine`](super::Machine) embeds.
///
/// An outcome is kept for `horizon + clock_skew` after its batch. A command is taken until
/// `horizon` after it was issued, and is issued at most `clock_skew` after now; so whatever may
/// still be retried is still known. Besides, no command issued at or before one that was forgotten
/// for its age is taken: a later change of the bounds cannot bring it back.
///
/// There are two kinds, each with a bound of its own, so that whoever asks for what is not to be
/// had keeps nobody else's outcomes out:
///
/// - The outcome of a batch with events is **firm**. None is forgotten early: while there are
///   [`CauseBounds::max`], no new command is taken ([`NotTaken::Full`]), for what becomes of it is
///   not known before it is decided. What is known is still answered.
/// - The outcome of a batch without events (a refusal, a repetition that changed nothing) is
///   **lesser**: to decide its command again makes nothing happen twice. At
///   [`CauseBounds::refusals_max`] the oldest is forgotten early. Whoever asks again under its id
///   may then hear another answer than the first, or have done what was refused before; and another
///   request under that id is no [`NotTaken::Conflict`] any more.
///
/// Times are the log's, which never go back.
///
/// ```
/// use doorstep_core::id::CommandId;
/// use doorstep_core::log::{Batch, Cause, CauseBounds, Causes, NotTaken, Seen, Writer};
/// use doorstep_core::time::{Span, Timestamp};
///
/// let bounds = CauseBounds {
///     horizon: Span::from_hours(24),
///     clock_skew: Span::from_mins(1),
///     max: 1_000,
///     refusals_max: 1_000,
/// };
/// let noon = Timestamp::from_millis(1_700_000_000_000);
/// let cause = Cause { id: CommandId::new(7), issued_at: noon, digest: 1 };
///
/// let mut causes = Causes::new();
/// assert_eq!(causes.check(&cause, noon, &bounds), Ok(Seen::First));
/// let batch = Batch {
///     epoch: 1,
///     writer: Writer::new(1),
///     seq: 0,
///     at: noon,
///     cause: Some(cause),
///     inbox: None,
///     events: vec!["sold"],
///     outcome: Some("yours"),
/// };
/// causes.take_in(&batch, &bounds);
/// assert_eq!(causes.check(&cause, noon, &bounds), Ok(Seen::Known(&"yours")));
/// let other = Cause { digest: 2, ..cause };
/// assert_eq!(causes.check(&other, noon, &bounds), Err(NotTaken::Conflict));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Causes<O> {
    outcomes: BTreeMap<CommandId, Kept<O>>,
    /// Whose are firm, in the order of the log, which is that of their age.
    firm: VecDeque<(Timestamp, CommandId)>,
    /// Whose are lesser, likewise.
    lesser: VecDeque<(Timestamp, CommandId)>,
    /// The latest time at which a command was issued whose outcome went for its age.
    forgotten: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<O> {
    outcome: O,
    issued_at: Timestamp,
    digest: u64,
}

impl<O> Default for Causes<O> {
    fn default() -> Self {
        Self {
            outcomes: BTreeMap::new(),
            firm: VecDeque::new(),
            lesser: VecDeque::new(),
            forgotten: None,
        }
    }
}

impl<O> Causes<O> {
    /// A ledger that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many outcomes are kept, of both kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// How many firm outcomes are kept: those that count against [`CauseBounds::max`].
    #[must_use]
    pub fn firm_len(&self) -> usize {
        self.firm.len()
    }

    /// How many lesser outcomes are kept: those that count against [`CauseBounds::refusals_max`].
    #[must_use]
    pub fn lesser_len(&self) -> usize {
        self.lesser.len()
    }

    /// Whether `cause` was decided before, and if not, whether it may be now. O(log n).
    ///
    /// # Errors
    /// In this order: [`NotTaken::Conflict`] (known, with another digest), [`NotTaken::TooOld`],
    /// [`NotTaken::TooEarly`], [`NotTaken::Full`].
    pub fn check(
        &self,
        cause: &Cause,
        now: Timestamp,
        bounds: &CauseBounds,
    ) -> Result<Seen<'_, O>, NotTaken> {
        if let Some(kept) = self.outcomes.get(&cause.id) {
            let compared = cause.digest != 0 && kept.digest != 0;
            return if compared && cause.digest != kept.digest {
                Err(NotTaken::Conflict)
            } else {
                Ok(Seen::Known(&kept.outcome))
            };
        }
        let lapsed = now > cause.issued_at.saturating_add(bounds.horizon);
        if lapsed || self.forgotten.is_some_and(|latest| cause.issued_at <= latest) {
            return Err(NotTaken::TooOld);
        }
        if cause.issued_at > now.saturating_add(bounds.clock_skew) {
            return Err(NotTaken::TooEarly);
        }
        // If the oldest may go, `take_in` makes room before this one is recorded.
        let oldest_may_go = self.firm.front().is_some_and(|(at, _)| bounds.has_passed(*at, now));
        if self.firm.len() >= count(bounds.max) && !oldest_may_go {
            return Err(NotTaken::Full);
        }
        Ok(Seen::First)
    }

    /// Takes in a batch that counts: drops what no retry can ask for any more, the oldest first and
    /// a few at a time, and keeps the outcome of the batch, if it has one. A first outcome stays: a
    /// second one for the same id changes nothing. To be called for every batch that is applied.
    /// O(log n).
    pub fn take_in<E>(&mut self, batch: &Batch<E, O>, bounds: &CauseBounds)
    where
        O: Clone,
    {
        self.forget(batch.at, bounds);
        if let (Some(cause), Some(outcome)) = (&batch.cause, &batch.outcome)
            && let Entry::Vacant(place) = self.outcomes.entry(cause.id)
        {
            let (issued_at, digest) = (cause.issued_at, cause.digest);
            place.insert(Kept { outcome: outcome.clone(), issued_at, digest });
            let kind = if batch.events.is_empty() { &mut self.lesser } else { &mut self.firm };
            kind.push_back((batch.at, cause.id));
        }
        self.make_room(bounds);
    }

    fn forget(&mut self, now: Timestamp, bounds: &CauseBounds) {
        for kind in [&mut self.firm, &mut self.lesser] {
            for _ in 0..FORGOTTEN_AT_ONCE {
                let Some((_, id)) = kind.pop_front_if(|(at, _)| bounds.has_passed(*at, now)) else {
                    break;
                };
                if let Some(kept) = self.outcomes.remove(&id) {
                    self.forgotten = self.forgotten.max(Some(kept.issued_at));
                }
            }
        }
    }

    /// The oldest of the lesser kind make room for the youngest. Their commands may still be taken:
    /// what is issued at their time is not too old.
    fn make_room(&mut self, bounds: &CauseBounds) {
        let most = count(bounds.refusals_max);
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((_, id)) = self.lesser.front().filter(|_| self.lesser.len() > most) else {
                return;
            };
            self.outcomes.remove(id);
            self.lesser.pop_front();
        }
    }
}

fn count(bound: u32) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;
