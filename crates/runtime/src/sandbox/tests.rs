use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Answer, Due, Step};
use proptest::prelude::*;

use super::*;
use crate::ports::Word;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn after(millis: u64) -> Timestamp {
    NOW.saturating_add(Span::from_millis(millis))
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn effect(step: Step, attempt: u32, minor: i64) -> Effect {
    let due = Due { step, attempt, amount: eur(minor), not_before: Timestamp::EPOCH };
    Effect { order: OrderId::from(1), due }
}

fn sandbox(hostility: Hostility) -> Sandbox {
    Sandbox::new(SandboxConfig { hostility, ..SandboxConfig::default() })
}

/// What the provider says at once to a request.
fn ask(sandbox: &mut Sandbox, effect: &Effect) -> Answer {
    sandbox.request(effect, NOW);
    match sandbox.poll(NOW) {
        Some(ProviderSays { key, word: Word::Definite(answer) }) if key == effect.key() => answer,
        other => panic!("{effect:?} was answered with {other:?}"),
    }
}

fn is_done(answer: Answer) -> bool {
    matches!(answer, Answer::Done { .. })
}

fn page(sandbox: &Sandbox) -> OrderBook {
    sandbox.book_of(OrderId::from(1)).unwrap()
}

#[test]
fn nonsense_is_refused_for_good_and_books_nothing() {
    use Step::{Capture, Hold, Refund, Void};
    let check = |before: &[(Step, i64)], (step, minor): (Step, i64)| {
        let mut sandbox = sandbox(Hostility::NONE);
        for (attempt, (step, minor)) in (1..).zip(before) {
            assert!(is_done(ask(&mut sandbox, &effect(*step, attempt, *minor))));
        }
        let book = sandbox.book();
        let nonsense = effect(step, 99, minor);
        assert_eq!(ask(&mut sandbox, &nonsense), Answer::Refused, "{before:?}, then {nonsense:?}");
        assert_eq!(ask(&mut sandbox, &nonsense), Answer::Refused, "the same again");
        assert_eq!(sandbox.book(), book);
        assert_eq!(sandbox.tally().refused, 1);
    };
    check(&[], (Hold, -1));
    check(&[], (Capture, 100));
    check(&[], (Void, 100));
    check(&[], (Refund, 100));
    check(&[(Hold, 100)], (Capture, 101));
    check(&[(Hold, 100)], (Capture, 0));
    check(&[(Hold, 100)], (Capture, -1));
    check(&[(Hold, 100)], (Refund, 1));
    check(&[(Hold, 100), (Capture, 60)], (Capture, 40));
    check(&[(Hold, 100), (Capture, 60)], (Void, 40));
    check(&[(Hold, 100), (Capture, 60)], (Refund, 61));
    check(&[(Hold, 100), (Capture, 60), (Refund, 50)], (Refund, 11));
    check(&[(Hold, 100), (Void, 100)], (Capture, 100));
    check(&[(Hold, 100), (Void, 100)], (Void, 100));
}

#[test]
fn an_order_from_hold_to_refund_stands_in_the_book() {
    let mut sandbox = sandbox(Hostility::NONE);
    for effect in
        [effect(Step::Hold, 1, 100), effect(Step::Capture, 1, 60), effect(Step::Refund, 1, 25)]
    {
        assert!(is_done(ask(&mut sandbox, &effect)));
        assert!(page(&sandbox).is_balanced());
    }
    let expected = OrderBook {
        authorised: eur(100),
        held: eur(0),
        kept: eur(35),
        refunded: eur(25),
        voided: eur(0),
        left_over: eur(40),
        lapsed: eur(0),
        open_until: None,
        holds: 1,
        captures: 1,
    };
    assert_eq!(page(&sandbox), expected);
    assert_eq!(page(&sandbox).captured(), eur(60));
}

#[test]
fn an_unbalanced_page_is_seen() {
    let mut sandbox = sandbox(Hostility::NONE);
    ask(&mut sandbox, &effect(Step::Hold, 1, 100));
    let honest = page(&sandbox);
    assert!(!OrderBook { kept: eur(1), ..honest }.is_balanced());
    assert!(!OrderBook { held: eur(101), kept: eur(-1), ..honest }.is_balanced());
}

#[test]
fn a_key_is_carried_out_once_whatever_is_asked_under_it() {
    let mut sandbox = sandbox(Hostility::NONE);
    let first = ask(&mut sandbox, &effect(Step::Hold, 1, 100));
    assert_eq!(ask(&mut sandbox, &effect(Step::Hold, 1, 100)), first);
    assert_eq!(sandbox.tally().conflicts, 0);
    assert_eq!(ask(&mut sandbox, &effect(Step::Hold, 1, 200)), first, "the first answer stands");
    assert_eq!(sandbox.tally().conflicts, 1);
    assert_eq!((page(&sandbox).holds, page(&sandbox).held), (1, eur(100)));
}

#[test]
fn a_second_hold_under_another_key_is_there_for_an_auditor_to_see() {
    let mut sandbox = sandbox(Hostility::NONE);
    ask(&mut sandbox, &effect(Step::Hold, 1, 100));
    assert!(is_done(ask(&mut sandbox, &effect(Step::Hold, 2, 100))));
    assert_eq!((page(&sandbox).holds, page(&sandbox).held), (2, eur(200)));
}

#[test]
fn a_second_hold_outlives_the_first() {
    let mut sandbox =
        Sandbox::new(SandboxConfig { hold_lasts: Span::from_secs(1), ..SandboxConfig::default() });
    sandbox.request(&effect(Step::Hold, 1, 100), NOW);
    sandbox.request(&effect(Step::Hold, 2, 100), after(500));
    while sandbox.poll(after(1_000)).is_some() {}
    assert_eq!((page(&sandbox).held, page(&sandbox).open_until), (eur(200), Some(after(1_500))));
}

#[test]
fn a_hold_lapses_and_cannot_be_captured_then() {
    let mut sandbox =
        Sandbox::new(SandboxConfig { hold_lasts: Span::from_secs(1), ..SandboxConfig::default() });
    let until = after(1_000);
    assert_eq!(ask(&mut sandbox, &effect(Step::Hold, 1, 100)), Answer::Done { until: Some(until) });
    assert_eq!(sandbox.poll(after(999)), None);
    assert_eq!(page(&sandbox).open_until, Some(until));
    assert_eq!(sandbox.poll(until), None);
    assert_eq!((page(&sandbox).open_until, page(&sandbox).lapsed), (None, eur(100)));
    assert!(page(&sandbox).is_balanced());

    sandbox.request(&effect(Step::Capture, 1, 100), until);
    assert_eq!(sandbox.poll(until).unwrap().word, Word::Definite(Answer::Refused));
}

#[test]
fn a_declined_card_is_refused_and_a_failure_may_be_tried_again() {
    let mut declining = sandbox(Hostility { declines: 1_000, ..Hostility::NONE });
    assert_eq!(ask(&mut declining, &effect(Step::Hold, 1, 100)), Answer::Refused);
    assert_eq!((declining.book_of(OrderId::from(1)), declining.tally().declined), (None, 1));

    let mut failing = sandbox(Hostility { failing: 1_000, ..Hostility::NONE });
    assert_eq!(ask(&mut failing, &effect(Step::Hold, 1, 100)), Answer::Failed);
    failing.quiet();
    assert_eq!(ask(&mut failing, &effect(Step::Hold, 1, 100)), Answer::Failed, "the same key");
    assert!(is_done(ask(&mut failing, &effect(Step::Hold, 2, 100))));
}

#[test]
fn a_silent_provider_tells_the_truth_when_it_is_asked() {
    let hold = effect(Step::Hold, 1, 100);
    let check = |hostility: Hostility, charged: bool| {
        let mut sandbox = sandbox(hostility);
        sandbox.request(&hold, NOW);
        assert_eq!((sandbox.poll(Timestamp::NEVER), sandbox.next_wake()), (None, None));
        sandbox.quiet();
        sandbox.inquire(hold.key(), NOW);
        let word = sandbox.poll(Timestamp::NEVER).unwrap().word;
        assert_eq!(word != Word::NeverHeard, charged);
        assert_eq!(sandbox.book_of(hold.order).is_some(), charged);
    };
    check(Hostility { silent_after_charging: 1_000, ..Hostility::NONE }, true);
    check(Hostility { silent_without: 1_000, ..Hostility::NONE }, false);
}

#[test]
fn an_answer_comes_within_its_latency_and_a_slow_one_within_the_slowest() {
    let usual = Hostility {
        latency_least: Span::from_millis(20),
        latency_most: Span::from_millis(80),
        slowest: Span::from_secs(30),
        ..Hostility::NONE
    };
    let check = |hostility: Hostility, least: Timestamp, most: Timestamp| {
        let mut sandbox = sandbox(hostility);
        for attempt in 1..=100 {
            sandbox.request(&effect(Step::Hold, attempt, 1), NOW);
        }
        let (mut now, mut answers) = (NOW, Vec::new());
        while let Some(wake) = sandbox.next_wake() {
            now = wake;
            answers.extend(std::iter::from_fn(|| sandbox.poll(now)).map(|_| now));
        }
        assert_eq!(answers.len(), 100);
        assert!(answers.iter().all(|at| (least..=most).contains(at)), "{answers:?}");
        assert!(answers.iter().any(|at| *at != answers[0]), "they differ");
        assert!(now <= most);
    };
    check(usual, after(20), after(80));
    check(Hostility { slow: 1_000, ..usual }, after(80), after(30_000));
}

#[test]
fn a_request_that_is_slow_to_arrive_is_unknown_until_it_does() {
    let slow = Hostility { slow: 1_000, slowest: Span::from_secs(30), ..Hostility::NONE };
    let hold = effect(Step::Hold, 1, 100);
    let arrives_late = (0..100)
        .filter(|seed| {
            let mut sandbox = sandbox(Hostility { seed: *seed, ..slow });
            sandbox.request(&hold, NOW);
            sandbox.quiet();
            sandbox.inquire(hold.key(), NOW);
            let unknown = sandbox.poll(NOW).unwrap().word == Word::NeverHeard;
            assert!(matches!(sandbox.poll(after(30_000)).unwrap().word, Word::Definite(_)));
            assert_eq!(page(&sandbox).holds, 1);
            unknown
        })
        .count();
    assert!((20..80).contains(&arrives_late));
}

/// Hold and capture each arrive at once or 5 s late; the hold lasts 1 s.
#[test]
fn how_often_it_is_polled_changes_nothing() {
    let hostility = Hostility {
        slow: 1_000,
        latency_most: Span::from_secs(5),
        slowest: Span::from_secs(5),
        ..Hostility::NONE
    };
    let run = |seed, every: usize| {
        let hostility = Hostility { seed, ..hostility };
        let hold_lasts = Span::from_secs(1);
        let config = SandboxConfig { hostility, hold_lasts, ..SandboxConfig::default() };
        let mut sandbox = Sandbox::new(config);
        sandbox.request(&effect(Step::Hold, 1, 100), NOW);
        sandbox.request(&effect(Step::Capture, 1, 100), after(500));
        let mut said = Vec::new();
        for at in (500..=12_000).step_by(every) {
            said.extend(std::iter::from_fn(|| sandbox.poll(after(at))));
        }
        said.extend(std::iter::from_fn(|| sandbox.poll(Timestamp::NEVER)));
        (said, sandbox.book())
    };
    let captured = (0..40)
        .filter(|seed| {
            let often = run(*seed, 100);
            assert_eq!(run(*seed, 20_000), often);
            often.1.values().any(|page| page.captures == 1)
        })
        .count();
    assert!((5..35).contains(&captured), "{captured} of 40 captures came in time");
}

#[test]
fn answers_to_a_dropped_connection_take_no_room() {
    let hostility = Hostility { slow: 1_000, slowest: Span::from_secs(9), ..Hostility::NONE };
    let config = SandboxConfig { hostility, under_way_max: 40, ..SandboxConfig::default() };
    let mut first = Sandbox::new(config);
    let mut second = first.connect();
    for attempt in 1..=40 {
        second.request(&effect(Step::Hold, attempt, 1), NOW);
    }
    drop(second);
    assert_eq!(first.poll(after(9_000)), None);
    for attempt in 1..=40 {
        first.inquire(effect(Step::Hold, attempt, 1).key(), after(9_000));
    }
    assert_eq!((page(&first).holds, first.tally().dropped), (40, 0));
}

#[test]
fn an_answer_given_twice_is_the_same_twice() {
    let twice = Hostility { answers_twice: 1_000, slowest: Span::from_secs(1), ..Hostility::NONE };
    let mut sandbox = sandbox(twice);
    sandbox.request(&effect(Step::Hold, 1, 100), NOW);
    let first = sandbox.poll(NOW).unwrap();
    assert_eq!(sandbox.poll(after(1_000)), Some(first));
    assert_eq!(sandbox.poll(Timestamp::NEVER), None);
}

#[test]
fn a_connection_hears_only_its_own_answers_and_a_dropped_one_nothing() {
    let mut first = sandbox(Hostility { silent_without: 0, ..Hostility::NONE });
    let mut second = first.connect();
    second.request(&effect(Step::Hold, 1, 100), NOW);
    assert_eq!((first.poll(NOW), first.next_wake()), (None, None));
    drop(second);
    let mut third = first.connect();
    assert_eq!((first.poll(NOW), third.poll(NOW)), (None, None));
    assert_eq!(page(&first).holds, 1, "it was carried out all the same");
    third.inquire(effect(Step::Hold, 1, 100).key(), NOW);
    assert!(third.poll(NOW).is_some());
}

#[test]
fn what_exceeds_a_bound_is_dropped_and_counted() {
    let bounded = SandboxConfig { keys_max: 2, under_way_max: 3, ..SandboxConfig::default() };
    let mut sandbox = Sandbox::new(bounded);
    for attempt in 1..=5 {
        sandbox.request(&effect(Step::Hold, attempt, 1), NOW);
    }
    assert_eq!(std::iter::from_fn(|| sandbox.poll(NOW)).count(), 2);
    assert_eq!((page(&sandbox).holds, sandbox.tally().dropped), (2, 3));

    let mut unheard = Sandbox::new(SandboxConfig { under_way_max: 3, ..bounded });
    for _ in 1..=5 {
        unheard.inquire(effect(Step::Hold, 1, 1).key(), NOW);
    }
    assert_eq!(std::iter::from_fn(|| unheard.poll(NOW)).count(), 3);
    assert_eq!(unheard.tally().dropped, 2);
}

fn any_call() -> impl Strategy<Value = (u32, Step, u32, i64, u64, bool)> {
    let steps = vec![Step::Hold, Step::Capture, Step::Void, Step::Refund];
    (1..4_u32, prop::sample::select(steps), 1..4_u32, 0..100_i64, 0..5_000_u64, any::<bool>())
}

proptest! {
    #[test]
    fn whatever_is_asked_no_money_is_made_or_lost_and_a_word_once_given_stands(
        seed: u64,
        calls in prop::collection::vec(any_call(), 1..100),
    ) {
        let hostility = Hostility {
            seed,
            slow: 200,
            failing: 200,
            answers_twice: 200,
            silent_after_charging: 200,
            silent_without: 200,
            declines: 200,
            latency_least: Span::from_millis(10),
            latency_most: Span::from_millis(500),
            slowest: Span::from_secs(20),
        };
        let run = || {
            let config = SandboxConfig { hostility, hold_lasts: Span::from_secs(60), ..SandboxConfig::default() };
            let mut sandbox = Sandbox::new(config);
            let (mut now, mut said) = (NOW, Vec::new());
            for (order, step, attempt, minor, wait, inquires) in &calls {
                now = now.saturating_add(Span::from_millis(*wait));
                let effect = Effect { order: OrderId::from(*order), ..effect(*step, *attempt, *minor) };
                if *inquires {
                    sandbox.inquire(effect.key(), now);
                } else {
                    sandbox.request(&effect, now);
                }
                said.extend(std::iter::from_fn(|| sandbox.poll(now)));
            }
            said.extend(std::iter::from_fn(|| sandbox.poll(Timestamp::NEVER)));
            (said, sandbox.book(), sandbox.tally())
        };
        let (said, book, tally) = run();
        for (order, page) in &book {
            prop_assert!(page.is_balanced(), "{order}: {page:?}");
        }
        let mut words = BTreeMap::new();
        for ProviderSays { key, word } in &said {
            if let Word::Definite(answer) = word {
                prop_assert_eq!(words.entry(*key).or_insert(*answer), answer);
            }
        }
        prop_assert_eq!(run(), (said, book, tally), "the same seed, the same world");
    }
}
