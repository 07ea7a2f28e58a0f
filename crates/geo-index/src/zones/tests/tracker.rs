//! The tracker's rules, one by one.

use doorstep_core::time::{Span, Timestamp};

use super::*;
use crate::{Fix, Ping};

fn secs(secs: u64) -> Timestamp {
    Timestamp::EPOCH.saturating_add(Span::from_secs(secs))
}

/// Metres east of the western edge of `zone()`; on the equator.
fn east(metres: f64) -> LatLng {
    at(0.01, metres / 111_195.0)
}

/// Two kilometres wide.
fn zone() -> Polygon {
    square(0.0, 0.0, 0.02)
}

fn fix(metres: f64, at: u64) -> Fix {
    Fix { accuracy_m: Some(10), ..Fix::new(east(metres), secs(at)) }
}

fn tracker(config: TrackerConfig) -> ZoneTracker<u8, u32> {
    ZoneTracker::new(config).unwrap()
}

fn one_zone() -> Zones<u8> {
    Zones::load(10, [(1, zone())]).unwrap()
}

/// What the fixes at these (second, metres east) of one driver tell, and when.
fn told(config: TrackerConfig, trace: &[(u64, f64)]) -> Vec<(u64, Passage)> {
    let (mut tracker, mut events) = (tracker(config), Vec::new());
    for &(at, metres) in trace {
        tracker.observe(&one_zone(), 7, &fix(metres, at), &mut events);
    }
    events
        .iter()
        .map(|event| (event.at.as_millis().unsigned_abs() / 1_000, event.passage))
        .collect()
}

const LEFT: Passage = Passage::Exited(Absence::Left);

fn config() -> TrackerConfig {
    TrackerConfig { dwell_after: None, ..TrackerConfig::default() }
}

#[test]
fn a_driver_enters_stays_and_leaves() {
    let config = TrackerConfig { dwell_after: Some(Span::from_secs(60)), ..config() };
    let trace = [
        (0, -300.0),
        (5, 100.0),
        (10, 300.0),
        (15, 400.0),
        (65, 500.0),
        (70, -50.0),
        (75, -90.0),
        (80, -95.0),
    ];
    let passages = [(15, Passage::Entered), (65, Passage::Dwelt), (80, LEFT)];
    assert_eq!(told(config, &trace), passages);
}

#[test]
fn one_noisy_fix_neither_enters_nor_leaves() {
    assert!(told(config(), &[(0, -300.0), (5, 300.0), (10, -300.0), (20, -300.0)]).is_empty());
    let inside = [(0, 300.0), (10, 300.0), (15, -900.0), (20, 300.0), (30, -900.0), (35, 300.0)];
    assert_eq!(told(config(), &inside), [(10, Passage::Entered)]);
    let at_once = TrackerConfig { enter_after: Span::ZERO, exit_after: Span::ZERO, ..config() };
    assert!(told(at_once, &[(0, 300.0)]).is_empty());
    let trace = [(0, 300.0), (1, 300.0), (2, -99.0), (3, -99.0)];
    assert_eq!(told(at_once, &trace), [(1, Passage::Entered), (3, LEFT)]);
}

#[test]
fn near_the_edge_one_stays_what_one_was() {
    // 30 m outside do not speak for a departure; nor does the edge itself.
    let jitter = (0..40).map(|n| (20 + n * 5, if n % 2 == 0 { 10.0 } else { -25.0 }));
    let trace: Vec<_> = [(0, 100.0), (10, 100.0)].into_iter().chain(jitter.clone()).collect();
    assert_eq!(told(config(), &trace), [(10, Passage::Entered)]);
    assert!(told(config(), &jitter.collect::<Vec<_>>()).is_empty());
    let outside = [(0, 100.0), (10, 100.0), (15, -29.0), (25, -30.0), (35, -31.0), (45, -31.0)];
    assert_eq!(told(config(), &outside), [(10, Passage::Entered), (45, LEFT)]);
}

#[test]
fn a_long_silence_breaks_a_row_and_ends_no_stay() {
    assert!(told(config(), &[(0, 300.0), (61, 300.0)]).is_empty());
    assert_eq!(told(config(), &[(0, 300.0), (60, 300.0)]), [(60, Passage::Entered)]);
    let trace = [
        (0, 300.0),
        (10, 300.0),
        (15, -99.0),
        (76, -99.0),
        (86, -99.0),
        (900, 300.0),
        (910, 300.0),
    ];
    assert_eq!(
        told(config(), &trace),
        [(10, Passage::Entered), (86, LEFT), (910, Passage::Entered)]
    );
}

