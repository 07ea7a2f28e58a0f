//! Arrivals and zones on recorded traces of San Francisco cabs, where the data is at hand.
//!
//! The cabs report once a minute. Between two reports less than 90 s apart the trace is filled in at
//! one fix in 5 s along the straight line, each up to 12 m off as receivers are, so that it looks like
//! a courier's; longer silences stay silences.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the traces are files whose place is configured, and a test that panics fails"
)]

#[path = "../benches/noise/mod.rs"]
#[allow(dead_code, reason = "the benches need more of it")]
mod noise;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::Fix;
use doorstep_geo_index::arrival::{Crossing, Geofence, Watch};
use doorstep_geo_index::zones::{Passage, Polygon, TrackerConfig, ZoneTracker, Zones};

use noise::Noise;

#[derive(Clone, Copy, Debug)]
struct Report {
    secs: i64,
    place: LatLng,
}

const PING_SECS: i64 = 5;
const FILLED_MAX_SECS: i64 = 90;
const METRES_PER_DEGREE: f64 = 111_195.0;

/// The folder of the recorded data: `DOORSTEP_DATA`, or beside the project.
fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("DOORSTEP_DATA").map_or_else(beside, PathBuf::from)
}

/// The reports of each cab, in time order; `None`, said aloud, where there are none.
fn cabs() -> Option<Vec<Vec<Report>>> {
    let path = data().join("sf_cabs/pings.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no recorded traces at {} (set DOORSTEP_DATA)", path.display());
        return None;
    };
    let mut cabs: BTreeMap<&str, Vec<Report>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let degrees = |at: usize| fields[at].parse::<f64>().unwrap();
        let place = LatLng::new(degrees(2), degrees(3)).unwrap();
        let report = Report { secs: fields[1].parse().unwrap(), place };
        let reports = cabs.entry(fields[0]).or_default();
        if reports.last().is_none_or(|last| last.secs < report.secs) {
            reports.push(report);
        }
    }
    Some(cabs.into_values().collect())
}

/// A place up to 12 m off in each direction.
fn around((lat, lng): (f64, f64), noise: &mut Noise) -> LatLng {
    let mut off = || 12.0 / METRES_PER_DEGREE * (2.0 * noise.next() - 1.0);
    LatLng::new(lat + off(), lng + off() / 0.79).unwrap()
}

/// A fix in 5 s along the way, noisy.
fn fill(reports: &[Report], noise: &mut Noise) -> Vec<Report> {
    let mut filled = Vec::new();
    for pair in reports.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let gap = to.secs - from.secs;
        let steps = if gap <= FILLED_MAX_SECS { (gap / PING_SECS).max(1) } else { 1 };
        for step in 0..steps {
            let part = step as f64 / steps as f64;
            let between = |a: f64, b: f64| a + (b - a) * part;
            let place = (
                between(from.place.lat(), to.place.lat()),
                between(from.place.lng(), to.place.lng()),
            );
            filled
                .push(Report { secs: from.secs + gap * step / steps, place: around(place, noise) });
        }
    }
    filled
}

/// Metres a second over the ground.
fn speed(from: Report, to: Report) -> f64 {
    f64::from(from.place.distance_m(to.place)) / (to.secs - from.secs).max(1) as f64
}

/// The crossings that a trace makes of a fence, and when.
fn crossings(fence: &Geofence, trace: &[Report]) -> Vec<(i64, Crossing)> {
    let mut watch = Watch::default();
    let mut told = Vec::new();
    for fix in trace {
        let at = Timestamp::from_secs(fix.secs);
        if let Some(crossing) = watch.observe(fence, fix.place, 12, at) {
            told.push((fix.secs, crossing));
        }
    }
    told
}

/// Where a cab stood for two minutes or more: from, to, and the place.
fn stands(reports: &[Report]) -> Vec<(i64, i64, LatLng)> {
    let mut stands = Vec::new();
    let mut from = 0;
    while from < reports.len() {
        let near = |report: &&Report| reports[from].place.distance_m(report.place) <= 15;
        let there = reports[from..].iter().take_while(near);
        let steady = there.clone().zip(there.clone().skip(1));
        let without_silence =
            steady.take_while(|(a, b)| b.secs - a.secs <= FILLED_MAX_SECS).count();
        let to = from + without_silence;
        if reports[to].secs - reports[from].secs >= 120 {
            stands.push((reports[from].secs, reports[to].secs, reports[from].place));
        }
        from = to + 1;
    }
    stands
}

