//! What a driver carries: its orders, and the search for somebody to carry it.

use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use crate::money::Money;
use crate::order::DropReason;
use crate::place::LatLng;
use crate::policy::{DispatchPolicy, Policy};
use crate::time::{Span, Timestamp};

use super::command::End;
use super::event::{Closing, Event};
use super::refusal::Refusal;
use super::roster::Duty;
use super::{Dispatch, count};

/// Most orders of one delivery: more than a driver's bag holds.
pub const ORDERS_MAX: usize = 16;
/// Most drivers remembered as having passed in a stage; beyond it the oldest may be asked again.
pub const PASSED_MAX: usize = 64;

/// 1 to [`ORDERS_MAX`] orders of one restaurant that go with one driver.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Whose orders.
    pub restaurant: RestaurantId,
    /// Where they are picked up.
    pub pickup: LatLng,
    /// The orders still in it.
    pub orders: Vec<OrderId>,
    /// What the orders were worth together when it was opened.
    pub value: Money,
    /// When it was opened. A driver who drops it does not put it at the end of the queue.
    pub since: Timestamp,
    /// Who drives, or how far the search is.
    pub state: State,
    /// The deliveries that were offered along with it and taken with it, and whose orders are among
    /// `orders` since. They part again if the driver loses it before pick-up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined>,
}

/// A delivery that has become part of another, as it will be should the two part again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// Which.
    pub delivery: DeliveryId,
    /// Those of its orders that have not ended, at least one.
    pub orders: Vec<OrderId>,
    /// What its orders were worth together when it was opened.
    pub value: Money,
    /// When it was opened.
    pub since: Timestamp,
}

/// Whether somebody has the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has it yet.
    Searching(Search),
    /// One driver has it.
    Taken {
        /// Who.
        driver: DriverId,
    },
}

/// How far the search for a driver is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// How wide, and how urgent.
    pub stage: Stage,
    /// When the stage ends, once no offer is open.
    pub stage_ends_at: Timestamp,
    /// Rounds of this stage: an offer made while none is open begins one, so a broadcast is one.
    pub rounds: u32,
    /// The open offers: one, or several in a broadcast, in the order in which they were made.
    pub offers: Vec<Offer>,
    /// Who declined, was silent or dropped it in this stage, oldest first, at most [`PASSED_MAX`].
    /// They are not asked again before the next stage.
    pub passed: Vec<DriverId>,
}

/// The stages of a search, one after another; the last one repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Within [`DispatchPolicy::near_m`].
    Near,
    /// Within [`DispatchPolicy::wide_m`].
    Wide,
    /// As wide, without a limit of rounds, and somebody should be told: the customer may cancel for
    /// a full refund.
    Flagged,
}

impl Stage {
    /// What comes after it.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Near => Self::Wide,
            Self::Wide | Self::Flagged => Self::Flagged,
        }
    }

    /// How far it reaches, in metres.
    #[must_use]
    pub const fn radius_m(self, policy: &DispatchPolicy) -> u32 {
        match self {
            Self::Near => policy.near_m,
            Self::Wide | Self::Flagged => policy.wide_m,
        }
    }
}

/// A question that one driver may still answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Who was asked.
    pub driver: DriverId,
    /// From when on it is too late to accept.
    pub expires_at: Timestamp,
    /// How far the driver was from the restaurant when asked, in metres, where that was known.
    pub distance_m: Option<u32>,
    /// Where it is for several deliveries together: all of them, in the order of their doors, and each
    /// of them has it among its offers. It goes by the name of the first. Empty where it is for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bundle: Vec<DeliveryId>,
}

impl Offer {
    /// The delivery by whose name it goes, among the offers of `delivery`.
    #[must_use]
    pub fn goes_by(&self, delivery: DeliveryId) -> DeliveryId {
        self.bundle.first().copied().unwrap_or(delivery)
    }

