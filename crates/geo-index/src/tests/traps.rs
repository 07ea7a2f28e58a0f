//! What an index of moving drivers gets wrong, one by one.

use super::*;
use crate::{Verdict, Viewport};

const PLAZA: (f64, f64) = (4.8133, -75.6961);

fn plaza() -> LatLng {
    at(PLAZA.0, PLAZA.1)
}

/// `metres` to the north of the plaza.
fn north(metres: f64) -> LatLng {
    at(PLAZA.0 + metres / 111_195.0, PLAZA.1)
}

#[test]
fn a_driver_who_left_is_not_found_at_the_old_place() {
    let index = index(Config::default());
    assert_eq!(index.record(&ping(7, plaza(), secs(0))), Verdict::Inserted);
    assert_eq!(index.record(&ping(7, north(3_000.0), secs(60))), Verdict::Moved);
    assert!(within(&index, plaza(), 2_000, secs(60)).is_empty());
    assert_eq!(within(&index, plaza(), 4_000, secs(60)), [7]);
    assert_eq!(index.len(), 1);
}

#[test]
fn an_older_ping_that_comes_later_changes_nothing() {
    let index = index(Config::default());
    index.record(&ping(7, north(100.0), secs(10)));
    assert_eq!(index.record(&ping(7, plaza(), secs(5))), Verdict::OutOfOrder);
    assert_eq!(index.get(&7), Some(Fix::new(north(100.0), secs(10))));
}

#[test]
fn of_two_pings_with_the_same_time_the_first_is_kept() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(10)));
    assert_eq!(index.record(&ping(7, plaza(), secs(10))), Verdict::OutOfOrder);
    assert_eq!(index.record(&ping(7, north(10.0), secs(10))), Verdict::OutOfOrder);
    assert_eq!(index.get(&7), Some(Fix::new(plaza(), secs(10))));
}

#[test]
fn a_driver_who_waits_is_refreshed() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    assert_eq!(index.record(&ping(7, plaza(), secs(50))), Verdict::Refreshed);
    assert_eq!(within(&index, plaza(), 10, secs(100)), [7]);
}

#[test]
fn a_stale_fix_is_not_returned_though_it_is_still_held() {
    let index = index(Config { stale_after: Span::from_secs(60), ..Config::default() });
    index.record(&ping(7, plaza(), secs(0)));
    assert_eq!(within(&index, plaza(), 10, secs(60)), [7]);
    let late = secs(60).saturating_add(Span::from_millis(1));
    assert!(within(&index, plaza(), 10, late).is_empty());
    assert_eq!(index.len(), 1);
    assert_eq!((index.evict_stale(secs(60)), index.evict_stale(late)), (0, 1));
    assert_eq!((index.len(), index.get(&7)), (0, None));
}

#[test]
fn every_hit_says_how_far_and_how_old_it_is() {
    let index = index(Config::default());
    index.record(&ping(7, north(500.0), secs(0)));
    let mut hits = Vec::new();
    index.nearest(plaza(), 1_000, 1, secs(9), |_, _| true, &mut hits);
    assert_eq!((hits[0].distance_m, hits[0].age), (500, Span::from_secs(9)));
}

#[test]
fn drivers_at_the_same_distance_come_in_the_order_of_their_ids() {
    let index = index(Config::default());
    for driver in [5, 3, 9, 1] {
        index.record(&ping(driver, north(500.0), secs(0)));
    }
    index.record(&ping(7, north(499.0), secs(0)));
    assert_eq!(within(&index, plaza(), 1_000, secs(0)), [7, 1, 3, 5, 9]);
    let mut hits = Vec::new();
    index.nearest(plaza(), 1_000, 3, secs(0), |_, _| true, &mut hits);
    assert_eq!(hits.iter().map(|hit| hit.driver).collect::<Vec<_>>(), [7, 1, 3]);
}

#[test]
fn a_jump_that_no_vehicle_can_make_is_not_believed() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    assert_eq!(index.record(&ping(7, north(5_000.0), secs(5))), Verdict::Implausible);
    assert_eq!(index.get(&7), Some(Fix::new(plaza(), secs(0))));
    assert_eq!(index.tally().implausible, 1);
}

