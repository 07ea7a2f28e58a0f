//! The money of one order, by the auditor's own reckoning.

use std::collections::BTreeMap;

use doorstep_core::id::OrderId;

use super::ledger::{Invariant, Ledger};
use super::wire::{News, Payment, RefundId, Release, Step};

/// What the log says of an order's money. Amounts in minor units.
#[derive(Clone, Debug)]
pub(super) struct Purse {
    /// What was asked to be held.
    pub(super) asked: i64,
    /// What the order costs, as last adjusted.
    pub(super) total: i64,
    /// The restaurant took the order.
    pub(super) accepted: bool,
    /// What a cancelled order costs all the same.
    pub(super) fee: i64,
    pub(super) holds: u32,
    pub(super) captures: u32,
    pub(super) captured: i64,
    pub(super) refunded: i64,
    pub(super) lapsed: bool,
    pub(super) voided: bool,
    /// The hold was given up at the provider, by another hand.
    pub(super) given_up: bool,
    /// Given back by other hands.
    pub(super) by_others: i64,
    refused: bool,
    /// Until when it is held.
    until: i64,
    /// Refunds that the provider told of, by name: how much, and whether it failed.
    told: BTreeMap<RefundId, (i64, bool)>,
    /// Refunds that it answered to, of which it told nothing.
    answered: Vec<i64>,
    /// Times that it told something: each may have ended an attempt.
    notices: u32,
    /// Attempts that have ended: hold, capture, void, refund.
    ended: [u32; 4],
}

impl Purse {
    pub(super) const fn new(asked: i64) -> Self {
        Self {
            asked,
            total: asked,
            accepted: false,
            fee: 0,
            holds: 0,
            captures: 0,
            captured: 0,
            refunded: 0,
            lapsed: false,
            voided: false,
            given_up: false,
            by_others: 0,
            refused: false,
            until: i64::MIN,
            told: BTreeMap::new(),
            answered: Vec::new(),
            notices: 0,
            ended: [0; 4],
        }
    }

    /// Held, and neither taken nor released.
    pub(super) const fn is_open(&self) -> bool {
        self.holds > 0 && self.captures == 0 && !self.is_released()
    }

    pub(super) const fn is_released(&self) -> bool {
        self.lapsed || self.voided
    }

