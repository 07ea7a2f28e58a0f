//! Why a message is not believed, and what came with the one that is.

use crate::time::Timestamp;

/// How far the time of a signature may be from now, in seconds, both ways: Stripe's default, and
/// that of the Standard Webhooks libraries. A signature exactly this far off is taken.
pub const TOLERANCE_S: u64 = 300;
/// Most signatures of one message that are looked at; a sender has as many as it has live secrets.
pub const SIGNATURES_MAX: usize = 16;
/// Most secrets that a message is tried against; a rotation needs two.
pub const SECRETS_MAX: usize = 4;
/// Longest value of a header, in bytes.
pub const HEADER_BYTES_MAX: usize = 4_096;
/// Longest body, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Why a message is not believed. Where several hold, the first in this order is given; whatever
/// stands after [`Refusal::NoMatch`] is said only of a message whose signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The receiver has no secret to verify with, or more than [`SECRETS_MAX`].
    #[error("a message is verified with 1 to {SECRETS_MAX} secrets")]
    Secrets,
    /// A header is not there.
    #[error("the header {name} is missing")]
    MissingHeader {
        /// Which.
        name: &'static str,
    },
    /// A header is longer than [`HEADER_BYTES_MAX`]. Nothing of it was looked at.
    #[error("the header {name} is longer than {HEADER_BYTES_MAX} bytes")]
    HeaderTooLong {
        /// Which.
        name: &'static str,
    },
    /// The body is longer than [`BODY_BYTES_MAX`]. Nothing of it was looked at.
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    BodyTooLong,
    /// A header does not have its form: it is empty, lacks its time or has several.
    #[error("the header {name} does not have its form")]
    MalformedHeader {
        /// Which.
        name: &'static str,
    },
    /// There are more signatures than [`SIGNATURES_MAX`]. None was computed.
    #[error("there are more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// There is no signature of a scheme that is known here.
    #[error("there is no signature of a known scheme")]
    NoSignature,
    /// No signature is one of the message under any of the secrets.
    #[error("no signature matches")]
    NoMatch,
    /// The signature is good, and what stands for the time is no number of seconds.
    #[error("the time of the signature is not a number")]
    BadTimestamp,
    /// The signature is good, and more than [`TOLERANCE_S`] old: perhaps a replay.
    #[error("the message was signed {by_s} s ago")]
    TooOld {
        /// How old it is, in seconds.
        by_s: u64,
    },
    /// The signature is good, and from more than [`TOLERANCE_S`] ahead.
    #[error("the message was signed {by_s} s from now")]
    TooNew {
        /// How far ahead, in seconds.
        by_s: u64,
    },
}

/// A message that whoever has the secret has sent, recently. Only verification makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) signed_at: Timestamp,
    pub(super) secret: usize,
}

impl<'a> Verified<'a> {
    /// The message's id, where it is part of what is signed (Standard Webhooks).
    #[must_use]
    pub const fn id(&self) -> Option<&'a str> {
        self.id
    }

    /// The bytes that were signed. They need not be text.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// When it was signed: a retry is signed anew.
    #[must_use]
    pub const fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// Which of the secrets matched, the first of them where several did. Once it is never the old
    /// one any more, that one can go.
    #[must_use]
    pub const fn secret_index(&self) -> usize {
        self.secret
    }
}

/// One header of a message, by name in any case: the first that has it.
///
/// ```
/// use doorstep_core::webhook::{header, stripe};
///
/// let headers = [("content-type", &b"text/plain"[..]), ("stripe-signature", b"t=1,v1=00")];
/// assert_eq!(header(headers, stripe::HEADER), Some(&b"t=1,v1=00"[..]));
/// ```
pub fn header<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    name: &str,
) -> Option<&'a [u8]> {
    headers.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Refuses a header's value for its length alone.
pub(super) const fn short(value: &[u8], name: &'static str) -> Result<(), Refusal> {
    if value.len() > HEADER_BYTES_MAX { Err(Refusal::HeaderTooLong { name }) } else { Ok(()) }
}

/// What a time means that stands in a message whose signature is good.
pub(super) fn recent(time: &[u8], now: Timestamp) -> Result<Timestamp, Refusal> {
    let text = core::str::from_utf8(time).map_err(|_| Refusal::BadTimestamp)?;
    let signed: i64 = text.parse().map_err(|_| Refusal::BadTimestamp)?;
    let now_s = now.as_millis().div_euclid(1_000);
    let by_s = now_s.abs_diff(signed);
    if by_s <= TOLERANCE_S {
        Ok(Timestamp::from_secs(signed))
    } else if signed < now_s {
        Err(Refusal::TooOld { by_s })
    } else {
        Err(Refusal::TooNew { by_s })
    }
}
