//! A seeded city on a virtual clock, with faults, and the auditor that checks what comes of it.
//!
//! - [`day`]: a recorded day of orders and couriers, read from two CSV files.
//! - [`city`]: an evening that is made up from a seed, of the same shape.
//! - [`world`]: customers, kitchens and drivers around the very host that servers use; the hostile
//!   provider; crashes, pauses and restarts from the log.
//! - [`keep`]: what an evening on disk keeps beside its log, so that one that was killed goes on.
//! - [`audit`]: the auditor, which reads the raw log by itself and believes nobody.
//! - [`report`]: what a run comes to, for people and for programs.
//!
//! ```
//! use doorstep_core::money::Currency;
//! use doorstep_core::policy::Policy;
//! use doorstep_sim::city::{City, CityConfig};
//! use doorstep_sim::world::{World, WorldConfig};
//!
//! let day = City::generate(&CityConfig::new(7, 20));
//! let config = WorldConfig::new(7, Policy::new(Currency::new("EUR").unwrap()));
//! let evening = World::new(config, &day).run(|_| {});
//! assert_eq!(evening.auditor.violation_count(), 0);
//! assert!(evening.log_verified);
//! ```

pub mod audit;
pub mod city;
pub mod day;
pub mod keep;
pub mod report;
pub mod world;
