//! The rules, one at a time.

use super::*;

/// Who was asked by these events, which are nothing but offers.
fn offered_to(events: &[Event]) -> Vec<DriverId> {
    let asked = |event: &Event| {
        let Event::OfferMade { driver, .. } = event else { panic!("{event:?}") };
        *driver
    };
    events.iter().map(asked).collect()
}

#[test]
fn a_search_widens_after_three_rounds_and_is_flagged_after_three_more() {
    let mut world = World::searching();
    let third = DriverId::from(3);
    world.all(&[admit(third), online(third)]);
    for stage in [Stage::Near, Stage::Wide] {
        for driver in [dan(), eve(), third] {
            assert_eq!(world.search(this()).stage, stage);
            world.all(&[ask(this(), driver), decline(this(), driver)]);
        }
    }
    assert_eq!(world.search(this()).stage, Stage::Flagged);
    let wanted: Vec<_> = world.dispatch.wanted(&world.policy).collect();
    assert!(matches!(wanted.as_slice(), [Wanted { flagged: true, radius_m: 10_000, .. }]));
}

#[test]
fn a_search_in_which_nobody_is_found_widens_after_ninety_seconds_and_is_then_flagged() {
    let mut world = World::searching();
    let stage_for = world.policy.dispatch.stage_for;
    assert_eq!(world.dispatch.next_deadline(), Some(world.now.saturating_add(stage_for)));
    world.pass(Span::from_millis(stage_for.as_millis() - 1));
    assert_eq!(world.search(this()).stage, Stage::Near);
    world.pass(Span::from_millis(1));
    assert_eq!(world.search(this()).stage, Stage::Wide);
    world.pass(stage_for);
    assert_eq!(world.search(this()).stage, Stage::Flagged);
}

#[test]
fn a_flagged_search_asks_without_a_limit_and_asks_those_who_passed_again() {
    let mut world = World::searching();
    world.policy.dispatch.rounds = 1;
    world.all(&[ask(this(), dan()), decline(this(), dan())]);
    world.all(&[ask(this(), dan()), decline(this(), dan())]);
    assert_eq!(world.search(this()).stage, Stage::Flagged);
    world.all(&[ask(this(), dan()), decline(this(), dan()), ask(this(), eve())]);
    world.all(&[decline(this(), eve())]);
    assert_eq!(world.search(this()).passed, [dan(), eve()]);
    assert_eq!(world.decide(&ask(this(), dan())), Err(Refusal::NobodyFree { delivery: this() }));
    world.pass(world.policy.dispatch.stage_for);
    assert_eq!(world.search(this()).stage, Stage::Flagged);
    world.all(&[ask(this(), dan())]);
}

#[test]
fn an_accept_wins_until_the_offer_expires_and_loses_from_then_on() {
    let mut world = World::searching();
    world.all(&[ask(this(), dan())]);
    let expired_at = world.now.saturating_add(Span::from_secs(30));
    world.wait(Span::from_millis(29_999));
    assert_eq!(world.decide(&accept(this(), dan())).map(|events| events.len()), Ok(1));
    world.wait(Span::from_millis(1));
    let late = world.decide(&accept(this(), dan()));
    assert_eq!(late, Err(Refusal::OfferExpired { expired_at }));
    world.all(&[Command::Tick]);
    let late = world.decide(&accept(this(), dan()));
    assert_eq!(late, Err(Refusal::NotOffered { delivery: this(), driver: dan() }));
}

#[test]
fn an_offer_made_shortly_before_its_stage_ends_may_still_be_thought_about() {
    let mut world = World::searching();
    world.pass(Span::from_secs(89));
    world.all(&[ask(this(), dan())]);
    world.pass(Span::from_secs(29));
    assert_eq!(world.search(this()).stage, Stage::Near);
    world.pass(Span::from_secs(1));
    assert_eq!(world.search(this()).stage, Stage::Wide);
}

#[test]
fn of_two_who_are_asked_at_once_the_first_to_accept_wins() {
    let mut world = World::searching();
    world.all(&[broadcast(this(), &[dan(), eve()]), accept(this(), eve())]);
    let lost = world.decide(&accept(this(), dan()));
    assert_eq!(lost, Err(Refusal::TakenBy { delivery: this(), driver: eve() }));
    assert_eq!(world.dispatch.driver(dan()).unwrap().status(), DriverStatus::Online);
    assert_eq!(world.record(dan()).acceptance_permille(), 1_000, "it was not declined");
}

