//! What the models of an order share.

use doorstep_core::catalog::{Acceptance, KitchenKind, Line};
use doorstep_core::checkout::Intent;
use doorstep_core::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::order::{Command, Event, Order, Refusal};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::pricing::Quote;
use doorstep_core::time::{Span, Timestamp};

/// When the checkout is opened.
pub(crate) const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

pub(crate) fn policy() -> Policy {
    Policy::new(Currency::new("EUR").unwrap())
}

pub(crate) fn driver() -> DriverId {
    DriverId::from(7)
}

pub(crate) fn assign() -> Command {
    Command::AssignDriver {
        driver: driver(),
        delivery: DeliveryId::from(70),
        travel: Span::from_mins(1),
    }
}

/// One line of two units, promised `promise` after [`T0`].
pub(crate) fn intent(promise: Span) -> Intent {
    let line = Line { item: ItemId::from(1), quantity: 2, choices: Vec::new(), unit: eur(900) };
    let promised = T0.saturating_add(promise);
    Intent {
        order: OrderId::from(1),
        customer: CustomerId::from(2),
        restaurant: RestaurantId::from(3),
        pickup: LatLng::new(4.60, -74.08).unwrap(),
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        lines: vec![line],
        quote: Quote::new(eur(1_800), 1_112, &policy().checkout).unwrap(),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        ready_span: Span::from_mins(12),
        promised,
        estimate: promised,
        opened_at: T0,
    }
}

/// Decides, and takes in what was decided; a history that breaks the order ends the test.
pub(crate) fn step(
    order: &Order,
    command: &Command,
    policy: &Policy,
    now: Timestamp,
) -> Result<(Order, Vec<Event>), Refusal> {
    let events = order.decide(command, policy, now)?;
    let order = events.iter().fold(order.clone(), |order, event| {
        order.evolve(event, now).expect("what is decided can follow")
    });
    Ok((order, events))
}
