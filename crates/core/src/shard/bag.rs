//! Several orders in one bag: who takes them, and when each is expected at its door.

use super::Shard;
use super::decide::Decided;
use super::event::Event;
use crate::dispatch::{self, Offer};
use crate::eta::{self, Vehicle};
use crate::id::{DeliveryId, DriverId, OrderId};
use crate::order::{self, Order};
use crate::time::{Span, Timestamp};

impl Shard {
    /// The driver who taps first gets it; the orders of every delivery that was offered learn of it in
    /// the same batch.
    pub(super) fn accept_offer(
        &self,
        delivery: DeliveryId,
        driver: DriverId,
        now: Timestamp,
    ) -> Decided {
        let search = self.dispatch.delivery(delivery).and_then(|delivery| delivery.search());
        let offer = search.and_then(|search| search.offer_to(driver));
        let distance_m = offer.and_then(|offer| offer.distance_m);
        let travel = self.travel(driver, distance_m.unwrap_or(self.policy.dispatch.wide_m));
        let mut events = self.ask_dispatch(&dispatch::Command::Accept { delivery, driver }, now)?;
        if events.is_empty() {
            return Ok(events);
        }
        let mut told = Vec::new();
        for of in offer.into_iter().flat_map(|offer: &Offer| offer.deliveries(&delivery)) {
            told.extend(self.every_order(of, now, |_| order::Command::AssignDriver {
                driver,
                delivery,
                travel,
            })?);
        }
        events.extend(self.with_doors(driver, told, now)?);
        Ok(events)
    }

    pub(super) fn pick_up(
        &self,
        delivery: DeliveryId,
        driver: DriverId,
        now: Timestamp,
    ) -> Decided {
        let told = self.every_order(delivery, now, |_| order::Command::PickUp { driver })?;
        self.with_doors(driver, told, now)
    }

    /// Each order of a bag was told of the way to its door as if it were alone; those that are not
    /// learn when they are expected, one door after the other.
    fn with_doors(&self, driver: DriverId, mut told: Vec<Event>, now: Timestamp) -> Decided {
        let mut bag: Vec<Order> = Vec::new();
        for event in &told {
            let Event::Order { order, event } = event else { continue };
            let mut after = self.find(*order)?.clone();
            // Only a corrupt state refuses its own decision; then nothing is added to it.
            if after.apply(event, now).is_ok() {
                bag.push(after);
            }
        }
        if bag.len() < 2 {
            return Ok(told);
        }
        for (order, estimate) in self.doors(driver, &bag) {
            let Some(after) = bag.iter().find(|after| after.id() == order) else { continue };
            let revise = order::Command::ReviseEstimate { estimate };
            let revised = after.decide(&revise, &self.policy, now)?;
            told.extend(revised.into_iter().map(|event| Event::Order { order, event }));
        }
        Ok(told)
    }

    /// When each order of a bag is expected, in the order of the doors: nobody sets out before the
    /// last of them can.
    fn doors(&self, driver: DriverId, bag: &[Order]) -> Vec<(OrderId, Timestamp)> {
        let plan = &self.policy.dispatch.plan;
        let speeds = &self.policy.dispatch.speeds;
        let vehicle = self.dispatch.driver(driver).map_or(Vehicle::Walking, |known| known.vehicle);
        let usual = |order: &Order| self.ride(order, Vehicle::Motorcycle);
        let sets_out = bag.iter().map(|order| order.intent().estimate.saturating_sub(usual(order)));
        let mut there = sets_out.max().unwrap_or(Timestamp::EPOCH);
        let mut place = None;
        let mut doors = Vec::with_capacity(bag.len());
        for order in bag {
            let intent = order.intent();
            let way = match place {
                None => order.quote().distance_m,
                Some(door) => intent.drop_off.distance_m(door),
            };
            there = there.saturating_add(eta::travel(way, vehicle, speeds));
            // An estimate takes a motorcycle to the door, as for an order that is alone.
            let alone = self.ride(order, vehicle).as_millis();
            let slower = Span::from_millis(alone.saturating_sub(usual(order).as_millis()));
            doors.push((order.id(), there.saturating_sub(slower)));
            there = there
                .saturating_add(plan.service_before_drop_off)
                .saturating_add(plan.service_after_drop_off);
            place = Some(intent.drop_off);
        }
        doors
    }
}
