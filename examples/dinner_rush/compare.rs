//! The same day under each way to choose a driver, side by side.

use std::fmt;

use doorstep::core::policy::Method;
use doorstep_sim::report::Summary;
use serde::Serialize;

/// The ways, in the order of the columns.
pub(crate) const METHODS: [(&str, Method); 3] =
    [("nearest", Method::Nearest), ("scored", Method::Scored), ("planned", Method::Planned)];

/// What came of each.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) nearest: Summary,
    pub(crate) scored: Summary,
    pub(crate) planned: Summary,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} orders placed", self.nearest.title, self.nearest.orders_placed)?;
        writeln!(f)?;
        write!(f, "{:<40}", "")?;
        for (name, _) in METHODS {
            write!(f, "{name:>12}")?;
        }
        writeln!(f)?;
        self.row(f, "delivered", |s| s.delivered.to_string())?;
        self.row(f, "undelivered", |s| s.undelivered.to_string())?;
        self.row(f, "cancelled, rejected", |s| s.cancelled.saturating_add(s.rejected).to_string())?;
        self.row(f, "click to door, p50, minutes", |s| minutes(s.click_to_door_s.p50))?;
        self.row(f, "click to door, p90, minutes", |s| minutes(s.click_to_door_s.p90))?;
        self.row(f, "click to door, p99, minutes", |s| minutes(s.click_to_door_s.p99))?;
        self.row(f, "ready to pick-up, p50, minutes", |s| minutes(s.ready_to_pickup_s.p50))?;
        self.row(f, "ready to pick-up, p90, minutes", |s| minutes(s.ready_to_pickup_s.p90))?;
        self.row(f, "within the promise, %", |s| tenths(s.within_promise_permille))?;
        self.row(f, "driver kilometres an order", |s| {
            format!("{:.3}", s.metres_per_delivery as f64 / 1_000.0)
        })?;
        self.row(f, "orders in one delivery", |s| rate(s.orders_per_delivery_permille))?;
        self.row(f, "orders an hour on duty, p10", |s| rate(s.spread.orders_per_1000_h_p10))?;
        self.row(f, "orders an hour on duty, p50", |s| rate(s.spread.orders_per_1000_h.p50))?;
        self.row(f, "orders an hour on duty, p90", |s| rate(s.spread.orders_per_1000_h.p90))?;
        self.row(f, "Gini of orders by hour on duty", |s| rate(s.spread.gini_permille))?;
        self.row(f, "earned in an hour on duty, p50", |s| money(s.spread.earned_an_hour.p50))?;
        self.row(f, "earned in an hour on duty, p90", |s| money(s.spread.earned_an_hour.p90))?;
        self.row(f, "Gini of earnings by hour on duty", |s| rate(s.spread.earned_gini_permille))?;
        if self.nearest.spread.choosy > 0 {
            self.row(f, "  of choosy drivers, all together", |s| {
                money(s.spread.choosy_earned_an_hour)
            })?;
            self.row(f, "  of the others", |s| money(s.spread.others_earned_an_hour))?;
        }
        self.row(f, "drivers without any order", |s| s.spread.without_orders.to_string())?;
        self.row(f, "idle share, %", |s| tenths(s.idle_permille))?;
        self.row(f, "offers", |s| s.offers.to_string())?;
        self.row(f, "offers accepted, %", |s| tenths(s.accepted_permille))?;
        self.row(f, "violations", |s| s.violations.to_string())?;
        self.row(f, "the run, seconds", |s| format!("{:.1}", s.wall.seconds))
    }
}

impl Comparison {
    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        of: impl Fn(&Summary) -> String,
    ) -> fmt::Result {
        write!(f, "{name:<40}")?;
        for summary in [&self.nearest, &self.scored, &self.planned] {
            write!(f, "{:>12}", of(summary))?;
        }
        writeln!(f)
    }
}

fn minutes(seconds: u64) -> String {
    format!("{:.2}", seconds as f64 / 60.0)
}

fn tenths(permille: u64) -> String {
    format!("{:.1}", permille as f64 / 10.0)
}

fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn rate(permille: u64) -> String {
    format!("{:.3}", permille as f64 / 1_000.0)
}
