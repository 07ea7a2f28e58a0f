//! The shell.

pub mod effects;
pub mod memory_log;
pub mod ports;
pub mod sandbox;
