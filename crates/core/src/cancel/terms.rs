//! The table of actor × phase.
//!
//! | | pending | underway | on the way | at the doorstep | ended |
//! |---|---|---|---|---|---|
//! | customer | free | once the promise is broken, or the search is flagged: free | once the promise is broken: free | no | no |
//! | restaurant | rejects, free | cannot make it, free | no | no | no |
//! | driver | no: drops the delivery instead ||||
//! | operations | yes, with a fee the customer agreed to | same | same | no: the food is there | no |
//! | platform | unanswered at the deadline | nobody found, or never picked up, at the deadline | no: it is lost instead | no | no |

use serde::{Deserialize, Serialize};

use crate::order::{Actor, Courier, Leg, OrderStatus, Phase, Search};
use crate::time::{Span, Timestamp};

/// On what ground an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The customer, before the restaurant answered.
    BeforeAcceptance,
    /// The customer, after the promised time.
    PromiseBroken,
    /// The customer, told that no driver was found so far.
    NoDriver,
    /// The restaurant did not take it.
    RestaurantRejected,
    /// The restaurant took it and cannot make it.
    RestaurantCannot,
    /// The restaurant did not answer in time.
    RestaurantSilent,
    /// The search for a driver ended without one.
    SearchExhausted,
    /// It was never picked up.
    NeverPickedUp,
    /// Operations decided so.
    Operations,
}

/// Why an order is not cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Never this actor: a driver drops a delivery, an order goes on.
    #[error("this party never cancels an order")]
    NeverThisActor,
    /// It is over.
    #[error("the order is over: {status:?}")]
    Ended {
        /// How it ended.
        status: OrderStatus,
    },
    /// The driver arrived first.
    #[error("the driver is at the doorstep")]
    AtDoorstep,
    /// The restaurant no longer has it.
    #[error("the order was picked up")]
    PickedUp,
    /// Not before this time.
    #[error("not before {from}")]
    NotYet {
        /// When it becomes possible, as things stand.
        from: Timestamp,
    },
    /// Only operations agree on a fee.
    #[error("only operations agree on a fee with the customer")]
    FeeNotYours,
}

/// May `actor` end an order that stands in `phase` and was promised for `promised`?
///
/// # Errors
/// [`Refusal`], in this precedence: the actor, the end, the doorstep, the pick-up, the time.
pub fn terms(
    actor: Actor,
    phase: &Phase,
    promised: Timestamp,
    now: Timestamp,
) -> Result<Ground, Refusal> {
    if let Actor::Driver(_) = actor {
        return Err(Refusal::NeverThisActor);
    }
    let from = |at: Timestamp, ground: Ground| {
        if now >= at { Ok(ground) } else { Err(Refusal::NotYet { from: at }) }
    };
    match (phase, actor) {
        (Phase::Delivered { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. }, _) => {
            Err(Refusal::Ended { status: phase.status() })
        }
        (Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. }, _) => Err(Refusal::AtDoorstep),

        (Phase::Pending { .. }, Actor::Customer) => Ok(Ground::BeforeAcceptance),
        (Phase::Underway { .. } | Phase::OnTheWay { .. }, Actor::Customer) => {
            let ground =
                if search_flagged(phase) { Ground::NoDriver } else { Ground::PromiseBroken };
            from(cancellable_from(phase, promised), ground)
        }

        (Phase::Pending { .. }, Actor::Restaurant) => Ok(Ground::RestaurantRejected),
        (Phase::Underway { .. }, Actor::Restaurant) => Ok(Ground::RestaurantCannot),
        (Phase::OnTheWay { .. }, Actor::Restaurant) => Err(Refusal::PickedUp),

        (
            Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. },
            Actor::Operations,
        ) => Ok(Ground::Operations),

        (Phase::Pending { respond_by }, Actor::Platform) => {
            from(*respond_by, Ground::RestaurantSilent)
        }
        (Phase::Underway { courier, pick_up_by, .. }, Actor::Platform) => match courier {
            Courier::Unassigned { give_up_at, .. } if give_up_at < pick_up_by => {
                from(*give_up_at, Ground::SearchExhausted)
            }
            Courier::Unassigned { .. }
            | Courier::Assigned { .. }
            | Courier::AtRestaurant { .. } => from(*pick_up_by, Ground::NeverPickedUp),
        },
        (Phase::OnTheWay { .. }, Actor::Platform) => Err(Refusal::PickedUp),

        (
            Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. },
            Actor::Driver(_),
        ) => Err(Refusal::NeverThisActor),
    }
}

/// From when on the customer's cancel button shows: [`Timestamp::EPOCH`] for at once,
/// [`Timestamp::NEVER`] for no longer. It shows *after* the promised millisecond, not in it.
///
/// This is the whole rule in one stamp: `now >= cancellable_from(phase, promised)` exactly when
/// [`terms`] lets the customer cancel.
#[must_use]
pub fn cancellable_from(phase: &Phase, promised: Timestamp) -> Timestamp {
    match phase {
        Phase::Pending { .. } => Timestamp::EPOCH,
        Phase::Underway { .. } if search_flagged(phase) => Timestamp::EPOCH,
        Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. }
        | Phase::Delivered { .. }
        | Phase::Undelivered { .. }
        | Phase::Cancelled { .. } => Timestamp::NEVER,
        Phase::Underway { .. }
        | Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. } => {
            promised.saturating_add(Span::from_millis(1))
        }
    }
}

const fn search_flagged(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Underway { courier: Courier::Unassigned { search: Search::Flagged, .. }, .. }
    )
}
