//! Rounds of offers: propose, accept, decline, expire, widen, flag.

use crate::id::{DeliveryId, DriverId};
use crate::policy::{Method, Policy};
use crate::time::Timestamp;

use super::candidate::{Among, Candidate, Choice, Proposal, Score};
use super::delivery::{Delivery, ORDERS_MAX, Offer, Search, Stage, State};
use super::event::{Closing, Event, Mode};
use super::refusal::Refusal;
use super::roster::Driver;
use super::{Dispatch, all_differ, count};

impl Dispatch {
    /// [`Command::Propose`](super::Command::Propose).
    pub(crate) fn propose(
        &self,
        proposal: &Proposal,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let most = policy.dispatch.candidates.saturating_mul(2);
        if count(proposal.among.len()) > most {
            return Err(Refusal::TooManyCandidates { most });
        }
        let delivery = proposal.delivery;
        let search = match &self.live(delivery)?.state {
            State::Searching(search) => search,
            State::Taken { driver } => return Err(Refusal::TakenBy { delivery, driver: *driver }),
        };
        if let Some(until) = search.offers.iter().map(|offer| offer.expires_at).max() {
            return Err(Refusal::OfferOpen { delivery, until });
        }
        let expires_at = now.saturating_add(policy.dispatch.offer_for);
        let offers = match &proposal.among {
            Among::Located(candidates) => {
                self.best(delivery, search, candidates, expires_at, policy).into_iter().collect()
            }
            Among::Unlocated(drivers) => {
                self.broadcast(delivery, search, drivers, expires_at, policy)
            }
        };
        if offers.is_empty() { Err(Refusal::NobodyFree { delivery }) } else { Ok(offers) }
    }

    /// [`Command::Offer`](super::Command::Offer).
    pub(crate) fn offer(
        &self,
        choice: &Choice,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Choice { deliveries, driver, distance_m, considered, planned } = choice;
        let most = count(ORDERS_MAX);
        let (Some(&first), true) = (deliveries.first(), all_differ(deliveries)) else {
            return Err(Refusal::BadBundle { most });
        };
        self.known(*driver)?;
        let kitchen = self.live(first)?;
        let (mut orders, mut reach_m) = (0_usize, 0);
        for &delivery in deliveries {
            let live = self.live(delivery)?;
            orders = orders.saturating_add(live.orders.len());
            let search = match &live.state {
                State::Searching(search) => search,
                State::Taken { driver } => {
                    return Err(Refusal::TakenBy { delivery, driver: *driver });
                }
            };
            if let Some(until) = search.offers.iter().map(|offer| offer.expires_at).max() {
                return Err(Refusal::OfferOpen { delivery, until });
            }
            if (live.restaurant, live.pickup) != (kitchen.restaurant, kitchen.pickup) {
                return Err(Refusal::PickedUpElsewhere { delivery, with: first });
            }
            if self.askable(*driver, search, policy).is_none() {
                return Err(Refusal::NobodyFree { delivery });
            }
            // Who is in reach of one of them is in reach of all.
            reach_m = reach_m.max(search.stage.radius_m(&policy.dispatch));
        }
        if orders > ORDERS_MAX {
            return Err(Refusal::BadBundle { most });
        }
        if *distance_m > reach_m {
            return Err(Refusal::NobodyFree { delivery: first });
        }
        Ok(vec![Event::OfferMade {
            delivery: first,
            driver: *driver,
            expires_at: now.saturating_add(policy.dispatch.offer_for),
            mode: Mode::Planned,
            distance_m: Some(*distance_m),
            score: None,
            considered: *considered,
            planned: Some(Box::new(*planned)),
            bundle: if deliveries.len() > 1 { deliveries.clone() } else { Vec::new() },
        }])
    }

    pub(super) fn accept(
        &self,
        delivery: DeliveryId,
        driver: DriverId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let known = self.known(driver)?;
        let live = self.live(delivery)?;
        let search = match &live.state {
            State::Searching(search) => search,
            State::Taken { driver: holder } if *holder == driver => return Ok(Vec::new()),
            State::Taken { driver } => return Err(Refusal::TakenBy { delivery, driver: *driver }),
        };
        let offer = search.offer_to(driver).filter(|offer| offer.goes_by(delivery) == delivery);
        let offer = offer.ok_or(Refusal::NotOffered { delivery, driver })?;
        if now >= offer.expires_at {
            return Err(Refusal::OfferExpired { expired_at: offer.expires_at });
        }
        let capacity = policy.dispatch.capacity;
        if !known.has_room(capacity) {
            return Err(Refusal::NoRoom { driver, capacity });
        }
        let bundle = offer.bundle.clone();
        let mut events = self.withdrawals(delivery, live, Some(driver), policy, now);
        events.push(Event::Taken { delivery, driver, bundle });
        Ok(events)
    }

    pub(super) fn decline(
        &self,
        delivery: DeliveryId,
        driver: DriverId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        self.known(driver)?;
        match &self.live(delivery)?.state {
            State::Taken { driver } => Err(Refusal::TakenBy { delivery, driver: *driver }),
            State::Searching(search)
                if search.offer_to(driver).is_some_and(|o| o.goes_by(delivery) == delivery) =>
            {
                Ok(self.close_offer(driver, Closing::Declined, policy, now))
            }
            State::Searching(search) if search.passed.contains(&driver) => Ok(Vec::new()),
            State::Searching(_) => Err(Refusal::NotOffered { delivery, driver }),
        }
    }

