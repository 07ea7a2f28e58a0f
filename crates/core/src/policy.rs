//! Every tunable of the domain, with its default and where the default comes from.
//!
//! Policy is data in the log: changing it is a command, so a replay decides as it was decided then.
//! Whole numbers only, units in the names. [`Policy::check`] refuses values with which the domain
//! cannot keep its promises; the shard asks it before it takes a policy.
//!
//! "Platform" below is the service that this library was designed for: 5 M orders a day, the
//! numbers of which are the defaults.

mod check;

use serde::{Deserialize, Serialize};

pub use self::check::PolicyError;

use crate::dispatch::plan::PlanPolicy;
use crate::money::Currency;
use crate::time::{Span, Timestamp};

/// The rules that a shard decides by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The one currency of the shard.
    pub currency: Currency,
    /// What a cart costs beyond its lines, and what may be in it.
    pub checkout: CheckoutPolicy,
    /// How long each phase of an order may last.
    pub order: OrderPolicy,
    /// How the provider is asked, and how often.
    pub payment: PaymentPolicy,
    /// How a driver is found.
    pub dispatch: DispatchPolicy,
    /// What a flash sale is opened with.
    pub sale: SalePolicy,
    /// How long things are remembered, and how many of them.
    pub memory: MemoryPolicy,
}

/// Carts, fees, taxes and the promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutPolicy {
    /// Most lines a cart may have. Default 50: ours, several times the largest basket seen.
    pub lines_max: u32,
    /// Most units of one line. Default 99: ours, two digits.
    pub quantity_max: u32,
    /// Orders that one customer may place in any hour. Default 5 (platform).
    pub orders_per_hour: u32,
    /// Checkouts of one customer that may come to nothing in any hour because the card was declined
    /// or the customer withdrew, before no further one is opened; those that wait already may still
    /// fail. Stolen cards are tried out in this way. Default 10: ours, twice what may succeed.
    #[serde(default = "failures_per_hour")]
    pub failures_per_hour: u32,
    /// Delivery fee whatever the distance, in minor units. Default 199: ours.
    pub fee_base_minor: i64,
    /// Delivery fee for each kilometre begun, in minor units. Default 50: ours.
    pub fee_per_km_minor: i64,
    /// Tax on subtotal and fee, in thousandths. Default 0: taxes differ by place.
    pub tax_permille: u32,
    /// When the customer is promised the order, after it was placed. Default 10 min (platform).
    pub promise: Span,
    /// How long a checkout may wait for the provider before it is given up and its hold voided.
    /// Default 2 min: ours, longer than every retry of a provider call.
    pub patience: Span,
}

/// The phases of an order: each has a deadline, so that every order ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPolicy {
    /// How long a restaurant may take to answer before the order is cancelled. Default 10 min: ours.
    pub accept_within: Span,
    /// How long the search for a driver goes on ([`Policy::search_from`]) before the order is cancelled with a full refund.
    /// Default 30 min (platform).
    pub search_for: Span,
    /// How long after acceptance an order may still wait to be picked up before it is cancelled
    /// with a full refund. Default 4 h: ours.
    pub pick_up_within: Span,
    /// How much longer than estimated a driver may take to the restaurant, or wait beside a meal
    /// that is ready, before the delivery is taken away again. Default 15 min: ours.
    pub driver_slack: Span,
    /// How long after pick-up an order may be on the way before it counts as lost. Default 2 h: ours.
    pub carry_for: Span,
    /// How long a driver waits at the doorstep before the customer counts as absent.
    /// Default 10 min: ours.
    pub doorstep_wait: Span,
    /// A tap "at the doorstep" further than this from the drop-off is accepted and flagged.
    /// Default 200 m: ours, twice the geofence.
    pub doorstep_far_m: u32,
}

