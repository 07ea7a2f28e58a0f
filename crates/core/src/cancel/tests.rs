//! Who may cancel where, as a table; the stamp against the table; the board under many threads.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::money::{Currency, Money};
use crate::order::tests::{
    CourierPoint, KitchenPoint, LegPoint, Point, T0, cancel_by, driver, eur, later, minutes,
    policy, stranger,
};
use crate::order::{self, Actor, Command, Event, OrderStatus, Phase};
use crate::time::{Span, Timestamp};

/// The promised millisecond of every order here.
fn promised() -> Timestamp {
    minutes(T0, 10)
}

/// Who asks, and when: the columns that the cancel table tells apart.
#[derive(Clone, Copy, Debug)]
enum Asked {
    CustomerBefore,
    CustomerAtThePromise,
    CustomerAfter,
    Restaurant,
    Driver,
    Operations,
    PlatformBefore,
    PlatformAtTheDeadline,
}

impl Asked {
    const ALL: [Self; 8] = [
        Self::CustomerBefore,
        Self::CustomerAtThePromise,
        Self::CustomerAfter,
        Self::Restaurant,
        Self::Driver,
        Self::Operations,
        Self::PlatformBefore,
        Self::PlatformAtTheDeadline,
    ];

    fn actor(self) -> Actor {
        match self {
            Self::CustomerBefore | Self::CustomerAtThePromise | Self::CustomerAfter => {
                Actor::Customer
            }
            Self::Restaurant => Actor::Restaurant,
            Self::Driver => Actor::Driver(driver()),
            Self::Operations => Actor::Operations,
            Self::PlatformBefore | Self::PlatformAtTheDeadline => Actor::Platform,
        }
    }

    /// When it is asked, of an order that the platform may end at `deadline`.
    fn at(self, deadline: Timestamp) -> Timestamp {
        match self {
            Self::CustomerBefore => later(T0, 1),
            Self::CustomerAtThePromise => promised(),
            Self::CustomerAfter => later(promised(), 1),
            Self::Restaurant | Self::Driver | Self::Operations => later(T0, 1),
            Self::PlatformBefore => deadline.saturating_sub(Span::from_millis(1)),
            Self::PlatformAtTheDeadline => deadline,
        }
    }
}

/// When the platform may end an order at this point, and on what ground.
fn platform(point: Point) -> (Timestamp, Ground) {
    match point {
        Point::Underway(_, CourierPoint::Searching | CourierPoint::Flagged) => {
            (minutes(T0, 30), Ground::SearchExhausted)
        }
        Point::Underway(_, CourierPoint::Assigned | CourierPoint::AtRestaurant) => {
            (minutes(T0, 240), Ground::NeverPickedUp)
        }
        Point::Pending
        | Point::OnTheWay(_)
        | Point::Delivered
        | Point::Undelivered
        | Point::CancelledByCustomer
        | Point::CancelledByRestaurant => (minutes(T0, 10), Ground::RestaurantSilent),
    }
}

/// The table of the module's documentation, written down a second time.
fn expected(asked: Asked, point: Point) -> Result<Ground, Refusal> {
    let not_yet = Err(Refusal::NotYet { from: later(promised(), 1) });
    let ended = |status| Err(Refusal::Ended { status });
    match (asked, point) {
        (Asked::Driver, _) => Err(Refusal::NeverThisActor),
        (_, Point::Delivered) => ended(OrderStatus::Delivered),
        (_, Point::Undelivered) => ended(OrderStatus::Undelivered),
        (_, Point::CancelledByCustomer | Point::CancelledByRestaurant) => {
            ended(OrderStatus::Cancelled)
        }
        (_, Point::OnTheWay(LegPoint::AtDoorstep)) => Err(Refusal::AtDoorstep),
        (Asked::Operations, _) => Ok(Ground::Operations),

        (
            Asked::CustomerBefore | Asked::CustomerAtThePromise | Asked::CustomerAfter,
            Point::Pending,
        ) => Ok(Ground::BeforeAcceptance),
        (
            Asked::CustomerBefore | Asked::CustomerAtThePromise | Asked::CustomerAfter,
            Point::Underway(_, CourierPoint::Flagged),
        ) => Ok(Ground::NoDriver),
        (
            Asked::CustomerBefore | Asked::CustomerAtThePromise,
            Point::Underway(
                _,
                CourierPoint::Searching | CourierPoint::Assigned | CourierPoint::AtRestaurant,
            )
            | Point::OnTheWay(LegPoint::PickedUp | LegPoint::EnRoute),
        ) => not_yet,
        (
            Asked::CustomerAfter,
            Point::Underway(
                _,
                CourierPoint::Searching | CourierPoint::Assigned | CourierPoint::AtRestaurant,
            )
            | Point::OnTheWay(LegPoint::PickedUp | LegPoint::EnRoute),
        ) => Ok(Ground::PromiseBroken),

        (Asked::Restaurant, Point::Pending) => Ok(Ground::RestaurantRejected),
        (Asked::Restaurant, Point::Underway(..)) => Ok(Ground::RestaurantCannot),
        (
            Asked::Restaurant | Asked::PlatformBefore | Asked::PlatformAtTheDeadline,
            Point::OnTheWay(LegPoint::PickedUp | LegPoint::EnRoute),
        ) => Err(Refusal::PickedUp),

        (Asked::PlatformBefore, Point::Pending | Point::Underway(..)) => {
            Err(Refusal::NotYet { from: platform(point).0 })
        }
        (Asked::PlatformAtTheDeadline, Point::Pending | Point::Underway(..)) => {
            Ok(platform(point).1)
        }
    }
}

