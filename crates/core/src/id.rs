//! Identifiers: 63-bit numbers with a prefixed text form.
//!
//! Every id fits an `i64`, so that any database stores it in its widest integer. Where people or
//! other languages read it, it is text with a prefix that says what it names
//! (`ord_0000h4sg2m0g1`): an order id in the place of a driver id is refused at the door. The
//! digits are Crockford's base 32 (no `i`, `l`, `o`, `u`), thirteen of them, so that the text sorts
//! as the number does.
//!
//! Orders and deliveries are named by the shard that owns them ([`IdGenerator`]); drivers,
//! customers and restaurants by whoever keeps their accounts.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_DIGITS: usize = 13;

/// Why a number or a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Ids are 63-bit: the number is negative as an `i64`.
    #[error("an id lies between 0 and 2^63 - 1")]
    OutOfRange,
    /// The text does not begin with the prefix of this kind of id.
    #[error("expected an id that begins with `{expected}_`")]
    WrongPrefix {
        /// The prefix of the kind asked for, without its underscore.
        expected: &'static str,
    },
    /// After the prefix come exactly thirteen lower-case base-32 digits.
    #[error("an id ends in thirteen base-32 digits (0-9, a-z without i, l, o, u)")]
    BadDigits,
}

fn write_text(prefix: &str, raw: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'0'; TEXT_DIGITS];
    let mut rest = raw;
    for digit in text.iter_mut().rev() {
        *digit =
            usize::try_from(rest & 31).ok().and_then(|d| DIGITS.get(d)).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    write!(f, "{prefix}_{}", core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse_text(prefix: &'static str, text: &str) -> Result<u64, IdError> {
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or(IdError::WrongPrefix { expected: prefix })?;
    if digits.len() != TEXT_DIGITS {
        return Err(IdError::BadDigits);
    }
    let mut raw: u128 = 0;
    for byte in digits.bytes() {
        let value = DIGITS.iter().position(|&d| d == byte).ok_or(IdError::BadDigits)?;
        raw = (raw << 5) | value as u128;
    }
    u64::try_from(raw).ok().filter(|raw| i64::try_from(*raw).is_ok()).ok_or(IdError::OutOfRange)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// What the text form begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this number; `None` above 2^63 - 1.
            #[must_use]
            pub const fn new(raw: u64) -> Option<Self> {
                if raw > i64::MAX as u64 { None } else { Some(Self(raw)) }
            }

            /// The id with the low 63 bits of a number, such as an [`IdGenerator`] gives out.
            #[must_use]
            pub const fn truncating(raw: u64) -> Self {
                Self(raw & i64::MAX.cast_unsigned())
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl From<u32> for $name {
            fn from(raw: u32) -> Self {
                Self(u64::from(raw))
            }
        }

        impl TryFrom<i64> for $name {
            type Error = IdError;

            fn try_from(raw: i64) -> Result<Self, IdError> {
                u64::try_from(raw).map(Self).map_err(|_| IdError::OutOfRange)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0.cast_signed()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_text($prefix, self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_text($prefix, text).map(Self)
            }
        }

        /// Text in human-readable formats, an `i64` in the others.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_i64((*self).into())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(TextVisitor($prefix)).map(Self)
                } else {
                    i64::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
                }
            }
        }
    )*};
}

struct TextVisitor(&'static str);

impl serde::de::Visitor<'_> for TextVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id that begins with `{}_`", self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        parse_text(self.0, text).map_err(E::custom)
    }
}

// Seven kinds of id differ only in name and prefix: the one place where a macro is the shorter text.
ids! {
    /// An order, from the checkout on.
    OrderId, "ord";
    /// What one driver carries: one or more orders of one restaurant.
    DeliveryId, "dlv";
    /// A driver.
    DriverId, "drv";
    /// A customer.
    CustomerId, "cus";
    /// A restaurant or dark store.
    RestaurantId, "rst";
    /// An item of a restaurant's menu.
    ItemId, "itm";
    /// A flash sale.
    SaleId, "sal";
}

/// A shard: a city, a zone of a large one, or one big sale. Ten bits, so that an id can carry it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct ShardId(u16);

impl ShardId {
    /// The shard with this number; `None` from 1,024 on.
    #[must_use]
    pub const fn new(raw: u16) -> Option<Self> {
        if raw < 1 << 10 { Some(Self(raw)) } else { None }
    }

    /// The number, 0–1,023.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for ShardId {
    type Error = IdError;

    fn try_from(raw: u16) -> Result<Self, IdError> {
        Self::new(raw).ok_or(IdError::OutOfRange)
    }
}

impl From<ShardId> for u16 {
    fn from(id: ShardId) -> u16 {
        id.0
    }
}

/// Names a command once and for all: a retry carries the same id and gets the first outcome.
///
/// 128 bits, so that a caller may use a UUID, or a digest of caller + route + `Idempotency-Key`.
/// Text form: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(u128);

impl CommandId {
    /// The id with this number.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.len() != 32 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(serde::de::Error::custom("a command id is 32 hexadecimal digits"));
        }
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// 2020-01-01T00:00:00Z: ids of 41 bits of milliseconds last until 2089.
const EPOCH_MS: i64 = 1_577_836_800_000;

