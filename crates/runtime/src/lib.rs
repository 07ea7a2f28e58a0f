//! The shell around the pure core, once for all hosts.
//!
//! Everything here is polled: a [`Host`](host::Host) does what there is to do at a given `now`, and
//! names when to come again. A simulator drives it on a virtual clock, a server in a thread on a
//! real one; what they drive is the same.
//!
//! | room | what it is |
//! |---|---|
//! | [`ports`] | what a host needs of the world outside: [`Log`](ports::Log), [`Payments`](ports::Payments), [`HistorySink`](ports::HistorySink) |
//! | [`host`] | the one loop: the log's records in, the replica's outputs out, and what is due told as commands |
//! | [`client`] | the handle for callers: commands under an id, pings, reads |
//! | [`views`] | what readers see without touching the writer: tracking, and the cancel board |
//! | [`reads`] | whole orders, menus, sales and drivers' desks for whoever answers people, and when to look again |
//! | [`restaurants`] | who would bring something to this address now, with fee and estimate |
//! | [`effects`] | carries out what the provider must do, at least once under its key, until it is answered |
//! | [`notify`] | counted batches → messages → channels: in the app, a signed webhook, a line in a log, or your own |
//! | [`matcher`] | deliveries that want a driver × drivers who are near; the choice stays in core |
//! | [`arrivals`] | pings → geofence → the same command as the driver's tap |
//! | [`threads`] | a host on a thread of its own: deadlines on the real clock, subscriptions, a provider that blocks |
//! | [`memory_log`], [`sandbox`] | a log and a provider in memory, truthful or hostile by a seed |
//!
//! It holds no rule of the domain: it asks [`doorstep_core::shard::Shard`], and moves what comes.
//!
//! ```
//! use doorstep_core::catalog::{self, Cart, CartLine};
//! use doorstep_core::id::{CommandId, CustomerId, ItemId, RestaurantId, ShardId};
//! use doorstep_core::money::Currency;
//! use doorstep_core::place::LatLng;
//! use doorstep_core::policy::Policy;
//! use doorstep_core::shard::{Command, Outcome, Refusal, Wish};
//! use doorstep_core::time::Timestamp;
//! use doorstep_runtime::client::{Client, Told};
//! use doorstep_runtime::host::{Host, HostConfig};
//! use doorstep_runtime::memory_log::MemoryLog;
//! use doorstep_runtime::ports::LogIsHistory;
//! use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
//!
//! let now = Timestamp::from_secs(1_700_000_000);
//! let policy = Policy::new(Currency::new("EUR").unwrap());
//! let config = HostConfig::new(ShardId::default(), policy, 0xD005); // a seed used only once
//! let provider = Sandbox::new(SandboxConfig::default());
//! let mut host = Host::open(config, MemoryLog::new(), provider, LogIsHistory, now)?;
//! let client = host.client();
//! host.step(now);
//!
//! // Nobody is on the map yet: the wish is refused, and the refusal is in the log.
//! let line = CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
//! let wish = Wish {
//!     customer: CustomerId::from(1),
//!     cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line] },
//!     drop_off: LatLng::new(52.52, 13.40)?,
//!     promised: None,
//! };
//! let cause = Client::cause(CommandId::new(1), now);
//! let ticket = client.submit(cause, Command::Checkout(Box::new(wish)))?;
//! assert_eq!(ticket.told(), None, "nobody has stepped the host");
//! host.step(now);
//! let unknown = catalog::Refusal::UnknownRestaurant { restaurant: RestaurantId::from(1) };
//! assert_eq!(ticket.told(), Some(Told::Outcome(Outcome::Refused(Refusal::Catalog(unknown)))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arrivals;
pub mod client;
pub mod effects;
pub mod host;
pub mod matcher;
pub mod memory_log;
pub mod notify;
pub mod ports;
pub mod reads;
pub mod restaurants;
pub mod sandbox;
pub mod threads;
pub mod views;
