use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::{Quota as Theirs, RateLimiter};
use proptest::prelude::*;

use super::*;

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

fn quota(count: u32, ms: u64, burst: u32) -> Quota {
    Quota::new(count, Span::from_millis(ms)).unwrap().with_burst(burst).unwrap()
}

fn at(ms: u64) -> Timestamp {
    T0.saturating_add(Span::from_millis(ms))
}

fn later(ms: u64) -> Refused {
    Refused::Later { retry_after: Span::from_millis(ms) }
}

#[test]
fn numbers_that_make_no_quota_are_refused() {
    assert_eq!(Quota::new(0, Span::from_secs(1)), Err(QuotaError::Nothing));
    assert_eq!(Quota::new(1, Span::ZERO), Err(QuotaError::Period));
    let longer = PERIOD_MOST.saturating_add(Span::from_millis(1));
    assert_eq!(Quota::new(1, longer), Err(QuotaError::Period));
    assert!(Quota::new(u32::MAX, PERIOD_MOST).is_ok());
    assert_eq!(quota(1, 1, 1).with_burst(0), Err(QuotaError::Nothing));
    for json in [
        r#"{"count":0,"per":1000,"burst":1}"#,
        r#"{"count":1,"per":0,"burst":1}"#,
        r#"{"count":1,"per":1000,"burst":0}"#,
        r#"{"count":1,"per":1000,"burst":1,"brust":2}"#,
    ] {
        assert!(serde_json::from_str::<Quota>(json).is_err(), "{json}");
    }
}

#[test]
fn a_state_is_sixteen_bytes_and_one_number_when_stored() {
    assert!(size_of::<Gcra>() <= 16);
    let state = Gcra::default().check(&quota(7, 1_000, 7), 1, T0).unwrap().state;
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(json, "1700000000142857143", "a seventh of a second, rounded up");
    assert_eq!(serde_json::from_str::<Gcra>(&json).unwrap(), state);
    let json = serde_json::to_string(&quota(7, 1_000, 3)).unwrap();
    assert_eq!(json, r#"{"count":7,"per":1000,"burst":3}"#);
    assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota(7, 1_000, 3));
}

#[test]
fn whoever_comes_back_when_told_passes_and_not_a_millisecond_before() {
    let quota = quota(2, 10_000, 2);
    let mut state = Gcra::default();
    for (ms, cost, wants) in [
        (0, 1, Ok(1)),
        (0, 1, Ok(0)),
        (0, 1, Err(later(5_000))),
        (1_000, 2, Err(later(9_000))),
        (4_999, 1, Err(later(1))),
        (5_000, 1, Ok(0)),
        (5_000, 3, Err(Refused::NeverFits { most: 2 })),
        (5_000, 0, Ok(0)),
        (60_000, 0, Ok(2)),
        (60_000, 2, Ok(0)),
    ] {
        let found = state.check(&quota, cost, at(ms));
        assert_eq!(found.map(|passed| passed.remaining), wants, "{cost} at {ms} ms");
        state = found.map_or(state, |passed| passed.state);
    }
}

#[test]
fn a_clock_that_goes_back_gives_nothing_away() {
    let quota = quota(1, 1_000, 1);
    let state = Gcra::default().check(&quota, 1, at(10_000)).unwrap().state;
    assert_eq!(state.check(&quota, 1, at(0)), Err(later(11_000)));
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let widest = quota(1, PERIOD_MOST.as_millis(), u32::MAX);
    for now in [Timestamp::from_millis(i64::MIN), Timestamp::EPOCH, Timestamp::NEVER] {
        let passed = Gcra::default().check(&widest, u32::MAX, now).unwrap();
        assert_eq!(passed.remaining, 0);
        assert!(matches!(passed.state.check(&widest, 1, now), Err(Refused::Later { .. })));
        let latest = Gcra { tat_ns: u128::MAX };
        assert!(latest.check(&widest, 1, now).is_err());
        assert_eq!(latest.header(&widest, now).remaining, 0);
    }
}

