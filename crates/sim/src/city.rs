//! An evening that is made up from a seed.
//!
//! Integers only, from a generator whose stream never changes: the same seed makes the same evening
//! on every platform.

use doorstep_core::eta::Vehicle;
use doorstep_core::place::LatLng;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::day::{Day, DayCourier, DayOrder};

/// What an evening is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CityConfig {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many orders.
    pub orders: u32,
    /// How many couriers.
    pub couriers: u32,
    /// How many restaurants; none counts as one.
    pub restaurants: u32,
    /// The middle of the city, latitude and longitude in ten-millionths of a degree; held within
    /// 60 degrees of the equator and 179 of Greenwich.
    pub centre_e7: (i32, i32),
    /// The first order comes no earlier, in seconds since midnight.
    pub from_s: u32,
    /// Most orders come around this time.
    pub peak_s: u32,
    /// The last order comes no later.
    pub until_s: u32,
    /// An order is promised for this long after it was placed, in seconds.
    pub promise_s: u32,
}

impl CityConfig {
    /// An evening from 17:00 to 23:00 with its peak at 19:30, promises of 45 minutes, a restaurant
    /// for every 12 orders and a courier for every 4.
    #[must_use]
    pub fn new(seed: u64, orders: u32) -> Self {
        Self {
            seed,
            orders,
            couriers: (orders / 4).max(4),
            restaurants: (orders / 12).max(4),
            centre_e7: (48_133_000, -756_961_000),
            from_s: 17 * 3_600,
            peak_s: 19 * 3_600 + 1_800,
            until_s: 23 * 3_600,
            promise_s: 45 * 60,
        }
    }
}

/// Makes up evenings.
#[derive(Clone, Copy, Debug)]
pub struct City;

impl City {
    /// The evening of this city, of the same shape as a recorded day, without bad rows. Orders come
    /// in the order of their times.
    ///
    /// Restaurants stand in clusters and are the busier the fewer came before them (the n-th takes
    /// 1/n of the first one's orders); customers live 500 m to 4 km away; a restaurant answers within
    /// 30 s to 3 min and cooks for 8 to 25; couriers work 3 to 6 hours around the peak.
    ///
    /// ```
    /// use doorstep_sim::city::{City, CityConfig};
    ///
    /// let day = City::generate(&CityConfig::new(7, 200));
    /// assert_eq!((day.orders.len(), day.couriers.len()), (200, 50));
    /// assert_eq!(day, City::generate(&CityConfig::new(7, 200)));
    /// ```
    #[must_use]
    pub fn generate(config: &CityConfig) -> Day {
        let mut draw = Draw(ChaCha8Rng::seed_from_u64(config.seed));
        let plane = Plane::new(config.centre_e7);
        let restaurants = restaurants(config, &mut draw);
        let shares = shares(restaurants.len());
        let mut day = Day::default();
        for _ in 0..config.orders {
            let at = *restaurants.get(draw.share(&shares)).unwrap_or(&(0, 0));
            let order = order(config, at, &plane, &mut draw);
            day.orders.extend(order);
        }
        day.orders.sort_by_key(|order| order.placed_s);
        for (line, order) in (1..).zip(&mut day.orders) {
            order.line = line;
        }
        for line in 1..=u64::from(config.couriers) {
            day.couriers.extend(courier(config, line, &plane, &mut draw));
        }
        day
    }
}

/// East and north of the centre, in metres.
type Offset = (i64, i64);

/// Where clusters of restaurants lie, and how far a courier starts from the centre.
const CITY_RADIUS_M: i64 = 3_000;
/// How far a restaurant is from the middle of its cluster.
const CLUSTER_RADIUS_M: i64 = 400;
/// Restaurants of one cluster, about.
const CLUSTER_SIZE: u32 = 8;
/// How far customers live from their restaurant.
const DOOR_M: (i64, i64) = (500, 4_000);

fn restaurants(config: &CityConfig, draw: &mut Draw) -> Vec<Offset> {
    let count = config.restaurants.max(1);
    let clusters: Vec<Offset> = (0..count.div_ceil(CLUSTER_SIZE))
        .map(|_| (draw.peaked(CITY_RADIUS_M), draw.peaked(CITY_RADIUS_M)))
        .collect();
    let one = |_| {
        let (east, north) = *clusters.get(draw.index(clusters.len())).unwrap_or(&(0, 0));
        let aside = (draw.peaked(CLUSTER_RADIUS_M), draw.peaked(CLUSTER_RADIUS_M));
        (east.saturating_add(aside.0), north.saturating_add(aside.1))
    };
    (0..count).map(one).collect()
}

/// How many of a whole the first n restaurants get, for each n: the n-th gets 1/n of the first.
fn shares(count: usize) -> Vec<u64> {
    let mut sum = 0_u64;
    (1..=u64::try_from(count).unwrap_or(u64::MAX))
        .map(|rank| {
            sum = sum.saturating_add(SHARE.checked_div(rank).unwrap_or_default());
            sum
        })
        .collect()
}

/// The first restaurant's share.
const SHARE: u64 = 1 << 32;

fn order(config: &CityConfig, from: Offset, plane: &Plane, draw: &mut Draw) -> Option<DayOrder> {
    let (until_s, from_s) = (config.until_s.max(config.from_s), config.from_s);
    let peak_s = config.peak_s.clamp(from_s, until_s);
    // Rises and falls like a tent.
    let rise = i64::from(peak_s.saturating_sub(from_s));
    let fall = i64::from(until_s.saturating_sub(peak_s));
    let tent = draw.peaked(1_000);
    let side = if tent < 0 { rise } else { fall };
    let moved = side.saturating_mul(tent).checked_div(1_000).unwrap_or_default();
    let placed_s = u32::try_from(i64::from(peak_s).saturating_add(moved)).unwrap_or(peak_s);
    let accept_s = placed_s.saturating_add(draw.between(30, 180));
    let ready_s = accept_s.saturating_add(draw.between(8 * 60, 25 * 60));
    Some(DayOrder {
        line: 0,
        pickup: plane.at(from)?,
        drop_off: plane.at(door(from, draw))?,
        placed_s,
        accept_s,
        ready_s,
        promised_s: placed_s.saturating_add(config.promise_s),
    })
}

