//! What a driver's phone reports, and what the index makes of it.

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::entry::Entry;

/// One reading of a satellite receiver: where something was, when, and how surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fix {
    /// Where.
    pub position: LatLng,
    /// When the receiver took it, by the phone's clock. See [`Fix::received_at`].
    pub taken_at: Timestamp,
    /// Radius in metres of the circle that holds the true place in 68 % of cases, if it was told.
    pub accuracy_m: Option<u16>,
    /// Direction of travel in degrees clockwise from north, 0–359, if it was told. The index carries
    /// it and does not look at it.
    pub heading_deg: Option<u16>,
    /// Speed over ground in centimetres a second, if it was told. The index carries it and does not
    /// believe it: jumps are judged by the speed that two positions imply.
    pub speed_cm_s: Option<u16>,
    /// The phone said that the position comes from a mock provider. The index carries it, for a
    /// query's filter to use.
    pub mocked: bool,
}

impl Fix {
    /// A fix of which only place and time are known.
    #[must_use]
    pub const fn new(position: LatLng, taken_at: Timestamp) -> Self {
        Self {
            position,
            taken_at,
            accuracy_m: None,
            heading_deg: None,
            speed_cm_s: None,
            mocked: false,
        }
    }

    /// The same fix, taken no later than it was received.
    ///
    /// A phone whose clock runs ahead would otherwise make all its later, honest fixes out of order
    /// once the clock is set right, and stay fresh for too long. Whoever receives pings calls this
    /// first.
    #[must_use]
    pub fn received_at(self, now: Timestamp) -> Self {
        Self { taken_at: self.taken_at.min(now), ..self }
    }

    /// How old the fix is; zero if it lies in the future.
    #[must_use]
    pub const fn age(&self, now: Timestamp) -> Span {
        now.saturating_since(self.taken_at)
    }
}

/// A fix and whose it is.
///
/// ```
/// use doorstep_core::{id::DriverId, place::LatLng, time::Timestamp};
/// use doorstep_geo_index::{Fix, Ping};
///
/// let fix = Fix::new(LatLng::new(4.8133, -75.6961)?, Timestamp::from_secs(1_700_000_000));
/// let ping = Ping::new(DriverId::from(7), Fix { accuracy_m: Some(8), ..fix });
/// assert_eq!(ping.speed_max_mps, None);
/// # Ok::<(), doorstep_core::place::PlaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ping<K = DriverId> {
    /// Whose fix it is.
    pub driver: K,
    /// The fix.
    pub fix: Fix,
    /// The fastest that this driver's vehicle goes, in metres a second; `None` where only
    /// [`Config::speed_max_mps`] limits it.
    pub speed_max_mps: Option<u16>,
}

impl<K> Ping<K> {
    /// A ping of a vehicle that is not known.
    #[must_use]
    pub const fn new(driver: K, fix: Fix) -> Self {
        Self { driver, fix, speed_max_mps: None }
    }
}

/// What became of a ping. Only the first three change what queries see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The driver was not known and is now.
    Inserted,
    /// The driver is believed at another place than before.
    Moved,
    /// The driver is at the same place; the fix is fresher.
    Refreshed,
    /// The fix is not newer than the one held, and was dropped. This includes a fix with the same
    /// time: of two such the first is kept, so a ping that is delivered twice changes nothing.
    OutOfOrder,
    /// No vehicle gets there in that time. The driver is still believed at the old place, until
    /// [`Config::confirm_after`] consecutive fixes agree on the new one. One who does it again and
    /// again is named by [`DriverIndex::suspects`](crate::DriverIndex::suspects).
    Implausible,
    /// The driver is not known and there is no room. Evict, or make the index larger.
    Full,
}

