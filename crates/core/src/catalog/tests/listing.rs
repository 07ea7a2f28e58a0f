use super::*;

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
fn what_has_half_run_out_can_be_set_either_way() {
    let mut half = restaurant();
    half.menu.categories[1].items[0].available = false;
    let catalog = catalog_of(&half);
    for available in [true, false] {
        let command = Command::SetItemAvailable { restaurant: HERE, item: COLA, available };
        let mut after = catalog.clone();
        for event in catalog.decide(&command, &policy()).unwrap() {
            after.evolve(&event).unwrap();
        }
        let cola = after.item(HERE, COLA).unwrap().available;
        let burger = after.item(HERE, BURGER).unwrap();
        let extra = burger.choices().find(|choice| choice.id == COLA).unwrap().available;
        assert_eq!((cola, extra), (available, available));
    }
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
