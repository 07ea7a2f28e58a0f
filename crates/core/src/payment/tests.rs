//! The money of one order: what each answer means, what is old news, what adds up.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod notices;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::decide::back_off;
use super::*;
use crate::id::OrderId;
use crate::order::tests::{T0, eur, later, minutes};
use crate::policy::{PaymentPolicy, Policy};
use crate::time::Span;

const TOTAL: i64 = 1_000;
const DONE: Answer = Answer::Done { until: None };

fn policy() -> PaymentPolicy {
    Policy::new(eur(0).currency()).payment
}

/// Hears an answer to what is due.
#[track_caller]
fn hear(payment: &mut Payment, answer: Answer, now: Timestamp) -> Event {
    let due = payment.due().expect("something is due");
    let reply = Reply { step: due.step, attempt: due.attempt, answer };
    let events = payment.decide(&reply, &policy(), now);
    assert_eq!(events.len(), 1);
    payment.evolve(&events[0]).unwrap();
    events[0]
}

fn asked() -> Payment {
    Payment::new(eur(TOTAL))
}

fn held() -> Payment {
    let mut payment = asked();
    hear(&mut payment, DONE, T0);
    payment
}

fn held_and_owing(owed: i64) -> Payment {
    let mut payment = held();
    payment.owe(eur(owed));
    payment
}

fn captured() -> Payment {
    let mut payment = held_and_owing(TOTAL);
    hear(&mut payment, DONE, T0);
    payment
}

/// A payment of which this step is due, for the first time.
fn with_due(step: Step) -> Payment {
    let payment = match step {
        Step::Hold => asked(),
        Step::Capture => held_and_owing(TOTAL),
        Step::Void => held_and_owing(0),
        Step::Refund => {
            let mut payment = captured();
            payment.owe(eur(400));
            payment
        }
    };
    assert_eq!(payment.due().map(|due| (due.step, due.attempt)), Some((step, 1)));
    payment
}

const STEPS: [Step; 4] = [Step::Hold, Step::Capture, Step::Void, Step::Refund];

fn step_and_attempt(payment: &Payment) -> Option<(Step, u32)> {
    payment.due().map(|due| (due.step, due.attempt))
}

#[test]
fn every_answer_to_every_step_means_what_the_table_says() {
    let failed =
        |step| Event::Failed { step, attempt: 1, retry_at: later(T0, 1_000), flagged: false };
    let lapsed = Event::Released { why: Release::Lapsed };
    let rows = [
        (Step::Hold, DONE, Event::Held { until: minutes(T0, 7 * 24 * 60) }),
        (Step::Hold, Answer::Refused, Event::HoldRefused { why: HoldRefused::Declined }),
        (Step::Hold, Answer::Failed, failed(Step::Hold)),
        (Step::Capture, DONE, Event::Captured { amount: eur(TOTAL) }),
        (Step::Capture, Answer::Refused, lapsed),
        (Step::Capture, Answer::Failed, failed(Step::Capture)),
        (Step::Void, DONE, Event::Released { why: Release::Voided }),
        (Step::Void, Answer::Refused, lapsed),
        (Step::Void, Answer::Failed, failed(Step::Void)),
        (Step::Refund, DONE, Event::Refunded { amount: eur(600) }),
        (Step::Refund, Answer::Refused, failed(Step::Refund)),
        (Step::Refund, Answer::Failed, failed(Step::Refund)),
    ];
    for (step, answer, event) in rows {
        let mut payment = with_due(step);
        assert_eq!(hear(&mut payment, answer, T0), event, "{step:?} {answer:?}");
    }
    let mut payment = asked();
    let until = Some(minutes(T0, 3));
    let held = Event::Held { until: minutes(T0, 3) };
    assert_eq!(hear(&mut payment, Answer::Done { until }, T0), held, "the provider knows best");
}

#[test]
fn an_answer_to_anything_but_the_attempt_that_is_due_is_old_news() {
    for due in STEPS {
        let payment = with_due(due);
        for step in STEPS {
            for attempt in 0..3 {
                for answer in [DONE, Answer::Refused, Answer::Failed] {
                    let reply = Reply { step, attempt, answer };
                    let heard = !payment.decide(&reply, &policy(), T0).is_empty();
                    assert_eq!(heard, (step, attempt) == (due, 1), "{reply:?} with {due:?} due");
                }
            }
        }
    }
}

