//! When again, and when to give up; what a late answer is worth.

use super::*;

fn push_only() -> Engine<u32> {
    with(|config| config.route.offline = vec![name("push")])
}

#[test]
fn attempts_come_after_exactly_1_2_4_8_and_16_seconds_on_each_channel_then_it_is_dead() {
    let mut engine = engine();
    engine.takes(message("m"), T0);
    let made = engine.runs(T0, failed());
    let keys: Vec<_> = made.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys[..6], ["m/push/1", "m/push/2", "m/push/3", "m/push/4", "m/push/5", "m/push/6"]);
    assert_eq!(keys[6], "m/email/7");
    let times: Vec<u64> = made.iter().map(|(_, second)| *second).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 31, 32, 34, 38, 46, 62]);
    let dead: Vec<_> = engine.dead_letters().collect();
    assert_eq!((dead.len(), dead[0].causes.len(), dead[0].died_at), (1, 12, secs(62)));
    let last = Cause {
        channel: name("email"),
        attempt: 12,
        at: secs(62),
        why: Why::Failed { code: Some(500) },
    };
    assert_eq!(dead[0].causes[11], last);
    assert_eq!(engine.standing(&name("m")), Some(Standing::Dead));
    assert!(engine.is_empty());
}

#[test]
fn a_retry_is_not_made_a_millisecond_early() {
    let mut engine = push_only();
    engine.takes(message("m"), T0);
    let key = engine.sends(T0);
    let again = Heard::Again { channel: name("push"), at: secs(4) };
    assert_eq!(engine.heard(&key, failed(), secs(3)), again, "counted from the failure");
    let early = secs(4).saturating_sub(Span::from_millis(1));
    engine.tick(early);
    assert_eq!(engine.next_send(early), None);
    assert_eq!(engine.sends(secs(4)).attempt, 2);
}

#[test]
fn a_permanent_error_skips_the_retries() {
    let mut engine = engine();
    engine.takes(message("m"), T0);
    assert_eq!(
        engine.runs(T0, rejected()),
        [("m/push/1".to_string(), 0), ("m/email/2".to_string(), 0)]
    );
    let whys: Vec<Why> =
        engine.dead_letters().flat_map(|dead| &dead.causes).map(|c| c.why).collect();
    assert_eq!(whys, [Why::Rejected { code: Some(410) }; 2]);
}

#[test]
fn a_providers_retry_after_is_honoured_within_its_bound_and_shortens_nothing() {
    for (asked, waited) in [(0, 1), (1, 1), (30, 30), (300, 300), (301, 300), (86_400, 300)] {
        let mut engine = push_only();
        engine.takes(message("m"), T0);
        let key = engine.sends(T0);
        let retry_after = Some(Span::from_secs(asked));
        let heard = engine.heard(&key, Answer::Failed { code: Some(429), retry_after }, T0);
        let at = secs(waited);
        assert_eq!(heard, Heard::Again { channel: name("push"), at }, "asked for {asked} s");
    }
}

#[test]
fn jitter_adds_at_most_its_share_and_is_the_same_for_the_same_seed() {
    let waits = |seed, id: &str| {
        let jitter = Some(Jitter { permille: 500, seed });
        let backoff = Backoff { jitter, ..Backoff::default() };
        let wait = |nth| backoff.wait(nth, &name(id), &name("push")).unwrap().as_millis();
        (1..=5).map(wait).collect::<Vec<_>>()
    };
    assert_eq!(waits(1, "m"), waits(1, "m"));
    assert_ne!(waits(1, "m"), waits(2, "m"));
    assert_ne!(waits(1, "m"), waits(1, "n"));
    let mut shares = Vec::new();
    for message in 0..100 {
        for (wait, least) in waits(7, &format!("m{message}")).iter().zip([1, 2, 4, 8, 16]) {
            assert!((least * 1_000..=least * 1_500).contains(wait), "{wait} of {least} s");
            shares.push((wait - least * 1_000) * 100 / (least * 500));
        }
    }
    let low = shares.iter().filter(|share| **share < 50).count();
    assert!((150..350).contains(&low), "{low} of 500 lie in the lower half");
}

#[test]
fn silence_is_a_failure_when_its_time_is_over() {
    let mut engine = push_only();
    engine.takes(message("m"), T0);
    let first = engine.sends(T0);
    assert!(engine.under_way().eq([first.clone()]));
    let until = secs(10);
    engine.tick(until.saturating_sub(Span::from_millis(1)));
    assert_eq!(engine.tally().no_answers, 0);
    assert_eq!(engine.next_deadline(), Some(until));
    engine.tick(until);
    assert_eq!(engine.under_way().count(), 0);
    assert_eq!(engine.sends(secs(11)).to_string(), "m/push/2");
    assert_eq!(engine.heard(&first, failed(), secs(11)), Heard::OldNews, "it was counted");
}

