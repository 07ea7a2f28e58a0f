//! Who is told what: the one table from the shard's events to messages. Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use doorstep_core::checkout;
use doorstep_core::dispatch::{self, Closing};
use doorstep_core::id::{DeliveryId, DriverId, OrderId, ShardId};
use doorstep_core::log::Batch;
use doorstep_core::notify::{Message, Name};
use doorstep_core::order::{self, DropReason};
use doorstep_core::payment::{self, HoldRefused, News};
use doorstep_core::shard::{Event, Outcome, Shard};
use doorstep_core::time::{Span, Timestamp};
use serde::Serialize;

use super::Recipient;
use super::kind::Kind;

/// The version of a message's body, which is JSON: `{"v":1,"type":"order.confirmed","at":…,"order":
/// "ord_…"}`, where `at` is in milliseconds, and `order` or `delivery` may be absent.
pub const FORMAT: u32 = 1;

/// How long news of an order are of use. Ours: longer than anybody waits for one.
const USEFUL_FOR: Span = Span::from_hours(4);

/// Whom a row of the table speaks of, and what letter stands for them in a message's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Customer,
    Restaurant,
    /// Whoever comes for the order or carries it.
    Carrier,
    Driver(DriverId),
    /// A driver who had what another has now.
    Former(DriverId),
    Operations,
}

/// One row: who is told what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    who: Who,
    kind: Kind,
    category: &'static str,
    critical: bool,
    useful_until: Option<Timestamp>,
}

impl Told {
    const fn new(who: Who, kind: Kind, category: &'static str) -> Self {
        Self { who, kind, category, critical: false, useful_until: None }
    }

    const fn critical(self) -> Self {
        Self { critical: true, ..self }
    }

    const fn until(self, until: Timestamp) -> Self {
        Self { useful_until: Some(until), ..self }
    }
}

/// What the table needs beside a batch: who has which order. Bounded by the orders under way.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    carriers: BTreeMap<OrderId, DriverId>,
}

#[derive(Serialize)]
struct Body {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryId>,
}

impl Mapping {
    /// As the shard stands.
    pub(super) fn of(shard: &Shard) -> Self {
        let carried = shard
            .orders()
            .filter_map(|order| order.phase().assignment().map(|(driver, _)| (order.id(), driver)));
        Self { carriers: carried.collect() }
    }

    /// What a batch that counts gives to tell. Batches come in order; `shard` has taken this one in,
    /// and maybe later ones. The same batch gives the same messages, under the same names.
    pub(super) fn messages(
        &mut self,
        id: ShardId,
        batch: &Batch<Event, Outcome>,
        shard: &Shard,
    ) -> Vec<Message<Recipient>> {
        let mut messages = Vec::new();
        for (nth, event) in batch.events.iter().enumerate() {
            let (order, delivery) = subject(event);
            for told in rows(event) {
                let Some(to) = recipient(self, told.who, order, shard) else { continue };
                let name = format!("n_{}_{}_{nth}{}", id.get(), batch.seq, letter(told.who));
                let body =
                    Body { v: FORMAT, kind: told.kind.name(), at: batch.at, order, delivery };
                let (Ok(id), Ok(category), Ok(body)) =
                    (Name::new(name), Name::new(told.category), serde_json::to_string(&body))
                else {
                    continue; // names and bodies are ours: they are sound
                };
                let useful_until =
                    told.useful_until.unwrap_or_else(|| batch.at.saturating_add(USEFUL_FOR));
                let critical = told.critical;
                messages.push(Message { id, to, category, critical, useful_until, body });
            }
            self.follow(event);
        }
        messages
    }

    /// Who has an order after this event.
    fn follow(&mut self, event: &Event) {
        let Event::Order { order, event } = event else { return };
        match event {
            order::Event::DriverAssigned { driver, .. }
            | order::Event::HandedOver { driver, .. } => {
                self.carriers.insert(*order, *driver);
            }
            order::Event::DriverDropped { .. }
            | order::Event::Delivered { .. }
            | order::Event::Undelivered { .. }
            | order::Event::Cancelled { .. } => {
                self.carriers.remove(order);
            }
            order::Event::Placed { .. }
            | order::Event::Accepted { .. }
            | order::Event::PreparingStarted
            | order::Event::MadeReady { .. }
            | order::Event::Adjusted { .. }
            | order::Event::EstimateRevised { .. }
            | order::Event::SearchFlagged
            | order::Event::ArrivedAtRestaurant { .. }
            | order::Event::PickedUp { .. }
            | order::Event::Departed { .. }
            | order::Event::ArrivedAtDoorstep { .. }
            | order::Event::Payment(_) => {}
        }
    }
}

