//! Flash sales, for twenty thousand people who want to know where they stand.

use std::collections::BTreeMap;

use doorstep_core::flash_sale::Sale;
use doorstep_core::id::{CustomerId, ItemId, RestaurantId, SaleId};
use doorstep_core::shard::{Event, Shard};
use doorstep_core::time::Timestamp;
use parking_lot::RwLock;

/// A sale as the counted state had it last.
#[derive(Clone, Debug)]
pub struct ShownSale {
    /// Whose item.
    pub restaurant: RestaurantId,
    /// Which.
    pub item: ItemId,
    /// Who has what of it, and who waits.
    pub sale: Sale<CustomerId>,
    /// When something last happened in it.
    pub as_of: Timestamp,
}

/// Bounded as the shard's sales are (`sale.sales_max` of policy, and those that are forgotten late).
#[derive(Debug, Default)]
pub(super) struct Sales(RwLock<BTreeMap<SaleId, ShownSale>>);

impl Sales {
    pub(super) fn of(shard: &Shard) -> Self {
        let as_of = shard.last_at();
        let shown = shard.sales().map(|(id, listed)| {
            let (restaurant, item) = (listed.restaurant, listed.item);
            (id, ShownSale { restaurant, item, sale: listed.sale.clone(), as_of })
        });
        Self(RwLock::new(shown.collect()))
    }

    pub(super) fn look<T>(&self, id: SaleId, look: impl FnOnce(&ShownSale) -> T) -> Option<T> {
        self.0.read().get(&id).map(look)
    }

    pub(super) fn follow(&self, event: &Event, at: Timestamp) {
        match event {
            Event::SaleOpened { sale, restaurant, item, rules } => {
                let (restaurant, item) = (*restaurant, *item);
                let opened = Sale::new((**rules).clone());
                let shown = ShownSale { restaurant, item, sale: opened, as_of: at };
                self.0.write().insert(*sale, shown);
            }
            Event::Sale { sale, event } => {
                if let Some(shown) = self.0.write().get_mut(sale) {
                    // It counted: the shard has evolved by it.
                    let _sound = shown.sale.evolve(event, at);
                    shown.as_of = at;
                }
            }
            Event::PolicySet(_)
            | Event::Catalog(_)
            | Event::Checkout { .. }
            | Event::Order { .. }
            | Event::Dispatch(_)
            | Event::Provider { .. }
            | Event::SaleCheckout { .. } => {}
        }
    }

    pub(super) fn retain(&self, shard: &Shard) {
        self.0.write().retain(|id, _| shard.sale(*id).is_some());
    }
}
