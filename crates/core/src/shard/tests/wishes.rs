//! What may be wished of a city: every command, about what is there, was there, or never was.

use proptest::prelude::*;

use super::super::*;
use super::city::*;
use super::crowd::{SaleWish, sale_wish};
use crate::catalog;
use crate::dispatch::{Among, Candidate, Located, Nearby, Proposal, Round};
use crate::eta::Vehicle;
use crate::id::{DeliveryId, DriverId, ItemId, RestaurantId};
use crate::order::{FailReason, Shortage};
use crate::payment::{Answer, Reply, Step};
use crate::place::LatLng;
use crate::policy::Method;
use crate::provider::{self, Fact, Reference};
use crate::time::Span;

/// Small numbers, so that every bound is reached.
pub(super) fn tight() -> Policy {
    let mut policy = policy();
    policy.checkout.orders_per_hour = 4;
    policy.dispatch.capacity = 2;
    policy.dispatch.rounds = 2;
    policy.dispatch.broadcast = 2;
    policy.dispatch.candidates = 2;
    policy.dispatch.overload = 4;
    policy.dispatch.method = Method::Planned;
    policy.sale.people_max = 3;
    policy.sale.hold_for = Span::from_mins(3);
    policy.payment.hold_lasts = Span::from_hours(5);
    policy.memory.orders_max = 6;
    policy.memory.causes_max = 30;
    policy.memory.refusals_max = 8;
    policy.memory.provider_events_max = 12;
    policy.memory.retain_terminal = Span::from_mins(20);
    policy.memory.retry_horizon = Span::from_hours(6);
    policy
}

/// A wish about the nth of what there is when it is made.
#[derive(Clone, Debug)]
pub(super) struct Wished {
    what: What,
    order: usize,
    delivery: usize,
    driver: usize,
    /// Under an id of its own, under the last one again, or under none.
    id: Id,
}

#[derive(Clone, Copy, Debug)]
enum Id {
    None,
    New,
    Repeated,
}

#[derive(Clone, Debug)]
enum What {
    Rules(u8),
    Catalog(catalog::Command),
    Checkout {
        customer: u32,
        restaurant: RestaurantId,
        promised: Option<i64>,
    },
    Cancel(Canceller),
    Restaurant(RestaurantAct),
    /// The driver who has it, or any driver.
    Driver {
        act: DriverAct,
        holder: bool,
    },
    Admit(Vehicle),
    Release,
    HandOver,
    Fail(FailReason),
    Propose {
        located: bool,
    },
    /// One driver, or two, are near everything.
    Plan,
    Estimate(u64),
    /// An answer to what is due; `until` in minutes from now.
    Reply {
        answer: Answer,
        until: Option<u64>,
    },
    /// An answer given before, or one to nothing that was asked.
    OldNews {
        step: Step,
        attempt: u32,
        answer: Answer,
    },
    /// One of eight facts about what is due of an order, under one of a few ids: repetitions,
    /// contradictions and news.
    Told {
        fact: u8,
        id: u8,
    },
    Sale(SaleWish),
    Tick,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![8 => Just(DONE), 1 => Just(Answer::Refused), 2 => Just(Answer::Failed)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Hold), Just(Step::Capture), Just(Step::Void), Just(Step::Refund)]
}

fn reason() -> impl Strategy<Value = FailReason> {
    prop_oneof![
        Just(FailReason::CustomerAbsent),
        Just(FailReason::CustomerRefused),
        Just(FailReason::Accident),
        Just(FailReason::Lost),
    ]
}

fn act() -> impl Strategy<Value = DriverAct> {
    let delivery = DeliveryId::from(0);
    prop_oneof![
        2 => Just(DriverAct::GoOnline),
        1 => Just(DriverAct::GoOffline),
        8 => Just(DriverAct::Accept { delivery }),
        2 => Just(DriverAct::Decline { delivery }),
        2 => Just(DriverAct::Drop { delivery }),
        7 => Just(DriverAct::ArriveAtRestaurant { delivery }),
        7 => Just(DriverAct::PickUp { delivery }),
        3 => Just(DriverAct::Depart { delivery }),
        6 => (0..500_u32).prop_map(move |metres| {
            DriverAct::ArriveAtDoorstep { delivery, distance_m: Some(metres) }
        }),
        2 => Just(DriverAct::Deliver { delivery }),
        1 => (reason(), any::<bool>()).prop_map(move |(reason, returned)| {
            DriverAct::Fail { delivery, reason, returned }
        }),
    ]
}

