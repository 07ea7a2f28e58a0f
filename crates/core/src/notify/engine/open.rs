//! The messages that are not at their end, and in what order they are looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Cause, DeadLetter, SendKey, Sending};
use crate::notify::{ChannelId, Config, Message, MessageId, QuietHours};
use crate::time::Timestamp;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened<R> {
    pub(super) message: Message<R>,
    /// The channels that it may take; never empty.
    chain: Vec<ChannelId>,
    /// Which of them it is at.
    at: usize,
    /// When the recipient wants to be left alone, if this message heeds it.
    quiet: Option<QuietHours>,
    /// Attempts on this channel since it came to it.
    pub(super) tries: u32,
    /// Attempts ever, on whatever channel: the number of the last.
    pub(super) made: u32,
    pub(super) causes: Vec<Cause>,
    /// Not to be sent before this time.
    pub(super) not_before: Timestamp,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Not to be sent before `until`.
    Waiting { until: Timestamp },
    /// To be sent as soon as there is room.
    Ready,
    /// Sent; not answered in time from `until` on.
    UnderWay { until: Timestamp },
}

impl<R> Opened<R> {
    pub(super) fn new(
        message: Message<R>,
        chain: Vec<ChannelId>,
        quiet: Option<QuietHours>,
    ) -> Self {
        let not_before = Timestamp::from_millis(i64::MIN);
        let (at, tries, made, causes, stage) = (0, 0, 0, Vec::new(), Stage::Ready);
        Self { message, chain, at, quiet, tries, made, causes, not_before, stage }
    }

    /// A dead letter that begins anew: it is worth sending, however late it is.
    pub(super) fn revived(dead: DeadLetter<R>) -> Self {
        let DeadLetter { mut message, chain, quiet, made, causes, .. } = dead;
        message.useful_until = Timestamp::NEVER;
        Self { made, causes, ..Self::new(message, chain, quiet) }
    }

    pub(super) fn into_dead(self, died_at: Timestamp) -> DeadLetter<R> {
        let Self { message, chain, quiet, made, causes, .. } = self;
        DeadLetter { message, causes, died_at, chain, quiet, made }
    }

    /// The channel that it is at.
    pub(super) fn channel(&self) -> ChannelId {
        self.chain.get(self.at).cloned().unwrap_or_else(|| ChannelId::ours("none"))
    }

    /// Goes on to the next channel; whether there is one.
    pub(super) fn next_channel(&mut self) -> bool {
        self.at = self.at.saturating_add(1);
        self.tries = 0;
        self.at < self.chain.len()
    }

    /// It may be sent from `at` on, or when the quiet hours end that `at` lies in.
    pub(super) fn wait_from(&mut self, at: Timestamp, config: &Config) {
        self.not_before = self.quiet_until(at, config).unwrap_or(at);
    }

    /// When the quiet that holds at `at` ends, if its channel heeds it.
    pub(super) fn quiet_until(&self, at: Timestamp, config: &Config) -> Option<Timestamp> {
        let heeds = !config.silent.contains(&self.channel());
        self.quiet.filter(|_| heeds).and_then(|quiet| quiet.end(at))
    }

    pub(super) fn starts_after_its_use(&self) -> bool {
        self.not_before >= self.message.useful_until
    }

    /// Whether this very send is under way.
    pub(super) fn is_under_way_as(&self, key: &SendKey) -> bool {
        let under_way = matches!(self.stage, Stage::UnderWay { .. });
        under_way && self.made == key.attempt && self.channel() == key.channel
    }

    fn key(&self) -> SendKey {
        let (message, channel) = (self.message.id.clone(), self.channel());
        SendKey { message, channel, attempt: self.made }
    }

    /// Never tried, and not critical: it can be shed without anybody having heard of it.
    const fn is_sheddable(&self) -> bool {
        !self.message.critical && self.made == 0
    }
}

