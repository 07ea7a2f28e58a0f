//! What the provider says unasked of a checkout or an order.

use super::super::*;
use super::city::*;
use crate::checkout::State;
use crate::money::Money;
use crate::order::OrderStatus;
use crate::payment::{self, Answer, Funds, HoldRefused, News, Notice, RefundId, Step};

fn notice(order: OrderId, news: News) -> Command {
    Command::Notice { order, notice: Notice { hold: 1, news } }
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
fn an_unknown_payment_has_no_effect_and_its_webhook_hears_which_order_is_not_here() {
    let city = City::new();
    let stranger = OrderId::from(404);
    let unknown = notice(stranger, News::Captured { total: eur(100) });
    let before = city.shard.clone();
    assert_eq!(city.refuses(&unknown), Refusal::NoSuchOrder { order: stranger });
    assert_eq!(city.shard, before);
}

#[test]
fn what_is_not_believed_is_refused_of_a_checkout_and_of_an_order_alike() {
    let mut city = City::new();
    let order = city.opened(1, grill());
    let too_much = Money::new(total(&city, order).minor() + 1, total(&city, order).currency());
    let much = notice(order, News::Captured { total: too_much });
    let (least, most) = (eur(1), total(&city, order));
    let refusal = payment::Refusal::Amount { least, most };
    assert_eq!(city.refuses(&much), Refusal::Payment(refusal));
    city.pays(order, Answer::Done { until: None });
    assert_eq!(city.refuses(&much), Refusal::Order(refusal.into()));
}
