//! The search and the way: offers, taps, hand-overs, drop-outs.

use super::super::*;
use super::city::*;
use crate::dispatch::{self, DriverStatus, Stage};
use crate::eta::Vehicle;
use crate::id::DriverId;
use crate::order::{self, Courier, DropReason, OrderStatus, Phase, Search};
use crate::time::Span;

#[test]
fn a_driver_is_asked_takes_it_and_the_order_learns_of_it_in_the_same_batch() {
    let mut city = City::new();
    let (order, delivery) = city.accepted();
    city.does(&ask(delivery, ana()));
    let events = city.does(&taps(ana(), DriverAct::Accept { delivery }));
    assert!(matches!(
        events.as_slice(),
        [
            Event::Dispatch(dispatch::Event::Taken { .. }),
            Event::Order { event: order::Event::DriverAssigned { .. }, .. },
        ]
    ));
    assert_eq!(city.order(order).status(), OrderStatus::DriverAssigned);
    assert_eq!(city.carrying(ana()), [delivery]);
    assert_eq!(city.does(&taps(ana(), DriverAct::Accept { delivery })), [], "already so");
}

#[test]
fn of_two_taps_the_first_in_the_log_wins_and_the_other_is_told() {
    let mut city = City::new();
    let (_, delivery) = city.accepted();
    let among = dispatch::Among::Unlocated(vec![ana(), ben()]);
    city.does(&Command::Propose(dispatch::Proposal { delivery, among }));
    city.does(&taps(ben(), DriverAct::Accept { delivery }));
    let refused = city.refuses(&taps(ana(), DriverAct::Accept { delivery }));
    let taken = dispatch::Refusal::TakenBy { delivery, driver: ben() };
    assert_eq!(refused, Refusal::Dispatch(taken));
    let driver = city.shard.dispatch.driver(ana()).unwrap();
    assert_eq!(driver.status(), DriverStatus::Online, "free for another offer");
}

#[test]
fn the_whole_way_ends_with_the_driver_free_and_paid() {
    let mut city = City::new();
    let (order, delivery) = city.taken(ana());
    for (act, status) in [
        (DriverAct::ArriveAtRestaurant { delivery }, OrderStatus::DriverAtRestaurant),
        (DriverAct::PickUp { delivery }, OrderStatus::PickedUp),
        (DriverAct::Depart { delivery }, OrderStatus::OnTheWay),
        (DriverAct::ArriveAtDoorstep { delivery, distance_m: None }, OrderStatus::AtDoorstep),
    ] {
        assert_eq!(city.does(&taps(ana(), act)).len(), 1);
        assert_eq!(city.order(order).status(), status);
        assert_eq!(city.does(&taps(ana(), act)), [], "{act:?} counts once");
        assert!(matches!(city.refuses(&taps(ben(), act)), Refusal::Order(_)), "not Ben's");
    }
    let events = city.does(&taps(ana(), DriverAct::Deliver { delivery }));
    assert!(matches!(
        events.as_slice(),
        [
            Event::Order { event: order::Event::Delivered { .. }, .. },
            Event::Dispatch(dispatch::Event::Finished { .. }),
        ]
    ));
    assert_eq!(city.order(order).status(), OrderStatus::Delivered);
    assert_eq!(city.carrying(ana()), []);
    let record = city.shard.dispatch.driver(ana()).unwrap().record;
    let km = i64::from(city.order(order).quote().distance_m.div_ceil(1_000));
    assert_eq!((record.delivered, record.earned_minor), (1, 250 + 60 * km));
    assert_eq!(city.order(order).payment().paid(), city.order(order).quote().total);
    let over = city.refuses(&taps(ana(), DriverAct::Deliver { delivery }));
    assert_eq!(over, Refusal::NoSuchDelivery { delivery });
}