#[test]
fn a_broadcast_asks_each_free_driver_once_counts_as_one_round_and_ends_with_the_last_no() {
    let mut world = World::searching();
    world.policy.dispatch.rounds = 1;
    let asked = world.does(&broadcast(this(), &[eve(), eve(), dan()])).unwrap();
    assert_eq!(offered_to(&asked), [eve(), dan()]);
    assert_eq!(world.search(this()).rounds, 1);
    assert_eq!(world.does(&decline(this(), eve())).unwrap().len(), 1);
    assert_eq!(world.does(&decline(this(), dan())).unwrap().len(), 2);
    assert_eq!(world.search(this()).stage, Stage::Wide);
}

#[test]
fn a_broadcast_asks_no_more_drivers_than_policy_says() {
    let mut world = World::searching();
    world.policy.dispatch.broadcast = 1;
    let asked = world.does(&broadcast(this(), &[dan(), eve()])).unwrap();
    assert_eq!(offered_to(&asked), [dan()]);
}

#[test]
fn the_lowest_score_gets_the_offer_and_of_equals_the_lower_id() {
    let mut world = World::searching();
    let asked = |world: &World, candidates: &[Candidate]| {
        offered_to(&world.decide(&propose(this(), candidates)).unwrap())
    };
    assert_eq!(asked(&world, &[at(eve(), 500), at(dan(), 500)]), [dan()]);
    let away = Candidate { off_course_deg: Some(180), ..at(dan(), 500) };
    assert_eq!(asked(&world, &[at(eve(), 500), away]), [eve()], "heading away costs");
    world.all(&[Command::Admit { driver: eve(), vehicle: Vehicle::Car }]);
    assert_eq!(asked(&world, &[at(eve(), 600), at(dan(), 500)]), [eve()], "a car is there sooner");
    world.all(&[open(other()), ask(other(), eve()), decline(other(), eve())]);
    assert_eq!(asked(&world, &[at(eve(), 600), at(dan(), 500)]), [dan()], "declining costs");
}

#[test]
fn a_score_explains_itself() {
    let policy = policy().dispatch;
    let record = Record { accepted: 1, declined: 2, silent: 1, ..Record::default() };
    let candidate = Candidate { off_course_deg: Some(60), ..at(dan(), 2_000) };
    let score = Score::of(&candidate, Vehicle::Bicycle, &record, &policy);
    assert_eq!(
        score,
        Score { points: 830, distance: 120, travel: 600, direction: 20, declines: 90 }
    );
    let standing = Candidate { off_course_deg: None, ..candidate };
    assert_eq!(Score::of(&standing, Vehicle::Bicycle, &record, &policy).direction, 30);
    let beyond = Candidate { off_course_deg: Some(u16::MAX), distance_m: u32::MAX, ..candidate };
    assert_eq!(Score::of(&beyond, Vehicle::Walking, &record, &policy).direction, 60);
}

#[test]
fn under_overload_the_nearest_is_asked_without_a_score() {
    let mut world = World::searching();
    world.policy.dispatch.overload = 2;
    let away = Candidate { off_course_deg: Some(180), ..at(dan(), 490) };
    let wish = propose(this(), &[at(eve(), 500), away]);
    assert_eq!(offered_to(&world.decide(&wish).unwrap()), [eve()]);
    world.all(&[open(other())]);
    let events = world.decide(&wish).unwrap();
    assert_eq!(offered_to(&events), [dan()]);
    assert!(matches!(
        events.as_slice(),
        [Event::OfferMade { mode: Mode::Nearest, score: None, considered: 2, .. }]
    ));
}

#[test]
fn who_is_beyond_the_radius_of_the_stage_is_not_asked() {
    let mut world = World::searching();
    let far = propose(this(), &[at(dan(), 5_001)]);
    assert_eq!(world.decide(&far), Err(Refusal::NobodyFree { delivery: this() }));
    assert!(world.decide(&propose(this(), &[at(dan(), 5_000)])).is_ok());
    world.pass(world.policy.dispatch.stage_for);
    assert!(world.decide(&far).is_ok());
}

