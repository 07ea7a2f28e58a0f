//! The table: what each command does, wherever the order stands.

use super::*;

pub(super) fn kitchen_rows() -> Vec<Row> {
    use KitchenPoint::{Confirmed, Preparing, Ready};
    let speeds = policy().dispatch.speeds;
    let quote = intent().quote;
    let shortage = Shortage { line: 0, quantity: 1 };
    vec![
        Row {
            command: Command::Accept { ready_at: Some(minutes(NOW, 3)) },
            happens: vec![(
                pending(),
                Event::Accepted {
                    kitchen: KitchenKind::Cooks,
                    estimate: eta::estimate(NOW, Span::from_mins(3), quote.distance_m, &speeds),
                    give_up_at: minutes(NOW, 30),
                    pick_up_by: minutes(NOW, 240),
                },
                Then::Is(OrderStatus::Confirmed),
            )],
            already: [underway(), on_the_way(), delivered()].concat(),
            refused: vec![(
                [undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::Pending]),
            )],
        },
        Row {
            command: Command::Reject,
            happens: vec![(
                pending(),
                Event::Cancelled {
                    by: Actor::Restaurant,
                    ground: Ground::RestaurantRejected,
                    fee: eur(0),
                },
                Then::Is(OrderStatus::Cancelled),
            )],
            already: vec![Point::CancelledByRestaurant],
            refused: vec![(
                [
                    underway(),
                    on_the_way(),
                    delivered(),
                    undelivered(),
                    vec![Point::CancelledByCustomer],
                ]
                .concat(),
                Refused::Needs(&[OrderStatus::Pending]),
            )],
        },
        Row {
            command: Command::StartPreparing,
            happens: vec![(
                kitchen(Confirmed),
                Event::PreparingStarted,
                Then::Is(OrderStatus::Preparing),
            )],
            already: [kitchen(Preparing), kitchen(Ready), on_the_way(), delivered()].concat(),
            refused: vec![(
                [pending(), undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::Confirmed]),
            )],
        },
        Row {
            command: Command::MarkReady,
            happens: vec![(
                [kitchen(Confirmed), kitchen(Preparing)].concat(),
                Event::MadeReady { estimate: ANY },
                Then::Is(OrderStatus::ReadyForPickup),
            )],
            already: [kitchen(Ready), on_the_way(), delivered()].concat(),
            refused: vec![(
                [pending(), undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::Confirmed, OrderStatus::Preparing]),
            )],
        },
        Row {
            command: Command::Adjust { lines: vec![shortage] },
            happens: vec![(
                underway(),
                Event::Adjusted {
                    lines: vec![shortage],
                    quote: quote.adjusted(eur(1_150)).unwrap(),
                },
                Then::Unchanged,
            )],
            already: vec![],
            refused: vec![(
                [pending(), on_the_way(), ended()].concat(),
                Refused::Needs(UNASSIGNED),
            )],
        },
    ]
}

