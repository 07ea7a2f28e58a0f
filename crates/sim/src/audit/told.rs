//! What the payment provider told unasked: each of its events counts once, and what it does to the
//! money is what it says.

use std::collections::BTreeMap;

use doorstep_core::id::OrderId;

use super::ledger::{Invariant, Ledger};
use super::wire::{Batch, Checkout, Event, Fact, News, Order, Payment, Provider};

/// The events that counted, by id, and where.
#[derive(Clone, Debug)]
pub(super) struct Told(BTreeMap<Box<str>, u64>);

impl Told {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Looks at what was told in a batch, and at what came of it there.
    pub(super) fn batch(&mut self, batch: &Batch<'_>, ledger: &mut Ledger) {
        let mut applied: Vec<&Provider> = Vec::new();
        for event in &batch.events {
            let Event::Provider(told) = event else { continue };
            let id = &*told.event.id;
            let before = self.0.get(id).copied();
            ledger.check(Invariant::ProviderOnce, before.is_none(), || {
                format!("the provider's {id} was heard at {} already", before.unwrap_or_default())
            });
            self.0.entry(id.into()).or_insert(ledger.position);
            if told.heard == "applied" {
                applied.push(told);
            }
        }
        for (order, news) in batch.events.iter().filter_map(noticed) {
            let says =
                |told: &&Provider| told.order() == Some(order) && fits(&told.event.says.fact, news);
            let source = applied.iter().position(says);
            ledger.check(Invariant::ProviderNews, source.is_some(), || {
                format!("{order}: {news:?}, and the provider told nothing of it")
            });
            source.map(|at| applied.remove(at));
        }
        ledger.check(Invariant::ProviderNews, applied.is_empty(), || {
            let ids: Vec<&str> = applied.iter().map(|told| &*told.event.id).collect();
            format!("{ids:?} were told, are said to be news, and changed nothing")
        });
    }
}

fn noticed(event: &Event) -> Option<(OrderId, &News)> {
    match event {
        Event::Checkout { order, event: Checkout::Payment(Payment::Noticed { news }) }
        | Event::Order { order, event: Order::Payment(Payment::Noticed { news }) } => {
            Some((*order, news))
        }
        Event::PolicySet(_)
        | Event::Catalog(_)
        | Event::Checkout { .. }
        | Event::Order { .. }
        | Event::Dispatch(_)
        | Event::Provider(_)
        | Event::SaleOpened { .. }
        | Event::Sale { .. }
        | Event::SaleCheckout { .. } => None,
    }
}

/// Whether a fact is told as this news.
const fn fits(fact: &Fact, news: &News) -> bool {
    match (fact, news) {
        (Fact::Held { amount }, News::Authorised { amount: told, .. })
        | (Fact::Captured { amount }, News::Captured { total: told })
        | (Fact::Refunded { amount }, News::Refunded { amount: told, .. })
        | (Fact::RefundFailed { amount }, News::RefundFailed { amount: told, .. }) => {
            amount.minor == told.minor
        }
        (Fact::Declined, News::Declined)
        | (Fact::Voided, News::Cancelled)
        | (Fact::Lapsed, News::Expired) => true,
        (
            Fact::Held { .. }
            | Fact::Declined
            | Fact::Captured { .. }
            | Fact::Voided
            | Fact::Lapsed
            | Fact::Refunded { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundedInAll { .. },
            News::Authorised { .. }
            | News::Declined
            | News::Captured { .. }
            | News::Cancelled
            | News::Expired
            | News::Refunded { .. }
            | News::RefundFailed { .. },
        ) => false,
    }
}
