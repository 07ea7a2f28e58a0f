//! Drivers, where they go and where one asks for them: generated, and on real traces.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::hint::black_box;
use std::time::Instant;

use doorstep::core::id::DriverId;
use doorstep::core::place::{EARTH_RADIUS_M, LatLng};
use doorstep::core::time::{Span, Timestamp};
use doorstep::geo_index::{Fix, Ping};

/// Pings a batch.
pub(crate) const BATCH: usize = 1_024;
pub(crate) const RADIUS_M: u32 = 5_000;
const STEP_M: f64 = 40.0;
const NOON: Timestamp = Timestamp::from_secs(1_768_480_000);
/// Of all drivers together: each reports about every five seconds.
const PINGS_A_MS: u64 = 100;

pub(crate) struct World {
    /// One ping a driver, to begin with.
    pub(crate) first: Vec<Ping>,
    pub(crate) pings: Vec<Ping>,
    /// Where queries are asked.
    pub(crate) asked: Vec<LatLng>,
    /// The pings are sent again and again, each time this much later.
    round: Span,
    rounds: u64,
}

impl World {
    /// Drivers in 40 cities, dense in the middle: about 1,100 within 5 km of one of them.
    pub(crate) fn cities(drivers: usize, pings: usize) -> Self {
        let mut draw = Draw(1);
        let cities: Vec<_> =
            (0..40).map(|_| (draw.part() * 100.0 - 50.0, draw.part() * 340.0 - 170.0)).collect();
        let places = (0..drivers)
            .map(|driver| {
                let (lat, lng) = cities[driver % cities.len()];
                let mut away_m = || 16_000.0 * ((0..3).map(|_| draw.part()).sum::<f64>() - 1.5);
                travelled(at(lat, lng), away_m(), away_m())
            })
            .collect();
        Self::around(places, pings, &mut draw)
    }

    /// Drivers in a square of 200 m.
    pub(crate) fn stadium(drivers: usize, pings: usize) -> Self {
        let mut draw = Draw(4);
        let places = (0..drivers)
            .map(|_| travelled(at(40.4531, -3.6883), draw.part() * 200.0, draw.part() * 200.0))
            .collect();
        Self::around(places, pings, &mut draw)
    }

