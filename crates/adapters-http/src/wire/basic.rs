//! Money, places, pages.

use doorstep_core::money;
use doorstep_core::place::{LatLng, PlaceError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in minor units (cents) of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 1299 is 12.99 in a currency with two decimals.
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64, example = 1299)]
    #[serde(deserialize_with = "super::whole::one")]
    pub minor: i64,
    /// ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
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
