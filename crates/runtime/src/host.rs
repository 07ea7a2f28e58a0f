//! The one loop that drives a shard: for the simulator, the tests and the servers alike.
//!
//! [`Host::step`] moves the log's new records into the replica and the replica's outputs out; what
//! is due is told to it as commands. Nothing else decides. A thread or a task is only a wrapper: it
//! calls `step` with its clock's time, and comes again at [`Host::next_wake`] or when a client sent
//! something.

mod config;
mod history;
mod outputs;
mod round;
mod snapshots;
mod tap;
#[cfg(test)]
mod tests;
mod touched;

use std::collections::BTreeMap;
use std::sync::Arc;

use doorstep_core::id::CommandId;
use doorstep_core::log::{LogId, NotTaken, Position, Replica};
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::DriverIndex;

pub use config::{HostConfig, HostTally, OpenError, Replay, Step, Stopped};
pub use tap::Tap;

pub(crate) use snapshots::SnapshotWriter;

use history::Keeper;
use round::Round;
use snapshots::Snapshots;

use crate::client::{Client, Pledge, Shared, Submission, Told};
use crate::effects::EffectRunner;
use crate::matcher::Matcher;
use crate::notify::Notifications;
use crate::ports::{Entry, HistorySink, Log, Payments, ReadError};
use crate::reads::Reads;
use crate::restaurants::Restaurants;
use crate::views::Views;

/// The host of one shard.
#[derive(Debug)]
pub struct Host<L, P, H> {
    replica: Replica<Shard>,
    log: L,
    payments: P,
    history: Keeper<H>,
    shared: Arc<Shared>,
    effects: EffectRunner,
    matcher: Matcher,
    notifications: Option<Notifications>,
    waiting: BTreeMap<CommandId, Vec<Pledge>>,
    /// How many tickets are in `waiting`.
    waiters: usize,
    entries: Vec<Entry>,
    read_error: Option<String>,
    /// When to read again after an error.
    read_again_at: Option<Timestamp>,
    /// When to offer again the effects that the runner had no room for.
    offer_again_at: Option<Timestamp>,
    evict_at: Timestamp,
    snapshots: Snapshots,
    replay: Replay,
    round: Round,
    since_retain: u64,
    /// The time of the last step.
    stepped_at: Timestamp,
    /// Whether there is more to do at that time.
    unfinished: bool,
    stopped: Option<Stopped>,
    tally: HostTally,
    /// What an empty log begins with.
    founding: Policy,
    /// Whether this ownership has seen to it.
    founded: bool,
    tap: Option<Tap>,
    /// Until when commands wait for the first claim to count.
    opening_until: Option<Timestamp>,
}

/// Records read from the log at once.
const READ_MAX: usize = 1_024;

/// How often a step goes round before it gives its caller a turn.
const ROUNDS_MAX: usize = 10_000;

/// Batches after which a step gives its caller a turn: a replay of any length takes bounded memory.
const PUBLISHED_MAX: usize = 16_384;

/// How long a log that could not be read is left alone.
const READ_AGAIN: Span = Span::from_millis(250);

/// How often drivers who have gone silent are taken out of the index.
const EVICT_EVERY: Span = Span::from_secs(30);

