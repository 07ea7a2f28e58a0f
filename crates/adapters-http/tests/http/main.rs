//! The service as its callers meet it: over a host on a thread of its own, in memory.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a failing test fails"
)]

mod city;
mod keys;
mod matrix;
mod openapi;
mod ordering;
mod serving;
mod sockets;
mod tokens;
