//! Planted among drivers and deliveries.

use super::*;

/// A second order that was accepted, with delivery 2.
pub(super) fn second() -> Vec<Value> {
    vec![opened(2), checkout(2, held()), placed(2), accepted(2), delivery_opened(2)]
}

#[test]
fn an_order_never_has_two_drivers() {
    // By the order's own events.
    let mut story = Story::until("taken");
    story.tell(vec![assigned(1, BEN)]);
    story.breaks(&["one_driver_per_order"]);

    // By the delivery's events.
    let mut story = Story::until("taken");
    story.tell(vec![offer(1, BEN, START + 90_000)]);
    story.tell(vec![taken(1, BEN)]);
    story.breaks(&["one_driver_per_order"]);

    // A stranger acts on it.
    let mut story = Story::until("taken");
    story.tell(vec![arrived(BEN)]);
    story.breaks(&["one_driver_per_order"]);

    // The order and its delivery disagree.
    let mut story = Story::until("offered");
    story.tell(vec![taken(1, ANA)]);
    story.breaks(&["one_driver_per_order"]);
}

#[test]
fn an_order_is_in_one_delivery_at_a_time() {
    let mut story = Story::until("captured");
    story.tell(vec![delivery_of(2, &[1], 1)]);
    story.breaks(&["deliveries"]);

    let mut story = Story::until("cooking");
    story.tell(vec![finished(1, json!("cancelled"))]);
    story.breaks(&["deliveries"]);

    let mut story = Story::until("at_doorstep");
    story.tell(vec![delivered(ANA), finished(1, json!("cancelled"))]);
    story.breaks(&["deliveries"]);

    let mut story = Story::until("placed");
    story.tell(vec![accepted(1)]);
    story.breaks(&["deliveries"]);
}

#[test]
fn a_driver_never_carries_more_than_policy_allows() {
    let mut story = Story::until("taken");
    story.tell(second());
    story.breaks(&[]);
    story.tell(vec![offer(2, ANA, START + 90_000)]);
    story.breaks(&["capacity"]);

    let mut story = Story::until("taken");
    story.tell(second());
    let body = json!({"delivery": dlv(2), "from": null, "to": drv(ANA)});
    let handed = json!({"handed_over": {
        "from": null, "driver": drv(ANA), "delivery": dlv(2), "arrive_by": 0,
    }});
    let hand_over = vec![dispatch("reassigned", body), order(2, handed)];
    story.tell(hand_over.clone());
    story.breaks(&["capacity"]);

    // Where policy allows two, two are none too many.
    let mut story = Story::until("taken");
    story.tell(vec![json!({"policy_set": {"dispatch": {"capacity": 2}}})]);
    story.tell(second());
    story.tell(hand_over);
    story.breaks(&[]);
}

#[test]
fn a_driver_thinks_about_one_offer_at_a_time() {
    let mut story = Story::until("offered");
    story.tell(second());
    story.tell(vec![offer(2, ANA, START + 90_000)]);
    story.breaks(&["one_offer_per_driver"]);
}

#[test]
fn an_accept_after_expiry_loses() {
    for (late, broken) in [(-1, &[][..]), (0, &["accept_in_time"]), (1, &["accept_in_time"])] {
        let mut story = Story::until("offered");
        story.at = START + 60_000;
        story.after(late, vec![taken(1, ANA), assigned(1, ANA)]);
        story.breaks(broken);
    }
}

#[test]
fn nobody_takes_what_they_were_not_offered() {
    let mut story = Story::until("offered");
    let closed = json!({"delivery": dlv(1), "driver": drv(ANA), "why": "withdrawn"});
    story.tell(vec![dispatch("offer_closed", closed), taken(1, BEN), assigned(1, BEN)]);
    story.breaks(&["accept_in_time"]);
}

#[test]
fn an_offer_expires_when_it_said() {
    let closed = json!({"delivery": dlv(1), "driver": drv(ANA), "why": "expired"});
    let mut story = Story::until("offered");
    story.tell(vec![dispatch("offer_closed", closed.clone())]);
    story.breaks(&["deadlines"]);
    story.tell(vec![dispatch("offer_closed", closed)]);
    story.breaks(&["deadlines", "one_offer_per_driver"]);
}

#[test]
fn drivers_come_and_go_empty_handed_and_only_who_is_on_duty_is_asked() {
    let of = |kind: &str, driver: u32| dispatch(kind, json!({"driver": drv(driver)}));
    let mut story = Story::until("taken");
    story.tell(vec![of("driver_released", ANA)]);
    story.breaks(&["roster"]);

    let mut story = Story::until("captured");
    story.tell(vec![of("went_offline", ANA), offer(1, ANA, START + 60_000)]);
    story.breaks(&["roster"]);

    let mut story = Story::until("captured");
    story.tell(vec![of("driver_admitted", ANA)]);
    story.breaks(&["roster"]);

    let mut story = Story::until("captured");
    story.tell(vec![of("driver_released", BEN)]);
    story.breaks(&[]);
}

#[test]
fn a_driver_who_drops_out_makes_room_for_the_next() {
    let mut story = Story::until("taken");
    let drop = json!({"driver": drv(ANA), "why": "driver", "give_up_at": START + 40 * MINUTE});
    let dropped = json!({
        "delivery": dlv(1), "driver": drv(ANA), "why": "driver", "stage_ends_at": 0,
    });
    story.tell(vec![order(1, json!({ "driver_dropped": drop })), dispatch("dropped", dropped)]);
    story.tell(vec![offer(1, BEN, START + 90_000)]);
    story.tell(vec![taken(1, BEN), assigned(1, BEN)]);
    story.tell(vec![arrived(BEN)]);
    story.breaks(&[]);
    story.tell(vec![picked_up(ANA)]);
    story.breaks(&["one_driver_per_order"]);
}

#[test]
fn what_is_left_over_at_the_end_is_found() {
    let mut story = Story::until("taken");
    story.auditor.finish([book()]);
    story.breaks(&["nobody_holds", "everything_ends"]);

    let mut story = Story::until("placed");
    story.auditor.finish([BookEntry { captured_minor: 0, captures: 0, ..book() }]);
    story.breaks(&["everything_ends"]);

    let mut story = Story::until("opened");
    story.auditor.finish([]);
    story.breaks(&["everything_ends"]);
}