#[test]
fn at_a_door_where_a_cab_stood_it_arrives_once_a_visit_and_never_flaps() {
    let Some(cabs) = cabs() else { return };
    let (mut doors, mut visits) = (0, 0);
    for (cab, reports) in cabs.iter().enumerate() {
        let trace = fill(reports, &mut Noise(cab as u64));
        for (from, to, place) in stands(reports).into_iter().step_by(8) {
            let fence = Geofence::doorstep(place);
            let told = crossings(&fence, &trace);
            doors += 1;
            visits += told.len().div_ceil(2);
            // It has arrived when the stand is over, and arrived once since it was last away.
            let before = told.iter().rev().find(|(at, _)| *at <= to);
            assert!(matches!(before, Some((_, Crossing::Arrived))), "cab {cab}, {from}: {told:?}");
            let during = told.iter().filter(|(at, _)| (from..=to).contains(at));
            assert!(during.count() <= 1, "cab {cab}, {from}: {told:?}");
            for (which, pair) in told.windows(2).enumerate() {
                let [(then, was), (now, is)] = [pair[0], pair[1]];
                assert_eq!(was == Crossing::Arrived, which % 2 == 0);
                assert_ne!(was, is, "cab {cab}, {from}: told twice");
                // Between the two it was really elsewhere: fixes on the far side for the dwell.
                let between = trace.iter().filter(|fix| (then..=now).contains(&fix.secs));
                let shows = |fix: &&Report| {
                    let distance_m = place.distance_m(fix.place);
                    match is {
                        Crossing::Left => distance_m > fence.exit_m,
                        Crossing::Arrived => distance_m <= fence.enter_m,
                    }
                };
                let run: Vec<_> = between.filter(shows).map(|fix| fix.secs).collect();
                assert!(run.len() >= 2 && run[run.len() - 1] - run[0] >= 10, "cab {cab}, {from}");
            }
        }
    }
    println!("{doors} doors, {visits} visits");
    assert!(doors > 150 && visits > doors, "{doors} doors, {visits} visits");
}

#[test]
fn a_cab_that_drives_past_a_door_at_speed_does_not_arrive() {
    let Some(cabs) = cabs() else { return };
    let (mut doors, mut noise) = (0, Noise(7));
    for reports in &cabs {
        for leg in reports.windows(4) {
            let fast = leg.windows(2).all(|pair| {
                let gap = pair[1].secs - pair[0].secs;
                gap <= FILLED_MAX_SECS && speed(pair[0], pair[1]) >= 45.0 / 3.6
            });
            // A leg that turns back at the door would pass it twice.
            let away_m = leg[0].place.distance_m(leg[3].place);
            if !fast || away_m < leg[1].place.distance_m(leg[2].place) {
                continue;
            }
            let middle = |a: f64, b: f64| (a + b) / 2.0;
            let halfway = (
                middle(leg[1].place.lat(), leg[2].place.lat()),
                middle(leg[1].place.lng(), leg[2].place.lng()),
            );
            let door = around(halfway, &mut noise);
            let trace = fill(leg, &mut noise);
            let told = crossings(&Geofence::doorstep(door), &trace);
            assert!(told.is_empty(), "{leg:?}: {told:?}");
            let near = trace.iter().filter(|fix| door.distance_m(fix.place) <= 50).count();
            doors += usize::from(near > 0);
        }
    }
    println!("{doors} doors passed");
    assert!(doors > 500, "{doors} doors passed");
}

#[test]
fn a_cab_at_the_airport_is_there_once_a_visit() {
    let Some(cabs) = cabs() else { return };
    let at = |lat, lng| LatLng::new(lat, lng).unwrap();
    // The terminals of SFO, roughly.
    let airport = [
        at(37.6125, -122.3925),
        at(37.6125, -122.381),
        at(37.620, -122.381),
        at(37.620, -122.3925),
    ];
    let airport = Polygon::new(&airport, &[]).unwrap();
    let zones = Zones::load(1, [((), airport.clone())]).unwrap();
    let mut tracker = ZoneTracker::new(TrackerConfig {
        silent_after: Span::from_hours(24),
        ..TrackerConfig::default()
    })
    .unwrap();
    let (mut visits, mut fixes_inside) = (0, 0);
    for (cab, reports) in (0_u32..).zip(&cabs) {
        let mut events = Vec::new();
        for fix in fill(reports, &mut Noise(u64::from(cab))) {
            fixes_inside += u32::from(airport.contains(fix.place));
            let fix = Fix::new(fix.place, Timestamp::from_secs(fix.secs));
            tracker.observe(&zones, cab, &fix, &mut events);
        }
        let mut inside = false;
        for event in &events {
            match event.passage {
                Passage::Entered => assert!(!std::mem::replace(&mut inside, true)),
                Passage::Exited(_) => assert!(std::mem::replace(&mut inside, false)),
                Passage::Dwelt | Passage::Inside => assert!(inside),
            }
            visits += u32::from(event.passage == Passage::Entered);
        }
    }
    let tally = tracker.tally();
    println!("{visits} visits of {fixes_inside} fixes, {tally:?}");
    assert!(visits > 20 && visits * 20 < fixes_inside, "{visits} of {fixes_inside}");
    assert!(tally.looked_up * 10 < tally.still, "{tally:?}");
}
