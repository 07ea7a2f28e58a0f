//! How much of everything the platform has at its peak.

/// What is required, a second each where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Drivers who are heard of.
    pub(crate) drivers: u64,
    pub(crate) pings: f64,
    pub(crate) orders: f64,
    /// Each of them, of orders: accepted, begun, at the door.
    pub(crate) later: f64,
    pub(crate) browses: f64,
    /// Eligibility checks in all.
    pub(crate) checks: f64,
    /// Those of them that come over HTTP.
    pub(crate) polls: f64,
    /// Orders on their way.
    pub(crate) live: u64,
    /// People who want a unit within one second.
    pub(crate) crowd: u64,
}

/// Units of the flash sale.
pub(crate) const UNITS: u32 = 200;

impl Rates {
    /// The whole peak, or a part of it.
    pub(crate) fn at_peak(scale: f64) -> Self {
        let part = |whole: f64| (whole * scale).max(1.0);
        Self {
            drivers: part(500_000.0) as u64,
            pings: part(100_000.0),
            orders: part(290.0),
            later: part(290.0),
            browses: part(2_900.0),
            checks: part(100_000.0),
            polls: part(1_000.0),
            // As many as come to their doors within two minutes, and the rest.
            live: part(60_000.0) as u64,
            crowd: part(20_000.0) as u64,
        }
    }
}
