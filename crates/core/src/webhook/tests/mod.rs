//! Signatures by the published vectors and the cases of the official suites; events; the inbox.

mod inbox;
mod events;
mod properties;
mod standard;
mod stripe;
