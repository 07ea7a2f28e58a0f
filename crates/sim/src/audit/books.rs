//! The end of the day: what every order came to, against the provider's own book.

use std::collections::BTreeMap;

use doorstep_core::id::OrderId;

use super::case::{Case, Stage};
use super::facts::{BookEntry, End};
use super::ledger::{Invariant, Ledger};

/// Closes the books: the provider's `book` against what the log says of each order.
pub(super) fn close(
    cases: &BTreeMap<OrderId, Case>,
    book: impl IntoIterator<Item = BookEntry>,
    ledger: &mut Ledger,
) {
    let mut entries = BTreeMap::new();
    for entry in book {
        let order = entry.order;
        let first = entries.insert(order, entry).is_none();
        ledger.check(Invariant::BookOnce, first, || format!("{order} stands in the book twice"));
    }
    for (id, case) in cases {
        ended(*id, case, ledger);
        settled(*id, case, ledger);
        matches_book(*id, case, entries.remove(id).as_ref(), ledger);
    }
    for (order, entry) in entries {
        ledger.check(Invariant::BookMatches, entry.holds == 0, || {
            format!("the book holds money for {order}, of which the log knows nothing")
        });
    }
}

fn ended(id: OrderId, case: &Case, ledger: &mut Ledger) {
    let over = match case.stage {
        Stage::Closed => true,
        Stage::Ended => case.facts.end.is_some(),
        Stage::Asked
        | Stage::Held
        | Stage::Pending { .. }
        | Stage::Underway { .. }
        | Stage::OnTheWay { .. } => false,
    };
    ledger.check(Invariant::EverythingEnds, over, || {
        format!("{id} never ended; it is {:?}", case.stage)
    });
}

/// By the log alone: who owes has paid, or the hold had lapsed; who does not, has not.
fn settled(id: OrderId, case: &Case, ledger: &mut Ledger) {
    let purse = &case.purse;
    let paid = purse.paid();
    let Some((_, end)) = case.facts.end else {
        // What is not over has been reported; a checkout without an order keeps no money.
        if case.stage == Stage::Closed {
            let free = paid == 0 && !purse.is_open();
            ledger.check(Invariant::HoldVoided, free, || {
                format!("{id} never became an order, and its hold was not voided")
            });
        }
        return;
    };
    let owed = match end {
        End::Delivered => purse.total,
        End::Undelivered(why) if why.customer_pays() => purse.total,
        End::Undelivered(_) => 0,
        End::Cancelled(_) => purse.fee,
    };
    if let End::Cancelled(_) = end {
        ledger.check(Invariant::CancelledNotCharged, paid <= owed, || {
            format!("{id} is cancelled and costs {owed}; {paid} was kept")
        });
    } else {
        ledger.check(Invariant::OwedIsPaid, paid <= owed, || {
            format!("{id} costs {owed}; {paid} was kept")
        });
    }
    // What others gave back, or made impossible to take, is a debt like that of a lapsed hold.
    let debt = purse.lapsed || purse.given_up || paid.saturating_add(purse.by_others) >= owed;
    ledger.check(Invariant::OwedIsPaid, paid >= owed || debt, || {
        format!("{id} costs {owed}; {paid} was paid, and the hold did not lapse")
    });
    ledger.check(Invariant::HoldVoided, owed > 0 || !purse.is_open(), || {
        format!("{id} costs nothing, and its hold is still open")
    });
}

/// What the provider says it did is what the log says it did.
fn matches_book(id: OrderId, case: &Case, entry: Option<&BookEntry>, ledger: &mut Ledger) {
    let purse = &case.purse;
    let nothing = BookEntry {
        order: id,
        held_minor: 0,
        captured_minor: 0,
        refunded_minor: 0,
        voided: false,
        holds: 0,
        captures: 0,
    };
    let entry = entry.unwrap_or(&nothing);
    ledger.check(Invariant::BookOnce, entry.holds <= 1 && entry.captures <= 1, || {
        format!("{id} has {} holds and {} captures in the book", entry.holds, entry.captures)
    });
    let held = if purse.holds > 0 { purse.asked } else { 0 };
    let booked = if entry.holds > 0 { entry.held_minor } else { 0 };
    let says = [
        ("held", booked, held),
        ("captured", entry.captured_minor, purse.captured),
        ("refunded", entry.refunded_minor, purse.refunded),
    ];
    for (what, booked, logged) in says {
        ledger.check(Invariant::BookMatches, booked == logged, || {
            format!("{id}: {what} {booked} by the book, {logged} by the log")
        });
    }
    // A hold may lapse without the provider saying so; what it voided, it voided at our word.
    let voided = entry.voided == purse.voided || purse.lapsed;
    ledger.check(Invariant::BookMatches, voided, || {
        format!("{id}: voided {} by the book, {} by the log", entry.voided, purse.voided)
    });
}
