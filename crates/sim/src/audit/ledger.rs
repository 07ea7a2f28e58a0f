//! The invariants, how often each was checked, and what was found.

use core::fmt;

/// Violations that are kept; beyond them they are only counted.
pub(super) const KEPT_MAX: usize = 1_000;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The last entry that was read when it was found.
    pub position: u64,
    /// Which invariant.
    pub invariant: &'static str,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}: {}", self.position, self.invariant, self.what)
    }
}

/// What must always be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invariant {
    /// Every entry can be read.
    Readable,
    /// Nobody writes under an epoch but who claimed it.
    OneWriterPerEpoch,
    /// One sequence number, one content; no gap is left for good.
    Sequence,
    /// The times of the batches never go back.
    Time,
    /// A command takes effect once.
    CauseOnce,
    /// A batch has an outcome exactly when it has a cause, and the events that the outcome says.
    Outcome,
    /// What a caller was told is in the log, the same.
    Answered,
    /// An order exists when its money is held, from the same batch on.
    PlacedWhenHeld,
    /// Milestones come in a legal order.
    Milestones,
    /// An order ends once.
    OneEnd,
    /// After the end nothing happens but money.
    NothingAfterEnd,
    /// Of a cancel and an arrival exactly one wins.
    CancelOrArrival,
    /// A customer cancels before acceptance, when the search is flagged, or after the promise.
    CustomerCancel,
    /// Everybody else cancels where they may, on a ground of theirs.
    CancelTerms,
    /// What the platform does because time has passed, it does when it has.
    Deadlines,
    /// An order has one driver at most, and its delivery names the same.
    OneDriverPerOrder,
    /// A driver never carries more than policy allows.
    Capacity,
    /// A driver thinks about one offer at a time.
    OneOfferPerDriver,
    /// A delivery is taken on an open offer, before it expires.
    AcceptInTime,
    /// Drivers come and go empty-handed, and only who is on duty is asked.
    Roster,
    /// A delivery's orders are accepted, in one delivery at a time, and leave it as they ended.
    Deliveries,
    /// One successful hold an order.
    HeldOnce,
    /// One successful capture an order, out of a hold.
    CapturedOnce,
    /// Money is taken only after acceptance, or as an agreed fee.
    CapturedAfterAcceptance,
    /// Refunded ≤ captured ≤ held.
    MoneyBounds,
    /// Attempts at a step count up, one by one.
    Attempts,
    /// An event of the provider counts once.
    ProviderOnce,
    /// What the provider's event does to the money stands beside it, and says the same.
    ProviderNews,
    /// What the provider tells is news: what is known moves one way, and a refund counts once.
    NoticedOnce,
    /// No more units of a sale are held and sold than there are.
    SaleStock,
    /// A person has as many units of a sale as its rules allow, one a slot.
    SaleLimit,
    /// A hold ends once: sold, released or expired, and its number is not used again.
    HoldEndsOnce,
    /// A sale is opened and closed once, and gives units out in between.
    SaleTerms,
    /// No unit of a sale lies idle while somebody waits for one.
    SaleLine,
    /// A unit is sold when the order that carries it is placed, and given back when there is none.
    SaleOrders,
    /// In the end, no unit of a sale is lost: it is sold, or can be had.
    SaleEnds,
    /// In the end, every order has ended, and every checkout is closed.
    EverythingEnds,
    /// In the end, nobody carries or is offered anything.
    NobodyHolds,
    /// The provider's book says what the log says.
    BookMatches,
    /// The provider's book has one hold and one capture an order at most.
    BookOnce,
    /// In the end, no money is kept for a cancelled order beyond its fee.
    CancelledNotCharged,
    /// In the end, what is owed is paid, or the hold had lapsed and it is a debt.
    OwedIsPaid,
    /// In the end, a hold that no order uses is voided.
    HoldVoided,
}

