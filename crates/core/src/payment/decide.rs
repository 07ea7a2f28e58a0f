//! What the provider's answers to our own calls mean, and the passing of time.

use serde::{Deserialize, Serialize};

use super::{Event, Funds, HoldRefused, Payment, Release, Step};
use crate::money::Money;
use crate::policy::PaymentPolicy;
use crate::time::{Span, Timestamp};

/// A definitive answer of the provider to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reply {
    /// The step that was asked for.
    pub step: Step,
    /// The attempt that was asked for.
    pub attempt: u32,
    /// What came of it.
    pub answer: Answer,
}

/// What came of an attempt, for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done {
        /// For a hold: when it lapses, where the provider says so.
        until: Option<Timestamp>,
    },
    /// It was not done and never will be: the card was declined, the hold is gone.
    Refused,
    /// It was not done; another attempt may succeed.
    Failed,
}

impl Payment {
    /// What a reply means. Empty: it is old news.
    #[must_use]
    pub fn decide(&self, reply: &Reply, policy: &PaymentPolicy, now: Timestamp) -> Vec<Event> {
        let Some(due) = self.due else { return Vec::new() };
        if (due.step, due.attempt) != (reply.step, reply.attempt) {
            return Vec::new();
        }
        let event = match (reply.step, reply.answer) {
            (Step::Hold, Answer::Done { until }) => Event::Held {
                until: until.unwrap_or_else(|| now.saturating_add(policy.hold_lasts)),
            },
            (Step::Capture, Answer::Done { .. }) => Event::Captured { amount: due.amount },
            (Step::Void, Answer::Done { .. }) => Event::Released { why: Release::Voided },
            (Step::Refund, Answer::Done { .. }) if self.paid().minor() >= due.amount.minor() => {
                Event::Refunded { amount: due.amount }
            }
            (Step::Hold, Answer::Refused) => Event::HoldRefused { why: HoldRefused::Declined },
            (Step::Capture | Step::Void, Answer::Refused) => {
                Event::Released { why: Release::Lapsed }
            }
            (Step::Hold, Answer::Failed) if self.owed.is_some_and(Money::is_zero) => {
                Event::HoldRefused { why: HoldRefused::GivenUp }
            }
            (Step::Hold, Answer::Failed) if due.attempt >= policy.hold_attempts => {
                Event::HoldRefused { why: HoldRefused::Unavailable }
            }
            // The hold is over by its own terms: no further attempt can use it or needs to end it.
            (Step::Capture | Step::Void, Answer::Failed) if self.has_lapsed(now) => {
                Event::Released { why: Release::Lapsed }
            }
            // A refund that the provider refuses is still the customer's money: it is tried again,
            // ever more rarely, and operations are told. One that it says it made of money which is
            // known to be given back already is not believed.
            (Step::Refund, Answer::Refused | Answer::Done { .. })
            | (Step::Hold | Step::Capture | Step::Void | Step::Refund, Answer::Failed) => {
                Event::Failed {
                    step: due.step,
                    attempt: due.attempt,
                    retry_at: now.saturating_add(back_off(policy, due.attempt)),
                    flagged: due.attempt >= policy.flag_after,
                }
            }
        };
        vec![event]
    }

    /// What the passing of time means: a hold that nobody used has lapsed.
    #[must_use]
    pub fn tick(&self, now: Timestamp) -> Vec<Event> {
        match self.next_deadline() {
            Some(until) if now >= until => vec![Event::Released { why: Release::Lapsed }],
            Some(_) | None => Vec::new(),
        }
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        matches!(self.funds, Funds::Held { until, .. } if now >= until)
    }
}

/// `retry_first`, doubled with each further attempt, at most `retry_most`.
pub(super) fn back_off(policy: &PaymentPolicy, attempt: u32) -> Span {
    let doublings = attempt.saturating_sub(1).min(32);
    policy.retry_first.saturating_mul(1 << doublings).min(policy.retry_most)
}
