//! What a driver's phone reports, and what the index makes of it.

use doorstep_core::id::DriverId;
use doorstep_core::place::LatLng;
use doorstep_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::Config;

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
    /// [`Config::confirm_after`] consecutive fixes agree on the new one.
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
        }
    }
}

/// Where a driver may have jumped to: the latest of `fixes` implausible fixes that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    latest: Fix,
    fixes: u8,
}

/// What to do with the fix of a known driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Drop it.
    Drop(Verdict),
    /// Hold it, and forget any suspicion.
    Believe(Verdict),
    /// Go on believing the fix held, and remember this.
    Suspect(Suspect),
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
    let speed_max_mps =
        ping.speed_max_mps.map_or(config.speed_max_mps, |limit| limit.min(config.speed_max_mps));
    if !reachable(held, fix, speed_max_mps) {
        let fixes = match suspect {
            // No newer than what is suspected: no news, and above all no confirmation.
            Some(suspect) if fix.taken_at <= suspect.latest.taken_at => {
                return Judgement::Drop(Verdict::Implausible);
            }
            Some(suspect) if reachable(&suspect.latest, fix, speed_max_mps) => suspect.fixes,
            Some(_) | None => 0,
        };
        let fixes = fixes.saturating_add(1);
        if fixes < config.confirm_after {
            return Judgement::Suspect(Suspect { latest: *fix, fixes });
        }
    }
    let same = fix.position == held.position;
    Judgement::Believe(if same { Verdict::Refreshed } else { Verdict::Moved })
}

/// What a receiver may be off by when it does not say.
const ACCURACY_UNTOLD_M: u16 = 50;
/// A phone that claims to know nothing is not free to be anywhere.
const ACCURACY_BELIEVED_MAX_M: u16 = 200;

/// Whether a vehicle that goes at most `speed_max_mps` can have been at both places, each of them
/// uncertain by twice its accuracy (95 % of cases instead of 68 %).
fn reachable(from: &Fix, to: &Fix, speed_max_mps: u16) -> bool {
    let slack_m = |fix: &Fix| {
        let accuracy_m = fix.accuracy_m.unwrap_or(ACCURACY_UNTOLD_M).min(ACCURACY_BELIEVED_MAX_M);
        u64::from(accuracy_m).saturating_mul(2)
    };
    let distance_m = u64::from(from.position.distance_m(to.position));
    let travelled_m = distance_m.saturating_sub(slack_m(from).saturating_add(slack_m(to)));
    let taken_ms = to.taken_at.saturating_since(from.taken_at).as_millis();
    travelled_m.saturating_mul(1_000) <= taken_ms.saturating_mul(u64::from(speed_max_mps))
}
