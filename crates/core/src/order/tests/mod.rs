//! The order, by tables, by its deadlines and by random histories; and what those tests share with
//! the rooms beside it.

mod histories;
mod progress;
mod table;

use core::iter::successors;

use super::*;
use crate::catalog::{Acceptance, KitchenKind};
use crate::checkout::Checkout;
use crate::id::{CustomerId, DeliveryId, DriverId, ItemId, RestaurantId};
use crate::money::{Currency, Money};
use crate::payment::{Answer, Reply, Step};
use crate::place::LatLng;
use crate::time::Span;

/// When every order of these tests is placed.
pub(crate) const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn later(from: Timestamp, millis: u64) -> Timestamp {
    from.saturating_add(Span::from_millis(millis))
}

pub(crate) fn minutes(from: Timestamp, mins: u64) -> Timestamp {
    from.saturating_add(Span::from_mins(mins))
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

pub(crate) fn policy() -> Policy {
    Policy::new(Currency::new("EUR").unwrap())
}

pub(crate) fn driver() -> DriverId {
    DriverId::from(7)
}

pub(crate) fn stranger() -> DriverId {
    DriverId::from(8)
}

pub(crate) fn delivery() -> DeliveryId {
    DeliveryId::from(70)
}

/// Two burgers and a drink.
pub(crate) fn intent() -> Intent {
    let line = |item, quantity, unit| Line {
        item: ItemId::from(item),
        quantity,
        choices: Vec::new(),
        unit: eur(unit),
    };
    let lines = vec![line(1, 2, 900), line(2, 1, 250)];
    Intent {
        order: OrderId::from(1),
        customer: CustomerId::from(2),
        restaurant: RestaurantId::from(3),
        pickup: LatLng::new(4.60, -74.08).unwrap(),
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        lines,
        quote: Quote::new(eur(2_050), 1_112, &policy().checkout).unwrap(),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        ready_span: Span::from_mins(12),
        promised: minutes(T0, 10),
        estimate: minutes(T0, 9),
        opened_at: T0,
    }
}

pub(crate) const HELD: Reply =
    Reply { step: Step::Hold, attempt: 1, answer: Answer::Done { until: None } };

/// The order as it begins.
pub(crate) fn placed(intent: Intent) -> Order {
    let mut checkout = Checkout::open(intent, minutes(T0, 2));
    for event in checkout.reply(&HELD, &policy().payment, T0) {
        checkout.evolve(&event, T0).unwrap();
    }
    let (intent, payment) = checkout.into_held().unwrap();
    Order::place(intent, payment, minutes(T0, 10), T0)
}

/// Decides and takes in what was decided.
#[track_caller]
pub(crate) fn after(order: &Order, command: &Command, now: Timestamp) -> Order {
    let events = order.decide(command, &policy(), now).unwrap();
    events.iter().fold(order.clone(), |order, event| order.evolve(event, now).unwrap())
}

pub(crate) fn assign() -> Command {
    Command::AssignDriver { driver: driver(), delivery: delivery(), travel: Span::from_mins(5) }
}

pub(crate) fn cancel_by(by: Actor) -> Command {
    Command::Cancel { by, fee: None }
}

/// The places where an order can stand, as far as any rule tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Pending,
    Underway(KitchenPoint, CourierPoint),
    OnTheWay(LegPoint),
    Delivered,
    Undelivered,
    CancelledByCustomer,
    CancelledByRestaurant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KitchenPoint {
    Confirmed,
    Preparing,
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CourierPoint {
    Searching,
    Flagged,
    Assigned,
    AtRestaurant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegPoint {
    PickedUp,
    EnRoute,
    AtDoorstep,
}

impl KitchenPoint {
    fn next(self) -> Option<Self> {
        match self {
            Self::Confirmed => Some(Self::Preparing),
            Self::Preparing => Some(Self::Ready),
            Self::Ready => None,
        }
    }
}

impl CourierPoint {
    fn next(self) -> Option<Self> {
        match self {
            Self::Searching => Some(Self::Flagged),
            Self::Flagged => Some(Self::Assigned),
            Self::Assigned => Some(Self::AtRestaurant),
            Self::AtRestaurant => None,
        }
    }
}

impl LegPoint {
    fn next(self) -> Option<Self> {
        match self {
            Self::PickedUp => Some(Self::EnRoute),
            Self::EnRoute => Some(Self::AtDoorstep),
            Self::AtDoorstep => None,
        }
    }
}

impl Point {
    /// Every point. A new variant does not compile until it has its place in this chain.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        successors(Some(Self::Pending), |point| point.next())
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Pending => Some(Self::Underway(KitchenPoint::Confirmed, CourierPoint::Searching)),
            Self::Underway(kitchen, courier) => Some(match (courier.next(), kitchen.next()) {
                (Some(courier), _) => Self::Underway(kitchen, courier),
                (None, Some(kitchen)) => Self::Underway(kitchen, CourierPoint::Searching),
                (None, None) => Self::OnTheWay(LegPoint::PickedUp),
            }),
            Self::OnTheWay(leg) => Some(leg.next().map_or(Self::Delivered, Self::OnTheWay)),
            Self::Delivered => Some(Self::Undelivered),
            Self::Undelivered => Some(Self::CancelledByCustomer),
            Self::CancelledByCustomer => Some(Self::CancelledByRestaurant),
            Self::CancelledByRestaurant => None,
        }
    }

    /// The point of a phase. A new phase does not compile until it has one.
    pub(crate) fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Pending { .. } => Self::Pending,
            Phase::Underway { kitchen, courier, .. } => Self::Underway(
                match kitchen {
                    Kitchen::Confirmed => KitchenPoint::Confirmed,
                    Kitchen::Preparing => KitchenPoint::Preparing,
                    Kitchen::Ready { .. } => KitchenPoint::Ready,
                },
                match courier {
                    Courier::Unassigned { search: Search::Running, .. } => CourierPoint::Searching,
                    Courier::Unassigned { search: Search::Flagged, .. } => CourierPoint::Flagged,
                    Courier::Assigned { .. } => CourierPoint::Assigned,
                    Courier::AtRestaurant { .. } => CourierPoint::AtRestaurant,
                },
            ),
            Phase::OnTheWay { leg, .. } => Self::OnTheWay(match leg {
                Leg::PickedUp { .. } => LegPoint::PickedUp,
                Leg::EnRoute { .. } => LegPoint::EnRoute,
                Leg::AtDoorstep { .. } => LegPoint::AtDoorstep,
            }),
            Phase::Delivered { .. } => Self::Delivered,
            Phase::Undelivered { .. } => Self::Undelivered,
            Phase::Cancelled { by: Actor::Restaurant, .. } => Self::CancelledByRestaurant,
            Phase::Cancelled {
                by: Actor::Customer | Actor::Driver(_) | Actor::Operations | Actor::Platform,
                ..
            } => Self::CancelledByCustomer,
        }
    }

    /// An order that came here, every step at [`T0`], its capture not answered yet.
    pub(crate) fn order(self) -> Order {
        let route = self.route();
        route.iter().fold(placed(intent()), |order, command| after(&order, command, T0))
    }

    fn route(self) -> Vec<Command> {
        let driver = driver();
        let accept = Command::Accept { ready_at: None };
        match self {
            Self::Pending => Vec::new(),
            Self::Underway(kitchen, courier) => {
                let kitchen = match kitchen {
                    KitchenPoint::Confirmed => vec![],
                    KitchenPoint::Preparing => vec![Command::StartPreparing],
                    KitchenPoint::Ready => vec![Command::StartPreparing, Command::MarkReady],
                };
                let courier = match courier {
                    CourierPoint::Searching => vec![],
                    CourierPoint::Flagged => vec![Command::FlagSearch],
                    CourierPoint::Assigned => vec![assign()],
                    CourierPoint::AtRestaurant => {
                        vec![assign(), Command::ArriveAtRestaurant { driver }]
                    }
                };
                [vec![accept], kitchen, courier].concat()
            }
            Self::OnTheWay(leg) => {
                let to = Self::Underway(KitchenPoint::Preparing, CourierPoint::AtRestaurant);
                let arrive = Command::ArriveAtDoorstep { driver, distance_m: Some(20) };
                let leg = match leg {
                    LegPoint::PickedUp => vec![],
                    LegPoint::EnRoute => vec![Command::Depart { driver }],
                    LegPoint::AtDoorstep => vec![Command::Depart { driver }, arrive],
                };
                [to.route(), vec![Command::PickUp { driver }], leg].concat()
            }
            Self::Delivered => {
                let to = Self::OnTheWay(LegPoint::AtDoorstep);
                [to.route(), vec![Command::Deliver { driver }]].concat()
            }
            Self::Undelivered => {
                let by = Actor::Driver(driver);
                let fail =
                    Command::Fail { by, reason: FailReason::CustomerAbsent, returned: false };
                [Self::OnTheWay(LegPoint::AtDoorstep).route(), vec![fail]].concat()
            }
            Self::CancelledByCustomer => vec![cancel_by(Actor::Customer)],
            Self::CancelledByRestaurant => vec![Command::Reject],
        }
    }
}