fn on(act: DriverAct, delivery: DeliveryId) -> DriverAct {
    match act {
        DriverAct::GoOnline | DriverAct::GoOffline => act,
        DriverAct::Accept { .. } => DriverAct::Accept { delivery },
        DriverAct::Decline { .. } => DriverAct::Decline { delivery },
        DriverAct::Drop { .. } => DriverAct::Drop { delivery },
        DriverAct::ArriveAtRestaurant { .. } => DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { .. } => DriverAct::PickUp { delivery },
        DriverAct::Depart { .. } => DriverAct::Depart { delivery },
        DriverAct::ArriveAtDoorstep { distance_m, .. } => {
            DriverAct::ArriveAtDoorstep { delivery, distance_m }
        }
        DriverAct::Deliver { .. } => DriverAct::Deliver { delivery },
        DriverAct::Fail { reason, returned, .. } => DriverAct::Fail { delivery, reason, returned },
    }
}

fn catalogue() -> impl Strategy<Value = catalog::Command> {
    let place = prop_oneof![Just(grill()), Just(shelf())];
    (place, any::<bool>(), 0..8_u8).prop_map(|(id, yes, which)| match which {
        0 => catalog::Command::Remove { restaurant: id },
        1 => catalog::Command::SetOpen { restaurant: id, open: yes },
        2 => {
            let item = ItemId::from(2);
            catalog::Command::SetItemAvailable { restaurant: id, item, available: yes }
        }
        _ => catalog::Command::Put(restaurant(id)),
    })
}

fn kitchen() -> impl Strategy<Value = RestaurantAct> {
    prop_oneof![
        8 => Just(RestaurantAct::Accept { ready_at: None }),
        1 => Just(RestaurantAct::Accept { ready_at: Some(T0) }),
        1 => Just(RestaurantAct::Reject),
        2 => Just(RestaurantAct::StartPreparing),
        2 => Just(RestaurantAct::MarkReady),
        1 => (0..3_u32, 0..2_u32).prop_map(|(line, quantity)| {
            RestaurantAct::Adjust { lines: vec![Shortage { line, quantity }] }
        }),
    ]
}

fn canceller() -> impl Strategy<Value = Canceller> {
    let fee = prop_oneof![2 => Just(None), 1 => (0..4_000_i64).prop_map(Some)];
    prop_oneof![
        2 => Just(Canceller::Customer),
        1 => Just(Canceller::Restaurant),
        1 => fee.prop_map(|fee| Canceller::Operations { fee: fee.map(eur) }),
    ]
}

