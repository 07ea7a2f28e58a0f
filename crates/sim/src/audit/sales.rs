//! Flash sales by the auditor's own reckoning: who has which unit, and by which order.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::id::{CustomerId, OrderId, SaleId};

use super::case::{Case, Stage};
use super::ledger::{Invariant, Ledger};
use super::wire::{Room, SaleEvent, SaleRules};

/// The sales of a log, from the first to the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Sales {
    by_id: BTreeMap<SaleId, Sale>,
    /// The holds that checkouts carry which have not ended.
    carried: BTreeMap<OrderId, (SaleId, u64)>,
    /// What the batch at hand touched.
    touched: BTreeSet<(SaleId, u64)>,
    stirred: BTreeSet<SaleId>,
}

#[derive(Clone, Debug)]
struct Sale {
    rules: SaleRules,
    closed: bool,
    next_hold: u64,
    /// What is held or sold.
    units: BTreeMap<u64, Unit>,
    slots: BTreeSet<(CustomerId, u32)>,
    waiting: BTreeSet<CustomerId>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    user: CustomerId,
    nth: u32,
    state: State,
    order: Option<OrderId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reserved { until: i64 },
    Paying,
    Sold,
}

impl Sales {
    pub(super) const fn new() -> Self {
        Self {
            by_id: BTreeMap::new(),
            carried: BTreeMap::new(),
            touched: BTreeSet::new(),
            stirred: BTreeSet::new(),
        }
    }

    pub(super) fn opened(&mut self, id: SaleId, rules: &SaleRules, ledger: &mut Ledger) {
        let new = !self.by_id.contains_key(&id);
        ledger.check(Invariant::SaleTerms, new, || format!("{id} is opened twice"));
        self.by_id.entry(id).or_insert_with(|| Sale {
            rules: rules.clone(),
            closed: false,
            next_hold: 0,
            units: BTreeMap::new(),
            slots: BTreeSet::new(),
            waiting: BTreeSet::new(),
        });
    }

    pub(super) fn event(&mut self, id: SaleId, event: &SaleEvent, at: i64, ledger: &mut Ledger) {
        let sale = self.by_id.get_mut(&id);
        ledger.check(Invariant::SaleTerms, sale.is_some(), || format!("{id} was never opened"));
        let Some(sale) = sale else { return };
        self.stirred.insert(id);
        if let Some(hold) = sale.event(id, event, at, ledger) {
            self.touched.insert((id, hold));
        }
    }

    /// A checkout that was just opened carries a hold.
    pub(super) fn carried(&mut self, id: SaleId, hold: u64, order: OrderId, ledger: &mut Ledger) {
        let unit = self.by_id.get_mut(&id).and_then(|sale| sale.units.get_mut(&hold));
        let fits =
            unit.as_ref().is_some_and(|unit| unit.state == State::Paying && unit.order.is_none())
                && self.carried.insert(order, (id, hold)).is_none();
        ledger.check(Invariant::SaleOrders, fits, || {
            format!("{order} carries hold {hold} of {id}, which is not being paid, or carried")
        });
        if let Some(unit) = unit {
            unit.order = Some(order);
        }
        self.touched.insert((id, hold));
    }

    /// At the end of a batch that touched these orders: a unit is being paid as long as its checkout
    /// waits, sold when that has become an order, and given back when it has not. Nothing lies idle
    /// that somebody waits for.
    pub(super) fn agree(
        &mut self,
        cases: &BTreeMap<OrderId, Case>,
        orders: impl Iterator<Item = OrderId>,
        ledger: &mut Ledger,
    ) {
        for order in orders {
            self.touched.extend(self.carried.get(&order));
        }
        for (id, hold) in std::mem::take(&mut self.touched) {
            let Some(sale) = self.by_id.get(&id) else { continue };
            let carriers = self.carried.iter().filter(|(_, carried)| **carried == (id, hold));
            let carriers: Vec<OrderId> = carriers.map(|(order, _)| *order).collect();
            let unit = sale.units.get(&hold);
            let stage = |order: &OrderId| cases.get(order).map(|case| case.stage);
            let fits = match unit.map(|unit| (unit.state, unit.order)) {
                None => carriers.iter().all(|order| stage(order) == Some(Stage::Closed)),
                Some((State::Reserved { .. }, order)) => order.is_none() && carriers.is_empty(),
                Some((State::Paying, order)) => {
                    order.as_ref().and_then(stage) == Some(Stage::Asked)
                }
                Some((State::Sold, order)) => {
                    order.and_then(|order| cases.get(&order)).is_some_and(Case::is_placed)
                }
            };
            ledger.check(Invariant::SaleOrders, fits, || {
                format!("hold {hold} of {id} is {unit:?}, and carried by {carriers:?}")
            });
            if unit.is_none_or(|unit| unit.state == State::Sold) {
                for order in carriers {
                    self.carried.remove(&order);
                }
            }
        }
        for id in std::mem::take(&mut self.stirred) {
            let Some(sale) = self.by_id.get(&id) else { continue };
            let idle = sale.left() > 0 && !sale.closed && sale.rules.admission.is_none();
            ledger.check(Invariant::SaleLine, !idle || sale.waiting.is_empty(), || {
                format!("{} units of {id} lie idle while {:?} wait", sale.left(), sale.waiting)
            });
        }
    }

