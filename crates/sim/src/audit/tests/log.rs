//! Planted in the protocol: who writes, in which order, and what callers were told.

use super::*;

fn noise() -> Vec<Value> {
    vec![dispatch("stage_entered", json!({"delivery": dlv(1), "stage": "wide", "ends_at": 0}))]
}

/// A story in which a delivery is searched for.
fn searching() -> Story {
    Story::until("captured")
}

#[test]
fn a_batch_that_never_came_leaves_a_gap() {
    let mut story = searching();
    story.seq += 1;
    story.tell(noise());
    story.breaks(&[]);
    assert_eq!(story.auditor.counted_batches(), 7, "what stands behind a gap does not count");
    story.auditor.fence.finish(&mut story.auditor.ledger);
    story.breaks(&["sequence"]);
}

#[test]
fn a_gap_that_a_new_claim_closes_is_no_gap() {
    let mut story = searching();
    story.seq += 1;
    story.tell(noise());
    story.seq -= 2;
    story.claim();
    story.tell(noise());
    story.auditor.fence.finish(&mut story.auditor.ledger);
    story.breaks(&[]);
    assert_eq!(story.auditor.counted_batches(), 8);
}

#[test]
fn the_same_number_is_not_written_twice_differently() {
    let mut story = searching();
    let first = story.batch(noise());
    story.append(&first);
    story.append(&first);
    story.breaks(&[]);
    story.at += 1;
    let second = story.batch(noise());
    story.append(&second);
    story.breaks(&["sequence"]);
}

#[test]
fn second_thoughts_after_a_gap_are_found() {
    let mut story = searching();
    story.seq += 1;
    let early = story.batch(noise());
    story.append(&early);
    story.seq -= 1;
    story.tell(noise());
    story.at += 1;
    let other = story.batch(noise());
    story.append(&other);
    story.breaks(&["sequence"]);
}

#[test]
fn nobody_writes_under_an_epoch_that_is_not_theirs() {
    let plant: [fn(&mut Story); 3] = [
        |story| story.epoch += 1,
        |story| story.writer = format!("{:032x}", 99),
        |story| story.epoch = 0,
    ];
    for plant in plant {
        let mut story = searching();
        plant(&mut story);
        story.tell(noise());
        story.breaks(&["one_writer_per_epoch"]);
        assert_eq!(story.auditor.counted_batches(), 7);
    }
}

#[test]
fn a_claim_may_lose_but_never_skips_an_epoch() {
    let mut story = searching();
    let claim = |epoch: u64| json!({"claim": {"format": 1, "epoch": epoch, "writer": "late"}});
    story.append(&claim(1));
    story.tell(noise());
    story.breaks(&[]);
    story.append(&claim(3));
    story.breaks(&["one_writer_per_epoch"]);
}

#[test]
fn a_late_batch_of_an_old_owner_is_ignored() {
    let mut story = searching();
    let late = story.batch(noise());
    story.claim();
    story.append(&late);
    story.tell(noise());
    story.breaks(&[]);
    assert_eq!(story.auditor.counted_batches(), 8);
}

#[test]
fn time_never_goes_back() {
    let mut story = searching();
    story.after(-1, noise());
    story.breaks(&["time"]);
}

#[test]
fn what_cannot_be_read_stops_the_reader() {
    for bad in ["", "{}", r#"{"batch":{"epoch":1}}"#, r#"{"surprise":{}}"#] {
        let mut story = searching();
        story.auditor.entry(99, bad.as_bytes());
        story.tell(vec![order(1, json!({"made_ready": {}}))]);
        story.auditor.finish([]);
        story.breaks(&["readable"]);
        assert_eq!(story.auditor.counted_batches(), 7);
    }
    let mut story = searching();
    story.append(&json!({"claim": {"format": 2, "epoch": 2, "writer": "new"}}));
    story.breaks(&["readable"]);
    let mut story = searching();
    story.tell(vec![order(1, json!("eaten_by_dog"))]);
    story.breaks(&["readable"]);
}

#[test]
fn a_command_takes_effect_once() {
    let mut story = searching();
    story.answer(5, json!("done"), noise());
    story.breaks(&[]);
    story.answer(5, json!("done"), noise());
    story.breaks(&["cause_once"]);
}

#[test]
fn an_outcome_says_what_the_events_say() {
    let good: [(Value, Vec<Value>); 3] = [
        (json!("done"), vec![]),
        (json!({"refused": "checkout_over"}), vec![]),
        (json!({"checkout_opened": {"order": ord(9), "total": eur(TOTAL)}}), vec![opened(9)]),
    ];
    for (outcome, events) in good {
        let mut story = Story::begin();
        story.answer(1, outcome, events);
        story.breaks(&[]);
    }
    let bad: [(Value, Vec<Value>); 5] = [
        (json!("done"), vec![opened(9)]),
        (json!({"refused": "checkout_over"}), vec![opened(9)]),
        (json!({"checkout_opened": {"order": ord(9), "total": eur(1)}}), vec![opened(9)]),
        (json!({"checkout_opened": {"order": ord(8), "total": eur(TOTAL)}}), vec![opened(9)]),
        (json!({"checkout_opened": {"order": ord(9), "total": eur(TOTAL)}}), vec![]),
    ];
    for (outcome, events) in bad {
        let mut story = Story::begin();
        story.answer(1, outcome, events);
        story.breaks(&["outcome"]);
    }
    let mut story = Story::begin();
    story.tell(vec![]);
    story.breaks(&["outcome"]);
}

#[test]
fn what_a_caller_was_told_stands_in_the_log_the_same() {
    let command = CommandId::new(5);
    let refused = json!({"refused": {"no_such_order": {"order": ord(3)}}});
    let told = r#"{"refused": {"no_such_order": {"order": "ord_0000000000003"}}}"#;
    for early in [true, false] {
        let mut story = Story::begin();
        let tell = |story: &mut Story, text: &str| story.auditor.answered(command, text);
        if early {
            tell(&mut story, told);
        }
        story.answer(5, refused.clone(), vec![]);
        tell(&mut story, told);
        tell(&mut story, told);
        story.breaks(&[]);
        tell(&mut story, r#""done""#);
        story.breaks(&["answered"]);
    }
}

#[test]
fn an_answer_that_the_log_does_not_have_is_found_at_the_end() {
    let mut story = Story::begin();
    story.auditor.answered(CommandId::new(5), r#""done""#);
    story.breaks(&[]);
    story.auditor.finish([]);
    story.breaks(&["answered"]);
}

#[test]
fn two_answers_to_one_command_are_found_before_the_log_is_read() {
    let mut story = Story::begin();
    story.auditor.answered(CommandId::new(5), r#""done""#);
    story.auditor.answered(CommandId::new(5), r#"{"refused":"checkout_over"}"#);
    story.breaks(&["answered"]);
    let mut story = Story::begin();
    story.auditor.answered(CommandId::new(5), "no JSON");
    story.breaks(&["answered"]);
}

#[test]
fn an_answer_given_before_its_batch_was_in_the_log_is_found() {
    for (log_end, broken) in [(4, &[][..]), (3, &["answered"][..])] {
        for before in [true, false] {
            let mut story = Story::begin();
            let tell = |story: &mut Story| {
                story.auditor.answered_before(CommandId::new(5), r#""done""#, log_end);
            };
            if before {
                tell(&mut story);
            }
            story.answer(5, json!("done"), vec![]);
            assert_eq!(story.position, 4, "the batch stands at 3");
            if !before {
                tell(&mut story);
            }
            story.breaks(broken);
        }
    }
}
