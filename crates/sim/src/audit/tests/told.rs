//! Planted in what the provider tells unasked, and in the money that it moves.

use super::*;

fn told(id: &str, heard: &str, fact: Value) -> Value {
    let says = json!({"about": format!("{}/hold/1", ord(1)), "fact": fact});
    json!({"provider": {"event": {"id": id, "says": says}, "heard": heard}})
}

fn noticed(news: Value) -> Value {
    payment(1, json!({"noticed": { "news": news }}))
}

fn refund(minor: i64, name: u64) -> Value {
    json!({"refunded": {"refund": {"theirs": name}, "amount": eur(minor)}})
}

/// A refund of ours or of another hand, as it is told and as it is noticed.
fn refunded_by(id: &str, minor: i64, name: u64) -> Vec<Value> {
    let fact = json!({"refunded": {"refund": format!("re_{name}"), "amount": eur(minor)}});
    vec![told(id, "applied", fact), noticed(refund(minor, name))]
}

fn failed_refund(id: &str, minor: i64, refund: Value) -> Vec<Value> {
    let fact = json!({"refund_failed": {"refund": "re_1", "amount": eur(minor)}});
    let news = json!({"refund_failed": {"refund": refund, "amount": eur(minor)}});
    vec![told(id, "applied", fact), noticed(news)]
}

/// A fact without an amount, and its news.
fn says(id: &str, fact: &str, news: &str) -> Vec<Value> {
    vec![told(id, "applied", json!(fact)), noticed(json!(news))]
}

fn says_captured(id: &str, minor: i64) -> Vec<Value> {
    let fact = json!({"captured": {"amount": eur(minor)}});
    vec![told(id, "applied", fact), noticed(json!({"captured": {"total": eur(minor)}}))]
}

#[track_caller]
fn check(step: &str, batches: Vec<Vec<Value>>, expected: &[&str]) {
    let mut story = Story::until(step);
    for events in batches {
        story.tell(events);
    }
    story.breaks(expected);
}

#[test]
fn an_event_of_the_provider_counts_once() {
    let no_news = || vec![told("evt_1", "no_news", json!("declined"))];
    check("captured", vec![no_news()], &[]);
    check("captured", vec![no_news(), no_news()], &["provider_once"]);
    // Under another name the refund is still the same one.
    check(
        "captured",
        vec![refunded_by("evt_1", 500, 7), refunded_by("evt_1", 500, 7)],
        &["noticed_once", "provider_once"],
    );
    check(
        "captured",
        vec![refunded_by("evt_1", 500, 7), refunded_by("evt_2", 500, 7)],
        &["noticed_once"],
    );
    check("captured", vec![refunded_by("evt_1", 500, 7), refunded_by("evt_2", 500, 8)], &[]);
}

#[test]
fn what_an_event_does_to_the_money_stands_beside_it_and_says_the_same() {
    let fact = json!({"captured": {"amount": eur(TOTAL)}});
    check("cooking", vec![vec![told("evt_1", "applied", fact.clone())]], &["provider_news"]);
    let news = noticed(json!({"captured": {"total": eur(TOTAL)}}));
    check("cooking", vec![vec![news.clone()]], &["provider_news"]);
    check("cooking", vec![vec![told("evt_1", "no_news", fact), news.clone()]], &["provider_news"]);
    let less = json!({"captured": {"amount": eur(TOTAL - 1)}});
    check("cooking", vec![vec![told("evt_1", "applied", less), news]], &["provider_news"]);
    check("cooking", vec![says("evt_1", "voided", "expired")], &["provider_news"]);
    check("cooking", vec![says_captured("evt_1", TOTAL)], &[]);
}

#[test]
fn what_is_known_moves_one_way() {
    check("cooking", vec![says("evt_1", "lapsed", "expired")], &[]);
    let lapsed = says("evt_1", "lapsed", "expired");
    check("cooking", vec![lapsed.clone(), says("evt_2", "lapsed", "expired")], &["noticed_once"]);
    check("cooking", vec![lapsed.clone(), says("evt_2", "voided", "cancelled")], &[]);
    check("cooking", vec![lapsed, says_captured("evt_2", TOTAL)], &[]);
    let voided = says("evt_1", "voided", "cancelled");
    check("cooking", vec![voided, says("evt_2", "lapsed", "expired")], &["noticed_once"]);
    check("captured", vec![says("evt_1", "voided", "cancelled")], &["noticed_once"]);
    check("captured", vec![says_captured("evt_1", TOTAL)], &["noticed_once"]);
    check("placed", vec![says("evt_1", "declined", "declined")], &["noticed_once"]);
    let failed = failed_refund("evt_1", 500, json!({"theirs": 1}));
    check("captured", vec![failed.clone()], &[]);
    let again = failed_refund("evt_2", 500, json!({"theirs": 1}));
    check("captured", vec![failed, again], &["noticed_once"]);
}