    /// Drivers by a city's courier shifts or by the fixes of real cabs, if the data is there
    /// (`DOORSTEP_DATA`, or `../shared/data`): each row many times, some 100 m apart.
    pub(crate) fn real(drivers: usize, pings: usize) -> [(&'static str, Result<Self, String>); 2] {
        let mut draw = Draw(2);
        let mut fold = |files: &[(&str, usize, usize)]| {
            let mut rows = Vec::new();
            for (file, lat, lng) in files {
                rows.extend(read_places(file, *lat, *lng)?);
            }
            let places = (0..drivers).map(|driver| {
                let row = rows[driver % rows.len()];
                travelled(row, draw.part() * 200.0 - 100.0, draw.part() * 200.0 - 100.0)
            });
            let places = places.collect();
            Ok(Self::around(places, pings, &mut draw))
        };
        let rappi = fold(&[
            ("rappi/bogota_couriers.csv", 2, 3),
            ("rappi/medellin_couriers.csv", 2, 3),
            ("rappi/pereira_couriers.csv", 2, 3),
        ]);
        [("geo/cabs", Self::cabs(drivers, pings)), ("geo/rappi", rappi)]
    }

    /// The real moves of cabs, folded: many drivers go where one cab went, each some 100 m aside and
    /// from another fix on. A ping is a step of a real trace, and takes as long as it took.
    fn cabs(drivers: usize, pings: usize) -> Result<Self, String> {
        const STEPS: usize = 24;
        let mut traces: BTreeMap<String, Vec<(LatLng, u64)>> = BTreeMap::new();
        for row in read("sf_cabs/pings.csv")? {
            let at_s = row.get(1).and_then(|at_s| at_s.parse().ok());
            if let (Some(cab), Some(place), Some(at_s)) = (row.first(), place(&row, 2, 3), at_s) {
                traces.entry(cab.clone()).or_default().push((place, at_s));
            }
        }
        let traces: Vec<_> = traces.into_values().filter(|trace| trace.len() > STEPS).collect();
        let mut draw = Draw(3);
        let mut held: Vec<_> = (0..drivers)
            .map(|driver| {
                let trace = &traces[driver % traces.len()];
                let from = draw.below(trace.len() - STEPS);
                let aside = (draw.part() * 200.0 - 100.0, draw.part() * 200.0 - 100.0);
                (&trace[from..from + STEPS], aside)
            })
            .collect();
        let start: Vec<_> = held.iter().map(|(trace, _)| trace[0].1).collect();
        let now = |driver: usize, (trace, aside): (&[(LatLng, u64)], (f64, f64))| {
            let after = Span::from_secs(trace[0].1 - start[driver]);
            ping(driver, travelled(trace[0].0, aside.0, aside.1), NOON.saturating_add(after))
        };
        let first: Vec<_> = (0..).zip(&held).map(|(driver, held)| now(driver, *held)).collect();
        let pings: Vec<_> = (0..pings)
            .map(|_| {
                let driver = draw.below(drivers);
                if held[driver].0.len() > 1 {
                    held[driver].0 = &held[driver].0[1..];
                }
                now(driver, held[driver])
            })
            .collect();
        Ok(Self { round: Span::from_hours(24), ..Self::asked(first, pings, &mut draw) })
    }

    fn around(mut places: Vec<LatLng>, pings: usize, draw: &mut Draw) -> Self {
        let first: Vec<_> =
            places.iter().enumerate().map(|(driver, at)| ping(driver, *at, NOON)).collect();
        let pings = (0..pings)
            .map(|number| {
                let driver = draw.below(places.len());
                let (sin, cos) = (draw.part() * TAU).sin_cos();
                places[driver] = travelled(places[driver], STEP_M * sin, STEP_M * cos);
                ping(driver, places[driver], soon(number))
            })
            .collect();
        Self::asked(first, pings, draw)
    }

    fn asked(first: Vec<Ping>, pings: Vec<Ping>, draw: &mut Draw) -> Self {
        let asked = (0..10_000)
            .map(|_| {
                let near = first[draw.below(first.len())].fix.position;
                travelled(near, draw.part() * 500.0, draw.part() * 500.0)
            })
            .collect();
        Self { first, pings, asked, round: Span::from_secs(600), rounds: 0 }
    }

    /// Makes all pings later than they were.
    pub(crate) fn later(&mut self) {
        self.rounds += 1;
        let round = self.round;
        for ping in &mut self.pings {
            ping.fix.taken_at = ping.fix.taken_at.saturating_add(round);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        NOON.saturating_add(self.round.saturating_mul(self.rounds + 1))
    }

    /// `now` after the next [`later`](Self::later).
    pub(crate) fn next_now(&self) -> Timestamp {
        self.now().saturating_add(self.round)
    }

    /// Asks at every place; questions a second.
    pub(crate) fn ask(&self, ask: impl FnMut(LatLng) -> usize) -> f64 {
        self.ask_some(self.asked.len(), ask)
    }

    /// Asks at so many places.
    pub(crate) fn ask_some(&self, count: usize, mut ask: impl FnMut(LatLng) -> usize) -> f64 {
        let began = Instant::now();
        let found: usize = self.asked.iter().take(count).map(|at| ask(*at)).sum();
        black_box(found);
        count as f64 / began.elapsed().as_secs_f64()
    }

    /// What a degree of longitude is worth in degrees of latitude, in the mean, and the squared
    /// radius of a query in such degrees.
    pub(crate) fn plane(&self) -> (f64, f64) {
        let sum: f64 =
            self.first.iter().map(|ping| ping.fix.position.lat().to_radians().cos()).sum();
        let radius = (f64::from(RADIUS_M) / EARTH_RADIUS_M).to_degrees();
        (sum / self.first.len() as f64, radius * radius)
    }
}

fn ping(driver: usize, position: LatLng, taken_at: Timestamp) -> Ping {
    // Ids are scattered, as from another system.
    let id = (driver as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
    let fix = Fix { accuracy_m: Some(10), ..Fix::new(position, taken_at) };
    Ping::new(DriverId::new(id).expect("63 bits"), fix)
}

/// All pings of a round lie within its time.
fn soon(number: usize) -> Timestamp {
    NOON.saturating_add(Span::from_millis(1 + number as u64 / PINGS_A_MS))
}

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("it is a place")
}

/// Another place, so many metres on.
pub(crate) fn travelled(from: LatLng, north_m: f64, east_m: f64) -> LatLng {
    let degree = EARTH_RADIUS_M.to_radians();
    at(from.lat() + north_m / degree, from.lng() + east_m / degree / from.lat().to_radians().cos())
}

fn read(file: &str) -> Result<Vec<Vec<String>>, String> {
    let data = std::env::var("DOORSTEP_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let path = format!("{data}/{file}");
    let text = std::fs::read_to_string(&path).map_err(|why| format!("{path}: {why}"))?;
    let split = |line: &str| line.split(',').map(str::to_owned).collect();
    Ok(text.lines().skip(1).map(split).collect())
}

fn read_places(file: &str, lat: usize, lng: usize) -> Result<Vec<LatLng>, String> {
    Ok(read(file)?.iter().filter_map(|row| place(row, lat, lng)).collect())
}

fn place(row: &[String], lat: usize, lng: usize) -> Option<LatLng> {
    LatLng::new(row.get(lat)?.parse().ok()?, row.get(lng)?.parse().ok()?).ok()
}

/// splitmix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, most: usize) -> usize {
        ((u128::from(self.next()) * most as u128) >> 64) as usize
    }
}
