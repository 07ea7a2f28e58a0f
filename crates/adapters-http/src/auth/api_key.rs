//! Long-lived keys for what cannot sign in: the tablet on a restaurant's counter.

use std::collections::BTreeMap;

use doorstep_core::id::RestaurantId;
use doorstep_core::time::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Authenticate, NotBelieved, Principal, Who};

/// What every key begins with: a secret that is found somewhere is recognised by it.
const PREFIX: &str = "dsk_";

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// Shortest secret part, in bytes: 128 bits in base 32.
const SECRET_BYTES_MIN: usize = 26;

/// A key as it is kept: its public name, and a digest of its secret. The secret itself is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    name: String,
    digest: [u8; 32],
    restaurant: RestaurantId,
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is dsk_<name>_<secret of at least {SECRET_BYTES_MIN} characters>")]
pub struct BadApiKey;

impl ApiKey {
    /// What to keep of a key that is given out once, `dsk_<name>_<secret>`: letters and digits. The
    /// secret is to be drawn at random: its digest is a plain SHA-256.
    ///
    /// # Errors
    /// [`BadApiKey`]
    pub fn new(key: &str, restaurant: RestaurantId) -> Result<Self, BadApiKey> {
        let (name, secret) = parts(key).ok_or(BadApiKey)?;
        let digest = Sha256::digest(secret).into();
        Ok(Self { name: name.to_owned(), digest, restaurant })
    }
}

/// Believes the keys that it was given.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(BTreeMap<String, ApiKey>);

impl ApiKeys {
    /// Of two keys with one name the last counts.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.name.clone(), key)).collect())
    }
}

impl Authenticate for ApiKeys {
    fn authenticate(&self, credential: &str, _now: Timestamp) -> Result<Principal, NotBelieved> {
        let (name, secret) = parts(credential).ok_or(NotBelieved::NotMine)?;
        let key = self.0.get(name).ok_or(NotBelieved::Invalid)?;
        let digest: [u8; 32] = Sha256::digest(secret).into();
        if bool::from(digest.ct_eq(&key.digest)) {
            Ok(Principal { who: Who::Restaurant(key.restaurant), expires_at: None })
        } else {
            Err(NotBelieved::Invalid)
        }
    }
}

fn parts(key: &str) -> Option<(&str, &str)> {
    let (name, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let sound = key.len() <= KEY_BYTES_MAX
        && !name.is_empty()
        && secret.len() >= SECRET_BYTES_MIN
        && plain(name)
        && plain(secret);
    sound.then_some((name, secret))
}
