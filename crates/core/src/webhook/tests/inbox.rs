//! The inbox, step by step.

use crate::idempotency::{Bounds, Full, Stale, Token};
use crate::money::{Currency, Money};
use crate::provider::{Event, EventId, Fact, Field, Meaning};
use crate::time::{Span, Timestamp};
use crate::webhook::inbox::{
    Accepted, BadRules, CONFLICTS_KEPT, Cause, Failed, HISTORY_KEPT, Inbox, Job, KINDS_COUNTED,
    NoDeadLetter, NotAccepted, Progress, Rules, Setback,
};
use crate::webhook::{Message, Unused};

const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(secs: u64) -> Timestamp {
    NOON.saturating_add(Span::from_secs(secs))
}

fn rules() -> Rules {
    let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(96), 5).unwrap();
    Rules::new(bounds, 3).unwrap()
}

fn id(n: u32) -> EventId {
    EventId::new(&format!("evt_{n}")).unwrap()
}

fn captured(n: u32, minor: i64) -> Message {
    let amount = Money::new(minor, Currency::new("EUR").unwrap());
    let about = "ord_0000000000011/hold/1".parse().unwrap();
    let says = Meaning { about, fact: Fact::Captured { amount } };
    Message::Payment(Event { id: id(n), says })
}

/// Takes an event in for the first time.
#[track_caller]
fn queue(inbox: &mut Inbox, n: u32, now: Timestamp) {
    assert_eq!(inbox.accept(captured(n, 100), now, &rules()), Ok(Accepted::Queued));
}

#[track_caller]
fn take(inbox: &mut Inbox, n: u32, now: Timestamp) -> Job {
    let job = inbox.next(now, &rules()).expect("something is due");
    assert_eq!(job.event.id, id(n));
    assert_eq!(job.until, now.saturating_add(Span::from_secs(30)));
    job
}

fn repeat(progress: Progress) -> Result<Accepted, NotAccepted> {
    Ok(Accepted::Repeat { progress })
}

#[test]
fn an_event_is_queued_once_and_a_repetition_hears_how_far_it_has_come() {
    let mut inbox = Inbox::new();
    let again = |inbox: &mut Inbox| inbox.accept(captured(1, 100), at(1), &rules());
    queue(&mut inbox, 1, at(0));
    assert_eq!(again(&mut inbox), repeat(Progress::Waiting));
    let job = take(&mut inbox, 1, at(1));
    assert_eq!(job.attempt, 1);
    assert_eq!(again(&mut inbox), repeat(Progress::Running));
    assert_eq!(inbox.next(at(1), &rules()), None);
    assert_eq!(inbox.done(&id(1), job.token, at(1)), Ok(()));
    assert_eq!(again(&mut inbox), repeat(Progress::Done));
    assert_eq!(inbox.next(at(2), &rules()), None);
    let counts = inbox.counts();
    assert_eq!((counts.queued, counts.repeats, counts.done, inbox.open()), (1, 3, 1, 0));
    assert_eq!(inbox.done(&id(1), job.token, at(2)), Err(Stale::Unknown));
}

#[test]
fn a_conflict_is_answered_2xx_recorded_with_its_cause_and_has_no_effect() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let conflict = |inbox: &mut Inbox, secs| {
        let answer = inbox.accept(captured(1, 999), at(secs), &rules()).unwrap();
        assert_eq!(answer, Accepted::Conflict { differs: vec![Field::Amount] });
        assert_eq!(answer.status(), 200);
    };
    conflict(&mut inbox, 1);
    let job = take(&mut inbox, 1, at(1));
    let Message::Payment(first) = captured(1, 100) else { panic!() };
    assert_eq!(job.event, first, "the first one stands");
    inbox.done(&id(1), job.token, at(1)).unwrap();
    conflict(&mut inbox, 2);
    assert_eq!((inbox.counts().conflicts, inbox.open()), (2, 0));
    let kept: Vec<_> = inbox.conflicts().collect();
    assert_eq!((kept.len(), kept[1].at, &kept[1].first), (2, at(2), &first.says));
    assert_ne!(kept[1].second, kept[1].first);
    for _ in 0..CONFLICTS_KEPT {
        conflict(&mut inbox, 3);
    }
    assert_eq!(inbox.conflicts().count(), CONFLICTS_KEPT);
    assert!(inbox.conflicts().all(|conflict| conflict.at == at(3)), "the oldest leave");
    assert_eq!(inbox.counts().conflicts, 66);
}

