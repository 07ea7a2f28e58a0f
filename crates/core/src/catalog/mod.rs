//! Restaurants, menus, opening hours and carts: is this orderable, and at what prices.
//!
//! The [`Catalog`] is part of a shard's state: what an order is judged by is in the log, so a price
//! that changes while a customer types is decided in log order like everything else. Who is near is
//! the geo-index's affair; this room answers about one restaurant at a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ItemId, RestaurantId};
use crate::money::{Currency, Money};
use crate::policy::Policy;

mod cart;
mod hours;
mod menu;
mod refusal;
mod restaurant;
#[cfg(test)]
mod tests;

pub use cart::{Cart, CartLine, Line, Orderable};
pub use hours::{
    Hours, HoursError, OFFSET_LEAST_MIN, OFFSET_MOST_MIN, OPENINGS_MAX, Opening, WEEK_MIN,
};
pub use menu::{
    CATEGORIES_MAX, CHOICES_MAX, Category, Choice, ENTRIES_MAX, GROUPS_MAX, Item, Menu,
    OptionGroup, PRICE_MAX_MINOR,
};
pub use refusal::Refusal;
pub use restaurant::{
    Acceptance, CUISINES_MAX, KitchenKind, NAME_MAX_BYTES, Named, PREPARATION_MAX, RADIUS_MAX_M,
    Restaurant, RestaurantError,
};

/// What changes the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// List a restaurant, or replace the one of the same id: with everything as given, its pause
    /// and what has run out included.
    Put(Restaurant),
    /// Take a restaurant off the list. Orders already placed keep their lines and prices.
    Remove {
        /// Which.
        restaurant: RestaurantId,
    },
    /// Pause a restaurant, or let it go on.
    SetOpen {
        /// Which.
        restaurant: RestaurantId,
        /// False to pause.
        open: bool,
    },
    /// Say that something has run out, or is there again: as an item and wherever it is a choice.
    SetItemAvailable {
        /// Whose menu.
        restaurant: RestaurantId,
        /// The item or choice.
        item: ItemId,
        /// False if it has run out.
        available: bool,
    },
}

/// What has changed in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A restaurant was listed, or replaced.
    Put(Restaurant),
    /// A restaurant was taken off the list.
    Removed {
        /// Which.
        restaurant: RestaurantId,
    },
    /// A restaurant paused, or went on.
    SetOpen {
        /// Which.
        restaurant: RestaurantId,
        /// False if it paused.
        open: bool,
    },
    /// Something ran out, or is there again.
    SetItemAvailable {
        /// Whose menu.
        restaurant: RestaurantId,
        /// The item or choice.
        item: ItemId,
        /// False if it ran out.
        available: bool,
    },
}

/// Why an event cannot have followed: the log is corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptCatalog {
    /// A restaurant was listed that no decision would have listed.
    #[error("a restaurant was listed that is out of bounds: {0}")]
    Restaurant(RestaurantError),
    /// Something happened to a restaurant that is not listed.
    #[error("{restaurant} is not listed")]
    UnknownRestaurant {
        /// The id in the event.
        restaurant: RestaurantId,
    },
    /// Something ran out that is not on the menu.
    #[error("{item} is not on the menu of {restaurant}")]
    NotOnMenu {
        /// The restaurant in the event.
        restaurant: RestaurantId,
        /// The id in the event.
        item: ItemId,
    },
}

/// The restaurants of a shard, by id.
///
/// ```
/// use doorstep_core::catalog::{
///     Acceptance, Cart, CartLine, Catalog, Category, Command, Hours, Item, KitchenKind, Menu,
///     Refusal, Restaurant,
/// };
/// use doorstep_core::id::{ItemId, RestaurantId};
/// use doorstep_core::{money::{Currency, Money}, place::LatLng, policy::Policy};
/// use doorstep_core::time::{Span, Timestamp};
///
/// let eur = Currency::new("EUR").unwrap();
/// let policy = Policy::new(eur);
/// let (kitchen, door) = (LatLng::new(48.137, 11.575)?, LatLng::new(48.140, 11.580)?);
/// let soup = Item {
///     id: ItemId::from(7),
///     name: "Soup".into(),
///     price: Money::new(650, eur),
///     available: true,
///     option_groups: vec![],
/// };
/// let restaurant = Restaurant {
///     id: RestaurantId::from(1),
///     position: kitchen,
///     delivery_radius_m: 5_000,
///     cuisines: vec!["soups".into()],
///     hours: Hours::always(),
///     menu: Menu { categories: vec![Category { name: "Warm".into(), items: vec![soup] }] },
///     preparation: Span::from_mins(15),
///     acceptance: Acceptance::Manual,
///     kitchen: KitchenKind::Cooks,
///     open: true,
/// };
///
/// let mut catalog = Catalog::default();
/// for event in catalog.decide(&Command::Put(restaurant), &policy)? {
///     catalog.evolve(&event)?;
/// }
///
/// let line = CartLine {
///     item: ItemId::from(7),
///     quantity: 2,
///     choices: vec![],
///     unit_price: Some(Money::new(650, eur)),
/// };
/// let mut cart = Cart { restaurant: RestaurantId::from(1), lines: vec![line] };
/// let now = Timestamp::from_secs(1_700_000_000);
/// let orderable = catalog.order(&cart, door, now, &policy)?;
/// assert_eq!(orderable.quote.subtotal, Money::new(1_300, eur));
/// assert_eq!(orderable.ready_span, Span::from_mins(15));
///
/// cart.lines[0].unit_price = Some(Money::new(1, eur));
/// let refused = catalog.order(&cart, door, now, &policy).unwrap_err();
/// assert!(matches!(refused, Refusal::PriceChanged { line: 0, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Catalog {
    listings: BTreeMap<RestaurantId, Listing>,
}

