//! The money of one order, by the auditor's own reckoning.

use doorstep_core::id::OrderId;

use super::ledger::{Invariant, Ledger};
use super::wire::{Payment, Release, Step};

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
    refused: bool,
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
            refused: false,
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

    /// Taken and not given back.
    pub(super) const fn paid(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    pub(super) fn event(&mut self, order: OrderId, event: Payment, ledger: &mut Ledger) {
        match event {
            Payment::Held {} => {
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
                ledger.check(Invariant::Attempts, before.checked_add(1) == Some(attempt), || {
                    format!("attempt {attempt} of {order} failed after {before} had ended")
                });
                self.end_attempt(step);
            }
        }
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
