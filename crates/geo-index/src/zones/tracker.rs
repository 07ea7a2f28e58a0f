//! From fixes to comings and goings.

mod clear;
mod config;

use core::hash::Hash;

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::Timestamp;
use rustc_hash::FxHashMap;

use self::clear::Clear;
pub use self::config::{TrackerConfig, TrackerConfigError};
use super::Zones;
use super::stay::{Moment, Stay, There};
use crate::ping::{Fix, Ping};

/// What a driver did with regard to a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneEvent<Z, K = DriverId> {
    /// Who.
    pub driver: K,
    /// When it was told: when the fix that completes it was taken. Of one driver's events it
    /// never goes back.
    pub at: Timestamp,
    /// What. Of what one fix completes, departures are told first, then as declared, then by zone.
    pub passage: Passage,
    /// Which zone.
    pub zone: Z,
    /// Since when the driver is or, if the passage is an exit, was inside: the first fix of the row
    /// that showed it.
    pub since: Timestamp,
}

/// What a driver did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Passage {
    /// Is not in the zone any more. Every exit follows an entry.
    Exited(Absence),
    /// Came to stay. Never told twice without an exit between.
    Entered,
    /// Has been inside for [`TrackerConfig::dwell_after`]; once a stay.
    Dwelt,
    /// Still inside, told every [`TrackerConfig::inside_every`] or, if that is longer, every fix.
    Inside,
}

/// How a stay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absence {
    /// The driver went away for good.
    Left,
    /// Nothing was heard of the driver for [`TrackerConfig::silent_after`].
    Silent,
    /// Someone called [`ZoneTracker::forget`]: the driver went offline.
    Forgotten,
    /// The zone is not there any more.
    ZoneRemoved,
}

/// What became of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// No edge can have been crossed: no zone was looked at.
    Still,
    /// The zones around were looked at.
    LookedUp,
    /// Not newer than one that was looked at before.
    OutOfOrder,
    /// Less accurate than [`TrackerConfig::accuracy_max_m`].
    Inaccurate,
    /// The phone said that the position is made up.
    Mocked,
    /// The driver is not known and there is no room.
    Full,
}

/// How many fixes had which fate since the tracker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackerTally {
    /// [`Seen::Still`].
    pub still: u64,
    /// [`Seen::LookedUp`].
    pub looked_up: u64,
    /// [`Seen::OutOfOrder`].
    pub out_of_order: u64,
    /// [`Seen::Inaccurate`].
    pub inaccurate: u64,
    /// [`Seen::Mocked`].
    pub mocked: u64,
    /// [`Seen::Full`].
    pub full: u64,
    /// How often a zone that held a fix was left out for want of room
    /// ([`TrackerConfig::zones_per_driver_max`]).
    pub zones_left_out: u64,
}

/// Follows many drivers through many zones.
///
/// - **One ping fires nothing.** To enter takes at least two fixes in a row within, over at least
///   `enter_after`; to leave as many farther outside than `exit_m`, over at least `exit_after`. A fix
///   that says otherwise breaks the row, and so does a silence longer than `gap_max`.
/// - **What cannot be believed is not looked at:** fixes that are too inaccurate, made up, or not newer
///   than the last one. So the same fixes told twice fire once.
/// - **In order.** One driver's events come in the order of the fixes, whatever batches they came in;
///   entries and exits of one driver and zone alternate.
/// - **Bounded.** See [`TrackerConfig::drivers_max`] and [`TrackerConfig::zones_per_driver_max`]. With ids
///   of 8 bytes a driver takes 81 bytes of a hash table that is 44 to 88 % full, and 56 for each zone.
/// - **Cheap.** For each driver it knows a box around an earlier fix that no edge of any zone goes
///   through. A fix in that box costs a hash look-up and four comparisons. Any change of the zones makes
///   all these boxes void, so that each driver's next fix is looked up.
///
/// One tracker is fed by one thread at a time. To use several, give each its share of the drivers. Give
/// it the pings that the driver index believed, and always the same zones.
///
/// ```
/// use doorstep_core::{place::LatLng, time::Timestamp};
/// use doorstep_geo_index::zones::{Passage, Polygon, TrackerConfig, ZoneTracker, Zones};
/// use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Verdict};
///
/// let at = |lat, lng| LatLng::new(lat, lng);
/// let airport = Polygon::new(&[at(4.81, -75.75)?, at(4.81, -75.73)?, at(4.82, -75.74)?], &[])?;
/// let zones = Zones::load(10_000, [(7_u32, airport)])?;
/// let (index, mut tracker) = (DriverIndex::new(Config::default())?, ZoneTracker::new(TrackerConfig::default())?);
///
/// let (mut events, mut believed) = (Vec::new(), Vec::new());
/// for (lng, secs) in [(-75.729, 0), (-75.733, 5), (-75.734, 10), (-75.735, 15)] {
///     let pings = [Ping::new(1_u32, Fix::new(at(4.812, lng)?, Timestamp::from_secs(secs)))];
///     believed.clear();
///     index.record_batch(&pings, |ping, verdict| match verdict {
///         Verdict::Inserted | Verdict::Moved | Verdict::Refreshed => believed.push(*ping),
///         Verdict::OutOfOrder | Verdict::Implausible | Verdict::Full => {}
///     });
///     tracker.observe_batch(&zones, &believed, &mut events);
/// }
/// assert_eq!((events[0].passage, events[0].zone), (Passage::Entered, 7));
/// assert_eq!((events[0].since, events[0].at), (Timestamp::from_secs(5), Timestamp::from_secs(15)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZoneTracker<Z, K = DriverId> {
    config: TrackerConfig,
    drivers: FxHashMap<K, Track<Z>>,
    tally: TrackerTally,
    /// The zones that hold the fix at hand.
    here: Vec<Z>,
}

