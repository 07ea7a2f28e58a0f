//! Random walks through random zones: the tracker tells what its definition, applied to every driver
//! and every zone at every fix, tells.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::time::{Span, Timestamp};

use super::*;
use crate::{Fix, Ping};

type Event = ZoneEvent<u8, u8>;

/// The definition: for each driver and zone, the row of fixes that speak against what is believed.
#[derive(Default)]
struct Plain {
    last: BTreeMap<u8, Timestamp>,
    rows: BTreeMap<(u8, u8), Vec<Timestamp>>,
    inside: BTreeMap<(u8, u8), (Timestamp, Timestamp, bool)>,
}

impl Plain {
    fn observe(
        &mut self,
        config: &TrackerConfig,
        zones: &BTreeMap<u8, Polygon>,
        driver: u8,
        fix: &Fix,
    ) -> Vec<Event> {
        let accuracy_m = fix.accuracy_m.unwrap_or(config.accuracy_untold_m);
        let last = self.last.get(&driver).copied();
        let at = fix.taken_at;
        if fix.mocked || accuracy_m > config.accuracy_max_m || last.is_some_and(|last| at <= last) {
            return vec![];
        }
        self.last.insert(driver, at);
        let silent = last.is_some_and(|last| at.saturating_since(last) > config.gap_max);
        let mut events = Vec::new();
        for zone in 0..=u8::MAX {
            let pair = (driver, zone);
            let mut tell = |passage, since| {
                events.push(Event { driver, at, passage, zone, since });
            };
            let Some(polygon) = zones.get(&zone) else {
                self.rows.remove(&pair);
                if let Some((since, ..)) = self.inside.remove(&pair) {
                    tell(Passage::Exited(Absence::ZoneRemoved), since);
                }
                continue;
            };
            let within = polygon.contains(fix.position);
            let against = match self.inside.get(&pair) {
                None => within,
                Some(_) => !within && polygon.outside_m(fix.position) > u32::from(config.exit_m),
            };
            let row = self.rows.entry(pair).or_default();
            if !against || silent {
                row.clear();
            }
            if against {
                row.push(at);
            }
            let lasted = |needed: Span| row.len() >= 2 && at.saturating_since(row[0]) >= needed;
            match self.inside.get(&pair).copied() {
                None if lasted(config.enter_after) => {
                    tell(Passage::Entered, row[0]);
                    self.inside.insert(pair, (row[0], at, false));
                    row.clear();
                }
                Some((since, ..)) if lasted(config.exit_after) => {
                    tell(Passage::Exited(Absence::Left), since);
                    self.inside.remove(&pair);
                    row.clear();
                }
                None | Some(_) => {}
            }
            if let Some((since, told_at, dwelt)) =
                self.inside.get_mut(&pair).filter(|_| !against || row.is_empty())
            {
                if !*dwelt
                    && config.dwell_after.is_some_and(|span| at.saturating_since(*since) >= span)
                {
                    *dwelt = true;
                    tell(Passage::Dwelt, *since);
                }
                if config.inside_every.is_some_and(|span| at.saturating_since(*told_at) >= span) {
                    *told_at = at;
                    tell(Passage::Inside, *since);
                }
            }
        }
        events.sort();
        events
    }

