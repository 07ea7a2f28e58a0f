//! Planted in the money, by the log and by the provider's book.

use super::*;

#[track_caller]
fn check(step: &str, events: Vec<Value>, expected: &[&str]) {
    let mut story = Story::until(step);
    story.tell(events);
    story.breaks(expected);
}

/// What is broken once the books are closed.
#[track_caller]
fn closes(mut story: Story, book: BookEntry, expected: &[&str]) {
    story.breaks(&[]);
    story.auditor.finish([book]);
    story.breaks(expected);
}

/// Order 1 after acceptance and capture, cancelled by operations for `fee`.
fn cancelled_for(fee: i64) -> Story {
    let mut story = Story::until("captured");
    story
        .tell(vec![cancelled(1, "operations", "operations", fee), finished(1, json!("cancelled"))]);
    story
}

#[test]
fn money_is_held_and_captured_once() {
    check("placed", vec![payment(1, json!({"held": {"until": 0}}))], &["held_once"]);
    check("captured", vec![payment(1, captured(TOTAL))], &["captured_once"]);
    let gone = vec![payment(1, released("voided")), payment(1, captured(TOTAL))];
    check("cooking", gone, &["captured_once"]);
    check("captured", vec![payment(1, released("voided"))], &["held_once"]);
}

#[test]
fn money_is_captured_after_acceptance_or_as_a_fee() {
    check("placed", vec![payment(1, captured(TOTAL))], &["captured_after_acceptance"]);
    let fee = vec![cancelled(1, "operations", "operations", 300), payment(1, captured(300))];
    check("placed", fee, &[]);
}

#[test]
fn refunded_is_at_most_captured_is_at_most_held() {
    check("cooking", vec![payment(1, captured(TOTAL + 1))], &["money_bounds"]);
    check("captured", vec![payment(1, refunded(TOTAL + 1))], &["money_bounds"]);
    let twice = vec![payment(1, refunded(1_000)), payment(1, refunded(501))];
    check("captured", twice, &["money_bounds"]);
    check("cooking", vec![payment(1, refunded(1))], &["money_bounds"]);
    let raised = json!({"adjusted": {
        "lines": [], "quote": {"distance_m": 900, "total": eur(TOTAL + 1)},
    }});
    check("cooking", vec![order(1, raised)], &["money_bounds"]);
    let fee = cancelled(1, "operations", "operations", TOTAL + 1);
    check("placed", vec![fee], &["money_bounds"]);
    let own_fee = cancelled(1, "customer", "before_acceptance", 1);
    check("placed", vec![own_fee], &["money_bounds"]);
}

#[test]
fn attempts_count_up_one_by_one() {
    let failed = |attempt: u32| {
        payment(
            1,
            json!({"failed": {
                "step": "capture", "attempt": attempt, "retry_at": 0, "flagged": false,
            }}),
        )
    };
    check("cooking", vec![failed(1), failed(2), payment(1, captured(TOTAL))], &[]);
    check("cooking", vec![failed(1), failed(3)], &["attempts"]);
    check("cooking", vec![failed(1), failed(1)], &["attempts"]);
}

#[test]
fn a_delivered_order_is_paid_in_full_or_a_debt() {
    // Delivered without a capture: the step is left out.
    let unpaid = || {
        let mut story = Story::begin();
        for (_, events) in life().into_iter().filter(|(name, _)| *name != "captured") {
            story.tell(events);
        }
        story
    };
    let held = BookEntry { captured_minor: 0, captures: 0, ..book() };
    closes(unpaid(), held, &["owed_is_paid"]);

    let mut debt = unpaid();
    debt.tell(vec![payment(1, released("lapsed"))]);
    closes(debt, held, &[]);

    let mut voided = unpaid();
    voided.tell(vec![payment(1, released("voided"))]);
    closes(voided, BookEntry { voided: true, ..held }, &["owed_is_paid"]);

    let mut refund = Story::until("delivered");
    refund.tell(vec![payment(1, refunded(500))]);
    closes(refund, BookEntry { refunded_minor: 500, ..book() }, &["owed_is_paid"]);
}