/// What is known of one driver.
#[derive(Clone, Debug)]
struct Track<Z> {
    last_at: Timestamp,
    clear: Clear,
    /// No stay has anything to say before, if no edge is crossed.
    due_at: Timestamp,
    stays: Vec<Stay<Z>>,
}

impl<Z: Copy + Eq + Hash + Ord, K: Copy + Eq + Hash + Ord> ZoneTracker<Z, K> {
    /// A tracker that knows no driver.
    ///
    /// # Errors
    /// [`TrackerConfigError`] if a field of `config` is out of range.
    pub fn new(config: TrackerConfig) -> Result<Self, TrackerConfigError> {
        config.validate()?;
        let (drivers, tally, here) = Default::default();
        Ok(Self { config, drivers, tally, here })
    }

    /// Takes in a driver's fix, and appends to `out` what it completes.
    pub fn observe(
        &mut self,
        zones: &Zones<Z>,
        driver: K,
        fix: &Fix,
        out: &mut Vec<ZoneEvent<Z, K>>,
    ) -> Seen {
        let seen = self.look(zones, driver, fix, out);
        let tally = &mut self.tally;
        let counter = match seen {
            Seen::Still => &mut tally.still,
            Seen::LookedUp => &mut tally.looked_up,
            Seen::OutOfOrder => &mut tally.out_of_order,
            Seen::Inaccurate => &mut tally.inaccurate,
            Seen::Mocked => &mut tally.mocked,
            Seen::Full => &mut tally.full,
        };
        *counter = counter.saturating_add(1);
        seen
    }

    /// Takes in pings, in their order, and appends to `out` what they complete. The same as
    /// [`observe`](Self::observe) for each.
    pub fn observe_batch(
        &mut self,
        zones: &Zones<Z>,
        pings: &[Ping<K>],
        out: &mut Vec<ZoneEvent<Z, K>>,
    ) {
        for ping in pings {
            self.observe(zones, ping.driver, &ping.fix, out);
        }
    }

    /// The zones that a driver is believed in, in their order, and since when.
    pub fn zones_of(&self, driver: &K) -> impl Iterator<Item = (Z, Timestamp)> {
        let stays = self.drivers.get(driver).map_or(&[][..], |track| &track.stays);
        stays.iter().filter_map(|stay| stay.inside_since().map(|since| (stay.zone, since)))
    }

    /// Forgets a driver, who went offline at `now`, and appends to `out` the exits. A fix still under
    /// way brings the driver back: whoever takes fixes asks first whether the driver is online.
    pub fn forget(&mut self, driver: &K, now: Timestamp, out: &mut Vec<ZoneEvent<Z, K>>) -> bool {
        self.end(driver, now, Absence::Forgotten, out)
    }

    /// Forgets the drivers of whom nothing was heard for longer than `silent_after`, appends to `out` the
    /// exits, by driver, and says how many drivers they were. It looks at every driver.
    pub fn expire(&mut self, now: Timestamp, out: &mut Vec<ZoneEvent<Z, K>>) -> usize {
        let silent_after = self.config.silent_after;
        let silent = |track: &Track<Z>| now.saturating_since(track.last_at) > silent_after;
        let found = self.drivers.iter().filter(|(_, track)| silent(track));
        let mut gone: Vec<K> = found.map(|(driver, _)| *driver).collect();
        gone.sort_unstable();
        for driver in &gone {
            self.end(driver, now, Absence::Silent, out);
        }
        gone.len()
    }

