//! Tokens for trying things out.

use doorstep_core::time::{Span, Timestamp};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rand::RngCore;
use serde_json::json;

use super::{BadKey, Jwt, JwtKey, Who};

/// Signs tokens for whoever asks, with a key that lives as long as the process: for examples, tests
/// and a demonstration on one machine. A service on the internet has an identity provider.
pub struct DevIssuer {
    kid: String,
    key: EncodingKey,
    public: JwtKey,
}

/// Who the development issuer says it is.
const ISSUER: &str = "https://dev.doorstep.invalid";

/// For whom its tokens are.
const AUDIENCE: &str = "doorstep";

/// PKCS #8 of an Ed25519 key (RFC 8410), up to the 32 bytes of the key.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

impl DevIssuer {
    /// An issuer with a fresh key.
    ///
    /// # Errors
    /// [`BadKey::Unreadable`] if the application's cryptography knows no Ed25519.
    pub fn new() -> Result<Self, BadKey> {
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        let signing = SigningKey::from_bytes(&seed);
        let der: Vec<u8> = PKCS8.into_iter().chain(seed).collect();
        let kid = format!("dev-{:08x}", rand::rng().next_u32());
        let x = base64url(signing.verifying_key().as_bytes());
        let public = JwtKey::ed25519(&kid, &x)?;
        Ok(Self { kid, key: EncodingKey::from_ed_der(&der), public })
    }

    /// What believes its tokens.
    ///
    /// # Errors
    /// None; it is [`Jwt::new`]'s.
    pub fn authenticator(&self) -> Result<Jwt, BadKey> {
        Jwt::new(ISSUER, AUDIENCE, vec![self.public.clone()])
    }

    /// A token for `who`, good for `lasts` from `now` on.
    ///
    /// # Errors
    /// [`BadKey::Unreadable`] if the application's cryptography cannot sign.
    pub fn token(&self, who: &Who, now: Timestamp, lasts: Span) -> Result<String, BadKey> {
        let seconds = |at: Timestamp| at.as_millis().div_euclid(1_000);
        let claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": who.to_string(),
            "role": who.role(),
            "iat": seconds(now),
            "exp": seconds(now.saturating_add(lasts)),
        });
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        encode(&header, &claims, &self.key).map_err(|_| BadKey::Unreadable)
    }
}

/// The key is not shown.
impl std::fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevIssuer({})", self.kid)
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}