pub(super) fn wished() -> impl Strategy<Value = Wished> {
    let place = prop_oneof![Just(grill()), Just(shelf())];
    let promised = prop_oneof![4 => Just(None), 1 => (-5..60_i64).prop_map(Some)];
    let until = prop_oneof![4 => Just(None), 1 => (0..90_u64).prop_map(Some)];
    let vehicle = prop_oneof![Just(Vehicle::Motorcycle), Just(Vehicle::Walking)];
    let what = prop_oneof![
        1 => (0..6_u8).prop_map(What::Rules),
        1 => catalogue().prop_map(What::Catalog),
        8 => (0..4_u32, place, promised).prop_map(|(customer, restaurant, promised)| {
            What::Checkout { customer, restaurant, promised }
        }),
        2 => canceller().prop_map(What::Cancel),
        12 => kitchen().prop_map(What::Restaurant),
        24 => (act(), prop_oneof![5 => Just(true), 1 => Just(false)])
            .prop_map(|(act, holder)| What::Driver { act, holder }),
        1 => vehicle.prop_map(What::Admit),
        1 => Just(What::Release),
        2 => Just(What::HandOver),
        1 => reason().prop_map(What::Fail),
        12 => prop_oneof![4 => Just(true), 1 => Just(false)]
            .prop_map(|located| What::Propose { located }),
        12 => Just(What::Plan),
        1 => (0..90_u64).prop_map(What::Estimate),
        14 => (answer(), until).prop_map(|(answer, until)| What::Reply { answer, until }),
        4 => (step(), 0..4_u32, answer())
            .prop_map(|(step, attempt, answer)| What::OldNews { step, attempt, answer }),
        4 => (0..8_u8, 0..20_u8).prop_map(|(fact, id)| What::Told { fact, id }),
        8 => sale_wish().prop_map(What::Sale),
        8 => Just(What::Tick),
    ];
    let id = prop_oneof![3 => Just(Id::None), 2 => Just(Id::New), 1 => Just(Id::Repeated)];
    let index = || any::<usize>();
    (what, index(), index(), index(), id).prop_map(|(what, order, delivery, driver, id)| Wished {
        what,
        order,
        delivery,
        driver,
        id,
    })
}

fn nth<T: Copy>(all: &[T], n: usize) -> Option<T> {
    all.get(n.checked_rem(all.len())?).copied()
}

impl Wished {
    /// Says it. `said` is what the provider said before.
    pub(super) fn happens(&self, city: &mut City, said: &mut Vec<(OrderId, Reply)>) {
        let Some(command) = self.command(city, said) else { return };
        if let Command::Reply { order, reply } = command {
            said.push((order, reply));
        }
        let cause = match self.id {
            Id::None => None,
            Id::New => Some(city.cause()),
            Id::Repeated => city.log.iter().rev().find_map(|batch| batch.cause),
        };
        let known = cause.filter(|_| matches!(self.id, Id::Repeated));
        let batches = city.log.len();
        let heard = city.hears(&command, cause);
        if known.is_some() {
            assert_eq!(city.log.len(), batches, "nothing is done twice: {heard:?}");
        }
        if let Command::Tick = command
            && let Ok(Decision::Commit { outcome, .. }) = heard
        {
            assert_eq!(outcome, Outcome::Done, "time is never refused");
        }
    }

