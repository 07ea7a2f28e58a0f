//! The real shard, driven at random over a log that loses and repeats.

use doorstep_core::catalog::{self, Cart, CartLine};
use doorstep_core::dispatch::{Among, Candidate, Proposal};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{CustomerId, ItemId, RestaurantId};
use doorstep_core::log::{Answer, Cause, Limits, LogId, Output, Position, Record, Replica};
use doorstep_core::order::FailReason;
use doorstep_core::payment::{Effect, Reply};
use doorstep_core::provider;
use doorstep_core::shard::{
    Canceller, Command, DriverAct, OperationsAct, RestaurantAct, Shard, Wish,
};
use doorstep_core::time::{Span, Timestamp};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::around::{Provider, money, place, restaurant, shard};
use super::crowd::Sales;
use super::*;

use std::collections::BTreeSet;

const DRIVERS: u32 = 6;

pub(super) struct World {
    draw: ChaCha8Rng,
    now: Timestamp,
    pub(super) log: Vec<Vec<u8>>,
    pub(super) replica: Replica<Shard>,
    pub(super) auditor: Auditor,
    read: usize,
    pub(super) provider: Provider,
    sent: Vec<(Cause, Command)>,
    answered: BTreeSet<CommandId>,
    /// Provider's events that were sent, by their command, until it is answered.
    on_the_way: Vec<(CommandId, provider::Event)>,
    sales: Sales,
    pub(super) faults: bool,
}

impl World {
    pub(super) fn new(seed: u64, capacity: u32) -> Self {
        let limits = Limits::default();
        let mut world = Self {
            draw: ChaCha8Rng::seed_from_u64(seed),
            now: Timestamp::from_millis(START),
            log: Vec::new(),
            replica: Replica::new(LogId::new(1), shard(capacity), 1, limits),
            auditor: Auditor::new(capacity),
            read: 0,
            provider: Provider::default(),
            sent: Vec::new(),
            answered: BTreeSet::new(),
            on_the_way: Vec::new(),
            sales: Sales::default(),
            faults: false,
        };
        world.restart(capacity);
        for n in 1..=3 {
            world.submit(Command::Catalog(catalog::Command::Put(restaurant(n))));
        }
        for n in 1..=DRIVERS {
            let (driver, vehicle) = (DriverId::from(n), Vehicle::Car);
            world.submit(Command::Operations(OperationsAct::Admit { driver, vehicle }));
            world.submit(Command::Driver { driver, act: DriverAct::GoOnline });
        }
        world.faults = true;
        world
    }

    fn below(&mut self, n: u64) -> u64 {
        self.draw.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// The process dies, and another reads the log from its beginning.
    fn restart(&mut self, capacity: u32) {
        let seed = u128::from(self.draw.next_u64());
        let limits = Limits::default();
        self.replica = Replica::new(LogId::new(1), shard(capacity), seed, limits);
        self.replica.claim(self.now);
        self.pump();
    }

    fn submit(&mut self, command: Command) {
        let id = CommandId::new(u128::try_from(self.sent.len()).unwrap());
        let cause = Cause { id, issued_at: self.now, digest: 0 };
        self.sent.push((cause, command));
        self.retry(self.sent.len() - 1);
    }

    fn retry(&mut self, index: usize) {
        let (cause, command) = self.sent[index].clone();
        // Busy or not the owner: the caller goes away.
        let _ = self.replica.submit(cause, &command, None, self.now);
        self.pump();
    }

    fn tell(&mut self, command: &Command) {
        let _ = self.replica.tell(command, self.now);
        self.pump();
    }

    /// Moves outputs out and entries in until nothing moves.
    fn pump(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.replica.poll() {
                moved = true;
                match output {
                    Output::Append(record) => self.append(&record),
                    Output::Answer(id, Answer::Outcome(outcome)) => {
                        let json = serde_json::to_string(&outcome).unwrap();
                        let end = u64::try_from(self.log.len()).unwrap();
                        self.auditor.answered_before(id, &json, end);
                        self.answered.insert(id);
                    }
                    Output::Stop(reason) => panic!("{reason}"),
                    Output::Answer(_, Answer::Unknown | Answer::NotOwner)
                    | Output::Publish(..)
                    | Output::Marked { .. }
                    | Output::BecameOwner
                    | Output::LostOwnership => {}
                }
            }
            let from = usize::try_from(self.replica.wants().get()).unwrap();
            for (at, bytes) in (0_u64..).zip(&self.log).skip(from) {
                moved = true;
                self.replica.bytes(Position::new(at), bytes, self.now);
            }
            if !moved {
                self.replica.tick(self.now);
                self.replica.read_to_end(self.now);
                let Some(output) = self.replica.poll() else { break };
                if let Output::Append(record) = output {
                    self.append(&record);
                }
            }
        }
        for (at, bytes) in (0_u64..).zip(&self.log).skip(self.read) {
            self.auditor.entry(at, bytes);
        }
        self.read = self.log.len();
    }