#[test]
fn the_headers_say_what_the_standard_form_says() {
    let quota = quota(100, 60_000, 100);
    let name = |name| PolicyName::new(name).unwrap();
    assert_eq!(quota.header().text(&name("burst")), r#""burst";q=100;w=60"#);
    let half = Gcra::default().check(&quota, 50, T0).unwrap().state;
    assert_eq!(half.header(&quota, T0).text(&name("default")), r#""default";r=50;t=30"#);
    assert_eq!(half.header(&quota, at(1)).reset_s, 30, "rounded up");
    assert_eq!(half.header(&quota, at(29_999)).text(&name("d")), r#""d";r=99;t=1"#);
    assert_eq!(half.header(&quota, at(30_000)).text(&name("d")), r#""d";r=100;t=0"#);
    for (ms, secs) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
        assert_eq!(retry_after_s(Span::from_millis(ms)), secs, "{ms} ms");
    }
    for bad in ["", "a b", "a\"b", "ä", &"x".repeat(65)] {
        assert_eq!(PolicyName::new(bad), Err(PolicyNameError), "{bad}");
    }
}

#[test]
fn a_full_table_limits_whom_it_knows_and_forgets_only_who_has_paid() {
    let mut limits = Limits::new(quota(2, 2_000, 2), 2, AtBound::Refuse);
    assert!(limits.check(&"ana", 1, at(0)).is_ok());
    assert!(limits.check(&"bob", 2, at(100)).is_ok());
    assert_eq!(limits.check(&"eve", 1, at(200)), Err(later(800)), "until ana has paid");
    assert_eq!(limits.len(), 2);
    assert!(limits.check(&"eve", 0, at(200)).is_ok(), "to ask takes no room");
    assert_eq!(limits.check(&"bob", 1, at(200)), Err(later(900)));
    assert!(limits.check(&"ana", 1, at(200)).is_ok(), "known, and within the quota");
    assert_eq!(limits.check(&"eve", 1, at(1_000)), Err(later(1_000)));
    assert!(limits.check(&"eve", 1, at(2_000)).is_ok(), "ana has paid");
    assert_eq!(limits.state(&"ana"), Gcra::default());

    let mut open = Limits::new(quota(1, 1_000, 1), 1, AtBound::LetPass);
    assert!(open.check(&1, 1, T0).is_ok());
    assert!(open.check(&2, 1, T0).is_ok() && open.check(&2, 1, T0).is_ok(), "uncounted");
    assert!(open.check(&1, 1, T0).is_err());
}

/// A number of requests and the pauses between them.
fn walks() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = prop_oneof![4 => 0..50u64, 2 => 0..2_000u64, 1 => 0..200_000u64];
    proptest::collection::vec((pause, 1..6u32), 1..80)
}

proptest! {
    #[test]
    fn governor_decides_the_same_and_names_the_same_wait(
        count in 1..500u32,
        per_ms in prop_oneof![1..100u64, 1..100_000u64],
        burst in 1..12u32,
        walk in walks(),
    ) {
        let ours = quota(count, per_ms, burst);
        let interval = u64::try_from(ours.interval_ns()).unwrap();
        let burst = NonZeroU32::new(burst).unwrap();
        let theirs = Theirs::with_period(Duration::from_nanos(interval)).unwrap().allow_burst(burst);
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(theirs, clock.clone());
        let (mut state, mut now) = (Gcra::default(), T0);
        for (pause, cost) in walk {
            clock.advance(Duration::from_millis(pause));
            now = now.saturating_add(Span::from_millis(pause));
            let found = state.check(&ours, cost, now);
            let said = match limiter.check_n(NonZeroU32::new(cost).unwrap()) {
                Err(_) => Err(Refused::NeverFits { most: ours.burst() }),
                Ok(Ok(())) => Ok(()),
                Ok(Err(not_until)) => {
                    let wait = not_until.wait_time_from(governor::clock::Clock::now(&clock));
                    Err(later(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap()))
                }
            };
            prop_assert_eq!(found.map(|_| ()), said, "{} at {}", cost, now);
            state = found.map_or(state, |passed| passed.state);
        }
    }

    #[test]
    fn in_any_time_no_more_pass_than_the_burst_and_what_the_rate_adds(
        count in 1..50u32,
        per_ms in 1..10_000u64,
        burst in 1..12u32,
        walk in walks(),
    ) {
        let quota = quota(count, per_ms, burst);
        let (mut state, mut now, mut passed) = (Gcra::default(), 0u64, Vec::new());
        for (pause, cost) in walk {
            now += pause;
            if let Ok(next) = state.check(&quota, cost, at(now)) {
                state = next.state;
                passed.push((now, u64::from(cost)));
            }
        }
        for (from, &(first, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for &(last, cost) in &passed[from..] {
                sum += cost;
                let added = (last - first) * u64::from(count) / per_ms;
                prop_assert!(sum <= u64::from(burst) + added, "{sum} from {first} to {last}");
            }
        }
    }

    #[test]
    fn what_remains_passes_and_one_more_does_not(
        count in 1..50u32,
        per_ms in 1..10_000u64,
        burst in 1..12u32,
        walk in walks(),
    ) {
        let quota = quota(count, per_ms, burst);
        let (mut state, mut now) = (Gcra::default(), T0);
        for (pause, cost) in walk {
            now = now.saturating_add(Span::from_millis(pause));
            let remaining = state.remaining(&quota, now);
            prop_assert!(state.check(&quota, remaining, now).is_ok());
            prop_assert!(state.check(&quota, remaining + 1, now).is_err());
            match state.check(&quota, cost, now) {
                Ok(passed) => state = passed.state,
                Err(Refused::Later { retry_after }) => {
                    let back = now.saturating_add(retry_after);
                    let early = back.saturating_sub(Span::from_millis(1));
                    prop_assert!(state.check(&quota, cost, back).is_ok());
                    prop_assert!(state.check(&quota, cost, early).is_err());
                }
                Err(Refused::NeverFits { most }) => prop_assert!(cost > most),
            }
        }
    }

    #[test]
    fn a_table_with_room_is_a_state_for_each_key(
        count in 1..20u32,
        per_ms in 1..5_000u64,
        walk in proptest::collection::vec((0..8u8, 0..500u64, 0..4u32), 1..120),
    ) {
        let quota = quota(count, per_ms, 3);
        let mut limits = Limits::new(quota, 8, AtBound::Refuse);
        let mut naive: BTreeMap<u8, Gcra> = BTreeMap::new();
        let mut now = T0;
        for (key, pause, cost) in walk {
            now = now.saturating_add(Span::from_millis(pause));
            let state = naive.entry(key).or_default();
            let wants = state.check(&quota, cost, now);
            *state = wants.map_or(*state, |passed| passed.state);
            let remaining = |found: Result<Passed, Refused>| found.map(|passed| passed.remaining);
            prop_assert_eq!(remaining(limits.check(&key, cost, now)), remaining(wants));
            prop_assert!(limits.len() <= 8 && limits.by_time.len() == limits.states.len());
        }
        now = now.saturating_add(Span::from_hours(1));
        for _ in 0..8 {
            prop_assert!(limits.check(&8, 0, now).is_ok());
        }
        prop_assert!(limits.is_empty() && limits.by_time.is_empty());
    }
}
