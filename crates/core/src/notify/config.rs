//! How messages are routed, how patiently, and how many at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Category, ChannelId, MessageId, Name};
use crate::time::Span;

/// Most channels of one route.
const CHANNELS_MAX: usize = 8;
/// Most retries on one channel.
const RETRIES_MAX: usize = 16;
/// No wait is longer than a day.
const WAIT_MOST: Span = Span::from_hours(24);

/// What an engine goes by. A channel is added here, and nowhere else in this room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where a message goes whose category has no route of its own. Default: `in_app` for whoever is
    /// active, `push` and then `email` for others (platform).
    pub route: Route,
    /// Categories that go elsewhere, such as one that adds `sms`. Default: none.
    pub routes: BTreeMap<Category, Route>,
    /// Channels that disturb nobody and do not wait for quiet hours to end. Default: `in_app`.
    pub silent: BTreeSet<ChannelId>,
    /// The waits between attempts on one channel.
    pub backoff: Backoff,
    /// The longest wait that a provider may ask for. Default 5 min: ours.
    pub retry_after_most: Span,
    /// After how long a channel that says nothing has failed. Default 10 s: ours.
    pub answer_within: Span,
    /// Most sends under way. Default 256: ours.
    pub in_flight_max: u32,
    /// Most messages that are not at their end. Default 100,000: ours, half a minute of the
    /// platform's peak (290 orders a second, ten messages each): so long a channel that fails keeps
    /// each of them.
    pub open_max: u32,
    /// Most dead letters. At the bound the oldest is dropped, and counted. Default 10,000: ours.
    pub dead_max: u32,
    /// How long the end of a message is remembered, to know it again. Default 10 min: ours.
    pub remember_for: Span,
    /// Most messages known at all: open, dead and remembered. At the bound new ones are shed, so
    /// that none is forgotten early. Default 2,000,000: ours, `remember_for` at the platform's peak.
    pub known_max: u32,
    /// Most bytes of a body. Default 4,096: ours, what push services take (APNs, FCM: 4 KiB).
    pub body_max: u32,
}

/// Channels in the order in which they are tried, each when the one before has failed for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// For whoever is using the app.
    pub active: Vec<ChannelId>,
    /// For everybody else.
    pub offline: Vec<ChannelId>,
}

/// The waits between the attempts on one channel, each counted from the failure before it. There is
/// one attempt more than there are waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// Default: 1, 2, 4, 8 and 16 s (platform).
    pub waits: Vec<Span>,
    /// What is added to them. Default: nothing, the waits are exact.
    pub jitter: Option<Jitter>,
}

/// Spreads retries, so that messages that failed together do not come back together. It is drawn
/// from the seed and the name of the attempt: the same run gives the same waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// At most this share of a wait is added to it, in thousandths, 1–1,000.
    pub permille: u16,
    /// Any number.
    pub seed: u64,
}

/// Why a configuration is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A route names a channel twice, or more than eight.
    #[error("a route names at most 8 channels, each once")]
    Route,
    /// More than 16 retries, a wait of more than a day, or one of nothing.
    #[error("there are at most 16 retries, each after 1 ms to a day")]
    Backoff,
    /// A share of more than the whole, or of nothing.
    #[error("jitter is 1 to 1000 thousandths of a wait")]
    Jitter,
    /// A span is zero or longer than a day.
    #[error("retry_after_most and answer_within last from 1 ms to a day")]
    Span,
    /// A bound of nothing; or fewer may be known than open and dead together.
    #[error("bounds are at least 1, and known_max at least open_max + dead_max")]
    Bound,
}

impl Default for Config {
    fn default() -> Self {
        let [in_app, push, email] = ["in_app", "push", "email"].map(Name::ours);
        Self {
            route: Route { active: vec![in_app.clone()], offline: vec![push, email] },
            routes: BTreeMap::new(),
            silent: BTreeSet::from([in_app]),
            backoff: Backoff::default(),
            retry_after_most: Span::from_mins(5),
            answer_within: Span::from_secs(10),
            in_flight_max: 256,
            open_max: 100_000,
            dead_max: 10_000,
            remember_for: Span::from_mins(10),
            known_max: 2_000_000,
            body_max: 4_096,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { waits: [1, 2, 4, 8, 16].map(Span::from_secs).into(), jitter: None }
    }
}

impl Config {
    /// Whether an engine can keep its promises with these values.
    ///
    /// # Errors
    /// [`ConfigError`], the first in the order of its variants.
    pub fn check(&self) -> Result<(), ConfigError> {
        let routes = core::iter::once(&self.route).chain(self.routes.values());
        for chain in routes.flat_map(|route| [&route.active, &route.offline]) {
            let distinct: BTreeSet<_> = chain.iter().collect();
            if chain.len() > CHANNELS_MAX || distinct.len() < chain.len() {
                return Err(ConfigError::Route);
            }
        }
        let sound = |span: Span| span > Span::ZERO && span <= WAIT_MOST;
        let waits = &self.backoff.waits;
        if waits.len() > RETRIES_MAX || !waits.iter().copied().all(sound) {
            return Err(ConfigError::Backoff);
        }
        if self.backoff.jitter.is_some_and(|jitter| !(1..=1_000).contains(&jitter.permille)) {
            return Err(ConfigError::Jitter);
        }
        if !sound(self.retry_after_most) || !sound(self.answer_within) {
            return Err(ConfigError::Span);
        }
        let bounds = [self.in_flight_max, self.open_max, self.dead_max, self.body_max];
        let least = self.open_max.checked_add(self.dead_max);
        if bounds.contains(&0) || least.is_none_or(|least| self.known_max < least) {
            return Err(ConfigError::Bound);
        }
        Ok(())
    }

    pub(super) fn route(&self, category: &Category) -> &Route {
        self.routes.get(category).unwrap_or(&self.route)
    }
}

impl Backoff {
    /// The wait after so many failures on a channel, 1 being the first; `None`: no further attempt.
    pub(super) fn wait(
        &self,
        failures: u32,
        message: &MessageId,
        channel: &ChannelId,
    ) -> Option<Span> {
        let nth = usize::try_from(failures.checked_sub(1)?).ok()?;
        let wait = *self.waits.get(nth)?;
        let Some(Jitter { permille, seed }) = self.jitter else { return Some(wait) };
        let most = wait.as_millis().saturating_mul(u64::from(permille)) / 1_000;
        let drawn = draw(seed, message, channel, failures).checked_rem(most.saturating_add(1));
        Some(wait.saturating_add(Span::from_millis(drawn.unwrap_or(0))))
    }
}

/// FNV-1a over the attempt's name, stirred by the finaliser of `SplitMix64` (Steele et al., 2014).
fn draw(seed: u64, message: &MessageId, channel: &ChannelId, failures: u32) -> u64 {
    let named = message.as_str().bytes().chain([b'/']).chain(channel.as_str().bytes());
    let mut x = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in named.chain(failures.to_le_bytes()) {
        x = (x ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
