//! Approach, arrival, overshoot, jitter, departure: each crossing told once.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use super::*;
use proptest::prelude::*;

const DOOR: (f64, f64) = (4.8133, -75.6961);

fn door() -> Geofence {
    Geofence::doorstep(LatLng::new(DOOR.0, DOOR.1).unwrap())
}

fn metres_off(metres: f64) -> LatLng {
    LatLng::new(DOOR.0 + metres / 111_195.0, DOOR.1).unwrap()
}

/// The crossings of a trace of (second, metres from the door), all 10 m accurate, with the
/// second at which each is told.
fn told(fence: &Geofence, trace: &[(i64, f64)]) -> Vec<(i64, Crossing)> {
    let mut watch = Watch::default();
    let mut told = Vec::new();
    for &(secs, metres) in trace {
        let fix = (metres_off(metres), Timestamp::from_secs(secs));
        if let Some(crossing) = watch.observe(fence, fix.0, 10, fix.1) {
            told.push((secs, crossing));
        }
    }
    told
}

#[test]
fn an_approach_arrives_once_and_a_departure_leaves_once() {
    let trace = [
        (0, 400.0),
        (5, 250.0),
        (10, 120.0),
        (15, 40.0),
        (20, 12.0),
        (25, 5.0),
        (30, 6.0),
        (90, 4.0),
        (95, 80.0),
        (100, 160.0),
        (105, 240.0),
        (110, 320.0),
        (115, 400.0),
    ];
    assert_eq!(told(&door(), &trace), [(25, Crossing::Arrived), (110, Crossing::Left)]);
}

#[test]
fn who_drives_by_has_not_arrived() {
    let trace = [(0, 150.0), (5, 80.0), (10, 30.0), (15, 30.0), (20, 90.0), (25, 200.0)];
    assert!(told(&door(), &trace).is_empty());
}

#[test]
fn an_overshoot_that_turns_around_arrives_when_it_stays() {
    let trace =
        [(0, 100.0), (5, 20.0), (10, 130.0), (15, 110.0), (20, 45.0), (25, 10.0), (30, 9.0)];
    assert_eq!(told(&door(), &trace), [(30, Crossing::Arrived)]);
}

#[test]
fn one_noisy_ping_neither_arrives_nor_leaves() {
    let far = [(0, 900.0), (5, 900.0), (10, 3.0), (15, 900.0), (20, 900.0)];
    assert!(told(&door(), &far).is_empty());
    let there = [(0, 5.0), (5, 5.0), (10, 5.0), (15, 700.0), (20, 5.0), (25, 5.0), (30, 700.0)];
    assert_eq!(told(&door(), &there), [(10, Crossing::Arrived)]);
}

#[test]
fn one_ping_fires_nothing_even_without_a_dwell() {
    let fence = Geofence { dwell: Span::ZERO, ..door() };
    assert!(told(&fence, &[(0, 5.0)]).is_empty());
    assert_eq!(told(&fence, &[(0, 5.0), (1, 5.0)]), [(1, Crossing::Arrived)]);
}

#[test]
fn jitter_at_the_edges_does_not_flap() {
    // On both sides of enter_m while away, on both sides of exit_m while there.
    let edge = |start: i64, metres: f64| {
        (0..60).map(move |n| (start + n * 5, metres + if n % 2 == 0 { -8.0 } else { 8.0 }))
    };
    let away: Vec<_> = edge(0, 50.0).collect();
    assert!(told(&door(), &away).is_empty());
    let settled = [(300, 5.0), (305, 5.0), (310, 5.0)];
    let there: Vec<_> = away.iter().copied().chain(settled).chain(edge(315, 100.0)).collect();
    assert_eq!(told(&door(), &there), [(310, Crossing::Arrived)]);
}

#[test]
fn in_the_band_between_the_radii_nothing_changes() {
    let there = [(0, 5.0), (5, 5.0), (10, 5.0), (15, 75.0), (30, 75.0), (60, 99.0), (90, 75.0)];
    assert_eq!(told(&door(), &there), [(10, Crossing::Arrived)]);
    assert!(told(&door(), &[(0, 75.0), (15, 75.0), (30, 51.0), (45, 75.0)]).is_empty());
}

#[test]
fn inaccurate_fixes_are_not_looked_at() {
    let mut watch = Watch::default();
    for secs in 0..100 {
        let at = Timestamp::from_secs(secs);
        assert_eq!(watch.observe(&door(), metres_off(0.0), 51, at), None);
    }
    assert_eq!(watch, Watch::default());
}

#[test]
fn out_of_order_fixes_are_not_looked_at() {
    let run = [(10, 5.0), (20, 5.0)];
    assert_eq!(told(&door(), &run), [(20, Crossing::Arrived)]);
    // An older fix neither breaks a run, nor begins one, nor completes one.
    assert_eq!(told(&door(), &[run[0], (9, 900.0), run[1]]), [(20, Crossing::Arrived)]);
    assert!(told(&door(), &[(10, 900.0), (5, 5.0), (15, 5.0)]).is_empty());
    assert!(told(&door(), &[(10, 5.0), (10, 5.0), (0, 5.0)]).is_empty());
}

#[test]
fn a_long_silence_proves_no_stay() {
    assert!(told(&door(), &[(0, 5.0), (61, 5.0)]).is_empty());
    assert_eq!(told(&door(), &[(0, 5.0), (60, 5.0)]), [(60, Crossing::Arrived)]);
}

