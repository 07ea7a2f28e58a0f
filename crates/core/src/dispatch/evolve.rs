//! How a fact changes the state. Nothing is decided here; what decisions produce always fits, and
//! what does not fit is found out before anything changes.

use crate::id::{DeliveryId, DriverId, OrderId};
use crate::time::Timestamp;

use super::command::End;
use super::delivery::{Delivery, Joined, ORDERS_MAX, Offer, Search, Stage, State};
use super::event::{Closing, CorruptDispatch, Event};
use super::roster::{Driver, Duty};
use super::{Dispatch, all_differ};

/// No policy lets a driver carry more (`dispatch.capacity` in
/// [`Policy::check`](crate::policy::Policy::check)).
const CARRY_MAX: usize = 16;

type Evolved = Result<(), CorruptDispatch>;

impl Dispatch {
    /// Takes in a fact that happened at `at`. O(log n).
    ///
    /// # Errors
    /// [`CorruptDispatch`] if it cannot have followed on this state; then nothing has changed.
    /// Never for what [`decide`](Self::decide) gave for this very state.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) -> Result<(), CorruptDispatch> {
        match event {
            Event::DriverAdmitted { driver, vehicle } => {
                fits_driver(!self.drivers.contains_key(driver), *driver)?;
                self.drivers.insert(*driver, Driver::new(*vehicle));
                Ok(())
            }
            Event::VehicleChanged { driver, vehicle } => {
                self.driver_mut(*driver)?.vehicle = *vehicle;
                Ok(())
            }
            Event::DriverReleased { driver } => self.released(*driver),
            Event::WentOnline { driver } => self.duty_changed(*driver, Duty::Online),
            Event::WentOffline { driver } => self.duty_changed(*driver, Duty::Offline),
            Event::Opened { delivery, restaurant, pickup, orders, value, stage_ends_at } => {
                let search = Search::new(Stage::Near, *stage_ends_at);
                let opened = Delivery {
                    restaurant: *restaurant,
                    pickup: *pickup,
                    orders: orders.clone(),
                    value: *value,
                    since: at,
                    state: State::Searching(search),
                    joined: Vec::new(),
                };
                self.opened(*delivery, opened)
            }
            Event::OfferMade {
                delivery,
                driver,
                expires_at,
                mode: _,
                distance_m,
                score: _,
                considered: _,
                planned: _,
                bundle,
            } => {
                let (driver, expires_at, distance_m) = (*driver, *expires_at, *distance_m);
                let bundle = bundle.clone();
                self.offer_made(*delivery, &Offer { driver, expires_at, distance_m, bundle })
            }
            Event::OfferClosed { delivery, driver, why } => {
                self.offer_closed(*delivery, *driver, *why)
            }
            Event::StageEntered { delivery, stage, ends_at } => {
                let live = self.deliveries.get(delivery);
                let follows = |s: &Search| s.offers.is_empty() && s.stage.next() == *stage;
                fits_delivery(live.and_then(Delivery::search).is_some_and(follows), *delivery)?;
                self.set_state(*delivery, State::Searching(Search::new(*stage, *ends_at)))
            }
            Event::Taken { delivery, driver, bundle } => self.taken(*delivery, *driver, bundle),
            Event::Dropped { delivery, driver, why: _, stage_ends_at, parted } => {
                self.dropped(*delivery, *driver, *stage_ends_at, parted)
            }
            Event::Reassigned { delivery, from, to } => self.reassigned(*delivery, *from, *to),
            Event::Finished { delivery, order, end } => self.finished(*delivery, *order, *end),
        }
    }

    fn released(&mut self, driver: DriverId) -> Evolved {
        let known = self.driver_mut(driver)?;
        fits_driver(known.offer.is_none() && known.carrying.is_empty(), driver)?;
        self.drivers.remove(&driver);
        Ok(())
    }

    fn duty_changed(&mut self, driver: DriverId, duty: Duty) -> Evolved {
        let known = self.driver_mut(driver)?;
        fits_driver(known.duty != duty && known.offer.is_none(), driver)?;
        known.duty = duty;
        Ok(())
    }

    fn opened(&mut self, id: DeliveryId, opened: Delivery) -> Evolved {
        let orders = &opened.orders;
        let fits = !self.deliveries.contains_key(&id)
            && !self.index.joined.contains_key(&id)
            && (1..=ORDERS_MAX).contains(&orders.len())
            && !orders.iter().any(|order| self.index.orders.contains_key(order))
            && !orders.iter().enumerate().any(|(at, o)| orders.iter().take(at).any(|b| b == o));
        fits_delivery(fits, id)?;
        self.index.orders.extend(orders.iter().map(|&order| (order, id)));
        self.index.search_enters(id, &opened);
        self.deliveries.insert(id, opened);
        Ok(())
    }

    fn offer_made(&mut self, id: DeliveryId, offer: &Offer) -> Evolved {
        let driver = offer.driver;
        fits_delivery(self.can_be_offered(id, offer), id)?;
        let known = self.driver_mut(driver)?;
        fits_driver(known.duty == Duty::Online && known.offer.is_none(), driver)?;
        known.offer = Some(id);
        known.record.offered = known.record.offered.saturating_add(1);
        for of in offer.deliveries(&id) {
            self.change_search(of, |search| {
                if search.offers.is_empty() {
                    search.rounds = search.rounds.saturating_add(1);
                }
                search.offers.push(offer.clone());
            });
        }
        Ok(())
    }

    /// Whether it searches, and what is offered together lies together, and nobody else thinks about
    /// any of it.
    fn can_be_offered(&self, id: DeliveryId, offer: &Offer) -> bool {
        let bundle = &offer.bundle;
        let Some(first) = self.deliveries.get(&id) else { return false };
        let alone = |search: &Search| search.offers.iter().all(|offer| offer.bundle.is_empty());
        let mut orders = 0_usize;
        let mut fits = |other: &DeliveryId| {
            let Some(live) = self.deliveries.get(other) else { return false };
            orders = orders.saturating_add(live.orders.len());
            live.search().is_some_and(|search| search.offers.is_empty())
                && (live.restaurant, live.pickup) == (first.restaurant, first.pickup)
        };
        first.search().is_some_and(alone)
            && (bundle.is_empty()
                || bundle.len() > 1
                    && bundle.first() == Some(&id)
                    && all_differ(bundle)
                    && bundle.iter().all(&mut fits)
                    && orders <= ORDERS_MAX)
    }

    fn offer_closed(&mut self, id: DeliveryId, driver: DriverId, why: Closing) -> Evolved {
        let known = self.drivers.get_mut(&driver).ok_or(CorruptDispatch::Driver { driver })?;
        fits_driver(known.offer == Some(id), driver)?;
        let search = self.deliveries.get(&id).and_then(Delivery::search);
        let offer = search.and_then(|search| search.offer_to(driver));
        let offer = offer.ok_or(CorruptDispatch::Delivery { delivery: id })?.clone();
        known.offer = None;
        let record = &mut known.record;
        match why {
            Closing::Declined => record.declined = record.declined.saturating_add(1),
            Closing::Expired => record.silent = record.silent.saturating_add(1),
            Closing::Withdrawn => {}
        }
        for of in offer.deliveries(&id) {
            self.change_search(of, |search| {
                search.offers.retain(|offer| offer.driver != driver);
                match why {
                    Closing::Declined | Closing::Expired => search.remember(driver),
                    Closing::Withdrawn => {}
                }
            });
        }
        Ok(())
    }

    fn taken(&mut self, id: DeliveryId, driver: DriverId, bundle: &[DeliveryId]) -> Evolved {
        let only = |search: &Search| {
            let offer = search.offer_to(driver);
            search.offers.len() == 1 && offer.is_some_and(|offer| offer.bundle == bundle)
        };
        let live = self.deliveries.get(&id);
        fits_delivery(live.and_then(Delivery::search).is_some_and(only), id)?;
        let known = self.driver_mut(driver)?;
        fits_driver(known.offer == Some(id) && can_carry(known, id), driver)?;
        known.offer = None;
        known.carrying.push(id);
        known.record.accepted = known.record.accepted.saturating_add(1);
        self.set_state(id, State::Taken { driver })?;
        for &other in bundle.iter().filter(|&&other| other != id) {
            self.join(id, other);
        }
        Ok(())
    }

    /// A delivery becomes part of another that is taken.
    fn join(&mut self, id: DeliveryId, part: DeliveryId) {
        let Some(gone) = self.deliveries.remove(&part) else { return };
        self.index.search_leaves(part, &gone);
        let Delivery { orders, value, since, .. } = gone;
        self.index.orders.extend(orders.iter().map(|&order| (order, id)));
        self.index.joined.insert(part, id);
        if let Some(live) = self.deliveries.get_mut(&id) {
            live.orders.extend(&orders);
            live.joined.push(Joined { delivery: part, orders, value, since });
        }
    }

    fn dropped(
        &mut self,
        id: DeliveryId,
        driver: DriverId,
        stage_ends_at: Timestamp,
        parted: &[DeliveryId],
    ) -> Evolved {
        fits_delivery(self.holder(id) == Some(driver), id)?;
        let parts = self.deliveries.get(&id).into_iter().flat_map(|live| &live.joined);
        fits_delivery(parts.map(|part| &part.delivery).eq(parted), id)?;
        let known = self.driver_mut(driver)?;
        known.carrying.retain(|&carried| carried != id);
        known.record.dropped = known.record.dropped.saturating_add(1);
        let mut search = Search::new(Stage::Near, stage_ends_at);
        search.remember(driver);
        self.part(id, &search);
        match self.deliveries.get(&id) {
            Some(_) => self.set_state(id, State::Searching(search)),
            None => Ok(()),
        }
    }

    /// What has become part of a delivery searches for itself; the delivery is over if nothing is left.
    fn part(&mut self, id: DeliveryId, search: &Search) {
        let Some(live) = self.deliveries.get_mut(&id) else { return };
        let parts = core::mem::take(&mut live.joined);
        let (restaurant, pickup) = (live.restaurant, live.pickup);
        live.orders.retain(|order| !parts.iter().any(|part| part.orders.contains(order)));
        if live.orders.is_empty() {
            self.deliveries.remove(&id);
        }
        for Joined { delivery, orders, value, since } in parts {
            let state = State::Searching(search.clone());
            self.index.joined.remove(&delivery);
            self.index.orders.extend(orders.iter().map(|&order| (order, delivery)));
            let joined = Vec::new();
            let alone = Delivery { restaurant, pickup, orders, value, since, state, joined };
            self.index.search_enters(delivery, &alone);
            self.deliveries.insert(delivery, alone);
        }
    }

    fn reassigned(&mut self, id: DeliveryId, from: Option<DriverId>, to: DriverId) -> Evolved {
        let live = self.deliveries.get(&id).ok_or(CorruptDispatch::Delivery { delivery: id })?;
        let idle = live.search().is_none_or(|search| search.offers.is_empty());
        fits_delivery(idle && live.driver() == from, id)?;
        if let Some(driver) = from {
            fits_driver(self.drivers.contains_key(&driver), driver)?;
        }
        let known = self.driver_mut(to)?;
        fits_driver(known.offer.is_none() && can_carry(known, id), to)?;
        known.carrying.push(id);
        if let Some(former) = from.and_then(|driver| self.drivers.get_mut(&driver)) {
            former.carrying.retain(|&carried| carried != id);
        }
        self.set_state(id, State::Taken { driver: to })
    }

    fn finished(&mut self, id: DeliveryId, order: OrderId, end: End) -> Evolved {
        let corrupt = CorruptDispatch::Delivery { delivery: id };
        let live = self.deliveries.get_mut(&id).ok_or(corrupt)?;
        let last = live.orders.len() == 1;
        let idle = live.search().is_none_or(|search| search.offers.is_empty());
        let fits = live.orders.contains(&order)
            && (idle || !last)
            && (end.earned().is_none() || live.driver().is_some());
        fits_delivery(fits, id)?;
        if let Some(driver) = live.driver() {
            let known = self.drivers.get_mut(&driver).ok_or(CorruptDispatch::Driver { driver })?;
            let record = &mut known.record;
            if let Some(earned) = end.earned() {
                record.earned_minor = record.earned_minor.saturating_add(earned.minor());
            }
            match end {
                End::Delivered { .. } => record.delivered = record.delivered.saturating_add(1),
                End::Undelivered { .. } | End::Cancelled => {}
            }
            if last {
                known.carrying.retain(|&carried| carried != id);
            }
        }
        self.index.orders.remove(&order);
        for part in &mut live.joined {
            part.orders.retain(|&other| other != order);
            if part.orders.is_empty() {
                self.index.joined.remove(&part.delivery);
            }
        }
        live.joined.retain(|part| !part.orders.is_empty());
        if last {
            self.index.search_leaves(id, live);
            self.deliveries.remove(&id);
        } else {
            live.orders.retain(|&other| other != order);
        }
        Ok(())
    }

    /// Changes the search of a delivery that has one.
    fn change_search(&mut self, id: DeliveryId, change: impl FnOnce(&mut Search)) {
        let Some(live) = self.deliveries.get_mut(&id) else { return };
        self.index.search_leaves(id, live);
        if let State::Searching(search) = &mut live.state {
            change(search);
        }
        self.index.search_enters(id, live);
    }

    fn driver_mut(&mut self, driver: DriverId) -> Result<&mut Driver, CorruptDispatch> {
        self.drivers.get_mut(&driver).ok_or(CorruptDispatch::Driver { driver })
    }

    fn holder(&self, id: DeliveryId) -> Option<DriverId> {
        self.deliveries.get(&id).and_then(Delivery::driver)
    }

    fn set_state(&mut self, id: DeliveryId, state: State) -> Evolved {
        let corrupt = CorruptDispatch::Delivery { delivery: id };
        let live = self.deliveries.get_mut(&id).ok_or(corrupt)?;
        self.index.search_leaves(id, live);
        live.state = state;
        self.index.search_enters(id, live);
        Ok(())
    }
}

fn can_carry(driver: &Driver, id: DeliveryId) -> bool {
    driver.duty == Duty::Online
        && driver.carrying.len() < CARRY_MAX
        && !driver.carrying.contains(&id)
}

fn fits_driver(fits: bool, driver: DriverId) -> Evolved {
    if fits { Ok(()) } else { Err(CorruptDispatch::Driver { driver }) }
}

fn fits_delivery(fits: bool, delivery: DeliveryId) -> Evolved {
    if fits { Ok(()) } else { Err(CorruptDispatch::Delivery { delivery }) }
}
