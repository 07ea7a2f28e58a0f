//! One checkout and the order that it becomes, with its money, under every interleaving of what the
//! parties do, what the clock does and what a truthful bank does.
//!
//! The bank is modelled apart from the payment: it executes each key once and remembers the
//! outcome. A repeated call, a late answer, a duplicated one and a lost one that is asked for again
//! are therefore all the same thing, the delivery of a remembered outcome, at any time, any number
//! of times. Definite failures are bounded, and the hold may lapse whenever it stands. What is so at
//! the bank is also said unasked (as by a webhook), at any later time, any number of times; and a
//! person at the bank may once take the hold, give it up, or give money back, which only that tells.
//!
//! Every action adds to the log, to the bank's book or to the clock, and none takes back: the graph
//! has no cycle, and "the clock and the bank alone settle everything" says that they do so in the end.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

#[cfg(test)]
#[path = "order_model/bank.rs"]
mod bank;
#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "order_model/properties.rs"]
mod properties;

use std::hash::{Hash, Hasher};

use bank::{Bank, Hand};
use common::{T0, assign, driver, eur, intent, policy, step};
use doorstep_core::checkout::{Checkout, State as CheckoutState};
use doorstep_core::id::DriverId;
use doorstep_core::money::Money;
use doorstep_core::order::{Actor, Command, DropReason, Event, FailReason, Order, Phase, Shortage};
use doorstep_core::payment::{
    Answer, Due, Funds, HoldRefused, Notice, Payment, RefundId, Release, Reply, Step,
};
use doorstep_core::policy::Policy;
use doorstep_core::time::{Span, Timestamp};
use stateright::{Checker, Model, Property};

const FEE: i64 = 300;

/// From the wish to the promised time.
const PROMISE: Span = Span::from_mins(3);

/// How the world is bounded.
struct Bounds {
    policy: Policy,
    /// Definite failures that the bank may give.
    failures: u8,
    /// Times that a driver may be found.
    assigns: u8,
    /// Units that may run out.
    adjusts: u8,
    /// Things that a person at the bank may do.
    hands: u8,
    /// What must be reachable within these bounds.
    sometimes: fn() -> Vec<Property<OneOrder>>,
}

/// What the parties may do; each is offered in every state and decided by the order.
fn commands() -> Vec<Command> {
    let driver = driver();
    let fail = |reason| Command::Fail { by: Actor::Driver(driver), reason, returned: false };
    vec![
        Command::Accept { ready_at: None },
        Command::Reject,
        Command::MarkReady,
        Command::Adjust { lines: vec![Shortage { line: 0, quantity: 1 }] },
        assign(),
        Command::DropDriver { driver, why: DropReason::Driver },
        Command::ArriveAtRestaurant { driver },
        Command::PickUp { driver },
        Command::ArriveAtDoorstep { driver, distance_m: None },
        Command::Deliver { driver },
        fail(FailReason::Accident),
        fail(FailReason::CustomerAbsent),
        Command::Cancel { by: Actor::Customer, fee: None },
        Command::Cancel { by: Actor::Operations, fee: Some(eur(FEE)) },
        Command::Tick,
    ]
}

#[derive(Clone, Debug)]
enum Stage {
    Checkout(Checkout),
    Order(Order),
}

impl Stage {
    fn payment(&self) -> &Payment {
        match self {
            Self::Checkout(checkout) => checkout.payment(),
            Self::Order(order) => order.payment(),
        }
    }

    fn stands(&self) -> Result<CheckoutState, (&Phase, Money)> {
        match self {
            Self::Checkout(checkout) => Ok(checkout.state()),
            Self::Order(order) => Err((order.phase(), order.quote().total)),
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Checkout(checkout) => checkout.next_deadline(),
            Self::Order(order) => order.next_deadline(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Checkout(checkout) => checkout.over_since().is_some(),
            Self::Order(order) => order.over_since().is_some(),
        }
    }
}

#[derive(Clone, Debug)]
struct World {
    stage: Stage,
    now: Timestamp,
    bank: Bank,
    assigns: u8,
    adjusts: u8,
}

/// The history and the intent are left out: no rule reads the one, and of the other only the total
/// ever changes, which the amount owed follows.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stage.stands().hash(state);
        (self.stage.payment(), self.now, &self.bank, self.assigns, self.adjusts).hash(state);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.stage.stands() == other.stage.stands()
            && self.stage.payment() == other.stage.payment()
            && (self.now, &self.bank, self.assigns, self.adjusts)
                == (other.now, &other.bank, other.assigns, other.adjusts)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Command(usize),
    CheckoutTick,
    /// The clock moves to the next moment that matters.
    Time,
    /// The bank carries out what is due, if it has not.
    CarryOut,
    /// The bank definitely fails at what is due.
    Fail,
    /// The customer's bank declines the hold.
    Decline,
    /// The bank lets the hold go by itself.
    Lapse,
    /// An outcome in the bank's book arrives, for the first time or again.
    Hear(Step, u32),
    /// A person at the bank does something.
    Hand(Hand),
    /// What is so at the bank is said unasked: this one of all that can be said.
    Notice(usize),
}

