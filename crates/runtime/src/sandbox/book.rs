//! Who has whose money: one page an order, every movement booked twice.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::id::OrderId;
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Answer, Effect, Step};
use doorstep_core::time::{Span, Timestamp};

/// One order's money at the provider. Every movement takes from one of these amounts what it adds
/// to another; `authorised` is the other side of what was ever held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBook {
    /// Ever held, by all holds together.
    pub authorised: Money,
    /// Held now.
    pub held: Money,
    /// Captured and not given back.
    pub kept: Money,
    /// Captured and given back.
    pub refunded: Money,
    /// Released by voids.
    pub voided: Money,
    /// Released by captures of less than was held.
    pub left_over: Money,
    /// Released because the hold lapsed.
    pub lapsed: Money,
    /// When the open hold lapses; `None` if none is open.
    pub open_until: Option<Timestamp>,
    /// Holds ever made.
    pub holds: u32,
    /// Captures ever made.
    pub captures: u32,
}

impl OrderBook {
    fn new(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            authorised: zero,
            held: zero,
            kept: zero,
            refunded: zero,
            voided: zero,
            left_over: zero,
            lapsed: zero,
            open_until: None,
            holds: 0,
            captures: 0,
        }
    }

    /// Ever captured, whether or not it was given back.
    #[must_use]
    pub fn captured(&self) -> Money {
        // In range: both are parts of `authorised`.
        self.kept.checked_add(self.refunded).unwrap_or(self.authorised)
    }

    /// Whether no money was made or lost: what was ever held is all somewhere.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let parts = [self.held, self.kept, self.refunded, self.voided, self.left_over, self.lapsed];
        let sum = parts.iter().try_fold(Money::zero(self.authorised.currency()), |sum, part| {
            if part.minor() < 0 { None } else { sum.checked_add(*part).ok() }
        });
        sum == Some(self.authorised)
    }
}

/// All pages.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: BTreeMap<OrderId, OrderBook>,
    lapses: BTreeSet<(Timestamp, OrderId)>,
}

impl Book {
    pub(super) const fn pages(&self) -> &BTreeMap<OrderId, OrderBook> {
        &self.pages
    }

    /// Books an effect and says that it is done; `None`, and nothing is booked, if it makes no
    /// sense. A second hold makes sense to a provider.
    pub(super) fn post(
        &mut self,
        effect: &Effect,
        at: Timestamp,
        hold_lasts: Span,
    ) -> Option<Answer> {
        let amount = effect.due.amount;
        let old = match (effect.due.step, self.pages.get(&effect.order)) {
            (_, Some(page)) => *page,
            (Step::Hold, None) => OrderBook::new(amount.currency()),
            (Step::Capture | Step::Void | Step::Refund, None) => return None,
        };
        let mut page = old;
        match effect.due.step {
            Step::Hold => {
                page.authorised = page.authorised.checked_add(amount).ok()?;
                page.held = page.held.checked_add(amount).ok().filter(|_| amount.minor() >= 0)?;
                page.open_until = Some(at.saturating_add(hold_lasts));
                page.holds = page.holds.saturating_add(1);
            }
            Step::Capture => {
                page.open_until.take()?;
                transfer(&mut page.held, &mut page.kept, positive(amount)?)?;
                let rest = page.held;
                transfer(&mut page.held, &mut page.left_over, rest)?;
                page.captures = page.captures.saturating_add(1);
            }
            Step::Void => {
                page.open_until.take()?;
                let rest = page.held;
                transfer(&mut page.held, &mut page.voided, rest)?;
            }
            Step::Refund => {
                transfer(&mut page.kept, &mut page.refunded, positive(amount)?)?;
            }
        }
        if old.open_until != page.open_until {
            if let Some(until) = old.open_until {
                self.lapses.remove(&(until, effect.order));
            }
            if let Some(until) = page.open_until {
                self.lapses.insert((until, effect.order));
            }
        }
        self.pages.insert(effect.order, page);
        Some(Answer::Done { until: page.open_until })
    }

    /// Releases the holds that have lapsed at `now`.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        while let Some(&(until, order)) = self.lapses.first() {
            if until > now {
                break;
            }
            self.lapses.pop_first();
            if let Some(page) = self.pages.get_mut(&order) {
                let rest = page.held;
                page.open_until = None;
                transfer(&mut page.held, &mut page.lapsed, rest);
            }
        }
    }
}

fn positive(amount: Money) -> Option<Money> {
    (amount.minor() > 0).then_some(amount)
}

/// Moves an amount, both sides or none; `None` if there is not that much.
fn transfer(from: &mut Money, to: &mut Money, amount: Money) -> Option<()> {
    let rest = from.checked_sub(amount).ok().filter(|rest| rest.minor() >= 0)?;
    *to = to.checked_add(amount).ok()?;
    *from = rest;
    Some(())
}
