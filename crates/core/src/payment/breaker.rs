//! Whether to call a provider at all.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Failures in a row with which it opens; 0 counts as 1. Default 5: ours.
    pub failures: u32,
    /// How long it stays open the first time; it doubles with each probe that fails. Default 5 s: ours,
    /// as long as a call may take.
    pub open_first: Span,
    /// The longest that it stays open. Default 30 s: ours, a quarter of a checkout's patience, so that
    /// one that waits is tried again before it is given up.
    pub open_most: Span,
    /// After so long a probe that came to nothing counts as failed, lest one that was lost keep the
    /// breaker open for ever. Default 10 s: twice a call's time-out.
    pub probe_for: Span,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            open_first: Span::from_secs(5),
            open_most: Span::from_secs(30),
            probe_for: Span::from_secs(10),
        }
    }
}

/// What a caller may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// Call.
    Call,
    /// Call once, having said so ([`Breaker::probing`]): the result decides for all.
    Probe,
    /// Wait.
    Wait {
        /// Until then.
        until: Timestamp,
    },
}

/// A circuit breaker as a value: whether to call a provider at all.
///
/// While calls go through it is closed. After a few failures in a row it opens: nobody calls until a
/// time that it names, and what waits is "being processed", not failed. Then one call is a probe: if it
/// goes through, the breaker closes; if not, it opens again, for twice as long. It reads no clock and
/// draws nothing, and can be stored: the same calls at the same times leave the same breaker.
///
/// What counts as a failure is the caller's to say: silence, a call that the provider did not take, a
/// definite "not done, try again". A refusal (a declined card) is a provider that works.
///
/// ```
/// use doorstep_core::payment::{Breaker, BreakerPolicy, Gate};
/// use doorstep_core::time::{Span, Timestamp};
///
/// let policy = BreakerPolicy { failures: 2, ..BreakerPolicy::default() };
/// let (mut breaker, now) = (Breaker::default(), Timestamp::from_secs(1_700_000_000));
/// breaker.failed(&policy, now);
/// assert_eq!(breaker.gate(now), Gate::Call);
/// breaker.failed(&policy, now);
/// let until = now.saturating_add(Span::from_secs(5));
/// assert_eq!(breaker.gate(now), Gate::Wait { until });
///
/// assert_eq!(breaker.gate(until), Gate::Probe);
/// breaker.probing(&policy, until); // one call at a time finds out
/// assert!(matches!(breaker.gate(until), Gate::Wait { .. }));
/// breaker.went_through();
/// assert_eq!(breaker.gate(until), Gate::Call);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Breaker {
    /// Calls go through.
    Closed {
        /// Failures in a row, fewer than would open it.
        failures: u32,
    },
    /// Nobody calls.
    Open {
        /// Then one may probe.
        until: Timestamp,
        /// Times in a row that it opened, from 1.
        times: u32,
    },
    /// One call is under way to find out.
    HalfOpen {
        /// Without a result at this time, another may probe.
        until: Timestamp,
        /// Times in a row that it opened.
        times: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// What a caller may do at `now`.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        match *self {
            Self::Closed { .. } => Gate::Call,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if until <= now => Gate::Probe,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } => Gate::Wait { until },
        }
    }

    /// One call is made to find out. Nothing while it is closed.
    pub fn probing(&mut self, policy: &BreakerPolicy, now: Timestamp) {
        if let Self::Open { times, .. } | Self::HalfOpen { times, .. } = *self {
            *self = Self::HalfOpen { until: now.saturating_add(policy.probe_for), times };
        }
    }

    /// A call went through: the provider works. One that was made before it opened says so as well.
    pub fn went_through(&mut self) {
        *self = Self::default();
    }

    /// A call failed at `now`. One that was made before it opened changes nothing while it is open.
    pub fn failed(&mut self, policy: &BreakerPolicy, now: Timestamp) {
        *self = match *self {
            Self::Closed { failures } => {
                let failures = failures.saturating_add(1);
                if failures < policy.failures {
                    Self::Closed { failures }
                } else {
                    Self::open(policy, 1, now)
                }
            }
            Self::HalfOpen { times, .. } => Self::open(policy, times.saturating_add(1), now),
            open @ Self::Open { .. } => open,
        };
    }

    /// From when on a caller may probe; `None` while it is closed.
    #[must_use]
    pub const fn probe_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Closed { .. } => None,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } => Some(until),
        }
    }

    /// Whether calls go through.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    fn open(policy: &BreakerPolicy, times: u32, now: Timestamp) -> Self {
        let doublings = times.saturating_sub(1).min(32);
        let longest = policy.open_most.max(Span::from_millis(1));
        let first = policy.open_first.max(Span::from_millis(1));
        let wait = first.saturating_mul(1 << doublings).min(longest);
        Self::Open { until: now.saturating_add(wait), times }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn secs(secs: u64) -> Timestamp {
        NOW.saturating_add(Span::from_secs(secs))
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            assert_eq!(breaker.gate(NOW), Gate::Call);
            breaker.failed(&BreakerPolicy::default(), NOW);
        }
        breaker
    }

    #[test]
    fn it_opens_with_the_fifth_failure_in_a_row_and_not_with_five_in_all() {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 0..4 {
                breaker.failed(&policy, NOW);
                assert_eq!(breaker.gate(NOW), Gate::Call);
            }
            breaker.went_through();
        }
        assert_eq!(open(), Breaker::Open { until: secs(5), times: 1 });
    }

    #[test]
    fn open_it_lets_nobody_through_until_its_time_and_then_one() {
        let policy = BreakerPolicy::default();
        let mut breaker = open();
        let just_before = secs(5).saturating_sub(Span::from_millis(1));
        assert_eq!(breaker.gate(just_before), Gate::Wait { until: secs(5) });
        assert_eq!(breaker.gate(secs(5)), Gate::Probe);
        breaker.probing(&policy, secs(5));
        assert_eq!(breaker.gate(secs(6)), Gate::Wait { until: secs(15) });
        assert_eq!(breaker.gate(secs(15)), Gate::Probe, "a probe that was lost is not waited for");
    }

    #[test]
    fn a_probe_closes_it_or_opens_it_for_twice_as_long_up_to_the_most() {
        let policy = BreakerPolicy::default();
        let (mut breaker, mut now) = (open(), NOW);
        for wait in [5, 10, 20, 30, 30] {
            let until = now.saturating_add(Span::from_secs(wait));
            assert_eq!(breaker.gate(now), Gate::Wait { until });
            now = until;
            breaker.probing(&policy, now);
            breaker.failed(&policy, now);
        }
        breaker.went_through();
        assert_eq!(breaker, Breaker::default());
        breaker.failed(&policy, now);
        assert!(breaker.is_closed(), "it counts anew");
    }

    #[test]
    fn failures_of_calls_made_before_it_opened_do_not_keep_it_open_longer() {
        let mut breaker = open();
        for late in 0..5 {
            breaker.failed(&BreakerPolicy::default(), secs(late));
        }
        assert_eq!(breaker, open());
    }

    #[test]
    fn it_is_stored_like_this() {
        for (breaker, json) in [
            (Breaker::default(), r#"{"closed":{"failures":0}}"#),
            (open(), r#"{"open":{"until":1700000005000,"times":1}}"#),
            (
                Breaker::HalfOpen { until: NOW, times: 2 },
                r#"{"half_open":{"until":1700000000000,"times":2}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&breaker).unwrap(), json);
            assert_eq!(serde_json::from_str::<Breaker>(json).unwrap(), breaker);
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_somebody_may_call_before_long(
            policy in (0..4_u32, 0..9_u64, 0..9_u64, 0..9_u64),
            happens in vec((0..20_u64, 0..3_u8), 0..60),
        ) {
            let (failures, first, most, probe) = policy;
            let [open_first, open_most, probe_for] = [first, most, probe].map(Span::from_secs);
            let policy = BreakerPolicy { failures, open_first, open_most, probe_for };
            let (mut breaker, mut now) = (Breaker::default(), NOW);
            for (wait, what) in happens {
                now = now.saturating_add(Span::from_secs(wait));
                match what {
                    0 => breaker.failed(&policy, now),
                    1 => breaker.went_through(),
                    _ if breaker.gate(now) == Gate::Probe => breaker.probing(&policy, now),
                    _ => {}
                }
                if let Gate::Wait { until } = breaker.gate(now) {
                    let longest = open_most.max(probe_for).max(Span::from_millis(1));
                    prop_assert!(until > now && until <= now.saturating_add(longest));
                    prop_assert_eq!(breaker.gate(until), Gate::Probe);
                }
            }
        }
    }
}
