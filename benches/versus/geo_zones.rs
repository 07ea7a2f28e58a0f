//! The zones behind the ping path: 10,000 of them, where the drivers are.

use std::f64::consts::TAU;
use std::hint::black_box;

use doorstep::core::place::LatLng;
use doorstep::geo_index::zones::{Polygon, TrackerConfig, ZoneEvent, ZoneTracker, Zones};
use doorstep::geo_index::{DriverIndex, Ping, Verdict};

use super::geo_world::{World, travelled};

const CORNERS: u32 = 40;

/// Zones, everybody who is followed through them, and room for what is told.
pub(crate) struct Followed {
    zones: Zones<u32>,
    tracker: ZoneTracker<u32>,
    believed: Vec<Ping>,
    events: Vec<ZoneEvent<u32>>,
}

impl Followed {
    /// A zone around each place where queries are asked, of 150 m to 1 km.
    pub(crate) fn new(world: &World) -> Self {
        let around = (0..).zip(&world.asked).map(|(number, at)| (number, zone(number, *at)));
        let most = u32::try_from(world.asked.len()).expect("they are some thousand");
        let config = TrackerConfig { drivers_max: 2_000_000, ..TrackerConfig::default() };
        Self {
            zones: Zones::load(most, around).expect("there is room"),
            tracker: ZoneTracker::new(config).expect("it is one"),
            believed: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The ping path with the zones behind it.
    pub(crate) fn take(&mut self, index: &DriverIndex, batch: &[Ping]) {
        self.believed.clear();
        index.record_batch(batch, |ping, verdict| match verdict {
            Verdict::Inserted | Verdict::Moved | Verdict::Refreshed => self.believed.push(*ping),
            Verdict::OutOfOrder | Verdict::Implausible | Verdict::Full => {}
        });
        self.tracker.observe_batch(&self.zones, &self.believed, &mut self.events);
        black_box(self.events.len());
        self.events.clear();
    }
}

fn zone(number: u32, at: LatLng) -> Polygon {
    let reach_m = 150.0 + f64::from(number % 35) * 25.0;
    let corner = |corner: u32| {
        let (sin, cos) = (f64::from(corner) / f64::from(CORNERS) * TAU).sin_cos();
        let dent = if corner.is_multiple_of(4) { 0.8 } else { 1.0 };
        travelled(at, reach_m * dent * sin, reach_m * dent * cos)
    };
    Polygon::new(&(0..CORNERS).map(corner).collect::<Vec<_>>(), &[]).expect("it is one")
}
