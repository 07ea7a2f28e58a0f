//! Stand-in until the room is furnished.
use crate::{
    money::{Money, MoneyError},
    policy::{CheckoutPolicy, Policy},
};
use serde::{Deserialize, Serialize};
/// Quote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quote {
    /// m
    pub distance_m: u32,
    /// s
    pub subtotal: Money,
    /// f
    pub delivery_fee: Money,
    /// p
    pub tax_permille: u32,
    /// t
    pub tax: Money,
    /// t
    pub total: Money,
}
impl Quote {
    /// New.
    /// # Errors
    /// e
    pub fn new(
        subtotal: Money,
        distance_m: u32,
        policy: &CheckoutPolicy,
    ) -> Result<Self, MoneyError> {
        let fee = Money::new(policy.fee_base_minor, subtotal.currency());
        let tax = subtotal.checked_add(fee)?.checked_permille(policy.tax_permille)?;
        Ok(Self {
            distance_m,
            subtotal,
            delivery_fee: fee,
            tax_permille: policy.tax_permille,
            tax,
            total: subtotal.checked_add(fee)?.checked_add(tax)?,
        })
    }
    /// Adjusted.
    /// # Errors
    /// e
    pub fn adjusted(&self, subtotal: Money) -> Result<Self, MoneyError> {
        let tax = subtotal.checked_add(self.delivery_fee)?.checked_permille(self.tax_permille)?;
        Ok(Self {
            subtotal,
            tax,
            total: subtotal.checked_add(self.delivery_fee)?.checked_add(tax)?,
            ..self.clone()
        })
    }
}
/// Earnings.
/// # Errors
/// e
pub fn earnings(_distance_m: u32, policy: &Policy) -> Result<Money, MoneyError> {
    Ok(Money::new(policy.dispatch.earn_base_minor, policy.currency))
}
