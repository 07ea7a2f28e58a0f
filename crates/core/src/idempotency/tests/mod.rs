//! What the ledger promises: by rule, against a naive model, and from a thousand threads at once.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod header;
mod naive;
mod route;

use super::*;
use crate::time::{Span, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

fn bounds() -> Bounds {
    Bounds::new(Span::from_secs(10), Span::from_secs(100), 3).unwrap()
}

fn at(secs: u64) -> Timestamp {
    NOON.saturating_add(Span::from_secs(secs))
}

type Small = Ledger<u8, char, u8>;

#[track_caller]
fn first(ledger: &mut Small, key: u8, now: Timestamp) -> Token {
    match ledger.begin(&key, &key, now, &bounds()) {
        Ok(Begun::First { token, until }) => {
            assert_eq!(until, now.saturating_add(bounds().lease()));
            token
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_caller_waits_for_the_first_one_and_gets_its_outcome() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    let in_flight = Begun::InFlight { until: at(10) };
    assert_eq!(ledger.begin(&1, &1, at(9), &bounds()), Ok(in_flight));
    assert_eq!(ledger.complete(&1, token, 'a', at(9)), Ok(Completed::Recorded(&'a')));
    assert_eq!(ledger.begin(&1, &1, at(9), &bounds()), Ok(Begun::Repeat(&'a')));
    assert_eq!(ledger.outcome(&1), Some(&'a'));
}

#[test]
fn a_lease_that_ran_out_goes_to_the_next_caller_and_the_one_before_is_refused() {
    let mut ledger = Small::new();
    let slow = first(&mut ledger, 1, at(0));
    let next = first(&mut ledger, 1, at(10));
    assert!(next > slow);
    let before = ledger.clone();
    let stale = Err(Stale::TakenOver { by: next });
    assert_eq!(ledger.complete(&1, slow, 'a', at(10)), stale);
    assert_eq!(ledger.abandon(&1, slow), stale.map(|_| ()));
    assert_eq!(ledger, before);
    assert_eq!(ledger.complete(&1, next, 'b', at(11)), Ok(Completed::Recorded(&'b')));
    assert_eq!(ledger.complete(&1, slow, 'a', at(12)), stale);
    assert_eq!(ledger.outcome(&1), Some(&'b'));
}

#[test]
fn a_lease_that_ran_out_still_completes_where_nobody_took_over() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    assert_eq!(ledger.complete(&1, token, 'a', at(50)), Ok(Completed::Recorded(&'a')));
}

#[test]
fn of_two_completions_the_first_stays_and_is_told_again() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    ledger.complete(&1, token, 'a', at(1)).unwrap();
    let before = ledger.clone();
    assert_eq!(ledger.complete(&1, token, 'b', at(1)), Ok(Completed::Already(&'a')));
    assert_eq!(ledger.abandon(&1, token), Err(Stale::Done));
    assert_eq!(ledger, before);
}

#[test]
fn another_request_under_the_same_key_is_a_conflict_at_every_stage() {
    let mut ledger = Small::new();
    let conflict = |ledger: &mut Small, secs| {
        let before = ledger.clone();
        assert_eq!(ledger.begin(&1, &9, at(secs), &bounds()), Ok(Begun::Conflict { first: &1 }));
        assert_eq!(Small { last: before.last, ..ledger.clone() }, before);
    };
    let token = first(&mut ledger, 1, at(0));
    conflict(&mut ledger, 1);
    conflict(&mut ledger, 10);
    ledger.complete(&1, token, 'a', at(11)).unwrap();
    conflict(&mut ledger, 12);
}

#[test]
fn what_was_abandoned_is_first_again_with_a_higher_token_whatever_is_asked() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    assert_eq!(ledger.abandon(&1, token), Ok(()));
    assert!(ledger.is_empty() && ledger.leases.is_empty());
    assert_eq!(ledger.abandon(&1, token), Err(Stale::Unknown));
    assert_eq!(ledger.complete(&1, token, 'a', at(0)), Err(Stale::Unknown));
    let again = ledger.begin(&1, &9, at(0), &bounds());
    assert!(matches!(again, Ok(Begun::First { token: higher, .. }) if higher > token));
}

#[test]
fn an_outcome_is_kept_for_the_whole_retention_and_not_a_millisecond_less() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    ledger.complete(&1, token, 'a', at(5)).unwrap();
    assert_eq!(ledger.next_deadline(&bounds()), Some(at(105)));
    let last = at(105).saturating_sub(Span::from_millis(1));
    assert_eq!(ledger.begin(&1, &1, last, &bounds()), Ok(Begun::Repeat(&'a')));
    assert!(matches!(ledger.begin(&1, &1, at(105), &bounds()), Ok(Begun::First { .. })));
    assert_eq!(ledger.len(), 1);
}

#[test]
fn what_nobody_finished_is_kept_for_the_retention_from_the_end_of_its_lease() {
    let mut ledger = Small::new();
    first(&mut ledger, 1, at(0));
    assert_eq!(ledger.next_deadline(&bounds()), Some(at(110)));
    ledger.forget(at(109), &bounds());
    assert_eq!(ledger.begin(&1, &2, at(109), &bounds()), Ok(Begun::Conflict { first: &1 }));
    ledger.forget(at(110), &bounds());
    assert!(ledger.is_empty() && ledger.leases.is_empty());
    assert_eq!(ledger.next_deadline(&bounds()), None);
}

