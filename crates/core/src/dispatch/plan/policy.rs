//! Every tunable of the planner.

use serde::{Deserialize, Serialize};

use super::load::BUNDLE_MAX;
use crate::time::Span;

/// How the planner weighs.
///
/// The defaults were chosen on public instances of the Meal Delivery Routing Problem (Reyes et al.
/// 2018, seeds 0 to 3), one set for all of them; the results hardly change when any is halved or
/// doubled. The service times are zero here and four minutes at both ends there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPolicy {
    /// How often is planned: a trip that can be begun later than after this is not committed yet.
    /// Default 60 s (Meituan decides every 30 to 60 s).
    pub tick: Span,
    /// How long before leaving a driver must be told. Default 0.
    pub notice: Span,
    /// Drivers who are free later than this from now are not considered. Default 20 min: the best
    /// on the instances; 10 and 40 are 0.1 min of click-to-door worse.
    pub horizon: Span,
    /// The most orders in a trip, 1 to [`BUNDLE_MAX`]; 1 is no bundling. Default 3: on the instances,
    /// and on a recorded day with an eighth of its couriers, better than 1 (there the 90th percentile of
    /// click-to-door is 0.7 min shorter, and 2 is as good); where drivers stand about it hardly matters.
    pub bundle_max: u32,
    /// Orders whose readiness lies farther apart are not bundled: the first would grow cold.
    /// Default 20 min.
    pub bundle_within: Span,
    /// What leaving an order waiting costs beside its age. Default 100 min: more than almost any trip.
    pub unassigned: Span,
    /// How long a driver is busy with an order, usually: what an order that is left waiting will
    /// take of somebody's time later. Default 30 min, as on the instances.
    pub usual_trip: Span,
    /// An order delivered later than this after its placement costs more. Default 80 min, ten short
    /// of the limit of the instances.
    pub late_after: Span,
    /// How much more, in thousandths of the excess. Default 500.
    pub late_permille: u32,
    /// What a minute of every driver's time is worth when there is one late order for each driver
    /// on duty, in thousandths of a customer's minute. Default 2,000.
    pub scarcity_permille: u32,
    /// A pick-up this much after readiness counts as late when scarcity is judged. Default 2 min.
    pub late_pickup: Span,
    /// What an order costs with a driver who has carried what their guarantee pays for: the fee is
    /// paid on top, and others go empty. Default 2 min.
    pub beyond_guarantee: Span,
    /// What the way to the restaurant costs, in thousandths of its time: whatever it does to the
    /// customers' time, somebody drives it. Default 1: of two that cost the same, the nearer.
    #[serde(default = "approach_permille")]
    pub approach_permille: u32,
    /// What it costs to turn round. Default 60 s; half of it for heading across.
    pub turn: Span,
    /// What a certain decline costs: the time of an offer. Default 30 s (platform).
    pub decline: Span,
    /// From reaching the restaurant to taking over the food, when it is ready. Default 0.
    pub service_before_pickup: Span,
    /// From taking over the food to leaving. Default 0.
    pub service_after_pickup: Span,
    /// From reaching the door to handing over. Default 0.
    pub service_before_drop_off: Span,
    /// From handing over to being free. Default 0.
    pub service_after_drop_off: Span,
    /// How long before its food is ready an order is considered at all: at least the longest way to
    /// a restaurant that is worth it. Default 20 min.
    #[serde(default = "lead")]
    pub lead: Span,
    /// How long before its food is ready its search counts as begun, and not when the restaurant
    /// accepts: only then do its stages run, for until then it may be held back on purpose. Default
    /// 2 min: ours, so that it is flagged a minute after the food is ready.
    #[serde(default = "stage_lead")]
    pub stage_lead: Span,
    /// An order that is older than this, or flagged, goes before all others. Default 45 min: ours,
    /// half an hour short of what counts as late.
    #[serde(default = "urgent_after")]
    pub urgent_after: Span,
    /// How much more it costs to leave an order waiting that is worth twice the mean, in thousandths.
    /// Default 100: ours, it tips the scales between equals.
    #[serde(default = "value_permille")]
    pub value_permille: u32,
}

const fn approach_permille() -> u32 {
    1
}

const fn lead() -> Span {
    Span::from_mins(20)
}

const fn stage_lead() -> Span {
    Span::from_mins(2)
}

const fn urgent_after() -> Span {
    Span::from_mins(45)
}

const fn value_permille() -> u32 {
    100
}

