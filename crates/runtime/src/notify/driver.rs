//! The driver of the engine: follows what counts, sends, hears, saves.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use doorstep_core::id::ShardId;
use doorstep_core::log::Batch;
use doorstep_core::notify::{
    Answer, ChannelId, Config, ConfigError, Engine, Message, MessageId, NotRedriven, Redriven,
    Submitted,
};
use doorstep_core::shard::{Event, Outcome, Shard};
use doorstep_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::Recipient;
use super::messages::Mapping;
use crate::ports::{Directory, KnowsNobody, Notifier, NotifyStore, StoreError};

/// The version of the saved form.
pub(super) const SAVED: u32 = 1;

/// How often a step goes round: sends, answers that come at once, and what follows from them.
const ROUNDS_MAX: usize = 1_024;

/// How long a store that failed is left alone.
const AGAIN_AFTER: Span = Span::from_secs(1);

/// How notifications are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyConfig {
    /// The shard: part of every message's name.
    pub shard: ShardId,
    /// What the engine goes by.
    pub engine: Config,
    /// How often the state is saved at most. Default 1 s.
    pub save_every: Span,
    /// What happened longer ago than this, when a new owner comes to tell of it, is not told any
    /// more. Default 5 min: ours, later than most news are of use.
    pub stale_after: Span,
    /// How many messages a process keeps that does not tell them, for the case that it comes to own
    /// the log. At the bound the oldest goes, and is counted. Default 100,000: ours.
    pub standby_max: usize,
}

impl NotifyConfig {
    /// The defaults, for this shard. Of the engine's, ends are remembered for half a minute only:
    /// batches are told by their place in the log, and never twice.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            shard,
            engine: Config { remember_for: Span::from_secs(30), ..Config::default() },
            save_every: Span::from_secs(1),
            stale_after: Span::from_mins(5),
            standby_max: 100_000,
        }
    }
}

/// What a driver did, beside what its engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyTally {
    /// Messages that a new owner did not tell, because they were too old.
    pub stale: u64,
    /// Messages that a standby had no room to keep.
    pub missed: u64,
    /// Messages that the engine did not take: the body was too long.
    pub not_submitted: u64,
    /// States saved.
    pub saves: u64,
    /// States that could not be saved or loaded.
    pub store_errors: u64,
}

/// What is saved.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved<E = Engine<Recipient>> {
    pub(super) format: u32,
    /// Batches below this one are in the engine.
    pub(super) next_seq: u64,
    pub(super) engine: E,
}

/// Tells people what happens; see the [room](super). It is polled by the host that has it.
pub struct Notifications {
    config: NotifyConfig,
    engine: Engine<Recipient>,
    channels: BTreeMap<ChannelId, Box<dyn Notifier + Send>>,
    directory: Box<dyn Directory + Send>,
    store: Option<Box<dyn NotifyStore + Send>>,
    mapping: Mapping,
    /// The first batch that was not followed.
    followed: u64,
    /// The first batch that is not in the engine.
    next_seq: u64,
    /// With a store: the recent messages, for whoever comes to own the log.
    recent: VecDeque<(u64, Timestamp, Message<Recipient>)>,
    /// The epoch that is owned.
    epoch: Option<u64>,
    /// When to save; `None`: nothing is new.
    save_at: Option<Timestamp>,
    saved_at: Timestamp,
    tally: NotifyTally,
}

