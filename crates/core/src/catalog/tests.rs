use super::*;
use crate::money::Currency;
use crate::place::LatLng;
use crate::pricing::Quote;
use crate::time::{Span, Timestamp};

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

fn good_cart() -> Cart {
    let lines = vec![wanted(COLA, 2, &[], 300), wanted(BURGER, 1, &[CHEESE, LARGE], 1_200)];
    Cart { restaurant: HERE, lines }
}

/// Everything an order is judged by.
struct Case {
    restaurant: Restaurant,
    cart: Cart,
    drop_off: LatLng,
    now: Timestamp,
    policy: Policy,
}

impl Case {
    fn good() -> Self {
        Self {
            restaurant: restaurant(),
            cart: good_cart(),
            drop_off: at(0.02, 0.0),
            now: NOON,
            policy: policy(),
        }
    }

    fn judged(&self) -> Result<Orderable, Refusal> {
        catalog_of(&self.restaurant).order(&self.cart, self.drop_off, self.now, &self.policy)
    }

    fn burger(&mut self) -> &mut CartLine {
        &mut self.cart.lines[1]
    }
}

#[test]
fn a_good_cart_is_priced_by_the_server() {
    let case = Case::good();
    let quote = Quote::new(eur(2 * 300 + 1_200), 2_224, &case.policy.checkout).unwrap();
    assert_eq!(quote.delivery_fee, eur(199 + 3 * 50));
    let expected = Orderable {
        lines: vec![
            Line { item: COLA, quantity: 2, choices: vec![], unit: eur(300) },
            Line { item: BURGER, quantity: 1, choices: vec![CHEESE, LARGE], unit: eur(1_200) },
        ],
        quote,
        ready_span: Span::from_mins(15),
        pickup: at(0.0, 0.0),
        kitchen: KitchenKind::Cooks,
        acceptance: Acceptance::Manual,
    };
    assert_eq!(case.judged(), Ok(expected));
}

#[test]
fn a_client_that_names_no_price_is_told_the_servers() {
    let mut case = Case::good();
    case.burger().unit_price = None;
    assert_eq!(case.judged().unwrap().lines[1].unit, eur(1_200));
}

#[test]
fn a_shelf_is_ready_at_once() {
    let mut case = Case::good();
    case.restaurant.kitchen = KitchenKind::Shelf;
    case.restaurant.acceptance = Acceptance::Automatic;
    let orderable = case.judged().unwrap();
    assert_eq!(orderable.ready_span, Span::ZERO);
    assert_eq!(orderable.kitchen, KitchenKind::Shelf);
    assert_eq!(orderable.acceptance, Acceptance::Automatic);
}

/// A change to a good case, and the refusal that it provokes.
type Row = (fn(&mut Case), Refusal);

