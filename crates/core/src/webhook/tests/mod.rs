//! Signatures by the published vectors and the cases of the official suites; events; the inbox.

mod events;
mod inbox;
mod properties;
mod standard;
mod stripe;