#[test]
fn a_jump_that_a_car_can_make_is_not_believed_of_a_bicycle() {
    let index = index(Config::default());
    for (driver, speed_max_mps, verdict) in [
        (1, None, Verdict::Moved),
        (2, Some(15), Verdict::Implausible),
        (3, Some(900), Verdict::Moved),
    ] {
        index.record(&ping(driver, plaza(), secs(0)));
        let jump = Ping { speed_max_mps, ..ping(driver, north(700.0), secs(10)) };
        assert_eq!(index.record(&jump), verdict);
    }
}

#[test]
fn a_vehicles_own_limit_cannot_lift_the_ceiling() {
    let index = index(Config { speed_max_mps: 20, ..Config::default() });
    index.record(&ping(7, plaza(), secs(0)));
    let jump = Ping { speed_max_mps: Some(u16::MAX), ..ping(7, north(2_000.0), secs(20)) };
    assert_eq!(index.record(&jump), Verdict::Implausible);
}

#[test]
fn the_jitter_of_a_poor_receiver_is_no_jump() {
    let index = index(Config::default());
    let poor = |metres, secs_after| {
        let fix = Fix::new(north(metres), secs(secs_after));
        Ping::new(7, Fix { accuracy_m: Some(120), ..fix })
    };
    index.record(&poor(0.0, 0));
    assert_eq!(index.record(&poor(450.0, 1)), Verdict::Moved);
}

#[test]
fn a_receiver_that_claims_to_know_nothing_is_not_free_to_be_anywhere() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    let fix = Fix { accuracy_m: Some(u16::MAX), ..Fix::new(north(20_000.0), secs(5)) };
    assert_eq!(index.record(&Ping::new(7, fix)), Verdict::Implausible);
}

#[test]
fn a_true_relocation_is_believed_once_consecutive_fixes_agree() {
    let index = index(Config { confirm_after: 3, ..Config::default() });
    index.record(&ping(7, plaza(), secs(0)));
    let told = [5, 10, 15].map(|s| index.record(&ping(7, north(50_000.0 + s as f64), secs(s))));
    assert_eq!(told, [Verdict::Implausible, Verdict::Implausible, Verdict::Moved]);
    assert!(within(&index, plaza(), 10_000, secs(15)).is_empty());
    assert_eq!(index.record(&ping(7, north(50_030.0), secs(20))), Verdict::Moved);
}

#[test]
fn jumps_that_disagree_with_one_another_are_never_believed() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    for n in 1..20_u32 {
        let away = if n % 2 == 0 { 50_000.0 } else { -50_000.0 };
        assert_eq!(index.record(&ping(7, north(away), secs(u64::from(n)))), Verdict::Implausible);
    }
    assert_eq!(index.get(&7), Some(Fix::new(plaza(), secs(0))));
}

#[test]
fn an_honest_fix_between_them_takes_the_weight_from_jumps() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    for round in 0..5 {
        let start = round * 30;
        for jump in [5, 10] {
            let verdict = index.record(&ping(7, north(50_000.0), secs(start + jump)));
            assert_eq!(verdict, Verdict::Implausible);
        }
        assert_eq!(index.record(&ping(7, plaza(), secs(start + 15))), Verdict::Refreshed);
    }
}

#[test]
fn a_jump_delivered_again_and_again_does_not_confirm_itself() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    for _ in 0..10 {
        assert_eq!(index.record(&ping(7, north(50_000.0), secs(5))), Verdict::Implausible);
    }
    assert_eq!(index.get(&7), Some(Fix::new(plaza(), secs(0))));
    // Nor does it take back what newer ones have confirmed.
    for (taken_at, verdict) in [
        (10, Verdict::Implausible),
        (10, Verdict::Implausible),
        (5, Verdict::Implausible),
        (15, Verdict::Moved),
    ] {
        assert_eq!(index.record(&ping(7, north(50_000.0), secs(taken_at))), verdict);
    }
}

