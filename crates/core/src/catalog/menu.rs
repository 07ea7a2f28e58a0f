//! What a restaurant sells: categories of items, and how each may be customised.

use serde::{Deserialize, Serialize};

use super::restaurant::{Named, RestaurantError, count, name};
use crate::id::ItemId;
use crate::money::Money;

/// Most categories of a menu.
pub const CATEGORIES_MAX: u32 = 200;
/// Most items and choices of a menu together: a large dark store.
pub const ENTRIES_MAX: u32 = 20_000;
/// Most option groups of one item.
pub const GROUPS_MAX: u32 = 20;
/// Most choices of one item, all its groups together.
pub const CHOICES_MAX: u32 = 200;
/// The highest price of an item or a choice, in minor units.
pub const PRICE_MAX_MINOR: i64 = 1_000_000_000_000;

/// What a restaurant sells, in the order in which it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// At most [`CATEGORIES_MAX`]; a category may be empty, and so may the menu.
    pub categories: Vec<Category>,
}

/// A heading of the menu and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Shown to customers.
    pub name: String,
    /// In the order in which they are shown.
    pub items: Vec<Item>,
}

/// Something that can be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Unique among the items of the menu.
    pub id: ItemId,
    /// Shown to customers.
    pub name: String,
    /// Of one unit without any choices; from 0 to [`PRICE_MAX_MINOR`].
    pub price: Money,
    /// False while it has run out.
    pub available: bool,
    /// How it may be customised; at most [`GROUPS_MAX`]. May be left out where there is none.
    #[serde(default)]
    pub option_groups: Vec<OptionGroup>,
}

/// One question about an item ("Size?", "Extras?") and how many answers it takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionGroup {
    /// Shown to customers.
    pub name: String,
    /// Fewest choices to be taken; 0 if the question may be left open.
    pub least: u32,
    /// Most choices to be taken; at least 1. It may be more than there are.
    pub most: u32,
    /// What there is to choose from; each may be taken once.
    pub choices: Vec<Choice>,
}

/// One answer to an option group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Unique among the choices of its item. The same id may stand on other items, and be an item
    /// itself (a drink on its own and in a combo): it is the same thing, and runs out everywhere.
    pub id: ItemId,
    /// Shown to customers.
    pub name: String,
    /// Added to the item's price for each unit; from 0 to [`PRICE_MAX_MINOR`].
    pub price: Money,
    /// False while it has run out.
    pub available: bool,
}

impl Menu {
    /// Every item, in menu order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.categories.iter().flat_map(|category| &category.items)
    }

    /// The id and price of everything on the menu, choices after their item.
    pub(super) fn prices(&self) -> impl Iterator<Item = (ItemId, Money)> {
        self.items().flat_map(|item| {
            let choices = item.choices().map(|choice| (choice.id, choice.price));
            core::iter::once((item.id, item.price)).chain(choices)
        })
    }

    /// Whether every mention of `id`, as an item or a choice, is as `available` says. `None` if it
    /// is not on the menu. Walks the whole menu.
    pub(super) fn all_are(&self, id: ItemId, available: bool) -> Option<bool> {
        self.items()
            .flat_map(|item| {
                let choices = item.choices().map(|choice| (choice.id, choice.available));
                core::iter::once((item.id, item.available)).chain(choices)
            })
            .filter(|(found, _)| *found == id)
            .map(|(_, found)| found == available)
            .reduce(|so_far, same| so_far && same)
    }

    /// Sets every mention of `id`, as an item or a choice.
    pub(super) fn set_available(&mut self, id: ItemId, available: bool) {
        for item in self.categories.iter_mut().flat_map(|category| &mut category.items) {
            if item.id == id {
                item.available = available;
            }
            let choices = item.option_groups.iter_mut().flat_map(|group| &mut group.choices);
            for choice in choices.filter(|choice| choice.id == id) {
                choice.available = available;
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), RestaurantError> {
        count(self.categories.len(), CATEGORIES_MAX, |most| RestaurantError::Categories { most })?;
        count(self.prices().count(), ENTRIES_MAX, |most| RestaurantError::Entries { most })?;
        for category in &self.categories {
            name(&category.name, Named::Category)?;
        }
        for item in self.items() {
            item.check()?;
        }
        let mut ids: Vec<ItemId> = self.items().map(|item| item.id).collect();
        match twice(&mut ids) {
            Some(item) => Err(RestaurantError::DuplicateItem { item }),
            None => Ok(()),
        }
    }
}

impl Item {
    /// Every choice of every group, in menu order.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.option_groups.iter().flat_map(|group| &group.choices)
    }

    fn check(&self) -> Result<(), RestaurantError> {
        let item = self.id;
        name(&self.name, Named::Item(item))?;
        price(item, self.price)?;
        let groups = self.option_groups.len();
        count(groups, GROUPS_MAX, |most| RestaurantError::Groups { item, most })?;
        let choices = self.choices().count();
        count(choices, CHOICES_MAX, |most| RestaurantError::Choices { item, most })?;
        for (group, options) in (0u32..).zip(&self.option_groups) {
            name(&options.name, Named::Group(item))?;
            let there = u32::try_from(options.choices.len()).unwrap_or(u32::MAX);
            if options.most == 0 || options.least > options.most || options.least > there {
                return Err(RestaurantError::Rule { item, group });
            }
        }
        for choice in self.choices() {
            name(&choice.name, Named::Choice(choice.id))?;
            price(choice.id, choice.price)?;
        }
        let mut ids: Vec<ItemId> = self.choices().map(|choice| choice.id).collect();
        match twice(&mut ids) {
            Some(choice) => Err(RestaurantError::DuplicateChoice { item, choice }),
            None => Ok(()),
        }
    }
}

fn price(item: ItemId, price: Money) -> Result<(), RestaurantError> {
    if (0..=PRICE_MAX_MINOR).contains(&price.minor()) {
        Ok(())
    } else {
        Err(RestaurantError::Price { item, price })
    }
}

/// The smallest id that stands in the list more than once.
fn twice(ids: &mut [ItemId]) -> Option<ItemId> {
    ids.sort_unstable();
    ids.windows(2).find_map(|pair| match pair {
        &[first, second] if first == second => Some(first),
        _ => None,
    })
}

/// Where each item of a menu stands, so that a cart finds its items without a walk through the
/// menu. It is right as long as no item is added, removed or moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Index(Vec<(ItemId, u16, u16)>);

impl Index {
    /// Of a menu that has passed its check: category and item numbers fit 16 bits.
    pub(super) fn new(menu: &Menu) -> Self {
        let places = (0u16..).zip(&menu.categories).flat_map(|(category, listed)| {
            (0u16..).zip(&listed.items).map(move |(nth, item)| (item.id, category, nth))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        Self(places)
    }

    /// The item of this id on the menu that the index was made from. O(log items).
    pub(super) fn find<'m>(&self, menu: &'m Menu, id: ItemId) -> Option<&'m Item> {
        let place = self.0.binary_search_by_key(&id, |&(id, ..)| id).ok()?;
        let &(_, category, nth) = self.0.get(place)?;
        menu.categories.get(usize::from(category))?.items.get(usize::from(nth))
    }
}