#[test]
fn a_dwell_is_told_once_a_stay_and_inside_as_often_as_asked() {
    let config = TrackerConfig {
        dwell_after: Some(Span::from_secs(20)),
        inside_every: Some(Span::from_secs(30)),
        ..config()
    };
    let standing: Vec<_> = (0..=9).map(|n| (n * 10, 300.0)).collect();
    let passages = [
        (10, Passage::Entered),
        (20, Passage::Dwelt),
        (40, Passage::Inside),
        (70, Passage::Inside),
    ];
    assert_eq!(told(config, &standing), passages);
}

#[test]
fn what_cannot_be_believed_is_not_looked_at_and_is_counted() {
    let (zones, mut tracker, mut out) = (one_zone(), tracker(config()), Vec::new());
    for at in 0..100 {
        let inaccurate = Fix { accuracy_m: Some(51), ..fix(300.0, at) };
        assert_eq!(tracker.observe(&zones, 7, &inaccurate, &mut out), Seen::Inaccurate);
        let mocked = Fix { mocked: true, ..fix(300.0, at) };
        assert_eq!(tracker.observe(&zones, 7, &mocked, &mut out), Seen::Mocked);
    }
    assert!(out.is_empty() && tracker.is_empty());
    assert_eq!(tracker.observe(&zones, 7, &fix(300.0, 50), &mut out), Seen::LookedUp);
    assert_eq!(tracker.observe(&zones, 7, &fix(300.0, 50), &mut out), Seen::OutOfOrder);
    assert_eq!(tracker.observe(&zones, 7, &fix(300.0, 40), &mut out), Seen::OutOfOrder);
    let untold = Fix { accuracy_m: None, ..fix(300.0, 60) };
    assert_eq!(tracker.observe(&zones, 7, &untold, &mut out), Seen::Still);
    let tally = TrackerTally {
        inaccurate: 100,
        mocked: 100,
        looked_up: 1,
        out_of_order: 2,
        still: 1,
        ..TrackerTally::default()
    };
    assert_eq!((tracker.tally(), out.len()), (tally, 1));
    let strict = TrackerConfig { accuracy_untold_m: 51, ..config() };
    let mut strict = ZoneTracker::new(strict).unwrap();
    assert_eq!(strict.observe(&zones, 7, &untold, &mut out), Seen::Inaccurate);
}

#[test]
fn who_moves_between_zones_leaves_the_one_before_entering_the_other() {
    let zones = Zones::load(9, [(1, square(0.0, -0.02, 0.02)), (2, zone())]).unwrap();
    let (mut tracker, mut out) = (tracker(config()), Vec::new());
    for (at, metres) in
        [(0, 900.0), (10, 800.0), (20, -500.0), (30, -600.0), (40, 500.0), (50, 500.0)]
    {
        tracker.observe(&zones, 7, &fix(metres, at), &mut out);
    }
    let told: Vec<_> = out.iter().map(|event| (event.passage, event.zone)).collect();
    let entered = Passage::Entered;
    assert_eq!(told, [(entered, 2), (LEFT, 2), (entered, 1), (LEFT, 1), (entered, 2)]);
}

#[test]
fn a_full_tracker_takes_no_new_driver_and_goes_on_with_the_known() {
    let (zones, mut out) = (one_zone(), Vec::new());
    let mut tracker = tracker(TrackerConfig { drivers_max: 1, ..config() });
    assert_eq!(tracker.observe(&zones, 7, &fix(300.0, 0), &mut out), Seen::LookedUp);
    assert_eq!(tracker.observe(&zones, 8, &fix(300.0, 0), &mut out), Seen::Full);
    assert_eq!(tracker.observe(&zones, 7, &fix(300.0, 10), &mut out), Seen::Still);
    assert_eq!((tracker.len(), tracker.tally().full, out.len()), (1, 1, 1));
    assert!(tracker.forget(&7, secs(20), &mut out));
    assert_eq!(tracker.observe(&zones, 8, &fix(300.0, 20), &mut out), Seen::LookedUp);
}

