//! Every phase × every command.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod rows;

use core::iter::successors;

use super::*;
use crate::cancel::{self, Ground};
use crate::eta;
use crate::payment::{self, News, Notice};

/// When the commands of the table are given: before every deadline and before the promise.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_060_000);

/// The commands by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Accept,
    Reject,
    StartPreparing,
    MarkReady,
    Adjust,
    ReviseEstimate,
    AssignDriver,
    DropDriver,
    HandOver,
    FlagSearch,
    ArriveAtRestaurant,
    PickUp,
    Depart,
    ArriveAtDoorstep,
    Deliver,
    Fail,
    Cancel,
    Reply,
    Notice,
    Tick,
}

impl Verb {
    /// Every command. A new one does not compile until it has its place in this chain.
    fn all() -> impl Iterator<Item = Self> {
        successors(Some(Self::Accept), |verb| match verb {
            Self::Accept => Some(Self::Reject),
            Self::Reject => Some(Self::StartPreparing),
            Self::StartPreparing => Some(Self::MarkReady),
            Self::MarkReady => Some(Self::Adjust),
            Self::Adjust => Some(Self::ReviseEstimate),
            Self::ReviseEstimate => Some(Self::AssignDriver),
            Self::AssignDriver => Some(Self::DropDriver),
            Self::DropDriver => Some(Self::HandOver),
            Self::HandOver => Some(Self::FlagSearch),
            Self::FlagSearch => Some(Self::ArriveAtRestaurant),
            Self::ArriveAtRestaurant => Some(Self::PickUp),
            Self::PickUp => Some(Self::Depart),
            Self::Depart => Some(Self::ArriveAtDoorstep),
            Self::ArriveAtDoorstep => Some(Self::Deliver),
            Self::Deliver => Some(Self::Fail),
            Self::Fail => Some(Self::Cancel),
            Self::Cancel => Some(Self::Reply),
            Self::Reply => Some(Self::Notice),
            Self::Notice => Some(Self::Tick),
            Self::Tick => None,
        })
    }

    fn of(command: &Command) -> Self {
        match command {
            Command::Accept { .. } => Self::Accept,
            Command::Reject => Self::Reject,
            Command::StartPreparing => Self::StartPreparing,
            Command::MarkReady => Self::MarkReady,
            Command::Adjust { .. } => Self::Adjust,
            Command::ReviseEstimate { .. } => Self::ReviseEstimate,
            Command::AssignDriver { .. } => Self::AssignDriver,
            Command::DropDriver { .. } => Self::DropDriver,
            Command::HandOver { .. } => Self::HandOver,
            Command::FlagSearch => Self::FlagSearch,
            Command::ArriveAtRestaurant { .. } => Self::ArriveAtRestaurant,
            Command::PickUp { .. } => Self::PickUp,
            Command::Depart { .. } => Self::Depart,
            Command::ArriveAtDoorstep { .. } => Self::ArriveAtDoorstep,
            Command::Deliver { .. } => Self::Deliver,
            Command::Fail { .. } => Self::Fail,
            Command::Cancel { .. } => Self::Cancel,
            Command::Reply(_) => Self::Reply,
            Command::Notice(_) => Self::Notice,
            Command::Tick => Self::Tick,
        }
    }
}

/// The status that an event leads to.
#[derive(Clone, Copy)]
enum Then {
    Is(OrderStatus),
    Unchanged,
    TheKitchens,
}

