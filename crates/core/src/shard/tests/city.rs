//! One city: a grill whose cook says yes to each order, a shelf that says yes to all of them, and
//! three drivers. Every batch that is committed is followed by a look at the whole state.

use super::super::*;
use super::crowd::sales_look_right;
use crate::catalog::{
    self, Acceptance, Cart, CartLine, Category, Hours, Item, KitchenKind, Menu, Restaurant,
};
use crate::dispatch::{Among, Candidate, Proposal, Stage};
use crate::eta::Vehicle;
use crate::id::{CommandId, CustomerId, DeliveryId, DriverId, ItemId, RestaurantId};
use crate::log::Writer;
use crate::money::Money;
pub(super) use crate::order::tests::{T0, eur, policy};
use crate::order::{Courier, Phase, Search};
use crate::payment::{Answer, Funds, Reply, Step};
use crate::place::LatLng;
use crate::time::Span;

#[derive(Clone)]
pub(super) struct City {
    pub(super) shard: Shard,
    pub(super) now: Timestamp,
    pub(super) log: Vec<Batch<Event, Outcome>>,
    pub(super) start: Shard,
    commands: u128,
    most_orders: u32,
    most_carried: u32,
}

pub(super) fn grill() -> RestaurantId {
    RestaurantId::from(1)
}

pub(super) fn shelf() -> RestaurantId {
    RestaurantId::from(2)
}

pub(super) fn ana() -> DriverId {
    DriverId::from(1)
}

pub(super) fn ben() -> DriverId {
    DriverId::from(2)
}

pub(super) fn cem() -> DriverId {
    DriverId::from(3)
}

/// What the grill (two lines' worth of soup) and the shelf sell.
pub(super) fn restaurant(id: RestaurantId) -> Restaurant {
    let item = |item: u32, minor| Item {
        id: ItemId::from(item),
        name: "soup".into(),
        price: eur(minor),
        available: true,
        option_groups: vec![],
    };
    let items = vec![item(1, 900), item(2, 250)];
    let cooks = id == grill();
    Restaurant {
        id,
        position: LatLng::new(4.60, -74.08).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "soups".into(), items }] },
        preparation: Span::from_mins(12),
        acceptance: if cooks { Acceptance::Manual } else { Acceptance::Automatic },
        kitchen: if cooks { KitchenKind::Cooks } else { KitchenKind::Shelf },
        open: true,
    }
}

/// Two of the first item and one of the second.
pub(super) fn wish(customer: u32, restaurant: RestaurantId) -> Wish {
    let line = |item: u32, quantity| CartLine {
        item: ItemId::from(item),
        quantity,
        choices: vec![],
        unit_price: None,
    };
    Wish {
        customer: CustomerId::from(customer),
        cart: Cart { restaurant, lines: vec![line(1, 2), line(2, 1)] },
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        promised: None,
    }
}

pub(super) fn checkout(customer: u32, restaurant: RestaurantId) -> Command {
    Command::Checkout(Box::new(wish(customer, restaurant)))
}

pub(super) fn says(order: OrderId, act: RestaurantAct) -> Command {
    Command::Restaurant { order, act }
}

pub(super) fn accept(order: OrderId) -> Command {
    says(order, RestaurantAct::Accept { ready_at: None })
}

pub(super) fn taps(driver: DriverId, act: DriverAct) -> Command {
    Command::Driver { driver, act }
}

pub(super) fn cancel(order: OrderId, by: Canceller) -> Command {
    Command::Cancel { order, by }
}

pub(super) fn hand_over(delivery: DeliveryId, driver: DriverId) -> Command {
    Command::Operations(OperationsAct::HandOver { delivery, driver, distance_m: 700 })
}

pub(super) fn ask(delivery: DeliveryId, driver: DriverId) -> Command {
    let near = Candidate { driver, distance_m: 800, off_course_deg: None };
    Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) })
}