#[test]
fn no_money_is_kept_for_a_cancelled_order_beyond_its_fee() {
    closes(cancelled_for(0), book(), &["cancelled_not_charged"]);
    let mut refund = cancelled_for(300);
    refund.tell(vec![payment(1, refunded(TOTAL - 300))]);
    closes(refund, BookEntry { refunded_minor: TOTAL - 300, ..book() }, &[]);
    let mut short = cancelled_for(300);
    short.tell(vec![payment(1, refunded(TOTAL - 301))]);
    let book = BookEntry { refunded_minor: TOTAL - 301, ..book() };
    closes(short, book, &["cancelled_not_charged"]);
}

#[test]
fn food_that_was_lost_is_refunded_and_an_absent_customer_pays() {
    for (reason, broken) in [("accident", &["owed_is_paid"][..]), ("customer_absent", &[])] {
        let mut story = Story::until("departed");
        let body = json!({"by": {"driver": drv(ANA)}, "reason": reason, "returned": false});
        story.tell(vec![
            order(1, json!({ "undelivered": body })),
            finished(1, json!({"undelivered": {"earned": eur(0)}})),
        ]);
        closes(story, book(), broken);
    }
}

#[test]
fn a_hold_that_no_order_uses_is_voided() {
    let held_only = BookEntry { captured_minor: 0, captures: 0, ..book() };
    let mut story = Story::until("opened");
    story.tell(vec![checkout(1, json!("given_up"))]);
    story.tell(vec![checkout(1, held())]);
    story.breaks(&[]);
    let mut voided = Story::until("opened");
    voided.tell(vec![checkout(1, json!("given_up"))]);
    voided.tell(vec![checkout(1, held())]);
    voided.tell(vec![checkout(1, json!({"payment": released("voided")}))]);
    closes(story, held_only, &["hold_voided"]);
    closes(voided, BookEntry { voided: true, ..held_only }, &[]);

    let mut cancelled_open = Story::until("placed");
    cancelled_open.tell(vec![cancelled(1, "restaurant", "restaurant_rejected", 0)]);
    closes(cancelled_open, held_only, &["hold_voided"]);
}

#[test]
fn the_book_says_what_the_log_says() {
    let plants = [
        BookEntry { held_minor: TOTAL - 1, ..book() },
        BookEntry { captured_minor: TOTAL - 1, ..book() },
        BookEntry { refunded_minor: 1, ..book() },
        BookEntry { voided: true, ..book() },
    ];
    for plant in plants {
        closes(Story::until("delivered"), plant, &["book_matches"]);
    }
    let mut missing = Story::until("delivered");
    missing.auditor.finish([]);
    missing.breaks(&["book_matches"]);

    let mut unknown = Story::until("delivered");
    unknown.auditor.finish([book(), BookEntry { order: OrderId::from(9), ..book() }]);
    unknown.breaks(&["book_matches"]);
}

#[test]
fn the_book_has_one_hold_and_one_capture_an_order() {
    closes(Story::until("delivered"), BookEntry { holds: 2, ..book() }, &["book_once"]);
    closes(Story::until("delivered"), BookEntry { captures: 2, ..book() }, &["book_once"]);
    let mut twice = Story::until("delivered");
    twice.auditor.finish([book(), book()]);
    twice.breaks(&["book_once"]);
}

#[test]
fn a_refused_hold_leaves_nothing_behind() {
    let mut story = Story::until("opened");
    story.tell(vec![checkout(1, json!({"payment": {"hold_refused": {"why": "declined"}}}))]);
    story.auditor.finish([]);
    story.breaks(&[]);
    let facts = story.auditor.orders().next().unwrap();
    assert_eq!((facts.no_hold, facts.placed_at), (Some(NoHold::Declined), None));
}
