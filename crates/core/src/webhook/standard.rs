//! Standard Webhooks: the headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; the text
//! `id.timestamp.body` signed by HMAC-SHA256 (`v1`) or ed25519 (`v1a`)
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use core::fmt;

use arrayvec::ArrayVec;
use base64ct::{Base64, Base64Unpadded, Encoding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::mac::{MAC_BYTES, MacKey, any_is};
use super::refusal::{
    BODY_BYTES_MAX, Refusal, SECRETS_MAX, SIGNATURES_MAX, Verified, recent, short,
};
use super::secret::BadSecret;
use crate::time::Timestamp;

/// The header with the message's id: the same for every attempt to deliver it.
pub const ID: &str = "webhook-id";
/// The header with the time of this attempt, in seconds since the Unix epoch.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE: &str = "webhook-signature";

const SEED_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// The three headers of a message, as far as they are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The value of [`ID`].
    pub id: Option<&'a [u8]>,
    /// The value of [`TIMESTAMP`].
    pub timestamp: Option<&'a [u8]>,
    /// The value of [`SIGNATURE`].
    pub signature: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// Those among all headers of a request, by name in any case; of several the first.
    pub fn among(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let named = |known: &str| name.eq_ignore_ascii_case(known);
            let slot = match () {
                () if named(ID) => &mut found.id,
                () if named(TIMESTAMP) => &mut found.timestamp,
                () if named(SIGNATURE) => &mut found.signature,
                () => continue,
            };
            slot.get_or_insert(value);
        }
        found
    }
}

/// What a receiver verifies with: a shared key (`whsec_…`) or a sender's public key (`whpk_…`). It
/// is never shown, not by `Debug` either.
#[derive(Clone)]
pub struct Secret(VerifyWith);

#[derive(Clone)]
enum VerifyWith {
    Shared(MacKey),
    Public(Box<VerifyingKey>),
}

impl Secret {
    /// A key in its text form: `whsec_` and the base64 of 24 to 64 bytes, or `whpk_` and that of the
    /// 32 bytes of an ed25519 public key. Padding may be left out.
    ///
    /// # Errors
    /// [`BadSecret`], in the order of its variants.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        BadSecret::check(text)?;
        if let Some(rest) = text.strip_prefix("whsec_") {
            return shared(rest).map(|key| Self(VerifyWith::Shared(key)));
        }
        let rest =
            text.strip_prefix("whpk_").ok_or(BadSecret::Prefix { expected: "whsec_ or whpk_" })?;
        let bytes = bytes_of(rest)?;
        let bytes: [u8; SEED_BYTES] =
            bytes.as_slice().try_into().map_err(|_| BadSecret::Length { found: bytes.len() })?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadSecret::NoKey)?;
        Ok(Self(VerifyWith::Public(Box::new(key))))
    }

    /// The HMAC of any parts, for tests that sign what [`sign`] would not.
    #[cfg(test)]
    pub(super) fn mac(&self, parts: &[&[u8]]) -> Option<[u8; MAC_BYTES]> {
        match &self.0 {
            VerifyWith::Shared(key) => Some(key.of(parts)),
            VerifyWith::Public(_) => None,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether `body` comes from a sender whose key is among `secrets`. Any good signature is enough;
/// those of other schemes, and those that cannot be read, are passed over.
///
/// The work is bounded: one HMAC of the message for each shared key, and one ed25519 verification
/// (about 50 µs) for each `v1a` signature and public key.
///
/// ```
/// use doorstep_core::time::Timestamp;
/// use doorstep_core::webhook::standard::{Headers, Secret, verify};
///
/// let secrets = [Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?];
/// let headers = Headers {
///     id: Some(b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
///     timestamp: Some(b"1614265330"),
///     signature: Some(b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
/// };
/// let now = Timestamp::from_secs(1_614_265_331);
/// let verified = verify(&headers, br#"{"test": 2432232314}"#, &secrets, now)?;
/// assert_eq!(verified.id(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Refusal`], in the order of its variants; of several headers with the same fault, the first of
/// id, timestamp, signature. An id that is empty, is not printable ASCII, or has a dot (with which
/// two messages could be signed alike) is malformed.
pub fn verify<'a>(
    headers: &Headers<'a>,
    body: &'a [u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<Verified<'a>, Refusal> {
    if secrets.is_empty() || secrets.len() > SECRETS_MAX {
        return Err(Refusal::Secrets);
    }
    let id = headers.id.ok_or(Refusal::MissingHeader { name: ID })?;
    let time = headers.timestamp.ok_or(Refusal::MissingHeader { name: TIMESTAMP })?;
    let signature = headers.signature.ok_or(Refusal::MissingHeader { name: SIGNATURE })?;
    short(id, ID)?;
    short(time, TIMESTAMP)?;
    short(signature, SIGNATURE)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::BodyTooLong);
    }
    let id = sound_id(id).ok_or(Refusal::MalformedHeader { name: ID })?;
    if time.is_empty() {
        return Err(Refusal::MalformedHeader { name: TIMESTAMP });
    }
    let signatures = Signatures::parse(signature)?;
    let parts = [id.as_bytes(), b".", time, b".", body];
    let mut joined = None;
    let mut matches = |secret: &Secret| match &secret.0 {
        VerifyWith::Shared(key) => any_is(signatures.macs.iter().copied(), &key.of(&parts)),
        VerifyWith::Public(_) if signatures.signed.is_empty() => false,
        VerifyWith::Public(key) => {
            let text: &Vec<u8> = joined.get_or_insert_with(|| parts.concat());
            let good = |signature: &Signature| key.verify_strict(text, signature).is_ok();
            signatures.signed.iter().any(good)
        }
    };
    let secret = secrets.iter().position(&mut matches).ok_or(Refusal::NoMatch)?;
    let signed_at = recent(time, now)?;
    Ok(Verified { id: Some(id), body, signed_at, secret })
}

