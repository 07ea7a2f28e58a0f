//! The written form of a ledger: two lists, from which the indexes are built again.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ledger::{Entry, Ledger, State, Token};
use crate::time::Timestamp;

/// Why a stored ledger is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptLedger {
    /// A key stands there twice.
    #[error("a stored ledger has a key twice")]
    RepeatedKey,
    /// A token was given out twice, or is to be given out again.
    #[error("a stored ledger has a token that is not below the next one, or twice")]
    BadToken,
    /// Those that are done do not stand in the order in which they were, or later than the last
    /// time seen.
    #[error("a stored ledger is out of order")]
    OutOfOrder,
}

/// A ledger as it is written: its entries are borrowed when written and owned when read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<I, D> {
    next: Token,
    last: Timestamp,
    in_flight: Vec<I>,
    done: Vec<D>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InFlight<K, F> {
    key: K,
    fingerprint: F,
    token: Token,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done<K, F, O> {
    key: K,
    fingerprint: F,
    token: Token,
    at: Timestamp,
    outcome: O,
}

impl<K, O, F> Serialize for Ledger<K, O, F>
where
    K: Ord + Serialize,
    O: Serialize,
    F: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let in_flight = self.leases.iter().filter_map(|(&(until, token), key)| {
            let fingerprint = &self.entries.get(key)?.fingerprint;
            Some(InFlight { key, fingerprint, token, until })
        });
        let done = self.done.iter().filter_map(|(at, key)| {
            let Entry { fingerprint, token, state } = self.entries.get(key)?;
            let State::Done { outcome } = state else { return None };
            Some(Done { key, fingerprint, token: *token, at: *at, outcome })
        });
        let (in_flight, done) = (in_flight.collect(), done.collect());
        Stored { next: self.next, last: self.last, in_flight, done }.serialize(serializer)
    }
}

impl<'de, K, O, F> Deserialize<'de> for Ledger<K, O, F>
where
    K: Ord + Clone + Deserialize<'de>,
    O: Deserialize<'de>,
    F: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<InFlight<K, F>, Done<K, F, O>>::deserialize(deserializer)?;
        restore(stored).map_err(serde::de::Error::custom)
    }
}

fn restore<K: Ord + Clone, O, F>(
    stored: Stored<InFlight<K, F>, Done<K, F, O>>,
) -> Result<Ledger<K, O, F>, CorruptLedger> {
    let Stored { next, last, in_flight, done: kept } = stored;
    let mut ledger = Ledger { next, last, ..Ledger::default() };
    let mut tokens = BTreeMap::new();
    let mut known = |token: Token| {
        let given_out = token < next && token >= Token::FIRST;
        if given_out && tokens.insert(token, ()).is_none() {
            Ok(token)
        } else {
            Err(CorruptLedger::BadToken)
        }
    };
    for InFlight { key, fingerprint, token, until } in in_flight {
        let entry = Entry { fingerprint, token: known(token)?, state: State::InFlight { until } };
        ledger.leases.insert((until, token), key.clone());
        if ledger.entries.insert(key, entry).is_some() {
            return Err(CorruptLedger::RepeatedKey);
        }
    }
    let mut done = VecDeque::with_capacity(kept.len());
    for Done { key, fingerprint, token, at, outcome } in kept {
        if done.back().is_some_and(|(before, _)| at < *before) || at > last {
            return Err(CorruptLedger::OutOfOrder);
        }
        let entry = Entry { fingerprint, token: known(token)?, state: State::Done { outcome } };
        done.push_back((at, key.clone()));
        if ledger.entries.insert(key, entry).is_some() {
            return Err(CorruptLedger::RepeatedKey);
        }
    }
    ledger.done = done;
    Ok(ledger)
}
