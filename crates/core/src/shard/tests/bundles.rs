//! Deliveries of two orders. No command makes one yet; what the log says holds all the same.

use super::super::*;
use super::city::*;
use crate::dispatch;
use crate::id::DeliveryId;
use crate::order::{self, Courier, DropReason, OrderStatus, Phase};

fn delivery() -> DeliveryId {
    DeliveryId::from(77)
}

/// Two accepted orders of the grill in one delivery, taken by Ana.
fn bundle() -> (City, [OrderId; 2]) {
    let mut city = City::new();
    let orders = [city.placed(), city.placed()];
    let mut events = Vec::new();
    for order in orders {
        let decided = city.shard.decide(&accept(order), None, city.now).unwrap();
        let Decision::Commit { events: accepted, .. } = decided else { panic!("{decided:?}") };
        events.extend(accepted.into_iter().filter(|event| matches!(event, Event::Order { .. })));
    }
    let intent = city.order(orders[0]).intent();
    events.push(Event::Dispatch(dispatch::Event::Opened {
        delivery: delivery(),
        restaurant: intent.restaurant,
        pickup: intent.pickup,
        orders: orders.to_vec(),
        value: intent.quote.total,
        stage_ends_at: city.now.saturating_add(policy().dispatch.stage_for),
    }));
    city.appends(events, None, None);
    city.does(&ask(delivery(), ana()));
    let taken = city.does(&taps(ana(), DriverAct::Accept { delivery: delivery() }));
    assert_eq!(taken.len(), 3, "taken, and both orders told");
    (city, orders)
}

fn tap(act: DriverAct) -> Command {
    taps(ana(), act)
}

#[test]
fn one_tap_at_the_restaurant_is_for_every_order() {
    let delivery = delivery();
    let (mut city, orders) = bundle();
    let statuses = |city: &City| orders.map(|order| city.order(order).status());
    assert_eq!(statuses(&city), [OrderStatus::DriverAssigned; 2]);
    city.does(&tap(DriverAct::ArriveAtRestaurant { delivery }));
    assert_eq!(statuses(&city), [OrderStatus::DriverAtRestaurant; 2]);
    city.does(&tap(DriverAct::PickUp { delivery }));
    assert_eq!(statuses(&city), [OrderStatus::PickedUp; 2]);
}

#[test]
fn the_doors_come_one_after_another_and_the_last_one_frees_the_driver() {
    let delivery = delivery();
    let (mut city, [first, second]) = bundle();
    city.does(&tap(DriverAct::ArriveAtRestaurant { delivery }));
    city.does(&tap(DriverAct::PickUp { delivery }));
    for (order, other) in [(first, OrderStatus::PickedUp), (second, OrderStatus::Delivered)] {
        city.does(&tap(DriverAct::Depart { delivery }));
        city.does(&tap(DriverAct::ArriveAtDoorstep { delivery, distance_m: None }));
        assert_eq!(city.order(order).status(), OrderStatus::AtDoorstep);
        let next = if order == first { second } else { first };
        assert_eq!(city.order(next).status(), other);
        assert_eq!(city.carrying(ana()), [delivery]);
        city.does(&tap(DriverAct::Deliver { delivery }));
    }
    assert_eq!(city.carrying(ana()), []);
    assert_eq!(city.shard.dispatch.driver(ana()).unwrap().record.delivered, 2);
}

#[test]
fn a_driver_who_does_not_come_for_one_order_is_off_the_whole_delivery() {
    let (mut city, orders) = bundle();
    city.now = city.shard.next_deadline().unwrap();
    let events = city.does(&Command::Tick);
    let dropped = |order| {
        events.iter().any(|event| {
            matches!(event, Event::Order { order: id, event: order::Event::DriverDropped { .. } }
                if *id == order)
        })
    };
    assert!(orders.into_iter().all(dropped), "{events:?}");
    assert_eq!(events.len(), 3, "the two orders, and the delivery once");
    assert_eq!(city.carrying(ana()), []);
    for order in orders {
        let phase = city.order(order).phase();
        assert!(matches!(phase, Phase::Underway { courier: Courier::Unassigned { .. }, .. }));
    }
}

#[test]
fn a_drop_out_a_hand_over_and_a_flagged_search_are_for_every_order() {
    let delivery = delivery();
    let (mut city, orders) = bundle();
    city.does(&hand_over(delivery, ben()));
    for order in orders {
        assert_eq!(city.order(order).phase().assignment(), Some((ben(), delivery)));
    }
    let events = city.does(&taps(ben(), DriverAct::Drop { delivery }));
    let dropped = dispatch::Event::Dropped {
        delivery,
        driver: ben(),
        why: DropReason::Driver,
        stage_ends_at: city.now.saturating_add(policy().dispatch.stage_for),
    };
    assert_eq!(events.last(), Some(&Event::Dispatch(dropped)));
    city.passes_time();
    city.passes_time();
    for order in orders {
        assert_eq!(city.order(order).cancellable_from(), Timestamp::EPOCH, "flagged");
    }
}

#[test]
fn a_cancelled_order_leaves_the_bundle_and_the_other_goes_on() {
    let delivery = delivery();
    let (mut city, [first, second]) = bundle();
    city.does(&cancel(first, Canceller::Restaurant));
    assert_eq!(city.carrying(ana()), [delivery]);
    assert_eq!(city.shard.dispatch.delivery(delivery).unwrap().orders, [second]);
    city.does(&cancel(second, Canceller::Restaurant));
    assert_eq!(city.carrying(ana()), []);
}
