//! How work is spread over drivers.

use serde::Serialize;

use super::{Percentiles, permille};

/// Who was on duty for less than this earned nothing that could be compared, in seconds.
const LEAST_S: u64 = 3_600;

/// What one driver did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Seconds on duty.
    pub online_s: u64,
    /// Orders handed over.
    pub delivered: u64,
    /// What they earned, in minor units.
    pub earned_minor: u64,
    /// Whether they decline far more offers than others.
    pub choosy: bool,
}

/// How orders and earnings were spread over the drivers who were on duty for an hour or longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many drivers those are.
    pub drivers: u64,
    /// Of these, those without any order.
    pub without_orders: u64,
    /// Orders for each thousand hours on duty: half of the drivers, and 90 and 99 in 100, had no more.
    pub orders_per_1000_h: Percentiles,
    /// One in ten drivers had no more than so many orders in a thousand hours.
    pub orders_per_1000_h_p10: u64,
    /// The Gini coefficient of orders by hour on duty, in thousandths: 0 all alike, 1000 one has all.
    pub gini_permille: u64,
    /// Minor units earned in an hour on duty.
    pub earned_an_hour: Percentiles,
    /// The Gini coefficient of these.
    pub earned_gini_permille: u64,
    /// Drivers who decline far more offers than others.
    pub choosy: u64,
    /// What these earned in an hour on duty, in minor units, all together.
    pub choosy_earned_an_hour: u64,
    /// What the others did.
    pub others_earned_an_hour: u64,
}

impl Spread {
    /// Of these drivers.
    ///
    /// ```
    /// use doorstep_sim::report::{Shift, Spread};
    ///
    /// let shift = |delivered| Shift { online_s: 7_200, delivered, ..Shift::default() };
    /// assert_eq!(Spread::of(&[shift(4), shift(4)]).gini_permille, 0);
    /// assert_eq!(Spread::of(&[shift(0), shift(8)]).gini_permille, 500);
    /// ```
    #[must_use]
    pub fn of(shifts: &[Shift]) -> Self {
        let long: Vec<&Shift> = shifts.iter().filter(|shift| shift.online_s >= LEAST_S).collect();
        let rate = |amount: u64, online_s: u64| {
            amount.saturating_mul(3_600).checked_div(online_s).unwrap_or_default()
        };
        let orders = |shift: &&Shift| rate(shift.delivered.saturating_mul(1_000), shift.online_s);
        let mut rates: Vec<u64> = long.iter().map(orders).collect();
        let earned = |shift: &&Shift| rate(shift.earned_minor, shift.online_s);
        let mut earnings: Vec<u64> = long.iter().map(earned).collect();
        let together = |choosy: bool| {
            let those = long.iter().filter(|shift| shift.choosy == choosy);
            let (earned, online_s) = those.fold((0_u64, 0_u64), |(earned, online_s), shift| {
                let earned = earned.saturating_add(shift.earned_minor);
                (earned, online_s.saturating_add(shift.online_s))
            });
            rate(earned, online_s)
        };
        let orders_per_1000_h = Percentiles::of(&mut rates);
        let tenth = rates.len().div_ceil(10).saturating_sub(1);
        Self {
            drivers: count(rates.len()),
            without_orders: count(rates.iter().filter(|rate| **rate == 0).count()),
            orders_per_1000_h,
            orders_per_1000_h_p10: rates.get(tenth).copied().unwrap_or_default(),
            gini_permille: gini_permille(&rates),
            earned_an_hour: Percentiles::of(&mut earnings),
            earned_gini_permille: gini_permille(&earnings),
            choosy: count(long.iter().filter(|shift| shift.choosy).count()),
            choosy_earned_an_hour: together(true),
            others_earned_an_hour: together(false),
        }
    }
}

/// Of values that rise.
fn gini_permille(sorted: &[u64]) -> u64 {
    let sum = sorted.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
    // How far each is behind those above it, taken together: twice the sum of all differences.
    let many = count(sorted.len());
    let (above, below) =
        (1_u64..).zip(sorted).fold((0_u64, 0_u64), |(above, below), (rank, value)| {
            let others = many.saturating_sub(rank);
            (
                above.saturating_add(value.saturating_mul(rank.saturating_sub(1))),
                below.saturating_add(value.saturating_mul(others)),
            )
        });
    permille(above.saturating_sub(below), sum.saturating_mul(many))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
