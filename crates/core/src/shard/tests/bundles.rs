//! Deliveries of two orders: offered as one, taken as one, and what comes of each.

use super::super::*;
use super::city::*;
use super::planned::{at, planning, plans, round, stands};
use crate::dispatch;
use crate::dispatch::Mode;
use crate::id::DeliveryId;
use crate::order::{self, Courier, DropReason, OrderStatus, Phase};
use crate::time::Span;

/// Two accepted orders of the grill, ready now, and their deliveries in the order of the doors.
fn ready() -> (City, [OrderId; 2], [DeliveryId; 2]) {
    let mut city = City::under(planning());
    // North of the grill, one door behind the other.
    let (near, far) = (to(&mut city, 600), to(&mut city, 900));
    city.waits(Span::from_mins(12));
    city.ticks();
    (city, [near.0, far.0], [near.1, far.1])
}

/// An accepted order of the grill to a door so many metres north of it.
fn to(city: &mut City, metres: i32) -> (OrderId, DeliveryId) {
    let customer = u32::try_from(city.log.len()).unwrap();
    let wish = Wish { drop_off: at(metres), ..wish(customer, grill()) };
    let events = city.does(&Command::Checkout(Box::new(wish)));
    let [Event::Checkout { order, .. }] = events[..] else { panic!("{events:?}") };
    city.pays(order, DONE);
    city.does(&accept(order));
    city.pays(order, DONE);
    (order, city.shard.dispatch.delivery_of(order).unwrap())
}

/// Both in one delivery, taken by Ana: the first of the deliveries.
fn bundle() -> (City, [OrderId; 2], DeliveryId) {
    let (mut city, orders, [delivery, _]) = ready();
    assert_eq!(plans(&mut city, &[stands(ana(), -300)]), [(delivery, ana(), Mode::Planned)]);
    let taken = city.does(&tap(DriverAct::Accept { delivery }));
    assert_eq!(taken.len(), 4, "taken, both orders told, and the second when it is expected");
    (city, orders, delivery)
}

fn tap(act: DriverAct) -> Command {
    taps(ana(), act)
}

#[test]
fn one_tap_at_the_restaurant_is_for_every_order() {
    let (mut city, orders, delivery) = bundle();
    let statuses = |city: &City| orders.map(|order| city.order(order).status());
    assert_eq!(statuses(&city), [OrderStatus::DriverAssigned; 2]);
    city.does(&tap(DriverAct::ArriveAtRestaurant { delivery }));
    assert_eq!(statuses(&city), [OrderStatus::DriverAtRestaurant; 2]);
    city.does(&tap(DriverAct::PickUp { delivery }));
    assert_eq!(statuses(&city), [OrderStatus::PickedUp; 2]);
}

#[test]
fn the_doors_come_one_after_another_and_the_last_one_frees_the_driver() {
    let (mut city, [first, second], delivery) = bundle();
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
    let (mut city, orders, delivery) = bundle();
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
    assert_eq!(city.shard.dispatch.delivery_of(orders[0]), Some(delivery));
    assert_ne!(city.shard.dispatch.delivery_of(orders[1]), Some(delivery), "each by itself");
    for order in orders {
        let phase = city.order(order).phase();
        assert!(matches!(phase, Phase::Underway { courier: Courier::Unassigned { .. }, .. }));
    }
}

#[test]
fn a_drop_out_a_hand_over_and_a_flagged_search_are_for_every_order() {
    let (mut city, orders, delivery) = bundle();
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
        parted: city.shard.dispatch.delivery_of(orders[1]).into_iter().collect(),
    };
    assert_eq!(events.last(), Some(&Event::Dispatch(dropped)));
    city.waits(policy().dispatch.stage_for);
    city.ticks();
    city.waits(policy().dispatch.stage_for);
    city.ticks();
    for order in orders {
        assert_eq!(city.order(order).cancellable_from(), Timestamp::EPOCH, "flagged");
    }
}

#[test]
fn a_cancelled_order_leaves_the_bundle_and_the_other_goes_on() {
    let (mut city, [first, second], delivery) = bundle();
    city.does(&cancel(first, Canceller::Restaurant));
    assert_eq!(city.carrying(ana()), [delivery]);
    assert_eq!(city.shard.dispatch.delivery(delivery).unwrap().orders, [second]);
    city.does(&cancel(second, Canceller::Restaurant));
    assert_eq!(city.carrying(ana()), []);
}

