//! What may be wished of a flash sale, and what is always so of one.

use proptest::prelude::*;

use super::super::*;
use super::city::*;
use crate::checkout::State;
use crate::flash_sale::HoldId;
use crate::flash_sale::sale::HoldState;
use crate::id::{CustomerId, ItemId, SaleId};
use crate::time::Span;

/// A wish about one of two sales, of the same item: one at a time can be open.
#[derive(Clone, Copy, Debug)]
pub(super) struct SaleWish {
    act: Act,
    second: bool,
    customer: u32,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// So many units, from so many seconds on.
    Open(u32, u64),
    Close,
    Claim,
    Release,
    Checkout,
    Join,
    Leave,
}

pub(super) fn sale_wish() -> impl Strategy<Value = SaleWish> {
    let act = prop_oneof![
        4 => (1..4_u32, prop_oneof![3 => Just(0_u64), 1 => Just(30)])
            .prop_map(|(stock, later)| Act::Open(stock, later)),
        1 => Just(Act::Close),
        6 => Just(Act::Claim),
        2 => Just(Act::Release),
        5 => Just(Act::Checkout),
        3 => Just(Act::Join),
        1 => Just(Act::Leave),
    ];
    (act, prop_oneof![4 => Just(false), 1 => Just(true)], 0..5_u32)
        .prop_map(|(act, second, customer)| SaleWish { act, second, customer })
}

impl SaleWish {
    /// The command, about the nth hold of the sale where it is about one.
    pub(super) fn command(self, city: &City, nth: usize) -> Option<Command> {
        let sale = SaleId::from(u32::from(self.second));
        let customer = CustomerId::from(self.customer);
        let listed = city.shard.sale(sale);
        let holds = listed.into_iter().flat_map(|listed| listed.sale.holds());
        let holds: Vec<(HoldId, CustomerId)> = holds.map(|(id, hold)| (id, hold.user)).collect();
        let some = || holds.get(nth.checked_rem(holds.len())?).copied();
        let act = match self.act {
            Act::Open(stock, later) => SaleAct::Open(Offering {
                restaurant: shelf(),
                item: ItemId::from(2),
                stock,
                opens_at: city.now.saturating_add(Span::from_secs(later)),
                crowd: None,
            }),
            Act::Close => SaleAct::Close,
            Act::Claim => SaleAct::Claim { customer, nth: 1 },
            Act::Release => {
                let (hold, owner) = some()?;
                // Sometimes somebody else's.
                let customer = if nth.is_multiple_of(7) { customer } else { owner };
                SaleAct::Release { customer, hold }
            }
            Act::Checkout => {
                let (hold, owner) = some()?;
                let owner = u32::try_from(owner.get()).ok()?;
                let by = if nth.is_multiple_of(7) { self.customer } else { owner };
                SaleAct::Checkout { hold, wish: Box::new(wish(by, shelf())) }
            }
            Act::Join => SaleAct::Join { customer },
            Act::Leave => SaleAct::Leave { customer },
        };
        Some(Command::Sale { sale, act })
    }
}

/// Units are conserved, one a person; a hold that is paid has the checkout that pays for it; and
/// nothing lies idle that somebody waits for.
pub(super) fn sales_look_right(shard: &Shard) {
    for (id, listed) in shard.sales() {
        let (sale, rules) = (&listed.sale, listed.sale.rules());
        let all = [sale.available(), sale.held(), sale.sold()];
        assert_eq!(all.iter().sum::<u32>(), rules.stock, "{id}: available, held, sold");
        let mut people: Vec<CustomerId> = sale.holds().map(|(_, hold)| hold.user).collect();
        people.sort_unstable();
        let everybody = people.len();
        people.dedup();
        assert_eq!(people.len(), everybody, "{id}: one each");
        let paying = |(_, hold): &(HoldId, &_)| {
            let hold: &crate::flash_sale::sale::Hold<CustomerId> = hold;
            hold.state == HoldState::Paying
        };
        let paying: Vec<HoldId> = sale.holds().filter(paying).map(|(hold, _)| hold).collect();
        let carried = shard.sales.carried().filter(|(_, sale, _)| *sale == id);
        let mut carried: Vec<HoldId> = carried.map(|(_, _, hold)| hold).collect();
        carried.sort_unstable();
        assert_eq!(carried, paying, "{id}: what is being paid is carried, and nothing else");
        let idle = sale.available() > 0 && !sale.is_closed() && rules.admission.is_none();
        assert!(!idle || sale.room().waiting() == 0, "{id}: a unit lies idle, and people wait");
    }
    for (order, ..) in shard.sales.carried() {
        let checkout = &shard.checkouts[&order];
        assert!(matches!(checkout.state(), State::Waiting { .. }), "{order} carries, and waits");
    }
}