    /// The deliveries that it is for, among the offers of `delivery`.
    pub fn deliveries<'a>(
        &'a self,
        delivery: &'a DeliveryId,
    ) -> impl Iterator<Item = DeliveryId> + 'a {
        let alone = self.bundle.is_empty().then_some(*delivery);
        alone.into_iter().chain(self.bundle.iter().copied())
    }
}

impl Search {
    /// A search that begins, with nobody asked.
    pub(super) const fn new(stage: Stage, stage_ends_at: Timestamp) -> Self {
        Self { stage, stage_ends_at, rounds: 0, offers: Vec::new(), passed: Vec::new() }
    }

    /// The offer open to `driver`.
    #[must_use]
    pub fn offer_to(&self, driver: DriverId) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.driver == driver)
    }

    /// When something is due: the first open offer expires or, where none is open, the stage ends.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.offers.iter().map(|offer| offer.expires_at).min().unwrap_or(self.stage_ends_at)
    }

    pub(super) fn remember(&mut self, driver: DriverId) {
        self.passed.retain(|&passed| passed != driver);
        if self.passed.len() >= PASSED_MAX {
            self.passed.remove(0);
        }
        self.passed.push(driver);
    }
}

impl Delivery {
    /// The search, while there is one.
    #[must_use]
    pub const fn search(&self) -> Option<&Search> {
        match &self.state {
            State::Searching(search) => Some(search),
            State::Taken { .. } => None,
        }
    }

    /// Who has it, if anybody.
    #[must_use]
    pub const fn driver(&self) -> Option<DriverId> {
        match &self.state {
            State::Searching(_) => None,
            State::Taken { driver } => Some(*driver),
        }
    }

    /// Which of the buckets of age it is in: deliveries of one bucket count as equally old.
    pub(super) fn bucket(&self, age_bucket: Span) -> i64 {
        let width = i64::try_from(age_bucket.as_millis()).unwrap_or(i64::MAX).max(1);
        self.since.as_millis().checked_div_euclid(width).unwrap_or(0)
    }

    /// What deliveries of one bucket are served by: the more valuable first, then by id.
    pub(super) fn rank(&self, id: DeliveryId) -> (Reverse<i64>, DeliveryId) {
        (Reverse(self.value.minor()), id)
    }
}

impl Dispatch {
    pub(super) fn live(&self, delivery: DeliveryId) -> Result<&Delivery, Refusal> {
        self.deliveries.get(&delivery).ok_or(Refusal::UnknownDelivery { delivery })
    }

    pub(super) fn open(
        &self,
        delivery: DeliveryId,
        wish: OpenWish<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let OpenWish { restaurant, pickup, orders, value } = wish;
        let repeated = |(at, order): (usize, &OrderId)| orders.iter().take(at).any(|o| o == order);
        if orders.is_empty() || orders.len() > ORDERS_MAX || orders.iter().enumerate().any(repeated)
        {
            return Err(Refusal::BadOrders { most: count(ORDERS_MAX) });
        }
        amount_fits(value, policy)?;
        if let Some(known) = self.deliveries.get(&delivery) {
            let same = known.restaurant == restaurant
                && known.pickup == pickup
                && known.orders == orders
                && known.value == value;
            return if same { Ok(Vec::new()) } else { Err(Refusal::DeliveryExists { delivery }) };
        }
        if self.index.joined.contains_key(&delivery) {
            return Err(Refusal::DeliveryExists { delivery });
        }
        for &order in orders {
            if let Some(delivery) = self.delivery_of(order) {
                return Err(Refusal::OrderInDelivery { order, delivery });
            }
        }
        let most = policy.memory.orders_max;
        if count(self.index.orders.len().saturating_add(orders.len())) > most {
            return Err(Refusal::OrdersFull { most });
        }
        Ok(vec![Event::Opened {
            delivery,
            restaurant,
            pickup,
            orders: orders.to_vec(),
            value,
            stage_ends_at: now.saturating_add(policy.dispatch.stage_for),
        }])
    }