    fn append(
        &mut self,
        record: &Record<doorstep_core::shard::Event, doorstep_core::shard::Outcome>,
    ) {
        let bytes = record.encode().unwrap();
        let times = match self.below(100) {
            0 if self.faults => 0,
            1..4 if self.faults => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.log.push(bytes.clone());
        }
    }

    fn shard(&self) -> &Shard {
        self.replica.counted()
    }

    fn some_order(&mut self) -> Option<OrderId> {
        let ids: Vec<OrderId> = self.shard().orders().map(|order| order.id()).collect();
        let checkouts: Vec<OrderId> =
            self.shard().checkouts().map(|checkout| checkout.intent().order).collect();
        let ids: Vec<OrderId> = ids.into_iter().rev().take(8).chain(checkouts).collect();
        let at = usize::try_from(self.below(ids.len().max(1) as u64)).unwrap();
        ids.get(at).copied()
    }

    fn some_driver(&mut self) -> DriverId {
        DriverId::from(1 + u32::try_from(self.below(u64::from(DRIVERS))).unwrap())
    }

    fn order_something(&mut self) {
        let line = CartLine {
            item: ItemId::from(7),
            quantity: 1 + u32::try_from(self.below(4)).unwrap(),
            choices: vec![],
            unit_price: None,
        };
        let restaurant = RestaurantId::from(1 + u32::try_from(self.below(3)).unwrap());
        let wish = Wish {
            customer: CustomerId::from(u32::try_from(self.below(50)).unwrap()),
            cart: Cart { restaurant, lines: vec![line] },
            drop_off: place(48.11),
            promised: None,
        };
        self.submit(Command::Checkout(Box::new(wish)));
    }

    fn somebody_speaks_of_an_order(&mut self) {
        let Some(order) = self.some_order() else { return };
        let act = |act| Command::Restaurant { order, act };
        let command = match self.below(60) {
            0 => act(RestaurantAct::Reject),
            1..14 | 30..50 => act(RestaurantAct::Accept { ready_at: None }),
            18..21 => act(RestaurantAct::StartPreparing),
            21..26 => act(RestaurantAct::MarkReady),
            14 => {
                let lines = vec![doorstep_core::order::Shortage { line: 0, quantity: 1 }];
                act(RestaurantAct::Adjust { lines })
            }
            15 => {
                let fee = Some(money(i64::try_from(self.below(700)).unwrap()));
                Command::Cancel { order, by: Canceller::Operations { fee } }
            }
            16 => Command::Cancel { order, by: Canceller::Restaurant },
            17 => {
                let reason = FailReason::Accident;
                Command::Operations(OperationsAct::Fail { order, reason, returned: false })
            }
            _ => Command::Cancel { order, by: Canceller::Customer },
        };
        self.submit(command);
    }

    fn a_driver_speaks(&mut self) {
        let deliveries: Vec<(DeliveryId, Option<DriverId>, Vec<DriverId>)> = self
            .shard()
            .dispatch()
            .deliveries()
            .map(|(id, live)| {
                let offers = live.search().map_or(&[][..], |search| &search.offers);
                (id, live.driver(), offers.iter().map(|offer| offer.driver).collect())
            })
            .collect();
        let live: Vec<_> =
            deliveries.iter().filter(|(_, h, o)| h.is_some() || !o.is_empty()).collect();
        let deliveries: Vec<_> = if live.is_empty() { deliveries.iter().collect() } else { live };
        if deliveries.is_empty() {
            return;
        }
        let at = usize::try_from(self.below(deliveries.len() as u64)).unwrap();
        let (delivery, holder, offered) = deliveries[at];
        let delivery = *delivery;
        let stranger = self.some_driver();
        let driver = holder.or(offered.first().copied()).filter(|_| !self.chance(10));
        let driver = driver.unwrap_or(stranger);
        let act = match self.below(20) {
            0 if self.chance(30) => DriverAct::Decline { delivery },
            1 if self.chance(20) => DriverAct::Drop { delivery },
            0..7 => DriverAct::Accept { delivery },
            7..10 => DriverAct::ArriveAtRestaurant { delivery },
            10..13 => DriverAct::PickUp { delivery },
            13 => DriverAct::Depart { delivery },
            14..16 => DriverAct::ArriveAtDoorstep { delivery, distance_m: Some(5) },
            16..18 => DriverAct::Deliver { delivery },
            18 if self.chance(30) => {
                let reason = FailReason::CustomerAbsent;
                DriverAct::Fail { delivery, reason, returned: true }
            }
            19.. if self.chance(10) => {
                let command = OperationsAct::HandOver { delivery, driver: stranger, distance_m: 9 };
                return self.submit(Command::Operations(command));
            }
            _ => DriverAct::PickUp { delivery },
        };
        self.submit(Command::Driver { driver, act });
    }

