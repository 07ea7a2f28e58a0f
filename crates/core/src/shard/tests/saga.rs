//! The table of the saga, held against what the shard really does when each step fails.

use super::super::*;
use super::city::*;
use crate::checkout::State;
use crate::id::DriverId;
use crate::order::{FailReason, Phase};
use crate::payment::{Answer, Step as Due};
use crate::saga::{Ending, Failure, ROWS, Row, Undo};
use crate::time::Span;

/// A city in which the step is about to fail, the order, and the driver who has it.
fn before(failure: Failure) -> (City, OrderId, Option<DriverId>) {
    let mut city = City::new();
    let order = match failure {
        Failure::Declined | Failure::HeldTooLate => city.opened(1, grill()),
        Failure::Rejected => city.placed(),
        Failure::HoldLapsed => {
            let order = city.placed();
            city.does(&accept(order));
            order
        }
        Failure::NobodyFound => city.accepted().0,
        Failure::DriverDrops | Failure::KitchenCannot => city.taken(ana()).0,
        Failure::CancelledLate | Failure::Lost => city.picked_up(ana()).0,
        Failure::CustomerAbsent => city.at_the_door(ana()).0,
    };
    let driver = (!city.carrying(ana()).is_empty()).then_some(ana());
    (city, order, driver)
}

/// Lets the step fail.
fn fail(city: &mut City, order: OrderId, failure: Failure) {
    let delivery = city.shard.dispatch.delivery_of(order);
    match failure {
        Failure::Declined => {
            city.pays(order, Answer::Refused);
        }
        Failure::HeldTooLate => {
            city.passes_time();
            city.pays(order, DONE);
        }
        Failure::Rejected => {
            city.passes_time();
        }
        Failure::HoldLapsed => {
            city.pays(order, Answer::Refused);
        }
        Failure::NobodyFound => {
            while city.shard.order(order).unwrap().phase().ended_at().is_none() {
                city.passes_time();
            }
        }
        Failure::DriverDrops => {
            let delivery = delivery.unwrap();
            city.does(&taps(ana(), DriverAct::Drop { delivery }));
        }
        Failure::KitchenCannot => {
            city.does(&cancel(order, Canceller::Restaurant));
        }
        Failure::CancelledLate => {
            city.now = city.order(order).promised().saturating_add(Span::from_millis(1));
            city.does(&cancel(order, Canceller::Customer));
        }
        Failure::Lost => {
            city.passes_time();
        }
        Failure::CustomerAbsent => {
            let (delivery, reason) = (delivery.unwrap(), FailReason::CustomerAbsent);
            city.does(&taps(ana(), DriverAct::Fail { delivery, reason, returned: true }));
        }
    }
}

/// What a customer was told last.
fn announced(city: &City, order: OrderId) -> Option<crate::order::OrderStatus> {
    city.shard.order(order).map(Order::status)
}

fn ending(city: &City, order: OrderId) -> Ending {
    if let Some(checkout) = city.shard.checkout(order) {
        assert!(matches!(checkout.state(), State::Closed { .. }));
        return Ending::NoOrder;
    }
    let order = city.order(order);
    match order.phase() {
        Phase::Cancelled { .. } => Ending::Cancelled,
        Phase::Undelivered { .. } if order.payment().paid().is_zero() => Ending::Undelivered,
        Phase::Undelivered { .. } => Ending::UndeliveredPaid,
        Phase::Pending { .. }
        | Phase::Underway { .. }
        | Phase::OnTheWay { .. }
        | Phase::Delivered { .. } => match order.payment().debt() {
            Some(_) => Ending::Debt,
            None => Ending::GoesOn,
        },
    }
}

#[test]
fn what_is_undone_when_a_step_fails_is_what_the_table_says() {
    for Row { step, failure, undone, ending: ends } in ROWS {
        let (mut city, order, driver) = before(failure);
        let said = announced(&city, order);
        fail(&mut city, order, failure);
        let mut found = Vec::new();
        if driver.is_some_and(|driver| city.carrying(driver).is_empty()) {
            found.push(Undo::Release);
        }
        while let Some(due) = city.step_due(order) {
            match due {
                Due::Void => found.push(Undo::Void),
                Due::Refund => found.push(Undo::Refund),
                Due::Hold | Due::Capture => panic!("{failure:?}: {due:?} takes nothing back"),
            }
            city.pays(order, DONE);
        }
        if said.is_some() && announced(&city, order) != said {
            found.push(Undo::Correct);
        }
        assert_eq!(found, undone, "{failure:?} at {step:?}");
        assert_eq!(ending(&city, order), ends, "{failure:?} at {step:?}");
    }
}