#[test]
fn what_is_of_no_use_is_acknowledged_and_counted_by_kind() {
    let mut inbox = Inbox::new();
    let unused =
        |kind: &str| Message::Unused { id: id(1), kind: kind.into(), why: Unused::UnknownKind };
    for n in 0..KINDS_COUNTED + 2 {
        let answer = inbox.accept(unused(&format!("kind.{n}")), at(0), &rules()).unwrap();
        assert_eq!(answer, Accepted::Unused { why: Unused::UnknownKind });
        assert_eq!(answer.status(), 200);
    }
    inbox.accept(unused("kind.0"), at(0), &rules()).unwrap();
    assert_eq!((inbox.counts().unused, inbox.open()), (67, 0));
    let counted: Vec<_> = inbox.unused().collect();
    assert_eq!(counted.len(), KINDS_COUNTED + 1);
    assert_eq!((counted[0], counted[1]), (("", 2), ("kind.0", 2)));
    assert_eq!(inbox.next(at(0), &rules()), None);
}

#[test]
fn it_is_tried_again_after_1_2_4_8_and_16_seconds_and_then_dead_with_its_history() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let mut now = at(0);
    for (attempt, wait) in (1..).zip([1, 2, 4, 8, 16]) {
        let job = take(&mut inbox, 1, now);
        assert_eq!(job.attempt, attempt);
        let retry_at = now.saturating_add(Span::from_secs(wait));
        let told = inbox.failed(&id(1), job.token, "the shard is moving", now);
        assert_eq!(told, Ok(Setback::RetryAt(retry_at)));
        let before = retry_at.saturating_sub(Span::from_millis(1));
        assert_eq!(inbox.next(before, &rules()), None);
        assert_eq!(inbox.next_deadline(&rules()), Some(retry_at));
        now = retry_at;
    }
    let job = take(&mut inbox, 1, now);
    assert_eq!(inbox.failed(&id(1), job.token, "still", now), Ok(Setback::Dead));
    assert_eq!(inbox.next(at(1_000), &rules()), None);
    let letters: Vec<_> = inbox.dead_letters().collect();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((letter.since, letter.history.len(), &letter.event), (now, 6, &job.event));
    let cause = Cause::Failed { reason: "still".into() };
    assert_eq!(letter.history[5], Failed { attempt: 6, at: now, cause });
    assert_eq!(letter.history[0].at, at(0));
    assert_eq!(inbox.counts().dead, 1);
    let again = inbox.accept(captured(1, 100), at(1_000), &rules());
    assert_eq!(again, repeat(Progress::Dead));
}

#[test]
fn what_is_refused_for_good_is_dead_at_once() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let job = take(&mut inbox, 1, at(0));
    let told = inbox.refused(&id(1), job.token, &"é".repeat(300), at(0));
    assert_eq!(told, Ok(Setback::Dead));
    let letter = inbox.dead_letters().next().unwrap();
    let reason = "é".repeat(200).into();
    assert_eq!(letter.history[0].cause, Cause::Refused { reason });
}

/// An inbox whose first event is dead.
fn with_a_dead_letter() -> (Inbox, Token) {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let job = take(&mut inbox, 1, at(0));
    inbox.refused(&id(1), job.token, "no such shard", at(0)).unwrap();
    (inbox, job.token)
}

#[test]
fn a_dead_letter_is_redriven_with_six_more_attempts_and_its_history() {
    let (mut inbox, _) = with_a_dead_letter();
    assert_eq!(inbox.redrive(&id(1), at(10)), Ok(()));
    assert_eq!(inbox.redrive(&id(1), at(10)), Err(NoDeadLetter));
    let mut now = at(10);
    for attempt in 2..8 {
        let job = take(&mut inbox, 1, now);
        assert_eq!(job.attempt, attempt);
        let told = inbox.failed(&id(1), job.token, "again", now).unwrap();
        assert_eq!(told == Setback::Dead, attempt == 7);
        now = now.saturating_add(Span::from_secs(16));
    }
    assert_eq!(inbox.dead_letters().next().unwrap().history.len(), 7);
    for round in 0..40 {
        inbox.redrive(&id(1), now).unwrap();
        let job = take(&mut inbox, 1, now);
        inbox.refused(&id(1), job.token, &format!("{round}"), now).unwrap();
    }
    let history = inbox.dead_letters().next().unwrap().history;
    assert_eq!(history.len(), HISTORY_KEPT, "the oldest leave");
    assert_eq!(history.last().unwrap().attempt, 47);
    assert_eq!((inbox.counts().redriven, inbox.counts().dead), (41, 42));
}

