//! The pure domain of Doorstep.
pub mod dispatch;
pub mod eta;
pub mod id;
pub mod money;
pub mod place;
pub mod policy;
pub mod time;