    /// How many drivers are tracked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drivers.len()
    }

    /// Whether no driver is tracked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drivers.is_empty()
    }

    /// How many fixes had which fate so far.
    #[must_use]
    pub const fn tally(&self) -> TrackerTally {
        self.tally
    }

    fn look(
        &mut self,
        zones: &Zones<Z>,
        driver: K,
        fix: &Fix,
        out: &mut Vec<ZoneEvent<Z, K>>,
    ) -> Seen {
        let config = &self.config;
        if fix.mocked {
            return Seen::Mocked;
        }
        if fix.accuracy_m.unwrap_or(config.accuracy_untold_m) > config.accuracy_max_m {
            return Seen::Inaccurate;
        }
        let at = fix.taken_at;
        let known = self.drivers.len();
        let track = match self.drivers.get_mut(&driver) {
            Some(track) if at <= track.last_at => return Seen::OutOfOrder,
            Some(track) => track,
            None if usize::try_from(config.drivers_max).is_ok_and(|max| known >= max) => {
                return Seen::Full;
            }
            None => self.drivers.entry(driver).or_insert(Track::new(at)),
        };
        let silence = at.saturating_since(track.last_at);
        track.last_at = at;
        let moment = Moment { at, after_silence: silence > config.gap_max };
        let told = out.len();
        let mut tell = |passage, zone, since| {
            out.push(ZoneEvent { driver, at, passage, zone, since });
        };
        let still = track.clear.holds(fix.position, zones.changes());
        if still {
            if at < track.due_at {
                return Seen::Still;
            }
            track.stays.retain_mut(|stay| {
                let zone = stay.zone;
                let tell = |passage, since| tell(passage, zone, since);
                stay.observe(There::Inside, moment, config, tell)
            });
        } else {
            zones.at(fix.position, &mut self.here);
            track.walk(zones, fix.position, &self.here, moment, config, &mut tell);
            let left_out = track.begin(&self.here, at, config);
            self.tally.zones_left_out = self.tally.zones_left_out.saturating_add(left_out);
            track.clear = Clear::new(zones, fix.position, &track.stays);
        }
        let due = track.stays.iter().map(|stay| stay.due_at(config)).min();
        track.due_at = due.unwrap_or(Timestamp::NEVER);
        // By passage, then by zone; the driver and the time are the same.
        if let Some(told) = out.get_mut(told..) {
            told.sort_unstable();
        }
        if still { Seen::Still } else { Seen::LookedUp }
    }

    fn end(
        &mut self,
        driver: &K,
        now: Timestamp,
        absence: Absence,
        out: &mut Vec<ZoneEvent<Z, K>>,
    ) -> bool {
        let Some(track) = self.drivers.remove(driver) else {
            return false;
        };
        let at = now.max(track.last_at);
        let stays = track.stays.iter();
        out.extend(
            stays.filter_map(|stay| stay.inside_since().map(|since| (stay.zone, since))).map(
                |(zone, since)| ZoneEvent {
                    driver: *driver,
                    at,
                    passage: Passage::Exited(absence),
                    zone,
                    since,
                },
            ),
        );
        true
    }
}

impl<Z: Copy + Eq + Hash + Ord> Track<Z> {
    fn new(at: Timestamp) -> Self {
        let (clear, stays) = Default::default();
        Self { last_at: at, clear, due_at: Timestamp::NEVER, stays }
    }

    /// Takes every stay along to a place, given the zones that hold it.
    fn walk(
        &mut self,
        zones: &Zones<Z>,
        place: LatLng,
        here: &[Z],
        moment: Moment,
        config: &TrackerConfig,
        mut tell: impl FnMut(Passage, Z, Timestamp),
    ) {
        self.stays.retain_mut(|stay| {
            let zone = stay.zone;
            let mut tell = |passage, since| tell(passage, zone, since);
            let there = match (here.binary_search(&zone), stay.inside_since(), zones.get(&zone)) {
                (Ok(_), _, _) => There::Inside,
                (Err(_), None, _) => There::Away,
                (Err(_), Some(since), None) => {
                    tell(Passage::Exited(Absence::ZoneRemoved), since);
                    return false;
                }
                (Err(_), Some(_), Some(polygon)) => {
                    let far = polygon.outside_m(place) > u32::from(config.exit_m);
                    if far { There::Away } else { There::Near }
                }
            };
            stay.observe(there, moment, config, tell)
        });
    }

    /// Begins the stays in the zones that hold the driver; how many have no room.
    fn begin(&mut self, here: &[Z], at: Timestamp, config: &TrackerConfig) -> u64 {
        let mut left_out = 0_u64;
        for zone in here {
            let Err(place) = self.stays.binary_search_by_key(zone, |stay| stay.zone) else {
                continue;
            };
            if self.stays.len() < usize::from(config.zones_per_driver_max) {
                self.stays.insert(place, Stay::begin(*zone, at));
            } else {
                left_out = left_out.saturating_add(1);
            }
        }
        left_out
    }
}
