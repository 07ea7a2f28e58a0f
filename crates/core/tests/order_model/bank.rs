//! The bank: what it did, by its own book, what a person there may do, and what it can say of it.

use std::collections::BTreeMap;

use doorstep_core::money::Money;
use doorstep_core::payment::{Answer, Due, News, Notice, RefundId, Step};

use super::FEE;
use super::common::eur;

/// What the bank did, by its own book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bank {
    pub(super) book: BTreeMap<(Step, u32), Answer>,
    pub(super) holding: Option<i64>,
    pub(super) holds: u8,
    pub(super) captures: u8,
    pub(super) captured: i64,
    pub(super) refunded: i64,
    pub(super) failures: u8,
    pub(super) lapsed: bool,
    pub(super) voided: bool,
    /// The attempt at the hold that made it, and what each refund gave back.
    pub(super) hold: u32,
    pub(super) refunds: BTreeMap<RefundId, i64>,
    /// What a person may still do, and whether one took the hold, or gave it up.
    pub(super) hands: u8,
    pub(super) by_hand: bool,
    /// Asked for something that a truthful bank cannot make sense of.
    pub(super) nonsense: bool,
}

impl Bank {
    /// Carries a call out, once a key.
    pub(super) fn carry_out(&mut self, due: Due) {
        let amount = due.amount.minor();
        let answer = match (due.step, self.holding) {
            (Step::Hold, _) => {
                self.holds += 1;
                self.hold = due.attempt;
                self.holding = Some(amount);
                Answer::Done { until: None }
            }
            (Step::Capture, Some(held)) => {
                self.nonsense |= amount > held || amount <= 0;
                self.captures += 1;
                self.captured += amount;
                self.holding = None;
                Answer::Done { until: None }
            }
            (Step::Void, Some(held)) => {
                self.nonsense |= amount != held;
                self.holding = None;
                self.voided = true;
                Answer::Done { until: None }
            }
            (Step::Capture | Step::Void, None) => {
                self.nonsense |= !self.lapsed && !self.by_hand;
                Answer::Refused
            }
            (Step::Refund, _) if self.refunded + amount > self.captured && self.by_hand => {
                Answer::Refused
            }
            (Step::Refund, _) => {
                self.nonsense |= amount <= 0;
                self.refunded += amount;
                self.refunds.insert(RefundId::Ours(due.attempt), amount);
                Answer::Done { until: None }
            }
        };
        self.book.insert((due.step, due.attempt), answer);
    }

    /// What a person at the bank does.
    pub(super) fn by_hand(&mut self, hand: Hand) -> Option<()> {
        self.hands = self.hands.checked_sub(1)?;
        match hand {
            Hand::Takes => {
                self.captured += self.holding.take()?;
                self.captures += 1;
            }
            Hand::GivesUp => {
                self.holding.take()?;
                self.voided = true;
            }
            Hand::GivesBack => {
                let rest = self.captured - self.refunded;
                let part = if rest > FEE { FEE } else { rest };
                (part > 0).then_some(())?;
                self.refunded += part;
                self.refunds.insert(RefundId::Theirs(1), part);
            }
        }
        self.by_hand = true;
        Some(())
    }

    /// What is so at the bank and can be said of it.
    pub(super) fn news(&self, asked: Money) -> Vec<Notice> {
        let said = |news| Notice { hold: self.hold, news };
        let mut notices = Vec::new();
        if self.holds > 0 {
            notices.push(said(News::Authorised { amount: asked, until: None }));
        }
        if self.captured > 0 {
            notices.push(said(News::Captured { total: eur(self.captured) }));
        }
        if self.voided {
            notices.push(said(News::Cancelled));
        }
        if self.lapsed {
            notices.push(said(News::Expired));
        }
        notices.extend(self.refunds.iter().map(|(refund, amount)| {
            said(News::Refunded { refund: *refund, amount: eur(*amount) })
        }));
        notices
    }
}

/// What a person at the bank may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hand {
    Takes,
    GivesUp,
    GivesBack,
}