    /// The bank said no, and nothing else since.
    pub(super) const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Taken and not given back.
    pub(super) const fn paid(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    pub(super) fn event(&mut self, order: OrderId, event: Payment, ledger: &mut Ledger) {
        match event {
            Payment::Held { until } => {
                self.until = until;
                let first = self.holds == 0 && !self.refused;
                ledger.check(Invariant::HeldOnce, first, || format!("{order} is held again"));
                self.holds = self.holds.saturating_add(1);
                self.end_attempt(Step::Hold);
            }
            Payment::HoldRefused { .. } => {
                let first = self.holds == 0 && !self.refused;
                ledger.check(Invariant::HeldOnce, first, || {
                    format!("the hold of {order} is refused after it was answered")
                });
                self.refused = true;
                self.end_attempt(Step::Hold);
            }
            Payment::Captured { amount } => self.captured(order, amount.minor, ledger),
            Payment::Refunded { amount } => {
                let after = self.refunded.saturating_add(amount.minor);
                let within = amount.minor > 0 && after <= self.captured;
                let captured = self.captured;
                ledger.check(Invariant::MoneyBounds, within, || {
                    format!("{after} of {order} refunded, {captured} captured")
                });
                self.refunded = after;
                self.answered.push(amount.minor);
                self.end_attempt(Step::Refund);
            }
            Payment::Released { why } => {
                let open = self.is_open();
                ledger.check(Invariant::HeldOnce, open, || {
                    format!("{order} is released with nothing held")
                });
                match why {
                    Release::Voided => self.voided = true,
                    Release::Lapsed => self.lapsed = true,
                }
            }
            Payment::Failed { step, attempt } => {
                let before = self.ended_attempts(step);
                let most = before.saturating_add(1).saturating_add(self.notices);
                ledger.check(Invariant::Attempts, before < attempt && attempt <= most, || {
                    format!("attempt {attempt} of {order} failed after {before} had ended")
                });
                if let Some(ended) = self.ended.get_mut(step as usize) {
                    *ended = attempt.max(*ended);
                }
            }
            Payment::Noticed { news } => self.noticed(order, news, ledger),
        }
    }

    /// The provider told something unasked. What is known moves one way only:
    /// asked → refused → held → lapsed → voided → captured, and a refund counts once under its name.
    fn noticed(&mut self, order: OrderId, news: News, ledger: &mut Ledger) {
        self.notices = self.notices.saturating_add(1);
        let (taken, released) = (self.captures > 0, self.is_released());
        let new = match news {
            News::Authorised { amount, until } => {
                let asked = self.asked;
                ledger.check(Invariant::MoneyBounds, amount.minor == asked, || {
                    format!("{} of {order} held, {asked} asked", amount.minor)
                });
                let longer = until.is_none_or(|until| until > self.until);
                let new = !taken && !released && (self.holds == 0 || longer);
                self.until = until.map_or(self.until, |until| until.max(self.until));
                (self.holds, self.refused) = (self.holds.max(1), false);
                new
            }
            News::Declined => {
                let new = self.holds == 0 && !self.refused && !taken && !released;
                self.refused = true;
                new
            }
            News::Cancelled => {
                let new = !taken && !self.voided;
                (self.voided, self.lapsed, self.given_up) = (true, false, true);
                new
            }
            News::Expired => {
                let new = !taken && !released;
                self.lapsed = true;
                new
            }
            News::Captured { total } => {
                let new = total.minor > self.captured;
                self.is_taken(order, total.minor, ledger);
                new
            }
            News::Refunded { refund, amount } => {
                self.refund_told(order, refund, amount.minor, ledger)
            }
            News::RefundFailed { refund, amount } => {
                self.is_taken(order, amount.minor, ledger);
                self.refund_failed(refund, amount.minor)
            }
        };
        ledger.check(Invariant::NoticedOnce, new, || format!("{order}: {news:?} is no news"));
    }

    /// The provider says, of its own accord, that it took at least so much.
    fn is_taken(&mut self, order: OrderId, at_least: i64, ledger: &mut Ledger) {
        let asked = self.asked;
        ledger.check(Invariant::MoneyBounds, (1..=asked).contains(&at_least), || {
            format!("{at_least} of {order} captured, {asked} asked")
        });
        (self.holds, self.captures) = (self.holds.max(1), self.captures.max(1));
        (self.captured, self.refused) = (self.captured.max(at_least), false);
    }

    fn refund_told(
        &mut self,
        order: OrderId,
        refund: RefundId,
        amount: i64,
        ledger: &mut Ledger,
    ) -> bool {
        let new = self.told.insert(refund, (amount, false)).is_none();
        let after = self.refunded.saturating_add(amount);
        self.is_taken(order, after, ledger);
        self.refunded = after;
        if let RefundId::Theirs(_) = refund {
            self.by_others = self.by_others.saturating_add(amount);
        }
        new
    }

    /// A refund came to nothing: what it had given back is ours again.
    fn refund_failed(&mut self, refund: RefundId, amount: i64) -> bool {
        let known = self.told.insert(refund, (amount, true));
        let given = match (known, refund) {
            (Some((_, true)), _) => return false,
            (Some((given, false)), RefundId::Theirs(_)) => {
                self.by_others = self.by_others.saturating_sub(given);
                given
            }
            (Some((given, false)), RefundId::Ours(_)) => given,
            (None, RefundId::Theirs(_)) => 0,
            (None, RefundId::Ours(_)) => {
                let at = self.answered.iter().position(|answered| *answered == amount);
                at.map_or(0, |at| self.answered.swap_remove(at))
            }
        };
        self.refunded = self.refunded.saturating_sub(given);
        true
    }

    fn captured(&mut self, order: OrderId, amount: i64, ledger: &mut Ledger) {
        let open = self.is_open();
        ledger.check(Invariant::CapturedOnce, open, || {
            format!("{order} is captured, and no hold is open")
        });
        let may = self.accepted || self.fee > 0;
        ledger.check(Invariant::CapturedAfterAcceptance, may, || {
            format!("{order} is captured before anybody took it")
        });
        let asked = self.asked;
        ledger.check(Invariant::MoneyBounds, (0..=asked).contains(&amount), || {
            format!("{amount} of {order} captured, {asked} held")
        });
        self.captures = self.captures.saturating_add(1);
        // The first capture is what later amounts are compared with: a second one is a violation.
        if self.captures == 1 {
            self.captured = amount;
        }
        self.end_attempt(Step::Capture);
    }

    fn ended_attempts(&self, step: Step) -> u32 {
        self.ended.get(step as usize).copied().unwrap_or_default()
    }

    fn end_attempt(&mut self, step: Step) {
        if let Some(ended) = self.ended.get_mut(step as usize) {
            *ended = ended.saturating_add(1);
        }
    }
}