struct OneOrder {
    bounds: Bounds,
    commands: Vec<Command>,
}

impl OneOrder {
    fn command(&self, world: &World, command: &Command) -> Option<World> {
        let Stage::Order(order) = &world.stage else { return None };
        let (order, events) = step(order, command, &self.bounds.policy, world.now).ok()?;
        if events.is_empty() {
            return None;
        }
        let mut next = World { stage: Stage::Order(order), ..world.clone() };
        for event in &events {
            if let Event::DriverAssigned { .. } = event {
                next.assigns = next.assigns.checked_sub(1)?;
            }
            if let Event::Adjusted { .. } = event {
                next.adjusts = next.adjusts.checked_sub(1)?;
            }
        }
        Some(next)
    }

    fn hear(&self, world: &World, reply: Reply) -> Option<World> {
        let Stage::Checkout(checkout) = &world.stage else {
            return self.command(world, &Command::Reply(reply));
        };
        let events = checkout.reply(&reply, &self.bounds.policy.payment, world.now);
        self.checkout(world, checkout, &events)
    }

    fn notice(&self, world: &World, notice: Notice) -> Option<World> {
        let Stage::Checkout(checkout) = &world.stage else {
            return self.command(world, &Command::Notice(notice));
        };
        let policy = &self.bounds.policy.payment;
        let events = checkout.hear(&notice, policy, world.now).expect("the truth is believed");
        self.checkout(world, checkout, &events)
    }

    /// The checkout goes on, and becomes the order in the same batch as soon as its money is held.
    fn checkout(
        &self,
        world: &World,
        checkout: &Checkout,
        events: &[doorstep_core::checkout::Event],
    ) -> Option<World> {
        if events.is_empty() {
            return None;
        }
        let mut checkout = checkout.clone();
        for event in events {
            checkout.evolve(event, world.now).expect("what is decided can follow");
        }
        let stage = match checkout.into_held() {
            Ok((intent, payment)) => {
                let Event::Placed { respond_by } =
                    Order::placed(&payment, &self.bounds.policy, world.now)
                else {
                    panic!("an order begins with being placed");
                };
                Stage::Order(Order::place(intent, payment, respond_by, world.now))
            }
            Err(checkout) => Stage::Checkout(*checkout),
        };
        Some(World { stage, ..world.clone() })
    }

    fn due(world: &World) -> Option<Due> {
        let due = world.stage.payment().due()?;
        (!world.bank.book.contains_key(&(due.step, due.attempt))).then_some(due)
    }

