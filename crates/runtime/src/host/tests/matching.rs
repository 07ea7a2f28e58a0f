//! Who is asked, and who has arrived.

use doorstep_core::dispatch::{Among, Proposal};
use doorstep_geo_index::{Config as IndexConfig, Fix, Ping};

use super::*;

/// Metres north of a place.
fn north((lat, lng): (f64, f64), metres: f64) -> (f64, f64) {
    (lat + metres / 111_195.0, lng)
}

fn ping(driver: DriverId, place: (f64, f64), now: Timestamp) -> Ping {
    Ping::new(driver, Fix::new(at(place), now))
}

fn tell(town: &Town, ping: Ping) {
    town.client.record_pings(&[ping], |_, _| {});
}

/// Stands at a place for half a minute.
fn stands(town: &mut Town, driver: DriverId, place: (f64, f64), mocked: bool) {
    for _ in 0..7 {
        let mut ping = ping(driver, place, town.now);
        ping.fix.mocked = mocked;
        tell(town, ping);
        town.step();
        town.run(5_000);
    }
}

#[test]
fn only_those_who_are_free_and_near_and_where_they_say_are_proposed() {
    let (mut town, ..) = Town::founded(config(1));
    let drivers: Vec<_> = (1..=6_u32).map(DriverId::from).collect();
    for &driver in &drivers {
        town.on_duty(driver);
    }
    let [near, nearer, mocked, far, offline, busy] = drivers[..] else { panic!() };
    town.ask(30, taps(offline, DriverAct::GoOffline));
    tell(&town, ping(busy, north(KITCHEN, 10.0), town.now));
    let first = town.order(31);
    town.run(1_000);
    assert_eq!(town.offers(first).iter().map(|offer| offer.driver).collect::<Vec<_>>(), [busy]);

    town.order(32);
    let index = DriverIndex::new(IndexConfig::default()).unwrap();
    let places = [(near, 900.0), (nearer, 300.0), (far, 6_000.0), (offline, 100.0), (busy, 10.0)];
    for (driver, metres) in places {
        index.record(&ping(driver, north(KITCHEN, metres), town.now));
    }
    let mut liar = ping(mocked, KITCHEN, town.now);
    liar.fix.mocked = true;
    index.record(&liar);

    let mut matcher = Matcher::new(Span::from_secs(1));
    let proposals = matcher.step(town.host.shard(), &index, town.now);
    let [Command::Propose(Proposal { among: Among::Located(candidates), .. })] = &proposals[..]
    else {
        panic!("{proposals:?}")
    };
    let found: Vec<_> = candidates.iter().map(|candidate| candidate.driver).collect();
    assert_eq!(found, [nearer, near]);
    assert!(matcher.step(town.host.shard(), &index, town.now).is_empty(), "not again at once");
    assert_eq!(matcher.next_wake(), after(town.now, 1_000));
}

#[test]
fn where_the_index_was_lost_the_free_ones_are_asked_all_the_same() {
    let (mut town, ..) = Town::founded(config(1));
    for driver in [ANA, BOB] {
        town.on_duty(driver);
    }
    let order = town.order(10);
    town.run(1_000);
    let asked: Vec<_> = town.offers(order).iter().map(|offer| offer.driver).collect();
    assert_eq!(asked, [ANA, BOB]);
    assert!(town.offers(order).iter().all(|offer| offer.distance_m.is_none()));
}

#[test]
fn an_index_of_stale_positions_is_a_lost_one() {
    let (mut town, ..) = Town::founded(config(1));
    town.on_duty(ANA);
    tell(&town, ping(ANA, KITCHEN, town.now));
    town.run(600_000);
    let order = town.order(10);
    town.run(2_000);
    assert_eq!(town.offers(order).len(), 1, "nobody's position is known any more");
    assert!(town.client.drivers().is_empty());
}

#[test]
fn an_arrival_seen_in_positions_is_the_same_as_a_tap_and_the_second_of_both_is_already_so() {
    let (mut town, ..) = Town::founded(config(1));
    town.on_duty(ANA);
    let order = town.order(10);
    town.run(1_000);
    let delivery = town.delivery(order);
    town.ask(11, taps(ANA, DriverAct::Accept { delivery }));
    stands(&mut town, ANA, KITCHEN, false);
    assert_eq!(town.status(order), Some(OrderStatus::DriverAtRestaurant));
    let batches = town.host.shard().last_at();
    let tap = taps(ANA, DriverAct::ArriveAtRestaurant { delivery });
    assert_eq!(town.ask(12, tap), Outcome::Done, "already so");
    assert!(town.host.shard().last_at() >= batches);

    town.ask(13, taps(ANA, DriverAct::PickUp { delivery }));
    town.ask(14, taps(ANA, DriverAct::Depart { delivery }));
    town.run(300_000);
    stands(&mut town, ANA, HOME, false);
    assert_eq!(town.status(order), Some(OrderStatus::AtDoorstep));
    assert_eq!(town.ask(15, taps(ANA, DriverAct::Deliver { delivery })), Outcome::Done);
    stands(&mut town, ANA, HOME, false);
    assert_eq!(town.status(order), Some(OrderStatus::Delivered));
}

#[test]
fn a_mocked_position_arrives_nowhere() {
    let (mut town, ..) = Town::founded(config(1));
    town.on_duty(ANA);
    let order = town.order(10);
    town.run(1_000);
    let delivery = town.delivery(order);
    town.ask(11, taps(ANA, DriverAct::Accept { delivery }));
    stands(&mut town, ANA, KITCHEN, true);
    assert_eq!(town.status(order), Some(OrderStatus::DriverAssigned));
    stands(&mut town, ANA, KITCHEN, false);
    assert_eq!(town.status(order), Some(OrderStatus::DriverAtRestaurant));
}

#[test]
fn the_button_shows_after_the_promise_and_is_gone_with_the_arrival() {
    let (mut town, ..) = Town::founded(config(1));
    town.on_duty(ANA);
    let order = town.order(10);
    town.run(1_000);
    let delivery = town.delivery(order);
    let promised = town.host.shard().order(order).unwrap().promised();
    for (id, act) in [
        DriverAct::Accept { delivery },
        DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Depart { delivery },
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(town.ask(20 + id as u128, taps(ANA, act)), Outcome::Done);
    }
    assert!(!town.client.may_cancel(order, promised));
    assert!(town.client.may_cancel(order, after(promised, 1)));
    town.ask(30, taps(ANA, DriverAct::ArriveAtDoorstep { delivery, distance_m: None }));
    assert!(!town.client.may_cancel(order, after(promised, 1)));
    assert!(!town.client.may_cancel(order, Timestamp::NEVER));
}