    /// In the end nothing is held: every unit is sold, or can still be had.
    pub(super) fn finish(&self, ledger: &mut Ledger) {
        for (id, sale) in &self.by_id {
            let held = sale.units.iter().find(|(_, unit)| unit.state != State::Sold);
            ledger.check(Invariant::SaleEnds, held.is_none(), || {
                format!("a unit of {id} is neither sold nor available: {held:?}")
            });
        }
    }
}

impl Sale {
    fn left(&self) -> usize {
        let stock = usize::try_from(self.rules.stock).unwrap_or(usize::MAX);
        stock.saturating_sub(self.units.len())
    }

    /// Takes in what happened; the hold that it happened to.
    fn event(
        &mut self,
        id: SaleId,
        event: &SaleEvent,
        at: i64,
        ledger: &mut Ledger,
    ) -> Option<u64> {
        match *event {
            SaleEvent::Held { hold, user, nth, until } => {
                let runs = !self.closed && at >= self.rules.opens_at && at < until;
                ledger.check(Invariant::SaleTerms, runs, || {
                    format!("hold {hold} of {id} at {at} until {until}, closed: {}", self.closed)
                });
                self.take(id, hold, user, nth, until, ledger);
                Some(hold)
            }
            SaleEvent::PaymentStarted { hold } => {
                let in_time = |state| matches!(state, State::Reserved { until } if at < until);
                self.moves(id, hold, in_time, State::Paying, ledger);
                Some(hold)
            }
            SaleEvent::Sold { hold } => {
                self.moves(id, hold, |state| state == State::Paying, State::Sold, ledger);
                Some(hold)
            }
            SaleEvent::SoldLate { hold } | SaleEvent::RefundDue { hold } => {
                ledger.check(Invariant::SaleOrders, false, || {
                    format!("hold {hold} of {id} is paid by itself, and not by an order")
                });
                Some(hold)
            }
            SaleEvent::Released { hold } => {
                self.ends(id, hold, |state| state != State::Sold, ledger);
                Some(hold)
            }
            SaleEvent::Expired { hold } => {
                let state = self.units.get(&hold).map(|unit| unit.state);
                if let Some(State::Reserved { until }) = state {
                    ledger.check(Invariant::Deadlines, until <= at, || {
                        format!("hold {hold} of {id} is good until {until}, and expires at {at}")
                    });
                }
                self.ends(id, hold, |state| matches!(state, State::Reserved { .. }), ledger);
                Some(hold)
            }
            SaleEvent::Closed => {
                let open = !std::mem::replace(&mut self.closed, true);
                ledger.check(Invariant::SaleTerms, open, || format!("{id} is closed twice"));
                self.waiting.clear();
                None
            }
            SaleEvent::Room(ref event) => {
                let fits = match *event {
                    Room::Joined { user } => self.waiting.insert(user),
                    Room::Left { user } => {
                        self.waiting.remove(&user) || self.rules.admission.is_some()
                    }
                    Room::Admitted { .. }
                    | Room::Lapsed { .. }
                    | Room::Entered { .. }
                    | Room::SentBack { .. }
                    | Room::Started { .. } => self.rules.admission.is_some(),
                };
                ledger.check(Invariant::SaleLine, fits, || {
                    format!("{event:?} does not fit those who wait for {id}")
                });
                None
            }
        }
    }

    fn take(
        &mut self,
        id: SaleId,
        hold: u64,
        user: CustomerId,
        nth: u32,
        until: i64,
        ledger: &mut Ledger,
    ) {
        ledger.check(Invariant::SaleStock, self.left() > 0, || {
            format!("hold {hold} of {id} takes a unit, and all {} are taken", self.rules.stock)
        });
        let may = (1..=self.rules.per_user).contains(&nth) && self.slots.insert((user, nth));
        ledger.check(Invariant::SaleLimit, may, || {
            format!("{user} gets unit {nth} of {id}, of {} each", self.rules.per_user)
        });
        let fresh = hold >= self.next_hold;
        ledger.check(Invariant::HoldEndsOnce, fresh, || {
            format!("hold {hold} of {id} was given out before")
        });
        self.next_hold = self.next_hold.max(hold.saturating_add(1));
        self.waiting.remove(&user);
        let state = State::Reserved { until };
        self.units.insert(hold, Unit { user, nth, state, order: None });
    }

    fn moves(
        &mut self,
        id: SaleId,
        hold: u64,
        may: impl Fn(State) -> bool,
        to: State,
        ledger: &mut Ledger,
    ) {
        let unit = self.units.get_mut(&hold);
        let fits = unit.as_ref().is_some_and(|unit| may(unit.state));
        ledger.check(Invariant::HoldEndsOnce, fits, || {
            format!("hold {hold} of {id} cannot come to {to:?}: {unit:?}")
        });
        if let Some(unit) = unit {
            unit.state = to;
        }
        // With the last unit sold nobody waits any more.
        if self.left() == 0 && self.units.values().all(|unit| unit.state == State::Sold) {
            self.waiting.clear();
        }
    }

    fn ends(&mut self, id: SaleId, hold: u64, may: impl Fn(State) -> bool, ledger: &mut Ledger) {
        let unit = self.units.remove(&hold);
        let fits = unit.is_some_and(|unit| may(unit.state));
        ledger.check(Invariant::HoldEndsOnce, fits, || {
            format!("hold {hold} of {id} cannot end: {unit:?}")
        });
        if let Some(unit) = unit {
            self.slots.remove(&(unit.user, unit.nth));
        }
    }
}
