//! Where an order comes from.

use serde::{Deserialize, Serialize};

use super::hours::Hours;
use super::menu::{Menu, PRICE_MAX_MINOR};
use crate::id::{ItemId, RestaurantId};
use crate::money::Money;
use crate::place::LatLng;
use crate::time::Span;

/// The longest delivery radius, in metres.
pub const RADIUS_MAX_M: u32 = 100_000;
/// Most cuisines of a restaurant.
pub const CUISINES_MAX: u32 = 16;
/// The longest name, in bytes of UTF-8.
pub const NAME_MAX_BYTES: u32 = 200;
/// The longest usual preparation.
pub const PREPARATION_MAX: Span = Span::from_hours(24);

/// A restaurant or dark store, and everything an order is judged by.
///
/// Names of restaurants, addresses and pictures are no part of it: nothing is decided by them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restaurant {
    /// Who it is.
    pub id: RestaurantId,
    /// Where orders are picked up.
    pub position: LatLng,
    /// How far it delivers, in metres as the crow flies; from 1 to [`RADIUS_MAX_M`].
    pub delivery_radius_m: u32,
    /// What it cooks, to search by; at most [`CUISINES_MAX`].
    pub cuisines: Vec<String>,
    /// When it takes orders.
    pub hours: Hours,
    /// What it sells.
    pub menu: Menu,
    /// How long an order usually takes until it is ready; at most [`PREPARATION_MAX`]. A shelf has
    /// nothing to prepare: there it is kept and not used.
    pub preparation: Span,
    /// Who says yes to an order.
    pub acceptance: Acceptance,
    /// Whether there is anything to prepare.
    pub kitchen: KitchenKind,
    /// False while the restaurant has paused, whatever its hours.
    pub open: bool,
}

/// Who says yes to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// The restaurant, order by order.
    Manual,
    /// Nobody: what is orderable is accepted.
    Automatic,
}

/// Whether there is anything to prepare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KitchenKind {
    /// An order is prepared, which takes time.
    Cooks,
    /// Nothing to prepare (a dark store's shelf, a parcel, a ride): an order starts ready.
    Shelf,
}

/// What a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// A cuisine of the restaurant.
    Cuisine,
    /// A category of the menu.
    Category,
    /// An item.
    Item(ItemId),
    /// An option group of this item.
    Group(ItemId),
    /// A choice.
    Choice(ItemId),
}

/// Why a restaurant is not taken into the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestaurantError {
    /// It delivers nowhere, or too far.
    #[error("a delivery radius lies from 1 to {RADIUS_MAX_M} m, not {found} m")]
    Radius {
        /// The radius given, in metres.
        found: u32,
    },
    /// The usual preparation is too long.
    #[error("preparation takes at most {} hours", PREPARATION_MAX.as_secs() / 3_600)]
    Preparation {
        /// The preparation given.
        found: Span,
    },
    /// Too many cuisines.
    #[error("a restaurant has at most {most} cuisines")]
    Cuisines {
        /// [`CUISINES_MAX`].
        most: u32,
    },
    /// A name is empty or too long.
    #[error("a name has from 1 to {NAME_MAX_BYTES} bytes: {of:?}")]
    Name {
        /// Whose name it is.
        of: Named,
    },
    /// Too many categories.
    #[error("a menu has at most {most} categories")]
    Categories {
        /// [`CATEGORIES_MAX`](super::CATEGORIES_MAX).
        most: u32,
    },
    /// Too many items and choices.
    #[error("a menu has at most {most} items and choices")]
    Entries {
        /// [`ENTRIES_MAX`](super::ENTRIES_MAX).
        most: u32,
    },
    /// Too many option groups on one item.
    #[error("{item} may have at most {most} option groups")]
    Groups {
        /// The item.
        item: ItemId,
        /// [`GROUPS_MAX`](super::GROUPS_MAX).
        most: u32,
    },
    /// Too many choices on one item.
    #[error("{item} may have at most {most} choices")]
    Choices {
        /// The item.
        item: ItemId,
        /// [`CHOICES_MAX`](super::CHOICES_MAX).
        most: u32,
    },
    /// No customer could answer this option group: it takes no choice, or asks for more than it
    /// takes or has.
    #[error("option group {group} of {item} cannot be answered")]
    Rule {
        /// The item.
        item: ItemId,
        /// Which of the item's option groups, from 0.
        group: u32,
    },
    /// A price is negative or too high.
    #[error("{item} may cost from 0 to {PRICE_MAX_MINOR} minor units, not {price}")]
    Price {
        /// The item or choice.
        item: ItemId,
        /// The price given.
        price: Money,
    },
    /// Two choices of one item share an id.
    #[error("{choice} is offered twice on {item}")]
    DuplicateChoice {
        /// The item.
        item: ItemId,
        /// The id that stands there twice.
        choice: ItemId,
    },
    /// Two items share an id.
    #[error("{item} is on the menu twice")]
    DuplicateItem {
        /// The id that stands there twice.
        item: ItemId,
    },
}

impl Restaurant {
    /// Whether it can be listed: everything within its bounds, every id unique where it must be,
    /// every option group answerable. The currency is the policy's affair, not checked here.
    ///
    /// # Errors
    /// [`RestaurantError`] names the first fault: of the restaurant, then of the menu from top to
    /// bottom, then of its ids.
    pub fn check(&self) -> Result<(), RestaurantError> {
        if !(1..=RADIUS_MAX_M).contains(&self.delivery_radius_m) {
            return Err(RestaurantError::Radius { found: self.delivery_radius_m });
        }
        if self.preparation > PREPARATION_MAX {
            return Err(RestaurantError::Preparation { found: self.preparation });
        }
        count(self.cuisines.len(), CUISINES_MAX, |most| RestaurantError::Cuisines { most })?;
        for cuisine in &self.cuisines {
            name(cuisine, Named::Cuisine)?;
        }
        self.menu.check()
    }

    /// How long until an order placed now is usually ready: nothing on a shelf.
    #[must_use]
    pub const fn ready_span(&self) -> Span {
        match self.kitchen {
            KitchenKind::Cooks => self.preparation,
            KitchenKind::Shelf => Span::ZERO,
        }
    }
}

pub(super) fn count(
    found: usize,
    most: u32,
    error: impl FnOnce(u32) -> RestaurantError,
) -> Result<(), RestaurantError> {
    if u32::try_from(found).is_ok_and(|found| found <= most) { Ok(()) } else { Err(error(most)) }
}

pub(super) fn name(name: &str, of: Named) -> Result<(), RestaurantError> {
    if name.is_empty() {
        return Err(RestaurantError::Name { of });
    }
    count(name.len(), NAME_MAX_BYTES, |_| RestaurantError::Name { of })
}
