//! What a provider says unasked: the normalised form of its webhooks.

use serde::{Deserialize, Serialize};

use super::decide::back_off;
use super::{Event, Funds, HoldRefused, Payment, Release, Step, at_most};
use crate::money::Money;
use crate::policy::PaymentPolicy;
use crate::time::Timestamp;

/// Refunds of one payment that are remembered by name.
pub const REFUNDS_MAX: usize = 64;

/// News of one payment at the provider, said unasked: the normalised form of its webhooks.
///
/// It was authorised, captured, cancelled, its hold expired, a refund of it went through or failed:
/// this is heard beside the
/// [replies](super::Reply) to our own calls, **in any order, any number of times**: each says what is
/// so from then on, never what was added, and the payment keeps the furthest that it has heard.
/// Amounts are cumulative, and a refund bears its own name. What is known only moves one way:
///
/// ```text
/// asked → refused → held → released (lapsed → voided) → captured, with its refunds: done → failed
/// ```
///
/// so that notices which were shuffled, lost and repeated leave the payment where they would have
/// left it in order, except for the numbers of attempts that were asked for meanwhile. Money
/// that was taken is never overlooked: a capture is heard after a cancellation or an expiry too, and
/// is given back where nothing is owed, or pays the debt that the expiry left. A refund that is heard
/// before its capture implies as much of it.
///
/// A notice is the provider's definitive word: it ends the due step whose fate it tells. The reply
/// to that step, when it comes, is old news.
///
/// ```
/// use doorstep_core::money::{Currency, Money};
/// use doorstep_core::payment::{News, Notice, Payment, Step};
/// use doorstep_core::policy::Policy;
/// use doorstep_core::time::Timestamp;
///
/// let eur = Currency::new("EUR").unwrap();
/// let (policy, now) = (Policy::new(eur).payment, Timestamp::from_secs(1_700_000_000));
/// let mut payment = Payment::new(Money::new(1_250, eur));
/// payment.owe(Money::zero(eur)); // the order was cancelled while the provider was asked
///
/// // The webhooks come in the wrong order, and one of them twice.
/// let captured = News::Captured { total: Money::new(1_250, eur) };
/// for news in [captured, News::Cancelled, captured] {
///     for event in payment.hear(&Notice { hold: 1, news }, &policy, now)? {
///         payment.evolve(&event)?;
///     }
/// }
/// assert_eq!(payment.due().unwrap().step, Step::Refund, "it was taken: it is given back");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Whose it is, is said beside it, as with a [`Reply`](super::Reply): the shard's command names the order.
/// The provider's payment is opened by a hold, whose [key](super::EffectKey) (`ord_…/hold/1`) an
/// adapter leaves with it (Stripe: `metadata`) and reads back from its events; a refund of ours bears
/// its own key (`ord_…/refund/1`) in the same way. [`EffectKey`](super::EffectKey) is read from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Which attempt at the hold opened the payment, from 1: each failed attempt may leave one behind
    /// of which events still come.
    pub hold: u32,
    /// What is so.
    pub news: News,
}

/// What is so at the provider, with the Stripe events that say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum News {
    /// The amount is held (`payment_intent.amount_capturable_updated`).
    Authorised {
        /// How much: what was asked for, no more and no less.
        amount: Money,
        /// When the hold lapses (`capture_before`), where the provider says so. Of several times the
        /// latest stands.
        until: Option<Timestamp>,
    },
    /// The customer's bank said no (`payment_intent.payment_failed`).
    Declined,
    /// So much was taken (`payment_intent.succeeded`, `charge.captured`).
    Captured {
        /// All told (`amount_received`), at least one minor unit.
        total: Money,
    },
    /// The hold was given up, by us or by a person at the provider (`payment_intent.canceled`).
    Cancelled,
    /// The hold lapsed (`charge.expired`; `payment_intent.canceled` with the reason `automatic` or
    /// `expired`).
    Expired,
    /// A refund went through (`refund.created`, `refund.updated` with the status `succeeded`).
    Refunded {
        /// Which.
        refund: RefundId,
        /// Of how much.
        amount: Money,
    },
    /// A refund came to nothing, be it after it was said to have gone through (`refund.failed`,
    /// `refund.updated` with the status `failed` or `canceled`).
    RefundFailed {
        /// Which.
        refund: RefundId,
        /// Of how much.
        amount: Money,
    },
}

/// Names one refund of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundId {
    /// Ours: the attempt in its key.
    Ours(u32),
    /// Made by a person at the provider: any number that follows from its id there, always the same
    /// (a digest of `re_…`).
    Theirs(u64),
}