#[test]
fn only_a_dead_letter_is_redriven_or_discarded() {
    let (mut inbox, _) = with_a_dead_letter();
    queue(&mut inbox, 2, at(0));
    queue(&mut inbox, 3, at(1));
    let running = take(&mut inbox, 2, at(1));
    let before = inbox.clone();
    for n in [2, 3, 4] {
        assert_eq!(inbox.redrive(&id(n), at(1)), Err(NoDeadLetter));
        assert_eq!(inbox.discard(&id(n)), Err(NoDeadLetter));
    }
    assert_eq!(inbox, before);
    inbox.done(&id(2), running.token, at(1)).unwrap();
    assert_eq!(inbox.redrive(&id(2), at(1)), Err(NoDeadLetter), "what is done is not done again");
    assert_eq!(inbox.discard(&id(1)).unwrap().event.id, id(1));
    assert_eq!((inbox.dead_letters().count(), inbox.open()), (0, 1));
    assert_eq!(inbox.accept(captured(1, 100), at(1), &rules()), repeat(Progress::Done));
}

#[test]
fn a_lease_that_ran_out_is_a_failure_and_the_one_before_is_refused() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let slow = take(&mut inbox, 1, at(0));
    assert_eq!(inbox.next_deadline(&rules()), Some(at(30)));
    assert_eq!(inbox.next(at(30), &rules()), None, "it waits like after any failure");
    let next = take(&mut inbox, 1, at(31));
    assert!(next.token > slow.token);
    let before = inbox.clone();
    let stale = Stale::TakenOver { by: next.token };
    assert_eq!(inbox.done(&id(1), slow.token, at(31)), Err(stale));
    assert_eq!(inbox.failed(&id(1), slow.token, "late", at(31)), Err(stale));
    assert_eq!(inbox.refused(&id(1), slow.token, "late", at(31)), Err(stale));
    assert_eq!(inbox, before);
    inbox.refused(&id(1), next.token, "no", at(31)).unwrap();
    let history = inbox.dead_letters().next().unwrap().history;
    assert_eq!(history[0], Failed { attempt: 1, at: at(30), cause: Cause::LeaseRanOut });
}

#[test]
fn whoever_was_too_slow_still_says_that_it_is_done_where_nobody_took_over() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let slow = take(&mut inbox, 1, at(0));
    assert_eq!(inbox.next(at(30), &rules()), None);
    assert_eq!(inbox.failed(&id(1), slow.token, "late", at(30)), Err(Stale::Done));
    assert_eq!(inbox.done(&id(1), slow.token, at(30)), Ok(()));
    assert_eq!(inbox.next(at(100), &rules()), None);
    let (mut inbox, token) = with_a_dead_letter();
    assert_eq!(inbox.done(&id(1), token, at(1)), Ok(()));
    assert_eq!((inbox.dead_letters().count(), inbox.open()), (0, 0));
}

#[test]
fn leases_that_ran_out_are_dealt_with_a_few_at_a_time() {
    let roomy =
        Rules::new(Bounds::new(Span::from_secs(30), Span::from_hours(96), 100).unwrap(), 100);
    let (mut inbox, roomy) = (Inbox::new(), roomy.unwrap());
    for n in 0..20 {
        inbox.accept(captured(n, 100), at(0), &roomy).unwrap();
        assert!(inbox.next(at(0), &roomy).is_some());
    }
    let waiting = |inbox: &mut Inbox| {
        let progress = |n| inbox.accept(captured(n, 100), at(30), &roomy);
        (0..20).map(progress).filter(|told| *told == repeat(Progress::Waiting)).count()
    };
    assert_eq!(inbox.next(at(30), &roomy), None, "they wait like after any failure");
    assert_eq!(waiting(&mut inbox), 16);
    assert!(inbox.next_deadline(&roomy).is_some_and(|due| due <= at(30)), "the rest is due");
    assert_eq!(inbox.next(at(30), &roomy), None);
    assert_eq!(waiting(&mut inbox), 20);
}

#[test]
fn time_that_goes_back_makes_nothing_wait_and_no_lease_shorter() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(100));
    let job = inbox.next(at(0), &rules()).expect("it is due, whatever this clock says");
    assert_eq!(job.until, at(130));
    assert_eq!(inbox.failed(&id(1), job.token, "no", at(0)), Ok(Setback::RetryAt(at(101))));
}

