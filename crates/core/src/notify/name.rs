//! Names of messages, channels and categories.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const NAME_MAX: usize = 64;

/// A name: 1 to 64 ASCII letters, digits, `-` or `_`. There is no dot in it, so that a message's
/// may stand in a `webhook-id`, and no slash, so that keys can be put together with one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// Names a message for ever: submitted again under it, it is the same message.
pub type MessageId = Name;
/// Names a channel, such as `push`.
pub type ChannelId = Name;
/// Names what a message is about, such as `order`: what people refuse or want.
pub type Category = Name;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a name is 1 to 64 letters, digits, `-` or `_`, in ASCII")]
pub struct NameError;

impl Name {
    /// The name with this text.
    ///
    /// # Errors
    /// [`NameError`] unless it is 1 to 64 ASCII letters, digits, `-` or `_`.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(NameError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that is written in this room and sound.
    pub(super) fn ours(text: &str) -> Self {
        Self(text.into())
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_key_or_a_webhook_id_is_no_name() {
        for text in ["", "a.b", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert_eq!(Name::new(text), Err(NameError), "{text:?}");
            assert!(serde_json::from_str::<Name>(&format!("{text:?}")).is_err());
        }
        for text in ["a", "msg_p5jXN8AQM9LWM0D4loKWxJek", "in-app", &"x".repeat(64)] {
            let name = Name::new(text).unwrap();
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
        }
    }
}
