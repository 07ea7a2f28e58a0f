//! What a customer pays, and what a driver earns: both by the distance, in kilometres begun.
//!
//! A [`Quote`] keeps the parts that it was made of, so that a receipt explains itself, a refund
//! reckons with the fee and tax of its day, and a later change of policy touches no placed order.

use serde::{Deserialize, Serialize};

use crate::money::{Money, MoneyError};
use crate::policy::{CheckoutPolicy, Policy};

/// The price of an order, with how it was made: `total = subtotal + delivery_fee + tax`.
///
/// All amounts are in the currency of the subtotal. The tax is reckoned once, on subtotal and fee
/// together, and rounded half away from zero to the minor unit: rounding each part apart could miss
/// the sum by a minor unit.
///
/// ```
/// use doorstep_core::{money::{Currency, Money}, policy::Policy, pricing::Quote};
///
/// let eur = Currency::new("EUR").unwrap();
/// let mut policy = Policy::new(eur);
/// policy.checkout.tax_permille = 100;
///
/// let quote = Quote::new(Money::new(2_000, eur), 2_400, &policy.checkout)?;
/// assert_eq!(quote.delivery_fee.minor(), 199 + 3 * 50);
/// assert_eq!(quote.tax.minor(), 235);
/// assert_eq!(quote.total.minor(), 2_000 + 349 + 235);
///
/// // A line ran out: same fee, less tax.
/// assert_eq!(quote.adjusted(Money::new(1_500, eur))?.total.minor(), 1_500 + 349 + 185);
/// # Ok::<(), doorstep_core::money::MoneyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// From pick-up to drop-off as the crow flies, in metres: what the fee was reckoned by.
    pub distance_m: u32,
    /// The sum of the lines.
    pub subtotal: Money,
    /// The fee for bringing it: a base and an amount for each kilometre begun.
    pub delivery_fee: Money,
    /// The tax rate at the time, in thousandths.
    pub tax_permille: u32,
    /// The tax on subtotal and fee.
    pub tax: Money,
    /// What the customer pays.
    pub total: Money,
}

impl Quote {
    /// The price of lines worth `subtotal`, brought over `distance_m` metres. The subtotal is taken
    /// as it is: whoever summed the lines answers for its sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if an amount is out of range.
    pub fn new(
        subtotal: Money,
        distance_m: u32,
        policy: &CheckoutPolicy,
    ) -> Result<Self, MoneyError> {
        let currency = subtotal.currency();
        let delivery_fee = by_distance(
            Money::new(policy.fee_base_minor, currency),
            Money::new(policy.fee_per_km_minor, currency),
            distance_m,
        )?;
        Self::of_parts(distance_m, subtotal, delivery_fee, policy.tax_permille)
    }

    /// This quote with other lines, as when one of them ran out: the fee and the tax rate are the
    /// agreed ones, the tax is reckoned anew.
    ///
    /// # Errors
    /// [`MoneyError`] if `subtotal` is in another currency or an amount is out of range.
    pub fn adjusted(&self, subtotal: Money) -> Result<Self, MoneyError> {
        Self::of_parts(self.distance_m, subtotal, self.delivery_fee, self.tax_permille)
    }

    fn of_parts(
        distance_m: u32,
        subtotal: Money,
        delivery_fee: Money,
        tax_permille: u32,
    ) -> Result<Self, MoneyError> {
        let taxed = subtotal.checked_add(delivery_fee)?;
        let tax = taxed.checked_permille(tax_permille)?;
        let total = taxed.checked_add(tax)?;
        Ok(Self { distance_m, subtotal, delivery_fee, tax_permille, tax, total })
    }
}

/// What a driver earns for carrying a delivery over `distance_m` metres, from pick-up to drop-off:
/// a base and an amount for each kilometre begun.
///
/// ```
/// use doorstep_core::{money::Currency, policy::Policy, pricing::earnings};
///
/// let policy = Policy::new(Currency::new("EUR").unwrap());
/// assert_eq!(earnings(1_001, &policy)?.minor(), 250 + 2 * 60);
/// # Ok::<(), doorstep_core::money::MoneyError>(())
/// ```
///
/// # Errors
/// [`MoneyError::Overflow`] if the amount is out of range; never for a policy that passes
/// [`Policy::check`].
pub fn earnings(distance_m: u32, policy: &Policy) -> Result<Money, MoneyError> {
    by_distance(
        Money::new(policy.dispatch.earn_base_minor, policy.currency),
        Money::new(policy.dispatch.earn_per_km_minor, policy.currency),
        distance_m,
    )
}

