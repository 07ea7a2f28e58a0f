//! The public status, the history, and the deadlines that lead every order to an end.

use super::*;
use crate::eta;

/// Follows `commands`, one a minute, and lists the statuses that the public sees.
fn statuses(commands: &[Command]) -> Vec<OrderStatus> {
    let mut order = placed(intent());
    let mut seen = vec![order.status()];
    for (minute, command) in (1..).zip(commands) {
        order = after(&order, command, minutes(T0, minute));
        seen.push(order.status());
    }
    let history: Vec<OrderStatus> = order.history().iter().map(|line| line.status).collect();
    assert_eq!(history, seen, "every step of these is a milestone");
    assert!(order.history().is_sorted_by_key(|line| line.at));
    seen
}

#[test]
fn the_status_is_the_latest_milestone_of_kitchen_and_courier_in_log_order() {
    use OrderStatus as S;
    let driver = driver();
    let accept = Command::Accept { ready_at: None };
    let at_restaurant = Command::ArriveAtRestaurant { driver };
    assert_eq!(
        statuses(&[
            accept.clone(),
            assign(),
            Command::StartPreparing,
            at_restaurant.clone(),
            Command::MarkReady,
            Command::PickUp { driver },
            Command::Depart { driver },
            Command::ArriveAtDoorstep { driver, distance_m: None },
            Command::Deliver { driver },
        ]),
        [
            S::Pending,
            S::Confirmed,
            S::DriverAssigned,
            S::Preparing,
            S::DriverAtRestaurant,
            S::ReadyForPickup,
            S::PickedUp,
            S::OnTheWay,
            S::AtDoorstep,
            S::Delivered
        ]
    );
    assert_eq!(
        statuses(&[accept, Command::StartPreparing, Command::MarkReady, assign(), at_restaurant]),
        [
            S::Pending,
            S::Confirmed,
            S::Preparing,
            S::ReadyForPickup,
            S::DriverAssigned,
            S::DriverAtRestaurant
        ]
    );
}

#[test]
fn the_status_goes_back_to_the_kitchens_when_a_driver_drops_out() {
    for point in assigned() {
        let order = point.order();
        let drop = Command::DropDriver { driver: driver(), why: DropReason::Driver };
        let dropped = after(&order, &drop, T0);
        let Point::Underway(kitchen, _) = point else { panic!("{point:?} is not under way") };
        let alone = Point::Underway(kitchen, CourierPoint::Searching);
        assert_eq!(Point::of(dropped.phase()), alone);
        assert_eq!(dropped.status(), alone.order().status());
        let by = dropped.history().last().map(|line| line.by);
        assert_eq!(by, Some(Actor::Driver(driver())));
    }
}

#[test]
fn a_flagged_search_starts_afresh_after_a_driver_came_and_dropped_out() {
    let order = Point::Underway(KitchenPoint::Confirmed, CourierPoint::Flagged).order();
    assert_eq!(order.cancellable_from(), Timestamp::EPOCH);
    let order = after(&order, &assign(), T0);
    assert_eq!(order.cancellable_from(), later(order.promised(), 1));
    let drop = Command::DropDriver { driver: driver(), why: DropReason::Driver };
    let order = after(&order, &drop, minutes(T0, 3));
    let afresh = Point::Underway(KitchenPoint::Confirmed, CourierPoint::Searching);
    assert_eq!(Point::of(order.phase()), afresh);
    assert_eq!(order.next_deadline(), Some(minutes(T0, 33)), "with the whole time to find one");
}

#[test]
fn the_history_is_bounded_and_keeps_its_first_and_its_latest_lines() {
    let mut order = Point::Underway(KitchenPoint::Confirmed, CourierPoint::Searching).order();
    let drop = Command::DropDriver { driver: driver(), why: DropReason::Driver };
    for minute in 0..100 {
        order = after(&order, &assign(), minutes(T0, minute));
        order = after(&order, &drop, minutes(T0, minute));
        assert!(order.history().len() <= HISTORY_MAX);
    }
    let (first, rest) = order.history().split_first().unwrap();
    assert_eq!((first.status, first.by), (OrderStatus::Pending, Actor::Customer));
    assert_eq!(rest.len(), HISTORY_MAX - 1);
    assert_eq!(rest.last().unwrap().at, minutes(T0, 99));
    assert_eq!(rest.first().unwrap().at, minutes(T0, 84), "the latest, without a gap");
}

