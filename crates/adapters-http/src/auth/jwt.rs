//! JSON Web Tokens (RFC 7519) of an identity provider, by the rules of RFC 8725.

use std::collections::{BTreeMap, HashMap};

use doorstep_core::time::{Span, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Authenticate, NotBelieved, Principal, Role, Who};

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// How far the clocks of issuer and service may be apart.
const LEEWAY: Span = Span::from_secs(5);

/// How long a token that was checked is believed without checking its signature again; a key that is
/// taken back empties the memory at once.
const REMEMBER_FOR: Span = Span::from_secs(60);

/// Most tokens remembered; beyond it they are checked each time.
const REMEMBERED_MAX: usize = 100_000;

/// How often the expired ones are looked for among so many: it is a look at every one.
const SWEEP_EVERY: Span = Span::from_secs(1);

/// Which signatures a key makes. It is pinned to the key: a token cannot choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// RSA with SHA-256; the key should have 2,048 bits or more.
    Rs256,
}

/// A public key of the issuer.
#[derive(Clone)]
pub struct JwtKey {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// A key that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKey {
    /// It is no public key of its kind, in PEM.
    #[error("this is no public key of its kind in PEM")]
    Unreadable,
    /// A key id is 1 to 64 characters, and each key has its own.
    #[error("a key id has 1 to 64 characters, and is no other key's")]
    KeyId,
}

impl JwtKey {
    /// The key `kid`, from PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// [`BadKey`]
    pub fn from_pem(kid: &str, algorithm: KeyAlgorithm, pem: &[u8]) -> Result<Self, BadKey> {
        if !(1..=64).contains(&kid.len()) {
            return Err(BadKey::KeyId);
        }
        let (algorithm, key) = match algorithm {
            KeyAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
            KeyAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        };
        let key = key.map_err(|_| BadKey::Unreadable)?;
        Ok(Self { kid: kid.to_owned(), algorithm, key })
    }

    pub(super) fn ed25519(kid: &str, x: &str) -> Result<Self, BadKey> {
        let key = DecodingKey::from_ed_components(x).map_err(|_| BadKey::Unreadable)?;
        Ok(Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, key })
    }
}

/// It is not shown: nobody needs it in a log.
impl std::fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JwtKey({}, {:?})", self.kid, self.algorithm)
    }
}

/// Believes the tokens of one issuer that are meant for one audience.
///
/// A token names its key (`kid`), which must be one of those given here, and is signed by the
/// algorithm that is pinned to it. It has `iss`, `aud`, `sub`, `exp` and `role` (`customer`,
/// `restaurant`, `driver`, `operations`); `nbf` counts where it is there. `sub` is the id of who it
/// speaks for (`cus_…`, `rst_…`, `drv_…`; for operations a name).
///
/// The application chooses `jsonwebtoken`'s cryptography by its features (`rust_crypto` or
/// `aws_lc_rs`): with none or both, checking a token panics.
#[derive(Debug)]
pub struct Jwt {
    issuer: String,
    audience: String,
    keys: RwLock<BTreeMap<String, JwtKey>>,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    /// Not before.
    sweep_at: Mutex<Timestamp>,
}

#[derive(Clone, Debug)]
struct Remembered {
    principal: Principal,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    role: Role,
}

