//! Telling people what happens to their orders: counted batches → messages → channels.
//!
//! [`Notifications`] is an optional part of a host ([`Host::notify`](crate::host::Host::notify)). It
//! turns each batch that counts into messages (`messages.rs` is the table), gives them to the
//! engine of [`doorstep_core::notify`], and carries out what that says through the
//! [`Notifier`]s that it was given, one a channel. It decides nothing, and the shard never waits for
//! it: a slow channel fills the engine's bounded queue, where messages are shed, and nothing else.
//!
//! Only the owner of the log tells anybody anything, and only of what counts. A message is named by
//! the batch it comes from (`n_shard_seq_event`), so every process names it alike.
//!
//! # What a crash costs
//!
//! The engine's state is not in the shard's log: ten results an order would be as many records again
//! as the order itself writes, for what may be late but not wrong. It lives in a [`NotifyStore`], or
//! nowhere:
//!
//! - **With a store**, nothing is lost: state and the place in the log up to which it goes are saved
//!   together, at most every [`save_every`](NotifyConfig::save_every), before every snapshot of the
//!   host, and by whoever comes to own the log; whoever comes next takes the state and reads on from
//!   that place. What was sent and answered since the last save is sent again, under the same name:
//!   a receiver that knows names (a webhook's `webhook-id`, the inbox) hears of it once. What
//!   happened longer than [`stale_after`](NotifyConfig::stale_after) before the take-over, and was
//!   not in the saved state, is not told any more.
//! - **Without one**, nothing is told twice, and a crash loses what was on its way: a new owner tells
//!   only of what it decides itself.
//!
//! ```
//! use doorstep_core::id::{CustomerId, ShardId};
//! use doorstep_core::notify::Name;
//! use doorstep_runtime::notify::{Inboxes, Notifications, NotifyConfig, Recipient};
//!
//! let inboxes = Inboxes::new(100_000, 50);
//! let notifications = Notifications::new(NotifyConfig::new(ShardId::default()))?
//!     .channel(Name::new("in_app")?, inboxes.clone())
//!     .channel(Name::new("push")?, inboxes.clone()); // until there is a push service
//! // host.notify(notifications);
//! let letters = inboxes.read(Recipient::Customer(CustomerId::from(7)), 0, 20);
//! assert!(letters.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod driver;
mod inbox;
mod kind;
mod lines;
mod messages;
mod sign;
mod store;
#[cfg(test)]
mod tests;
mod webhook;

use core::fmt;

use doorstep_core::id::{CustomerId, DriverId, RestaurantId};
use serde::{Deserialize, Serialize};

pub use driver::{Notifications, NotifyConfig, NotifyTally};
pub use inbox::{Inboxes, Letter};
pub use kind::Kind;
pub use lines::LogLines;
pub use messages::FORMAT;
pub use sign::{Secret, SecretError};
pub use store::MemoryStore;
pub use webhook::{Endpoint, Endpoints, Posted, Transport, Webhook, WebhookRequest};

#[cfg(doc)]
use crate::ports::{Notifier, NotifyStore};

/// Whoever is told something, as an opaque reference: a channel looks up how to reach them. No name,
/// phone or address comes this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A customer.
    Customer(CustomerId),
    /// A restaurant.
    Restaurant(RestaurantId),
    /// A driver.
    Driver(DriverId),
    /// Whoever looks after the shard.
    Operations,
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => id.fmt(f),
            Self::Restaurant(id) => id.fmt(f),
            Self::Driver(id) => id.fmt(f),
            Self::Operations => f.write_str("operations"),
        }
    }
}