#[test]
fn another_drivers_hand_over_keeps_the_leg_and_its_deadline() {
    for point in [leg(LegPoint::PickedUp), leg(LegPoint::EnRoute)].concat() {
        let order = point.order();
        let (driver, delivery) = (stranger(), DeliveryId::from(71));
        let hand_over = Command::HandOver { driver, delivery, travel: Span::from_mins(5) };
        let order_after = after(&order, &hand_over, minutes(T0, 30));
        assert_eq!(Point::of(order_after.phase()), point);
        assert_eq!(order_after.next_deadline(), order.next_deadline());
        assert_eq!(order_after.phase().assignment(), Some((driver, delivery)));
        let delivered = after(&order_after, &Command::Deliver { driver }, minutes(T0, 31));
        assert_eq!(delivered.status(), OrderStatus::Delivered);
    }
}

/// What a tick makes of a point at its deadline, and nothing the millisecond before.
#[track_caller]
fn at_its_deadline(point: Point, deadline: Option<Timestamp>, then: &[OrderStatus]) {
    let order = point.order();
    assert_eq!(order.next_deadline(), deadline, "{point:?}");
    let Some(deadline) = deadline else { return assert!(then.is_empty()) };
    let early = deadline.saturating_sub(Span::from_millis(1));
    assert_eq!(order.decide(&Command::Tick, &policy(), early), Ok(vec![]), "{point:?} early");
    let ticked = after(&order, &Command::Tick, deadline);
    assert_ne!(ticked.phase(), order.phase(), "{point:?} stays for ever");
    assert!(then.contains(&ticked.status()), "{point:?} became {:?}", ticked.status());
}

#[test]
fn every_living_phase_has_a_deadline_at_which_a_tick_leads_on() {
    use OrderStatus as S;
    let back = [S::Confirmed, S::Preparing, S::ReadyForPickup];
    for point in Point::all() {
        let (deadline, then): (Option<u64>, &[S]) = match point {
            Point::Pending => (Some(10), &[S::Cancelled]),
            Point::Underway(_, CourierPoint::Searching | CourierPoint::Flagged) => {
                (Some(30), &[S::Cancelled])
            }
            Point::Underway(_, CourierPoint::Assigned) => (Some(20), &back),
            Point::Underway(KitchenPoint::Ready, CourierPoint::AtRestaurant) => (Some(15), &back),
            Point::Underway(
                KitchenPoint::Confirmed | KitchenPoint::Preparing,
                CourierPoint::AtRestaurant,
            ) => (Some(240), &[S::Cancelled]),
            Point::OnTheWay(LegPoint::PickedUp | LegPoint::EnRoute) => {
                (Some(120), &[S::Undelivered])
            }
            Point::OnTheWay(LegPoint::AtDoorstep) => (Some(10), &[S::Undelivered]),
            Point::Delivered
            | Point::Undelivered
            | Point::CancelledByCustomer
            | Point::CancelledByRestaurant => (None, &[]),
        };
        at_its_deadline(point, deadline.map(|mins| minutes(T0, mins)), then);
    }
}

#[test]
fn no_order_lives_for_ever_on_ticks_alone() {
    for point in Point::all() {
        let mut order = point.order();
        let mut ticks = 0;
        while order.phase().ended_at().is_none() {
            let deadline = order.next_deadline().expect("whatever lives has a deadline");
            order = after(&order, &Command::Tick, deadline);
            ticks += 1;
            assert!(ticks <= 3, "{point:?} does not come to its end");
        }
        assert_eq!(order.next_deadline(), None, "{point:?}: its capture or void is due");
    }
}