/// Every refusal of a cart, in the documented order.
fn refusals() -> Vec<Row> {
    let opens_at = Some(Timestamp::from_secs(1_704_110_400 + (7 * 24 - 2) * 3_600));
    vec![
        (|c| c.cart.lines.clear(), Refusal::EmptyCart),
        (|c| c.policy.checkout.lines_max = 1, Refusal::TooManyLines { most: 1 }),
        (|c| c.cart.restaurant = id(2), Refusal::UnknownRestaurant { restaurant: id(2) }),
        (|c| c.restaurant.open = false, Refusal::Paused),
        (|c| c.now = NOON.saturating_add(Span::from_hours(2)), Refusal::Closed { opens_at }),
        (
            |c| c.drop_off = at(0.05, 0.0),
            Refusal::OutOfRadius { distance_m: 5_560, radius_m: 5_000 },
        ),
        (|c| c.burger().item = item(99), Refusal::UnknownItem { line: 1, item: item(99) }),
        (
            |c| c.restaurant.menu.categories[0].items[0].available = false,
            Refusal::ItemUnavailable { line: 1, item: BURGER },
        ),
        (|c| c.burger().quantity = 100, Refusal::Quantity { line: 1, found: 100, most: 99 }),
        (
            |c| c.burger().choices.insert(0, SOLD_OUT),
            Refusal::UnknownChoice { line: 1, choice: SOLD_OUT },
        ),
        (
            |c| c.burger().choices.extend([SMALL, SMALL]),
            Refusal::DuplicateChoice { line: 1, choice: SMALL },
        ),
        (|c| c.burger().choices.push(BACON), Refusal::ChoiceUnavailable { line: 1, choice: BACON }),
        (
            |c| c.burger().choices.retain(|&id| id != LARGE && id != SMALL),
            Refusal::ChoiceCount { line: 1, group: 0, found: 0, least: 1, most: 1 },
        ),
        (
            |c| c.restaurant.menu.categories[0].items[0].price = money(900, "COP"),
            Refusal::Currency {
                item: BURGER,
                found: Currency::new("COP").unwrap(),
                expected: Currency::new("EUR").unwrap(),
            },
        ),
        (
            |c| c.burger().unit_price = Some(eur(1)),
            Refusal::PriceChanged { line: 1, seen: eur(1), now: eur(1_200) },
        ),
        (|c| c.policy.checkout.fee_base_minor = i64::MAX, Refusal::TooMuch),
    ]
}

#[test]
fn every_fault_of_a_cart_is_refused_by_name() {
    for (change, refusal) in refusals() {
        let mut case = Case::good();
        change(&mut case);
        assert_eq!(case.judged(), Err(refusal));
    }
}

#[test]
fn of_two_faults_the_one_of_higher_precedence_is_told() {
    let rows = refusals();
    for (first, (change_first, refusal)) in rows.iter().enumerate() {
        for (change_second, lesser) in &rows[first + 1..] {
            // The graver change comes last: it may leave nothing for the other to change.
            let mut case = Case::good();
            change_second(&mut case);
            change_first(&mut case);
            let told = case.judged().unwrap_err();
            let same = std::mem::discriminant(&told) == std::mem::discriminant(refusal);
            assert!(same, "{refusal:?} before {lesser:?}, not {told:?}");
        }
    }
}

#[test]
fn the_first_line_at_fault_is_told_whatever_is_wrong_with_the_second() {
    let mut case = Case::good();
    case.burger().item = item(99);
    case.cart.lines[0].unit_price = Some(eur(299));
    let told = Refusal::PriceChanged { line: 0, seen: eur(299), now: eur(300) };
    assert_eq!(case.judged(), Err(told));
}

#[test]
fn customisations_are_judged_group_by_group() {
    let count = |group, found, least, most| {
        Some(Refusal::ChoiceCount { line: 0, group, found, least, most })
    };
    let rows: [(&[ItemId], i64, Option<Refusal>); 7] = [
        (&[SMALL], 900, None),
        (&[COLA, CHEESE, LARGE], 1_450, None),
        (&[], 900, count(0, 0, 1, 1)),
        (&[SMALL, LARGE], 1_100, count(0, 2, 1, 1)),
        (&[BACON], 900, Some(Refusal::ChoiceUnavailable { line: 0, choice: BACON })),
        (&[BURGER], 900, Some(Refusal::UnknownChoice { line: 0, choice: BURGER })),
        (&[SMALL, SMALL], 900, Some(Refusal::DuplicateChoice { line: 0, choice: SMALL })),
    ];
    for (choices, unit, refusal) in rows {
        let mut case = Case::good();
        case.cart.lines = vec![wanted(BURGER, 1, choices, unit)];
        assert_eq!(case.judged().err(), refusal, "{choices:?}");
    }
    let mut case = Case::good();
    case.restaurant.menu.categories[0].items[0].option_groups[1].most = 1;
    case.cart.lines = vec![wanted(BURGER, 1, &[SMALL, CHEESE, COLA], 1_250)];
    assert_eq!(case.judged().err(), count(1, 2, 0, 1));
}