/// A door in the ring around a restaurant, evenly by area.
fn door(from: Offset, draw: &mut Draw) -> Offset {
    let (near, far) = DOOR_M;
    let square = |metres: i64| metres.saturating_mul(metres);
    // Three in four points of the square around the ring lie within it.
    for _ in 0..64 {
        let (east, north) = (draw.within(far), draw.within(far));
        let distance = square(east).saturating_add(square(north));
        if (square(near)..=square(far)).contains(&distance) {
            return (from.0.saturating_add(east), from.1.saturating_add(north));
        }
    }
    (from.0.saturating_add(near), from.1)
}

fn courier(config: &CityConfig, line: u64, plane: &Plane, draw: &mut Draw) -> Option<DayCourier> {
    let vehicle = match draw.between(1, 100) {
        1..=10 => Vehicle::Walking,
        11..=35 => Vehicle::Bicycle,
        36..=85 => Vehicle::Motorcycle,
        _ => Vehicle::Car,
    };
    let start = plane.at((draw.peaked(CITY_RADIUS_M), draw.peaked(CITY_RADIUS_M)))?;
    let first_s = config.from_s.saturating_sub(1_800);
    let last_s = config.peak_s.max(first_s);
    let on_s = draw.between(first_s, last_s);
    let off_s = on_s.saturating_add(draw.between(3 * 3_600, 6 * 3_600));
    Some(DayCourier { line, vehicle, start, on_s, off_s })
}

/// The city as a plane: good to a few metres, and the same everywhere.
struct Plane {
    centre_e7: (i64, i64),
    /// Ten-millionths of a degree in 1,000 m east, and in 1,000 m north.
    per_km_e7: (i64, i64),
}

impl Plane {
    /// 1,000 m of a meridian: 10^10 / 111,195 m.
    const KM_E7: i64 = 89_932;

    fn new((lat_e7, lng_e7): (i32, i32)) -> Self {
        let lat_e7 = i64::from(lat_e7).clamp(-600_000_000, 600_000_000);
        let lng_e7 = i64::from(lng_e7).clamp(-1_790_000_000, 1_790_000_000);
        let cos = cos_e6(lat_e7).max(1);
        let east = Self::KM_E7.saturating_mul(1_000_000).checked_div(cos).unwrap_or(Self::KM_E7);
        Self { centre_e7: (lat_e7, lng_e7), per_km_e7: (east, Self::KM_E7) }
    }

    fn at(&self, (east, north): Offset) -> Option<LatLng> {
        let e7 = |metres: i64, per_km: i64| metres.saturating_mul(per_km) / 1_000;
        let lat = self.centre_e7.0.saturating_add(e7(north, self.per_km_e7.1));
        let lng = self.centre_e7.1.saturating_add(e7(east, self.per_km_e7.0));
        LatLng::from_e7(i32::try_from(lat).ok()?, i32::try_from(lng).ok()?).ok()
    }
}

/// The cosine of a latitude up to 60 degrees, in millionths, by its series to the eighth power:
/// wrong by less than a thousandth, and made of whole numbers.
fn cos_e6(lat_e7: i64) -> i64 {
    // Radians in millionths: 10^-7 degrees × π / 180.
    let x = i128::from(lat_e7).saturating_mul(17_453_293) / 10_000_000_000;
    let square = x.saturating_mul(x) / 1_000_000;
    let mut term = 1_000_000_i128;
    let mut sum = term;
    for divisor in [2, 12, 30, 56] {
        let product = term.saturating_mul(square) / 1_000_000;
        term = product.checked_div(divisor).unwrap_or_default().saturating_neg();
        sum = sum.saturating_add(term);
    }
    i64::try_from(sum).unwrap_or(1_000_000)
}

/// Draws whole numbers.
struct Draw(ChaCha8Rng);

impl Draw {
    /// From 0 to `count` - 1, each as likely as the other (to within 2⁻³²); 0 of none.
    fn below(&mut self, count: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()).saturating_mul(u128::from(count)) >> 64;
        u64::try_from(wide).unwrap_or_default()
    }

    fn index(&mut self, count: usize) -> usize {
        let drawn = self.below(u64::try_from(count).unwrap_or(u64::MAX));
        usize::try_from(drawn).unwrap_or_default()
    }

    fn between(&mut self, least: u32, most: u32) -> u32 {
        let count = u64::from(most.saturating_sub(least)).saturating_add(1);
        least.saturating_add(u32::try_from(self.below(count)).unwrap_or_default())
    }

    /// From -`most` to `most`.
    fn within(&mut self, most: i64) -> i64 {
        let count = most.unsigned_abs().saturating_mul(2).saturating_add(1);
        i64::try_from(self.below(count)).unwrap_or_default().saturating_sub(most)
    }

    /// From -`most` to `most`, the likelier the closer to 0: a tent.
    fn peaked(&mut self, most: i64) -> i64 {
        (self.within(most).saturating_add(self.within(most))) / 2
    }

    /// Which of several gets it, by their summed shares.
    fn share(&mut self, sums: &[u64]) -> usize {
        let drawn = self.below(sums.last().copied().unwrap_or_default());
        sums.partition_point(|sum| *sum <= drawn)
    }
}

#[cfg(test)]
mod tests;
