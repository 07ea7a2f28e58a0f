//! From pings to arrivals: which door each driver is to reach next, and whether they have.
//!
//! The host says after each counted batch where a driver is headed; each ping of a driver who is
//! headed somewhere is held against that door's geofence. An arrival becomes the same command as
//! the driver's own tap, and whichever comes second is already so.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use doorstep_core::id::{DeliveryId, DriverId};
use doorstep_core::order::{Courier, Leg, Phase};
use doorstep_core::place::LatLng;
use doorstep_core::shard::{DriverAct, Shard};
use doorstep_geo_index::Fix;
use doorstep_geo_index::arrival::{Crossing, Geofence, Watch};

/// A door that a driver is headed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// The restaurant's.
    Restaurant,
    /// The customer's.
    Doorstep,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    delivery: DeliveryId,
    door: Door,
    fence: Geofence,
    watch: Watch,
}

/// Who is headed where. Bounded by the drivers who carry something.
#[derive(Debug, Default)]
pub struct Arrivals {
    targets: DashMap<DriverId, Target>,
}

/// A fix without an accuracy counts as this good: a phone's usual one in a street.
const ACCURACY_ASSUMED_M: u16 = 20;

impl Arrivals {
    /// Holds a fix against the door that its driver is headed for. A mocked one shows nothing.
    pub fn observe(&self, driver: DriverId, fix: &Fix) -> Option<DriverAct> {
        if fix.mocked {
            return None;
        }
        let mut target = self.targets.get_mut(&driver)?;
        let Target { delivery, door, fence, .. } = *target;
        let accuracy_m = fix.accuracy_m.unwrap_or(ACCURACY_ASSUMED_M);
        match target.watch.observe(&fence, fix.position, accuracy_m, fix.taken_at)? {
            Crossing::Left => None,
            Crossing::Arrived => Some(match door {
                Door::Restaurant => DriverAct::ArriveAtRestaurant { delivery },
                Door::Doorstep => DriverAct::ArriveAtDoorstep {
                    delivery,
                    distance_m: Some(fence.centre.distance_m(fix.position)),
                },
            }),
        }
    }

    /// Heads a driver for where the counted state says; nowhere, if nothing is to be reached.
    pub(crate) fn head(&self, driver: DriverId, shard: &Shard) {
        let next = next_door(driver, shard);
        match (self.targets.entry(driver), next) {
            (Entry::Occupied(mut known), Some((delivery, door, centre))) => {
                let target = known.get_mut();
                if (target.delivery, target.door, target.fence.centre) != (delivery, door, centre) {
                    *target = target_at(delivery, door, centre);
                }
            }
            (Entry::Vacant(place), Some((delivery, door, centre))) => {
                place.insert(target_at(delivery, door, centre));
            }
            (Entry::Occupied(known), None) => {
                known.remove();
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    /// Nobody is headed anywhere.
    pub(crate) fn clear(&self) {
        self.targets.clear();
    }
}

fn target_at(delivery: DeliveryId, door: Door, centre: LatLng) -> Target {
    let fence = match door {
        Door::Restaurant => Geofence::restaurant(centre),
        Door::Doorstep => Geofence::doorstep(centre),
    };
    Target { delivery, door, fence, watch: Watch::default() }
}

fn next_door(driver: DriverId, shard: &Shard) -> Option<(DeliveryId, Door, LatLng)> {
    let delivery = *shard.dispatch().driver(driver)?.carrying.first()?;
    let order = *shard.dispatch().delivery(delivery)?.orders.first()?;
    let order = shard.order(order)?;
    match order.phase() {
        Phase::Underway { courier: Courier::Assigned { .. }, .. } => {
            Some((delivery, Door::Restaurant, order.intent().pickup))
        }
        Phase::OnTheWay { leg: Leg::PickedUp { .. } | Leg::EnRoute { .. }, .. } => {
            Some((delivery, Door::Doorstep, order.intent().drop_off))
        }
        Phase::Underway {
            courier: Courier::Unassigned { .. } | Courier::AtRestaurant { .. },
            ..
        }
        | Phase::OnTheWay { leg: Leg::AtDoorstep { .. }, .. }
        | Phase::Pending { .. }
        | Phase::Delivered { .. }
        | Phase::Undelivered { .. }
        | Phase::Cancelled { .. } => None,
    }
}
