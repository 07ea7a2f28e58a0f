//! Where every driver is, what is near, and who has arrived: in memory, without I/O.
//!
//! [`DriverIndex`] takes in the pings of moving drivers and answers who is near. [`places::Places`]
//! does the latter for what stays where it is. [`arrival`] turns one driver's fixes into
//! "arrived" and "left", [`zones`] those of all drivers into comings and goings, and [`cluster`] shows them
//! on a map. None of them reads a clock, starts a thread or knows an order: pings, `now` and
//! the filter of a query are arguments.
//!
//! ```
//! use doorstep_core::{id::DriverId, place::LatLng, time::{Span, Timestamp}};
//! use doorstep_geo_index::{Config, DriverIndex, Fix, Ping, Verdict};
//!
//! let index = DriverIndex::new(Config { stale_after: Span::from_secs(30), ..Config::default() })?;
//! let kitchen = LatLng::new(4.8133, -75.6961)?;
//! let noon = Timestamp::from_secs(1_700_000_000);
//! let ana = DriverId::from(1);
//!
//! // Pings come from any thread, in any order; each gets a verdict.
//! let ping = |lat, secs| -> Result<Ping, Box<dyn std::error::Error>> {
//!     let taken_at = noon.saturating_add(Span::from_secs(secs));
//!     Ok(Ping::new(ana, Fix::new(LatLng::new(lat, -75.6961)?, taken_at)))
//! };
//! assert_eq!(index.record(&ping(4.8200, 0)?), Verdict::Inserted);
//! assert_eq!(index.record(&ping(4.8160, 20)?), Verdict::Moved);
//! assert_eq!(index.record(&ping(4.8180, 10)?), Verdict::OutOfOrder);
//! assert_eq!(index.record(&ping(5.8160, 25)?), Verdict::Implausible); // 111 km in 5 s
//!
//! // Who is within 5 km, nearest first, and how old is that?
//! let mut hits = Vec::new();
//! let now = noon.saturating_add(Span::from_secs(23));
//! index.nearest(kitchen, 5_000, 20, now, |_driver, fix| !fix.mocked, &mut hits);
//! assert_eq!((hits[0].driver, hits[0].distance_m, hits[0].age), (ana, 300, Span::from_secs(3)));
//!
//! // A stale fix is no answer, whether or not it has been evicted.
//! let later = now.saturating_add(Span::from_mins(5));
//! index.nearest(kitchen, 5_000, 20, later, |_, _| true, &mut hits);
//! assert!(hits.is_empty());
//! assert_eq!(index.evict_stale(later), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the driver index promises
//!
//! - **One position a driver.** A query sees each driver where the index believed it at one moment during
//!   the call: never at two places, never at one that it had left before.
//! - **Newest wins.** Of one driver's pings the one taken last is believed, whatever order they come
//!   in; of two taken at the same time, the first to come. Order is judged under the lock that guards
//!   the write.
//! - **Jumps are not believed.** A fix that no vehicle can have reached gets [`Verdict::Implausible`],
//!   until some consecutive ones agree ([`Config::confirm_after`]). Who jumps again and again is named
//!   ([`DriverIndex::suspects`]).
//! - **Fresh or not at all.** Every hit carries the age of its fix, and none is older than
//!   [`Config::stale_after`]. Eviction is only about memory.
//! - **True order.** Hits come by great-circle distance in whole metres, then by driver; also across the
//!   antimeridian and at the poles.
//! - **Bounded.** At [`Config::drivers_max`] new drivers get [`Verdict::Full`] and the known ones go on;
//!   nothing is evicted unasked. A query holds at most twice its `k` (but at least 32) hits, and takes
//!   nothing from the heap but room in the caller's buffer.
//! - **Counted.** [`DriverIndex::tally`] says how many pings got which verdict.
//!
//! **Cost.** A ping of a driver who stays in a cell of the grid is a look into the directory and one
//! into the driver's entry; one who leaves it (some 4 in 100, at 40 m a ping) is moved from one
//! bucket to another. Batches have the loads of many pings under way at once: about what it costs to put
//! the same record into a concurrent hash map. Where drivers crowd cells are divided, so neither a
//! ping nor a query pays for a full stadium; but drivers at the very same place are all looked at. A
//! nearest query looks into the cells of a box about as large as `k` drivers need; one wider than
//! that pays (more than one cell for eight drivers) looks at every driver. A driver takes some 70
//! bytes. Writers wait only for writers of the same stripe and for queries under way; queries never
//! wait for each other. When the directory of a stripe doubles, that ping takes some milliseconds.
//!
//! **Clocks.** A ping from a phone whose clock runs ahead would shut out the honest ones that follow. Pass
//! fixes through [`Fix::received_at`] where they come in.
//!
//! # The rooms
//!
//! | | |
//! |---|---|
//! | [`Config`] | stripes, bounds |
//! | [`Ping`], [`Fix`], [`Verdict`], [`Tally`], [`Suspicion`] | what comes in, and what became of it |
//! | [`DriverIndex`], [`Hit`] | record, record_batch, remove, get, nearest, within, in_viewport, within_polygon, suspects, evict_stale |
//! | [`Viewport`] | the rectangle of a map, also across the antimeridian |
//! | `stripe`, `arena`, `entry` | what one lock guards: directory and cell buckets; where entries lie |
//! | `batch` | many pings at once, in phases |
//! | `cell` | the grid over fixed-point coordinates |
//! | `visit` | all drivers in a rectangle, in no order |
//! | `nearest`, `query`, `distance` | the search by boxes and the argument why it may stop; the best so far; distances from one place |
//! | [`places`] | restaurants: near me, within their delivery radius, page by page |
//! | [`zones`] | polygons: which hold this place; who entered, stayed, left |
//! | [`cluster`] | a viewport of many drivers as at most so many markers |
//! | [`arrival`] | the geofence of a door: hysteresis, dwell, accuracy |
//! | [`reference`](mod@reference) | the linear scan that the index is tested against |

mod arena;
pub mod arrival;
mod batch;
mod cell;
pub mod cluster;
mod config;
mod distance;
mod entry;
mod index;
mod nearest;
mod ping;
pub mod places;
mod query;
pub mod reference;
mod stripe;
mod viewport;
mod visit;
pub mod zones;

pub use config::{Config, ConfigError};
pub use index::{DriverIndex, Hit};
pub use ping::{Fix, Ping, Suspicion, Tally, Verdict};
pub use viewport::{Viewport, ViewportError};

#[cfg(test)]
mod tests;