pub(super) const DONE: Answer = Answer::Done { until: None };

impl City {
    /// Both restaurants listed, three drivers online.
    pub(super) fn new() -> Self {
        Self::under(policy())
    }

    pub(super) fn under(policy: Policy) -> Self {
        let mut city = Self::empty(policy);
        for id in [grill(), shelf()] {
            city.does(&Command::Catalog(catalog::Command::Put(restaurant(id))));
        }
        for driver in [ana(), ben(), cem()] {
            let vehicle = Vehicle::Motorcycle;
            city.does(&Command::Operations(OperationsAct::Admit { driver, vehicle }));
            city.does(&taps(driver, DriverAct::GoOnline));
        }
        city
    }

    pub(super) fn empty(policy: Policy) -> Self {
        let (most_orders, most_carried) = (policy.memory.orders_max, policy.dispatch.capacity);
        let shard = Shard::new(ShardId::default(), policy);
        let start = shard.clone();
        let log = Vec::new();
        Self { shard, now: T0, log, start, commands: 0, most_orders, most_carried }
    }

    pub(super) fn waits(&mut self, span: Span) {
        self.now = self.now.saturating_add(span);
    }

    /// A cause under a new id, issued now.
    pub(super) fn cause(&mut self) -> Cause {
        self.commands = self.commands.checked_add(1).unwrap();
        Cause { id: CommandId::new(self.commands), issued_at: self.now, digest: 0 }
    }

    /// Decides and, as a replica would, appends what there is to append, and takes it in.
    pub(super) fn hears(
        &mut self,
        command: &Command,
        cause: Option<Cause>,
    ) -> Result<Decision<Event, Outcome>, NotTaken> {
        let before = self.shard.clone();
        let decision = self.shard.decide(command, cause.as_ref(), self.now)?;
        assert_eq!(self.shard, before, "to decide changes nothing");
        if let Decision::Commit { events, outcome } = &decision
            && (cause.is_some() || !events.is_empty())
        {
            let outcome = cause.map(|_| outcome.clone());
            self.appends(events.clone(), cause, outcome);
        }
        Ok(decision)
    }

    pub(super) fn appends(
        &mut self,
        events: Vec<Event>,
        cause: Option<Cause>,
        outcome: Option<Outcome>,
    ) {
        let seq = u64::try_from(self.log.len()).unwrap();
        let at = self.now.max(self.shard.last_at());
        let (epoch, writer, inbox) = (1, Writer::new(7), None);
        let batch = Batch { epoch, writer, seq, at, cause, inbox, events, outcome };
        let applied = self.shard.apply(&batch);
        assert_eq!(applied, Ok(()), "{:?}", batch.events);
        self.most_orders = self.most_orders.max(self.shard.policy.memory.orders_max);
        self.most_carried = self.most_carried.max(self.shard.policy.dispatch.capacity);
        self.log.push(batch);
        self.looks_right();
    }

    /// What happens in one batch; a refusal ends the test.
    #[track_caller]
    pub(super) fn does(&mut self, command: &Command) -> Vec<Event> {
        match self.hears(command, None) {
            Ok(Decision::Commit { events, outcome }) => {
                assert!(!matches!(outcome, Outcome::Refused(_)), "{command:?}: {outcome:?}");
                events
            }
            other => panic!("{command:?}: {other:?}"),
        }
    }

    /// The refusal of a command, which leaves no trace.
    #[track_caller]
    pub(super) fn refuses(&self, command: &Command) -> Refusal {
        match self.shard.decide(command, None, self.now) {
            Ok(Decision::Commit { events, outcome: Outcome::Refused(refusal) }) => {
                assert_eq!(events, []);
                refusal
            }
            other => panic!("{command:?}: {other:?}"),
        }
    }

