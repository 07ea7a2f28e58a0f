//! Once, and the same answer again: the ledger behind idempotency keys, webhooks and retries.
//!
//! [`Ledger`] says of a key what is to be done about it: it is the first time, and the caller has a
//! lease on it ([`Begun::First`]); somebody is at it ([`Begun::InFlight`]); it was done, and this is
//! what came of it ([`Begun::Repeat`]); the key belongs to another request ([`Begun::Conflict`]).
//! It is a value: it reads no clock and takes no lock, and can be stored with whatever it guards.
//!
//! Its promises:
//!
//! 1. Of all callers with one key at most one holds a lease that has not run out.
//! 2. Whoever took over has a higher [`Token`], and the one who stalled can no longer complete.
//! 3. The first outcome stays. Every repetition gets it, whatever it was: a failure too.
//! 4. What was completed is known for the whole retention, and so is what was begun, counted from
//!    the end of its lease. A full ledger refuses new keys ([`Full`]); it never forgets early.
//!
//! What it cannot promise is that a caller whose lease ran out has not acted after all. An effect
//! beyond the ledger's own storage is therefore to be asked for under the key, or the token.
//!
//! ```
//! use doorstep_core::idempotency::{Begun, Bounds, IdempotencyKey, Ledger};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(24), 100_000)?;
//! let now = Timestamp::from_secs(1_700_000_000);
//! let key = IdempotencyKey::required(Some(b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\""))?;
//!
//! // The scope of a key is its caller and the route.
//! let scoped = ("cus_7", "POST /orders", key);
//! let body = 0x5eed; // a digest of the request's body
//! let mut ledger = Ledger::new();
//!
//! let Begun::First { token, .. } = ledger.begin(&scoped, &body, now, &bounds)? else { panic!() };
//! assert!(matches!(ledger.begin(&scoped, &body, now, &bounds)?, Begun::InFlight { .. }));
//! ledger.complete(&scoped, token, "201 Created, ord_1", now)?;
//!
//! let later = now.saturating_add(Span::from_hours(23));
//! let again = ledger.begin(&scoped, &body, later, &bounds)?;
//! assert_eq!(again, Begun::Repeat(&"201 Created, ord_1"));
//! let other = ledger.begin(&scoped, &0xbad, later, &bounds)?;
//! assert_eq!(other, Begun::Conflict { first: &0x5eed });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bounds;
mod key;
mod ledger;
mod stored;
#[cfg(test)]
mod tests;

pub use bounds::{BadBounds, Bounds};
pub use key::{BadKey, IdempotencyKey};
pub use ledger::{Begun, Completed, Full, Ledger, Stale, Token};
pub use stored::CorruptLedger;