#[derive(Clone)]
enum Refused {
    With(Refusal),
    /// `WrongPhase`, with what the point is to this command, and these allowed.
    Needs(&'static [OrderStatus]),
    Ended,
}

/// What one command does, wherever the order stands.
struct Row {
    command: Command,
    happens: Vec<(Vec<Point>, Event, Then)>,
    already: Vec<Point>,
    refused: Vec<(Vec<Point>, Refused)>,
}

#[track_caller]
fn check(row: &Row) {
    for point in Point::all() {
        let order = point.order();
        let before = order.clone();
        let found = order.decide(&row.command, &policy(), NOW);
        assert_eq!(order, before, "deciding changes nothing");
        let at = format!("{:?} at {point:?}", row.command);
        let mut rules = 0;
        for (points, event, then) in &row.happens {
            if points.contains(&point) {
                rules += 1;
                let found = found.clone().map(|events| events.into_iter().map(whenever).collect());
                assert_eq!(found, Ok(vec![event.clone()]), "{at}");
                let status = match then {
                    Then::Is(status) => *status,
                    Then::Unchanged => order.status(),
                    Then::TheKitchens => kitchens(point),
                };
                let next = order.clone().evolve(event, NOW).unwrap();
                assert_eq!(next.status(), status, "{at}");
            }
        }
        if row.already.contains(&point) {
            rules += 1;
            assert_eq!(found, Ok(vec![]), "{at}");
        }
        for (points, refused) in &row.refused {
            if points.contains(&point) {
                rules += 1;
                let refusal = match refused {
                    Refused::With(refusal) => refusal.clone(),
                    Refused::Needs(allowed) => {
                        Refusal::WrongPhase { found: found_at(point), allowed: allowed.to_vec() }
                    }
                    Refused::Ended => cancel::Refusal::Ended { status: order.status() }.into(),
                };
                assert_eq!(found, Err(refusal), "{at}");
            }
        }
        assert_eq!(rules, 1, "{at}: exactly one rule of the table applies");
    }
}

fn kitchens(point: Point) -> OrderStatus {
    match point {
        Point::Underway(KitchenPoint::Confirmed, _) => OrderStatus::Confirmed,
        Point::Underway(KitchenPoint::Preparing, _) => OrderStatus::Preparing,
        Point::Underway(KitchenPoint::Ready, _) => OrderStatus::ReadyForPickup,
        Point::Pending
        | Point::OnTheWay(_)
        | Point::Delivered
        | Point::Undelivered
        | Point::CancelledByCustomer
        | Point::CancelledByRestaurant => panic!("no kitchen at {point:?}"),
    }
}

/// What a refusal calls this point: under way, the courier's milestone where there is one.
fn found_at(point: Point) -> OrderStatus {
    match point {
        Point::Pending => OrderStatus::Pending,
        Point::Underway(_, CourierPoint::Assigned) => OrderStatus::DriverAssigned,
        Point::Underway(_, CourierPoint::AtRestaurant) => OrderStatus::DriverAtRestaurant,
        Point::Underway(_, CourierPoint::Searching | CourierPoint::Flagged) => kitchens(point),
        Point::OnTheWay(LegPoint::PickedUp) => OrderStatus::PickedUp,
        Point::OnTheWay(LegPoint::EnRoute) => OrderStatus::OnTheWay,
        Point::OnTheWay(LegPoint::AtDoorstep) => OrderStatus::AtDoorstep,
        Point::Delivered => OrderStatus::Delivered,
        Point::Undelivered => OrderStatus::Undelivered,
        Point::CancelledByCustomer | Point::CancelledByRestaurant => OrderStatus::Cancelled,
    }
}

const UNASSIGNED: &[OrderStatus] =
    &[OrderStatus::Confirmed, OrderStatus::Preparing, OrderStatus::ReadyForPickup];
const CARRIED: &[OrderStatus] =
    &[OrderStatus::PickedUp, OrderStatus::OnTheWay, OrderStatus::AtDoorstep];
const ALIVE: &[OrderStatus] = &[
    OrderStatus::Pending,
    OrderStatus::Confirmed,
    OrderStatus::Preparing,
    OrderStatus::ReadyForPickup,
    OrderStatus::DriverAssigned,
    OrderStatus::DriverAtRestaurant,
    OrderStatus::PickedUp,
    OrderStatus::OnTheWay,
    OrderStatus::AtDoorstep,
];

fn rows() -> Vec<Row> {
    [
        rows::kitchen_rows(),
        rows::courier_rows(),
        rows::road_rows(),
        rows::stranger_rows(),
        rows::other_rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_command_does_what_the_table_says_in_every_phase() {
    for row in rows() {
        check(&row);
    }
}

#[test]
fn every_command_has_a_row() {
    let named: Vec<Verb> = rows().iter().map(|row| Verb::of(&row.command)).collect();
    for verb in Verb::all() {
        assert!(named.contains(&verb), "{verb:?} has no row in the table");
    }
}

#[test]
fn a_refusal_never_finds_the_order_where_it_would_be_allowed() {
    for row in rows() {
        for point in Point::all() {
            match point.order().decide(&row.command, &policy(), NOW) {
                Err(Refusal::WrongPhase { found, allowed }) => {
                    assert!(!allowed.contains(&found), "{:?} at {point:?}", row.command);
                }
                Err(Refusal::NotTheDriver { driver, assigned }) => assert_ne!(driver, assigned),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

#[test]
fn an_estimate_that_does_not_move_is_already_so() {
    let order = placed(intent());
    let same = Command::ReviseEstimate { estimate: order.intent().estimate };
    assert_eq!(order.decide(&same, &policy(), NOW), Ok(vec![]));
}

#[test]
fn an_adjustment_only_lowers_and_names_each_line_once() {
    let order = Point::Underway(KitchenPoint::Confirmed, CourierPoint::Searching).order();
    let adjust = |lines: &[(u32, u32)]| {
        let lines = lines.iter().map(|&(line, quantity)| Shortage { line, quantity }).collect();
        order.decide(&Command::Adjust { lines }, &policy(), NOW)
    };
    assert_eq!(adjust(&[]), Ok(vec![]));
    assert_eq!(adjust(&[(2, 0)]), Err(Refusal::NoSuchLine { line: 2, lines: 2 }));
    assert_eq!(adjust(&[(u32::MAX, 0)]), Err(Refusal::NoSuchLine { line: u32::MAX, lines: 2 }));
    assert_eq!(adjust(&[(0, 2)]), Err(Refusal::NotFewer { line: 0, ordered: 2 }));
    assert_eq!(adjust(&[(0, 3)]), Err(Refusal::NotFewer { line: 0, ordered: 2 }));
    assert_eq!(adjust(&[(0, 1), (0, 0)]), Err(Refusal::NotFewer { line: 0, ordered: 1 }));
    assert_eq!(adjust(&[(0, 0), (1, 0)]), Err(Refusal::NothingLeft));
    let adjusted = adjust(&[(1, 0), (0, 1)]).unwrap();
    let order = order.clone().evolve(&adjusted[0], NOW).unwrap();
    assert_eq!(order.lines().iter().map(|line| line.quantity).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(order.quote().subtotal, eur(900));
    assert_eq!(order.payment().owed(), Some(order.quote().total), "less is owed from now on");
}

#[test]
fn an_order_with_nothing_to_prepare_starts_ready() {
    let order = placed(Intent { kitchen: KitchenKind::Shelf, ..intent() });
    let order = after(&order, &Command::Accept { ready_at: None }, NOW);
    let ready = Point::Underway(KitchenPoint::Ready, CourierPoint::Searching);
    assert_eq!(Point::of(order.phase()), ready);
}

#[test]
fn an_event_follows_only_where_its_command_makes_it_happen() {
    use core::mem::discriminant;
    let rows = rows();
    let made: Vec<_> = rows.iter().flat_map(|row| &row.happens).collect();
    for (_, event, _) in &made {
        // What happens to the money has its own history.
        if let Event::Payment(_) = event {
            continue;
        }
        for point in Point::all() {
            let possible = made.iter().any(|(points, other, _)| {
                discriminant(other) == discriminant(event) && points.contains(&point)
            });
            let mut order = point.order();
            let before = order.clone();
            let followed = order.apply(event, NOW).is_ok();
            assert_eq!(followed, possible, "{event:?} at {point:?}");
            assert!(followed || order == before, "a damaged history changes nothing");
        }
    }
    for point in Point::all() {
        let placed = Event::Placed { respond_by: NOW };
        assert!(point.order().evolve(&placed, NOW).is_err(), "an order is placed once");
    }
}

#[test]
fn an_event_of_another_driver_is_corrupt() {
    let driver = stranger();
    let dropped = Event::DriverDropped { driver, why: DropReason::NoShow, give_up_at: NOW };
    for event in [
        dropped,
        Event::ArrivedAtRestaurant { driver, slack: Span::ZERO },
        Event::PickedUp { driver, lost_at: NOW, estimate: ANY },
        Event::Departed { driver },
        Event::ArrivedAtDoorstep { driver, leave_at: NOW, far_m: None },
        Event::Delivered { driver },
    ] {
        for point in Point::all() {
            assert!(point.order().evolve(&event, NOW).is_err(), "{event:?} at {point:?}");
        }
    }
}

/// Estimates are another test's: in this table they stand for any.
const ANY: Timestamp = Timestamp::EPOCH;

fn whenever(mut event: Event) -> Event {
    if let Event::MadeReady { estimate }
    | Event::DriverAssigned { estimate, .. }
    | Event::PickedUp { estimate, .. } = &mut event
    {
        *estimate = ANY;
    }
    event
}
