//! Deliveries that are planned together: who is sent when, and what becomes of it.

use super::super::*;
use super::city::*;
use crate::dispatch::plan::{Verdict, Why};
use crate::dispatch::{self, Located, Mode, Nearby, Round};
use crate::id::{DeliveryId, DriverId};
use crate::place::LatLng;
use crate::policy::Method;
use crate::time::Span;

pub(super) fn planning() -> Policy {
    let mut policy = policy();
    policy.dispatch.method = Method::Planned;
    policy.dispatch.plan.notice = Span::from_secs(90);
    policy
}

/// So many metres south of the grill, or north of it.
pub(super) fn at(metres: i32) -> LatLng {
    LatLng::from_e7(46_000_000 + metres * 90, -740_800_000).unwrap()
}

pub(super) fn stands(driver: DriverId, metres: i32) -> Located {
    Located { driver, at: at(metres), heading_deg: None }
}

/// Everybody named is near everything that wants a driver.
pub(super) fn round(city: &City, drivers: &[Located]) -> Round {
    let near = city.shard.wanted().map(|wanted| Nearby {
        delivery: wanted.delivery,
        drivers: drivers.iter().map(|located| located.driver).collect(),
    });
    Round { near: near.collect(), drivers: drivers.to_vec() }
}

pub(super) fn plans(city: &mut City, drivers: &[Located]) -> Vec<(DeliveryId, DriverId, Mode)> {
    let round = Command::Plan(Box::new(round(city, drivers)));
    let events = city.does(&round);
    let offer = |event: Event| {
        let Event::Dispatch(dispatch::Event::OfferMade { delivery, driver, mode, planned, .. }) =
            event
        else {
            panic!("{event:?}")
        };
        assert_eq!(planned.is_some(), mode == Mode::Planned, "a plan explains itself");
        (delivery, driver, mode)
    };
    events.into_iter().map(offer).collect()
}

#[test]
fn a_driver_is_asked_when_they_must_leave_and_not_before() {
    let mut city = City::under(planning());
    let (order, delivery) = city.accepted();
    let ready_at = city.now.saturating_add(Span::from_mins(12));
    let [far, near] = [stands(ana(), 2_500), stands(ben(), -1_000)];
    assert_eq!(plans(&mut city, &[far, near]), []);
    let plan = city.shard.plan(&round(&city, &[far, near]), city.now).unwrap();
    let [trip] = &plan.trips[..] else { panic!("{plan:?}") };
    assert_eq!((trip.driver, trip.verdict, &trip.orders[..]), (ben(), Verdict::Hold, &[order][..]));
    assert_eq!(trip.pickup_at, ready_at);
    assert_eq!(trip.runner_up.map(|(driver, _)| driver), Some(ana()));
    // A thousand metres, half a minute to park, and time for a decline.
    let asked_from = trip.leave_by.saturating_sub(Span::from_secs(90 + 20));
    city.now = asked_from;
    assert_eq!(plans(&mut city, &[far, near]), [], "the next round is soon enough");
    city.waits(Span::from_millis(1));
    assert_eq!(plans(&mut city, &[far, near]), [(delivery, ben(), Mode::Planned)]);
    assert_eq!(plans(&mut city, &[far, near]), [], "he is thinking");
}

#[test]
fn a_decline_a_silence_and_a_drop_out_are_planned_anew() {
    let mut city = City::under(planning());
    let (_, delivery) = city.accepted();
    city.waits(Span::from_mins(12));
    city.ticks();
    let all = [stands(ana(), 100), stands(ben(), 900), stands(cem(), 1_700)];
    let asks = |city: &mut City| plans(city, &all);
    assert_eq!(asks(&mut city), [(delivery, ana(), Mode::Planned)]);
    city.does(&taps(ana(), DriverAct::Decline { delivery }));
    assert_eq!(asks(&mut city), [(delivery, ben(), Mode::Planned)]);
    city.waits(planning().dispatch.offer_for);
    city.ticks();
    assert_eq!(asks(&mut city), [(delivery, cem(), Mode::Planned)]);
    city.does(&taps(cem(), DriverAct::Accept { delivery }));
    assert_eq!(asks(&mut city), [], "he has it");
    city.does(&taps(cem(), DriverAct::Drop { delivery }));
    let [(again, driver, _)] = asks(&mut city)[..] else { panic!("nobody is asked") };
    assert!(again == delivery && driver != cem());
}

