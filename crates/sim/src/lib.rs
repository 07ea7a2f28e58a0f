//! A seeded city on a virtual clock, with faults, and the auditor that checks what comes of it.
//!
//! - [`day`]: a recorded day of orders and couriers, read from two CSV files.
//! - [`city`]: an evening that is made up from a seed, of the same shape.
//! - [`audit`]: the auditor, which reads the raw log by itself and believes nobody.
//! - [`report`]: what a run comes to, for people and for programs.

pub mod audit;
pub mod city;
pub mod day;
pub mod report;
pub mod world;