pub(super) fn courier_rows() -> Vec<Row> {
    use CourierPoint::{Assigned, AtRestaurant, Flagged, Searching};
    let driver = driver();
    let other = DeliveryId::from(71);
    let arrive_by = minutes(NOW, 5 + 15);
    let handed = |from| Event::HandedOver { from, driver: stranger(), delivery: other, arrive_by };
    vec![
        Row {
            command: assign(),
            happens: vec![(
                unassigned(),
                Event::DriverAssigned { driver, delivery: delivery(), arrive_by, estimate: ANY },
                Then::Is(OrderStatus::DriverAssigned),
            )],
            already: [assigned(), on_the_way()].concat(),
            refused: vec![([pending(), ended()].concat(), Refused::Needs(UNASSIGNED))],
        },
        // The driver who has it already, in another delivery.
        Row {
            command: Command::AssignDriver { driver, delivery: other, travel: Span::from_mins(5) },
            happens: vec![(
                unassigned(),
                Event::DriverAssigned { driver, delivery: other, arrive_by, estimate: ANY },
                Then::Is(OrderStatus::DriverAssigned),
            )],
            already: vec![],
            refused: vec![(
                [pending(), assigned(), on_the_way(), ended()].concat(),
                Refused::Needs(UNASSIGNED),
            )],
        },
        Row {
            command: Command::DropDriver { driver, why: DropReason::Driver },
            happens: vec![(
                assigned(),
                Event::DriverDropped {
                    driver,
                    why: DropReason::Driver,
                    give_up_at: minutes(NOW, 30),
                },
                Then::TheKitchens,
            )],
            already: vec![],
            refused: vec![(
                [pending(), unassigned(), on_the_way(), ended()].concat(),
                Refused::Needs(&[OrderStatus::DriverAssigned, OrderStatus::DriverAtRestaurant]),
            )],
        },
        Row {
            command: Command::HandOver {
                driver: stranger(),
                delivery: other,
                travel: Span::from_mins(5),
            },
            happens: vec![
                (unassigned(), handed(None), Then::Is(OrderStatus::DriverAssigned)),
                (assigned(), handed(Some(driver)), Then::Is(OrderStatus::DriverAssigned)),
                (
                    [leg(LegPoint::PickedUp), leg(LegPoint::EnRoute)].concat(),
                    handed(Some(driver)),
                    Then::Unchanged,
                ),
            ],
            already: vec![],
            refused: vec![(
                [pending(), leg(LegPoint::AtDoorstep), ended()].concat(),
                Refused::Needs(&[
                    OrderStatus::Confirmed,
                    OrderStatus::Preparing,
                    OrderStatus::ReadyForPickup,
                    OrderStatus::DriverAssigned,
                    OrderStatus::DriverAtRestaurant,
                    OrderStatus::PickedUp,
                    OrderStatus::OnTheWay,
                ]),
            )],
        },
        Row {
            command: Command::FlagSearch,
            happens: vec![(courier(Searching), Event::SearchFlagged, Then::Unchanged)],
            already: courier(Flagged),
            refused: vec![(
                [pending(), assigned(), on_the_way(), ended()].concat(),
                Refused::Needs(UNASSIGNED),
            )],
        },
        Row {
            command: Command::ArriveAtRestaurant { driver },
            happens: vec![(
                courier(Assigned),
                Event::ArrivedAtRestaurant { driver, slack: Span::from_mins(15) },
                Then::Is(OrderStatus::DriverAtRestaurant),
            )],
            already: [courier(AtRestaurant), on_the_way(), delivered()].concat(),
            refused: vec![(
                [pending(), unassigned(), undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::DriverAssigned]),
            )],
        },
        Row {
            command: Command::PickUp { driver },
            happens: vec![(
                courier(AtRestaurant),
                Event::PickedUp { driver, lost_at: minutes(NOW, 120), estimate: ANY },
                Then::Is(OrderStatus::PickedUp),
            )],
            already: [on_the_way(), delivered()].concat(),
            refused: vec![(
                [pending(), unassigned(), courier(Assigned), undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::DriverAtRestaurant]),
            )],
        },
    ]
}

