//! What the stories share: an order of soup, its money held, as a service would read it from its
//! own database.
#![allow(dead_code, reason = "each story uses a part of it")]

use doorstep::core::catalog::{Acceptance, KitchenKind, Line};
use doorstep::core::checkout::Intent;
use doorstep::core::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId};
use doorstep::core::money::{Currency, Money};
use doorstep::core::order::{Command, Order};
use doorstep::core::payment::{Answer, Payment, Reply, Step};
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::pricing::Quote;
use doorstep::core::time::{Span, Timestamp};

pub(crate) type Story<T = ()> = Result<T, Box<dyn std::error::Error>>;

pub(crate) fn euros() -> Story<Currency> {
    Ok(Currency::new("EUR").ok_or("EUR is no currency")?)
}

pub(crate) fn driver() -> DriverId {
    DriverId::from(7)
}

pub(crate) fn assign() -> Command {
    let (driver, delivery) = (driver(), DeliveryId::from(70));
    Command::AssignDriver { driver, delivery, travel: Span::from_mins(2) }
}

/// An order of two soups whose money is held, the rules, and when it was placed.
pub(crate) fn ordered() -> Story<(Order, Policy, Timestamp)> {
    let (eur, now) = (euros()?, Timestamp::from_secs(1_700_000_000));
    let policy = Policy::new(eur);
    let unit = Money::new(900, eur);
    let quote = Quote::new(unit.checked_mul(2)?, 1_400, &policy.checkout)?;
    let mut payment = Payment::new(quote.total);
    let held = Reply { step: Step::Hold, attempt: 1, answer: Answer::Done { until: None } };
    for event in payment.decide(&held, &policy.payment, now) {
        payment.evolve(&event)?;
    }
    let promised = now.saturating_add(policy.checkout.promise);
    let intent = Intent {
        order: OrderId::from(1),
        customer: CustomerId::from(2),
        restaurant: RestaurantId::from(3),
        pickup: LatLng::new(4.8133, -75.6961)?,
        drop_off: LatLng::new(4.8245, -75.6880)?,
        lines: vec![Line { item: ItemId::from(1), quantity: 2, choices: vec![], unit }],
        quote,
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        ready_span: Span::from_mins(6),
        promised,
        estimate: promised,
        opened_at: now,
    };
    let answer_by = now.saturating_add(policy.order.accept_within);
    Ok((Order::place(intent, payment, answer_by, now), policy, now))
}