/// Hands out ids that are unique across shards and rise within one: 41 bits of milliseconds since
/// 2020, 10 bits of shard, 12 bits of sequence (the layout is Twitter's Snowflake).
///
/// It is part of the state that uses it and reads no clock. When a millisecond's 4,096 numbers are
/// used up, or time stands still or goes back, it borrows from the next millisecond rather than
/// repeat itself.
///
/// ```
/// use doorstep_core::{id::{IdGenerator, ShardId}, time::Timestamp};
///
/// let ids = IdGenerator::new(ShardId::new(7).unwrap());
/// let (first, ids) = ids.next(Timestamp::from_millis(1_700_000_000_000));
/// let (second, _) = ids.next(Timestamp::from_millis(1_700_000_000_000));
/// assert!(second > first);
/// assert_eq!(IdGenerator::shard_of(first).get(), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdGenerator {
    shard: ShardId,
    /// Milliseconds since 2020 and sequence of the next id that may be given out.
    next: u64,
}

impl IdGenerator {
    const SEQ_BITS: u32 = 12;
    const SHARD_BITS: u32 = 10;
    const TICK_MASK: u64 = (1 << (41 + Self::SEQ_BITS)) - 1;

    /// A generator that has given out nothing.
    #[must_use]
    pub const fn new(shard: ShardId) -> Self {
        Self { shard, next: 0 }
    }

    /// The next number, and the generator that will not give it out again.
    #[must_use]
    pub fn next(self, now: Timestamp) -> (u64, Self) {
        let ms = now.as_millis().saturating_sub(EPOCH_MS).max(0).cast_unsigned();
        let tick = (ms << Self::SEQ_BITS).max(self.next) & Self::TICK_MASK;
        (self.number(tick), Self { next: tick.saturating_add(1), ..self })
    }

    /// The generator after `number` was seen in the log: it will not give it out again.
    #[must_use]
    pub fn seen(self, number: u64) -> Self {
        let ms = number >> (Self::SHARD_BITS + Self::SEQ_BITS);
        let tick = (ms << Self::SEQ_BITS) | (number & ((1 << Self::SEQ_BITS) - 1));
        Self { next: self.next.max(tick.saturating_add(1)), ..self }
    }

    /// The shard that a number was given out by.
    #[must_use]
    pub fn shard_of(number: u64) -> ShardId {
        let bits = (number >> Self::SEQ_BITS) & ((1 << Self::SHARD_BITS) - 1);
        ShardId(u16::try_from(bits).unwrap_or_default())
    }

    fn number(self, tick: u64) -> u64 {
        let (ms, seq) = (tick >> Self::SEQ_BITS, tick & ((1 << Self::SEQ_BITS) - 1));
        (ms << (Self::SHARD_BITS + Self::SEQ_BITS))
            | (u64::from(self.shard.0) << Self::SEQ_BITS)
            | seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_names_the_kind_and_sorts_as_the_number() {
        let order = OrderId::from(33);
        assert_eq!(order.to_string(), "ord_0000000000011");
        assert!(OrderId::from(31).to_string() < OrderId::from(32).to_string());
        assert_eq!("ord_0000000000011".parse(), Ok(order));
    }

    #[test]
    fn bad_text_is_refused_with_its_reason() {
        let parse = |text: &str| text.parse::<OrderId>();
        assert_eq!(parse("drv_0000000000011"), Err(IdError::WrongPrefix { expected: "ord" }));
        assert_eq!(parse("ord_11"), Err(IdError::BadDigits));
        assert_eq!(parse("ord_000000000001I"), Err(IdError::BadDigits));
        assert_eq!(parse("ord_zzzzzzzzzzzzz"), Err(IdError::OutOfRange));
        assert_eq!(OrderId::try_from(-1_i64), Err(IdError::OutOfRange));
        assert_eq!(OrderId::new(1 << 63), None);
    }

    #[test]
    fn a_generator_never_repeats_itself_when_time_stands_still_or_goes_back() {
        let at = |ms: i64| Timestamp::from_millis(EPOCH_MS + ms);
        let mut ids = IdGenerator::new(ShardId::new(3).unwrap());
        let mut last = 0;
        for ms in [5, 5, 4, 5].into_iter().chain(std::iter::repeat_n(5, 10_000)).chain([6, 1]) {
            let (number, next) = ids.next(at(ms));
            assert!(number > last);
            assert_eq!(IdGenerator::shard_of(number).get(), 3);
            assert_eq!(IdGenerator::new(ids.shard).seen(number), next);
            (last, ids) = (number, next);
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_text_and_integer(raw in 0..=i64::MAX) {
            let id = DriverId::try_from(raw).unwrap();
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(i64::from(id), raw);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<DriverId>(&json).unwrap(), id);
        }

        #[test]
        fn a_command_id_survives_json(raw: u128) {
            let json = serde_json::to_string(&CommandId::new(raw)).unwrap();
            prop_assert_eq!(serde_json::from_str::<CommandId>(&json).unwrap(), CommandId::new(raw));
        }
    }
}
