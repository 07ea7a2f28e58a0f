//! Whole days: nothing is known before its time, and nobody is in two places.

use std::collections::BTreeSet;

use super::town::{Town, at, travel};

#[test]
fn nothing_is_known_before_its_time() {
    for seed in 0..4 {
        let town = Town::of(seed);
        let whole = town.live().unwrap();
        assert!(whole.len() > 12, "{} trips: the day shows something", whole.len());
        for minute in (0..=120).step_by(5) {
            let mut cut = town.clone();
            cut.orders.retain(|order| order.placed <= minute);
            let (lived, cut) = (whole.iter(), cut.live().unwrap());
            let until: Vec<_> = lived.take_while(|committed| committed.minute <= minute).collect();
            let same: Vec<_> = cut.iter().take_while(|c| c.minute <= minute).collect();
            assert_eq!(until, same, "seed {seed}, cut after minute {minute}");
        }
    }
}

#[test]
fn every_commitment_of_a_day_can_be_kept() {
    for seed in 0..12 {
        let town = Town::of(seed);
        let mut carried = BTreeSet::new();
        let mut couriers = town.couriers.clone();
        for committed in town.live().unwrap() {
            let trip = &committed.trip;
            let order = |id| town.orders.iter().find(|order| order.waiting.order == id).unwrap();
            let courier = couriers.iter_mut().find(|c| c.driver == trip.driver).unwrap();
            let first = order(trip.orders[0]).waiting;
            let leaves = courier.free_at.max(at(committed.minute));
            let there = leaves
                .saturating_add(travel(&courier.at, &first.pickup, courier.vehicle))
                .saturating_add(super::town::policy().service_before_pickup);
            assert!(trip.pickup_at >= there && trip.pickup_at <= courier.off_at, "{committed:?}");
            let (mut place, mut free) = (first.pickup, trip.pickup_at);
            for (id, drop_off) in trip.orders.iter().zip(&trip.drop_offs) {
                let order = order(*id);
                assert!(carried.insert(*id), "{id} goes twice");
                assert!(order.placed <= committed.minute, "{id} is not placed yet");
                assert_eq!(order.waiting.restaurant, first.restaurant, "{committed:?}");
                assert!(trip.pickup_at >= order.waiting.ready_at, "{committed:?}");
                let way = travel(&place, &order.waiting.drop_off, courier.vehicle);
                assert_eq!(*drop_off, free.saturating_add(way).saturating_add(four_minutes()));
                (place, free) = (order.waiting.drop_off, *drop_off);
            }
            assert_eq!(
                trip.free_at,
                free.saturating_add(super::town::policy().service_after_drop_off)
            );
            (courier.at, courier.free_at) = (place, trip.free_at);
        }
    }
}

/// From one door to the next somebody hands over and parks, and from the kitchen packs and parks.
fn four_minutes() -> crate::time::Span {
    crate::time::Span::from_mins(4)
}