#[test]
fn a_full_ledger_refuses_what_is_new_says_until_when_and_forgets_nothing() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    ledger.complete(&1, token, 'a', at(0)).unwrap();
    first(&mut ledger, 2, at(1));
    first(&mut ledger, 3, at(2));
    let full = Err(Full { until: at(100) });
    assert_eq!(ledger.begin(&4, &4, at(99), &bounds()), full);
    assert_eq!(ledger.check(&4, &4, at(99), &bounds()), full);
    assert_eq!(ledger.begin(&1, &1, at(99), &bounds()), Ok(Begun::Repeat(&'a')));
    assert!(matches!(ledger.begin(&2, &2, at(99), &bounds()), Ok(Begun::First { .. })));
    assert!(matches!(ledger.check(&4, &4, at(100), &bounds()), Ok(Begun::First { .. })));
    first(&mut ledger, 4, at(100));
    assert_eq!(ledger.len(), 3);
}

#[test]
fn checking_says_what_beginning_would_and_changes_nothing() {
    let mut ledger = Small::new();
    for (key, secs) in [(1, 0), (2, 0), (1, 5), (1, 10), (3, 11), (4, 12), (4, 112), (1, 113)] {
        let before = ledger.clone();
        let checked = format!("{:?}", ledger.check(&key, &key, at(secs), &bounds()));
        assert_eq!(ledger, before);
        assert_eq!(checked, format!("{:?}", ledger.begin(&key, &key, at(secs), &bounds())));
    }
}

#[test]
fn time_that_goes_back_shortens_no_lease_and_no_retention() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(50));
    assert_eq!(ledger.begin(&1, &1, at(0), &bounds()), Ok(Begun::InFlight { until: at(60) }));
    ledger.complete(&1, token, 'a', at(0)).unwrap();
    assert_eq!(ledger.next_deadline(&bounds()), Some(at(150)));
    first(&mut ledger, 2, at(50));
}

#[test]
fn a_quiet_night_is_forgotten_a_little_at_a_time() {
    let roomy = Bounds::new(Span::from_secs(10), Span::from_secs(100), 1_000).unwrap();
    let mut ledger = Ledger::<u32, char>::new();
    for key in 0..100 {
        let Ok(Begun::First { token, .. }) = ledger.begin(&key, &0, NOON, &roomy) else { panic!() };
        if key % 2 == 0 {
            ledger.complete(&key, token, 'a', NOON).unwrap();
        }
    }
    ledger.forget(at(1_000), &roomy);
    assert_eq!(ledger.len(), 84);
    for _ in 0..7 {
        ledger.forget(at(1_000), &roomy);
    }
    assert!(ledger.is_empty() && ledger.done.is_empty() && ledger.leases.is_empty());
}

#[test]
fn bounds_with_which_no_promise_can_be_kept_are_refused() {
    let new = |lease, retention, max| {
        Bounds::new(Span::from_secs(lease), Span::from_secs(retention), max)
    };
    assert_eq!(new(0, 0, 0), Err(BadBounds::NoLease));
    assert_eq!(new(10, 9, 0), Err(BadBounds::RetentionBelowLease));
    assert_eq!(new(10, 10, 0), Err(BadBounds::NoRoom));
    assert!(new(10, 10, 1).is_ok());
    let read = |json: &str| serde_json::from_str::<Bounds>(json);
    assert_eq!(read(r#"{"lease":1,"retention":1,"max":1}"#).unwrap().max(), 1);
    assert!(read(r#"{"lease":0,"retention":1,"max":1}"#).is_err());
    assert!(read(r#"{"lease":1,"retention":1,"max":1,"x":1}"#).is_err());
}

#[test]
fn a_ledger_is_stored_as_two_lists_and_a_damaged_one_is_refused() {
    let mut ledger = Small::new();
    let token = first(&mut ledger, 1, at(0));
    ledger.complete(&1, token, 'a', at(3)).unwrap();
    let token = first(&mut ledger, 2, at(4));
    ledger.complete(&2, token, 'b', at(5)).unwrap();
    first(&mut ledger, 3, at(6));
    let json = serde_json::to_string(&ledger).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"next":4,"last":1700000006000,"in_flight":"#,
            r#"[{"key":3,"fingerprint":3,"token":3,"until":1700000016000}],"done":"#,
            r#"[{"key":1,"fingerprint":1,"token":1,"at":1700000003000,"outcome":"a"},"#,
            r#"{"key":2,"fingerprint":2,"token":2,"at":1700000005000,"outcome":"b"}]}"#,
        )
    );
    assert_eq!(serde_json::from_str::<Small>(&json).unwrap(), ledger);
    for (sound, damaged, why) in [
        (r#""key":2"#, r#""key":1"#, CorruptLedger::RepeatedKey),
        (r#""key":3"#, r#""key":1"#, CorruptLedger::RepeatedKey),
        (r#""token":2"#, r#""token":1"#, CorruptLedger::BadToken),
        (r#""token":2"#, r#""token":0"#, CorruptLedger::BadToken),
        (r#""token":3"#, r#""token":4"#, CorruptLedger::BadToken),
        (r#""at":1700000005000"#, r#""at":1700000002000"#, CorruptLedger::OutOfOrder),
        (r#""at":1700000005000"#, r#""at":1700000007000"#, CorruptLedger::OutOfOrder),
    ] {
        let damaged = json.replacen(sound, damaged, 1);
        assert_ne!(damaged, json);
        let refused = serde_json::from_str::<Small>(&damaged).unwrap_err();
        assert!(refused.to_string().contains(&why.to_string()), "{damaged}: {refused}");
    }
}
