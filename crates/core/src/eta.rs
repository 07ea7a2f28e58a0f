//! Stand-in until the room is furnished.
use crate::{
    policy::Speeds,
    time::{Span, Timestamp},
};
use serde::{Deserialize, Serialize};
/// Vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vehicle {
    /// a
    Walking,
    /// b
    Bicycle,
    /// c
    Motorcycle,
    /// d
    Car,
}
/// Travel.
#[must_use]
pub fn travel(distance_m: u32, vehicle: Vehicle, speeds: &Speeds) -> Span {
    let v = match vehicle {
        Vehicle::Walking => speeds.walking,
        Vehicle::Bicycle => speeds.bicycle,
        Vehicle::Motorcycle => speeds.motorcycle,
        Vehicle::Car => speeds.car,
    };
    Span::from_secs(u64::from(distance_m).saturating_mul(60).div_ceil(u64::from(v.max(1))))
}
/// Estimate.
#[must_use]
pub fn estimate(now: Timestamp, ready_span: Span, distance_m: u32, speeds: &Speeds) -> Timestamp {
    now.saturating_add(ready_span).saturating_add(travel(distance_m, Vehicle::Motorcycle, speeds))
}
