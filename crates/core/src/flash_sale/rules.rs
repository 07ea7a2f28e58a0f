//! What a sale is opened with. Frozen for its length: a policy that changes does not reach it.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// No span of a sale is longer than a day.
const SPAN_MOST: Span = Span::from_hours(24);
/// Most units: what fits the counters of the shared form with room to spare.
const STOCK_MOST: u32 = 100_000_000;

/// The rules of one sale.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How many units there are, 1 to 100 million.
    pub stock: u32,
    /// How many of them one person may have. Default 1 (platform).
    pub per_user: u32,
    /// How long a unit is held for somebody who has not paid. Default 5 min: ours.
    pub hold_for: Span,
    /// Nobody gets anything before this time.
    pub opens_at: Timestamp,
    /// Most people who wait or have a pass; also most late payments that are remembered.
    /// Default 100,000: ours, five times the crowd of the platform.
    pub people_max: u32,
    /// How people come in. `None`: whoever asks may claim at once, and the line is only for those
    /// who wait for a unit to come back.
    pub admission: Option<Admission>,
}

/// Admission by rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// How many people what lies behind can take in each `every`.
    pub capacity: u32,
    /// The share of it that is used, in hundredths. Default 75: the usual advice for waiting rooms.
    pub percent: u32,
    /// The length of a round. Default 1 s: ours.
    pub every: Span,
    /// How long a pass is good. Default 2 min: ours.
    pub pass_for: Span,
    /// What shuffles those who came before the start. To be drawn at random, and kept to oneself
    /// until then.
    pub seed: u64,
}

/// Why rules are not taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RulesError {
    /// A count is zero or too large.
    #[error("{name} must be from 1 to {most}")]
    Count {
        /// The field.
        name: String,
        /// The largest value taken.
        most: u32,
    },
    /// A span is zero or longer than a day.
    #[error("{name} must be longer than nothing and at most a day")]
    Span {
        /// The field.
        name: String,
    },
}

impl Rules {
    /// The defaults, for so many units from then on, without admission by rate.
    ///
    /// # Errors
    /// [`RulesError`] if the stock is out of range.
    pub fn new(stock: u32, opens_at: Timestamp) -> Result<Self, RulesError> {
        let rules = Self {
            stock,
            per_user: 1,
            hold_for: Span::from_mins(5),
            opens_at,
            people_max: 100_000,
            admission: None,
        };
        rules.check()?;
        Ok(rules)
    }

    /// Whether a sale can keep its promises with these values.
    ///
    /// # Errors
    /// [`RulesError`] names the first value that is out of range.
    pub fn check(&self) -> Result<(), RulesError> {
        let mut counts = vec![
            ("stock", self.stock, STOCK_MOST),
            ("per_user", self.per_user, 1_000),
            ("people_max", self.people_max, 10_000_000),
        ];
        let mut spans = vec![("hold_for", self.hold_for)];
        if let Some(admission) = &self.admission {
            counts.push(("admission.capacity", admission.capacity, 1_000_000));
            counts.push(("admission.percent", admission.percent, 100));
            spans.push(("admission.every", admission.every));
            spans.push(("admission.pass_for", admission.pass_for));
        }
        for (name, value, most) in counts {
            if value == 0 || value > most {
                return Err(RulesError::Count { name: name.into(), most });
            }
        }
        for (name, span) in spans {
            if span == Span::ZERO || span > SPAN_MOST {
                return Err(RulesError::Span { name: name.into() });
            }
        }
        Ok(())
    }
}

impl Admission {
    /// The defaults, for so many people a second and this seed.
    #[must_use]
    pub const fn new(capacity: u32, seed: u64) -> Self {
        let (every, pass_for) = (Span::from_secs(1), Span::from_mins(2));
        Self { capacity, percent: 75, every, pass_for, seed }
    }

    /// How many come in each round: the share of the capacity, rounded down, and at least one.
    #[must_use]
    pub fn per_round(&self) -> u32 {
        let people = u64::from(self.capacity).saturating_mul(u64::from(self.percent)) / 100;
        u32::try_from(people).unwrap_or(u32::MAX).max(1)
    }

    /// How long `ahead` people take to come in: people ahead ÷ rate, rounded up to the millisecond.
    #[must_use]
    pub fn wait(&self, ahead: u64) -> Span {
        let rate = u128::from(self.per_round());
        let ms = u128::from(ahead).saturating_mul(u128::from(self.every.as_millis()));
        Span::from_millis(u64::try_from(ms.div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// The round that `now` lies in, counted from the start.
    pub(super) fn round(&self, opens_at: Timestamp, now: Timestamp) -> u64 {
        now.saturating_since(opens_at).as_millis().checked_div(self.every.as_millis()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_break_a_promise_are_refused_by_name() {
        let refused = |change: fn(&mut Rules)| {
            let mut rules = Rules::new(200, Timestamp::EPOCH).unwrap();
            rules.admission = Some(Admission::new(100, 1));
            assert_eq!(rules.check(), Ok(()));
            change(&mut rules);
            rules.check().unwrap_err().to_string()
        };
        assert!(refused(|r| r.stock = 0).starts_with("stock"));
        assert!(refused(|r| r.stock = STOCK_MOST + 1).starts_with("stock"));
        assert!(refused(|r| r.per_user = 0).starts_with("per_user"));
        assert!(refused(|r| r.people_max = 0).starts_with("people_max"));
        assert!(refused(|r| r.hold_for = Span::ZERO).starts_with("hold_for"));
        assert!(refused(|r| r.hold_for = Span::from_hours(25)).starts_with("hold_for"));
        fn admission(rules: &mut Rules) -> &mut Admission {
            rules.admission.as_mut().unwrap()
        }
        assert!(refused(|r| admission(r).capacity = 0).starts_with("admission.capacity"));
        assert!(refused(|r| admission(r).percent = 101).starts_with("admission.percent"));
        assert!(refused(|r| admission(r).every = Span::ZERO).starts_with("admission.every"));
        assert!(refused(|r| admission(r).pass_for = Span::ZERO).starts_with("admission.pass_for"));
        assert!(Rules::new(0, Timestamp::EPOCH).is_err());
    }

    #[test]
    fn the_wait_is_the_people_ahead_over_the_rate_rounded_up() {
        let admission = Admission::new(100, 1);
        assert_eq!(admission.per_round(), 75);
        assert_eq!(admission.wait(0), Span::ZERO);
        assert_eq!(admission.wait(75), Span::from_secs(1));
        assert_eq!(admission.wait(1), Span::from_millis(14));
        assert_eq!(admission.wait(20_000), Span::from_millis(266_667));
        assert_eq!(Admission::new(99, 1).per_round(), 74, "rounded down");
        assert_eq!(Admission::new(1, 1).per_round(), 1, "somebody comes in every round");
        assert_eq!(admission.wait(u64::MAX).as_millis(), u64::MAX, "it saturates");
    }
}