impl<L: Log, P: Payments, H: HistorySink> Host<L, P, H> {
    /// A host that reads `log` from its snapshot, or from its start, and claims it when it has read
    /// to the end. Commands that are sent meanwhile wait until it owns the log, for at most
    /// `limits.append_timeout`; from then on a host that does not own it answers
    /// [`NotTaken::NotOwner`].
    ///
    /// # Errors
    /// [`OpenError`] if the configuration or the snapshot is not sound, or the log cannot be read.
    pub fn open(
        config: HostConfig,
        mut log: L,
        payments: P,
        history: H,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        config.policy.check()?;
        let log_id = LogId::new(u64::from(config.shard.get()));
        let index = DriverIndex::new(config.index)?;
        let mut replica = match log.load_snapshot()? {
            Some(saved) => {
                let snapshot = snapshots::read(&saved.bytes)?;
                Replica::restore(log_id, snapshot, config.seed, config.limits)?
            }
            None => {
                let shard = Shard::new(config.shard, Policy::new(config.policy.currency));
                Replica::new(log_id, shard, config.seed, config.limits)
            }
        };
        let from = replica.wants().get().checked_sub(1).map(Position::new);
        let replay = Replay { from, read: from, end: log.end(now)? };
        replica.claim(now);
        let shard = replica.counted();
        let views = Views::with_capacity(orders_max(shard));
        let round = Round::of(shard);
        round.ids().for_each(|id| _ = views.publish(id, shard));
        let restaurants = Restaurants::of(shard);
        let history = Keeper::new(history, shard);
        let reads = config.reads.then(|| Reads::of(shard));
        let shared = Shared::new(config.inbox_max, views, restaurants, index)
            .with_reads(reads, config.watches_max);
        Ok(Self {
            replica,
            log,
            payments,
            history,
            shared: Arc::new(shared),
            effects: EffectRunner::new(config.effects),
            matcher: Matcher::new(config.match_every),
            notifications: None,
            founding: config.policy,
            founded: false,
            opening_until: Some(now.saturating_add(config.limits.append_timeout)),
            waiting: BTreeMap::new(),
            waiters: 0,
            entries: Vec::new(),
            read_error: None,
            read_again_at: None,
            offer_again_at: None,
            evict_at: now.saturating_add(EVICT_EVERY),
            snapshots: Snapshots::new(config.snapshot_every, config.trim_behind),
            replay,
            round,
            since_retain: 0,
            stepped_at: now,
            unfinished: true,
            stopped: None,
            tally: HostTally::default(),
            tap: config.tap,
        })
    }

