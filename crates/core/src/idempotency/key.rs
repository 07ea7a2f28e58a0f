//! The value of an `Idempotency-Key` header.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A key that a client chose for a request and all its repetitions: 1 to 255 characters of printable
/// ASCII.
///
/// The header field is a quoted string (IETF `draft-ietf-httpapi-idempotency-key-header`, section
/// 2.1; RFC 9651, section 3.3.3); much in use is the bare key, as Stripe takes it. Both are accepted,
/// and both spellings of one text are one key.
///
/// ```
/// use doorstep_core::idempotency::{BadKey, IdempotencyKey};
///
/// let quoted = IdempotencyKey::parse(b"\"8e03978e\"")?;
/// assert_eq!(quoted, IdempotencyKey::parse(b"8e03978e")?);
/// assert_eq!(quoted.as_str(), "8e03978e");
/// assert_eq!(IdempotencyKey::required(None), Err(BadKey::Absent));
/// # Ok::<(), BadKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(Box<str>);

/// Why a header's value is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKey {
    /// The route requires a key, and the request has none.
    #[error("this request needs an Idempotency-Key")]
    Absent,
    /// There is nothing in it.
    #[error("the Idempotency-Key is empty")]
    Empty,
    /// It is longer than 255 characters.
    #[error("the Idempotency-Key is longer than {} characters", IdempotencyKey::MAX_CHARS)]
    TooLong,
    /// It has a character that is not printable ASCII, or a space outside quotes.
    #[error("the Idempotency-Key has a character that must not be there, at byte {at}")]
    BadCharacter {
        /// Where in the header's value, from 0.
        at: usize,
    },
    /// A quotation mark is missing, stands where none may, or something follows the closing one; or
    /// a backslash escapes neither a quotation mark nor a backslash.
    #[error("the quotes of the Idempotency-Key are wrong at byte {at}")]
    BadQuotes {
        /// Where in the header's value, from 0.
        at: usize,
    },
}

impl IdempotencyKey {
    /// The most characters that a key may have.
    pub const MAX_CHARS: usize = 255;

    /// The key of a request to a route that requires one.
    ///
    /// # Errors
    /// [`BadKey::Absent`] without a header (to be answered 400), and those of
    /// [`IdempotencyKey::parse`].
    pub fn required(value: Option<&[u8]>) -> Result<Self, BadKey> {
        Self::parse(value.ok_or(BadKey::Absent)?)
    }

    /// The key in a header's value, quoted or not; spaces and tabs around it do not count.
    ///
    /// # Errors
    /// [`BadKey`] of the first byte that is wrong; [`BadKey::TooLong`] where the 256th character
    /// comes before it.
    pub fn parse(value: &[u8]) -> Result<Self, BadKey> {
        let around = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().position(|byte| !around(byte)).ok_or(BadKey::Empty)?;
        let end = value.iter().rposition(|byte| !around(byte)).ok_or(BadKey::Empty)?;
        let mut bytes = value.iter().copied().enumerate().take(end.saturating_add(1)).skip(start);
        let quoted = value.get(start) == Some(&b'"');
        if quoted {
            bytes.next();
        }
        let mut text = String::new();
        let mut closed = false;
        while let Some((at, byte)) = bytes.next() {
            let character = match byte {
                b'"' if quoted && at == end => {
                    closed = true;
                    break;
                }
                b'"' => return Err(BadKey::BadQuotes { at }),
                b'\\' if quoted => match bytes.next() {
                    Some((_, escaped @ (b'"' | b'\\'))) => escaped,
                    Some((at, _)) => return Err(BadKey::BadQuotes { at }),
                    None => return Err(BadKey::BadQuotes { at }),
                },
                b' ' if quoted => byte,
                0x21..=0x7e => byte,
                _ => return Err(BadKey::BadCharacter { at }),
            };
            if text.len() == Self::MAX_CHARS {
                return Err(BadKey::TooLong);
            }
            text.push(char::from(character));
        }
        if quoted && !closed {
            return Err(BadKey::BadQuotes { at: end });
        }
        if text.is_empty() { Err(BadKey::Empty) } else { Ok(Self(text.into())) }
    }

    /// The key without its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The text of a key, without quotes: what [`IdempotencyKey::as_str`] gave.
impl TryFrom<String> for IdempotencyKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        if text.is_empty() {
            return Err(BadKey::Empty);
        }
        if let Some(at) = text.bytes().position(|byte| !matches!(byte, b' '..=b'~')) {
            return Err(BadKey::BadCharacter { at });
        }
        if text.len() > Self::MAX_CHARS {
            return Err(BadKey::TooLong);
        }
        Ok(Self(text.into()))
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0.into()
    }
}
