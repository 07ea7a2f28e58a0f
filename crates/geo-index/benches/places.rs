//! 500,000 restaurants in 40 cities: pages, filters, changes.
#![allow(missing_docs, reason = "criterion's macros define public items")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]

mod noise;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use doorstep_core::id::RestaurantId;
use doorstep_core::place::LatLng;
use doorstep_geo_index::places::{Place, Places};

use noise::Noise;

const PLACES: u32 = 500_000;
const RADIUS_M: u32 = 6_000;

type Filter = fn(&Place<About>) -> bool;

#[derive(Clone, Copy)]
struct About {
    open: bool,
    cuisine: u8,
}

fn spot(noise: &mut Noise) -> LatLng {
    let (lat, lng) = noise.spot();
    LatLng::new(lat, lng).unwrap()
}

fn place(noise: &mut Noise, id: u32) -> Place<About> {
    let about = About { open: noise.next() < 0.6, cuisine: noise.below(20) as u8 };
    let delivery_radius_m = 1_500 + noise.below(4_500);
    Place { id: RestaurantId::from(id), position: spot(noise), delivery_radius_m, about }
}

fn all() -> Vec<Place<About>> {
    let mut noise = Noise(1);
    (0..PLACES).map(|id| place(&mut noise, id)).collect()
}

fn pages(c: &mut Criterion) {
    let places = Places::load(PLACES, all()).unwrap();
    let mut group = c.benchmark_group("places");
    let filters: [(&str, Filter); 3] = [
        ("any", |_| true),
        ("open, 1 cuisine in 20", |place| place.about.open && place.about.cuisine == 3),
        ("nothing passes", |place| place.about.cuisine == 99),
    ];
    for (name, keep) in filters {
        let mut noise = Noise(2);
        group.bench_function(format!("first page of 20: {name}"), |b| {
            b.iter(|| {
                black_box(places.near(spot(&mut noise), RADIUS_M, None, 20, keep).places.len())
            });
        });
    }
    // Twenty pages on, where there are so many.
    let mut noise = Noise(2);
    let deep: Vec<_> = core::iter::repeat_with(|| spot(&mut noise))
        .filter_map(|spot| Some((spot, places.near(spot, RADIUS_M, None, 400, filters[0].1).next?)))
        .take(1_000)
        .collect();
    let mut turn = deep.iter().cycle();
    group.bench_function("page 21 of 20: any", |b| {
        b.iter(|| {
            let (spot, after) = turn.next().unwrap();
            black_box(places.near(*spot, RADIUS_M, Some(after), 20, filters[0].1).places.len())
        });
    });
    group.finish();
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("places/change");
    let mut places = Places::load(PLACES, all()).unwrap();
    let mut noise = Noise(3);
    group.bench_function("open or close", |b| {
        b.iter(|| {
            let about = places.about_mut(&RestaurantId::from(noise.below(PLACES))).unwrap();
            about.open = !about.open;
        });
    });
    group.bench_function("change the radius", |b| {
        b.iter(|| {
            let id = RestaurantId::from(noise.below(PLACES));
            places.set_delivery_radius(&id, 1_500 + noise.below(4_500))
        });
    });
    group.bench_function("move", |b| {
        b.iter(|| {
            let id = RestaurantId::from(noise.below(PLACES));
            places.relocate(&id, spot(&mut noise))
        });
    });
    group.sample_size(10);
    group.bench_function("load 500,000", |b| {
        b.iter_batched(all, |all| Places::load(PLACES, all).unwrap(), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, pages, changes);
criterion_main!(benches);