#[test]
fn a_tap_far_from_the_door_counts_and_is_flagged() {
    let mut city = City::new();
    let (_, delivery) = city.picked_up(ana());
    let distance_m = Some(900);
    let events = city.does(&taps(ana(), DriverAct::ArriveAtDoorstep { delivery, distance_m }));
    let [Event::Order { event: order::Event::ArrivedAtDoorstep { far_m, .. }, .. }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(*far_m, Some(900));
}

#[test]
fn a_driver_who_drops_out_is_free_and_the_search_begins_without_them() {
    let mut city = City::new();
    let (order, delivery) = city.taken(ana());
    let drop_out = taps(ana(), DriverAct::Drop { delivery });
    let events = city.does(&drop_out);
    assert!(matches!(
        events.as_slice(),
        [
            Event::Order { event: order::Event::DriverDropped { .. }, .. },
            Event::Dispatch(dispatch::Event::Dropped { why: DropReason::Driver, .. }),
        ]
    ));
    assert_eq!(city.order(order).status(), OrderStatus::Confirmed);
    assert_eq!(city.carrying(ana()), []);
    assert_eq!(city.shard.wanted().next().unwrap().passed, [ana()]);
    assert_eq!(city.does(&drop_out), [], "dropped already");
    assert!(matches!(
        city.refuses(&taps(ben(), DriverAct::Drop { delivery })),
        Refusal::Dispatch(_)
    ));
}

#[test]
fn what_was_picked_up_is_not_dropped() {
    let mut city = City::new();
    let (_, delivery) = city.picked_up(ana());
    let refused = city.refuses(&taps(ana(), DriverAct::Drop { delivery }));
    assert!(matches!(refused, Refusal::Order(order::Refusal::WrongPhase { .. })), "{refused:?}");
    assert_eq!(city.carrying(ana()), [delivery]);
}

#[test]
fn a_driver_who_does_not_come_is_taken_off() {
    let mut city = City::new();
    let (order, delivery) = city.taken(ana());
    city.passes_time();
    let phase = city.order(order).phase();
    assert!(
        matches!(phase, Phase::Underway { courier: Courier::Unassigned { .. }, .. }),
        "{phase:?}"
    );
    assert_eq!(city.carrying(ana()), []);
    assert_eq!(city.shard.dispatch.driver(ana()).unwrap().record.dropped, 1);
    let late = city.refuses(&taps(ana(), DriverAct::ArriveAtRestaurant { delivery }));
    assert!(matches!(late, Refusal::Order(order::Refusal::WrongPhase { .. })), "{late:?}");
}

#[test]
fn a_search_that_finds_nobody_flags_the_order_in_the_same_batch() {
    let mut city = City::new();
    let (order, delivery) = city.accepted();
    let too_early = city.refuses(&cancel(order, Canceller::Customer));
    assert!(matches!(too_early, Refusal::Order(order::Refusal::Cancel(_))), "{too_early:?}");
    for (stage, search) in [(Stage::Wide, Search::Running), (Stage::Flagged, Search::Flagged)] {
        city.passes_time();
        let Phase::Underway { courier: Courier::Unassigned { search: found, .. }, .. } =
            city.order(order).phase()
        else {
            panic!("unassigned")
        };
        assert_eq!(*found, search);
        let live = city.shard.dispatch.delivery(delivery).unwrap();
        assert_eq!(live.search().unwrap().stage, stage);
    }
    assert!(city.shard.wanted().next().unwrap().flagged);
    city.does(&cancel(order, Canceller::Customer));
    city.pays(order, DONE);
    assert_eq!(city.order(order).payment().paid(), eur(0), "a full refund");
}

#[test]
fn a_no_that_ends_the_last_round_flags_the_order_too() {
    for says_no in [
        |delivery| taps(ben(), DriverAct::Decline { delivery }),
        |_| taps(ben(), DriverAct::GoOffline),
        |_| Command::Operations(OperationsAct::Release { driver: ben() }),
    ] {
        let mut policy = policy();
        policy.dispatch.rounds = 1;
        let mut city = City::under(policy);
        let (order, delivery) = city.accepted();
        city.does(&ask(delivery, ana()));
        city.does(&taps(ana(), DriverAct::Decline { delivery }));
        city.does(&ask(delivery, ben()));
        let events = city.does(&says_no(delivery));
        let flagged = Event::Order { order, event: order::Event::SearchFlagged };
        assert!(events.contains(&flagged), "{events:?}");
    }
}

#[test]
fn a_driver_given_something_else_leaves_their_offer_which_may_flag_another_order() {
    let mut policy = policy();
    policy.dispatch.rounds = 1;
    let mut city = City::under(policy);
    let (offered, first) = city.accepted();
    city.does(&ask(first, ben()));
    city.does(&taps(ben(), DriverAct::Decline { delivery: first }));
    city.does(&ask(first, ana()));
    let (given, second) = city.accepted();
    let events = city.does(&hand_over(second, ana()));
    let flagged = Event::Order { order: offered, event: order::Event::SearchFlagged };
    assert!(events.contains(&flagged), "{events:?}");
    assert_eq!(city.order(given).status(), OrderStatus::DriverAssigned);
}

#[test]
fn operations_hand_a_delivery_over_before_pick_up_and_after_it() {
    let mut city = City::new();
    let (order, delivery) = city.accepted();
    city.does(&hand_over(delivery, ana()));
    assert_eq!(city.order(order).phase().assignment(), Some((ana(), delivery)), "from the search");
    city.does(&hand_over(delivery, ben()));
    assert_eq!(city.order(order).phase().assignment(), Some((ben(), delivery)));
    assert_eq!(
        (city.carrying(ana()), city.carrying(ben())),
        ([].as_slice(), [delivery].as_slice())
    );
    assert_eq!(city.does(&hand_over(delivery, ben())), [], "Ben has it");

    let stranger = city.refuses(&taps(ana(), DriverAct::ArriveAtRestaurant { delivery }));
    assert!(matches!(stranger, Refusal::Order(order::Refusal::NotTheDriver { .. })));
    city.does(&taps(ben(), DriverAct::ArriveAtRestaurant { delivery }));
    city.does(&taps(ben(), DriverAct::PickUp { delivery }));
    let before = city.order(order).next_deadline();
    city.does(&hand_over(delivery, cem()));
    assert_eq!(city.order(order).phase().assignment(), Some((cem(), delivery)));
    assert_eq!(city.order(order).status(), OrderStatus::PickedUp, "the food was picked up");
    assert_eq!(city.order(order).next_deadline(), before, "and is lost when it was to be lost");
    city.does(&taps(cem(), DriverAct::ArriveAtDoorstep { delivery, distance_m: None }));
    let too_late = city.refuses(&hand_over(delivery, ana()));
    assert!(matches!(too_late, Refusal::Order(order::Refusal::WrongPhase { .. })), "{too_late:?}");
}

#[test]
fn a_delivery_is_handed_to_who_is_online_with_room_and_nobody_else() {
    let mut city = City::new();
    let (_, first) = city.taken(ana());
    let (_, second) = city.accepted();
    let full = dispatch::Refusal::NoRoom { driver: ana(), capacity: 1 };
    assert_eq!(city.refuses(&hand_over(second, ana())), Refusal::Dispatch(full));
    city.does(&taps(ben(), DriverAct::GoOffline));
    let offline = dispatch::Refusal::Offline { driver: ben() };
    assert_eq!(city.refuses(&hand_over(first, ben())), Refusal::Dispatch(offline));
    let nobody = DriverId::from(99);
    let unknown = dispatch::Refusal::UnknownDriver { driver: nobody };
    assert_eq!(city.refuses(&hand_over(first, nobody)), Refusal::Dispatch(unknown));
    assert_eq!(city.carrying(ana()), [first]);
}

#[test]
fn a_driver_is_admitted_re_equipped_and_released_when_nothing_is_carried() {
    let mut city = City::new();
    let dan = DriverId::from(4);
    let admit = |vehicle| Command::Operations(OperationsAct::Admit { driver: dan, vehicle });
    let release = |driver| Command::Operations(OperationsAct::Release { driver });
    assert_eq!(city.does(&admit(Vehicle::Car)).len(), 1);
    assert_eq!(city.does(&admit(Vehicle::Car)), []);
    assert_eq!(city.does(&admit(Vehicle::Bicycle)).len(), 1);
    assert_eq!(city.does(&release(dan)).len(), 1);
    assert_eq!(city.does(&release(dan)), []);
    city.taken(ana());
    let carrying = city.refuses(&release(ana()));
    assert!(matches!(carrying, Refusal::Dispatch(dispatch::Refusal::Carrying { .. })));
    city.does(&taps(ana(), DriverAct::GoOffline));
    assert_eq!(city.does(&taps(ana(), DriverAct::GoOffline)), []);
    assert_eq!(city.carrying(ana()).len(), 1, "what is carried stays theirs");
}

#[test]
fn an_accept_after_the_expiry_loses_though_nobody_has_ticked() {
    let mut city = City::new();
    let (_, delivery) = city.accepted();
    city.does(&ask(delivery, ana()));
    city.waits(policy().dispatch.offer_for);
    let late = city.refuses(&taps(ana(), DriverAct::Accept { delivery }));
    assert!(matches!(late, Refusal::Dispatch(dispatch::Refusal::OfferExpired { .. })), "{late:?}");
    city.now = city.now.saturating_sub(Span::from_millis(1));
    city.does(&taps(ana(), DriverAct::Accept { delivery }));
}