    fn command(&self, city: &City, said: &[(OrderId, Reply)]) -> Option<Command> {
        let shard = &city.shard;
        let orders: Vec<OrderId> =
            shard.orders.keys().chain(shard.checkouts.keys()).copied().collect();
        let deliveries: Vec<DeliveryId> =
            shard.dispatch.deliveries().map(|(delivery, _)| delivery).collect();
        let order = || nth(&orders, self.order);
        let delivery = || nth(&deliveries, self.delivery);
        let driver = DriverId::from(u32::try_from(self.driver % 4).ok()? + 1);
        Some(match &self.what {
            What::Rules(which) => Command::SetPolicy(Box::new(rules(*which))),
            What::Catalog(command) => Command::Catalog(command.clone()),
            What::Checkout { customer, restaurant, promised } => {
                let promised = promised
                    .map(|minutes| Timestamp::from_millis(city.now.as_millis() + minutes * 60_000));
                Command::Checkout(Box::new(Wish { promised, ..wish(*customer, *restaurant) }))
            }
            What::Cancel(by) => cancel(order()?, *by),
            What::Restaurant(act) => says(order()?, act.clone()),
            What::Driver { act, holder } => {
                let delivery = delivery().unwrap_or(DeliveryId::from(5));
                let live = shard.dispatch.delivery(delivery);
                let concerned = live.and_then(|live| {
                    let offered = live.search().and_then(|search| search.offers.first());
                    live.driver().or(offered.map(|offer| offer.driver))
                });
                let driver = concerned.filter(|_| *holder).unwrap_or(driver);
                taps(driver, on(*act, delivery))
            }
            What::Admit(vehicle) => {
                Command::Operations(OperationsAct::Admit { driver, vehicle: *vehicle })
            }
            What::Release => Command::Operations(OperationsAct::Release { driver }),
            What::HandOver => hand_over(delivery()?, driver),
            What::Fail(reason) => {
                let (order, reason, returned) = (order()?, *reason, true);
                Command::Operations(OperationsAct::Fail { order, reason, returned })
            }
            What::Propose { located } => {
                let delivery = shard.wanted().next()?.delivery;
                let drivers = (0..3).filter_map(|n| u32::try_from((self.driver % 4 + n) % 4).ok());
                let drivers = drivers.map(|n| DriverId::from(n + 1));
                let near = |driver| Candidate { driver, distance_m: 900, off_course_deg: None };
                let among = if *located {
                    Among::Located(drivers.map(near).collect())
                } else {
                    Among::Unlocated(drivers.collect())
                };
                Command::Propose(Proposal { delivery, among })
            }
            What::Plan => {
                let at = LatLng::from_e7(46_000_000, -740_800_000).unwrap();
                let many = if self.delivery.is_multiple_of(4) { 2 } else { 1 };
                let all = [ana(), ben(), cem()];
                let drivers = all.iter().cycle().skip(self.driver % 3).take(many);
                let drivers: Vec<DriverId> = drivers.copied().collect();
                let near = shard
                    .wanted()
                    .take(4)
                    .map(|wanted| Nearby { delivery: wanted.delivery, drivers: drivers.clone() });
                let located = |&driver| Located { driver, at, heading_deg: None };
                let drivers = drivers.iter().map(located).collect();
                Command::Plan(Box::new(Round { near: near.collect(), drivers }))
            }
            What::Estimate(minutes) => {
                let estimate = city.now.saturating_add(Span::from_mins(*minutes));
                Command::ReviseEstimate { order: order()?, estimate }
            }
            What::Told { fact, id } => {
                let effects: Vec<Effect> = shard.pending_effects().collect();
                let effect = nth(&effects, self.order);
                let order = effect.map(|effect| effect.order).or_else(order)?;
                let amount = effect.map_or(eur(250), |effect| effect.due.amount);
                let refund = EventId::new("re_1").unwrap();
                let fact = match fact {
                    0 => Fact::Held { amount, until: None },
                    1 => Fact::Declined,
                    2 => Fact::Captured { amount },
                    3 => Fact::Voided,
                    4 => Fact::Lapsed,
                    5 => Fact::Refunded { refund, amount },
                    6 => Fact::RefundFailed { refund, amount },
                    _ => Fact::RefundedInAll { amount },
                };
                let about = Reference { order, effect: effect.map(|effect| effect.key()) };
                let id = EventId::new(&format!("evt_{id}")).unwrap();
                let says = Meaning { about, fact };
                Command::Provider(Box::new(provider::Event { id, says }))
            }
            What::Reply { answer, until } => {
                let effects: Vec<Effect> = shard.pending_effects().collect();
                let effect = nth(&effects, self.order)?;
                let until = until.map(|minutes| city.now.saturating_add(Span::from_mins(minutes)));
                let answer = match answer {
                    Answer::Done { .. } => Answer::Done { until },
                    Answer::Refused | Answer::Failed => *answer,
                };
                let (step, attempt) = (effect.due.step, effect.due.attempt);
                Command::Reply { order: effect.order, reply: Reply { step, attempt, answer } }
            }
            What::OldNews { step, attempt, answer } => {
                let made_up = || {
                    let reply = Reply { step: *step, attempt: *attempt, answer: *answer };
                    Some((order()?, reply))
                };
                let (order, reply) = nth(said, self.delivery).or_else(made_up)?;
                Command::Reply { order, reply }
            }
            What::Sale(wish) => wish.command(city, self.delivery)?,
            What::Tick => Command::Tick,
        })
    }
}

fn rules(which: u8) -> Policy {
    let mut policy = tight();
    match which {
        0 => policy.memory.orders_max = 1,
        1 => policy.dispatch.capacity = 1,
        2 => policy.memory.retain_terminal = Span::ZERO,
        3 => policy.order.search_for = Span::from_mins(3),
        4 => policy.dispatch.method = Method::Scored,
        _ => {}
    }
    policy
}
