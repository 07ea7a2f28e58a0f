//! Drivers and deliveries, as the auditor follows them.

use std::collections::BTreeMap;

use doorstep_core::id::{DeliveryId, DriverId, OrderId, RestaurantId};

use super::ledger::{Invariant, Ledger};
use super::wire::{Closing, Dispatch, DispatchRules, Finish};

/// What a driver has in hand.
#[derive(Clone, Debug, Default)]
struct Driver {
    online: bool,
    offer: Option<DeliveryId>,
    carrying: Vec<DeliveryId>,
}

/// A delivery that is not over.
#[derive(Clone, Debug, Default)]
struct Delivery {
    restaurant: Option<RestaurantId>,
    orders: Vec<OrderId>,
    holder: Option<DriverId>,
    /// Who is asked, and when that is over.
    offers: Vec<(DriverId, i64)>,
    /// What is offered along with it, and with what this one is offered along.
    along: Vec<DeliveryId>,
    lead: Option<DeliveryId>,
    /// What has become part of it, with the orders that came with it.
    parts: Vec<(DeliveryId, Vec<OrderId>)>,
}

/// What a batch touched of an order: how it left its delivery, if it did.
pub(super) type Touched = (OrderId, Option<Finish>);

/// The drivers and the live deliveries.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    capacity: u32,
    /// Most orders of a bundle that is offered.
    bundle_max: u32,
    drivers: BTreeMap<DriverId, Driver>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    delivery_of: BTreeMap<OrderId, DeliveryId>,
}

impl Fleet {
    pub(super) const fn new(capacity: u32) -> Self {
        Self {
            capacity,
            bundle_max: u32::MAX,
            drivers: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            delivery_of: BTreeMap::new(),
        }
    }

    pub(super) const fn set_rules(&mut self, rules: &DispatchRules) {
        self.capacity = rules.capacity;
        if let Some(plan) = rules.plan {
            self.bundle_max = plan.bundle_max;
        }
    }

    /// The live delivery that the order is in, and who has that.
    pub(super) fn carrier_of(&self, order: OrderId) -> (Option<DeliveryId>, Option<DriverId>) {
        let delivery = self.delivery_of.get(&order).copied();
        let live = delivery.and_then(|id| self.deliveries.get(&id));
        (delivery.filter(|_| live.is_some()), live.and_then(|live| live.holder))
    }

    pub(super) fn event(
        &mut self,
        event: &Dispatch,
        at: i64,
        touched: &mut Vec<Touched>,
        ledger: &mut Ledger,
    ) {
        match event {
            Dispatch::DriverAdmitted { driver } => {
                let new = self.drivers.insert(*driver, Driver::default()).is_none();
                ledger.check(Invariant::Roster, new, || format!("{driver} is admitted twice"));
            }
            Dispatch::VehicleChanged { driver } => {
                self.driver(*driver, ledger, |_| ());
            }
            Dispatch::DriverReleased { driver } => {
                let gone = self.drivers.remove(driver);
                let idle = gone.is_some_and(|d| d.offer.is_none() && d.carrying.is_empty());
                ledger.check(Invariant::Roster, idle, || {
                    format!("{driver} is released, unknown or with hands full")
                });
            }
            Dispatch::WentOnline { driver } => {
                self.on_duty(*driver, true, ledger);
            }
            Dispatch::WentOffline { driver } => {
                self.on_duty(*driver, false, ledger);
            }
            Dispatch::Opened { delivery, restaurant, orders } => {
                self.opened(*delivery, *restaurant, orders, ledger);
                touched.extend(orders.iter().map(|order| (*order, None)));
            }
            Dispatch::OfferMade { delivery, driver, expires_at, bundle } => {
                self.offered(*delivery, *driver, *expires_at, ledger);
                if !bundle.is_empty() {
                    self.offered_along(*delivery, bundle, ledger);
                }
            }
            Dispatch::OfferClosed { delivery, driver, why } => {
                self.offer_closed(*delivery, *driver, *why, at, ledger);
            }
            Dispatch::StageEntered { delivery } => {
                self.delivery(*delivery, ledger, |_| ());
            }
            Dispatch::Taken { delivery, driver, bundle } => {
                self.joined(*delivery, bundle, ledger);
                self.taken(*delivery, *driver, at, ledger);
                self.touch(*delivery, touched);
            }
            Dispatch::Dropped { delivery, driver, parted } => {
                self.gives_up(*delivery, Some(*driver), ledger);
                self.touch(*delivery, touched);
                self.parted(*delivery, parted, ledger);
            }
            Dispatch::Reassigned { delivery, from, to } => {
                self.gives_up(*delivery, *from, ledger);
                self.takes(*delivery, *to, ledger);
                self.touch(*delivery, touched);
            }
            Dispatch::Finished { delivery, order, end } => {
                self.finished(*delivery, *order, ledger);
                touched.push((*order, Some(*end)));
            }
        }
    }

