//! Signed passes: what a person who was let in shows at the door.
//!
//! The state knows who was let in and lets each in once. A pass is the same fact in the person's own
//! hands, so that a door can turn a crowd away without asking the state: it is bound to the person
//! and the sale, lapses by itself, and cannot be made by anybody without the key. The key belongs to
//! the doors; it is never in a log.

use core::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::time::Timestamp;

/// What is signed begins with this, so that no signature is good for anything else.
const CONTEXT: &[u8] = b"doorstep/flash-sale/pass/1";

/// That a person was let in. Text form: `p1_NUMBER_UNTIL_MAC`, the MAC in 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pass {
    /// Which ([`Place::Admitted`](super::waiting_room::Place::Admitted)).
    pub number: u64,
    /// It is good before this time.
    pub until: Timestamp,
}

/// A key that passes are signed with (HMAC-SHA-256, RFC 2104).
///
/// ```
/// use doorstep_core::flash_sale::{Pass, PassKey, PassRefused};
/// use doorstep_core::time::Timestamp;
///
/// let key = PassKey::new([7; 32]);
/// let (noon, later) = (Timestamp::from_secs(1_700_000_000), Timestamp::from_secs(1_700_000_060));
/// let pass = Pass { number: 3, until: later };
/// let text = key.sign(b"sale 1", b"ana", pass);
/// assert_eq!(key.verify(b"sale 1", b"ana", &text, noon), Ok(pass));
/// assert_eq!(key.verify(b"sale 1", b"ben", &text, noon), Err(PassRefused::Forged));
/// assert_eq!(key.verify(b"sale 1", b"ana", &text, later), Err(PassRefused::Lapsed { until: later }));
/// ```
#[derive(Clone)]
pub struct PassKey([u8; 32]);

/// Why a pass is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassRefused {
    /// It is not a pass.
    #[error("this is no pass")]
    Malformed,
    /// Not signed by this key, or for another person or another sale.
    #[error("this pass was not given to this person for this sale")]
    Forged,
    /// It was good before this time.
    #[error("this pass lapsed at {until}")]
    Lapsed {
        /// When.
        until: Timestamp,
    },
}

impl PassKey {
    /// A key of 32 bytes drawn at random.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The pass as the person carries it. `sale` and `user` are any bytes that name them; they are
    /// not in the text, whoever verifies knows them.
    #[must_use]
    pub fn sign(&self, sale: &[u8], user: &[u8], pass: Pass) -> String {
        use fmt::Write as _;
        let mut text = format!("p1_{}_{}_", pass.number, pass.until.as_millis());
        if let Some(mac) = self.mac(sale, user, pass) {
            for byte in mac.finalize().into_bytes() {
                // Writing into a string does not fail.
                write!(text, "{byte:02x}").unwrap_or_default();
            }
        }
        text
    }

    /// Reads a pass that `user` shows at the door of `sale`. Costs one MAC whatever the text.
    ///
    /// # Errors
    /// [`PassRefused`], in the order of its variants; the signature is compared in constant time.
    pub fn verify(
        &self,
        sale: &[u8],
        user: &[u8],
        text: &str,
        now: Timestamp,
    ) -> Result<Pass, PassRefused> {
        let (pass, signature) = parse(text).ok_or(PassRefused::Malformed)?;
        let mac = self.mac(sale, user, pass).ok_or(PassRefused::Forged)?;
        mac.verify_slice(&signature).map_err(|_| PassRefused::Forged)?;
        if now >= pass.until {
            return Err(PassRefused::Lapsed { until: pass.until });
        }
        Ok(pass)
    }

    /// `None` only for a key that HMAC does not take, and it takes every length.
    fn mac(&self, sale: &[u8], user: &[u8], pass: Pass) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [CONTEXT, sale, user] {
            // Lengths first, so that no two lists of parts are the same bytes.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(&pass.number.to_be_bytes());
        mac.update(&pass.until.as_millis().to_be_bytes());
        Some(mac)
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassKey(..)")
    }
}

