use std::convert::Infallible;

use super::*;
use crate::id::CommandId;
use crate::log::{CauseBounds, Causes, Decision, FORMAT, Seen, Undecodable, Writer};
use crate::time::Span;

const NOW: Timestamp = Timestamp::from_secs(1_000);
const BOUNDS: CauseBounds = CauseBounds {
    horizon: Span::from_hours(1),
    clock_skew: Span::from_secs(1),
    max: 100,
    refusals_max: 100,
};

/// Adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Sum(u32, Causes<u32>);

impl Machine for Sum {
    type Command = u32;
    type Event = u32;
    type Outcome = u32;
    type Corrupt = Infallible;

    fn decide(
        &self,
        add: &u32,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<Decision<u32, u32>, NotTaken> {
        if let Some(cause) = cause
            && let Seen::Known(outcome) = self.1.check(cause, now, &BOUNDS)?
        {
            return Ok(Decision::Known(*outcome));
        }
        let events = if *add == 0 { vec![] } else { vec![*add] };
        Ok(Decision::Commit { events, outcome: self.0.saturating_add(*add) })
    }

    fn apply(&mut self, batch: &Batch<u32, u32>) -> Result<(), Infallible> {
        self.0 = batch.events.iter().fold(self.0, |sum, add| sum.saturating_add(*add));
        self.1.take_in(batch, &BOUNDS);
        Ok(())
    }
}

fn cause(id: u128) -> Cause {
    Cause { id: CommandId::new(id), issued_at: NOW, digest: 0 }
}

fn fresh() -> Replica<Sum> {
    Replica::new(LogId::new(1), Sum::default(), 7, Limits::default())
}

fn outputs(replica: &mut Replica<Sum>) -> Vec<OutputOf<Sum>> {
    core::iter::from_fn(|| replica.poll()).collect()
}

fn appended(replica: &mut Replica<Sum>) -> Record<u32, u32> {
    match outputs(replica).pop() {
        Some(Output::Append(record)) => record,
        other => panic!("{other:?}"),
    }
}

/// A replica whose claim, at position 0, counts.
fn owner() -> Replica<Sum> {
    let mut replica = fresh();
    replica.claim(NOW);
    replica.read_to_end(NOW);
    let claim = appended(&mut replica);
    replica.record(Position::new(0), claim, NOW);
    assert_eq!(outputs(&mut replica), [Output::BecameOwner]);
    replica
}

fn foreign_claim(epoch: u64) -> Record<u32, u32> {
    Record::Claim { format: FORMAT, epoch, writer: Writer::new(99) }
}

#[test]
fn an_outcome_is_told_when_its_batch_is_read_back_and_not_before() {
    let mut replica = owner();
    replica.submit(cause(1), &5, None, NOW).unwrap();
    let batch = appended(&mut replica);
    replica.submit(cause(1), &5, None, NOW).unwrap();
    assert_eq!(outputs(&mut replica), [], "a repeat waits for the pending batch");
    replica.record(Position::new(1), batch, NOW);
    let told = outputs(&mut replica);
    assert!(matches!(told[..], [Output::Answer(_, Answer::Outcome(5)), Output::Publish(..)]));
    replica.submit(cause(1), &5, None, NOW).unwrap();
    assert_eq!(outputs(&mut replica), [Output::Answer(cause(1).id, Answer::Outcome(5))]);
}

#[test]
fn nothing_is_appended_for_an_unidentified_command_without_events() {
    let mut replica = owner();
    assert_eq!(replica.tell(&0, NOW), Ok(false));
    assert_eq!(outputs(&mut replica), []);
    assert_eq!(replica.tell(&1, NOW), Ok(true));
    assert!(matches!(appended(&mut replica), Record::Batch(Batch { outcome: None, .. })));
}

#[test]
fn times_in_the_log_never_go_back() {
    let mut replica = owner();
    let later = NOW.saturating_add(Span::from_secs(9));
    assert_eq!(replica.tell(&1, later), Ok(true));
    assert_eq!(replica.tell(&1, NOW), Ok(true));
    assert!(matches!(appended(&mut replica), Record::Batch(batch) if batch.at == later));
}

#[test]
fn above_its_limits_a_replica_is_busy() {
    let mut replica = owner();
    replica.limits.pending_max = 1;
    replica.submit(cause(1), &5, Some(1), NOW).unwrap();
    assert_eq!(replica.submit(cause(2), &5, Some(2), NOW), Err(NotTaken::Busy));
    let batch = appended(&mut replica);
    replica.record(Position::new(1), batch, NOW);
    assert_eq!(replica.counted_inbox(), Some(1));
    assert_eq!(replica.submit(cause(2), &5, Some(2), NOW), Err(NotTaken::Busy), "undrained");
    outputs(&mut replica);
    assert_eq!(replica.submit(cause(2), &5, Some(2), NOW), Ok(()));
}

#[test]
fn another_claim_that_counts_ends_an_ownership_for_certain() {
    let mut replica = owner();
    replica.submit(cause(1), &5, None, NOW).unwrap();
    outputs(&mut replica);
    replica.record(Position::new(1), foreign_claim(2), NOW);
    let answer = Output::Answer(cause(1).id, Answer::NotOwner);
    assert_eq!(outputs(&mut replica), [Output::LostOwnership, answer]);
    assert_eq!(replica.submit(cause(1), &5, None, NOW), Err(NotTaken::NotOwner));
}

#[test]
fn a_batch_that_is_not_read_back_in_time_ends_an_ownership_in_doubt() {
    let mut replica = owner();
    replica.submit(cause(1), &5, None, NOW).unwrap();
    let late = appended(&mut replica);
    let deadline = replica.next_wake().unwrap();
    replica.tick(deadline.saturating_sub(Span::from_millis(1)));
    assert!(replica.is_owner());
    replica.tick(deadline);
    let answer = Output::Answer(cause(1).id, Answer::Unknown);
    assert_eq!(outputs(&mut replica), [Output::LostOwnership, answer]);
    replica.record(Position::new(1), late, deadline);
    assert_eq!(replica.counted().0, 5, "it counts all the same");
    let again = replica.next_wake().unwrap();
    replica.read_to_end(again);
    assert!(matches!(appended(&mut replica), Record::Claim { epoch: 2, .. }));
}

#[test]
fn attempts_at_a_claim_grow_rarer_and_each_has_its_own_nonce() {
    let mut replica = fresh();
    replica.claim(NOW);
    let (mut now, mut writers, mut pauses) = (NOW, vec![], vec![]);
    for _ in 0..12 {
        replica.read_to_end(now);
        writers.push(appended(&mut replica).writer());
        let deadline = replica.next_wake().unwrap();
        replica.tick(deadline);
        replica.read_to_end(deadline);
        assert_eq!(outputs(&mut replica), [], "not at once");
        now = replica.next_wake().unwrap();
        pauses.push(now.saturating_since(deadline).as_millis());
    }
    for (n, pause) in pauses.iter().enumerate() {
        let most = (200 << n).min(30_000);
        assert!((most / 2..=most).contains(pause), "{pauses:?}");
    }
    assert!((1..12).all(|n| !writers[..n].contains(&writers[n])));
}

#[test]
fn a_failure_under_an_earlier_writer_is_old_news() {
    let mut replica = owner();
    replica.append_failed(Writer::new(99), NOW);
    assert!(replica.is_owner());
    replica.append_failed(replica.fence().current().unwrap().writer, NOW);
    assert!(!replica.is_owner());
}

#[test]
fn an_undecodable_entry_stops_a_replica_for_good() {
    let mut replica = owner();
    replica.submit(cause(1), &5, None, NOW).unwrap();
    outputs(&mut replica);
    replica.bytes(Position::new(1), br#"{"truce":{}}"#, NOW);
    let told = outputs(&mut replica);
    assert!(matches!(
        told[..],
        [
            Output::LostOwnership,
            Output::Answer(_, Answer::Unknown),
            Output::Stop(StopReason::Undecodable { why: Undecodable::Malformed { .. }, .. }),
        ]
    ));
    let before = replica.clone();
    replica.record(Position::new(1), foreign_claim(2), NOW);
    replica.bytes(Position::new(2), b"", NOW);
    replica.claim(NOW);
    replica.read_to_end(NOW);
    replica.tick(Timestamp::NEVER);
    assert_eq!(replica, before);
    assert_eq!(replica.next_wake(), None);
}

#[test]
fn an_entry_that_was_read_before_is_ignored_and_a_trimmed_one_stops() {
    let mut replica = owner();
    let before = replica.clone();
    replica.record(Position::new(0), foreign_claim(2), NOW);
    replica.bytes(Position::new(0), b"not even decodable", NOW);
    replica.log_starts_at(Position::new(1));
    assert_eq!(replica, before);
    replica.log_starts_at(Position::new(2));
    let (asked, start) = (Position::new(1), Position::new(2));
    let stop = Output::Stop(StopReason::Trimmed { asked, start });
    assert_eq!(outputs(&mut replica), [Output::LostOwnership, stop]);
}

#[test]
fn a_batch_under_ones_own_nonce_that_one_did_not_append_stops() {
    let mut replica = owner();
    let Tenure { epoch, writer } = replica.fence().current().unwrap();
    let (cause, inbox, outcome) = (None, None, None);
    let batch = Batch { epoch, writer, seq: 0, at: NOW, cause, inbox, events: vec![1], outcome };
    replica.record(Position::new(1), Record::Batch(batch), NOW);
    let stop = StopReason::NonceReused { position: Position::new(1) };
    assert_eq!(outputs(&mut replica).pop(), Some(Output::Stop(stop)));
}

#[test]
fn a_mark_counts_in_its_place_and_is_told() {
    let mut replica = owner();
    assert_eq!(fresh().mark(5, Position::new(0)), Err(NotTaken::NotOwner));
    replica.mark(5, Position::new(0)).unwrap();
    let mark = appended(&mut replica);
    replica.record(Position::new(1), mark, NOW);
    let marked = Output::Marked { hash: 5, position: Position::new(0) };
    assert_eq!(outputs(&mut replica), [marked]);
}

#[test]
fn a_snapshot_of_another_log_or_format_is_refused() {
    let snapshot = owner().snapshot();
    let restore = |log, snapshot| Replica::restore(LogId::new(log), snapshot, 8, Limits::default());
    assert!(restore(1, snapshot.clone()).is_ok_and(|replica| replica.fence() == snapshot.fence));
    let found = LogId::new(1);
    assert_eq!(restore(2, snapshot.clone()), Err(NotRestored::OtherLog { found }));
    let newer = Snapshot { format: 3, ..snapshot };
    assert_eq!(restore(1, newer), Err(NotRestored::UnknownFormat { found: 3 }));
}
