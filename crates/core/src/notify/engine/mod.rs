//! The engine: messages, answers and time in; what is to be sent out.

mod answers;
mod memory;
mod open;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests;
mod words;

use serde::{Deserialize, Serialize};

pub use words::{
    Answer, Cause, DeadLetter, Heard, NotRedriven, NotSubmitted, Redriven, SendKey, Sending,
    Standing, Submitted, Suppression, Tally, Why,
};

use memory::Memory;
use open::{Opened, Queue, Stage};

use super::{ChannelId, Config, ConfigError, Message, MessageId, Profile};
use crate::time::Timestamp;

/// Every message that is on its way, or gave up, or has just ended; see the [room](super) for the
/// rules. `R` names a recipient.
///
/// It is stored whole, with its configuration. What was under way when it was stored is answered
/// late or never, and is tried again like any other send that is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine<R> {
    config: Config,
    queue: Queue<R>,
    memory: Memory<R>,
    tally: Tally,
}

impl<R> Engine<R> {
    /// An engine without messages.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration is not sound.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let (queue, memory) = (Queue::default(), Memory::default());
        Ok(Self { config, queue, memory, tally: Tally::default() })
    }

    /// Goes by another configuration from now on. Messages that are open keep the channels that they
    /// were routed to, and bounds that were lowered shed nothing that is there.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not sound; nothing changed.
    pub fn reconfigure(&mut self, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        self.config = config;
        Ok(())
    }

    /// What it goes by.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes a message, if anybody is to be told it. Precedence: a repetition; nobody wants it; it
    /// is of no use any more; there is no room.
    ///
    /// # Errors
    /// [`NotSubmitted`] if it is no message; nothing changed.
    pub fn submit(
        &mut self,
        message: Message<R>,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Submitted, NotSubmitted> {
        let most = self.config.body_max;
        if message.body.len() > usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(NotSubmitted::TooLong { most });
        }
        self.memory.forget(self.config.remember_for, now);
        if let Some(standing) = self.standing(&message.id) {
            count(&mut self.tally.repeated);
            return Ok(Submitted::Repeat(standing));
        }
        count(&mut self.tally.submitted);
        let opened = match self.routed(message, profile, now) {
            Ok(opened) => opened,
            Err((id, why)) => {
                count(&mut self.tally.suppressed);
                if self.has_memory() {
                    self.memory.ended(id, Standing::Suppressed(why), now);
                }
                return Ok(Submitted::Suppressed(why));
            }
        };
        let full = self.queue.len() >= count_of(self.config.open_max);
        let mut shed = None;
        if full && opened.message.critical {
            shed = self.queue.displace();
            if shed.is_some() {
                count(&mut self.tally.shed);
            }
        }
        if (full && shed.is_none()) || !self.has_memory() {
            count(&mut self.tally.shed);
            if opened.message.critical {
                count(&mut self.tally.shed_critical);
            }
            return Ok(Submitted::Shed);
        }
        self.queue.enter(opened, now);
        Ok(Submitted::Taken { shed })
    }

    /// Moves on whatever waits for a time that has come. To be called at
    /// [`next_deadline`](Self::next_deadline); at any other time it is harmless.
    pub fn tick(&mut self, now: Timestamp) {
        self.memory.forget(self.config.remember_for, now);
        while let Some(number) = self.queue.first_due(now) {
            match self.queue.stage(number) {
                Some(Stage::Waiting { .. }) => self.queue.shift(number, Stage::Ready),
                Some(Stage::UnderWay { .. }) => {
                    count(&mut self.tally.no_answers);
                    self.failed(number, Why::NoAnswer, None, now);
                }
                Some(Stage::Ready) | None => return,
            }
        }
    }

    /// When to [`tick`](Self::tick), or to ask [`next_send`](Self::next_send), at the latest. A time
    /// that has passed means at once; `None`, when a message comes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.has_room() && self.queue.has_ready() {
            return Some(Timestamp::EPOCH);
        }
        self.queue.next_time()
    }

    /// How a message stands. `None`: it was never submitted, was shed, or is forgotten.
    #[must_use]
    pub fn standing(&self, id: &MessageId) -> Option<Standing> {
        if self.queue.find(id).is_some() { Some(Standing::Open) } else { self.memory.standing(id) }
    }

    /// The sends that are under way, by how long the messages have been there.
    pub fn under_way(&self) -> impl Iterator<Item = SendKey> {
        self.queue.under_way()
    }

    /// The dead letters, the oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter<R>> {
        self.memory.dead_letters()
    }

    /// How many messages are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no message is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    /// What it did so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Begins a dead letter anew, on the first channel of its route, however late it is. Asked twice,
    /// it is begun once. It is sent under its first name with higher attempts, so that a receiver who
    /// got it after all, and could not say so, knows it again.
    ///
    /// # Errors
    /// [`NotRedriven`]; nothing changed.
    pub fn redrive(&mut self, id: &MessageId, now: Timestamp) -> Result<Redriven, NotRedriven> {
        match self.standing(id) {
            None => Err(NotRedriven::Unknown),
            Some(Standing::Dead) => {
                let most = self.config.open_max;
                if self.queue.len() >= count_of(most) {
                    return Err(NotRedriven::Full { most });
                }
                let dead = self.memory.take_dead(id).ok_or(NotRedriven::Unknown)?;
                count(&mut self.tally.redriven);
                let mut opened = Opened::revived(dead);
                opened.wait_from(now, &self.config);
                self.queue.enter(opened, now);
                Ok(Redriven::Begun)
            }
            Some(
                standing @ (Standing::Open
                | Standing::Sent
                | Standing::Suppressed(_)
                | Standing::Dropped),
            ) => Ok(Redriven::Repeat(standing)),
        }
    }

    /// A message on its route, or why nobody is to be told it.
    fn routed(
        &self,
        message: Message<R>,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Opened<R>, (MessageId, Suppression)> {
        let route = self.config.route(&message.category);
        let chain = if profile.active { &route.active } else { &route.offline };
        let refused = |channel: &ChannelId| {
            profile.refused.contains(&(message.category.clone(), channel.clone()))
        };
        let wanted = |channel: &&ChannelId| message.critical || !refused(channel);
        let chain: Vec<ChannelId> = chain.iter().filter(wanted).cloned().collect();
        if chain.is_empty() {
            return Err((message.id, Suppression::Refused));
        }
        if message.useful_until <= now {
            return Err((message.id, Suppression::TooLate));
        }
        let quiet = profile.quiet.filter(|_| !message.critical);
        let mut opened = Opened::new(message, chain, quiet);
        opened.wait_from(now, &self.config);
        if opened.starts_after_its_use() {
            return Err((opened.message.id, Suppression::Quiet));
        }
        Ok(opened)
    }

    /// Whether one more message can be known, and remembered when it has ended.
    fn has_memory(&self) -> bool {
        let known = self.queue.len().saturating_add(self.memory.len());
        known < count_of(self.config.known_max)
    }

    fn has_room(&self) -> bool {
        self.queue.in_flight() < count_of(self.config.in_flight_max)
    }
}

fn count_of(bound: u32) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
