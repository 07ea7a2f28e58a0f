//! How a replica comes to own the log, decides while it does, and lets go.

use std::collections::VecDeque;

use super::Replica;
use super::output::{Answer, Limits, Output, StopReason};
use crate::id::CommandId;
use crate::log::fence::{Ignored, Tenure};
use crate::log::machine::{Decision, Machine, NotTaken};
use crate::log::record::{Batch, Cause, FORMAT, Position, Record, Writer, mix};
use crate::time::{Span, Timestamp};

/// What a replica is to the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role<M> {
    /// It reads; if a time is given, it claims once it has come and the log is read to the end.
    Reader { claim_at: Option<Timestamp> },
    /// It has asked for a claim and has not read it.
    Claimant { tenure: Tenure, until: Timestamp },
    /// Its claim counts.
    Owner(Box<Ahead<M>>),
}

/// The counted state and one's own pending batches on top.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ahead<M> {
    tenure: Tenure,
    machine: M,
    next: u64,
    last_at: Timestamp,
    inbox: Option<u64>,
    pending: VecDeque<Pending>,
}

/// A batch that was appended and not read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    seq: u64,
    cause: Option<CommandId>,
    until: Timestamp,
}

impl<M: Machine> Replica<M> {
    /// The state that the next decision rests on: what counts, and this owner's own pending batches
    /// on top. `None` unless it owns the log. Only for naming deadlines: answers, repeats and
    /// effects come from [`Replica::counted`].
    #[must_use]
    pub fn ahead(&self) -> Option<&M> {
        match &self.role {
            Role::Owner(ahead) => Some(&ahead.machine),
            Role::Reader { .. } | Role::Claimant { .. } => None,
        }
    }

    /// The host wants this replica to own the log: it claims when it has next read to the end, and
    /// again, ever more patiently, whenever it loses it. Nothing if it wants to already.
    pub fn claim(&mut self, now: Timestamp) {
        if !self.stopped && !self.assigned {
            self.assigned = true;
            self.setbacks = 0;
            self.role = Role::Reader { claim_at: Some(now) };
        }
    }

    /// The host wants this replica not to own the log. What is pending may still count: its
    /// callers hear [`Answer::Unknown`].
    pub fn resign(&mut self, now: Timestamp) {
        self.assigned = false;
        self.step_down(&Answer::Unknown, now);
    }

    /// The host has moved in every entry that the log held a moment ago. A replica that is due to
    /// claim does it now.
    pub fn read_to_end(&mut self, now: Timestamp) {
        match self.role {
            Role::Reader { claim_at: Some(claim_at) } if claim_at <= now && !self.stopped => {}
            Role::Reader { .. } | Role::Claimant { .. } | Role::Owner(_) => return,
        }
        // At the end of all epochs there is none to claim.
        let Some(epoch) = self.counted.fence.epoch().checked_add(1) else { return };
        let writer = Writer::nonce(self.seed, self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        let until = now.saturating_add(self.limits.append_timeout);
        self.role = Role::Claimant { tenure: Tenure { epoch, writer }, until };
        self.outputs.push_back(Output::Append(Record::Claim { format: FORMAT, epoch, writer }));
    }

    /// An append under `writer` failed, timed out, or is of unknown fate. Whatever was appended
    /// after it may still be in the log: nothing more is decided under that writer.
    pub fn append_failed(&mut self, writer: Writer, now: Timestamp) {
        if self.own_writer() == Some(writer) {
            self.step_down(&Answer::Unknown, now);
        }
    }

    /// Time has passed: gives up what was not read back in time.
    pub fn tick(&mut self, now: Timestamp) {
        let until = match &self.role {
            Role::Reader { .. } => None,
            Role::Claimant { until, .. } => Some(*until),
            Role::Owner(ahead) => ahead.pending.front().map(|oldest| oldest.until),
        };
        if until.is_some_and(|until| until <= now) {
            self.step_down(&Answer::Unknown, now);
        }
    }

    /// When to call [`Replica::tick`], or, if it waits to claim, [`Replica::read_to_end`].
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        match &self.role {
            Role::Reader { claim_at } => *claim_at,
            Role::Claimant { until, .. } => Some(*until),
            Role::Owner(ahead) => ahead.pending.front().map(|oldest| oldest.until),
        }
    }

    /// Says in the log that a snapshot which ends at `position` was stored and verified. It may be
    /// lost; [`Output::Marked`] says that it was not.
    ///
    /// # Errors
    /// [`NotTaken::NotOwner`].
    pub fn mark(&mut self, hash: u64, position: Position) -> Result<(), NotTaken> {
        let Role::Owner(ahead) = &self.role else { return Err(NotTaken::NotOwner) };
        let Tenure { epoch, writer } = ahead.tenure;
        let mark = Record::Mark { epoch, writer, seq: ahead.next, hash, position };
        self.outputs.push_back(Output::Append(mark));
        Ok(())
    }