impl Invariant {
    const ALL: [Self; 43] = [
        Self::Readable,
        Self::OneWriterPerEpoch,
        Self::Sequence,
        Self::Time,
        Self::CauseOnce,
        Self::Outcome,
        Self::Answered,
        Self::PlacedWhenHeld,
        Self::Milestones,
        Self::OneEnd,
        Self::NothingAfterEnd,
        Self::CancelOrArrival,
        Self::CustomerCancel,
        Self::CancelTerms,
        Self::Deadlines,
        Self::OneDriverPerOrder,
        Self::Capacity,
        Self::OneOfferPerDriver,
        Self::AcceptInTime,
        Self::Roster,
        Self::Deliveries,
        Self::HeldOnce,
        Self::CapturedOnce,
        Self::CapturedAfterAcceptance,
        Self::MoneyBounds,
        Self::Attempts,
        Self::ProviderOnce,
        Self::ProviderNews,
        Self::NoticedOnce,
        Self::SaleStock,
        Self::SaleLimit,
        Self::HoldEndsOnce,
        Self::SaleTerms,
        Self::SaleLine,
        Self::SaleOrders,
        Self::SaleEnds,
        Self::EverythingEnds,
        Self::NobodyHolds,
        Self::BookMatches,
        Self::BookOnce,
        Self::CancelledNotCharged,
        Self::OwedIsPaid,
        Self::HoldVoided,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::OneWriterPerEpoch => "one_writer_per_epoch",
            Self::Sequence => "sequence",
            Self::Time => "time",
            Self::CauseOnce => "cause_once",
            Self::Outcome => "outcome",
            Self::Answered => "answered",
            Self::PlacedWhenHeld => "placed_when_held",
            Self::Milestones => "milestones",
            Self::OneEnd => "one_end",
            Self::NothingAfterEnd => "nothing_after_end",
            Self::CancelOrArrival => "cancel_or_arrival",
            Self::CustomerCancel => "customer_cancel",
            Self::CancelTerms => "cancel_terms",
            Self::Deadlines => "deadlines",
            Self::OneDriverPerOrder => "one_driver_per_order",
            Self::Capacity => "capacity",
            Self::OneOfferPerDriver => "one_offer_per_driver",
            Self::AcceptInTime => "accept_in_time",
            Self::Roster => "roster",
            Self::Deliveries => "deliveries",
            Self::HeldOnce => "held_once",
            Self::CapturedOnce => "captured_once",
            Self::CapturedAfterAcceptance => "captured_after_acceptance",
            Self::MoneyBounds => "money_bounds",
            Self::Attempts => "attempts",
            Self::ProviderOnce => "provider_once",
            Self::ProviderNews => "provider_news",
            Self::NoticedOnce => "noticed_once",
            Self::SaleStock => "sale_stock",
            Self::SaleLimit => "sale_limit",
            Self::HoldEndsOnce => "hold_ends_once",
            Self::SaleTerms => "sale_terms",
            Self::SaleLine => "sale_line",
            Self::SaleOrders => "sale_orders",
            Self::SaleEnds => "sale_ends",
            Self::EverythingEnds => "everything_ends",
            Self::NobodyHolds => "nobody_holds",
            Self::BookMatches => "book_matches",
            Self::BookOnce => "book_once",
            Self::CancelledNotCharged => "cancelled_not_charged",
            Self::OwedIsPaid => "owed_is_paid",
            Self::HoldVoided => "hold_voided",
        }
    }
}

/// Checks counted, violations kept.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// The last entry read.
    pub(super) position: u64,
    counts: [u64; Invariant::ALL.len()],
    kept: Vec<Violation>,
    count: u64,
}

impl Ledger {
    pub(super) const fn new() -> Self {
        Self { position: 0, counts: [0; Invariant::ALL.len()], kept: Vec::new(), count: 0 }
    }

    /// Counts a check of `invariant`; unless `holds`, `what` was found. Gives `holds` back.
    pub(super) fn check(
        &mut self,
        invariant: Invariant,
        holds: bool,
        what: impl FnOnce() -> String,
    ) -> bool {
        if let Some(count) = self.counts.get_mut(invariant as usize) {
            *count = count.saturating_add(1);
        }
        if !holds {
            self.count = self.count.saturating_add(1);
            if self.kept.len() < KEPT_MAX {
                let (position, invariant) = (self.position, invariant.name());
                self.kept.push(Violation { position, invariant, what: what() });
            }
        }
        holds
    }

    pub(super) fn kept(&self) -> &[Violation] {
        &self.kept
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn checks(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Invariant::ALL.iter().zip(self.counts).map(|(invariant, count)| (invariant.name(), count))
    }
}
