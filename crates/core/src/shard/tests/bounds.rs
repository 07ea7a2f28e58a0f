//! Policy, limits, memory, and names that are never given twice.

use super::super::*;
use super::city::*;
use crate::id::CustomerId;
use crate::money::Currency;
use crate::order::OrderStatus;
use crate::payment::{Answer, Reply, Step};
use crate::policy::PolicyError;
use crate::time::Span;

fn rules(change: impl FnOnce(&mut Policy)) -> Command {
    let mut policy = policy();
    change(&mut policy);
    Command::SetPolicy(Box::new(policy))
}

#[test]
fn a_new_policy_is_for_later_decisions_only() {
    let mut city = City::new();
    let order = city.placed();
    let respond_by = city.order(order).next_deadline();
    let total = city.order(order).quote().total;
    let change = rules(|policy| {
        policy.order.accept_within = Span::from_mins(1);
        policy.checkout.fee_base_minor = 0;
    });
    assert_eq!(city.does(&change).len(), 1);
    assert_eq!(city.does(&change), [], "already so");
    assert_eq!(city.order(order).next_deadline(), respond_by);
    assert_eq!(city.order(order).quote().total, total);
    let later = city.placed();
    assert_eq!(
        city.order(later).next_deadline(),
        Some(city.now.saturating_add(Span::from_mins(1)))
    );
    assert_eq!(city.order(later).quote().total, total.checked_sub(eur(199)).unwrap());
    assert_eq!(city.replayed(), city.shard, "a replay decides nothing anew");
}

#[test]
fn an_unsound_policy_and_another_currency_are_refused() {
    let city = City::new();
    let unsound = rules(|policy| policy.dispatch.rounds = 0);
    assert!(matches!(city.refuses(&unsound), Refusal::Policy(PolicyError::Count { .. })));
    let abroad = rules(|policy| policy.currency = Currency::new("COP").unwrap());
    assert_eq!(city.refuses(&abroad), Refusal::CurrencyChanged);
}

#[test]
fn a_customer_orders_five_times_an_hour_and_refused_payments_do_not_count() {
    let mut city = City::new();
    let first = city.now;
    let refused = city.opened(1, grill());
    city.pays(refused, Answer::Refused);
    let given_up = city.opened(1, grill());
    city.does(&cancel(given_up, Canceller::Customer));
    for _ in 0..5 {
        let order = city.opened(1, grill());
        city.pays(order, DONE);
        city.waits(Span::from_mins(1));
    }
    let from = first.saturating_add(Span::from_hours(1));
    let customer = CustomerId::from(1);
    assert_eq!(city.refuses(&checkout(1, grill())), Refusal::TooManyOrders { customer, from });
    city.opened(2, grill());
    city.now = from;
    city.opened(1, grill());
    assert!(matches!(city.refuses(&checkout(1, grill())), Refusal::TooManyOrders { .. }));
}

/// A customer who has been declined or has withdrawn as often as policy allows; and when the first
/// of those leaves the hour.
fn tries_cards(city: &mut City) -> Timestamp {
    let first = city.now;
    for attempt in 0..policy().checkout.failures_per_hour {
        let order = city.opened(1, grill());
        if attempt % 2 == 0 {
            city.pays(order, Answer::Refused);
        } else {
            city.does(&cancel(order, Canceller::Customer));
            city.pays(order, Answer::Refused); // and it counts once
        }
        city.waits(Span::from_secs(1));
    }
    first.saturating_add(Span::from_hours(1))
}

#[test]
fn whoever_tries_one_card_after_another_is_stopped_and_told_when_to_come_back() {
    let mut city = City::new();
    let from = tries_cards(&mut city);
    let customer = CustomerId::from(1);
    let stopped = Refusal::TooManyFailures { customer, from };
    assert_eq!(city.refuses(&checkout(1, grill())), stopped);
    city.opened(2, grill());
    city.shard = city.stored();
    assert_eq!(city.refuses(&checkout(1, grill())), stopped);
    assert_eq!(city.replayed(), city.shard);
    city.now = from.saturating_sub(Span::from_millis(1));
    assert_eq!(city.refuses(&checkout(1, grill())), stopped);
    city.now = from;
    city.opened(1, grill());
}

#[test]
fn a_provider_that_fails_or_says_nothing_is_not_the_customers_doing() {
    let mut city = City::new();
    for _ in 0..policy().checkout.failures_per_hour {
        let order = city.opened(1, grill());
        for attempt in 1..=policy().payment.hold_attempts {
            let reply = Reply { step: Step::Hold, attempt, answer: Answer::Failed };
            city.does(&Command::Reply { order, reply });
        }
        city.opened(1, grill());
        city.waits(policy().checkout.patience);
        city.does(&Command::Tick);
    }
    city.opened(1, grill());
}

#[test]
fn a_checkout_that_waits_counts_against_the_limit() {
    let mut city = City::new();
    for _ in 0..5 {
        city.opened(1, grill());
    }
    assert!(matches!(city.refuses(&checkout(1, grill())), Refusal::TooManyOrders { .. }));
}

