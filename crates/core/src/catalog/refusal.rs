//! Why the catalogue says no.

use serde::{Deserialize, Serialize};

use super::restaurant::RestaurantError;
use crate::id::{ItemId, RestaurantId};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Why a command is not taken or a cart cannot be ordered.
///
/// The variants that a cart can meet, from [`Refusal::EmptyCart`] on, stand in their order of
/// precedence: of several faults the first is told. Lines are judged one after the other, each to
/// its end; `line` counts them from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The restaurant put forward is out of bounds.
    #[error(transparent)]
    Restaurant(RestaurantError),
    /// As many restaurants as policy allows are listed.
    #[error("at most {most} restaurants are listed")]
    Full {
        /// `policy.memory.restaurants_max`.
        most: u32,
    },
    /// Nothing on the restaurant's menu has this id.
    #[error("{item} is not on the menu of {restaurant}")]
    NotOnMenu {
        /// The restaurant.
        restaurant: RestaurantId,
        /// The id asked for.
        item: ItemId,
    },
    /// There is nothing in the cart.
    #[error("the cart is empty")]
    EmptyCart,
    /// The cart is too long.
    #[error("a cart has at most {most} lines")]
    TooManyLines {
        /// `policy.checkout.lines_max`.
        most: u32,
    },
    /// No such restaurant is listed.
    #[error("{restaurant} is not listed")]
    UnknownRestaurant {
        /// The id asked for.
        restaurant: RestaurantId,
    },
    /// The restaurant takes no orders until it says so.
    #[error("the restaurant has paused")]
    Paused,
    /// Outside opening hours.
    #[error("the restaurant is closed")]
    Closed {
        /// When its hours begin again; `None` if never.
        opens_at: Option<Timestamp>,
    },
    /// The address is too far away.
    #[error("{distance_m} m is beyond the delivery radius of {radius_m} m")]
    OutOfRadius {
        /// From the restaurant to the drop-off.
        distance_m: u32,
        /// How far it delivers.
        radius_m: u32,
    },
    /// The item is not on the menu.
    #[error("line {line}: {item} is not on the menu")]
    UnknownItem {
        /// Which line.
        line: u32,
        /// The id asked for.
        item: ItemId,
    },
    /// The item has run out.
    #[error("line {line}: {item} has run out")]
    ItemUnavailable {
        /// Which line.
        line: u32,
        /// The item.
        item: ItemId,
    },
    /// None, or too many, of an item.
    #[error("line {line}: from 1 to {most} units, not {found}")]
    Quantity {
        /// Which line.
        line: u32,
        /// The quantity given.
        found: u32,
        /// `policy.checkout.quantity_max`.
        most: u32,
    },
    /// The item cannot be customised with this.
    #[error("line {line}: {choice} is no choice of this item")]
    UnknownChoice {
        /// Which line.
        line: u32,
        /// The id asked for.
        choice: ItemId,
    },
    /// The same choice twice: each can be taken once.
    #[error("line {line}: {choice} is chosen twice")]
    DuplicateChoice {
        /// Which line.
        line: u32,
        /// The choice.
        choice: ItemId,
    },
    /// The choice has run out.
    #[error("line {line}: {choice} has run out")]
    ChoiceUnavailable {
        /// Which line.
        line: u32,
        /// The choice.
        choice: ItemId,
    },
    /// Too few or too many choices of one option group.
    #[error("line {line}: option group {group} takes from {least} to {most} choices, not {found}")]
    ChoiceCount {
        /// Which line.
        line: u32,
        /// Which of the item's option groups, from 0.
        group: u32,
        /// How many were chosen.
        found: u32,
        /// Fewest to be chosen.
        least: u32,
        /// Most to be chosen.
        most: u32,
    },
    /// A price is not in the shard's currency. Of a cart: the currency has changed since the
    /// restaurant was put.
    #[error("{item} is priced in {found}, not {expected}")]
    Currency {
        /// The item or choice.
        item: ItemId,
        /// The currency of its price.
        found: Currency,
        /// `policy.currency`.
        expected: Currency,
    },
    /// The price is not the one that the customer saw.
    #[error("line {line}: a unit costs {now}, not {seen}")]
    PriceChanged {
        /// Which line.
        line: u32,
        /// What the client had shown.
        seen: Money,
        /// What a unit with its choices costs.
        now: Money,
    },
    /// The amounts are more than money can say.
    #[error("the cart is worth more than can be reckoned")]
    TooMuch,
}
