//! Who the driver index is measured against: a map as the floor, and indexes in memory.

use std::hint::black_box;
use std::num::NonZero;

use dashmap::DashMap;
use doorstep::core::id::DriverId;
use doorstep::core::place::LatLng;
use doorstep::geo_index::{Fix, Ping};
use h3o::{CellIndex, Resolution};
use kiddo::{MutableKdTree, SquaredEuclidean};
use rstar::RTree;
use rstar::primitives::GeomWithData;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::geo_world::World;

/// How many drivers a query wants.
pub(crate) const K: usize = 20;

/// The floor: the same records in a concurrent map, by driver.
pub(crate) type Map = DashMap<DriverId, Fix, FxBuildHasher>;

pub(crate) fn dash_map(world: &World) -> Map {
    let map = DashMap::with_hasher(FxBuildHasher);
    insert_all(&map, &world.first);
    map
}

pub(crate) fn insert_all(map: &Map, pings: &[Ping]) {
    for ping in pings {
        map.insert(ping.driver, ping.fix);
    }
}

/// Buckets by H3 cell at resolution 8, and where each driver is in them.
pub(crate) struct H3Buckets {
    directory: FxHashMap<DriverId, (CellIndex, usize)>,
    buckets: FxHashMap<CellIndex, Vec<(DriverId, Fix)>>,
}

impl H3Buckets {
    pub(crate) fn new(world: &World) -> Self {
        let mut new = Self { directory: FxHashMap::default(), buckets: FxHashMap::default() };
        new.take(&world.first);
        new
    }

    pub(crate) fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let (lat, lng) = (fix.position.lat(), fix.position.lng());
            let cell = h3o::LatLng::new(lat, lng).expect("finite").to_cell(Resolution::Eight);
            if let Some(&(old, at)) = self.directory.get(driver) {
                let bucket = self.buckets.get_mut(&old).expect("it is there");
                if old == cell {
                    bucket[at].1 = *fix;
                    continue;
                }
                bucket.swap_remove(at);
                if let Some((moved, _)) = bucket.get(at) {
                    self.directory.insert(*moved, (old, at));
                }
            }
            let bucket = self.buckets.entry(cell).or_default();
            self.directory.insert(*driver, (cell, bucket.len()));
            bucket.push((*driver, *fix));
        }
    }
}

/// kiddo's tree over plane points, and where each driver is in it, by the tree's own number.
pub(crate) struct Kd {
    tree: MutableKdTree<f64, 2>,
    held: FxHashMap<DriverId, (u32, [f64; 2])>,
    scale: f64,
    radius: f64,
}

impl Kd {
    pub(crate) fn new(world: &World) -> Self {
        let (scale, radius) = world.plane();
        let points: Vec<_> =
            world.first.iter().map(|ping| flat(ping.fix.position, scale)).collect();
        let tree = MutableKdTree::new_from_slice(&points).expect("it takes them");
        let held = (0..).zip(points).zip(&world.first).map(|(held, ping)| (ping.driver, held));
        Self { tree, held: held.collect(), scale, radius }
    }

    pub(crate) fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let point = flat(fix.position, self.scale);
            let (number, held) = self.held.get_mut(driver).expect("it is known");
            self.tree.remove(held, *number);
            self.tree.add(&point, *number).expect("it takes it");
            *held = point;
        }
    }

    pub(crate) fn nearest(&self, at: LatLng) -> usize {
        self.nearest_of(at, K, self.radius)
    }

    /// Of `radius` in squared degrees.
    pub(crate) fn nearest_of(&self, at: LatLng, k: usize, radius: f64) -> usize {
        let k = NonZero::new(k).expect("it is more than none");
        let centre = flat(at, self.scale);
        let query = self.tree.query(&centre);
        let found = query.nearest_n::<SquaredEuclidean<f64>>(k).within(radius).execute();
        black_box(found).len()
    }
}

/// rstar's tree over plane points, and where each driver is in it.
pub(crate) struct R {
    tree: RTree<GeomWithData<[f64; 2], u64>>,
    held: FxHashMap<DriverId, [f64; 2]>,
    scale: f64,
    radius: f64,
}

impl R {
    pub(crate) fn new(world: &World) -> Self {
        let (scale, radius) = world.plane();
        let held: FxHashMap<_, _> =
            world.first.iter().map(|ping| (ping.driver, flat(ping.fix.position, scale))).collect();
        let points = held.iter().map(|(driver, at)| GeomWithData::new(*at, driver.get())).collect();
        Self { tree: RTree::bulk_load(points), held, scale, radius }
    }

    pub(crate) fn take(&mut self, pings: &[Ping]) {
        for Ping { driver, fix, .. } in pings {
            let point = flat(fix.position, self.scale);
            if let Some(old) = self.held.insert(*driver, point) {
                self.tree.remove(&GeomWithData::new(old, driver.get()));
            }
            self.tree.insert(GeomWithData::new(point, driver.get()));
        }
    }

    pub(crate) fn nearest(&self, at: LatLng) -> usize {
        let near = self.tree.nearest_neighbor_iter_with_distance_2(flat(at, self.scale));
        let found = near.take(K).take_while(|(_, away)| *away <= self.radius);
        found.fold(0, |many, (found, _)| {
            black_box(found.data);
            many + 1
        })
    }
}

fn flat(at: LatLng, scale: f64) -> [f64; 2] {
    [at.lat(), at.lng() * scale]
}