fn recipient(
    mapping: &Mapping,
    who: Who,
    order: Option<OrderId>,
    shard: &Shard,
) -> Option<Recipient> {
    let parties = || {
        let id = order?;
        let placed = shard.order(id).map(order::Order::intent);
        placed.or_else(|| shard.checkout(id).map(checkout::Checkout::intent))
    };
    match who {
        Who::Customer => parties().map(|intent| Recipient::Customer(intent.customer)),
        Who::Restaurant => parties().map(|intent| Recipient::Restaurant(intent.restaurant)),
        Who::Carrier => mapping.carriers.get(&order?).map(|driver| Recipient::Driver(*driver)),
        Who::Driver(driver) | Who::Former(driver) => Some(Recipient::Driver(driver)),
        Who::Operations => Some(Recipient::Operations),
    }
}

/// No event tells two people under one letter: the name of a message is that of its row.
const fn letter(who: Who) -> char {
    match who {
        Who::Customer => 'c',
        Who::Restaurant => 'r',
        Who::Carrier => 'k',
        Who::Driver(_) => 'd',
        Who::Former(_) => 'f',
        Who::Operations => 'o',
    }
}

fn subject(event: &Event) -> (Option<OrderId>, Option<DeliveryId>) {
    match event {
        Event::Order { order, .. } | Event::Checkout { order, .. } => (Some(*order), None),
        Event::Dispatch(event) => match event {
            dispatch::Event::OfferMade { delivery, .. }
            | dispatch::Event::OfferClosed { delivery, .. }
            | dispatch::Event::Reassigned { delivery, .. }
            | dispatch::Event::Dropped { delivery, .. }
            | dispatch::Event::Opened { delivery, .. }
            | dispatch::Event::StageEntered { delivery, .. }
            | dispatch::Event::Taken { delivery, .. }
            | dispatch::Event::Finished { delivery, .. } => (None, Some(*delivery)),
            dispatch::Event::DriverAdmitted { .. }
            | dispatch::Event::VehicleChanged { .. }
            | dispatch::Event::DriverReleased { .. }
            | dispatch::Event::WentOnline { .. }
            | dispatch::Event::WentOffline { .. } => (None, None),
        },
        Event::PolicySet(_)
        | Event::Catalog(_)
        | Event::Provider { .. }
        | Event::SaleOpened { .. }
        | Event::Sale { .. }
        | Event::SaleCheckout { .. } => (None, None),
    }
}

/// The table.
fn rows(event: &Event) -> Vec<Told> {
    match event {
        Event::Order { event, .. } => of_order(event),
        Event::Checkout { event, .. } => of_checkout(event),
        Event::Dispatch(event) => of_dispatch(event),
        // What follows from a provider's word stands beside it; who is in a sale looks at its page.
        Event::PolicySet(_)
        | Event::Catalog(_)
        | Event::Provider { .. }
        | Event::SaleOpened { .. }
        | Event::Sale { .. }
        | Event::SaleCheckout { .. } => Vec::new(),
    }
}

fn of_order(event: &order::Event) -> Vec<Told> {
    let customer = |kind| Told::new(Who::Customer, kind, "order");
    let restaurant = |kind| Told::new(Who::Restaurant, kind, "kitchen");
    let driver = |kind| Told::new(Who::Carrier, kind, "delivery");
    let operations = |kind| Told::new(Who::Operations, kind, "operations");
    match event {
        order::Event::Placed { respond_by } => {
            vec![
                customer(Kind::ORDER_PLACED),
                restaurant(Kind::ORDER_PLACED).critical().until(*respond_by),
            ]
        }
        order::Event::Accepted { .. } => vec![customer(Kind::ORDER_CONFIRMED)],
        order::Event::PreparingStarted => vec![customer(Kind::ORDER_PREPARING)],
        order::Event::MadeReady { .. } => {
            vec![customer(Kind::ORDER_READY), driver(Kind::ORDER_READY)]
        }
        order::Event::Adjusted { .. } => vec![customer(Kind::ORDER_ADJUSTED).critical()],
        // It moves with every other event; the tracking page shows it.
        order::Event::EstimateRevised { .. } => Vec::new(),
        order::Event::DriverAssigned { .. } => vec![customer(Kind::ORDER_DRIVER_ASSIGNED)],
        order::Event::DriverDropped { .. } => vec![customer(Kind::ORDER_DRIVER_DROPPED)],
        order::Event::HandedOver { .. } => vec![customer(Kind::ORDER_DRIVER_CHANGED)],
        order::Event::SearchFlagged => {
            vec![customer(Kind::ORDER_NO_DRIVER).critical(), operations(Kind::ORDER_NO_DRIVER)]
        }
        order::Event::ArrivedAtRestaurant { .. } => vec![restaurant(Kind::ORDER_DRIVER_HERE)],
        order::Event::PickedUp { .. } => vec![customer(Kind::ORDER_PICKED_UP)],
        order::Event::Departed { .. } => vec![customer(Kind::ORDER_ON_THE_WAY)],
        order::Event::ArrivedAtDoorstep { .. } => {
            vec![customer(Kind::ORDER_AT_DOORSTEP).critical()]
        }
        order::Event::Delivered { .. } => vec![customer(Kind::ORDER_DELIVERED)],
        order::Event::Undelivered { .. } => vec![
            customer(Kind::ORDER_UNDELIVERED).critical(),
            restaurant(Kind::ORDER_UNDELIVERED),
            operations(Kind::ORDER_UNDELIVERED),
        ],
        order::Event::Cancelled { .. } => vec![
            customer(Kind::ORDER_CANCELLED).critical(),
            restaurant(Kind::ORDER_CANCELLED).critical(),
            driver(Kind::ORDER_CANCELLED).critical(),
        ],
        order::Event::Payment(event) => of_payment(event),
    }
}