    fn match_one(&mut self) {
        let Some(wanted) = self.shard().wanted().next() else { return };
        let drivers: Vec<DriverId> = (0..3).map(|_| self.some_driver()).collect();
        let among = if self.chance(20) {
            Among::Unlocated(drivers)
        } else {
            let near = |driver| Candidate { driver, distance_m: 100, off_course_deg: None };
            Among::Located(drivers.into_iter().map(near).collect())
        };
        self.tell(&Command::Propose(Proposal { delivery: wanted.delivery, among }));
    }

    fn settle(&mut self) {
        let effects: Vec<Effect> = self.shard().pending_effects().collect();
        for effect in effects {
            if effect.due.not_before > self.now {
                continue;
            }
            let luck = if self.faults { self.below(100) } else { 99 };
            if self.faults && self.chance(20) {
                continue;
            }
            let answer = self.provider.ask(&effect, luck);
            if self.faults && self.chance(20) {
                continue;
            }
            let (step, attempt) = (effect.due.step, effect.due.attempt);
            let reply = Reply { step, attempt, answer };
            self.tell(&Command::Reply { order: effect.order, reply });
        }
    }

    /// Some of what the provider has to tell arrives, some of it again, in no order.
    fn the_provider_tells(&mut self) {
        let answered = &self.answered;
        let (heard, lost): (Vec<_>, Vec<_>) =
            self.on_the_way.drain(..).partition(|(id, _)| answered.contains(id));
        self.provider.outbox.extend(lost.into_iter().map(|(_, event)| event));
        for (_, event) in heard {
            if self.faults && self.chance(10) {
                self.provider.outbox.push(event);
            }
        }
        while !(self.provider.outbox.is_empty() || self.faults && self.chance(30)) {
            let at = self.below(self.provider.outbox.len() as u64);
            let event = self.provider.outbox.swap_remove(usize::try_from(at).unwrap());
            self.submit(Command::Provider(Box::new(event.clone())));
            let id = self.sent.last().unwrap().0.id;
            self.on_the_way.push((id, event));
        }
    }

    /// Somebody at the provider's desk, or a bank.
    fn another_hand(&mut self) {
        let some = |world: &mut Self| {
            let ids: Vec<OrderId> = world.shard().orders().map(|order| order.id()).collect();
            let at = usize::try_from(world.below(ids.len().max(1) as u64)).unwrap();
            ids.get(at).copied()
        };
        let Some(order) = some(self) else { return };
        if self.chance(50) {
            let minor = i64::try_from(1 + self.below(900)).unwrap();
            self.provider.another_hand(order, minor);
        } else {
            let shard = self.replica.counted();
            self.provider.a_refund_comes_back(|order| shard.order(order).is_some());
        }
    }

    fn the_crowd_speaks(&mut self) {
        let draws = [self.below(100), self.below(8), self.below(1 << 20)];
        if let Some(command) = self.sales.speaks(self.replica.counted(), draws, self.now) {
            self.submit(command);
        }
    }

    pub(super) fn step(&mut self, capacity: u32) {
        self.now = self.now.saturating_add(Span::from_millis(self.below(8_000)));
        self.the_provider_tells();
        match self.below(47) {
            40..46 => self.the_crowd_speaks(),
            46 if self.chance(60) => self.another_hand(),
            0..2 => self.order_something(),
            2..8 => self.somebody_speaks_of_an_order(),
            8..28 => self.a_driver_speaks(),
            28..32 => self.match_one(),
            32 => {
                let driver = self.some_driver();
                let act = if self.chance(30) { DriverAct::GoOffline } else { DriverAct::GoOnline };
                self.submit(Command::Driver { driver, act });
            }
            33 if self.chance(5) => self.restart(capacity),
            34 => {
                let at = usize::try_from(self.below(self.sent.len() as u64)).unwrap();
                self.retry(at);
            }
            _ => self.tell(&Command::Tick),
        }
        self.settle();
    }

    /// Faults stop, and time passes until nothing is left to happen.
    pub(super) fn rest(&mut self) {
        self.faults = false;
        for _ in 0..20_000 {
            self.the_provider_tells();
            self.settle();
            if !(self.provider.outbox.is_empty() && self.on_the_way.is_empty()) {
                continue;
            }
            let effect = self.shard().pending_effects().map(|effect| effect.due.not_before).min();
            let deadline = self.shard().next_deadline();
            let Some(next) = effect.into_iter().chain(deadline).min() else { return };
            self.now = self.now.max(next).saturating_add(Span::from_millis(1));
            self.tell(&Command::Tick);
        }
        panic!("it never comes to rest");
    }
}
