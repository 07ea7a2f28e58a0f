//! What the provider says unasked of a checkout or an order.

use super::super::*;
use super::city::*;
use crate::checkout::State;
use crate::money::Money;
use crate::order::OrderStatus;
use crate::payment::{self, Answer, Funds, HoldRefused, News, RefundId, Step};
use crate::provider::{self, EventId, Fact, Meaning, Reference};

/// The event that tells this; of the same news the same event.
fn notice(order: OrderId, news: News) -> Command {
    let named = |refund| match refund {
        RefundId::Theirs(number) => EventId::new(&format!("re_{number}")).unwrap(),
        RefundId::Ours(_) => panic!("refunds of ours are answered by replies here"),
    };
    let fact = match news {
        News::Authorised { amount, until } => Fact::Held { amount, until },
        News::Declined => Fact::Declined,
        News::Captured { total } => Fact::Captured { amount: total },
        News::Cancelled => Fact::Voided,
        News::Expired => Fact::Lapsed,
        News::Refunded { refund, amount } => Fact::Refunded { refund: named(refund), amount },
        News::RefundFailed { refund, amount } => {
            Fact::RefundFailed { refund: named(refund), amount }
        }
    };
    let id: String = format!("evt_{order}_{news:?}").split_whitespace().collect();
    let id = EventId::new(&id).unwrap();
    let says = Meaning { about: Reference { order, effect: None }, fact };
    Command::Provider(Box::new(provider::Event { id, says }))
}

/// What an event was good for, where nothing follows from it.
fn heard(city: &mut City, command: &Command) -> Heard {
    match city.does(command).as_slice() {
        [Event::Provider { heard, .. }] => *heard,
        other => panic!("{other:?}"),
    }
}

fn total(city: &City, order: OrderId) -> Money {
    city.shard
        .checkout(order)
        .map_or_else(|| city.order(order).quote().total, |checkout| checkout.payment().asked())
}

fn taken(city: &City, order: OrderId) -> Command {
    notice(order, News::Captured { total: total(city, order) })
}

#[test]
fn the_news_that_the_money_is_held_makes_the_order_whether_or_not_the_reply_ever_comes() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let held = notice(order, News::Authorised { amount: total(&city, order), until: None });
    city.does(&held);
    assert_eq!(city.order(order).status(), OrderStatus::Pending);
    assert_eq!(city.does(&held), [], "twice is no news");
    let reply = payment::Reply { step: Step::Hold, attempt: 1, answer: DONE };
    assert_eq!(city.does(&Command::Reply { order, reply }), [], "the reply is old news");
}

#[test]
fn money_that_was_taken_before_it_was_asked_for_makes_the_order_and_is_taken_once() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    city.does(&taken(&city.clone(), order));
    assert_eq!(city.order(order).status(), OrderStatus::Pending);
    city.does(&accept(order));
    assert_eq!(city.step_due(order), None, "it has been captured");
    assert_eq!(city.order(order).payment().paid(), total(&city, order));
}

#[test]
fn a_checkout_is_closed_by_a_decline_or_a_cancelled_hold_and_money_taken_all_the_same_goes_back() {
    for news in [News::Declined, News::Cancelled, News::Expired] {
        let mut city = City::new();
        let order = city.opened(1, grill());
        city.does(&notice(order, news));
        let state = city.shard.checkout(order).unwrap().state();
        let at = city.now;
        assert_eq!(state, State::Closed { why: HoldRefused::Declined, at }, "{news:?}");
        assert_eq!(city.step_due(order), None);
        city.does(&taken(&city.clone(), order));
        assert_eq!(city.step_due(order), Some(Step::Refund), "after {news:?}");
        city.pays(order, DONE);
        assert!(city.shard.checkout(order).unwrap().over_since().is_some());
    }
}

#[test]
fn a_checkout_of_which_money_was_given_back_already_becomes_no_order() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let refund = RefundId::Theirs(1);
    city.does(&notice(order, News::Refunded { refund, amount: eur(100) }));
    assert!(matches!(city.shard.checkout(order).unwrap().state(), State::Closed { .. }));
    city.does(&taken(&city.clone(), order));
    let due = city.shard.pending_effect(order).unwrap().due;
    assert_eq!((due.step, due.amount.minor()), (Step::Refund, total(&city, order).minor() - 100));
}

#[test]
fn a_success_that_is_heard_after_the_cancellation_is_refunded_though_the_order_was_over() {
    let mut city = City::new();
    let order = city.placed();
    city.does(&cancel(order, Canceller::Customer));
    city.pays(order, DONE);
    assert!(city.order(order).over_since().is_some(), "voided, and over");
    city.does(&taken(&city.clone(), order));
    assert_eq!((city.order(order).over_since(), city.step_due(order)), (None, Some(Step::Refund)));
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(0));
    assert!(city.order(order).over_since().is_some());
}

#[test]
fn an_expiry_that_overtakes_the_capture_leaves_the_order_going_on_and_a_debt() {
    let mut city = City::new();
    let order = city.placed();
    city.does(&accept(order));
    assert_eq!(city.step_due(order), Some(Step::Capture));
    city.does(&notice(order, News::Expired));
    assert!(matches!(city.order(order).payment().funds(), Funds::Released { .. }));
    assert_eq!(city.order(order).payment().debt(), Some(total(&city, order)));
    assert_eq!(city.order(order).status(), OrderStatus::Confirmed);
}

#[test]
fn an_unknown_payment_is_acknowledged_and_has_no_effect() {
    let mut city = City::new();
    let stranger = OrderId::from(404);
    let unknown = notice(stranger, News::Captured { total: eur(100) });
    assert_eq!(heard(&mut city, &unknown), Heard::UnknownPayment);
    assert_eq!((city.shard.orders().count(), city.shard.checkouts().count()), (0, 0));
}

#[test]
fn what_is_not_believed_is_acknowledged_and_says_why_of_a_checkout_and_of_an_order_alike() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let (least, most) = (eur(1), total(&city, order));
    let why = payment::Refusal::Amount { least, most };
    for more in [1, 2] {
        let too_much = Money::new(most.minor() + more, most.currency());
        let much = notice(order, News::Captured { total: too_much });
        assert_eq!(heard(&mut city, &much), Heard::NotBelieved { why });
        if more == 1 {
            city.pays(order, Answer::Done { until: None });
        }
    }
}
