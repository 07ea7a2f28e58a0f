//! Where every driver is, now.

use core::cmp::Reverse;
use core::hash::Hash;
use core::hint::spin_loop;
use core::iter;
use core::sync::atomic::{AtomicU32, Ordering};

use arrayvec::ArrayVec;
use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde::{Deserialize, Serialize};

use crate::batch::{BLOCK, Block};
use crate::config::{Config, ConfigError};
use crate::nearest::search;
use crate::ping::{Fix, Ping, Suspicion, Tally, Verdict};
use crate::query::{Candidates, Query};
use crate::stripe::{self, NOWHERE, Stripe};
use crate::viewport::Viewport;
use crate::visit::visit;
use crate::zones::Polygon;

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
/// **Locks.** Each driver belongs to one stripe, a `parking_lot::RwLock` that guards all that is known of
/// its drivers: directory, entries, cells, suspicions, tally. A writer holds one at a time, and
/// never waits while it holds one. A query takes all of them for reading, in one order: it waits
/// only for writers, who go on, and sees all drivers at one moment. Who finds a lock taken looks again
/// for some tens of microseconds before the thread sleeps. Nothing is read without its lock but
/// the number of drivers, one atomic integer: a place in it is reserved before a driver is put in, and
/// given back after one was taken out, so it is never less than the drivers held, and no other memory
/// is reached through it.
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
    /// One lock for about 0.2 µs. Where pings come in numbers,
    /// [`record_batch`](Self::record_batch) takes them at several times the rate.
    pub fn record(&self, ping: &Ping<K>) -> Verdict {
        let hash = stripe::hash(&ping.driver);
        write(self.stripe(hash)).record(&self.config, ping, (hash, NOWHERE), || self.reserve())
    }

    /// Takes in pings; `told` gets each one's verdict, in the order of the pings and outside the
    /// locks. What becomes of each is the same as by [`record`](Self::record) one after the other.
    ///
    /// It takes 256 pings at a time, and each stripe's lock once for those: a stripe that is free before
    /// one that is not. Batches of hundreds of pings cost least; there is no need to sort them.
    ///
    /// ```
    /// # use doorstep_core::{id::DriverId, place::LatLng, time::Timestamp};
    /// # use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Verdict};
    /// let index = DriverIndex::new(Config::default())?;
    /// let fix = Fix::new(LatLng::new(4.8133, -75.6961)?, Timestamp::from_secs(1_700_000_000));
    /// let pings = [1, 2, 1].map(|driver| Ping::new(DriverId::from(driver), fix));
    /// let mut told = Vec::new();
    /// index.record_batch(&pings, |_, verdict| told.push(verdict));
    /// assert_eq!(told, [Verdict::Inserted, Verdict::Inserted, Verdict::OutOfOrder]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record_batch(&self, pings: &[Ping<K>], mut told: impl FnMut(&Ping<K>, Verdict)) {
        for block in pings.chunks(BLOCK) {
            // Who is the first to find the index full depends on the order.
            if (1..block.len()).contains(&self.room()) {
                block.iter().for_each(|ping| told(ping, self.record(ping)));
                continue;
            }
            let mut block = Block::new(block, |hash| self.stripe_of(hash));
            let (mut left, mut patience) = (block.stripes(), PATIENCE);
            while left != 0 {
                let before = left;
                for (number, stripe) in self.stripes().enumerate() {
                    if left & 1 << number == 0 {
                        continue;
                    }
                    let free =
                        if patience > 0 { write_if_free(stripe) } else { Some(stripe.write()) };
                    if let Some(mut stripe) = free {
                        block.record(number, &mut stripe, &self.config, || self.reserve());
                        left &= !(1 << number);
                    }
                }
                if left == before {
                    patience = patience.saturating_sub(1);
                    spin_loop();
                }
            }
            block.verdicts().for_each(|(ping, verdict)| told(ping, verdict));
        }
    }

    /// Forgets a driver, who went offline; the fix last believed, if there was one. A ping still under
    /// way brings the driver back: whoever takes pings asks first whether the driver is online.
    pub fn remove(&self, driver: &K) -> Option<Fix> {
        let hash = stripe::hash(driver);
        let removed = write(self.stripe(hash)).remove(hash, driver);
        if removed.is_some() {
            self.release(1);
        }
        removed
    }

    /// The fix that is believed of a driver, however old.
    #[must_use]
    pub fn get(&self, driver: &K) -> Option<Fix> {
        {
            let hash = stripe::hash(driver);
            read(self.stripe(hash)).get(hash, driver)
        }
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
        let drivers = self.len();
        if k == 0 || drivers == 0 {
            return out.clear();
        }
        let stripes = self.read_all();
        let mut candidates = Candidates::new();
        let found = (&mut candidates, out);
        let mut query =
            Query::new((centre, radius_m, k), (now, self.config.stale_after), keep, found);
        search(&mut query, &stripes, drivers);
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
    ///
    /// For a zone of any shape there is [`within_polygon`](Self::within_polygon).
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

    /// All drivers in an area, not stale at `now`, that `keep` lets pass; into `out`, which is cleared
    /// first, by distance from the middle of [`Polygon::bounds`], then by driver.
    ///
    /// It looks at the drivers in the area's rectangle, and for each that is fresh at every edge.
    ///
    /// ```
    /// # use doorstep_core::{place::LatLng, time::Timestamp};
    /// # use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, zones::Polygon};
    /// let at = |lat, lng| LatLng::new(lat, lng);
    /// let centre = Polygon::new(&[at(4.80, -75.70)?, at(4.82, -75.70)?, at(4.81, -75.68)?], &[])?;
    /// let (index, now) = (DriverIndex::new(Config::default())?, Timestamp::from_secs(1_700_000_000));
    /// for (driver, lng) in [(1_u32, -75.699), (2, -75.681), (3, -75.67)] {
    ///     index.record(&Ping::new(driver, Fix::new(at(4.81, lng)?, now)));
    /// }
    /// let mut hits = Vec::new();
    /// index.within_polygon(&centre, now, |_, fix| !fix.mocked, &mut hits);
    /// assert_eq!(hits.iter().map(|hit| hit.driver).collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within_polygon(
        &self,
        area: &Polygon,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        out: &mut Vec<Hit<K>>,
    ) {
        out.clear();
        let middle = area.bounds().centre();
        let inside = |driver: &K, fix: &Fix| area.contains(fix.position) && keep(driver, fix);
        self.each_in_viewport(area.bounds(), now, inside, |driver, fix| {
            let distance_m = middle.distance_m(fix.position);
            out.push(Hit { driver, fix, distance_m, age: fix.age(now) });
        });
        out.sort_unstable_by_key(Hit::rank);
    }

    /// Shows each driver in a viewport, not stale at `now`, that `keep` lets pass, once and in no order;
    /// under the locks, so `see` is to be quick.
    pub(crate) fn each_in_viewport(
        &self,
        viewport: &Viewport,
        now: Timestamp,
        keep: impl Fn(&K, &Fix) -> bool,
        mut see: impl FnMut(K, Fix),
    ) {
        let stripes = self.read_all();
        visit(viewport, &stripes, self.len(), |entry| {
            let (driver, fix) = (entry.details.driver, entry.fix());
            if fix.age(now) <= self.config.stale_after && keep(&driver, &fix) {
                see(driver, fix);
            }
        });
    }

    /// The drivers with at least so many strikes, most first, then by driver, into `out`, which is
    /// cleared first. The cost follows the number of all suspicions.
    pub fn suspects(&self, strikes_min: u16, out: &mut Vec<Suspicion<K>>) {
        out.clear();
        for stripe in self.stripes() {
            out.extend(stripe.read().suspicions(strikes_min));
        }
        out.sort_unstable_by_key(|suspicion| (Reverse(suspicion.strikes), suspicion.driver));
    }

    /// Forgets the drivers whose fix is stale at `now`, and says how many they were.
    ///
    /// Queries do not return them anyway: this is only about memory and room. It looks at every
    /// driver, some thousand at a time under one lock: some milliseconds for 500,000, between which pings
    /// and queries go on.
    pub fn evict_stale(&self, now: Timestamp) -> usize {
        let (mut evicted, mut scratch) = (0_usize, Vec::new());
        for stripe in self.stripes() {
            let mut segment = 0_usize;
            loop {
                let stale_after = self.config.stale_after;
                let here = stripe.write().evict_stale(segment, stale_after, now, &mut scratch);
                let Some(here) = here else { break };
                if here == 0 {
                    segment = segment.saturating_add(1);
                }
                self.release(here);
                evicted = evicted.saturating_add(usize::try_from(here).unwrap_or(usize::MAX));
            }
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

    /// All locks at once, so that a driver who moves meanwhile is seen once. Nobody who holds one lock
    /// waits for another except here, for reading and in one order.
    fn read_all(&self) -> ArrayVec<RwLockReadGuard<'_, Stripe<K>>, { Config::STRIPES_MAX }> {
        self.stripes().take(Config::STRIPES_MAX).map(read).collect()
    }

    fn stripe(&self, hash: u64) -> &RwLock<Stripe<K>> {
        let at = self.stripe_of(hash);
        at.checked_sub(1).and_then(|at| self.rest.get(at)).unwrap_or(&self.first)
    }

    /// By bits that the stripe's own tables do not use.
    fn stripe_of(&self, hash: u64) -> usize {
        let bits = hash >> 32 & 0xffff;
        usize::try_from(bits.saturating_mul(u64::from(self.config.stripes)) >> 16)
            .unwrap_or_default()
    }

    fn stripes(&self) -> impl Iterator<Item = &RwLock<Stripe<K>>> {
        iter::once(&self.first).chain(&self.rest)
    }

    /// For how many more drivers there is room.
    fn room(&self) -> usize {
        let most = usize::try_from(self.config.drivers_max).unwrap_or(usize::MAX);
        most.saturating_sub(self.len())
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

/// How often somebody looks whether a lock is free before they sleep until it is: some tens of
/// microseconds, longer than anybody holds one who is not interrupted. To put a thread to sleep and
/// wake it up costs more than that, and whoever gives the lock back pays for it.
const PATIENCE: u32 = 3_000;

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    patiently(|| write_if_free(lock)).unwrap_or_else(|| lock.write())
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    let read_if_free = || if lock.is_locked_exclusive() { None } else { lock.try_read() };
    patiently(read_if_free).unwrap_or_else(|| lock.read())
}

/// It looks before it tries: who tries takes the lock's cache line from whoever holds it.
fn write_if_free<T>(lock: &RwLock<T>) -> Option<RwLockWriteGuard<'_, T>> {
    if lock.is_locked() { None } else { lock.try_write() }
}

fn patiently<G>(mut attempt: impl FnMut() -> Option<G>) -> Option<G> {
    (0..PATIENCE).find_map(|_| {
        let guard = attempt();
        if guard.is_none() {
            spin_loop();
        }
        guard
    })
}