#[test]
fn the_attempt_rises_only_on_a_definite_failure_and_waits_twice_as_long_each_time() {
    let mut payment = with_due(Step::Capture);
    let waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
    for (attempt, secs) in (1..).zip(waits) {
        assert_eq!(step_and_attempt(&payment), Some((Step::Capture, attempt)));
        let event = hear(&mut payment, Answer::Failed, T0);
        let retry_at = later(T0, secs * 1_000);
        let flagged = attempt >= 5;
        assert_eq!(event, Event::Failed { step: Step::Capture, attempt, retry_at, flagged });
        assert_eq!(payment.due().unwrap().not_before, retry_at);
    }
}

#[test]
fn a_back_off_stays_within_its_bound_however_often_it_fails() {
    for attempt in [0, 1, 31, 32, 33, 64, 65, u32::MAX] {
        let wait = back_off(&policy(), attempt);
        assert!(wait >= policy().retry_first && wait <= policy().retry_most, "{attempt}: {wait:?}");
    }
}

#[test]
fn a_hold_is_given_up_at_the_last_attempt_and_not_before() {
    let mut payment = asked();
    for _ in 1..policy().hold_attempts {
        assert!(matches!(hear(&mut payment, Answer::Failed, T0), Event::Failed { .. }));
    }
    let unavailable = Event::HoldRefused { why: HoldRefused::Unavailable };
    assert_eq!(hear(&mut payment, Answer::Failed, T0), unavailable);
    assert_eq!(payment.due(), None);
}

#[test]
fn a_hold_that_failed_after_the_checkout_was_given_up_is_not_tried_again() {
    let mut payment = asked();
    payment.owe(eur(0));
    assert_eq!(step_and_attempt(&payment), Some((Step::Hold, 1)), "possibly done: it stays");
    let given_up = Event::HoldRefused { why: HoldRefused::GivenUp };
    assert_eq!(hear(&mut payment, Answer::Failed, T0), given_up);
    assert!(payment.is_settled());
}

#[test]
fn a_hold_that_succeeds_after_the_checkout_was_given_up_is_voided() {
    let mut payment = asked();
    payment.owe(eur(0));
    hear(&mut payment, DONE, T0);
    assert_eq!(payment.due().map(|due| (due.step, due.amount)), Some((Step::Void, eur(TOTAL))));
    hear(&mut payment, DONE, T0);
    assert!(payment.is_settled());
    assert_eq!((payment.paid(), payment.debt()), (eur(0), None));
}

#[test]
fn a_due_step_is_never_taken_back_and_what_it_did_is_made_good() {
    let mut payment = held_and_owing(TOTAL);
    let due = payment.due();
    payment.owe(eur(600));
    payment.owe(eur(0));
    assert_eq!(payment.due(), due);
    hear(&mut payment, DONE, T0);
    assert_eq!(payment.due().map(|due| (due.step, due.amount)), Some((Step::Refund, eur(TOTAL))));
    hear(&mut payment, DONE, T0);
    assert!(payment.is_settled());
    assert_eq!(payment.paid(), eur(0));
}

#[test]
fn a_capture_that_failed_after_the_cancellation_becomes_a_void() {
    let mut payment = held_and_owing(TOTAL);
    payment.owe(eur(0));
    hear(&mut payment, Answer::Failed, T0);
    assert_eq!(step_and_attempt(&payment), Some((Step::Void, 1)));
}

#[test]
fn a_capture_that_failed_is_repeated_for_what_is_owed_by_then() {
    let mut payment = held_and_owing(TOTAL);
    payment.owe(eur(600));
    hear(&mut payment, Answer::Failed, T0);
    let due = payment.due().unwrap();
    assert_eq!((due.step, due.attempt, due.amount), (Step::Capture, 2, eur(600)));
}

#[test]
fn a_second_refund_gives_back_only_what_the_first_left() {
    let mut payment = with_due(Step::Refund);
    payment.owe(eur(100));
    hear(&mut payment, DONE, T0);
    let due = payment.due().unwrap();
    assert_eq!((due.step, due.attempt, due.amount), (Step::Refund, 2, eur(300)));
    hear(&mut payment, DONE, T0);
    assert_eq!(payment.paid(), eur(100));
    assert!(payment.is_settled());
}

