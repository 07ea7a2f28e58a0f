//! What a payment provider tells of its own accord, in our words.
//!
//! A provider tells the same thing several times, in any order, and in a form of its own. Once a
//! message is verified and read (feature `webhook`), it is an [`Event`]: whose payment
//! ([`Reference`]), and what became of it ([`Fact`]). Two messages under one id are the same event
//! if they *mean* the same ([`Meaning`]): what is only about the delivery does not count.
//!
//! Which payment is meant comes from us: with every call the provider is given the key of the
//! effect ([`EffectKey`]) as metadata named [`METADATA_KEY`], and sends it back with each event.

use core::borrow::Borrow;
use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::money::Money;
use crate::payment::{EffectKey, Step};
use crate::time::Timestamp;

/// The name of the metadata under which a provider is given the [`Reference`] of a payment.
pub const METADATA_KEY: &str = "doorstep_effect";

/// Names an event of a provider: 1 to 255 characters of printable ASCII without spaces, the same
/// each time it is delivered. Where several providers are heard, prefix it with whose it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(Arc<str>);

/// A text that is no [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event's id is 1 to {} characters of printable ASCII without spaces",
    EventId::MAX_CHARS
)]
pub struct BadEventId;

impl EventId {
    /// The most characters that an id may have.
    pub const MAX_CHARS: usize = 255;

    /// The id that reads `text`.
    ///
    /// # Errors
    /// [`BadEventId`]
    pub fn new(text: &str) -> Result<Self, BadEventId> {
        let sound = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(text.into())) } else { Err(BadEventId) }
    }

    /// As the provider writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EventId {
    type Error = BadEventId;

    fn try_from(text: String) -> Result<Self, BadEventId> {
        Self::new(&text)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        (*id.0).to_owned()
    }
}

impl Borrow<str> for EventId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose money an event is about, as we told the provider. Text form: that of the effect's key
/// (`ord_…/hold/1`), or of the order alone (`ord_…`).
///
/// ```
/// use doorstep_core::provider::Reference;
///
/// let about: Reference = "ord_0000000000011/refund/2".parse()?;
/// assert_eq!(about.effect.unwrap().attempt, 2);
/// assert_eq!(about.to_string(), "ord_0000000000011/refund/2");
/// assert!("ord_0000000000011/refund".parse::<Reference>().is_err());
/// # Ok::<(), doorstep_core::provider::BadReference>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// Whose money.
    pub order: OrderId,
    /// By which call, where the provider was told: of a hold and what became of it the hold.
    pub effect: Option<EffectKey>,
}

/// A text that is no [`Reference`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference is an order's id, or that with a step and an attempt: ord_…/hold/1")]
pub struct BadReference;

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let mut parts = text.split('/');
        let order = parts.next().unwrap_or_default().parse().map_err(|_| BadReference)?;
        let Some(step) = parts.next() else { return Ok(Self { order, effect: None }) };
        let steps = [Step::Hold, Step::Capture, Step::Void, Step::Refund];
        let step = steps.into_iter().find(|known| known.name() == step).ok_or(BadReference)?;
        let attempt = parts.next().and_then(|attempt| attempt.parse().ok()).ok_or(BadReference)?;
        let about = Self { order, effect: Some(EffectKey { order, step, attempt }) };
        // One text a reference: no sign, no leading zero, nothing behind it.
        if about.to_string() == text { Ok(about) } else { Err(BadReference) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.effect {
            Some(effect) => fmt::Display::fmt(effect, f),
            None => fmt::Display::fmt(&self.order, f),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = BadReference;

    fn try_from(text: String) -> Result<Self, BadReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(about: Reference) -> Self {
        about.to_string()
    }
}

/// What became of a payment, according to its provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fact {
    /// So much is held and can be captured.
    Held {
        /// How much.
        amount: Money,
        /// When the hold lapses, where the provider says so.
        until: Option<Timestamp>,
    },
    /// The hold was refused.
    Declined,
    /// So much was taken.
    Captured {
        /// How much.
        amount: Money,
    },
    /// The hold was ended on somebody's order.
    Voided,
    /// The hold lapsed: it was not captured in time.
    Lapsed,
    /// One refund went through.
    Refunded {
        /// The provider's name for it.
        refund: EventId,
        /// How much it gave back.
        amount: Money,
    },
    /// One refund did not go through, or came back.
    RefundFailed {
        /// The provider's name for it.
        refund: EventId,
        /// How much it was to give back.
        amount: Money,
    },
    /// So much was given back so far, by all refunds together.
    RefundedInAll {
        /// How much.
        amount: Money,
    },
}

/// What an event means: two that are delivered under one id must agree in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Whose money.
    pub about: Reference,
    /// What became of it.
    pub fact: Fact,
}

/// A part of a [`Meaning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Whose money.
    Order,
    /// Which call.
    Effect,
    /// What kind of fact.
    Kind,
    /// How much.
    Amount,
    /// When the hold lapses.
    Until,
    /// Which refund.
    Refund,
}

