//! What a run comes to, for people and for programs.

mod fleet;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::audit::{Auditor, End, Ground, OrderFacts};

pub use fleet::{Shift, Spread};

/// What only the world can count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Where the day came from: a city's name, or the seed.
    pub title: String,
    /// The seed of the run.
    pub seed: u64,
    /// Couriers of the day.
    pub couriers: u64,
    /// Positions sent by drivers.
    pub pings: u64,
    /// Commands submitted, repetitions included.
    pub commands: u64,
    /// Seconds that drivers were on duty, all together.
    pub driver_online_s: u64,
    /// Seconds that drivers had something to carry, all together.
    pub driver_busy_s: u64,
    /// Metres that drivers went, all together.
    pub metres: u64,
    /// What each driver did.
    pub shifts: Vec<Shift>,
    /// Offers made.
    pub offers: u64,
    /// Offers accepted.
    pub taken: u64,
    /// Deliveries picked up.
    pub bags: u64,
    /// Orders in them.
    pub bagged: u64,
    /// Seconds of the virtual clock from the first event to the last.
    pub virtual_s: u64,
    /// Faults that the world committed and what came of them, by name.
    pub chaos: BTreeMap<String, u64>,
    /// Wishes that the shard refused before any money was asked for, by reason.
    pub wishes_refused: BTreeMap<String, u64>,
    /// Rows of the day's files that were left out.
    pub bad_rows: u64,
    /// Whether a replay of the whole log gave the live state.
    pub log_verified: bool,
    /// Milliseconds of the wall clock that the run took.
    pub wall_ms: u64,
}

/// Percentiles by nearest rank: the smallest value that at least so many in a hundred do not
/// exceed. All 0 where there are no values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// 90 in 100 are no higher.
    pub p90: u64,
    /// 99 in 100 are no higher.
    pub p99: u64,
}

/// What depends on the machine and not on the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Wall {
    /// How long the run took.
    pub seconds: f64,
    /// Positions taken in, each second.
    pub pings_per_s: u64,
    /// Commands submitted, each second.
    pub commands_per_s: u64,
}

/// What a run came to. All of it but [`Summary::wall`] is the same for the same seed. Times are
/// those of the log, in whole seconds, rounded down.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Where the day came from.
    pub title: String,
    /// The seed of the run.
    pub seed: u64,
    /// Orders whose money was held: `delivered + undelivered + cancelled + rejected`.
    pub orders_placed: u64,
    /// Handed over.
    pub delivered: u64,
    /// Picked up and never handed over.
    pub undelivered: u64,
    /// Cancelled on any other ground than a rejection.
    pub cancelled: u64,
    /// The restaurant said no, or nothing.
    pub rejected: u64,
    /// Placed and not ended; above 0 there are violations, and the sum of `orders_placed` is short
    /// by it.
    pub unfinished: u64,
    /// From the customer's click to the hand-over, of delivered orders.
    pub click_to_door_s: Percentiles,
    /// From the kitchen's word to the pick-up, of orders picked up.
    pub ready_to_pickup_s: Percentiles,
    /// Delivered orders at the door no later than promised, in thousandths of those delivered.
    pub within_promise_permille: u64,
    /// Cancelled and rejected orders, by ground.
    pub cancelled_by_ground: BTreeMap<String, u64>,
    /// Undelivered orders, by reason.
    pub undelivered_by_reason: BTreeMap<String, u64>,
    /// Checkouts of which no order came, by reason.
    pub checkouts_refused: BTreeMap<String, u64>,
    /// Wishes refused before any money was asked for, by reason.
    pub wishes_refused: BTreeMap<String, u64>,
    /// Couriers of the day.
    pub couriers: u64,
    /// Time with something to carry, in thousandths of the time on duty.
    pub utilisation_permille: u64,
    /// Time on duty with nothing to carry, in thousandths of it.
    pub idle_permille: u64,
    /// How orders were spread over the drivers.
    pub spread: Spread,
    /// Metres that drivers went for each delivered order.
    pub metres_per_delivery: u64,
    /// Offers made.
    pub offers: u64,
    /// Offers accepted, in thousandths of those made.
    pub accepted_permille: u64,
    /// Orders in a delivery that was picked up, on average, in thousandths.
    pub orders_per_delivery_permille: u64,
    /// Seconds of the virtual clock from the first event to the last.
    pub virtual_s: u64,
    /// Positions sent by drivers.
    pub pings: u64,
    /// Commands submitted, repetitions included.
    pub commands: u64,
    /// Batches that count in the log.
    pub batches: u64,
    /// Faults committed and what came of them, by name.
    pub chaos: BTreeMap<String, u64>,
    /// Rows of the day's files that were left out.
    pub bad_rows: u64,
    /// How often each invariant was checked.
    pub invariants: BTreeMap<String, u64>,
    /// What the auditor found wrong.
    pub violations: u64,
    /// Whether a replay of the whole log gave the live state.
    pub log_verified: bool,
    /// What depends on the machine.
    pub wall: Wall,
}