#[test]
fn a_full_shard_opens_no_checkout_until_something_has_left() {
    let mut policy = policy();
    policy.memory.orders_max = 2;
    let mut city = City::under(policy.clone());
    let order = city.placed();
    city.opened(1, grill());
    assert_eq!(city.hears(&checkout(2, grill()), None), Err(NotTaken::NoRoom));
    city.does(&says(order, RestaurantAct::Reject));
    city.pays(order, DONE);
    assert_eq!(city.hears(&checkout(2, grill()), None), Err(NotTaken::NoRoom), "remembered");
    city.waits(policy.memory.retain_terminal);
    city.opened(2, grill());
    assert!(city.shard.order(order).is_none(), "it made room in the same batch");
}

#[test]
fn a_bound_lowered_below_what_is_there_strands_nobody_who_paid() {
    let mut city = City::new();
    let waiting = city.opened(1, shelf());
    let pending = city.placed();
    city.accepted();
    city.does(&rules(|policy| policy.memory.orders_max = 1));
    assert_eq!(city.hears(&checkout(9, grill()), None), Err(NotTaken::NoRoom));
    city.pays(waiting, DONE);
    assert_eq!(city.order(waiting).status(), OrderStatus::ReadyForPickup);
    city.does(&accept(pending));
    assert_eq!(city.shard.dispatch.deliveries().len(), 3);
}

#[test]
fn what_is_over_leaves_memory_after_its_time_and_not_before() {
    let mut city = City::new();
    let (order, delivery) = city.at_the_door(ana());
    city.does(&taps(ana(), DriverAct::Deliver { delivery }));
    let refused = city.opened(1, grill());
    city.pays(refused, Answer::Refused);
    let retain = policy().memory.retain_terminal;
    let mut touch = taps(ben(), DriverAct::GoOffline);
    city.waits(Span::from_millis(retain.as_millis() - 1));
    city.does(&touch);
    assert!(city.shard.order(order).is_some() && city.shard.checkout(refused).is_some());
    city.waits(Span::from_millis(1));
    touch = taps(ben(), DriverAct::GoOnline);
    city.does(&touch);
    assert!(city.shard.order(order).is_none() && city.shard.checkout(refused).is_none());
    let gone = Refusal::NoSuchOrder { order };
    assert_eq!(city.refuses(&cancel(order, Canceller::Customer)), gone);
}

#[test]
fn nothing_is_forgotten_while_money_is_out() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    city.does(&cancel(order, Canceller::Restaurant));
    city.waits(Span::from_hours(48));
    city.does(&taps(ben(), DriverAct::GoOffline));
    assert_eq!(city.step_due(order), Some(Step::Refund));
    city.pays(order, DONE);
    assert!(city.shard.order(order).is_none(), "over for long, and settled now");
}

#[test]
fn a_long_silence_is_forgotten_a_little_at_a_time() {
    let mut city = City::new();
    for customer in 0..100 {
        let order = city.opened(customer, grill());
        city.pays(order, Answer::Refused);
    }
    city.waits(Span::from_hours(2));
    let mut left = Vec::new();
    for act in [DriverAct::GoOffline, DriverAct::GoOnline] {
        city.does(&taps(ana(), act));
        left.push(city.shard.checkouts().count());
    }
    assert_eq!(left, [36, 0]);
}

#[test]
fn names_rise_and_are_never_given_twice_not_even_after_a_restart() {
    let mut city = City::new();
    let mut names = Vec::new();
    for restart in 0..3 {
        let (order, delivery) = city.accepted();
        names.extend([order.get(), delivery.get()]);
        match restart {
            0 => city.shard = city.stored(),
            1 => city.shard = city.replayed(),
            _ => {}
        }
        names.push(city.opened(restart, shelf()).get());
    }
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}

#[test]
fn a_clock_that_goes_back_takes_nothing_back() {
    let mut city = City::new();
    let order = city.placed();
    let last = city.shard.last_at();
    city.now = T0.saturating_sub(Span::from_hours(1));
    city.does(&accept(order));
    assert_eq!(city.shard.last_at(), last);
    let mut batch = city.log.pop().unwrap();
    batch.at = city.now;
    let went_back = CorruptLog::TimeWentBack { at: batch.at, last_at: last };
    assert_eq!(city.shard.apply(&batch), Err(went_back));
}

#[test]
fn after_a_silence_the_earliest_deadline_is_dealt_with_first() {
    let mut city = City::new();
    let first = city.opened(1, grill());
    city.waits(Span::from_secs(60));
    city.accepted();
    city.waits(Span::from_hours(1));
    let given_up = Event::Checkout { order: first, event: crate::checkout::Event::GivenUp };
    assert_eq!(city.does(&Command::Tick), [given_up], "it waited longer than the search");
    assert!(matches!(city.does(&Command::Tick).as_slice(), [Event::Dispatch(_)]));
}

#[test]
fn an_event_that_fits_nothing_is_a_corrupt_log() {
    let mut city = City::new();
    let order = city.placed();
    for batch in city.log.clone() {
        let repeated = batch.events.iter().any(|event| matches!(event, Event::Checkout { .. }));
        if repeated {
            let batch = Batch { at: city.now, ..batch };
            let applied = city.shard.clone().apply(&batch);
            assert_eq!(applied, Err(CorruptLog::NoSuchOrder { order }));
        }
    }
}

#[test]
fn an_outcome_is_no_larger_than_the_sizing_rule_reckons() {
    // With what stands beside it in the ledger: the id, when it was issued, the digest. Most of two
    // million such entries is in the maps' nodes: policy, `causes_max`.
    assert!(size_of::<(crate::id::CommandId, Outcome, Timestamp, u64)>() <= 80);
}
