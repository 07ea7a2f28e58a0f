//! The shell.

pub mod arrivals;
pub mod client;
pub mod effects;
pub mod host;
pub mod matcher;
pub mod memory_log;
pub mod ports;
pub mod sandbox;
pub mod views;
