//! How orders end, and who is free and who has paid then.

use super::super::*;
use super::city::*;
use crate::cancel::{self, Ground};
use crate::dispatch::{self, End};
use crate::order::{self, Actor, FailReason, OrderStatus, Phase};
use crate::payment::{Answer, Step};
use crate::time::Span;

fn operations(fee: Option<i64>) -> Canceller {
    Canceller::Operations { fee: fee.map(eur) }
}

#[test]
fn a_cancelled_order_frees_its_driver_in_the_same_batch_and_is_refunded() {
    for picked_up in [false, true] {
        let mut city = City::new();
        let (order, delivery) = if picked_up { city.picked_up(ana()) } else { city.taken(ana()) };
        let events = city.does(&cancel(order, operations(None)));
        assert!(matches!(
            events.as_slice(),
            [
                Event::Order { event: order::Event::Cancelled { .. }, .. },
                Event::Dispatch(dispatch::Event::Finished { end: End::Cancelled, .. }),
            ]
        ));
        assert_eq!(city.carrying(ana()), []);
        assert!(city.shard.dispatch.delivery(delivery).is_none());
        assert_eq!(city.step_due(order), Some(Step::Refund));
        city.pays(order, DONE);
        assert_eq!(city.order(order).payment().paid(), eur(0));
        assert_eq!(city.does(&cancel(order, Canceller::Customer)), [], "cancelled already");
    }
}

#[test]
fn a_cancelled_search_withdraws_the_offers() {
    let mut city = City::new();
    let (order, delivery) = city.accepted();
    city.does(&ask(delivery, ana()));
    city.does(&cancel(order, Canceller::Restaurant));
    assert_eq!(city.shard.dispatch.driver(ana()).unwrap().offer, None);
    let late = city.refuses(&taps(ana(), DriverAct::Accept { delivery }));
    assert_eq!(late, Refusal::OrderCancelled { order, by: Actor::Restaurant, at: city.now });
    assert_eq!(city.shard.wanted().count(), 0);
}

#[test]
fn of_a_cancel_and_an_arrival_exactly_one_wins() {
    let arrive = |delivery| DriverAct::ArriveAtDoorstep { delivery, distance_m: None };
    let mut city = City::new();
    let (order, delivery) = city.picked_up(ana());
    city.now = city.order(order).promised();
    let too_early = city.refuses(&cancel(order, Canceller::Customer));
    let from = city.now.saturating_add(Span::from_millis(1));
    let not_yet = order::Refusal::Cancel(cancel::Refusal::NotYet { from });
    assert_eq!(too_early, Refusal::Order(not_yet));
    city.now = from;

    let mut arrived_first = city.clone();
    arrived_first.does(&taps(ana(), arrive(delivery)));
    let lost = arrived_first.refuses(&cancel(order, Canceller::Customer));
    assert_eq!(lost, Refusal::Order(order::Refusal::Cancel(cancel::Refusal::AtDoorstep)));

    city.does(&cancel(order, Canceller::Customer));
    let lost = city.refuses(&taps(ana(), arrive(delivery)));
    let at = from;
    assert_eq!(
        lost,
        Refusal::OrderCancelled { order, by: Actor::Customer, at },
        "and hears by whom"
    );
    assert_eq!(city.carrying(ana()), []);
}

#[test]
fn a_search_given_up_at_its_deadline_cancels_with_a_full_refund() {
    let mut city = City::new();
    let (order, delivery) = city.accepted();
    city.waits(policy().order.search_for);
    city.ticks();
    assert!(matches!(
        city.order(order).phase(),
        Phase::Cancelled { by: Actor::Platform, ground: Ground::SearchExhausted, .. }
    ));
    assert!(city.shard.dispatch.delivery(delivery).is_none());
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(0));
}

#[test]
fn an_order_never_picked_up_is_cancelled_at_its_deadline_and_the_driver_free() {
    let mut city = City::new();
    let (order, delivery) = city.taken(ana());
    city.does(&taps(ana(), DriverAct::ArriveAtRestaurant { delivery }));
    city.waits(policy().order.pick_up_within);
    city.ticks();
    assert!(matches!(
        city.order(order).phase(),
        Phase::Cancelled { ground: Ground::NeverPickedUp, .. }
    ));
    assert_eq!(city.carrying(ana()), []);
}

#[test]
fn a_failed_delivery_frees_the_driver_and_who_pays_depends_on_the_reason() {
    for (reason, pays) in [
        (FailReason::CustomerAbsent, true),
        (FailReason::CustomerRefused, true),
        (FailReason::Accident, false),
        (FailReason::Lost, false),
    ] {
        for by_driver in [true, false] {
            let mut city = City::new();
            let (order, delivery) = city.at_the_door(ana());
            let total = city.order(order).quote().total;
            let returned = true;
            let fail = if by_driver {
                taps(ana(), DriverAct::Fail { delivery, reason, returned })
            } else {
                Command::Operations(OperationsAct::Fail { order, reason, returned })
            };
            let events = city.does(&fail);
            let earned = if pays { eur(250 + 60 * 2) } else { eur(0) };
            let end = End::Undelivered { earned };
            let finished = dispatch::Event::Finished { delivery, order, end };
            assert_eq!(events.last(), Some(&Event::Dispatch(finished)));
            assert_eq!(city.carrying(ana()), []);
            if pays {
                assert_eq!(city.step_due(order), None);
            } else {
                city.pays(order, DONE);
            }
            let paid = if pays { total } else { eur(0) };
            assert_eq!(city.order(order).payment().paid(), paid);
        }
    }
}

