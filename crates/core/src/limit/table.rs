//! One limit for each of many keys: users, addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gcra, Passed, Quota, Refused};
use crate::time::{Span, Timestamp};

/// How many keys whose time has come are looked at with one check: more than one check can add.
const FORGOTTEN_AT_ONCE: usize = 2;

/// The same, for a key that there is no room for.
const LOOKED_AT_FOR_ROOM: usize = 64;

/// What becomes of a key that the table has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtBound {
    /// It is refused until a key is paid off: nobody passes uncounted, and a flood of keys keeps
    /// newcomers out.
    Refuse,
    /// It passes uncounted: a flood of keys is not limited by this table, and keeps nobody out.
    LetPass,
}

/// A quota for each key, for a bounded number of keys.
///
/// A key is kept until what it took is paid off, when forgetting it changes nothing; none leaves
/// earlier, and each check lets a few go that may. A full table goes on to limit the keys that it
/// knows; what becomes of others is [`AtBound`]. A check costs the logarithm of the number of keys.
///
/// ```
/// use doorstep_core::limit::{AtBound, Limits, Quota};
/// use doorstep_core::time::{Span, Timestamp};
///
/// let quota = Quota::new(1, Span::from_secs(1))?;
/// let mut limits = Limits::new(quota, 100_000, AtBound::Refuse);
/// let now = Timestamp::from_secs(1_700_000_000);
/// assert!(limits.check(&"203.0.113.7", 1, now).is_ok());
/// assert!(limits.check(&"203.0.113.7", 1, now).is_err());
/// assert!(limits.check(&"203.0.113.8", 1, now).is_ok());
/// # Ok::<(), doorstep_core::limit::QuotaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Limits<K> {
    quota: Quota,
    keys_max: usize,
    at_bound: AtBound,
    pub(super) states: BTreeMap<K, Gcra>,
    /// Each once, by when it is paid off, or by an earlier time: whoever takes more is noted anew only
    /// when that has come.
    pub(super) by_time: BTreeSet<(Gcra, K)>,
}

impl<K: Ord + Clone> Limits<K> {
    /// An empty table of at most `keys_max` keys.
    #[must_use]
    pub const fn new(quota: Quota, keys_max: usize, at_bound: AtBound) -> Self {
        Self { quota, keys_max, at_bound, states: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Takes `cost` out of the quota of `key`.
    ///
    /// # Errors
    /// [`Refused`], with when to come back; for a key that a full table does not know, the time
    /// after which a key may be paid off.
    pub fn check(&mut self, key: &K, cost: u32, now: Timestamp) -> Result<Passed, Refused> {
        self.forget(FORGOTTEN_AT_ONCE, now);
        if let Some(state) = self.states.get_mut(key) {
            let passed = state.check(&self.quota, cost, now)?;
            *state = passed.state;
            return Ok(passed);
        }
        let passed = Gcra::default().check(&self.quota, cost, now)?;
        if cost == 0 {
            return Ok(passed);
        }
        if self.states.len() >= self.keys_max {
            self.forget(LOOKED_AT_FOR_ROOM, now);
        }
        if self.states.len() >= self.keys_max {
            return match self.at_bound {
                AtBound::Refuse => Err(Refused::Later { retry_after: self.room_in(now) }),
                AtBound::LetPass => Ok(passed),
            };
        }
        self.by_time.insert((passed.state, key.clone()));
        self.states.insert(key.clone(), passed.state);
        Ok(passed)
    }

    /// What `key` has taken.
    #[must_use]
    pub fn state(&self, key: &K) -> Gcra {
        self.states.get(key).copied().unwrap_or_default()
    }

    /// The quota of each key.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How many keys are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether no key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Looks at a few of the keys whose time has come: lets those go whose debt is paid off, and notes
    /// the new time of those that have taken more meanwhile.
    fn forget(&mut self, at_most: usize, now: Timestamp) {
        for _ in 0..at_most {
            match self.by_time.first() {
                Some((noted, _)) if noted.full_in(now) == Span::ZERO => {}
                Some(_) | None => return,
            }
            let Some((_, key)) = self.by_time.pop_first() else { return };
            match self.states.get(&key) {
                Some(state) if state.full_in(now) > Span::ZERO => {
                    self.by_time.insert((*state, key));
                }
                Some(_) | None => _ = self.states.remove(&key),
            }
        }
    }

    /// How long until a key may be paid off: at least a millisecond.
    fn room_in(&self, now: Timestamp) -> Span {
        let first = self.by_time.first().map_or(Span::ZERO, |(state, _)| state.full_in(now));
        first.max(Span::from_millis(1))
    }
}
