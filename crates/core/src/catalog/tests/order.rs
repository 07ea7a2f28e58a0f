use super::*;
use crate::pricing::Quote;

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
fn a_choice_in_another_currency_is_told_by_its_own_name() {
    let mut case = Case::good();
    let large = &mut case.restaurant.menu.categories[0].items[0].option_groups[0].choices[1];
    large.price = money(200, "COP");
    let (found, expected) = (Currency::new("COP").unwrap(), Currency::new("EUR").unwrap());
    assert_eq!(case.judged(), Err(Refusal::Currency { item: LARGE, found, expected }));
}

#[test]
fn the_same_number_in_another_currency_is_another_price() {
    let mut case = Case::good();
    let seen = money(1_200, "COP");
    case.burger().unit_price = Some(seen);
    assert_eq!(case.judged(), Err(Refusal::PriceChanged { line: 1, seen, now: eur(1_200) }));
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
fn what_need_not_be_written_may_be_left_out() {
    let text = format!(r#"{{"restaurant":"{HERE}","lines":[{{"item":"{COLA}","quantity":1}}]}}"#);
    let line = CartLine { item: COLA, quantity: 1, choices: vec![], unit_price: None };
    let cart: Cart = serde_json::from_str(&text).unwrap();
    assert_eq!(cart, Cart { restaurant: HERE, lines: vec![line] });
    assert!(serde_json::from_str::<Cart>(&text.replace("quantity", "quantum")).is_err());
}
