//! Dispatch explored whole: every order in which a few taps, ticks and steps of time can come.
//!
//! Time goes in steps of a millisecond, an offer lasts two, a stage three. Nobody has to tick, so
//! every state is also seen before the deadlines of the past are handled.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics fails")]

use doorstep_core::dispatch::plan::{Planned, Price};
use doorstep_core::dispatch::{
    Among, Candidate, Choice, Command, Dispatch, DropReason, End, Proposal, Refusal, Stage,
};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::time::{Span, Timestamp};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// So many drivers and deliveries, so many steps of time, so many drops and hand-overs.
struct Town {
    drivers: u32,
    deliveries: u32,
    steps: i64,
    drops: u32,
    hand_overs: u32,
    /// Deliveries are offered together, and not one by one.
    together: bool,
    policy: Policy,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Moment {
    dispatch: Dispatch,
    now: Timestamp,
    drops: u32,
    hand_overs: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Wait,
    Do(Command),
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn order_of(delivery: DeliveryId) -> OrderId {
    OrderId::new(delivery.get()).unwrap()
}

impl Town {
    fn new(drivers: u32, deliveries: u32) -> Self {
        let mut policy = Policy::new(Currency::new("EUR").unwrap());
        policy.dispatch.offer_for = Span::from_millis(2);
        policy.dispatch.stage_for = Span::from_millis(3);
        policy.dispatch.rounds = 2;
        policy.dispatch.broadcast = 2;
        Self { drivers, deliveries, steps: 6, drops: 1, hand_overs: 1, together: false, policy }
    }

    /// The first two deliveries go together.
    fn together(drivers: u32) -> Self {
        Self { together: true, ..Self::new(drivers, 2) }
    }

    fn drivers(&self) -> impl Iterator<Item = DriverId> + Clone {
        (1..=self.drivers).map(DriverId::from)
    }

    fn deliveries(&self) -> impl Iterator<Item = DeliveryId> {
        (1..=self.deliveries).map(DeliveryId::from)
    }

    /// What `command` leads to; `None` if it is refused or already so.
    fn after(&self, moment: &Moment, command: &Command) -> Option<Moment> {
        let events = moment.dispatch.decide(command, &self.policy, moment.now).ok()?;
        let mut next = moment.clone();
        for event in &events {
            next.dispatch.evolve(event, moment.now).expect("what was just decided fits");
        }
        (!events.is_empty()).then_some(next)
    }

    fn accept(&self, moment: &Moment, driver: DriverId) -> Result<bool, Refusal> {
        let command = Command::Accept { delivery: DeliveryId::from(1), driver };
        let events = moment.dispatch.decide(&command, &self.policy, moment.now)?;
        Ok(!events.is_empty())
    }
}

impl Model for Town {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        let now = Timestamp::EPOCH;
        let mut moment = Moment { dispatch: Dispatch::new(), now, drops: 0, hand_overs: 0 };
        for driver in self.drivers() {
            let admit = Command::Admit { driver, vehicle: Vehicle::Bicycle };
            moment = self.after(&moment, &admit).unwrap();
            moment = self.after(&moment, &Command::GoOnline { driver }).unwrap();
        }
        for delivery in self.deliveries() {
            let open = Command::Open {
                delivery,
                restaurant: RestaurantId::from(1),
                pickup: LatLng::from_e7(0, 0).unwrap(),
                orders: vec![order_of(delivery)],
                value: eur(1),
            };
            moment = self.after(&moment, &open).unwrap();
        }
        vec![moment]
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<Step>) {
        if moment.dispatch.deliveries().len() == 0 {
            return;
        }
        actions.push(Step::Wait);
        actions.push(Step::Do(Command::Tick));
        if self.together {
            let [first, second] = [1, 2].map(DeliveryId::from);
            for driver in self.drivers() {
                for deliveries in [vec![first], vec![second], vec![first, second]] {
                    actions.push(Step::Do(Command::Offer(chosen(deliveries, driver))));
                }
            }
        }
        for delivery in self.deliveries() {
            let near = |driver| Candidate { driver, distance_m: 1_000, off_course_deg: None };
            let located = Among::Located(self.drivers().map(near).collect());
            let unlocated = Among::Unlocated(self.drivers().collect());
            if !self.together {
                actions.extend(
                    [located, unlocated]
                        .map(|among| Step::Do(Command::Propose(Proposal { delivery, among }))),
                );
            }
            for driver in self.drivers() {
                actions.push(Step::Do(Command::Accept { delivery, driver }));
                actions.push(Step::Do(Command::Decline { delivery, driver }));
                actions.push(Step::Do(Command::Assign { delivery, driver }));
                let why = DropReason::Driver;
                actions.push(Step::Do(Command::Drop { delivery, driver, why }));
            }
            for end in [End::Cancelled, End::Delivered { earned: eur(1) }] {
                let order = order_of(delivery);
                let delivery = moment.dispatch.delivery_of(order).unwrap_or(delivery);
                actions.push(Step::Do(Command::Finish { delivery, order, end }));
            }
        }
        for driver in self.drivers() {
            actions.push(Step::Do(Command::GoOffline { driver }));
            actions.push(Step::Do(Command::GoOnline { driver }));
        }
    }

    fn next_state(&self, moment: &Moment, step: Step) -> Option<Moment> {
        let Step::Do(command) = &step else {
            let now = moment.now.saturating_add(Span::from_millis(1));
            return (now.as_millis() <= self.steps).then(|| Moment { now, ..moment.clone() });
        };
        let mut next = self.after(moment, command)?;
        next.drops += u32::from(matches!(command, Command::Drop { .. }));
        next.hand_overs += u32::from(matches!(command, Command::Assign { .. }));
        (next.drops <= self.drops && next.hand_overs <= self.hand_overs).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "a delivery has one driver at most, and both know",
                |_, moment: &Moment| {
                    moment.dispatch.deliveries().all(|(id, delivery)| {
                        let mut carriers = moment.dispatch.drivers();
                        let carriers = carriers.by_ref().filter(|(_, d)| d.carrying.contains(&id));
                        carriers.map(|(driver, _)| driver).eq(delivery.driver())
                    })
                },
            ),
            Property::always("nobody carries over capacity", |town: &Self, moment: &Moment| {
                let capacity = town.policy.dispatch.capacity as usize;
                moment.dispatch.drivers().all(|(_, driver)| driver.carrying.len() <= capacity)
            }),
            Property::always("nobody has two offers, and both sides know", |_, moment: &Moment| {
                moment.dispatch.drivers().all(|(id, driver)| {
                    let offers = moment.dispatch.deliveries().filter_map(|(delivery, live)| {
                        let offer = live.search()?.offer_to(id)?;
                        Some((delivery, offer))
                    });
                    let offers: Vec<_> = offers.collect();
                    match driver.offer {
                        None => offers.is_empty(),
                        Some(lead) => offers.first().is_some_and(|(first, offer)| {
                            let whole: Vec<_> = offer.deliveries(first).collect();
                            let named = offers.iter().all(|(of, o)| o.goes_by(*of) == lead);
                            named && offers.iter().map(|(of, _)| *of).eq(whole)
                        }),
                    }
                })
            }),
            Property::always("every order that has not ended is in one delivery", in_one),
            Property::always("whoever searches has a deadline", |_, moment: &Moment| {
                let searches = moment.dispatch.deliveries().filter_map(|(_, d)| d.search());
                let first = searches.map(|search| search.deadline()).min();
                moment.dispatch.next_deadline() == first
            }),
            Property::always("an accept too late never wins", |town: &Self, moment: &Moment| {
                town.drivers().all(|driver| {
                    let delivery = moment.dispatch.delivery(DeliveryId::from(1));
                    let search = delivery.and_then(|delivery| delivery.search());
                    let offer = search.and_then(|search| search.offer_to(driver));
                    offer.is_none_or(|offer| {
                        (moment.now < offer.expires_at) == town.accept(moment, driver).is_ok()
                    })
                })
            }),
            Property::always("nobody is asked without end", |_, moment: &Moment| {
                moment.dispatch.drivers().all(|(_, driver)| driver.record.offered <= 16)
            }),
            Property::sometimes("the first driver gets it", |_, m: &Moment| holder(m) == Some(1)),
            Property::sometimes("an expired accept lost", |town: &Self, moment: &Moment| {
                let late = town.accept(moment, DriverId::from(1));
                matches!(late, Err(Refusal::OfferExpired { .. }))
            }),
            Property::sometimes("dropped and taken again", |_, moment: &Moment| {
                moment.drops > 0 && moment.hand_overs == 0 && holder(moment).is_some()
            }),
            Property::sometimes("flagged", |_, moment: &Moment| {
                let mut searches = moment.dispatch.deliveries().filter_map(|(_, d)| d.search());
                searches.any(|search| search.stage == Stage::Flagged)
            }),
            Property::sometimes("all is over and somebody earned", |_, moment: &Moment| {
                let nothing_left = moment.dispatch.deliveries().len() == 0;
                let earned = moment.dispatch.drivers().any(|(_, d)| d.record.delivered > 0);
                nothing_left && earned
            }),
        ];
        if self.together {
            properties.extend([
                Property::sometimes("one driver has both", |_, m: &Moment| {
                    let first = m.dispatch.delivery(DeliveryId::from(1));
                    first.is_some_and(|live| live.joined.len() == 1)
                }),
                Property::sometimes(
                    "both were dropped, and one of them is taken",
                    |_, m: &Moment| {
                        let second = m.dispatch.delivery(DeliveryId::from(2));
                        let dropped = m.dispatch.drivers().any(|(_, d)| d.record.dropped == 1);
                        dropped && second.is_some_and(|live| live.driver().is_some())
                    },
                ),
                Property::sometimes(
                    "the first was cancelled, the second goes on",
                    |_, m: &Moment| {
                        let first = m.dispatch.delivery(DeliveryId::from(1));
                        first.is_some_and(|live| {
                            live.orders == [order_of(DeliveryId::from(2))]
                                && live.driver().is_some()
                        })
                    },
                ),
            ]);
        }
        if self.drivers > 1 && !self.together {
            properties.extend([
                Property::sometimes("the second driver gets it", |_, moment: &Moment| {
                    holder(moment) == Some(2)
                }),
                Property::sometimes("both were asked at once, one took it, the other lost", lost),
                Property::sometimes("handed over", |_, moment: &Moment| {
                    let former = moment.dispatch.driver(DriverId::from(1));
                    let had_it = former.is_some_and(|driver| driver.record.accepted == 1);
                    had_it && moment.hand_overs == 1 && holder(moment) == Some(2)
                }),
            ]);
        }
        if self.deliveries > 1 && !self.together {
            properties.push(Property::sometimes(
                "one waits until the other is delivered",
                |_, m: &Moment| {
                    let second = m.dispatch.delivery(DeliveryId::from(2));
                    let first_over = m.dispatch.delivery(DeliveryId::from(1)).is_none();
                    let mut drivers = m.dispatch.drivers();
                    let delivered = drivers.any(|(_, driver)| driver.record.delivered == 1);
                    first_over && delivered && second.is_some_and(|d| d.driver().is_some())
                },
            ));
        }
        properties
    }
}