    fn on_duty(&mut self, id: DriverId, online: bool, ledger: &mut Ledger) {
        let before =
            self.driver(id, ledger, |driver| core::mem::replace(&mut driver.online, online));
        ledger.check(Invariant::Roster, before != Some(online), || {
            format!("{id} comes or goes who did before: on duty {online}")
        });
    }

    fn opened(
        &mut self,
        id: DeliveryId,
        restaurant: RestaurantId,
        orders: &[OrderId],
        ledger: &mut Ledger,
    ) {
        for order in orders {
            let before = self.delivery_of.insert(*order, id);
            ledger.check(Invariant::Deliveries, before.is_none(), || {
                format!("{order} is in {id} and in {before:?}")
            });
        }
        let (restaurant, orders) = (Some(restaurant), orders.to_vec());
        let empty = orders.is_empty();
        let opened = Delivery { restaurant, orders, ..Delivery::default() };
        let new = self.deliveries.insert(id, opened).is_none() && !empty;
        ledger.check(Invariant::Deliveries, new, || format!("{id} is opened twice, or empty"));
    }

    fn offered(&mut self, id: DeliveryId, driver: DriverId, until: i64, ledger: &mut Ledger) {
        let capacity = self.capacity;
        let asked = self.driver(driver, ledger, |driver| {
            (driver.online, driver.offer.replace(id), room(driver, capacity))
        });
        if let Some((online, before, room)) = asked {
            ledger.check(Invariant::Roster, online, || format!("{driver} is asked off duty"));
            ledger.check(Invariant::OneOfferPerDriver, before.is_none(), || {
                format!("{driver} is offered {id} while thinking about {before:?}")
            });
            ledger.check(Invariant::Capacity, room, || {
                format!("{driver} is offered {id} and carries {capacity} already")
            });
        }
        let holder = self.delivery(id, ledger, |delivery| {
            delivery.offers.retain(|(asked, _)| *asked != driver);
            delivery.offers.push((driver, until));
            (delivery.holder, delivery.lead)
        });
        let (holder, lead) = holder.unwrap_or_default();
        ledger.check(Invariant::OneDriverPerOrder, holder.is_none(), || {
            format!("{id} is offered to {driver}, and {holder:?} has it")
        });
        ledger.check(Invariant::OneOfferPerDriver, lead.is_none(), || {
            format!("{id} is offered to {driver}, and along with {lead:?}")
        });
    }

    /// Several deliveries of one restaurant go under one offer, by the name of the first.
    fn offered_along(&mut self, id: DeliveryId, bundle: &[DeliveryId], ledger: &mut Ledger) {
        let lead = self.deliveries.get(&id).cloned().unwrap_or_default();
        let mut orders = lead.orders.len();
        let others: Vec<DeliveryId> = bundle.iter().copied().filter(|other| *other != id).collect();
        let named = bundle.first() == Some(&id) && bundle.len() == others.len().saturating_add(1);
        ledger.check(Invariant::Deliveries, named && lead.offers.len() == 1, || {
            format!("{bundle:?} are offered as {id}, beside {:?}", lead.offers)
        });
        for &other in &others {
            let was = self.delivery(other, ledger, |delivery| {
                let was = delivery.clone();
                delivery.lead = Some(id);
                was
            });
            let Some(was) = was else { continue };
            orders = orders.saturating_add(was.orders.len());
            let free = was.holder.is_none() && was.offers.is_empty() && was.lead.is_none();
            ledger.check(Invariant::OneOfferPerDriver, free && was.along.is_empty(), || {
                format!("{other} is offered along with {id}, and is elsewhere: {was:?}")
            });
            ledger.check(Invariant::Deliveries, was.restaurant == lead.restaurant, || {
                format!("{other} and {id} go together, and are of two restaurants")
            });
        }
        let most = usize::try_from(self.bundle_max).unwrap_or(usize::MAX);
        ledger.check(Invariant::Capacity, orders <= most, || {
            format!("{orders} orders go together as {id}, and {most} may")
        });
        self.delivery(id, ledger, |delivery| delivery.along = others);
    }

