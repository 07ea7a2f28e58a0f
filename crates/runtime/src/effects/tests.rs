mod outage;
mod truth;

use std::collections::VecDeque;

use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Due, Step};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const DONE: Answer = Answer::Done { until: None };

fn secs(secs: u64) -> Timestamp {
    NOW.saturating_add(Span::from_secs(secs))
}

fn hold(order: u32, attempt: u32) -> Effect {
    let amount = Money::new(1_250, Currency::new("EUR").unwrap());
    let due = Due { step: Step::Hold, attempt, amount, not_before: Timestamp::EPOCH };
    Effect { order: OrderId::from(order), due }
}

fn says(effect: &Effect, answer: Answer) -> ProviderSays {
    ProviderSays { key: effect.key(), word: Word::Definite(answer) }
}

fn never_heard(effect: &Effect) -> ProviderSays {
    ProviderSays { key: effect.key(), word: Word::NeverHeard }
}

/// Notes the calls and says what the test puts in its mouth.
#[derive(Default)]
struct Script {
    calls: Vec<(Timestamp, Call, EffectKey)>,
    says: VecDeque<ProviderSays>,
}

impl Script {
    /// The calls since the last time, without their times.
    fn take(&mut self) -> Vec<(Call, EffectKey)> {
        self.calls.drain(..).map(|(_, call, key)| (call, key)).collect()
    }
}

impl Payments for Script {
    fn request(&mut self, effect: &Effect, now: Timestamp) {
        self.calls.push((now, Call::Request, effect.key()));
    }

    fn inquire(&mut self, key: EffectKey, now: Timestamp) {
        self.calls.push((now, Call::Inquire, key));
    }

    fn poll(&mut self, _now: Timestamp) -> Option<ProviderSays> {
        self.says.pop_front()
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

fn runner() -> EffectRunner {
    EffectRunner::new(EffectConfig::default())
}

fn offer(runner: &mut EffectRunner, effect: Effect) {
    runner.offer(effect.order, Some(effect)).unwrap();
}

/// Steps whenever the runner asks for it, until `until`.
fn run(runner: &mut EffectRunner, script: &mut Script, until: Timestamp) -> Vec<(OrderId, Reply)> {
    let (mut now, mut replies) = (NOW, Vec::new());
    while let Some(wake) = runner.next_wake().filter(|wake| *wake <= until) {
        now = now.max(wake);
        replies.extend(runner.step(script, now));
    }
    replies
}

#[test]
fn an_effect_is_requested_once_its_time_has_come_and_not_before() {
    let (mut runner, mut script) = (runner(), Script::default());
    let mut later = hold(1, 2);
    later.due.not_before = secs(7);
    offer(&mut runner, later);
    assert_eq!(runner.next_wake(), Some(secs(7)));
    runner.step(&mut script, secs(6));
    assert!(script.take().is_empty());
    runner.step(&mut script, secs(7));
    runner.step(&mut script, secs(8));
    assert_eq!(script.take(), [(Call::Request, later.key())]);
}

#[test]
fn offering_the_same_again_changes_nothing() {
    let (mut runner, mut script) = (runner(), Script::default());
    for _ in 0..3 {
        offer(&mut runner, hold(1, 1));
        runner.step(&mut script, NOW);
    }
    assert_eq!(script.take().len(), 1);
}

#[test]
fn an_unknown_result_is_asked_for_after_ever_longer_waits_and_never_repeated_blindly() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    assert!(run(&mut runner, &mut script, secs(300)).is_empty());
    let calls: Vec<_> = script
        .calls
        .iter()
        .map(|(at, call, _)| (at.saturating_since(NOW).as_secs(), *call))
        .collect();
    // Each call is given 5 s; then come waits of 0, 1, 2, 4, 8, 16, 32, 60, 60 … s.
    let inquiries = [5, 11, 18, 27, 40, 61, 98, 163, 228, 293];
    let expected: Vec<_> = std::iter::once((0, Call::Request))
        .chain(inquiries.map(|at| (at, Call::Inquire)))
        .collect();
    assert_eq!(calls, expected);
}

#[test]
fn a_request_the_provider_never_heard_of_is_made_again_under_the_same_key() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    runner.step(&mut script, NOW);
    runner.step(&mut script, secs(5));
    script.says.push_back(never_heard(&hold(1, 1)));
    runner.step(&mut script, secs(6));
    let key = hold(1, 1).key();
    assert_eq!(script.take(), [(Call::Request, key), (Call::Inquire, key), (Call::Request, key)]);
}

