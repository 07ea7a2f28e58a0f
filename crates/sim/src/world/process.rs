//! The process that hosts the city's shard: it crashes, pauses, and starts again from the log.

use std::fmt;
use std::sync::Arc;

use doorstep_core::checkout::State;
use doorstep_core::id::OrderId;
use doorstep_core::log::{Batch, Cause, Limits, LogId, Output, Replica};
use doorstep_core::money::Currency;
use doorstep_core::order::Order;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, Event, Outcome, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::Ping;
use doorstep_runtime::client::{Client, Ticket};
use doorstep_runtime::host::{Host, HostConfig, HostTally};
use doorstep_runtime::memory_log::FaultTally;
use doorstep_runtime::ports::{Entry, Fault, Log, Position, ReadError, SnapshotStore};
use doorstep_runtime::sandbox::{Sandbox, SandboxTally};

use super::storage::Storage;
use super::whims::{Whim, Whose, mix};
use super::{Happening, World, shard_id};
use crate::audit::BookEntry;

type CityHost<S> = Host<<S as Storage>::Log, Sandbox, <S as Storage>::History>;

/// What befell the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessTally {
    /// Times a process ended without warning.
    pub crashes: u64,
    /// Times a process stood still, and came back to a log that may have another owner.
    pub pauses: u64,
    /// What the hosts did, all together.
    pub appends: u64,
    /// Claims that came to own the log.
    pub claims_won: u64,
    /// Times the log was lost to another claim, or given up after an append went wrong.
    pub claims_lost: u64,
    /// What was injected into the log.
    pub faults: FaultTally,
    /// What the provider did.
    pub provider: SandboxTally,
}

pub(super) struct Process<S: Storage> {
    sandbox: Sandbox,
    running: Option<(CityHost<S>, Client)>,
    paused: Option<CityHost<S>>,
    /// A process that came back and now contends for the log.
    returned: Option<(CityHost<S>, Timestamp)>,
    /// By which the auditor reads.
    reader: Option<Box<dyn SnapshotStore + Send>>,
    /// The last position that it read.
    read: Option<Position>,
    /// While an evening is lived through again: the state that the log comes to.
    relived: Option<Replica<Shard>>,
    starts: u64,
    crashes: u64,
    quiet: bool,
    tally: ProcessTally,
}

/// How long a process that came back contends before it is ended.
const CONTENDS_FOR: Span = Span::from_secs(20);

/// A snapshot is saved after so many batches.
const SNAPSHOT_EVERY: u64 = 20_000;

/// Entries read by the auditor at once.
const READ_MAX: usize = 4_096;