#[test]
fn a_removed_driver_leaves_no_suspicion_behind() {
    let index = index(Config::default());
    index.record(&ping(7, plaza(), secs(0)));
    index.record(&ping(7, north(50_000.0), secs(1)));
    index.record(&ping(7, north(50_000.0), secs(2)));
    assert!(index.remove(&7).is_some());
    index.record(&ping(7, plaza(), secs(3)));
    assert_eq!(index.record(&ping(7, north(50_000.0), secs(4))), Verdict::Implausible);
}

#[test]
fn a_phone_whose_clock_runs_ahead_is_set_right_at_the_door() {
    let index = index(Config::default());
    let ahead = Fix::new(plaza(), secs(86_400));
    index.record(&Ping::new(7, ahead.received_at(secs(1))));
    assert_eq!(index.record(&ping(7, plaza(), secs(2))), Verdict::Refreshed);
    assert_eq!(ahead.age(secs(0)), Span::ZERO);
}

#[test]
fn a_full_index_refuses_the_new_and_serves_the_known() {
    let index = index(Config { drivers_max: 2, stripes: 3, ..Config::default() });
    for (driver, verdict) in [(1, Verdict::Inserted), (2, Verdict::Inserted), (3, Verdict::Full)] {
        assert_eq!(index.record(&ping(driver, plaza(), secs(0))), verdict);
    }
    assert_eq!(index.record(&ping(1, north(10.0), secs(5))), Verdict::Moved);
    index.remove(&2);
    assert_eq!(index.record(&ping(3, plaza(), secs(5))), Verdict::Inserted);
    assert_eq!((index.len(), index.tally().full), (2, 1));
}

#[test]
fn a_neighbour_across_the_antimeridian_is_near() {
    let index = index(Config::default());
    index.record(&ping(7, at(-17.0, -179.999), secs(0)));
    assert_eq!(within(&index, at(-17.0, 179.999), 300, secs(0)), [7]);
    let viewport = Viewport::new(at(-18.0, 179.0), at(-16.0, -179.0)).unwrap();
    let mut hits = Vec::new();
    index.in_viewport(&viewport, 100, secs(0), |_, _| true, &mut hits);
    assert_eq!(hits.len(), 1);
}

#[test]
fn right_at_the_antimeridian_both_sides_are_near() {
    let index = index(Config::default());
    for (driver, lng) in [(1, 179.999_9), (2, -179.999_9), (3, 180.0), (4, -180.0)] {
        index.record(&ping(driver, at(-17.0, lng), secs(0)));
    }
    for lng in [180.0, -180.0, 179.999_99, -179.999_99] {
        let mut near = within(&index, at(-17.0, lng), 30, secs(0));
        near.sort_unstable();
        assert_eq!(near, [1, 2, 3, 4], "{lng}");
    }
}

#[test]
fn a_driver_who_jumps_again_and_again_is_named_and_one_who_relocated_is_not() {
    let index = index(Config { escalate_after: 5, ..Config::default() });
    index.record(&ping(7, plaza(), secs(0)));
    index.record(&ping(8, plaza(), secs(0)));
    // Two jumps, one honest fix, and so on: each round leaves a strike.
    for round in 0..5 {
        index.record(&ping(7, north(50_000.0), secs(round * 30 + 5)));
        index.record(&ping(7, north(50_000.0), secs(round * 30 + 10)));
        index.record(&ping(7, plaza(), secs(round * 30 + 15)));
    }
    for s in [5, 10] {
        index.record(&ping(8, north(50_000.0), secs(s)));
    }
    let mut suspects = Vec::new();
    index.suspects(1, &mut suspects);
    let told: Vec<_> = suspects.iter().map(|found| (found.driver, found.strikes)).collect();
    assert_eq!(told, [(7, 5), (8, 2)]);
    assert_eq!(suspects[0].latest.position, north(50_000.0));
    index.record(&ping(8, north(50_000.0), secs(15)));
    index.suspects(1, &mut suspects);
    assert_eq!((suspects.len(), suspects[0].driver), (1, 7));
    assert_eq!(index.tally().escalated, 2);
}

