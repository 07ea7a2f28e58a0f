//! Between the answer to a webhook and what is done about it.
//!
//! A provider wants its answer at once, and sends again what was not answered. So a message is
//! accepted (stored, answered 2xx) and worked on later:
//!
//! ```text
//! verified bytes ─ read ─▶ Inbox::accept ─ store, answer 2xx
//!                              │ first time
//!                              ▼
//!                 waiting ─ next ─▶ running ─ done ─▶ gone, remembered by the ledger
//!                    ▲                 │ failed, or the lease ran out
//!                    └─ 1,2,4,8,16 s ──┤
//!                    ▲                 │ refused for good, or failed six times
//!                    └─── redrive ── dead letter
//! ```
//!
//! The inbox is a value. Whoever owns it stores it after `accept` and before the answer; then no
//! crash loses an event, and a job that was under way goes on when its lease runs out. A job may
//! therefore be worked on more than once: what it does elsewhere is to be keyed by the event's id,
//! as [`Command::Provider`](crate::shard::Command::Provider) is. With that, N deliveries, crashes
//! and redrives have one effect.

mod job;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

pub use job::{
    Accepted, BadRules, Cause, Conflict, Counts, DeadLetter, Failed, Job, NoDeadLetter,
    NotAccepted, Progress, Rules, Setback,
};

use job::{BACK_OFF, Format, Open, State};

use super::message::Message;
use crate::idempotency::{Begun, Ledger, Stale, Token};
use crate::provider::{Event, EventId, Meaning};
use crate::time::{Span, Timestamp};

/// Conflicts that are kept for reading; beyond it the oldest leaves, and stays counted.
pub const CONFLICTS_KEPT: usize = 64;
/// Kinds of unused messages that are counted apart; the rest is counted together.
pub const KINDS_COUNTED: usize = 64;
/// Failures of one event that are kept; beyond it the oldest leaves.
pub const HISTORY_KEPT: usize = 32;
/// Leases that ran out that one [`Inbox::next`] deals with at most.
const SWEPT_AT_ONCE: usize = 16;

/// Accepted events: waiting, under way, dead; and the memory of those that are done.
///
/// Times are taken as never going back: an earlier `now` counts as the latest one seen. Every
/// operation is O(log n).
///
/// ```
/// use doorstep_core::idempotency::Bounds;
/// use doorstep_core::time::{Span, Timestamp};
/// use doorstep_core::webhook::inbox::{Accepted, Inbox, Rules};
/// use doorstep_core::webhook::stripe;
///
/// let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(4 * 24), 100_000)?;
/// let rules = Rules::new(bounds, 10_000)?;
/// let secrets = [stripe::Secret::new("whsec_test_secret")?];
/// let now = Timestamp::from_secs(1_700_000_000);
/// let body = br#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{
///     "amount_received":1250,"currency":"eur",
///     "metadata":{"doorstep_effect":"ord_0000000000011/hold/1"}}}}"#;
/// let header = stripe::sign(&secrets[0], body, now);
///
/// let mut inbox = Inbox::new();
/// let verified = stripe::verify(Some(header.as_bytes()), body, &secrets, now)?;
/// let accepted = inbox.accept(stripe::read(&verified)?, now, &rules)?;
/// assert_eq!(accepted, Accepted::Queued); // store the inbox, then answer accepted.status()
///
/// let job = inbox.next(now, &rules).unwrap();
/// // …do it, keyed by job.event.id…
/// inbox.done(&job.event.id, job.token, now)?;
/// let again = inbox.accept(stripe::read(&verified)?, now, &rules)?;
/// assert!(matches!(again, Accepted::Repeat { .. }));
/// assert!(inbox.next(now, &rules).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Inbox {
    format: Format,
    /// Every event that was accepted, for the retention.
    seen: Ledger<EventId, (), Meaning>,
    open: BTreeMap<EventId, Open>,
    conflicts: VecDeque<Conflict>,
    unused: BTreeMap<Box<str>, u64>,
    counts: Counts,
    tokens: Token,
    last: Timestamp,
    /// When each waiting or running event is looked at again. Derived.
    #[serde(skip)]
    agenda: BTreeSet<(Timestamp, EventId)>,
}

/// The stored form: an inbox without its derived index.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: Format,
    seen: Ledger<EventId, (), Meaning>,
    open: BTreeMap<EventId, Open>,
    conflicts: VecDeque<Conflict>,
    unused: BTreeMap<Box<str>, u64>,
    counts: Counts,
    tokens: Token,
    last: Timestamp,
}

impl From<Stored> for Inbox {
    fn from(stored: Stored) -> Self {
        let Stored { format, seen, open, conflicts, unused, counts, tokens, last } = stored;
        let due = |(id, open): (&EventId, &Open)| Some((open.state.due()?, id.clone()));
        let agenda = open.iter().filter_map(due).collect();
        Self { format, seen, open, conflicts, unused, counts, tokens, last, agenda }
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            format: Format,
            seen: Ledger::new(),
            open: BTreeMap::new(),
            conflicts: VecDeque::new(),
            unused: BTreeMap::new(),
            counts: Counts::default(),
            tokens: Token::FIRST,
            last: Timestamp::EPOCH,
            agenda: BTreeSet::new(),
        }
    }
}