#[test]
fn bounds_are_taken_and_what_lies_beyond_is_not() {
    let mut case = Case::good();
    case.policy.checkout.lines_max = 2;
    case.cart.lines[0].quantity = 99;
    case.restaurant.delivery_radius_m = 2_224;
    assert!(case.judged().is_ok());
    case.restaurant.delivery_radius_m = 2_223;
    assert!(matches!(case.judged(), Err(Refusal::OutOfRadius { .. })));
    case.restaurant.delivery_radius_m = 2_224;
    case.cart.lines[0].quantity = 0;
    assert_eq!(case.judged(), Err(Refusal::Quantity { line: 0, found: 0, most: 99 }));
}

#[test]
fn a_paused_restaurant_is_paused_and_not_closed_and_one_without_hours_never_opens() {
    let mut case = Case::good();
    case.restaurant.hours = Hours::new(0, vec![]).unwrap();
    assert_eq!(case.judged(), Err(Refusal::Closed { opens_at: None }));
    case.restaurant.open = false;
    assert_eq!(case.judged(), Err(Refusal::Paused));
}

#[test]
fn every_item_of_a_large_menu_is_found_where_it_stands() {
    let mut restaurant = restaurant();
    let ids = |from: u64| (0..1_000).map(move |nth| item(from + (nth * 617) % 1_000));
    for from in [1_000, 5_000, 3_000] {
        let items = ids(from).map(|id| listed(id, 1, true, vec![])).collect();
        restaurant.menu.categories.push(Category { name: "More".into(), items });
    }
    let catalog = catalog_of(&restaurant);
    for item in restaurant.menu.items() {
        assert_eq!(catalog.item(HERE, item.id), Some(item));
    }
    for unknown in [0, 999, 2_000, 6_000].map(item) {
        assert_eq!(catalog.item(HERE, unknown), None);
    }
}

#[test]
fn a_restaurant_out_of_bounds_is_refused_by_name() {
    type Row = (fn(&mut Restaurant), RestaurantError);
    fn burger(restaurant: &mut Restaurant) -> &mut Item {
        &mut restaurant.menu.categories[0].items[0]
    }
    let rows: Vec<Row> = vec![
        (|r| r.delivery_radius_m = 0, RestaurantError::Radius { found: 0 }),
        (|r| r.delivery_radius_m = 100_001, RestaurantError::Radius { found: 100_001 }),
        (
            |r| r.preparation = Span::from_hours(25),
            RestaurantError::Preparation { found: Span::from_hours(25) },
        ),
        (|r| r.cuisines = vec!["x".into(); 17], RestaurantError::Cuisines { most: 16 }),
        (|r| r.cuisines[0].clear(), RestaurantError::Name { of: Named::Cuisine }),
        (
            |r| r.menu.categories = vec![r.menu.categories[1].clone(); 201],
            RestaurantError::Categories { most: 200 },
        ),
        (
            |r| r.menu.categories[0].items = vec![listed(BURGER, 1, true, vec![]); 20_001],
            RestaurantError::Entries { most: 20_000 },
        ),
        (
            |r| r.menu.categories[0].name = "x".repeat(201),
            RestaurantError::Name { of: Named::Category },
        ),
        (|r| burger(r).name.clear(), RestaurantError::Name { of: Named::Item(BURGER) }),
        (|r| burger(r).price = eur(-1), RestaurantError::Price { item: BURGER, price: eur(-1) }),
        (
            |r| burger(r).price = eur(1_000_000_000_001),
            RestaurantError::Price { item: BURGER, price: eur(1_000_000_000_001) },
        ),
        (
            |r| burger(r).option_groups = vec![group(0, 1, &[]); 21],
            RestaurantError::Groups { item: BURGER, most: 20 },
        ),
        (
            |r| burger(r).option_groups[1] = group(0, 1, &[(CHEESE, 0, true); 201]),
            RestaurantError::Choices { item: BURGER, most: 200 },
        ),
        (
            |r| burger(r).option_groups[1].name.clear(),
            RestaurantError::Name { of: Named::Group(BURGER) },
        ),
        (|r| burger(r).option_groups[1].most = 0, RestaurantError::Rule { item: BURGER, group: 1 }),
        (
            |r| burger(r).option_groups[0].least = 2,
            RestaurantError::Rule { item: BURGER, group: 0 },
        ),
        (
            |r| burger(r).option_groups[0] = group(3, 3, &[(SMALL, 0, true), (LARGE, 0, true)]),
            RestaurantError::Rule { item: BURGER, group: 0 },
        ),
        (
            |r| burger(r).option_groups[0].choices[0].name.clear(),
            RestaurantError::Name { of: Named::Choice(SMALL) },
        ),
        (
            |r| burger(r).option_groups[0].choices[0].price = eur(-1),
            RestaurantError::Price { item: SMALL, price: eur(-1) },
        ),
        (
            |r| burger(r).option_groups[1].choices[0].id = SMALL,
            RestaurantError::DuplicateChoice { item: BURGER, choice: SMALL },
        ),
        (|r| burger(r).id = COLA, RestaurantError::DuplicateItem { item: COLA }),
    ];
    for (change, error) in rows {
        let mut restaurant = restaurant();
        assert_eq!(restaurant.check(), Ok(()));
        change(&mut restaurant);
        assert_eq!(restaurant.check(), Err(error));
        let put = Command::Put(restaurant.clone());
        let refusal = Refusal::Restaurant(error);
        assert_eq!(Catalog::default().decide(&put, &policy()), Err(refusal));
        let corrupt = Catalog::default().evolve(&Event::Put(restaurant));
        assert_eq!(corrupt, Err(CorruptCatalog::Restaurant(error)));
    }
}

