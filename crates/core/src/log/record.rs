//! What stands in the log, and its one written form.
//!
//! A record is one JSON object with one member that names its kind: `{"claim":{…}}`,
//! `{"batch":{…}}`, `{"mark":{…}}`. Whatever this version does not know (a format, a kind, a
//! field) is [`Undecodable`], and a reader that meets it stops: skipping it would let readers of
//! two versions diverge.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::CommandId;
use crate::time::Timestamp;

/// The version of the written form; every [`Record::Claim`] carries it.
pub const FORMAT: u32 = 1;

/// Where in the log an entry stands. Positions rise, and may skip numbers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// The position with this number.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The lowest position above this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A nonce: names whoever appends under one attempt at a claim, and nobody else, ever.
///
/// Text form: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writer(u128);

impl Writer {
    /// The writer with this number.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The writer of the `attempt`-th claim made under `seed`: as good a nonce as the seed is.
    ///
    /// For one seed no two attempts agree; for two random seeds they agree with a chance of 2⁻¹²⁸.
    #[must_use]
    pub const fn nonce(seed: u128, attempt: u64) -> Self {
        Self(mix(seed, attempt))
    }
}

/// Scatters `seed` and `n` over 128 bits. For a fixed seed it is one-to-one in `n`: every step
/// (xor, product with an odd number, xor with a shift of itself) can be undone.
pub(super) const fn mix(seed: u128, n: u64) -> u128 {
    // Odd multipliers of PCG's 128-bit generators (O'Neill, 2014).
    const SPREAD: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
    const STIR: u128 = 0x5851_f42d_4c95_7f2d_1405_7b7e_f767_814f;
    let mut x = seed ^ (n as u128).wrapping_mul(SPREAD);
    x = (x ^ (x >> 64)).wrapping_mul(STIR);
    x = (x ^ (x >> 59)).wrapping_mul(SPREAD);
    x ^ (x >> 64)
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Writer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Writer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Written as a command id is: the same 128 bits in the same digits.
        CommandId::deserialize(deserializer).map(|id| Self(id.get()))
    }
}

/// Why a batch was decided: the command of a caller who may ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Which command. A retry carries the same id.
    pub id: CommandId,
    /// When the caller first issued it, by the caller's clock. A retry carries the same time.
    pub issued_at: Timestamp,
    /// A digest of the request's body, to tell a retry from another request under the same id;
    /// 0: not compared.
    pub digest: u64,
}

/// Facts that enter the log together, with what its caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch<E, O> {
    /// The claim it was decided under.
    pub epoch: u64,
    /// Who decided it.
    pub writer: Writer,
    /// How many batches counted before the one that this is decided on.
    pub seq: u64,
    /// When it was decided; never before the batch it follows.
    pub at: Timestamp,
    /// The identified command, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How far the command queue is consumed with this batch, where there is a queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<u64>,
    /// What happened. A refusal has none.
    pub events: Vec<E>,
    /// What the caller is told; there exactly when there is a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<O>,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Record<E, O> {
    /// "From here on I decide."
    Claim {
        /// The version of the written form: [`FORMAT`].
        format: u32,
        /// One more than the epoch that the claimant found.
        epoch: u64,
        /// The claimant's nonce, new for every attempt.
        writer: Writer,
    },
    /// What was decided.
    Batch(Batch<E, O>),
    /// "A snapshot was stored and verified": readers may start from it, and the log be trimmed
    /// behind it.
    Mark {
        /// The claim it was appended under.
        epoch: u64,
        /// Who appended it.
        writer: Writer,
        /// How many batches counted before it.
        seq: u64,
        /// A digest of the snapshot.
        hash: u64,
        /// The last entry that the snapshot contains.
        position: Position,
    },
}

impl<E, O> Record<E, O> {
    /// Who appended it.
    #[must_use]
    pub const fn writer(&self) -> Writer {
        match self {
            Self::Claim { writer, .. } | Self::Mark { writer, .. } => *writer,
            Self::Batch(batch) => batch.writer,
        }
    }
}

impl<E: Serialize, O: Serialize> Record<E, O> {
    /// The written form: one line of JSON, without a line break. The same record gives the same
    /// bytes.
    ///
    /// # Errors
    /// [`Unencodable`] if an event or outcome has no JSON form (a map whose keys are no text).
    pub fn encode(&self) -> Result<Vec<u8>, Unencodable> {
        serde_json::to_vec(self).map_err(|error| Unencodable { why: error.to_string() })
    }
}

impl<E: DeserializeOwned, O: DeserializeOwned> Record<E, O> {
    /// Reads the written form.
    ///
    /// # Errors
    /// [`Undecodable`] if this version does not understand every part of it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let record: Self = serde_json::from_slice(bytes)
            .map_err(|error| Undecodable::Malformed { why: error.to_string() })?;
        match &record {
            Self::Claim { format, .. } if *format != FORMAT => {
                Err(Undecodable::UnknownFormat { found: *format })
            }
            Self::Batch(batch) if batch.cause.is_some() != batch.outcome.is_some() => {
                Err(Undecodable::CauseAndOutcome)
            }
            Self::Claim { .. } | Self::Batch(_) | Self::Mark { .. } => Ok(record),
        }
    }
}

/// A record that has no written form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the record has no written form: {why}")]
pub struct Unencodable {
    /// For people.
    pub why: String,
}

/// Bytes that this version cannot take for a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Undecodable {
    /// No record, or one with a part that this version does not know.
    #[error("no record that this version knows: {why}")]
    Malformed {
        /// For people.
        why: String,
    },
    /// A claim announces records in another format.
    #[error("the log goes on in format {found}, this version reads {FORMAT}")]
    UnknownFormat {
        /// The format announced.
        found: u32,
    },
    /// A batch has a cause without an outcome, or an outcome without a cause.
    #[error("a batch has an outcome exactly when it has a cause")]
    CauseAndOutcome,
}