impl<S: Storage> Process<S> {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            running: None,
            paused: None,
            returned: None,
            reader: None,
            read: None,
            relived: None,
            starts: 0,
            crashes: 0,
            quiet: false,
            tally: ProcessTally::default(),
        }
    }

    pub(super) fn set_sandbox(&mut self, sandbox: Sandbox) {
        self.sandbox = sandbox;
    }

    /// What the auditor has not read, a part of it; none: there is no more at `now`.
    pub(super) fn new_entries(&mut self, now: Timestamp) -> Result<Vec<Entry>, Fault> {
        let Some(reader) = &mut self.reader else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        match reader.follow(self.read, READ_MAX, now, &mut entries) {
            // The host says it.
            Ok(()) | Err(ReadError::Poisoned(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.read = entries.last().map(|last| last.position).or(self.read);
        Ok(entries)
    }

    pub(super) fn begin_reliving(&mut self, currency: Currency) {
        self.relived = Some(fresh_reader(currency));
    }

    pub(super) const fn is_reliving(&self) -> bool {
        self.relived.is_some()
    }

    /// The batches that come to count by an entry: one at most.
    pub(super) fn relive(&mut self, entry: &Entry) -> Vec<Batch<Event, Outcome>> {
        let Some(replica) = &mut self.relived else { return Vec::new() };
        replica.bytes(entry.position, &entry.bytes, Timestamp::EPOCH);
        let outputs = std::iter::from_fn(|| replica.poll());
        outputs
            .filter_map(|output| match output {
                Output::Publish(_, batch) => Some(batch),
                Output::Append(_)
                | Output::Answer(..)
                | Output::Marked { .. }
                | Output::BecameOwner
                | Output::LostOwnership
                | Output::Stop(_) => None,
            })
            .collect()
    }

    pub(super) fn end_reliving(&mut self) -> Result<(), Fault> {
        if self.relived.take().is_some_and(|replica| replica.is_stopped()) {
            return Err("the log does not fit what this version decides".into());
        }
        Ok(())
    }

    /// The counted state, as far as anybody knows it.
    fn shard(&self) -> Option<&Shard> {
        let relived = self.relived.as_ref().map(Replica::counted);
        relived.or_else(|| self.running.as_ref().map(|(host, _)| host.shard()))
    }

    /// Why the process that runs has stopped for good, if it has.
    pub(super) fn stopped(&self) -> Option<String> {
        self.running.as_ref()?.0.stopped().map(ToString::to_string)
    }

    pub(super) fn book(&self) -> impl Iterator<Item = BookEntry> {
        self.sandbox.book().into_iter().map(|(order, page)| BookEntry {
            order,
            held_minor: page.authorised.minor(),
            captured_minor: page.captured().minor(),
            refunded_minor: page.refunded.minor(),
            voided: !page.voided.is_zero(),
            holds: page.holds,
            captures: page.captures,
        })
    }

    pub(super) fn tally(&self) -> ProcessTally {
        let mut tally = self.tally;
        if let Some((host, _)) = &self.running {
            tally.add(host.tally());
        }
        tally.provider = self.sandbox.tally();
        tally
    }

    /// Steps the hosts until there is nothing to do and nothing in flight.
    pub(super) fn rest(
        &mut self,
        storage: &mut S,
        now: Timestamp,
    ) -> Vec<Arc<Batch<Event, Outcome>>> {
        let mut published = Vec::new();
        if let Some((mut returned, until)) = self.returned.take() {
            returned.step(now);
            if now < until {
                self.returned = Some((returned, until));
            } else {
                self.tally.add(returned.tally());
            }
        }
        while let Some((host, _)) = &mut self.running {
            let mut step = host.step(now);
            published.append(&mut step.published);
            storage.settle();
            if !step.worked {
                break;
            }
        }
        published
    }

    pub(super) fn client(&self) -> Option<&Client> {
        self.running.as_ref().map(|(_, client)| client)
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let running = self.running.as_ref().and_then(|(host, _)| host.next_wake());
        let returned = self.returned.as_ref().and_then(|(host, _)| host.next_wake());
        [running, returned].into_iter().flatten().min()
    }

    pub(super) fn submit(&self, cause: Cause, command: &Command) -> Option<Ticket> {
        let (_, client) = self.running.as_ref()?;
        client.submit(cause, command.clone()).ok()
    }

    pub(super) fn record_pings(&self, pings: &[Ping]) {
        if let Some((_, client)) = &self.running {
            client.record_pings(pings, |_, _| {});
        }
    }

    pub(super) fn may_cancel(&self, order: OrderId, now: Timestamp) -> bool {
        if self.is_reliving() {
            let order = self.shard().and_then(|shard| shard.order(order));
            let from = order.map_or(Timestamp::NEVER, Order::cancellable_from);
            return from != Timestamp::NEVER && now >= from;
        }
        self.running.as_ref().is_some_and(|(_, client)| client.may_cancel(order, now))
    }

    pub(super) fn checkout_closed(&self, order: OrderId) -> bool {
        let checkout = self.shard().and_then(|shard| shard.checkout(order));
        checkout.is_some_and(|checkout| matches!(checkout.state(), State::Closed { .. }))
    }

    /// Whether every order is over, its money settled.
    pub(super) fn is_over(&self) -> bool {
        self.running.as_ref().is_some_and(|(host, _)| {
            let shard = host.shard();
            shard.orders().all(|order| order.over_since().is_some())
                && shard.checkouts().all(|checkout| checkout.over_since().is_some())
        })
    }

    pub(super) fn resume(&mut self, now: Timestamp) {
        if let Some(paused) = self.paused.take() {
            self.returned = Some((paused, now.saturating_add(CONTENDS_FOR)));
        }
    }

    pub(super) fn quiet(&mut self) {
        self.quiet = true;
        self.sandbox.quiet();
    }

    /// Whether a fresh reader of the whole log comes to the state that the running host has.
    pub(super) fn verify(&mut self, policy: &Policy, now: Timestamp) -> bool {
        let mut replica = fresh_reader(policy.currency);
        self.read = None;
        loop {
            match self.new_entries(now) {
                Err(_) => return false,
                Ok(entries) if entries.is_empty() => break,
                Ok(entries) => {
                    for entry in entries {
                        replica.bytes(entry.position, &entry.bytes, Timestamp::EPOCH);
                        while replica.poll().is_some() {}
                    }
                }
            }
        }
        let Some((host, _)) = &self.running else { return false };
        !replica.is_stopped() && host.stopped().is_none() && replica.counted() == host.shard()
    }
}

/// A reader before the log's first record.
fn fresh_reader(currency: Currency) -> Replica<Shard> {
    let shard = Shard::new(shard_id(), Policy::new(currency));
    Replica::new(LogId::new(u64::from(shard_id().get())), shard, 0, Limits::default())
}

impl<S: Storage> fmt::Debug for Process<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl ProcessTally {
    fn add(&mut self, host: HostTally) {
        self.appends = self.appends.saturating_add(host.appends);
        self.claims_won = self.claims_won.saturating_add(host.claims_won);
        self.claims_lost = self.claims_lost.saturating_add(host.claims_lost);
    }
}

impl<S: Storage> World<S> {
    /// The process ends without warning, or stands still for a while.
    pub(super) fn crash(&mut self) {
        if self.process.quiet {
            return;
        }
        self.process.crashes = self.process.crashes.saturating_add(1);
        let whose = Whose::Process(self.process.crashes);
        if let Some((host, _)) = self.process.running.take() {
            let may_pause = self.storage.is_shared() && self.process.paused.is_none();
            if may_pause && self.chance(whose, Whim::Pause, 500) {
                self.process.tally.pauses = self.process.tally.pauses.saturating_add(1);
                self.process.paused = Some(host);
                let back = self.some_seconds(whose, Whim::Back, 10, 120);
                self.plan_in(back, Happening::Resume);
            } else {
                self.process.tally.crashes = self.process.tally.crashes.saturating_add(1);
                self.process.tally.add(host.tally());
            }
        }
        let down = self.some_seconds(whose, Whim::Down, 1, 30);
        self.plan_in(down, Happening::Restart);
        self.plan_crash();
    }

    /// A new process starts, unless the evening is only lived through again.
    pub(super) fn restart(&mut self) {
        if self.process.is_reliving() {
            return;
        }
        // The file is one process's at a time.
        if let Some((host, _)) = self.process.running.take() {
            self.process.tally.add(host.tally());
        }
        if let Err(fault) = self.start() {
            self.broken_off = Some(fault.to_string());
        }
    }

    /// A new process opens the log.
    fn start(&mut self) -> Result<(), Fault> {
        let opened = self.open_log()?;
        self.start_on(opened)
    }

    /// A new process starts on the log that was just opened.
    pub(super) fn start_on(&mut self, (log, history): (S::Log, S::History)) -> Result<(), Fault> {
        let process = &mut self.process;
        process.starts = process.starts.saturating_add(1);
        // No start before had this number with the log as long as it is now: on disk an earlier
        // process is gone, and with it everything that it had not yet appended.
        let read = process.read.map_or(0, |read| read.next().get());
        let half = |salt| u128::from(mix(&[self.config.seed, process.starts, read, salt]));
        let seed = (half(1) << 64) | half(2);
        let mut config = HostConfig::new(shard_id(), self.config.policy.clone(), seed);
        config.tap = self.config.tap.clone();
        config.reads = self.config.reads;
        config.snapshot_every = (self.config.chaos > 0).then_some(SNAPSHOT_EVERY);
        let host = Host::open(config, log, process.sandbox.connect(), history, self.now)?;
        let client = host.client();
        process.running = Some((host, client));
        Ok(())
    }

    /// Opens the log for a process, and for the auditor.
    pub(super) fn open_log(&mut self) -> Result<(S::Log, S::History), Fault> {
        // Who reads by the old handle holds nothing of the file's.
        self.process.reader = None;
        let (log, history) = self.storage.open()?;
        let reader = log.snapshots().ok_or("the log has no second handle to give")?;
        self.process.reader = Some(reader);
        Ok((log, history))
    }

    /// On average after a minute divided by the share of chaos.
    pub(super) fn plan_crash(&mut self) {
        let mean_s = 60_000_u64.checked_div(u64::from(self.config.chaos)).unwrap_or(u64::MAX);
        let whose = Whose::Process(self.process.crashes);
        let next = self.some_seconds(whose, Whim::Crash, 1, mean_s.saturating_mul(2));
        self.plan_in(next, Happening::Crash);
    }
}
