//! Who is asking: a port, and what stands behind it.
//!
//! The router asks an [`Authenticate`] once a request, and looks at roles and objects itself: another
//! customer's order is not found, whatever the token says.
//!
//! | | |
//! |---|---|
//! | [`Jwt`] | tokens of an identity provider: EdDSA or RS256, the algorithm pinned to the key |
//! | [`ApiKeys`] | long-lived keys of restaurants' tablets |
//! | [`AnyOf`] | several of them, by what the credential looks like |
//! | [`DevIssuer`] | signs tokens for trying things out |

mod api_key;
mod dev;
mod jwt;

use std::sync::Arc;

use doorstep_core::id::{CustomerId, DriverId, RestaurantId};
use doorstep_core::time::Timestamp;

pub use api_key::{ApiKey, ApiKeys, BadApiKey};
pub use dev::DevIssuer;
pub use jwt::{BadKey, Jwt, JwtKey, KeyAlgorithm};

/// Who somebody is, as far as the service cares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A customer.
    Customer(CustomerId),
    /// A restaurant, or its tablet.
    Restaurant(RestaurantId),
    /// A driver.
    Driver(DriverId),
    /// A person who runs the platform, or a machine of theirs, by a name for the records: 1 to 64
    /// visible ASCII characters.
    Operations(Arc<str>),
}

impl Who {
    /// Which role.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Customer(_) => Role::Customer,
            Self::Restaurant(_) => Role::Restaurant,
            Self::Driver(_) => Role::Driver,
            Self::Operations(_) => Role::Operations,
        }
    }

    /// The subject of a token of `role`; `None` if it names nobody.
    fn of(role: Role, subject: &str) -> Option<Self> {
        Some(match role {
            Role::Customer => Self::Customer(subject.parse().ok()?),
            Role::Restaurant => Self::Restaurant(subject.parse().ok()?),
            Role::Driver => Self::Driver(subject.parse().ok()?),
            Role::Operations => {
                let sound = (1..=64).contains(&subject.len())
                    && subject.bytes().all(|byte| byte.is_ascii_graphic());
                Self::Operations(sound.then(|| Arc::from(subject))?)
            }
        })
    }
}

/// As the subject of a token.
impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Customer(id) => id.fmt(f),
            Self::Restaurant(id) => id.fmt(f),
            Self::Driver(id) => id.fmt(f),
            Self::Operations(name) => f.write_str(name),
        }
    }
}

/// What somebody may do at all.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Orders food.
    Customer,
    /// Makes it.
    Restaurant,
    /// Brings it.
    Driver,
    /// Runs the platform.
    Operations,
}

impl Role {
    /// Its name in tokens, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Restaurant => "restaurant",
            Self::Driver => "driver",
            Self::Operations => "operations",
        }
    }
}

/// Somebody who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub who: Who,
    /// Until when that holds; a socket is closed then. `None`: until it is taken back.
    pub expires_at: Option<Timestamp>,
}

/// Why somebody was not believed. The caller is told no more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotBelieved {
    /// It is no credential of this kind: another may know it.
    #[error("this is no credential that is known here")]
    NotMine,
    /// It was good, and is no more.
    #[error("the token has expired")]
    Expired,
    /// It is not good: forged, for somebody else, by an unknown key, or not yet valid.
    #[error("the token is not valid")]
    Invalid,
}

/// Says who somebody is by a bearer credential.
///
/// It is asked once a request on the threads that answer people: it must not wait, and answers from
/// memory.
pub trait Authenticate: Send + Sync {
    /// Who presents `credential` (what stands after `Bearer`) at `now`.
    ///
    /// # Errors
    /// [`NotBelieved`].
    fn authenticate(&self, credential: &str, now: Timestamp) -> Result<Principal, NotBelieved>;
}

/// The first of several that knows what kind of credential it is.
#[derive(Clone)]
pub struct AnyOf(Vec<Arc<dyn Authenticate>>);

impl AnyOf {
    /// They are asked in this order.
    #[must_use]
    pub const fn new(kinds: Vec<Arc<dyn Authenticate>>) -> Self {
        Self(kinds)
    }
}

impl std::fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnyOf({})", self.0.len())
    }
}

impl Authenticate for AnyOf {
    fn authenticate(&self, credential: &str, now: Timestamp) -> Result<Principal, NotBelieved> {
        for kind in &self.0 {
            match kind.authenticate(credential, now) {
                Err(NotBelieved::NotMine) => {}
                told => return told,
            }
        }
        Err(NotBelieved::Invalid)
    }
}
