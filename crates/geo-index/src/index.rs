//! Where every driver is, now.

use core::hash::{BuildHasher, Hash};
use core::iter;
use core::sync::atomic::{AtomicU32, Ordering};

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use h3o::Resolution;
use parking_lot::RwLock;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::cell;
use crate::config::{Config, ConfigError};
use crate::nearest::{Query, search_rings};
use crate::ping::{Fix, Ping, Tally, Verdict};
use crate::stripe::Stripe;
use crate::viewport::Viewport;

/// A driver that a query found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hit<K = DriverId> {
    /// Who.
    pub driver: K,
    /// The fix that is believed.
    pub fix: Fix,
    /// From the centre of the query, in metres along the great circle, rounded to the nearest.
    pub distance_m: u32,
    /// How old the fix was at the query's `now`.
    pub age: Span,
}

impl<K: Copy> Hit<K> {
    /// What hits are ordered by.
    pub(crate) const fn rank(&self) -> (u32, K) {
        (self.distance_m, self.driver)
    }
}

/// A live, concurrent index of drivers by place; see the [crate](crate) for what it promises.
///
/// All methods take `&self`. `K` names a driver; any small, ordered, hashable value will do.
///
/// **Filters.** The queries take a filter, asked for each fresh driver within reach; it says whether
/// the driver may be returned. It is called under the index's locks and may be called twice for
/// the same driver: it must be cheap, and must not call the index.
///
/// ```
/// use doorstep_core::{id::DriverId, place::LatLng, time::Timestamp};
/// use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Verdict};
///
/// let index = DriverIndex::new(Config::default())?;
/// let now = Timestamp::from_secs(1_700_000_000);
/// let plaza = LatLng::new(4.8133, -75.6961)?;
/// for (driver, lat) in [(1, 4.8200), (2, 4.8140), (3, 4.9500)] {
///     let fix = Fix::new(LatLng::new(lat, -75.6961)?, now);
///     assert_eq!(index.record(&Ping::new(DriverId::from(driver), fix)), Verdict::Inserted);
/// }
///
/// let mut hits = Vec::new();
/// index.nearest(plaza, 5_000, 20, now, |driver, _| driver.get() != 1, &mut hits);
/// assert_eq!(hits.len(), 1);
/// assert_eq!((hits[0].driver, hits[0].distance_m), (DriverId::from(2), 78));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DriverIndex<K = DriverId> {
    config: Config,
    resolution: Resolution,
    /// The drivers of all stripes; a place is reserved before a driver is put in.
    drivers: AtomicU32,
    /// There is always one, so that choosing one never fails.
    first: RwLock<Stripe<K>>,
    rest: Box<[RwLock<Stripe<K>>]>,
}

