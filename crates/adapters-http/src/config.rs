//! How the service is cut. Everything has a bound, and a default for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use doorstep_core::limit::Quota;
use doorstep_core::time::Span;
use doorstep_core::webhook::stripe;
use doorstep_runtime::ports::HistorySource;
use doorstep_runtime::threads::{Clock, WallClock};

use crate::auth::Authenticate;

/// How the service is cut.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Says who is asking.
    pub authenticate: Arc<dyn Authenticate>,
    /// What time it is; the host's own clock. Default [`WallClock`].
    pub clock: Arc<dyn Clock>,
    /// Which pages of other origins may call, and open sockets. Default: none.
    pub cors: Cors,
    /// What the payment provider signs its webhooks with; two while they are rotated. Default: none,
    /// and no webhook is believed.
    pub webhook_secrets: Vec<stripe::Secret>,
    /// Where orders are looked up that have left memory. Default: nowhere, and they are not found; a
    /// retry of what was done to one is then told that it was done (204), without the order.
    pub history: Option<Arc<dyn HistorySource>>,
    /// Bounds in space and time.
    pub limits: Limits,
}

/// Which pages of other origins may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins as browsers write them: `https://app.example.com`. `*` is every one.
    pub origins: Vec<String>,
    /// Whether they may send cookies and the like. This service reads none; an application that
    /// mounts it may. Never together with `*`.
    pub credentials: bool,
}

/// Bounds in space and time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest body, in bytes; webhooks too. Default 64 KiB: a restaurant of some 500 items. To be raised
    /// where menus are longer: a body that is being read takes as much memory.
    pub body_bytes_max: usize,
    /// How long a body may take to be sent. Default 10 s.
    pub body_within: Duration,
    /// How long a command may take to be decided before its caller is told to ask again. Default
    /// 10 s.
    pub answer_within: Duration,
    /// How long an order may wait for the provider's hold before its caller is told that it is under
    /// way. Default 15 s.
    pub payment_within: Duration,
    /// Requests of one person. Default 600 a minute.
    pub per_principal: Quota,
    /// Of those, what reaches the writer: orders, cancellations, taps, claims and places in a sale,
    /// repetitions included. What is decided is remembered for a day, refusals too, and there is a
    /// bound on how much. Operations, whose work comes in bulk, are not counted here, nor what the
    /// payment provider tells. Default 1,000 an hour.
    pub per_principal_acts: Quota,
    /// Requests from one address (of IPv6: from one network of 64 bits), before anything is looked at.
    /// Default 6,000 a minute: many people share one.
    pub per_address: Quota,
    /// How many persons and how many addresses are counted; beyond it newcomers pass uncounted.
    /// Default 200,000.
    pub counted_max: usize,
    /// Requests under way at once, from when one was read whole to its answer; beyond it everything
    /// is refused. Default 2,048: at some 50 µs of a processor each, a tenth of a second of work for
    /// one; far more than a log that syncs has in one commit.
    pub in_flight_max: usize,
    /// From how many under way on orders and sockets are not looked at; at most `in_flight_max`. Default
    /// 1,024: half is left to what changes something.
    pub in_flight_look_max: usize,
    /// From how many under way on nobody browses, and no position is taken by HTTP; at most
    /// `in_flight_look_max`. Default 512.
    pub in_flight_browse_max: usize,
    /// How long such a refusal is held back, so that whoever asks again at once does not cost as much
    /// as an answer would. Default 500 ms.
    pub refuse_after: Duration,
    /// How many proxies stand in front, each of which appends to `X-Forwarded-For`. Default 0: the
    /// connection's own address counts, and the header is not read.
    pub proxies: u8,
    /// Open sockets, of the process. Default 12,000.
    pub sockets_max: usize,
    /// Open sockets of one person. Default 8.
    pub sockets_per_principal_max: usize,
    /// How often a tracking socket is told where its driver is. Default 2.5 s.
    pub location_every: Duration,
    /// How long a socket's reader may keep a message waiting before it is let go. Default 10 s.
    pub send_within: Duration,
    /// How long whoever was told why a socket is closed may take to close it, too. Default 2 s.
    pub close_within: Duration,
    /// How often a silent socket is pinged. One that is silent for twice as long is let go. Default
    /// 30 s.
    pub ping_every: Duration,
    /// Messages of a driver's socket. Default 120 a minute.
    pub per_driver_socket: Quota,
    /// Pings and pongs of whoever is at the other end of a socket; more close it with 1008. Default 10 a
    /// second.
    pub per_socket_control: Quota,
}

