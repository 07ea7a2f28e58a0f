//! Several deliveries under one offer: together they are taken, together they come to nothing.

use super::*;

/// A third delivery, of the same restaurant.
fn third() -> DeliveryId {
    DeliveryId::from(3)
}

/// Two deliveries offered to Dan as one, this one first.
fn offered() -> World {
    let mut world = World::searching();
    world.all(&[open(other()), choose(&[this(), other()], dan())]);
    world
}

/// Dan has both.
fn taken() -> World {
    let mut world = offered();
    world.all(&[accept(this(), dan())]);
    world
}

fn wanted(world: &World) -> Vec<DeliveryId> {
    world.dispatch.wanted(&world.policy).map(|wanted| wanted.delivery).collect()
}

#[test]
fn both_are_asked_for_at_once_and_become_one_when_taken() {
    let mut world = offered();
    assert_eq!(wanted(&world), []);
    let driver = world.dispatch.driver(dan()).unwrap();
    assert_eq!((driver.offer, driver.record.offered), (Some(this()), 1));
    let until = world.now.saturating_add(world.policy.dispatch.offer_for);
    let refused = Refusal::OfferOpen { delivery: other(), until };
    assert_eq!(world.decide(&ask(other(), eve())), Err(refused));
    // It goes by the name of the first.
    let driver = dan();
    let refused = Refusal::NotOffered { delivery: other(), driver };
    assert_eq!(world.decide(&accept(other(), dan())), Err(refused.clone()));
    assert_eq!(world.decide(&decline(other(), dan())), Err(refused));

    let bundle = vec![this(), other()];
    let event = Event::Taken { delivery: this(), driver, bundle };
    assert_eq!(world.does(&accept(this(), dan())), Ok(vec![event]));
    let live = world.dispatch.delivery(this()).unwrap();
    assert_eq!(live.orders, [order_of(this()), order_of(other())]);
    assert_eq!(world.dispatch.delivery(other()), None);
    assert_eq!(world.dispatch.joined_to(other()), Some(this()));
    assert_eq!(world.dispatch.delivery_of(order_of(other())), Some(this()));
    let driver = world.dispatch.driver(dan()).unwrap();
    assert_eq!((driver.offer, &driver.carrying[..]), (None, &[this()][..]));
    assert_eq!(world.dispatch.next_deadline(), None);
    let exists = Refusal::DeliveryExists { delivery: other() };
    assert_eq!(world.decide(&open(other())), Err(exists), "the name is not free");
}

#[test]
fn a_decline_and_a_silence_are_for_both_and_each_goes_on_alone() {
    for silent in [false, true] {
        let mut world = offered();
        if silent {
            world.pass(world.policy.dispatch.offer_for);
        } else {
            world.all(&[decline(this(), dan())]);
        }
        assert_eq!(wanted(&world), [this(), other()]);
        let record = world.record(dan());
        assert_eq!(record.declined + record.silent, 1, "he was asked once");
        for delivery in [this(), other()] {
            assert_eq!(world.search(delivery).passed, [dan()]);
            assert_eq!(world.search(delivery).rounds, 1);
        }
        assert!(world.does(&choose(&[other()], eve())).is_ok(), "the second by itself");
        assert_eq!(wanted(&world), [this()]);
    }
}

#[test]
fn the_round_that_was_the_last_ends_the_stage_of_each() {
    let mut world = World::searching();
    world.policy.dispatch.rounds = 1;
    world.all(&[open(other()), choose(&[this(), other()], dan())]);
    world.all(&[decline(this(), dan())]);
    assert_eq!([this(), other()].map(|id| world.search(id).stage), [Stage::Wide; 2]);
    // The second is called off in the next round: the first has had its round too.
    world.all(&[choose(&[this(), other()], dan()), finish(other(), End::Cancelled)]);
    assert_eq!(world.search(this()).stage, Stage::Flagged);
}

#[test]
fn an_offer_is_withdrawn_when_one_of_it_is_called_off_or_given_away() {
    for gone in [this(), other()] {
        let stays = if gone == this() { other() } else { this() };
        let mut world = offered();
        world.all(&[finish(gone, End::Cancelled)]);
        assert_eq!(
            (world.dispatch.driver(dan()).unwrap().offer, wanted(&world)),
            (None, vec![stays])
        );
        assert_eq!(world.record(dan()).declined, 0, "he did not say no");
        for to in [dan(), eve()] {
            let mut world = offered();
            world.all(&[assign(gone, to)]);
            assert_eq!(world.dispatch.driver(to).unwrap().carrying, [gone]);
            assert_eq!(world.dispatch.driver(dan()).unwrap().offer, None);
            assert_eq!(wanted(&world), [stays]);
        }
    }
    let mut world = offered();
    world.all(&[offline(dan())]);
    assert_eq!(wanted(&world), [this(), other()]);
}

#[test]
fn a_driver_who_drops_out_leaves_each_to_itself() {
    let mut world = taken();
    let stage_ends_at = world.now.saturating_add(world.policy.dispatch.stage_for);
    let (delivery, driver, why) = (this(), dan(), DropReason::Driver);
    let event = Event::Dropped { delivery, driver, why, stage_ends_at, parted: vec![other()] };
    assert_eq!(world.does(&give_back(this(), dan())), Ok(vec![event]));
    assert_eq!(wanted(&world), [this(), other()]);
    for delivery in [this(), other()] {
        let live = world.dispatch.delivery(delivery).unwrap();
        assert_eq!((&live.orders[..], &live.joined[..]), (&[order_of(delivery)][..], &[][..]));
        assert_eq!(world.search(delivery).passed, [dan()]);
    }
    assert_eq!(world.record(dan()).dropped, 1);
}