impl Inbox {
    /// An inbox that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a message in. Whatever is accepted is answered 2xx, so that it does not come again: a
    /// conflict too, which no repetition would mend, and what is of no use.
    ///
    /// # Errors
    /// [`NotAccepted`]: there is no room. Nothing changes, and the provider sends it again.
    pub fn accept(
        &mut self,
        message: Message,
        now: Timestamp,
        rules: &Rules,
    ) -> Result<Accepted, NotAccepted> {
        let now = self.seen_at(now);
        let Event { id, says } = match message {
            Message::Payment(event) => event,
            Message::Unused { kind, why, .. } => {
                self.count_unused(kind);
                return Ok(Accepted::Unused { why });
            }
        };
        // An open event is known for as long as it is open, however old.
        let first = match self.open.get(&id) {
            Some(open) if open.says == says => {
                let progress = open.state.progress();
                self.counts.repeats = self.counts.repeats.saturating_add(1);
                return Ok(Accepted::Repeat { progress });
            }
            Some(open) => Some(open.says.clone()),
            None => match self.seen.check(&id, &says, now, rules.bounds())? {
                Begun::Conflict { first } => Some(first.clone()),
                Begun::Repeat(()) | Begun::InFlight { .. } => {
                    self.counts.repeats = self.counts.repeats.saturating_add(1);
                    return Ok(Accepted::Repeat { progress: Progress::Done });
                }
                Begun::First { .. } => None,
            },
        };
        if let Some(first) = first {
            return Ok(self.conflict(id, first, says, now));
        }
        if self.open.len() >= usize::try_from(rules.open_max()).unwrap_or(usize::MAX) {
            return Err(NotAccepted::QueueFull { most: rules.open_max() });
        }
        self.seen.record(id.clone(), says.clone(), (), now, rules.bounds())?;
        self.counts.queued = self.counts.queued.saturating_add(1);
        self.agenda.insert((now, id.clone()));
        self.open.insert(id, Open::new(says, now));
        Ok(Accepted::Queued)
    }

    /// The next event to work on, if one is due: the one that waits the longest. It is the caller's
    /// until the lease runs out; then it counts as a failure.
    pub fn next(&mut self, now: Timestamp, rules: &Rules) -> Option<Job> {
        let now = self.seen_at(now);
        for _ in 0..SWEPT_AT_ONCE {
            let (due, id) = self.agenda.first().filter(|(due, _)| *due <= now).cloned()?;
            self.agenda.remove(&(due, id.clone()));
            let open = self.open.get_mut(&id)?;
            if let State::Running { .. } = open.state {
                self.set_back(&id, Cause::LeaseRanOut, now);
                continue;
            }
            let token = self.tokens;
            self.tokens = token.next();
            let until = now.saturating_add(rules.bounds().lease());
            open.state = State::Running { until };
            open.token = Some(token);
            open.attempt = open.attempt.saturating_add(1);
            let event = Event { id: id.clone(), says: open.says.clone() };
            let attempt = open.attempt;
            self.agenda.insert((until, id));
            return Some(Job { event, attempt, token, until });
        }
        None
    }

    /// It is done: the event is over. A job whose lease ran out may still say so, as long as nobody
    /// took over: what it did is done.
    ///
    /// # Errors
    /// [`Stale`], and nothing changes.
    pub fn done(&mut self, id: &EventId, token: Token, now: Timestamp) -> Result<(), Stale> {
        self.seen_at(now);
        let open = self.held_by(id, token)?;
        let due = open.state.due();
        due.map(|due| self.agenda.remove(&(due, id.clone())));
        self.open.remove(id);
        self.counts.done = self.counts.done.saturating_add(1);
        Ok(())
    }

    /// It did not work: perhaps the next time. After six attempts in a row it is a dead letter.
    /// `reason` is for people; its first 200 characters are kept.
    ///
    /// # Errors
    /// [`Stale`], and nothing changes: also where the lease ran out, which was counted as a failure.
    pub fn failed(
        &mut self,
        id: &EventId,
        token: Token,
        reason: &str,
        now: Timestamp,
    ) -> Result<Setback, Stale> {
        self.fail(id, token, Cause::failed(reason), now)
    }

    /// It will never work: it is a dead letter at once. `reason` is for people; its first 200
    /// characters are kept.
    ///
    /// # Errors
    /// [`Stale`], as for [`Inbox::failed`].
    pub fn refused(
        &mut self,
        id: &EventId,
        token: Token,
        reason: &str,
        now: Timestamp,
    ) -> Result<Setback, Stale> {
        self.fail(id, token, Cause::refused(reason), now)
    }

