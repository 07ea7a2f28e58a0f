//! The one loop that drives a shard: for the simulator, the tests and the servers alike.
//!
//! [`Host::step`] moves the log's new records into the replica and the replica's outputs out; what
//! is due is told to it as commands. Nothing else decides. A thread or a task is only a wrapper: it
//! calls `step` with its clock's time, and comes again at [`Host::next_wake`] or when a client sent
//! something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorstep_core::dispatch;
use doorstep_core::id::{CommandId, DriverId, OrderId, ShardId};
use doorstep_core::log::{
    Answer, Batch, Limits, LogId, NotRestored, NotTaken, Output, Position, Replica, StopReason,
};
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, CorruptLog, Event, Outcome, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::{Config as IndexConfig, ConfigError, DriverIndex};

use crate::client::{Client, Pledge, Shared, Submission, Told};
use crate::effects::{EffectConfig, EffectRunner};
use crate::matcher::Matcher;
use crate::ports::{
    AppendError, Entry, HistorySink, Log, Payments, ReadError, Snapshot, SnapshotError,
};
use crate::views::Views;

/// How a host is cut.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The shard it hosts.
    pub shard: ShardId,
    /// The rules that an empty log begins with; later ones come from the log.
    pub policy: Policy,
    /// A number that no other start of any host ever had: claims are told apart by it.
    pub seed: u128,
    /// The log protocol's bounds.
    pub limits: Limits,
    /// The effect runner's patience and bounds.
    pub effects: EffectConfig,
    /// The driver index's shape and bounds.
    pub index: IndexConfig,
    /// How often the matcher looks. Default 1 s.
    pub match_every: Span,
    /// Commands that may wait for the writer. Default 65,536.
    pub inbox_max: usize,
    /// A snapshot is saved after so many batches; `None`: never.
    pub snapshot_every: Option<u64>,
}

impl HostConfig {
    /// The defaults, for this shard under these rules.
    #[must_use]
    pub fn new(shard: ShardId, policy: Policy, seed: u128) -> Self {
        Self {
            shard,
            policy,
            seed,
            limits: Limits::default(),
            effects: EffectConfig::default(),
            index: IndexConfig::default(),
            match_every: Span::from_secs(1),
            inbox_max: 65_536,
            snapshot_every: None,
        }
    }
}