#[test]
fn amounts_that_are_told_stay_within_what_was_held() {
    check("cooking", vec![says_captured("evt_1", TOTAL + 1)], &["money_bounds"]);
    check("captured", vec![refunded_by("evt_1", TOTAL, 1)], &[]);
    check(
        "captured",
        vec![refunded_by("evt_1", TOTAL, 1), refunded_by("evt_2", 1, 2)],
        &["money_bounds"],
    );
}

/// What is broken once the books are closed.
#[track_caller]
fn closes(mut story: Story, book: BookEntry, expected: &[&str]) {
    story.breaks(&[]);
    story.auditor.finish([book]);
    story.breaks(expected);
}

#[test]
fn a_refund_by_another_hand_leaves_a_debt_and_nothing_more() {
    let delivered = |minor| {
        let mut story = Story::until("delivered");
        story.tell(refunded_by("evt_1", minor, 7));
        story
    };
    let refunded = |refunded_minor| BookEntry { refunded_minor, ..book() };
    closes(delivered(500), refunded(500), &[]);
    closes(delivered(500), refunded(499), &["book_matches"]);
    let mut ours_too = delivered(500);
    ours_too.tell(vec![payment(1, refunded_reply(200))]);
    closes(ours_too, refunded(700), &["owed_is_paid"]);
    let mut came_back = delivered(500);
    came_back.tell(failed_refund("evt_2", 500, json!({"theirs": 7})));
    closes(came_back, refunded(0), &[]);
}

fn refunded_reply(minor: i64) -> Value {
    json!({"refunded": {"amount": eur(minor)}})
}

#[test]
fn a_success_that_is_heard_after_the_cancellation_is_refunded() {
    let late = || {
        let mut story = Story::until("placed");
        story.tell(vec![cancelled(1, "restaurant", "restaurant_rejected", 0)]);
        story.tell(says_captured("evt_1", TOTAL));
        story
    };
    let book = BookEntry { refunded_minor: 0, ..book() };
    closes(late(), book, &["cancelled_not_charged"]);
    let mut refunded = late();
    refunded.tell(vec![payment(1, refunded_reply(TOTAL))]);
    closes(refunded, BookEntry { refunded_minor: TOTAL, ..book }, &[]);
}

#[test]
fn a_refund_of_ours_that_came_back_is_made_again() {
    let mut story = Story::until("captured");
    story.tell(vec![cancelled(1, "operations", "operations", 0), finished(1, json!("cancelled"))]);
    story.tell(vec![payment(1, refunded_reply(TOTAL))]);
    story.tell(failed_refund("evt_1", TOTAL, json!({"ours": 1})));
    let mut again = story.clone();
    closes(story, BookEntry { refunded_minor: 0, ..book() }, &["cancelled_not_charged"]);
    again.tell(vec![payment(1, refunded_reply(TOTAL))]);
    closes(again, BookEntry { refunded_minor: TOTAL, ..book() }, &[]);
}

#[test]
fn a_checkout_of_which_the_money_is_told_is_an_order_in_the_same_batch_or_closed() {
    let at_checkout = |news: Value, fact: Value| {
        let news = checkout(1, json!({"payment": {"noticed": { "news": news }}}));
        vec![told("evt_1", "applied", fact), news]
    };
    let held = json!({"authorised": {"amount": eur(TOTAL), "until": START + 1_000_000_000}});
    let fact = json!({"held": {"amount": eur(TOTAL), "until": null}});
    let told_held = at_checkout(held, fact);
    check("opened", vec![told_held.clone()], &["placed_when_held"]);
    check("opened", vec![[told_held, vec![placed(1)]].concat()], &[]);
    let taken = at_checkout(
        json!({"captured": {"total": eur(TOTAL)}}),
        json!({"captured": {"amount": eur(TOTAL)}}),
    );
    check("opened", vec![[taken, vec![placed(1)]].concat()], &[]);
    let declined = at_checkout(json!("declined"), json!("declined"));
    check("opened", vec![declined.clone()], &[]);
    check("opened", vec![[declined, vec![placed(1)]].concat()], &["placed_when_held"]);
}
