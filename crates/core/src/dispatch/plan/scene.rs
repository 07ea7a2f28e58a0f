//! What a tick knows.

use crate::eta::Vehicle;
use crate::id::{DriverId, OrderId, RestaurantId};
use crate::time::Timestamp;

use super::policy::BadPlanPolicy;

/// An order that nobody has been sent for. `P` is a place, in whatever terms the caller travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<P> {
    /// The order.
    pub order: OrderId,
    /// Whose it is. Only orders of one restaurant make a bundle.
    pub restaurant: RestaurantId,
    /// Where the restaurant is.
    pub pickup: P,
    /// Where the customer is.
    pub drop_off: P,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When the food is estimated to be ready.
    pub ready_at: Timestamp,
    /// How much it costs to leave it waiting, in thousandths of another: 1,000 for all, or more for the
    /// more valuable. More than 10,000 counts as that.
    pub urgency_permille: u32,
}

/// A driver on duty, free or soon free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Courier<P> {
    /// The driver.
    pub driver: DriverId,
    /// What they move by.
    pub vehicle: Vehicle,
    /// Where they are, or will be when they are free.
    pub at: P,
    /// When they are free: in the past, or when what they carry is delivered.
    pub free_at: Timestamp,
    /// When they go off duty: they take over no food after that, but deliver what they have.
    /// [`Timestamp::NEVER`] where that is not known.
    pub off_at: Timestamp,
    /// Orders carried or taken on in this shift.
    pub orders: u32,
    /// How many orders their guaranteed pay is worth, in thousandths; `u64::MAX` where there is no
    /// guarantee.
    pub guarantee_permille: u64,
    /// How many of a thousand offers they decline or leave unanswered.
    pub declined_permille: u32,
}

/// A pair worth considering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// Which of [`Scene::waiting`].
    pub waiting: u32,
    /// Which of [`Scene::couriers`].
    pub courier: u32,
    /// Degrees between the driver's course and the way to the restaurant; `None`: standing, busy or
    /// not known, which costs nothing.
    pub off_course_deg: Option<u16>,
}

/// Which drivers are considered for which orders.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// All for all: for a zone of some hundreds.
    Everybody,
    /// These: what a driver index says, some 20 for each order.
    Near(&'a [Near]),
}

/// What a tick knows.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a, P> {
    /// The time of the tick.
    pub now: Timestamp,
    /// The orders that wait, in any order.
    pub waiting: &'a [Waiting<P>],
    /// The drivers on duty, in any order: also those too busy to be considered, who count when
    /// scarcity is judged.
    pub couriers: &'a [Courier<P>],
    /// Who is near whom.
    pub reach: Reach<'a>,
}

/// Why a scene cannot be planned. It changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadScene {
    /// The policy is not sound.
    #[error(transparent)]
    Policy(#[from] BadPlanPolicy),
    /// More than [`SIDE_MAX`](crate::dispatch::assign::SIDE_MAX) orders or drivers.
    #[error("too many orders or drivers")]
    TooLarge,
    /// An order is there twice.
    #[error("{0} waits twice")]
    OrderTwice(OrderId),
    /// A driver is there twice.
    #[error("{0} is there twice")]
    DriverTwice(DriverId),
    /// A pair names an order or driver that is not there.
    #[error("pair {0} names an order or a driver that is not in the scene")]
    NoSuchPair(usize),
}