impl Notifications {
    /// Without a channel, a directory or a store.
    ///
    /// # Errors
    /// [`ConfigError`] if the engine's configuration is not sound.
    pub fn new(config: NotifyConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            engine: Engine::new(config.engine.clone())?,
            config,
            channels: BTreeMap::new(),
            directory: Box::new(KnowsNobody),
            store: None,
            mapping: Mapping::default(),
            followed: 0,
            next_seq: 0,
            recent: VecDeque::new(),
            epoch: None,
            save_at: None,
            saved_at: Timestamp::EPOCH,
            tally: NotifyTally::default(),
        })
    }

    /// With this channel, under the name by which routes speak of it. A message that is routed to a
    /// channel that is not there is rejected by it, and goes on to the next.
    #[must_use]
    pub fn channel(mut self, id: ChannelId, channel: impl Notifier + Send + 'static) -> Self {
        self.channels.insert(id, Box::new(channel));
        self
    }

    /// With this directory of recipients.
    #[must_use]
    pub fn directory(mut self, directory: impl Directory + Send + 'static) -> Self {
        self.directory = Box::new(directory);
        self
    }

    /// With this store for what must outlive a crash.
    #[must_use]
    pub fn store(mut self, store: impl NotifyStore + Send + 'static) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// The engine: standings, dead letters, tally.
    #[must_use]
    pub const fn engine(&self) -> &Engine<Recipient> {
        &self.engine
    }

    /// What it did, beside what the engine did.
    #[must_use]
    pub const fn tally(&self) -> NotifyTally {
        self.tally
    }

    /// Whether this process is the one that tells.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.epoch.is_some()
    }

    /// Begins a dead letter anew, as [`Engine::redrive`] does. It is sent at the next step.
    ///
    /// # Errors
    /// [`NotRedriven`].
    pub fn redrive(&mut self, id: &MessageId, now: Timestamp) -> Result<Redriven, NotRedriven> {
        let redriven = self.engine.redrive(id, now)?;
        self.changed();
        Ok(redriven)
    }

    /// Begins at a state: of the batches that it includes nothing is told.
    pub(crate) fn begin(&mut self, shard: &Shard, next_seq: u64) {
        self.mapping = Mapping::of(shard);
        self.followed = next_seq;
        self.next_seq = next_seq;
    }

    /// Takes in a batch that counts, in log order.
    pub(crate) fn follow(&mut self, batch: &Batch<Event, Outcome>, shard: &Shard, now: Timestamp) {
        let messages = self.mapping.messages(self.config.shard, batch, shard);
        self.followed = batch.seq.saturating_add(1);
        let owner = self.epoch.is_some();
        if self.store.is_some() {
            self.keep_recent(batch, &messages);
        }
        if owner {
            for message in messages {
                self.submit(message, now);
            }
            self.next_seq = self.followed;
        }
    }

    /// This process owns the log from now on.
    pub(crate) fn take_over(&mut self, epoch: u64, now: Timestamp) {
        self.epoch = Some(epoch);
        if self.store.is_some() {
            self.restore(now);
            self.catch_up(now);
        }
        self.next_seq = self.followed;
        self.changed();
    }

    /// Another process owns the log. Answers are still heard.
    pub(crate) const fn let_go(&mut self) {
        self.epoch = None;
    }

    /// Hears, sends and saves what there is; whether anything happened.
    pub(crate) fn step(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        for _ in 0..ROUNDS_MAX {
            let moved = self.listen(now) | (self.epoch.is_some() && self.send(now));
            any |= moved;
            if !moved {
                break;
            }
        }
        if any {
            self.changed();
        }
        if self.epoch.is_some() && self.save_at.is_some_and(|at| at <= now) {
            self.save(now);
        }
        any
    }

    /// When to step again, at the latest. A time that has passed means at once.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let owner = self.epoch.is_some();
        let own = [self.engine.next_deadline(), self.save_at].into_iter().flatten();
        let channels = self.channels.values().filter_map(|channel| channel.next_wake());
        own.filter(|_| owner).chain(channels).min()
    }

    /// Saves what is new; `false` if it could not be saved. Without a store there is nothing to
    /// save.
    pub(crate) fn save(&mut self, now: Timestamp) -> bool {
        let (Some(store), Some(epoch)) = (&mut self.store, self.epoch) else {
            self.save_at = None;
            return true;
        };
        let state = Saved { format: SAVED, next_seq: self.next_seq, engine: &self.engine };
        let saved = serde_json::to_vec(&state)
            .map_err(|error| StoreError::Io(Box::new(error)))
            .and_then(|bytes| store.save(epoch, &bytes));
        match saved {
            Ok(()) => {
                self.tally.saves = self.tally.saves.saturating_add(1);
                self.saved_at = now;
                self.save_at = None;
                true
            }
            Err(error) => {
                self.tally.store_errors = self.tally.store_errors.saturating_add(1);
                self.save_at = Some(now.saturating_add(AGAIN_AFTER));
                if matches!(error, StoreError::Fenced { .. }) {
                    self.let_go();
                }
                false
            }
        }
    }

    /// What the last owner saved, in the place of what this process had.
    fn restore(&mut self, now: Timestamp) {
        let loaded = self.store.as_mut().map(|store| store.load());
        let saved = match loaded {
            Some(Ok(Some(bytes))) => serde_json::from_slice::<Saved>(&bytes).ok(),
            Some(Ok(None)) | None => return,
            Some(Err(_)) => None,
        };
        let Some(mut saved) = saved.filter(|saved| saved.format == SAVED) else {
            // What cannot be read is not told again: twice is worse than not at all.
            self.tally.store_errors = self.tally.store_errors.saturating_add(1);
            self.next_seq = self.followed;
            return;
        };
        // The configuration passed its check when the driver was made.
        if saved.engine.reconfigure(self.config.engine.clone()).is_ok() {
            self.engine = saved.engine;
            self.next_seq = saved.next_seq;
            self.engine.tick(now);
        }
    }

    /// Submits what the saved state does not include.
    fn catch_up(&mut self, now: Timestamp) {
        let recent: Vec<_> = self.recent.iter().cloned().collect();
        for (seq, at, message) in recent {
            if seq < self.next_seq {
                continue;
            }
            if at.saturating_add(self.config.stale_after) <= now {
                self.tally.stale = self.tally.stale.saturating_add(1);
            } else {
                self.submit(message, now);
            }
        }
    }

    fn submit(&mut self, message: Message<Recipient>, now: Timestamp) {
        let profile = self.directory.profile(message.to, now);
        match self.engine.submit(message, &profile, now) {
            Ok(
                Submitted::Taken { .. }
                | Submitted::Repeat(_)
                | Submitted::Suppressed(_)
                | Submitted::Shed,
            ) => self.changed(),
            Err(_) => self.tally.not_submitted = self.tally.not_submitted.saturating_add(1),
        }
    }

    fn keep_recent(&mut self, batch: &Batch<Event, Outcome>, messages: &[Message<Recipient>]) {
        let recent = messages.iter().map(|message| (batch.seq, batch.at, message.clone()));
        self.recent.extend(recent);
        let fresh = batch.at.saturating_sub(self.config.stale_after);
        while self.recent.front().is_some_and(|(_, at, _)| *at < fresh) {
            self.recent.pop_front();
        }
        while self.recent.len() > self.config.standby_max {
            self.recent.pop_front();
            if self.epoch.is_none() {
                self.tally.missed = self.tally.missed.saturating_add(1);
            }
        }
    }

    /// Takes answers in; whether there were any.
    fn listen(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        for channel in self.channels.values_mut() {
            while let Some((key, answer)) = channel.poll(now) {
                any = true;
                self.engine.heard(&key, answer, now);
            }
        }
        any
    }

    /// Sends what is to be sent, as far as there is room; whether there was anything.
    fn send(&mut self, now: Timestamp) -> bool {
        self.engine.tick(now);
        let mut any = false;
        while let Some(sending) = self.engine.next_send(now) {
            any = true;
            match self.channels.get_mut(&sending.key.channel) {
                Some(channel) => channel.send(&sending, now),
                None => {
                    self.engine.heard(&sending.key, Answer::Rejected { code: None }, now);
                }
            }
        }
        any
    }

    fn changed(&mut self) {
        if self.store.is_some() && self.save_at.is_none() {
            self.save_at = Some(self.saved_at.saturating_add(self.config.save_every));
        }
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications")
            .field("channels", &self.channels.keys().collect::<Vec<_>>())
            .field("open", &self.engine.len())
            .field("next_seq", &self.next_seq)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
