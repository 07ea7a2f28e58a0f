//! What is sent and received, as JSON. Additive changes only: a field is never taken away or given
//! another meaning under `/v1`.
//!
//! Times are RFC 3339 in UTC, money is whole minor units with its ISO 4217 currency, places are
//! degrees (WGS 84), ids are opaque text with a prefix.

mod basic;
mod driver;
pub(crate) mod ids;
mod notification;
mod ops;
mod order;
mod problem;
mod restaurant;
mod sale;
pub(crate) mod strict;
mod time;
mod track;
pub(crate) mod whole;

#[cfg(test)]
mod tests;

pub use basic::{Money, Page, Place};
pub use driver::{
    Delivery, DeliveryOrder, DriverState, DriverStatus, FromDriver, Offer, PingIn, PingsTaken,
    ToDriver,
};
pub use notification::Notification;
pub use ops::{Bounds, Counters, DriverCounts, Marker, Markers, OrderCounts, PingCounts};
pub use order::{
    Cancellation, CancellationReason, Carrier, Ground, Line, Milestone, Order, Party, Payment,
    PaymentState, Quote, Status,
};
pub use problem::Problem;
pub use restaurant::{
    BadRestaurant, Category, Choice, Hours, Item, Menu, NearbyRestaurant, Opening, OptionGroup,
    Restaurant,
};
pub use sale::{Held, HeldState, Sale, Standing};
pub use time::{BadTime, Time};
pub use track::TrackMessage;