/// Calls to the payment provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentPolicy {
    /// Definite failures of a hold before the checkout is refused. Default 3 (platform: two retries).
    pub hold_attempts: u32,
    /// The wait after the first definite failure; it doubles with each further one. Default 1 s
    /// (platform).
    pub retry_first: Span,
    /// The longest wait between attempts. Default 5 min: ours.
    pub retry_most: Span,
    /// Definite failures of a capture, void or refund before operations are told; the attempts go
    /// on. Default 5: ours.
    pub flag_after: u32,
    /// How long a hold lasts where the provider does not say. Default 7 days, usual for a card that
    /// is not present.
    pub hold_lasts: Span,
}

/// Search, offers, and what a driver may carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchPolicy {
    /// How a driver is chosen. Default [`Method::Scored`].
    #[serde(default)]
    pub method: Method,
    /// How the planner weighs, where it decides.
    #[serde(default = "PlanPolicy::of_a_shard")]
    pub plan: PlanPolicy,
    /// Candidates asked for at once. Default 20 (platform).
    pub candidates: u32,
    /// How far the search reaches at first. Default 5,000 m (platform).
    pub near_m: u32,
    /// How far it reaches when widened. Default 10,000 m (platform).
    pub wide_m: u32,
    /// How long a driver may think about an offer. Default 30 s (platform).
    pub offer_for: Span,
    /// Offers of one stage before the search widens, then is flagged. Default 3 (platform).
    pub rounds: u32,
    /// How long one stage lasts. Default 90 s (platform).
    pub stage_for: Span,
    /// Drivers asked at once where nobody's position is known. Default 5: ours.
    pub broadcast: u32,
    /// Searches under way from which on the nearest free driver is taken without scoring.
    /// Default 2,000: ours, far beyond what a zone has at its peak.
    pub overload: u32,
    /// Deliveries a driver may carry at once. Default 1 (platform); more is chaining.
    pub capacity: u32,
    /// Orders older than another by less than this count as equally old, and the more valuable goes
    /// first. Default 60 s: ours.
    pub age_bucket: Span,
    /// What the parts of a candidate's score weigh.
    pub weights: Weights,
    /// Metres a minute by vehicle, as the crow flies, to estimate an arrival.
    pub speeds: Speeds,
    /// What a driver earns for a delivery whatever its length, in minor units. Default 250: ours.
    pub earn_base_minor: i64,
    /// What a driver earns for each kilometre from pick-up to drop-off begun, in minor units.
    /// Default 60: ours.
    pub earn_per_km_minor: i64,
}

/// How a driver is chosen among those who are near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Each delivery by itself and at once: the nearest.
    Nearest,
    /// Each delivery by itself and at once: the best by [`Weights`].
    #[default]
    Scored,
    /// All deliveries together, by [`PlanPolicy`], each when its driver has to leave.
    Planned,
}

/// Weights of a candidate's score, in points; the lowest sum gets the offer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Points for each kilometre to the restaurant. Default 60: ours.
    pub per_km: u32,
    /// Points for each minute of estimated travel. Default 60: ours, a minute is worth a kilometre.
    pub per_minute: u32,
    /// Points for heading straight away from the restaurant; half of it for heading across.
    /// Default 60: ours, a turn costs about a minute.
    pub away: u32,
    /// Points for declining every offer; half of it for declining every second one.
    /// Default 120: ours.
    pub declines: u32,
}

/// Metres a minute by vehicle, as the crow flies.
///
/// Defaults: walking 75, bicycle 200, motorcycle 320, car 320: ours, city traffic with its detours
/// (4.5, 12, 19 and 19 km/h).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speeds {
    /// On foot.
    pub walking: u32,
    /// By bicycle.
    pub bicycle: u32,
    /// By motorcycle or scooter.
    pub motorcycle: u32,
    /// By car.
    pub car: u32,
}

