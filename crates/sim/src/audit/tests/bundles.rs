//! Planted among deliveries that go together.

use super::planted::second;
use super::*;

/// Both deliveries offered to Ana as one, delivery 1 first.
fn bundle() -> Value {
    along(offer(1, ANA, START + 60_000), "offer_made", &[1, 2])
}

/// The event, for several deliveries.
fn along(mut event: Value, kind: &str, deliveries: &[u32]) -> Value {
    let key = if kind == "dropped" { "parted" } else { "bundle" };
    let deliveries: Vec<String> = deliveries.iter().map(|n| dlv(*n)).collect();
    event["dispatch"][kind][key] = json!(deliveries);
    event
}

/// Order `n` has Ana, as part of delivery 1.
fn in_the_first(n: u32) -> Value {
    let mut event = assigned(n, ANA);
    event["order"]["event"]["driver_assigned"]["delivery"] = json!(dlv(1));
    event
}

fn both_taken() -> Vec<Value> {
    vec![along(taken(1, ANA), "taken", &[1, 2]), assigned(1, ANA), in_the_first(2)]
}

/// Two orders accepted, and what happens to them then.
fn story(steps: Vec<Vec<Value>>) -> Story {
    let mut story = Story::until("captured");
    story.tell(second());
    for step in steps {
        story.tell(step);
    }
    story
}

/// Ana drops both.
fn dropped(parted: &[u32]) -> Vec<Value> {
    let drop = |n| {
        let body = json!({"driver": drv(ANA), "why": "driver", "give_up_at": START + 60 * MINUTE});
        order(n, json!({"driver_dropped": body}))
    };
    let body = json!({
        "delivery": dlv(1), "driver": drv(ANA), "why": "driver", "stage_ends_at": 0,
    });
    vec![drop(1), drop(2), along(dispatch("dropped", body), "dropped", parted)]
}

#[test]
fn a_bundle_that_is_taken_dropped_and_taken_apart_breaks_nothing() {
    story(vec![vec![bundle()], both_taken()]).breaks(&[]);
    let mut apart = story(vec![vec![bundle()], both_taken(), dropped(&[2])]);
    apart.tell(vec![offer(2, BEN, START + 90_000)]);
    apart.tell(vec![taken(2, BEN), assigned(2, BEN)]);
    apart.breaks(&[]);
    // Closed without having been taken, each can be offered by itself.
    let body = json!({"delivery": dlv(1), "driver": drv(ANA), "why": "declined"});
    let closed = dispatch("offer_closed", body);
    story(vec![vec![bundle()], vec![closed], vec![offer(2, BEN, START + 90_000)]]).breaks(&[]);
}

#[test]
fn what_is_offered_together_is_offered_to_nobody_else() {
    let elsewhere = story(vec![vec![bundle()], vec![offer(2, BEN, START + 60_000)]]);
    elsewhere.breaks(&["one_offer_per_driver"]);
    let before = story(vec![vec![offer(2, BEN, START + 60_000)], vec![bundle()]]);
    before.breaks(&["one_offer_per_driver"]);
    let over = vec![finished(2, json!("cancelled")), cancelled(2, "operations", "operations", 0)];
    story(vec![vec![bundle()], over]).breaks(&["one_offer_per_driver"]);
}

#[test]
fn a_bundle_is_of_one_restaurant_and_no_larger_than_policy_allows() {
    let mut story = Story::until("captured");
    let mut events = second();
    events.pop();
    events.push(delivery_of(2, &[2], 7));
    story.tell(events);
    story.tell(vec![bundle()]);
    story.breaks(&["deliveries"]);

    for (bundle_max, broken) in [(2, &[][..]), (1, &["capacity"])] {
        let rules = json!({"dispatch": {"capacity": 1, "plan": {"bundle_max": bundle_max}}});
        let steps = vec![vec![json!({"policy_set": rules})], vec![bundle()]];
        super::bundles::story(steps).breaks(broken);
    }
}

#[test]
fn what_was_offered_is_what_is_taken_and_what_parts_again() {
    let (first, second) = (assigned(1, ANA), in_the_first(2));
    let one = vec![taken(1, ANA), first.clone(), second.clone()];
    story(vec![vec![bundle()], one]).breaks(&["deliveries"]);
    let never_offered = vec![along(taken(1, ANA), "taken", &[1, 2]), first.clone()];
    let alone = vec![offer(1, ANA, START + 60_000)];
    story(vec![alone, never_offered]).breaks(&["deliveries"]);
    // The second order never hears of its driver.
    let unheard = vec![along(taken(1, ANA), "taken", &[1, 2]), first];
    story(vec![vec![bundle()], unheard]).breaks(&["one_driver_per_order"]);
    story(vec![vec![bundle()], both_taken(), dropped(&[])]).breaks(&["deliveries"]);
    // A third delivery is said to have been part of it.
    story(vec![vec![bundle()], both_taken(), dropped(&[2, 3])]).breaks(&["deliveries"]);
}
