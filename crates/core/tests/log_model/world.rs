//! Two replicas, a log, what is in flight to it, and all that can happen to them.

use std::collections::BTreeSet;

use doorstep_core::id::CommandId;
use doorstep_core::log::{
    Answer, Cause, Causes, Limits, LogId, Output, Position, Record, Replica, Snapshot, Writer,
};
use doorstep_core::time::{Span, Timestamp};

use super::stock::{BOUNDS, Command, Event, Outcome, Stock};

pub(crate) const LOG: LogId = LogId::new(1);
pub(crate) const NOON: Timestamp = Timestamp::from_secs(1_000);
const LIMITS: Limits = Limits {
    pending_max: 2,
    append_timeout: Span::from_secs(10),
    claim_backoff_first: Span::from_secs(1),
    claim_backoff_most: Span::from_secs(8),
};

pub(crate) type Entry = Record<Event, Outcome>;

/// How much of everything one exploration allows.
#[derive(Clone, Debug, Default)]
pub(crate) struct House {
    pub(crate) stock: u8,
    /// The commands that come: under which id, and what. The same id again is a retry.
    pub(crate) queue: Vec<(u8, Command)>,
    /// Whether they come through a queue with positions, or each at any time.
    pub(crate) in_order: bool,
    pub(crate) claims: usize,
    pub(crate) spare: Spare,
    /// Whether each state is asked if the house would recover, should all faults end.
    pub(crate) settles: bool,
}

/// Faults that may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Spare {
    pub(crate) doubts: u8,
    pub(crate) crashes: u8,
    pub(crate) duplicates: u8,
    pub(crate) snapshots: u8,
    pub(crate) resignations: u8,
    /// Steps of time, of half a retry horizon each.
    pub(crate) ages: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) replica: Replica<Stock>,
    /// The next place of the queue that its host takes.
    pub(crate) cursor: usize,
    pub(crate) assigned: bool,
    pub(crate) restored: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) log: Vec<Entry>,
    /// The first position that was not trimmed away; `log` keeps all for the judge.
    pub(crate) start: u64,
    /// Appended and not landed. What stays here for ever is lost.
    pub(crate) flight: Vec<Entry>,
    pub(crate) nodes: [Node; 2],
    pub(crate) snapshot: Option<Snapshot<Stock>>,
    /// Places of the queue already submitted, where they come at any time.
    pub(crate) submitted: BTreeSet<usize>,
    /// Every outcome told to anyone, and under which epoch.
    pub(crate) answers: BTreeSet<(CommandId, Outcome, u64)>,
    pub(crate) incarnations: u8,
    pub(crate) now: Timestamp,
    pub(crate) spare: Spare,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Claim(usize),
    Resign(usize),
    Submit(usize, usize),
    Land(usize),
    LandAndStay(usize),
    Read(usize),
    TimeOut(usize),
    Fail(usize),
    Crash(usize),
    Snapshot(usize),
    Age,
}

impl House {
    pub(crate) fn cause(&self, place: usize) -> Cause {
        let id = CommandId::new(u128::from(self.queue[place].0));
        Cause { id, issued_at: NOON, digest: 0 }
    }

    pub(crate) fn world(&self) -> World {
        World {
            log: Vec::new(),
            start: 0,
            flight: Vec::new(),
            nodes: [Node::new(self.fresh(1)), Node::new(self.fresh(2))],
            snapshot: None,
            submitted: BTreeSet::new(),
            answers: BTreeSet::new(),
            incarnations: 2,
            now: NOON,
            spare: self.spare,
        }
    }

    fn fresh(&self, seed: u8) -> Replica<Stock> {
        let stock = Stock { left: self.stock, causes: Causes::new() };
        Replica::new(LOG, stock, u128::from(seed), LIMITS)
    }

