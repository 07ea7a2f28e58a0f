//! The process that hosts the city's shard: it crashes, pauses, and starts again from the log.

use std::sync::Arc;

use doorstep_core::checkout::State;
use doorstep_core::id::OrderId;
use doorstep_core::log::{Batch, Cause, Limits, LogId, Position, Replica};
use doorstep_core::policy::Policy;
use doorstep_core::shard::{Command, Event, Outcome, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::Ping;
use doorstep_runtime::client::{Client, Ticket};
use doorstep_runtime::host::{Host, HostConfig, HostTally};
use doorstep_runtime::memory_log::{FaultTally, MemoryLog};
use doorstep_runtime::ports::LogIsHistory;
use doorstep_runtime::sandbox::{Sandbox, SandboxTally};
use rand::Rng;

use super::{Happening, World, shard_id};
use crate::audit::BookEntry;

type CityHost = Host<MemoryLog, Sandbox, LogIsHistory>;

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

#[derive(Debug)]
pub(super) struct Process {
    log: MemoryLog,
    sandbox: Sandbox,
    running: Option<(CityHost, Client)>,
    paused: Option<CityHost>,
    /// A process that came back and now contends for the log.
    returned: Option<(CityHost, Timestamp)>,
    quiet: bool,
    tally: ProcessTally,
}

/// How long a process that came back contends before it is ended.
const CONTENDS_FOR: Span = Span::from_secs(20);

/// A snapshot is saved after so many batches.
const SNAPSHOT_EVERY: u64 = 20_000;

impl Process {
    pub(super) fn new(log: MemoryLog, sandbox: Sandbox) -> Self {
        Self {
            log,
            sandbox,
            running: None,
            paused: None,
            returned: None,
            quiet: false,
            tally: ProcessTally::default(),
        }
    }

    pub(super) const fn log(&self) -> &MemoryLog {
        &self.log
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
        tally.faults = self.log.tally();
        tally.provider = self.sandbox.tally();
        tally
    }

    pub(super) fn step(&mut self, now: Timestamp) -> Vec<Arc<Batch<Event, Outcome>>> {
        if let Some((mut returned, until)) = self.returned.take() {
            returned.step(now);
            if now < until {
                self.returned = Some((returned, until));
            } else {
                self.tally.add(returned.tally());
            }
        }
        let Some((host, _)) = &mut self.running else { return Vec::new() };
        let step = host.step(now);
        step.published
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
        self.running.as_ref().is_some_and(|(_, client)| client.may_cancel(order, now))
    }

    pub(super) fn checkout_closed(&self, order: OrderId) -> bool {
        let checkout = self.running.as_ref().and_then(|(host, _)| host.shard().checkout(order));
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
        self.log.quiet();
        self.sandbox.quiet();
    }

    /// Whether a fresh reader of the whole log comes to the state that the running host has.
    pub(super) fn verify(&self, policy: &Policy) -> bool {
        let Some((host, _)) = &self.running else { return false };
        let shard = Shard::new(shard_id(), Policy::new(policy.currency));
        let log = LogId::new(u64::from(shard_id().get()));
        let mut reader = Replica::new(log, shard, 0, Limits::default());
        for entry in self.log.entries_from(Position::default()) {
            reader.bytes(entry.position, &entry.bytes, Timestamp::EPOCH);
            while reader.poll().is_some() {}
        }
        !reader.is_stopped() && host.stopped().is_none() && reader.counted() == host.shard()
    }
}

impl ProcessTally {
    fn add(&mut self, host: HostTally) {
        self.appends = self.appends.saturating_add(host.appends);
        self.claims_won = self.claims_won.saturating_add(host.claims_won);
        self.claims_lost = self.claims_lost.saturating_add(host.claims_lost);
    }
}

impl World {
    /// The process ends without warning, or stands still for a while.
    pub(super) fn crash(&mut self) {
        if self.process.quiet {
            return;
        }
        if let Some((host, _)) = self.process.running.take() {
            if self.process.paused.is_none() && self.rng.random() {
                self.process.tally.pauses = self.process.tally.pauses.saturating_add(1);
                self.process.paused = Some(host);
                let back = self.some_seconds(10, 120);
                self.plan_in(back, Happening::Resume);
            } else {
                self.process.tally.crashes = self.process.tally.crashes.saturating_add(1);
                self.process.tally.add(host.tally());
            }
        }
        let down = self.some_seconds(1, 30);
        self.plan_in(down, Happening::Restart);
        self.plan_crash();
    }

    /// A new process opens the log.
    pub(super) fn restart(&mut self) {
        let mut config = HostConfig::new(shard_id(), self.config.policy.clone(), self.rng.random());
        config.snapshot_every = (self.config.chaos > 0).then_some(SNAPSHOT_EVERY);
        config.tap = self.config.tap.clone();
        let (log, sandbox) = (self.process.log.clone(), self.process.sandbox.connect());
        if let Ok(host) = Host::open(config, log, sandbox, LogIsHistory, self.now) {
            let client = host.client();
            self.process.running = Some((host, client));
        }
    }

    /// On average after a minute divided by the share of chaos.
    pub(super) fn plan_crash(&mut self) {
        let mean_s = 60_000_u64.checked_div(u64::from(self.config.chaos)).unwrap_or(u64::MAX);
        let next = self.some_seconds(1, mean_s.saturating_mul(2));
        self.plan_in(next, Happening::Crash);
    }
}
