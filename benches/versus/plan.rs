//! The rush as something to be lived through again: which command waits for which, and whose id
//! stands for whose.
//!
//! A real host gives out other ids than the recorded one did, so each id of an order or a delivery
//! is replaced by the one given this time. A command goes out when every earlier one about the same
//! order, delivery or driver is answered; otherwise the evening's order holds. What the host told
//! itself in the recording (the provider's replies, the matcher's proposals, deadlines) comes from
//! callers too, as commands: so it is decided as it was, and each is one durable command.

use std::collections::HashMap;

use doorstep::core::dispatch;
use doorstep::core::id::{DeliveryId, DriverId, OrderId};
use doorstep::core::log::Batch;
use doorstep::core::shard::{Command, DriverAct, Event, OperationsAct, Outcome};

use super::rush::{Recorded, Rush};

/// One command of the plan.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) recorded: Recorded,
    /// Whether it came to events.
    pub(crate) moved: bool,
    /// The order that a checkout opened.
    opened: Option<OrderId>,
    /// How many earlier steps it waits for.
    pub(crate) waits_for: u32,
    /// The later ones that wait for it.
    pub(crate) then: Vec<u32>,
}

/// The whole evening.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rush: &'static Rush,
    pub(crate) steps: Vec<Step>,
    /// The delivery that each order came to be in.
    delivery_of: HashMap<OrderId, DeliveryId>,
}

/// Whom a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum About {
    Order(OrderId),
    Driver(DriverId),
}

impl Plan {
    pub(crate) fn of(rush: &'static Rush) -> Self {
        let mut shard = rush.opened();
        let mut plan = Self { rush, steps: Vec::new(), delivery_of: HashMap::new() };
        let mut orders_in: HashMap<DeliveryId, Vec<OrderId>> = HashMap::new();
        let mut last: HashMap<About, u32> = HashMap::new();
        for (number, recorded) in (0..).zip(&rush.commands) {
            let batch = recorded.carry_out(&mut shard).expect("it was in the log");
            for (delivery, orders) in batch.events.iter().filter_map(opening) {
                plan.delivery_of.extend(orders.iter().map(|order| (*order, delivery)));
                orders_in.insert(delivery, orders.to_vec());
            }
            let mut about = whom(&recorded.command, &batch, &orders_in);
            about.sort_by_key(|who| format!("{who:?}"));
            about.dedup();
            let mut earlier: Vec<u32> =
                about.iter().filter_map(|who| last.insert(*who, number)).collect();
            earlier.sort_unstable();
            earlier.dedup();
            for &before in &earlier {
                plan.steps[before as usize].then.push(number);
            }
            let opened = match &batch.outcome {
                Some(Outcome::CheckoutOpened { order, .. }) => Some(*order),
                Some(
                    Outcome::Done | Outcome::Heard(_) | Outcome::Sale(_) | Outcome::Refused(_),
                )
                | None => None,
            };
            plan.steps.push(Step {
                recorded: recorded.clone(),
                moved: !batch.events.is_empty(),
                opened,
                waits_for: earlier.len() as u32,
                then: Vec::new(),
            });
        }
        plan
    }
}

/// The ids that were given out this time, for those of the recording.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    orders: HashMap<OrderId, OrderId>,
    recorded: HashMap<OrderId, OrderId>,
    deliveries: HashMap<DeliveryId, DeliveryId>,
}

impl Ids {
    /// The answer to a step's command came.
    pub(crate) fn answered(&mut self, step: &Step, outcome: &Outcome) {
        if let (Some(recorded), Outcome::CheckoutOpened { order, .. }) = (step.opened, outcome) {
            self.orders.insert(recorded, *order);
            self.recorded.insert(*order, recorded);
        }
    }

    /// A batch came to count: drivers hear of deliveries this way.
    pub(crate) fn heard(&mut self, plan: &Plan, batch: &Batch<Event, Outcome>) {
        for (delivery, orders) in batch.events.iter().filter_map(opening) {
            let recorded = orders.iter().filter_map(|order| self.recorded.get(order));
            let ids = recorded.filter_map(|order| plan.delivery_of.get(order));
            self.deliveries.extend(ids.map(|recorded| (*recorded, delivery)));
        }
    }

    /// The command with this time's ids; `None`: one is not known yet.
    pub(crate) fn translate(&self, command: &Command) -> Option<Command> {
        let mut command = command.clone();
        match &mut command {
            Command::Cancel { order, .. }
            | Command::Restaurant { order, .. }
            | Command::ReviseEstimate { order, .. }
            | Command::Reply { order, .. } => *order = *self.orders.get(order)?,
            Command::Driver { act, .. } => match act {
                DriverAct::GoOnline | DriverAct::GoOffline => {}
                DriverAct::Accept { delivery }
                | DriverAct::Decline { delivery }
                | DriverAct::Drop { delivery }
                | DriverAct::ArriveAtRestaurant { delivery }
                | DriverAct::PickUp { delivery }
                | DriverAct::Depart { delivery }
                | DriverAct::ArriveAtDoorstep { delivery, .. }
                | DriverAct::Deliver { delivery }
                | DriverAct::Fail { delivery, .. } => {
                    *delivery = *self.deliveries.get(delivery)?;
                }
            },
            Command::Operations(act) => match act {
                OperationsAct::Admit { .. } | OperationsAct::Release { .. } => {}
                OperationsAct::HandOver { delivery, .. } => {
                    *delivery = *self.deliveries.get(delivery)?;
                }
                OperationsAct::Fail { order, .. } => *order = *self.orders.get(order)?,
            },
            Command::Propose(proposal) => {
                proposal.delivery = *self.deliveries.get(&proposal.delivery)?;
            }
            Command::Plan(round) => {
                for near in &mut round.near {
                    near.delivery = *self.deliveries.get(&near.delivery)?;
                }
            }
            Command::Provider(event) => {
                let order = &mut event.says.about.order;
                *order = *self.orders.get(order)?;
            }
            Command::SetPolicy(_)
            | Command::Catalog(_)
            | Command::Checkout(_)
            | Command::Sale { .. }
            | Command::Tick => {}
        }
        Some(command)
    }
}

fn opening(event: &Event) -> Option<(DeliveryId, &[OrderId])> {
    let Event::Dispatch(dispatch::Event::Opened { delivery, orders, .. }) = event else {
        return None;
    };
    Some((*delivery, orders))
}

/// Whom a command names, and whom what came of it touches. A delivery stands for its orders.
fn whom(
    command: &Command,
    batch: &Batch<Event, Outcome>,
    orders_in: &HashMap<DeliveryId, Vec<OrderId>>,
) -> Vec<About> {
    // Every id stands in the readable form under its own prefix: nobody is overlooked.
    let json = serde_json::to_string(&(command, &batch.events)).expect("it has a form");
    let mut about = Vec::new();
    for word in json.split('"') {
        if let Ok(order) = word.parse::<OrderId>() {
            about.push(About::Order(order));
        } else if let Ok(driver) = word.parse::<DriverId>() {
            // Only those it speaks of, not everyone who was considered.
            let considered = matches!(command, Command::Propose(_) | Command::Plan(_));
            if !considered {
                about.push(About::Driver(driver));
            }
        } else if let Ok(delivery) = word.parse::<DeliveryId>() {
            about.extend(orders_in.get(&delivery).into_iter().flatten().map(|o| About::Order(*o)));
        }
    }
    for event in &batch.events {
        if let Event::Dispatch(dispatch::Event::OfferMade { driver, .. }) = event {
            about.push(About::Driver(*driver));
        }
    }
    about
}
