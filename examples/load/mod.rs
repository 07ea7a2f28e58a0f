//! What the programs share that put a service under load: a city to serve, a cheap HTTP client, and
//! offers at a pace.
#![allow(dead_code, reason = "each program uses a part of it")]

pub(crate) mod city;
pub(crate) mod http;
pub(crate) mod pace;
pub(crate) mod process;

/// What goes wrong here ends the measurement.
pub(crate) type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