    pub(crate) fn possible(&self, world: &World, actions: &mut Vec<Action>) {
        let claims_left = world.writers().len() < self.claims;
        for (n, Node { replica, assigned, cursor, .. }) in world.nodes.iter().enumerate() {
            let (busy, owns) = (replica.next_wake().is_some(), replica.is_owner());
            let at_end = world.unread(n).is_none();
            let may = [
                (Action::Read(n), !at_end && !replica.is_stopped()),
                (Action::Claim(n), at_end && !owns && claims_left && !replica.is_stopped()),
                (Action::TimeOut(n), busy && world.spare.doubts > 0),
                (Action::Fail(n), owns && !busy && world.spare.doubts > 0),
                (Action::Resign(n), *assigned && world.spare.resignations > 0),
                (Action::Crash(n), world.spare.crashes > 0),
                (Action::Snapshot(n), world.spare.snapshots > 0 && world.may_store(n)),
            ];
            actions.extend(may.into_iter().filter(|(_, may)| *may).map(|(action, _)| action));
            let comes = |place: &usize| {
                if self.in_order { place == cursor } else { !world.submitted.contains(place) }
            };
            if owns {
                let places = (0..self.queue.len()).filter(comes);
                actions.extend(places.map(|place| Action::Submit(n, place)));
            }
        }
        for i in 0..world.flight.len() {
            actions.push(Action::Land(i));
            if world.spare.duplicates > 0 {
                actions.push(Action::LandAndStay(i));
            }
        }
        if world.spare.ages > 0 {
            actions.push(Action::Age);
        }
    }

    /// The world after `action`; `None` where it changes nothing.
    pub(crate) fn after(&self, world: &World, action: &Action) -> Option<World> {
        let mut world = world.clone();
        match *action {
            Action::Claim(n) => world.claim(n),
            Action::Read(n) => world.read(n),
            Action::Land(i) => {
                let record = world.flight.remove(i);
                world.log.push(record);
            }
            Action::LandAndStay(i) => {
                world.spare.duplicates -= 1;
                world.log.push(world.flight[i].clone());
            }
            Action::Submit(n, place) => {
                let inbox = self.in_order.then_some(place as u64 + 1);
                let (cause, command) = (self.cause(place), self.queue[place].1);
                let (replica, now) = (&mut world.nodes[n].replica, world.now);
                replica.submit(cause, &command, inbox, now).ok()?;
                world.nodes[n].cursor = place + 1;
                if !self.in_order {
                    world.submitted.insert(place);
                }
                world.drain(n);
            }
            Action::TimeOut(n) => {
                world.spare.doubts -= 1;
                world.nodes[n].replica.tick(Timestamp::NEVER);
                world.drain(n);
            }
            Action::Fail(n) => {
                world.spare.doubts -= 1;
                for writer in world.writers() {
                    world.nodes[n].replica.append_failed(writer, Timestamp::NEVER);
                }
                world.drain(n);
            }
            Action::Resign(n) => {
                world.spare.resignations -= 1;
                world.nodes[n].assigned = false;
                world.nodes[n].replica.resign(world.now);
                world.drain(n);
            }
            Action::Crash(n) => {
                world.spare.crashes -= 1;
                world.incarnations += 1;
                let seed = world.incarnations;
                world.nodes[n] = Node::new(match &world.snapshot {
                    None => self.fresh(seed),
                    Some(snapshot) => {
                        let stored = serde_json::to_vec(snapshot).unwrap();
                        let snapshot = serde_json::from_slice(&stored).unwrap();
                        Replica::restore(LOG, snapshot, u128::from(seed), LIMITS).unwrap()
                    }
                });
                world.nodes[n].restored = world.snapshot.is_some();
            }
            Action::Snapshot(n) => {
                world.spare.snapshots -= 1;
                world.snapshot = Some(world.nodes[n].replica.snapshot());
                world.start = world.nodes[n].replica.wants().get();
            }
            Action::Age => {
                world.spare.ages -= 1;
                let half = Span::from_millis(BOUNDS.horizon.as_millis() / 2);
                world.now = world.now.saturating_add(half);
            }
        }
        Some(world)
    }
}