    /// A handle for callers.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(Arc::clone(&self.shared))
    }

    /// Tells people what happens, from what counts from now on. To be given before the first step:
    /// a host that owns its log already has told nobody of what counted before.
    pub fn notify(&mut self, mut notifications: Notifications) {
        notifications.begin(self.replica.counted(), self.replica.fence().next());
        self.notifications = Some(notifications);
        if self.replica.is_owner() {
            self.tells_from_now_on(self.stepped_at);
        }
    }

    /// What is told to people; `None` unless the host was given it.
    #[must_use]
    pub const fn notifications(&self) -> Option<&Notifications> {
        self.notifications.as_ref()
    }

    /// The same, to redrive what is dead; what that leads to happens in the next step.
    pub const fn notifications_mut(&mut self) -> Option<&mut Notifications> {
        self.notifications.as_mut()
    }

    /// The counted state.
    #[must_use]
    pub const fn shard(&self) -> &Shard {
        self.replica.counted()
    }

    /// Whether this host decides.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.replica.is_owner()
    }

    /// Why it has stopped, if it has.
    #[must_use]
    pub const fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// Why the log could not be read at the last step; [`next_wake`](Self::next_wake) says when it
    /// is tried again.
    #[must_use]
    pub fn read_error(&self) -> Option<&str> {
        self.read_error.as_deref()
    }

    /// How far it has read its log; a step that replays a long one returns now and then, so that
    /// this can be shown.
    #[must_use]
    pub fn replay(&self) -> Replay {
        let read = self.replica.wants().get().checked_sub(1).map(Position::new);
        Replay { read, ..self.replay }
    }

    /// What it has done.
    #[must_use]
    pub fn tally(&self) -> HostTally {
        let snapshots = self.snapshots.tally();
        HostTally {
            kept: self.history.kept(),
            missed: self.history.missed(),
            snapshots: snapshots.saved,
            snapshot_errors: snapshots.errors,
            trims: snapshots.trims,
            ..self.tally
        }
    }

    /// Does what there is to do at `now`: all of it, unless that is a great deal (a long log to
    /// replay, a long inbox); then [`next_wake`](Self::next_wake) says to come again at once.
    pub fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        self.stepped_at = now;
        self.unfinished = true;
        if now >= self.evict_at {
            self.evict_at = now.saturating_add(EVICT_EVERY);
            self.shared.index.evict_stale(now);
        }
        for _ in 0..ROUNDS_MAX {
            if self.stopped.is_some() || step.published.len() >= PUBLISHED_MAX {
                break;
            }
            let mut worked = self.read(now);
            self.replica.tick(now);
            if !worked {
                worked |= self.found(now);
                // Nothing is decided while there is more to read: it may say that another decides.
                worked |= self.take_mail(now);
                worked |= self.tell_what_is_due(now);
            }
            worked |= self.drain(now, &mut step);
            // Before anything new is decided, with which an order may leave memory.
            self.history.keep(self.replica.counted(), now);
            if !worked {
                self.unfinished = false;
                break;
            }
            step.worked = true;
        }
        for question in self.shared.asked() {
            let deciding = self.replica.is_owner().then(|| self.replica.counted());
            question.answer(deciding, self.notifications.as_mut(), now);
            step.worked = true;
        }
        if let Some(notifications) = &mut self.notifications {
            step.worked |= notifications.step(now);
        }
        if self.replica.is_owner() && self.snapshots.is_due() {
            // Whoever starts from the snapshot is not told again of the batches behind it.
            let told = self.notifications.as_mut().is_none_or(|telling| telling.save(now));
            if told {
                self.snapshots.take(&self.replica, &mut self.log, now);
            }
        }
        step
    }

    /// The rules that a city begins with are its first batch: a replay decides as it was decided
    /// then, whatever a later start is configured with.
    fn found(&mut self, now: Timestamp) -> bool {
        if self.founded || !self.replica.is_owner() {
            return false;
        }
        self.founded = true;
        let policy = Box::new(self.founding.clone());
        self.replica.fence().next() == 0
            && self.tell(&Command::SetPolicy(policy), now).unwrap_or(false)
    }

    /// When there may be something to do that no client's command announces. A time that has passed
    /// means at once; after a step that came to its end it lies after that step.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        if self.stopped.is_some() {
            return None;
        }
        if self.unfinished {
            return Some(self.stepped_at);
        }
        if self.read_again_at.is_some() {
            return self.read_again_at;
        }
        let telling = self.notifications.as_ref().and_then(Notifications::next_wake);
        let own =
            [self.replica.next_wake(), self.log.next_wake(), self.history.next_wake(), telling];
        let deciding = self.replica.ahead().map(|shard| {
            let searching = shard.dispatch().searching() > 0;
            let matching = searching.then(|| self.matcher.next_wake());
            // One that has passed could not be told: too much is pending, and that has its time.
            let deadline = shard.next_deadline().filter(|at| *at > self.stepped_at);
            let paying = self.payments.next_wake();
            [deadline, matching, self.effects.next_wake(), paying, self.offer_again_at]
        });
        let first = own.into_iter().chain(deciding.into_iter().flatten()).flatten().min()?;
        Some(first.max(self.stepped_at.saturating_add(Span::from_millis(1))))
    }

    /// Moves some of the log's new records in; whether there were any.
    fn read(&mut self, now: Timestamp) -> bool {
        self.entries.clear();
        let after = self.replica.wants().get().checked_sub(1).map(Position::new);
        let error = match self.log.read(after, READ_MAX, now, &mut self.entries) {
            Ok(()) => None,
            Err(error) => {
                match &error {
                    ReadError::Trimmed { start } => self.replica.log_starts_at(*start),
                    ReadError::Poisoned(why) => self.log_ends(why.to_string().into(), now),
                    ReadError::Io(_) => {}
                }
                Some(error.to_string())
            }
        };
        // What is decided meanwhile counts only if nobody else has come to decide: it is safe.
        self.read_again_at = error.as_ref().map(|_| now.saturating_add(READ_AGAIN));
        self.read_error = error;
        if self.read_error.is_some() {
            return false;
        }
        if self.entries.is_empty() {
            self.replica.read_to_end(now);
        }
        for entry in &self.entries {
            self.replica.bytes(entry.position, &entry.bytes, now);
        }
        !self.entries.is_empty()
    }

    /// The log takes no more: whoever waits hears that the result is unknown, and nobody is kept
    /// waiting for a time-out.
    fn log_ends(&mut self, why: Arc<str>, now: Timestamp) {
        self.replica.resign(now);
        self.shared.close();
        self.stopped = Some(Stopped::LogPoisoned { why });
    }

    /// Hands the clients' commands to the replica: those that wait now, so that callers who come
    /// again and again do not keep it from reading.
    fn take_mail(&mut self, now: Timestamp) -> bool {
        if self.is_opening(now) {
            return false;
        }
        let mut any = false;
        for _ in 0..self.shared.waiting() {
            if self.waiters >= self.shared.inbox_max {
                break;
            }
            let Some(Submission { cause, command }) = self.shared.next() else { break };
            match cause {
                None => match self.tell(&command, now) {
                    Ok(_) => any = true,
                    Err(NotTaken::Busy) => {
                        self.shared.put_back(Submission { cause: None, command });
                        break;
                    }
                    // Unidentified: a geofence's arrival, which the driver's tap says again.
                    Err(_) => {}
                },
                Some((cause, ticket)) => match self.submit(cause, &command, now) {
                    Ok(()) => {
                        any = true;
                        self.waiters = self.waiters.saturating_add(1);
                        self.waiting.entry(cause.id).or_default().push(ticket);
                    }
                    Err(NotTaken::Busy) => {
                        let cause = Some((cause, ticket));
                        self.shared.put_back(Submission { cause, command });
                        break;
                    }
                    Err(why) => ticket.tell(Told::NotTaken(why)),
                },
            }
        }
        any
    }

    /// Whether its first claim has not come to anything yet: whether it decides is not known, and
    /// nobody is told that it does not.
    fn is_opening(&mut self, now: Timestamp) -> bool {
        if self.replica.is_owner() || self.opening_until.is_some_and(|until| until <= now) {
            self.opening_until = None;
        }
        self.opening_until.is_some()
    }

    /// What an owner must see to: deadlines, effects, searches.
    fn tell_what_is_due(&mut self, now: Timestamp) -> bool {
        if !self.replica.is_owner() {
            return false;
        }
        let mut any = false;
        while self.replica.ahead().and_then(Shard::next_deadline).is_some_and(|at| at <= now) {
            match self.tell(&Command::Tick, now) {
                Ok(true) => any = true,
                Ok(false) | Err(_) => break,
            }
        }
        if self.offer_again_at.is_some_and(|at| at <= now) {
            self.offer_all(now);
        }
        for (order, reply) in self.effects.step(&mut self.payments, now) {
            any |= self.tell(&Command::Reply { order, reply }, now).unwrap_or(false);
        }
        let shared = &self.shared;
        for command in self.matcher.step(self.replica.counted(), &shared.index, now) {
            any |= self.tell(&command, now).unwrap_or(false);
        }
        any
    }

    /// Lets snapshots be written elsewhere, if there are to be any and the log can: by whoever runs
    /// what is returned. Costs one copy of the state.
    pub(crate) fn hand_over_snapshots(&mut self) -> Option<SnapshotWriter> {
        let Self { snapshots, replica, .. } = self;
        snapshots.hand_over(self.log.snapshots()?, || replica.follower())
    }
}

