//! Planted in the life of an order: milestones, ends, cancels.

use super::*;

/// After `step`, the plant breaks exactly this.
#[track_caller]
fn check(step: &str, events: Vec<Value>, expected: &[&str]) {
    let mut story = Story::until(step);
    story.breaks(&[]);
    story.tell(events);
    story.breaks(expected);
}

fn end_cancelled() -> Value {
    finished(1, json!("cancelled"))
}

#[test]
fn an_order_exists_only_once_its_money_is_held() {
    check("opened", vec![placed(1)], &["placed_when_held"]);
    check("opened", vec![order(1, json!({"made_ready": {}}))], &["placed_when_held"]);
    check("opened", vec![checkout(1, held())], &["placed_when_held"]);
    check("opened", vec![checkout(1, json!("given_up")), placed(1)], &["placed_when_held"]);
}

#[test]
fn a_checkout_is_opened_once_and_speaks_only_before_it_is_an_order() {
    check("opened", vec![opened(1)], &["milestones"]);
    check("placed", vec![checkout(1, json!("given_up"))], &["milestones"]);
    check("placed", vec![placed(1)], &["milestones"]);
}

#[test]
fn milestones_come_in_a_legal_order() {
    let steps = [
        ("placed", order(1, json!("preparing_started"))),
        ("placed", order(1, json!("search_flagged"))),
        ("ready", order(1, json!({"made_ready": {}}))),
        ("cooking", order(1, json!("preparing_started"))),
        ("at_restaurant", arrived(ANA)),
        ("taken", picked_up(ANA)),
        ("taken", order(1, json!("search_flagged"))),
        ("departed", order(1, json!({"departed": {"driver": drv(ANA)}}))),
        ("picked_up", order(1, json!({"made_ready": {}}))),
        ("at_doorstep", at_doorstep(ANA)),
    ];
    for (step, event) in steps {
        check(step, vec![event], &["milestones"]);
    }
    let twice = vec![accepted(1)];
    check("cooking", twice, &["milestones"]);
    let early = vec![delivered(ANA), finished(1, json!({"delivered": {"earned": eur(1)}}))];
    check("at_restaurant", early, &["milestones"]);
}

#[test]
fn an_order_ends_once() {
    check("delivered", vec![cancelled(1, "operations", "operations", 0)], &["one_end"]);
    check("delivered", vec![delivered(ANA)], &["one_end"]);
}

#[test]
fn after_the_end_nothing_happens_but_money() {
    check("delivered", vec![payment(1, refunded(100))], &[]);
    check("delivered", vec![order(1, json!({"made_ready": {}}))], &["nothing_after_end"]);
    check("delivered", vec![assigned(1, BEN)], &["nothing_after_end"]);
}

#[test]
fn of_a_cancel_and_an_arrival_exactly_one_wins() {
    let late = vec![cancelled(1, "customer", "promise_broken", 0), end_cancelled()];
    let mut story = Story::until("at_doorstep");
    story.after(11 * MINUTE, late.clone());
    story.breaks(&["cancel_or_arrival"]);

    let mut story = Story::until("departed");
    story.after(11 * MINUTE, late);
    story.breaks(&[]);
    story.tell(vec![at_doorstep(ANA)]);
    story.breaks(&["cancel_or_arrival"]);

    let operations = vec![cancelled(1, "operations", "operations", 0), end_cancelled()];
    check("at_doorstep", operations, &["cancel_or_arrival"]);
}

#[test]
fn a_customer_cancels_strictly_after_the_promise() {
    for (late, broken) in [(-1, &["customer_cancel"][..]), (0, &["customer_cancel"]), (1, &[])] {
        let mut story = Story::until("departed");
        story.at = START + 10 * MINUTE;
        story.after(late, vec![cancelled(1, "customer", "promise_broken", 0), end_cancelled()]);
        story.breaks(broken);
    }
}

#[test]
fn a_customer_cancels_before_acceptance_or_when_the_search_is_flagged() {
    let cancel = |ground: &str| cancelled(1, "customer", ground, 0);
    check("placed", vec![cancel("before_acceptance")], &[]);
    check("accepted", vec![cancel("before_acceptance"), end_cancelled()], &["customer_cancel"]);
    check("captured", vec![cancel("no_driver"), end_cancelled()], &["customer_cancel"]);
    let flagged = order(1, json!("search_flagged"));
    check("captured", vec![flagged.clone(), cancel("no_driver"), end_cancelled()], &[]);
    check("placed", vec![cancel("operations")], &["customer_cancel"]);

    // A driver was found since: the flag is gone with the search.
    let mut story = Story::until("captured");
    story.tell(vec![flagged, offer(1, ANA, START + 60_000)]);
    story.tell(vec![taken(1, ANA), assigned(1, ANA)]);
    story.breaks(&[]);
    story.tell(vec![cancel("no_driver"), end_cancelled()]);
    story.breaks(&["customer_cancel"]);
}

#[test]
fn everybody_else_cancels_where_they_may() {
    let restaurant = |ground| cancelled(1, "restaurant", ground, 0);
    check("placed", vec![restaurant("restaurant_rejected")], &[]);
    check("cooking", vec![restaurant("restaurant_cannot"), end_cancelled()], &[]);
    check("picked_up", vec![restaurant("restaurant_cannot"), end_cancelled()], &["cancel_terms"]);
    let driver = json!({"by": {"driver": drv(ANA)}, "ground": "operations", "fee": eur(0)});
    check("placed", vec![order(1, json!({ "cancelled": driver }))], &["cancel_terms"]);
    check(
        "picked_up",
        vec![cancelled(1, "platform", "never_picked_up", 0), end_cancelled()],
        &["cancel_terms"],
    );
}

#[test]
fn the_platform_waits_for_its_deadlines() {
    let plants = [
        ("placed", 5, vec![cancelled(1, "platform", "restaurant_silent", 0)]),
        (
            "captured",
            30,
            vec![cancelled(1, "platform", "search_exhausted", 0), finished(1, json!("cancelled"))],
        ),
        (
            "at_restaurant",
            60,
            vec![cancelled(1, "platform", "never_picked_up", 0), finished(1, json!("cancelled"))],
        ),
        (
            "at_doorstep",
            20,
            vec![
                order(
                    1,
                    json!({"undelivered": {
                        "by": "platform", "reason": "customer_absent", "returned": false,
                    }}),
                ),
                finished(1, json!({"undelivered": {"earned": eur(1)}})),
            ],
        ),
    ];
    for (step, minutes, events) in plants {
        for (late, broken) in [(-1, &["deadlines"][..]), (0, &[])] {
            let mut story = Story::until(step);
            story.at = START + minutes * MINUTE;
            story.after(late, events.clone());
            story.breaks(broken);
        }
    }
}
