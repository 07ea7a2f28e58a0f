//! What a verified message says, once it is read.

use crate::provider::{Event, EventId};

/// What a verified message says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Something about a payment.
    Payment(Event),
    /// Nothing that is of use here. It is acknowledged all the same, or it would come again.
    Unused {
        /// Which event.
        id: EventId,
        /// Its kind, as the provider calls it.
        kind: Box<str>,
        /// Why not.
        why: Unused,
    },
}

/// Why a message is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unused {
    /// Nothing is done about this kind of event.
    UnknownKind,
    /// It does not carry our metadata: the payment was not made through this library.
    NotOurs,
    /// It says only that something is under way.
    NothingNew,
}

/// A message whose signature is good, and that is no event of the documented form. To be answered
/// 400; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is no JSON.
    #[error("the body is no JSON")]
    NotJson,
    /// It is JSON, and lacks what an event of its kind must have, or has it twice or otherwise.
    #[error("the body is not an event of its kind")]
    NotAnEvent,
    /// An id in it is none.
    #[error("the event, or what it is about, has no sound id")]
    BadId,
    /// The name of its kind is empty, or longer than 255 bytes.
    #[error("the event's kind has no sound name")]
    BadKind,
    /// The currency is not three lower-case letters.
    #[error("the currency is not three lower-case letters")]
    BadCurrency,
    /// An amount is negative.
    #[error("the amount is negative")]
    BadAmount,
    /// Our metadata is there, and is no reference.
    #[error("the metadata is not the reference of a payment")]
    BadReference,
}