/// Flash sales. A sale keeps the values that it was opened under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SalePolicy {
    /// Units that one customer may have. Default 1 (platform).
    pub per_customer: u32,
    /// How long a unit is held for a customer who has not begun to pay. Default 5 min: ours.
    pub hold_for: Span,
    /// The share of the capacity that the waiting room lets in, in hundredths. Default 75: the usual
    /// advice.
    pub admit_percent: u32,
    /// How long a pass of the waiting room is good. Default 2 min: ours.
    pub pass_for: Span,
    /// Most people who wait for one sale. Default 100,000: ours, five times the platform's crowd.
    pub people_max: u32,
    /// Most units of one sale. Default 1,000,000: ours; the platform sells 200.
    pub stock_max: u32,
    /// Most sales in memory; beyond it none is opened. Default 16: ours.
    pub sales_max: u32,
}

/// Retention and bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPolicy {
    /// How long after its end, with its money settled, an order stays in memory. Default 1 h: ours.
    pub retain_terminal: Span,
    /// How old an identified command may be. Its outcome is kept this long and `clock_skew` longer,
    /// that of one that changed nothing at most as long. Default 24 h, the least that an
    /// `Idempotency-Key` is kept.
    pub retry_horizon: Span,
    /// How far two clocks may be apart. Default 1 min: ours.
    pub clock_skew: Span,
    /// Most outcomes remembered of commands that changed something; beyond it every new identified
    /// command is refused. Default 2,000,000: ours, 150,000 orders in one shard and day.
    ///
    /// An order that goes well takes 10 of them (placed once, said of thrice by the restaurant and
    /// six times by the driver) and one for each webhook that the provider sends about it, usually
    /// 2 or 3; one that is cancelled or offered to several drivers, a few more or less. Where more
    /// orders than `causes_max / 13` come in `retry_horizon`, raise it. An outcome takes some 155
    /// bytes in each copy of the state, of which a host holds two, and a third where a thread of its
    /// own writes snapshots: the default is 0.6 GB at the bound, or 0.9.
    pub causes_max: u32,
    /// Most outcomes remembered of commands that changed nothing: refusals, and repetitions. Beyond
    /// it the oldest is forgotten: its command is decided afresh when it comes again, and may then be
    /// answered otherwise. Default 500,000: ours, a quarter of the others.
    #[serde(default = "refusals_max")]
    pub refusals_max: u32,
    /// How long an event of a payment provider is remembered: longer than the provider repeats it.
    /// Default 4 days; Stripe repeats for 3.
    pub provider_horizon: Span,
    /// Most events of providers remembered; beyond it new ones are refused, and come again.
    /// Default 2,000,000: ours, three for each order of a large city in four days.
    pub provider_events_max: u32,
    /// Most checkouts and orders in memory; beyond it new checkouts are refused. Default 200,000:
    /// ours, three times the live orders of the whole platform at its peak.
    pub orders_max: u32,
    /// Most drivers admitted. Default 500,000 (platform: all active drivers in one shard).
    pub drivers_max: u32,
    /// Most restaurants. Default 500,000 (platform).
    pub restaurants_max: u32,
}

