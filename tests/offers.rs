//! Offers to several drivers at once, through the facade.

use doorstep::core::dispatch::{Among, Command, Dispatch, DriverStatus, Proposal, Refusal};
use doorstep::core::eta::Vehicle;
use doorstep::core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep::core::money::{Currency, Money};
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::time::Timestamp;

#[test]
fn once_one_of_four_who_were_asked_has_it_nobody_else_keeps_an_offer() {
    let eur = Currency::new("EUR").unwrap();
    let (policy, now) = (Policy::new(eur), Timestamp::from_secs(1_700_000_000));
    let mut dispatch = Dispatch::new();
    let mut submit = |command: Command| {
        for event in dispatch.decide(&command, &policy, now)? {
            dispatch.evolve(&event, now).expect("what was just decided");
        }
        Ok::<_, Refusal>(dispatch.clone())
    };
    let drivers: Vec<_> = (1..=4_u32).map(DriverId::from).collect();
    for &driver in &drivers {
        submit(Command::Admit { driver, vehicle: Vehicle::Bicycle }).unwrap();
        submit(Command::GoOnline { driver }).unwrap();
    }
    let delivery = DeliveryId::from(1);
    let open = Command::Open {
        delivery,
        restaurant: RestaurantId::from(3),
        pickup: LatLng::new(4.8133, -75.6961).unwrap(),
        orders: vec![OrderId::from(1)],
        value: Money::new(4_200, eur),
    };
    submit(open).unwrap();
    let among = Among::Unlocated(drivers.clone());
    submit(Command::Propose(Proposal { delivery, among })).unwrap();
    let after = submit(Command::Accept { delivery, driver: drivers[1] }).unwrap();
    let status = |driver| after.driver(driver).map(|driver| driver.status());
    for &driver in &drivers {
        let expected =
            if driver == drivers[1] { DriverStatus::OnDelivery } else { DriverStatus::Online };
        assert_eq!(status(driver), Some(expected));
    }
    let late = submit(Command::Accept { delivery, driver: drivers[2] });
    assert_eq!(late.unwrap_err(), Refusal::TakenBy { delivery, driver: drivers[1] });
}