#[test]
fn a_driver_in_too_many_zones_is_tracked_in_the_first_and_in_the_others_when_there_is_room() {
    let mut zones = Zones::load(9, (1..=4).map(|id| (id, zone()))).unwrap();
    let (mut tracker, mut out) =
        (tracker(TrackerConfig { zones_per_driver_max: 2, ..config() }), vec![]);
    tracker.observe(&zones, 7, &fix(300.0, 0), &mut out);
    assert_eq!(tracker.tally().zones_left_out, 2);
    tracker.observe(&zones, 7, &fix(300.0, 10), &mut out);
    let zones_of =
        |tracker: &ZoneTracker<u8, u32>| tracker.zones_of(&7).map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(zones_of(&tracker), [1, 2]);
    zones.remove(&1);
    for at in [20, 30, 40] {
        tracker.observe(&zones, 7, &fix(300.0, at), &mut out);
    }
    assert_eq!(zones_of(&tracker), [2, 3]);
    let removed = out.iter().find(|event| event.passage == Passage::Exited(Absence::ZoneRemoved));
    assert_eq!(removed.map(|event| (event.zone, event.at)), Some((1, secs(20))));
}

#[test]
fn who_goes_offline_or_silent_leaves_every_zone() {
    let (zones, mut tracker, mut out) = (one_zone(), tracker(config()), Vec::new());
    for driver in [9, 7, 8] {
        for at in [0, 10] {
            tracker.observe(&zones, driver, &fix(300.0, at), &mut out);
        }
    }
    tracker.observe(&zones, 9, &fix(300.0, 100), &mut out);
    out.clear();
    assert!(tracker.forget(&8, secs(20), &mut out));
    assert!(!tracker.forget(&8, secs(20), &mut out));
    assert_eq!(tracker.expire(secs(610), &mut out), 0);
    assert_eq!(tracker.expire(secs(611), &mut out), 1);
    assert_eq!(tracker.expire(secs(9_999), &mut out), 1);
    let exits: Vec<_> = out.iter().map(|event| (event.driver, event.passage)).collect();
    let (forgotten, silent) =
        (Passage::Exited(Absence::Forgotten), Passage::Exited(Absence::Silent));
    assert_eq!(exits, [(8, forgotten), (7, silent), (9, silent)]);
    assert!(out.iter().all(|event| event.since == secs(0) && event.zone == 1));
    assert!(tracker.is_empty());
}

#[test]
fn zones_that_appear_or_change_under_a_standing_driver_are_noticed() {
    let (mut zones, mut tracker, mut out) = (one_zone(), tracker(config()), Vec::new());
    let mut stand = |zones: &Zones<u8>, from: u64| {
        let mut out = Vec::new();
        for at in [from, from + 10, from + 20] {
            tracker.observe(zones, 7, &fix(300.0, at), &mut out);
        }
        out.iter().map(|event| (event.passage, event.zone)).collect::<Vec<_>>()
    };
    assert_eq!(stand(&zones, 0), [(Passage::Entered, 1)]);
    zones.insert(2, zone()).unwrap();
    assert_eq!(stand(&zones, 30), [(Passage::Entered, 2)]);
    zones.insert(1, square(5.0, 5.0, 1.0)).unwrap();
    assert_eq!(stand(&zones, 60), [(LEFT, 1)]);
    out.clear();
    let pings = [Ping::new(7, fix(300.0, 90))];
    tracker.observe_batch(&zones, &pings, &mut out);
    assert!(out.is_empty());
}

#[test]
fn far_from_every_edge_most_fixes_look_up_nothing() {
    let (zones, mut tracker, mut out) = (one_zone(), tracker(config()), Vec::new());
    for at in 0..100_u32 {
        tracker.observe(&zones, 7, &fix(700.0 + f64::from(at) * 5.0, u64::from(at) * 5), &mut out);
    }
    assert!(tracker.tally().looked_up <= 4, "{:?}", tracker.tally());
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let good = config();
    for (bad, reason) in [
        (TrackerConfig { drivers_max: 0, ..good }, TrackerConfigError::DriversMax),
        (TrackerConfig { zones_per_driver_max: 0, ..good }, TrackerConfigError::ZonesPerDriverMax),
        (TrackerConfig { accuracy_max_m: 0, ..good }, TrackerConfigError::Accuracy),
        (TrackerConfig { gap_max: Span::ZERO, ..good }, TrackerConfigError::Gap),
        (TrackerConfig { inside_every: Some(Span::ZERO), ..good }, TrackerConfigError::InsideEvery),
    ] {
        assert_eq!(ZoneTracker::<u8>::new(bad).err(), Some(reason));
    }
    assert_eq!(good.validate(), Ok(()));
}