/// How many pings got which verdict since the index was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Pings that got [`Verdict::Inserted`].
    pub inserted: u64,
    /// Pings that got [`Verdict::Moved`].
    pub moved: u64,
    /// Pings that got [`Verdict::Refreshed`].
    pub refreshed: u64,
    /// Pings that got [`Verdict::OutOfOrder`].
    pub out_of_order: u64,
    /// Pings that got [`Verdict::Implausible`].
    pub implausible: u64,
    /// Pings that got [`Verdict::Full`].
    pub full: u64,
    /// How often a driver's strikes came to [`Config::escalate_after`]; see [`Suspicion`].
    pub escalated: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Inserted => &mut self.inserted,
            Verdict::Moved => &mut self.moved,
            Verdict::Refreshed => &mut self.refreshed,
            Verdict::OutOfOrder => &mut self.out_of_order,
            Verdict::Implausible => &mut self.implausible,
            Verdict::Full => &mut self.full,
        };
        *counter = counter.saturating_add(1);
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            inserted: self.inserted.saturating_add(other.inserted),
            moved: self.moved.saturating_add(other.moved),
            refreshed: self.refreshed.saturating_add(other.refreshed),
            out_of_order: self.out_of_order.saturating_add(other.out_of_order),
            implausible: self.implausible.saturating_add(other.implausible),
            full: self.full.saturating_add(other.full),
            escalated: self.escalated.saturating_add(other.escalated),
        }
    }
}

/// A driver about whom there is a suspicion.
///
/// Each implausible fix is a strike; each believed one takes one back, and a jump that is believed
/// after all takes all. So what piles up is neither the odd bad fix nor a true relocation: it is a
/// receiver that is broken, or a phone that says what it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspicion<K = DriverId> {
    /// Whose fixes they were.
    pub driver: K,
    /// How many implausible fixes more than believed ones.
    pub strikes: u16,
    /// The implausible fix that was taken last.
    pub latest: Fix,
}

/// Where a driver may have jumped to: the latest of `fixes` implausible fixes that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    latest: Fix,
    /// None, once an honest fix has taken the weight from them.
    fixes: u8,
    strikes: u16,
}

impl Suspect {
    pub(crate) const fn suspicion<K>(&self, driver: K) -> Suspicion<K> {
        Suspicion { driver, strikes: self.strikes, latest: self.latest }
    }

    pub(crate) const fn has_just_escalated(&self, config: &Config) -> bool {
        self.strikes == config.escalate_after
    }

    /// What is left of it after a believed fix.
    fn weakened(self) -> Option<Self> {
        let strikes = self.strikes.saturating_sub(1);
        (strikes > 0).then_some(Self { fixes: 0, strikes, ..self })
    }
}

/// What to do with the fix of a known driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Drop it.
    Drop(Verdict),
    /// Hold it, and what is left of a suspicion.
    Believe(Verdict, Option<Suspect>),
    /// Go on believing the fix held, and remember this.
    Suspect(Suspect),
}

impl Judgement {
    pub(crate) fn believe(held: &LatLng, fix: &Fix, suspect: Option<Suspect>) -> Self {
        let same = fix.position == *held;
        Self::Believe(if same { Verdict::Refreshed } else { Verdict::Moved }, suspect)
    }
}

/// Judges `ping` against the fix held of its driver and the jump suspected, if any.
pub(crate) fn judge<K>(
    config: &Config,
    held: &Fix,
    suspect: Option<&Suspect>,
    ping: &Ping<K>,
) -> Judgement {
    let fix = &ping.fix;
    if fix.taken_at <= held.taken_at {
        return Judgement::Drop(Verdict::OutOfOrder);
    }
    let speed_max_mps = speed_max_mps(config, ping);
    if reachable(held, fix, speed_max_mps) {
        let suspect = suspect.copied().and_then(Suspect::weakened);
        return Judgement::believe(&held.position, fix, suspect);
    }
    let agreed = match suspect.filter(|suspect| suspect.fixes > 0) {
        // No newer than what is suspected: no news, and above all no confirmation.
        Some(suspect) if fix.taken_at <= suspect.latest.taken_at => {
            return Judgement::Drop(Verdict::Implausible);
        }
        Some(suspect) if reachable(&suspect.latest, fix, speed_max_mps) => suspect.fixes,
        Some(_) | None => 0,
    };
    let fixes = agreed.saturating_add(1);
    if fixes >= config.confirm_after {
        return Judgement::believe(&held.position, fix, None);
    }
    let strikes = suspect.map_or(0, |suspect| suspect.strikes).saturating_add(1);
    Judgement::Suspect(Suspect { latest: *fix, fixes, strikes })
}

