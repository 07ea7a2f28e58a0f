//! Stand-in until the room is furnished.
use crate::{
    id::ItemId,
    money::{Money, MoneyError},
};
use serde::{Deserialize, Serialize};
/// Line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// i
    pub item: ItemId,
    /// q
    pub quantity: u32,
    /// c
    pub choices: Vec<ItemId>,
    /// u
    pub unit: Money,
}
impl Line {
    /// total
    /// # Errors
    /// e
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit.checked_mul(self.quantity)
    }
}
/// Acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// m
    Manual,
    /// a
    Automatic,
}
/// Kitchen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KitchenKind {
    /// c
    Cooks,
    /// s
    Shelf,
}
