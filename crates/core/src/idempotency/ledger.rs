//! What is known of each key.

use core::borrow::Borrow;
use core::fmt;
use std::collections::{BTreeMap, VecDeque, btree_map};

use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use crate::time::Timestamp;

/// How many keys one call drops at most: more than one call can add, so that the ledger never falls
/// behind, and few enough that no single call pays for a quiet night.
const FORGOTTEN_AT_ONCE: usize = 16;

/// Names one lease, for ever: a later lease of the same ledger, on whatever key, has a higher one.
/// To be sent along with whatever is done under the lease, so that others can refuse who is late.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(u64);

impl Token {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(crate) const FIRST: Self = Self(1);
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What is to be done about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begun<'a, O, F> {
    /// It is this caller's to do: for the first time, or because the one before took too long, or
    /// gave up.
    First {
        /// Names the lease; [`Ledger::complete`] asks for it.
        token: Token,
        /// Until when nobody else gets a lease.
        until: Timestamp,
    },
    /// Somebody is at it. To be answered 409.
    InFlight {
        /// When its lease runs out: no repetition before that gets another answer than this one or
        /// the outcome.
        until: Timestamp,
    },
    /// It was done. To be answered as it was then.
    Repeat(&'a O),
    /// The key was used for another request. To be answered 422.
    Conflict {
        /// The fingerprint of that request.
        first: &'a F,
    },
}

/// No room: as many keys are kept as may be, and none may go yet. Nothing is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("no room for another key; the first one goes at {until}")]
pub struct Full {
    /// When the first of them may go.
    pub until: Timestamp,
}

/// Why a token does not complete or abandon anything. Nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Stale {
    /// The key is not known: it was never begun, or abandoned, or forgotten.
    #[error("nothing is in flight under this key")]
    Unknown,
    /// Somebody else took over.
    #[error("somebody else took over, under {by:?}")]
    TakenOver {
        /// The token of the one who did.
        by: Token,
    },
    /// It is done, by this token or another.
    #[error("it is already done")]
    Done,
}

/// How a completion went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completed<'a, O> {
    /// This is the outcome from now on.
    Recorded(&'a O),
    /// The same lease was completed before, with this outcome; it stays.
    Already(&'a O),
}

/// A bounded ledger of keys `K`, their outcomes `O`, and what two requests under one key are
/// compared by, `F`: a digest of the request (by default 128 bits of one), or all that it means.
///
/// Times are taken as never going back: a `now` before 1970 or the latest one seen counts as that. The bounds
/// are an argument, so that they can be policy: they may change from one call to the next.
///
/// Every operation is O(log n), and forgets at most 16 keys that may go.
///
/// Its stored form does not depend on how it came about; [`CorruptLedger`](super::CorruptLedger)
/// says what is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger<K, O, F = u128> {
    pub(super) entries: BTreeMap<K, Entry<O, F>>,
    /// The leases by the time they run out: they are few.
    pub(super) leases: BTreeMap<(Timestamp, Token), K>,
    /// Those that are done, in the order in which they were.
    pub(super) done: VecDeque<(Timestamp, K)>,
    pub(super) next: Token,
    pub(super) last: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry<O, F> {
    pub(super) fingerprint: F,
    pub(super) token: Token,
    pub(super) state: State<O>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State<O> {
    InFlight { until: Timestamp },
    Done { outcome: O },
}

impl<O, F: PartialEq> Entry<O, F> {
    /// What a request with this fingerprint is told.
    fn known(&self, fingerprint: &F) -> Begun<'_, O, F> {
        if self.fingerprint != *fingerprint {
            return Begun::Conflict { first: &self.fingerprint };
        }
        match &self.state {
            State::Done { outcome } => Begun::Repeat(outcome),
            State::InFlight { until } => Begun::InFlight { until: *until },
        }
    }
}

impl<K, O, F> Default for Ledger<K, O, F> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            done: VecDeque::new(),
            next: Token::FIRST,
            last: Timestamp::EPOCH,
        }
    }
}

impl<K: Ord, O, F> Ledger<K, O, F> {
    /// A ledger that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys are kept, those in flight included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is known of a key, whatever its fingerprint: `None` if nothing is, or it is in flight.
    #[must_use]
    pub fn outcome<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&O>
    where
        K: Borrow<Q>,
    {
        match &self.entries.get(key)?.state {
            State::Done { outcome } => Some(outcome),
            State::InFlight { .. } => None,
        }
    }