#[track_caller]
fn check(asked: Asked, point: Point) {
    let order = point.order();
    let (actor, now) = (asked.actor(), asked.at(platform(point).0));
    let expected = expected(asked, point);
    let found = terms(actor, order.phase(), order.promised(), now);
    assert_eq!(found, expected, "{asked:?} at {point:?}");

    // What the order decides is the table, but for a cancellation that is already so.
    let decided = order.decide(&cancel_by(actor), &policy(), now);
    let event = |ground| vec![Event::Cancelled { by: actor, ground, fee: eur(0) }];
    let already = matches!(order.phase(), Phase::Cancelled { .. });
    match expected {
        Err(Refusal::Ended { .. }) if already => assert_eq!(decided, Ok(vec![])),
        Err(refusal) => assert_eq!(decided, Err(refusal.into()), "{asked:?} at {point:?}"),
        Ok(ground) => assert_eq!(decided, Ok(event(ground)), "{asked:?} at {point:?}"),
    }
}

#[test]
fn every_actor_may_cancel_exactly_where_the_table_says() {
    for asked in Asked::ALL {
        for point in Point::all() {
            check(asked, point);
        }
    }
}

#[test]
fn a_pick_up_deadline_before_the_searchs_is_the_one_that_ends_the_order() {
    let (give_up_at, pick_up_by) = (minutes(T0, 30), minutes(T0, 20));
    let phase = Phase::Underway {
        kitchen: order::Kitchen::Confirmed,
        courier: order::Courier::Unassigned { search: order::Search::Running, give_up_at },
        pick_up_by,
        latest: order::Lane::Kitchen,
    };
    let at = |now| terms(Actor::Platform, &phase, promised(), now);
    assert_eq!(phase.next_deadline(), Some(pick_up_by));
    assert_eq!(at(pick_up_by), Ok(Ground::NeverPickedUp));
    let before = pick_up_by.saturating_sub(Span::from_millis(1));
    assert_eq!(at(before), Err(Refusal::NotYet { from: pick_up_by }));
}

#[test]
fn only_operations_agree_on_a_fee_and_only_up_to_the_total_in_its_currency() {
    let total = Point::Pending.order().quote().total;
    let usd = Money::new(100, Currency::new("USD").unwrap());
    for point in [
        Point::Pending,
        Point::Underway(KitchenPoint::Confirmed, CourierPoint::Assigned),
        Point::OnTheWay(LegPoint::EnRoute),
    ] {
        let order = point.order();
        let ask = |by, fee| {
            let now = later(promised(), 1);
            order.decide(&Command::Cancel { by, fee: Some(fee) }, &policy(), now)
        };
        for fee in [eur(0), eur(300), total] {
            let by = Actor::Operations;
            let event = Event::Cancelled { by, ground: Ground::Operations, fee };
            assert_eq!(ask(by, fee), Ok(vec![event.clone()]), "{fee} at {point:?}");
            let cancelled = order.clone().evolve(&event, promised()).unwrap();
            assert_eq!(cancelled.payment().owed(), Some(fee));
        }
        for fee in [eur(-1), total.checked_add(eur(1)).unwrap(), usd] {
            let refused = Err(order::Refusal::FeeOutOfRange);
            assert_eq!(ask(Actor::Operations, fee), refused, "{fee} at {point:?}");
        }
        let not_yours = Err(Refusal::FeeNotYours.into());
        assert_eq!(ask(Actor::Customer, eur(0)), not_yours, "{point:?}");
    }
}

#[test]
fn a_refusal_names_the_actor_before_the_end_and_the_end_before_the_fee() {
    let now = later(promised(), 1);
    let ask = |point: Point, by| {
        let command = Command::Cancel { by, fee: Some(eur(1)) };
        point.order().decide(&command, &policy(), now)
    };
    for who in [driver(), stranger()] {
        for point in Point::all() {
            let never = Err(Refusal::NeverThisActor.into());
            assert_eq!(ask(point, Actor::Driver(who)), never, "{point:?}");
        }
    }
    let doorstep = Point::OnTheWay(LegPoint::AtDoorstep);
    assert_eq!(ask(doorstep, Actor::Customer), Err(Refusal::AtDoorstep.into()));
    assert_eq!(ask(doorstep, Actor::Operations), Err(Refusal::AtDoorstep.into()));
}