/// Whether a newer ping's place is surely within reach of the one held, by integers alone: nearly all
/// are. If not, [`judge`] says whether it is.
pub(crate) fn plainly_reachable<K: Copy>(config: &Config, held: &Entry<K>, ping: &Ping<K>) -> bool {
    let (from, to) = (held.position, ping.fix.position);
    // Going along the meridian and then along the parallel is no shorter, and a ten-millionth of
    // a degree is at most 11.2 mm; 2 m for rounding.
    let lat_e7 = u64::from(from.lat_e7().abs_diff(to.lat_e7()));
    let lng_e7 = u64::from(from.lng_e7().abs_diff(to.lng_e7()));
    let distance_m = (lat_e7.saturating_add(lng_e7).saturating_mul(112) / 10_000).saturating_add(2);
    let slack_m = slack_m(held.accuracy_m()).saturating_add(slack_m(ping.fix.accuracy_m));
    let taken_ms = ping.fix.taken_at.saturating_since(held.details.taken_at).as_millis();
    covered(distance_m.saturating_sub(slack_m), taken_ms, speed_max_mps(config, ping))
}

/// What a receiver may be off by when it does not say.
const ACCURACY_UNTOLD_M: u16 = 50;
/// A phone that claims to know nothing is not free to be anywhere.
const ACCURACY_BELIEVED_MAX_M: u16 = 200;

/// Whether a vehicle that goes at most `speed_max_mps` can have been at both places, each of them
/// uncertain by twice its accuracy (95 % of cases instead of 68 %).
fn reachable(from: &Fix, to: &Fix, speed_max_mps: u16) -> bool {
    let distance_m = u64::from(from.position.distance_m(to.position));
    let slack_m = slack_m(from.accuracy_m).saturating_add(slack_m(to.accuracy_m));
    let taken_ms = to.taken_at.saturating_since(from.taken_at).as_millis();
    covered(distance_m.saturating_sub(slack_m), taken_ms, speed_max_mps)
}

fn slack_m(accuracy_m: Option<u16>) -> u64 {
    let accuracy_m = accuracy_m.unwrap_or(ACCURACY_UNTOLD_M).min(ACCURACY_BELIEVED_MAX_M);
    u64::from(accuracy_m).saturating_mul(2)
}

fn covered(travelled_m: u64, taken_ms: u64, speed_max_mps: u16) -> bool {
    travelled_m.saturating_mul(1_000) <= taken_ms.saturating_mul(u64::from(speed_max_mps))
}

fn speed_max_mps<K>(config: &Config, ping: &Ping<K>) -> u16 {
    ping.speed_max_mps.map_or(config.speed_max_mps, |limit| limit.min(config.speed_max_mps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn what_is_plainly_within_reach_is_within_reach(
            lat_e7 in -900_000_000..=900_000_000_i32,
            lng_e7 in -1_800_000_000..=1_800_000_000_i32,
            by_e7 in (-900_000..900_000_i32, -900_000..900_000_i32, 0..=8_u32),
            accuracy_m in any::<(Option<u16>, Option<u16>)>(),
            speed in proptest::option::of(1..100_u16),
            after_ms in 1..60_000_i64,
        ) {
            let place = |lat: i32, lng: i32| {
                let lat = lat.clamp(-900_000_000, 900_000_000);
                LatLng::from_e7(lat, lng.clamp(-1_800_000_000, 1_800_000_000)).unwrap()
            };
            let to = place(lat_e7.saturating_add(by_e7.0 >> by_e7.2), lng_e7.saturating_add(by_e7.1 >> by_e7.2));
            let from = Fix::new(place(lat_e7, lng_e7), Timestamp::EPOCH);
            let from = Fix { accuracy_m: accuracy_m.0, ..from };
            let to = Fix { accuracy_m: accuracy_m.1, ..Fix::new(to, Timestamp::from_millis(after_ms)) };
            let config = Config::default();
            let ping = Ping { speed_max_mps: speed, ..Ping::new(1_u32, to) };
            let plainly = plainly_reachable(&config, &Entry::new(1_u32, &from, 0), &ping);
            let within = reachable(&from, &to, speed_max_mps(&config, &ping));
            prop_assert!(!plainly || within);
        }
    }
}
