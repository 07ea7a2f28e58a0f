//! Webhooks: is it from whom it says, is it new, and what is done about it.
//!
//! | room | it answers |
//! |---|---|
//! | [`stripe`], [`standard`] | whether bytes were signed by who has the secret, recently; what a message of Stripe says |
//! | [`inbox`] | whether an event is new, a repetition, or a contradiction; when it is worked on, retried, given up |
//!
//! The signature is checked before anything of a message is believed or computed from it, its time
//! included: what an attacker can cause is a bounded number of HMACs of a bounded body. Refusals are
//! values ([`Refusal`], [`Unreadable`], [`inbox::NotAccepted`]) and change nothing.
//!
//! From there an event goes to the shard that has the order, as
//! [`Command::Provider`](crate::shard::Command::Provider), where the event's id is the key under
//! which it takes effect once.
//!
//! Outgoing messages are signed by [`standard::sign`].

pub mod inbox;
mod mac;
mod message;
mod refusal;
mod secret;
pub mod standard;
pub mod stripe;
mod stripe_event;
#[cfg(test)]
mod tests;

pub use message::{Message, Unreadable, Unused};
pub use refusal::{
    BODY_BYTES_MAX, HEADER_BYTES_MAX, Refusal, SECRETS_MAX, SIGNATURES_MAX, TOLERANCE_S, Verified,
    header,
};
pub use secret::BadSecret;