    pub(super) fn drop_delivery(
        &self,
        delivery: DeliveryId,
        driver: DriverId,
        why: DropReason,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.known(driver)?;
        match &self.live(delivery)?.state {
            State::Searching(search) if search.passed.contains(&driver) => Ok(Vec::new()),
            State::Searching(_) => Err(Refusal::NotTaken { delivery }),
            State::Taken { driver: holder } if *holder != driver => {
                Err(Refusal::TakenBy { delivery, driver: *holder })
            }
            State::Taken { .. } => Ok(vec![Event::Dropped {
                delivery,
                driver,
                why,
                stage_ends_at: now.saturating_add(policy.dispatch.stage_for),
                parted: self.live(delivery)?.joined.iter().map(|part| part.delivery).collect(),
            }]),
        }
    }

    pub(super) fn assign(
        &self,
        delivery: DeliveryId,
        to: DriverId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let driver = self.known(to)?;
        let live = self.live(delivery)?;
        let from = live.driver();
        if from == Some(to) {
            return Ok(Vec::new());
        }
        if matches!(driver.duty, Duty::Offline) {
            return Err(Refusal::Offline { driver: to });
        }
        let capacity = policy.dispatch.capacity;
        if !driver.has_room(capacity) {
            return Err(Refusal::NoRoom { driver: to, capacity });
        }
        let mut events = self.withdrawals(delivery, live, None, policy, now);
        let asked_for_it = live.search().is_some_and(|search| search.offer_to(to).is_some());
        if driver.offer.is_some() && !asked_for_it {
            events.extend(self.close_offer(to, Closing::Withdrawn, policy, now));
        }
        events.push(Event::Reassigned { delivery, from, to });
        Ok(events)
    }

    pub(super) fn finish(
        &self,
        delivery: DeliveryId,
        order: OrderId,
        end: End,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if let Some(earned) = end.earned() {
            amount_fits(earned, policy)?;
        }
        let live = self.live(delivery)?;
        if !live.orders.contains(&order) {
            return Err(Refusal::UnknownOrder { delivery, order });
        }
        if end.earned().is_some() && live.driver().is_none() {
            return Err(Refusal::NotTaken { delivery });
        }
        let last = live.orders.len() == 1;
        let mut events =
            if last { self.withdrawals(delivery, live, None, policy, now) } else { Vec::new() };
        events.push(Event::Finished { delivery, order, end });
        Ok(events)
    }

    /// Every open offer of a delivery withdrawn, but the one to `winner`. What was offered along with
    /// it searches on.
    pub(super) fn withdrawals(
        &self,
        delivery: DeliveryId,
        live: &Delivery,
        winner: Option<DriverId>,
        policy: &Policy,
        now: Timestamp,
    ) -> Vec<Event> {
        let offers = live.search().map_or(&[] as &[Offer], |search| &search.offers);
        let others = offers.iter().filter(|offer| Some(offer.driver) != winner);
        let mut events = Vec::new();
        for offer in others {
            events.push(Event::OfferClosed {
                delivery: offer.goes_by(delivery),
                driver: offer.driver,
                why: Closing::Withdrawn,
            });
            let along = offer.deliveries(&delivery).filter(|other| *other != delivery);
            events.extend(along.filter_map(|other| self.stage_after(other, policy, now)));
        }
        events
    }
}

/// The contents of [`Command::Open`](super::Command::Open).
#[derive(Clone, Copy)]
pub(super) struct OpenWish<'a> {
    pub(super) restaurant: RestaurantId,
    pub(super) pickup: LatLng,
    pub(super) orders: &'a [OrderId],
    pub(super) value: Money,
}

fn amount_fits(amount: Money, policy: &Policy) -> Result<(), Refusal> {
    if amount.currency() == policy.currency && amount.minor() >= 0 {
        Ok(())
    } else {
        Err(Refusal::BadAmount { currency: policy.currency })
    }
}