    /// Ticks until nothing is due, and counts the ticks.
    #[track_caller]
    pub(super) fn ticks(&mut self) -> usize {
        let most = 8 * (1 + self.shard.orders.len() + self.shard.checkouts.len());
        let mut ticks = 0;
        while self.shard.next_deadline().is_some_and(|at| at <= self.now) {
            assert_ne!(self.does(&Command::Tick), [], "a tick that is due makes progress");
            ticks += 1;
            assert!(ticks <= most, "ticking comes to an end");
        }
        assert_eq!(self.does(&Command::Tick), [], "a spurious tick is harmless");
        ticks
    }

    /// Waits for the next deadline and deals with all that has come.
    #[track_caller]
    pub(super) fn passes_time(&mut self) {
        self.now = self.now.max(self.shard.next_deadline().expect("something waits"));
        self.ticks();
    }

    /// The provider's answer to what is due of an order.
    #[track_caller]
    pub(super) fn pays(&mut self, order: OrderId, answer: Answer) -> Vec<Event> {
        let due = self.shard.pending_effect(order).expect("something is due").due;
        let reply = Reply { step: due.step, attempt: due.attempt, answer };
        self.does(&Command::Reply { order, reply })
    }

    /// A checkout, waiting for the provider.
    #[track_caller]
    pub(super) fn opened(&mut self, customer: u32, restaurant: RestaurantId) -> OrderId {
        match self.does(&checkout(customer, restaurant)).as_slice() {
            [Event::Checkout { order, .. }] => *order,
            other => panic!("{other:?}"),
        }
    }

    /// An order of the grill, its money held, not accepted.
    #[track_caller]
    pub(super) fn placed(&mut self) -> OrderId {
        let customer = u32::try_from(self.log.len()).unwrap();
        let order = self.opened(customer, grill());
        self.pays(order, DONE);
        order
    }

    /// An order of the grill, accepted and captured, and the delivery that searches.
    #[track_caller]
    pub(super) fn accepted(&mut self) -> (OrderId, DeliveryId) {
        let order = self.placed();
        self.does(&accept(order));
        self.pays(order, DONE);
        (order, self.shard.dispatch.delivery_of(order).unwrap())
    }

    /// An accepted order whose delivery `driver` has taken.
    #[track_caller]
    pub(super) fn taken(&mut self, driver: DriverId) -> (OrderId, DeliveryId) {
        let (order, delivery) = self.accepted();
        self.does(&ask(delivery, driver));
        self.does(&taps(driver, DriverAct::Accept { delivery }));
        (order, delivery)
    }

    /// An order in the bag of `driver`.
    #[track_caller]
    pub(super) fn picked_up(&mut self, driver: DriverId) -> (OrderId, DeliveryId) {
        let (order, delivery) = self.taken(driver);
        self.does(&taps(driver, DriverAct::ArriveAtRestaurant { delivery }));
        self.does(&taps(driver, DriverAct::PickUp { delivery }));
        (order, delivery)
    }

    /// An order with `driver` at the door.
    #[track_caller]
    pub(super) fn at_the_door(&mut self, driver: DriverId) -> (OrderId, DeliveryId) {
        let (order, delivery) = self.picked_up(driver);
        self.does(&taps(driver, DriverAct::Depart { delivery }));
        let distance_m = Some(12);
        self.does(&taps(driver, DriverAct::ArriveAtDoorstep { delivery, distance_m }));
        (order, delivery)
    }

    pub(super) fn order(&self, order: OrderId) -> &Order {
        self.shard.order(order).expect("an order")
    }

    pub(super) fn carrying(&self, driver: DriverId) -> &[DeliveryId] {
        &self.shard.dispatch.driver(driver).expect("a driver").carrying
    }

    pub(super) fn step_due(&self, order: OrderId) -> Option<Step> {
        self.shard.pending_effect(order).map(|effect| effect.due.step)
    }

