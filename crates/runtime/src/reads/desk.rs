//! What a driver is asked, and what a driver carries.

use doorstep_core::dispatch::{Delivery, Driver, DriverStatus};
use doorstep_core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep_core::money::Money;
use doorstep_core::order::OrderStatus;
use doorstep_core::place::LatLng;
use doorstep_core::pricing::earnings;
use doorstep_core::shard::Shard;
use doorstep_core::time::Timestamp;

/// A driver's desk: what a driver's app shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverDesk {
    /// Who.
    pub driver: DriverId,
    /// Where the driver stands.
    pub status: DriverStatus,
    /// What the driver is asked to take.
    pub offer: Option<OpenOffer>,
    /// What the driver has taken, in that order.
    pub carrying: Vec<Carried>,
    /// The last batch that this view has seen.
    pub as_of: Timestamp,
}

/// An offer that a driver may still answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOffer {
    /// What.
    pub delivery: DeliveryId,
    /// From when on it is too late to accept.
    pub expires_at: Timestamp,
    /// Whose food.
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: LatLng,
    /// Where its orders are brought, in that order.
    pub drop_offs: Vec<LatLng>,
    /// How far the driver was from the pick-up when asked, in metres, where that was known.
    pub distance_m: Option<u32>,
    /// What the driver earns, all its orders together.
    pub earnings: Money,
}

/// A delivery that a driver has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose food.
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: LatLng,
    /// Its orders that are not handed over, with where they stand and are brought.
    pub orders: Vec<(OrderId, OrderStatus, LatLng)>,
}

impl DriverDesk {
    /// As the counted state has it; `None` for who is not of this shard, and for who is off duty
    /// with empty hands.
    pub(super) fn of(driver: DriverId, shard: &Shard) -> Option<Self> {
        let known = shard.dispatch().driver(driver)?;
        let status = known.status();
        if status == DriverStatus::Offline {
            return None;
        }
        let carrying = known.carrying.iter().filter_map(|id| carried(*id, shard)).collect();
        let offer = open_offer(driver, known, shard);
        Some(Self { driver, status, offer, carrying, as_of: shard.last_at() })
    }
}

fn open_offer(driver: DriverId, known: &Driver, shard: &Shard) -> Option<OpenOffer> {
    let id = known.offer?;
    let delivery = shard.dispatch().delivery(id)?;
    let offer = delivery.search()?.offer_to(driver)?;
    // Of a bundle all its deliveries, in the order of their doors.
    let together = || offer.deliveries(&id).filter_map(|id| shard.dispatch().delivery(id));
    let mut earned = Money::zero(shard.policy().currency);
    let orders = together().flat_map(|delivery| &delivery.orders);
    for order in orders.filter_map(|id| shard.order(*id)) {
        let share = earnings(order.quote().distance_m, shard.policy()).ok()?;
        earned = earned.checked_add(share).ok()?;
    }
    Some(OpenOffer {
        delivery: id,
        expires_at: offer.expires_at,
        restaurant: delivery.restaurant,
        pickup: delivery.pickup,
        drop_offs: together()
            .flat_map(|delivery| orders_of(delivery, shard))
            .map(|(_, _, to)| to)
            .collect(),
        distance_m: offer.distance_m,
        earnings: earned,
    })
}

fn carried(id: DeliveryId, shard: &Shard) -> Option<Carried> {
    let delivery = shard.dispatch().delivery(id)?;
    Some(Carried {
        delivery: id,
        restaurant: delivery.restaurant,
        pickup: delivery.pickup,
        orders: orders_of(delivery, shard).collect(),
    })
}

fn orders_of(
    delivery: &Delivery,
    shard: &Shard,
) -> impl Iterator<Item = (OrderId, OrderStatus, LatLng)> {
    let orders = delivery.orders.iter().filter_map(|id| shard.order(*id));
    orders.map(|order| (order.id(), order.status(), order.intent().drop_off))
}