#[test]
fn the_queue_is_by_age_in_buckets_then_by_value_then_by_id() {
    let mut world = World::new(policy());
    world.now = Timestamp::from_secs(600);
    let opened = |world: &mut World, id: u32, value: i64| {
        let order = OrderId::from(id);
        world.all(&[open_with(DeliveryId::from(id), vec![order], eur(value))]);
    };
    opened(&mut world, 5, 100);
    world.wait(Span::from_secs(59));
    for (id, value) in [(4, 900), (3, 100)] {
        opened(&mut world, id, value);
    }
    world.wait(Span::from_secs(1));
    opened(&mut world, 1, 5_000);
    let queue: Vec<_> = world.dispatch.wanted(&world.policy).map(|w| w.delivery).collect();
    assert_eq!(queue, [4, 3, 5, 1].map(DeliveryId::from));
}

#[test]
fn a_dropped_delivery_keeps_its_age_and_starts_near_without_the_one_who_dropped_it() {
    let mut world = World::searching();
    let opened_at = world.now;
    world.pass(world.policy.dispatch.stage_for);
    world.all(&[ask(this(), dan()), accept(this(), dan()), give_back(this(), dan())]);
    let since = world.dispatch.delivery(this()).unwrap().since;
    assert_eq!((since, world.search(this()).stage), (opened_at, Stage::Near));
    assert_eq!(world.decide(&ask(this(), dan())), Err(Refusal::NobodyFree { delivery: this() }));
    assert_eq!(world.record(dan()).dropped, 1);
    world.all(&[ask(this(), eve()), accept(this(), eve())]);
}

#[test]
fn a_handed_over_delivery_frees_the_former_driver() {
    let mut world = World::searching();
    world.all(&[ask(this(), dan()), accept(this(), dan()), assign(this(), eve())]);
    assert_eq!(world.dispatch.driver(dan()).unwrap().status(), DriverStatus::Online);
    assert_eq!(world.dispatch.driver(eve()).unwrap().carrying, [this()]);
}

#[test]
fn going_offline_declines_an_open_offer_but_keeps_silence_silence() {
    let mut world = World::searching();
    world.all(&[ask(this(), dan()), offline(dan())]);
    assert_eq!((world.record(dan()).declined, world.record(dan()).silent), (1, 0));
    world.all(&[ask(this(), eve())]);
    world.wait(Span::from_secs(30));
    world.all(&[offline(eve())]);
    assert_eq!((world.record(eve()).declined, world.record(eve()).silent), (0, 1));
}

#[test]
fn a_driver_with_room_is_offered_a_second_delivery_and_no_third() {
    let mut world = World::searching();
    world.policy.dispatch.capacity = 2;
    let third = DeliveryId::from(3);
    for delivery in [this(), other()] {
        world.does(&open(delivery)).unwrap();
        world.all(&[ask(delivery, dan()), accept(delivery, dan())]);
    }
    assert_eq!(world.dispatch.driver(dan()).unwrap().carrying, [this(), other()]);
    world.all(&[open(third)]);
    assert_eq!(world.decide(&ask(third, dan())), Err(Refusal::NobodyFree { delivery: third }));
    let full = Refusal::NoRoom { driver: dan(), capacity: 2 };
    assert_eq!(world.decide(&assign(third, dan())), Err(full));
}

#[test]
fn an_offer_outlived_by_its_room_cannot_be_accepted() {
    let mut world = World::searching();
    world.policy.dispatch.capacity = 2;
    world.all(&[open(other()), assign(other(), dan()), ask(this(), dan())]);
    world.policy.dispatch.capacity = 1;
    let full = Refusal::NoRoom { driver: dan(), capacity: 1 };
    assert_eq!(world.decide(&accept(this(), dan())), Err(full));
}

#[test]
fn a_bundle_ends_with_its_last_order_and_its_driver_earns_for_each() {
    let mut world = World::searching();
    let [first, second] = [11, 12].map(OrderId::from);
    world.all(&[open_with(other(), vec![first, second], eur(1)), assign(other(), dan())]);
    let end = |order, end| Command::Finish { delivery: other(), order, end };
    world.all(&[end(first, delivered())]);
    assert_eq!(world.dispatch.driver(dan()).unwrap().status(), DriverStatus::OnDelivery);
    assert_eq!(world.dispatch.delivery_of(first), None);
    let gone = Refusal::UnknownOrder { delivery: other(), order: first };
    assert_eq!(world.decide(&end(first, delivered())), Err(gone));
    world.all(&[end(second, End::Undelivered { earned: eur(100) })]);
    assert_eq!(world.dispatch.driver(dan()).unwrap().status(), DriverStatus::Online);
    assert_eq!((world.record(dan()).delivered, world.record(dan()).earned_minor), (1, 400));
}

