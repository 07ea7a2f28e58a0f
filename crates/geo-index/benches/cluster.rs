//! Markers of a map: a city of a crowded index, and the whole world.
#![allow(missing_docs, reason = "criterion's macros define public items")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]

#[allow(dead_code, reason = "other benches need more of it")]
mod noise;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use doorstep_core::place::LatLng;
use doorstep_core::time::Timestamp;
use doorstep_geo_index::cluster::Clusters;
use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Viewport};

use noise::Noise;

const DRIVERS: u32 = 500_000;
const CITIES: u32 = 40;

fn city(at: u32) -> (f64, f64) {
    (f64::from(at % 8) * 7.0 - 25.0, f64::from(at / 8) * 9.0 - 90.0)
}

fn view((lat, lng): (f64, f64), half: f64) -> Viewport {
    let corner = |sign: f64| LatLng::new(lat + sign * half, lng + sign * half * 1.6).unwrap();
    Viewport::new(corner(-1.0), corner(1.0)).unwrap()
}

fn clusters(c: &mut Criterion) {
    let index = DriverIndex::new(Config { drivers_max: DRIVERS, ..Config::default() }).unwrap();
    let now = Timestamp::from_secs(1_700_000_000);
    for driver in 0..DRIVERS {
        let (lat, lng) = city(driver % CITIES);
        let spread = |salt: u64| (Noise(u64::from(driver) * 2 + salt).next() - 0.5) * 0.3;
        let place = LatLng::new(lat + spread(0), lng + spread(1)).unwrap();
        index.record(&Ping::new(driver, Fix::new(place, now)));
    }
    let world =
        Viewport::new(LatLng::new(-90.0, -180.0).unwrap(), LatLng::new(90.0, 180.0).unwrap());
    let views = [
        ("a quarter", view(city(3), 0.02)),
        ("a city", view(city(3), 0.15)),
        ("the world", world.unwrap()),
    ];
    let mut group = c.benchmark_group("cluster/500,000 drivers, 100 markers");
    let (mut clusters, mut hits, mut out) = (Clusters::new(100), Vec::new(), Vec::new());
    for (name, viewport) in views {
        index.in_viewport(&viewport, usize::MAX, now, |_, _| true, &mut hits);
        group.throughput(Throughput::Elements(hits.len() as u64));
        group.bench_function(format!("{name}, from the index"), |b| {
            b.iter(|| {
                clusters.of_index(&index, &viewport, now, |_, _| true, &mut out);
                black_box(out.len())
            });
        });
        group.bench_function(format!("{name}, from hits at hand"), |b| {
            b.iter(|| {
                clusters.of_hits(&hits, &viewport, &mut out);
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, clusters);
criterion_main!(benches);
