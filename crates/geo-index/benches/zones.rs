//! 10,000 zones: which hold a place, and what it costs the ping path to follow 200,000 drivers.
#![allow(missing_docs, reason = "criterion's macros define public items")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_macros,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod noise;

use std::f64::consts::TAU;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::zones::{Polygon, TrackerConfig, ZoneTracker, Zones};
use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Verdict};

use noise::Noise;

const ZONES: u32 = 10_000;
const DRIVERS: u32 = 200_000;
const BATCH: usize = 256;

/// A blob of 300 m to 2 km across, with as many points.
fn zone(noise: &mut Noise, points: u32) -> Polygon {
    loop {
        let (lat, lng) = noise.spot();
        let radius = 0.0015 + noise.next() * 0.008;
        let outline = (0..points).map(|point| {
            let (sin, cos) = (f64::from(point) / f64::from(points) * TAU).sin_cos();
            let reach = radius * (0.7 + 0.3 * noise.next());
            LatLng::new(lat + reach * sin, lng + reach * cos).unwrap()
        });
        if let Ok(zone) = Polygon::new(&outline.collect::<Vec<_>>(), &[]) {
            return zone;
        }
    }
}

fn place((lat, lng): (f64, f64)) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

fn zones(points: u32) -> Zones<u32> {
    let mut noise = Noise(1);
    Zones::load(ZONES, (0..ZONES).map(|id| (id, zone(&mut noise, points)))).unwrap()
}

fn look_ups(c: &mut Criterion) {
    let mut group = c.benchmark_group("zones");
    for points in [10, 40, 400] {
        let (zones, mut noise, mut here) = (zones(points), Noise(2), Vec::new());
        group.bench_function(BenchmarkId::new("which hold this place, of points", points), |b| {
            b.iter(|| {
                zones.at(place(noise.spot()), &mut here);
                black_box(here.len())
            });
        });
    }
    let (mut zones, mut noise) = (zones(40), Noise(3));
    let others: Vec<_> = core::iter::repeat_with(|| zone(&mut noise, 40)).take(1_000).collect();
    let mut others = others.iter().cycle();
    group.bench_function("replace a zone of 40 points", |b| {
        b.iter(|| zones.insert(noise.below(ZONES), others.next().unwrap().clone()));
    });
    for points in [40, 1_000] {
        group.bench_function(BenchmarkId::new("check a polygon, of points", points), |b| {
            b.iter(|| zone(&mut noise, points));
        });
    }
    group.finish();
}

/// Drivers who go 40 m a ping, a ping in 5 s, in a direction that changes now and then.
struct Traffic {
    noise: Noise,
    drivers: Vec<((f64, f64), f64)>,
    next: u32,
    round: u64,
}

impl Traffic {
    fn new() -> Self {
        let mut noise = Noise(4);
        let drivers = (0..DRIVERS).map(|_| (noise.spot(), noise.next() * TAU)).collect();
        Self { noise, drivers, next: 0, round: 0 }
    }

    fn batch(&mut self, out: &mut Vec<Ping<u32>>) {
        out.clear();
        for _ in 0..BATCH {
            let at = Timestamp::EPOCH.saturating_add(Span::from_secs(self.round * 5));
            let turn = self.noise.next();
            let (spot, heading) = &mut self.drivers[self.next as usize];
            if turn < 0.1 {
                *heading = turn * 10.0 * TAU;
            }
            let (sin, cos) = heading.sin_cos();
            (spot.0, spot.1) = (spot.0 + cos * 0.000_36, spot.1 + sin * 0.000_36);
            out.push(Ping::new(
                self.next,
                Fix { accuracy_m: Some(8), ..Fix::new(place(*spot), at) },
            ));
            self.next = (self.next + 1) % DRIVERS;
            self.round += u64::from(self.next == 0);
        }
    }
}

/// The ping path alone, and with the zones behind it: the same pings, the same index.
fn ping_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("zones/ping path");
    group.throughput(Throughput::Elements(BATCH as u64));
    for followed in [false, true] {
        let zones = zones(40);
        let index = DriverIndex::new(Config { drivers_max: DRIVERS, ..Config::default() }).unwrap();
        let mut tracker = ZoneTracker::new(TrackerConfig::default()).unwrap();
        let (mut traffic, mut batch) = (Traffic::new(), Vec::new());
        let (mut believed, mut events) = (Vec::new(), Vec::new());
        let mut turn = |batch: &[Ping<u32>]| {
            believed.clear();
            index.record_batch(batch, |ping, verdict| match verdict {
                Verdict::Inserted | Verdict::Moved | Verdict::Refreshed => believed.push(*ping),
                Verdict::OutOfOrder | Verdict::Implausible | Verdict::Full => {}
            });
            if followed {
                tracker.observe_batch(&zones, &believed, &mut events);
                black_box(events.len());
                events.clear();
            }
        };
        for _ in 0..2 * DRIVERS / BATCH as u32 {
            traffic.batch(&mut batch);
            turn(&batch);
        }
        let name = if followed { "index and zones" } else { "index alone" };
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    traffic.batch(&mut batch);
                    batch.clone()
                },
                |batch| turn(&batch),
                criterion::BatchSize::SmallInput,
            );
        });
        if followed {
            println!("{:?}", tracker.tally());
        }
    }
    // The tracker alone, for the difference.
    let zones = zones(40);
    let mut tracker = ZoneTracker::new(TrackerConfig::default()).unwrap();
    let (mut traffic, mut batch, mut events) = (Traffic::new(), Vec::new(), Vec::new());
    for _ in 0..2 * DRIVERS / BATCH as u32 {
        traffic.batch(&mut batch);
        tracker.observe_batch(&zones, &batch, &mut events);
    }
    group.bench_function("zones alone", |b| {
        b.iter_batched(
            || {
                traffic.batch(&mut batch);
                batch.clone()
            },
            |batch| {
                tracker.observe_batch(&zones, &batch, &mut events);
                black_box(events.len());
                events.clear();
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, look_ups, ping_path);
criterion_main!(benches);