/// A restaurant that has passed its check, and where its items stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Listing {
    restaurant: Restaurant,
    index: menu::Index,
}

impl Listing {
    fn new(restaurant: Restaurant) -> Result<Self, RestaurantError> {
        restaurant.check()?;
        let index = menu::Index::new(&restaurant.menu);
        Ok(Self { restaurant, index })
    }

    fn item(&self, id: ItemId) -> Option<&Item> {
        self.index.find(&self.restaurant.menu, id)
    }
}

impl Catalog {
    /// The restaurant of this id.
    #[must_use]
    pub fn get(&self, restaurant: RestaurantId) -> Option<&Restaurant> {
        self.listings.get(&restaurant).map(|listing| &listing.restaurant)
    }

    /// The item of this id on the menu of this restaurant. O(log restaurants + log items).
    #[must_use]
    pub fn item(&self, restaurant: RestaurantId, item: ItemId) -> Option<&Item> {
        self.listings.get(&restaurant)?.item(item)
    }

    /// Every restaurant, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Restaurant> {
        self.listings.values().map(|listing| &listing.restaurant)
    }

    /// How many restaurants are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listings.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    /// What `command` would change; nothing if it is already so.
    ///
    /// # Errors
    /// [`Refusal`], in this order: of a put, [`Refusal::Restaurant`], [`Refusal::Currency`], and
    /// [`Refusal::Full`] if the restaurant is a new one; of the rest but a removal,
    /// [`Refusal::UnknownRestaurant`] and [`Refusal::NotOnMenu`].
    pub fn decide(&self, command: &Command, policy: &Policy) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Put(restaurant) => self.put(restaurant, policy),
            &Command::Remove { restaurant } => {
                let listed = self.listings.contains_key(&restaurant);
                Ok(listed.then_some(Event::Removed { restaurant }).into_iter().collect())
            }
            &Command::SetOpen { restaurant, open } => {
                let differs = self.listing(restaurant)?.restaurant.open != open;
                Ok(differs.then_some(Event::SetOpen { restaurant, open }).into_iter().collect())
            }
            &Command::SetItemAvailable { restaurant, item, available } => {
                let menu = &self.listing(restaurant)?.restaurant.menu;
                let same =
                    menu.all_are(item, available).ok_or(Refusal::NotOnMenu { restaurant, item })?;
                let event = Event::SetItemAvailable { restaurant, item, available };
                Ok((!same).then_some(event).into_iter().collect())
            }
        }
    }

    /// The catalogue after `event`. Every check comes before the first change: an error leaves the
    /// catalogue as it was.
    ///
    /// # Errors
    /// [`CorruptCatalog`] if no decision can have led here; never for what [`Catalog::decide`] has
    /// just given.
    pub fn evolve(&mut self, event: &Event) -> Result<(), CorruptCatalog> {
        match event {
            Event::Put(restaurant) => {
                let listing =
                    Listing::new(restaurant.clone()).map_err(CorruptCatalog::Restaurant)?;
                self.listings.insert(restaurant.id, listing);
            }
            &Event::Removed { restaurant } => {
                self.listings
                    .remove(&restaurant)
                    .ok_or(CorruptCatalog::UnknownRestaurant { restaurant })?;
            }
            &Event::SetOpen { restaurant, open } => self.listed(restaurant)?.open = open,
            &Event::SetItemAvailable { restaurant, item, available } => {
                let menu = &mut self.listed(restaurant)?.menu;
                if menu.all_are(item, available).is_none() {
                    return Err(CorruptCatalog::NotOnMenu { restaurant, item });
                }
                menu.set_available(item, available);
            }
        }
        Ok(())
    }

    fn put(&self, restaurant: &Restaurant, policy: &Policy) -> Result<Vec<Event>, Refusal> {
        restaurant.check().map_err(Refusal::Restaurant)?;
        for (item, price) in restaurant.menu.prices() {
            in_currency(item, price, policy)?;
        }
        let most = policy.memory.restaurants_max;
        match self.get(restaurant.id) {
            Some(listed) if listed == restaurant => Ok(vec![]),
            None if !u32::try_from(self.len()).is_ok_and(|listed| listed < most) => {
                Err(Refusal::Full { most })
            }
            Some(_) | None => Ok(vec![Event::Put(restaurant.clone())]),
        }
    }

    fn listing(&self, restaurant: RestaurantId) -> Result<&Listing, Refusal> {
        self.listings.get(&restaurant).ok_or(Refusal::UnknownRestaurant { restaurant })
    }

    fn listed(&mut self, restaurant: RestaurantId) -> Result<&mut Restaurant, CorruptCatalog> {
        self.listings
            .get_mut(&restaurant)
            .map(|listing| &mut listing.restaurant)
            .ok_or(CorruptCatalog::UnknownRestaurant { restaurant })
    }
}

fn in_currency(item: ItemId, price: Money, policy: &Policy) -> Result<(), Refusal> {
    let (found, expected): (Currency, Currency) = (price.currency(), policy.currency);
    if found == expected { Ok(()) } else { Err(Refusal::Currency { item, found, expected }) }
}

/// A list of the restaurants: the rest follows from them.
impl Serialize for Catalog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Checks every restaurant again; refuses one that is listed twice.
impl<'de> Deserialize<'de> for Catalog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut catalog = Self::default();
        for restaurant in Vec::<Restaurant>::deserialize(deserializer)? {
            let id = restaurant.id;
            let listing = Listing::new(restaurant).map_err(serde::de::Error::custom)?;
            if catalog.listings.insert(id, listing).is_some() {
                return Err(serde::de::Error::custom(format_args!("{id} is listed twice")));
            }
        }
        Ok(catalog)
    }
}