/// Why a notice is not believed. Nothing has changed; a webhook is acknowledged all the same, and
/// somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Money moved for an attempt at the hold that is not the last one: the provider said of it that
    /// it had failed, or it was never made.
    #[error("money moved for attempt {hold} at the hold; the last one is {last}")]
    AnotherHold {
        /// The attempt that it speaks of.
        hold: u32,
        /// The last one that was made.
        last: u32,
    },
    /// A refund bears the key of an attempt that was never made.
    #[error("there was no attempt {attempt} at a refund; the last one is {last}")]
    NoSuchRefund {
        /// The attempt that it speaks of.
        attempt: u32,
        /// The last one that was made.
        last: u32,
    },
    /// The amount is not one that this payment can have.
    #[error("the amount is not from {least} to {most}")]
    Amount {
        /// The least.
        least: Money,
        /// The most.
        most: Money,
    },
    /// More refunds than a payment remembers by name.
    #[error("a payment remembers {REFUNDS_MAX} refunds by name, and this is one more")]
    TooManyRefunds,
}

/// A refund that was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refund {
    pub(super) id: RefundId,
    pub(super) amount: Money,
    pub(super) failed: bool,
}

impl Payment {
    /// What a notice means. Empty: it is no news.
    ///
    /// # Errors
    /// [`Refusal`], the first that fits in its order.
    pub fn hear(
        &self,
        notice: &Notice,
        policy: &PaymentPolicy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Notice { hold, mut news } = *notice;
        let last = self.last(Step::Hold);
        if hold != last {
            return match news {
                News::Declined | News::Cancelled | News::Expired => Ok(Vec::new()),
                News::Authorised { .. }
                | News::Captured { .. }
                | News::Refunded { .. }
                | News::RefundFailed { .. } => Err(Refusal::AnotherHold { hold, last }),
            };
        }
        self.check(&news)?;
        if let News::Authorised { until: until @ None, .. } = &mut news {
            *until = match self.funds {
                Funds::Held { until, .. } => Some(until),
                Funds::Asked
                | Funds::Refused { .. }
                | Funds::Captured { .. }
                | Funds::Released { .. } => Some(now.saturating_add(policy.hold_lasts)),
            };
        }
        if self.knowing(&news).is_none() {
            return Ok(Vec::new());
        }
        let retry_at = match news {
            News::RefundFailed { refund: RefundId::Ours(attempt), .. } => {
                Some(now.saturating_add(back_off(policy, attempt)))
            }
            News::RefundFailed { refund: RefundId::Theirs(_), .. }
            | News::Authorised { .. }
            | News::Declined
            | News::Captured { .. }
            | News::Cancelled
            | News::Expired
            | News::Refunded { .. } => None,
        };
        Ok(vec![Event::Noticed { news, retry_at }])
    }

    /// Whether this payment can have such amounts and refunds.
    pub(super) fn check(&self, news: &News) -> Result<(), Refusal> {
        let one = Money::new(1, self.asked.currency());
        let within = |amount: Money, least: Money, most: Money| {
            if at_most(amount, most) && amount.minor() >= least.minor() {
                Ok(())
            } else {
                Err(Refusal::Amount { least, most })
            }
        };
        match *news {
            News::Authorised { amount, .. } => within(amount, self.asked, self.asked),
            News::Captured { total } => within(total, one, self.asked),
            News::Refunded { refund, amount } | News::RefundFailed { refund, amount } => {
                if let RefundId::Ours(attempt) = refund {
                    let last = self.last(Step::Refund);
                    if !(1..=last).contains(&attempt) {
                        return Err(Refusal::NoSuchRefund { attempt, last });
                    }
                }
                let known = self.refund(refund);
                let (_, refunded) = self.taken();
                let gives_back = matches!(news, News::Refunded { .. }) && known.is_none();
                let most = if gives_back {
                    self.asked.checked_sub(refunded).unwrap_or(refunded)
                } else {
                    self.asked
                };
                within(amount, one, most)?;
                if known.is_none() && self.refunds.len() >= REFUNDS_MAX {
                    return Err(Refusal::TooManyRefunds);
                }
                Ok(())
            }
            News::Declined | News::Cancelled | News::Expired => Ok(()),
        }
    }

