//! Where a page ended, for people to bring back.

use core::fmt;
use core::str::FromStr;

use doorstep_core::id::RestaurantId;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a page ended: go on after it, with the same centre, radius and filter.
///
/// It names the last place by what the order is by, so places that come and go between two pages
/// neither shift nor repeat the others. One that moves may be shown twice, or not.
///
/// Its text, which is also its stored and sent form, is not for anybody to build or take apart. It
/// begins with its version, and is read by every later release.
///
/// ```
/// use doorstep_core::{id::RestaurantId, place::LatLng};
/// use doorstep_geo_index::places::{Cursor, CursorError, Place, Places};
///
/// let mut places: Places = Places::new(10);
/// let plaza = LatLng::new(4.8133, -75.6961)?;
/// for id in 1..=3 {
///     let id = RestaurantId::from(id);
///     places.insert(Place { id, position: plaza, delivery_radius_m: 900, about: () })?;
/// }
/// let text = places.near(plaza, 900, None, 2, |_| true).next.map(|next| next.to_string());
/// // … the client comes back with it …
/// let next: Option<Cursor> = text.map(|text| text.parse()).transpose()?;
/// let page = places.near(plaza, 900, next.as_ref(), 2, |_| true);
/// assert_eq!((page.places[0].place.id, page.next), (RestaurantId::from(3), None));
/// assert_eq!("soup".parse::<Cursor>(), Err(CursorError));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor<K = RestaurantId> {
    pub(super) distance_m: u32,
    pub(super) id: K,
}

/// A text that is no cursor: not one of ours, cut off, or of other places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of a page of places")]
pub struct CursorError;

const VERSION: &str = "p1";

impl<K: fmt::Display> fmt::Display for Cursor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{:x}-{}", self.distance_m, self.id)
    }
}

impl<K: FromStr> FromStr for Cursor<K> {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.splitn(3, '-');
        let (version, distance_m, id) = (parts.next(), parts.next(), parts.next());
        let distance_m = distance_m
            .filter(|hex| version == Some(VERSION) && !hex.starts_with('+'))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let id = id.and_then(|id| id.parse().ok());
        distance_m.zip(id).map(|(distance_m, id)| Self { distance_m, id }).ok_or(CursorError)
    }
}

impl<K: fmt::Display> Serialize for Cursor<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: FromStr> Deserialize<'de> for Cursor<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