/// Why a configuration is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Every origin, and with credentials: any page could act for whoever visits it.
    #[error("cors: `*` and credentials exclude each other")]
    WildcardWithCredentials,
    /// An origin is no origin.
    #[error("cors: {origin:?} is no origin; write scheme://host[:port]")]
    BadOrigin {
        /// Which.
        origin: String,
    },
    /// The host keeps nothing to answer from: set
    /// [`HostConfig::reads`](doorstep_runtime::host::HostConfig::reads).
    #[error("the host keeps no reads: set HostConfig::reads")]
    NoReads,
    /// A webhook is verified with at most so many secrets.
    #[error("at most {most} webhook secrets")]
    TooManySecrets {
        /// The bound.
        most: usize,
    },
    /// A bound is zero.
    #[error("limits: {name} must not be zero")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// What gives way first would be let in when what gives way after it is not.
    #[error("limits: {lower} ({found}) must not be above {upper} ({most})")]
    OutOfOrder {
        /// What gives way first.
        lower: &'static str,
        /// Its bound.
        found: usize,
        /// What gives way after it.
        upper: &'static str,
        /// That one's bound.
        most: usize,
    },
}

impl Config {
    /// The defaults, with this to say who is asking.
    #[must_use]
    pub fn new(authenticate: Arc<dyn Authenticate>) -> Self {
        Self {
            authenticate,
            clock: Arc::new(WallClock::new()),
            cors: Cors::default(),
            webhook_secrets: Vec::new(),
            history: None,
            limits: Limits::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.cors.check()?;
        let most = doorstep_core::webhook::SECRETS_MAX;
        if self.webhook_secrets.len() > most {
            return Err(ConfigError::TooManySecrets { most });
        }
        self.limits.check()
    }
}

/// No secret is shown.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("cors", &self.cors)
            .field("webhook_secrets", &self.webhook_secrets.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Cors {
    fn check(&self) -> Result<(), ConfigError> {
        if self.is_wildcard() && self.credentials {
            return Err(ConfigError::WildcardWithCredentials);
        }
        let bad = self.origins.iter().find(|origin| *origin != "*" && !is_origin(origin));
        bad.map_or(Ok(()), |origin| Err(ConfigError::BadOrigin { origin: origin.clone() }))
    }

    pub(crate) fn is_wildcard(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    /// Whether a page of `origin` may call.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.is_wildcard() || self.origins.iter().any(|allowed| allowed == origin)
    }
}

/// `scheme://host[:port]`, as RFC 6454 serialises it, and fit for a header.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !host.is_empty()
        && !host.contains(['/', '?', '#', '@', '*', ' '])
        && HeaderValue::from_str(text).is_ok()
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let zero = [
            ("body_bytes_max", self.body_bytes_max == 0),
            ("body_within", self.body_within.is_zero()),
            ("answer_within", self.answer_within.is_zero()),
            ("counted_max", self.counted_max == 0),
            ("in_flight_max", self.in_flight_max == 0),
            ("in_flight_look_max", self.in_flight_look_max == 0),
            ("in_flight_browse_max", self.in_flight_browse_max == 0),
            ("sockets_max", self.sockets_max == 0),
            ("sockets_per_principal_max", self.sockets_per_principal_max == 0),
            ("location_every", self.location_every.is_zero()),
            ("send_within", self.send_within.is_zero()),
            ("ping_every", self.ping_every.is_zero()),
        ];
        if let Some((name, _)) = zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(ConfigError::Zero { name });
        }
        let browse = ("in_flight_browse_max", self.in_flight_browse_max);
        let look = ("in_flight_look_max", self.in_flight_look_max);
        let all = ("in_flight_max", self.in_flight_max);
        for ((lower, found), (upper, most)) in [(browse, look), (look, all)] {
            if found > most {
                return Err(ConfigError::OutOfOrder { lower, found, upper, most });
            }
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1_024,
            body_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            payment_within: Duration::from_secs(15),
            per_principal: a_minute(600),
            per_principal_acts: quota(1_000, Span::from_hours(1)),
            per_address: a_minute(6_000),
            counted_max: 200_000,
            in_flight_max: 2_048,
            in_flight_look_max: 1_024,
            in_flight_browse_max: 512,
            refuse_after: Duration::from_millis(500),
            proxies: 0,
            sockets_max: 12_000,
            sockets_per_principal_max: 8,
            location_every: Duration::from_millis(2_500),
            send_within: Duration::from_secs(10),
            close_within: Duration::from_secs(2),
            ping_every: Duration::from_secs(30),
            per_driver_socket: a_minute(120),
            per_socket_control: quota(10, Span::from_secs(1)),
        }
    }
}

