//! The facade.
pub use doorstep_core as core;