/// What a sender signs with: a shared key (`whsec_…`) or a private one (`whsk_…`). It is never
/// shown, not by `Debug` either.
#[derive(Clone)]
pub struct Signatory(SignWith);

#[derive(Clone)]
enum SignWith {
    Shared(MacKey),
    Private(Box<SigningKey>),
}

impl fmt::Debug for Signatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signatory(…)")
    }
}

/// A message's id that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a message's id is printable ASCII without a dot, and not empty")]
pub struct BadMessageId;

impl Signatory {
    /// A key in its text form: `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and that of the
    /// 32 bytes of an ed25519 private key, or of those and the 32 of its public half. Padding may be
    /// left out.
    ///
    /// # Errors
    /// [`BadSecret`], in the order of its variants.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        BadSecret::check(text)?;
        if let Some(rest) = text.strip_prefix("whsec_") {
            return shared(rest).map(|key| Self(SignWith::Shared(key)));
        }
        let rest =
            text.strip_prefix("whsk_").ok_or(BadSecret::Prefix { expected: "whsec_ or whsk_" })?;
        let bytes = bytes_of(rest)?;
        let key = if let Ok(seed) = <&[u8; SEED_BYTES]>::try_from(bytes.as_slice()) {
            SigningKey::from_bytes(seed)
        } else {
            let pair = <&[u8; SIGNATURE_BYTES]>::try_from(bytes.as_slice())
                .map_err(|_| BadSecret::Length { found: bytes.len() })?;
            SigningKey::from_keypair_bytes(pair).map_err(|_| BadSecret::NoKey)?
        };
        Ok(Self(SignWith::Private(Box::new(key))))
    }
}

/// One signature of a message, as it stands in [`SIGNATURE`]; of several (a rotation) the values
/// are joined by spaces. The values of [`ID`] and [`TIMESTAMP`] are `id` and the whole seconds of
/// `at`.
///
/// ```
/// use doorstep_core::time::Timestamp;
/// use doorstep_core::webhook::standard::{Signatory, sign};
///
/// let key = Signatory::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// let at = Timestamp::from_secs(1_614_265_330);
/// let body = br#"{"test": 2432232314}"#;
/// let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)?;
/// assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`BadMessageId`]: a receiver would refuse it.
pub fn sign(key: &Signatory, id: &str, at: Timestamp, body: &[u8]) -> Result<String, BadMessageId> {
    let id = sound_id(id.as_bytes()).ok_or(BadMessageId)?;
    let time = at.as_millis().div_euclid(1_000).to_string();
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    Ok(match &key.0 {
        SignWith::Shared(key) => format!("v1,{}", Base64::encode_string(&key.of(&parts))),
        SignWith::Private(key) => {
            let signature = key.sign(&parts.concat());
            format!("v1a,{}", Base64::encode_string(&signature.to_bytes()))
        }
    })
}

fn sound_id(id: &[u8]) -> Option<&str> {
    let sound = !id.is_empty() && id.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'.');
    core::str::from_utf8(id).ok().filter(|_| sound)
}

fn bytes_of(text: &str) -> Result<Vec<u8>, BadSecret> {
    let unpadded = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    Base64Unpadded::decode_vec(unpadded).map_err(|_| BadSecret::Base64)
}

fn shared(text: &str) -> Result<MacKey, BadSecret> {
    let bytes = bytes_of(text)?;
    if !(24..=64).contains(&bytes.len()) {
        return Err(BadSecret::Length { found: bytes.len() });
    }
    MacKey::new(&bytes).ok_or(BadSecret::Length { found: bytes.len() })
}

/// The signatures of known schemes that can be read.
#[derive(Default)]
struct Signatures {
    macs: ArrayVec<[u8; MAC_BYTES], SIGNATURES_MAX>,
    signed: ArrayVec<Signature, SIGNATURES_MAX>,
}

impl Signatures {
    fn parse(header: &[u8]) -> Result<Self, Refusal> {
        let mut found = Self::default();
        let (mut looked_at, mut known) = (0_usize, false);
        for item in header.split(|&byte| byte == b' ').filter(|item| !item.is_empty()) {
            looked_at = looked_at.saturating_add(1);
            // No more than fit are looked at in the end, so that none is lost by a push.
            if let Some(text) = item.strip_prefix(b"v1,") {
                known = true;
                let _ = decode(text).map(|mac| found.macs.try_push(mac));
            } else if let Some(text) = item.strip_prefix(b"v1a,") {
                known = true;
                let bytes = decode::<SIGNATURE_BYTES>(text);
                let _ = bytes.map(|bytes| found.signed.try_push(Signature::from_bytes(&bytes)));
            }
        }
        if looked_at == 0 {
            return Err(Refusal::MalformedHeader { name: SIGNATURE });
        }
        if looked_at > SIGNATURES_MAX {
            return Err(Refusal::TooManySignatures);
        }
        if known { Ok(found) } else { Err(Refusal::NoSignature) }
    }
}

/// Exactly `N` bytes of base64, padded or not.
fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let unpadded = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = [0; N];
    Base64Unpadded::decode(unpadded, &mut bytes).ok().filter(|read| read.len() == N)?;
    Some(bytes)
}
