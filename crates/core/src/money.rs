//! Amounts of money: integer minor units and a currency, checked arithmetic, no floats.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency code: three upper-case ASCII letters.
///
/// The list of codes changes from year to year, so the form is checked, not the membership: a
/// shard does business in the one currency of its policy, and refuses every other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency with this code; `None` unless it is three upper-case ASCII letters.
    ///
    /// ```
    /// use doorstep_core::money::Currency;
    ///
    /// assert_eq!(Currency::new("COP").unwrap().code(), "COP");
    /// assert!(Currency::new("cop").is_none());
    /// ```
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&code).ok_or_else(|| {
            serde::de::Error::custom("a currency is three upper-case letters (ISO 4217)")
        })
    }
}

/// An amount in minor units (cents, pence, centavos) of a currency. It may be negative, as the
/// result of a subtraction; what must not be negative says so where it is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why two amounts do not make a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Amounts of two currencies are never added.
    #[error("{left} and {right} cannot be reckoned together")]
    CurrencyMismatch {
        /// The currency of the left amount.
        left: Currency,
        /// The currency of the right amount.
        right: Currency,
    },
    /// More minor units than an `i64` holds.
    #[error("the amount is out of range")]
    Overflow,
}

impl Money {
    /// `minor` minor units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is exactly nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError`] if the currencies differ or the sum is out of range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The difference; negative if `other` is more.
    ///
    /// # Errors
    /// [`MoneyError`] if the currencies differ or the difference is out of range.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// `times` as much.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if the product is out of range.
    pub fn checked_mul(self, times: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(times)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// `permille` thousandths, rounded half away from zero to the minor unit.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if the share is out of range.
    pub fn checked_permille(self, permille: u32) -> Result<Self, MoneyError> {
        let thousandths = i128::from(self.minor).saturating_mul(i128::from(permille));
        let half = if thousandths < 0 { -500 } else { 500 };
        let rounded = thousandths.saturating_add(half) / 1_000;
        let minor = i64::try_from(rounded).map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.minor, self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::new("EUR").unwrap())
    }

    #[test]
    fn two_currencies_are_never_added() {
        let usd = Money::new(1, Currency::new("USD").unwrap());
        assert!(matches!(eur(1).checked_add(usd), Err(MoneyError::CurrencyMismatch { .. })));
        assert!(matches!(eur(1).checked_sub(usd), Err(MoneyError::CurrencyMismatch { .. })));
    }

    #[test]
    fn arithmetic_out_of_range_is_an_error() {
        assert_eq!(eur(i64::MAX).checked_add(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MIN).checked_sub(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).checked_mul(2), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).checked_permille(1_001), Err(MoneyError::Overflow));
    }

    #[test]
    fn thousandths_round_half_away_from_zero() {
        assert_eq!(eur(1_050).checked_permille(190), Ok(eur(200)));
        assert_eq!(eur(2_050).checked_permille(10), Ok(eur(21)));
        assert_eq!(eur(-2_050).checked_permille(10), Ok(eur(-21)));
        assert_eq!(eur(i64::MAX).checked_permille(1_000), Ok(eur(i64::MAX)));
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        for bad in ["", "EU", "EURO", "eur", "E R", "É1"] {
            assert_eq!(Currency::new(bad), None, "{bad}");
        }
        assert!(serde_json::from_str::<Currency>("\"eur\"").is_err());
    }
}