impl Jwt {
    /// Believes tokens of `issuer` for `audience`, signed by one of `keys`.
    ///
    /// # Errors
    /// [`BadKey::KeyId`] if two keys have one id.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: Vec<JwtKey>,
    ) -> Result<Self, BadKey> {
        let jwt = Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: RwLock::default(),
            remembered: Mutex::default(),
            sweep_at: Mutex::new(Timestamp::EPOCH),
        };
        jwt.rotate(keys)?;
        Ok(jwt)
    }

    /// From now on these keys and no other. To rotate without a gap: the old and the new together
    /// first, the new alone once no token of the old one lives.
    ///
    /// # Errors
    /// [`BadKey::KeyId`] if two keys have one id; then nothing has changed.
    pub fn rotate(&self, keys: Vec<JwtKey>) -> Result<(), BadKey> {
        let count = keys.len();
        let by_id: BTreeMap<_, _> = keys.into_iter().map(|key| (key.kid.clone(), key)).collect();
        if by_id.len() != count {
            return Err(BadKey::KeyId);
        }
        *self.keys.write() = by_id;
        self.remembered.lock().clear();
        Ok(())
    }

    fn check(&self, token: &str, now: Timestamp) -> Result<Principal, NotBelieved> {
        let header = decode_header(token).map_err(|_| NotBelieved::NotMine)?;
        let kid = header.kid.ok_or(NotBelieved::Invalid)?;
        let key = self.keys.read().get(&kid).cloned().ok_or(NotBelieved::Invalid)?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        // By the service's own clock, below.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let claims = decode::<Claims>(token, &key.key, &validation);
        let Claims { iss, sub, exp, nbf, role } = claims.map_err(|_| NotBelieved::Invalid)?.claims;
        if iss != self.issuer {
            return Err(NotBelieved::Invalid);
        }
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1_000));
        let expires_at = at(exp).saturating_add(LEEWAY);
        if now >= expires_at {
            return Err(NotBelieved::Expired);
        }
        if nbf.is_some_and(|nbf| at(nbf) > now.saturating_add(LEEWAY)) {
            return Err(NotBelieved::Invalid);
        }
        let who = Who::of(role, &sub).ok_or(NotBelieved::Invalid)?;
        Ok(Principal { who, expires_at: Some(expires_at) })
    }

    fn recall(&self, digest: &[u8; 32], now: Timestamp) -> Option<Principal> {
        let mut remembered = self.remembered.lock();
        let known = remembered.get(digest)?;
        if now < known.until {
            return Some(known.principal.clone());
        }
        remembered.remove(digest);
        None
    }

    fn remember(&self, digest: [u8; 32], principal: &Principal, now: Timestamp) {
        let until = now.saturating_add(REMEMBER_FOR);
        let until = principal.expires_at.map_or(until, |expires_at| until.min(expires_at));
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX && self.may_sweep(now) {
            remembered.retain(|_, known| now < known.until);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(digest, Remembered { principal: principal.clone(), until });
        }
    }

    fn may_sweep(&self, now: Timestamp) -> bool {
        let mut sweep_at = self.sweep_at.lock();
        let may = now >= *sweep_at;
        if may {
            *sweep_at = now.saturating_add(SWEEP_EVERY);
        }
        may
    }
}

impl Authenticate for Jwt {
    fn authenticate(&self, credential: &str, now: Timestamp) -> Result<Principal, NotBelieved> {
        if credential.len() > TOKEN_BYTES_MAX {
            return Err(NotBelieved::NotMine);
        }
        let digest: [u8; 32] = Sha256::digest(credential).into();
        if let Some(principal) = self.recall(&digest, now) {
            return Ok(principal);
        }
        if credential.split('.').count() != 3 {
            return Err(NotBelieved::NotMine);
        }
        let principal = self.check(credential, now)?;
        self.remember(digest, &principal, now);
        Ok(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_of_tokens_is_swept_at_most_once_a_second() {
        let jwt = Jwt::new("issuer", "audience", Vec::new()).unwrap();
        let principal = Principal { who: Who::Customer(7.into()), expires_at: None };
        let noon = Timestamp::from_secs(1_700_000_000);
        let at = |ms| noon.saturating_add(Span::from_millis(ms));
        let digest = |n: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            digest
        };
        for n in 0..REMEMBERED_MAX {
            jwt.remember(digest(n), &principal, noon);
        }
        let new = digest(REMEMBERED_MAX);
        let known = |now| {
            jwt.remember(new, &principal, now);
            jwt.recall(&new, now).is_some()
        };
        // Nothing has expired yet; then everything, but somebody has looked just now.
        assert!(!known(at(59_500)));
        assert!(!known(at(60_499)));
        assert!(known(at(60_500)));
        assert_eq!(jwt.remembered.lock().len(), 1);
    }
}
