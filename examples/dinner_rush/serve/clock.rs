//! The city's time, at a pace.

use std::time::{Duration, Instant};

use doorstep::core::time::{Span, Timestamp};
use doorstep_runtime::threads::Clock;

/// A clock that runs so many times as fast as the machine's.
#[derive(Debug)]
pub(crate) struct PacedClock {
    from: Timestamp,
    since: Instant,
    speed: u32,
}

impl PacedClock {
    /// It is `from` now, and goes on `speed` times as fast as life.
    pub(crate) fn new(from: Timestamp, speed: u32) -> Self {
        Self { from, since: Instant::now(), speed }
    }
}

impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        let passed = self.since.elapsed().saturating_mul(self.speed).as_millis();
        self.from.saturating_add(Span::from_millis(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        let wait = Duration::from_millis(at.saturating_since(self.now()).as_millis());
        wait.checked_div(self.speed)
    }
}