impl Policy {
    /// The defaults, doing business in `currency`.
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            checkout: CheckoutPolicy {
                lines_max: 50,
                quantity_max: 99,
                orders_per_hour: 5,
                failures_per_hour: failures_per_hour(),
                fee_base_minor: 199,
                fee_per_km_minor: 50,
                tax_permille: 0,
                promise: Span::from_mins(10),
                patience: Span::from_mins(2),
            },
            order: OrderPolicy {
                accept_within: Span::from_mins(10),
                search_for: Span::from_mins(30),
                pick_up_within: Span::from_hours(4),
                driver_slack: Span::from_mins(15),
                carry_for: Span::from_hours(2),
                doorstep_wait: Span::from_mins(10),
                doorstep_far_m: 200,
            },
            payment: PaymentPolicy {
                hold_attempts: 3,
                retry_first: Span::from_secs(1),
                retry_most: Span::from_mins(5),
                flag_after: 5,
                hold_lasts: Span::from_hours(7 * 24),
            },
            dispatch: DispatchPolicy {
                method: Method::default(),
                plan: PlanPolicy::of_a_shard(),
                candidates: 20,
                near_m: 5_000,
                wide_m: 10_000,
                offer_for: Span::from_secs(30),
                rounds: 3,
                stage_for: Span::from_secs(90),
                broadcast: 5,
                overload: 2_000,
                capacity: 1,
                age_bucket: Span::from_secs(60),
                weights: Weights { per_km: 60, per_minute: 60, away: 60, declines: 120 },
                speeds: Speeds { walking: 75, bicycle: 200, motorcycle: 320, car: 320 },
                earn_base_minor: 250,
                earn_per_km_minor: 60,
            },
            sale: SalePolicy {
                per_customer: 1,
                hold_for: Span::from_mins(5),
                admit_percent: 75,
                pass_for: Span::from_mins(2),
                people_max: 100_000,
                stock_max: 1_000_000,
                sales_max: 16,
            },
            memory: MemoryPolicy {
                retain_terminal: Span::from_hours(1),
                retry_horizon: Span::from_hours(24),
                clock_skew: Span::from_mins(1),
                causes_max: 2_000_000,
                refusals_max: refusals_max(),
                provider_horizon: Span::from_hours(4 * 24),
                provider_events_max: 2_000_000,
                orders_max: 200_000,
                drivers_max: 500_000,
                restaurants_max: 500_000,
            },
        }
    }

    /// From when on the stages of a search run, and it may be given up, if the order is ready then: at
    /// once, or where it is planned shortly before that ([`PlanPolicy::stage_lead`]).
    #[must_use]
    pub fn search_from(&self, ready_at: Timestamp, now: Timestamp) -> Timestamp {
        match self.dispatch.method {
            Method::Nearest | Method::Scored => now,
            Method::Planned => ready_at.saturating_sub(self.dispatch.plan.stage_lead).max(now),
        }
    }
}

/// What a log holds to that was written before there was such a limit.
const fn failures_per_hour() -> u32 {
    10
}

/// What a log holds to that was written before refusals had a bound of their own.
const fn refusals_max() -> u32 {
    500_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Policy {
        Policy::new(Currency::new("EUR").unwrap())
    }

    #[test]
    fn the_defaults_pass_their_own_check_and_survive_json() {
        assert_eq!(defaults().check(), Ok(()));
        let json = serde_json::to_string(&defaults()).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), defaults());
    }

    #[test]
    fn a_misspelt_tunable_is_refused() {
        let json = serde_json::to_string(&defaults()).unwrap().replace("near_m", "naer_m");
        assert!(serde_json::from_str::<Policy>(&json).is_err());
    }

    #[test]
    fn values_that_break_a_promise_are_refused_by_name() {
        let refused = |change: fn(&mut Policy)| {
            let mut policy = defaults();
            change(&mut policy);
            policy.check().unwrap_err().to_string()
        };
        assert!(refused(|p| p.dispatch.rounds = 0).starts_with("dispatch.rounds"));
        assert!(refused(|p| p.order.search_for = Span::ZERO).starts_with("order.search_for"));
        assert!(refused(|p| p.checkout.fee_base_minor = -1).starts_with("checkout.fee_base"));
        assert!(refused(|p| p.checkout.tax_permille = 1_001).starts_with("checkout.tax"));
        assert!(refused(|p| p.sale.per_customer = 0).starts_with("sale.per_customer"));
        assert!(refused(|p| p.sale.hold_for = Span::from_hours(25)).starts_with("sale.hold_for"));
        assert!(refused(|p| p.dispatch.plan.tick = Span::ZERO).starts_with("dispatch.plan"));
        assert!(refused(|p| p.dispatch.wide_m = 4_999).starts_with("dispatch.wide_m"));
        assert!(refused(|p| p.memory.refusals_max = 0).starts_with("memory.refusals_max"));
    }
}
