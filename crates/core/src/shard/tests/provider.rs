//! What the payment provider tells of its own accord.

use super::super::*;
use super::city::*;
use crate::money::Money;
use crate::order;
use crate::payment::{EffectKey, Funds, News, Notice, RefundId, Step};
use crate::provider::{self, Fact, Field, Meaning, Reference};
use crate::time::Span;

fn event(id: &str, about: Reference, fact: Fact) -> Command {
    let id = EventId::new(id).unwrap();
    Command::Provider(Box::new(provider::Event { id, says: Meaning { about, fact } }))
}

const fn about(order: OrderId) -> Reference {
    Reference { order, effect: None }
}

/// About what is due of an order, by its key.
fn about_due(city: &City, order: OrderId) -> Reference {
    Reference { order, effect: Some(city.shard.pending_effect(order).unwrap().key()) }
}

#[track_caller]
fn heard(city: &mut City, command: &Command) -> (Heard, usize) {
    let before = city.log.len();
    match city.hears(command, None).unwrap() {
        Decision::Commit { outcome: Outcome::Heard(heard), events } => {
            assert_eq!(city.log.len() - before, usize::from(!events.is_empty()));
            (heard, events.len())
        }
        other @ (Decision::Commit { .. } | Decision::Known(_)) => panic!("{other:?}"),
    }
}

fn refund(minor: i64) -> Fact {
    Fact::Refunded { refund: EventId::new("re_1").unwrap(), amount: eur(minor) }
}

fn refund_failed(minor: i64) -> Fact {
    Fact::RefundFailed { refund: EventId::new("re_1").unwrap(), amount: eur(minor) }
}

/// A city, and an order or checkout of which this step is due.
fn with_due(step: Step) -> (City, OrderId, Money) {
    let mut city = City::new();
    let order = match step {
        Step::Hold => city.opened(1, grill()),
        Step::Capture => {
            let order = city.placed();
            city.does(&accept(order));
            order
        }
        Step::Void => {
            let order = city.placed();
            city.does(&says(order, RestaurantAct::Reject));
            order
        }
        Step::Refund => {
            let order = city.placed();
            city.does(&accept(order));
            city.pays(order, DONE);
            city.does(&cancel(order, Canceller::Operations { fee: None }));
            order
        }
    };
    let due = city.shard.pending_effect(order).unwrap().due;
    assert_eq!((due.step, due.attempt), (step, 1));
    (city, order, due.amount)
}