    fn end(&mut self, driver: u8, now: Timestamp, absence: Absence) -> Vec<Event> {
        let Some(last) = self.last.remove(&driver) else { return vec![] };
        let at = now.max(last);
        self.rows.retain(|pair, _| pair.0 != driver);
        let inside = self.inside.iter().filter(|(pair, _)| pair.0 == driver);
        let passage = Passage::Exited(absence);
        let exits = inside.map(|((_, zone), (since, ..))| Event {
            driver,
            at,
            passage,
            zone: *zone,
            since: *since,
        });
        let exits: Vec<_> = exits.collect();
        self.inside.retain(|pair, _| pair.0 != driver);
        exits
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// The driver goes on by so many metres north and east.
    Step {
        driver: u8,
        by_m: (f64, f64),
        after_ms: i64,
        accuracy_m: Option<u16>,
        mocked: bool,
    },
    Jump {
        driver: u8,
        to: (f64, f64),
    },
    Wait {
        secs: u64,
    },
    Put {
        zone: u8,
        star: Star,
    },
    Remove {
        zone: u8,
    },
    Forget {
        driver: u8,
    },
    Expire,
}

fn op() -> impl Strategy<Value = Op> {
    let driver = || 0..4_u8;
    let step = || prop_oneof![3 => -60.0..60.0f64, 1 => Just(0.0)];
    let after_ms = prop_oneof![8 => 500..12_000_i64, 1 => -8_000..=0_i64, 1 => 50_000..70_000_i64];
    let accuracy_m =
        prop_oneof![6 => Just(Some(8)), 1 => Just(None), 1 => (30..70_u16).prop_map(Some)];
    prop_oneof![
        30 => (driver(), (step(), step()), after_ms, accuracy_m, proptest::bool::weighted(0.03))
            .prop_map(|(driver, by_m, after_ms, accuracy_m, mocked)| {
                Op::Step { driver, by_m, after_ms, accuracy_m, mocked }
            }),
        2 => (driver(), spot()).prop_map(|(driver, to)| Op::Jump { driver, to }),
        1 => (0..400_u64).prop_map(|secs| Op::Wait { secs }),
        1 => (0..12_u8, star(0.5)).prop_map(|(zone, star)| Op::Put { zone, star }),
        1 => (0..12_u8).prop_map(|zone| Op::Remove { zone }),
        1 => driver().prop_map(|driver| Op::Forget { driver }),
        1 => Just(Op::Expire),
    ]
}

/// About a kilometre across, so that walks meet edges.
fn small_worlds() -> impl Strategy<Value = World> {
    let world = |lat_e7, lng_e7| World { lat_e7, lng_e7, half_e7: 45_000 };
    prop_oneof![
        Just(world(48_133_000, -756_961_000)),
        Just(world(-170_000_000, 1_800_000_000)),
        Just(world(600_000_000, 1_799_999_000)),
        Just(world(-895_000_000, 0)),
    ]
}

fn configs() -> impl Strategy<Value = TrackerConfig> {
    let span = |to: u64| (0..to).prop_map(Span::from_secs);
    let often = proptest::option::of((1..60_u64).prop_map(Span::from_secs));
    (span(20), span(20), 0..60_u16, proptest::option::of(span(90)), often).prop_map(
        |(enter_after, exit_after, exit_m, dwell_after, inside_every)| TrackerConfig {
            enter_after,
            exit_after,
            exit_m,
            dwell_after,
            inside_every,
            silent_after: Span::from_secs(120),
            ..TrackerConfig::default()
        },
    )
}

/// Where the drivers are, and what time it is.
struct Street {
    world: World,
    now: Timestamp,
    places: BTreeMap<u8, (f64, f64)>,
}

impl Street {
    fn ping(&mut self, op: &Op) -> Option<Ping<u8>> {
        let (driver, to, after_ms, accuracy_m, mocked) = match *op {
            Op::Step { driver, by_m, after_ms, accuracy_m, mocked } => {
                let (north, east) = self.places.get(&driver).copied().unwrap_or_default();
                let part = |metres: f64| metres * 89.93 / f64::from(self.world.half_e7);
                let to = (north + part(by_m.0), east + part(by_m.1));
                (driver, to, after_ms, accuracy_m, mocked)
            }
            Op::Jump { driver, to } => (driver, to, 3_000, Some(8), false),
            Op::Wait { .. }
            | Op::Put { .. }
            | Op::Remove { .. }
            | Op::Forget { .. }
            | Op::Expire => {
                return None;
            }
        };
        self.places.insert(driver, to);
        let taken_at = Timestamp::from_millis(self.now.as_millis() + after_ms);
        self.now = self.now.max(taken_at);
        let fix = Fix { accuracy_m, mocked, ..Fix::new(self.world.spot(to), taken_at) };
        Some(Ping::new(driver, fix))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_tracker_tells_what_its_definition_tells(
        world in small_worlds(),
        config in configs(),
        stars in proptest::collection::vec(star(0.8), 0..8),
        ops in proptest::collection::vec(op(), 1..250),
    ) {
        let (mut zones, mut plain_zones) = (Zones::new(100), BTreeMap::new());
        for (id, polygon) in (0_u8..).zip(stars.iter().filter_map(|star| star.polygon(world))) {
            zones.insert(id, polygon.clone()).unwrap();
            plain_zones.insert(id, polygon);
        }
        let mut tracker = ZoneTracker::new(config).unwrap();
        let (mut plain, mut out) = (Plain::default(), Vec::new());
        let mut street = Street { world, now: Timestamp::from_secs(1_000), places: BTreeMap::new() };
        let mut inside = BTreeSet::new();
        let mut last_at = BTreeMap::new();
        for op in &ops {
            out.clear();
            let ping = street.ping(op);
            let expected = match op {
                Op::Step { .. } | Op::Jump { .. } => {
                    let ping = ping.unwrap();
                    tracker.observe_batch(&zones, &[ping, ping], &mut out);
                    plain.observe(&config, &plain_zones, ping.driver, &ping.fix)
                }
                Op::Wait { secs } => {
                    street.now = street.now.saturating_add(Span::from_secs(*secs));
                    vec![]
                }
                Op::Put { zone, star } => {
                    if let Some(polygon) = star.polygon(world) {
                        zones.insert(*zone, polygon.clone()).unwrap();
                        plain_zones.insert(*zone, polygon);
                    }
                    vec![]
                }
                Op::Remove { zone } => {
                    zones.remove(zone);
                    plain_zones.remove(zone);
                    vec![]
                }
                Op::Forget { driver } => {
                    tracker.forget(driver, street.now, &mut out);
                    plain.end(*driver, street.now, Absence::Forgotten)
                }
                Op::Expire => {
                    tracker.expire(street.now, &mut out);
                    let silent = |at: &Timestamp| street.now.saturating_since(*at) > config.silent_after;
                    let gone = plain.last.iter().filter(|(_, at)| silent(at)).map(|(driver, _)| *driver);
                    let gone: Vec<u8> = gone.collect();
                    gone.into_iter().flat_map(|driver| plain.end(driver, street.now, Absence::Silent)).collect()
                }
            };
            prop_assert_eq!(&out, &expected, "{:?}", op);
            for event in &out {
                let pair = (event.driver, event.zone);
                match event.passage {
                    Passage::Entered => prop_assert!(inside.insert(pair)),
                    Passage::Exited(_) => prop_assert!(inside.remove(&pair)),
                    Passage::Dwelt | Passage::Inside => prop_assert!(inside.contains(&pair)),
                }
                let before = last_at.insert(event.driver, event.at);
                prop_assert!(before.is_none_or(|before| before <= event.at));
                prop_assert!(event.since <= event.at);
            }
        }
        let told = |driver: &u8| tracker.zones_of(driver).map(|(zone, _)| zone).collect::<Vec<_>>();
        for driver in 0..4 {
            let range = inside.range((driver, 0)..=(driver, u8::MAX));
            prop_assert_eq!(told(&driver), range.map(|pair| pair.1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn however_fixes_are_batched_and_repeated_they_tell_the_same_once(
        world in small_worlds(),
        stars in proptest::collection::vec(star(0.8), 1..8),
        ops in proptest::collection::vec(op(), 1..250),
        cuts in proptest::collection::vec(1..30_usize, 1..100),
    ) {
        let polygons = (0_u8..).zip(stars.iter().filter_map(|star| star.polygon(world)));
        let zones = Zones::load(100, polygons).unwrap();
        let mut street = Street { world, now: Timestamp::from_secs(1_000), places: BTreeMap::new() };
        let pings: Vec<_> = ops.iter().filter_map(|op| street.ping(op)).collect();
        let config = TrackerConfig::default();
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        ZoneTracker::new(config).unwrap().observe_batch(&zones, &pings, &mut whole);
        let (mut tracker, mut rest) = (ZoneTracker::new(config).unwrap(), &pings[..]);
        for length in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, more) = rest.split_at(*length.min(&rest.len()));
            tracker.observe_batch(&zones, batch, &mut cut);
            tracker.observe_batch(&zones, batch, &mut cut);
            rest = more;
        }
        prop_assert_eq!(&whole, &cut);
        tracker.observe_batch(&zones, &pings, &mut cut);
        prop_assert_eq!(whole, cut);
    }
}