#[test]
fn a_hold_that_nobody_used_lapses_at_its_millisecond_and_one_in_use_does_not() {
    let mut payment = asked();
    let until = minutes(T0, 3);
    hear(&mut payment, Answer::Done { until: Some(until) }, T0);
    assert_eq!(payment.next_deadline(), Some(until));
    assert!(payment.tick(until.saturating_sub(Span::from_millis(1))).is_empty());
    assert_eq!(payment.tick(until), [Event::Released { why: Release::Lapsed }]);
    payment.owe(eur(TOTAL));
    assert_eq!(payment.next_deadline(), None, "the capture may have been done");
    assert!(payment.tick(Timestamp::NEVER).is_empty());
}

#[test]
fn a_capture_refused_because_the_hold_lapsed_leaves_a_debt() {
    let mut payment = held_and_owing(TOTAL);
    assert_eq!(payment.debt(), None, "not while it may still be captured");
    hear(&mut payment, Answer::Refused, T0);
    assert!(payment.is_settled());
    assert_eq!((payment.paid(), payment.debt()), (eur(0), Some(eur(TOTAL))));
}

#[test]
fn a_capture_is_retried_until_the_hold_lapses_and_then_is_a_debt() {
    let mut payment = asked();
    let until = minutes(T0, 3);
    hear(&mut payment, Answer::Done { until: Some(until) }, T0);
    payment.owe(eur(TOTAL));
    let early = until.saturating_sub(Span::from_millis(1));
    assert!(matches!(hear(&mut payment, Answer::Failed, early), Event::Failed { .. }));
    let lapsed = Event::Released { why: Release::Lapsed };
    assert_eq!(hear(&mut payment, Answer::Failed, until), lapsed);
    assert!(payment.is_settled());
    assert_eq!(payment.debt(), Some(eur(TOTAL)));
}

#[test]
fn a_void_that_keeps_failing_is_over_when_the_hold_lapses() {
    let mut payment = asked();
    let until = minutes(T0, 3);
    hear(&mut payment, Answer::Done { until: Some(until) }, T0);
    payment.owe(eur(0));
    assert_eq!(hear(&mut payment, Answer::Failed, until), Event::Released { why: Release::Lapsed });
    assert!(payment.is_settled());
    assert_eq!(payment.debt(), None);
}

#[test]
fn an_event_that_cannot_have_been_decided_is_corrupt_and_changes_nothing() {
    let until = minutes(T0, 3);
    let failed = |step, attempt| Event::Failed { step, attempt, retry_at: T0, flagged: false };
    let lapsed = Event::Released { why: Release::Lapsed };
    let voided = Event::Released { why: Release::Voided };
    let rows = [
        (asked(), Event::Captured { amount: eur(TOTAL) }),
        (asked(), lapsed),
        (asked(), failed(Step::Hold, 2)),
        (asked(), failed(Step::Capture, 1)),
        (held(), Event::Held { until }),
        (held(), Event::HoldRefused { why: HoldRefused::Declined }),
        (held(), Event::Captured { amount: eur(TOTAL) }),
        (held(), voided),
        (held_and_owing(TOTAL), voided),
        (held_and_owing(TOTAL), Event::Captured { amount: eur(TOTAL + 1) }),
        (held_and_owing(TOTAL), Event::Captured { amount: eur(TOTAL - 1) }),
        (held_and_owing(TOTAL), Event::Captured { amount: eur(-1) }),
        (held_and_owing(TOTAL), Event::Refunded { amount: eur(1) }),
        (held_and_owing(0), Event::Captured { amount: eur(TOTAL) }),
        (captured(), Event::Refunded { amount: eur(1) }),
        (captured(), Event::Captured { amount: eur(TOTAL) }),
        (captured(), lapsed),
        (with_due(Step::Refund), Event::Refunded { amount: eur(601) }),
        (with_due(Step::Refund), Event::Refunded { amount: eur(599) }),
        (with_due(Step::Refund), Event::Refunded { amount: eur(-1) }),
        (with_due(Step::Refund), lapsed),
    ];
    for (before, event) in rows {
        let mut payment = before.clone();
        assert!(payment.evolve(&event).is_err(), "{event:?} after {before:?}");
        assert_eq!(payment, before);
    }
}

#[test]
fn a_key_names_order_step_and_attempt() {
    let effect = Effect { order: OrderId::from(33), due: with_due(Step::Void).due().unwrap() };
    assert_eq!(effect.key().to_string(), "ord_0000000000011/void/1");
    assert_eq!(STEPS.map(Step::name), ["hold", "capture", "void", "refund"]);
    assert_eq!("ord_0000000000011/void/1".parse(), Ok(effect.key()));
    for text in [
        "",
        "ord_0000000000011/void",
        "ord_0000000000011/void/0",
        "ord_0000000000011/void/01",
        "ord_0000000000011/void/+1",
        "ord_0000000000011/void/1/",
        "ord_0000000000011/take/1",
        "drv_0000000000011/void/1",
        "ord_0000000000011/void/4294967296",
    ] {
        assert_eq!(text.parse::<EffectKey>(), Err(NotAKey), "{text}");
    }
}

