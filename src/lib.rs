#![doc = include_str!("../README.md")]

pub use doorstep_core as core;
pub use doorstep_geo_index as geo_index;
