//! Stripe's events, read strictly as far as they are needed and not at all beyond
//! (<https://docs.stripe.com/api/events/types>).

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::message::{Message, Unreadable, Unused};
use super::refusal::Verified;
use crate::money::{Currency, Money};
use crate::provider::{Event, EventId, Fact, Meaning, Reference};
use crate::time::Timestamp;

const KIND_CHARS_MAX: usize = 255;

/// What a verified message of Stripe says. Only what it means is read: a redelivery may differ in
/// everything else.
///
/// | event | what it means |
/// |---|---|
/// | `payment_intent.amount_capturable_updated` | [`Fact::Held`], unless nothing can be captured |
/// | `payment_intent.payment_failed` | [`Fact::Declined`] |
/// | `payment_intent.succeeded` | [`Fact::Captured`] |
/// | `payment_intent.canceled` | [`Fact::Lapsed`] if the reason is `automatic` or `expired`, else [`Fact::Voided`] |
/// | `charge.expired` | [`Fact::Lapsed`] |
/// | `charge.refunded` | [`Fact::RefundedInAll`] |
/// | `refund.created`, `refund.updated`, `charge.refund.updated` | by its status [`Fact::Refunded`] or [`Fact::RefundFailed`]; before that, nothing yet |
/// | `refund.failed` | [`Fact::RefundFailed`] |
///
/// Every other kind is [`Unused::UnknownKind`]. An event of one of these without our metadata is
/// [`Unused::NotOurs`].
///
/// # Errors
/// [`Unreadable`]: Stripe has signed it, and it is no event of the form that Stripe documents.
pub fn read(message: &Verified<'_>) -> Result<Message, Unreadable> {
    let envelope: Envelope<IgnoredAny> = parse(message.body())?;
    let id = EventId::new(&envelope.id).map_err(|_| Unreadable::BadId)?;
    let kind = envelope.kind;
    if kind.is_empty() || kind.len() > KIND_CHARS_MAX {
        return Err(Unreadable::BadKind);
    }
    let (metadata, fact) = match kind.as_str() {
        "payment_intent.amount_capturable_updated" => {
            let intent: Capturable = object(message)?;
            let until = intent.latest_charge.and_then(Expandable::capture_before);
            let amount = money(intent.amount_capturable, &intent.currency)?;
            let held = Fact::Held { amount, until: until.map(Timestamp::from_secs) };
            (intent.metadata, (!amount.is_zero()).then_some(held))
        }
        "payment_intent.payment_failed" => {
            let intent: Bare = object(message)?;
            (intent.metadata, Some(Fact::Declined))
        }
        "payment_intent.succeeded" => {
            let intent: Received = object(message)?;
            let amount = money(intent.amount_received, &intent.currency)?;
            (intent.metadata, Some(Fact::Captured { amount }))
        }
        "payment_intent.canceled" => {
            let intent: Canceled = object(message)?;
            let lapsed =
                matches!(intent.cancellation_reason.as_deref(), Some("automatic" | "expired"));
            (intent.metadata, Some(if lapsed { Fact::Lapsed } else { Fact::Voided }))
        }
        "charge.expired" => {
            let charge: Bare = object(message)?;
            (charge.metadata, Some(Fact::Lapsed))
        }
        "charge.refunded" => {
            let charge: GivenBack = object(message)?;
            let amount = money(charge.amount_refunded, &charge.currency)?;
            (charge.metadata, Some(Fact::RefundedInAll { amount }))
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let refund: Refund = object(message)?;
            let amount = money(refund.amount, &refund.currency)?;
            let name = EventId::new(&refund.id).map_err(|_| Unreadable::BadId)?;
            let status = refund.status.as_deref();
            let fact = match status {
                _ if kind == "refund.failed" => Some(Fact::RefundFailed { refund: name, amount }),
                Some("succeeded") => Some(Fact::Refunded { refund: name, amount }),
                Some("failed" | "canceled") => Some(Fact::RefundFailed { refund: name, amount }),
                _ => None,
            };
            (refund.metadata, fact)
        }
        _ => return Ok(Message::Unused { id, kind: kind.into(), why: Unused::UnknownKind }),
    };
    let Some(reference) = metadata.and_then(|metadata| metadata.doorstep_effect) else {
        return Ok(Message::Unused { id, kind: kind.into(), why: Unused::NotOurs });
    };
    let about: Reference = reference.parse().map_err(|_| Unreadable::BadReference)?;
    Ok(match fact {
        Some(fact) => Message::Payment(Event { id, says: Meaning { about, fact } }),
        None => Message::Unused { id, kind: kind.into(), why: Unused::NothingNew },
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Unreadable::NotAnEvent,
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => Unreadable::NotJson,
    })
}

fn object<T: DeserializeOwned>(message: &Verified<'_>) -> Result<T, Unreadable> {
    parse::<Envelope<T>>(message.body()).map(|envelope| envelope.data.object)
}

/// An amount of Stripe: whole minor units, and the currency in lower case.
fn money(minor: i64, currency: &str) -> Result<Money, Unreadable> {
    let lower = currency.bytes().all(|byte| byte.is_ascii_lowercase());
    let currency = Currency::new(&currency.to_ascii_uppercase()).filter(|_| lower);
    let currency = currency.ok_or(Unreadable::BadCurrency)?;
    if minor < 0 { Err(Unreadable::BadAmount) } else { Ok(Money::new(minor, currency)) }
}

#[derive(Deserialize)]
struct Envelope<T> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    object: T,
}

/// [`crate::provider::METADATA_KEY`] among whatever else is there.
#[derive(Deserialize)]
struct Metadata {
    doorstep_effect: Option<String>,
}

/// An intent or a charge of which nothing more is needed.
#[derive(Deserialize)]
struct Bare {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Capturable {
    amount_capturable: i64,
    currency: String,
    latest_charge: Option<Expandable>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Received {
    amount_received: i64,
    currency: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Canceled {
    cancellation_reason: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct GivenBack {
    amount_refunded: i64,
    currency: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    metadata: Option<Metadata>,
}

/// A charge, which Stripe writes as its id or whole.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expandable {
    Whole { payment_method_details: Option<Method> },
    Id(IgnoredAny),
}

#[derive(Deserialize)]
struct Method {
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    capture_before: Option<i64>,
}

impl Expandable {
    fn capture_before(self) -> Option<i64> {
        match self {
            Self::Whole { payment_method_details } => payment_method_details?.card?.capture_before,
            Self::Id(IgnoredAny) => None,
        }
    }
}
