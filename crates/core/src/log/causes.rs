//! The first outcome of every identified command, kept for as long as it may be asked for again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::machine::NotTaken;
use super::record::Cause;
use crate::id::CommandId;
use crate::time::{Span, Timestamp};

/// How many outcomes one [`Causes::forget`] drops at most: more than one batch can add, so that
/// the ledger never falls behind, and few enough that no single batch pays for a quiet night.
const FORGOTTEN_AT_ONCE: usize = 16;

/// How long outcomes are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CauseBounds {
    /// How old a command may be when it is taken.
    pub horizon: Span,
    /// How far a caller's clock may differ from the log's.
    pub clock_skew: Span,
    /// How many outcomes are kept.
    pub max: u32,
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
/// still be retried is still known. A full ledger refuses new commands; it never forgets early.
/// Besides, no command issued at or before one that was forgotten is taken: a later change of the
/// bounds cannot bring it back.
///
/// Times are the log's, which never go back.
///
/// ```
/// use doorstep_core::id::CommandId;
/// use doorstep_core::log::{Cause, CauseBounds, Causes, NotTaken, Seen};
/// use doorstep_core::time::{Span, Timestamp};
///
/// let bounds = CauseBounds {
///     horizon: Span::from_hours(24),
///     clock_skew: Span::from_mins(1),
///     max: 1_000,
/// };
/// let noon = Timestamp::from_millis(1_700_000_000_000);
/// let cause = Cause { id: CommandId::new(7), issued_at: noon, digest: 1 };
///
/// let mut causes = Causes::new();
/// assert_eq!(causes.check(&cause, noon, &bounds), Ok(Seen::First));
/// causes.record(&cause, "accepted", noon);
/// assert_eq!(causes.check(&cause, noon, &bounds), Ok(Seen::Known(&"accepted")));
/// let other = Cause { digest: 2, ..cause };
/// assert_eq!(causes.check(&other, noon, &bounds), Err(NotTaken::Conflict));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Causes<O> {
    outcomes: BTreeMap<CommandId, Kept<O>>,
    /// In the order of the log, which is that of their age.
    by_age: VecDeque<(Timestamp, CommandId)>,
    /// The latest time at which a command was issued whose outcome is forgotten.
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
        Self { outcomes: BTreeMap::new(), by_age: VecDeque::new(), forgotten: None }
    }
}

