//! Objects from JSON's objects only, and words from its strings only. What `serde` derives also reads
//! an object from a list of its values, even from `[]` where each has a default, and a word from an
//! object that names it: nobody described that.

use serde::de::value::StringDeserializer;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// An object or a word, of the described form and of no other.
pub(crate) struct Strict<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Described(deserializer)).map(Self)
    }
}

/// One, for `deserialize_with`.
pub(crate) fn one<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Strict::deserialize(deserializer).map(|Strict(one)| one)
}

/// One, or null.
pub(crate) fn maybe<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(|maybe| maybe.map(|Strict(one)| one))
}

/// A list of them.
pub(crate) fn many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let many = Vec::deserialize(deserializer)?;
    Ok(many.into_iter().map(|Strict(one)| one).collect())
}

/// Whatever asks for an object is given one, and whatever asks for a word a string.
struct Described<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Described<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let word = String::deserialize(self.0)?;
        StringDeserializer::new(word).deserialize_enum(name, words, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Strict;
    use crate::wire::FromDriver;

    #[derive(Deserialize)]
    struct Tap {
        #[serde(default, deserialize_with = "super::maybe")]
        by: Option<By>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum By {
        Hand,
    }

    #[test]
    fn an_object_is_no_list_and_a_word_no_object() {
        let by = |text: &str| serde_json::from_str(text).ok().map(|Strict(Tap { by })| by);
        assert_eq!(by("{}"), Some(None));
        assert_eq!(by(r#"{"by":null}"#), Some(None));
        assert_eq!(by(r#"{"by":"hand"}"#), Some(Some(By::Hand)));
        for bad in
            ["[]", r#"["hand"]"#, r#"{"by":{"hand":null}}"#, r#"{"by":0}"#, "null", "\"hand\""]
        {
            assert_eq!(by(bad), None, "{bad}");
        }
        // What `serde` alone makes of two of them.
        assert!(serde_json::from_str::<Tap>("[]").is_ok());
        assert_eq!(serde_json::from_str(r#"{"hand":null}"#).ok(), Some(By::Hand));
    }

    #[test]
    fn a_message_is_no_list_and_neither_is_a_ping_in_it() {
        let sound = |text: &str| serde_json::from_str::<Strict<FromDriver>>(text).is_ok();
        assert!(sound(r#"{"type":"pings","pings":[{"lat":4.8,"lng":-75.7}]}"#));
        assert!(!sound(r#"["pings",[{"lat":4.8,"lng":-75.7}]]"#));
        assert!(!sound(r#"{"type":"pings","pings":[[4.8,-75.7]]}"#));
        assert!(!sound(r#"{"type":0,"pings":[]}"#));
        assert!(!sound(r#"{"type":{"pings":null},"pings":[]}"#));
    }
}