pub(super) fn road_rows() -> Vec<Row> {
    let driver = driver();
    let arrived = |far_m| Event::ArrivedAtDoorstep { driver, leave_at: minutes(NOW, 10), far_m };
    let arrive = |distance_m, far_m| Row {
        command: Command::ArriveAtDoorstep { driver, distance_m },
        happens: vec![(
            [leg(LegPoint::PickedUp), leg(LegPoint::EnRoute)].concat(),
            arrived(far_m),
            Then::Is(OrderStatus::AtDoorstep),
        )],
        already: [leg(LegPoint::AtDoorstep), delivered()].concat(),
        refused: vec![(
            [pending(), underway(), undelivered(), cancelled()].concat(),
            Refused::Needs(&[OrderStatus::PickedUp, OrderStatus::OnTheWay]),
        )],
    };
    let fail = |by| Row {
        command: Command::Fail { by, reason: FailReason::Accident, returned: true },
        happens: vec![(
            on_the_way(),
            Event::Undelivered { by, reason: FailReason::Accident, returned: true },
            Then::Is(OrderStatus::Undelivered),
        )],
        already: vec![],
        refused: vec![(
            [pending(), underway(), delivered(), undelivered(), cancelled()].concat(),
            Refused::Needs(CARRIED),
        )],
    };
    let nobody_home = |by: Actor, anywhere: bool| {
        let at_door = leg(LegPoint::AtDoorstep);
        let before = [leg(LegPoint::PickedUp), leg(LegPoint::EnRoute)].concat();
        let elsewhere = [pending(), underway(), delivered(), cancelled()].concat();
        let reason = FailReason::CustomerAbsent;
        Row {
            command: Command::Fail { by, reason, returned: true },
            happens: vec![(
                if anywhere { on_the_way() } else { at_door },
                Event::Undelivered { by, reason, returned: true },
                Then::Is(OrderStatus::Undelivered),
            )],
            already: undelivered(),
            refused: vec![
                (
                    if anywhere { vec![] } else { before },
                    Refused::Needs(&[OrderStatus::AtDoorstep]),
                ),
                (elsewhere, Refused::Needs(CARRIED)),
            ],
        }
    };
    let never = |by| Row {
        command: Command::Fail { by, reason: FailReason::Accident, returned: true },
        happens: vec![],
        already: vec![],
        refused: vec![(Point::all().collect(), Refused::With(Refusal::NotThisActor))],
    };
    vec![
        Row {
            command: Command::Depart { driver },
            happens: vec![(
                leg(LegPoint::PickedUp),
                Event::Departed { driver },
                Then::Is(OrderStatus::OnTheWay),
            )],
            already: [leg(LegPoint::EnRoute), leg(LegPoint::AtDoorstep), delivered()].concat(),
            refused: vec![(
                [pending(), underway(), undelivered(), cancelled()].concat(),
                Refused::Needs(&[OrderStatus::PickedUp]),
            )],
        },
        arrive(None, None),
        arrive(Some(200), None),
        arrive(Some(201), Some(201)),
        Row {
            command: Command::Deliver { driver },
            happens: vec![(
                on_the_way(),
                Event::Delivered { driver },
                Then::Is(OrderStatus::Delivered),
            )],
            already: delivered(),
            refused: vec![(
                [pending(), underway(), undelivered(), cancelled()].concat(),
                Refused::Needs(CARRIED),
            )],
        },
        fail(Actor::Driver(driver)),
        fail(Actor::Operations),
        fail(Actor::Platform),
        nobody_home(Actor::Driver(driver), false),
        nobody_home(Actor::Operations, true),
        never(Actor::Customer),
        never(Actor::Restaurant),
    ]
}