    /// When [`Ledger::forget`] has something to drop next.
    #[must_use]
    pub fn next_deadline(&self, bounds: &Bounds) -> Option<Timestamp> {
        let done = self.done.front().map(|(at, _)| *at);
        let lease = self.leases.first_key_value().map(|((until, _), _)| *until);
        let oldest = done.into_iter().chain(lease).min()?;
        Some(oldest.saturating_add(bounds.retention()))
    }

    /// What [`Ledger::begin`] would answer now. Nothing changes.
    ///
    /// # Errors
    /// [`Full`]: a new key, and no room for it.
    pub fn check<Q: Ord + ?Sized>(
        &self,
        key: &Q,
        fingerprint: &F,
        now: Timestamp,
        bounds: &Bounds,
    ) -> Result<Begun<'_, O, F>, Full>
    where
        K: Borrow<Q>,
        F: PartialEq,
    {
        let now = now.max(self.last);
        let first = || Begun::First { token: self.next, until: now.saturating_add(bounds.lease()) };
        if let Some(entry) = self.entries.get(key) {
            return Ok(match entry.known(fingerprint) {
                Begun::InFlight { until } if now >= until => first(),
                known @ (Begun::First { .. }
                | Begun::InFlight { .. }
                | Begun::Repeat(_)
                | Begun::Conflict { .. }) => known,
            });
        }
        let max = usize::try_from(bounds.max()).unwrap_or(usize::MAX);
        match self.next_deadline(bounds) {
            // What may go does not keep anybody out: `begin` drops it first.
            Some(until) if self.entries.len() >= max && now < until => Err(Full { until }),
            Some(_) | None => Ok(first()),
        }
    }

    /// Whether to do what `key` stands for. On [`Begun::First`] it is the caller's, who is to call
    /// [`Ledger::complete`] or [`Ledger::abandon`].
    ///
    /// A conflict comes before everything else: it is one, whether the first request is done or in
    /// flight, its lease run out or not.
    ///
    /// # Errors
    /// [`Full`]: a new key, and no room for it. A known key is never refused.
    pub fn begin(
        &mut self,
        key: &K,
        fingerprint: &F,
        now: Timestamp,
        bounds: &Bounds,
    ) -> Result<Begun<'_, O, F>, Full>
    where
        K: Clone,
        F: Clone + PartialEq,
    {
        self.forget(now, bounds);
        let now = self.last;
        let (token, until) = match self.check(key, fingerprint, now, bounds)? {
            Begun::First { token, until } => (token, until),
            // Asked again, because the borrow checker does not let go of the answer above.
            Begun::InFlight { .. } | Begun::Repeat(_) | Begun::Conflict { .. } => {
                return self.check(key, fingerprint, now, bounds);
            }
        };
        let state = State::InFlight { until };
        let entry = Entry { fingerprint: fingerprint.clone(), token, state };
        if let Some(Entry { token: before, state: State::InFlight { until: ran_out }, .. }) =
            self.entries.insert(key.clone(), entry)
        {
            self.leases.remove(&(ran_out, before));
        }
        self.leases.insert((until, token), key.clone());
        self.next = token.next();
        Ok(Begun::First { token, until })
    }

