//! Why a text is no secret.

/// Why a text is no secret. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BadSecret {
    /// There is nothing in it.
    #[error("the secret is empty")]
    Empty,
    /// It has white space: mostly a line end that was copied along.
    #[error(
        "the secret has white space at byte {at}: \
         perhaps a line end was copied, or read from a file, along with it"
    )]
    WhiteSpace {
        /// Where, from 0.
        at: usize,
    },
    /// It does not begin as such a key does.
    #[error("the key must begin with {expected}")]
    Prefix {
        /// The prefixes that are taken here.
        expected: &'static str,
    },
    /// After the prefix comes no base64 (RFC 4648, the standard alphabet, padded or not).
    #[error("after its prefix the key is no base64")]
    Base64,
    /// The key has another length than it may have.
    #[error("the key has {found} bytes, which such a key must not")]
    Length {
        /// How many bytes it has.
        found: usize,
    },
    /// The bytes are no ed25519 key, or a private key does not belong to its public half.
    #[error("the bytes are no ed25519 key")]
    NoKey,
}

impl BadSecret {
    /// What every secret must be: something, without white space.
    pub(super) fn check(text: &str) -> Result<(), Self> {
        if text.is_empty() {
            return Err(Self::Empty);
        }
        match text.char_indices().find(|(_, character)| character.is_whitespace()) {
            Some((at, _)) => Err(Self::WhiteSpace { at }),
            None => Ok(()),
        }
    }
}
