//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>), scheme `v1`.

use core::fmt;

use base64ct::{Base64, Encoding};
use doorstep_core::notify::MessageId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What stands before a secret's base64.
const PREFIX: &str = "whsec_";

/// The key that an endpoint's requests are signed with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is white space in it: it was copied with more than the secret.
    #[error("there is white space in the secret")]
    WhiteSpace,
    /// It does not begin with `whsec_`.
    #[error("a secret begins with `whsec_`")]
    Prefix,
    /// What follows is no padded base64.
    #[error("a secret is base64, with its padding")]
    Base64,
    /// A key has 24 to 64 bytes.
    #[error("a secret has 24 to 64 bytes, not {bytes}")]
    Length {
        /// How many it has.
        bytes: usize,
    },
}

impl Secret {
    /// Reads a secret: `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn new(text: &str) -> Result<Self, SecretError> {
        if text.contains(char::is_whitespace) {
            return Err(SecretError::WhiteSpace);
        }
        let digits = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let key = Base64::decode_vec(digits).map_err(|_| SecretError::Base64)?;
        if (24..=64).contains(&key.len()) {
            Ok(Self(key))
        } else {
            Err(SecretError::Length { bytes: key.len() })
        }
    }
}

/// A secret is not printed.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.
pub(super) fn sign(secret: &Secret, id: &MessageId, at_s: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
    mac.update(format!("{id}.{at_s}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_are_met() {
        for (secret, id, at_s, body, wants) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let secret = Secret::new(secret).unwrap();
            let id = MessageId::new(id).unwrap();
            assert_eq!(sign(&secret, &id, at_s, body.as_bytes()).as_deref(), Some(wants));
        }
    }

    #[test]
    fn a_text_that_is_no_secret_is_refused_with_its_reason() {
        let refused = |text: &str| Secret::new(text).unwrap_err();
        assert_eq!(refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SecretError::Prefix);
        assert_eq!(refused(""), SecretError::Prefix);
        assert_eq!(refused(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SecretError::WhiteSpace);
        assert_eq!(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), SecretError::WhiteSpace);
        assert_eq!(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"), SecretError::Base64);
        assert_eq!(refused("whsec_"), SecretError::Length { bytes: 0 });
        assert_eq!(
            refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa8="),
            SecretError::Length { bytes: 23 }
        );
        assert_eq!(
            format!("{:?}", Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
            "Ok(Secret)"
        );
    }
}