impl Summary {
    /// What the auditor found and the world counted.
    #[must_use]
    pub fn new(auditor: &Auditor, counters: &Counters) -> Self {
        let mut summary = Self {
            title: counters.title.clone(),
            seed: counters.seed,
            wishes_refused: counters.wishes_refused.clone(),
            couriers: counters.couriers,
            utilisation_permille: permille(counters.driver_busy_s, counters.driver_online_s),
            idle_permille: match counters.driver_online_s {
                0 => 0,
                online_s => 1_000_u64.saturating_sub(permille(counters.driver_busy_s, online_s)),
            },
            spread: Spread::of(&counters.shifts),
            offers: counters.offers,
            accepted_permille: permille(counters.taken, counters.offers),
            orders_per_delivery_permille: permille(counters.bagged, counters.bags),
            virtual_s: counters.virtual_s,
            pings: counters.pings,
            commands: counters.commands,
            batches: auditor.counted_batches(),
            chaos: counters.chaos.clone(),
            bad_rows: counters.bad_rows,
            invariants: auditor.checks().map(|(name, count)| (name.to_owned(), count)).collect(),
            violations: auditor.violation_count(),
            log_verified: counters.log_verified,
            wall: wall(counters),
            ..Self::default()
        };
        let (mut to_door, mut to_pickup) = (Vec::new(), Vec::new());
        let mut kept = 0_u64;
        for order in auditor.orders() {
            summary.count(order);
            let span = |from: i64, to: i64| to.saturating_sub(from).max(0).unsigned_abs() / 1_000;
            if let (Some(ready), Some(picked_up)) = (order.ready_at, order.picked_up_at) {
                to_pickup.push(span(ready, picked_up));
            }
            if let Some((at, End::Delivered)) = order.end {
                to_door.push(span(order.opened_at, at));
                let arrived = order.at_doorstep_at.unwrap_or(at);
                kept = kept.saturating_add(u64::from(arrived <= order.promised));
            }
        }
        summary.click_to_door_s = Percentiles::of(&mut to_door);
        summary.ready_to_pickup_s = Percentiles::of(&mut to_pickup);
        summary.within_promise_permille = permille(kept, summary.delivered);
        summary.metres_per_delivery =
            counters.metres.checked_div(summary.delivered).unwrap_or_default();
        summary
    }

    fn count(&mut self, order: &OrderFacts) {
        if let Some(why) = order.no_hold {
            add(&mut self.checkouts_refused, why.name());
        }
        if order.placed_at.is_none() {
            return;
        }
        self.orders_placed = self.orders_placed.saturating_add(1);
        let counter = match order.end {
            None => &mut self.unfinished,
            Some((_, End::Delivered)) => &mut self.delivered,
            Some((_, End::Undelivered(why))) => {
                add(&mut self.undelivered_by_reason, why.name());
                &mut self.undelivered
            }
            Some((_, End::Cancelled(ground))) => {
                add(&mut self.cancelled_by_ground, ground.name());
                if ground.is_rejection() { &mut self.rejected } else { &mut self.cancelled }
            }
        };
        *counter = counter.saturating_add(1);
    }

    /// One line of JSON, members in the order of the fields.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text keys and whole or finite numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Percentiles {
    /// Of these values, which are sorted on the way.
    #[must_use]
    pub fn of(values: &mut [u64]) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let rank = values.len().saturating_mul(percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p90: rank(90), p99: rank(99) }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    let count = counts.entry(name.to_owned()).or_default();
    *count = count.saturating_add(1);
}

fn permille(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1_000).checked_div(whole).unwrap_or_default()
}

fn wall(counters: &Counters) -> Wall {
    let a_second =
        |count: u64| count.saturating_mul(1_000).checked_div(counters.wall_ms).unwrap_or_default();
    Wall {
        seconds: Duration::from_millis(counters.wall_ms).as_secs_f64(),
        pings_per_s: a_second(counters.pings),
        commands_per_s: a_second(counters.commands),
    }
}

