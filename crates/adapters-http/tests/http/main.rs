//! The service as its callers meet it: over a host on a thread of its own, in memory.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod city;
mod closing;
mod forms;
mod history;
mod keys;
mod matrix;
mod notifications;
mod openapi;
mod ordering;
mod overload;
mod serving;
mod slow;
mod sockets;
mod tokens;
