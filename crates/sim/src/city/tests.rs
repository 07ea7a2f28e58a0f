use std::collections::BTreeMap;

use super::*;

#[test]
fn the_same_seed_makes_the_same_evening_and_another_seed_another() {
    let evening = |seed| City::generate(&CityConfig::new(seed, 500));
    assert_eq!(evening(1), evening(1));
    assert_ne!(evening(1), evening(2));
}

/// Golden: the stream and every rounding are part of what a seed means.
#[test]
fn a_seed_means_the_same_evening_for_ever() {
    let day = City::generate(&CityConfig::new(42, 300));
    let text = format!("{:?}{:?}", day.orders, day.couriers);
    // FNV-1a, 64 bits.
    let digest = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    assert_eq!(digest, 12_342_218_156_385_840_919, "{:?}", day.orders[0]);
}

#[test]
fn an_evening_is_plausible() {
    let config = CityConfig::new(7, 4_000);
    let day = City::generate(&config);
    assert_eq!((day.orders.len(), day.couriers.len()), (4_000, 1_000));
    assert_eq!(day.bad_row_count, 0);
    let mut by_restaurant: BTreeMap<LatLng, u32> = BTreeMap::new();
    for order in &day.orders {
        let metres = order.pickup.distance_m(order.drop_off);
        assert!((495..=4_020).contains(&metres), "{metres}");
        assert!((config.from_s..=config.until_s).contains(&order.placed_s));
        assert!((30..=180).contains(&(order.accept_s - order.placed_s)));
        assert!((480..=1_500).contains(&(order.ready_s - order.accept_s)));
        assert_eq!(order.promised_s - order.placed_s, 45 * 60);
        *by_restaurant.entry(order.pickup).or_default() += 1;
    }
    assert!(day.orders.is_sorted_by_key(|order| (order.placed_s, order.line)));
    let near_peak = |order: &&DayOrder| order.placed_s.abs_diff(config.peak_s) < 3_600;
    let peak = day.orders.iter().filter(near_peak).count();
    assert!(peak > 2_000, "half of the orders come within an hour of the peak: {peak}");
    let busiest = by_restaurant.values().max().unwrap();
    assert!(*busiest > 400, "the most popular restaurant is popular: {busiest}");
    for courier in &day.couriers {
        assert!(courier.off_s > courier.on_s);
    }
    let walking = day.couriers.iter().filter(|c| c.vehicle == Vehicle::Walking).count();
    assert!((60..140).contains(&walking), "{walking}");
}

#[test]
fn a_city_far_from_the_equator_has_the_same_distances() {
    for centre_e7 in [(600_000_000, 0), (-600_000_000, 1_790_000_000), (i32::MIN, i32::MAX)] {
        let config = CityConfig { centre_e7, ..CityConfig::new(3, 500) };
        for order in City::generate(&config).orders {
            let metres = order.pickup.distance_m(order.drop_off);
            assert!((480..=4_060).contains(&metres), "{centre_e7:?}: {metres}");
        }
    }
}

#[test]
fn an_empty_or_contradictory_wish_still_makes_an_evening() {
    let none = CityConfig { couriers: 0, restaurants: 0, ..CityConfig::new(1, 0) };
    assert_eq!(City::generate(&none), Day::default());
    let narrow = CityConfig { from_s: 50, peak_s: 10, until_s: 20, ..CityConfig::new(1, 9) };
    let day = City::generate(&CityConfig { restaurants: 0, ..narrow });
    assert!(day.orders.iter().all(|order| order.placed_s == 50));
}
