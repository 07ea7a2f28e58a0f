//! Who drives: the roster, the deliveries, and the offers between them.
//!
//! A **delivery** (1 to n orders of one restaurant) searches for a driver in stages: near, then
//! wide, then flagged for somebody to look at. Whoever knows where the drivers are is told what is
//! [wanted](Dispatch::wanted) and [proposes](Command::Propose) candidates; the choice is made here.
//! Or somebody who has considered all deliveries and drivers at once names the
//! [choice](Command::Offer), for one delivery or for several of one restaurant together: these are
//! offered as one and become one when they are taken; if the offer comes to nothing, or the driver
//! drops out before pick-up, each searches for itself again.
//! One driver is asked at a time and may think for
//! [`offer_for`](crate::policy::DispatchPolicy::offer_for); on a decline or silence the delivery is
//! wanted again. What holds, whatever taps arrive in whatever order:
//!
//! - a delivery has at most one driver, an order is in at most one live delivery;
//! - a driver has at most one open offer and never carries over capacity;
//! - an accept at or after the expiry of its offer loses, whether or not anybody has ticked;
//! - every search has a deadline: it widens, is flagged, or goes on being flagged.
//!
//! | file | subject |
//! |---|---|
//! | `candidate` | proposals and rounds, and the score with its explanation |
//! | `roster` | drivers: admitted, on duty, released |
//! | `delivery` | deliveries: opened, dropped, assigned, finished |
//! | `offers` | rounds: propose, accept, decline, expire, widen, flag |
//! | `command` `event` `refusal` | the vocabulary |
//! | `assign` `plan` | who drives what, all deliveries and drivers considered at once |

pub mod assign;
mod candidate;
mod command;
mod delivery;
mod event;
mod evolve;
mod index;
mod offers;
pub mod plan;
mod refusal;
mod roster;
#[cfg(test)]
mod tests;

use core::hash::{Hash, Hasher};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use crate::place::LatLng;
use crate::policy::Policy;
use crate::time::Timestamp;

pub use crate::order::DropReason;
pub use candidate::{Among, Candidate, Choice, Located, Nearby, Proposal, Round, Score};
pub use command::{Command, End};
pub use delivery::{Delivery, Joined, ORDERS_MAX, Offer, PASSED_MAX, Search, Stage, State};
pub use event::{Closing, CorruptDispatch, Event, Mode};
pub use refusal::Refusal;
pub use roster::{Driver, DriverStatus, Duty, Record};

use delivery::OpenWish;
use index::Index;

/// The drivers and deliveries of one shard.
///
/// Equality, hash and the stored form are of drivers and deliveries alone; what is kept beside them
/// to find things quickly is rebuilt when it is read back, and a stored form that contradicts itself
/// is refused.
///
/// ```
/// use doorstep_core::dispatch::{Among, Candidate, Command, Dispatch, Proposal, Refusal};
/// use doorstep_core::eta::Vehicle;
/// use doorstep_core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
/// use doorstep_core::money::{Currency, Money};
/// use doorstep_core::{place::LatLng, policy::Policy, time::Timestamp};
///
/// let cop = Currency::new("COP").unwrap();
/// let (policy, now) = (Policy::new(cop), Timestamp::from_secs(1_700_000_000));
/// let (ana, delivery) = (DriverId::from(7), DeliveryId::from(1));
/// let mut dispatch = Dispatch::new();
/// let mut submit = |command: Command| -> Result<usize, Refusal> {
///     let events = dispatch.decide(&command, &policy, now)?;
///     for event in &events {
///         dispatch.evolve(event, now).expect("what was just decided");
///     }
///     Ok(events.len())
/// };
///
/// submit(Command::Admit { driver: ana, vehicle: Vehicle::Bicycle })?;
/// submit(Command::GoOnline { driver: ana })?;
/// submit(Command::Open {
///     delivery,
///     restaurant: RestaurantId::from(3),
///     pickup: LatLng::new(4.8133, -75.6961).unwrap(),
///     orders: vec![OrderId::from(1)],
///     value: Money::new(42_000, cop),
/// })?;
/// let near = Candidate { driver: ana, distance_m: 800, off_course_deg: None };
/// submit(Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) }))?;
/// submit(Command::Accept { delivery, driver: ana })?;
/// assert_eq!(submit(Command::Accept { delivery, driver: ana }), Ok(0), "already so");
/// assert_eq!(dispatch.driver(ana).unwrap().carrying, [delivery]);
/// # Ok::<(), Refusal>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Dispatch {
    drivers: BTreeMap<DriverId, Driver>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    #[serde(skip)]
    index: Index,
}

