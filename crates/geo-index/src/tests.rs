//! The index against the linear scan, and the traps by name.

mod oracle;
mod threads;
mod traps;

use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};

use crate::{Config, DriverIndex, Fix, Hit, Ping};

const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).unwrap()
}

fn secs(after_noon: u64) -> Timestamp {
    NOON.saturating_add(Span::from_secs(after_noon))
}

fn ping(driver: u32, position: LatLng, taken_at: Timestamp) -> Ping<u32> {
    Ping::new(driver, Fix::new(position, taken_at))
}

fn index(config: Config) -> DriverIndex<u32> {
    DriverIndex::new(config).unwrap()
}

/// Who is within `radius_m`, nearest first.
fn within(index: &DriverIndex<u32>, centre: LatLng, radius_m: u32, now: Timestamp) -> Vec<u32> {
    let mut hits: Vec<Hit<u32>> = Vec::new();
    index.within(centre, radius_m, now, |_, _| true, &mut hits);
    hits.iter().map(|hit| hit.driver).collect()
}