fn parse(text: &str) -> Option<(Pass, [u8; 32])> {
    let mut parts = text.strip_prefix("p1_")?.split('_');
    let number = number(parts.next()?)?;
    let until = i64::try_from(self::number(parts.next()?)?).ok().map(Timestamp::from_millis)?;
    let hex = parts.next()?.as_bytes();
    if parts.next().is_some() || hex.len() != 64 {
        return None;
    }
    let mut signature = [0; 32];
    for (byte, digits) in signature.iter_mut().zip(hex.chunks_exact(2)) {
        let lower = digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'));
        let digits = core::str::from_utf8(digits).ok().filter(|_| lower)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some((Pass { number, until }, signature))
}

/// Digits only, and in one way: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNTIL: Timestamp = Timestamp::from_millis(1_700_000_060_000);
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_059_999);
    const PASS: Pass = Pass { number: 3, until: UNTIL };

    fn key() -> PassKey {
        PassKey::new(core::array::from_fn(|at| at as u8))
    }

    /// As it was first given out; recomputed by an independent HMAC-SHA-256.
    const GOLDEN: &str =
        "p1_3_1700000060000_1c682ac26fc0af0f7b2338c0a84f3cfffa20be1d3369ca417ba751ec144c8959";

    #[test]
    fn a_pass_is_written_like_this() {
        assert_eq!(key().sign(b"sale", b"ana", PASS), GOLDEN);
    }

    #[test]
    fn a_pass_is_bound_to_key_sale_and_person_and_lapses_at_its_time() {
        let verify =
            |key: &PassKey, sale: &[u8], user: &[u8], now| key.verify(sale, user, GOLDEN, now);
        assert_eq!(verify(&key(), b"sale", b"ana", NOW), Ok(PASS));
        let forged = Err(PassRefused::Forged);
        assert_eq!(verify(&key(), b"sale", b"ben", NOW), forged);
        assert_eq!(verify(&key(), b"elas", b"ana", NOW), forged);
        assert_eq!(verify(&key(), b"salea", b"na", NOW), forged, "the parts do not run together");
        assert_eq!(verify(&PassKey::new([0; 32]), b"sale", b"ana", NOW), forged);
        let lapsed = Err(PassRefused::Lapsed { until: UNTIL });
        assert_eq!(verify(&key(), b"sale", b"ana", UNTIL), lapsed);
        assert_eq!(verify(&key(), b"sale", b"ben", UNTIL), forged, "a stranger learns nothing");
        assert_eq!(format!("{:?}", key()), "PassKey(..)");
    }

    #[test]
    fn what_is_no_pass_is_refused_whatever_it_is() {
        let mac = GOLDEN.rsplit('_').next().unwrap();
        for text in [
            String::new(),
            "p1".into(),
            "p1_3".into(),
            format!("p2_3_1700000060000_{mac}"),
            format!("p1_03_1700000060000_{mac}"),
            format!("p1_+3_1700000060000_{mac}"),
            format!("p1_3_-5_{mac}"),
            format!("p1_3_9999999999999999999_{mac}"),
            format!("p1_3_1700000060000_{mac}_"),
            format!("p1_3_1700000060000_{}", &mac[2..]),
            format!("p1_3_1700000060000_{}", mac.to_uppercase()),
            format!("p1_3_1700000060000_é{}", &mac[2..]),
        ] {
            let refused = key().verify(b"sale", b"ana", &text, NOW);
            assert_eq!(refused, Err(PassRefused::Malformed), "{text}");
        }
        let later = GOLDEN.replace("060000", "960000");
        assert_eq!(key().verify(b"sale", b"ana", &later, NOW), Err(PassRefused::Forged));
    }

    proptest! {
        #[test]
        fn no_text_but_the_signed_one_is_taken(text in "(p1_[0-9]{1,3}_[0-9]{1,14}_[0-9a-f]{64}|.{0,80})") {
            prop_assert!(key().verify(b"sale", b"ana", &text, NOW).is_err());
        }
    }
}