impl Node {
    const fn new(replica: Replica<Stock>) -> Self {
        Self { replica, cursor: 0, assigned: false, restored: false }
    }
}

impl World {
    pub(crate) fn unread(&self, node: usize) -> Option<&Entry> {
        self.log.get(usize::try_from(self.nodes[node].replica.wants().get()).unwrap())
    }

    /// Writers that ever appended; each began with a claim.
    fn writers(&self) -> BTreeSet<Writer> {
        self.log.iter().chain(&self.flight).map(Record::writer).collect()
    }

    /// A snapshot never moves backwards.
    fn may_store(&self, node: usize) -> bool {
        self.nodes[node].replica.wants().get() > self.start
    }

    fn read(&mut self, node: usize) {
        let Some(entry) = self.unread(node).cloned() else { return };
        let Node { replica, cursor, .. } = &mut self.nodes[node];
        let owned = replica.is_owner();
        replica.log_starts_at(Position::new(self.start));
        replica.record(replica.wants(), entry, self.now);
        if !owned && replica.is_owner() {
            *cursor = usize::try_from(replica.counted_inbox().unwrap_or(0)).unwrap();
        }
        self.drain(node);
    }

    fn claim(&mut self, node: usize) {
        self.nodes[node].assigned = true;
        self.nodes[node].replica.claim(self.now);
        self.nodes[node].replica.read_to_end(Timestamp::NEVER);
        self.drain(node);
    }

    /// Carries out what a replica asks for.
    fn drain(&mut self, node: usize) {
        let replica = &mut self.nodes[node].replica;
        while let Some(output) = replica.poll() {
            match output {
                Output::Append(record) => {
                    let place = self.flight.partition_point(|other| key(other) <= key(&record));
                    self.flight.insert(place, record);
                }
                Output::Answer(id, Answer::Outcome(outcome)) => {
                    self.answers.insert((id, outcome, replica.fence().epoch()));
                }
                Output::Answer(_, Answer::Unknown | Answer::NotOwner)
                | Output::Publish(..)
                | Output::Marked { .. }
                | Output::BecameOwner
                | Output::LostOwnership
                | Output::Stop(_) => {}
            }
        }
    }

    /// If every fault ended now and one replica were to own the log: would it, and answer, whether
    /// what is in flight lands or is lost?
    pub(crate) fn would_recover(&self) -> bool {
        let lossy = Self { flight: Vec::new(), ..self.clone() };
        self.clone().recovers() && (self.flight.is_empty() || lossy.recovers())
    }

    fn recovers(self) -> bool {
        let mut world = self;
        let fit = |node: &usize| {
            let replica = &world.nodes[*node].replica;
            !replica.is_stopped() && replica.wants().get() >= world.start
        };
        let Some(node) = (0..2).find(fit) else { return true };
        world.nodes[1 - node].replica.resign(world.now);
        let probe = Cause { id: CommandId::new(99), issued_at: world.now, digest: 0 };
        for _ in 0..8 {
            let landed = std::mem::take(&mut world.flight);
            world.log.extend(landed);
            while world.unread(node).is_some() && !world.nodes[node].replica.is_stopped() {
                world.read(node);
            }
            let replica = &mut world.nodes[node].replica;
            if replica.submit(probe, &Command::Restock, None, world.now).is_err() {
                replica.tick(Timestamp::NEVER);
                world.claim(node);
            }
            world.drain(node);
            if world.answers.iter().any(|(id, ..)| *id == probe.id) {
                return true;
            }
        }
        false
    }
}

/// Records in flight are kept in this order: that in which they were sent says nothing.
fn key(record: &Entry) -> (u64, Writer, u64) {
    match record {
        Record::Claim { epoch, writer, .. } => (*epoch, *writer, 0),
        Record::Batch(batch) => (batch.epoch, batch.writer, batch.seq + 1),
        Record::Mark { epoch, writer, seq, .. } => (*epoch, *writer, seq + 1),
    }
}
