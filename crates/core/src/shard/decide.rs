//! What a command means to the rooms together.

use super::Shard;
use super::command::{Canceller, Command, DriverAct, OperationsAct, RestaurantAct, Wish};
use super::event::{Event, Outcome, Refusal};
use crate::catalog::Acceptance;
use crate::checkout::{self, Checkout, Intent, State};
use crate::dispatch;
use crate::eta;
use crate::id::{DeliveryId, DriverId, OrderId};
use crate::log::{Cause, Decision, NotTaken, Seen};
use crate::order::{self, Actor, DropReason, Order, Phase};
use crate::payment::{Notice, Reply};
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

pub(super) type Decided = Result<Vec<Event>, Refusal>;

impl Shard {
    /// What `command` means at `now`. Nothing changes.
    ///
    /// A refusal is an outcome too: an identified command is answered once, whatever the answer.
    /// One that is only about room is none ([`Refusal::is_about_room`]).
    ///
    /// # Errors
    /// [`NotTaken`] if the command is not one to be decided: too old, another under the same id, or
    /// no room to remember it, or for what it asks for ([`NotTaken::NoRoom`]). None of these is ever
    /// logged.
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
        if let Command::Provider(event) = command {
            self.room_to_hear(event, now)?;
        }
        let asked_at = cause.map_or(now, |cause| cause.issued_at.min(now));
        let decided = if let Command::Sale { sale, act } = command {
            self.sale_act(*sale, act, asked_at, now)
        } else {
            self.events_of(command, asked_at, now).map(|events| {
                let outcome = self.outcome_of(command, &events);
                (events, outcome)
            })
        };
        let (events, outcome) = match decided {
            Ok((events, outcome)) => (events, outcome),
            Err(refusal) if refusal.is_about_room() => return Err(NotTaken::NoRoom),
            Err(refusal) => (Vec::new(), Outcome::Refused(self.told_which(refusal))),
        };
        Ok(Decision::Commit { events, outcome })
    }

    /// Of a delivery that was called off, which order was cancelled.
    fn told_which(&self, refusal: Refusal) -> Refusal {
        let Refusal::NoSuchDelivery { delivery } = refusal else { return refusal };
        let order = self.called_off.order_of(delivery).and_then(|order| self.orders.get(&order));
        match order.map(|order| (order.id(), order.phase())) {
            Some((order, &Phase::Cancelled { by, at, .. })) => {
                Refusal::OrderCancelled { order, by, at }
            }
            Some(_) | None => refusal,
        }
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
            Command::Sale { sale, act } => {
                self.sale_act(*sale, act, asked_at, now).map(|(events, _)| events)
            }
            Command::Propose(proposal) => {
                let decided = self.dispatch.propose(proposal, &self.policy, now)?;
                self.with_flags(decided, now)
            }
            Command::Plan(round) => self.offers_of(round, now),
            Command::ReviseEstimate { order, estimate } => {
                self.order_act(*order, &order::Command::ReviseEstimate { estimate: *estimate }, now)
            }
            Command::Reply { order, reply } => self.reply(*order, reply, now),
            Command::Provider(event) => self.hear(event, now),
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
        if let Some(sale) = self.sales.that_sells(&wish.cart) {
            return Err(Refusal::OnlyInSale { sale });
        }
        self.new_checkout(wish, asked_at, now)
    }

    pub(super) fn new_checkout(&self, wish: &Wish, asked_at: Timestamp, now: Timestamp) -> Decided {
        let most = self.policy.memory.orders_max;
        if !self.has_room_for_one(most, now) {
            return Err(Refusal::OrdersFull { most });
        }
        let limit = self.policy.checkout.orders_per_hour;
        if let Some(from) = self.customers.wait(wish.customer, limit, now) {
            return Err(Refusal::TooManyOrders { customer: wish.customer, from });
        }
        let limit = self.policy.checkout.failures_per_hour;
        if let Some(from) = self.customers.wait_after_failures(wish.customer, limit, now) {
            return Err(Refusal::TooManyFailures { customer: wish.customer, from });
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
            if let Canceller::Operations { fee: Some(fee) } = by
                && !fee.is_zero()
            {
                return Err(Refusal::FeeBeforeHold);
            }
            return match (checkout.state(), by) {
                (State::Waiting { .. }, Canceller::Customer | Canceller::Operations { .. }) => {
                    let event = checkout::Event::GivenUp;
                    let mut events = vec![Event::Checkout { order: id, event }];
                    self.checkout_ended(id, false, &mut events, now)?;
                    Ok(events)
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
            DriverAct::PickUp { delivery } => self.pick_up(delivery, driver, now),
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

    pub(super) fn reply(&self, id: OrderId, reply: &Reply, now: Timestamp) -> Decided {
        let Some(checkout) = self.checkouts.get(&id) else {
            return self.order_act(id, &order::Command::Reply(*reply), now);
        };
        self.checkout_goes_on(checkout, checkout.reply(reply, &self.policy.payment, now), now)
    }

    pub(super) fn notice(&self, id: OrderId, notice: &Notice, now: Timestamp) -> Decided {
        let Some(checkout) = self.checkouts.get(&id) else {
            return self.order_act(id, &order::Command::Notice(*notice), now);
        };
        self.checkout_goes_on(checkout, checkout.hear(notice, &self.policy.payment, now)?, now)
    }

    /// What the provider said of a checkout, and the order that it makes of it.
    fn checkout_goes_on(
        &self,
        checkout: &Checkout,
        said: Vec<checkout::Event>,
        now: Timestamp,
    ) -> Decided {
        let id = checkout.intent().order;
        let mut after = checkout.clone();
        let mut events = Vec::new();
        for event in said {
            // Only a corrupt state refuses its own decision; then nothing is committed.
            if after.evolve(&event, now).is_err() {
                return Ok(Vec::new());
            }
            events.push(Event::Checkout { order: id, event });
        }
        if !events.is_empty() {
            match after.state() {
                State::Held => {
                    events.extend(self.place(id, after, now)?);
                    self.checkout_ended(id, true, &mut events, now)?;
                }
                State::Closed { .. } => self.checkout_ended(id, false, &mut events, now)?,
                State::Waiting { .. } => {}
            }
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
        let earliest = [own.map(|(at, _)| at), dispatch].into_iter().flatten().min();
        if let Some((at, sale)) = self.sales.next_deadline()
            && at <= now
            && earliest.is_none_or(|other| at < other)
        {
            return self.sale_tick(sale, now);
        }
        match (own, dispatch) {
            (Some((at, id)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                if let Some(checkout) = self.checkouts.get(&id) {
                    let ticked = checkout.tick(now);
                    let given_up = ticked.contains(&checkout::Event::GivenUp);
                    let to_checkout = |event| Event::Checkout { order: id, event };
                    let mut events = ticked.into_iter().map(to_checkout).collect();
                    if given_up {
                        self.checkout_ended(id, false, &mut events, now)?;
                    }
                    return Ok(events);
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

    pub(super) fn travel(&self, driver: DriverId, distance_m: u32) -> Span {
        let vehicle = self.dispatch.driver(driver).map_or(eta::Vehicle::Walking, |d| d.vehicle);
        eta::travel(distance_m, vehicle, &self.policy.dispatch.speeds)
    }

    fn outcome_of(&self, command: &Command, events: &[Event]) -> Outcome {
        if let (Command::Provider(event), []) = (command, events) {
            // It came before: what it was good for then.
            return self.heard.outcome(&event.id).copied().map_or(Outcome::Done, Outcome::Heard);
        }
        outcome_of(events)
    }
}

pub(super) fn outcome_of(events: &[Event]) -> Outcome {
    match events.first() {
        Some(Event::Checkout { order, event: checkout::Event::Opened { intent, .. } }) => {
            Outcome::CheckoutOpened { order: *order, total: intent.quote.total }
        }
        Some(Event::Provider { heard, .. }) => Outcome::Heard(*heard),
        Some(
            Event::Checkout {
                event: checkout::Event::Payment(_) | checkout::Event::GivenUp, ..
            }
            | Event::PolicySet(_)
            | Event::Catalog(_)
            | Event::Order { .. }
            | Event::Dispatch(_)
            | Event::SaleOpened { .. }
            | Event::Sale { .. }
            | Event::SaleCheckout { .. },
        )
        | None => Outcome::Done,
    }
}
