//! Which channel, and whether at all: routes, preferences, quiet hours.

use std::collections::BTreeSet;

use super::*;

/// From 22:00 to 07:00, UTC: T0 lies in it.
fn night() -> QuietHours {
    QuietHours::new(0, 22 * 60, 7 * 60).unwrap()
}

fn morning() -> Timestamp {
    night().end(T0).unwrap()
}

fn refusing(channels: &[&str]) -> Profile {
    let refused = channels.iter().map(|channel| (name("order"), name(channel))).collect();
    Profile { refused, ..Profile::default() }
}

/// With a category that adds a text message, and one that goes nowhere.
fn routed() -> Engine<u32> {
    with(|config| {
        let urgent = Route {
            active: vec![name("in_app"), name("sms")],
            offline: vec![name("push"), name("sms"), name("email")],
        };
        config.routes.insert(name("urgent"), urgent);
        config.routes.insert(name("nowhere"), Route::default());
    })
}

/// The channels that a message takes if all refuse it, one after another.
#[track_caller]
fn check(category: &str, critical: bool, profile: &Profile, wants: Result<&[&str], Suppression>) {
    let mut engine = routed();
    let message = Message { category: name(category), critical, ..message("m") };
    match (engine.submit(message, profile, T0).unwrap(), wants) {
        (Submitted::Suppressed(why), Err(wants)) => {
            assert_eq!(why, wants);
            assert_eq!(engine.standing(&name("m")), Some(Standing::Suppressed(why)));
            assert_eq!(engine.next_send(T0), None);
        }
        (Submitted::Taken { shed: None }, Ok(wants)) => {
            let made = engine.runs(T0, rejected());
            let channels: Vec<_> =
                made.iter().map(|(key, _)| key.split('/').nth(1).unwrap()).collect();
            assert_eq!(channels, wants, "{category}, critical {critical}, {profile:?}");
        }
        (found, wants) => panic!("{found:?}, not {wants:?}"),
    }
}

#[test]
fn the_route_follows_activity_category_and_preferences() {
    let offline = Profile::default();
    let active = Profile { active: true, ..Profile::default() };
    let refused = Err(Suppression::Refused);
    for critical in [false, true] {
        check("order", critical, &active, Ok(&["in_app"]));
        check("order", critical, &offline, Ok(&["push", "email"]));
        check("urgent", critical, &active, Ok(&["in_app", "sms"]));
        check("urgent", critical, &offline, Ok(&["push", "sms", "email"]));
        check("nowhere", critical, &offline, refused);
        check("urgent", critical, &refusing(&["push"]), Ok(&["push", "sms", "email"]));
    }
    check("order", false, &refusing(&["push"]), Ok(&["email"]));
    check("order", false, &refusing(&["sms"]), Ok(&["push", "email"]));
    check("order", false, &refusing(&["push", "email"]), refused);
    check("order", true, &refusing(&["push", "email"]), Ok(&["push", "email"]));
    let both = Profile { active: true, ..refusing(&["in_app"]) };
    check("order", false, &both, refused);
    check("order", true, &both, Ok(&["in_app"]));
}

#[test]
fn a_channel_that_was_never_heard_of_is_a_line_of_configuration() {
    let mut engine = with(|config| config.route.offline = vec![name("carrier-pigeon")]);
    engine.takes(message("m"), T0);
    assert_eq!(engine.sends(T0).to_string(), "m/carrier-pigeon/1");
}

#[test]
fn what_disturbs_waits_for_the_morning_unless_it_is_critical() {
    let asleep = Profile { quiet: Some(night()), ..Profile::default() };
    let mut engine = engine();
    engine.submit(message("late"), &asleep, T0).unwrap();
    engine.submit(critical("fire"), &asleep, T0).unwrap();
    let reading = Profile { active: true, ..asleep };
    engine.submit(message("silent"), &reading, T0).unwrap();
    assert_eq!(engine.sends(T0).to_string(), "fire/push/1");
    assert_eq!(engine.sends(T0).to_string(), "silent/in_app/1");
    let early = morning().saturating_sub(Span::from_millis(1));
    engine.tick(early);
    assert_eq!(engine.next_send(early), None);
    assert_eq!(engine.sends(morning()).to_string(), "late/push/1");
}

#[test]
fn what_is_of_no_use_in_the_morning_is_suppressed_at_once() {
    let asleep = Profile { quiet: Some(night()), ..Profile::default() };
    let until = |useful_until| Message { useful_until, ..message("m") };
    let suppressed = |message| {
        let mut engine = engine();
        engine.submit(message, &asleep, T0).unwrap()
    };
    assert_eq!(suppressed(until(morning())), Submitted::Suppressed(Suppression::Quiet));
    let later = morning().saturating_add(Span::from_millis(1));
    assert_eq!(suppressed(until(later)), Submitted::Taken { shed: None });
    assert_eq!(suppressed(until(T0)), Submitted::Suppressed(Suppression::TooLate));
}

#[test]
fn a_retry_and_a_fallback_that_fall_into_quiet_hours_wait() {
    let bed = QuietHours::new(0, 22 * 60 + 14, 7 * 60).unwrap(); // 40 s after T0
    let profile = Profile { quiet: Some(bed), ..Profile::default() };
    let mut engine = engine();
    engine.submit(message("m"), &profile, T0).unwrap();
    let mut times: Vec<u64> =
        engine.runs(T0, failed()).into_iter().map(|(_, second)| second).collect();
    let morning = bed.end(secs(41)).unwrap().saturating_since(T0).as_secs();
    let rest = times.split_off(9);
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 31, 32, 34], "push, then mail");
    assert_eq!(rest, [38, morning, morning + 16]);
}

#[test]
fn what_waited_for_its_turn_until_it_was_quiet_waits_for_the_morning() {
    let bed = QuietHours::new(0, 22 * 60 + 14, 7 * 60).unwrap();
    let profile = Profile { quiet: Some(bed), ..Profile::default() };
    let mut engine = with(|config| config.in_flight_max = 1);
    engine.takes(message("first"), T0);
    let first = engine.sends(T0);
    engine.submit(message("second"), &profile, T0).unwrap();
    engine.heard(&first, Answer::Delivered, secs(60));
    assert_eq!(engine.next_send(secs(60)), None);
    assert_eq!(engine.next_deadline(), bed.end(secs(60)));
}

#[test]
fn preferences_name_category_and_channel_both() {
    let news = BTreeSet::from([(name("news"), name("push"))]);
    let profile = Profile { refused: news, ..Profile::default() };
    check("order", false, &profile, Ok(&["push", "email"]));
}
