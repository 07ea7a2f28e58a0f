#![doc = include_str!("../README.md")]

pub use doorstep_core as core;
pub use doorstep_geo_index as geo_index;
#[cfg(feature = "http")]
pub use doorstep_http as http;
#[cfg(any(feature = "http", feature = "sqlite"))]
pub use doorstep_runtime as runtime;
#[cfg(feature = "sqlite")]
pub use doorstep_sqlite as sqlite;