    /// The shard as its stored form gives it back.
    pub(super) fn stored(&self) -> Shard {
        let json = serde_json::to_string(&self.shard).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    /// The shard as the log gives it back.
    pub(super) fn replayed(&self) -> Shard {
        self.log.iter().fold(self.start.clone(), |mut shard, batch| {
            shard.apply(batch).unwrap();
            shard
        })
    }

    /// What holds after every batch.
    pub(super) fn looks_right(&self) {
        let shard = &self.shard;
        let mut agenda = Agenda::default();
        for (&id, checkout) in &shard.checkouts {
            agenda.update(id, Waits::default(), Waits::of_checkout(checkout));
            assert_eq!(id, checkout.intent().order);
            assert!(!shard.orders.contains_key(&id), "a checkout or an order, never both");
            assert!(!matches!(checkout.state(), crate::checkout::State::Held), "held: an order");
            let giving_back = checkout.due().is_some_and(|due| due.step == Step::Refund);
            let nothing = checkout.payment().paid() == eur(0);
            assert!(nothing || giving_back, "nobody pays for a checkout");
        }
        for (&id, order) in &shard.orders {
            agenda.update(id, Waits::default(), Waits::of_order(order));
            assert_eq!(id, order.id());
            self.order_looks_right(order);
        }
        assert_eq!(shard.agenda, agenda, "the agenda is what the state says");
        for (id, delivery) in shard.dispatch.deliveries() {
            for &order in &delivery.orders {
                assert!(
                    shard.orders.contains_key(&order),
                    "{id} carries an order that is not there"
                );
            }
        }
        for (driver, known) in shard.dispatch.drivers() {
            let most = usize::try_from(self.most_carried).unwrap();
            assert!(known.carrying.len() <= most, "{driver} carries {:?}", known.carrying);
        }
        sales_look_right(shard);
        let due = |order: &Order| order.payment().due().is_some();
        let mut effects: Vec<OrderId> =
            shard.orders().filter(|order| due(order)).map(Order::id).collect();
        let open = shard.checkouts.iter().filter(|(_, checkout)| checkout.due().is_some());
        effects.extend(open.map(|(&id, _)| id));
        effects.sort_unstable();
        let pending: Vec<OrderId> = shard.pending_effects().map(|effect| effect.order).collect();
        assert_eq!(pending, effects, "whatever is due is pending, and nothing else");
        let held = shard.orders.len() + shard.checkouts.len();
        assert!(held <= usize::try_from(self.most_orders).unwrap(), "{held} in memory");
    }

    /// An order, its delivery and its driver say the same; its money stays within what was asked.
    fn order_looks_right(&self, order: &Order) {
        let dispatch = &self.shard.dispatch;
        let id = order.id();
        let live = dispatch.delivery_of(id).map(|delivery| {
            (delivery, dispatch.delivery(delivery).expect("an order is in a live delivery"))
        });
        let wants_one = matches!(order.phase(), Phase::Underway { .. } | Phase::OnTheWay { .. });
        assert_eq!(live.is_some(), wants_one, "{id} is {:?}", order.status());
        if let Some((delivery, live)) = live {
            let driver = live.driver().map(|driver| (driver, delivery));
            assert_eq!(order.phase().assignment(), driver, "{id} and {delivery} name one driver");
            if let Some(driver) = live.driver() {
                assert!(self.carrying(driver).contains(&delivery));
            }
        }
        if let Phase::Underway { courier: Courier::Unassigned { search, .. }, .. } = order.phase() {
            let stage = live.and_then(|(_, live)| live.search()).map(|search| search.stage);
            let flagged = stage == Some(Stage::Flagged);
            assert_eq!(*search == Search::Flagged, flagged, "{id} is told how the search goes");
        }
        let asked = order.payment().asked();
        let at_most_asked = |money: Money| (0..=asked.minor()).contains(&money.minor());
        assert!(at_most_asked(order.payment().paid()));
        if let Funds::Captured { amount, refunded } = order.payment().funds() {
            assert!(at_most_asked(amount) && refunded.minor() <= amount.minor());
        }
    }
}
