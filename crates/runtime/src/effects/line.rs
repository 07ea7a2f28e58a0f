//! The line to the provider: whether it is called at this time.

use doorstep_core::payment::{Breaker, BreakerPolicy, Gate};
use doorstep_core::time::Timestamp;

#[derive(Debug)]
pub(super) struct Line {
    policy: BreakerPolicy,
    pub(super) breaker: Breaker,
    /// Times that the breaker opened.
    pub(super) opened: u64,
}

impl Line {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self { policy, breaker: Breaker::default(), opened: 0 }
    }

    /// A call came to nothing.
    pub(super) fn failed(&mut self, now: Timestamp) {
        let before = self.breaker;
        self.breaker.failed(&self.policy, now);
        if before != self.breaker && !self.breaker.is_closed() {
            self.opened = self.opened.saturating_add(1);
        }
    }

    /// Whether a call that is ready may be made now.
    pub(super) fn lets_through(&self, now: Timestamp) -> bool {
        match self.breaker.gate(now) {
            Gate::Call | Gate::Probe => true,
            Gate::Wait { .. } => false,
        }
    }

    /// A call is made: behind a breaker that is not closed, the one that finds out.
    pub(super) fn calling(&mut self, now: Timestamp) {
        self.breaker.probing(&self.policy, now);
    }
}