/// The open messages, each under a number that rises as they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue<R> {
    open: BTreeMap<u64, Opened<R>>,
    names: BTreeMap<MessageId, u64>,
    next: u64,
    timers: BTreeSet<(Timestamp, u64)>,
    /// Not critical, number: the critical come first.
    ready: BTreeSet<(bool, u64)>,
    sheddable: BTreeSet<u64>,
    in_flight: usize,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            names: BTreeMap::new(),
            next: 0,
            timers: BTreeSet::new(),
            ready: BTreeSet::new(),
            sheddable: BTreeSet::new(),
            in_flight: 0,
        }
    }
}

impl<R> Queue<R> {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn find(&self, id: &MessageId) -> Option<u64> {
        self.names.get(id).copied()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Opened<R>> {
        self.open.get(&number)
    }

    pub(super) fn stage(&self, number: u64) -> Option<Stage> {
        self.open.get(&number).map(|opened| opened.stage)
    }

    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The message whose time came first, if it has come.
    pub(super) fn first_due(&self, now: Timestamp) -> Option<u64> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, number)| *number)
    }

    /// The message that is to be sent first.
    pub(super) fn first_ready(&self) -> Option<u64> {
        self.ready.first().map(|(_, number)| *number)
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = SendKey> {
        let under_way = |opened: &&Opened<R>| matches!(opened.stage, Stage::UnderWay { .. });
        self.open.values().filter(under_way).map(Opened::key)
    }

    /// Puts a new message at the end.
    pub(super) fn enter(&mut self, opened: Opened<R>, now: Timestamp) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.re_enter(number, opened, now);
    }

    /// Puts a message back where it was, to wait until it may be sent.
    pub(super) fn re_enter(&mut self, number: u64, mut opened: Opened<R>, now: Timestamp) {
        let until = opened.not_before;
        opened.stage = if until <= now { Stage::Ready } else { Stage::Waiting { until } };
        self.names.insert(opened.message.id.clone(), number);
        if opened.is_sheddable() {
            self.sheddable.insert(number);
        }
        self.index(number, opened.message.critical, opened.stage);
        self.open.insert(number, opened);
    }

    /// Takes a message out.
    pub(super) fn leave(&mut self, number: u64) -> Option<Opened<R>> {
        let opened = self.open.remove(&number)?;
        self.names.remove(&opened.message.id);
        self.sheddable.remove(&number);
        self.unindex(number, opened.message.critical, opened.stage);
        Some(opened)
    }

    /// Takes the newest message out that can be shed.
    pub(super) fn displace(&mut self) -> Option<MessageId> {
        let newest = *self.sheddable.last()?;
        self.leave(newest).map(|opened| opened.message.id)
    }

    pub(super) fn shift(&mut self, number: u64, to: Stage) {
        let Some(opened) = self.open.get_mut(&number) else { return };
        let (critical, from) = (opened.message.critical, opened.stage);
        opened.stage = to;
        self.unindex(number, critical, from);
        self.index(number, critical, to);
    }

    fn index(&mut self, number: u64, critical: bool, stage: Stage) {
        match stage {
            Stage::Waiting { until } => {
                self.timers.insert((until, number));
            }
            Stage::Ready => {
                self.ready.insert((!critical, number));
            }
            Stage::UnderWay { until } => {
                self.timers.insert((until, number));
                self.in_flight = self.in_flight.saturating_add(1);
            }
        }
    }

    fn unindex(&mut self, number: u64, critical: bool, stage: Stage) {
        match stage {
            Stage::Waiting { until } => {
                self.timers.remove(&(until, number));
            }
            Stage::Ready => {
                self.ready.remove(&(!critical, number));
            }
            Stage::UnderWay { until } => {
                self.timers.remove(&(until, number));
                self.in_flight = self.in_flight.saturating_sub(1);
            }
        }
    }
}

impl<R: Clone> Queue<R> {
    /// One attempt more, under way until then.
    pub(super) fn hand_out(&mut self, number: u64, until: Timestamp) -> Option<Sending<R>> {
        self.shift(number, Stage::UnderWay { until });
        self.sheddable.remove(&number);
        let opened = self.open.get_mut(&number)?;
        opened.made = opened.made.saturating_add(1);
        opened.tries = opened.tries.saturating_add(1);
        let Message { to, category, critical, body, .. } = opened.message.clone();
        Some(Sending { key: opened.key(), to, category, critical, body })
    }
}
