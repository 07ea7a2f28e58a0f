//! HMAC-SHA256 under a key that is prepared once, and the comparison that takes constant time.

use core::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Bytes of a SHA-256.
pub(super) const MAC_BYTES: usize = 32;

/// A key whose two padded blocks are hashed already: what is left to do for a message is the
/// message.
#[derive(Clone)]
pub(super) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// `None` never happens: HMAC takes keys of any length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// Of the parts, as if they were one.
    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Whether any of `candidates` is `expected`. It takes as long for each that is wrong, wherever the
/// first wrong byte stands, and looks at all of them.
pub(super) fn any_is(
    candidates: impl IntoIterator<Item = [u8; MAC_BYTES]>,
    expected: &[u8; MAC_BYTES],
) -> bool {
    let none = Choice::from(0);
    candidates.into_iter().fold(none, |found, candidate| found | candidate.ct_eq(expected)).into()
}