fn by_distance(base: Money, per_km: Money, distance_m: u32) -> Result<Money, MoneyError> {
    base.checked_add(per_km.checked_mul(distance_m.div_ceil(1_000))?)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::new("EUR").unwrap())
    }

    fn policy() -> Policy {
        Policy::new(Currency::new("EUR").unwrap())
    }

    #[test]
    fn a_kilometre_counts_from_its_first_metre() {
        for (distance_m, km) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (u32::MAX, 4_294_968)] {
            let quote = Quote::new(eur(0), distance_m, &policy().checkout).unwrap();
            assert_eq!(quote.delivery_fee, eur(199 + 50 * km), "{distance_m} m");
            assert_eq!(earnings(distance_m, &policy()), Ok(eur(250 + 60 * km)), "{distance_m} m");
        }
    }

    #[test]
    fn tax_is_rounded_once_on_the_sum_of_lines_and_fee() {
        let mut policy = policy().checkout;
        (policy.fee_base_minor, policy.fee_per_km_minor, policy.tax_permille) = (4, 0, 100);
        let quote = Quote::new(eur(4), 700, &policy).unwrap();
        assert_eq!((quote.tax, quote.total), (eur(1), eur(9)));
    }

    #[test]
    fn an_amount_out_of_range_is_an_error() {
        let policy = policy().checkout;
        assert_eq!(Quote::new(eur(i64::MAX), 0, &policy), Err(MoneyError::Overflow));
        let quote = Quote::new(eur(1), 0, &policy).unwrap();
        assert_eq!(quote.adjusted(eur(i64::MAX)), Err(MoneyError::Overflow));
    }

    #[test]
    fn a_quote_is_not_adjusted_to_another_currency() {
        let quote = Quote::new(eur(1), 0, &policy().checkout).unwrap();
        let cop = Money::new(1, Currency::new("COP").unwrap());
        assert!(matches!(quote.adjusted(cop), Err(MoneyError::CurrencyMismatch { .. })));
    }

    proptest! {
        #[test]
        fn a_quote_is_the_sum_of_its_parts_and_adjusting_it_to_itself_changes_nothing(
            subtotal in 0..=1_000_000_000i64,
            distance_m in 0..=20_015_114u32,
            base in 0..=1_000_000i64,
            per_km in 0..=1_000_000i64,
            tax_permille in 0..=1_000u32,
        ) {
            let mut policy = policy().checkout;
            policy.fee_base_minor = base;
            policy.fee_per_km_minor = per_km;
            policy.tax_permille = tax_permille;
            let quote = Quote::new(eur(subtotal), distance_m, &policy).unwrap();
            let parts = quote.subtotal.minor() + quote.delivery_fee.minor() + quote.tax.minor();
            prop_assert_eq!(quote.total, eur(parts));
            prop_assert_eq!(quote.subtotal, eur(subtotal));
            prop_assert_eq!(quote.adjusted(quote.subtotal), Ok(quote));
            let json = serde_json::to_string(&quote).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quote>(&json).unwrap(), quote);
        }

        #[test]
        fn fewer_lines_never_cost_more_and_leave_the_fee_alone(
            (less, more) in (0..=1_000_000i64).prop_flat_map(|more| (0..=more, Just(more))),
            tax_permille in 0..=1_000u32,
        ) {
            let mut policy = policy().checkout;
            policy.tax_permille = tax_permille;
            let quote = Quote::new(eur(more), 3_000, &policy).unwrap();
            let adjusted = quote.adjusted(eur(less)).unwrap();
            prop_assert!(adjusted.total.minor() <= quote.total.minor());
            prop_assert_eq!(adjusted.delivery_fee, quote.delivery_fee);
            prop_assert_eq!(adjusted, Quote::new(eur(less), 3_000, &policy).unwrap());
        }
    }
}
