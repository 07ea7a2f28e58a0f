//! Clocks for writers on real threads.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use doorstep_core::time::Timestamp;
use parking_lot::Mutex;

/// What a writer's thread reads the time from.
pub trait Clock: Send + Sync {
    /// What time it is. It never goes back.
    fn now(&self) -> Timestamp;

    /// How long to sleep by the machine's timer before looking again whether it is `at`. `None`: no
    /// timer tells; whoever moves this clock rings the [`Bell`](super::Bell).
    fn sleep_until(&self, at: Timestamp) -> Option<Duration>;
}

/// The machine's clock, in milliseconds since the Unix epoch.
///
/// It never goes back. When the machine's clock is set back, this one runs on at half speed until
/// the other has caught up, so that deadlines still come; when it is set forward, this one follows.
#[derive(Debug)]
pub struct WallClock {
    last: Mutex<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Since the Unix epoch.
    told: Duration,
    at: Instant,
}

/// The longest a writer sleeps on a wall clock. A timer counts what the machine is awake; that the
/// clock was set forward, or that the machine slept, is noticed after this.
const SLEEP_MAX: Duration = Duration::from_secs(60);

impl WallClock {
    /// The machine's clock from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { last: Mutex::new(Reading { told: system_time(), at: Instant::now() }) }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock();
        let at = Instant::now();
        let told = advanced(last.told, system_time(), at.saturating_duration_since(last.at));
        *last = Reading { told, at };
        i64::try_from(told.as_millis()).map_or(Timestamp::NEVER, Timestamp::from_millis)
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        let span = at.saturating_since(self.now());
        Some(Duration::from_millis(span.as_millis()).min(SLEEP_MAX))
    }
}

/// What to tell after `told` was told `elapsed` ago, and the machine's clock says `system`.
fn advanced(told: Duration, system: Duration, elapsed: Duration) -> Duration {
    let half = elapsed.checked_div(2).unwrap_or_default();
    if system >= told { system } else { told.saturating_add(half) }
}

/// A clock that is not set counts as standing at the epoch.
fn system_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A clock that is pushed, for tests and for replays: ring the writer's
/// [`Bell`](super::Bell) after pushing it.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { millis: AtomicI64::new(now.as_millis()) }
    }

    /// Puts it forward to `now`. Earlier times change nothing.
    pub fn set(&self, now: Timestamp) {
        self.millis.fetch_max(now.as_millis(), Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::Acquire))
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        (at <= self.now()).then_some(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_follows_forward_and_never_goes_back() {
        let s = Duration::from_secs;
        for (told, system, elapsed, tells) in [
            (s(100), s(101), s(1), s(101)),
            (s(100), s(100), s(0), s(100)),
            (s(100), s(500), s(1), s(500)),
            (s(100), s(40), s(10), s(105)),
            (s(105), s(50), s(0), s(105)),
            (Duration::MAX, s(0), s(9), Duration::MAX),
        ] {
            assert_eq!(advanced(told, system, elapsed), tells, "{told:?} {system:?} {elapsed:?}");
        }
        let clock = WallClock::new();
        let first = clock.now();
        assert!(first > Timestamp::from_secs(1_700_000_000));
        assert!(clock.now() >= first);
    }

    #[test]
    fn a_wall_clock_is_looked_at_again_before_long() {
        let clock = WallClock::new();
        assert_eq!(clock.sleep_until(Timestamp::NEVER), Some(SLEEP_MAX));
        assert_eq!(clock.sleep_until(Timestamp::EPOCH), Some(Duration::ZERO));
    }

    #[test]
    fn a_clock_that_was_set_back_is_caught_up_with() {
        // An hour back: after two hours at half speed they agree, and run together.
        let hour = Duration::from_secs(3_600);
        let (mut told, mut system) = (hour * 10, hour * 9);
        for _ in 0..2 {
            system += hour;
            let next = advanced(told, system, hour);
            assert!(next >= told);
            told = next;
        }
        assert_eq!(told, system);
    }

    #[test]
    fn a_manual_clock_only_moves_when_it_is_pushed_forward() {
        let clock = ManualClock::new(Timestamp::from_secs(5));
        clock.set(Timestamp::from_secs(4));
        assert_eq!(clock.now(), Timestamp::from_secs(5));
        assert_eq!(clock.sleep_until(Timestamp::from_secs(6)), None);
        clock.set(Timestamp::from_secs(6));
        assert_eq!(clock.sleep_until(Timestamp::from_secs(6)), Some(Duration::ZERO));
    }
}
