//! The cancel button: who may end an order, when, and on what terms.
//!
//! - [`terms`]: the one table of actor × phase. The order asks it when it decides; the log's order
//!   of a cancellation and an arrival is the truth, and the loser is told which it was.
//! - [`Board`]: the read path for a hundred thousand checks a second. It holds one stamp an order
//!   ([`cancellable_from`]), computed by the order and republished with each batch; a check is one
//!   load and one compare, and holds no rule.

#[cfg(feature = "board")]
mod board;
mod terms;

#[cfg(feature = "board")]
pub use board::{Board, BoardFull};
pub use terms::{Ground, Refusal, cancellable_from, terms};

#[cfg(test)]
mod tests;
