//! Overload, bounds, memory, configuration, storage.

use super::*;

fn offline() -> Profile {
    Profile::default()
}

#[test]
fn at_the_bound_what_is_not_critical_is_shed_first_and_counted() {
    let mut engine = with(|config| config.open_max = 3);
    for id in ["a", "b", "c"] {
        engine.takes(message(id), T0);
    }
    let tried = engine.sends(T0);
    assert_eq!(tried.message, name("a"));
    assert_eq!(engine.submit(message("d"), &offline(), T0), Ok(Submitted::Shed));
    assert_eq!(engine.standing(&name("d")), None, "it may come again");
    for shed in ["c", "b"] {
        let id = format!("fire-{shed}");
        let taken = Submitted::Taken { shed: Some(name(shed)) };
        assert_eq!(engine.submit(critical(&id), &offline(), T0), Ok(taken));
        assert_eq!(engine.standing(&name(shed)), None);
    }
    assert_eq!(
        engine.submit(critical("fire"), &offline(), T0),
        Ok(Submitted::Shed),
        "what was tried may have been heard, and is not shed"
    );
    let tally = engine.tally();
    assert_eq!((tally.shed, tally.shed_critical, tally.submitted), (4, 1, 7));
    assert_eq!(engine.len(), 3);
}

#[test]
fn critical_messages_go_first_and_sends_under_way_are_bounded() {
    let mut engine = with(|config| config.in_flight_max = 2);
    for id in ["a", "b"] {
        engine.takes(message(id), T0);
    }
    engine.takes(critical("fire"), T0);
    let fire = engine.sends(T0);
    assert_eq!(fire.message, name("fire"));
    assert_eq!(engine.sends(T0).message, name("a"));
    assert_eq!(engine.next_send(T0), None);
    assert_eq!(engine.next_deadline(), Some(secs(10)), "no room: not at once");
    engine.heard(&fire, Answer::Delivered, T0);
    assert_eq!(engine.next_deadline(), Some(Timestamp::EPOCH));
    assert_eq!(engine.sends(T0).message, name("b"));
}

#[test]
fn of_too_many_dead_letters_the_oldest_is_dropped_and_known() {
    let mut engine = with(|config| config.dead_max = 2);
    for id in ["a", "b", "c"] {
        engine.takes(message(id), T0);
        engine.runs(T0, rejected());
    }
    let dead: Vec<_> = engine.dead_letters().map(|dead| dead.message.id.as_str()).collect();
    assert_eq!(dead, ["b", "c"]);
    assert_eq!(engine.tally().dropped, 1);
    assert_eq!(engine.redrive(&name("a"), T0), Ok(Redriven::Repeat(Standing::Dropped)));
    let full = with(|config| config.open_max = 1);
    assert_eq!(full.config().open_max, 1);
}

#[test]
fn nothing_is_redriven_into_a_full_queue() {
    let mut engine = with(|config| config.open_max = 1);
    engine.takes(message("a"), T0);
    engine.runs(T0, rejected());
    engine.takes(message("b"), T0);
    assert_eq!(engine.redrive(&name("a"), T0), Err(NotRedriven::Full { most: 1 }));
    assert_eq!(engine.standing(&name("a")), Some(Standing::Dead));
}

#[test]
fn an_end_is_remembered_for_as_long_as_was_said_and_not_a_millisecond_less() {
    let mut engine = engine();
    engine.takes(message("m"), T0);
    engine.runs(T0, Answer::Delivered);
    let forgotten = T0.saturating_add(engine.config().remember_for);
    let last = forgotten.saturating_sub(Span::from_millis(1));
    let again = engine.submit(message("m"), &offline(), last);
    assert_eq!(again, Ok(Submitted::Repeat(Standing::Sent)));
    assert_eq!(engine.tally().repeated, 1);
    engine.takes(message("m"), forgotten);
}

#[test]
fn a_full_memory_sheds_and_forgets_nothing_early() {
    let mut engine = with(|config| {
        (config.open_max, config.dead_max, config.known_max) = (1, 1, 2);
    });
    for id in ["a", "b"] {
        engine.takes(message(id), T0);
        engine.runs(T0, Answer::Delivered);
    }
    assert_eq!(engine.submit(critical("c"), &offline(), secs(1)), Ok(Submitted::Shed));
    for id in ["a", "b"] {
        let known = Ok(Submitted::Repeat(Standing::Sent));
        assert_eq!(engine.submit(message(id), &offline(), secs(1)), known);
    }
    engine.takes(message("c"), T0.saturating_add(engine.config().remember_for));
}

#[test]
fn a_body_that_is_too_long_is_refused_and_changes_nothing() {
    let mut engine = engine();
    let before = engine.clone();
    let body = "x".repeat(4_097);
    let refused = engine.submit(Message { body, ..message("m") }, &offline(), T0);
    assert_eq!(refused, Err(NotSubmitted::TooLong { most: 4_096 }));
    assert_eq!(engine, before);
    engine.takes(Message { body: "x".repeat(4_096), ..message("m") }, T0);
}

#[test]
fn configurations_that_break_a_promise_are_refused() {
    let check = |wants, change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(Engine::<u32>::new(config.clone()), Err(wants));
        let mut engine = engine();
        assert_eq!(engine.reconfigure(config), Err(wants));
        assert_eq!(engine, super::engine());
    };
    check(ConfigError::Route, |c| c.route.offline = vec![name("push"), name("push")]);
    check(ConfigError::Route, |c| {
        let many = (0..9).map(|n| name(&format!("c{n}"))).collect();
        c.routes.insert(name("order"), Route { active: many, offline: vec![] });
    });
    check(ConfigError::Backoff, |c| c.backoff.waits = vec![Span::ZERO]);
    check(ConfigError::Backoff, |c| c.backoff.waits = vec![Span::from_hours(25)]);
    check(ConfigError::Backoff, |c| c.backoff.waits = vec![Span::from_secs(1); 17]);
    check(ConfigError::Jitter, |c| c.backoff.jitter = Some(Jitter { permille: 0, seed: 0 }));
    check(ConfigError::Jitter, |c| c.backoff.jitter = Some(Jitter { permille: 1_001, seed: 0 }));
    check(ConfigError::Span, |c| c.answer_within = Span::ZERO);
    check(ConfigError::Span, |c| c.retry_after_most = Span::from_hours(25));
    check(ConfigError::Bound, |c| c.in_flight_max = 0);
    check(ConfigError::Bound, |c| c.body_max = 0);
    check(ConfigError::Bound, |c| c.known_max = c.open_max + c.dead_max - 1);
    check(ConfigError::Bound, |c| c.open_max = u32::MAX);
    let json = serde_json::to_string(&Config::default()).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(&json.replace("open_max", "opne_max")).is_err());
}
