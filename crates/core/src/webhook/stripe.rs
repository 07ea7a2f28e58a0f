//! Stripe's scheme: `Stripe-Signature: t=<unix s>,v1=<hex>[,v1=…][,v0=…]`, where `v1` is the
//! HMAC-SHA256 of `t.body` under the endpoint's secret
//! (<https://docs.stripe.com/webhooks#verify-manually>).

use core::fmt;

use arrayvec::ArrayVec;

use super::mac::{MAC_BYTES, MacKey, any_is};
use super::refusal::{
    BODY_BYTES_MAX, Refusal, SECRETS_MAX, SIGNATURES_MAX, Verified, recent, short,
};
use super::secret::BadSecret;
use crate::time::Timestamp;

pub use super::stripe_event::read;

/// The header that carries the signatures.
pub const HEADER: &str = "Stripe-Signature";

/// An endpoint's signing secret (`whsec_…`), ready for use. It is never shown, not by `Debug`
/// either.
#[derive(Clone)]
pub struct Secret(MacKey);

impl Secret {
    /// The secret as the dashboard shows it. The key is the text as it is, its prefix included.
    ///
    /// # Errors
    /// [`BadSecret::Empty`], [`BadSecret::WhiteSpace`].
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        BadSecret::check(text)?;
        MacKey::new(text.as_bytes()).map(Self).ok_or(BadSecret::Empty)
    }

    /// The HMAC of any parts, for tests that sign what [`sign`] would not.
    #[cfg(test)]
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        self.0.of(parts)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether `body` comes from Stripe, by the value of its [`HEADER`] and the endpoint's live secrets:
/// two of them while they are rotated. Any good `v1` is enough; other schemes and signatures that
/// cannot be read are passed over, hexadecimal digits may have either case.
///
/// The work is bounded: one HMAC of the body for each secret, whatever the header holds. Nothing is
/// allocated.
///
/// ```
/// use doorstep_core::time::Timestamp;
/// use doorstep_core::webhook::stripe::{Secret, verify};
///
/// let secrets = [Secret::new("whsec_test_secret")?];
/// let body = br#"{"id":"evt_test_webhook","object":"event"}"#;
/// let header = b"t=1614265330,\
///     v1=3c5817089d739023dd6190f70a3757e04f7a2fd8b5dab12c2e000f51970dccff";
/// let now = Timestamp::from_secs(1_614_265_331);
/// let verified = verify(Some(header), body, &secrets, now)?;
/// assert_eq!(verified.body(), body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Refusal`], in the order of its variants.
pub fn verify<'a>(
    header: Option<&[u8]>,
    body: &'a [u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<Verified<'a>, Refusal> {
    if secrets.is_empty() || secrets.len() > SECRETS_MAX {
        return Err(Refusal::Secrets);
    }
    let header = header.ok_or(Refusal::MissingHeader { name: HEADER })?;
    short(header, HEADER)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::BodyTooLong);
    }
    let (time, signatures) = parse(header)?;
    let matches = |secret: &Secret| {
        let expected = secret.0.of(&[time, b".", body]);
        any_is(signatures.iter().copied(), &expected)
    };
    let secret = secrets.iter().position(matches).ok_or(Refusal::NoMatch)?;
    let signed_at = recent(time, now)?;
    Ok(Verified { id: None, body, signed_at, secret })
}

/// The value of [`HEADER`] for `body`, as Stripe would send it: for tests and stand-ins.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8], at: Timestamp) -> String {
    let time = at.as_millis().div_euclid(1_000).to_string();
    let mac = secret.0.of(&[time.as_bytes(), b".", body]);
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

type Signatures = ArrayVec<[u8; MAC_BYTES], SIGNATURES_MAX>;

/// The time as it stands there, and the `v1` signatures.
fn parse(header: &[u8]) -> Result<(&[u8], Signatures), Refusal> {
    const MALFORMED: Refusal = Refusal::MalformedHeader { name: HEADER };
    let mut time = None;
    let mut signatures = Signatures::new();
    let (mut looked_at, mut known) = (0_usize, false);
    for item in header.split(|&byte| byte == b',') {
        let equals = item.iter().position(|&byte| byte == b'=').ok_or(MALFORMED)?;
        let (name, value) = item.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        match name.trim_ascii() {
            b"t" if time.is_some() || value.is_empty() => return Err(MALFORMED),
            b"t" => time = Some(value),
            b"v1" => {
                known = true;
                looked_at = looked_at.saturating_add(1);
                if let Some(signature) = hex(value) {
                    // No more than fit are looked at, so that none is lost here.
                    let _ = signatures.try_push(signature);
                }
            }
            _ => looked_at = looked_at.saturating_add(1),
        }
    }
    let time = time.ok_or(MALFORMED)?;
    if looked_at > SIGNATURES_MAX {
        return Err(Refusal::TooManySignatures);
    }
    if known { Ok((time, signatures)) } else { Err(Refusal::NoSignature) }
}

/// Sixty-four hexadecimal digits, in either case.
fn hex(text: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let mut bytes = [0; MAC_BYTES];
    base16ct::mixed::decode(text, &mut bytes).ok().filter(|read| read.len() == MAC_BYTES)?;
    Some(bytes)
}