    /// What was offered along with a delivery has become part of it.
    fn joined(&mut self, id: DeliveryId, bundle: &[DeliveryId], ledger: &mut Ledger) {
        let along = self.delivery(id, ledger, |delivery| core::mem::take(&mut delivery.along));
        let along = along.unwrap_or_default();
        let others = bundle.iter().filter(|other| **other != id);
        ledger.check(Invariant::Deliveries, along.iter().eq(others), || {
            format!("{bundle:?} become {id}, and {along:?} were offered along with it")
        });
        for part in along {
            let Some(gone) = self.deliveries.remove(&part) else { continue };
            for order in &gone.orders {
                self.delivery_of.insert(*order, id);
            }
            if let Some(lead) = self.deliveries.get_mut(&id) {
                lead.orders.extend(&gone.orders);
                lead.parts.push((part, gone.orders));
            }
        }
    }

    /// What had become part of a delivery is on its own again.
    fn parted(&mut self, id: DeliveryId, parted: &[DeliveryId], ledger: &mut Ledger) {
        let Some(lead) = self.deliveries.get_mut(&id) else { return };
        let (restaurant, parts) = (lead.restaurant, core::mem::take(&mut lead.parts));
        lead.orders.retain(|order| !parts.iter().any(|(_, orders)| orders.contains(order)));
        let over = lead.orders.is_empty();
        ledger.check(Invariant::Deliveries, parts.iter().map(|(part, _)| part).eq(parted), || {
            format!("{parted:?} part from {id}, and {parts:?} were part of it")
        });
        for (part, orders) in parts {
            self.delivery_of.extend(orders.iter().map(|order| (*order, part)));
            let alone = Delivery { restaurant, orders, ..Delivery::default() };
            let new = self.deliveries.insert(part, alone).is_none();
            ledger.check(Invariant::Deliveries, new, || format!("{part} was never part of {id}"));
        }
        if over {
            self.deliveries.remove(&id);
        }
    }

    fn offer_closed(
        &mut self,
        id: DeliveryId,
        driver: DriverId,
        why: Closing,
        at: i64,
        ledger: &mut Ledger,
    ) {
        let offer = self.close_offer(id, driver);
        ledger.check(Invariant::OneOfferPerDriver, offer.is_some(), || {
            format!("the offer of {id} to {driver} is closed, and was not open")
        });
        if let (Some(until), Closing::Expired) = (offer, why) {
            ledger.check(Invariant::Deadlines, at >= until, || {
                format!("the offer of {id} to {driver} expired at {at}, before {until}")
            });
        }
    }

    fn taken(&mut self, id: DeliveryId, driver: DriverId, at: i64, ledger: &mut Ledger) {
        let until = self.close_offer(id, driver);
        ledger.check(Invariant::AcceptInTime, until.is_some_and(|until| at < until), || {
            format!("{driver} takes {id} at {at}; the offer: {until:?}")
        });
        self.takes(id, driver, ledger);
    }

    /// From here on `driver` has the delivery.
    fn takes(&mut self, id: DeliveryId, driver: DriverId, ledger: &mut Ledger) {
        let before = self.delivery(id, ledger, |delivery| delivery.holder.replace(driver));
        if let Some(before) = before {
            ledger.check(Invariant::OneDriverPerOrder, before.is_none(), || {
                format!("{driver} takes {id}, which {before:?} has")
            });
        }
        let capacity = self.capacity;
        let room = self.driver(driver, ledger, |driver| {
            let room = room(driver, capacity);
            driver.carrying.push(id);
            room
        });
        if let Some(room) = room {
            ledger.check(Invariant::Capacity, room, || {
                format!("{driver} takes {id} and carries {capacity} already")
            });
        }
    }

