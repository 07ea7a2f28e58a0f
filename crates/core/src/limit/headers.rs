//! What a limit says of itself in HTTP: `Retry-After` (RFC 9110, 10.2.3), `RateLimit-Policy` and
//! `RateLimit` (draft-ietf-httpapi-ratelimit-headers), as numbers and as text.

use core::fmt::{self, Write as _};

use super::{Gcra, Quota, span_up};
use crate::time::{Span, Timestamp};

/// Longest name of a policy, in bytes.
const NAME_MAX: usize = 64;

/// The name under which a policy is announced, such as `burst` or `default`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PolicyName(String);

/// Why a text names no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a policy's name is 1 to 64 letters, digits, `-`, `_` or `.`, in ASCII")]
pub struct PolicyNameError;

impl PolicyName {
    /// A name that needs no escape in a header.
    ///
    /// # Errors
    /// [`PolicyNameError`] unless it is 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
    pub fn new(name: impl Into<String>) -> Result<Self, PolicyNameError> {
        let name = name.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(PolicyNameError)
        }
    }
}

/// What a quota promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimitPolicy {
    /// `q`: how many may be taken at once.
    pub quota: u32,
    /// `w`: in how many seconds they are all there again, rounded up.
    pub window_s: u64,
}

/// Where a caller stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// `r`: how many may be taken now.
    pub remaining: u32,
    /// `t`: in how many seconds all are there again, rounded up.
    pub reset_s: u64,
}

impl Quota {
    /// What the quota promises, for `RateLimit-Policy`.
    ///
    /// ```
    /// use doorstep_core::limit::{PolicyName, Quota};
    /// use doorstep_core::time::Span;
    ///
    /// let quota = Quota::new(100, Span::from_secs(60))?;
    /// let header = quota.header().text(&PolicyName::new("burst")?);
    /// assert_eq!(header, "\"burst\";q=100;w=60");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn header(&self) -> RateLimitPolicy {
        let window_s = retry_after_s(span_up(self.burst_ns()));
        RateLimitPolicy { quota: self.burst(), window_s }
    }
}

impl Gcra {
    /// Where the caller stands, for `RateLimit`.
    #[must_use]
    pub fn header(self, quota: &Quota, now: Timestamp) -> RateLimit {
        let (remaining, reset_s) = (self.remaining(quota, now), retry_after_s(self.full_in(now)));
        RateLimit { remaining, reset_s }
    }
}

impl RateLimitPolicy {
    /// The field's value: `"burst";q=100;w=60`.
    #[must_use]
    pub fn text(&self, name: &PolicyName) -> String {
        format!("{name};q={};w={}", self.quota, self.window_s)
    }
}

impl RateLimit {
    /// The field's value: `"default";r=50;t=30`.
    #[must_use]
    pub fn text(&self, name: &PolicyName) -> String {
        let mut text = String::with_capacity(NAME_MAX);
        // A text takes all that is written to it.
        let _written = write!(text, "\"{}\";r={};t={}", name.0, self.remaining, self.reset_s);
        text
    }
}

/// The value of `Retry-After`: whole seconds, rounded up, so that whoever obeys is not too early.
#[must_use]
pub const fn retry_after_s(wait: Span) -> u64 {
    wait.as_millis().div_ceil(1_000)
}

/// In quotes, as a structured field's string (RFC 9651).
impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}