fn commands() -> [Command; 5] {
    let mut other = restaurant();
    other.delivery_radius_m = 1;
    [
        Command::Put(other),
        Command::SetOpen { restaurant: HERE, open: false },
        Command::SetItemAvailable { restaurant: HERE, item: COLA, available: false },
        Command::SetItemAvailable { restaurant: HERE, item: CHEESE, available: false },
        Command::Remove { restaurant: HERE },
    ]
}

#[test]
fn a_command_changes_the_catalogue_once() {
    for command in commands() {
        let before = catalog_of(&restaurant());
        let mut after = before.clone();
        let events = before.decide(&command, &policy()).unwrap();
        assert_eq!(events.len(), 1, "{command:?}");
        after.evolve(&events[0]).unwrap();
        assert_ne!(before, after, "{command:?}");
        assert_eq!(after.decide(&command, &policy()), Ok(vec![]), "{command:?}");
    }
}

#[test]
fn nothing_happens_to_a_restaurant_that_is_not_listed() {
    let refusal = || Err(Refusal::UnknownRestaurant { restaurant: HERE });
    let [_, set_open, cola, _, remove] = commands();
    let empty = Catalog::default();
    assert_eq!(empty.decide(&set_open, &policy()), refusal());
    assert_eq!(empty.decide(&cola, &policy()), refusal());
    assert_eq!(empty.decide(&remove, &policy()), Ok(vec![]));
}

#[test]
fn what_runs_out_runs_out_as_an_item_and_as_a_choice() {
    let mut catalog = catalog_of(&restaurant());
    let event = Event::SetItemAvailable { restaurant: HERE, item: COLA, available: false };
    catalog.evolve(&event).unwrap();
    let order = |choices: &[ItemId], item| {
        let cart = Cart { restaurant: HERE, lines: vec![wanted(item, 1, choices, 1_150)] };
        catalog.order(&cart, at(0.0, 0.0), NOON, &policy()).unwrap_err()
    };
    assert_eq!(order(&[], COLA), Refusal::ItemUnavailable { line: 0, item: COLA });
    assert_eq!(order(&[SMALL, COLA], BURGER), Refusal::ChoiceUnavailable { line: 0, choice: COLA });
    let back = Command::SetItemAvailable { restaurant: HERE, item: COLA, available: true };
    assert_eq!(catalog.decide(&back, &policy()).unwrap().len(), 1);
    let unknown = Command::SetItemAvailable { restaurant: HERE, item: item(99), available: true };
    let refusal = Refusal::NotOnMenu { restaurant: HERE, item: item(99) };
    assert_eq!(catalog.decide(&unknown, &policy()), Err(refusal));
}

