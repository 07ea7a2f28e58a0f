//! How a world is set up, and what it counts.

use doorstep_core::policy::Policy;
use doorstep_core::time::Span;
use doorstep_runtime::host::Tap;

/// How the people of a city are, and what befalls them. Shares are thousandths.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Everything is drawn from it.
    pub seed: u64,
    /// The rules.
    pub policy: Policy,
    /// Offers that are declined.
    pub decline: u16,
    /// Drivers who are choosy: they decline half of all offers.
    pub choosy: u16,
    /// Offers that are not answered at all.
    pub ignore: u16,
    /// Drivers who give a delivery back before pick-up.
    pub drop_out: u16,
    /// Drivers whose phone goes silent on the way to the restaurant, for longer than anybody waits.
    pub go_silent: u16,
    /// Customers who cancel once the button shows.
    pub impatience: u16,
    /// Orders that the restaurant rejects.
    pub reject: u16,
    /// Orders of which a line runs out.
    pub shortage: u16,
    /// Doors that nobody opens.
    pub absent: u16,
    /// Calls to the provider, appends to the log that go wrong; and how often the process crashes:
    /// on average after a minute divided by this share.
    pub chaos: u16,
    /// Hears what each host of the city decides.
    pub tap: Option<Tap>,
    /// Whether hosts keep what a service answers people from
    /// ([`HostConfig::reads`](doorstep_runtime::host::HostConfig::reads)).
    pub reads: bool,
}

impl WorldConfig {
    /// People as they are, nothing befalls them.
    #[must_use]
    pub const fn new(seed: u64, policy: Policy) -> Self {
        Self {
            seed,
            policy,
            decline: 80,
            choosy: 0,
            ignore: 20,
            drop_out: 10,
            go_silent: 3,
            impatience: 0,
            reject: 0,
            shortage: 0,
            absent: 0,
            chaos: 0,
            tap: None,
            reads: false,
        }
    }
}

/// What the world counted while it turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorldTally {
    /// Positions sent by drivers.
    pub pings: u64,
    /// Commands sent by people, retries not counted.
    pub commands: u64,
    /// Retries of commands whose answer did not come.
    pub retries: u64,
    /// Seconds that drivers were online.
    pub online_s: u64,
    /// Seconds of these with a delivery.
    pub busy_s: u64,
    /// Metres travelled with a delivery.
    pub metres: u64,
    /// Deliveries picked up.
    pub bags: u64,
    /// Orders in them.
    pub bagged: u64,
    /// Offers that rang.
    pub offers: u64,
    /// Offers accepted.
    pub taken: u64,
}

/// How far the evening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The city's time, since its midnight.
    pub since_midnight: Span,
    /// Orders and checkouts at their end.
    pub ended: u64,
    /// All that there will be.
    pub of: u64,
}