    fn next(&self, world: &World, action: &Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Command(index) => return self.command(world, &self.commands[*index]),
            Action::CheckoutTick => {
                let Stage::Checkout(checkout) = &world.stage else { return None };
                return self.checkout(world, checkout, &checkout.tick(world.now));
            }
            Action::Time => {
                let over = match &world.stage {
                    Stage::Checkout(checkout) => {
                        matches!(checkout.state(), CheckoutState::Closed { .. })
                    }
                    Stage::Order(order) => order.phase().ended_at().is_some(),
                };
                let promise_broken =
                    T0.saturating_add(PROMISE).saturating_add(Span::from_millis(1));
                let moments = [world.stage.next_deadline(), (!over).then_some(promise_broken)];
                next.now = moments.into_iter().flatten().filter(|at| *at > world.now).min()?;
            }
            Action::CarryOut => next.bank.carry_out(Self::due(world)?),
            Action::Fail => {
                let due = Self::due(world)?;
                next.bank.failures = next.bank.failures.checked_sub(1)?;
                next.bank.book.insert((due.step, due.attempt), Answer::Failed);
            }
            Action::Decline => {
                let due = Self::due(world).filter(|due| due.step == Step::Hold)?;
                next.bank.book.insert((due.step, due.attempt), Answer::Refused);
            }
            Action::Lapse => {
                next.bank.holding.take()?;
                next.bank.lapsed = true;
            }
            Action::Hear(step, attempt) => {
                let answer = *world.bank.book.get(&(*step, *attempt))?;
                let reply = Reply { step: *step, attempt: *attempt, answer };
                return self.hear(world, reply);
            }
            Action::Hand(hand) => next.bank.by_hand(*hand)?,
            Action::Notice(index) => {
                let notices = world.bank.news(world.stage.payment().asked());
                return self.notice(world, *notices.get(*index)?);
            }
        }
        Some(next)
    }

    /// Whether something can still happen though no party does anything and the bank works.
    fn goes_on_alone(&self, world: &World) -> bool {
        self.all_actions(world).iter().any(|action| {
            let alone = match action {
                Action::Command(index) => self.commands[*index] == Command::Tick,
                Action::CheckoutTick
                | Action::Time
                | Action::CarryOut
                | Action::Hear(..)
                | Action::Notice(_) => true,
                Action::Fail | Action::Decline | Action::Lapse | Action::Hand(_) => false,
            };
            alone && self.next(world, action).is_some()
        })
    }

    fn all_actions(&self, world: &World) -> Vec<Action> {
        let fixed = [
            Action::CheckoutTick,
            Action::Time,
            Action::CarryOut,
            Action::Fail,
            Action::Decline,
            Action::Lapse,
        ];
        let heard = world.bank.book.keys().map(|(step, attempt)| Action::Hear(*step, *attempt));
        let commands = (0..self.commands.len()).map(Action::Command);
        let said = world.bank.news(world.stage.payment().asked()).len();
        let notices = (0..said).map(Action::Notice);
        let hands = [Hand::Takes, Hand::GivesUp, Hand::GivesBack].map(Action::Hand);
        let own = fixed.into_iter().chain(heard).chain(commands);
        own.chain(notices).chain(hands.into_iter().filter(|_| world.bank.hands > 0)).collect()
    }
}

impl Model for OneOrder {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let until = T0.saturating_add(self.bounds.policy.checkout.patience);
        let checkout = Checkout::open(intent(PROMISE), until);
        let Bounds { failures, hands, .. } = self.bounds;
        let bank = Bank { failures, hands, ..Bank::default() };
        let (assigns, adjusts) = (self.bounds.assigns, self.bounds.adjusts);
        vec![World { stage: Stage::Checkout(checkout), now: T0, bank, assigns, adjusts }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.all_actions(world));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.next(world, &action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = properties::always();
        properties.extend((self.bounds.sometimes)());
        properties
    }
}

fn explore(bounds: Bounds, commands: Vec<Command>) {
    let model = OneOrder { bounds, commands };
    let checked = model.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done(), "every state was seen");
}

fn short() -> Policy {
    let mut policy = policy();
    policy.checkout.patience = Span::from_mins(1);
    policy.order.accept_within = Span::from_mins(2);
    policy.order.search_for = Span::from_mins(4);
    policy.order.pick_up_within = Span::from_mins(6);
    policy.order.driver_slack = Span::from_mins(1);
    policy.order.carry_for = Span::from_mins(4);
    policy.order.doorstep_wait = Span::from_mins(2);
    policy.payment.hold_attempts = 2;
    policy
}

#[test]
fn one_order_and_its_money_come_right_in_every_interleaving() {
    let bounds = Bounds {
        policy: short(),
        failures: 2,
        assigns: 2,
        adjusts: 1,
        hands: 0,
        sometimes: properties::everything,
    };
    explore(bounds, commands());
}

#[test]
fn a_hold_that_lapses_before_the_answer_comes_right_in_every_interleaving() {
    let mut policy = short();
    policy.payment.hold_lasts = Span::from_secs(90);
    let bounds = Bounds {
        policy,
        failures: 1,
        assigns: 1,
        adjusts: 0,
        hands: 0,
        sometimes: properties::lapses,
    };
    explore(bounds, commands());
}

#[test]
#[ignore = "minutes: cargo test -p doorstep-core --test order_model -- --ignored"]
fn what_a_person_does_at_the_bank_comes_right_in_every_interleaving() {
    let bounds = Bounds {
        policy: short(),
        failures: 0,
        assigns: 1,
        adjusts: 0,
        hands: 1,
        sometimes: properties::by_hand,
    };
    // The money is this world's subject: nobody drives, and every order ends without a hand-over.
    let money = [0, 1, 12, 13, 14].map(|index| commands()[index].clone());
    explore(bounds, money.to_vec());
}
