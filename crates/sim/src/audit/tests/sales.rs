//! Planted in flash sales: units, holds, the line, the orders that carry them.

use doorstep_core::id::{CustomerId, SaleId};

use super::*;

const CAT: u32 = 3;

fn cus(n: u32) -> String {
    CustomerId::from(n).to_string()
}

fn event(event: Value) -> Value {
    json!({"sale": {"sale": SaleId::from(1).to_string(), "event": event}})
}

fn opened_sale(stock: u32) -> Value {
    let rules = json!({
        "stock": stock, "per_user": 1, "hold_for": 300_000, "opens_at": START,
        "people_max": 100, "admission": null,
    });
    let sale = SaleId::from(1).to_string();
    json!({"sale_opened": {"sale": sale, "restaurant": "x", "item": "x", "rules": rules}})
}

fn unit(hold: u64, user: u32) -> Value {
    let until = START + 5 * MINUTE;
    event(json!({"held": {"hold": hold, "user": cus(user), "nth": 1, "until": until}}))
}

fn of(kind: &str, hold: u64) -> Value {
    event(json!({kind: {"hold": hold}}))
}

fn room(kind: &str, user: u32) -> Value {
    event(json!({"room": {kind: {"user": cus(user), "number": 0}}}))
}

/// Order 1 is a checkout that carries a hold.
fn carried(hold: u64) -> Vec<Value> {
    let sale = SaleId::from(1).to_string();
    let carried = json!({"sale_checkout": {"sale": sale, "hold": hold, "order": ord(1)}});
    vec![opened(1), of("payment_started", hold), carried]
}

/// A sale with so many units, of which Ana has one and has asked for its order.
fn story(stock: u32) -> Story {
    let mut story = Story::begin();
    story.tell(vec![opened_sale(stock)]);
    story.tell(vec![unit(0, ANA)]);
    story.tell(carried(0));
    story
}

#[track_caller]
fn check(mut story: Story, events: Vec<Value>, expected: &[&str]) {
    story.breaks(&[]);
    story.tell(events);
    story.breaks(expected);
}

#[test]
fn a_good_sale_breaks_nothing() {
    let mut story = story(1);
    story.tell(vec![room("joined", BEN)]);
    story.tell(vec![room("joined", CAT), room("left", CAT)]);
    story.tell(vec![checkout(1, json!("given_up")), of("released", 0), unit(1, BEN)]);
    story.breaks(&[]);
    story.at = START + 5 * MINUTE;
    story.tell(vec![of("expired", 1)]);
    story.tell(vec![event(json!("closed"))]);
    story.breaks(&[]);
    story.auditor.finish([]);
    story.breaks(&[]);
}

#[test]
fn a_sold_unit_belongs_to_the_order_that_was_placed_in_its_batch() {
    let placing = || vec![checkout(1, held()), placed(1)];
    let sold = || [placing(), vec![of("sold", 0)]].concat();
    check(story(2), sold(), &[]);
    // The order is placed, and its unit is somebody else's for the taking.
    check(story(2), placing(), &["sale_orders"]);
    // Sold without an order.
    check(story(2), vec![of("sold", 0)], &["sale_orders"]);
    // Sold without a checkout.
    let mut claimed = Story::begin();
    claimed.tell(vec![opened_sale(2), unit(0, ANA)]);
    check(claimed.clone(), vec![of("sold", 0)], &["hold_ends_once", "sale_orders"]);
    check(claimed.clone(), vec![of("payment_started", 0)], &["sale_orders"]);
    let late = event(json!({"sold_late": {"hold": 0, "user": cus(ANA), "nth": 1}}));
    check(claimed, vec![late], &["sale_orders"]);
    // The checkout is over, and keeps its unit.
    check(story(2), vec![checkout(1, json!("given_up"))], &["sale_orders"]);
    // The unit is given back, and the checkout goes on.
    check(story(2), vec![of("released", 0)], &["sale_orders"]);
}

#[test]
fn two_orders_never_carry_one_unit() {
    let sale = SaleId::from(1).to_string();
    let carried = json!({"sale_checkout": {"sale": sale, "hold": 0, "order": ord(2)}});
    check(story(2), vec![opened(2), carried], &["sale_orders"]);
}

#[test]
fn no_more_units_are_held_and_sold_than_there_are() {
    check(story(1), vec![unit(1, BEN)], &["sale_stock"]);
    check(story(2), vec![unit(1, BEN)], &[]);
    let mut sold = story(1);
    sold.tell(vec![checkout(1, held()), placed(1), of("sold", 0)]);
    check(sold, vec![unit(1, BEN)], &["sale_stock"]);
}

#[test]
fn a_person_has_one_unit() {
    check(story(3), vec![unit(1, ANA)], &["sale_limit"]);
    let second = json!({"held": {
        "hold": 1, "user": cus(ANA), "nth": 2, "until": START + 5 * MINUTE,
    }});
    check(story(3), vec![event(second)], &["sale_limit"]);
}

#[test]
fn a_hold_ends_once_and_its_number_is_not_used_again() {
    let mut ended = story(2);
    ended.tell(vec![checkout(1, json!("given_up")), of("released", 0)]);
    check(ended.clone(), vec![of("released", 0)], &["hold_ends_once"]);
    check(ended.clone(), vec![unit(0, ANA)], &["hold_ends_once"]);
    check(ended, vec![unit(1, ANA)], &[]);
    let mut sold = story(2);
    sold.tell(vec![checkout(1, held()), placed(1), of("sold", 0)]);
    check(sold.clone(), vec![of("sold", 0)], &["hold_ends_once"]);
    check(sold, vec![of("released", 0)], &["hold_ends_once"]);
    // While it is paid no deadline ends it; nor before its time.
    check(story(2), vec![of("expired", 0)], &["hold_ends_once", "sale_orders"]);
    let mut held = story(2);
    held.tell(vec![unit(1, BEN)]);
    check(held, vec![of("expired", 1)], &["deadlines"]);
}

#[test]
fn units_are_given_out_while_the_sale_runs() {
    let mut closed = story(2);
    closed.tell(vec![event(json!("closed"))]);
    check(closed.clone(), vec![unit(1, BEN)], &["sale_terms"]);
    check(closed, vec![event(json!("closed"))], &["sale_terms"]);
    check(story(2), vec![opened_sale(2)], &["sale_terms"]);
    check(Story::begin(), vec![unit(0, ANA)], &["sale_terms"]);
    let mut late = Story::begin();
    late.tell(vec![opened_sale(2)]);
    late.at = START + 5 * MINUTE;
    check(late, vec![unit(0, ANA)], &["sale_terms"]);
}

#[test]
fn a_unit_that_comes_back_is_not_kept_from_those_who_wait() {
    let mut story = story(1);
    story.tell(vec![room("joined", BEN)]);
    let given_up = || vec![checkout(1, json!("given_up")), of("released", 0)];
    check(story.clone(), given_up(), &["sale_line"]);
    check(story.clone(), [given_up(), vec![unit(1, BEN)]].concat(), &[]);
    check(story.clone(), vec![room("joined", BEN)], &["sale_line"]);
    check(story, vec![room("left", CAT)], &["sale_line"]);
}

#[test]
fn no_unit_is_lost_in_the_end() {
    let mut story = Story::begin();
    story.tell(vec![opened_sale(2), unit(0, ANA)]);
    story.auditor.finish([]);
    story.breaks(&["sale_ends"]);
}
