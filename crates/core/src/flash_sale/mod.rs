//! Flash sales: a few units, a crowd, and nobody who gets what is not there.
//!
//! Three things, each usable alone:
//!
//! - [`Sale`]: the stock, the limit per person, holds that lapse on their deadline, and the line of
//!   those who wait for a unit to come back. A plain state machine: [`Sale::decide`] →
//!   [`sale::Event`]s → [`Sale::evolve`]. `available + held + sold = stock` after every event.
//! - [`WaitingRoom`]: who comes in when. Admission at a set rate, a crowd that is shuffled once at the
//!   start and served in its order from then on, places and estimated waits. A sale has one in it;
//!   alone, it stands in front of anything.
//! - [`SharedSale`]: the stock and the limit in a form that many threads hit at once, "sold out"
//!   answered without a lock (feature `sale`, as are the signed [`Pass`]es).
//!
//! # Who decides
//!
//! Exactly one thing is the authority over a sale's units:
//!
//! - In a **shard**, the logged `Sale`. What a front gate says early (a forged or lapsed pass, "sold
//!   out" by a number read a moment ago) is advice: it saves the shard work, and decides nothing.
//!   It may be wrong in one direction only, turning somebody away who would have been in time.
//! - In a service with **a database of its own**, the `SharedSale` in its memory. Its journal
//!   ([`SharedSale::drain`]) is a list of `Sale` events in an order in which they can follow; applied
//!   to the stored `Sale` they give the state that the next process starts from
//!   ([`SharedSale::open`]). Tell a customer only what lies in a stored piece of the journal: what
//!   was not stored when the process died has not happened, and its units are free again.
//!
//! The two are never both in charge of the same units.
//!
//! ```
//! use doorstep_core::flash_sale::{Rules, Sale, sale::{Answer, Command}};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! let noon = Timestamp::from_secs(1_700_000_000);
//! let mut sale = Sale::<u32>::new(Rules::new(1, noon)?);
//! let mut ask = |command: Command<u32>, now| {
//!     let decided = sale.decide(&command, now)?;
//!     for event in &decided.events {
//!         sale.evolve(event, now).unwrap();
//!     }
//!     Ok::<_, doorstep_core::flash_sale::sale::Refusal>(decided.answer)
//! };
//! let (ana, ben) = (1, 2);
//! let Answer::Held { hold, until } = ask(Command::Claim { user: ana, nth: 1 }, noon)? else { panic!() };
//! assert_eq!(ask(Command::Claim { user: ana, nth: 1 }, noon)?, Answer::Held { hold, until }, "a retry");
//! assert!(ask(Command::Claim { user: ben, nth: 1 }, noon).is_err(), "all held, not sold out");
//! assert_eq!(ask(Command::Join { user: ben }, noon)?, Answer::Waiting { ahead: 0 });
//!
//! // Ana does not pay in time: at the deadline the unit is Ben's, and her late money goes back.
//! ask(Command::Tick, until)?;
//! let Answer::Held { hold: bens, .. } = ask(Command::Claim { user: ben, nth: 1 }, until)? else { panic!() };
//! assert_eq!(ask(Command::Pay { user: ana, hold }, until)?, Answer::RefundDue { hold });
//! assert_eq!(ask(Command::Pay { user: ben, hold: bens }, until)?, Answer::Sold { hold: bens });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod line;
mod pairs;
#[cfg(feature = "sale")]
mod pass;
mod rules;
pub mod sale;
#[cfg(feature = "sale")]
pub mod shared;
mod shuffle;
pub mod waiting_room;

#[cfg(feature = "sale")]
pub use pass::{Pass, PassKey, PassRefused};
pub use rules::{Admission, Rules, RulesError};
pub use sale::{HoldId, Sale};
#[cfg(feature = "sale")]
pub use shared::SharedSale;
pub use waiting_room::WaitingRoom;
