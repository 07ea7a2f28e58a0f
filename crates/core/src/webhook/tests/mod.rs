//! Signatures by the published vectors and the cases of the official suites; events; the inbox.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod events;
mod inbox;
mod properties;
mod standard;
mod stripe;