#[test]
fn one_offer_names_both_and_each_is_expected_at_its_own_door() {
    let (mut city, [first, second], deliveries) = ready();
    let events = city.does(&Command::Plan(Box::new(round(&city, &[stands(ana(), -300)]))));
    let [Event::Dispatch(dispatch::Event::OfferMade { delivery, bundle, planned, .. })] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*delivery, &bundle[..]), (deliveries[0], &deliveries[..]));
    assert!(planned.is_some());
    assert_eq!(city.shard.wanted().count(), 0, "nobody else is asked meanwhile");
    let delivery = deliveries[0];
    city.does(&tap(DriverAct::Accept { delivery }));
    let expected = |city: &City, order| city.order(order).intent().estimate;
    // 300 m to the door behind the first, half a minute to park and a minute and a half there.
    let plan = &planning().dispatch.plan;
    let stop = plan.service_before_drop_off.saturating_add(plan.service_after_drop_off);
    let ride = city.order(second).intent().drop_off.distance_m(city.order(first).intent().drop_off);
    let way = crate::eta::travel(ride, crate::eta::Vehicle::Motorcycle, &policy().dispatch.speeds);
    let gap = stop.saturating_add(way);
    assert_eq!(expected(&city, second), expected(&city, first).saturating_add(gap));
    city.does(&tap(DriverAct::ArriveAtRestaurant { delivery }));
    city.waits(Span::from_mins(7));
    city.does(&tap(DriverAct::PickUp { delivery }));
    assert_eq!(expected(&city, second), expected(&city, first).saturating_add(gap));
    assert!(expected(&city, first) > city.now);
}

#[test]
fn declined_they_are_planned_anew_each_by_itself() {
    let (mut city, _, [near, far]) = ready();
    let all = [stands(ana(), -300), stands(ben(), -400)];
    assert_eq!(plans(&mut city, &[all[0]]), [(near, ana(), Mode::Planned)]);
    city.does(&tap(DriverAct::Decline { delivery: near }));
    let wanted: Vec<_> = city.shard.wanted().map(|wanted| wanted.delivery).collect();
    assert_eq!(wanted.len(), 2, "{wanted:?}");
    assert_eq!(plans(&mut city, &[all[0]]), [], "she said no to both");
    // One of them comes to somebody; the other is not bound to it.
    city.does(&hand_over(far, cem()));
    assert_eq!(plans(&mut city, &all), [(near, ben(), Mode::Planned)]);
    city.does(&taps(ben(), DriverAct::Accept { delivery: near }));
    assert_eq!(city.shard.dispatch.delivery(near).unwrap().orders.len(), 1);
}

#[test]
fn an_order_that_is_cancelled_while_they_are_offered_withdraws_the_offer() {
    for cancelled in [0, 1] {
        let (mut city, orders, deliveries) = ready();
        plans(&mut city, &[stands(ana(), -300)]);
        city.does(&cancel(orders[cancelled], Canceller::Restaurant));
        let left = deliveries[1 - cancelled];
        let lost = city.refuses(&tap(DriverAct::Accept { delivery: deliveries[0] }));
        if cancelled == 0 {
            assert!(matches!(lost, Refusal::OrderCancelled { .. }), "{lost:?}");
        } else {
            assert!(matches!(lost, Refusal::Dispatch(dispatch::Refusal::NotOffered { .. })));
        }
        assert_eq!(plans(&mut city, &[stands(ana(), -300)]), [(left, ana(), Mode::Planned)]);
    }
}

#[test]
fn a_drop_out_after_the_first_was_cancelled_leaves_the_second() {
    let (mut city, [first, second], delivery) = bundle();
    city.does(&cancel(first, Canceller::Restaurant));
    city.does(&tap(DriverAct::Drop { delivery }));
    assert!(city.shard.dispatch.delivery(delivery).is_none());
    let alone = city.shard.dispatch.delivery_of(second).unwrap();
    assert_eq!(plans(&mut city, &[stands(ben(), -300)]), [(alone, ben(), Mode::Planned)]);
    city.does(&taps(ben(), DriverAct::Accept { delivery: alone }));
    assert_eq!(city.order(second).phase().assignment(), Some((ben(), alone)));
}

#[test]
fn policy_says_how_many_go_together() {
    let (mut city, ..) = ready();
    let mut policy = planning();
    policy.dispatch.plan.bundle_max = 1;
    city.does(&Command::SetPolicy(Box::new(policy)));
    let plan = city.shard.plan(&round(&city, &[stands(ana(), -300)]), city.now).unwrap();
    assert_eq!((plan.trips.len(), plan.postponed.len()), (1, 1));
    let _one = plans(&mut city, &[stands(ana(), -300)]);
    assert_eq!(city.shard.wanted().count(), 1);
}

#[test]
fn a_stored_shard_keeps_its_bundles() {
    let (mut city, _, [delivery, _]) = ready();
    plans(&mut city, &[stands(ana(), -300)]);
    assert_eq!(city.stored(), city.shard);
    city.does(&tap(DriverAct::Accept { delivery }));
    assert_eq!(city.stored(), city.shard);
    assert_eq!(city.replayed(), city.shard);
}
