//! The pure domain of Doorstep.
pub mod dispatch;
pub mod eta;
pub mod id;
pub mod money;
pub mod order;
pub mod payment;
pub mod place;
pub mod policy;
pub mod pricing;
pub mod time;