/// A plan names the driver for these.
fn chosen(deliveries: Vec<DeliveryId>, driver: DriverId) -> Choice {
    let (distance_m, considered, at) = (1_000, 1, Timestamp::EPOCH);
    let price = Price::default();
    let planned =
        Planned { price, leave_by: at, pickup_at: at, runner_up: None, scarcity_permille: 0 };
    Choice { deliveries, driver, distance_m, considered, planned }
}

/// Whether each order is where it says it is, and nowhere else.
fn in_one(town: &Town, moment: &Moment) -> bool {
    town.deliveries().all(|delivery| {
        let order = order_of(delivery);
        let mut holding =
            moment.dispatch.deliveries().filter(|(_, live)| live.orders.contains(&order));
        let found = holding.next().map(|(id, _)| id);
        found == moment.dispatch.delivery_of(order) && holding.next().is_none()
    })
}

/// The number of the driver who has the first delivery.
fn holder(moment: &Moment) -> Option<u64> {
    moment.dispatch.delivery(DeliveryId::from(1))?.driver().map(DriverId::get)
}

/// Whether somebody has the delivery after a race, and another who was in it is told so.
fn lost(town: &Town, moment: &Moment) -> bool {
    moment.hand_overs == 0
        && moment.dispatch.drivers().any(|(driver, known)| {
            let record = known.record;
            let withdrawn = record.offered > record.accepted + record.declined + record.silent;
            withdrawn && matches!(town.accept(moment, driver), Err(Refusal::TakenBy { .. }))
        })
}

/// A failure ends the search, as a defect may make the space endless.
fn explore(town: Town) {
    let until = HasDiscoveries::AnyFailures;
    town.checker().threads(2).finish_when(until).spawn_bfs().join().assert_properties();
}

#[test]
fn two_drivers_and_one_delivery() {
    explore(Town::new(2, 1));
}

#[test]
fn one_driver_and_two_deliveries() {
    explore(Town::new(1, 2));
}

#[test]
fn one_driver_and_two_deliveries_that_may_go_together() {
    explore(Town::together(1));
}
