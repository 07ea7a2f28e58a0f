//! What readers are shown, and when they are told to look again.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use doorstep_core::checkout;
use doorstep_core::dispatch::DriverStatus;
use doorstep_core::flash_sale::sale::{Answer, Standing};
use doorstep_core::id::SaleId;
use doorstep_core::order::{FailReason, Order};
use doorstep_core::shard::{Canceller, Crowd, Offering, SaleAct};

use super::*;
use crate::reads::{Known, Subject, Watch, Whose};

const KITCHEN_ID: RestaurantId = RestaurantId::truncating(1);
const CUSTOMER: CustomerId = CustomerId::truncating(7);

fn reading() -> HostConfig {
    HostConfig { reads: true, ..config(1) }
}

fn has_changed(watch: &mut Watch) -> bool {
    let changed = pin!(watch.changed());
    changed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// What is shown is what the counted state has.
fn check<L: Log, H: HistorySink>(town: &Town<L, H>) {
    let shard = town.host.shard();
    for order in shard.orders() {
        assert_eq!(town.client.known(order.id()), Some(Known::Order(Arc::new(order.clone()))));
    }
    for checkout in shard.checkouts() {
        let shown = town.client.known(checkout.intent().order);
        assert_eq!(shown, Some(Known::Checkout(Arc::new(checkout.clone()))));
    }
    for (driver, known) in shard.dispatch().drivers() {
        let desk = town.client.desk(driver);
        let status = desk.as_ref().map_or(DriverStatus::Offline, |desk| desk.status);
        assert_eq!(status, known.status());
        let (offer, carrying) = desk.map_or((None, Vec::new()), |desk| {
            let carrying = desk.carrying.iter().map(|carried| carried.delivery).collect();
            (desk.offer.as_ref().map(|offer| offer.delivery), carrying)
        });
        assert_eq!((offer, carrying), (known.offer, known.carrying.clone()));
    }
    for restaurant in shard.catalog().iter() {
        assert_eq!(town.client.restaurant(restaurant.id, Clone::clone).as_ref(), Some(restaurant));
    }
    for (id, listed) in shard.sales() {
        assert_eq!(town.client.sale(id, |shown| shown.sale.clone()).as_ref(), Some(&listed.sale));
    }
}

fn listed<L: Log, H: HistorySink>(town: &Town<L, H>, whose: Whose) -> Vec<OrderId> {
    town.client.orders_of(whose, None, 100).iter().map(|order| order.id()).collect()
}

#[test]
fn a_page_is_full_as_long_as_there_are_more_though_some_are_being_forgotten() {
    let mut town = Town::open(reading(), MemoryLog::new(), calm(), LogIsHistory, NOW);
    town.found();
    for id in 10..16 {
        town.order(id);
    }
    town.run(5_000);
    let mut all = listed(&town, Whose::Customer(CUSTOMER));
    assert_eq!(all.len(), 6);
    let reads = town.host.shared().reads.as_ref().unwrap();
    // A reader comes while the second and the third are half forgotten.
    for id in [all.remove(1), all.remove(1)] {
        reads.orders.hide(id).unwrap();
    }
    let page = |before, limit| -> Vec<OrderId> {
        let page = town.client.orders_of(Whose::Customer(CUSTOMER), before, limit);
        page.iter().map(|order| order.id()).collect()
    };
    assert_eq!(page(None, 3), all[..3]);
    assert_eq!(page(Some(all[0]), 2), all[1..3]);
    assert_eq!(page(None, 100), all);
    assert_eq!(page(None, 0), []);
}

#[test]
fn whoever_hears_an_answer_finds_in_the_reads_what_it_did() {
    let (mut town, _, _) = Town::founded(reading());
    town.on_duty(ANA);
    check(&town);
    let order = town.order(10);
    check(&town);
    assert_eq!(listed(&town, Whose::Customer(CUSTOMER)), [order]);
    assert_eq!(listed(&town, Whose::Restaurant(KITCHEN_ID)), [order]);
    assert!(listed(&town, Whose::Customer(CustomerId::from(8))).is_empty());

    let mut watch = town.client.watch(Subject::Driver(ANA)).unwrap();
    let ping =
        doorstep_geo_index::Ping::new(ANA, doorstep_geo_index::Fix::new(at(KITCHEN), town.now));
    town.client.record_pings(&[ping], |_, _| {});
    town.run(2_000);
    check(&town);
    assert!(has_changed(&mut watch), "the driver is asked");
    let offer = town.client.desk(ANA).unwrap().offer.clone().unwrap();
    assert_eq!((offer.pickup, offer.drop_offs), (at(KITCHEN), vec![at(HOME)]));
    let km = u64::from(at(KITCHEN).distance_m(at(HOME)).div_ceil(1_000));
    assert_eq!(offer.earnings, eur(250 + 60 * i64::try_from(km).unwrap()));
    assert_eq!(offer.expires_at, town.offers(order)[0].expires_at);

    town.carry(ANA, order, 20);
    check(&town);
    assert!(has_changed(&mut watch));
    let desk = town.client.desk(ANA).unwrap();
    assert_eq!((desk.status, desk.offer.clone()), (DriverStatus::OnDelivery, None));
    assert_eq!(desk.carrying[0].orders, [(order, OrderStatus::AtDoorstep, at(HOME))]);

    let delivery = town.delivery(order);
    town.ask(30, taps(ANA, DriverAct::Deliver { delivery }));
    check(&town);
    assert!(has_changed(&mut watch), "she is free again");
    assert!(town.client.desk(ANA).unwrap().carrying.is_empty());
    town.ask(31, taps(ANA, DriverAct::GoOffline));
    check(&town);
    assert_eq!(town.client.desk(ANA), None);
}

#[test]
fn a_checkout_is_shown_until_it_is_an_order_and_a_watch_hears_of_it() {
    let hostility = Hostility {
        latency_least: Span::from_secs(3),
        latency_most: Span::from_secs(3),
        ..Hostility::NONE
    };
    let slow = Sandbox::new(SandboxConfig { hostility, ..SandboxConfig::default() });
    let mut town = Town::open(reading(), MemoryLog::new(), slow, LogIsHistory, NOW);
    town.found();
    let order = town.order(10);
    let mut watch = town.client.watch(Subject::Order(order)).unwrap();
    let Some(Known::Checkout(checkout)) = town.client.known(order) else { panic!("no checkout") };
    assert!(matches!(checkout.state(), checkout::State::Waiting { .. }));
    assert!(listed(&town, Whose::Customer(CUSTOMER)).is_empty(), "it is no order yet");
    assert_eq!(town.client.census(town.now).checkouts, 1);
    assert!(!has_changed(&mut watch));
    town.run(10_000);
    assert!(has_changed(&mut watch));
    assert!(matches!(town.client.known(order), Some(Known::Order(_))));
    assert_eq!(listed(&town, Whose::Customer(CUSTOMER)), [order]);
    assert_eq!(town.client.census(town.now).checkouts, 0);
    check(&town);
}

#[test]
fn lists_go_page_by_page_and_forget_what_the_shard_forgets() {
    let (mut town, _, _) = Town::founded(reading());
    let orders: Vec<OrderId> = (0..5).map(|n| town.order(100 + n)).collect();
    let whose = Whose::Customer(CUSTOMER);
    let page = |town: &Town, before| -> Vec<OrderId> {
        town.client
            .orders_of(whose, before, 2)
            .iter()
            .map(|order: &Arc<Order>| order.id())
            .collect()
    };
    let newest: Vec<OrderId> = orders.iter().rev().copied().collect();
    assert_eq!(page(&town, None), newest[..2]);
    assert_eq!(page(&town, Some(newest[1])), newest[2..4]);
    assert_eq!(page(&town, Some(newest[3])), newest[4..]);
    assert!(page(&town, Some(newest[4])).is_empty());

    for (n, order) in orders.iter().enumerate() {
        let by = Canceller::Operations { fee: None };
        town.ask(200 + n as u128, Command::Cancel { order: *order, by });
    }
    check(&town);
    town.run(2 * 3_600_000);
    // What is applied forgets, and the reads follow, a few a batch.
    for n in 0..200 {
        town.ask(1_000 + n, taps(ANA, DriverAct::GoOffline));
    }
    assert_eq!(town.host.shard().orders().count(), 0);
    assert!(page(&town, None).is_empty());
}

#[test]
fn a_sale_and_where_people_stand_in_it_are_read_without_the_writer() {
    let (mut town, _, _) = Town::founded(reading());
    let sale = SaleId::from(1);
    let crowd = Crowd { capacity_per_s: 4, seed: 42 };
    let offering = Offering {
        restaurant: KITCHEN_ID,
        item: ItemId::from(2),
        stock: 1,
        opens_at: NOW,
        crowd: Some(crowd),
    };
    town.ask(10, Command::Sale { sale, act: SaleAct::Open(offering) });
    for customer in 1..=3_u32 {
        let act = SaleAct::Join { customer: CustomerId::from(customer) };
        town.ask(10 + u128::from(customer), Command::Sale { sale, act });
    }
    town.run(5_000);
    check(&town);
    let standings = town.client.sale(sale, |shown| {
        assert_eq!((shown.restaurant, shown.item), (KITCHEN_ID, ItemId::from(2)));
        [1_u32, 2, 3, 9].map(|id| shown.sale.standing(&CustomerId::from(id), 1))
    });
    assert!(matches!(standings.unwrap(), [Standing::Waits(_), .., Standing::Outside]));
    let act = SaleAct::Claim { customer: CustomerId::from(1), nth: 1 };
    let told = town.ask(20, Command::Sale { sale, act });
    assert!(matches!(told, Outcome::Sale(Answer::Held { .. })), "{told:?}");
    check(&town);
    assert_eq!(town.client.sale(SaleId::from(2), |_| ()), None);
}

#[test]
fn a_census_counts_orders_and_drivers_and_who_is_late() {
    let (mut town, _, _) = Town::founded(reading());
    town.on_duty(ANA);
    town.on_duty(BOB);
    let (carried, late, lost) = (town.order(10), town.order(11), town.order(12));
    town.carry(ANA, carried, 20);
    town.ask(
        30,
        Command::Operations(OperationsAct::Fail {
            order: carried,
            reason: FailReason::Accident,
            returned: false,
        }),
    );
    town.ask(31, Command::Cancel { order: lost, by: Canceller::Restaurant });
    let census = town.client.census(town.now);
    assert_eq!(census.late, 0);
    assert_eq!(census.orders[&OrderStatus::Undelivered], 1);
    assert_eq!(census.orders[&OrderStatus::Cancelled], 1);
    assert_eq!(census.drivers.values().sum::<u64>(), 2);
    let promised = town.host.shard().order(late).unwrap().promised();
    assert_eq!(town.client.census(promised).late, 0);
    assert_eq!(town.client.census(after(promised, 1)).late, 1);
}

#[test]
fn a_restart_from_a_snapshot_shows_the_same() {
    let (log, sandbox) = (MemoryLog::new(), calm());
    let saving = HostConfig { snapshot_every: Some(1), ..reading() };
    let mut first = Town::open(saving, log.clone(), sandbox.connect(), LogIsHistory, NOW);
    first.found();
    first.on_duty(ANA);
    let order = first.order(10);
    first.carry(ANA, order, 20);
    check(&first);
    drop(first);
    let second = Town::open(
        HostConfig { seed: 2, ..reading() },
        log,
        sandbox,
        LogIsHistory,
        after(NOW, 60_000),
    );
    assert!(second.client.is_owner());
    check(&second);
    assert_eq!(listed(&second, Whose::Customer(CUSTOMER)), [order]);
}

#[test]
fn a_host_that_keeps_no_reads_finds_none_and_still_wakes_who_watches() {
    let (mut town, _, _) = Town::founded(config(1));
    assert!(!town.client.has_reads());
    let mut watch = town.client.watch(Subject::Order(OrderId::truncating(0))).unwrap();
    let order = town.order(10);
    assert!(!has_changed(&mut watch));
    assert_eq!(town.client.known(order), None);
    let mut watch = town.client.watch(Subject::Order(order)).unwrap();
    town.ask(11, Command::Cancel { order, by: Canceller::Restaurant });
    assert!(has_changed(&mut watch));
    drop(watch);
}