    /// The funds once `news` is known, and the refund that it told of; `None` if it is no news.
    /// Only a damaged log names an amount here that does not pass [`check`](Self::check).
    pub(super) fn knowing(&self, news: &News) -> Option<(Funds, Option<Refund>)> {
        let (taken, refunded) = self.taken();
        let funds = match (*news, self.funds) {
            (News::Authorised { until: Some(until), .. }, Funds::Asked | Funds::Refused { .. }) => {
                Funds::Held { amount: self.asked, until }
            }
            (News::Authorised { until: Some(until), .. }, Funds::Held { amount, until: known })
                if until > known =>
            {
                Funds::Held { amount, until }
            }
            (News::Declined, Funds::Asked) => Funds::Refused { why: HoldRefused::Declined },
            (
                News::Cancelled,
                Funds::Asked
                | Funds::Refused { .. }
                | Funds::Held { .. }
                | Funds::Released { why: Release::Lapsed },
            ) => Funds::Released { why: Release::Voided },
            (News::Expired, Funds::Asked | Funds::Refused { .. } | Funds::Held { .. }) => {
                Funds::Released { why: Release::Lapsed }
            }
            (News::Captured { total }, _) if total.minor() > taken.minor() => {
                Funds::Captured { amount: total, refunded }
            }
            (News::Refunded { refund: id, amount }, _) if self.refund(id).is_none() => {
                let refunded = refunded.checked_add(amount).ok()?;
                let funds = Funds::Captured { amount: larger(taken, refunded), refunded };
                return Some((funds, Some(Refund { id, amount, failed: false })));
            }
            (News::RefundFailed { refund: id, amount }, _) => {
                let refunded = match self.refund(id) {
                    Some(Refund { failed: true, .. }) => return None,
                    Some(Refund { amount, .. }) => refunded.checked_sub(amount).ok()?,
                    None => refunded,
                };
                let funds = Funds::Captured { amount: larger(taken, amount), refunded };
                return Some((funds, Some(Refund { id, amount, failed: true })));
            }
            (
                News::Authorised { .. }
                | News::Declined
                | News::Captured { .. }
                | News::Cancelled
                | News::Expired
                | News::Refunded { .. },
                _,
            ) => return None,
        };
        Some((funds, None))
    }

    /// Whether `news`, now known, tells what became of the step that is due, or that it can no longer
    /// be done. A refund by another hand does so where nothing is over any more, or less than ours
    /// would give back; where both fit, ours may have been done and stays due.
    pub(super) fn tells_of_due(&self, news: &News) -> bool {
        let Some(due) = self.due else { return false };
        match due.step {
            Step::Hold => self.funds != Funds::Asked,
            Step::Capture | Step::Void => {
                matches!(self.funds, Funds::Captured { .. } | Funds::Released { .. })
            }
            Step::Refund => {
                let ours = match *news {
                    News::Refunded { refund, .. } | News::RefundFailed { refund, .. } => {
                        refund == RefundId::Ours(due.attempt)
                    }
                    News::Authorised { .. }
                    | News::Declined
                    | News::Captured { .. }
                    | News::Cancelled
                    | News::Expired => false,
                };
                let paid = self.paid();
                let over = self.owed.is_some_and(|owed| paid.minor() > owed.minor());
                ours || !over || due.amount.minor() > paid.minor()
            }
        }
    }

    /// Writes a refund into the list, which is kept in the order of their names.
    pub(super) fn remember(&mut self, refund: Refund) {
        match self.refunds.binary_search_by_key(&refund.id, |known| known.id) {
            Ok(at) => {
                if let Some(known) = self.refunds.get_mut(at) {
                    *known = refund;
                }
            }
            Err(at) if self.refunds.len() < REFUNDS_MAX => self.refunds.insert(at, refund),
            Err(_) => {}
        }
    }

    fn refund(&self, id: RefundId) -> Option<Refund> {
        let at = self.refunds.binary_search_by_key(&id, |known| known.id).ok()?;
        self.refunds.get(at).copied()
    }

    /// The last attempt at the hold that was made or is due: what news is about that names none.
    #[must_use]
    pub fn hold_attempt(&self) -> u32 {
        self.last(Step::Hold)
    }

    /// The last attempt at a step that was made or is due.
    fn last(&self, step: Step) -> u32 {
        match self.due {
            Some(due) if due.step == step => due.attempt,
            Some(_) | None => self.ended.count(step),
        }
    }

    /// Captured, and given back of it.
    fn taken(&self) -> (Money, Money) {
        let zero = Money::zero(self.asked.currency());
        match self.funds {
            Funds::Captured { amount, refunded } => (amount, refunded),
            Funds::Asked | Funds::Refused { .. } | Funds::Held { .. } | Funds::Released { .. } => {
                (zero, zero)
            }
        }
    }
}

fn larger(one: Money, other: Money) -> Money {
    if other.minor() > one.minor() { other } else { one }
}