    /// What is due of the delivery with the earliest deadline.
    pub(super) fn tick(&self, policy: &Policy, now: Timestamp) -> Vec<Event> {
        let Some(&(deadline, delivery)) = self.index.deadlines.first() else { return Vec::new() };
        let Some(search) = self.deliveries.get(&delivery).and_then(|live| live.search()) else {
            return Vec::new();
        };
        if deadline > now {
            return Vec::new();
        }
        let expired: Vec<&Offer> =
            search.offers.iter().filter(|offer| now >= offer.expires_at).collect();
        let mut events = Vec::new();
        for offer in &expired {
            let (driver, why) = (offer.driver, Closing::Expired);
            events.push(Event::OfferClosed { delivery: offer.goes_by(delivery), driver, why });
            let along = offer.deliveries(&delivery).filter(|other| *other != delivery);
            events.extend(along.filter_map(|other| self.stage_after(other, policy, now)));
        }
        if expired.len() == search.offers.len() {
            events.extend(next_stage(delivery, search, policy, now));
        }
        events
    }

    /// The offer open to `driver` closed, if there is one, and the stage that ends with it. An
    /// answer that comes when the offer has expired is silence.
    pub(super) fn close_offer(
        &self,
        driver: DriverId,
        why: Closing,
        policy: &Policy,
        now: Timestamp,
    ) -> Vec<Event> {
        let offered = || {
            let delivery = self.drivers.get(&driver)?.offer?;
            let search = self.deliveries.get(&delivery)?.search()?;
            Some((delivery, search.offer_to(driver)?))
        };
        let Some((delivery, offer)) = offered() else { return Vec::new() };
        let why = match why {
            Closing::Declined | Closing::Expired if now >= offer.expires_at => Closing::Expired,
            Closing::Declined | Closing::Expired | Closing::Withdrawn => why,
        };
        let mut events = vec![Event::OfferClosed { delivery, driver, why }];
        let stages = offer.deliveries(&delivery).filter_map(|of| self.stage_after(of, policy, now));
        events.extend(stages);
        events
    }

    /// The stage that follows in a delivery, if its only open offer is closed and this one is over.
    pub(super) fn stage_after(
        &self,
        delivery: DeliveryId,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Event> {
        let search = self.deliveries.get(&delivery).and_then(Delivery::search)?;
        (search.offers.len() == 1).then(|| next_stage(delivery, search, policy, now))?
    }

    /// The free driver with the lowest score or, where too many search, at the least distance.
    fn best(
        &self,
        delivery: DeliveryId,
        search: &Search,
        candidates: &[Candidate],
        expires_at: Timestamp,
        policy: &Policy,
    ) -> Option<Event> {
        let dispatch = &policy.dispatch;
        let radius_m = search.stage.radius_m(dispatch);
        let by_distance = self.overloaded(policy) || dispatch.method == Method::Nearest;
        let free = candidates.iter().filter_map(|candidate| {
            let driver = self.askable(candidate.driver, search, policy)?;
            (candidate.distance_m <= radius_m).then_some((candidate, driver))
        });
        let scored = free.map(|(candidate, driver)| {
            let score = (!by_distance)
                .then(|| Score::of(candidate, driver.vehicle, &driver.record, dispatch));
            (score.map_or(candidate.distance_m, |score| score.points), candidate, score)
        });
        let mut considered = 0_u32;
        let (_, candidate, score) = scored
            .inspect(|_| considered = considered.saturating_add(1))
            .min_by_key(|(rank, candidate, _)| (*rank, candidate.driver))?;
        Some(Event::OfferMade {
            delivery,
            driver: candidate.driver,
            expires_at,
            mode: if by_distance { Mode::Nearest } else { Mode::Scored },
            distance_m: Some(candidate.distance_m),
            score,
            considered,
            planned: None,
            bundle: Vec::new(),
        })
    }

    /// Offers to the first free drivers, each once.
    fn broadcast(
        &self,
        delivery: DeliveryId,
        search: &Search,
        drivers: &[DriverId],
        expires_at: Timestamp,
        policy: &Policy,
    ) -> Vec<Event> {
        let mut free: Vec<DriverId> = Vec::new();
        for &driver in drivers {
            if !free.contains(&driver) && self.askable(driver, search, policy).is_some() {
                free.push(driver);
            }
        }
        let considered = count(free.len());
        let asked = usize::try_from(policy.dispatch.broadcast).unwrap_or(usize::MAX);
        free.into_iter()
            .take(asked)
            .map(|driver| Event::OfferMade {
                delivery,
                driver,
                expires_at,
                mode: Mode::Broadcast,
                distance_m: None,
                score: None,
                considered,
                planned: None,
                bundle: Vec::new(),
            })
            .collect()
    }

    /// Whether so many deliveries search that each is given to the nearest.
    pub(crate) fn overloaded(&self, policy: &Policy) -> bool {
        count(self.searching()) >= policy.dispatch.overload
    }

    /// The driver, if free and not one who has passed in this stage.
    pub(crate) fn askable(
        &self,
        driver: DriverId,
        search: &Search,
        policy: &Policy,
    ) -> Option<&Driver> {
        let known = self.drivers.get(&driver)?;
        let free = known.is_free(policy.dispatch.capacity) && !search.passed.contains(&driver);
        free.then_some(known)
    }
}

/// The stage that follows once no offer is open, if this one is over.
fn next_stage(
    delivery: DeliveryId,
    search: &Search,
    policy: &Policy,
    now: Timestamp,
) -> Option<Event> {
    let spent = match search.stage {
        Stage::Near | Stage::Wide => search.rounds >= policy.dispatch.rounds,
        Stage::Flagged => false,
    };
    (spent || now >= search.stage_ends_at).then(|| Event::StageEntered {
        delivery,
        stage: search.stage.next(),
        ends_at: now.saturating_add(policy.dispatch.stage_for),
    })
}