impl Meaning {
    /// In which parts two meanings differ: empty exactly if they are equal.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Field> {
        let (mine, yours) = (self.fact.parts(), other.fact.parts());
        [
            (Field::Order, self.about.order != other.about.order),
            (Field::Effect, self.about.effect != other.about.effect),
            (Field::Kind, mine.0 != yours.0),
            (Field::Amount, mine.1 != yours.1),
            (Field::Until, mine.2 != yours.2),
            (Field::Refund, mine.3 != yours.3),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

type Parts<'a> = (u8, Option<Money>, Option<Timestamp>, Option<&'a EventId>);

impl Fact {
    fn parts(&self) -> Parts<'_> {
        match self {
            Self::Held { amount, until } => (0, Some(*amount), *until, None),
            Self::Declined => (1, None, None, None),
            Self::Captured { amount } => (2, Some(*amount), None, None),
            Self::Voided => (3, None, None, None),
            Self::Lapsed => (4, None, None, None),
            Self::Refunded { refund, amount } => (5, Some(*amount), None, Some(refund)),
            Self::RefundFailed { refund, amount } => (6, Some(*amount), None, Some(refund)),
            Self::RefundedInAll { amount } => (7, Some(*amount), None, None),
        }
    }
}

/// Something that a provider told of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Which event: the key under which it takes effect once.
    pub id: EventId,
    /// What it means.
    pub says: Meaning,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::new("EUR").unwrap())
    }

    fn meaning(about: &str, fact: Fact) -> Meaning {
        Meaning { about: about.parse().unwrap(), fact }
    }

    #[test]
    fn a_reference_is_the_text_of_an_effects_key_or_of_an_order() {
        let order = OrderId::from(33);
        let key = EffectKey { order, step: Step::Capture, attempt: 12 };
        for (text, effect) in [(order.to_string(), None), (key.to_string(), Some(key))] {
            let about = Reference { order, effect };
            assert_eq!(text.parse(), Ok(about));
            assert_eq!(about.to_string(), text);
            let json = serde_json::to_string(&about).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), about);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let order = OrderId::from(33);
        for tail in ["/", "/hold", "/hold/", "/hold/x", "/hold/+1", "/hold/01", "/HOLD/1"] {
            let text = format!("{order}{tail}");
            assert_eq!(text.parse::<Reference>(), Err(BadReference), "{text}");
        }
        for text in ["", "drv_0000000000011", "ord_11", &format!("{order}/hold/1/2")] {
            assert_eq!(text.parse::<Reference>(), Err(BadReference), "{text}");
        }
        assert!(serde_json::from_str::<Reference>("\"ord_11\"").is_err());
    }

    #[test]
    fn an_event_id_is_short_printable_and_has_no_spaces() {
        for good in ["evt_1", "!", &"e".repeat(255)] {
            assert_eq!(EventId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\n", "é", "\u{7f}", &"e".repeat(256)] {
            assert_eq!(EventId::new(bad), Err(BadEventId), "{bad}");
            assert!(serde_json::from_str::<EventId>(&format!("{bad:?}")).is_err());
        }
    }

    #[test]
    fn the_differences_of_two_meanings_are_named_and_none_are_none() {
        let refund = |id: &str| EventId::new(id).unwrap();
        let facts = [
            Fact::Held { amount: eur(1), until: None },
            Fact::Held { amount: eur(2), until: None },
            Fact::Held { amount: eur(1), until: Some(Timestamp::EPOCH) },
            Fact::Declined,
            Fact::Captured { amount: eur(1) },
            Fact::Captured { amount: eur(2) },
            Fact::Voided,
            Fact::Lapsed,
            Fact::Refunded { refund: refund("re_1"), amount: eur(1) },
            Fact::Refunded { refund: refund("re_2"), amount: eur(1) },
            Fact::Refunded { refund: refund("re_1"), amount: eur(2) },
            Fact::RefundFailed { refund: refund("re_1"), amount: eur(1) },
            Fact::RefundFailed { refund: refund("re_2"), amount: eur(1) },
            Fact::RefundFailed { refund: refund("re_1"), amount: eur(2) },
            Fact::RefundedInAll { amount: eur(1) },
            Fact::RefundedInAll { amount: eur(2) },
        ];
        let abouts = ["ord_0000000000011", "ord_0000000000011/hold/1", "ord_0000000000012"];
        let all: Vec<Meaning> = abouts
            .iter()
            .flat_map(|about| facts.iter().map(|fact| meaning(about, fact.clone())))
            .collect();
        for one in &all {
            for other in &all {
                assert_eq!(one.differences(other).is_empty(), one == other, "{one:?} {other:?}");
            }
        }
        let [one, two] = [1, 2].map(|n| meaning(abouts[0], Fact::Captured { amount: eur(n) }));
        assert_eq!(one.differences(&two), [Field::Amount]);
        let held = meaning(abouts[2], Fact::Held { amount: eur(1), until: None });
        assert_eq!(one.differences(&held), [Field::Order, Field::Kind]);
    }
}