    /// Gives a dead letter another six attempts, from now on. Its history stays.
    ///
    /// # Errors
    /// [`NoDeadLetter`], and nothing changes: what is done, waiting or running is not done again.
    pub fn redrive(&mut self, id: &EventId, now: Timestamp) -> Result<(), NoDeadLetter> {
        let now = self.seen_at(now);
        let open = self.open.get_mut(id).ok_or(NoDeadLetter)?;
        let State::Dead { .. } = open.state else { return Err(NoDeadLetter) };
        open.state = State::Waiting { at: now };
        open.failures = 0;
        self.agenda.insert((now, id.clone()));
        self.counts.redriven = self.counts.redriven.saturating_add(1);
        Ok(())
    }

    /// Takes a dead letter out for good. A repetition of it is still known as one.
    ///
    /// # Errors
    /// [`NoDeadLetter`], and nothing changes.
    pub fn discard(&mut self, id: &EventId) -> Result<DeadLetter, NoDeadLetter> {
        let open = self.open.get(id).ok_or(NoDeadLetter)?;
        let letter = open.dead_letter(id).ok_or(NoDeadLetter)?;
        self.open.remove(id);
        Ok(letter)
    }

    /// The dead letters, by id.
    pub fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.open.iter().filter_map(|(id, open)| open.dead_letter(id))
    }

    /// The latest conflicts, the oldest first: at most [`CONFLICTS_KEPT`].
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts.iter()
    }

    /// How often messages of each kind came that are of no use, by kind; beyond [`KINDS_COUNTED`]
    /// kinds the rest is counted under the empty name.
    pub fn unused(&self) -> impl Iterator<Item = (&str, u64)> {
        self.unused.iter().map(|(kind, &count)| (&**kind, count))
    }

    /// How often what happened.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many events are waiting, under way, or dead.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// When [`Inbox::next`] may have something, or [`Inbox::forget`] something to drop.
    #[must_use]
    pub fn next_deadline(&self, rules: &Rules) -> Option<Timestamp> {
        let due = self.agenda.first().map(|(due, _)| *due);
        due.into_iter().chain(self.seen.next_deadline(rules.bounds())).min()
    }

    /// Drops the memory of events that no provider repeats any more, at most 16 of them.
    pub fn forget(&mut self, now: Timestamp, rules: &Rules) {
        let now = self.seen_at(now);
        self.seen.forget(now, rules.bounds());
    }

    fn fail(
        &mut self,
        id: &EventId,
        token: Token,
        cause: Cause,
        now: Timestamp,
    ) -> Result<Setback, Stale> {
        let now = self.seen_at(now);
        let State::Running { until } = self.held_by(id, token)?.state else {
            return Err(Stale::Done);
        };
        self.agenda.remove(&(until, id.clone()));
        Ok(self.set_back(id, cause, now))
    }

    /// Back into the queue, or out of it. The event's place in the agenda is free.
    fn set_back(&mut self, id: &EventId, cause: Cause, now: Timestamp) -> Setback {
        let Some(open) = self.open.get_mut(id) else { return Setback::Dead };
        let wait = BACK_OFF.get(usize::try_from(open.failures).unwrap_or(usize::MAX));
        let wait = wait.filter(|_| !matches!(cause, Cause::Refused { .. }));
        open.failures = open.failures.saturating_add(1);
        if open.history.len() >= HISTORY_KEPT {
            open.history.pop_front();
        }
        open.history.push_back(Failed { attempt: open.attempt, at: now, cause });
        if let Some(&secs) = wait {
            let at = now.saturating_add(Span::from_secs(secs));
            open.state = State::Waiting { at };
            self.agenda.insert((at, id.clone()));
            Setback::RetryAt(at)
        } else {
            open.state = State::Dead { since: now };
            self.counts.dead = self.counts.dead.saturating_add(1);
            Setback::Dead
        }
    }

    fn held_by(&self, id: &EventId, token: Token) -> Result<&Open, Stale> {
        let open = self.open.get(id).ok_or(Stale::Unknown)?;
        match open.token {
            Some(held) if held == token => Ok(open),
            Some(by) => Err(Stale::TakenOver { by }),
            None => Err(Stale::Unknown),
        }
    }

    fn conflict(
        &mut self,
        id: EventId,
        first: Meaning,
        second: Meaning,
        at: Timestamp,
    ) -> Accepted {
        let differs = first.differences(&second);
        self.counts.conflicts = self.counts.conflicts.saturating_add(1);
        if self.conflicts.len() >= CONFLICTS_KEPT {
            self.conflicts.pop_front();
        }
        self.conflicts.push_back(Conflict { id, at, first, second, differs: differs.clone() });
        Accepted::Conflict { differs }
    }

    fn count_unused(&mut self, kind: Box<str>) {
        self.counts.unused = self.counts.unused.saturating_add(1);
        let known = self.unused.contains_key(&kind) || self.unused.len() < KINDS_COUNTED;
        let count = self.unused.entry(if known { kind } else { "".into() }).or_default();
        *count = count.saturating_add(1);
    }

    fn seen_at(&mut self, now: Timestamp) -> Timestamp {
        self.last = self.last.max(now);
        self.last
    }
}
