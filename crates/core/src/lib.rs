//! The pure domain of Doorstep: from a wish to a doorstep, and the money of it.
//!
//! Everything here is a value that decides: same inputs, same outputs. No clock is read, no file or
//! socket opened, no thread started; time is an argument, and so is every number that is drawn.
//! That makes it embeddable in any service, exhaustively testable, and replayable.
//!
//! # The map
//!
//! The words of the domain:
//! [`time`] · [`id`] · [`money`] · [`place`] · [`policy`] (every tunable, as data in the log)
//!
//! The rooms, each usable alone:
//!
//! | room | it answers |
//! |---|---|
//! | [`catalog`] | is this cart orderable, now, to this address, and at what prices |
//! | [`pricing`], [`eta`] | what it costs and why; when it comes |
//! | [`checkout`] | the validated intent, in the log before the provider is asked to hold the money |
//! | [`order`] | what happens when the restaurant says no; what may be done in which phase |
//! | [`payment`] | held → captured or voided → refunded, whatever is lost, late or said twice |
//! | [`saga`] | what is undone when a step of an order fails: the table that the others are held to |
//! | [`cancel`] | may this order be cancelled, by whom, on what terms: the table, and the board for 100,000 checks a second |
//! | [`idempotency`] | was this key acted on before, by whom, and what came of it |
//! | `webhook` (feature), [`provider`] | is it from whom it says, is it new, what does it mean |
//! | [`flash_sale`] | the 201st person of a 200-unit sale; who waits, and who is next |
//! | [`dispatch`] | whom to ask; two drivers tapped Accept in the same millisecond |
//! | [`notify`] | which channel, when again, and when to give up |
//! | [`limit`] | how often is often enough, and when to come back |
//!
//! The house: [`shard`] composes the rooms of one city; [`log`] makes it durable: whose records
//! count, and what a host does ([`log::Replica`], where the process that died after the commit and
//! before the answer gives the first outcome on a retry).
//!
//! Where a question is answered:
//!
//! | question | room |
//! |---|---|
//! | may this order be cancelled, and what does it cost | [`cancel::terms`] |
//! | what happens when the restaurant says no | [`order::Order::decide`] |
//! | two drivers tapped Accept in the same millisecond | [`dispatch`], decided in log order |
//! | the card was charged and the answer was lost, or came five times | [`payment`] |
//! | the provider sent the webhook five times, shuffled | `webhook`, then [`shard::Command::Provider`] |
//! | the process died after the commit, before the answer | [`log::Replica`]: cause → first outcome |
//! | the machine that owned the city is gone | [`log`]: claim, replay, go on |
//! | who is within 5 km of this kitchen | `doorstep-geo-index`, its `nearest` |
//! | when a timer fires, and who calls the provider | `doorstep-runtime`, its `host` and `effects` |
//!
//! # The driving contract
//!
//! ```text
//! Order::decide(&self, &Command, &Policy, now) -> Result<Vec<Event>, Refusal>     empty: already so
//! Order::evolve(self, &Event, at)              -> Result<Order, CorruptHistory>
//! Order::next_deadline(&self)    Order::pending_effects(&self)
//!
//! Shard::decide(&self, &Command, cause, now)   -> Result<Decision, NotTaken>      Commit | Known
//! Shard::apply(&mut self, &Batch)              -> Result<(), CorruptLog>
//! Shard::next_deadline(&self)    Shard::pending_effects(&self)    Shard::wanted(&self)
//!
//! Replica  in:   claim(now)  submit(cause, command, queue position, now)  tell(command, now)
//!                bytes(position, entry, now)  read_to_end(now)  append_failed(writer, now)
//!                tick(now)  resign(now)
//!          out:  Append(record)  Answer(id, outcome | unknown | not owner)  Publish(position, batch)
//!                BecameOwner  LostOwnership  Stop(reason)                  next_wake()  counted()
//! ```
//!
//! One dinner, traced. The log is a list of bytes; what it says is so. A first process opens the
//! shard, and dies with a driver on the way; a second takes over and finishes the dinner, with
//! another driver after the first one drops out; a batch of the dead process that arrives late
//! counts for nobody.
//!
//! ```
//! use doorstep_core::catalog::{
//!     Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
//!     Restaurant,
//! };
//! use doorstep_core::dispatch::{Among, Candidate, Proposal};
//! use doorstep_core::eta::Vehicle;
//! use doorstep_core::id::{CommandId, CustomerId, DriverId, ItemId, RestaurantId, ShardId};
//! use doorstep_core::log::{Answer, Cause, Limits, LogId, Output, Position, Replica};
//! use doorstep_core::money::{Currency, Money};
//! use doorstep_core::order::OrderStatus;
//! use doorstep_core::payment::{self, Reply, Step};
//! use doorstep_core::place::LatLng;
//! use doorstep_core::policy::Policy;
//! use doorstep_core::shard::{Command, DriverAct, OperationsAct, Outcome, RestaurantAct, Shard, Wish};
//! use doorstep_core::time::{Span, Timestamp};
//!
//! /// A process: a replica, and how far it has read the log.
//! struct Process(Replica<Shard>);
//!
//! impl Process {
//!     fn start(policy: Policy, incarnation: u128, now: Timestamp) -> Self {
//!         let shard = Shard::new(ShardId::default(), policy);
//!         let mut replica = Replica::new(LogId::new(0), shard, incarnation, Limits::default());
//!         replica.claim(now);
//!         Self(replica)
//!     }
//!
//!     /// Moves the log's new entries in and the outputs out, until nothing moves. What is to be
//!     /// appended lands at once; the answers to identified commands are returned.
//!     fn turn(&mut self, log: &mut Vec<Vec<u8>>, now: Timestamp) -> Vec<(CommandId, Answer<Outcome>)> {
//!         let mut answers = Vec::new();
//!         loop {
//!             for (at, entry) in log.iter().enumerate() {
//!                 self.0.bytes(Position::new(at as u64), entry, now);
//!             }
//!             self.0.read_to_end(now);
//!             let mut moved = false;
//!             while let Some(output) = self.0.poll() {
//!                 moved = true;
//!                 match output {
//!                     Output::Append(record) => log.push(record.encode().unwrap()),
//!                     Output::Answer(id, answer) => answers.push((id, answer)),
//!                     Output::Publish(..) | Output::Marked { .. } => {} // views read here
//!                     Output::BecameOwner | Output::LostOwnership => {}
//!                     Output::Stop(reason) => panic!("{reason}"),
//!                 }
//!             }
//!             if !moved {
//!                 return answers;
//!             }
//!         }
//!     }
//!
//!     /// Submits an identified command and returns what it was answered.
//!     fn ask(&mut self, log: &mut Vec<Vec<u8>>, id: u128, command: Command, now: Timestamp) -> Outcome {
//!         let cause = Cause { id: CommandId::new(id), issued_at: now, digest: 0 };
//!         self.0.submit(cause, &command, None, now).unwrap();
//!         match self.turn(log, now).pop() {
//!             Some((_, Answer::Outcome(outcome))) => outcome,
//!             other => panic!("{other:?}"),
//!         }
//!     }
//! }
//!
//! let cop = Currency::new("COP").unwrap();
//! let (policy, mut log) = (Policy::new(cop), Vec::new());
//! let minute = |m: u64| Timestamp::from_secs(1_700_000_000).saturating_add(Span::from_mins(m));
//! let (kitchen, home) = (LatLng::new(4.8133, -75.6961)?, LatLng::new(4.8245, -75.6880)?);
//! let (restaurant, bob, eve) = (RestaurantId::from(1), DriverId::from(1), DriverId::from(2));
//!
//! // The first process claims the log, and the city is set up by commands like any other.
//! let mut first = Process::start(policy.clone(), 0xA, minute(0));
//! first.turn(&mut log, minute(0));
//! assert!(first.0.is_owner());
//! let soup = Item {
//!     id: ItemId::from(1),
//!     name: "ajiaco".into(),
//!     price: Money::new(18_000, cop),
//!     available: true,
//!     option_groups: vec![],
//! };
//! let menu = Menu { categories: vec![Category { name: "soups".into(), items: vec![soup] }] };
//! let put = Catalog::Put(Restaurant {
//!     id: restaurant,
//!     position: kitchen,
//!     delivery_radius_m: 5_000,
//!     cuisines: vec![],
//!     hours: Hours::always(),
//!     menu,
//!     preparation: Span::from_mins(12),
//!     acceptance: Acceptance::Manual,
//!     kitchen: KitchenKind::Cooks,
//!     open: true,
//! });
//! assert_eq!(first.ask(&mut log, 1, Command::Catalog(put), minute(0)), Outcome::Done);
//! for (id, driver) in [(2, bob), (3, eve)] {
//!     let admit = OperationsAct::Admit { driver, vehicle: Vehicle::Motorcycle };
//!     first.ask(&mut log, id, Command::Operations(admit), minute(0));
//!     let online = Command::Driver { driver, act: DriverAct::GoOnline };
//!     first.ask(&mut log, id + 10, online, minute(0));
//! }
//!
//! // A customer orders. The intent is in the log before the provider is asked for money.
//! let line = CartLine { item: ItemId::from(1), quantity: 2, choices: vec![], unit_price: None };
//! let wish = Wish {
//!     customer: CustomerId::from(7),
//!     cart: Cart { restaurant, lines: vec![line] },
//!     drop_off: home,
//!     promised: None,
//! };
//! let opened = first.ask(&mut log, 20, Command::Checkout(Box::new(wish.clone())), minute(1));
//! let Outcome::CheckoutOpened { order, total } = opened else { panic!("{opened:?}") };
//! let hold = first.0.counted().pending_effects().next().unwrap();
//! assert_eq!((hold.due.step, hold.due.amount), (Step::Hold, total));
//!
//! // The provider's answer makes it an order; the restaurant takes it: capture is due.
//! let done = |step| Reply { step, attempt: 1, answer: payment::Answer::Done { until: None } };
//! first.0.tell(&Command::Reply { order, reply: done(Step::Hold) }, minute(1))?;
//! first.turn(&mut log, minute(1));
//! let accept = RestaurantAct::Accept { ready_at: None };
//! first.ask(&mut log, 21, Command::Restaurant { order, act: accept }, minute(2));
//! first.0.tell(&Command::Reply { order, reply: done(Step::Capture) }, minute(2))?;
//! first.turn(&mut log, minute(2));
//!
//! // The delivery wants a driver; the matcher proposes who is near; core chooses; Bob takes it.
//! let wanted = first.0.counted().wanted().next().unwrap();
//! let delivery = wanted.delivery;
//! let near = Candidate { driver: bob, distance_m: 900, off_course_deg: None };
//! let propose = Proposal { delivery, among: Among::Located(vec![near]) };
//! first.0.tell(&Command::Propose(propose), minute(3))?;
//! first.turn(&mut log, minute(3));
//! let take = Command::Driver { driver: bob, act: DriverAct::Accept { delivery } };
//! assert_eq!(first.ask(&mut log, 22, take, minute(3)), Outcome::Done);
//!
//! // The first process decides once more, and stalls before the append leaves it.
//! let late = {
//!     let cook = Command::Restaurant { order, act: RestaurantAct::StartPreparing };
//!     let cause = Cause { id: CommandId::new(23), issued_at: minute(4), digest: 0 };
//!     first.0.submit(cause, &cook, None, minute(4))?;
//!     match first.0.poll() {
//!         Some(Output::Append(record)) => record.encode()?,
//!         other => panic!("{other:?}"),
//!     }
//! };
//!
//! // A second process takes over: it reads to the end, claims, and decides only once its claim
//! // counts. The late batch lands after that, and no reader believes it.
//! let mut second = Process::start(policy, 0xB, minute(5));
//! second.turn(&mut log, minute(5));
//! assert!(second.0.is_owner());
//! log.push(late);
//! second.turn(&mut log, minute(5));
//! let status = |process: &Process| process.0.counted().order(order).unwrap().status();
//! assert_eq!(status(&second), OrderStatus::DriverAssigned);
//!
//! // A command that the first process answered gets the same answer again.
//! let again = second.ask(&mut log, 20, Command::Checkout(Box::new(wish)), minute(5));
//! assert_eq!(again, Outcome::CheckoutOpened { order, total });
//!
//! // Bob drops out: the search begins anew without him. Eve takes it.
//! let drop_out = Command::Driver { driver: bob, act: DriverAct::Drop { delivery } };
//! second.ask(&mut log, 24, drop_out, minute(6));
//! assert_eq!(status(&second), OrderStatus::Confirmed);
//! let near = |driver| Candidate { driver, distance_m: 400, off_course_deg: None };
//! let among = Among::Located(vec![near(bob), near(eve)]);
//! second.0.tell(&Command::Propose(Proposal { delivery, among }), minute(6))?;
//! second.turn(&mut log, minute(6));
//! let eve_taps = |act| Command::Driver { driver: eve, act };
//! let accept = eve_taps(DriverAct::Accept { delivery });
//! assert_eq!(second.ask(&mut log, 31, accept, minute(6)), Outcome::Done);
//! let arrive = eve_taps(DriverAct::ArriveAtRestaurant { delivery });
//! second.ask(&mut log, 32, arrive, minute(8));
//! second.ask(&mut log, 33, eve_taps(DriverAct::PickUp { delivery }), minute(16));
//! second.ask(&mut log, 34, eve_taps(DriverAct::Depart { delivery }), minute(16));
//!
//! // The promise of ten minutes is broken: the button shows. Eve arrives: it is gone.
//! let shows_from = |process: &Process| process.0.counted().order(order).unwrap().cancellable_from();
//! assert!(minute(17) >= shows_from(&second));
//! let ring = DriverAct::ArriveAtDoorstep { delivery, distance_m: Some(12) };
//! second.ask(&mut log, 35, eve_taps(ring), minute(20));
//! assert_eq!(shows_from(&second), Timestamp::NEVER);
//! second.ask(&mut log, 36, eve_taps(DriverAct::Deliver { delivery }), minute(21));
//! let dinner = second.0.counted().order(order).unwrap();
//! assert_eq!(dinner.status(), OrderStatus::Delivered);
//! assert_eq!(dinner.payment().paid(), total);
//!
//! // The first process, back from its stall, reads what it missed, and agrees about everything.
//! first.turn(&mut log, minute(21));
//! assert_eq!(first.0.counted(), second.0.counted());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `board` (default) the concurrent cancel board; `sale` (default) the shared form of a flash sale
//! and signed passes; `log` (default) shard and log; `webhook` signatures of webhooks and the inbox
//! behind them; `geo-types` conversions between [`place::LatLng`] and `geo_types::Point`.

pub mod cancel;
pub mod catalog;
pub mod checkout;
pub mod dispatch;
pub mod eta;
pub mod flash_sale;
pub mod id;
pub mod idempotency;
pub mod limit;
#[cfg(feature = "log")]
pub mod log;
pub mod money;
pub mod notify;
pub mod order;
pub mod payment;
pub mod place;
pub mod policy;
pub mod pricing;
pub mod provider;
pub mod saga;
#[cfg(feature = "log")]
pub mod shard;
pub mod time;
#[cfg(feature = "webhook")]
pub mod webhook;