fn of_checkout(event: &checkout::Event) -> Vec<Told> {
    match event {
        checkout::Event::Payment(event) => of_payment(event),
        checkout::Event::GivenUp => {
            vec![Told::new(Who::Customer, Kind::CHECKOUT_GIVEN_UP, "payment")]
        }
        checkout::Event::Opened { .. } => Vec::new(),
    }
}

fn of_payment(event: &payment::Event) -> Vec<Told> {
    let customer = |kind| Told::new(Who::Customer, kind, "payment");
    match event {
        payment::Event::HoldRefused { why: HoldRefused::Declined } => {
            vec![customer(Kind::PAYMENT_DECLINED).critical()]
        }
        payment::Event::HoldRefused { why: HoldRefused::Unavailable } => {
            vec![customer(Kind::PAYMENT_UNAVAILABLE).critical()]
        }
        payment::Event::Captured { .. } => vec![customer(Kind::PAYMENT_RECEIPT)],
        payment::Event::Refunded { .. } => vec![customer(Kind::PAYMENT_REFUNDED)],
        payment::Event::Failed { flagged: true, .. } => {
            vec![Told::new(Who::Operations, Kind::PAYMENT_FAILING, "operations")]
        }
        payment::Event::Noticed { news, .. } => match news {
            News::Declined => vec![customer(Kind::PAYMENT_DECLINED).critical()],
            News::Captured { .. } => vec![customer(Kind::PAYMENT_RECEIPT)],
            News::Refunded { .. } => vec![customer(Kind::PAYMENT_REFUNDED)],
            News::RefundFailed { .. } => {
                vec![Told::new(Who::Operations, Kind::PAYMENT_FAILING, "operations")]
            }
            News::Authorised { .. } | News::Cancelled | News::Expired => Vec::new(),
        },
        payment::Event::HoldRefused { why: HoldRefused::GivenUp }
        | payment::Event::Held { .. }
        | payment::Event::Released { .. }
        | payment::Event::Failed { flagged: false, .. } => Vec::new(),
    }
}

fn of_dispatch(event: &dispatch::Event) -> Vec<Told> {
    let to = |driver: &DriverId, kind| Told::new(Who::Driver(*driver), kind, "offer").critical();
    match event {
        dispatch::Event::OfferMade { driver, expires_at, .. } => {
            vec![to(driver, Kind::OFFER_MADE).until(*expires_at)]
        }
        dispatch::Event::OfferClosed { driver, why: Closing::Withdrawn, .. } => {
            vec![Told::new(Who::Driver(*driver), Kind::OFFER_WITHDRAWN, "offer")]
        }
        // Whoever declined knows; whoever was silent sees the offer's end.
        dispatch::Event::OfferClosed { why: Closing::Declined | Closing::Expired, .. } => {
            Vec::new()
        }
        dispatch::Event::Dropped { driver, why: DropReason::NoShow, .. } => {
            vec![to(driver, Kind::DELIVERY_TAKEN_AWAY)]
        }
        dispatch::Event::Reassigned { from, to: driver, .. } => {
            let taken_away =
                |former| Told::new(Who::Former(former), Kind::DELIVERY_TAKEN_AWAY, "offer");
            let former = from.map(|former| taken_away(former).critical());
            [Some(to(driver, Kind::DELIVERY_ASSIGNED)), former].into_iter().flatten().collect()
        }
        dispatch::Event::Dropped { why: DropReason::Driver, .. }
        | dispatch::Event::DriverAdmitted { .. }
        | dispatch::Event::VehicleChanged { .. }
        | dispatch::Event::DriverReleased { .. }
        | dispatch::Event::WentOnline { .. }
        | dispatch::Event::WentOffline { .. }
        | dispatch::Event::Opened { .. }
        | dispatch::Event::StageEntered { .. }
        | dispatch::Event::Taken { .. }
        | dispatch::Event::Finished { .. } => Vec::new(),
    }
}