fn a_minute(count: u32) -> Quota {
    quota(count, Span::from_mins(1))
}

/// `count` in such a time, all of them at once if need be.
#[expect(clippy::expect_used, reason = "a constant quota is sound, and a test says so")]
fn quota(count: u32, per: Span) -> Quota {
    Quota::new(count, per).expect("1 or more a second or a minute is a quota")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Result<(), ConfigError> {
        Cors { origins: origins.iter().map(|origin| (*origin).into()).collect(), credentials }
            .check()
    }

    #[test]
    fn a_wildcard_with_credentials_is_refused_at_start_up() {
        assert_eq!(cors(&["*"], true), Err(ConfigError::WildcardWithCredentials));
        let among_others = cors(&["https://a.example", "*"], true);
        assert_eq!(among_others, Err(ConfigError::WildcardWithCredentials));
        assert_eq!(cors(&["*"], false), Ok(()));
        assert_eq!(cors(&["https://a.example"], true), Ok(()));
    }

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for origin in
            ["a.example", "https://", "https://a.example/", "null", "ftp://a", "https://*.a"]
        {
            let refused = cors(&["https://ok.example:8443", origin], false);
            assert_eq!(refused, Err(ConfigError::BadOrigin { origin: origin.into() }));
        }
    }

    #[test]
    fn the_defaults_are_sound_and_no_bound_may_be_zero() {
        assert_eq!(Limits::default().check(), Ok(()));
        let limits = Limits { sockets_max: 0, ..Limits::default() };
        assert_eq!(limits.check(), Err(ConfigError::Zero { name: "sockets_max" }));
    }

    #[test]
    fn what_gives_way_first_is_not_bounded_above_what_gives_way_after_it() {
        let check = |browse, look, all| {
            let limits = Limits {
                in_flight_browse_max: browse,
                in_flight_look_max: look,
                in_flight_max: all,
                ..Limits::default()
            };
            limits.check().map_err(|error| error.to_string())
        };
        assert_eq!(check(1, 1, 1), Ok(()));
        assert_eq!(check(1, 2, 3), Ok(()));
        let browse = "limits: in_flight_browse_max (3) must not be above in_flight_look_max (2)";
        assert_eq!(check(3, 2, 3), Err(browse.to_owned()));
        let look = "limits: in_flight_look_max (4) must not be above in_flight_max (3)";
        assert_eq!(check(1, 4, 3), Err(look.to_owned()));
    }
}
