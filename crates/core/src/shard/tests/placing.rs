//! From a wish to an accepted order: checkout, hold, acceptance, the kitchen, and the catalogue.

use super::super::*;
use super::city::*;
use crate::cancel::Ground;
use crate::catalog::{self, Acceptance};
use crate::checkout::{self, State};
use crate::dispatch;
use crate::id::ItemId;
use crate::order::{self, Actor, OrderStatus, Phase, Shortage};
use crate::payment::{self, Answer, HoldRefused, Reply, Step};
use crate::time::Span;

#[test]
fn a_wish_becomes_a_checkout_whose_hold_is_due_and_no_order_yet() {
    let mut city = City::new();
    let cause = city.cause();
    let Ok(Decision::Commit { outcome, .. }) = city.hears(&checkout(1, grill()), Some(cause))
    else {
        panic!("not taken")
    };
    let Outcome::CheckoutOpened { order, total } = outcome else { panic!("{outcome:?}") };
    let effect = city.shard.pending_effect(order).unwrap();
    assert_eq!((effect.due.step, effect.due.amount), (Step::Hold, total));
    assert!(city.shard.order(order).is_none());
    let opened = city.shard.checkout(order).unwrap();
    assert_eq!(opened.intent().promised, T0.saturating_add(policy().checkout.promise));
}

#[test]
fn the_held_money_makes_the_order_in_the_same_batch() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let events = city.pays(order, DONE);
    assert!(matches!(
        events.as_slice(),
        [
            Event::Checkout { event: checkout::Event::Payment(payment::Event::Held { .. }), .. },
            Event::Order { event: order::Event::Placed { .. }, .. },
        ]
    ));
    assert!(city.shard.checkout(order).is_none());
    assert_eq!(city.order(order).status(), OrderStatus::Pending);
    assert_eq!(city.step_due(order), None, "captured on acceptance, not before");
}

#[test]
fn what_needs_no_yes_is_accepted_in_the_batch_that_holds_the_money() {
    let mut city = City::new();
    let order = city.opened(1, shelf());
    let events = city.pays(order, DONE);
    assert!(matches!(
        events.as_slice(),
        [
            Event::Checkout { .. },
            Event::Order { event: order::Event::Placed { .. }, .. },
            Event::Order { event: order::Event::Accepted { .. }, .. },
            Event::Dispatch(dispatch::Event::Opened { .. }),
        ]
    ));
    assert_eq!(city.order(order).status(), OrderStatus::ReadyForPickup, "a shelf is ready");
    assert_eq!(city.order(order).intent().acceptance, Acceptance::Automatic);
    assert_eq!(city.step_due(order), Some(Step::Capture));
    assert_eq!(city.shard.wanted().count(), 1);
}

#[test]
fn an_acceptance_opens_a_delivery_in_the_same_batch_and_captures() {
    let mut city = City::new();
    let order = city.placed();
    let events = city.does(&accept(order));
    let [
        Event::Order { event: order::Event::Accepted { .. }, .. },
        Event::Dispatch(dispatch::Event::Opened { delivery, orders, value, .. }),
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((orders.as_slice(), *value), ([order].as_slice(), city.order(order).quote().total));
    assert_eq!(city.shard.dispatch.delivery_of(order), Some(*delivery));
    assert_eq!(city.step_due(order), Some(Step::Capture));
    assert_eq!(city.does(&accept(order)), [], "a second yes opens no second delivery");
    assert_eq!(city.shard.dispatch.deliveries().len(), 1);
}

#[test]
fn a_rejected_order_is_over_its_money_released_and_nobody_is_looked_for() {
    let mut city = City::new();
    let order = city.placed();
    city.does(&says(order, RestaurantAct::Reject));
    assert!(matches!(
        city.order(order).phase(),
        Phase::Cancelled { by: Actor::Restaurant, ground: Ground::RestaurantRejected, .. }
    ));
    assert_eq!(city.step_due(order), Some(Step::Void));
    assert_eq!(city.shard.wanted().count(), 0);
    assert_eq!(city.does(&says(order, RestaurantAct::Reject)), []);
    assert!(matches!(city.refuses(&accept(order)), Refusal::Order(_)));
}

#[test]
fn a_restaurant_that_does_not_answer_loses_the_order_at_its_deadline() {
    let mut city = City::new();
    let order = city.placed();
    city.waits(policy().order.accept_within);
    city.ticks();
    assert!(matches!(
        city.order(order).phase(),
        Phase::Cancelled { by: Actor::Platform, ground: Ground::RestaurantSilent, .. }
    ));
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(0));
}

#[test]
fn the_kitchen_says_how_far_it_is_and_each_word_counts_once() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    for (act, status) in [
        (RestaurantAct::StartPreparing, OrderStatus::Preparing),
        (RestaurantAct::MarkReady, OrderStatus::ReadyForPickup),
    ] {
        assert_eq!(city.does(&says(order, act.clone())).len(), 1);
        assert_eq!(city.order(order).status(), status);
        assert_eq!(city.does(&says(order, act)), []);
    }
}

#[test]
fn a_line_that_ran_out_is_given_back_once_it_was_captured() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    let before = city.order(order).payment().paid();
    let lines = vec![Shortage { line: 1, quantity: 0 }];
    city.does(&says(order, RestaurantAct::Adjust { lines }));
    let due = city.shard.pending_effect(order).unwrap().due;
    assert_eq!((due.step, due.amount), (Step::Refund, eur(250)));
    city.pays(order, DONE);
    let paid = city.order(order).payment().paid();
    assert_eq!(paid, before.checked_sub(eur(250)).unwrap());
    assert_eq!(paid, city.order(order).quote().total);
}