/// Why a host does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The driver index's configuration is not sound.
    #[error(transparent)]
    Index(#[from] ConfigError),
    /// The log's snapshot could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log's snapshot is none of a shard.
    #[error("the snapshot is not one of a shard: {0}")]
    NotASnapshot(#[from] serde_json::Error),
    /// The log's snapshot is another shard's or another format's.
    #[error(transparent)]
    NotRestored(#[from] NotRestored),
}

/// Why a host has stopped for good: open another, or mend the log.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The protocol stopped it.
    #[error(transparent)]
    Replica(#[from] StopReason<CorruptLog>),
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Step {
    /// The batches that came to count, in log order. After a restart the old ones come again: their
    /// `seq` tells.
    pub published: Vec<Arc<Batch<Event, Outcome>>>,
    /// Whether anything happened at all.
    pub worked: bool,
}

/// What a host has done since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTally {
    /// Records handed to the log.
    pub appends: u64,
    /// Appends that the log refused, or whose fate it does not know.
    pub append_errors: u64,
    /// Times it came to own the log.
    pub claims_won: u64,
    /// Times it lost the log.
    pub claims_lost: u64,
    /// Snapshots saved.
    pub snapshots: u64,
    /// Orders given to the history, repetitions included.
    pub kept: u64,
}

/// The host of one shard.
#[derive(Debug)]
pub struct Host<L, P, H> {
    replica: Replica<Shard>,
    log: L,
    payments: P,
    history: H,
    shared: Arc<Shared>,
    effects: EffectRunner,
    matcher: Matcher,
    waiting: BTreeMap<CommandId, Vec<Pledge>>,
    unkept: BTreeSet<OrderId>,
    entries: Vec<Entry>,
    read_error: Option<String>,
    snapshot_every: Option<u64>,
    since_snapshot: u64,
    stopped: Option<Stopped>,
    tally: HostTally,
}

/// Records read from the log at once.
const READ_MAX: usize = 1_024;

/// How often a step goes round before it gives its caller a turn.
const ROUNDS_MAX: usize = 10_000;

impl<L: Log, P: Payments, H: HistorySink> Host<L, P, H> {
    /// A host that reads `log` from its snapshot, or from its start, and claims it when it has read
    /// to the end.
    ///
    /// # Errors
    /// [`OpenError`] if the configuration or the snapshot is not sound.
    pub fn open(
        config: HostConfig,
        mut log: L,
        payments: P,
        history: H,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let log_id = LogId::new(u64::from(config.shard.get()));
        let index = DriverIndex::new(config.index)?;
        let capacity = usize::try_from(config.policy.memory.orders_max).unwrap_or(usize::MAX);
        let mut replica = match log.load_snapshot()? {
            Some(saved) => {
                let snapshot = serde_json::from_slice(&saved.bytes)?;
                Replica::restore(log_id, snapshot, config.seed, config.limits)?
            }
            None => {
                let shard = Shard::new(config.shard, config.policy);
                Replica::new(log_id, shard, config.seed, config.limits)
            }
        };
        replica.claim(now);
        let views = Views::with_capacity(capacity);
        for order in replica.counted().orders() {
            views.publish(order.id(), replica.counted());
        }
        Ok(Self {
            replica,
            log,
            payments,
            history,
            shared: Arc::new(Shared::new(config.inbox_max, views, index)),
            effects: EffectRunner::new(config.effects),
            matcher: Matcher::new(config.match_every),
            waiting: BTreeMap::new(),
            unkept: BTreeSet::new(),
            entries: Vec::new(),
            read_error: None,
            snapshot_every: config.snapshot_every,
            since_snapshot: 0,
            stopped: None,
            tally: HostTally::default(),
        })
    }

    /// A handle for callers.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(Arc::clone(&self.shared))
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

    /// Why the log could not be read at the last step; the next one tries again.
    #[must_use]
    pub fn read_error(&self) -> Option<&str> {
        self.read_error.as_deref()
    }

    /// What it has done.
    #[must_use]
    pub const fn tally(&self) -> HostTally {
        self.tally
    }

    /// Does everything that there is to do at `now`.
    pub fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        for _ in 0..ROUNDS_MAX {
            if self.stopped.is_some() {
                return step;
            }
            let mut worked = self.read(now);
            self.replica.tick(now);
            worked |= self.take_mail(now);
            worked |= self.tell_what_is_due(now);
            worked |= self.drain(now, &mut step);
            if !worked {
                break;
            }
            step.worked = true;
        }
        self.keep_history();
        self.snapshot_if_due();
        step
    }

    /// When there may be something to do that no client's command announces.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let own = [self.replica.next_wake(), self.log.next_wake(), self.payments.next_wake()];
        let deciding = self.replica.ahead().map(|shard| {
            let searching = shard.dispatch().searching() > 0;
            let matching = searching.then(|| self.matcher.next_wake());
            [shard.next_deadline(), matching, self.effects.next_wake()]
        });
        own.into_iter().chain(deciding.into_iter().flatten()).flatten().min()
    }

    /// Moves the log's new records in.
    fn read(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        loop {
            self.entries.clear();
            let after = self.replica.wants().get().checked_sub(1).map(Position::new);
            match self.log.read(after, READ_MAX, now, &mut self.entries) {
                Ok(()) => self.read_error = None,
                Err(ReadError::Trimmed { start }) => {
                    self.replica.log_starts_at(start);
                    return true;
                }
                Err(error @ ReadError::Io(_)) => {
                    // Read again at the next step; nothing is decided meanwhile on a guess.
                    self.read_error = Some(error.to_string());
                    return any;
                }
            }
            if self.entries.is_empty() {
                self.replica.read_to_end(now);
                return any;
            }
            any = true;
            for entry in &self.entries {
                self.replica.bytes(entry.position, &entry.bytes, now);
            }
            // One that has stopped takes nothing more in, and would be handed the same for ever.
            if self.replica.is_stopped() {
                return true;
            }
        }
    }

    /// Hands the clients' commands to the replica.
    fn take_mail(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        while let Some(submission) = self.shared.next() {
            let Submission { cause, command } = submission;
            match cause {
                None => match self.replica.tell(&command, now) {
                    Ok(_) => any = true,
                    Err(NotTaken::Busy) => {
                        self.shared.put_back(Submission { cause: None, command });
                        break;
                    }
                    // Unidentified: a geofence's arrival, which the driver's tap says again.
                    Err(_) => {}
                },
                Some((cause, ticket)) => match self.replica.submit(cause, &command, None, now) {
                    Ok(()) => {
                        any = true;
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

    /// What an owner must see to: deadlines, effects, searches.
    fn tell_what_is_due(&mut self, now: Timestamp) -> bool {
        if !self.replica.is_owner() {
            return false;
        }
        let mut any = false;
        while self.replica.ahead().and_then(Shard::next_deadline).is_some_and(|at| at <= now) {
            match self.replica.tell(&Command::Tick, now) {
                Ok(true) => any = true,
                Ok(false) | Err(_) => break,
            }
        }
        let replies: Vec<_> = self.effects.step(&mut self.payments, now).into_iter().collect();
        for (order, reply) in replies {
            any |= self.replica.tell(&Command::Reply { order, reply }, now).unwrap_or(false);
        }
        let shared = &self.shared;
        for proposal in self.matcher.step(self.replica.counted(), &shared.index, now) {
            any |= self.replica.tell(&Command::Propose(proposal), now).unwrap_or(false);
        }
        any
    }

    /// Moves the replica's outputs out.
    fn drain(&mut self, now: Timestamp, step: &mut Step) -> bool {
        let mut any = false;
        while let Some(output) = self.replica.poll() {
            any = true;
            match output {
                Output::Append(record) => {
                    let writer = record.writer();
                    self.tally.appends = self.tally.appends.saturating_add(1);
                    let appended = record
                        .encode()
                        .map_err(|error| AppendError::Unknown(Box::new(error)))
                        .and_then(|bytes| self.log.append(&bytes, now));
                    if appended.is_err() {
                        self.tally.append_errors = self.tally.append_errors.saturating_add(1);
                        self.replica.append_failed(writer, now);
                    }
                }
                Output::Answer(id, answer) => self.answer(id, &answer),
                Output::Publish(_, batch) => {
                    self.publish(&batch);
                    step.published.push(Arc::new(batch));
                }
                Output::BecameOwner => {
                    self.tally.claims_won = self.tally.claims_won.saturating_add(1);
                    self.take_over();
                }
                Output::LostOwnership => {
                    self.tally.claims_lost = self.tally.claims_lost.saturating_add(1);
                    self.effects.clear();
                }
                Output::Marked { .. } => {}
                Output::Stop(reason) => {
                    self.shared.close();
                    self.stopped = Some(reason.into());
                }
            }
        }
        any
    }

    fn answer(&mut self, id: CommandId, answer: &Answer<Outcome>) {
        for ticket in self.waiting.remove(&id).unwrap_or_default() {
            ticket.tell(answer.clone().into());
        }
    }

    /// The effects that are due, and where every driver is headed, from the counted state.
    fn take_over(&mut self) {
        let shard = self.replica.counted();
        self.effects.clear();
        for effect in shard.pending_effects() {
            // Beyond its bound the rest is offered with the next batch that touches the order.
            let _full = self.effects.offer(effect.order, Some(effect));
        }
        self.shared.arrivals.clear();
        for (driver, _) in shard.dispatch().drivers() {
            self.shared.arrivals.head(driver, shard);
        }
    }

    fn publish(&mut self, batch: &Batch<Event, Outcome>) {
        let shard = self.replica.counted();
        let mut touched = Touched::by(batch);
        for &order in &touched.orders {
            // Who had it before this batch is headed elsewhere now.
            touched.drivers.extend(self.shared.views.driver_of(order));
            self.shared.views.publish(order, shard);
            if shard.order(order).is_some_and(|order| order.over_since().is_some()) {
                self.unkept.insert(order);
            }
            if self.replica.is_owner() {
                let _full = self.effects.offer(order, shard.pending_effect(order));
            }
        }
        touched
            .drivers
            .extend(touched.orders.iter().filter_map(|id| self.shared.views.driver_of(*id)));
        for &driver in &touched.drivers {
            self.shared.arrivals.head(driver, shard);
        }
        self.since_snapshot = self.since_snapshot.saturating_add(1);
        if self.since_snapshot.is_multiple_of(RETAIN_EVERY) {
            self.shared.views.retain(shard);
        }
    }

    /// Gives ended orders to the history while they are in memory. What a sink misses for longer
    /// than they stay there is in the log.
    fn keep_history(&mut self) {
        while let Some(&id) = self.unkept.first() {
            if let Some(order) = self.replica.counted().order(id) {
                if self.history.keep(order).is_err() {
                    return;
                }
                self.tally.kept = self.tally.kept.saturating_add(1);
            }
            self.unkept.remove(&id);
        }
    }

    fn snapshot_if_due(&mut self) {
        let due = self.snapshot_every.is_some_and(|every| self.since_snapshot >= every);
        if !due || !self.replica.is_owner() {
            return;
        }
        self.since_snapshot = 0;
        let snapshot = self.replica.snapshot();
        let Some(position) = snapshot.position else { return };
        // A snapshot that fails costs a longer replay, nothing else.
        if let Ok(bytes) = serde_json::to_vec(&snapshot) {
            let saved = Snapshot { position, bytes: bytes.into() };
            if self.log.save_snapshot(&saved).is_ok() {
                self.tally.snapshots = self.tally.snapshots.saturating_add(1);
            }
        }
    }
}

/// What a thread around it needs.
impl<L, P, H> Host<L, P, H> {
    /// Lets go of the log, and does not claim it again: at the next step, whoever waits for what is
    /// pending hears that the result is unknown. It still reads.
    pub fn resign(&mut self, now: Timestamp) {
        self.replica.resign(now);
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether anything that was sent was not dealt with, or anyone not answered.
    pub(crate) fn is_in_flight(&self) -> bool {
        !self.waiting.is_empty() || self.shared.waiting() > 0
    }

    /// Takes no more commands; whoever still waits hears that the result is unknown.
    pub(crate) fn close(&mut self) {
        self.shared.close();
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

/// How many batches go by between two looks for views that the state has forgotten.
const RETAIN_EVERY: u64 = 4_096;

/// Whom a batch speaks of.
struct Touched {
    orders: BTreeSet<OrderId>,
    drivers: BTreeSet<DriverId>,
}

impl Touched {
    fn by(batch: &Batch<Event, Outcome>) -> Self {
        let mut touched = Self { orders: BTreeSet::new(), drivers: BTreeSet::new() };
        for event in &batch.events {
            match event {
                Event::Order { order, .. } | Event::Checkout { order, .. } => {
                    touched.orders.insert(*order);
                }
                Event::Dispatch(event) => touched.drivers.extend(drivers_of(event)),
                Event::PolicySet(_) | Event::Catalog(_) => {}
            }
        }
        touched
    }
}

/// The drivers whose road a dispatch event may change, beyond those of the orders in its batch.
fn drivers_of(event: &dispatch::Event) -> impl Iterator<Item = DriverId> {
    let (one, other) = match event {
        dispatch::Event::DriverReleased { driver }
        | dispatch::Event::Taken { driver, .. }
        | dispatch::Event::Dropped { driver, .. } => (Some(*driver), None),
        dispatch::Event::Reassigned { from, to, .. } => (Some(*to), *from),
        dispatch::Event::DriverAdmitted { .. }
        | dispatch::Event::VehicleChanged { .. }
        | dispatch::Event::WentOnline { .. }
        | dispatch::Event::WentOffline { .. }
        | dispatch::Event::Opened { .. }
        | dispatch::Event::OfferMade { .. }
        | dispatch::Event::OfferClosed { .. }
        | dispatch::Event::StageEntered { .. }
        | dispatch::Event::Finished { .. } => (None, None),
    };
    one.into_iter().chain(other)
}
