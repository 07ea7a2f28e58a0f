//! Which values a policy may have.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::time::Span;

/// No span of policy is longer than a year.
const SPAN_MOST: Span = Span::from_hours(365 * 24);
/// Nor of a sale than a day.
const SALE_SPAN_MOST: Span = Span::from_hours(24);
/// No fee is larger than this, so that fees by the kilometre cannot overflow.
const AMOUNT_MOST: i64 = 1_000_000_000_000;

impl Policy {
    /// Whether the domain can keep its promises with these values.
    ///
    /// # Errors
    /// [`PolicyError`] names the first value that is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let counts = [
            ("checkout.lines_max", self.checkout.lines_max, 1_000),
            ("checkout.quantity_max", self.checkout.quantity_max, 10_000),
            ("checkout.orders_per_hour", self.checkout.orders_per_hour, 1_000),
            ("checkout.failures_per_hour", self.checkout.failures_per_hour, 1_000),
            ("payment.hold_attempts", self.payment.hold_attempts, 100),
            ("payment.flag_after", self.payment.flag_after, 1_000),
            ("dispatch.candidates", self.dispatch.candidates, 1_000),
            ("dispatch.near_m", self.dispatch.near_m, 1_000_000),
            ("dispatch.wide_m", self.dispatch.wide_m, 1_000_000),
            ("dispatch.rounds", self.dispatch.rounds, 100),
            ("dispatch.broadcast", self.dispatch.broadcast, 100),
            ("dispatch.overload", self.dispatch.overload, u32::MAX),
            ("dispatch.capacity", self.dispatch.capacity, 16),
            ("dispatch.speeds.walking", self.dispatch.speeds.walking, 10_000),
            ("dispatch.speeds.bicycle", self.dispatch.speeds.bicycle, 10_000),
            ("dispatch.speeds.motorcycle", self.dispatch.speeds.motorcycle, 10_000),
            ("dispatch.speeds.car", self.dispatch.speeds.car, 10_000),
            ("sale.per_customer", self.sale.per_customer, 1_000),
            ("sale.admit_percent", self.sale.admit_percent, 100),
            ("sale.people_max", self.sale.people_max, 10_000_000),
            ("sale.stock_max", self.sale.stock_max, 100_000_000),
            ("sale.sales_max", self.sale.sales_max, 1_000),
            ("memory.causes_max", self.memory.causes_max, u32::MAX),
            ("memory.refusals_max", self.memory.refusals_max, u32::MAX),
            ("memory.provider_events_max", self.memory.provider_events_max, u32::MAX),
            ("memory.orders_max", self.memory.orders_max, u32::MAX),
            ("memory.drivers_max", self.memory.drivers_max, u32::MAX),
            ("memory.restaurants_max", self.memory.restaurants_max, u32::MAX),
        ];
        for (name, value, most) in counts {
            if value == 0 || value > most {
                return Err(PolicyError::Count { name: name.into(), most });
            }
        }
        let spans = [
            ("checkout.promise", self.checkout.promise),
            ("checkout.patience", self.checkout.patience),
            ("order.accept_within", self.order.accept_within),
            ("order.search_for", self.order.search_for),
            ("order.pick_up_within", self.order.pick_up_within),
            ("order.driver_slack", self.order.driver_slack),
            ("order.carry_for", self.order.carry_for),
            ("order.doorstep_wait", self.order.doorstep_wait),
            ("payment.retry_first", self.payment.retry_first),
            ("payment.retry_most", self.payment.retry_most),
            ("payment.hold_lasts", self.payment.hold_lasts),
            ("dispatch.offer_for", self.dispatch.offer_for),
            ("dispatch.stage_for", self.dispatch.stage_for),
            ("dispatch.age_bucket", self.dispatch.age_bucket),
            ("memory.retry_horizon", self.memory.retry_horizon),
            ("memory.provider_horizon", self.memory.provider_horizon),
        ];
        for (name, span) in spans {
            if span == Span::ZERO || span > SPAN_MOST {
                return Err(PolicyError::Span { name: name.into(), most: SPAN_MOST });
            }
        }
        for (name, span) in
            [("sale.hold_for", self.sale.hold_for), ("sale.pass_for", self.sale.pass_for)]
        {
            if span == Span::ZERO || span > SALE_SPAN_MOST {
                return Err(PolicyError::Span { name: name.into(), most: SALE_SPAN_MOST });
            }
        }
        let amounts = [
            ("checkout.fee_base_minor", self.checkout.fee_base_minor),
            ("checkout.fee_per_km_minor", self.checkout.fee_per_km_minor),
            ("dispatch.earn_base_minor", self.dispatch.earn_base_minor),
            ("dispatch.earn_per_km_minor", self.dispatch.earn_per_km_minor),
        ];
        for (name, minor) in amounts {
            if !(0..=AMOUNT_MOST).contains(&minor) {
                return Err(PolicyError::Amount { name: name.into(), most: AMOUNT_MOST });
            }
        }
        if self.checkout.tax_permille > 1_000 {
            return Err(PolicyError::Count { name: "checkout.tax_permille".into(), most: 1_000 });
        }
        if self.dispatch.wide_m < self.dispatch.near_m {
            return Err(PolicyError::Narrowing);
        }
        self.dispatch.plan.check().map_err(|bad| PolicyError::Plan { why: bad.to_string() })
    }
}

/// Why a policy is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A count or distance is zero where it must not be, or too large.
    #[error("{name} must be at least 1 (a share: 0) and at most {most}")]
    Count {
        /// The field, as a path.
        name: String,
        /// The largest value taken.
        most: u32,
    },
    /// A span is zero or too long.
    #[error("{name} must be longer than nothing and at most {} hours", .most.as_secs() / 3_600)]
    Span {
        /// The field, as a path.
        name: String,
        /// The longest span taken.
        most: Span,
    },
    /// An amount is negative or too large.
    #[error("{name} must be from 0 to {most} minor units")]
    Amount {
        /// The field, as a path.
        name: String,
        /// The largest amount taken.
        most: i64,
    },
    /// The widened search must not reach less far than the first.
    #[error("dispatch.wide_m must not be less than dispatch.near_m")]
    Narrowing,
    /// The planner cannot plan so.
    #[error("dispatch.plan: {why}")]
    Plan {
        /// Why not.
        why: String,
    },
}