    /// Decides on the ahead state and appends. Whether there was anything to append.
    pub(super) fn propose(
        &mut self,
        cause: Option<Cause>,
        command: &M::Command,
        inbox: Option<u64>,
        now: Timestamp,
    ) -> Result<bool, NotTaken> {
        let Role::Owner(ahead) = &mut self.role else { return Err(NotTaken::NotOwner) };
        let undrained_max = self.limits.pending_max.saturating_mul(2);
        if ahead.pending.len() >= self.limits.pending_max || self.outputs.len() >= undrained_max {
            return Err(NotTaken::Busy);
        }
        let at = now.max(ahead.last_at);
        let (events, outcome) = match (ahead.machine.decide(command, cause.as_ref(), at)?, cause) {
            (Decision::Commit { events, outcome }, Some(_)) => (events, Some(outcome)),
            (Decision::Commit { events, .. }, None) if !events.is_empty() => (events, None),
            (Decision::Commit { .. } | Decision::Known(_), None) => return Ok(false),
            (Decision::Known(outcome), Some(cause)) => {
                // The ahead state knows what may never count: then the answer waits for the batch.
                if !ahead.pending.iter().any(|pending| pending.cause == Some(cause.id)) {
                    self.outputs.push_back(Output::Answer(cause.id, Answer::Outcome(outcome)));
                }
                return Ok(false);
            }
        };
        let Tenure { epoch, writer } = ahead.tenure;
        let inbox = inbox.map(|consumed| ahead.inbox.map_or(consumed, |last| last.max(consumed)));
        let batch = Batch { epoch, writer, seq: ahead.next, at, cause, inbox, events, outcome };
        if let Err(why) = ahead.machine.apply(&batch) {
            self.stop(StopReason::CorruptDecision { why });
            return Err(NotTaken::NotOwner);
        }
        let until = now.saturating_add(self.limits.append_timeout);
        let cause = cause.map(|cause| cause.id);
        ahead.pending.push_back(Pending { seq: ahead.next, cause, until });
        ahead.next = ahead.next.saturating_add(1);
        ahead.last_at = at;
        ahead.inbox = ahead.inbox.max(inbox);
        self.outputs.push_back(Output::Append(Record::Batch(batch)));
        Ok(true)
    }

    /// A claim counts: it is ours, or whoever owned or claimed the log is out.
    pub(super) fn claim_counted(&mut self, counted: Tenure, now: Timestamp) {
        match &self.role {
            Role::Claimant { tenure, .. } if *tenure == counted => {
                self.role = Role::Owner(Box::new(Ahead {
                    tenure: counted,
                    machine: self.counted.machine.clone(),
                    next: self.counted.fence.next(),
                    last_at: self.counted.last_at,
                    inbox: self.counted.inbox,
                    pending: VecDeque::new(),
                }));
                self.outputs.push_back(Output::BecameOwner);
            }
            // Nothing of ours that did not count by now ever will.
            Role::Claimant { .. } | Role::Owner(_) => self.step_down(&Answer::NotOwner, now),
            Role::Reader { .. } => {}
        }
    }

    /// A batch counts: if it is ours, it is pending no more, and its callers are answered from it.
    /// `false`: it bears our nonce and is not ours.
    pub(super) fn settle_pending(&mut self, batch: &Batch<M::Event, M::Outcome>) -> bool {
        let Role::Owner(ahead) = &mut self.role else { return true };
        let cause = batch.cause.map(|cause| cause.id);
        match ahead.pending.pop_front() {
            Some(oldest) if (oldest.seq, oldest.cause) == (batch.seq, cause) => {}
            Some(_) | None => return false,
        }
        self.setbacks = 0;
        if let (Some(id), Some(outcome)) = (cause, &batch.outcome) {
            self.outputs.push_back(Output::Answer(id, Answer::Outcome(outcome.clone())));
        }
        true
    }

    /// A record does not count. If it is ours: a claim that lost is over, and a gap means that an
    /// append before it is missing.
    pub(super) fn own_ignored(&mut self, writer: Writer, why: Ignored, now: Timestamp) {
        if self.own_writer() != Some(writer) {
            return;
        }
        let over = matches!(
            (&self.role, why),
            (Role::Claimant { .. }, Ignored::Epoch) | (Role::Owner(_), Ignored::Gap)
        );
        if over {
            self.step_down(&Answer::Unknown, now);
        }
    }

    /// Lets go of a claim or of the log: the ahead state is dropped, everyone who waits is told,
    /// and if the host still wants this replica to own the log, it claims again after a pause.
    pub(super) fn step_down(&mut self, waiting: &Answer<M::Outcome>, now: Timestamp) {
        let role = core::mem::replace(&mut self.role, Role::Reader { claim_at: None });
        let claim_at = match role {
            Role::Reader { claim_at } => claim_at,
            Role::Claimant { .. } => Some(self.after_a_pause(now)),
            Role::Owner(ahead) => {
                self.outputs.push_back(Output::LostOwnership);
                for id in ahead.pending.iter().filter_map(|pending| pending.cause) {
                    self.outputs.push_back(Output::Answer(id, waiting.clone()));
                }
                Some(self.after_a_pause(now))
            }
        };
        self.role = Role::Reader { claim_at: claim_at.filter(|_| self.assigned) };
    }

    /// Twice as long with each setback, and somewhere in the later half of it, so that two who
    /// lost to each other do not meet again.
    fn after_a_pause(&mut self, now: Timestamp) -> Timestamp {
        let doublings = self.setbacks.min(32);
        self.setbacks = self.setbacks.saturating_add(1);
        let Limits { claim_backoff_first, claim_backoff_most, .. } = self.limits;
        let most = claim_backoff_first.saturating_mul(1 << doublings).min(claim_backoff_most);
        let half = most.as_millis() / 2;
        // The complement of the seed: what is drawn here tells nothing of a nonce.
        let drawn = mix(!self.seed, self.attempts).checked_rem(u128::from(half)).unwrap_or(0);
        let jitter = Span::from_millis(u64::try_from(drawn).unwrap_or(half));
        now.saturating_add(Span::from_millis(half).saturating_add(jitter))
    }

    const fn own_writer(&self) -> Option<Writer> {
        match &self.role {
            Role::Reader { .. } => None,
            Role::Claimant { tenure, .. } => Some(tenure.writer),
            Role::Owner(ahead) => Some(ahead.tenure.writer),
        }
    }
}