impl<O> Causes<O> {
    /// A ledger that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many outcomes are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
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
        // If the oldest may go, `forget` makes room before this one is recorded.
        let oldest_may_go = self.by_age.front().is_some_and(|(at, _)| bounds.has_passed(*at, now));
        let max = usize::try_from(bounds.max).unwrap_or(usize::MAX);
        if self.outcomes.len() >= max && !oldest_may_go {
            return Err(NotTaken::Full);
        }
        Ok(Seen::First)
    }

    /// Keeps the outcome of `cause`, whose batch counts at `at`. A first outcome stays: a second
    /// one for the same id changes nothing.
    pub fn record(&mut self, cause: &Cause, outcome: O, at: Timestamp) {
        if let Entry::Vacant(place) = self.outcomes.entry(cause.id) {
            place.insert(Kept { outcome, issued_at: cause.issued_at, digest: cause.digest });
            self.by_age.push_back((at, cause.id));
        }
    }

    /// Drops outcomes that no retry can ask for any more, the oldest first, a few at a time. To be
    /// called for every batch that is applied, before [`Causes::record`].
    pub fn forget(&mut self, now: Timestamp, bounds: &CauseBounds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.by_age.front() {
                Some((at, id)) if bounds.has_passed(*at, now) => {
                    if let Some(kept) = self.outcomes.remove(id) {
                        self.forgotten = self.forgotten.max(Some(kept.issued_at));
                    }
                    self.by_age.pop_front();
                }
                Some(_) | None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(10_000);
    const BOUNDS: CauseBounds =
        CauseBounds { horizon: Span::from_secs(100), clock_skew: Span::from_secs(5), max: 2 };

    fn cause(id: u128) -> Cause {
        Cause { id: CommandId::new(id), issued_at: NOON, digest: 0 }
    }

    fn at(secs: u64) -> Timestamp {
        NOON.saturating_add(Span::from_secs(secs))
    }

    #[test]
    fn a_command_is_taken_within_the_horizon_and_known_for_longer() {
        let mut causes = Causes::new();
        assert_eq!(causes.check(&cause(1), at(100), &BOUNDS), Ok(Seen::First));
        assert_eq!(causes.check(&cause(1), at(101), &BOUNDS), Err(NotTaken::TooOld));
        causes.record(&cause(1), 'a', at(100));
        causes.forget(at(205), &BOUNDS);
        assert_eq!(causes.check(&cause(1), at(205), &BOUNDS), Ok(Seen::Known(&'a')));
        causes.forget(at(206), &BOUNDS);
        assert_eq!(causes.check(&cause(1), at(206), &BOUNDS), Err(NotTaken::TooOld));
        assert!(causes.is_empty() && causes.by_age.is_empty());
    }

    #[test]
    fn whatever_may_be_retried_is_known_though_clocks_differ() {
        let ahead = Cause { issued_at: at(5), ..cause(1) };
        let mut causes = Causes::new();
        assert_eq!(causes.check(&ahead, NOON, &BOUNDS), Ok(Seen::First));
        let further = Cause { issued_at: at(6), ..cause(1) };
        assert_eq!(causes.check(&further, NOON, &BOUNDS), Err(NotTaken::TooEarly));
        causes.record(&ahead, 'a', NOON);
        for secs in 0..=105 {
            causes.forget(at(secs), &BOUNDS);
            assert_eq!(causes.check(&ahead, at(secs), &BOUNDS), Ok(Seen::Known(&'a')));
        }
        causes.forget(at(106), &BOUNDS);
        assert_eq!(causes.check(&ahead, at(106), &BOUNDS), Err(NotTaken::TooOld));
    }

    #[test]
    fn a_longer_horizon_does_not_bring_back_what_was_forgotten() {
        let mut causes = Causes::new();
        causes.record(&cause(1), 'a', NOON);
        causes.forget(at(200), &BOUNDS);
        let longer = CauseBounds { horizon: Span::from_hours(1), ..BOUNDS };
        assert_eq!(causes.check(&cause(1), at(200), &longer), Err(NotTaken::TooOld));
    }

    #[test]
    fn a_full_ledger_refuses_what_is_new_and_forgets_nothing_early() {
        let mut causes = Causes::new();
        causes.record(&cause(1), 'a', NOON);
        causes.record(&cause(2), 'b', at(1));
        let third = Cause { issued_at: at(50), ..cause(3) };
        assert_eq!(causes.check(&third, at(105), &BOUNDS), Err(NotTaken::Full));
        assert_eq!(causes.check(&cause(1), at(105), &BOUNDS), Ok(Seen::Known(&'a')));
        assert_eq!(causes.check(&third, at(106), &BOUNDS), Ok(Seen::First));
        causes.forget(at(106), &BOUNDS);
        causes.record(&third, 'c', at(106));
        assert_eq!(causes.len(), 2);
    }

    #[test]
    fn a_digest_tells_a_retry_from_another_request() {
        let mut causes = Causes::new();
        causes.record(&Cause { digest: 4, ..cause(1) }, 'a', NOON);
        let check = |digest| causes.check(&Cause { digest, ..cause(1) }, NOON, &BOUNDS);
        assert_eq!(check(4), Ok(Seen::Known(&'a')));
        assert_eq!(check(0), Ok(Seen::Known(&'a')));
        assert_eq!(check(5), Err(NotTaken::Conflict));
    }

    #[test]
    fn a_quiet_night_is_forgotten_a_little_at_a_time() {
        let mut causes = Causes::new();
        for id in 0..100 {
            causes.record(&cause(id), 'a', NOON);
        }
        causes.forget(at(1_000), &BOUNDS);
        assert_eq!(causes.len(), 100 - FORGOTTEN_AT_ONCE);
        let json = serde_json::to_string(&causes).unwrap();
        assert_eq!(serde_json::from_str::<Causes<char>>(&json).unwrap(), causes);
    }
}