#[test]
fn of_what_was_cancelled_nothing_comes_back() {
    let second = |end| {
        let (delivery, order) = (this(), order_of(other()));
        Command::Finish { delivery, order, end }
    };
    let mut world = taken();
    world.all(&[second(End::Cancelled), give_back(this(), dan())]);
    assert_eq!((wanted(&world), world.dispatch.joined_to(other())), (vec![this()], None));
    // The first is cancelled: its name is over when the other is on its own again.
    let mut world = taken();
    world.all(&[finish(this(), End::Cancelled)]);
    assert_eq!(world.dispatch.driver(dan()).unwrap().carrying, [this()]);
    world.all(&[give_back(this(), dan())]);
    assert_eq!((wanted(&world), world.dispatch.delivery(this())), (vec![other()], None));
    // Both are delivered.
    let mut world = taken();
    world.all(&[finish(this(), delivered()), second(delivered())]);
    assert_eq!(world.dispatch.deliveries().len(), 0);
    assert_eq!((world.dispatch.joined_to(other()), world.record(dan()).delivered), (None, 2));
    assert!(world.does(&open(other())).is_ok(), "the name is free");
}

#[test]
fn what_is_handed_over_goes_whole() {
    let mut world = taken();
    world.all(&[assign(this(), eve())]);
    assert_eq!(world.dispatch.delivery(this()).unwrap().orders.len(), 2);
    world.all(&[give_back(this(), eve())]);
    assert_eq!(wanted(&world), [this(), other()]);
}

#[test]
fn what_cannot_go_together_is_refused() {
    let mut world = World::searching();
    let elsewhere = Command::Open {
        delivery: third(),
        restaurant: RestaurantId::from(2),
        pickup: LatLng::from_e7(0, 0).unwrap(),
        orders: vec![order_of(third())],
        value: eur(1),
    };
    world.all(&[open(other()), elsewhere]);
    let refuses = |world: &World, deliveries: &[DeliveryId]| {
        world.decide(&choose(deliveries, dan())).unwrap_err()
    };
    let most = count(ORDERS_MAX);
    assert_eq!(refuses(&world, &[]), Refusal::BadBundle { most });
    assert_eq!(refuses(&world, &[this(), this()]), Refusal::BadBundle { most });
    let delivery = DeliveryId::from(9);
    assert_eq!(refuses(&world, &[this(), delivery]), Refusal::UnknownDelivery { delivery });
    let apart = Refusal::PickedUpElsewhere { delivery: third(), with: this() };
    assert_eq!(refuses(&world, &[this(), third()]), apart);
    world.all(&[ask(other(), dan()), decline(other(), dan())]);
    let passed = Refusal::NobodyFree { delivery: other() };
    assert_eq!(refuses(&world, &[this(), other()]), passed, "he said no to one of them");
    world.all(&[assign(other(), eve())]);
    let taken = Refusal::TakenBy { delivery: other(), driver: eve() };
    assert_eq!(refuses(&world, &[this(), other()]), taken);
    // Beyond the reach of the stage.
    let mut world = World::searching();
    world.policy.dispatch.near_m = 499;
    assert_eq!(refuses(&world, &[this()]), Refusal::NobodyFree { delivery: this() });
    // More orders than a delivery may have.
    let orders = |from: u32| (from..from + 9).map(OrderId::from).collect();
    world.policy.dispatch.near_m = 500;
    world.all(&[open_with(other(), orders(20), eur(1)), open_with(third(), orders(30), eur(1))]);
    assert_eq!(refuses(&world, &[other(), third()]), Refusal::BadBundle { most });
    assert!(world.does(&choose(&[this(), other()], dan())).is_ok());
}

#[test]
fn a_stored_state_that_contradicts_itself_about_a_bundle_is_refused() {
    let refused = |world: &World, change: fn(&mut serde_json::Value)| {
        let mut stored = serde_json::to_value(&world.dispatch).unwrap();
        serde_json::from_value::<Dispatch>(stored.clone()).unwrap();
        change(&mut stored);
        serde_json::from_value::<Dispatch>(stored).unwrap_err().to_string()
    };
    let (world, both) = (offered(), taken());
    // Offered along with something that does not know of it.
    let alone = refused(&world, |stored| {
        let key = DeliveryId::from(2).to_string();
        stored["deliveries"][key]["state"]["searching"]["offers"][0]["bundle"] =
            serde_json::json!([]);
    });
    assert!(alone.contains("does not fit"), "{alone}");
    // Joined, and there as one of its own.
    let twice = refused(&both, |stored| {
        let (this, other) = (DeliveryId::from(1).to_string(), DeliveryId::from(2).to_string());
        let mut copy = stored["deliveries"][&this].clone();
        copy["joined"] = serde_json::json!([]);
        stored["deliveries"][&other] = copy;
    });
    assert!(twice.contains("does not fit"), "{twice}");
    // A part without orders.
    let empty = refused(&both, |stored| {
        let this = DeliveryId::from(1).to_string();
        stored["deliveries"][&this]["joined"][0]["orders"] = serde_json::json!([]);
    });
    assert!(empty.contains("does not fit"), "{empty}");
}
