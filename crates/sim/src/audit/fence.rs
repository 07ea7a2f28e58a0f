//! Which entries count: the reader's rule of the protocol, written down a second time.

use std::collections::BTreeMap;

use super::ledger::{Invariant, Ledger};

/// Batches remembered that came too early under the current claim: several times what may be in flight.
const EARLY_MAX: usize = 4_096;
/// Counted batches of the current claim whose content is remembered, to compare repetitions with.
const RECENT_MAX: usize = 4_096;

/// Where the reader stands.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    /// Who claimed each epoch, from epoch 1 on.
    writers: Vec<Box<str>>,
    next: u64,
    /// Digests of what counted under the current claim, by sequence number.
    recent: BTreeMap<u64, u64>,
    /// Digests of what came too early under the current claim, by sequence number.
    early: BTreeMap<u64, u64>,
}

impl Fence {
    pub(super) const fn new() -> Self {
        Self { writers: Vec::new(), next: 0, recent: BTreeMap::new(), early: BTreeMap::new() }
    }

    /// Batches that have counted.
    pub(super) const fn counted(&self) -> u64 {
        self.next
    }

    fn epoch(&self) -> u64 {
        u64::try_from(self.writers.len()).unwrap_or(u64::MAX)
    }

    /// A claim counts if it is for the epoch after the current one.
    pub(super) fn claim(&mut self, epoch: u64, writer: &str, ledger: &mut Ledger) {
        let due = self.epoch().saturating_add(1);
        // Who claims has read to the end, so a claim may come too late, never too early.
        ledger.check(Invariant::OneWriterPerEpoch, (1..=due).contains(&epoch), || {
            format!("{writer} claims epoch {epoch} where {due} is next")
        });
        if epoch == due {
            self.writers.push(writer.into());
            self.recent.clear();
            self.early.clear();
        }
    }

    /// Whether an entry under this epoch and writer is the current owner's. Nobody may write under
    /// a claim that did not count.
    pub(super) fn is_current(&self, epoch: u64, writer: &str, ledger: &mut Ledger) -> bool {
        let index = epoch.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let holder = index.and_then(|index| self.writers.get(index));
        let own = holder.is_some_and(|holder| **holder == *writer);
        ledger.check(Invariant::OneWriterPerEpoch, own, || match holder {
            Some(holder) => format!("{writer} writes in epoch {epoch}, which is {holder}'s"),
            None => format!("{writer} writes in epoch {epoch}, which nobody claimed"),
        });
        own && epoch == self.epoch()
    }

    /// Whether a batch of the current owner counts. `digest` is of its bytes.
    pub(super) fn batch(&mut self, seq: u64, digest: u64, ledger: &mut Ledger) -> bool {
        let seen = if seq < self.next { &self.recent } else { &self.early };
        let same = seen.get(&seq).is_none_or(|seen| *seen == digest);
        ledger.check(Invariant::Sequence, same, || {
            format!("number {seq} was written twice under one claim, differently")
        });
        if seq > self.next && self.early.len() < EARLY_MAX {
            self.early.insert(seq, digest);
        }
        if seq != self.next {
            return false;
        }
        self.early.remove(&seq);
        self.recent.insert(seq, digest);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_first();
        }
        self.next = self.next.saturating_add(1);
        true
    }

    /// At the end of a log that came to rest, nothing waits behind a gap: the owner had to notice
    /// and claim again.
    pub(super) fn finish(&self, ledger: &mut Ledger) {
        let waiting = self.early.first_key_value().map(|(seq, _)| *seq);
        ledger.check(Invariant::Sequence, waiting.is_none(), || {
            let (next, waiting) = (self.next, waiting.unwrap_or_default());
            format!("number {next} is missing: {waiting} waits behind it for good")
        });
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): tells apart what two honest writers might mean; nobody here
/// attacks it.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