/// A driver who is not, or no longer, the order's.
pub(super) fn stranger_rows() -> Vec<Row> {
    let driver = stranger();
    let row = |command, needs, unassigned_too: bool| {
        let known = [assigned(), on_the_way(), delivered(), undelivered()].concat();
        let nobodys = [pending(), unassigned(), cancelled()].concat();
        let not_yours = Refusal::NotTheDriver { driver, assigned: super::driver() };
        let mut refused = vec![(known, Refused::With(not_yours))];
        if unassigned_too {
            refused.push((nobodys, Refused::Needs(needs)));
        }
        Row { command, happens: vec![], already: vec![], refused }
    };
    let at_restaurant: &[OrderStatus] = &[OrderStatus::DriverAtRestaurant];
    let coming: &[OrderStatus] = &[OrderStatus::DriverAssigned, OrderStatus::DriverAtRestaurant];
    let by = Actor::Driver(driver);
    let travel = Span::from_mins(5);
    vec![
        row(Command::DropDriver { driver, why: DropReason::Driver }, coming, true),
        row(Command::ArriveAtRestaurant { driver }, &[OrderStatus::DriverAssigned], true),
        row(Command::PickUp { driver }, at_restaurant, true),
        row(Command::Depart { driver }, &[OrderStatus::PickedUp], true),
        row(
            Command::ArriveAtDoorstep { driver, distance_m: None },
            &[OrderStatus::PickedUp, OrderStatus::OnTheWay],
            true,
        ),
        row(Command::Deliver { driver }, CARRIED, true),
        row(Command::Fail { by, reason: FailReason::Lost, returned: false }, CARRIED, true),
        Row {
            command: Command::AssignDriver { driver, delivery: delivery(), travel },
            happens: vec![(
                unassigned(),
                Event::DriverAssigned {
                    driver,
                    delivery: delivery(),
                    arrive_by: minutes(NOW, 5 + 15),
                    estimate: ANY,
                },
                Then::Is(OrderStatus::DriverAssigned),
            )],
            already: vec![],
            refused: vec![
                (
                    [assigned(), on_the_way()].concat(),
                    Refused::With(Refusal::NotTheDriver { driver, assigned: super::driver() }),
                ),
                ([pending(), ended()].concat(), Refused::Needs(UNASSIGNED)),
            ],
        },
    ]
}

pub(super) fn other_rows() -> Vec<Row> {
    let estimate = minutes(T0, 25);
    let captured = Reply { step: Step::Capture, attempt: 1, answer: Answer::Done { until: None } };
    let taken = News::Captured { total: intent().quote.total };
    vec![
        Row {
            command: Command::ReviseEstimate { estimate },
            happens: vec![(
                [pending(), underway(), on_the_way()].concat(),
                Event::EstimateRevised { estimate },
                Then::Unchanged,
            )],
            already: vec![],
            refused: vec![(ended(), Refused::Needs(ALIVE))],
        },
        Row {
            command: cancel_by(Actor::Operations),
            happens: vec![(
                [pending(), underway(), leg(LegPoint::PickedUp), leg(LegPoint::EnRoute)].concat(),
                Event::Cancelled { by: Actor::Operations, ground: Ground::Operations, fee: eur(0) },
                Then::Is(OrderStatus::Cancelled),
            )],
            already: cancelled(),
            refused: vec![
                (leg(LegPoint::AtDoorstep), Refused::With(cancel::Refusal::AtDoorstep.into())),
                ([delivered(), undelivered()].concat(), Refused::Ended),
            ],
        },
        Row {
            command: Command::Reply(captured),
            happens: vec![(
                [underway(), on_the_way(), delivered(), undelivered()].concat(),
                Event::Payment(payment::Event::Captured { amount: intent().quote.total }),
                Then::Unchanged,
            )],
            // No capture was asked for: nothing is due before acceptance, a void after the cancel.
            already: [pending(), cancelled()].concat(),
            refused: vec![],
        },
        Row {
            command: Command::Reply(HELD),
            happens: vec![],
            already: Point::all().collect(),
            refused: vec![],
        },
        // The hold is known to be there everywhere, and what was taken nowhere yet.
        Row {
            command: Command::Notice(Notice { hold: 1, news: taken }),
            happens: vec![(
                Point::all().collect(),
                Event::Payment(payment::Event::Noticed { news: taken, retry_at: None }),
                Then::Unchanged,
            )],
            already: vec![],
            refused: vec![],
        },
        Row {
            command: Command::Notice(Notice { hold: 1, news: News::Declined }),
            happens: vec![],
            already: Point::all().collect(),
            refused: vec![],
        },
        Row {
            command: Command::Notice(Notice { hold: 2, news: taken }),
            happens: vec![],
            already: vec![],
            refused: vec![(
                Point::all().collect(),
                Refused::With(payment::Refusal::AnotherHold { hold: 2, last: 1 }.into()),
            )],
        },
        Row {
            command: Command::Tick,
            happens: vec![],
            already: Point::all().collect(),
            refused: vec![],
        },
    ]
}