#[test]
fn in_a_full_stadium_a_search_asks_about_few_and_everybody_can_leave() {
    let index = index(Config { drivers_max: 100_000, ..Config::default() });
    let part = |driver: u32, step: f64| (f64::from(driver) * step).fract();
    let seat = |driver: u32, by: f64| {
        at(
            4.8 + by + part(driver, 0.754_877_666) * 0.002,
            -75.7 + part(driver, 0.569_840_291) * 0.002,
        )
    };
    let pings: Vec<_> =
        (0..40_000).map(|driver| ping(driver, seat(driver, 0.0), secs(0))).collect();
    index.record_batch(&pings, |_, verdict| assert_eq!(verdict, Verdict::Inserted));
    let asked = std::cell::Cell::new(0);
    let mut hits = Vec::new();
    let keep = |_: &u32, _: &Fix| {
        asked.set(asked.get() + 1);
        true
    };
    index.nearest(at(4.801, -75.699), 5_000, 20, secs(0), keep, &mut hits);
    assert_eq!(hits.len(), 20);
    assert!(asked.get() < 500, "{} of 40,000 drivers were asked about", asked.get());
    // Everybody leaves, and the search finds them where they are.
    let pings: Vec<_> =
        (0..40_000).map(|driver| ping(driver, seat(driver, 0.03), secs(60))).collect();
    index.record_batch(&pings, |_, verdict| assert_eq!(verdict, Verdict::Moved));
    assert!(within(&index, at(4.801, -75.699), 1_000, secs(60)).is_empty());
    assert_eq!(within(&index, at(4.831, -75.699), 1_000, secs(60)).len(), 40_000);
}

#[test]
fn any_number_of_drivers_may_be_at_the_very_same_place() {
    let index = index(Config::default());
    let pings: Vec<_> = (0..3_000).map(|driver| ping(driver, plaza(), secs(0))).collect();
    index.record_batch(&pings, |_, _| ());
    let mut hits = Vec::new();
    index.nearest(plaza(), 10, 5, secs(0), |_, _| true, &mut hits);
    assert_eq!(hits.iter().map(|hit| hit.driver).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for driver in (0..3_000).filter(|driver| driver % 3 != 0) {
        assert!(index.remove(&driver).is_some());
    }
    assert_eq!(within(&index, plaza(), 0, secs(0)).len(), 1_000);
    index.record_batch(&pings, |_, _| ());
    // Those who move into the gaps of the evicted are evicted too.
    assert_eq!(index.evict_stale(secs(3_600)), 3_000);
    assert!(index.is_empty());
}

#[test]
fn at_the_pole_every_longitude_is_near() {
    let index = index(Config::default());
    for (driver, lng) in [(1, 0.0), (2, 90.0), (3, -179.0)] {
        index.record(&ping(driver, at(89.999, lng), secs(0)));
    }
    assert_eq!(within(&index, at(90.0, 45.0), 200, secs(0)), [1, 2, 3]);
}

#[test]
fn the_radius_belongs_to_the_circle_and_nought_asks_for_nobody() {
    let index = index(Config::default());
    index.record(&ping(7, north(500.0), secs(0)));
    assert_eq!(within(&index, plaza(), 500, secs(0)), [7]);
    assert!(within(&index, plaza(), 499, secs(0)).is_empty());
    let mut hits = vec![];
    index.nearest(plaza(), 1_000, 1, secs(0), |_, _| true, &mut hits);
    index.nearest(plaza(), 1_000, 0, secs(0), |_, _| true, &mut hits);
    assert!(hits.is_empty());
}

#[test]
fn a_filter_that_refuses_the_nearest_does_not_use_up_the_answers() {
    let index = index(Config::default());
    for driver in 0..50 {
        index.record(&ping(driver, north(f64::from(driver) * 100.0), secs(0)));
    }
    let mut hits = Vec::new();
    index.nearest(plaza(), 5_000, 3, secs(0), |driver, _| *driver >= 30, &mut hits);
    assert_eq!(hits.iter().map(|hit| hit.driver).collect::<Vec<_>>(), [30, 31, 32]);
}
