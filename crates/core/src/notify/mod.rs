//! Telling people: through which channel, when again, and when to give up.
//!
//! [`Engine`] is a state machine without I/O. It is given messages, the answers of channels, and the
//! time; it says what is to be sent, under a key that is never used again
//! (`message/channel/attempt`). What a channel is (push, e-mail, a webhook, a line in a log) it does
//! not know: channels are names in its [`Config`], and whoever sends is elsewhere.
//!
//! # The rules
//!
//! 1. **Which channel.** A [`Route`], by category, names the channels for somebody who is active and
//!    for somebody who is not, in the order in which they are tried: the next when one has failed for
//!    good. By default whoever is active is told in the app and nowhere else, anybody else by push,
//!    and by e-mail if that fails. What the recipient refused ([`Profile`]) is left out.
//! 2. **Quiet hours.** A channel that is not silent waits for their end; a message of no use by then
//!    is suppressed. A critical message heeds neither preferences nor quiet hours.
//! 3. **Attempts.** The first at once; after a failure again in exactly 1, 2, 4, 8 and 16 s, each
//!    counted from the failure ([`Backoff`]). A provider that asks for more time gets it, within a
//!    bound. A permanent error ends the channel at once. A channel that does not answer in time has
//!    failed: what it did is unknown, so every attempt carries the message's id, by which a receiver
//!    knows a repetition.
//! 4. **Giving up.** When every channel has failed, the message is a [`DeadLetter`] with all its
//!    causes. [`redrive`](Engine::redrive) begins it anew, once however often it is asked.
//! 5. **Never twice.** After a channel has said "delivered" nothing more is sent, even where it says
//!    so late. A message submitted again is a repetition while it is open, a dead letter, or
//!    remembered ([`Config::remember_for`]).
//! 6. **Never lost.** Every message that was submitted is open, or it was sent, shed, suppressed or
//!    dead-lettered, and [`Tally`] says how many.
//! 7. **Overload.** Queues are bounded, and critical messages go first. At the bound a message that
//!    is not critical is shed; a critical one takes the place of the newest that is not and was never
//!    tried. Nothing but notifications is ever shed here: no order waits for one.
//!
//! ```
//! use doorstep_core::notify::{Answer, Config, Engine, Message, Name, Profile, Standing, Submitted};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! let mut engine = Engine::new(Config::default())?;
//! let now = Timestamp::from_secs(1_700_000_000);
//! let message = Message {
//!     id: Name::new("msg_0_17_3c")?,
//!     to: 7, // whatever names a recipient
//!     category: Name::new("order")?,
//!     critical: false,
//!     useful_until: Timestamp::NEVER,
//!     body: r#"{"type":"order.confirmed"}"#.into(),
//! };
//! let asleep = Profile::default();
//! assert_eq!(engine.submit(message.clone(), &asleep, now), Ok(Submitted::Taken { shed: None }));
//! assert_eq!(engine.submit(message, &asleep, now), Ok(Submitted::Repeat(Standing::Open)));
//!
//! let push = engine.next_send(now).unwrap();
//! assert_eq!(push.key.to_string(), "msg_0_17_3c/push/1");
//! engine.heard(&push.key, Answer::Failed { code: Some(503), retry_after: None }, now);
//! let again = now.saturating_add(Span::from_secs(1));
//! assert_eq!((engine.next_send(now), engine.next_deadline()), (None, Some(again)));
//!
//! engine.tick(again);
//! let push = engine.next_send(again).unwrap();
//! engine.heard(&push.key, Answer::Rejected { code: Some(410) }, again); // the app is gone
//! let mail = engine.next_send(again).unwrap();
//! assert_eq!(mail.key.channel, Name::new("email")?);
//! engine.heard(&mail.key, Answer::Delivered, again);
//! assert_eq!(engine.standing(&mail.key.message), Some(Standing::Sent));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod engine;
mod message;
mod name;
mod quiet;

pub use config::{Backoff, Config, ConfigError, Jitter, Route};
pub use engine::{
    Answer, Cause, DeadLetter, Engine, Heard, NotRedriven, NotSubmitted, Redriven, SendKey,
    Sending, Standing, Submitted, Suppression, Tally, Why,
};
pub use message::{Message, Profile};
pub use name::{Category, ChannelId, MessageId, Name, NameError};
pub use quiet::{QuietHours, QuietHoursError};