/// Phases with any times in them, at any point.
fn a_phase() -> impl Strategy<Value = Phase> {
    let points: Vec<Phase> = Point::all().map(|point| point.order().phase().clone()).collect();
    select(points)
}

/// Any moment that can be: from the epoch on, with those around the promise more often.
fn a_moment() -> impl Strategy<Value = Timestamp> {
    let near = (0..5_u64).prop_map(|ms| later(promised(), ms).saturating_sub(Span::from_millis(2)));
    let any = (0..i64::MAX).prop_map(Timestamp::from_millis);
    prop_oneof![near, any]
}

fn a_promise() -> impl Strategy<Value = Timestamp> {
    let extremes = select(vec![Timestamp::EPOCH, Timestamp::NEVER, Timestamp::from_millis(-5)]);
    prop_oneof![2 => Just(promised()), 1 => a_moment(), 1 => extremes]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_stamp_says_exactly_what_the_table_says(
        phase in a_phase(),
        promised in a_promise(),
        now in a_moment(),
    ) {
        let from = cancellable_from(&phase, promised);
        let may = terms(Actor::Customer, &phase, promised, now).is_ok();
        prop_assert_eq!(now >= from, may);
        if let Err(Refusal::NotYet { from: told }) = terms(Actor::Customer, &phase, promised, now) {
            prop_assert_eq!(told, from, "the refusal says when to come back");
        }
    }
}

#[cfg(feature = "board")]
mod board {
    use super::*;
    use crate::id::OrderId;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_board_says_exactly_what_the_table_says(
            phase in a_phase(),
            promised in a_promise(),
            now in a_moment(),
        ) {
            let (board, id) = (Board::with_capacity(1), OrderId::from(1));
            prop_assert!(!board.may_cancel(&id, now), "what is not on the board has no button");
            board.publish(id, cancellable_from(&phase, promised)).unwrap();
            let may = terms(Actor::Customer, &phase, promised, now).is_ok();
            prop_assert_eq!(board.may_cancel(&id, now), may);
        }
    }

    #[test]
    fn a_hidden_button_never_shows_not_even_at_the_end_of_time() {
        let (board, id) = (Board::with_capacity(1), OrderId::from(1));
        board.publish(id, Timestamp::NEVER).unwrap();
        assert!(!board.may_cancel(&id, Timestamp::NEVER));
        assert_eq!(board.cancellable_from(&id), Some(Timestamp::NEVER));
    }

    #[test]
    fn a_full_board_refuses_the_new_and_still_updates_the_old() {
        let board = Board::with_capacity(2);
        board.publish(OrderId::from(1), T0).unwrap();
        board.publish(OrderId::from(2), T0).unwrap();
        let full = Err(BoardFull { capacity: 2 });
        assert_eq!(board.publish(OrderId::from(3), T0), full);
        assert_eq!(board.cancellable_from(&OrderId::from(3)), None);
        assert_eq!(board.publish(OrderId::from(1), Timestamp::NEVER), Ok(()));
        assert!(!board.may_cancel(&OrderId::from(1), T0));
        assert!(board.may_cancel(&OrderId::from(2), T0));
        board.remove(&OrderId::from(1));
        board.remove(&OrderId::from(1));
        assert_eq!(board.len(), 1, "taken off twice, gone once");
        assert_eq!(board.publish(OrderId::from(3), T0), Ok(()), "the place is free again");
        assert_eq!(board.publish(OrderId::from(1), T0), full);
        assert_eq!(Board::with_capacity(0).publish(1_u32, T0), Err(BoardFull { capacity: 0 }));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the board is for many threads")]
    fn readers_never_see_a_button_come_back_once_it_was_hidden() {
        let board: Board<u32> = Board::with_capacity(64);
        for order in 0..64 {
            board.publish(order, T0).unwrap();
        }
        let now = later(T0, 1);
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    let mut hidden = [false; 64];
                    while !hidden.iter().all(|hidden| *hidden) {
                        for (order, was_hidden) in (0..).zip(&mut hidden) {
                            let shows = board.may_cancel(&order, now);
                            assert!(!(shows && *was_hidden), "the button of {order} came back");
                            *was_hidden = !shows;
                        }
                    }
                });
            }
            threads.spawn(|| {
                for order in 0..64 {
                    board.publish(order, Timestamp::NEVER).unwrap();
                }
            });
        });
        assert_eq!(board.len(), 64);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the board is for many threads")]
    fn many_threads_fill_a_board_to_its_bound_and_never_lose_an_order() {
        const WRITERS: u32 = 4;
        let board: Board<u32> = Board::with_capacity(100);
        let taken: Vec<u32> = std::thread::scope(|threads| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let board = &board;
                    let mine = move |n: &u32| n % WRITERS == writer;
                    threads.spawn(move || {
                        let orders = (0..400).filter(mine);
                        orders.filter(|n| board.publish(*n, T0).is_ok()).collect::<Vec<_>>()
                    })
                })
                .collect();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(board.len(), taken.len());
        assert_eq!(board.len(), 100);
        assert!(taken.iter().all(|order| board.may_cancel(order, T0)));
    }
}
