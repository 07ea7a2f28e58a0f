//! What goes in and out of the engine.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::notify::{Category, ChannelId, Message, MessageId, QuietHours};
use crate::time::{Span, Timestamp};

/// What became of a message that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Submitted {
    /// It is open: sent now, or when it may be.
    Taken {
        /// The message that was shed for it, if it is critical and there was no room.
        shed: Option<MessageId>,
    },
    /// It is known already; nothing changed.
    Repeat(Standing),
    /// Nobody is to be told it.
    Suppressed(Suppression),
    /// There is no room: it is not taken, and not remembered. It may be submitted again.
    Shed,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotSubmitted {
    /// Its body is too long.
    #[error("a body has at most {most} bytes")]
    TooLong {
        /// How many it may have.
        most: u32,
    },
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is not at its end.
    Open,
    /// Every channel failed; it can be redriven.
    Dead,
    /// A channel delivered it.
    Sent,
    /// It was not, or no longer, to be told.
    Suppressed(Suppression),
    /// It was the oldest of too many dead letters.
    Dropped,
}

/// Why a message is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// The recipient refused every channel that it could have taken, or its route has none.
    Refused,
    /// It is of no use by the end of the recipient's quiet hours.
    Quiet,
    /// It is of no use any more.
    TooLate,
}

/// Names one attempt at one message by one channel, for ever. Text form: `message/channel/attempt`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SendKey {
    /// Which message.
    pub message: MessageId,
    /// By which channel.
    pub channel: ChannelId,
    /// Which attempt at this message, from 1, on whatever channel.
    pub attempt: u32,
}

impl fmt::Display for SendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.message, self.channel, self.attempt)
    }
}

/// Something to be sent now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sending<R> {
    /// Its name, by which it is answered. Receivers are given the message's part of it.
    pub key: SendKey,
    /// To whom.
    pub to: R,
    /// About what.
    pub category: Category,
    /// Whether it is critical.
    pub critical: bool,
    /// What.
    pub body: String,
}

/// What a channel says about a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is there, or with somebody who answers for it.
    Delivered,
    /// Not this time; another attempt may succeed.
    Failed {
        /// What the provider called it, such as an HTTP status.
        code: Option<u16>,
        /// How long the provider wants to be left alone.
        retry_after: Option<Span>,
    },
    /// Never by this channel: the address is gone, or there is none.
    Rejected {
        /// What the provider called it.
        code: Option<u16>,
    },
}

/// What an answer led to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// The message is sent.
    Sent,
    /// It is tried again.
    Again {
        /// By which channel.
        channel: ChannelId,
        /// Not before this time.
        at: Timestamp,
    },
    /// It would be of no use by the next attempt, and is not tried again.
    GivenUp,
    /// It is a dead letter.
    DeadLettered,
    /// It was answered already, or is not known: nothing changed.
    OldNews,
}

/// One attempt that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// By which channel.
    pub channel: ChannelId,
    /// Which attempt.
    pub attempt: u32,
    /// When it was known to have failed.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why an attempt came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The provider failed.
    Failed {
        /// What it called it.
        code: Option<u16>,
    },
    /// The provider refused it for good.
    Rejected {
        /// What it called it.
        code: Option<u16>,
    },
    /// Nobody said in time what came of it.
    NoAnswer,
}

/// A message that every channel failed to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter<R> {
    /// The message.
    pub message: Message<R>,
    /// What went wrong, in order: the last 64 attempts.
    pub causes: Vec<Cause>,
    /// When it was given up.
    pub died_at: Timestamp,
    pub(super) chain: Vec<ChannelId>,
    pub(super) quiet: Option<QuietHours>,
    pub(super) made: u32,
}

/// What became of a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redriven {
    /// The message is open again.
    Begun,
    /// It is no dead letter, or no more: nothing changed.
    Repeat(Standing),
}

/// Why a message was not redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotRedriven {
    /// There is no such message, or it is forgotten.
    #[error("there is no such message, or it is forgotten")]
    Unknown,
    /// As many messages are open as may be.
    #[error("{most} messages are open already")]
    Full {
        /// How many those are.
        most: u32,
    },
}

/// What an engine did. At any time `submitted` = `sent` + `suppressed` + `shed` + (`dead_lettered` −
/// `redriven` − `late`) + the open messages: none is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Messages submitted, repetitions not counted.
    pub submitted: u64,
    /// Repetitions.
    pub repeated: u64,
    /// Messages that a channel delivered.
    pub sent: u64,
    /// Messages that nobody was, or is, to be told.
    pub suppressed: u64,
    /// Messages for which there was no room.
    pub shed: u64,
    /// Of those, critical ones: even what is not critical had been shed or tried.
    pub shed_critical: u64,
    /// Messages that every channel failed to deliver, again after a redrive.
    pub dead_lettered: u64,
    /// Dead letters begun anew.
    pub redriven: u64,
    /// Dead letters that a channel said it had delivered after all; among `sent`.
    pub late: u64,
    /// Dead letters dropped.
    pub dropped: u64,
    /// Sends handed out.
    pub attempts: u64,
    /// Attempts to be made again on the same channel.
    pub retries: u64,
    /// Attempts that nobody answered in time.
    pub no_answers: u64,
}