    /// [`begin`](Self::begin) and [`complete`](Self::complete) at once, where what a key stands for is
    /// done in the same step: no lease is given out. On [`Begun::First`] the outcome is recorded, from
    /// now on; it is dropped otherwise. Costs about half of the two, and one copy of the key.
    ///
    /// # Errors
    /// [`Full`]: a new key, and no room for it. A known key is never refused.
    pub fn record(
        &mut self,
        key: K,
        fingerprint: F,
        outcome: O,
        now: Timestamp,
        bounds: &Bounds,
    ) -> Result<Begun<'_, O, F>, Full>
    where
        K: Clone,
        F: PartialEq,
    {
        self.forget(now, bounds);
        let (now, token) = (self.last, self.next);
        let max = usize::try_from(bounds.max()).unwrap_or(usize::MAX);
        let full = self.entries.len() >= max;
        // What may go does not keep anybody out.
        let full =
            if full { self.next_deadline(bounds).filter(|until| now < *until) } else { None };
        let state = State::Done { outcome };
        match self.entries.entry(key) {
            btree_map::Entry::Vacant(place) => {
                if let Some(until) = full {
                    return Err(Full { until });
                }
                self.done.push_back((now, place.key().clone()));
                place.insert(Entry { fingerprint, token, state });
            }
            btree_map::Entry::Occupied(mut place) => {
                let ran_out = match place.get().known(&fingerprint) {
                    Begun::InFlight { until } if now >= until => Some(until),
                    Begun::First { .. }
                    | Begun::InFlight { .. }
                    | Begun::Repeat(_)
                    | Begun::Conflict { .. } => None,
                };
                let Some(until) = ran_out else { return Ok(place.into_mut().known(&fingerprint)) };
                let entry = place.get_mut();
                let before = core::mem::replace(&mut entry.token, token);
                entry.state = state;
                if let Some(key) = self.leases.remove(&(until, before)) {
                    self.done.push_back((now, key));
                }
            }
        }
        self.next = token.next();
        Ok(Begun::First { token, until: now })
    }

    /// Records what came of it, for every repetition. A lease that ran out still completes, as long
    /// as nobody took over.
    ///
    /// # Errors
    /// [`Stale`], and nothing changes: in this order [`Stale::Unknown`], [`Stale::TakenOver`] (also
    /// where the one who took over has finished).
    pub fn complete<Q: Ord + ?Sized>(
        &mut self,
        key: &Q,
        token: Token,
        outcome: O,
        now: Timestamp,
    ) -> Result<Completed<'_, O>, Stale>
    where
        K: Borrow<Q>,
    {
        let now = self.seen(now);
        let entry = self.entries.get_mut(key).ok_or(Stale::Unknown)?;
        if entry.token != token {
            return Err(Stale::TakenOver { by: entry.token });
        }
        let until = match &entry.state {
            State::InFlight { until } => Some(*until),
            State::Done { .. } => None,
        };
        if let Some(until) = until {
            entry.state = State::Done { outcome };
            if let Some(key) = self.leases.remove(&(until, token)) {
                self.done.push_back((now, key));
            }
        }
        match &entry.state {
            State::Done { outcome } if until.is_none() => Ok(Completed::Already(outcome)),
            State::Done { outcome } => Ok(Completed::Recorded(outcome)),
            State::InFlight { .. } => Err(Stale::Unknown),
        }
    }

    /// Gives the key back as if it had never been begun, where nothing was done: the request was
    /// not valid. The next caller with it is first, whatever the fingerprint.
    ///
    /// # Errors
    /// [`Stale`], and nothing changes: in this order [`Stale::Unknown`], [`Stale::TakenOver`],
    /// [`Stale::Done`].
    pub fn abandon<Q: Ord + ?Sized>(&mut self, key: &Q, token: Token) -> Result<(), Stale>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get(key).ok_or(Stale::Unknown)?;
        if entry.token != token {
            return Err(Stale::TakenOver { by: entry.token });
        }
        let State::InFlight { until } = entry.state else { return Err(Stale::Done) };
        self.leases.remove(&(until, token));
        self.entries.remove(key);
        Ok(())
    }

    /// Drops keys that may go, at most 16 of them, the oldest first: those that were done a
    /// retention ago, and those whose lease ran out a retention ago. Spurious calls are harmless.
    pub fn forget(&mut self, now: Timestamp, bounds: &Bounds) {
        let now = self.seen(now);
        let may_go = |since: Timestamp| now >= since.saturating_add(bounds.retention());
        for _ in 0..FORGOTTEN_AT_ONCE {
            let key = if self.done.front().is_some_and(|(at, _)| may_go(*at)) {
                self.done.pop_front().map(|(_, key)| key)
            } else if self.leases.first_key_value().is_some_and(|((until, _), _)| may_go(*until)) {
                self.leases.pop_first().map(|(_, key)| key)
            } else {
                None
            };
            let Some(key) = key else { return };
            self.entries.remove(&key);
        }
    }

    fn seen(&mut self, now: Timestamp) -> Timestamp {
        self.last = self.last.max(now);
        self.last
    }
}
