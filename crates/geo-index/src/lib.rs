//! Live driver index.
mod cell;
mod config;
mod index;
mod nearest;
mod ping;
pub mod reference;
mod stripe;
mod viewport;

pub use config::{Config, ConfigError};
pub use index::{DriverIndex, Hit};
pub use ping::{Fix, Ping, Tally, Verdict};
pub use viewport::{Viewport, ViewportError};

#[cfg(test)]
mod tests;