#[test]
fn a_full_catalogue_takes_changes_and_no_newcomers() {
    let mut policy = policy();
    policy.memory.restaurants_max = 1;
    let catalog = catalog_of(&restaurant());
    let changed = Restaurant { delivery_radius_m: 7, ..restaurant() };
    assert_eq!(catalog.decide(&Command::Put(changed), &policy).unwrap().len(), 1);
    let newcomer = Restaurant { id: id(2), ..restaurant() };
    let refused = catalog.decide(&Command::Put(newcomer), &policy);
    assert_eq!(refused, Err(Refusal::Full { most: 1 }));
}

#[test]
fn a_price_in_another_currency_is_refused() {
    let (found, expected) = (Currency::new("COP").unwrap(), Currency::new("EUR").unwrap());
    let mut priced = restaurant();
    priced.menu.categories[0].items[0].option_groups[0].choices[1].price = money(1, "COP");
    let refused = Catalog::default().decide(&Command::Put(priced), &policy());
    assert_eq!(refused, Err(Refusal::Currency { item: LARGE, found, expected }));
}

#[test]
fn a_corrupt_log_changes_nothing() {
    let mut unchecked = restaurant();
    unchecked.delivery_radius_m = 0;
    let (nobody, nothing) = (id(9), item(99));
    let unknown = CorruptCatalog::UnknownRestaurant { restaurant: nobody };
    let rows = [
        (Event::Put(unchecked), CorruptCatalog::Restaurant(RestaurantError::Radius { found: 0 })),
        (Event::Removed { restaurant: nobody }, unknown),
        (Event::SetOpen { restaurant: nobody, open: true }, unknown),
        (Event::SetItemAvailable { restaurant: nobody, item: COLA, available: true }, unknown),
        (
            Event::SetItemAvailable { restaurant: HERE, item: nothing, available: true },
            CorruptCatalog::NotOnMenu { restaurant: HERE, item: nothing },
        ),
    ];
    for (event, corrupt) in rows {
        let mut catalog = catalog_of(&restaurant());
        assert_eq!(catalog.evolve(&event), Err(corrupt));
        assert_eq!(catalog, catalog_of(&restaurant()));
    }
}

#[test]
fn a_catalogue_survives_json_and_is_checked_on_its_way_in() {
    let catalog = catalog_of(&restaurant());
    let json = serde_json::to_string(&catalog).unwrap();
    assert_eq!(serde_json::from_str::<Catalog>(&json).unwrap(), catalog);
    let twice = serde_json::to_string(&[restaurant(), restaurant()]).unwrap();
    assert!(serde_json::from_str::<Catalog>(&twice).is_err());
    let unchecked = json.replace("\"delivery_radius_m\":5000", "\"delivery_radius_m\":0");
    assert_ne!(unchecked, json);
    assert!(serde_json::from_str::<Catalog>(&unchecked).is_err());
    let misspelt = json.replace("\"available\"", "\"avialable\"");
    assert!(serde_json::from_str::<Catalog>(&misspelt).is_err());
}

#[test]
fn what_need_not_be_written_may_be_left_out() {
    let text = format!(r#"{{"restaurant":"{HERE}","lines":[{{"item":"{COLA}","quantity":1}}]}}"#);
    let line = CartLine { item: COLA, quantity: 1, choices: vec![], unit_price: None };
    let cart: Cart = serde_json::from_str(&text).unwrap();
    assert_eq!(cart, Cart { restaurant: HERE, lines: vec![line] });
    assert!(serde_json::from_str::<Cart>(&text.replace("quantity", "quantum")).is_err());
}