#[test]
fn an_event_that_kills_whoever_touches_it_ends_as_a_dead_letter() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 1, at(0));
    let mut now = at(0);
    let mut taken = 0;
    while let Some(due) =
        inbox.next_deadline(&rules()).filter(|_| inbox.dead_letters().count() == 0)
    {
        now = now.max(due);
        taken += u32::from(inbox.next(now, &rules()).is_some());
        assert!(taken < 10);
    }
    let history = inbox.dead_letters().next().unwrap().history;
    assert_eq!((taken, history.len()), (6, 6));
    assert!(history.iter().all(|failed| failed.cause == Cause::LeaseRanOut));
}

#[test]
fn events_are_worked_on_in_the_order_in_which_they_are_due() {
    let mut inbox = Inbox::new();
    queue(&mut inbox, 2, at(0));
    queue(&mut inbox, 1, at(1));
    queue(&mut inbox, 3, at(1));
    let job = take(&mut inbox, 2, at(1));
    inbox.failed(&id(2), job.token, "busy", at(1)).unwrap();
    take(&mut inbox, 1, at(1));
    take(&mut inbox, 3, at(1));
    assert_eq!(inbox.next(at(1), &rules()), None);
    take(&mut inbox, 2, at(2));
}

#[test]
fn an_inbox_without_room_takes_nothing_new_and_still_knows_the_old() {
    let (mut inbox, _) = with_a_dead_letter();
    queue(&mut inbox, 2, at(0));
    queue(&mut inbox, 3, at(0));
    let before = inbox.clone();
    let full = inbox.accept(captured(4, 100), at(0), &rules()).unwrap_err();
    assert_eq!((full, full.status()), (NotAccepted::QueueFull { most: 3 }, 503));
    assert_eq!(inbox, before, "dead letters count: none is dropped");
    assert_eq!(inbox.accept(captured(3, 100), at(0), &rules()), repeat(Progress::Waiting));
    for (n, new) in [(2, 4), (3, 5)] {
        let job = take(&mut inbox, n, at(0));
        inbox.done(&id(n), job.token, at(0)).unwrap();
        queue(&mut inbox, new, at(0));
    }
    let job = take(&mut inbox, 4, at(0));
    inbox.done(&id(4), job.token, at(0)).unwrap();
    let until = at(96 * 3_600);
    let full = inbox.accept(captured(6, 100), at(1), &rules());
    assert_eq!(full, Err(NotAccepted::Remembered(Full { until })));
    assert_eq!(inbox.accept(captured(2, 100), at(1), &rules()), repeat(Progress::Done));
    queue(&mut inbox, 6, until);
    let bounds = *rules().bounds();
    assert_eq!(Rules::new(bounds, 0), Err(BadRules));
}

#[test]
fn what_is_open_is_known_however_old_and_what_is_done_for_the_retention() {
    let (mut inbox, _) = with_a_dead_letter();
    queue(&mut inbox, 2, at(0));
    let job = take(&mut inbox, 2, at(0));
    inbox.done(&id(2), job.token, at(0)).unwrap();
    let retention = 96 * 3_600;
    assert_eq!(inbox.next_deadline(&rules()), Some(at(retention)));
    inbox.forget(at(retention - 1), &rules());
    assert_eq!(inbox.accept(captured(2, 100), at(retention - 1), &rules()), repeat(Progress::Done));
    inbox.forget(at(retention), &rules());
    assert_eq!(inbox.next_deadline(&rules()), None);
    assert_eq!(inbox.accept(captured(1, 100), at(retention), &rules()), repeat(Progress::Dead));
    let conflict = inbox.accept(captured(1, 999), at(retention), &rules());
    assert!(matches!(conflict, Ok(Accepted::Conflict { .. })));
    queue(&mut inbox, 2, at(retention));
}

#[test]
fn it_is_stored_with_all_that_waits_and_goes_on_where_it_was() {
    let (mut inbox, _) = with_a_dead_letter();
    queue(&mut inbox, 2, at(1));
    queue(&mut inbox, 3, at(2));
    take(&mut inbox, 2, at(2));
    inbox.accept(captured(2, 7), at(2), &rules()).unwrap();
    let json = serde_json::to_string(&inbox).unwrap();
    assert_eq!(json, include_str!("inbox.json").trim_end());
    let mut stored: Inbox = serde_json::from_str(&json).unwrap();
    assert_eq!(stored, inbox);
    take(&mut stored, 3, at(2));
    for (known, foreign) in [("{", r#"{"colour":1,"#), (r#""format":1"#, r#""format":2"#)] {
        let foreign = json.replacen(known, foreign, 1);
        assert_ne!(foreign, json);
        assert!(serde_json::from_str::<Inbox>(&foreign).is_err(), "{foreign}");
    }
}