/// One thing that happens to a payment.
#[derive(Clone, Copy, Debug)]
enum Act {
    Owe(i64),
    Answer(Answer),
    Wait,
}

fn an_act() -> impl Strategy<Value = Act> {
    let until = Some(minutes(T0, 2));
    let answers = select(vec![
        DONE,
        DONE,
        Answer::Done { until },
        Answer::Refused,
        Answer::Failed,
        Answer::Failed,
    ]);
    prop_oneof![
        2 => (0..=TOTAL).prop_map(Act::Owe),
        4 => answers.prop_map(Act::Answer),
        1 => Just(Act::Wait),
    ]
}

/// A payment with all that was said to it.
struct Tale {
    payment: Payment,
    now: Timestamp,
    replies: Vec<Reply>,
    events: Vec<Event>,
}

impl Tale {
    fn begin() -> Self {
        Self { payment: asked(), now: T0, replies: vec![], events: vec![] }
    }

    fn take_in(&mut self, events: Vec<Event>) {
        for event in events {
            self.payment.evolve(&event).expect("what is decided can follow");
            self.events.push(event);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            // What is owed is decided once there is a hold, or is nothing; and it never rises.
            Act::Owe(owed) => {
                let owed = if self.payment.funds() == Funds::Asked { eur(0) } else { eur(owed) };
                if self.payment.owed().is_none_or(|before| owed.minor() <= before.minor()) {
                    let due = self.payment.due();
                    self.payment.owe(owed);
                    assert!(due.is_none() || self.payment.due() == due, "a due step changed");
                }
            }
            Act::Answer(answer) => {
                if let Some(Due { step, attempt, .. }) = self.payment.due() {
                    let reply = Reply { step, attempt, answer };
                    self.replies.push(reply);
                    self.take_in(self.payment.decide(&reply, &policy(), self.now));
                }
            }
            Act::Wait => {
                self.now = self.now.saturating_add(Span::from_mins(1));
                self.take_in(self.payment.tick(self.now));
            }
        }
    }

    /// Every answer heard so far comes again, in both directions.
    fn repeat_everything(&mut self) {
        for reply in self.replies.iter().chain(self.replies.iter().rev()) {
            assert_eq!(self.payment.decide(reply, &policy(), self.now), [], "{reply:?} again");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn money_adds_up_after_any_answers_in_any_order(acts in vec(an_act(), 1..30)) {
        let mut tale = Tale::begin();
        for act in acts {
            tale.act(act);
            tale.repeat_everything();
            let payment = &tale.payment;
            let (mut held, mut taken, mut back) = (0, 0, 0);
            for event in &tale.events {
                match event {
                    Event::Held { .. } => held += TOTAL,
                    Event::Captured { amount } => taken += amount.minor(),
                    Event::Refunded { amount } => back += amount.minor(),
                    Event::HoldRefused { .. }
                    | Event::Released { .. }
                    | Event::Failed { .. }
                    | Event::Noticed { .. } => {}
                }
            }
            prop_assert!(held <= TOTAL && taken <= held && back <= taken);
            let captures = tale.events.iter().filter(|e| matches!(e, Event::Captured { .. }));
            prop_assert!(captures.count() <= 1);
            prop_assert_eq!(payment.paid(), eur(taken - back));
            if payment.is_settled() {
                let debt = payment.debt().map_or(0, Money::minor);
                prop_assert_eq!(Some(eur(taken - back + debt)), payment.owed());
            }
            let keys: Vec<_> = tale.replies.iter().map(|r| (r.step, r.attempt)).collect();
            let mut once = keys.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), keys.len(), "a key was used twice: {:?}", keys);
        }
    }

    #[test]
    fn once_the_provider_works_again_a_payment_settles_in_three_answers(
        acts in vec(an_act(), 1..20),
    ) {
        let mut tale = Tale::begin();
        for act in acts {
            tale.act(act);
        }
        if tale.payment.owed().is_none() {
            tale.payment.owe(eur(0));
        }
        for _ in 0..3 {
            tale.act(Act::Answer(DONE));
        }
        prop_assert!(tale.payment.is_settled(), "{:?}", tale.payment);
    }
}
