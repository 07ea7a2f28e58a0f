//! One order, from the moment its money is held to its end.
//!
//! A plain state machine: [`Order::decide`] turns a [`Command`] at a time into [`Event`]s or a
//! [`Refusal`] and changes nothing; [`Order::evolve`] takes an event in and decides nothing. It
//! stands alone: a service with its own database locks a row, decides, evolves, and commits.
//! An empty list of events means that it is already so, and is a success.
//!
//! - [`Phase`]: where it stands, with what belongs there; [`OrderStatus`] is the flat projection.
//! - [`Command`], [`Event`], [`Refusal`]: what can be asked, what happened, why not.

mod command;
mod decide;
mod event;
mod evolve;
mod phase;
mod refusal;
#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

pub use command::{Command, DropReason, Shortage};
pub use event::{Event, Milestone};
pub use evolve::CorruptHistory;
pub use phase::{Actor, Courier, FailReason, Kitchen, Lane, Leg, OrderStatus, Phase, Search};
pub use refusal::Refusal;

use crate::cancel;
use crate::catalog::Line;
use crate::checkout::Intent;
use crate::id::OrderId;
use crate::payment::{Effect, Payment};
use crate::policy::Policy;
use crate::pricing::Quote;
use crate::time::Timestamp;

/// Milestones that an order remembers; beyond them the oldest but the first is forgotten here and
/// stays in the log.
pub const HISTORY_MAX: usize = 32;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    intent: Intent,
    phase: Phase,
    payment: Payment,
    history: Vec<Milestone>,
}

impl Order {
    /// The event with which an order begins, once its money is held. The restaurant may answer for
    /// as long as policy says, and not for longer than the money is held.
    #[must_use]
    pub fn placed(payment: &Payment, policy: &Policy, now: Timestamp) -> Event {
        let answer_by = now.saturating_add(policy.order.accept_within);
        let held_until = payment.next_deadline().unwrap_or(Timestamp::NEVER);
        Event::Placed { respond_by: answer_by.min(held_until) }
    }

    /// The order that [`Event::Placed`] makes of a held checkout.
    #[must_use]
    pub fn place(intent: Intent, payment: Payment, respond_by: Timestamp, at: Timestamp) -> Self {
        let placed = Milestone { status: OrderStatus::Pending, at, by: Actor::Customer };
        Self { intent, phase: Phase::Pending { respond_by }, payment, history: vec![placed] }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.intent.order
    }

    /// What was wanted, as it is now: lines and quote follow adjustments, the estimate moves.
    #[must_use]
    pub const fn intent(&self) -> &Intent {
        &self.intent
    }

    /// What it is, at the server's prices.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.intent.lines
    }

    /// What it costs.
    #[must_use]
    pub const fn quote(&self) -> &Quote {
        &self.intent.quote
    }

    /// When it was promised. It never moves.
    #[must_use]
    pub const fn promised(&self) -> Timestamp {
        self.intent.promised
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The flat public projection of its phase.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        self.phase.status()
    }

    /// Its money.
    #[must_use]
    pub const fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Its milestones, oldest first, at most [`HISTORY_MAX`].
    #[must_use]
    pub fn history(&self) -> &[Milestone] {
        &self.history
    }

    /// From when on the customer's cancel button shows; [`Timestamp::NEVER`] for no longer.
    #[must_use]
    pub fn cancellable_from(&self) -> Timestamp {
        cancel::cancellable_from(&self.phase, self.intent.promised)
    }

    /// When it must be looked at again ([`Command::Tick`]); `None` when nothing waits.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let deadlines = [self.phase.next_deadline(), self.payment.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// What the outside world must still do for it, as a step of its money with a key of its own.
    /// It stays until a [`Command::Reply`] to that key is recorded.
    pub fn pending_effects(&self) -> impl Iterator<Item = Effect> {
        self.payment.due().map(|due| Effect { order: self.id(), due }).into_iter()
    }

    /// Since when it is over, its money settled; `None` while anything may still happen.
    #[must_use]
    pub fn over_since(&self) -> Option<Timestamp> {
        self.phase.ended_at().filter(|_| self.payment.is_settled())
    }
}