impl<K: Copy + Eq + Hash + Ord> DriverIndex<K> {
    /// An index without drivers.
    ///
    /// # Errors
    /// [`ConfigError`] if a field of `config` is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            resolution: Resolution::try_from(config.resolution)
                .map_err(|_| ConfigError::Resolution(config.resolution))?,
            drivers: AtomicU32::new(0),
            first: RwLock::default(),
            rest: iter::repeat_with(RwLock::default)
                .take(usize::from(config.stripes).saturating_sub(1))
                .collect(),
        })
    }

    /// The configuration that it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes in a ping and says what became of it. Of one driver's pings the newest wins, in
    /// whatever order and on however many threads they come.
    ///
    /// About one H3 look-up (0.5 µs), then one lock for some tens of nanoseconds.
    pub fn record(&self, ping: &Ping<K>) -> Verdict {
        let cell = cell::of(ping.fix.position, self.resolution);
        self.stripe(&ping.driver).write().record(&self.config, ping, cell, || self.reserve())
    }

    /// Takes in pings, in their order; `told` gets each one's verdict, in the same order and outside
    /// the locks. The same as [`record`](Self::record) for each.
    pub fn record_batch(&self, pings: &[Ping<K>], mut told: impl FnMut(&Ping<K>, Verdict)) {
        for ping in pings {
            told(ping, self.record(ping));
        }
    }

    /// Forgets a driver, who went offline; the fix last believed, if there was one. A ping still under
    /// way brings the driver back: whoever takes pings asks first whether the driver is online.
    pub fn remove(&self, driver: &K) -> Option<Fix> {
        let removed = self.stripe(driver).write().remove(driver);
        if removed.is_some() {
            self.release(1);
        }
        removed
    }

    /// The fix that is believed of a driver, however old.
    #[must_use]
    pub fn get(&self, driver: &K) -> Option<Fix> {
        self.stripe(driver).read().get(driver)
    }

    /// The `k` drivers nearest to `centre`, of those within `radius_m`, not stale at `now`, that
    /// `keep` lets pass; into `out`, which is cleared first, by distance, then by driver.
    ///
    /// Each driver counts where the index believed it at one moment during the call. The cost follows
    /// the drivers and cells within the distance of the k-th hit, not the radius.
    pub fn nearest(
        &self,
        centre: LatLng,
        radius_m: u32,
        k: usize,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        let mut query =
            Query::new((centre, radius_m, k), (now, self.config.stale_after), keep, out);
        let drivers = self.len();
        if k == 0 || drivers == 0 {
            return;
        }
        if !self.search_rings(&mut query, drivers) {
            for stripe in self.stripes() {
                stripe.read().entries().for_each(|entry| query.offer(entry));
            }
        }
        query.finish();
    }

    /// All drivers within `radius_m` of `centre`, as [`nearest`](Self::nearest) gives them. At most
    /// [`Config::drivers_max`].
    pub fn within(
        &self,
        centre: LatLng,
        radius_m: u32,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        self.nearest(centre, radius_m, usize::MAX, now, keep, out);
    }

    /// The `k` drivers nearest to the middle of a viewport, of those in it, as
    /// [`nearest`](Self::nearest) gives them; distances are from [`Viewport::centre`].
    pub fn in_viewport(
        &self,
        viewport: &Viewport,
        k: usize,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        let inside = |driver: &K, fix: &Fix| viewport.contains(fix.position) && keep(driver, fix);
        self.nearest(viewport.centre(), viewport.radius_m(), k, now, inside, out);
    }

    /// Forgets the drivers whose fix is stale at `now`, and says how many they were.
    ///
    /// Queries do not return them anyway: this is only about memory and room. It looks at every
    /// driver, one stripe after the other, each under its lock: some milliseconds for 100,000.
    pub fn evict_stale(&self, now: Timestamp) -> usize {
        let mut evicted = 0_usize;
        for stripe in self.stripes() {
            let here = stripe.write().evict_stale(self.config.stale_after, now);
            self.release(u32::try_from(here).unwrap_or(u32::MAX));
            evicted = evicted.saturating_add(here);
        }
        evicted
    }

    /// How many drivers are held, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.drivers.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Whether no driver is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pings got which verdict so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.stripes().map(|stripe| stripe.read().tally()).fold(Tally::default(), Tally::plus)
    }

    /// Holds all locks at once, so that a driver who moves meanwhile is seen once. Nobody who holds
    /// one lock waits for another except here, for reading and in one order.
    fn search_rings<F: Fn(&K, &Fix) -> bool>(
        &self,
        query: &mut Query<'_, K, F>,
        drivers: usize,
    ) -> bool {
        let stripes: Vec<_> = self.stripes().map(RwLock::read).collect();
        search_rings(query, &stripes, self.resolution, drivers)
    }

    fn stripe(&self, driver: &K) -> &RwLock<Stripe<K>> {
        // The stripe's own map uses the low and the highest bits of the same hash.
        let hash = FxBuildHasher.hash_one(driver) >> 24;
        let at = hash.checked_rem(u64::from(self.config.stripes)).unwrap_or(0);
        usize::try_from(at)
            .ok()
            .and_then(|at| at.checked_sub(1))
            .and_then(|at| self.rest.get(at))
            .unwrap_or(&self.first)
    }

    fn stripes(&self) -> impl Iterator<Item = &RwLock<Stripe<K>>> {
        iter::once(&self.first).chain(&self.rest)
    }

    fn reserve(&self) -> bool {
        let one_more =
            |drivers: u32| drivers.checked_add(1).filter(|more| *more <= self.config.drivers_max);
        self.drivers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn release(&self, drivers: u32) {
        self.drivers.fetch_sub(drivers, Ordering::Relaxed);
    }
}