#[test]
fn nobody_is_asked_for_two_and_who_is_postponed_is_told_why() {
    let mut alone = planning();
    alone.dispatch.plan.bundle_max = 1;
    let mut city = City::under(alone);
    let deliveries = [city.accepted(), city.accepted(), city.accepted()];
    city.waits(Span::from_mins(12));
    city.ticks();
    let two = [stands(ana(), 100), stands(ben(), 900)];
    let plan = city.shard.plan(&round(&city, &two), city.now).unwrap();
    let [postponed] = plan.postponed[..] else { panic!("{plan:?}") };
    assert_eq!(postponed.why, Why::Outbid { driver: ana() });
    assert!(plan.scarcity_permille > 0, "drivers are short");
    let offers = plans(&mut city, &two);
    let mut asked: Vec<_> = offers.iter().map(|(_, driver, _)| *driver).collect();
    asked.sort_unstable();
    assert_eq!(asked, [ana(), ben()]);
    assert!(offers.iter().all(|(delivery, ..)| deliveries.iter().any(|(_, d)| d == delivery)));
    let left = plans(&mut city, &[stands(cem(), 3_000)]);
    assert_eq!(left.len(), 1, "the third has somebody now");
}

#[test]
fn a_driver_who_is_soon_free_next_door_is_waited_for() {
    let mut city = City::under(planning());
    let (_, carried) = city.at_the_door(ana());
    let (_, delivery) = city.accepted();
    // Ben is nine minutes away; Ana hands over a kilometre from here, long before it is ready.
    city.waits(Span::from_mins(2));
    let ben = [stands(ben(), -2_900)];
    let plan = city.shard.plan(&round(&city, &ben), city.now).unwrap();
    assert_eq!((plan.trips[0].driver, plan.trips[0].verdict), (ana(), Verdict::Hold));
    // What is planned for her is not offered while her hands are full.
    city.waits(Span::from_mins(4));
    assert_eq!(plans(&mut city, &ben), []);
    city.does(&taps(ana(), DriverAct::Deliver { delivery: carried }));
    city.waits(Span::from_mins(5));
    let both = [stands(ana(), 1_100), ben[0]];
    assert_eq!(plans(&mut city, &both), [(delivery, ana(), Mode::Planned)]);
}

#[test]
fn overload_takes_the_nearest_and_says_so() {
    let mut policy = planning();
    policy.dispatch.overload = 1;
    let mut city = City::under(policy);
    let (_, first) = city.accepted();
    let (_, second) = city.accepted();
    let drivers = [stands(ana(), 500), stands(ben(), -400)];
    let offers = plans(&mut city, &drivers);
    assert_eq!(offers, [(first, ben(), Mode::Nearest), (second, ana(), Mode::Nearest)]);
}

#[test]
fn without_a_plan_a_round_is_decided_one_by_one() {
    let mut city = City::new();
    let (_, delivery) = city.accepted();
    let drivers = [stands(ana(), 500), stands(ben(), -400)];
    assert_eq!(plans(&mut city, &drivers), [(delivery, ben(), Mode::Scored)]);
    let mut policy = policy();
    policy.dispatch.method = Method::Nearest;
    let mut city = City::under(policy);
    let (_, delivery) = city.accepted();
    assert_eq!(plans(&mut city, &drivers), [(delivery, ben(), Mode::Nearest)]);
}

