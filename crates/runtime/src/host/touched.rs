//! Whom a batch speaks of.

use std::collections::BTreeSet;

use doorstep_core::dispatch;
use doorstep_core::id::{DriverId, OrderId};
use doorstep_core::log::Batch;
use doorstep_core::shard::{Event, Outcome};

/// Whom a batch speaks of.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) orders: BTreeSet<OrderId>,
    pub(super) drivers: BTreeSet<DriverId>,
    /// Drivers whose duty or offer changes.
    pub(super) desks: BTreeSet<DriverId>,
    /// Whether the rules changed.
    pub(super) policy: bool,
}

impl Touched {
    pub(super) fn by(batch: &Batch<Event, Outcome>) -> Self {
        let mut touched = Self::default();
        for event in &batch.events {
            match event {
                Event::Order { order, .. } | Event::Checkout { order, .. } => {
                    touched.orders.insert(*order);
                }
                Event::Dispatch(event) => {
                    touched.drivers.extend(drivers_of(event));
                    touched.desks.extend(asked_or_on_duty(event));
                }
                Event::PolicySet(_) => touched.policy = true,
                Event::Catalog(_)
                | Event::Provider { .. }
                | Event::SaleOpened { .. }
                | Event::Sale { .. }
                | Event::SaleCheckout { .. } => {}
            }
        }
        touched
    }
}

/// The drivers whose road a dispatch event may change, beyond those of the orders in its batch.
fn drivers_of(event: &dispatch::Event) -> impl Iterator<Item = DriverId> {
    let (one, other) = match event {
        dispatch::Event::DriverReleased { driver }
        | dispatch::Event::Taken { driver, .. }
        | dispatch::Event::Dropped { driver, .. } => (Some(*driver), None),
        dispatch::Event::Reassigned { from, to, .. } => (Some(*to), *from),
        dispatch::Event::DriverAdmitted { .. }
        | dispatch::Event::VehicleChanged { .. }
        | dispatch::Event::WentOnline { .. }
        | dispatch::Event::WentOffline { .. }
        | dispatch::Event::Opened { .. }
        | dispatch::Event::OfferMade { .. }
        | dispatch::Event::OfferClosed { .. }
        | dispatch::Event::StageEntered { .. }
        | dispatch::Event::Finished { .. } => (None, None),
    };
    one.into_iter().chain(other)
}

/// Whose duty or offer a dispatch event changes.
fn asked_or_on_duty(event: &dispatch::Event) -> Option<DriverId> {
    match event {
        dispatch::Event::WentOnline { driver }
        | dispatch::Event::WentOffline { driver }
        | dispatch::Event::OfferMade { driver, .. }
        | dispatch::Event::OfferClosed { driver, .. } => Some(*driver),
        dispatch::Event::DriverAdmitted { .. }
        | dispatch::Event::DriverReleased { .. }
        | dispatch::Event::VehicleChanged { .. }
        | dispatch::Event::Opened { .. }
        | dispatch::Event::StageEntered { .. }
        | dispatch::Event::Taken { .. }
        | dispatch::Event::Dropped { .. }
        | dispatch::Event::Reassigned { .. }
        | dispatch::Event::Finished { .. } => None,
    }
}