impl PlanPolicy {
    /// What a shard plans by unless it is told otherwise: the defaults, but for what the instances
    /// do not have. A tick of 20 s. 10 min of notice: people decline and stay silent (offers are open
    /// for 30 s), and kitchens are early; on a recorded day of 24,684 orders 5 min gave a median
    /// click-to-door 15 s shorter than 90 s did, and 10 min a shorter one still. Half a minute to park
    /// at either end, to pack and to ring (ours); and a metre driven is worth something (ours: two
    /// fifths of its time). So planned, that day has a click-to-door of 31.15 min in the median and 48.60
    /// in the 90th percentile, with 2.256 km an order; to the nearest, 31.33, 49.72 and 2.401.
    #[must_use]
    pub fn of_a_shard() -> Self {
        Self {
            tick: Span::from_secs(20),
            notice: Span::from_mins(10),
            approach_permille: 400,
            service_before_pickup: Span::from_secs(30),
            service_after_pickup: Span::from_secs(30),
            service_before_drop_off: Span::from_secs(30),
            service_after_drop_off: Span::from_secs(90),
            ..Self::default()
        }
    }
}

impl Default for PlanPolicy {
    fn default() -> Self {
        Self {
            tick: Span::from_secs(60),
            notice: Span::ZERO,
            horizon: Span::from_mins(20),
            bundle_max: 3,
            bundle_within: Span::from_mins(20),
            unassigned: Span::from_mins(100),
            usual_trip: Span::from_mins(30),
            late_after: Span::from_mins(80),
            late_permille: 500,
            scarcity_permille: 2_000,
            late_pickup: Span::from_mins(2),
            beyond_guarantee: Span::from_mins(2),
            approach_permille: approach_permille(),
            turn: Span::from_secs(60),
            decline: Span::from_secs(30),
            service_before_pickup: Span::ZERO,
            service_after_pickup: Span::ZERO,
            service_before_drop_off: Span::ZERO,
            service_after_drop_off: Span::ZERO,
            lead: lead(),
            stage_lead: stage_lead(),
            urgent_after: urgent_after(),
            value_permille: value_permille(),
        }
    }
}

/// Why a [`PlanPolicy`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPlanPolicy {
    /// Nothing would ever be committed in time.
    #[error("tick is zero")]
    Tick,
    /// A trip has 1 to [`BUNDLE_MAX`] orders.
    #[error("bundle_max {0} is not 1 to {BUNDLE_MAX}")]
    BundleMax(u32),
    /// A span longer than a day.
    #[error("{0} is longer than a day")]
    TooLong(&'static str),
    /// A weight above a hundred.
    #[error("{0} is above 100,000")]
    TooHeavy(&'static str),
}

const DAY: Span = Span::from_hours(24);
const PERMILLE_MAX: u32 = 100_000;

impl PlanPolicy {
    /// Checks every field.
    ///
    /// # Errors
    /// [`BadPlanPolicy`] names what is out of range.
    pub fn check(&self) -> Result<(), BadPlanPolicy> {
        if self.tick == Span::ZERO {
            return Err(BadPlanPolicy::Tick);
        }
        if self.bundle_max == 0 || self.bundle_max > BUNDLE_MAX {
            return Err(BadPlanPolicy::BundleMax(self.bundle_max));
        }
        let spans = [
            ("tick", self.tick),
            ("notice", self.notice),
            ("horizon", self.horizon),
            ("bundle_within", self.bundle_within),
            ("unassigned", self.unassigned),
            ("usual_trip", self.usual_trip),
            ("late_after", self.late_after),
            ("late_pickup", self.late_pickup),
            ("beyond_guarantee", self.beyond_guarantee),
            ("turn", self.turn),
            ("decline", self.decline),
            ("service_before_pickup", self.service_before_pickup),
            ("service_after_pickup", self.service_after_pickup),
            ("service_before_drop_off", self.service_before_drop_off),
            ("service_after_drop_off", self.service_after_drop_off),
            ("lead", self.lead),
            ("stage_lead", self.stage_lead),
            ("urgent_after", self.urgent_after),
        ];
        if let Some((name, _)) = spans.into_iter().find(|(_, span)| *span > DAY) {
            return Err(BadPlanPolicy::TooLong(name));
        }
        let weights = [
            ("late_permille", self.late_permille),
            ("scarcity_permille", self.scarcity_permille),
            ("approach_permille", self.approach_permille),
            ("value_permille", self.value_permille),
        ];
        match weights.into_iter().find(|(_, weight)| *weight > PERMILLE_MAX) {
            Some((name, _)) => Err(BadPlanPolicy::TooHeavy(name)),
            None => Ok(()),
        }
    }
}