#[test]
fn a_late_never_heard_ends_the_wait_for_the_next_inquiry() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    run(&mut runner, &mut script, secs(10));
    script.take();
    script.says.push_back(never_heard(&hold(1, 1)));
    runner.step(&mut script, secs(10));
    assert_eq!(script.take(), [(Call::Request, hold(1, 1).key())]);
}

#[test]
fn never_heard_is_old_news_while_a_request_is_under_way() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    runner.step(&mut script, NOW);
    script.says.push_back(never_heard(&hold(1, 1)));
    runner.step(&mut script, secs(1));
    assert_eq!(script.take().len(), 1);
    assert_eq!(runner.tally().repeated, 1);
}

#[test]
fn an_answer_is_told_at_once_and_again_while_the_effect_is_still_offered() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    script.says.push_back(says(&hold(1, 1), DONE));
    let told = (OrderId::from(1), Reply { step: Step::Hold, attempt: 1, answer: DONE });
    assert_eq!(runner.step(&mut script, NOW), [told]);
    assert!(runner.step(&mut script, secs(4)).is_empty());
    offer(&mut runner, hold(1, 1));
    assert_eq!(runner.step(&mut script, secs(5)), [told]);
    assert!(script.take().is_empty(), "it was answered: there is nothing to call for");

    runner.offer(OrderId::from(1), None).unwrap();
    assert_eq!((runner.next_wake(), runner.is_empty()), (None, true));
    assert!(runner.step(&mut script, secs(60)).is_empty());
    let tally = runner.tally();
    assert_eq!((tally.answers, tally.told_again), (1, 1));
}

#[test]
fn an_answer_that_comes_while_the_result_is_unknown_ends_the_inquiries() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    run(&mut runner, &mut script, secs(10));
    script.take();
    script.says.push_back(says(&hold(1, 1), Answer::Refused));
    assert_eq!(runner.step(&mut script, secs(10)).len(), 1);
    runner.step(&mut script, secs(11));
    assert!(script.take().is_empty());
}

#[test]
fn answers_to_what_is_not_due_are_dropped_and_counted() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 2));
    script.says.extend([
        says(&hold(1, 1), DONE),
        says(&hold(2, 1), DONE),
        never_heard(&hold(3, 1)),
    ]);
    assert!(runner.step(&mut script, NOW).is_empty());
    assert_eq!(runner.tally().stale, 3);
    assert_eq!(script.take(), [(Call::Request, hold(1, 2).key())]);
}

#[test]
fn of_two_answers_the_first_stands() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    script.says.extend([DONE, DONE, Answer::Refused].map(|answer| says(&hold(1, 1), answer)));
    assert_eq!(runner.step(&mut script, NOW).len(), 1);
    assert_eq!(runner.step(&mut script, secs(5))[0].1.answer, DONE);
    let tally = runner.tally();
    assert_eq!((tally.answers, tally.repeated, tally.contradicted), (1, 1, 1));
}

#[test]
fn the_next_attempt_takes_the_place_of_the_last() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    runner.step(&mut script, NOW);
    offer(&mut runner, hold(1, 2));
    assert_eq!((runner.len(), runner.in_flight()), (1, 0));
    runner.step(&mut script, NOW);
    assert_eq!(
        script.take(),
        [(Call::Request, hold(1, 1).key()), (Call::Request, hold(1, 2).key())]
    );
}

