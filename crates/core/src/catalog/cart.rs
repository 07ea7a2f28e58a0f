//! Is this cart orderable, and at what prices.

use serde::{Deserialize, Serialize};

use super::menu::{Choice, Item};
use super::refusal::Refusal;
use super::restaurant::{Acceptance, KitchenKind};
use super::{Catalog, in_currency};
use crate::id::{ItemId, RestaurantId};
use crate::money::{Money, MoneyError};
use crate::place::LatLng;
use crate::policy::Policy;
use crate::pricing::Quote;
use crate::time::{Span, Timestamp};

/// What a customer wants from one restaurant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cart {
    /// Where from.
    pub restaurant: RestaurantId,
    /// What; from 1 to `policy.checkout.lines_max`. An item may stand on several lines.
    pub lines: Vec<CartLine>,
}

/// One item of a cart, as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLine {
    /// What.
    pub item: ItemId,
    /// How many; from 1 to `policy.checkout.quantity_max`.
    pub quantity: u32,
    /// How customised, in any order, each choice once. May be left out where there is none.
    #[serde(default)]
    pub choices: Vec<ItemId>,
    /// The price of one unit with its choices that the client had shown: compared, never believed.
    /// Without it nothing is compared.
    pub unit_price: Option<Money>,
}

/// One line as the server priced it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What.
    pub item: ItemId,
    /// How many.
    pub quantity: u32,
    /// How customised, in the customer's order.
    pub choices: Vec<ItemId>,
    /// The price of one unit with its choices.
    pub unit: Money,
}

impl Line {
    /// The price of all units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if it is out of range.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit.checked_mul(self.quantity)
    }
}

/// A cart that can be ordered: everything about it that the catalogue knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Orderable {
    /// The lines of the cart, in its order, at the server's prices.
    pub lines: Vec<Line>,
    /// What the customer pays.
    pub quote: Quote,
    /// How long until it is usually ready: [`Span::ZERO`] from a shelf.
    pub ready_span: Span,
    /// Where it is picked up.
    pub pickup: LatLng,
    /// Whether there is anything to prepare.
    pub kitchen: KitchenKind,
    /// Who says yes to it.
    pub acceptance: Acceptance,
}

impl Catalog {
    /// Whether `cart` can be ordered to `drop_off` at `now`, and at what prices. Takes
    /// O(lines · log items).
    ///
    /// # Errors
    /// The first that applies, in this order ([`Refusal`] has its variants in the same):
    /// 1. the cart is empty, or has too many lines;
    /// 2. the restaurant is not listed, has paused, or is closed;
    /// 3. the drop-off is beyond its delivery radius;
    /// 4. line by line: the item is not on the menu, or has run out; the quantity is out of range;
    ///    a choice is none of the item's, is taken twice, or has run out; an option group, in menu
    ///    order, has too few choices or too many; the currency is not the policy's; the price is
    ///    not the one seen;
    /// 5. an amount is out of range.
    pub fn order(
        &self,
        cart: &Cart,
        drop_off: LatLng,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Orderable, Refusal> {
        if cart.lines.is_empty() {
            return Err(Refusal::EmptyCart);
        }
        let most = policy.checkout.lines_max;
        if !u32::try_from(cart.lines.len()).is_ok_and(|found| found <= most) {
            return Err(Refusal::TooManyLines { most });
        }
        let listing = self.listing(cart.restaurant)?;
        let restaurant = &listing.restaurant;
        if !restaurant.open {
            return Err(Refusal::Paused);
        }
        if !restaurant.hours.is_open(now) {
            return Err(Refusal::Closed { opens_at: restaurant.hours.next_opening(now) });
        }
        let distance_m = restaurant.position.distance_m(drop_off);
        if distance_m > restaurant.delivery_radius_m {
            let radius_m = restaurant.delivery_radius_m;
            return Err(Refusal::OutOfRadius { distance_m, radius_m });
        }
        let mut lines = Vec::with_capacity(cart.lines.len());
        for (line, wanted) in (0u32..).zip(&cart.lines) {
            let item = listing
                .item(wanted.item)
                .ok_or(Refusal::UnknownItem { line, item: wanted.item })?;
            lines.push(judge(line, wanted, item, policy)?);
        }
        let quote = quote(&lines, distance_m, policy).map_err(|_| Refusal::TooMuch)?;
        Ok(Orderable {
            lines,
            quote,
            ready_span: restaurant.ready_span(),
            pickup: restaurant.position,
            kitchen: restaurant.kitchen,
            acceptance: restaurant.acceptance,
        })
    }
}

fn judge(line: u32, wanted: &CartLine, item: &Item, policy: &Policy) -> Result<Line, Refusal> {
    if !item.available {
        return Err(Refusal::ItemUnavailable { line, item: item.id });
    }
    let (found, most) = (wanted.quantity, policy.checkout.quantity_max);
    if !(1..=most).contains(&found) {
        return Err(Refusal::Quantity { line, found, most });
    }
    customisations(line, wanted, item)?;
    let unit = unit(wanted, item, policy)?;
    match wanted.unit_price {
        Some(seen) if seen != unit => Err(Refusal::PriceChanged { line, seen, now: unit }),
        Some(_) | None => Ok(Line {
            item: wanted.item,
            quantity: wanted.quantity,
            choices: wanted.choices.clone(),
            unit,
        }),
    }
}

fn customisations(line: u32, wanted: &CartLine, item: &Item) -> Result<(), Refusal> {
    let known = |id: ItemId| item.choices().any(|choice| choice.id == id);
    if let Some(&choice) = wanted.choices.iter().find(|&&id| !known(id)) {
        return Err(Refusal::UnknownChoice { line, choice });
    }
    // All are the item's, which has few (`CHOICES_MAX`), so a repetition comes soon.
    for (nth, &choice) in wanted.choices.iter().enumerate() {
        if wanted.choices.iter().take(nth).any(|&earlier| earlier == choice) {
            return Err(Refusal::DuplicateChoice { line, choice });
        }
    }
    let chosen = |choice: &&Choice| wanted.choices.contains(&choice.id);
    if let Some(gone) = item.choices().filter(chosen).find(|choice| !choice.available) {
        return Err(Refusal::ChoiceUnavailable { line, choice: gone.id });
    }
    for (group, options) in (0u32..).zip(&item.option_groups) {
        let found = options.choices.iter().filter(chosen).count();
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        let (least, most) = (options.least, options.most);
        if !(least..=most).contains(&found) {
            return Err(Refusal::ChoiceCount { line, group, found, least, most });
        }
    }
    Ok(())
}

/// The price of one unit with its choices, which are known to be the item's.
fn unit(wanted: &CartLine, item: &Item, policy: &Policy) -> Result<Money, Refusal> {
    in_currency(item.id, item.price, policy)?;
    let mut unit = item.price;
    for choice in item.choices().filter(|choice| wanted.choices.contains(&choice.id)) {
        in_currency(choice.id, choice.price, policy)?;
        unit = unit.checked_add(choice.price).map_err(|_| Refusal::TooMuch)?;
    }
    Ok(unit)
}

fn quote(lines: &[Line], distance_m: u32, policy: &Policy) -> Result<Quote, MoneyError> {
    let mut subtotal = Money::zero(policy.currency);
    for line in lines {
        subtotal = subtotal.checked_add(line.total()?)?;
    }
    Quote::new(subtotal, distance_m, &policy.checkout)
}