#[test]
fn every_fact_is_the_notice_that_the_table_says_whatever_is_due() {
    // FNV-1a of "re_1".
    let theirs = RefundId::Theirs(5508520406165400932);
    for step in [Step::Hold, Step::Capture, Step::Void, Step::Refund] {
        let (city, order, amount) = with_due(step);
        let small = eur(1);
        let table = [
            (Fact::Held { amount, until: None }, Some(News::Authorised { amount, until: None })),
            (Fact::Declined, Some(News::Declined)),
            (Fact::Captured { amount }, Some(News::Captured { total: amount })),
            (Fact::Voided, Some(News::Cancelled)),
            (Fact::Lapsed, Some(News::Expired)),
            (refund(1), Some(News::Refunded { refund: theirs, amount: small })),
            (refund_failed(1), Some(News::RefundFailed { refund: theirs, amount: small })),
            (Fact::RefundedInAll { amount }, None),
        ];
        for (fact, news) in table {
            let mut told = city.clone();
            let (good_for, events) = heard(&mut told, &event("evt_1", about(order), fact.clone()));
            let Some(news) = news else {
                assert_eq!((good_for, events), (Heard::NoNews, 1), "{step:?} {fact:?}");
                continue;
            };
            let notice = Notice { hold: 1, news };
            let follows = city.shard.notice(order, &notice, city.now);
            let expected = match &follows {
                Ok(follows) if follows.is_empty() => Heard::NoNews,
                Ok(_) => Heard::Applied,
                Err(Refusal::Payment(why) | Refusal::Order(order::Refusal::Payment(why))) => {
                    Heard::NotBelieved { why: *why }
                }
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(good_for, expected, "{step:?} {fact:?}");
            assert_eq!(events, 1 + follows.unwrap_or_default().len(), "{step:?} {fact:?}");
        }
    }
}

#[test]
fn a_refund_that_bears_our_key_is_ours() {
    let (mut city, order, amount) = with_due(Step::Refund);
    let fact = Fact::Refunded { refund: EventId::new("re_1").unwrap(), amount };
    let told = event("evt_1", about_due(&city, order), fact);
    assert_eq!(heard(&mut city, &told).0, Heard::Applied);
    assert_eq!(city.step_due(order), None, "that was the one that was due");
}

#[test]
fn an_event_takes_effect_once_however_often_and_under_whatever_command_it_comes() {
    let (mut city, order, amount) = with_due(Step::Capture);
    let captured = event("evt_1", about_due(&city, order), Fact::Captured { amount });
    assert_eq!(heard(&mut city, &captured), (Heard::Applied, 2));
    let after = city.shard.clone();
    assert_eq!(heard(&mut city, &captured), (Heard::Applied, 0));
    assert_eq!(city.shard, after);
    city.shard = city.stored();
    for _ in 0..2 {
        let cause = city.cause();
        let told = city.hears(&captured, Some(cause)).unwrap();
        let again = Outcome::Heard(Heard::Applied);
        assert_eq!(told, Decision::Commit { events: vec![], outcome: again });
    }
    assert_eq!(city.shard.orders, after.orders);
    let twin = event("evt_2", about(order), Fact::Captured { amount });
    assert_eq!(heard(&mut city, &twin), (Heard::NoNews, 1));
    let taken = Funds::Captured { amount, refunded: eur(0) };
    assert_eq!(city.shard.order(order).unwrap().payment().funds(), taken);
}

#[test]
fn a_hold_that_the_provider_tells_of_makes_an_order_like_the_answer_to_a_call() {
    let (mut city, order, amount) = with_due(Step::Hold);
    let until = city.now.saturating_add(Span::from_hours(24));
    let fact = Fact::Held { amount, until: Some(until) };
    let held = event("evt_1", about_due(&city, order), fact);
    assert_eq!(heard(&mut city, &held), (Heard::Applied, 3));
    let placed = city.shard.order(order).unwrap();
    assert_eq!(placed.payment().funds(), Funds::Held { amount, until });
}

#[test]
fn the_same_id_with_another_meaning_is_a_conflict_that_says_in_what() {
    let (mut city, order, amount) = with_due(Step::Capture);
    heard(&mut city, &event("evt_1", about(order), Fact::Captured { amount }));
    let before = city.shard.clone();
    let other = event("evt_1", about(order), Fact::Captured { amount: eur(1) });
    let refusal = city.refuses(&other);
    let first = Meaning { about: about(order), fact: Fact::Captured { amount } };
    let id = EventId::new("evt_1").unwrap();
    let expected = Refusal::ProviderConflict {
        event: id,
        first: Box::new(first),
        differs: vec![Field::Amount],
    };
    assert_eq!(refusal, expected);
    assert_eq!(city.shard, before);
}

#[test]
fn an_unknown_payment_is_acknowledged_and_changes_no_money() {
    let (mut city, order, amount) = with_due(Step::Capture);
    let before = city.shard.clone();
    let stranger = OrderId::from(7);
    let captured = event("evt_1", about(stranger), Fact::Captured { amount });
    assert_eq!(heard(&mut city, &captured), (Heard::UnknownPayment, 1));
    assert_eq!(heard(&mut city, &captured), (Heard::UnknownPayment, 0));
    assert_eq!(city.shard.orders, before.orders);
    assert!(city.shard.order(order).is_some());
}

#[test]
fn a_fact_about_an_earlier_attempt_does_not_answer_the_one_that_is_due() {
    let (mut city, order, amount) = with_due(Step::Refund);
    let first = about_due(&city, order);
    let minor = amount.minor();
    assert_eq!(heard(&mut city, &event("evt_1", first, refund_failed(minor))).0, Heard::Applied);
    assert_eq!(heard(&mut city, &event("evt_2", first, refund(minor))).0, Heard::NoNews);
    let second = about_due(&city, order);
    assert_eq!(second.effect.unwrap().attempt, 2);
    assert_eq!(heard(&mut city, &event("evt_3", second, refund(minor))).0, Heard::Applied);
    assert!(city.shard.order(order).unwrap().payment().is_settled());
    // An intent carries the key of its hold, whatever becomes of it later.
    let (mut city, order, amount) = with_due(Step::Capture);
    let hold = EffectKey { order, step: Step::Hold, attempt: 1 };
    let told = Reference { order, effect: Some(hold) };
    assert_eq!(
        heard(&mut city, &event("evt_1", told, Fact::Captured { amount })).0,
        Heard::Applied
    );
}

#[test]
fn events_are_remembered_for_the_providers_whole_retry_span_by_policy() {
    let (mut city, order, amount) = with_due(Step::Capture);
    let captured = event("evt_1", about(order), Fact::Captured { amount });
    heard(&mut city, &captured);
    let horizon = policy().memory.provider_horizon;
    assert!(horizon > Span::from_hours(3 * 24));
    city.waits(Span::from_millis(horizon.as_millis() - 1));
    assert_eq!(heard(&mut city, &captured), (Heard::Applied, 0));
    city.waits(Span::from_millis(1));
    city.ticks();
    let cause = city.cause();
    city.hears(&taps(ana(), DriverAct::GoOnline), Some(cause)).unwrap();
    assert!(city.shard.heard.is_empty(), "any batch forgets what may go");
    assert_eq!(heard(&mut city, &captured), (Heard::NoNews, 1), "the hold has lapsed meanwhile");
}

#[test]
fn a_full_memory_takes_no_new_event_and_still_knows_the_old() {
    let mut rules = policy();
    rules.memory.provider_events_max = 1;
    let mut city = City::under(rules);
    let order = city.opened(1, grill());
    let amount = city.shard.pending_effect(order).unwrap().due.amount;
    let held = |id| event(id, about(order), Fact::Held { amount, until: None });
    let unknown = event("evt_0", about(OrderId::from(7)), Fact::Voided);
    heard(&mut city, &unknown);
    let before = city.shard.clone();
    for cause in [None, Some(city.cause())] {
        assert_eq!(city.hears(&held("evt_1"), cause), Err(NotTaken::Full));
    }
    assert_eq!(city.shard, before);
    assert_eq!(heard(&mut city, &unknown), (Heard::UnknownPayment, 0));
    city.waits(Span::from_hours(4 * 24));
    assert_ne!(city.hears(&held("evt_1"), None), Err(NotTaken::Full));
    assert_eq!(city.shard.heard.len(), 1);
}

#[test]
fn a_log_in_which_an_event_takes_effect_twice_is_corrupt() {
    let (mut city, order, amount) = with_due(Step::Capture);
    heard(&mut city, &event("evt_1", about(order), Fact::Captured { amount }));
    let mut twice = city.log.last().unwrap().clone();
    twice.events.truncate(1);
    let id = EventId::new("evt_1").unwrap();
    assert_eq!(city.shard.apply(&twice), Err(CorruptLog::ProviderTwice { event: id }));
}