/// What a thread around it needs.
impl<L, P, H> Host<L, P, H> {
    /// Lets go of the log, and does not claim it again: at the next step, whoever waits for what is
    /// pending hears that the result is unknown. It still reads.
    pub fn resign(&mut self, now: Timestamp) {
        if let Some(notifications) = &mut self.notifications {
            // One that fails costs repetitions, under the same names.
            notifications.save(now);
        }
        self.replica.resign(now);
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether anything that was sent was not dealt with, or anyone not answered.
    pub(crate) fn is_in_flight(&self) -> bool {
        !self.waiting.is_empty() || self.shared.waiting() > 0
    }

    /// Takes no more commands; whoever still waits hears that the result is unknown. Whoever wrote
    /// its snapshots is to end.
    pub(crate) fn close(&mut self) {
        self.shared.close();
        self.snapshots.take_back();
        self.waiting.clear();
    }
}

impl<L, P, H> Drop for Host<L, P, H> {
    /// Whoever waits hears that the result is unknown.
    fn drop(&mut self) {
        self.shared.close();
        for ticket in std::mem::take(&mut self.waiting).into_values().flatten() {
            ticket.tell(Told::Unknown);
        }
    }
}

fn orders_max(shard: &Shard) -> usize {
    usize::try_from(shard.policy().memory.orders_max).unwrap_or(usize::MAX)
}
