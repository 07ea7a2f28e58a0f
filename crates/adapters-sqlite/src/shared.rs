//! What the writer's thread and the handles share: the queue, the tail, and how it stands.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use doorstep_core::id::OrderId;
use doorstep_core::log::Position;
use doorstep_runtime::ports::{Entry, Fault, SnapshotError, TrimError};
use parking_lot::{Condvar, Mutex};

use crate::config::Config;
use crate::error::Poisoned;
use crate::snapshot::Saving;
use crate::witness::Committed;

/// What a record costs beside its bytes, roughly.
const RECORD_OVERHEAD: usize = 64;

pub(crate) fn cost(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(RECORD_OVERHEAD)
}

/// What a log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Groups committed, each with one sync of the WAL.
    pub commits: u64,
    /// Records committed.
    pub records: u64,
    /// Most records of one group.
    pub largest_group: usize,
    /// Records that the schema's constraints kept out: that there is one is a defect of the writer.
    pub refused: u64,
    /// Orders that came into the history.
    pub kept: u64,
    /// Times that the anchor was synced.
    pub anchor_syncs: u64,
    /// Times that the WAL was moved into the file.
    pub checkpoints: u64,
}

impl Tally {
    fn count(&mut self, records: usize, kept: usize, refused: u64) {
        let add = |to: &mut u64, count: usize| {
            *to = to.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        };
        add(&mut self.commits, 1);
        add(&mut self.records, records);
        add(&mut self.kept, kept);
        self.refused = self.refused.saturating_add(refused);
        self.largest_group = self.largest_group.max(records);
    }
}

/// A job that is not an append: one at a time, between groups.
pub(crate) enum Job {
    Save(Saving, SyncSender<Result<(), SnapshotError>>),
    Trim(Trimming, SyncSender<Result<(), TrimError>>),
}

/// What is to be trimmed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trimming {
    pub(crate) before: Position,
    /// The snapshot that was read back, and fits its seal.
    pub(crate) behind: Option<Position>,
}

/// A finished order on its way into the history.
pub(crate) struct Finished {
    pub(crate) order: OrderId,
    pub(crate) json: String,
}

/// What the writer takes at once.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) records: Vec<Arc<[u8]>>,
    pub(crate) finished: Vec<Finished>,
    pub(crate) job: Option<Job>,
    pub(crate) stop: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    state: Mutex<State>,
    work: Condvar,
    /// Nothing is under way any more.
    rest: Condvar,
}

pub(crate) struct State {
    queue: VecDeque<Arc<[u8]>>,
    queue_bytes: usize,
    jobs: VecDeque<Job>,
    finished: VecDeque<Finished>,
    /// In `finished`, or in the writer's hands.
    underway: BTreeSet<OrderId>,
    /// Durable, and their keeper has not heard it yet.
    kept: BTreeSet<OrderId>,
    stopping: bool,
    /// The writer has something in its hands.
    writing: bool,
    /// Commits that the anchor's thread has not witnessed yet.
    pub(crate) unwitnessed: usize,
    /// There is no writer any more.
    ended: bool,
    pub(crate) poisoned: Option<Poisoned>,
    pub(crate) tail: Tail,
    /// The first position held.
    pub(crate) start: u64,
    /// The last position that may be read; 0: none.
    pub(crate) head: u64,
    pub(crate) tally: Tally,
}

/// Whether an order can be kept.
pub(crate) enum Keeping {
    Done,
    Underway,
    Full,
    Gone,
}

