//! The hash chain: what makes a gap, a swap or a changed byte loud.
//!
//! SHA-256, because any tool on any machine can check it. `hash(n) = SHA-256(hash(n − 1) ‖ n as
//! eight big-endian bytes ‖ bytes)`, and before the first record stands a hash of the log's own
//! random name, so that the records of one log never fit another.

use std::fmt;

use sha2::{Digest, Sha256};

/// The random name that a log is given when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uid(pub(crate) [u8; 16]);

/// A link of the chain, or the seal of a row beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl Hash {
    /// Before the first record.
    pub(crate) fn genesis(uid: Uid) -> Self {
        Self::seal("log", uid, &[])
    }

    /// The link of the record at `position` after this one.
    pub(crate) fn link(self, position: u64, bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(position.to_be_bytes());
        hasher.update(bytes);
        Self(hasher.finalize().into())
    }

    /// The seal of a row that is not in the chain: `what` kind of row it is keeps a seal of one
    /// from fitting another.
    pub(crate) fn seal(what: &str, uid: Uid, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"doorstep-sqlite ");
        hasher.update(what.as_bytes());
        hasher.update([0]);
        hasher.update(uid.0);
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: a change here makes every log unreadable. Reproduced with Python's `hashlib`.
    #[test]
    fn the_chain_never_changes_its_form() {
        let genesis = Hash::genesis(Uid([7; 16]));
        assert_eq!(
            genesis.to_string(),
            "a21f3a481b21f145c6b4a798d2e7970187fdc908835fd8d9e34183b43b5a56b0"
        );
        assert_eq!(
            genesis.link(1, b"hello").to_string(),
            "a8f4e8c2ffbaf6b713423d1c76cf05c7905b80d40bf57080b7608c9340a0d8ee"
        );
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        let uid = Uid([0; 16]);
        assert_ne!(Hash::seal("a", uid, &[b"bc", b"d"]), Hash::seal("a", uid, &[b"b", b"cd"]));
        assert_ne!(Hash::seal("a", uid, &[]), Hash::seal("b", uid, &[]));
    }
}