/// A delivery that wants candidates, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Whose orders.
    pub restaurant: RestaurantId,
    /// Around where.
    pub pickup: LatLng,
    /// How far from there, in metres.
    pub radius_m: u32,
    /// How many at most.
    pub candidates: u32,
    /// Who has passed in this stage and would be skipped.
    pub passed: Vec<DriverId>,
    /// Whether the search has come to [`Stage::Flagged`].
    pub flagged: bool,
}

impl Dispatch {
    /// No drivers, no deliveries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `command` leads to at `now`; an empty list if it is already so. Changes nothing.
    ///
    /// # Errors
    /// [`Refusal`], in the order of precedence that it documents.
    pub fn decide(
        &self,
        command: &Command,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Admit { driver, vehicle } => self.admit(*driver, *vehicle, policy),
            Command::Release { driver } => self.release(*driver, policy, now),
            Command::GoOnline { driver } => self.go_online(*driver),
            Command::GoOffline { driver } => self.go_offline(*driver, policy, now),
            Command::Open { delivery, restaurant, pickup, orders, value } => {
                let (restaurant, pickup, value) = (*restaurant, *pickup, *value);
                self.open(*delivery, OpenWish { restaurant, pickup, orders, value }, policy, now)
            }
            Command::Propose(proposal) => self.propose(proposal, policy, now),
            Command::Offer(choice) => self.offer(choice, policy, now),
            Command::Accept { delivery, driver } => self.accept(*delivery, *driver, policy, now),
            Command::Decline { delivery, driver } => self.decline(*delivery, *driver, policy, now),
            Command::Drop { delivery, driver, why } => {
                self.drop_delivery(*delivery, *driver, *why, policy, now)
            }
            Command::Assign { delivery, driver } => self.assign(*delivery, *driver, policy, now),
            Command::Finish { delivery, order, end } => {
                self.finish(*delivery, *order, *end, policy, now)
            }
            Command::Tick => Ok(self.tick(policy, now)),
        }
    }

    /// When [`Command::Tick`] will have something to do: an offer expires or a stage ends. O(log n).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.index.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// The searching deliveries without an open offer, in the order in which they are served: older
    /// first by [`age_bucket`](crate::policy::DispatchPolicy::age_bucket), within a bucket the more
    /// valuable first, then by id. Visits only those, and one bucket at a time: whoever takes a few
    /// pays for a few.
    pub fn wanted(&self, policy: &Policy) -> impl Iterator<Item = Wanted> {
        let dispatch = &policy.dispatch;
        let of = |&(_, id): &(Timestamp, DeliveryId)| Some((id, self.deliveries.get(&id)?));
        let mut queue = self.index.wanted.iter().filter_map(of).peekable();
        let mut bucket: Vec<(DeliveryId, &Delivery)> = Vec::new();
        std::iter::from_fn(move || {
            if bucket.is_empty() {
                let age = queue.peek()?.1.bucket(dispatch.age_bucket);
                let same = |next: &(_, &Delivery)| next.1.bucket(dispatch.age_bucket) == age;
                bucket.extend(std::iter::from_fn(|| queue.next_if(same)));
                bucket.sort_by_key(|(id, live)| live.rank(*id));
                bucket.reverse();
            }
            let (delivery, live) = bucket.pop()?;
            let search = live.search()?;
            Some(Wanted {
                delivery,
                restaurant: live.restaurant,
                pickup: live.pickup,
                radius_m: search.stage.radius_m(dispatch),
                candidates: dispatch.candidates,
                passed: search.passed.clone(),
                flagged: search.stage == Stage::Flagged,
            })
        })
    }

    /// The driver, if of this shard.
    #[must_use]
    pub fn driver(&self, id: DriverId) -> Option<&Driver> {
        self.drivers.get(&id)
    }

    /// The delivery, if it is live.
    #[must_use]
    pub fn delivery(&self, id: DeliveryId) -> Option<&Delivery> {
        self.deliveries.get(&id)
    }

    /// The live delivery that an order is in.
    #[must_use]
    pub fn delivery_of(&self, order: OrderId) -> Option<DeliveryId> {
        self.index.orders.get(&order).copied()
    }

    /// The delivery that this one has become part of.
    #[must_use]
    pub fn joined_to(&self, delivery: DeliveryId) -> Option<DeliveryId> {
        self.index.joined.get(&delivery).copied()
    }

    /// Every driver of the shard, by id.
    pub fn drivers(&self) -> impl ExactSizeIterator<Item = (DriverId, &Driver)> {
        self.drivers.iter().map(|(&id, driver)| (id, driver))
    }

    /// Every live delivery, by id.
    pub fn deliveries(&self) -> impl ExactSizeIterator<Item = (DeliveryId, &Delivery)> {
        self.deliveries.iter().map(|(&id, delivery)| (id, delivery))
    }

    /// The drivers who may be asked, by id: whom to broadcast to where positions are lost. Visits
    /// busy drivers on its way.
    pub fn free(&self, policy: &Policy) -> impl Iterator<Item = DriverId> {
        let capacity = policy.dispatch.capacity;
        self.drivers().filter(move |(_, driver)| driver.is_free(capacity)).map(|(id, _)| id)
    }

    /// How many deliveries are searching, with or without an open offer.
    #[must_use]
    pub fn searching(&self) -> usize {
        self.index.deadlines.len()
    }

    /// Whether drivers and deliveries say the same of each other.
    fn check(&self) -> Result<(), CorruptDispatch> {
        for (&driver, known) in &self.drivers {
            let offered = |id: DeliveryId| {
                let search = self.deliveries.get(&id).and_then(Delivery::search);
                let offer = search.and_then(|search| search.offer_to(driver));
                offer.is_some_and(|offer| offer.goes_by(id) == id)
            };
            let carried = |id: &DeliveryId| {
                self.deliveries.get(id).and_then(Delivery::driver) == Some(driver)
            };
            let fits = known.offer.is_none_or(|id| known.duty == Duty::Online && offered(id))
                && known.carrying.iter().all(carried)
                && all_differ(&known.carrying);
            if !fits {
                return Err(CorruptDispatch::Driver { driver });
            }
        }
        for (&id, live) in &self.deliveries {
            let state_fits = match &live.state {
                State::Searching(search) => search.offers.iter().all(|offer| {
                    let named = Some(offer.goes_by(id));
                    self.drivers.get(&offer.driver).is_some_and(|d| d.offer == named)
                        && self.is_offered_whole(id, offer)
                }),
                State::Taken { driver } => {
                    self.drivers.get(driver).is_some_and(|d| d.carrying.contains(&id))
                }
            };
            let orders_fit = (1..=ORDERS_MAX).contains(&live.orders.len())
                && live.orders.iter().all(|order| self.delivery_of(*order) == Some(id))
                && all_differ(&live.orders);
            if !(state_fits && orders_fit && self.is_joined_well(id, live)) {
                return Err(CorruptDispatch::Delivery { delivery: id });
            }
        }
        Ok(())
    }

    /// Whether an offer of `id` is the same in each delivery that it is for, and `id` one of them.
    fn is_offered_whole(&self, id: DeliveryId, offer: &Offer) -> bool {
        let bundle = &offer.bundle;
        let same = |other: &DeliveryId| {
            let search = self.deliveries.get(other).and_then(Delivery::search);
            search.and_then(|search| search.offer_to(offer.driver)) == Some(offer)
        };
        bundle.is_empty() || (bundle.contains(&id) && all_differ(bundle) && bundle.iter().all(same))
    }

    /// Whether what has become part of a delivery is gone as one of its own, and its orders are here.
    fn is_joined_well(&self, id: DeliveryId, live: &Delivery) -> bool {
        let parts = &live.joined;
        let orders: Vec<OrderId> = parts.iter().flat_map(|part| part.orders.clone()).collect();
        (parts.is_empty() || live.search().is_none())
            && parts.iter().all(|part| {
                !part.orders.is_empty()
                    && !self.deliveries.contains_key(&part.delivery)
                    && self.joined_to(part.delivery) == Some(id)
            })
            && orders.iter().all(|order| live.orders.contains(order))
            && all_differ(&orders)
    }
}

impl PartialEq for Dispatch {
    fn eq(&self, other: &Self) -> bool {
        self.drivers == other.drivers && self.deliveries == other.deliveries
    }
}

impl Eq for Dispatch {}

impl Hash for Dispatch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.drivers.hash(state);
        self.deliveries.hash(state);
    }
}

/// The stored form of a [`Dispatch`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    drivers: BTreeMap<DriverId, Driver>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
}

impl TryFrom<Stored> for Dispatch {
    type Error = CorruptDispatch;

    fn try_from(stored: Stored) -> Result<Self, CorruptDispatch> {
        let Stored { drivers, deliveries } = stored;
        let index = Index::of(&deliveries);
        let dispatch = Self { drivers, deliveries, index };
        dispatch.check()?;
        Ok(dispatch)
    }
}

fn all_differ<T: PartialEq>(items: &[T]) -> bool {
    !items.iter().enumerate().any(|(at, item)| items.iter().take(at).any(|other| other == item))
}

/// A length as a count of policy; saturates.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
