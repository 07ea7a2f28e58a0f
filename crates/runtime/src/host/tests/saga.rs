//! The process dies at every position of the log of an order, and another goes on: each story ends as
//! it does without a crash. The provider lives through it.

use doorstep_core::order::FailReason;
use doorstep_core::shard::{Canceller, Refusal};

use super::*;
use crate::sandbox::OrderBook;

/// A log whose process dies when it holds so many records: what it appends from then on is lost.
#[derive(Clone, Debug)]
struct Cut {
    log: MemoryLog,
    most: usize,
    dead: Arc<Mutex<bool>>,
}

impl Cut {
    fn len(&self) -> usize {
        self.log.entries_from(Position::default()).len()
    }
}

impl Log for Cut {
    fn append(&mut self, record: &[u8], now: Timestamp) -> Result<(), AppendError> {
        if self.len() >= self.most {
            *self.dead.lock() = true;
            return Ok(());
        }
        self.log.append(record, now)
    }

    fn read(
        &mut self,
        after: Option<Position>,
        max: usize,
        now: Timestamp,
        out: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        self.log.read(after, max, now, out)
    }

    fn end(&mut self, now: Timestamp) -> Result<Option<Position>, ReadError> {
        self.log.end(now)
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.log.save_snapshot(snapshot)
    }

    fn load_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        self.log.load_snapshot()
    }

    fn trim(&mut self, before: Position) -> Result<(), TrimError> {
        self.log.trim(before)
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.log.next_wake()
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Order,
    Driver(fn(DeliveryId) -> DriverAct),
    /// Until the promise is broken.
    Wait,
    CustomerCancels,
}

const CARRIED: [Act; 6] = [
    Act::Order,
    Act::Driver(|delivery| DriverAct::Accept { delivery }),
    Act::Driver(|delivery| DriverAct::ArriveAtRestaurant { delivery }),
    Act::Driver(|delivery| DriverAct::PickUp { delivery }),
    Act::Driver(|delivery| DriverAct::Depart { delivery }),
    Act::Wait,
];

/// Where an order ended: what must be the same whatever crashed.
#[derive(Debug, PartialEq)]
struct End {
    outcomes: Vec<Outcome>,
    statuses: Vec<OrderStatus>,
    paid: Money,
    settled: bool,
    free: bool,
    book: OrderBook,
    records: usize,
    deaths: u128,
}

struct Story {
    town: Option<Town<Cut>>,
    log: MemoryLog,
    sandbox: Sandbox,
    dead: Arc<Mutex<bool>>,
    deaths: u128,
}

impl Story {
    fn town(&mut self) -> &mut Town<Cut> {
        self.town.as_mut().unwrap()
    }

    /// If the process has died, starts another one, on the whole log.
    fn revive(&mut self) -> bool {
        if !std::mem::take(&mut *self.dead.lock()) {
            return false;
        }
        self.deaths += 1;
        let now = self.town.take().unwrap().now;
        let cut = Cut { log: self.log.clone(), most: usize::MAX, dead: Arc::clone(&self.dead) };
        let sandbox = self.sandbox.connect();
        self.town = Some(Town::open(config(1 + self.deaths), cut, sandbox, LogIsHistory, now));
        assert!(self.town().host.is_owner());
        true
    }

    /// Sends until it is answered, under one id, as a client does.
    fn ask(&mut self, id: u128, command: &Command) -> Outcome {
        for _ in 0..3 {
            let ticket = self.town().send(id, command.clone());
            self.town().step();
            let told = ticket.told();
            if !self.revive() {
                let Some(Told::Outcome(outcome)) = told else { panic!("{told:?}") };
                return outcome;
            }
        }
        panic!("it dies once")
    }

    fn run(&mut self, ms: u64) {
        self.town().run(ms);
        if self.revive() {
            self.town().run(1_000);
        }
    }