#[test]
fn the_search_begins_when_somebody_may_have_to_leave() {
    let policy = planning();
    let mut city = City::under(policy.clone());
    let order = city.placed();
    let ready_at = city.now.saturating_add(Span::from_hours(2));
    let from = ready_at.saturating_sub(policy.dispatch.plan.lead);
    city.does(&says(order, RestaurantAct::Accept { ready_at: Some(ready_at) }));
    city.pays(order, DONE);
    let delivery = city.shard.dispatch.delivery_of(order).unwrap();
    assert_eq!(city.shard.sought_from(delivery), Some(from));
    let search = city.shard.dispatch.delivery(delivery).unwrap().search().unwrap();
    let runs_from = ready_at.saturating_sub(policy.dispatch.plan.stage_lead);
    assert_eq!(search.stage_ends_at, runs_from.saturating_add(policy.dispatch.stage_for));
    city.now = from.saturating_sub(Span::from_millis(1));
    city.ticks();
    let near = [stands(ana(), 100)];
    assert!(city.shard.plan(&round(&city, &near), city.now).unwrap().trips.is_empty());
    city.now = from;
    assert_eq!(city.shard.plan(&round(&city, &near), city.now).unwrap().trips.len(), 1);
    // Nobody comes: it is widened, flagged, and cancelled in the end.
    city.now = runs_from.saturating_add(policy.order.search_for);
    city.ticks();
    assert!(matches!(city.order(order).phase(), crate::order::Phase::Cancelled { .. }));
}

#[test]
fn a_round_is_bounded_and_what_it_names_wrongly_is_skipped() {
    let mut city = City::under(planning());
    let (_, delivery) = city.accepted();
    city.waits(Span::from_mins(12));
    city.ticks();
    let near = |delivery, many: u32| Nearby {
        delivery,
        drivers: (1..=many).map(DriverId::from).collect(),
    };
    let most = planning().dispatch.candidates * 2;
    let too_many = Round { drivers: vec![], near: vec![near(delivery, most + 1)] };
    let refused = city.refuses(&Command::Plan(Box::new(too_many)));
    assert_eq!(refused, Refusal::Dispatch(dispatch::Refusal::TooManyCandidates { most }));
    let deliveries = vec![near(delivery, 1); Round::DELIVERIES_MAX as usize + 1];
    let too_many = Round { drivers: vec![], near: deliveries };
    let most = Round::DELIVERIES_MAX;
    let refused = city.refuses(&Command::Plan(Box::new(too_many)));
    assert_eq!(refused, Refusal::Dispatch(dispatch::Refusal::TooManyDeliveries { most }));
    // An unknown delivery, an unknown driver, one without a place, one too far, and all of it twice.
    let drivers = vec![stands(ana(), 12_000), stands(DriverId::from(77), 10), stands(ana(), 10)];
    let odd = vec![near(DeliveryId::from(5), 3), near(delivery, 3), near(delivery, 3)];
    assert_eq!(city.does(&Command::Plan(Box::new(Round { drivers, near: odd }))), []);
}

#[test]
fn the_order_in_which_a_round_names_them_changes_nothing() {
    let mut city = City::under(planning());
    for _ in 0..3 {
        city.accepted();
    }
    city.waits(Span::from_mins(12));
    city.ticks();
    let there = [stands(ana(), 300), stands(ben(), -300), stands(cem(), 700)];
    let round = round(&city, &there);
    let decided = |round: Round| city.shard.decide(&Command::Plan(Box::new(round)), None, city.now);
    let plan = decided(round.clone());
    for turn in 0..3 {
        let mut turned = round.clone();
        turned.drivers.rotate_left(turn);
        turned.near.rotate_left(turn);
        turned.near.reverse();
        for near in &mut turned.near {
            near.drivers.rotate_right(turn);
        }
        assert_eq!(decided(turned), plan, "turned by {turn}");
    }
}