#[test]
fn operations_fail_only_what_was_picked_up() {
    let mut city = City::new();
    let (order, _) = city.taken(ana());
    let (reason, returned) = (FailReason::Lost, false);
    let fail = Command::Operations(OperationsAct::Fail { order, reason, returned });
    assert!(matches!(city.refuses(&fail), Refusal::Order(order::Refusal::WrongPhase { .. })));
}

#[test]
fn a_door_that_stays_shut_and_a_bag_that_never_comes_end_by_themselves() {
    let mut city = City::new();
    let (order, _) = city.at_the_door(ana());
    city.passes_time();
    assert!(matches!(
        city.order(order).phase(),
        Phase::Undelivered { reason: FailReason::CustomerAbsent, .. }
    ));
    let (order, _) = city.picked_up(ben());
    city.passes_time();
    assert!(matches!(
        city.order(order).phase(),
        Phase::Undelivered { reason: FailReason::Lost, .. }
    ));
    assert_eq!((city.carrying(ana()), city.carrying(ben())), ([].as_slice(), [].as_slice()));
}

#[test]
fn an_agreed_fee_is_what_stays_of_the_money() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    city.does(&cancel(order, operations(Some(300))));
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(300));

    let order = city.placed();
    city.does(&cancel(order, operations(Some(300))));
    let due = city.shard.pending_effect(order).unwrap().due;
    assert_eq!((due.step, due.amount), (Step::Capture, eur(300)), "out of the hold");
    let other = city.placed();
    let too_much = cancel(other, operations(Some(1_000_000)));
    assert_eq!(city.refuses(&too_much), Refusal::Order(order::Refusal::FeeOutOfRange));
}

#[test]
fn a_capture_overtaken_by_a_cancellation_is_given_back() {
    let mut city = City::new();
    let order = city.placed();
    city.does(&accept(order));
    city.does(&cancel(order, Canceller::Restaurant));
    assert_eq!(city.step_due(order), Some(Step::Capture), "possibly done");
    city.pays(order, DONE);
    assert_eq!(city.step_due(order), Some(Step::Refund));
    assert_eq!(city.order(order).over_since(), None, "not over while money is out");
    city.pays(order, Answer::Failed);
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(0));
    assert_eq!(city.order(order).status(), OrderStatus::Cancelled);
}

#[test]
fn a_driver_who_loses_against_a_cancel_hears_of_it_while_the_order_is_remembered() {
    let mut city = City::new();
    let (order, delivery) = city.picked_up(ana());
    city.does(&cancel(order, operations(None)));
    let at = city.now;
    let cancelled = Refusal::OrderCancelled { order, by: Actor::Operations, at };
    for act in [
        DriverAct::Accept { delivery },
        DriverAct::Decline { delivery },
        DriverAct::Drop { delivery },
        DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Depart { delivery },
        DriverAct::ArriveAtDoorstep { delivery, distance_m: None },
        DriverAct::Deliver { delivery },
    ] {
        assert_eq!(city.refuses(&taps(ana(), act)), cancelled, "{act:?}");
    }
    assert_eq!(city.refuses(&hand_over(delivery, ana())), cancelled);
    assert_eq!(city.stored(), city.shard, "a snapshot remembers it too");
    city.pays(order, DONE);
    city.waits(city.shard.policy().memory.retain_terminal);
    city.opened(77, grill());
    assert!(city.shard.order(order).is_none(), "forgotten");
    let late = city.refuses(&taps(ana(), DriverAct::Deliver { delivery }));
    assert_eq!(late, Refusal::NoSuchDelivery { delivery });
    assert!(city.shard.called_off.is_empty());
}

#[test]
fn a_delivery_that_never_was_is_refused_in_one_way_whoever_names_it() {
    let city = City::new();
    let delivery = crate::id::DeliveryId::from(404);
    let unknown = Refusal::NoSuchDelivery { delivery };
    for act in [
        DriverAct::Accept { delivery },
        DriverAct::Decline { delivery },
        DriverAct::Drop { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Deliver { delivery },
    ] {
        assert_eq!(city.refuses(&taps(ana(), act)), unknown, "{act:?}");
    }
    assert_eq!(city.refuses(&hand_over(delivery, ana())), unknown);
    assert_eq!(city.refuses(&ask(delivery, ana())), unknown);
}

#[test]
fn a_checkout_is_given_up_by_operations_without_a_fee_or_not_at_all() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    assert_eq!(city.refuses(&cancel(order, operations(Some(100)))), Refusal::FeeBeforeHold);
    city.does(&cancel(order, operations(Some(0))));
    assert_eq!(city.refuses(&cancel(order, operations(Some(100)))), Refusal::FeeBeforeHold);
    assert_eq!(city.does(&cancel(order, operations(None))), [], "given up already");
}