    /// From here on nobody has the delivery; `from` did.
    fn gives_up(&mut self, id: DeliveryId, from: Option<DriverId>, ledger: &mut Ledger) {
        let holder = self.delivery(id, ledger, |delivery| delivery.holder.take()).flatten();
        ledger.check(Invariant::OneDriverPerOrder, holder == from, || {
            format!("{id} is taken off {from:?}, and {holder:?} has it")
        });
        if let Some(driver) = holder.and_then(|driver| self.drivers.get_mut(&driver)) {
            driver.carrying.retain(|carried| *carried != id);
        }
    }

    fn finished(&mut self, id: DeliveryId, order: OrderId, ledger: &mut Ledger) {
        let was_in = self.delivery_of.remove(&order);
        ledger.check(Invariant::Deliveries, was_in == Some(id), || {
            format!("{order} leaves {id}, and is in {was_in:?}")
        });
        let last = self.delivery(id, ledger, |delivery| {
            delivery.orders.retain(|other| *other != order);
            for (_, orders) in &mut delivery.parts {
                orders.retain(|other| *other != order);
            }
            delivery.parts.retain(|(_, orders)| !orders.is_empty());
            delivery.orders.is_empty()
        });
        if last != Some(true) {
            return;
        }
        let Some(over) = self.deliveries.remove(&id) else { return };
        let idle = over.offers.is_empty() && over.lead.is_none();
        ledger.check(Invariant::OneOfferPerDriver, idle, || {
            format!("{id} is over, and {:?} are still thinking about it", over.offers)
        });
        for driver in over.holder.iter().chain(over.offers.iter().map(|(driver, _)| driver)) {
            if let Some(driver) = self.drivers.get_mut(driver) {
                driver.carrying.retain(|carried| *carried != id);
                driver.offer = driver.offer.filter(|offer| *offer != id);
            }
        }
    }

    /// Nobody has anything in hand, and nothing looks for a driver.
    pub(super) fn finish(&self, ledger: &mut Ledger) {
        for (id, driver) in &self.drivers {
            let idle = driver.offer.is_none() && driver.carrying.is_empty();
            ledger.check(Invariant::NobodyHolds, idle, || {
                format!("{id} is left with {:?} and offered {:?}", driver.carrying, driver.offer)
            });
        }
        for (id, delivery) in &self.deliveries {
            ledger.check(Invariant::NobodyHolds, false, || {
                format!("{id} is left with {:?}", delivery.orders)
            });
        }
    }

    /// Closes an open offer; when it would have expired, if it was open.
    fn close_offer(&mut self, id: DeliveryId, driver: DriverId) -> Option<i64> {
        if let Some(driver) = self.drivers.get_mut(&driver) {
            driver.offer = driver.offer.filter(|offer| *offer != id);
        }
        let lead = self.deliveries.get_mut(&id)?;
        let index = lead.offers.iter().position(|(asked, _)| *asked == driver)?;
        let (_, until) = lead.offers.swap_remove(index);
        for other in core::mem::take(&mut lead.along) {
            if let Some(other) = self.deliveries.get_mut(&other) {
                other.lead = None;
            }
        }
        Some(until)
    }

    fn touch(&self, id: DeliveryId, touched: &mut Vec<Touched>) {
        let orders = self.deliveries.get(&id).map(|delivery| &delivery.orders);
        touched.extend(orders.into_iter().flatten().map(|order| (*order, None)));
    }

    fn driver<T>(
        &mut self,
        id: DriverId,
        ledger: &mut Ledger,
        with: impl FnOnce(&mut Driver) -> T,
    ) -> Option<T> {
        let driver = self.drivers.get_mut(&id);
        ledger.check(Invariant::Roster, driver.is_some(), || format!("{id} is not of this shard"));
        driver.map(with)
    }

    fn delivery<T>(
        &mut self,
        id: DeliveryId,
        ledger: &mut Ledger,
        with: impl FnOnce(&mut Delivery) -> T,
    ) -> Option<T> {
        let delivery = self.deliveries.get_mut(&id);
        ledger.check(Invariant::Deliveries, delivery.is_some(), || format!("{id} is not open"));
        delivery.map(with)
    }
}

fn room(driver: &Driver, capacity: u32) -> bool {
    u32::try_from(driver.carrying.len()).is_ok_and(|carried| carried < capacity)
}