#[test]
fn one_order_of_a_bundle_can_be_cancelled_without_disturbing_the_search_for_the_rest() {
    let mut world = World::searching();
    let [first, second] = [11, 12].map(OrderId::from);
    world.all(&[open_with(other(), vec![first, second], eur(1)), ask(other(), dan())]);
    world.all(&[Command::Finish { delivery: other(), order: first, end: End::Cancelled }]);
    world.all(&[accept(other(), dan())]);
    assert_eq!(world.dispatch.delivery(other()).unwrap().orders, [second]);
}

#[test]
fn a_search_is_due_when_the_first_of_its_offers_expires() {
    let [soon, later, end] = [1, 2, 3].map(Timestamp::from_secs);
    let mut search = Search::new(Stage::Near, end);
    assert_eq!(search.deadline(), end);
    search.offers.push(Offer {
        driver: dan(),
        expires_at: later,
        distance_m: None,
        bundle: vec![],
    });
    search.offers.push(Offer { driver: eve(), expires_at: soon, distance_m: None, bundle: vec![] });
    assert_eq!(search.deadline(), soon);
}

#[test]
fn an_order_is_in_one_live_delivery_at_most() {
    let mut world = World::searching();
    let order = order_of(this());
    let again = open_with(other(), vec![order], eur(1));
    let taken = Refusal::OrderInDelivery { order, delivery: this() };
    assert_eq!(world.decide(&again), Err(taken));
    world.all(&[finish(this(), End::Cancelled), again]);
}

#[test]
fn what_is_out_of_bounds_is_refused_with_the_bound() {
    let mut world = World::searching();
    let refused = |world: &World, command: &Command| world.decide(command).unwrap_err();
    let bad = Refusal::BadOrders { most: 16 };
    let twice = vec![OrderId::from(9), OrderId::from(9)];
    let many = (20..37).map(OrderId::from).collect();
    for orders in [Vec::new(), twice, many] {
        assert_eq!(refused(&world, &open_with(other(), orders, eur(1))), bad);
    }
    assert!(
        world.decide(&open_with(other(), (20..36).map(OrderId::from).collect(), eur(1))).is_ok()
    );
    let usd = Money::new(1, Currency::new("USD").unwrap());
    let bad = Refusal::BadAmount { currency: policy().currency };
    for value in [usd, eur(-1)] {
        assert_eq!(refused(&world, &open_with(other(), vec![OrderId::from(9)], value)), bad);
        assert_eq!(refused(&world, &finish(this(), End::Delivered { earned: value })), bad);
    }
    let crowd: Vec<_> = (0..41).map(|id| at(DriverId::from(id), 1)).collect();
    let bad = Refusal::TooManyCandidates { most: 40 };
    assert_eq!(refused(&world, &propose(this(), &crowd)), bad);
    world.policy.memory.drivers_max = 2;
    assert_eq!(refused(&world, &admit(DriverId::from(3))), Refusal::DriversFull { most: 2 });
    world.policy.memory.orders_max = 1;
    assert_eq!(refused(&world, &open(other())), Refusal::OrdersFull { most: 1 });
    assert_eq!(world.decide(&open(this())), Ok(Vec::new()), "a repeat needs no room");
}

#[test]
fn who_passed_longest_ago_is_forgotten_first() {
    let mut search = Search::new(Stage::Near, Timestamp::EPOCH);
    for id in 0..=64 {
        search.remember(DriverId::from(id));
    }
    assert_eq!(search.passed.len(), PASSED_MAX);
    assert_eq!(search.passed.first(), Some(&DriverId::from(1)));
}

#[test]
fn a_stored_form_that_contradicts_itself_is_refused() {
    let mut world = World::searching();
    world.all(&[ask(this(), dan())]);
    let json = serde_json::to_string(&world.dispatch).unwrap();
    assert!(serde_json::from_str::<Dispatch>(&json).is_ok());
    let offer = format!("\"offer\":\"{}\"", this());
    assert!(json.contains(&offer));
    let torn = json.replace(&offer, "\"offer\":null");
    assert!(serde_json::from_str::<Dispatch>(&torn).is_err());
}