#[test]
fn an_estimate_moves_and_the_promise_does_not() {
    let mut city = City::new();
    let order = city.placed();
    let promised = city.order(order).promised();
    let estimate = T0.saturating_add(Span::from_hours(1));
    assert_eq!(city.does(&Command::ReviseEstimate { order, estimate }).len(), 1);
    assert_eq!(city.order(order).intent().estimate, estimate);
    assert_eq!(city.order(order).promised(), promised);
    assert_eq!(city.does(&Command::ReviseEstimate { order, estimate }), []);
}

#[test]
fn a_promise_is_not_earlier_than_the_wish_however_long_the_wish_was_on_its_way() {
    let mut city = City::new();
    let promising = |promised| {
        Command::Checkout(Box::new(Wish { promised: Some(promised), ..wish(1, grill()) }))
    };
    let asked = city.cause();
    city.waits(Span::from_mins(3));
    let early = city.now.saturating_sub(Span::from_millis(1));
    assert_eq!(city.refuses(&promising(early)), Refusal::PromiseInThePast);
    let ahead = Cause { issued_at: city.now.saturating_add(Span::from_secs(1)), ..city.cause() };
    let Ok(Decision::Commit { outcome, .. }) = city.hears(&promising(early), Some(ahead)) else {
        panic!("not taken")
    };
    assert_eq!(outcome, Outcome::Refused(Refusal::PromiseInThePast), "whatever the clock says");
    let Ok(Decision::Commit { outcome, .. }) = city.hears(&promising(early), Some(asked)) else {
        panic!("not taken")
    };
    let Outcome::CheckoutOpened { order, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(city.shard.checkout(order).unwrap().intent().promised, early);
}

#[test]
fn a_declined_hold_leaves_no_order_and_nothing_due() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    city.pays(order, Answer::Refused);
    let state = city.shard.checkout(order).unwrap().state();
    assert_eq!(state, State::Closed { why: HoldRefused::Declined, at: T0 });
    assert!(city.shard.order(order).is_none());
    assert_eq!(city.shard.pending_effects().count(), 0);
    assert_eq!(city.refuses(&accept(order)), Refusal::NoSuchOrder { order });
}

#[test]
fn a_checkout_given_up_and_held_after_all_is_voided_and_never_an_order() {
    for by_time in [true, false] {
        let mut city = City::new();
        let order = city.opened(1, shelf());
        if by_time {
            city.waits(policy().checkout.patience);
            assert_eq!(city.ticks(), 1);
        } else {
            city.does(&cancel(order, Canceller::Customer));
        }
        assert_eq!(city.does(&cancel(order, Canceller::Customer)), [], "given up already");
        assert_eq!(city.step_due(order), Some(Step::Hold), "possibly done");
        city.pays(order, DONE);
        assert!(city.shard.order(order).is_none());
        assert_eq!(city.step_due(order), Some(Step::Void));
        city.pays(order, DONE);
        assert_eq!(city.step_due(order), None);
        assert!(city.shard.order(order).is_none());
        assert_eq!(city.shard.wanted().count(), 0);
    }
}

#[test]
fn to_the_restaurant_a_checkout_is_no_order() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let unknown = Refusal::NoSuchOrder { order };
    assert_eq!(city.refuses(&cancel(order, Canceller::Restaurant)), unknown);
    assert_eq!(city.refuses(&accept(order)), unknown);
}

#[test]
fn the_providers_old_news_changes_nothing() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    for step in [Step::Hold, Step::Capture, Step::Void, Step::Refund] {
        for answer in [DONE, Answer::Refused, Answer::Failed] {
            let reply = Reply { step, attempt: 1, answer };
            assert_eq!(city.does(&Command::Reply { order, reply }), [], "{reply:?}");
        }
    }
    let nobody = OrderId::from(99);
    let reply = Reply { step: Step::Hold, attempt: 1, answer: DONE };
    let unknown = Command::Reply { order: nobody, reply };
    assert_eq!(city.refuses(&unknown), Refusal::NoSuchOrder { order: nobody });
}

#[test]
fn a_hold_is_tried_again_under_a_new_key_and_given_up_after_the_last_attempt() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    for attempt in 1..=policy().payment.hold_attempts {
        let due = city.shard.pending_effect(order).unwrap().due;
        assert_eq!((due.step, due.attempt), (Step::Hold, attempt));
        city.pays(order, Answer::Failed);
    }
    let state = city.shard.checkout(order).unwrap().state();
    assert_eq!(state, State::Closed { why: HoldRefused::Unavailable, at: T0 });
}

#[test]
fn what_has_run_out_or_paused_is_not_ordered_and_placed_orders_stay() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    let total = city.order(order).quote().total;
    let gone = |available| {
        let (restaurant, item) = (grill(), ItemId::from(2));
        Command::Catalog(catalog::Command::SetItemAvailable { restaurant, item, available })
    };
    let paused = |open| Command::Catalog(catalog::Command::SetOpen { restaurant: grill(), open });
    for (shut, open) in [(gone(false), gone(true)), (paused(false), paused(true))] {
        assert_eq!(city.does(&shut).len(), 1);
        assert!(matches!(city.refuses(&checkout(1, grill())), Refusal::Catalog(_)));
        assert_eq!(city.does(&shut), []);
        city.does(&open);
        city.opened(1, grill());
    }
    city.does(&Command::Catalog(catalog::Command::Remove { restaurant: grill() }));
    assert!(matches!(city.refuses(&checkout(1, grill())), Refusal::Catalog(_)));
    assert_eq!(city.order(order).quote().total, total);
}