/// For the terminal: aligned, without colours.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (seed {}, {} on its clock)", self.title, self.seed, Clock(self.virtual_s))?;
        writeln!(f)?;
        row(f, "orders placed", &Grouped(self.orders_placed))?;
        row(f, "  delivered", &Grouped(self.delivered))?;
        row(f, "  undelivered", &Grouped(self.undelivered))?;
        reasons(f, &self.undelivered_by_reason)?;
        let rejects = [Ground::RestaurantRejected, Ground::RestaurantSilent].map(Ground::name);
        let (rejected, cancelled): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .cancelled_by_ground
            .clone()
            .into_iter()
            .partition(|(ground, _)| rejects.contains(&ground.as_str()));
        row(f, "  cancelled", &Grouped(self.cancelled))?;
        reasons(f, &cancelled)?;
        row(f, "  rejected", &Grouped(self.rejected))?;
        reasons(f, &rejected)?;
        if self.unfinished > 0 {
            row(f, "  UNFINISHED", &Grouped(self.unfinished))?;
        }
        row(f, "checkouts without order", &Grouped(self.checkouts_refused.values().sum()))?;
        reasons(f, &self.checkouts_refused)?;
        if !self.wishes_refused.is_empty() {
            row(f, "wishes refused", &Grouped(self.wishes_refused.values().sum()))?;
            reasons(f, &self.wishes_refused)?;
        }
        writeln!(f)?;
        writeln!(f, "{:<34}{:>12}{:>12}{:>12}", "", "p50", "p90", "p99")?;
        times(f, "click to door", &self.click_to_door_s)?;
        times(f, "ready to pick-up", &self.ready_to_pickup_s)?;
        writeln!(f)?;
        row(f, "within the promise", &Percent(self.within_promise_permille))?;
        row(f, "couriers", &Grouped(self.couriers))?;
        row(f, "  of their time, busy", &Percent(self.utilisation_permille))?;
        row(
            f,
            "  orders in ten hours, p10 and p90",
            &format_args!(
                "{} – {}",
                self.spread.orders_per_1000_h_p10 / 100,
                self.spread.orders_per_1000_h.p90 / 100,
            ),
        )?;
        row(f, "  Gini of orders by hour", &Percent(self.spread.gini_permille))?;
        row(f, "  Gini of earnings by hour", &Percent(self.spread.earned_gini_permille))?;
        row(f, "  kilometres an order", &Kilometres(self.metres_per_delivery))?;
        row(f, "offers", &Grouped(self.offers))?;
        row(f, "  accepted", &Percent(self.accepted_permille))?;
        row(f, "  orders in a delivery", &Thousandths(self.orders_per_delivery_permille))?;
        row(f, "pings", &Grouped(self.pings))?;
        row(f, "commands", &Grouped(self.commands))?;
        row(f, "batches in the log", &Grouped(self.batches))?;
        if !self.chaos.is_empty() {
            row(f, "faults, and what came of them", &Grouped(self.chaos.values().sum()))?;
            reasons(f, &self.chaos)?;
        }
        row(f, "bad rows in the data", &Grouped(self.bad_rows))?;
        writeln!(f)?;
        row(f, "invariants checked", &Grouped(self.invariants.values().sum()))?;
        for (name, checks) in &self.invariants {
            writeln!(f, "    {:<30}{:>12}", name.replace('_', " "), Grouped(*checks).to_string())?;
        }
        row(f, "violations", &Grouped(self.violations))?;
        let verified = if self.log_verified { "yes" } else { "NO" };
        row(f, "replay gives the live state", &verified)?;
        writeln!(f)?;
        let Wall { seconds, pings_per_s, commands_per_s } = self.wall;
        writeln!(
            f,
            "in {seconds:.1} s: {} pings/s, {} commands/s",
            Grouped(pings_per_s),
            Grouped(commands_per_s)
        )
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<34}{:>12}", value.to_string())
}

/// The parts of the row above that are not nothing, the largest first.
fn reasons(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<String, u64>) -> fmt::Result {
    let mut sorted: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    sorted.sort_by_key(|(name, count)| (Reverse(**count), *name));
    for (name, count) in sorted {
        writeln!(f, "    {:<30}{:>12}", name.replace('_', " "), Grouped(*count).to_string())?;
    }
    Ok(())
}

fn times(f: &mut fmt::Formatter<'_>, name: &str, of: &Percentiles) -> fmt::Result {
    let [p50, p90, p99] = [of.p50, of.p90, of.p99].map(|seconds| Clock(seconds).to_string());
    writeln!(f, "{name:<34}{p50:>12}{p90:>12}{p99:>12}")
}

/// A number in groups of three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// Thousandths as a percentage.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} %", self.0 / 10, self.0 % 10)
    }
}

/// Thousandths as a number.
struct Thousandths(u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// Metres as kilometres.
struct Kilometres(u64);

impl fmt::Display for Kilometres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 1_000, self.0 / 10 % 100)
    }
}

/// Seconds as minutes, or hours where there are many.
struct Clock(u64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3_600, self.0 / 60 % 60, self.0 % 60);
        match hours {
            0 => write!(f, "{minutes}:{seconds:02} min"),
            hours => write!(f, "{hours}:{minutes:02}:{seconds:02} h"),
        }
    }
}

#[cfg(test)]
mod tests;
