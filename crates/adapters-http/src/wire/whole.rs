//! Whole numbers as JSON has them: `1.0` is `1` (JSON Schema 2020-12, section 4.2.3). Some clients know
//! floating point only.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A whole number, for `deserialize_with`.
pub(crate) fn one<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64> + TryFrom<u64>,
{
    deserializer.deserialize_any(Whole(PhantomData))
}

/// A whole number, or null.
pub(crate) fn maybe<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64> + TryFrom<u64>,
{
    deserializer.deserialize_option(Maybe(PhantomData))
}

struct Whole<N>(PhantomData<N>);

impl<N: TryFrom<i64> + TryFrom<u64>> Visitor<'_> for Whole<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number ({})", std::any::type_name::<N>())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        let unexpected = Unexpected::Signed(number);
        N::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        let unexpected = Unexpected::Unsigned(number);
        N::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<N, E> {
        // Without a fraction its text is that of a whole number, whatever its size.
        let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse::<i64>().ok());
        let whole = whole.flatten().and_then(|whole| N::try_from(whole).ok());
        whole.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

struct Maybe<N>(PhantomData<N>);

impl<'de, N: TryFrom<i64> + TryFrom<u64>> Visitor<'de> for Maybe<N> {
    type Value = Option<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        one(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Ping {
        #[serde(deserialize_with = "super::one")]
        speed: u16,
        #[serde(default, deserialize_with = "super::maybe")]
        height: Option<i64>,
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let read = |text: &str| serde_json::from_str::<Ping>(text).ok();
        let ping = |speed, height| Some(Ping { speed, height });
        assert_eq!(read(r#"{"speed":7}"#), ping(7, None));
        assert_eq!(read(r#"{"speed":7.0,"height":null}"#), ping(7, None));
        assert_eq!(read(r#"{"speed":7e1,"height":-3.0}"#), ping(70, Some(-3)));
        assert_eq!(read(r#"{"speed":0,"height":9e18}"#), ping(0, Some(9_000_000_000_000_000_000)));
        // The nearest double to a text is what is read, not one beside it.
        let height = -2_002_128_164_456_765;
        assert_eq!(read(r#"{"speed":0,"height":-2002128164456765.0}"#), ping(0, Some(height)));
        for none in ["7.5", "-1", "-1.0", "65536", "65536.0", "1e300", "null", "\"7\"", "true"] {
            assert_eq!(read(&format!(r#"{{"speed":{none}}}"#)), None, "{none}");
        }
        assert_eq!(read(r#"{"speed":0,"height":0.5}"#), None);
    }
}