#[test]
fn a_fence_that_cannot_work_is_refused() {
    for (bad, reason) in [
        (Geofence { enter_m: 0, ..door() }, GeofenceError::Enter),
        (Geofence { exit_m: 49, ..door() }, GeofenceError::Exit),
        (Geofence { gap_max: Span::ZERO, ..door() }, GeofenceError::Gap),
        (Geofence { accuracy_max_m: 0, ..door() }, GeofenceError::Accuracy),
    ] {
        assert_eq!(bad.validate(), Err(reason));
    }
    assert_eq!(door().validate(), Ok(()));
    assert_eq!(Geofence::restaurant(door().centre).validate(), Ok(()));
}

proptest! {
    #[test]
    fn crossings_alternate_and_are_at_least_a_dwell_apart(
        trace in proptest::collection::vec((0..20_000_i64, 0.0..200.0f64, 5..60_u16), 0..200),
    ) {
        let (fence, mut watch) = (door(), Watch::default());
        let (mut at_ms, mut last) = (0_i64, None);
        for (after_ms, metres, accuracy_m) in trace {
            at_ms = at_ms.saturating_add(after_ms).saturating_sub(2_000);
            let at = Timestamp::from_millis(at_ms);
            let Some(crossing) = watch.observe(&fence, metres_off(metres), accuracy_m, at) else {
                continue;
            };
            prop_assert_eq!(watch.has_arrived(), crossing == Crossing::Arrived);
            if let Some((earlier, told_at)) = last.replace((crossing, at)) {
                prop_assert_ne!(earlier, crossing);
                prop_assert!(at.saturating_since(told_at) >= fence.dwell);
            } else {
                prop_assert_eq!(crossing, Crossing::Arrived);
            }
        }
    }

    #[test]
    fn a_visit_is_one_arrival_and_one_departure_however_the_fixes_jitter(
        (from_m, speed_mps, every_s) in (300.0..900.0f64, 3.0..14.0f64, 1..=8_i64),
        (stay_s, overshoot_m) in (60..300_i64, 0.0..45.0f64),
        jitter in proptest::collection::vec(-25.0..25.0f64, 1..50),
    ) {
        // To the door, past it by a few houses, back, a wait, and away.
        let drive = |from: f64, to: f64| {
            let steps = ((from - to).abs() / (speed_mps * every_s as f64)).ceil().max(1.0);
            (0..steps as i64).map(move |step| from + (to - from) * step as f64 / steps)
        };
        let stay = (0..stay_s / every_s + 2).map(|_| 0.0);
        let way: Vec<f64> = drive(from_m, -overshoot_m)
            .chain(drive(-overshoot_m, 0.0))
            .chain(stay)
            .chain(drive(0.0, from_m))
            .chain(core::iter::repeat_n(from_m, 20))
            .collect();
        let fixes = (0_i64..).zip(way.iter().zip(jitter.iter().cycle()));
        // A jitter of 25 m leaves who stands at the door within 50 m.
        let trace: Vec<_> = fixes.map(|(n, (metres, by))| (n * every_s, metres + by)).collect();
        let told: Vec<_> = told(&door(), &trace).iter().map(|(_, crossing)| *crossing).collect();
        prop_assert_eq!(told, [Crossing::Arrived, Crossing::Left]);
    }

    #[test]
    fn who_stands_still_crosses_once_at_most_if_the_fixes_jitter_less_than_half_the_band(
        metres in 0.0..200.0f64,
        jitter in proptest::collection::vec((-24.0..24.0f64, 1..20_i64), 1..300),
    ) {
        let mut secs = 0;
        let trace: Vec<_> = jitter.iter().map(|(by, after)| {
            secs += after;
            (secs, (metres + by).abs())
        }).collect();
        prop_assert!(told(&door(), &trace).len() <= 1);
    }

    #[test]
    fn who_drives_past_at_speed_has_not_arrived(
        speed_mps in 13.0..40.0f64,
        start_m in -400.0..-300.0f64,
        every_s in 1..=10_i64,
        jitter in proptest::collection::vec(-10.0..10.0f64, 1..50),
    ) {
        let fixes = (0..200_i64).zip(jitter.iter().cycle());
        let trace: Vec<_> = fixes
            .map(|(n, by)| (n * every_s, start_m + speed_mps * (n * every_s) as f64 + by))
            .take_while(|(_, metres)| *metres < 2_000.0)
            .collect();
        prop_assert!(told(&door(), &trace).is_empty());
    }

    #[test]
    fn fixes_that_are_told_again_or_late_change_nothing(
        trace in proptest::collection::vec((1..30_i64, 0.0..200.0f64), 0..100),
        again in proptest::collection::vec(0..100_usize, 0..100),
    ) {
        let mut secs = 0;
        let trace: Vec<_> = trace.iter().map(|(after, metres)| {
            secs += after;
            (secs, *metres)
        }).collect();
        let mut repeated = Vec::new();
        for (at, fix) in trace.iter().enumerate() {
            repeated.push(*fix);
            repeated.extend(again.iter().filter(|back| **back % 7 == at % 7).filter_map(|back| {
                trace.get(at.checked_sub(*back)?).copied()
            }));
        }
        prop_assert_eq!(told(&door(), &trace), told(&door(), &repeated));
    }
}
