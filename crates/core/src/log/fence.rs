//! Which records count.
//!
//! Every reader walks the same log past the same fence, so all agree on who may write and on
//! which batches ever happened, without asking each other.

use serde::{Deserialize, Serialize};

use super::record::{Record, Writer};

/// A claim that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenure {
    /// How many claims have counted, this one included.
    pub epoch: u64,
    /// Whose it is.
    pub writer: Writer,
}

/// Where a reader stands: whose records count, and which batch comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    current: Option<Tenure>,
    next: u64,
}

/// What a record is to every reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It happened.
    Counts,
    /// It is as if it had never been appended.
    Ignored(Ignored),
}

/// Why a record does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A claim on an epoch that is already taken, or not yet due.
    Epoch,
    /// Its writer does not own the log here: a late batch, or one of a claim that never counted.
    NotCurrent,
    /// It repeats one that counted.
    Repeated,
    /// One before it is missing.
    Gap,
}

impl Fence {
    /// Before the first entry of a log.
    pub const BEFORE_ALL: Self = Self { current: None, next: 0 };

    /// The claim that counts; `None` before the first.
    #[must_use]
    pub const fn current(&self) -> Option<Tenure> {
        self.current
    }

    /// The epoch of the claim that counts; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.current.map_or(0, |current| current.epoch)
    }

    /// How many batches have counted: the `seq` of the next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether `record` counts here:
    /// - a claim, if its epoch is the current one plus one;
    /// - a batch or a mark, if its epoch and writer are the current ones and its `seq` is next.
    #[must_use]
    pub fn judge<E, O>(&self, record: &Record<E, O>) -> Verdict {
        match record {
            Record::Claim { epoch, .. } if Some(*epoch) == self.epoch().checked_add(1) => {
                Verdict::Counts
            }
            Record::Claim { .. } => Verdict::Ignored(Ignored::Epoch),
            Record::Batch(batch) => self.judge_seq(batch.epoch, batch.writer, batch.seq),
            Record::Mark { epoch, writer, seq, .. } => self.judge_seq(*epoch, *writer, *seq),
        }
    }

    fn judge_seq(&self, epoch: u64, writer: Writer, seq: u64) -> Verdict {
        if self.current != Some(Tenure { epoch, writer }) {
            Verdict::Ignored(Ignored::NotCurrent)
        } else if seq < self.next {
            Verdict::Ignored(Ignored::Repeated)
        } else if seq > self.next {
            Verdict::Ignored(Ignored::Gap)
        } else {
            Verdict::Counts
        }
    }

    /// Judges `record` and moves past it: a claim that counts becomes current (`next` goes on), a
    /// batch that counts makes room for the next.
    pub fn pass<E, O>(&mut self, record: &Record<E, O>) -> Verdict {
        let verdict = self.judge(record);
        if verdict == Verdict::Counts {
            match record {
                Record::Claim { epoch, writer, .. } => {
                    self.current = Some(Tenure { epoch: *epoch, writer: *writer });
                }
                Record::Batch(_) => self.next = self.next.saturating_add(1),
                Record::Mark { .. } => {}
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Batch, FORMAT, Position};
    use crate::time::Timestamp;

    const A: Writer = Writer::new(1);
    const B: Writer = Writer::new(2);

    fn claim(epoch: u64, writer: Writer) -> Record<(), ()> {
        Record::Claim { format: FORMAT, epoch, writer }
    }

    fn batch(epoch: u64, writer: Writer, seq: u64) -> Record<(), ()> {
        let (at, cause, inbox, outcome) = (Timestamp::EPOCH, None, None, None);
        Record::Batch(Batch { epoch, writer, seq, at, cause, inbox, events: vec![], outcome })
    }

    fn mark(epoch: u64, writer: Writer, seq: u64) -> Record<(), ()> {
        Record::Mark { epoch, writer, seq, hash: 0, position: Position::new(0) }
    }

    #[test]
    fn each_record_counts_or_is_ignored_for_its_reason() {
        use Ignored::{Epoch, Gap, NotCurrent, Repeated};
        let mut fence = Fence::BEFORE_ALL;
        let log = [
            (batch(0, A, 0), Verdict::Ignored(NotCurrent)),
            (claim(2, A), Verdict::Ignored(Epoch)),
            (claim(1, A), Verdict::Counts),
            (claim(1, B), Verdict::Ignored(Epoch)),
            (claim(1, A), Verdict::Ignored(Epoch)),
            (batch(1, B, 0), Verdict::Ignored(NotCurrent)),
            (batch(1, A, 1), Verdict::Ignored(Gap)),
            (batch(1, A, 0), Verdict::Counts),
            (batch(1, A, 0), Verdict::Ignored(Repeated)),
            (mark(1, A, 0), Verdict::Ignored(Repeated)),
            (mark(1, A, 1), Verdict::Counts),
            (mark(1, B, 1), Verdict::Ignored(NotCurrent)),
            (batch(1, A, 1), Verdict::Counts),
            (claim(2, B), Verdict::Counts),
            (batch(1, A, 2), Verdict::Ignored(NotCurrent)),
            (batch(2, A, 2), Verdict::Ignored(NotCurrent)),
            (batch(2, B, 2), Verdict::Counts),
        ];
        for (place, (record, verdict)) in log.iter().enumerate() {
            assert_eq!(fence.judge(record), *verdict, "{place}");
            assert_eq!(fence.pass(record), *verdict, "{place}");
        }
        assert_eq!(fence.current(), Some(Tenure { epoch: 2, writer: B }));
        assert_eq!(fence.next(), 3);
    }
}
