//! Times, money, places, pages.

use doorstep_core::money;
use doorstep_core::place::{LatLng, PlaceError};
use doorstep_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A time: RFC 3339, UTC, to the millisecond (`2026-11-22T10:30:00.000Z`). Any offset is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T10:30:00.000Z")]
pub struct Time(pub Timestamp);

impl Time {
    /// `None` for [`Timestamp::NEVER`], and for times that a calendar of four-digit years has not.
    #[must_use]
    pub fn of(at: Timestamp) -> Option<Self> {
        calendar(at).map(|_| Self(at))
    }
}

/// A text that is no time of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as in RFC 3339: 2026-11-22T10:30:00Z")]
pub struct BadTime;

impl std::str::FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let at: jiff::Timestamp = text.parse().map_err(|_| BadTime)?;
        Ok(Self(Timestamp::from_millis(at.as_millisecond())))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = calendar(self.0).ok_or(std::fmt::Error)?;
        write!(f, "{at:.3}")
    }
}

fn calendar(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.as_millis()).ok()
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = calendar(self.0).ok_or_else(|| serde::ser::Error::custom("no calendar has it"))?;
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (cents) of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 1299 is 12.99 in a currency with two decimals.
    #[schema(example = 1299)]
    pub minor: i64,
    /// ISO 4217.
    #[schema(value_type = String, min_length = 3, max_length = 3, example = "EUR")]
    pub currency: money::Currency,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { minor: money.minor(), currency: money.currency() }
    }
}

impl From<Money> for money::Money {
    fn from(money: Money) -> Self {
        Self::new(money.minor, money.currency)
    }
}

/// A place, in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Latitude, −90 to 90.
    #[schema(minimum = -90, maximum = 90, example = 4.8133)]
    pub lat: f64,
    /// Longitude, −180 to 180.
    #[schema(minimum = -180, maximum = 180, example = -75.6961)]
    pub lng: f64,
}

impl From<LatLng> for Place {
    fn from(place: LatLng) -> Self {
        Self { lat: place.lat(), lng: place.lng() }
    }
}

impl TryFrom<Place> for LatLng {
    type Error = PlaceError;

    fn try_from(place: Place) -> Result<Self, PlaceError> {
        Self::new(place.lat, place.lng)
    }
}

/// Some of many, in an order of the server's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// At most `limit`.
    pub data: Vec<T>,
    /// Whether there is more.
    pub has_more: bool,
    /// Where the next page begins: to be sent as `cursor`. Opaque; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
