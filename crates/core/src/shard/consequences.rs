//! What follows from one room's events in another: both stand in one batch.

use super::Shard;
use super::decide::Decided;
use super::event::Event;
use crate::dispatch::{self, End, Stage};
use crate::id::{DeliveryId, DriverId, OrderId};
use crate::money::Money;
use crate::order::{self, DropReason, Order};
use crate::pricing;
use crate::time::Timestamp;

impl Shard {
    /// A command to dispatch; the orders of a search that found nobody so far are flagged.
    pub(super) fn ask_dispatch(&self, command: &dispatch::Command, now: Timestamp) -> Decided {
        let decided = self.dispatch.decide(command, &self.policy, now)?;
        self.with_flags(decided, now)
    }

    /// What dispatch decided, and the flag of each order whose search found nobody so far.
    pub(super) fn with_flags(&self, decided: Vec<dispatch::Event>, now: Timestamp) -> Decided {
        let mut events = Vec::with_capacity(decided.len());
        for event in decided {
            let flagged = match &event {
                dispatch::Event::StageEntered { delivery, stage: Stage::Flagged, .. } => {
                    Some(*delivery)
                }
                dispatch::Event::StageEntered { stage: Stage::Near | Stage::Wide, .. }
                | dispatch::Event::DriverAdmitted { .. }
                | dispatch::Event::VehicleChanged { .. }
                | dispatch::Event::DriverReleased { .. }
                | dispatch::Event::WentOnline { .. }
                | dispatch::Event::WentOffline { .. }
                | dispatch::Event::Opened { .. }
                | dispatch::Event::OfferMade { .. }
                | dispatch::Event::OfferClosed { .. }
                | dispatch::Event::Taken { .. }
                | dispatch::Event::Dropped { .. }
                | dispatch::Event::Reassigned { .. }
                | dispatch::Event::Finished { .. } => None,
            };
            events.push(Event::Dispatch(event));
            if let Some(delivery) = flagged {
                events.extend(self.every_order(delivery, now, |_| order::Command::FlagSearch)?);
            }
        }
        Ok(events)
    }

    /// An order's events, each with what it means for deliveries and drivers.
    pub(super) fn with_consequences(
        &self,
        order: &Order,
        decided: Vec<order::Event>,
        now: Timestamp,
    ) -> Decided {
        let id = order.id();
        let mut events = Vec::with_capacity(decided.len());
        for event in decided {
            let consequences = match &event {
                order::Event::Accepted { estimate, .. } => {
                    self.open_delivery(order, *estimate, now)?
                }
                order::Event::DriverDropped { driver, why, .. } => {
                    self.taken_off(id, *driver, *why, now)?
                }
                order::Event::Delivered { .. } => {
                    let distance_m = order.quote().distance_m;
                    let earned = pricing::earnings(distance_m, &self.policy)?;
                    self.finish(id, End::Delivered { earned }, now)?
                }
                order::Event::Undelivered { reason, .. } => {
                    let distance_m = order.quote().distance_m;
                    let mut earned = pricing::earnings(distance_m, &self.policy)?;
                    if !reason.customer_pays() {
                        earned = Money::zero(self.policy.currency);
                    }
                    self.finish(id, End::Undelivered { earned }, now)?
                }
                order::Event::Cancelled { .. } => self.finish(id, End::Cancelled, now)?,
                order::Event::Placed { .. }
                | order::Event::PreparingStarted
                | order::Event::MadeReady { .. }
                | order::Event::Adjusted { .. }
                | order::Event::EstimateRevised { .. }
                | order::Event::DriverAssigned { .. }
                | order::Event::HandedOver { .. }
                | order::Event::SearchFlagged
                | order::Event::ArrivedAtRestaurant { .. }
                | order::Event::PickedUp { .. }
                | order::Event::Departed { .. }
                | order::Event::ArrivedAtDoorstep { .. }
                | order::Event::Payment(_) => Vec::new(),
            };
            events.push(Event::Order { order: id, event });
            events.extend(consequences);
        }
        Ok(events)
    }

    /// An accepted order wants a driver. There is room for its delivery: the bound was kept when
    /// the checkout was opened, and one lowered since then must not strand a customer who has paid.
    fn open_delivery(&self, order: &Order, estimate: Timestamp, now: Timestamp) -> Decided {
        let (number, _) = self.ids.next(now);
        let mut policy = self.policy.clone();
        policy.memory.orders_max = u32::MAX;
        // The first stage lasts from when somebody is looked for.
        let from = self.policy.search_from(self.ready_at(order, estimate), now);
        let stage_for = policy.dispatch.stage_for;
        policy.dispatch.stage_for = from.saturating_since(now).saturating_add(stage_for);
        let open = dispatch::Command::Open {
            delivery: DeliveryId::truncating(number),
            restaurant: order.intent().restaurant,
            pickup: order.intent().pickup,
            orders: vec![order.id()],
            value: order.quote().total,
        };
        let opened = self.dispatch.decide(&open, &policy, now)?;
        Ok(opened.into_iter().map(Event::Dispatch).collect())
    }

    /// A driver who did not come for one order is off the whole delivery.
    fn taken_off(&self, id: OrderId, driver: DriverId, why: DropReason, now: Timestamp) -> Decided {
        let Some(delivery) = self.dispatch.delivery_of(id) else { return Ok(Vec::new()) };
        let mut events =
            self.ask_dispatch(&dispatch::Command::Drop { delivery, driver, why }, now)?;
        let others = self.dispatch.delivery(delivery).map_or(&[][..], |live| &live.orders);
        for &other in others.iter().filter(|&&other| other != id) {
            let drop = order::Command::DropDriver { driver, why };
            let decided = self.find(other)?.decide(&drop, &self.policy, now)?;
            events.extend(decided.into_iter().map(|event| Event::Order { order: other, event }));
        }
        Ok(events)
    }

    /// An order that has ended leaves its delivery, and the last one frees the driver.
    fn finish(&self, id: OrderId, end: End, now: Timestamp) -> Decided {
        match self.dispatch.delivery_of(id) {
            Some(delivery) => {
                self.ask_dispatch(&dispatch::Command::Finish { delivery, order: id, end }, now)
            }
            None => Ok(Vec::new()),
        }
    }
}
