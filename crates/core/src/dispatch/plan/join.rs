//! Trips of one restaurant become one where that is cheaper.

use crate::dispatch::assign::Assignment;
use crate::eta::Vehicle;
use crate::id::RestaurantId;
use crate::time::Span;

use super::load::Load;
use super::tick::Tick;

impl<P: Copy, T: Fn(&P, &P, Vehicle) -> Span> Tick<'_, P, T> {
    /// Joins trips of one restaurant where that is cheaper; whether it joined any.
    pub(super) fn join(&mut self, assignment: &Assignment) -> bool {
        if self.policy.bundle_max < 2 {
            return false;
        }
        let prices = self.prices(assignment);
        let mut by_restaurant: Vec<_> =
            (0..self.loads.len()).map(|load| (self.restaurant_of(load), load)).collect();
        by_restaurant.sort_unstable();
        let mut gains = Vec::new();
        for kitchen in by_restaurant.chunk_by(|one, other| one.0 == other.0) {
            for (at, &(_, one)) in kitchen.iter().enumerate() {
                for &(_, other) in kitchen.iter().skip(at.saturating_add(1)) {
                    gains.extend(self.gain(one, other, &prices, assignment));
                }
            }
        }
        // The greatest gain first; of equal ones the older orders.
        gains.sort_by_key(|joined| (joined.gain.saturating_neg(), joined.one, joined.other));
        let mut gone = vec![false; self.loads.len()];
        let mut joined = Vec::new();
        for gain in gains {
            if let Ok([one, other]) = gone.get_disjoint_mut([gain.one, gain.other])
                && !*one
                && !*other
            {
                (*one, *other) = (true, true);
                joined.push(gain.load);
            }
        }
        let any = !joined.is_empty();
        let mut gone = gone.into_iter();
        self.loads.retain(|_| gone.next() == Some(false));
        self.loads.append(&mut joined);
        any
    }

    /// What each trip costs as it is assigned.
    fn prices(&mut self, assignment: &Assignment) -> Vec<i64> {
        let mut prices = Vec::with_capacity(self.loads.len());
        for load in 0..self.loads.len() {
            let courier = assignment.column_of(u32::try_from(load).unwrap_or(u32::MAX));
            let quoted = courier.and_then(|courier| self.quoted(load, courier));
            let unassigned = self.unassigned(load);
            prices.push(quoted.map_or(unassigned, |quoted| quoted.price.total));
        }
        prices
    }

    fn restaurant_of(&self, load: usize) -> Option<RestaurantId> {
        let first = self.loads.get(load)?.members.first()?;
        Some(self.waiting.get(*first as usize)?.restaurant)
    }

    /// What is saved by joining two trips, if anything is, with the better of their two drivers.
    fn gain(
        &mut self,
        one: usize,
        other: usize,
        prices: &[i64],
        assignment: &Assignment,
    ) -> Option<Gain> {
        let (a, b) = (self.loads.get(one)?, self.loads.get(other)?);
        let many = a.members.len().saturating_add(b.members.len());
        let apart = a.ready_at.max(b.ready_at).saturating_since(a.ready_at.min(b.ready_at));
        if many > self.policy.bundle_max as usize || apart > self.policy.bundle_within {
            return None;
        }
        let mut members: Vec<u32> = a.members.iter().chain(&b.members).copied().collect();
        members.sort_unstable();
        let load = Load::of(members, &self.waiting, self.now, self.policy);
        self.loads.push(load);
        let at = self.loads.len().saturating_sub(1);
        let together = [one, other]
            .into_iter()
            .filter_map(|load| assignment.column_of(u32::try_from(load).unwrap_or(u32::MAX)))
            .filter_map(|courier| self.quoted(at, courier))
            .map(|quoted| quoted.price.total)
            .min();
        let load = self.loads.pop()?;
        let separate = prices.get(one)?.saturating_add(*prices.get(other)?);
        let gain = separate.saturating_sub(together?);
        (gain > 0).then_some(Gain { gain, one, other, load })
    }
}

/// Two trips that are cheaper as one.
struct Gain {
    gain: i64,
    one: usize,
    other: usize,
    load: Load,
}
