//! Restaurants and their menus.

use doorstep_core::catalog;
use doorstep_core::id::{ItemId, RestaurantId};
use doorstep_core::place::PlaceError;
use doorstep_core::time::Span;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Money, Place, Time, ids};

/// A restaurant that would bring something to a place, now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearbyRestaurant {
    /// Which.
    #[schema(value_type = ids::RestaurantId)]
    pub id: RestaurantId,
    /// Where.
    pub position: Place,
    /// How far, as the crow flies.
    pub distance_m: u32,
    /// What the delivery costs.
    pub delivery_fee: Money,
    /// When it would be there, ordered now.
    pub estimated_at: Time,
}

/// What a restaurant sells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Menu {
    /// Whose.
    #[schema(value_type = ids::RestaurantId)]
    pub restaurant: RestaurantId,
    /// Whether it takes orders now.
    pub open: bool,
    /// When it next does, if it does not now and its hours say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Time>,
    /// In the order in which they are shown.
    pub categories: Vec<Category>,
}

/// A heading of a menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// For people; at most 200 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// In the order in which they are shown.
    #[serde(deserialize_with = "super::strict::many")]
    pub items: Vec<Item>,
}

/// Something to order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Which.
    #[schema(value_type = ids::ItemId)]
    pub id: ItemId,
    /// For people; at most 200 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Of one unit without any choices.
    #[serde(deserialize_with = "super::strict::one")]
    pub price: Money,
    /// False while it has run out.
    pub available: bool,
    /// How it may be customised.
    #[serde(default, deserialize_with = "super::strict::many")]
    #[schema(max_items = 20)]
    pub option_groups: Vec<OptionGroup>,
}

/// One question about an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionGroup {
    /// For people; at most 200 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Fewest choices to be taken.
    #[schema(maximum = 4_294_967_295_u64)]
    #[serde(deserialize_with = "super::whole::one")]
    pub least: u32,
    /// Most choices to be taken.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    #[serde(deserialize_with = "super::whole::one")]
    pub most: u32,
    /// What there is to choose from; at most 200 of one item.
    #[schema(max_items = 200)]
    #[serde(deserialize_with = "super::strict::many")]
    pub choices: Vec<Choice>,
}

/// One answer to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Which.
    #[schema(value_type = ids::ItemId)]
    pub id: ItemId,
    /// For people; at most 200 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Added to the item's price.
    #[serde(deserialize_with = "super::strict::one")]
    pub price: Money,
    /// False while it has run out.
    pub available: bool,
}

/// A restaurant as it is put: everything that an order is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restaurant {
    /// Where orders are picked up.
    #[serde(deserialize_with = "super::strict::one")]
    pub position: Place,
    /// How far it delivers, as the crow flies.
    #[schema(minimum = 1, maximum = 100_000)]
    #[serde(deserialize_with = "super::whole::one")]
    pub delivery_radius_m: u32,
    /// What it cooks, to search by.
    #[serde(default)]
    #[schema(value_type = Vec<ids::Name>, max_items = 16)]
    pub cuisines: Vec<String>,
    /// When it takes orders; always, if absent.
    #[serde(
        default,
        deserialize_with = "super::strict::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub hours: Option<Hours>,
    /// What it sells; at most 20,000 items and choices.
    #[schema(max_items = 200)]
    #[serde(deserialize_with = "super::strict::many")]
    pub categories: Vec<Category>,
    /// How long an order usually takes until it is ready.
    #[schema(maximum = 86_400)]
    #[serde(deserialize_with = "super::whole::one")]
    pub preparation_s: u32,
    /// Whether what is orderable is accepted without asking.
    #[serde(default)]
    pub accepts_automatically: bool,
    /// Whether there is nothing to prepare: a shelf.
    #[serde(default)]
    pub shelf: bool,
    /// False while it has paused.
    pub open: bool,
}

/// When a restaurant is open, week after week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Minutes ahead of UTC.
    #[schema(minimum = -720, maximum = 840)]
    #[serde(deserialize_with = "super::whole::one")]
    pub utc_offset_min: i16,
    /// In any order.
    #[schema(max_items = 56)]
    #[serde(deserialize_with = "super::strict::many")]
    pub openings: Vec<Opening>,
}

/// One weekly opening, in minutes since Monday 00:00 local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The first minute open.
    #[schema(maximum = 10_079)]
    #[serde(deserialize_with = "super::whole::one")]
    pub from_min: u16,
    /// The first minute closed again.
    #[schema(minimum = 1, maximum = 10_080)]
    #[serde(deserialize_with = "super::whole::one")]
    pub to_min: u16,
}

/// Why a restaurant is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRestaurant {
    /// It is at no place on Earth.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its openings make no week.
    #[error(transparent)]
    Hours(#[from] catalog::HoursError),
}

impl Restaurant {
    /// As the catalogue takes it, under this id.
    ///
    /// # Errors
    /// [`BadRestaurant`]; what else is out of bounds, the catalogue says.
    pub fn named(self, id: RestaurantId) -> Result<catalog::Restaurant, BadRestaurant> {
        let hours = match self.hours {
            None => catalog::Hours::always(),
            Some(Hours { utc_offset_min, openings }) => {
                let opening = |Opening { from_min, to_min }| catalog::Opening { from_min, to_min };
                let openings = openings.into_iter().map(opening).collect();
                catalog::Hours::new(utc_offset_min, openings)?
            }
        };
        Ok(catalog::Restaurant {
            id,
            position: self.position.try_into()?,
            delivery_radius_m: self.delivery_radius_m,
            cuisines: self.cuisines,
            hours,
            menu: catalog::Menu {
                categories: self.categories.into_iter().map(Into::into).collect(),
            },
            preparation: Span::from_secs(self.preparation_s.into()),
            acceptance: if self.accepts_automatically {
                catalog::Acceptance::Automatic
            } else {
                catalog::Acceptance::Manual
            },
            kitchen: if self.shelf {
                catalog::KitchenKind::Shelf
            } else {
                catalog::KitchenKind::Cooks
            },
            open: self.open,
        })
    }
}

impl From<&catalog::Category> for Category {
    fn from(category: &catalog::Category) -> Self {
        let items = category.items.iter().map(|item| Item {
            id: item.id,
            name: item.name.clone(),
            price: item.price.into(),
            available: item.available,
            option_groups: item.option_groups.iter().map(Into::into).collect(),
        });
        Self { name: category.name.clone(), items: items.collect() }
    }
}

impl From<&catalog::OptionGroup> for OptionGroup {
    fn from(group: &catalog::OptionGroup) -> Self {
        let choices = group.choices.iter().map(|choice| Choice {
            id: choice.id,
            name: choice.name.clone(),
            price: choice.price.into(),
            available: choice.available,
        });
        let (least, most) = (group.least, group.most);
        Self { name: group.name.clone(), least, most, choices: choices.collect() }
    }
}

impl From<Category> for catalog::Category {
    fn from(category: Category) -> Self {
        let items = category.items.into_iter().map(|item| catalog::Item {
            id: item.id,
            name: item.name,
            price: item.price.into(),
            available: item.available,
            option_groups: item.option_groups.into_iter().map(Into::into).collect(),
        });
        Self { name: category.name, items: items.collect() }
    }
}

impl From<OptionGroup> for catalog::OptionGroup {
    fn from(group: OptionGroup) -> Self {
        let choices = group.choices.into_iter().map(|choice| catalog::Choice {
            id: choice.id,
            name: choice.name,
            price: choice.price.into(),
            available: choice.available,
        });
        let (least, most) = (group.least, group.most);
        Self { name: group.name, least, most, choices: choices.collect() }
    }
}