impl Shared {
    pub(crate) fn new(config: Config, start: u64, head: u64, tail: Tail) -> Self {
        let state = State {
            queue: VecDeque::new(),
            queue_bytes: 0,
            jobs: VecDeque::new(),
            finished: VecDeque::new(),
            underway: BTreeSet::new(),
            kept: BTreeSet::new(),
            stopping: false,
            writing: false,
            unwitnessed: 0,
            ended: false,
            poisoned: None,
            tail,
            start,
            head,
            tally: Tally::default(),
        };
        let (work, rest) = (Condvar::new(), Condvar::new());
        Self { config, state: Mutex::new(state), work, rest }
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock())
    }

    /// Queues a record. `Err(None)`: full.
    pub(crate) fn push(&self, record: &[u8]) -> Result<(), Option<Poisoned>> {
        let mut state = self.state.lock();
        if let Some(poisoned) = &state.poisoned {
            return Err(Some(poisoned.clone()));
        }
        let bytes = state.queue_bytes.saturating_add(cost(record));
        if bytes > self.config.queue_bytes_max {
            return Err(None);
        }
        state.queue_bytes = bytes;
        state.queue.push_back(record.into());
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Queues a job, unless nobody will do it.
    pub(crate) fn ask(&self, job: Job) -> Result<(), Fault> {
        let mut state = self.state.lock();
        if let Some(poisoned) = &state.poisoned {
            return Err(poisoned.clone().into());
        }
        if state.stopping {
            return Err("the log is closed".into());
        }
        state.jobs.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Whether an order is in the history, or on its way there from now on.
    pub(crate) fn keep(&self, order: OrderId, json: impl FnOnce() -> Option<String>) -> Keeping {
        let mut state = self.state.lock();
        if state.kept.remove(&order) {
            return Keeping::Done;
        }
        if state.poisoned.is_some() || state.stopping {
            return Keeping::Gone;
        }
        if state.underway.contains(&order) {
            return Keeping::Underway;
        }
        if state.underway.len() >= self.config.history_pending_max {
            return Keeping::Full;
        }
        let Some(json) = json() else { return Keeping::Gone };
        state.underway.insert(order);
        state.finished.push_back(Finished { order, json });
        drop(state);
        self.work.notify_one();
        Keeping::Underway
    }

    /// The writer's share: everything that waits, within the bounds of a group. Waits for it.
    pub(crate) fn take(&self) -> Work {
        let mut state = self.state.lock();
        state.writing = false;
        if state.is_idle() {
            self.rest.notify_all();
        }
        while state.is_idle() && !state.stopping {
            self.work.wait(&mut state);
        }
        let mut work = Work::default();
        let mut bytes = 0_usize;
        while work.records.len() < self.config.group_records_max.max(1) {
            let Some(next) = state.queue.front() else { break };
            bytes = bytes.saturating_add(cost(next));
            if bytes > self.config.group_bytes_max && !work.records.is_empty() {
                break;
            }
            let Some(record) = state.queue.pop_front() else { break };
            state.queue_bytes = state.queue_bytes.saturating_sub(cost(&record));
            work.records.push(record);
        }
        work.finished = state.finished.drain(..).collect();
        work.job = state.jobs.pop_front();
        work.stop = state.stopping && state.is_idle();
        state.writing = true;
        work
    }

    /// A job that is not finished: it goes on after the next group.
    pub(crate) fn put_back(&self, job: Job) {
        self.state.lock().jobs.push_front(job);
    }

    /// What was committed and witnessed may be read.
    pub(crate) fn publish(&self, committed: Vec<Committed>) {
        let mut state = self.state.lock();
        for Committed { entries, finished, refused, .. } in committed {
            state.unwitnessed = state.unwitnessed.saturating_sub(1);
            state.tally.count(entries.len(), finished.len(), refused);
            for entry in entries {
                state.head = entry.position.get();
                state.tail.push(entry, self.config.tail_bytes_max);
            }
            for Finished { order, .. } in finished {
                state.underway.remove(&order);
                // Nobody came to ask for a long time: asked later, it is written again, to no effect.
                while state.kept.len() >= self.config.history_pending_max {
                    state.kept.pop_first();
                }
                state.kept.insert(order);
            }
        }
        let rests = state.rests();
        drop(state);
        if rests {
            self.rest.notify_all();
        }
        self.config.wake();
    }

    /// No more: what waits is of unknown fate, and whoever waits for a job hears nothing.
    pub(crate) fn poison(&self, poisoned: Poisoned) {
        let mut state = self.state.lock();
        state.poisoned.get_or_insert(poisoned);
        state.queue.clear();
        state.queue_bytes = 0;
        state.jobs.clear();
        state.finished.clear();
        state.underway.clear();
        drop(state);
        self.rest.notify_all();
        self.config.wake();
    }

    /// Waits until nothing is under way, or nothing will ever come of it.
    pub(crate) fn settle(&self) {
        let mut state = self.state.lock();
        while !state.rests() {
            self.rest.wait(&mut state);
        }
    }

    /// The writer's thread has ended.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.rest.notify_all();
    }

    /// Lets the writer finish what waits, and end.
    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.work.notify_one();
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.jobs.is_empty() && self.finished.is_empty()
    }

    /// Whether nothing is under way, or nothing will ever come of it.
    fn rests(&self) -> bool {
        self.poisoned.is_some()
            || self.ended
            || !self.writing && self.unwitnessed == 0 && self.is_idle()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("start", &self.start)
            .field("head", &self.head)
            .field("queued", &self.queue.len())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// The latest records, so that who keeps up never reads the file.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// Adds the next record; forgets the oldest beyond the bound.
    pub(crate) fn push(&mut self, entry: Entry, bytes_max: usize) {
        self.bytes = self.bytes.saturating_add(cost(&entry.bytes));
        self.entries.push_back(entry);
        while self.bytes > bytes_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(cost(&oldest.bytes));
        }
    }

    /// The records from `first` on, if it is held.
    pub(crate) fn from(&self, first: u64) -> Option<impl Iterator<Item = &Entry>> {
        let held = self.entries.front()?.position.get();
        let skip = usize::try_from(first.checked_sub(held)?).ok()?;
        Some(self.entries.iter().skip(skip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_writer_has_in_its_hands_is_under_way() {
        let shared = Shared::new(Config::default(), 1, 0, Tail::default());
        let rests = || shared.look(|state| state.rests());
        assert!(rests(), "there is nothing to do");
        shared.push(b"record").unwrap();
        assert!(!rests());
        let work = shared.take();
        assert_eq!(work.records.len(), 1);
        assert!(!rests(), "it is being committed");
        shared.publish(Vec::new());
        assert!(!rests(), "the writer may have more to do after a group");
        shared.end();
        assert!(rests(), "nobody will do anything");
    }
}