    /// Lives through a story in a process that dies when the log holds `most` records.
    fn live(acts: &[Act], most: usize) -> End {
        let (log, sandbox, dead) = (MemoryLog::new(), calm(), Arc::default());
        let cut = Cut { log: log.clone(), most, dead: Arc::clone(&dead) };
        let town = Town::open(config(1), cut, sandbox.connect(), LogIsHistory, NOW);
        let mut story = Self { town: Some(town), log, sandbox, dead, deaths: 0 };
        story.revive();
        let admit = OperationsAct::Admit { driver: ANA, vehicle: Vehicle::Motorcycle };
        story.ask(1, &Command::Catalog(Catalog::Put(restaurant())));
        story.ask(2, &Command::Operations(admit));
        story.ask(3, &taps(ANA, DriverAct::GoOnline));
        let (mut order, mut delivery, mut outcomes) = (None, None, Vec::new());
        for (id, act) in (10..).zip(acts) {
            let outcome = match act {
                Act::Order => match story.ask(id, &wish()) {
                    Outcome::CheckoutOpened { order: opened, .. } => {
                        order = Some(opened);
                        story.run(3_000);
                        delivery = story.town().host.shard().dispatch().delivery_of(opened);
                        Outcome::Done
                    }
                    other => panic!("{other:?}"),
                },
                Act::Driver(act) => story.ask(id, &taps(ANA, act(delivery.unwrap()))),
                Act::Wait => {
                    story.run(11 * 60_000);
                    Outcome::Done
                }
                Act::CustomerCancels => {
                    let by = Canceller::Customer;
                    story.ask(id, &Command::Cancel { order: order.unwrap(), by })
                }
            };
            outcomes.push(match outcome {
                Outcome::Refused(Refusal::OrderCancelled { order, by, .. }) => {
                    Outcome::Refused(Refusal::OrderCancelled { order, by, at: NOW })
                }
                other => other,
            });
        }
        story.run(60_000);
        story.end(order.unwrap(), outcomes)
    }

    fn end(mut self, id: OrderId, outcomes: Vec<Outcome>) -> End {
        let book = self.sandbox.book_of(id).unwrap();
        assert!(book.holds == 1 && book.captures <= 1 && book.is_balanced(), "{book:?}");
        assert_eq!(self.sandbox.tally().conflicts, 0);
        let records = self.log.entries_from(Position::default()).len();
        let lived = self.town().host.shard().clone();
        // A replay of what was written is what was lived.
        let now = self.town().now;
        drop(self.town.take());
        let again = Town::open(config(99), self.log, self.sandbox.connect(), LogIsHistory, now);
        assert_eq!(*again.host.shard(), lived);
        let order = lived.order(id).unwrap();
        End {
            outcomes,
            statuses: order.history().iter().map(|milestone| milestone.status).collect(),
            paid: order.payment().paid(),
            settled: order.payment().is_settled(),
            free: lived.dispatch().driver(ANA).unwrap().carrying.is_empty(),
            book: OrderBook { open_until: None, ..book },
            records,
            deaths: self.deaths,
        }
    }
}

fn ends_the_same_wherever_it_crashes(last: &[Act], paid: bool) {
    let acts = [&CARRIED, last].concat();
    let calm = Story::live(&acts, usize::MAX);
    assert!(calm.settled && calm.free, "{calm:?}");
    assert_eq!(calm.paid.minor() > 0, paid, "{calm:?}");
    assert!(calm.records >= 15 && calm.deaths == 0, "{calm:?}");
    for most in 0..calm.records {
        let crashed = Story::live(&acts, most);
        assert_eq!(crashed.deaths, 1, "at {most} of {}", calm.records);
        let crashed = End { records: calm.records, deaths: 0, ..crashed };
        assert_eq!(crashed, calm, "died at {most}");
    }
}

#[test]
fn a_full_order_ends_the_same_wherever_the_process_dies() {
    ends_the_same_wherever_it_crashes(
        &[
            Act::Driver(|delivery| DriverAct::ArriveAtDoorstep { delivery, distance_m: None }),
            Act::Driver(|delivery| DriverAct::Deliver { delivery }),
        ],
        true,
    );
}

#[test]
fn an_order_lost_on_the_way_is_refunded_wherever_the_process_dies() {
    let fail =
        |delivery| DriverAct::Fail { delivery, reason: FailReason::Accident, returned: false };
    ends_the_same_wherever_it_crashes(&[Act::Driver(fail)], false);
}

#[test]
fn an_order_cancelled_late_is_refunded_and_its_driver_told_wherever_the_process_dies() {
    ends_the_same_wherever_it_crashes(
        &[
            Act::CustomerCancels,
            Act::Driver(|delivery| DriverAct::ArriveAtDoorstep { delivery, distance_m: None }),
        ],
        false,
    );
}
