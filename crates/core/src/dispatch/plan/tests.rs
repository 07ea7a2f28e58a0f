//! What every plan keeps to, on scenes and whole days that are drawn from a seed.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

mod days;
mod scenes;
mod town;
