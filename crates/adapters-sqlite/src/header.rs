//! What the schema's constraints need of a record: who, which, and whether it counts.

use doorstep_core::log::{Fence, Record, Verdict};
use serde::de::IgnoredAny;

/// A record whose events are not looked at.
pub(crate) type Bare = Record<IgnoredAny, IgnoredAny>;

/// The columns beside a record's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// `claim`, `batch`, `mark`; `other` for what this version cannot read, which is the readers'
    /// business: they stop at it.
    pub(crate) kind: String,
    pub(crate) epoch: Option<i64>,
    pub(crate) writer: Option<[u8; 16]>,
    pub(crate) seq: Option<i64>,
    pub(crate) cause: Option<[u8; 16]>,
    pub(crate) issued_at: Option<i64>,
    /// Whether every reader believes it, by the fence of the records before it.
    pub(crate) counts: bool,
}

impl Header {
    /// Reads a record's header and judges it by `fence`, which moves only with [`pass`].
    pub(crate) fn of(bytes: &[u8], fence: &Fence) -> (Self, Option<Bare>) {
        let other = || Self { kind: "other".to_owned(), ..Self::default() };
        let Ok(record) = Bare::decode(bytes) else { return (other(), None) };
        let (kind, epoch, seq, cause) = match &record {
            Record::Claim { epoch, .. } => ("claim", *epoch, None, None),
            Record::Batch(batch) => ("batch", batch.epoch, Some(batch.seq), batch.cause),
            Record::Mark { epoch, seq, .. } => ("mark", *epoch, Some(*seq), None),
        };
        let header = Self {
            kind: kind.to_owned(),
            // The sign bit is as good as any other: equal numbers stay equal.
            epoch: Some(epoch.cast_signed()),
            writer: Some(record.writer().get().to_be_bytes()),
            seq: seq.map(u64::cast_signed),
            cause: cause.map(|cause| cause.id.get().to_be_bytes()),
            issued_at: cause.map(|cause| cause.issued_at.as_millis()),
            counts: fence.judge(&record) == Verdict::Counts,
        };
        (header, Some(record))
    }
}

/// Moves the fence past a record that is in the log.
pub(crate) fn pass(fence: &mut Fence, record: Option<&Bare>) {
    if let Some(record) = record {
        fence.pass(record);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use doorstep_core::id::CommandId;
    use doorstep_core::log::{Batch, Cause, FORMAT, Writer};
    use doorstep_core::time::Timestamp;

    use super::*;

    pub(crate) const WRITER: Writer = Writer::new(3);

    pub(crate) fn batch(epoch: u64, seq: u64, cause: u128) -> Vec<u8> {
        let issued_at = Timestamp::from_millis(5);
        let cause = Cause { id: CommandId::new(cause), issued_at, digest: 0 };
        Record::Batch(Batch {
            epoch,
            writer: WRITER,
            seq,
            at: Timestamp::from_millis(6),
            cause: Some(cause),
            inbox: None,
            events: vec!["anything"],
            outcome: Some("done"),
        })
        .encode()
        .unwrap()
    }

    #[test]
    fn a_batch_counts_only_behind_its_claim_and_in_order() {
        let mut fence = Fence::BEFORE_ALL;
        assert!(!Header::of(&batch(1, 0, 9), &fence).0.counts);
        let claim = Record::<(), ()>::Claim { format: FORMAT, epoch: 1, writer: WRITER }.encode();
        let (header, record) = Header::of(&claim.unwrap(), &fence);
        assert!(header.counts && header.kind == "claim" && header.epoch == Some(1));
        pass(&mut fence, record.as_ref());
        let (header, record) = Header::of(&batch(1, 0, 9), &fence);
        let expected = Header {
            kind: "batch".to_owned(),
            epoch: Some(1),
            writer: Some(3_u128.to_be_bytes()),
            seq: Some(0),
            cause: Some(9_u128.to_be_bytes()),
            issued_at: Some(5),
            counts: true,
        };
        assert_eq!(header, expected);
        pass(&mut fence, record.as_ref());
        assert!(!Header::of(&batch(1, 0, 9), &fence).0.counts, "a repeat");
        assert!(!Header::of(&batch(1, 2, 9), &fence).0.counts, "a gap");
    }

    #[test]
    fn what_cannot_be_read_is_kept_and_does_not_count() {
        let (header, record) = Header::of(b"hello", &Fence::BEFORE_ALL);
        assert_eq!((header.kind.as_str(), header.counts, record), ("other", false, None));
    }
}
