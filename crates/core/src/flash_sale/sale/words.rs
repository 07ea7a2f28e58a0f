//! What is asked of a sale, what happens, and what is answered.

use serde::{Deserialize, Serialize};

use super::Place;
use super::waiting_room;
use crate::time::Timestamp;

/// Names a hold of a sale, for ever: numbers rise and are never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct HoldId(pub u64);

/// A unit that is not available.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold<U> {
    /// Whose.
    pub user: U,
    /// Which of the person's units, from 1.
    pub nth: u32,
    /// How far it has come.
    pub state: HoldState,
}

/// How far a hold has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Waiting to be paid.
    Reserved {
        /// Good before this time.
        until: Timestamp,
    },
    /// Being paid; whoever said so watches the deadline.
    Paying,
    /// Paid. It never comes back.
    Sold,
}

impl HoldState {
    /// When it ends by itself, if it does.
    #[must_use]
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Reserved { until } => Some(until),
            Self::Paying | Self::Sold => None,
        }
    }
}

/// What can be asked of a sale. Whether somebody may speak for `user` was checked at the door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command<U> {
    /// Somebody wants a unit.
    Claim {
        /// Who.
        user: U,
        /// Which of the person's units, from 1: what tells a retry from a further claim.
        nth: u32,
    },
    /// A hold is being paid for; its own deadline does not count any more.
    StartPayment {
        /// Whose.
        user: U,
        /// Which.
        hold: HoldId,
    },
    /// The money for a hold has arrived.
    Pay {
        /// Whose.
        user: U,
        /// For which hold.
        hold: HoldId,
    },
    /// A hold is not wanted any more, or its payment failed.
    Release {
        /// Whose.
        user: U,
        /// Which.
        hold: HoldId,
    },
    /// Somebody wants to wait.
    Join {
        /// Who.
        user: U,
    },
    /// Somebody does not want to wait any more.
    Leave {
        /// Who.
        user: U,
    },
    /// Nobody gets anything any more; what is held may still be paid.
    Close,
    /// Time passed: some of what is due is dealt with, holds first. Harmless at any moment.
    Tick,
}

/// What happened in a sale.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event<U> {
    /// Somebody got a unit to pay for; whoever waited for it waits no more.
    Held {
        /// The hold.
        hold: HoldId,
        /// Whose.
        user: U,
        /// Which of the person's units.
        nth: u32,
        /// Good before this time.
        until: Timestamp,
    },
    /// It is being paid for.
    PaymentStarted {
        /// Which.
        hold: HoldId,
    },
    /// It was paid.
    Sold {
        /// Which.
        hold: HoldId,
    },
    /// It was paid after it had ended, and a unit was free.
    SoldLate {
        /// The hold that was paid for; it lives again.
        hold: HoldId,
        /// Whose.
        user: U,
        /// Which of the person's units it is now.
        nth: u32,
    },
    /// It was paid after it had ended, and the money is to go back.
    RefundDue {
        /// Which.
        hold: HoldId,
        /// Whose.
        user: U,
    },
    /// It was given back.
    Released {
        /// Which.
        hold: HoldId,
    },
    /// Its deadline came.
    Expired {
        /// Which.
        hold: HoldId,
    },
    /// No more claims; everybody who waited was sent home.
    Closed,
    /// Something happened in the waiting room.
    Room(waiting_room::Event<U>),
}

/// What a sale makes of a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decided<U> {
    /// What happens. Empty: it was so already, and the answer is the first one's.
    pub events: Vec<Event<U>>,
    /// What the caller is told.
    pub answer: Answer,
}

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A unit is held.
    Held {
        /// The hold.
        hold: HoldId,
        /// Good before this time.
        until: Timestamp,
    },
    /// It is being paid for.
    Paying {
        /// The hold.
        hold: HoldId,
    },
    /// It is bought.
    Sold {
        /// The hold.
        hold: HoldId,
    },
    /// Nothing yet; the person waits.
    Waiting {
        /// Behind so many.
        ahead: u64,
    },
    /// Let in already.
    Admitted {
        /// The pass is good before this time: claim until then.
        until: Timestamp,
    },
    /// The hold had ended and the unit is somebody else's: the money goes back.
    RefundDue {
        /// The hold that was paid for.
        hold: HoldId,
    },
    /// It is so.
    Done,
}

/// Why a sale does not do what was asked. A claim is refused for the first that applies, in this
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Refusal {
    /// A person may have so many units, and this is none of them.
    #[error("a person may have {limit} units")]
    OverLimit {
        /// How many.
        limit: u32,
    },
    /// Every unit is sold, for good.
    #[error("sold out")]
    SoldOut,
    /// The sale has been closed.
    #[error("the sale is closed")]
    Closed,
    /// The sale has not begun.
    #[error("the sale opens at {opens_at}")]
    NotOpen {
        /// When it does.
        opens_at: Timestamp,
    },
    /// People come in by rate, and this one has no pass: join, or come back with one.
    #[error("not let in yet")]
    NotAdmitted,
    /// Every unit is sold or held; a held one may come back. Join, to be called when it does.
    #[error("every unit is held")]
    AllHeld {
        /// When the next hold ends at the latest, if a deadline is known.
        next: Option<Timestamp>,
    },
    /// There is something to claim: nobody waits for that.
    #[error("there is a unit to claim: no need to wait")]
    NoNeedToWait,
    /// As many people wait as may.
    #[error("{most} people wait already")]
    RoomFull {
        /// How many those are.
        most: u32,
    },
    /// There never was such a hold.
    #[error("there is no such hold")]
    NoSuchHold,
    /// The hold is somebody else's.
    #[error("the hold is somebody else's")]
    NotYours,
    /// What is sold is not released.
    #[error("the unit is sold")]
    AlreadySold,
    /// The hold has ended: claim again.
    #[error("the hold has ended")]
    HoldEnded,
    /// As many late payments are remembered as may be. The payment is not recorded: let the provider
    /// deliver it again, and have somebody look.
    #[error("{most} late payments are remembered already")]
    RefundsFull {
        /// How many those are.
        most: u32,
    },
}

/// Where somebody stands in a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Has a unit.
    Has {
        /// The hold.
        hold: HoldId,
        /// How far it has come.
        state: HoldState,
    },
    /// Waits, or has a pass.
    Waits(Place),
    /// Neither, and nothing is left.
    SoldOut,
    /// Neither.
    Outside,
}
