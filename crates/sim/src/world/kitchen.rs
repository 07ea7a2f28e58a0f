//! The restaurants: their menus, and what their kitchens do.

use doorstep_core::catalog::{
    Acceptance, Category, Command as CatalogCommand, Hours, Item, KitchenKind, Menu, Restaurant,
};
use doorstep_core::id::{ItemId, RestaurantId};
use doorstep_core::money::Currency;
use doorstep_core::order::Shortage;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, RestaurantAct};
use doorstep_core::time::Span;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::errand::Who;
use super::storage::Storage;
use super::whims::{Whim, Whose};
use super::{Happening, World, price, seconds};

/// What a kitchen does next about an order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Answer,
    Start,
    RunShort,
    Finish,
}

/// Dishes of every menu.
const DISHES: u32 = 3;

/// A restaurant at this place, with a short menu.
pub(super) fn restaurant(
    id: RestaurantId,
    position: LatLng,
    mut rng: ChaCha8Rng,
    currency: Currency,
) -> CatalogCommand {
    let mut dish = |number: u32| Item {
        id: ItemId::from(number),
        name: format!("dish {number}"),
        price: price(rng.random_range(400..2_400), currency),
        available: true,
        option_groups: Vec::new(),
    };
    let items = (1..=DISHES).map(&mut dish).collect();
    CatalogCommand::Put(Restaurant {
        id,
        position,
        delivery_radius_m: 100_000,
        cuisines: Vec::new(),
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "dishes".into(), items }] },
        preparation: Span::from_mins(15),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    })
}

impl<S: Storage> World<S> {
    /// An order came in: the restaurant will answer when the day says so.
    pub(super) fn order_came_in(&mut self, index: usize) {
        let Some(meal) = self.meals.get(index) else { return };
        let at = seconds(meal.plan.accept_s);
        self.plan_at(at, Happening::Kitchen(index, Act::Answer));
    }

    /// It was accepted: the kitchen begins, and is done when the day says so.
    pub(super) fn order_accepted(&mut self, index: usize) {
        let Some(meal) = self.meals.get(index) else { return };
        let ready_at = seconds(meal.plan.ready_s).max(self.now.saturating_add(Span::from_secs(30)));
        let begin = self.some_seconds(Whose::Meal(index), Whim::Start, 1, 20);
        self.plan_in(begin, Happening::Kitchen(index, Act::Start));
        if self.chance(Whose::Meal(index), Whim::Shortage, self.config.shortage) {
            self.plan_in(begin, Happening::Kitchen(index, Act::RunShort));
        }
        self.plan_at(ready_at, Happening::Kitchen(index, Act::Finish));
    }

    pub(super) fn kitchen(&mut self, index: usize, act: Act) {
        let rejects = matches!(act, Act::Answer)
            && self.chance(Whose::Meal(index), Whim::Reject, self.config.reject);
        let Some(meal) = self.meals.get(index) else { return };
        let (Some(order), false) = (meal.id, meal.ended) else { return };
        let act = match act {
            Act::Answer if rejects => RestaurantAct::Reject,
            Act::Answer => RestaurantAct::Accept { ready_at: Some(seconds(meal.plan.ready_s)) },
            Act::Start => RestaurantAct::StartPreparing,
            Act::RunShort => {
                RestaurantAct::Adjust { lines: vec![Shortage { line: 0, quantity: 0 }] }
            }
            Act::Finish => RestaurantAct::MarkReady,
        };
        self.send(Who::Restaurant, Command::Restaurant { order, act });
    }
}