#[test]
fn drivers_who_keep_dropping_out_do_not_keep_an_order_alive() {
    let mut order = Point::Underway(KitchenPoint::Ready, CourierPoint::Searching).order();
    let mut rounds = 0;
    while order.phase().ended_at().is_none() {
        let deadline = order.next_deadline().unwrap();
        let command = match order.phase().assignment() {
            None => (assign(), deadline.saturating_sub(Span::from_millis(1))),
            Some(_) => (Command::Tick, deadline),
        };
        order = after(&order, &command.0, command.1);
        rounds += 1;
        assert!(rounds < 20, "the pick-up has a deadline of its own");
    }
    assert_eq!(order.phase().ended_at(), Some(minutes(T0, 240)));
}

#[test]
fn at_the_pick_up_deadline_an_order_is_cancelled_even_beside_a_late_driver() {
    for point in underway() {
        let order = after(&point.order(), &Command::Tick, minutes(T0, 240));
        assert_eq!(order.status(), OrderStatus::Cancelled, "{point:?}");
        assert_eq!(order.payment().owed(), Some(eur(0)), "{point:?}");
    }
}

#[test]
fn who_pays_for_an_undelivered_order_depends_on_the_reason() {
    let order = Point::OnTheWay(LegPoint::AtDoorstep).order();
    let total = order.quote().total;
    for (reason, owed) in [
        (FailReason::CustomerAbsent, total),
        (FailReason::CustomerRefused, total),
        (FailReason::Accident, eur(0)),
        (FailReason::Lost, eur(0)),
    ] {
        let fail = Command::Fail { by: Actor::Operations, reason, returned: false };
        assert_eq!(after(&order, &fail, T0).payment().owed(), Some(owed), "{reason:?}");
    }
}

#[test]
fn an_order_is_over_once_its_money_is_settled() {
    let order = Point::Delivered.order();
    assert_eq!(order.over_since(), None, "the capture is still due");
    let captured = Reply { step: Step::Capture, attempt: 1, answer: Answer::Done { until: None } };
    let order = after(&order, &Command::Reply(captured), minutes(T0, 1));
    assert_eq!(order.over_since(), Some(T0));
    assert_eq!(order.payment().paid(), order.quote().total);
}

#[test]
fn a_restaurant_may_answer_for_as_long_as_the_money_is_held() {
    let policy = policy();
    let (now, lapses) = (Timestamp::from_secs(100), Timestamp::from_secs(130));
    let mut payment = Payment::new(eur(500));
    let answer = Answer::Done { until: Some(lapses) };
    let reply = Reply { step: Step::Hold, attempt: 1, answer };
    for event in payment.decide(&reply, &policy.payment, now) {
        payment.evolve(&event).unwrap();
    }
    assert_eq!(Order::placed(&payment, &policy, now), Event::Placed { respond_by: lapses });
}

#[test]
fn a_cancelled_order_takes_no_other_fee() {
    let order = placed(intent());
    let cancel = |fee| Command::Cancel { by: Actor::Operations, fee };
    let ended = after(&order, &cancel(Some(eur(100))), T0);
    let again = |fee| ended.decide(&cancel(fee), &policy(), T0);
    assert_eq!(again(None), Ok(vec![]));
    assert_eq!(again(Some(eur(100))), Ok(vec![]));
    assert!(matches!(again(Some(eur(50))), Err(Refusal::Cancel(_))));
}

#[test]
fn the_estimate_moves_as_things_happen_and_the_promise_does_not() {
    let mut order = placed(intent());
    let promised = order.promised();
    let ride =
        eta::travel(order.quote().distance_m, eta::Vehicle::Motorcycle, &policy().dispatch.speeds);
    let mut estimates = Vec::new();
    let late = minutes(T0, 40);
    for (at, command) in [
        (T0, Command::Accept { ready_at: Some(minutes(T0, 10)) }),
        (T0, assign()),
        (late, Command::MarkReady),
        (late, Command::ArriveAtRestaurant { driver: driver() }),
        (minutes(T0, 41), Command::PickUp { driver: driver() }),
    ] {
        order = after(&order, &command, at);
        estimates.push(order.intent().estimate);
        assert_eq!(order.promised(), promised);
    }
    let from = |minute| minutes(T0, minute).saturating_add(ride);
    assert_eq!(estimates, [from(10), from(10), from(40), from(40), from(41)]);
}