#[test]
fn calls_under_way_are_bounded_and_the_rest_wait_in_the_order_of_their_keys() {
    let config = EffectConfig { in_flight_max: 2, ..EffectConfig::default() };
    let (mut runner, mut script) = (EffectRunner::new(config), Script::default());
    for order in [5, 3, 1, 4, 2] {
        offer(&mut runner, hold(order, 1));
    }
    runner.step(&mut script, NOW);
    assert_eq!(script.take(), [1, 2].map(|order| (Call::Request, hold(order, 1).key())));
    assert_eq!(runner.next_wake(), Some(secs(5)), "no room before a call ends");

    script.says.push_back(says(&hold(2, 1), DONE));
    runner.step(&mut script, secs(1));
    assert_eq!(script.take(), [(Call::Request, hold(3, 1).key())]);

    runner.offer(OrderId::from(1), None).unwrap();
    assert_eq!(runner.next_wake(), Some(Timestamp::EPOCH), "there is room at once");
    runner.step(&mut script, secs(1));
    assert_eq!(script.take(), [(Call::Request, hold(4, 1).key())]);
    assert_eq!(runner.in_flight(), 2);
}

#[test]
fn losing_the_log_forgets_everything() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    runner.step(&mut script, NOW);
    runner.clear();
    assert_eq!((runner.len(), runner.in_flight(), runner.next_wake()), (0, 0, None));
    script.says.push_back(says(&hold(1, 1), DONE));
    assert!(runner.step(&mut script, secs(60)).is_empty());
    assert_eq!(runner.tally().stale, 1);
}

#[test]
fn what_cannot_be_taken_on_is_refused_and_changes_nothing() {
    let config = EffectConfig { orders_max: 2, ..EffectConfig::default() };
    let mut runner = EffectRunner::new(config);
    offer(&mut runner, hold(1, 1));
    offer(&mut runner, hold(2, 1));
    assert_eq!(runner.offer(OrderId::from(3), Some(hold(3, 1))), Err(OfferError::Full { most: 2 }));
    offer(&mut runner, hold(1, 2));
    let (order, effect_of) = (OrderId::from(1), OrderId::from(2));
    assert_eq!(
        runner.offer(order, Some(hold(2, 1))),
        Err(OfferError::AnotherOrder { order, effect_of })
    );
    assert_eq!(runner.len(), 2);
    runner.offer(OrderId::from(2), None).unwrap();
    offer(&mut runner, hold(3, 1));
}

#[test]
fn waits_of_zero_neither_hang_nor_flood() {
    let config = EffectConfig {
        timeout: Span::ZERO,
        inquire_first: Span::ZERO,
        inquire_most: Span::ZERO,
        tell_again: Span::ZERO,
        in_flight_max: 0,
        breaker: BreakerPolicy {
            failures: 0,
            open_first: Span::ZERO,
            open_most: Span::ZERO,
            probe_for: Span::ZERO,
        },
        orders_max: 1,
    };
    let (mut runner, mut script) = (EffectRunner::new(config), Script::default());
    offer(&mut runner, hold(1, 1));
    for now in [NOW, NOW, secs(1), Timestamp::NEVER, Timestamp::NEVER] {
        runner.step(&mut script, now);
    }
    assert!(script.take().len() <= 5);
}

/// With work in proportion to what waits, this would take ten thousand million looks.
#[test]
fn a_step_with_nothing_due_costs_nothing_however_many_orders_wait() {
    let (mut runner, mut script) = (runner(), Script::default());
    for order in 0..50_000 {
        let mut later = hold(order, 2);
        later.due.not_before = secs(3_600);
        offer(&mut runner, later);
    }
    for _ in 0..200_000 {
        assert!(runner.step(&mut script, NOW).is_empty());
        assert_eq!(runner.next_wake(), Some(secs(3_600)));
    }
    assert!(script.take().is_empty());
}
