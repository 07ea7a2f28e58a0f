use super::*;
use crate::money::Currency;
use crate::place::LatLng;
use crate::time::{Span, Timestamp};

mod listing;
mod order;

const HERE: RestaurantId = id(1);
const BURGER: ItemId = item(10);
const COLA: ItemId = item(11);
const SOLD_OUT: ItemId = item(12);
const SMALL: ItemId = item(20);
const LARGE: ItemId = item(21);
const CHEESE: ItemId = item(22);
const BACON: ItemId = item(23);
/// 2024-01-01T12:00:00Z, a Monday.
const NOON: Timestamp = Timestamp::from_secs(1_704_110_400);

const fn id(raw: u64) -> RestaurantId {
    RestaurantId::new(raw).unwrap()
}

const fn item(raw: u64) -> ItemId {
    ItemId::new(raw).unwrap()
}

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::new(currency).unwrap())
}

fn eur(minor: i64) -> Money {
    money(minor, "EUR")
}

fn policy() -> Policy {
    Policy::new(Currency::new("EUR").unwrap())
}

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

fn listed(id: ItemId, price: i64, available: bool, option_groups: Vec<OptionGroup>) -> Item {
    Item { id, name: "Item".into(), price: eur(price), available, option_groups }
}

fn group(least: u32, most: u32, choices: &[(ItemId, i64, bool)]) -> OptionGroup {
    let choice = |&(id, price, available): &(ItemId, i64, bool)| Choice {
        id,
        name: "Choice".into(),
        price: eur(price),
        available,
    };
    let choices = choices.iter().map(choice).collect();
    OptionGroup { name: "Group".into(), least, most, choices }
}

/// A burger (exactly one size; up to two extras, of which the bacon has run out), a cola that is an
/// extra too, and something that has run out. Open on Mondays from 10 to 14.
fn restaurant() -> Restaurant {
    let size = group(1, 1, &[(SMALL, 0, true), (LARGE, 200, true)]);
    let extras = group(0, 2, &[(CHEESE, 100, true), (BACON, 150, false), (COLA, 250, true)]);
    let burgers = vec![listed(BURGER, 900, true, vec![size, extras])];
    let others = vec![listed(COLA, 300, true, vec![]), listed(SOLD_OUT, 1, false, vec![])];
    let category = |name: &str, items| Category { name: name.into(), items };
    Restaurant {
        id: HERE,
        position: at(0.0, 0.0),
        delivery_radius_m: 5_000,
        cuisines: vec!["burgers".into()],
        hours: Hours::new(0, vec![Opening { from_min: 600, to_min: 840 }]).unwrap(),
        menu: Menu { categories: vec![category("Burgers", burgers), category("Rest", others)] },
        preparation: Span::from_mins(15),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    }
}

fn catalog_of(restaurant: &Restaurant) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.evolve(&Event::Put(restaurant.clone())).unwrap();
    catalog
}

fn wanted(item: ItemId, quantity: u32, choices: &[ItemId], seen: i64) -> CartLine {
    CartLine { item, quantity, choices: choices.to_vec(), unit_price: Some(eur(seen)) }
}