pub(crate) fn pending() -> Vec<Point> {
    vec![Point::Pending]
}

pub(crate) fn underway() -> Vec<Point> {
    Point::all().filter(|point| matches!(point, Point::Underway(..))).collect()
}

pub(crate) fn kitchen(kitchen: KitchenPoint) -> Vec<Point> {
    Point::all().filter(|p| matches!(p, Point::Underway(k, _) if *k == kitchen)).collect()
}

pub(crate) fn courier(courier: CourierPoint) -> Vec<Point> {
    Point::all().filter(|p| matches!(p, Point::Underway(_, c) if *c == courier)).collect()
}

pub(crate) fn unassigned() -> Vec<Point> {
    [courier(CourierPoint::Searching), courier(CourierPoint::Flagged)].concat()
}

pub(crate) fn assigned() -> Vec<Point> {
    [courier(CourierPoint::Assigned), courier(CourierPoint::AtRestaurant)].concat()
}

pub(crate) fn on_the_way() -> Vec<Point> {
    Point::all().filter(|point| matches!(point, Point::OnTheWay(_))).collect()
}

pub(crate) fn leg(leg: LegPoint) -> Vec<Point> {
    vec![Point::OnTheWay(leg)]
}

pub(crate) fn delivered() -> Vec<Point> {
    vec![Point::Delivered]
}

pub(crate) fn undelivered() -> Vec<Point> {
    vec![Point::Undelivered]
}

pub(crate) fn cancelled() -> Vec<Point> {
    vec![Point::CancelledByCustomer, Point::CancelledByRestaurant]
}

pub(crate) fn ended() -> Vec<Point> {
    [delivered(), undelivered(), cancelled()].concat()
}

#[test]
fn every_point_is_reached_by_its_route() {
    let points: Vec<Point> = Point::all().collect();
    assert_eq!(points.len(), 1 + 12 + 3 + 4);
    for point in points {
        assert_eq!(Point::of(point.order().phase()), point);
    }
}
