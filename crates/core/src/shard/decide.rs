//! What a command means to the rooms together.

use super::Shard;
use super::command::{Canceller, Command, DriverAct, OperationsAct, RestaurantAct, Wish};
use super::event::{Event, Outcome, Refusal};
use crate::catalog::{self, Acceptance};
use crate::checkout::{self, Checkout, Intent, State};
use crate::dispatch;
use crate::eta;
use crate::id::{DeliveryId, DriverId, OrderId};
use crate::log::{Cause, Decision, NotTaken, Seen};
use crate::order::{self, Actor, DropReason, Order};
use crate::payment::Reply;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

pub(super) type Decided = Result<Vec<Event>, Refusal>;

impl Shard {
    /// What `command` means at `now`. Nothing changes.
    ///
    /// A refusal is an outcome too: an identified command is answered once, whatever the answer.
    ///
    /// # Errors
    /// [`NotTaken`] if the command is not one to be decided: too old, another under the same id, or
    /// no room to remember it. None of these is ever logged.
    pub fn decide(
        &self,
        command: &Command,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<Decision<Event, Outcome>, NotTaken> {
        let now = now.max(self.last_at);
        if let Some(cause) = cause {
            match self.causes.check(cause, now, &self.cause_bounds())? {
                Seen::Known(outcome) => return Ok(Decision::Known(outcome.clone())),
                Seen::First => {}
            }
        }
        let asked_at = cause.map_or(now, |cause| cause.issued_at.min(now));
        let decided = self.events_of(command, asked_at, now);
        let (events, outcome) = match decided {
            Ok(events) => {
                let outcome = outcome_of(&events);
                (events, outcome)
            }
            Err(refusal) => (Vec::new(), Outcome::Refused(refusal)),
        };
        Ok(Decision::Commit { events, outcome })
    }

    fn events_of(&self, command: &Command, asked_at: Timestamp, now: Timestamp) -> Decided {
        match command {
            Command::SetPolicy(policy) => self.set_policy(policy),
            Command::Catalog(command) => {
                let events = self.catalog.decide(command, &self.policy)?;
                Ok(events.into_iter().map(Event::Catalog).collect())
            }
            Command::Checkout(wish) => self.open_checkout(wish, asked_at, now),
            Command::Cancel { order, by } => self.cancel(*order, *by, now),
            Command::Restaurant { order, act } => self.restaurant(*order, act, now),
            Command::Driver { driver, act } => self.driver(*driver, *act, now),
            Command::Operations(act) => self.operations(*act, now),
            Command::Propose(proposal) => {
                let decided = self.dispatch.propose(proposal, &self.policy, now)?;
                self.with_flags(decided, now)
            }
            Command::ReviseEstimate { order, estimate } => {
                self.order_act(*order, &order::Command::ReviseEstimate { estimate: *estimate }, now)
            }
            Command::Reply { order, reply } => self.reply(*order, reply, now),
            Command::Tick => self.tick(now),
        }
    }

    fn set_policy(&self, policy: &Policy) -> Decided {
        policy.check()?;
        if policy.currency != self.policy.currency {
            return Err(Refusal::CurrencyChanged);
        }
        // An empty log takes even the rules that it has by default: its readers may have others.
        if *policy == self.policy && self.last_at != Timestamp::EPOCH {
            return Ok(Vec::new());
        }
        Ok(vec![Event::PolicySet(Box::new(policy.clone()))])
    }

    fn open_checkout(&self, wish: &Wish, asked_at: Timestamp, now: Timestamp) -> Decided {
        let most = self.policy.memory.orders_max;
        if !self.has_room_for_one(most, now) {
            return Err(Refusal::OrdersFull { most });
        }
        let limit = self.policy.checkout.orders_per_hour;
        if let Some(from) = self.customers.wait(wish.customer, limit, now) {
            return Err(Refusal::TooManyOrders { customer: wish.customer, from });
        }
        if wish.promised.is_some_and(|promised| promised < asked_at) {
            return Err(Refusal::PromiseInThePast);
        }
        let found = self.catalog.order(&wish.cart, wish.drop_off, now, &self.policy)?;
        let (number, _) = self.ids.next(now);
        let order = OrderId::truncating(number);
        let speeds = &self.policy.dispatch.speeds;
        let estimate = eta::estimate(now, found.ready_span, found.quote.distance_m, speeds);
        let promised =
            wish.promised.unwrap_or_else(|| now.saturating_add(self.policy.checkout.promise));
        let intent = Intent {
            order,
            customer: wish.customer,
            restaurant: wish.cart.restaurant,
            pickup: found.pickup,
            drop_off: wish.drop_off,
            lines: found.lines,
            quote: found.quote,
            acceptance: found.acceptance,
            kitchen: found.kitchen,
            ready_span: found.ready_span,
            promised,
            estimate,
            opened_at: now,
        };
        let until = now.saturating_add(self.policy.checkout.patience);
        let event = checkout::Event::Opened { intent: Box::new(intent), until };
        Ok(vec![Event::Checkout { order, event }])
    }

    fn cancel(&self, id: OrderId, by: Canceller, now: Timestamp) -> Decided {
        if let Some(checkout) = self.checkouts.get(&id) {
            return match (checkout.state(), by) {
                (State::Waiting { .. }, Canceller::Customer | Canceller::Operations { .. }) => {
                    let event = checkout::Event::GivenUp;
                    Ok(vec![Event::Checkout { order: id, event }])
                }
                (State::Closed { .. }, Canceller::Customer | Canceller::Operations { .. }) => {
                    Ok(Vec::new())
                }
                (State::Held, Canceller::Customer | Canceller::Operations { .. }) => {
                    Err(Refusal::CheckoutOver)
                }
                // A restaurant hears of orders only.
                (
                    State::Waiting { .. } | State::Held | State::Closed { .. },
                    Canceller::Restaurant,
                ) => Err(Refusal::NoSuchOrder { order: id }),
            };
        }
        let (by, fee) = match by {
            Canceller::Customer => (Actor::Customer, None),
            Canceller::Restaurant => (Actor::Restaurant, None),
            Canceller::Operations { fee } => (Actor::Operations, fee),
        };
        self.order_act(id, &order::Command::Cancel { by, fee }, now)
    }

    fn restaurant(&self, id: OrderId, act: &RestaurantAct, now: Timestamp) -> Decided {
        let command = match act {
            RestaurantAct::Accept { ready_at } => order::Command::Accept { ready_at: *ready_at },
            RestaurantAct::Reject => order::Command::Reject,
            RestaurantAct::StartPreparing => order::Command::StartPreparing,
            RestaurantAct::MarkReady => order::Command::MarkReady,
            RestaurantAct::Adjust { lines } => order::Command::Adjust { lines: lines.clone() },
        };
        self.order_act(id, &command, now)
    }

    fn driver(&self, driver: DriverId, act: DriverAct, now: Timestamp) -> Decided {
        match act {
            DriverAct::GoOnline => self.ask_dispatch(&dispatch::Command::GoOnline { driver }, now),
            DriverAct::GoOffline => {
                self.ask_dispatch(&dispatch::Command::GoOffline { driver }, now)
            }
            DriverAct::Accept { delivery } => self.accept_offer(delivery, driver, now),
            DriverAct::Decline { delivery } => {
                self.ask_dispatch(&dispatch::Command::Decline { delivery, driver }, now)
            }
            DriverAct::Drop { delivery } => {
                let why = DropReason::Driver;
                let drop = dispatch::Command::Drop { delivery, driver, why };
                let dropped = self.ask_dispatch(&drop, now)?;
                if dropped.is_empty() {
                    return Ok(dropped);
                }
                let mut events = self
                    .every_order(delivery, now, |_| order::Command::DropDriver { driver, why })?;
                events.extend(dropped);
                Ok(events)
            }
            DriverAct::ArriveAtRestaurant { delivery } => {
                self.every_order(delivery, now, |_| order::Command::ArriveAtRestaurant { driver })
            }
            DriverAct::PickUp { delivery } => {
                self.every_order(delivery, now, |_| order::Command::PickUp { driver })
            }
            DriverAct::Depart { delivery } => {
                self.next_door(delivery, &order::Command::Depart { driver }, now)
            }
            DriverAct::ArriveAtDoorstep { delivery, distance_m } => {
                let command = order::Command::ArriveAtDoorstep { driver, distance_m };
                self.next_door(delivery, &command, now)
            }
            DriverAct::Deliver { delivery } => {
                self.next_door(delivery, &order::Command::Deliver { driver }, now)
            }
            DriverAct::Fail { delivery, reason, returned } => {
                let by = Actor::Driver(driver);
                self.next_door(delivery, &order::Command::Fail { by, reason, returned }, now)
            }
        }
    }

    fn operations(&self, act: OperationsAct, now: Timestamp) -> Decided {
        match act {
            OperationsAct::Admit { driver, vehicle } => {
                self.ask_dispatch(&dispatch::Command::Admit { driver, vehicle }, now)
            }
            OperationsAct::Release { driver } => {
                self.ask_dispatch(&dispatch::Command::Release { driver }, now)
            }
            OperationsAct::HandOver { delivery, driver, distance_m } => {
                let travel = self.travel(driver, distance_m);
                let command = dispatch::Command::Assign { delivery, driver };
                let mut events = self.ask_dispatch(&command, now)?;
                events.extend(self.every_order(delivery, now, |_| order::Command::HandOver {
                    driver,
                    delivery,
                    travel,
                })?);
                Ok(events)
            }
            OperationsAct::Fail { order, reason, returned } => {
                let by = Actor::Operations;
                self.order_act(order, &order::Command::Fail { by, reason, returned }, now)
            }
        }
    }

    /// The driver who taps first gets it; the orders of the delivery learn of it in the same batch.
    fn accept_offer(&self, delivery: DeliveryId, driver: DriverId, now: Timestamp) -> Decided {
        let asked = self.dispatch.delivery(delivery).and_then(|delivery| delivery.search());
        let distance_m = asked
            .and_then(|search| search.offer_to(driver))
            .and_then(|offer| offer.distance_m)
            .unwrap_or(self.policy.dispatch.wide_m);
        let travel = self.travel(driver, distance_m);
        let mut events = self.ask_dispatch(&dispatch::Command::Accept { delivery, driver }, now)?;
        if !events.is_empty() {
            events.extend(self.every_order(delivery, now, |_| order::Command::AssignDriver {
                driver,
                delivery,
                travel,
            })?);
        }
        Ok(events)
    }

    fn reply(&self, id: OrderId, reply: &Reply, now: Timestamp) -> Decided {
        let Some(checkout) = self.checkouts.get(&id) else {
            return self.order_act(id, &order::Command::Reply(*reply), now);
        };
        let mut after = checkout.clone();
        let mut events = Vec::new();
        for event in checkout.reply(reply, &self.policy.payment, now) {
            // Only a corrupt state refuses its own decision; then nothing is committed.
            if after.evolve(&event, now).is_err() {
                return Ok(Vec::new());
            }
            events.push(Event::Checkout { order: id, event });
        }
        if !events.is_empty() && matches!(after.state(), State::Held) {
            events.extend(self.place(id, after, now)?);
        }
        Ok(events)
    }

    /// The order that a held checkout becomes, in the batch that holds the money.
    fn place(&self, id: OrderId, held: Checkout, now: Timestamp) -> Decided {
        let placed = Order::placed(held.payment(), &self.policy, now);
        let order::Event::Placed { respond_by } = placed else { return Ok(Vec::new()) };
        let Ok((intent, payment)) = held.into_held() else { return Ok(Vec::new()) };
        let order = Order::place(intent, payment, respond_by, now);
        let mut events = vec![Event::Order { order: id, event: placed }];
        if order.intent().acceptance == Acceptance::Automatic {
            let accept = order::Command::Accept { ready_at: None };
            let accepted = order.decide(&accept, &self.policy, now)?;
            events.extend(self.with_consequences(&order, accepted, now)?);
        }
        Ok(events)
    }

    /// Deals with the earliest deadline that has come.
    fn tick(&self, now: Timestamp) -> Decided {
        let own = self.agenda.next_deadline().filter(|(at, _)| *at <= now);
        let dispatch = self.dispatch.next_deadline().filter(|at| *at <= now);
        match (own, dispatch) {
            (Some((at, id)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                if let Some(checkout) = self.checkouts.get(&id) {
                    let events = checkout.tick(now).into_iter();
                    return Ok(events.map(|event| Event::Checkout { order: id, event }).collect());
                }
                self.order_act(id, &order::Command::Tick, now)
            }
            (_, Some(_)) => self.ask_dispatch(&dispatch::Command::Tick, now),
            (_, None) => Ok(Vec::new()),
        }
    }

    pub(super) fn find(&self, id: OrderId) -> Result<&Order, Refusal> {
        self.order(id).ok_or(Refusal::NoSuchOrder { order: id })
    }

    /// A command to one order, with what follows from it elsewhere.
    fn order_act(&self, id: OrderId, command: &order::Command, now: Timestamp) -> Decided {
        let order = self.find(id)?;
        let decided = order.decide(command, &self.policy, now)?;
        self.with_consequences(order, decided, now)
    }

    /// A command to each order of a delivery.
    pub(super) fn every_order(
        &self,
        delivery: DeliveryId,
        now: Timestamp,
        command: impl Fn(OrderId) -> order::Command,
    ) -> Decided {
        let live = self.dispatch.delivery(delivery);
        let live = live.ok_or(Refusal::NoSuchDelivery { delivery })?;
        let mut events = Vec::new();
        for &id in &live.orders {
            let decided = self.find(id)?.decide(&command(id), &self.policy, now)?;
            events.extend(decided.into_iter().map(|event| Event::Order { order: id, event }));
        }
        Ok(events)
    }

    /// A command to the first order of a delivery that is not handed over yet.
    fn next_door(&self, delivery: DeliveryId, command: &order::Command, now: Timestamp) -> Decided {
        let live = self.dispatch.delivery(delivery);
        let first = live.and_then(|live| live.orders.first());
        let first = *first.ok_or(Refusal::NoSuchDelivery { delivery })?;
        self.order_act(first, command, now)
    }

    fn travel(&self, driver: DriverId, distance_m: u32) -> Span {
        let vehicle = self.dispatch.driver(driver).map_or(eta::Vehicle::Walking, |d| d.vehicle);
        eta::travel(distance_m, vehicle, &self.policy.dispatch.speeds)
    }
}

fn outcome_of(events: &[Event]) -> Outcome {
    match events.first() {
        Some(Event::Checkout { order, event: checkout::Event::Opened { intent, .. } }) => {
            Outcome::CheckoutOpened { order: *order, total: intent.quote.total }
        }
        Some(
            Event::Checkout {
                event: checkout::Event::Payment(_) | checkout::Event::GivenUp, ..
            }
            | Event::PolicySet(_)
            | Event::Catalog(
                catalog::Event::Put(_)
                | catalog::Event::Removed { .. }
                | catalog::Event::SetOpen { .. }
                | catalog::Event::SetItemAvailable { .. },
            )
            | Event::Order { .. }
            | Event::Dispatch(_),
        )
        | None => Outcome::Done,
    }
}
