//! The crowd of a flash sale: people who claim, wait, leave, order.

use doorstep_core::catalog::{Cart, CartLine};
use doorstep_core::flash_sale::HoldId;
use doorstep_core::id::{CustomerId, ItemId, RestaurantId, SaleId};
use doorstep_core::shard::{Command, Offering, SaleAct, Shard, Wish};
use doorstep_core::time::Timestamp;

use super::around::place;

/// One sale after another, of the cake of restaurant 3.
#[derive(Default)]
pub(super) struct Sales(u32);

impl Sales {
    /// What somebody says next, by some draws: a percentage, a person, a hold.
    pub(super) fn speaks(
        &mut self,
        shard: &Shard,
        [percent, person, number]: [u64; 3],
        now: Timestamp,
    ) -> Option<Command> {
        let is_over = shard.sale(self.id()).is_none_or(|listed| listed.sale.is_over());
        if is_over {
            self.0 += 1;
            let (restaurant, item) = (RestaurantId::from(3), ItemId::from(8));
            let offering = Offering { restaurant, item, stock: 4, opens_at: now, crowd: None };
            return Some(self.says(SaleAct::Open(offering)));
        }
        let customer = CustomerId::from(u32::try_from(person).unwrap());
        let holds = shard.sale(self.id())?.sale.holds();
        let holds: Vec<(HoldId, CustomerId)> = holds.map(|(id, hold)| (id, hold.user)).collect();
        let some = holds.get(usize::try_from(number).unwrap() % holds.len().max(1)).copied();
        Some(self.says(match percent {
            0 => SaleAct::Close,
            1..40 => SaleAct::Claim { customer, nth: 1 },
            40..55 => SaleAct::Join { customer },
            55..60 => SaleAct::Leave { customer },
            60..70 => {
                let (hold, customer) = some?;
                SaleAct::Release { customer, hold }
            }
            _ => {
                let (hold, customer) = some?;
                SaleAct::Checkout { hold, wish: Box::new(wish(customer)) }
            }
        }))
    }

    fn id(&self) -> SaleId {
        SaleId::from(self.0)
    }

    fn says(&self, act: SaleAct) -> Command {
        Command::Sale { sale: self.id(), act }
    }
}

fn wish(customer: CustomerId) -> Wish {
    let line = CartLine { item: ItemId::from(8), quantity: 1, choices: vec![], unit_price: None };
    let cart = Cart { restaurant: RestaurantId::from(3), lines: vec![line] };
    Wish { customer, cart, drop_off: place(48.11), promised: None }
}