#[test]
fn delivered_counts_however_late_it_is_said_and_nothing_more_is_sent() {
    for fallback in [false, true] {
        let mut engine = engine();
        engine.takes(message("m"), T0);
        let first = engine.sends(T0);
        engine.tick(secs(10));
        let second = engine.sends(secs(11));
        if fallback {
            engine.heard(&second, rejected(), secs(11));
            assert_eq!(engine.sends(secs(11)).channel, name("email"));
        }
        assert_eq!(engine.heard(&first, Answer::Delivered, secs(12)), Heard::Sent);
        assert_eq!(engine.heard(&second, Answer::Delivered, secs(12)), Heard::OldNews);
        assert_eq!(engine.standing(&name("m")), Some(Standing::Sent));
        assert_eq!((engine.next_send(secs(12)), engine.next_deadline()), (None, None));
        assert_eq!((engine.tally().sent, engine.len()), (1, 0));
    }
}

#[test]
fn of_two_definite_answers_the_first_stands() {
    let mut engine = push_only();
    engine.takes(message("m"), T0);
    let first = engine.sends(T0);
    engine.heard(&first, failed(), T0);
    assert_eq!(engine.heard(&first, Answer::Delivered, T0), Heard::OldNews);
    let second = engine.sends(secs(1));
    let elsewhere = SendKey { channel: name("email"), ..second.clone() };
    assert_eq!(engine.heard(&elsewhere, Answer::Delivered, secs(1)), Heard::OldNews);
    assert_eq!(engine.heard(&second, Answer::Delivered, secs(1)), Heard::Sent);
    assert_eq!(engine.heard(&second, failed(), secs(1)), Heard::OldNews);
    assert_eq!(engine.standing(&name("m")), Some(Standing::Sent));
}

#[test]
fn what_is_of_no_use_any_more_is_not_tried_again() {
    let mut engine = push_only();
    engine.takes(Message { useful_until: secs(3), ..message("m") }, T0);
    let first = engine.sends(T0);
    engine.heard(&first, failed(), T0);
    let second = engine.sends(secs(1));
    assert_eq!(engine.heard(&second, failed(), secs(1)), Heard::GivenUp);
    let too_late = Standing::Suppressed(Suppression::TooLate);
    assert_eq!(engine.standing(&name("m")), Some(too_late));
    assert_eq!(engine.dead_letters().count(), 0);

    let mut engine = with(|config| config.in_flight_max = 1);
    engine.takes(message("first"), T0);
    let first = engine.sends(T0);
    engine.takes(Message { useful_until: secs(2), ..message("second") }, T0);
    engine.heard(&first, Answer::Delivered, secs(2));
    assert_eq!(engine.next_send(secs(2)), None, "its turn came too late");
    assert_eq!(engine.standing(&name("second")), Some(too_late));
}

#[test]
fn a_redrive_begins_once_and_names_its_attempts_anew() {
    let mut engine = push_only();
    assert_eq!(engine.redrive(&name("m"), T0), Err(NotRedriven::Unknown));
    engine.takes(Message { useful_until: secs(100), ..message("m") }, T0);
    assert_eq!(engine.redrive(&name("m"), T0), Ok(Redriven::Repeat(Standing::Open)));
    assert_eq!(engine.runs(T0, failed()).len(), 6);
    assert_eq!(engine.redrive(&name("m"), secs(200)), Ok(Redriven::Begun), "however late");
    assert_eq!(engine.redrive(&name("m"), secs(200)), Ok(Redriven::Repeat(Standing::Open)));
    let key = engine.sends(secs(200));
    assert_eq!(key.to_string(), "m/push/7");
    assert_eq!(engine.next_send(secs(200)), None);
    engine.heard(&key, Answer::Delivered, secs(200));
    assert_eq!(engine.redrive(&name("m"), secs(201)), Ok(Redriven::Repeat(Standing::Sent)));
    assert_eq!(engine.next_send(secs(201)), None);
    assert_eq!((engine.tally().sent, engine.tally().redriven), (1, 1));
}

#[test]
fn a_dead_letter_that_was_delivered_after_all_cannot_be_redriven() {
    let mut engine = push_only();
    engine.takes(message("m"), T0);
    let first = engine.sends(T0);
    engine.runs(secs(10), rejected());
    assert_eq!(engine.standing(&name("m")), Some(Standing::Dead));
    assert_eq!(engine.heard(&first, Answer::Delivered, secs(20)), Heard::Sent);
    assert_eq!(engine.redrive(&name("m"), secs(21)), Ok(Redriven::Repeat(Standing::Sent)));
    assert_eq!((engine.dead_letters().count(), engine.tally().late), (0, 1));
}
