//! The drivers of a shard: who is on duty, who has been asked, who carries what.

use serde::{Deserialize, Serialize};

use crate::eta::Vehicle;
use crate::id::{DeliveryId, DriverId};
use crate::policy::Policy;
use crate::time::Timestamp;

use super::event::{Closing, Event};
use super::refusal::Refusal;
use super::{Dispatch, count};

/// One driver of this shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// What they drive.
    pub vehicle: Vehicle,
    /// Whether they take offers.
    pub duty: Duty,
    /// The delivery they are being offered: one at most, and only while online.
    pub offer: Option<DeliveryId>,
    /// What they carry, in the order in which they took it; up to
    /// [`DispatchPolicy::capacity`](crate::policy::DispatchPolicy::capacity).
    pub carrying: Vec<DeliveryId>,
    /// What became of earlier offers and deliveries.
    pub record: Record,
}

/// Whether a driver takes offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// No offers; what is carried is still delivered.
    Offline,
    /// May be offered deliveries.
    Online,
}

/// The flat public view of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverStatus {
    /// Off duty, carrying nothing.
    Offline,
    /// On duty and free.
    Online,
    /// Thinking about an offer.
    Offered,
    /// Carrying at least one delivery, whatever else is so.
    OnDelivery,
}

/// What became of a driver's offers and deliveries since they were admitted. Counts saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Offers made. More than the three below together: some were withdrawn, one may be open.
    pub offered: u32,
    /// Offers accepted.
    pub accepted: u32,
    /// Offers declined, by tap or by going offline.
    pub declined: u32,
    /// Offers left unanswered.
    pub silent: u32,
    /// Deliveries given back, or taken away because the driver did not come.
    pub dropped: u32,
    /// Orders delivered.
    pub delivered: u32,
    /// What was earned, in minor units of the shard's currency.
    pub earned_minor: i64,
}

impl Record {
    /// Accepted offers in thousandths of those answered or left unanswered; 1,000 for who has
    /// none yet: a new driver counts as accepting.
    #[must_use]
    pub fn acceptance_permille(&self) -> u32 {
        let accepted = u64::from(self.accepted);
        let judged = accepted
            .saturating_add(u64::from(self.declined))
            .saturating_add(u64::from(self.silent));
        let permille = accepted.saturating_mul(1_000).checked_div(judged).unwrap_or(1_000);
        u32::try_from(permille).unwrap_or(1_000)
    }

    /// The rest of [`acceptance_permille`](Self::acceptance_permille) to 1,000.
    #[must_use]
    pub fn declined_permille(&self) -> u32 {
        1_000_u32.saturating_sub(self.acceptance_permille())
    }
}

impl Driver {
    /// A driver new to the shard: offline, carrying nothing.
    pub(super) fn new(vehicle: Vehicle) -> Self {
        Self {
            vehicle,
            duty: Duty::Offline,
            offer: None,
            carrying: Vec::new(),
            record: Record::default(),
        }
    }

    /// The flat public view. Carrying wins over an offer, an offer over being online.
    #[must_use]
    pub fn status(&self) -> DriverStatus {
        match (self.carrying.is_empty(), self.offer, self.duty) {
            (false, _, _) => DriverStatus::OnDelivery,
            (true, Some(_), _) => DriverStatus::Offered,
            (true, None, Duty::Online) => DriverStatus::Online,
            (true, None, Duty::Offline) => DriverStatus::Offline,
        }
    }

    /// Whether an offer may be made: online, none open, and carrying less than `capacity`.
    #[must_use]
    pub fn is_free(&self, capacity: u32) -> bool {
        matches!(self.duty, Duty::Online) && self.offer.is_none() && self.has_room(capacity)
    }

    /// Whether one more delivery keeps within `capacity`.
    pub(super) fn has_room(&self, capacity: u32) -> bool {
        count(self.carrying.len()) < capacity
    }
}

impl Dispatch {
    pub(super) fn known(&self, driver: DriverId) -> Result<&Driver, Refusal> {
        self.drivers.get(&driver).ok_or(Refusal::UnknownDriver { driver })
    }

    pub(super) fn admit(
        &self,
        driver: DriverId,
        vehicle: Vehicle,
        policy: &Policy,
    ) -> Result<Vec<Event>, Refusal> {
        match self.drivers.get(&driver) {
            Some(known) if known.vehicle == vehicle => Ok(Vec::new()),
            Some(_) => Ok(vec![Event::VehicleChanged { driver, vehicle }]),
            None if count(self.drivers.len()) >= policy.memory.drivers_max => {
                Err(Refusal::DriversFull { most: policy.memory.drivers_max })
            }
            None => Ok(vec![Event::DriverAdmitted { driver, vehicle }]),
        }
    }

    pub(super) fn release(
        &self,
        driver: DriverId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Some(known) = self.drivers.get(&driver) else { return Ok(Vec::new()) };
        if !known.carrying.is_empty() {
            return Err(Refusal::Carrying { driver, deliveries: known.carrying.clone() });
        }
        let mut events = self.close_offer(driver, Closing::Withdrawn, policy, now);
        events.push(Event::DriverReleased { driver });
        Ok(events)
    }

    pub(super) fn go_online(&self, driver: DriverId) -> Result<Vec<Event>, Refusal> {
        Ok(match self.known(driver)?.duty {
            Duty::Online => Vec::new(),
            Duty::Offline => vec![Event::WentOnline { driver }],
        })
    }

    pub(super) fn go_offline(
        &self,
        driver: DriverId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        Ok(match self.known(driver)?.duty {
            Duty::Offline => Vec::new(),
            Duty::Online => {
                let mut events = self.close_offer(driver, Closing::Declined, policy, now);
                events.push(Event::WentOffline { driver });
                events
            }
        })
    }
}
