//! The pure domain of Doorstep.
pub mod cancel;
pub mod catalog;
pub mod checkout;
pub mod eta;
pub mod id;
#[cfg(feature = "log")]
pub mod log;
pub mod money;
pub mod order;
pub mod payment;
pub mod place;
pub mod policy;
pub mod pricing;
pub mod time;
